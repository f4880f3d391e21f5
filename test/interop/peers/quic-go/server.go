package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	quic "github.com/lucas-clemente/quic-go"
)

// notFound is what a missing file's stream is reset with.
const notFound = 1

// server answers `hq-interop` and `echo`, echoes datagrams, and closes on command from stdin.
type server struct {
	root      string
	datagrams bool
	mutex     sync.Mutex
	live      map[int]quic.Connection
}

func runServer(options Options) error {
	certificate, err := tls.LoadX509KeyPair(options.text("cert", ""), options.text("key", ""))
	if err != nil {
		return err
	}
	tlsConfig := &tls.Config{
		Certificates: []tls.Certificate{certificate},
		NextProtos:   options.list("alpn", "hq-interop,echo"),
		MinVersion:   tls.VersionTLS13,
	}
	keyLog(tlsConfig)
	updateKeysOften(options)
	config := quicConfig(options)
	retry := options.flag("retry")
	config.RequireAddressValidation = func(net.Addr) bool { return retry }
	address := net.JoinHostPort(options.text("host", "127.0.0.1"), options.text("port", "0"))
	listener, err := quic.ListenAddrEarly(address, tlsConfig, config)
	if err != nil {
		return err
	}
	emit("listening", "port", listener.Addr().(*net.UDPAddr).Port)

	s := &server{root: options.text("root", "."), datagrams: options.flag("datagrams"), live: map[int]quic.Connection{}}
	go func() {
		for number := 1; ; number++ {
			connection, err := listener.Accept(context.Background())
			if err != nil {
				return
			}
			go s.serve(connection, number)
		}
	}()
	if err := s.obey(os.Stdin); err != nil {
		return err
	}
	return listener.Close()
}

// obey: `close CODE,REASON` closes the live connections; `stop` or the end of stdin ends the server.
func (s *server) obey(input io.Reader) error {
	lines := bufio.NewScanner(input)
	for lines.Scan() && strings.TrimSpace(lines.Text()) != "stop" {
		if !strings.HasPrefix(lines.Text(), "close ") {
			continue
		}
		wanted, err := parseClosing(strings.TrimPrefix(lines.Text(), "close "))
		if err != nil {
			return err
		}
		s.mutex.Lock()
		for _, connection := range s.live {
			connection.CloseWithError(quic.ApplicationErrorCode(wanted.code), wanted.reason)
		}
		s.mutex.Unlock()
	}
	return lines.Err()
}

func (s *server) serve(connection quic.EarlyConnection, number int) {
	s.mutex.Lock()
	s.live[number] = connection
	s.mutex.Unlock()
	var streams, datagrams int64
	established := make(chan struct{})
	go func() {
		defer close(established)
		select {
		case <-connection.HandshakeComplete().Done():
			state := connection.ConnectionState().TLS
			emit("established", "connection", number, "alpn", state.NegotiatedProtocol,
				"serverName", state.ServerName, "remote", connection.RemoteAddr().String(),
				"resumed", state.DidResume, "zeroRtt", state.Used0RTT)
			if s.datagrams {
				go echoDatagrams(connection, &datagrams)
			}
		case <-connection.Context().Done():
		}
	}()
	for {
		stream, err := connection.AcceptStream(context.Background())
		if err != nil {
			s.mutex.Lock()
			delete(s.live, number)
			s.mutex.Unlock()
			<-established
			emitClosed(number, err, nil, "streams", atomic.LoadInt64(&streams),
				"datagrams", atomic.LoadInt64(&datagrams), "lastRemote", connection.RemoteAddr().String())
			return
		}
		atomic.AddInt64(&streams, 1)
		go s.answer(connection, number, stream)
	}
}

// answer: HTTP/0.9, one request line and then the file and the end of the stream; or an echo.
func (s *server) answer(connection quic.EarlyConnection, number int, stream quic.Stream) {
	// Asked now: the API does not tell how a stream's bytes came.
	early := connection.HandshakeComplete().Err() == nil
	if connection.ConnectionState().TLS.NegotiatedProtocol == "echo" {
		io.Copy(stream, stream)
		stream.Close()
		return
	}
	line, err := bufio.NewReader(io.LimitReader(stream, 4096)).ReadString('\n')
	if err != nil && err != io.EOF {
		return
	}
	path := strings.TrimPrefix(strings.TrimSpace(line), "GET ")
	file, found := s.read(path)
	emit("request", "connection", number, "stream", int64(stream.StreamID()), "path", path,
		"zeroRtt", early, "found", found)
	if !found {
		stream.CancelWrite(notFound)
		return
	}
	io.Copy(stream, bytes.NewReader(file))
	stream.Close()
}

func (s *server) read(path string) ([]byte, bool) {
	for _, part := range strings.Split(path, "/") {
		if part == ".." {
			return nil, false
		}
	}
	file, err := os.ReadFile(filepath.Join(s.root, filepath.FromSlash(path)))
	return file, err == nil
}

func echoDatagrams(connection quic.Connection, count *int64) {
	for {
		datagram, err := connection.ReceiveMessage()
		if err != nil {
			return
		}
		atomic.AddInt64(count, 1)
		connection.SendMessage(datagram)
	}
}
