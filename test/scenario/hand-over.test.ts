/** Several listeners of one process on one port. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { connect } from '../../src/client/connect.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import type { ListenOptions } from '../../src/listener/listen-options.ts';
import type { QuicListener } from '../../src/listener/listener.ts';
import type { QuicConnection } from '../../src/runtime/connection.ts';
import { QuicEndpoint } from '../../src/runtime/endpoint.ts';
import type { VirtualHost } from '../../src/sim/virtual-host.ts';
import { VirtualNetwork } from '../../src/sim/virtual-network.ts';
import type { HandOver } from '../../src/udp/hand-over.ts';
import { LocalHandOver } from '../../src/udp/local-hand-over.ts';
import { toHex } from '../../src/util/bytes.ts';
import { seededIdentity } from '../support/certificates.ts';
import { echoListener } from '../support/echo-listener.ts';

const AT = { address: '10.0.0.2', port: 443, family: 4 } as const;
const CLIENTS = 12;

class Stage {
  readonly network: VirtualNetwork;
  readonly clock: VirtualNetwork['clock'];
  readonly server: VirtualHost;
  readonly client: VirtualHost;
  readonly handOver: LocalHandOver = new LocalHandOver();
  readonly #endpoints: QuicEndpoint[] = [];

  constructor(seed: string) {
    this.network = new VirtualNetwork({ seed, link: { delay: 10 } });
    this.clock = this.network.clock;
    // An endpoint's deadlines alone keep no simulation going.
    this.clock.schedule(this.clock.now() + 600_000, () => {});
    this.server = this.network.addHost('server', [AT.address]);
    this.client = this.network.addHost('client', ['10.0.0.1']);
  }

  listen(shard: number, options: Partial<ListenOptions> = {}): Promise<QuicListener> {
    return echoListener(this.server, AT, { shard, handOver: this.handOver, ...options });
  }

  connect(): Promise<QuicConnection> {
    const { clock, client } = this;
    const { random, sockets } = client;
    const endpoint = new QuicEndpoint({ environment: { clock, sockets, random, provider: nodeProvider } });
    this.#endpoints.push(endpoint);
    const options = { endpoint, alpn: ['test'], ca: seededIdentity().caPem, serverName: 'localhost' };
    return clock.until(connect({ host: AT.address, port: AT.port }, options));
  }

  async echo(connection: QuicConnection, text: string): Promise<void> {
    const talk = async (): Promise<string> => {
      const stream = await connection.createBidirectionalStream();
      void stream.end(new TextEncoder().encode(text));
      let answer = '';
      for await (const bytes of stream) answer += new TextDecoder().decode(bytes);
      return answer;
    };
    assert.equal(await this.clock.until(talk()), text);
  }

  async close(...listeners: QuicListener[]): Promise<void> {
    for (const endpoint of this.#endpoints) await this.clock.until(endpoint.close());
    for (const listener of listeners) await this.clock.until(listener.close());
  }
}

test('L80 two listeners serve one port, and a client that moves stays with the one it has', async () => {
  const stage = new Stage('hand-over');
  const a = await stage.listen(0);
  const b = await stage.listen(1);
  const answeredFrom = new Set<string>();
  stage.network.tap(({ kind, from }) => {
    if (kind === 'sent' && from.address === AT.address) answeredFrom.add(`${from.address}:${from.port}`);
  });
  const connections: QuicConnection[] = [];
  for (let i = 0; i < CLIENTS; i++) connections.push(await stage.connect());
  const before = [a, b].map(({ endpoint }) => endpoint.connections.length);
  assert.ok(before[0] > 1 && before[1] > 1, `both have clients: ${before}`);
  assert.equal(before[0] + before[1], CLIENTS);
  for (const [i, connection] of connections.entries()) {
    await stage.clock.until(connection.migrate());
    await stage.echo(connection, `hello ${i}`);
  }
  assert.deepEqual(
    [a, b].map(({ endpoint }) => endpoint.connections.length),
    before,
  );
  assert.ok(a.endpoint.counters.foreign > 0 && b.endpoint.counters.foreign > 0, 'both handed over');
  assert.equal(a.endpoint.counters.dropped['foreign-id'], 0);
  assert.equal(b.endpoint.counters.dropped['foreign-id'], 0);
  assert.deepEqual([...answeredFrom], ['10.0.0.2:443']);
  await stage.close(a, b);
});

test('L80 one that closes takes nothing along: the other goes on, and its shard can be taken again', async () => {
  const stage = new Stage('hand-over close');
  const a = await stage.listen(0);
  const b = await stage.listen(1);
  const connections: QuicConnection[] = [];
  for (let i = 0; i < CLIENTS; i++) connections.push(await stage.connect());
  const ofA = a.endpoint.connections.length;
  await stage.clock.until(a.close());
  assert.deepEqual(stage.handOver.shards, [1]);
  await stage.clock.runAsync(stage.clock.now() + 1000);
  const alive = connections.filter((connection) => connection.isOpen);
  assert.equal(alive.length, CLIENTS - ofA);
  for (const connection of alive) await stage.echo(connection, 'still here');
  const again = await stage.listen(0);
  for (let i = 0; i < CLIENTS; i++) await stage.connect();
  assert.ok(again.endpoint.connections.length > 1);
  for (const connection of alive) {
    await stage.clock.until(connection.migrate());
    await stage.echo(connection, 'moved');
  }
  await stage.close(again, b);
  assert.deepEqual(stage.handOver.shards, []);
});

test('L80 a shard that is taken, a hand-over without a shard and one that is none are refused', async () => {
  const stage = new Stage('hand-over refusals');
  const a = await stage.listen(3);
  await assert.rejects(stage.listen(3), { code: 'ERR_QUIC_SHARD_TAKEN' });
  assert.deepEqual(stage.handOver.shards, [3]);
  const connection = await stage.connect();
  await stage.echo(connection, 'undisturbed');
  const { handOver } = stage;
  assert.throws(
    () => new QuicEndpoint({ handOver }),
    /"shard" argument must be of type number where there is/,
  );
  assert.throws(() => new QuicEndpoint({ shard: 32, handOver }), { code: 'ERR_OUT_OF_RANGE' });
  assert.throws(() => new QuicEndpoint({ shard: 1, handOver: {} as never }), /"handOver"/);
  await stage.close(a);
});

test('L80 port 0 is for the first alone: whoever shares its port has to name it, and is refused without a trace', async () => {
  const stage = new Stage('hand-over port 0');
  const free = { ...AT, port: 0 };
  const { handOver } = stage;
  const first = await echoListener(stage.server, free, { shard: 0, handOver });
  const { port } = first;
  const sharing = { shard: 1, handOver };
  await assert.rejects(echoListener(stage.server, free, sharing), {
    code: 'ERR_INVALID_ARG_VALUE',
    message: /'port' must be the port of those who share it \(shard 0\); 0 would be .*Received 0/,
  });
  assert.deepEqual(handOver.shards, [0]);
  assert.deepEqual([first.state, first.port, first.endpoint.addresses.length], ['started', port, 1]);
  const second = await echoListener(stage.server, { ...AT, port }, sharing);
  assert.equal(second.port, port);
  // The first one asks for what it has.
  await stage.clock.until(first.endpoint.bind());
  assert.equal(first.port, port);
  await stage.close(first, second);
});

test('L80 a datagram for a shard that nobody has is dropped and counted, and never answered', async () => {
  const stage = new Stage('hand-over to nobody');
  const a = await stage.listen(0);
  const packet = new Uint8Array(100).fill(0x55);
  packet[1] = 0x1f;
  const from = { address: '10.0.0.1', port: 999, family: 4 } as const;
  stage.network.transmit(stage.client, from, AT, packet, 0, packet.length, 0);
  let answers = 0;
  stage.network.tap(({ kind, from: sender }) => {
    if (kind === 'sent' && sender.address === AT.address) answers++;
  });
  await stage.clock.runAsync(stage.clock.now() + 100);
  const { foreign, dropped } = a.endpoint.counters;
  assert.deepEqual([foreign, dropped['foreign-id'], answers], [1, 1, 0]);
  await stage.close(a);
});

test('L80 what is handed over stays as it came, whatever comes after it in the same turn', async () => {
  const stage = new Stage('hand-over keeps');
  const seen: { shard: number; bytes: Uint8Array }[] = [];
  const handOver: HandOver = {
    join: async () => ({
      send: (shard, bytes) => seen.push({ shard, bytes }) > 0,
      leave: async () => {},
    }),
  };
  const a = await stage.listen(0, { handOver });
  const from = { address: '10.0.0.1', port: 999, family: 4 } as const;
  const packets = [1, 2, 3].map((shard) => {
    const packet = new Uint8Array(100 + shard).fill(0x40 | shard);
    packet[1] = shard;
    return packet;
  });
  for (const packet of packets) stage.network.transmit(stage.client, from, AT, packet, 0, packet.length, 0);
  await stage.clock.runAsync(stage.clock.now() + 100);
  assert.deepEqual(
    seen.map(({ shard, bytes }) => [shard, toHex(bytes)]),
    packets.map((packet, i) => [i + 1, toHex(packet)]),
  );
  await stage.close(a);
});
