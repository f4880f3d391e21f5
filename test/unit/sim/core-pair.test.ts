import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SansIoPeer, SentDatagram } from '../../../src/sim/core-driver.ts';
import { CorePair } from '../../../src/sim/core-pair.ts';
import { PacketLog } from '../../../src/sim/packet-log.ts';
import { SCENARIOS, simpleP2p } from '../../../src/sim/scenarios.ts';
import { formatAddress, type SocketAddress } from '../../../src/util/address.ts';

/** Stop-and-wait: sends numbered datagrams, repeats after 200 ms, goes on when the number comes back. */
class StopAndWait implements SansIoPeer {
  readonly rtts: number[] = [];
  acked = 0;
  private readonly total: number;
  private readonly from: SocketAddress;
  private readonly to: SocketAddress;
  private isDue = true;
  private sentAt = 0;

  constructor(total: number, from: SocketAddress, to: SocketAddress) {
    this.total = total;
    this.from = from;
    this.to = to;
  }

  recv(datagram: Uint8Array, _info: unknown, now: number): void {
    if (datagram[0] !== this.acked) return;
    this.rtts.push(now - this.sentAt);
    this.acked++;
    this.isDue = this.acked < this.total;
  }

  send(out: Uint8Array, now: number): SentDatagram | null {
    if (!this.isDue) return null;
    this.isDue = false;
    this.sentAt = now;
    out[0] = this.acked;
    return { length: 100, from: this.from, to: this.to };
  }

  timeoutAt(): number | null {
    return this.acked < this.total ? this.sentAt + 200 : null;
  }

  onTimeout(): void {
    this.isDue = true;
  }
}

/** Sends back what it gets. */
class Echo implements SansIoPeer {
  readonly seen: SocketAddress[] = [];
  private readonly answers: { bytes: Uint8Array; from: SocketAddress; to: SocketAddress }[] = [];

  recv(bytes: Uint8Array, { from, to }: { from: SocketAddress; to: SocketAddress }): void {
    this.seen.push(from);
    this.answers.push({ bytes, from: to, to: from });
  }

  send(out: Uint8Array): SentDatagram | null {
    const answer = this.answers.shift();
    if (answer === undefined) return null;
    out.set(answer.bytes);
    return { length: answer.bytes.length, from: answer.from, to: answer.to };
  }

  timeoutAt(): null {
    return null;
  }

  onTimeout(): void {}
}

function run(pair: CorePair, total: number): { client: StopAndWait; server: Echo; log: PacketLog } {
  const log = new PacketLog(pair.network);
  const client = new StopAndWait(total, pair.clientAddress, pair.serverAddress);
  const server = new Echo();
  pair.start(client, server);
  pair.runUntil(() => client.acked === total, 600_000);
  pair.runUntilIdle();
  return { client, server, log };
}

test('two cores talk over the link of the interop runner: 30 ms and what the bytes take', () => {
  const { client } = run(new CorePair({ seed: 1 }), 10);
  const serialisation = (2 * (100 + 28) * 8 * 1000) / 10_000_000;
  for (const rtt of client.rtts) assert.ok(Math.abs(rtt - 30 - serialisation) < 1e-6);
});

test('they talk over IPv6', () => {
  const pair = new CorePair({ seed: 1, family: 6 });
  const { server } = run(pair, 1);
  assert.deepEqual(server.seen, [pair.clientAddress]);
  assert.equal(pair.clientAddress.family, 6);
});

test('their timers carry them through loss, and the run replays from its seed', () => {
  const once = (seed: number) => run(new CorePair({ seed, scenario: SCENARIOS.handshakeloss }), 50);
  const [first, again, other] = [once(3), once(3), once(4)];
  assert.equal(first.client.acked, 50);
  assert.ok(first.log.count('dropped') > 10);
  assert.equal(first.log.digest(), again.log.digest());
  assert.notEqual(first.log.digest(), other.log.digest());
});

test('a first datagram can make the server, and be ignored', () => {
  const pair = new CorePair({ seed: 1 });
  const client = new StopAndWait(3, pair.clientAddress, pair.serverAddress);
  let asked = 0;
  pair.start(client, () => (++asked < 3 ? null : new Echo()));
  pair.runUntil(() => client.acked === 3);
  assert.equal(asked, 3);
  assert.ok(pair.server.peer instanceof Echo);
});

test('behind the rebinding NAT of the runner, the server sees new ports and addresses', () => {
  for (const name of ['rebind-port', 'rebind-addr'] as const) {
    const pair = new CorePair({ seed: 1, scenario: SCENARIOS[name] });
    const { server } = run(pair, 200);
    const seen = new Set(server.seen.map(formatAddress));
    const ips = new Set(server.seen.map(({ address }) => address));
    assert.ok(seen.size >= 2);
    assert.equal(ips.size > 1, name === 'rebind-addr');
  }
});

test('everything that arrives at one instant is received before anything is sent', () => {
  const pair = new CorePair({ seed: 1, scenario: { toServer: { delay: 5 }, toClient: {} } });
  const order: string[] = [];
  let toSend = 3;
  const client: SansIoPeer = {
    recv: () => {},
    send: () =>
      toSend-- > 0 ? { length: 30, segmentSize: 10, from: pair.clientAddress, to: pair.serverAddress } : null,
    timeoutAt: () => null,
    onTimeout: () => {},
  };
  const server: SansIoPeer = {
    recv: (bytes) => order.push(`recv ${bytes.length}`),
    send: () => {
      order.push('send');
      return null;
    },
    timeoutAt: () => null,
    onTimeout: () => {},
  };
  pair.start(client, server);
  pair.server.onProgress = () => order.push('application');
  pair.runUntilIdle();
  assert.deepEqual(order, ['application', 'send', ...Array(9).fill('recv 10'), 'application', 'send']);
  assert.equal(pair.client.counters.sent, 9);
});

test('wake gives a core its turn when the application did something', () => {
  const pair = new CorePair({ seed: 1, scenario: simpleP2p({ delay: 1 }) });
  const { client } = run(pair, 1);
  let turns = 0;
  pair.client.onProgress = () => turns++;
  pair.client.wake();
  pair.client.wake();
  pair.runUntilIdle();
  assert.equal(turns, 1);
  assert.equal(client.acked, 1);
});

test('a QUIC error of recv is noted, any other ends the run', () => {
  const throwing = (error: Error) => {
    const pair = new CorePair({ seed: 1 });
    const client = new StopAndWait(1, pair.clientAddress, pair.serverAddress);
    const server = new Echo();
    server.recv = () => {
      throw error;
    };
    pair.start(client, server);
    return pair;
  };
  const noted = Object.assign(new Error('bad packet'), { code: 'ERR_QUIC_INVALID_PACKET' });
  const pair = throwing(noted);
  pair.run(100);
  assert.deepEqual(pair.server.errors, [noted]);
  assert.throws(() => throwing(new TypeError('a bug')).run(100), /a bug/);
});

test('a core that sends without end, or whose timer stands still, is found out', () => {
  const idle: SansIoPeer = { recv: () => {}, send: () => null, timeoutAt: () => null, onTimeout: () => {} };
  const endless = new CorePair({ seed: 1 });
  const datagram = { length: 1, from: endless.clientAddress, to: endless.serverAddress };
  endless.start({ ...idle, send: () => datagram }, idle);
  assert.throws(() => endless.run(1), /client does not stop sending/);
  const stuck = new CorePair({ seed: 1 }).start({ ...idle, timeoutAt: () => 5 }, idle);
  assert.throws(() => stuck.run(10), /timer of client does not advance/);
});

test('a run that cannot end says so, with its seed', () => {
  const idle: SansIoPeer = { recv: () => {}, send: () => null, timeoutAt: () => null, onTimeout: () => {} };
  const pair = new CorePair({ seed: 'abc' }).start(idle, idle);
  assert.throws(() => pair.runUntil(() => false), /nothing is left to happen \(seed abc/);
  let at = 0;
  const ticking: SansIoPeer = {
    ...idle,
    timeoutAt: () => at + 10,
    onTimeout: (now) => {
      at = now;
    },
  };
  const alive = new CorePair({ seed: 'abc' }).start(ticking, idle);
  assert.throws(() => alive.runUntil(() => false, 1000), /not done within 1000 ms \(seed abc/);
  assert.throws(() => alive.runUntilIdle(1000), /not idle after 1000 ms \(seed abc/);
});

test('a closed driver takes no datagram, sends none and has no timer', () => {
  const pair = new CorePair({ seed: 1 });
  const client = new StopAndWait(5, pair.clientAddress, pair.serverAddress);
  pair.start(client, new Echo());
  pair.runUntil(() => client.acked === 1);
  pair.client.close();
  pair.client.wake();
  pair.runUntilIdle();
  assert.equal(client.acked, 1);
});
