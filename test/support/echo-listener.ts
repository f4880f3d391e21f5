/** A real listener on a virtual host that echoes every stream, with the seeded identity and ALPN `test`. */
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import type { ListenOptions } from '../../src/listener/listen-options.ts';
import { QuicListener } from '../../src/listener/listener.ts';
import type { QuicConnection } from '../../src/runtime/connection.ts';
import type { QuicStream } from '../../src/runtime/stream.ts';
import type { VirtualHost } from '../../src/sim/virtual-host.ts';
import type { SocketAddress } from '../../src/util/address.ts';
import { seededIdentity } from './certificates.ts';

/** Started; use the virtual clock's asynchronous calls from here on. */
export async function echoListener(
  host: VirtualHost,
  at: SocketAddress,
  options: Partial<ListenOptions> = {},
): Promise<QuicListener> {
  const { certPem, keyPem } = seededIdentity();
  const listener = new QuicListener({
    address: at.address,
    port: at.port,
    alpn: ['test'],
    cert: certPem,
    key: keyPem,
    environment: { clock: host.clock, sockets: host.sockets, random: host.random, provider: nodeProvider },
    ...options,
  });
  await host.clock.until(listener.start());
  void acceptAll(listener);
  return listener;
}

async function acceptAll(listener: QuicListener): Promise<void> {
  for await (const connection of listener) void serve(connection);
}

async function serve(connection: QuicConnection): Promise<void> {
  try {
    for await (const stream of connection.incomingStreams()) void echoStream(stream);
  } catch {
    // The connection ended.
  }
}

async function echoStream(stream: QuicStream): Promise<void> {
  try {
    for await (const bytes of stream) if (stream.direction === 'bidi') await stream.write(bytes);
    if (stream.direction === 'bidi') await stream.end();
  } catch {
    // The other side reset it, stopped it or is gone.
  }
}
