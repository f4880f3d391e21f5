package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	quic "github.com/lucas-clemente/quic-go"
)

const (
	small           = 100
	datagramWindow  = 64
	datagramLength  = 1000
	datagramSilence = 100 * time.Millisecond // after which what is under way counts as lost
)

// client does the tasks that come on stdin, over one socket.
type client struct {
	socket  net.PacketConn
	remote  net.Addr
	full    *tls.Config
	resumed *tls.Config
	kept    []quic.Connection
}

func runClient(port, ca string) error {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	remote, err := net.ResolveUDPAddr("udp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	full := &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{"bench"}}
	resumed := full.Clone()
	resumed.ClientSessionCache = &firstTicket{}
	c := &client{socket: socket, remote: remote, full: full, resumed: resumed}
	answer(map[string]bool{"ready": true})
	return forEachLine(c.work)
}

func (c *client) work(words []string) (interface{}, error) {
	numbers := make([]int64, len(words))
	for index, word := range words {
		numbers[index], _ = strconv.ParseInt(word, 10, 64)
	}
	switch words[0] {
	case "download":
		if err := c.keep(1); err != nil {
			return nil, err
		}
		return timed(func() error { return exchange(c.kept[0], 8, numbers[1]) })
	case "upload":
		if err := c.keep(1); err != nil {
			return nil, err
		}
		return timed(func() error { return exchange(c.kept[0], numbers[1], 1) })
	case "handshakes":
		return c.handshakes(numbers[1], words[2] == "resumed")
	case "idle":
		return timed(func() error { return c.keep(int(numbers[1])) })
	case "requests":
		return c.requests(int(numbers[1]), numbers[2])
	case "datagrams":
		if err := c.keep(1); err != nil {
			return nil, err
		}
		return timed(func() error { return echo(c.kept[0], numbers[1]) })
	}
	return nil, fmt.Errorf("no task %v", words)
}

func (c *client) open(resumed bool) (quic.Connection, error) {
	tlsConfig := c.full
	if resumed {
		tlsConfig = c.resumed
	}
	return quic.Dial(c.socket, c.remote, "localhost", tlsConfig, config())
}

func (c *client) keep(count int) error {
	for len(c.kept) < count {
		connection, err := c.open(false)
		if err != nil {
			return err
		}
		c.kept = append(c.kept, connection)
	}
	return nil
}

func (c *client) handshakes(count int64, resumed bool) (interface{}, error) {
	if resumed {
		// A round trip later the ticket is there; it is used more than once.
		connection, err := c.open(true)
		if err != nil {
			return nil, err
		}
		if err := exchange(connection, 8, 1); err != nil {
			return nil, err
		}
		connection.CloseWithError(0, "")
	}
	return timed(func() error {
		for index := int64(0); index < count; index++ {
			connection, err := c.open(resumed)
			if err != nil {
				return err
			}
			if resumed && !connection.ConnectionState().TLS.DidResume {
				return fmt.Errorf("not resumed")
			}
			connection.CloseWithError(0, "")
		}
		return nil
	})
}

func (c *client) requests(connections int, count int64) (interface{}, error) {
	if err := c.keep(connections); err != nil {
		return nil, err
	}
	left := count
	times := make([][]float64, connections)
	failures := make(chan error, connections)
	var all sync.WaitGroup
	start := time.Now()
	for index := 0; index < connections; index++ {
		all.Add(1)
		go func(index int) {
			defer all.Done()
			for atomic.AddInt64(&left, -1) >= 0 {
				begun := time.Now()
				if err := exchange(c.kept[index], small, small); err != nil {
					failures <- err
					return
				}
				times[index] = append(times[index], time.Since(begun).Seconds()*1000)
			}
		}(index)
	}
	all.Wait()
	seconds := time.Since(start).Seconds()
	select {
	case err := <-failures:
		return nil, err
	default:
	}
	var sorted []float64
	for _, each := range times {
		sorted = append(sorted, each...)
	}
	sort.Float64s(sorted)
	percentile := func(share float64) float64 { return sorted[int(float64(len(sorted)-1)*share)] }
	return map[string]float64{"seconds": seconds, "p50": percentile(0.5), "p99": percentile(0.99)}, nil
}

// exchange is one stream: `up` bytes there, `down` bytes back.
func exchange(connection quic.Connection, up, down int64) error {
	stream, err := connection.OpenStreamSync(context.Background())
	if err != nil {
		return err
	}
	var head [8]byte
	binary.BigEndian.PutUint64(head[:], uint64(down))
	if _, err := stream.Write(head[:]); err != nil {
		return err
	}
	if err := send(stream, up-8); err != nil {
		return err
	}
	if err := stream.Close(); err != nil {
		return err
	}
	received, err := discard(stream)
	if err == nil && received != down {
		err = fmt.Errorf("received %d bytes instead of %d", received, down)
	}
	return err
}

// echo sends from one goroutine and receives in another, as sending waits until the datagram left.
func echo(connection quic.Connection, count int64) error {
	bytes := make([]byte, datagramLength)
	tickets := make(chan struct{}, datagramWindow)
	refill := func() {
		for {
			select {
			case tickets <- struct{}{}:
			default:
				return
			}
		}
	}
	refill()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-tickets:
				if connection.SendMessage(bytes) != nil {
					return
				}
			case <-done:
				return
			}
		}
	}()
	silence := time.AfterFunc(datagramSilence, refill)
	defer silence.Stop()
	for echoed := int64(0); echoed < count; echoed++ {
		if _, err := connection.ReceiveMessage(); err != nil {
			return err
		}
		silence.Reset(datagramSilence)
		select {
		case tickets <- struct{}{}:
		default:
		}
	}
	return nil
}

// firstTicket keeps the first ticket it gets, for any number of uses: copies, as quic-go changes what it takes out.
type firstTicket struct{ ticket atomic.Value }

func (f *firstTicket) Get(string) (*tls.ClientSessionState, bool) {
	ticket, ok := f.ticket.Load().(*tls.ClientSessionState)
	if !ok {
		return nil, false
	}
	copied := *ticket
	return &copied, true
}

func (f *firstTicket) Put(_ string, ticket *tls.ClientSessionState) {
	if ticket != nil {
		copied := *ticket
		f.ticket.CompareAndSwap(nil, &copied)
	}
}

func timed(work func() error) (interface{}, error) {
	start := time.Now()
	err := work()
	return map[string]float64{"seconds": time.Since(start).Seconds()}, err
}
