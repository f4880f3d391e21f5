// An echo server on four kinds of listeners: what a client sends comes back, over TCP, TLS, a Unix socket and each stream of
// a QUIC connection. The handler does not know which.

import { once } from 'node:events';
import { ListenGroup } from 'quayside/group';
import { start } from './start.js';

const group = new ListenGroup({
  connected: () => ({ handler: { run: echo } }),
});

await start(group, {
  fallback: ['tcp://127.0.0.1:0', 'tls://127.0.0.1:0', 'unix:echo.sock?force', 'quic://127.0.0.1:0'],
  alpn: { tls: 'echo', quic: 'echo' },
});

/** @param {import('node:stream').Duplex} stream */
async function echo(stream) {
  for await (const chunk of stream) if (!stream.write(chunk)) await once(stream, 'drain');
}
