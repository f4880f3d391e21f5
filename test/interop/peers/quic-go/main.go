// Command quic-go-peer is the quic-go peer of the interop tests:
// `quic-go-peer server …` or `quic-go-peer client …`.
//
// Options and output lines are the same for all peers and are described in ../README.md.
// This file reads the options and owns what both roles share: output lines, TLS files, limits.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	quic "github.com/lucas-clemente/quic-go"
	"github.com/lucas-clemente/quic-go/logging"
)

func main() {
	var mode string
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	options, err := parseOptions(os.Args[min(2, len(os.Args)):])
	if err == nil {
		switch mode {
		case "server":
			err = runServer(options)
		case "client":
			limit := time.Duration(options.number("timeout", 60)) * time.Second
			time.AfterFunc(limit, func() { fail(fmt.Errorf("not done after %v", limit)) })
			err = runClient(options)
		default:
			err = errors.New("usage: quic-go-peer server|client [--option value]…")
		}
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	emit("error", "message", err.Error())
	os.Exit(1)
}

// Options are the `--name value` pairs and `--flag`s of the command line.
type Options map[string]string

var flags = map[string]bool{"retry": true, "key-update": true, "resume": true, "zero-rtt": true, "wait-close": true}

func parseOptions(arguments []string) (Options, error) {
	options := Options{}
	for index := 0; index < len(arguments); index++ {
		name := strings.TrimPrefix(arguments[index], "--")
		if name == arguments[index] {
			return nil, fmt.Errorf("not an option: %s", name)
		}
		if flags[name] {
			options[name] = ""
			continue
		}
		index++
		if index == len(arguments) {
			return nil, fmt.Errorf("--%s needs a value", name)
		}
		options[name] = arguments[index]
	}
	return options, nil
}

func (o Options) flag(name string) bool {
	_, found := o[name]
	return found
}

func (o Options) text(name, otherwise string) string {
	if value, found := o[name]; found {
		return value
	}
	return otherwise
}

func (o Options) number(name string, otherwise int64) int64 {
	value, found := o[name]
	if !found {
		return otherwise
	}
	number, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		fail(fmt.Errorf("--%s %s: not a number", name, value))
	}
	return number
}

func (o Options) list(name, otherwise string) []string {
	var items []string
	for _, item := range strings.Split(o.text(name, otherwise), ",") {
		if item != "" {
			items = append(items, item)
		}
	}
	return items
}

var output sync.Mutex

// emit prints one JSON line: the event and then pairs of a key and a value.
func emit(event string, pairs ...interface{}) {
	var line bytes.Buffer
	fmt.Fprintf(&line, `{"event":%q`, event)
	for index := 0; index+1 < len(pairs); index += 2 {
		value, err := json.Marshal(pairs[index+1])
		if err != nil {
			value = []byte("null")
		}
		fmt.Fprintf(&line, ",%q:%s", pairs[index], value)
	}
	line.WriteString("}\n")
	output.Lock()
	defer output.Unlock()
	os.Stdout.Write(line.Bytes())
}

// emitClosed says how a connection ended, from the error that its context or calls gave.
// `local` is what this side closed it with, where it did.
func emitClosed(connection int, err error, local *closing, more ...interface{}) {
	var (
		application *quic.ApplicationError
		transport   *quic.TransportError
		idle        *quic.IdleTimeoutError
		handshake   *quic.HandshakeTimeoutError
		reset       *quic.StatelessResetError
		version     *quic.VersionNegotiationError
	)
	kind, code, reason, remote := "other", uint64(0), "", false
	switch {
	case errors.As(err, &application):
		kind, code = "application", uint64(application.ErrorCode)
		reason, remote = application.ErrorMessage, application.Remote
	case errors.As(err, &transport):
		kind, code = "transport", uint64(transport.ErrorCode)
		reason, remote = transport.ErrorMessage, transport.Remote
	case errors.As(err, &idle), errors.As(err, &handshake):
		kind = "timeout"
	case errors.As(err, &reset):
		kind, remote = "reset", true
	case errors.As(err, &version):
		kind, remote = "version", true
	case local != nil:
		kind, code, reason = "application", local.code, local.reason
	case err != nil:
		reason = err.Error()
	}
	pairs := []interface{}{"connection", connection, "kind", kind, "code", code, "reason", reason, "remote", remote}
	emit("closed", append(pairs, more...)...)
}

// closing is a `CODE` or `CODE,REASON` argument.
type closing struct {
	code   uint64
	reason string
}

func parseClosing(text string) (*closing, error) {
	parts := strings.SplitN(text, ",", 2)
	code, err := strconv.ParseUint(strings.TrimSpace(parts[0]), 10, 62)
	if err != nil {
		return nil, err
	}
	parsed := &closing{code: code}
	if len(parts) == 2 {
		parsed.reason = parts[1]
	}
	return parsed, nil
}

func keyLog(config *tls.Config) {
	if name := os.Getenv("SSLKEYLOGFILE"); name != "" {
		if file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			config.KeyLogWriter = file
		}
	}
}

func certificatePool(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate", path)
	}
	return pool, nil
}

// quicConfig holds the limits that both roles announce; datagrams are offered only when asked for.
func quicConfig(options Options) *quic.Config {
	streams := options.number("max-streams", 100)
	return &quic.Config{
		Versions:              []quic.VersionNumber{quic.Version1},
		MaxIdleTimeout:        time.Duration(options.number("idle-timeout", 10_000)) * time.Millisecond,
		MaxIncomingStreams:    streams,
		MaxIncomingUniStreams: streams,
		EnableDatagrams:       options.flag("datagrams"),
		Tracer:                tracer{},
	}
}

// tracer prints what a connection's API does not tell: a Retry and a key update.
type tracer struct{ logging.NullTracer }

// SentPacket sees the packets that a server sends outside of connections.
func (tracer) SentPacket(_ net.Addr, header *logging.Header, _ logging.ByteCount, _ []logging.Frame) {
	if logging.PacketTypeFromHeader(header) == logging.PacketTypeRetry {
		emit("retry", "sent", true)
	}
}

func (tracer) TracerForConnection(
	context.Context, logging.Perspective, logging.ConnectionID,
) logging.ConnectionTracer {
	return connectionTracer{}
}

type connectionTracer struct{ logging.NullConnectionTracer }

func (connectionTracer) ReceivedRetry(*logging.Header) {
	emit("retry", "sent", false)
}

func (connectionTracer) UpdatedKey(phase logging.KeyPhase, remote bool) {
	emit("key-update", "phase", uint64(phase), "remote", remote)
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}
