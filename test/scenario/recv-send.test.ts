import assert from 'node:assert/strict';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import type { ReceiveInfo } from '../../src/connection/connection-io.ts';
import { QuicError } from '../../src/errors.ts';
import { NO_TRACE, type Trace } from '../../src/trace/trace.ts';
import { concat } from '../../src/util/bytes.ts';
import { writePing } from '../../src/wire/frame-writer.ts';
import { TestPair } from '../support/core-pair.ts';
import { sealInitial } from '../support/initial-packets.ts';
import { scenario } from '../support/scenario.ts';

scenario('C4 recv keeps nothing of the datagram: it may be overwritten at once', (seed) => {
  const link = { delay: 15, reordering: 0.3, reorderDelay: 5, duplication: 0.1 };
  const pair = new TestPair({ seed, scenario: { toServer: link, toClient: link } });
  const overwrite = (core: ConnectionCore): void => {
    const recv = core.recv.bind(core);
    core.recv = (bytes: Uint8Array, info: ReceiveInfo, now: number): number => {
      const taken = recv(bytes, info, now);
      assert.equal(taken, bytes.length);
      bytes.fill(0xee);
      return taken;
    };
  };
  overwrite(pair.client);
  pair.onAccept = overwrite;
  pair.fetch([300_000, 50, 70_000]);
});

scenario('C4 RFC 9000 §12.2 packets of a handshake are coalesced into few datagrams', (seed) => {
  const pair = new TestPair({ seed });
  pair.runUntil(() => pair.isEstablished);
  const { toServer, toClient } = pair.pair;
  // Hello, answer, Finished; then acknowledgements, HANDSHAKE_DONE and the probe for a larger MTU.
  assert.ok(toClient.counters.entered <= 4, `${toClient.counters.entered} datagrams of the server`);
  assert.ok(toServer.counters.entered <= 4, `${toServer.counters.entered} datagrams of the client`);
});

scenario('C6 send fills several datagrams of equal size, but for the last', (seed) => {
  const pair = new TestPair({ seed });
  pair.fetch([200_000]);
  pair.pair.run(500);
  const { server } = pair;
  if (server === null) throw new Error('There is no server');
  const id = server.streams.openStream('uni') as number;
  server.streams.streamSend(id, new Uint8Array(14_000), true);
  const out = new Uint8Array(65_535);
  const sizes: number[] = [];
  for (let sent = server.send(out, pair.now, 6); sent !== null; sent = server.send(out, pair.now, 6)) {
    const { length, segmentSize, from, to } = sent;
    assert.deepEqual(to, pair.pair.clientAddress);
    assert.deepEqual(from, pair.pair.serverAddress);
    assert.ok(length <= 6 * segmentSize);
    for (let at = 0; at < length; at += segmentSize) {
      const end = Math.min(length, at + segmentSize);
      sizes.push(end - at);
      pair.client.recv(out.slice(at, end), { from, to }, pair.now);
    }
  }
  assert.ok(sizes.length >= 10);
  assert.ok(
    sizes.slice(0, -1).every((size) => size === 1452),
    `${sizes}`,
  );
  assert.equal(pair.client.streams.streamReadableLength(id), 14_000);
});

scenario('C6 send gives null when everything is said, and does not write outside its buffer', (seed) => {
  const pair = new TestPair({ seed });
  pair.fetch([10_000]);
  pair.pair.run(1_000);
  const out = new Uint8Array(2_000).fill(0x77);
  assert.equal(pair.client.send(out, pair.now), null);
  assert.ok(out.every((byte) => byte === 0x77));
  pair.client.control.ping();
  const sent = pair.client.send(out, pair.now);
  assert.ok(sent !== null && sent.length < 60);
  assert.equal(pair.client.send(out, pair.now), null);
  assert.throws(
    () => pair.client.send(new Uint8Array(1_199), pair.now),
    (error) => error instanceof QuicError && error.code === 'ERR_QUIC_BUFFER_TOO_SHORT',
  );
});

scenario('C6 datagrams are never larger than the buffer, whatever the path carries', (seed) => {
  const pair = new TestPair({ seed });
  pair.fetch([100_000]);
  const { server } = pair;
  if (server === null) throw new Error('There is no server');
  assert.equal(server.paths.active.mtu, 1452);
  pair.pair.run(500);
  server.streams.streamSend(server.streams.openStream('uni') as number, new Uint8Array(5_000), true);
  const out = new Uint8Array(1_250);
  for (let sent = server.send(out, pair.now); sent !== null; sent = server.send(out, pair.now))
    assert.ok(sent.length <= 1_250);
});

scenario('C20 ipv6: 5 + 10 KiB over IPv6 alone', (seed) => {
  const pair = new TestPair({ seed, family: 6 });
  const families = new Set<number>();
  pair.pair.network.tap(({ from, to }) => void families.add(from.family).add(to.family));
  pair.fetch([5 * 1024, 10 * 1024]);
  assert.deepEqual([...families], [6]);
  pair.close();
});

/** What a connection dropped and took, by its trace. */
function watched(): { trace: Trace; dropped: string[]; received: string[] } {
  const dropped: string[] = [];
  const received: string[] = [];
  const trace: Trace = {
    ...NO_TRACE,
    packetDropped: (_now, reason) => void dropped.push(reason),
    packetReceived: (_now, type, number) => void received.push(`${type} ${number}`),
  };
  return { trace, dropped, received };
}

/** A pair after the server's first answer, and an Initial of the client with a PING, made outside. */
function withForgedInitial(
  seed: number,
  trace: Trace,
): { pair: TestPair; forge: (changes: object) => Uint8Array } {
  const pair = new TestPair({ seed, server: { trace } });
  pair.runUntil(() => pair.server !== null);
  const keyId = pair.client.firstFlight.originalDestinationId;
  const base = {
    keyId,
    sender: 'client' as const,
    destinationId: keyId,
    sourceId: pair.client.localIds.current,
    packetNumber: 100,
    frames: writePing,
  };
  return { pair, forge: (changes) => sealInitial({ ...base, ...changes }) };
}

function toServer(pair: TestPair, bytes: Uint8Array): void {
  pair.server?.recv(bytes, { from: pair.pair.clientAddress, to: pair.pair.serverAddress }, pair.now);
}

scenario('C8 RFC 9000 §14.1 a server takes no Initial out of a datagram below 1200 bytes', (seed) => {
  const { trace, dropped, received } = watched();
  const { pair, forge } = withForgedInitial(seed, trace);
  toServer(pair, forge({ size: 1199 }));
  assert.deepEqual(dropped, ['unexpected']);
  toServer(pair, forge({ size: 1200 }));
  assert.equal(received.at(-1), '0 100');
});

scenario('C4 RFC 9000 §7.2 an Initial from another source id than the first is ignored', (seed) => {
  const { trace, dropped } = watched();
  const { pair, forge } = withForgedInitial(seed, trace);
  toServer(pair, forge({ sourceId: new Uint8Array(8) }));
  assert.deepEqual(dropped, ['connection-id']);
  pair.runUntil(() => pair.isEstablished);
});

scenario('C4 RFC 9000 §12.2 of coalesced packets those to another id than the first are ignored', (seed) => {
  const { trace, dropped, received } = watched();
  const { pair, forge } = withForgedInitial(seed, trace);
  const other = pair.server?.localIds.current;
  toServer(pair, concat([forge({}), forge({ destinationId: other, packetNumber: 101 })]));
  assert.deepEqual(dropped, ['connection-id']);
  assert.equal(received.at(-1), '0 100');
  // On its own it would do.
  toServer(pair, forge({ destinationId: other, packetNumber: 101 }));
  assert.equal(received.at(-1), '0 101');
});

scenario('C4 RFC 9000 §12.3 no packet is processed twice', (seed) => {
  const server = watched();
  const client = watched();
  const link = { delay: 15, duplication: 0.9, duplicateDelay: 20 };
  const pair = new TestPair({
    seed,
    client: { trace: client.trace },
    server: { trace: server.trace },
    scenario: { toServer: link, toClient: link },
  });
  pair.fetch([100_000]);
  for (const { received, dropped } of [server, client]) {
    assert.equal(new Set(received).size, received.length);
    assert.ok(dropped.filter((reason) => reason === 'duplicate').length > 5);
  }
});
