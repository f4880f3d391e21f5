package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	quic "github.com/lucas-clemente/quic-go"
)

// rebindEvery is how many received bytes lie between rebindings.
const rebindEvery = 256 * 1024

// client downloads over `hq-interop`, echoes over `echo`, and makes the events asked for on the way.
type client struct {
	options    Options
	remote     *net.UDPAddr
	tls        *tls.Config
	config     *quic.Config
	tickets    chan struct{}
	connection quic.Connection
	socket     *movingSocket
	number     int
	received   int64
	rebound    int64
}

// job is one stream: a path to get, or bytes to have echoed.
type job struct {
	name    string
	payload []byte
	echo    bool
}

func runClient(options Options) error {
	roots, err := certificatePool(options.text("ca", ""))
	if err != nil {
		return err
	}
	remote, err := net.ResolveUDPAddr("udp", net.JoinHostPort(options.text("host", "127.0.0.1"), options.text("port", "0")))
	if err != nil {
		return err
	}
	tickets := make(chan struct{}, 16)
	c := &client{options: options, remote: remote, config: quicConfig(options), tickets: tickets}
	c.tls = &tls.Config{
		RootCAs:            roots,
		ServerName:         options.text("name", "localhost"),
		NextProtos:         options.list("alpn", "hq-interop"),
		ClientSessionCache: &ticketCache{tls.NewLRUClientSessionCache(8), tickets},
	}
	keyLog(c.tls)
	updateKeysOften(options)

	jobs, err := allJobs(options)
	if err != nil {
		return err
	}
	if !options.flag("resume") && !options.flag("zero-rtt") {
		return c.connect(1, jobs, false)
	}
	if err := c.connect(1, jobs[:min(1, len(jobs))], true); err != nil {
		return err
	}
	return c.connect(2, jobs, false)
}

func allJobs(options Options) ([]job, error) {
	var once []job
	for _, path := range options.list("requests", "") {
		once = append(once, job{name: path, payload: []byte("GET " + path + "\r\n")})
	}
	if options.flag("echo") {
		payload := make([]byte, options.number("echo", 0))
		for index := range payload {
			payload[index] = byte(index*31 + index/251)
		}
		once = append(once, job{name: "echo", payload: payload, echo: true})
	}
	var all []job
	for times := options.number("streams", 1); times > 0; times-- {
		all = append(all, once...)
	}
	return all, nil
}

// connect makes one connection, from handshake to close.
func (c *client) connect(number int, jobs []job, awaitTicket bool) error {
	c.number = number
	socket, err := net.ListenUDP("udp", c.local())
	if err != nil {
		return err
	}
	var packets net.PacketConn = socket
	if c.options.number("rebind", 0) > 0 {
		// A client that only receives has to show its new port, or the server goes on to send to the old one.
		c.config.KeepAlivePeriod = 100 * time.Millisecond
		c.socket = &movingSocket{current: socket}
		packets = c.socket
	}
	early, err := c.dial(packets)
	if err != nil {
		emitClosed(number, err, nil)
		return err
	}
	ended := make(chan error, 1)
	go func() {
		_, err := early.AcceptStream(context.Background())
		ended <- err
	}()
	c.connection = early
	// A connection that was dialled early and is not complete yet sends in 0-RTT.
	tried := early.HandshakeComplete().Err() == nil
	if !tried {
		c.emitEstablished()
	}
	rejected, failed := c.run(jobs, tried)
	<-early.HandshakeComplete().Done()
	if len(rejected) > 0 {
		c.connection = early.NextConnection()
		go func() {
			_, err := c.connection.AcceptStream(context.Background())
			ended <- err
		}()
		<-ended // the refused early connection's own end
	}
	if tried {
		c.emitEstablished()
	}
	if _, err := c.run(rejected, false); err != nil {
		failed = err
	}
	if failed == nil {
		failed = c.datagrams()
	}
	if awaitTicket {
		select {
		case <-c.tickets:
		case <-time.After(2 * time.Second):
		}
	}
	if !c.options.flag("wait-close") {
		wanted, err := parseClosing(c.options.text("close", "0,done"))
		if err != nil {
			return err
		}
		c.connection.CloseWithError(quic.ApplicationErrorCode(wanted.code), wanted.reason)
	}
	emitClosed(number, <-ended, nil)
	return failed
}

func (c *client) emitEstablished() {
	state := c.connection.ConnectionState().TLS
	emit("established", "connection", c.number, "alpn", state.NegotiatedProtocol, "resumed", state.DidResume,
		"zeroRtt", state.Used0RTT)
}

func (c *client) dial(packets net.PacketConn) (quic.EarlyConnection, error) {
	host := c.tls.ServerName
	if c.options.flag("zero-rtt") {
		return quic.DialEarly(packets, c.remote, host, c.tls, c.config)
	}
	connection, err := quic.Dial(packets, c.remote, host, c.tls, c.config)
	if err != nil {
		return nil, err
	}
	return connection.(quic.EarlyConnection), nil
}

func (c *client) local() *net.UDPAddr {
	if c.remote.IP.To4() == nil {
		return &net.UDPAddr{IP: net.IPv6loopback}
	}
	return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
}

// run makes all exchanges at once; it gives back those that were sent early and refused.
func (c *client) run(jobs []job, early bool) (rejected []job, failed error) {
	var mutex sync.Mutex
	var group sync.WaitGroup
	for _, wanted := range jobs {
		wanted := wanted
		group.Add(1)
		go func() {
			defer group.Done()
			err := c.exchange(wanted, early)
			mutex.Lock()
			defer mutex.Unlock()
			var reset *quic.StreamError
			switch {
			case err == nil:
			case early && errors.Is(err, quic.Err0RTTRejected):
				rejected = append(rejected, wanted)
			case errors.As(err, &reset):
				emit("failed", "connection", c.number, "path", wanted.name, "code", uint64(reset.ErrorCode),
					"message", err.Error())
				failed = err
			default:
				emit("failed", "connection", c.number, "path", wanted.name, "message", err.Error())
				failed = err
			}
		}()
	}
	group.Wait()
	return rejected, failed
}

// exchange: one stream, written and read at the same time; prints length and hash.
func (c *client) exchange(wanted job, early bool) error {
	stream, err := c.connection.OpenStreamSync(context.Background())
	if err != nil {
		return err
	}
	writing := make(chan error, 1)
	go func() {
		_, err := stream.Write(wanted.payload)
		if err == nil {
			err = stream.Close()
		}
		writing <- err
	}()
	hash := sha256.New()
	sink := []io.Writer{hash, progress{c}}
	if folder := c.options.text("out", ""); folder != "" && !wanted.echo {
		file, err := os.Create(filepath.Join(folder, path.Base(wanted.name)))
		if err != nil {
			return err
		}
		defer file.Close()
		sink = append(sink, file)
	}
	length, err := io.Copy(io.MultiWriter(sink...), stream)
	if err != nil {
		return err
	}
	// A server may answer without reading to the end, and say so with STOP_SENDING.
	var stopped *quic.StreamError
	if err := <-writing; err != nil && !errors.As(err, &stopped) {
		return err
	}
	sum := hash.Sum(nil)
	if sent := sha256.Sum256(wanted.payload); wanted.echo && !bytes.Equal(sum, sent[:]) {
		return errors.New("the echo differs from what was sent")
	}
	emit("download", "connection", c.number, "stream", int64(stream.StreamID()), "path", wanted.name,
		"length", length, "sha256", hex.EncodeToString(sum), "zeroRtt", early)
	return nil
}

// progress counts received bytes and rebinds on the way.
type progress struct{ client *client }

func (p progress) Write(bytes []byte) (int, error) {
	c := p.client
	received := atomic.AddInt64(&c.received, int64(len(bytes)))
	done := atomic.LoadInt64(&c.rebound)
	if done < c.options.number("rebind", 0) && received >= (done+1)*rebindEvery &&
		atomic.CompareAndSwapInt64(&c.rebound, done, done+1) {
		port, err := c.socket.move(c.local())
		if err != nil {
			return 0, err
		}
		emit("rebind", "connection", c.number, "port", port)
	}
	return len(bytes), nil
}

// datagrams are sent one at a time, each when the echo of the one before came or half a second passed.
func (c *client) datagrams() error {
	count := c.options.number("datagrams", 0)
	if count == 0 {
		return nil
	}
	if !c.connection.ConnectionState().SupportsDatagrams {
		return errors.New("the server does not take datagrams")
	}
	echoes := make(chan []byte, 16)
	go func() {
		for {
			datagram, err := c.connection.ReceiveMessage()
			if err != nil {
				return
			}
			echoes <- datagram
		}
	}()
	received := 0
	for index := int64(0); index < count; index++ {
		datagram := bytes.Repeat([]byte{byte(index)}, int(c.options.number("datagram-size", 1000)))
		binary.BigEndian.PutUint64(datagram, uint64(index))
		if err := c.connection.SendMessage(datagram); err != nil {
			return err
		}
		select {
		case echo := <-echoes:
			if bytes.Equal(echo, datagram) {
				received++
			}
		case <-time.After(500 * time.Millisecond):
		}
	}
	emit("datagrams", "connection", c.number, "sent", count, "received", received)
	if received == 0 {
		return errors.New("no datagram came back of " + strconv.FormatInt(count, 10))
	}
	return nil
}

// ticketCache tells when a ticket came.
type ticketCache struct {
	tls.ClientSessionCache
	came chan<- struct{}
}

func (c *ticketCache) Put(key string, state *tls.ClientSessionState) {
	c.ClientSessionCache.Put(key, state)
	if state != nil {
		select {
		case c.came <- struct{}{}:
		default:
		}
	}
}

// movingSocket is a packet connection whose UDP socket can be exchanged for one with another port,
// which is what a peer sees when a NAT forgets its binding.
type movingSocket struct {
	mutex   sync.Mutex
	current *net.UDPConn
}

func (m *movingSocket) socket() *net.UDPConn {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.current
}

func (m *movingSocket) move(local *net.UDPAddr) (int, error) {
	next, err := net.ListenUDP("udp", local)
	if err != nil {
		return 0, err
	}
	m.mutex.Lock()
	old := m.current
	m.current = next
	m.mutex.Unlock()
	old.Close()
	return next.LocalAddr().(*net.UDPAddr).Port, nil
}

func (m *movingSocket) ReadFrom(into []byte) (int, net.Addr, error) {
	for {
		socket := m.socket()
		length, from, err := socket.ReadFrom(into)
		if err == nil || socket == m.socket() {
			return length, from, err
		}
	}
}

func (m *movingSocket) WriteTo(datagram []byte, to net.Addr) (int, error) {
	length, err := m.socket().WriteTo(datagram, to)
	if errors.Is(err, net.ErrClosed) {
		return len(datagram), nil // sent while the socket moved: lost, like in a NAT
	}
	return length, err
}

func (m *movingSocket) Close() error                        { return m.socket().Close() }
func (m *movingSocket) LocalAddr() net.Addr                 { return m.socket().LocalAddr() }
func (m *movingSocket) SetDeadline(at time.Time) error      { return m.socket().SetDeadline(at) }
func (m *movingSocket) SetReadDeadline(at time.Time) error  { return m.socket().SetReadDeadline(at) }
func (m *movingSocket) SetWriteDeadline(at time.Time) error { return m.socket().SetWriteDeadline(at) }
