import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { dgramSockets } from '../../../src/udp/dgram-socket.ts';
import { bind, collect, socketCases } from '../../support/socket-cases.ts';

socketCases(dgramSockets);

test('a full queue refuses the send, says when there is room, and takes the next one then', async () => {
  const [a, b] = [await bind(dgramSockets, '127.0.0.1'), await bind(dgramSockets, '127.0.0.1')];
  try {
    let taken = 0;
    while (a.send(new Uint8Array(10), 0, 10, b.localAddress)) {
      taken++;
      assert.ok(taken < 100_000, 'the queue has a bound');
    }
    // One of eight is asked how it went; the others are with the system already.
    assert.equal(a.pending, Math.ceil(taken / 8));
    const { pending } = a;
    assert.equal(a.counters.queueFull, 1);
    await new Promise<void>((resolve) => {
      a.onWritable = resolve;
    });
    assert.ok(a.pending < pending);
    assert.equal(a.send(new Uint8Array(10), 0, 10, b.localAddress), true);
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
});

test('a failed send is found out soon, and from then on every one is asked until one succeeds', async () => {
  const [a, b] = [await bind(dgramSockets, '127.0.0.1'), await bind(dgramSockets, '127.0.0.1')];
  try {
    const received = collect(b, 100);
    for (let i = 0; i < 100; i++) {
      a.send(Uint8Array.of(i), 0, 1, b.localAddress);
      if (i % 10 === 0) await turn();
    }
    assert.deepEqual(
      (await received).map(({ bytes }) => bytes[0]),
      Array.from({ length: 100 }, (_, i) => i),
    );
    assert.equal(a.counters.sentDatagrams, 100);
    assert.equal(a.counters.sentBytes, 100);
    for (let i = 0; i < 8; i++) a.send(new Uint8Array(65_536), 0, 65_536, b.localAddress);
    await turn();
    assert.ok(a.counters.sendErrors >= 1);
    const { sendErrors } = a.counters;
    for (let i = 0; i < 8; i++) a.send(new Uint8Array(65_536), 0, 65_536, b.localAddress);
    await turn();
    assert.equal(a.counters.sendErrors, sendErrors + 8);
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
});

test('closing is idempotent, sends what is pending, stops everything and leaves no handle', async () => {
  const handles = async () => {
    for (let i = 0; i < 5; i++) await turn();
    return process.getActiveResourcesInfo().filter((name) => /udp/i.test(name)).length;
  };
  const before = await handles();
  const [a, b] = [await bind(dgramSockets, '127.0.0.1'), await bind(dgramSockets, '127.0.0.1')];
  const received = collect(b, 1);
  a.send(Uint8Array.of(1), 0, 1, b.localAddress);
  const closed = a.close();
  assert.equal(a.close(), closed);
  assert.equal(a.send(Uint8Array.of(2), 0, 1, b.localAddress), false);
  a.ref();
  a.unref();
  await closed;
  assert.deepEqual([...(await received)[0].bytes], [1]);
  b.onDatagram = () => assert.fail('nothing arrives after close');
  const late = await bind(dgramSockets, '127.0.0.1');
  late.send(Uint8Array.of(2), 0, 1, b.localAddress);
  await Promise.all([b.close(), late.close()]);
  assert.equal(await handles(), before);
});
