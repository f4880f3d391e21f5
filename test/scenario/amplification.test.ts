import assert from 'node:assert/strict';
import { SCENARIOS, simpleP2p } from '../../src/sim/scenarios.ts';
import { NO_TRACE } from '../../src/trace/trace.ts';
import { PacketType } from '../../src/wire/packet-type.ts';
import { makeChain } from '../support/certificates.ts';
import { type PairOptions, TestPair } from '../support/core-pair.ts';
import { openInitial } from '../support/initial-packets.ts';
import { scenario } from '../support/scenario.ts';

/** Nine certificates, more than 7,500 bytes of them. */
const CHAIN = makeChain({ intermediates: 8, size: 1000 });

/** Counts what the server got and gave until the client's address was validated. */
class WatchedPair extends TestPair {
  received = 0;
  sent = 0;
  worst = 0;
  handshakeBytes = 0;
  smallestInitial = Number.POSITIVE_INFINITY;

  constructor(options: PairOptions) {
    const trace = {
      ...NO_TRACE,
      packetSent: (_now: number, type: number, _number: number, size: number) => {
        if (type === PacketType.HANDSHAKE) this.handshakeBytes += size;
      },
    };
    super({ ...options, identity: CHAIN, server: { trace } });
    this.pair.network.tap(({ kind, link, bytes }) => {
      if (link === 'server>client' && kind === 'sent') this.#lookAt(bytes);
      if (this.server?.paths.active.addressValidated) return;
      if (link === 'client>server' && kind === 'delivered') this.received += bytes.length;
      if (link === 'server>client' && kind === 'sent') {
        this.sent += bytes.length;
        this.worst = Math.max(this.worst, this.sent / this.received);
      }
    });
  }

  #lookAt(bytes: Uint8Array): void {
    const initial = openInitial(bytes, this.client.firstFlight.originalDestinationId, 'server');
    // An Initial with more than an acknowledgement.
    if (initial === null || initial.frameTypes.every((type) => type === 0x02)) return;
    this.smallestInitial = Math.min(this.smallestInitial, bytes.length);
  }
}

scenario('L78 RFC 9000 §8.1 amplificationlimit: nine certificates, client datagrams 2 to 7 lost', (seed) => {
  const pair = new WatchedPair({ seed, scenario: SCENARIOS.amplificationlimit });
  pair.fetch([5 * 1024]);
  assert.ok(pair.worst <= 3, `${pair.worst} times what came`);
  assert.ok(pair.smallestInitial >= 1200, `an Initial of ${pair.smallestInitial} bytes`);
  assert.ok(pair.worst > 2.5, `${pair.worst} times: the limit was not met`);
  assert.ok(pair.handshakeBytes >= 7500, `${pair.handshakeBytes} bytes of Handshake packets`);
  pair.close();
});

scenario('L78 RFC 9000 §8.1 a long chain waits for the client where nothing is lost, too', (seed) => {
  const pair = new WatchedPair({ seed });
  pair.fetch([1000]);
  assert.ok(pair.worst <= 3);
  assert.ok(pair.now < 200, `took ${pair.now} ms`);
});

scenario('L78 RFC 9000 §8.1 a server whose client is silent stops, and its timers with it', (seed) => {
  const pair = new WatchedPair({ seed, scenario: simpleP2p() });
  pair.runUntil(() => pair.server !== null);
  pair.pair.toServer.options = { ...pair.pair.toServer.options, loss: 1 };
  pair.pair.run(20_000);
  assert.ok(pair.worst <= 3, `${pair.worst} times what came`);
  assert.ok(pair.smallestInitial >= 1200, `an Initial of ${pair.smallestInitial} bytes`);
  const sent = pair.sent;
  const { timeouts } = pair.pair.server.counters;
  pair.pair.run(5_000);
  assert.equal(pair.sent, sent);
  assert.ok(pair.pair.server.counters.timeouts - timeouts < 5, 'the timer does not spin');
});

scenario(
  'C80 RFC 9002 §6.2.2.1 a client with nothing in flight probes while the server may be blocked',
  (seed) => {
    // The client's first answers are lost, so that the server, at its limit, would wait for ever.
    const pair = new WatchedPair({
      seed,
      scenario: { ...simpleP2p(), toServer: { delay: 15, drop: [2, 3, 4] } },
    });
    pair.runUntil(() => pair.isEstablished, 20_000);
    assert.ok(pair.worst <= 3, `${pair.worst} times what came`);
    assert.ok(pair.smallestInitial >= 1200, `an Initial of ${pair.smallestInitial} bytes`);
  },
);

scenario('L78 C10 RFC 9000 §8.1 a timer does not spin for an acknowledgement that may not leave', (seed) => {
  // No room for anything at all.
  const pair = new TestPair({ seed, server: { maxAmplificationFactor: 0.05 } });
  pair.pair.run(5_000);
  assert.equal(pair.pair.toClient.counters.entered, 0);
  assert.ok(pair.pair.server.counters.timeouts < 20, `${pair.pair.server.counters.timeouts} timeouts`);
});
