import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { HandOverReader, handOverFrame } from '../../../src/udp/hand-over-frames.ts';
import { MAX_HAND_OVER_BYTES, ProcessHandOver } from '../../../src/udp/process-hand-over.ts';
import type { SocketAddress } from '../../../src/util/address.ts';
import { toHex } from '../../../src/util/bytes.ts';

const FROM: SocketAddress = { address: 'fe80::1%eth0', port: 50_000, family: 6 };
const TO: SocketAddress = { address: '192.0.2.9', port: 4433, family: 4 };

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'quayside-hand-over-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** What was handed over, as text, and a wait for so many. */
class Inbox {
  readonly seen: string[] = [];
  #wake: () => void = () => {};

  readonly take = (bytes: Uint8Array, from: SocketAddress, to: SocketAddress, ecn: number): void => {
    this.seen.push(`${from.address} ${from.port} ${to.address} ${to.port} ${ecn} ${toHex(bytes)}`);
    this.#wake();
  };

  async has(count: number): Promise<void> {
    while (this.seen.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

test('L80 a datagram comes to the process of its shard, with its addresses and its ECN mark', async (t) => {
  const path = folder(t);
  const inbox = new Inbox();
  const one = await new ProcessHandOver({ folder: path }).join(1, () => {});
  const two = await new ProcessHandOver({ folder: path }).join(2, inbox.take);
  // Keeps the process alive, which the places do not.
  const timer = setInterval(() => {}, 1000);
  t.after(() => clearInterval(timer));
  for (let i = 0; i < 100; i++) assert.ok(one.send(2, Uint8Array.of(i), FROM, TO, i & 3));
  await inbox.has(100);
  assert.deepEqual(inbox.seen.slice(0, 2), [
    'fe80::1%eth0 50000 192.0.2.9 4433 0 00',
    'fe80::1%eth0 50000 192.0.2.9 4433 1 01',
  ]);
  await two.leave();
  await two.leave();
  assert.ok(!existsSync(join(path, '2.sock')));
  assert.equal(two.send(1, Uint8Array.of(1), FROM, TO, 0), false);
  // Nobody there: lost, and nothing is thrown.
  one.send(2, Uint8Array.of(1), FROM, TO, 0);
  const again = new Inbox();
  const three = await new ProcessHandOver({ folder: path }).join(2, again.take);
  while (again.seen.length === 0) {
    one.send(2, Uint8Array.of(7), FROM, TO, 0);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all([one.leave(), three.leave()]);
});

test('L80 a shard that lives is taken, what a dead process left is not', async (t) => {
  const path = folder(t);
  const handOver = new ProcessHandOver({ folder: path });
  const one = await handOver.join(1, () => {});
  await assert.rejects(
    handOver.join(1, () => {}),
    { code: 'ERR_QUIC_SHARD_TAKEN' },
  );
  await one.leave();
  writeFileSync(join(path, '1.sock'), '');
  await (await handOver.join(1, () => {})).leave();
});

test('L80 only a folder of ours that is closed to others will do: who can connect is one of ours', async (t) => {
  const path = folder(t);
  chmodSync(path, 0o755);
  const refusal = /'folder' must be a folder of this user that nobody else can look into \(mode 0700\)/;
  await assert.rejects(
    new ProcessHandOver({ folder: path }).join(1, () => {}),
    refusal,
  );
  assert.throws(() => new ProcessHandOver({ folder: '' }), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => new ProcessHandOver({} as never), /"folder" argument must be the path of a folder/);
});

test('L80 what is no frame ends its stream, and the others go on', async (t) => {
  const path = folder(t);
  const inbox = new Inbox();
  const one = await new ProcessHandOver({ folder: path }).join(1, inbox.take);
  const liar = createConnection(join(path, '1.sock'));
  const closed = new Promise((resolve) => liar.on('close', resolve));
  liar.on('error', () => {});
  liar.write(new Uint8Array(64).fill(0xff));
  await closed;
  const two = await new ProcessHandOver({ folder: path }).join(2, () => {});
  const timer = setInterval(() => {}, 1000);
  t.after(() => clearInterval(timer));
  two.send(1, Uint8Array.of(5), FROM, TO, 0);
  await inbox.has(1);
  await Promise.all([one.leave(), two.leave()]);
});

test('L80 what waits for a process that does not read is bounded', async (t) => {
  const path = folder(t);
  const one = await new ProcessHandOver({ folder: path }).join(1, () => {});
  const two = await new ProcessHandOver({ folder: path }).join(2, () => {});
  // In one turn nothing is read.
  const datagram = new Uint8Array(60_000);
  let sent = 0;
  while (sent < 1000 && two.send(1, datagram, FROM, TO, 0)) sent++;
  assert.ok(sent >= Math.floor(MAX_HAND_OVER_BYTES / 61_000) && sent < 200, `${sent} were taken`);
  await Promise.all([one.leave(), two.leave()]);
});

test('L80 frames come out whole however the stream is cut, and nothing else does', () => {
  const inbox = new Inbox();
  const frames = [0, 1, 1452].map((size) => handOverFrame(new Uint8Array(size).fill(size), FROM, TO, 2));
  const stream = Buffer.concat(frames);
  for (const size of [1, 7, 64, stream.length]) {
    const reader = new HandOverReader(inbox.take);
    for (let at = 0; at < stream.length; at += size) assert.ok(reader.push(stream.subarray(at, at + size)));
  }
  assert.equal(inbox.seen.length, 12);
  for (let at = 0; at < 7; at++) {
    const broken = frames[1].slice();
    broken[at] = 0xff;
    new HandOverReader(() => {}).push(broken);
  }
  const noAddress = frames[1].slice().fill(0x20, 7);
  assert.equal(new HandOverReader(inbox.take).push(noAddress), false);
  assert.equal(inbox.seen.length, 12);
});
