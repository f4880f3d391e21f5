import assert from 'node:assert/strict';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import { parseDatagrams } from '../../src/connection/datagram-options.ts';
import { simpleP2p } from '../../src/sim/scenarios.ts';
import { type PairOptions, TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

const ON = {
  ...parseDatagrams({ recvQueueLen: 10_000, sendQueueLen: 10_000, recvQueueBytes: 1e8, sendQueueBytes: 1e8 }),
  datagramFates: true,
};

/** IPv4 and UDP headers. */
const HEADERS = 28;

function connected(options: PairOptions): { pair: TestPair; client: ConnectionCore; server: ConnectionCore } {
  const { clientTransport, serverTransport } = options;
  const pair = new TestPair({
    ...options,
    clientTransport: { ...ON, ...clientTransport },
    serverTransport: { ...ON, ...serverTransport },
  });
  pair.runUntil(() => pair.isEstablished);
  return { pair, client: pair.client, server: pair.server as ConnectionCore };
}

/** Eight bytes with a number in them, and more to fill the size. */
function numbered(i: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, i);
  return bytes;
}

function read(core: ConnectionCore): number[] {
  const found: number[] = [];
  for (let each = core.datagrams.receive(); each !== null; each = core.datagrams.receive()) {
    found.push(new DataView(each.buffer, each.byteOffset).getUint32(0));
  }
  return found;
}

/** By id; fails if one was told twice. */
function collect(core: ConnectionCore, into: Map<number, string>): void {
  for (let each = core.datagrams.nextNotice(); each !== null; each = core.datagrams.nextNotice()) {
    assert.equal(into.has(each.id), false, `the fate of ${each.id} was told twice`);
    into.set(each.id, each.fate);
  }
}

for (const loss of [0, 0.05, 0.3]) {
  scenario(
    `C62 RFC 9221 §5.2 with ${100 * loss} % loss the fate of each datagram is told once and is true`,
    (seed) => {
      const { pair, client, server } = connected({ seed, scenario: simpleP2p({ loss, queue: 1000 }) });
      const fates = new Map<number, string>();
      let sent = 0;
      pair.onClient = () => {
        collect(client, fates);
        while (sent < 2000 && client.datagrams.sendQueueLength < 50) {
          assert.equal(client.datagrams.send(numbered(sent, 100 + (sent % 900))), sent);
          sent++;
        }
      };
      pair.wake();
      pair.runUntil(() => fates.size === 2000, 600_000);
      const arrived = read(server);
      const { counters } = client.datagrams;
      assert.equal(new Set(arrived).size, arrived.length, 'nothing was sent twice');
      assert.equal(counters.sent, 2000);
      assert.equal(counters.acknowledged + counters.lost, 2000);
      // What was acknowledged did arrive; what is lost may have arrived, if only its acknowledgement was lost.
      const there = new Set(arrived);
      for (const [id, fate] of fates) if (fate === 'acknowledged') assert.ok(there.has(id), `datagram ${id}`);
      if (loss === 0) assert.equal(counters.lost, 0);
      else assert.ok(counters.lost >= (2000 * loss) / 2, `${counters.lost} lost`);
      assert.equal(counters.received + server.datagrams.counters.received, arrived.length);
    },
  );
}

scenario(
  'RFC 9221 §5.4 datagrams beyond what the path carries wait, and do not overflow its queue',
  (seed) => {
    const { pair, client, server } = connected({ seed });
    for (let i = 0; i < 3000; i++) assert.equal(client.datagrams.send(numbered(i, 1000)), i);
    const start = pair.now;
    pair.wake();
    pair.runUntil(() => client.datagrams.sendQueueLength === 0, 60_000);
    // 3 MB over 10 Mbit/s take 2.4 seconds.
    assert.ok(pair.now - start > 2000, `${pair.now - start} ms`);
    pair.pair.run(2000);
    assert.ok(server.datagrams.counters.received > 2700, `${server.datagrams.counters.received} arrived`);
  },
);

scenario('C62 datagrams and streams share a connection, and the streams lose nothing', (seed) => {
  const { pair, client, server } = connected({ seed, scenario: simpleP2p({ loss: 0.02 }) });
  let sent = 0;
  pair.onServer = () => {
    while (sent < 500 && server.datagrams.sendQueueLength < 5) {
      server.datagrams.send(numbered(sent++, server.datagrams.maxWritableLength as number));
    }
  };
  pair.fetch([200_000, 200_000]);
  pair.runUntil(
    () => server.datagrams.counters.acknowledged + server.datagrams.counters.lost === 500,
    60_000,
  );
  assert.ok(client.datagrams.counters.received > 450);
  assert.equal(server.datagrams.counters.sent, 500);
});

scenario('C64 the longest datagram follows the MTU that the path is found to have', (seed) => {
  const { pair, client, server } = connected({ seed });
  const overhead = 1 + 8 + 4 + 16 + 3;
  assert.equal(client.paths.active.mtu, 1200);
  assert.equal(client.datagrams.maxWritableLength, 1200 - overhead);
  pair.pair.run(2000);
  assert.equal(client.paths.active.mtu, 1452);
  assert.equal(client.datagrams.maxWritableLength, 1452 - overhead);
  client.datagrams.send(numbered(1, 1452 - overhead));
  pair.wake();
  pair.pair.run(500);
  assert.deepEqual(read(server), [1]);
});

scenario('C64 a path of 1300 bytes never gets a datagram that it cannot carry', (seed) => {
  const { pair, client, server } = connected({ seed, scenario: simpleP2p({ mtu: 1300 + HEADERS }) });
  pair.pair.run(10_000);
  const longest = client.datagrams.maxWritableLength as number;
  assert.ok(longest > 1240 && longest <= 1300 - 32, `${longest} bytes`);
  for (let i = 0; i < 20; i++) client.datagrams.send(numbered(i, longest));
  pair.wake();
  pair.pair.run(1000);
  assert.equal(read(server).length, 20);
});

scenario(
  'C64 what became too large for the path while it waited is given up and told, and the rest goes out',
  (seed) => {
    const { pair, client, server } = connected({ seed });
    pair.pair.run(2000);
    const fates = new Map<number, string>();
    client.datagrams.send(numbered(0, 1400));
    client.datagrams.send(numbered(1, 1000));
    client.datagrams.send(numbered(2, 1400));
    client.datagrams.send(numbered(3, 1000));
    client.paths.active.mtu = 1200;
    pair.wake();
    pair.pair.run(1000);
    collect(client, fates);
    assert.deepEqual(read(server), [1, 3]);
    assert.deepEqual([...fates].sort(), [
      [0, 'abandoned'],
      [1, 'acknowledged'],
      [2, 'abandoned'],
      [3, 'acknowledged'],
    ]);
    assert.equal(client.hasPending, false);
  },
);

scenario('C62 T17 a reader that is too slow loses the oldest, and the memory stays bounded', (seed) => {
  const { pair, client, server } = connected({ seed, serverTransport: { datagramRecvQueueLen: 16 } });
  let sent = 0;
  pair.onClient = () => {
    while (sent < 1000 && client.datagrams.sendQueueLength < 50) client.datagrams.send(numbered(sent++, 500));
  };
  pair.wake();
  pair.runUntil(() => sent === 1000 && client.datagrams.sendQueueLength === 0, 60_000);
  pair.pair.run(1000);
  const { received, dropped } = server.datagrams.counters;
  assert.equal(server.datagrams.receiveQueueLength, 16);
  assert.equal(dropped, received - 16);
  const left = read(server);
  assert.equal(left.at(-1), 999);
  assert.deepEqual(
    left,
    [...left].sort((a, b) => a - b),
  );
});

scenario(
  'C64 C83 a path that comes to carry less loses some datagrams, and then the longest is shorter',
  (seed) => {
    const { pair, client, server } = connected({ seed, scenario: simpleP2p({ mtu: 1452 + HEADERS }) });
    pair.pair.run(2000);
    const before = client.datagrams.maxWritableLength as number;
    assert.equal(before, 1452 - 32);
    const { toServer } = pair.pair;
    toServer.options = { ...toServer.options, mtu: 1280 + HEADERS };
    const fates = new Map<number, string>();
    let sent = 0;
    // As an application does that fills each datagram: one every 20 ms, as long as can be at that time.
    for (; sent < 500; sent++) {
      client.datagrams.send(numbered(sent, client.datagrams.maxWritableLength as number));
      pair.wake();
      pair.pair.run(20);
      collect(client, fates);
    }
    pair.pair.run(3000);
    collect(client, fates);
    const after = client.datagrams.maxWritableLength as number;
    assert.ok(after <= 1280 - 32 && after >= 1200 - 32, `${after} bytes`);
    assert.equal(fates.size, sent);
    const lost = [...fates].filter(([, fate]) => fate !== 'acknowledged').map(([id]) => id);
    assert.ok(lost.length > 0 && lost.length < 150, `${lost.length} lost`);
    assert.ok(Math.max(...lost) < 250, `the last lost was ${Math.max(...lost)}`);
    assert.equal(read(server).length, sent - lost.length);
  },
);
