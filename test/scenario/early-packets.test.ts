import assert from 'node:assert/strict';
import { MAX_EARLY_PACKETS } from '../../src/connection/early-packets.ts';
import { simpleP2p } from '../../src/sim/scenarios.ts';
import { NO_TRACE } from '../../src/trace/trace.ts';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

scenario('C16 RFC 9001 §5.7 packets that overtake the keys to read them are kept and used', (seed) => {
  // The server's first datagram, with the ServerHello, comes later than the others.
  let probes = 0;
  const trace = { ...NO_TRACE, packetLost: () => void probes++ };
  const pair = new TestPair({
    seed,
    server: { trace },
    scenario: { toServer: { delay: 15 }, toClient: { delay: 15 } },
  });
  pair.runUntil(() => pair.server !== null);
  const { toClient } = pair.pair;
  toClient.options = { delay: 15, reordering: 1, reorderDelay: 5 };
  pair.runUntil(() => toClient.counters.entered === 1);
  toClient.options = { delay: 15 };
  pair.runUntil(() => pair.isEstablished);
  assert.ok(pair.now < 70, `took ${pair.now} ms: nothing had to be sent again`);
  assert.equal(probes, 0);
});

scenario('C16 1-RTT data before the last of the handshake waits for its keys', (seed) => {
  // The client's Finished is lost: what follows it arrives first and cannot be read yet.
  const pair = new TestPair({ seed });
  let finishedAt = 0;
  pair.pair.toServer.options = {
    delay: 15,
    drop: () => {
      if (pair.client.state.value !== 'established' || finishedAt > 0) return false;
      finishedAt = pair.now;
      return true;
    },
  };
  pair.runUntil(() => finishedAt > 0);
  pair.pair.run(1);
  const id = pair.client.streams.openStream('bidi') as number;
  pair.clientApp.write(id, 5000);
  pair.wake();
  pair.pair.run(20);
  assert.equal(pair.server?.state.value, 'handshaking');
  pair.runUntil(() => pair.server?.state.value === 'established');
  pair.pair.run(0);
  assert.equal(pair.serverApp?.received.get(id)?.fin, true);
});

scenario('C16 no more than a small number of packets is kept', (seed) => {
  const dropped: string[] = [];
  const trace = { ...NO_TRACE, packetDropped: (_now: number, reason: string) => void dropped.push(reason) };
  const pair = new TestPair({ seed, client: { trace }, scenario: simpleP2p() });
  const { serverAddress, clientAddress } = pair.pair;
  const early = new Uint8Array(1200).fill(0x5a);
  early[0] = 0x41;
  early.set(pair.client.localIds.current, 1);
  for (let i = 0; i < 100; i++) {
    pair.client.recv(early.slice(), { from: serverAddress, to: clientAddress }, 0);
  }
  const full = dropped.filter((reason) => reason === 'early-buffer-full').length;
  assert.ok(MAX_EARLY_PACKETS <= 16);
  assert.equal(full, 100 - MAX_EARLY_PACKETS);
  pair.runUntil(() => pair.isEstablished);
  pair.close();
  assert.deepEqual(pair.client.early.take(2), [], 'nothing is left after the end');
});
