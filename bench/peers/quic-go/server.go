package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"

	quic "github.com/lucas-clemente/quic-go"
)

// runServer sends back as many bytes as a stream asks for, and every datagram as it is.
func runServer(cert, key string) error {
	certificate, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return err
	}
	tlsConfig := &tls.Config{
		Certificates: []tls.Certificate{certificate},
		NextProtos:   []string{"bench"},
		MinVersion:   tls.VersionTLS13,
	}
	listener, err := quic.ListenAddr("127.0.0.1:0", tlsConfig, config())
	if err != nil {
		return err
	}
	answer(map[string]int{"port": listener.Addr().(*net.UDPAddr).Port})
	go func() {
		for {
			connection, err := listener.Accept(context.Background())
			if err != nil {
				return
			}
			go serve(connection)
			go echoDatagrams(connection)
		}
	}()
	return forEachLine(func([]string) (interface{}, error) { return nil, nil })
}

func serve(connection quic.Connection) {
	for {
		stream, err := connection.AcceptStream(context.Background())
		if err != nil {
			return
		}
		go answerStream(stream)
	}
}

func answerStream(stream quic.Stream) {
	var head [8]byte
	if _, err := io.ReadFull(stream, head[:]); err != nil {
		return
	}
	if _, err := discard(stream); err != nil {
		return
	}
	if send(stream, int64(binary.BigEndian.Uint64(head[:]))) == nil {
		stream.Close()
	}
}

func echoDatagrams(connection quic.Connection) {
	for {
		datagram, err := connection.ReceiveMessage()
		if err != nil {
			return
		}
		connection.SendMessage(datagram)
	}
}

var block = make([]byte, blockLength)

func send(stream io.Writer, left int64) error {
	for left > 0 {
		length := left
		if length > blockLength {
			length = blockLength
		}
		if _, err := stream.Write(block[:length]); err != nil {
			return err
		}
		left -= length
	}
	return nil
}

// discard reads to the end and gives the number of bytes.
func discard(stream io.Reader) (int64, error) {
	into := make([]byte, 64*1024)
	var total int64
	for {
		count, err := stream.Read(into)
		total += int64(count)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}
