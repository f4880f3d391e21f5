import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Frame, readFrame } from '../../src/wire/frame-reader.ts';
import { FRAME } from '../../src/wire/frame-table.ts';
import { writeResetStreamAt } from '../../src/wire/frame-writer.ts';
import { Reader } from '../../src/wire/reader.ts';
import { Writer } from '../../src/wire/writer.ts';
import { TestPair } from '../support/core-pair.ts';
import { SessionStage } from '../support/session-stage.ts';

const AT = { resetStreamAt: true };

function established(seed: number, loss: number, serverTransport = AT): TestPair {
  const link = { delay: 10, loss, lossBurst: 2 };
  const scenario = { toServer: link, toClient: link };
  const pair = new TestPair({ seed, scenario, clientTransport: AT, serverTransport });
  pair.runUntil(() => pair.isEstablished);
  return pair;
}

const content = new Uint8Array(40_000).map((_, i) => i * 31 + (i >> 8));

/** Reads as it comes; what came before the code of the reset. */
function reader(pair: TestPair, id: number): { bytes: number[]; code: bigint | null } {
  const found: { bytes: number[]; code: bigint | null } = { bytes: [], code: null };
  const out = new Uint8Array(1000);
  if (pair.serverApp !== null) pair.serverApp.pump = () => {};
  pair.onServer = ({ streams }) => {
    try {
      while (found.code === null && streams.isStreamReadable(id)) {
        const { length } = streams.streamRecv(id, out) ?? { length: 0 };
        found.bytes.push(...out.subarray(0, length));
      }
    } catch (error) {
      found.code = (error as { errorCode: bigint }).errorCode;
    }
  };
  return found;
}

test('C56 exactly what was promised arrives under loss, then the reset, and nothing is left behind', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const pair = established(seed, seed % 3 === 0 ? 0 : 0.15);
    const { streams } = pair.client;
    const id = streams.openStream('uni') as number;
    const found = reader(pair, id);
    assert.equal(streams.streamSend(id, content, seed % 2 === 0), content.length);
    // From the first moment, in the middle, and when some is acknowledged.
    if (seed % 4 > 0) {
      pair.wake();
      pair.pair.run((seed % 4) * 12);
    }
    const already = found.bytes.length;
    const size = 1 + ((seed * 7919) % content.length);
    if (!streams.streamResetAt(id, 0x41, size)) continue;
    assert.throws(() => streams.streamSend(id, content, false), { code: 'ERR_QUIC_FINAL_SIZE' });
    pair.wake();
    pair.runUntil(() => found.code !== null);
    assert.equal(found.code, 0x41n);
    assert.ok(found.bytes.length >= size, `${found.bytes.length} of ${size}, seed ${seed}`);
    // More only if it was read before the reset came.
    if (already <= size && seed % 4 === 0) assert.equal(found.bytes.length, size);
    assert.deepEqual(Uint8Array.from(found.bytes), content.subarray(0, found.bytes.length));
    pair.runUntil(() => streams.openCount === 0 && pair.server?.streams.openCount === 0);
    assert.equal(streams.bytesHeld, 0);
    assert.equal(streams.bytesUnsent, 0);
    assert.equal(pair.server?.streams.bytesUnread, 0);
  }
});

test('C56 the size is lowered, then given up by a plain reset; code and final size stay', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const pair = established(seed, 0.1);
    const { streams } = pair.client;
    const id = streams.openStream('uni') as number;
    const found = reader(pair, id);
    streams.streamSend(id, content, false);
    assert.equal(streams.streamResetAt(id, 7, 30_000), true);
    assert.equal(streams.streamResetAt(id, 7, 30_000), false);
    assert.equal(streams.streamResetAt(id, 9, 35_000), false);
    pair.wake();
    pair.pair.run(seed);
    assert.equal(streams.streamResetAt(id, 9, 20_000), true);
    pair.wake();
    pair.pair.run(seed);
    if (seed % 2 === 0) assert.equal(streams.streamShutdown(id, 'write', 9), true);
    pair.wake();
    pair.runUntil(() => found.code !== null);
    assert.equal(found.code, 7n);
    if (seed % 2 === 1) assert.ok(found.bytes.length >= 20_000);
    pair.runUntil(() => streams.openCount === 0 && pair.server?.streams.openCount === 0);
    assert.equal(pair.client.state.value, 'established');
    assert.equal(streams.bytesHeld, 0);
  }
});

test('C56 the reader stops a stream whose reset is on its way: both sides forget it', () => {
  const pair = established(3, 0);
  const { streams } = pair.client;
  const id = streams.openStream('uni') as number;
  if (pair.serverApp !== null) pair.serverApp.pump = () => {};
  streams.streamSend(id, content, false);
  pair.wake();
  pair.pair.run(25);
  streams.streamResetAt(id, 7, 30_000);
  assert.equal(pair.server?.streams.streamShutdown(id, 'read', 5), true);
  pair.wake();
  pair.runUntil(() => streams.openCount === 0 && pair.server?.streams.openCount === 0);
  assert.equal(pair.client.state.value, 'established');
});

test('C56 a peer without the option is sent no such frame, and more than was written is not promised', () => {
  const pair = established(4, 0, { resetStreamAt: false });
  const { streams } = pair.client;
  const id = streams.openStream('uni') as number;
  streams.streamSend(id, content.subarray(0, 10), false);
  assert.throws(() => streams.streamResetAt(id, 7, 5), { code: 'ERR_QUIC_INVALID_STATE' });
  assert.throws(() => streams.streamResetAt(id, 7, -1), { code: 'ERR_OUT_OF_RANGE' });
  assert.equal(streams.streamResetAt(id, 7, 0), true);
  const other = established(5, 0).client.streams;
  const second = other.openStream('uni') as number;
  other.streamSend(second, content.subarray(0, 10), false);
  assert.throws(() => other.streamResetAt(second, 7, 11), { code: 'ERR_OUT_OF_RANGE' });
});

/** A frame straight into the server's streams. */
function inject(pair: TestPair, id: number, code: number, finalSize: number, reliable: number): void {
  const bytes = new Uint8Array(40);
  const writer = new Writer(bytes);
  writeResetStreamAt(writer, id, code, finalSize, reliable);
  const frame = new Frame();
  readFrame(new Reader(bytes, 0, writer.offset), frame);
  assert.equal(frame.kind, FRAME.RESET_STREAM_AT);
  pair.server?.streams.onResetStreamAt(frame);
}

test('C56 frames against the rules are refused', () => {
  const without = established(6, 0, { resetStreamAt: false });
  assert.throws(() => inject(without, 2, 1, 10, 5), { code: 0x0a });
  const pair = established(7, 0);
  assert.throws(() => inject(pair, 2, 1, 10, 11), { code: 0x07 });
  assert.throws(() => inject(pair, 2, 1, 1 << 19, 5), { code: 0x03 });
  inject(pair, 6, 1, 10, 5);
  inject(pair, 6, 1, 10, 8);
  assert.throws(() => inject(pair, 6, 2, 10, 5), { code: 0x05 });
  assert.throws(() => inject(pair, 6, 1, 11, 5), { code: 0x06 });
  assert.throws(() => inject(pair, 6, 1, 9, 5), { code: 0x06 });
  assert.throws(() => inject(pair, 3, 1, 9, 5), { code: 0x05 });
});

for (const support of [true, false]) {
  test(`C56 C26 after rejected 0-RTT ${support ? 'the promised beginning of a stream arrives, then the reset' : 'a server without the extension gets a plain reset'}`, () => {
    for (let seed = 1; seed <= 20; seed++) {
      const stage = new SessionStage();
      const both = { clientTransport: AT, serverTransport: AT };
      const session = stage.first({ seed, ...both });
      const loss = seed % 2 === 0 ? 0 : 0.1;
      const link = { delay: 10, loss, lossBurst: 2 };
      const pair = stage.pair({
        seed,
        session,
        earlyData: true,
        clientTransport: AT,
        serverTransport: { resetStreamAt: support },
        onEarlyData: 'reject',
        scenario: { toServer: link, toClient: link },
      });
      const { streams } = pair.client;
      const id = streams.openStream('uni') as number;
      const answer = pair.onServer;
      const found = reader(pair, id);
      const read = pair.onServer;
      pair.onServer = (server, now) => {
        answer?.(server, now);
        read?.(server, now);
      };
      assert.equal(streams.streamSend(id, content.subarray(0, 9000), false), 9000);
      const size = 1 + ((seed * 7919) % 9000);
      assert.equal(streams.streamResetAt(id, 0x41, size), true);
      pair.wake();
      pair.runUntil(() => found.code !== null);
      assert.equal(pair.earlyData, 'rejected');
      assert.equal(found.code, 0x41n);
      assert.deepEqual(Uint8Array.from(found.bytes), content.subarray(0, found.bytes.length));
      if (support) assert.ok(found.bytes.length >= size, `${found.bytes.length} of ${size}, seed ${seed}`);
      assert.ok(pair.client.state.isOpen && pair.server?.state.isOpen);
      pair.close();
    }
  });
}
