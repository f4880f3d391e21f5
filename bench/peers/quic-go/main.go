// Command quic-go-peer is quic-go as one end of the bench: `quic-go-peer server CERT KEY` or
// `quic-go-peer client PORT CA`. Tasks and answers are those of ../end.ts.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	quic "github.com/lucas-clemente/quic-go"
)

const blockLength = 256 * 1024

func main() {
	var err error
	switch {
	case len(os.Args) >= 4 && os.Args[1] == "server":
		err = runServer(os.Args[2], os.Args[3])
	case len(os.Args) >= 4 && os.Args[1] == "client":
		err = runClient(os.Args[2], os.Args[3])
	default:
		err = fmt.Errorf("usage: quic-go-peer server CERT KEY | client PORT CA")
	}
	if err != nil {
		answer(map[string]interface{}{"error": err.Error()})
		os.Exit(1)
	}
}

// config has 24 MiB for a connection and 16 MiB for a stream, as with all peers.
func config() *quic.Config {
	return &quic.Config{
		Versions:                       []quic.VersionNumber{quic.Version1},
		MaxIdleTimeout:                 120 * time.Second,
		InitialStreamReceiveWindow:     16 << 20,
		MaxStreamReceiveWindow:         16 << 20,
		InitialConnectionReceiveWindow: 24 << 20,
		MaxConnectionReceiveWindow:     24 << 20,
		MaxIncomingStreams:             100,
		EnableDatagrams:                true,
		RequireAddressValidation:       func(net.Addr) bool { return false },
	}
}

// forEachLine calls work with the words of each line of stdin and prints what it gives.
func forEachLine(work func(words []string) (interface{}, error)) error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Split(lines.Text(), " ")
		var result interface{}
		var err error
		switch words[0] {
		case "cpu":
			result, err = cpu()
		case "memory":
			result, err = memory()
		default:
			result, err = work(words)
		}
		if err != nil {
			return err
		}
		answer(result)
	}
	return lines.Err()
}

func answer(value interface{}) {
	line, _ := json.Marshal(value)
	fmt.Println(string(line))
}

// cpu is seconds of all threads so far.
func cpu() (interface{}, error) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return nil, err
	}
	seconds := time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
	return map[string]float64{"cpu": seconds}, nil
}

// memory is resident bytes after giving free memory back.
func memory() (interface{}, error) {
	debug.FreeOSMemory()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return nil, err
	}
	pages, err := strconv.Atoi(strings.Split(string(statm), " ")[1])
	return map[string]int{"rss": pages * os.Getpagesize()}, err
}
