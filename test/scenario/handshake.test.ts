import assert from 'node:assert/strict';
import { seededRandom } from '../../src/crypto/random.ts';
import { SCENARIOS } from '../../src/sim/scenarios.ts';
import { NO_TRACE } from '../../src/trace/trace.ts';
import { toHex } from '../../src/util/bytes.ts';
import { PacketType } from '../../src/wire/header.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { TestPair } from '../support/core-pair.ts';
import { openInitial, packetType } from '../support/initial-packets.ts';
import { scenario } from '../support/scenario.ts';

scenario('C20 RFC 9001 §4.1 handshake: one handshake, no Retry, 1 KiB', (seed) => {
  const pair = new TestPair({ seed, scenario: SCENARIOS.handshake });
  const serverIds = new Set<string>();
  let retries = 0;
  const keyId = pair.client.firstFlight.originalDestinationId;
  pair.pair.network.tap((event) => {
    if (event.kind !== 'sent' || event.link !== 'server>client') return;
    if (packetType(event) === PacketType.RETRY) retries++;
    const initial = openInitial(event.bytes, keyId, 'server');
    if (initial !== null) serverIds.add(toHex(initial.sourceId));
  });
  pair.fetch([1024]);
  assert.equal(pair.client.state.value, 'established');
  assert.equal(pair.server?.state.value, 'established');
  assert.equal(pair.client.handshake.engine.alpn, 'test');
  assert.equal(pair.server?.handshake.engine.serverName, 'localhost');
  assert.equal(pair.client.remoteParameters.initialMaxStreamsBidi, 100);
  assert.equal(serverIds.size, 1);
  assert.equal(retries, 0);
  // Hello, answer, Finished and request, response: two round trips of 30 ms and what the bytes take.
  assert.ok(pair.now < 75, `took ${pair.now} ms`);
  pair.close();
  assert.deepEqual(pair.pair.client.errors, []);
  assert.deepEqual(pair.pair.server.errors, []);
});

scenario('C20 RFC 9001 §4.9 Initial and Handshake keys are gone on both sides once confirmed', (seed) => {
  const pair = new TestPair({ seed });
  pair.runUntil(() => pair.isEstablished);
  for (const core of [pair.client, pair.server]) {
    assert.deepEqual(
      core?.spaces.map(({ discarded }) => discarded),
      [true, true, false],
    );
    assert.equal(core?.recovery.hasInFlight(0), false);
    assert.equal(core?.recovery.hasInFlight(1), false);
  }
});

scenario('C8 RFC 9000 §14.1 datagrams with ack-eliciting Initials have at least 1200 bytes', (seed) => {
  const pair = new TestPair({ seed });
  const keyId = pair.client.firstFlight.originalDestinationId;
  let seen = 0;
  pair.pair.network.tap((event) => {
    if (event.kind !== 'sent') return;
    const sender = event.link === 'client>server' ? 'client' : 'server';
    const initial = openInitial(event.bytes, keyId, sender);
    if (initial === null) return;
    seen++;
    const elicits = initial.frameTypes.some((type) => type !== 0x02 && type !== 0x03 && type !== 0x1c);
    if (sender === 'client' || elicits) assert.ok(event.bytes.length >= 1200, `${event.bytes.length} bytes`);
  });
  pair.runUntil(() => pair.isEstablished);
  assert.ok(seen >= 2);
});

scenario('C80 RFC 9002 §6.2 longrtt: 1.5 s round trips, the ClientHello goes out more than once', (seed) => {
  const pair = new TestPair({ seed, scenario: SCENARIOS.longrtt });
  const keyId = pair.client.firstFlight.originalDestinationId;
  let hellos = 0;
  const serverIds = new Set<string>();
  pair.pair.network.tap((event) => {
    if (event.kind !== 'sent') return;
    if (event.link === 'client>server') {
      const initial = openInitial(event.bytes, keyId, 'client');
      if (initial?.crypto.some(({ offset }) => offset === 0)) hellos++;
    } else {
      const initial = openInitial(event.bytes, keyId, 'server');
      if (initial !== null) serverIds.add(toHex(initial.sourceId));
    }
  });
  pair.fetch([1024]);
  assert.ok(hellos >= 2, `${hellos} ClientHellos`);
  assert.equal(serverIds.size, 1);
  assert.ok(pair.now < 3200, `took ${pair.now} ms`);
  pair.close();
});

scenario('C23 chacha20: both ends offer TLS_CHACHA20_POLY1305_SHA256 alone and move 3 MiB', (seed) => {
  const only = { cipherSuites: [0x1303] };
  const pair = new TestPair({ seed, client: only, server: only });
  pair.fetch([3 * 1024 * 1024]);
  assert.equal(pair.client.handshake.engine.suite?.name, 'TLS_CHACHA20_POLY1305_SHA256');
  assert.equal(pair.server?.handshake.engine.suite?.name, 'TLS_CHACHA20_POLY1305_SHA256');
  pair.close();
});

for (const [suite, name] of [
  [0x1301, 'TLS_AES_128_GCM_SHA256'],
  [0x1302, 'TLS_AES_256_GCM_SHA384'],
] as const) {
  scenario(`C23 ${name} carries a connection`, (seed) => {
    const pair = new TestPair({ seed, client: { cipherSuites: [suite] } });
    pair.fetch([40_000]);
    assert.equal(pair.server?.handshake.engine.suite?.name, name);
  });
}

for (const [group, name] of [
  [0x001d, 'X25519'],
  [0x0017, 'P-256'],
  [0x0018, 'P-384'],
] as const) {
  scenario(`C23 a server that takes ${name} only gets it, with HelloRetryRequest where it must`, (seed) => {
    const pair = new TestPair({ seed, server: { groups: [group] } });
    pair.fetch([1000]);
    assert.equal(pair.client.handshake.engine.group, group);
    // A second ClientHello costs a round trip and no more.
    const expected = group === 0x001d ? 75 : 105;
    assert.ok(pair.now < expected, `took ${pair.now} ms`);
  });
}

for (const kind of ['ec-p256', 'ec-p384', 'rsa', 'ed25519'] as const) {
  scenario(`C20 a server with a certificate of kind ${kind} is accepted`, (seed) => {
    const pair = new TestPair({ seed, identity: makeTestIdentity({ kind }) });
    pair.fetch([1000]);
    assert.equal(pair.clientApp.whole, 1);
  });
}

scenario('C1 the same seed gives the same datagrams at the same times', (seed) => {
  const run = (chosen: number): string[] => {
    const pair = new TestPair({ seed: chosen, scenario: SCENARIOS.transferloss });
    const lines: string[] = [];
    pair.pair.network.tap(({ time, kind, link, bytes }) => {
      lines.push(`${time} ${kind} ${link} ${toHex(bytes.subarray(0, 64))}`);
    });
    pair.fetch([100_000]);
    pair.close();
    return lines;
  };
  assert.deepEqual(run(seed), run(seed));
  assert.notDeepEqual(run(seed), run(seed + 1));
});

scenario('C29 RFC 9000 §18.1 reserved transport parameters are sent by default, and ignored', (seed) => {
  for (const grease of [true, false]) {
    const pair = new TestPair({ seed, client: { grease }, server: { grease } });
    pair.runUntil(() => pair.isEstablished);
  }
});

scenario('C27 the key log of both sides names the same secrets', (seed) => {
  const lines: [string[], string[]] = [[], []];
  const log = (side: 0 | 1) => ({
    trace: { ...NO_TRACE, keyLog: (line: string) => void lines[side].push(line) },
  });
  const pair = new TestPair({ seed, client: log(0), server: log(1) });
  pair.runUntil(() => pair.isEstablished);
  assert.deepEqual([...lines[0]].sort(), [...lines[1]].sort());
  const labels = lines[0].map((line) => line.split(' ')[0]).sort();
  assert.deepEqual(labels.slice(0, 4), [
    'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
    'CLIENT_TRAFFIC_SECRET_0',
    'EXPORTER_SECRET',
    'SERVER_HANDSHAKE_TRAFFIC_SECRET',
  ]);
});

scenario('C4 junk between the datagrams of a handshake changes nothing', (seed) => {
  const pair = new TestPair({ seed });
  const random = seededRandom(`${seed} junk`);
  const { network, clientHost, serverHost, clientAddress, serverAddress } = pair.pair;
  const throwJunk = (): void => {
    if (pair.isEstablished) return;
    const junk = new Uint8Array(21 + random.integer(1400));
    random.fill(junk);
    network.transmit(clientHost, clientAddress, serverAddress, junk, 0, junk.length, 0);
    network.transmit(serverHost, serverAddress, clientAddress, junk, 0, junk.length, 0);
    pair.pair.clock.schedule(pair.now + 3, throwJunk);
  };
  pair.pair.clock.schedule(16, throwJunk);
  pair.fetch([1000]);
  assert.deepEqual(pair.pair.client.errors, []);
  assert.deepEqual(pair.pair.server.errors, []);
});
