// What every socket has to do over the loopback of this machine, whatever moves its datagrams.

import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { DatagramSocket, SocketFactory } from '../../src/udp/socket.ts';
import { type SocketAddress, socketAddress } from '../../src/util/address.ts';

export const hasIpv6: boolean = Object.values(networkInterfaces()).some((entries) =>
  entries?.some(({ address }) => address === '::1'),
);

export function at(ip: string, port = 0): SocketAddress {
  const address = socketAddress(ip, port);
  assert.ok(address);
  return address;
}

export function bind(factory: SocketFactory, ip: string, port = 0): Promise<DatagramSocket> {
  return factory.bind({ address: at(ip, port) });
}

export interface Received {
  bytes: Uint8Array;
  from: SocketAddress;
  local: SocketAddress;
  ecn: number;
}

/** Resolves with the datagrams once there are `count`. */
export function collect(socket: DatagramSocket, count: number): Promise<Received[]> {
  const all: Received[] = [];
  return new Promise((resolve) => {
    socket.onDatagram = (bytes, from, local, ecn) => {
      all.push({ bytes, from, local, ecn });
      if (all.length === count) resolve(all);
    };
  });
}

/** Declares the tests. */
export function socketCases(factory: SocketFactory): void {
  describe(`sockets: ${factory.backend}`, () => {
    for (const ip of ['127.0.0.1', '::1']) {
      test(`datagrams go both ways on ${ip}, with true addresses`, {
        skip: ip === '::1' && !hasIpv6 ? 'no IPv6 here' : false,
      }, async () => {
        const [a, b] = [await bind(factory, ip), await bind(factory, ip)];
        try {
          assert.notEqual(a.localAddress.port, 0);
          const atB = collect(b, 1);
          assert.equal(a.send(Uint8Array.of(9, 1, 2, 3, 9), 1, 3, b.localAddress), true);
          const [first] = await atB;
          assert.deepEqual([...first.bytes], [1, 2, 3]);
          assert.deepEqual(first.from, a.localAddress);
          assert.deepEqual(first.local, b.localAddress);
          assert.equal(first.ecn, 0);
          const atA = collect(a, 1);
          b.send(Uint8Array.of(7), 0, 1, first.from);
          assert.deepEqual([...(await atA)[0].bytes], [7]);
          assert.equal(a.counters.sentDatagrams, 1);
          assert.equal(a.counters.sentBytes, 3);
          assert.equal(a.counters.receivedBytes, 1);
        } finally {
          await Promise.all([a.close(), b.close()]);
        }
      });
    }

    test('the caller may reuse its buffer as soon as send returns', async () => {
      const [a, b] = [await bind(factory, '127.0.0.1'), await bind(factory, '127.0.0.1')];
      try {
        const received = collect(b, 100);
        const out = new Uint8Array(1200);
        for (let i = 0; i < 100; i++) {
          out.fill(i);
          assert.ok(a.send(out, 0, 1000 + (i % 3), b.localAddress));
        }
        out.fill(255);
        const all = await received;
        all.forEach(({ bytes }, i) => {
          assert.equal(bytes.length, 1000 + (i % 3));
          assert.ok(bytes.every((byte) => byte === i));
        });
        assert.equal(a.pending, 0);
      } finally {
        await Promise.all([a.close(), b.close()]);
      }
    });

    test('a send of several segments becomes datagrams of that size, the last one shorter', async () => {
      const [a, b] = [await bind(factory, '127.0.0.1'), await bind(factory, '127.0.0.1')];
      try {
        const received = collect(b, 3);
        a.send(
          Uint8Array.from({ length: 25 }, (_, i) => i),
          0,
          25,
          b.localAddress,
          10,
        );
        assert.deepEqual(
          (await received).map(({ bytes }) => [bytes.length, bytes[0]]),
          [
            [10, 0],
            [10, 10],
            [5, 20],
          ],
        );
      } finally {
        await Promise.all([a.close(), b.close()]);
      }
    });

    test('what the system refuses counts as lost and is reported, and the socket goes on', async () => {
      const [a, b] = [await bind(factory, '127.0.0.1'), await bind(factory, '127.0.0.1')];
      try {
        const errors: string[] = [];
        a.onError = (error) => errors.push(error.code ?? '');
        assert.equal(a.send(new Uint8Array(65_536), 0, 65_536, b.localAddress), true);
        assert.equal(a.send(new Uint8Array(1), 0, 1, { ...b.localAddress, port: 0 }), true);
        await turn();
        await turn();
        assert.equal(a.counters.sendErrors, 2);
        assert.equal(errors[0], 'EMSGSIZE');
        assert.equal(a.pending, 0);
        const received = collect(b, 1);
        a.send(Uint8Array.of(1), 0, 1, b.localAddress);
        await received;
      } finally {
        await Promise.all([a.close(), b.close()]);
      }
    });

    test('a connected socket hears its peer only, and reaches nobody else', async () => {
      const [server, stranger] = [await bind(factory, '127.0.0.1'), await bind(factory, '127.0.0.1')];
      const client = await factory.bind({ address: at('0.0.0.0'), remote: server.localAddress });
      try {
        assert.deepEqual(client.localAddress.address, '127.0.0.1');
        assert.deepEqual(client.remoteAddress, server.localAddress);
        const atServer = collect(server, 1);
        client.send(Uint8Array.of(1), 0, 1, server.localAddress);
        const [{ from }] = await atServer;
        assert.deepEqual(from, client.localAddress);
        const atClient = collect(client, 1);
        stranger.send(Uint8Array.of(66), 0, 1, from);
        await turn();
        server.send(Uint8Array.of(2), 0, 1, from);
        assert.deepEqual([...(await atClient)[0].bytes], [2]);
        client.send(Uint8Array.of(3), 0, 1, stranger.localAddress);
        await turn();
        assert.equal(client.counters.sendErrors, 1);
      } finally {
        await Promise.all([server.close(), stranger.close(), client.close()]);
      }
    });

    test('a refused peer is reported to a connected socket and ends nothing', {
      skip: process.platform !== 'linux' ? 'ICMP errors differ' : false,
    }, async () => {
      const gone = await bind(factory, '127.0.0.1');
      const remote = gone.localAddress;
      await gone.close();
      const client = await factory.bind({ address: at('127.0.0.1'), remote });
      try {
        const code = await new Promise<string>((resolve) => {
          client.onError = (error) => resolve(error.code ?? '');
          // On loopback the second one hears that the first was refused.
          client.send(Uint8Array.of(1), 0, 1, remote);
          client.send(Uint8Array.of(1), 0, 1, remote);
        });
        assert.equal(code, 'ECONNREFUSED');
        assert.equal(client.send(Uint8Array.of(1), 0, 1, remote), true);
      } finally {
        await client.close();
      }
    });

    test('a port in use is ERR_QUIC_BIND with the code, the address and the port', async () => {
      const first = await bind(factory, '127.0.0.1');
      try {
        const { port } = first.localAddress;
        await assert.rejects(
          bind(factory, '127.0.0.1', port),
          (error: Error & { code?: string; cause?: unknown }) => {
            assert.equal(error.code, 'ERR_QUIC_BIND');
            assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}.*EADDRINUSE`));
            assert.equal((error.cause as { code?: string }).code, 'EADDRINUSE');
            return true;
          },
        );
      } finally {
        await first.close();
      }
    });

    test('an address of another machine is ERR_QUIC_BIND', async () => {
      await assert.rejects(bind(factory, '192.0.2.1', 4433), /192\.0\.2\.1:4433.*EADDRNOTAVAIL/);
    });

    test('the kernel receive buffer is asked for and what was granted is told', async () => {
      const socket = await factory.bind({ address: at('127.0.0.1'), receiveBufferSize: 128 * 1024 });
      try {
        assert.equal(socket.counters.receiveBufferAsked, 128 * 1024);
        assert.equal(socket.counters.receiveBufferGranted, 128 * 1024);
      } finally {
        await socket.close();
      }
    });

    test('two sockets share a port if both ask for it, where that exists', {
      skip: factory.capabilities.reusePort ? false : 'no reusePort in this Node or kernel',
    }, async () => {
      const first = await factory.bind({ address: at('127.0.0.1'), reusePort: true });
      const second = await factory.bind({ address: first.localAddress, reusePort: true });
      assert.deepEqual(second.localAddress, first.localAddress);
      await Promise.all([first.close(), second.close()]);
    });

    test('the local addresses contain the loopback, each address once', () => {
      const local = factory.localAddresses();
      assert.ok(local.some(({ address, internal }) => address === '127.0.0.1' && internal));
      assert.equal(new Set(local.map(({ address }) => address)).size, local.length);
      for (const { address, family } of local) assert.equal(at(address).family, family);
    });
  });
}
