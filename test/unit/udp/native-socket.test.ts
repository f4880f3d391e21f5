import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type NativeAddon, nativeState } from '../../../src/runtime/native.ts';
import type { UdpSocketBinding } from '../../../src/udp/native-binding.ts';
import { nativeSockets } from '../../../src/udp/native-socket.ts';
import type { DatagramSocket, SocketFactory } from '../../../src/udp/socket.ts';
import { native, withoutNative } from '../../support/native.ts';
import { bind, collect, hasIpv6, socketCases } from '../../support/socket-cases.ts';

const { sockets } = nativeState();
if (sockets !== null) socketCases(sockets);

const { errno } = constants;
type Send = UdpSocketBinding['send'];

/** The addon with another way to send: `real` is the system's. */
function sending(answer: (real: Send, ...args: Parameters<Send>) => number): SocketFactory {
  const { UdpSocket } = native as Required<NativeAddon>;
  class Altered extends (UdpSocket as new () => UdpSocketBinding) {
    override send(...args: Parameters<Send>): number {
      return answer((...again) => super.send(...again), ...args);
    }
  }
  const { factory, problem } = nativeSockets({ UdpSocket: Altered });
  assert.equal(problem, '');
  return factory as SocketFactory;
}

async function pairOf(factory: SocketFactory): Promise<[DatagramSocket, DatagramSocket]> {
  return [await bind(factory, '127.0.0.1'), await bind(factory, '127.0.0.1')];
}

/** Sends 25 bytes in segments of 10, and gives what arrived. */
async function sendSegments(a: DatagramSocket, b: DatagramSocket): Promise<number[][]> {
  const received = collect(b, 3);
  const bytes = Uint8Array.from({ length: 27 }, (_, i) => i);
  assert.equal(a.send(bytes, 1, 25, b.localAddress, 10), true);
  return (await received).map(({ bytes: [first, ...rest] }) => [first, rest.length + 1]);
}

const SEGMENTS = [
  [1, 10],
  [11, 10],
  [21, 5],
];

describe('what a native socket does when the system refuses', { skip: withoutNative }, () => {
  for (const code of ['EIO', 'EINVAL', 'EMSGSIZE', 'EOPNOTSUPP'] as const) {
    test(`${code} for joined datagrams: they go one by one, and are not joined again`, async () => {
      let joined = 0;
      const factory = sending((real, ...args) => {
        if (!args[4]) return real(...args);
        joined++;
        return -errno[code];
      });
      const [a, b] = await pairOf(factory);
      try {
        assert.deepEqual(await sendSegments(a, b), SEGMENTS);
        assert.deepEqual(await sendSegments(a, b), SEGMENTS);
        assert.equal(joined, 1);
        assert.equal(a.counters.sentDatagrams, 6);
        assert.equal(a.counters.sendErrors, 0);
      } finally {
        await Promise.all([a.close(), b.close()]);
      }
    });
  }

  test('EINVAL that is not for being joined: the datagrams are lost, the next ones are joined', async () => {
    let failing = true;
    const joined: number[] = [];
    const factory = sending((real, ...args) => {
      if (failing) return -errno.EINVAL;
      if (args[4]) joined.push(args[2]);
      return real(...args);
    });
    const [a, b] = await pairOf(factory);
    try {
      assert.equal(a.send(new Uint8Array(25), 0, 25, b.localAddress, 10), true);
      assert.equal(a.counters.sendErrors, 3);
      failing = false;
      assert.deepEqual(await sendSegments(a, b), SEGMENTS);
      assert.deepEqual(joined, [25]);
    } finally {
      await Promise.all([a.close(), b.close()]);
    }
  });

  test('EAGAIN: the rest waits for room, nothing is lost, and the queue has a bound', async () => {
    let full = true;
    let part = 10;
    const factory = sending((real, ...args) => {
      if (!full) return real(...args);
      // The system takes one segment and then no more.
      if (part === 0) return -errno.EAGAIN;
      const [bytes, start, , segment, , ...rest] = args;
      part = 0;
      return real(bytes, start, 10, segment, false, ...rest);
    });
    const [a, b] = await pairOf(factory);
    try {
      const received = collect(b, 3);
      const bytes = Uint8Array.from({ length: 25 }, (_, i) => i + 1);
      assert.equal(a.send(bytes, 0, 25, b.localAddress, 10), true);
      assert.equal(a.pending, 2);
      bytes.fill(255);
      let taken = 0;
      while (a.send(Uint8Array.of(7), 0, 1, b.localAddress)) assert.ok(++taken < 10_000);
      assert.equal(a.counters.queueFull, 1);
      const writable = new Promise<void>((resolve) => {
        a.onWritable = resolve;
      });
      full = false;
      assert.deepEqual(
        (await received).slice(0, 3).map(({ bytes: [first, ...rest] }) => [first, rest.length + 1]),
        SEGMENTS,
      );
      await writable;
      assert.equal(a.pending, 0);
      assert.equal(a.counters.sentDatagrams, 3 + taken);
      assert.equal(a.counters.sendErrors, 0);
    } finally {
      await Promise.all([a.close(), b.close()]);
    }
  });

  for (const code of ['ENOBUFS', 'EPERM', 'ENETUNREACH'] as const) {
    test(`${code} for one datagram: it is lost and reported, and the next one goes`, async () => {
      let failures = 1;
      const factory = sending((real, ...args) => (failures-- > 0 ? -errno[code] : real(...args)));
      const [a, b] = await pairOf(factory);
      try {
        const told = new Promise((resolve) => {
          a.onError = (error) => resolve(error.code);
        });
        assert.equal(a.send(Uint8Array.of(1), 0, 1, b.localAddress), true);
        assert.equal(await told, code);
        assert.equal(a.counters.sendErrors, 1);
        const received = collect(b, 1);
        a.send(Uint8Array.of(2), 0, 1, b.localAddress);
        assert.deepEqual([...(await received)[0].bytes], [2]);
      } finally {
        await Promise.all([a.close(), b.close()]);
      }
    });
  }

  test('ECONNREFUSED of an earlier datagram costs the next one nothing', async () => {
    let failures = 1;
    const factory = sending((real, ...args) => (failures-- > 0 ? -errno.ECONNREFUSED : real(...args)));
    const [a, b] = await pairOf(factory);
    try {
      const received = collect(b, 1);
      a.send(Uint8Array.of(5), 0, 1, b.localAddress);
      assert.deepEqual([...(await received)[0].bytes], [5]);
      assert.equal(a.counters.sendErrors, 0);
    } finally {
      await Promise.all([a.close(), b.close()]);
    }
  });

  test('reading that fails is reported, bounded, and goes on when it works again', async () => {
    let failures = 20;
    const { UdpSocket } = native as Required<NativeAddon>;
    class Failing extends (UdpSocket as new () => UdpSocketBinding) {
      override receive(...args: Parameters<UdpSocketBinding['receive']>): number {
        return failures-- > 0 ? -errno.EIO : super.receive(...args);
      }
    }
    const factory = nativeSockets({ UdpSocket: Failing }).factory as SocketFactory;
    const [a, b] = await pairOf(factory);
    try {
      const received = collect(b, 1);
      a.send(Uint8Array.of(5), 0, 1, b.localAddress);
      assert.deepEqual([...(await received)[0].bytes], [5]);
      assert.equal(b.counters.receiveErrors, 20);
    } finally {
      await Promise.all([a.close(), b.close()]);
    }
  });

  test('an addon without sockets, or whose sockets do not open, says why', () => {
    assert.match(nativeSockets({}).problem, /no sockets/);
    class Refused {
      open() {
        return -errno.EPERM;
      }
      close() {}
    }
    const UdpSocket = Refused as unknown as NativeAddon['UdpSocket'];
    const { factory, problem } = nativeSockets({ UdpSocket: UdpSocket as new () => UdpSocketBinding });
    assert.equal(factory, null);
    assert.match(problem, /EPERM/);
  });
});

describe('what a native socket can do', { skip: withoutNative }, () => {
  const factory = sockets as SocketFactory;

  for (const ip of ['127.0.0.1', '::1']) {
    test(`ECN marks go both ways on ${ip}`, {
      skip: ip === '::1' && !hasIpv6 ? 'no IPv6 here' : false,
    }, async () => {
      const [a, b] = [await bind(factory, ip), await bind(factory, ip)];
      try {
        for (const ecn of [2, 1, 3, 0]) {
          const received = collect(b, 1);
          a.send(Uint8Array.of(ecn), 0, 1, b.localAddress, 0, ecn);
          assert.equal((await received)[0].ecn, ecn);
        }
        const received = collect(b, 3);
        a.send(new Uint8Array(25), 0, 25, b.localAddress, 10, 2);
        assert.deepEqual(
          (await received).map(({ ecn }) => ecn),
          [2, 2, 2],
        );
      } finally {
        await Promise.all([a.close(), b.close()]);
      }
    });
  }

  test('L11 a wildcard socket says which address was asked, and answers from it', async () => {
    const [server, client] = [await bind(factory, '0.0.0.0'), await bind(factory, '127.0.0.1')];
    try {
      for (const address of ['127.0.0.2', '127.0.0.3']) {
        const asked = { ...server.localAddress, address };
        const atServer = collect(server, 1);
        client.send(Uint8Array.of(1), 0, 1, asked);
        const [{ from, local }] = await atServer;
        assert.deepEqual(local, asked);
        const atClient = collect(client, 1);
        server.send(Uint8Array.of(2), 0, 1, from, 0, 0, local);
        assert.deepEqual((await atClient)[0].from, asked);
      }
    } finally {
      await Promise.all([server.close(), client.close()]);
    }
  });

  test('a burst of joined datagrams comes out in order, whatever their number', async () => {
    const [a, b] = await pairOf(factory);
    try {
      const received = collect(b, 200);
      const bytes = new Uint8Array(50 * 1200);
      for (let batch = 0; batch < 4; batch++) {
        for (let i = 0; i < 50; i++) bytes[i * 1200] = batch * 50 + i;
        assert.ok(a.send(bytes, 0, bytes.length, b.localAddress, 1200));
      }
      const all = await received;
      for (const [i, { bytes: got }] of all.entries()) assert.deepEqual([got.length, got[0]], [1200, i]);
    } finally {
      await Promise.all([a.close(), b.close()]);
    }
  });

  test('datagrams are lent to whoever asks for them, once per turn until none waits', async () => {
    const [a, b] = await pairOf(factory);
    try {
      let calls = 0;
      const seen: number[] = [];
      b.onDatagram = (bytes) => seen.push(bytes[0]);
      const readable = new Promise<void>((resolve) => {
        b.onReadable = () => {
          calls++;
          resolve();
        };
      });
      for (let i = 0; i < 40; i++) a.send(Uint8Array.of(i), 0, 1, b.localAddress);
      await readable;
      assert.deepEqual(seen, [], 'nothing is read unasked');
      assert.equal(b.receive?.(10), 16, 'a burst is not cut');
      await turn();
      await turn();
      assert.ok(calls >= 2, 'it says again that some are left');
      assert.equal(b.receive?.(100), 24);
      assert.equal(b.receive?.(100), 0);
      assert.deepEqual(
        seen,
        Array.from({ length: 40 }, (_, i) => i),
      );
    } finally {
      await Promise.all([a.close(), b.close()]);
    }
  });

  test('sockets that share a port are steered to by connection id', async () => {
    const options = { address: { address: '127.0.0.1', port: 0, family: 4 as const }, reusePort: true };
    const first = await factory.bind(options);
    const group = [first];
    for (let i = 1; i < 4; i++) group.push(await factory.bind({ ...options, address: first.localAddress }));
    const client = await bind(factory, '127.0.0.1');
    try {
      assert.equal(first.steer?.(4), true);
      const got: number[][] = group.map(() => []);
      const all = new Promise<void>((resolve) => {
        let count = 0;
        group.forEach((socket, i) => {
          socket.onDatagram = (bytes) => {
            got[i].push(bytes[bytes.length - 1]);
            if (++count === 66) resolve();
          };
        });
      });
      for (let shard = 0; shard < 32; shard++) {
        // Short header: the id follows the flags; the top 3 bits are somebody else's.
        client.send(Uint8Array.of(0x40, 0xe0 | shard, 9, shard), 0, 4, first.localAddress);
        client.send(Uint8Array.of(0xc0, 0, 0, 0, 1, 8, shard, 0, 0, shard), 0, 10, first.localAddress);
      }
      client.send(Uint8Array.of(0x40), 0, 1, first.localAddress);
      client.send(Uint8Array.of(0xc0, 0, 0), 0, 3, first.localAddress);
      await all;
      got.forEach((shards, i) => {
        assert.ok(shards.slice(0, 16).every((shard) => shard % 4 === i));
        assert.equal(shards.length, i === 0 ? 18 : 16);
      });
      assert.throws(() => first.steer?.(0), { code: 'ERR_OUT_OF_RANGE' });
      assert.throws(() => first.steer?.(33), { code: 'ERR_OUT_OF_RANGE' });
    } finally {
      await Promise.all([...group, client].map((socket) => socket.close()));
    }
  });
});
