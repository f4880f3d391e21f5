import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualNetwork } from '../../../src/sim/virtual-network.ts';
import { PortSharing } from '../../../src/udp/port-sharing.ts';
import type { DatagramSocket } from '../../../src/udp/socket.ts';
import type { SocketAddress } from '../../../src/util/address.ts';

const AT: SocketAddress = { address: '10.0.0.2', port: 443, family: 4 };
const from = (port: number): SocketAddress => ({ address: '10.0.0.1', port, family: 4 });

class Stage {
  readonly network = new VirtualNetwork({ seed: 1, link: { delay: 1 } });
  readonly server = this.network.addHost('server', [AT.address]);
  readonly client = this.network.addHost('client', ['10.0.0.1']);
  readonly sharing = new PortSharing(this.server.sockets);

  bind(port = AT.port): Promise<DatagramSocket> {
    return this.sharing.bind({ address: { ...AT, port } });
  }

  /** Who gets a datagram of each of these ports. */
  async spread(sockets: readonly DatagramSocket[], ports: readonly number[]): Promise<number[]> {
    const got = new Map<number, number>();
    for (const [i, socket] of sockets.entries()) socket.onDatagram = (_bytes, { port }) => got.set(port, i);
    for (const port of ports) {
      this.network.transmit(this.client, from(port), AT, Uint8Array.of(1), 0, 1, 0);
    }
    await this.network.clock.runAsync(this.network.clock.now() + 10);
    return ports.map((port) => got.get(port) ?? -1);
  }
}

const PORTS = Array.from({ length: 200 }, (_, i) => 1000 + i);

test('L80 each client goes to one of those that share an address, always the same, and to all of them evenly', async () => {
  const stage = new Stage();
  const sockets = [await stage.bind(), await stage.bind(), await stage.bind()];
  const first = await stage.spread(sockets, PORTS);
  for (const i of [0, 1, 2]) {
    const share = first.filter((who) => who === i).length;
    assert.ok(share > 30 && share < 110, `${share} of 200`);
  }
  assert.deepEqual(await stage.spread(sockets, PORTS), first);
  // When one leaves, the clients of the others stay where they are.
  await sockets[1].close();
  const second = await stage.spread(sockets, PORTS);
  for (const [at, who] of first.entries()) {
    if (who !== 1) assert.equal(second[at], who);
    else assert.notEqual(second[at], 1);
  }
});

test('L80 the socket closes with the last that shares it, and the address can be bound again at once', async () => {
  const stage = new Stage();
  const [a, b] = [await stage.bind(), await stage.bind()];
  await a.close();
  await a.close();
  assert.equal(a.send(Uint8Array.of(1), 0, 1, from(9)), false);
  assert.deepEqual(await stage.spread([b], [1000]), [0]);
  const closing = b.close();
  const again = await stage.bind();
  await closing;
  assert.deepEqual(await stage.spread([again], [1000]), [0]);
  assert.equal(again.send(Uint8Array.of(1), 0, 1, from(9)), true);
  await again.close();
});

test('L80 several that bind at the same time share, port 0 is a port of its own, a failed bind fails for all', async () => {
  const stage = new Stage();
  const sockets = await Promise.all([stage.bind(), stage.bind(), stage.bind(0), stage.bind(0)]);
  const ports = sockets.map(({ localAddress }) => localAddress.port);
  assert.deepEqual(ports.slice(0, 2), [443, 443]);
  assert.equal(new Set(ports).size, 3);
  const joined = await stage.bind(ports[2]);
  assert.equal(joined.localAddress.port, ports[2]);
  const elsewhere = { address: { ...AT, address: '10.0.0.77' } };
  const failures = await Promise.allSettled([stage.sharing.bind(elsewhere), stage.sharing.bind(elsewhere)]);
  for (const failure of failures) {
    assert.equal(failure.status, 'rejected');
    assert.equal((failure as PromiseRejectedResult).reason.code, 'ERR_QUIC_BIND');
  }
});
