package main

import _ "unsafe" // for go:linkname

// quic-go starts a key update after this many packets, and has no public way to ask for one; the
// variable exists for its own tests. Without --key-update it keeps its value (100,000).
//
//go:linkname keyUpdateInterval github.com/lucas-clemente/quic-go/internal/handshake.KeyUpdateInterval
var keyUpdateInterval uint64

func updateKeysOften(options Options) {
	if options.flag("key-update") {
		keyUpdateInterval = 100
	}
}
