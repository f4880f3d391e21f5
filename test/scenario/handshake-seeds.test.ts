import assert from 'node:assert/strict';
import test from 'node:test';
import type { ConnectionConfig, Identity, ServerAnswer } from '../../src/connection/config.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import type { LinkOptions } from '../../src/sim/link.ts';
import { makeChain, makeTestIdentity, seededIdentity, type TestIdentity } from '../support/certificates.ts';
import { type PairOptions, TestPair } from '../support/core-pair.ts';
import { seeds, withSeed } from '../support/scenario.ts';

const identityOf = ({ certificates, keyPem }: TestIdentity): Identity => ({
  certificates,
  key: nodeProvider.privateKeyFrom(keyPem),
});

/** Made once: keys are dear. */
const SERVERS = [seededIdentity(), makeTestIdentity(), makeChain({ intermediates: 8, size: 1000 })].map(
  identityOf,
);
const CLIENT = identityOf(makeTestIdentity({ kind: 'ed25519', names: ['client.example'] }));
const MANY = [...Array.from({ length: 100 }, (_, i) => `a-protocol-with-a-long-name-${i}`), 'test'];

type Random = ReturnType<typeof seededRandom>;

function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.integer(choices.length)] as T;
}

function link(random: Random): LinkOptions {
  return {
    delay: pick(random, [0, 1, 15, 100, 750]),
    bandwidth: 10_000_000,
    queue: 25,
    loss: pick(random, [0, 0.1, 0.3]),
    lossBurst: 3,
    corruption: pick(random, [0, 0.2]),
    corruptionBurst: 2,
    reordering: pick(random, [0, 0.3]),
    reorderDelay: 20,
    duplication: pick(random, [0, 0.3]),
    duplicateDelay: pick(random, [1, 300]),
  };
}

/** One handshake of a kind that the seed chooses, with what is slow, long, lossy or rare about it. */
function run(seed: number): void {
  const random = seededRandom(`${seed} handshake`);
  const clientCertificate = pick(random, ['none', 'none', 'request', 'require'] as const);
  const answer: ServerAnswer = { identity: pick(random, SERVERS), alpn: ['test'], clientCertificate };
  if (random.integer(2) === 0) answer.transport = { initialMaxStreamsBidi: 3 };
  const isAsync = random.integer(2) === 0;
  const client: Partial<ConnectionConfig> = {
    verifyPeer: random.integer(2) === 0,
    alpn: pick(random, [['test'], MANY]),
  };
  if (clientCertificate === 'require' || random.integer(2) === 0) client.identity = CLIENT;
  const server: Partial<ConnectionConfig> = { answer: isAsync ? undefined : answer };
  // A group that the client sent no share of: HelloRetryRequest.
  if (random.integer(3) === 0) server.groups = [0x0017];
  const patient = { maxIdleTimeout: 0 };
  const options: PairOptions = {
    seed,
    client,
    server,
    clientTransport: patient,
    serverTransport: patient,
    scenario: { toServer: link(random), toClient: link(random) },
  };
  const pair = new TestPair(options);
  const wait = (): number => pick(random, [0, 0, 5, 400, 3_000]);
  const late = (act: () => void): void => {
    pair.pair.clock.schedule(pair.now + wait(), () => {
      act();
      pair.wake();
    });
  };
  const answered = { hello: false, byClient: false, byServer: false };
  const has = (events: ConnectionEvent[], type: ConnectionEvent['type']): boolean =>
    events.some((event) => event.type === type);
  pair.onServer = (core) => {
    if (!answered.hello && has(pair.serverEvents, 'client-hello')) {
      answered.hello = true;
      late(() => core.answerClientHello(answer, pair.now));
    }
    if (!answered.byServer && has(pair.serverEvents, 'verify')) {
      answered.byServer = true;
      late(() => core.answerVerification(null, pair.now));
    }
  };
  pair.runUntil(() => pair.server !== null, 600_000);
  const fetched = pair.client;
  const check = (): void => {
    if (answered.byClient || !has(pair.clientEvents, 'verify')) return;
    answered.byClient = true;
    late(() => fetched.answerVerification(null, pair.now));
  };
  pair.onClient = check;
  check();
  pair.runUntil(() => pair.isEstablished, 600_000);
  pair.fetch([2_000], 600_000);
  assert.equal(fetched.handshake.engine.alpn, 'test');
  const sentCertificate = clientCertificate !== 'none' && client.identity !== undefined;
  assert.equal(pair.server?.handshake.engine.peerCertificates.length, sentCertificate ? 1 : 0);
  assert.deepEqual(pair.pair.client.errors, []);
  assert.deepEqual(pair.pair.server.errors, []);
  // Without an idle timeout nobody would hear of a close that was lost.
  pair.server?.close(true, 0, '', pair.now);
  pair.close(600_000);
}

const chosen = seeds();
test(`C20 C22 C23 C80 ${chosen.length} seeds of handshakes: long chains, HelloRetryRequest, client certificates, late answers, bad links`, () => {
  for (const seed of chosen) withSeed(seed, run);
});
