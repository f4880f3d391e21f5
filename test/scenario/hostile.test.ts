/**
 * Random and mutated datagrams into connections at every stage, and frames of an authenticated peer that make no sense.
 * QUAYSIDE_HOSTILE says how many datagrams (default 10,000), QUAYSIDE_SEED which ones.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import { MAX_UNVALIDATED_PATHS } from '../../src/connection/paths.ts';
import type { RandomSource } from '../../src/crypto/provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { concat } from '../../src/util/bytes.ts';
import { Attack } from '../support/attack.ts';
import { checkedQlog } from '../support/checked-qlog.ts';
import { clientCore, echo, serverCore } from '../support/cores.ts';
import { CLIENT, Duel, SERVER, type Sent } from '../support/duel.ts';
import { fuzzFrames } from '../support/frame-fuzz.ts';
import { HostilePeer } from '../support/hostile-peer.ts';
import { mutate, pick, bytes as randomBytes } from '../support/mutations.ts';
import { withSeed } from '../support/scenario.ts';

const TOTAL = Number(process.env.QUAYSIDE_HOSTILE ?? 10_000);
const FIRST_SEED = Number(process.env.QUAYSIDE_SEED ?? 1);
const PER_ROUND = 100;

test('mutated datagrams at every stage of the handshake and after it harm no connection', () => {
  const rounds = Math.ceil((TOTAL * 0.7) / PER_ROUND);
  for (let round = 0; round < rounds; round++) withSeed(FIRST_SEED + round, openRound);
});

test('mutated datagrams to a connection that closes, drains or is closed change nothing', () => {
  const rounds = Math.ceil((TOTAL * 0.1) / PER_ROUND);
  for (let round = 0; round < rounds; round++) withSeed(FIRST_SEED + round, endingRound);
});

test('frames of an authenticated client that make no sense close its connection at most', () => {
  fuzz('client', Math.ceil(TOTAL * 0.1));
});

test('frames of an authenticated server that make no sense close its connection at most', () => {
  fuzz('server', Math.ceil(TOTAL * 0.1));
});

for (const role of ['client', 'server'] as const) {
  test(`TLS messages of a ${role} with flipped, lost and added bytes end the handshake with the peer's fault`, () => {
    const total = Math.ceil(TOTAL * 0.03);
    for (let round = 0; round < total; round++) {
      withSeed(FIRST_SEED + round, (seed) => mutateTls(role, seed));
    }
  });
}

test('P6 every datagram of a conversation cut off at every byte harms nothing', () => {
  const pair = new CoreDuel(FIRST_SEED);
  let seen = 0;
  const done = (): boolean => pair.heard.length >= TEXT.length && pair.client.handshake.isConfirmed;
  while (!done()) {
    pair.duel.collect();
    for (; seen < pair.duel.sent.length; seen++) {
      const { toServer, bytes } = pair.duel.sent[seen] as Sent;
      if (toServer && pair.duel.server === null) continue;
      for (let length = 1; length < bytes.length; length++)
        pair.duel.give(toServer, bytes.subarray(0, length));
    }
    assert.ok(pair.duel.step());
  }
  assert.deepEqual(pair.duel.errors, []);
});

/** Packets of random frames, in every space there is, until the core closes; then with another one. */
function fuzz(role: 'client' | 'server', total: number): void {
  let left = total;
  for (let round = 0; left > 0; round++) {
    const seed = FIRST_SEED + round;
    withSeed(seed, () => {
      left -= fuzzOne(role, seed, Math.min(left, 200));
    });
  }
}

function fuzzOne(role: 'client' | 'server', seed: number, limit: number): number {
  const random = seededRandom(`frames ${role} ${seed}`);
  // Every fourth connection writes qlog, which must stand what comes (T6).
  const qlog = seed % 4 === 0 ? checkedQlog() : null;
  const changes = qlog === null ? {} : { trace: qlog.trace };
  const ours = role === 'client' ? { local: CLIENT, remote: SERVER } : { local: SERVER, remote: CLIENT };
  const peer = new HostilePeer({ seed, role, ...ours });
  let core: ConnectionCore | null =
    role === 'server' ? clientCore({ seed, local: CLIENT, remote: SERVER, changes }) : null;
  const duel = new Duel(core ?? peer, (datagram, _info, now) => {
    if (role === 'server') return peer;
    core = serverCore(datagram, { seed, local: SERVER, remote: CLIENT, now, changes });
    return core;
  });
  duel.onProgress = () => {
    if (core !== null) echo(core);
  };
  // Most often an established connection, sometimes one in the middle of its handshake.
  const stage = random.integer(5) === 0 ? 2 + random.integer(6) : 40;
  duel.run(() => peer.isEstablished && core?.handshake.isConfirmed === true, stage);
  const target = core as ConnectionCore | null;
  if (target === null) return 1;
  let sent = 0;
  while (sent < limit && target.state.isOpen) {
    const spaces = peer.spaces.flatMap(({ send }, space) => (send === null ? [] : [space]));
    const space = random.integer(10) === 0 ? pick(spaces, random) : (spaces[spaces.length - 1] as number);
    peer.inject(space, fuzzFrames(random, role));
    sent++;
    if (random.integer(2) === 0) duel.run(() => peer.queue.length === 0, 6);
  }
  duel.run(() => target.state.value === 'closed', 300);
  qlog?.check();
  for (const { code, message } of duel.errors) {
    assert.notEqual(code, 'ERR_QUIC_INTERNAL_ERROR', message);
  }
  assert.notEqual(target.closer.local?.errorCode, 1n, target.closer.local?.reason);
  const { error } = target.closer;
  if (error !== null) assert.ok(ENDS.has(error.code), `${error.code}: ${error.message}`);
  return sent;
}

/** One handshake in which one message of the peer is not what it should be. */
function mutateTls(role: 'client' | 'server', seed: number): void {
  const random = seededRandom(`tls ${role} ${seed}`);
  const qlog = checkedQlog();
  let untilBad = random.integer(role === 'client' ? 2 : 5);
  const attack = new Attack({
    seed,
    role,
    establish: false,
    changes: { trace: qlog.trace },
    peer: {
      editMessage: (_level, bytes) => (untilBad-- === 0 ? mutateMessage(bytes, random) : bytes),
    },
  });
  const { duel, peer } = attack;
  duel.run(() => attack.closedWith !== null || (peer.isEstablished && attack.core.handshake.isConfirmed), 80);
  const code = attack.closedWith;
  const reason = attack.core.closer.local?.reason;
  qlog.check();
  // 0x150 is the alert internal_error: it would be ours.
  assert.ok(code !== 1 && code !== 0x150, `closed with ${code}: ${reason}`);
  for (const error of duel.errors) assert.notEqual(error.code, 'ERR_QUIC_INTERNAL_ERROR', error.message);
}

function mutateMessage(message: Uint8Array, random: RandomSource): Uint8Array {
  const bad = message.slice();
  switch (random.integer(5)) {
    case 0:
      return bad.subarray(0, 1 + random.integer(bad.length - 1));
    case 1: {
      // Bytes in the middle, with the length of the message put right.
      const at = 4 + random.integer(bad.length - 3);
      const more = randomBytes(random, 1 + random.integer(40));
      return withLength(concat([bad.subarray(0, at), more, bad.subarray(at)]));
    }
    case 2: {
      const at = 4 + random.integer(bad.length - 3);
      return withLength(concat([bad.subarray(0, at), bad.subarray(at + random.integer(20))]));
    }
    default:
      for (let count = 1 + random.integer(3); count > 0; count--) {
        const at = random.integer(bad.length);
        bad[at] =
          random.integer(2) === 0 ? random.integer(256) : (bad[at] as number) ^ (1 << random.integer(8));
      }
      return bad;
  }
}

/** A handshake message with its 24-bit length as it is. */
function withLength(message: Uint8Array): Uint8Array {
  if (message.length < 4) return message;
  const length = message.length - 4;
  message.set([(length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff], 1);
  return message;
}

/** Junk to both sides at one stage; then the handshake goes on and a message is echoed. */
function openRound(seed: number): void {
  const random = seededRandom(`hostile ${seed}`);
  const pair = new CoreDuel(seed);
  const other = new CoreDuel(`${seed} other`);
  other.converse();
  const stage = random.integer(24);
  for (let i = 0; i < stage; i++) pair.duel.step();
  pair.junk(PER_ROUND, random, other);
  assert.deepEqual(
    pair.duel.errors.map(({ code, message }) => `${code}: ${message}`).filter((error) => !isHarmless(error)),
    [],
  );
  pair.converse();
  pair.checkLimits();
}

function endingRound(seed: number): void {
  const random = seededRandom(`hostile end ${seed}`);
  const pair = new CoreDuel(seed);
  pair.converse();
  const { client, duel } = pair;
  client.close(true, 7, 'enough', duel.now);
  duel.run(() => pair.server.state.value === 'draining', 20);
  if (random.integer(3) === 0) duel.run(() => client.state.value === 'closed');
  const before = [client.state.value, pair.server.state.value];
  const answered = pair.junk(PER_ROUND, random, pair);
  // Closing answers ever more rarely; the other states are silent.
  assert.ok(answered <= 8, `${answered} datagrams in answer to junk`);
  assert.deepEqual([client.state.value, pair.server.state.value], before);
  duel.run(() => client.state.value === 'closed' && pair.server.state.value === 'closed');
  assert.equal(client.state.value, 'closed');
  assert.equal(pair.server.state.value, 'closed');
}

class CoreDuel {
  readonly client: ConnectionCore;
  readonly duel: Duel;
  heard = '';
  #id: number | null = null;

  constructor(seed: number | string) {
    this.client = clientCore({ seed, local: CLIENT, remote: SERVER });
    this.duel = new Duel(this.client, (datagram, _info, now) =>
      serverCore(datagram, { seed, local: SERVER, remote: CLIENT, now }),
    );
    this.duel.onProgress = () => this.progress();
  }

  get server(): ConnectionCore {
    return this.duel.server as ConnectionCore;
  }

  progress(): void {
    const { client, duel } = this;
    for (const core of [client, duel.server as ConnectionCore | null]) {
      while (core?.nextEvent() != null);
    }
    if (duel.server !== null) echo(this.server);
    const { streams } = client;
    for (let id = streams.nextReadable(); id !== null; id = streams.nextReadable()) {
      for (let chunk = streams.streamRecvChunk(id); chunk !== null; chunk = streams.streamRecvChunk(id)) {
        this.heard += new TextDecoder().decode(chunk.data);
        if (chunk.fin) break;
      }
    }
    if (client.state.value === 'established' && this.#id === null) {
      this.#id = streams.openStream('bidi');
      if (this.#id !== null) streams.streamSend(this.#id, new TextEncoder().encode(TEXT), true);
    }
  }

  /** To the end of the handshake and of one echo. */
  converse(): void {
    const done = this.duel.run(() => this.heard.length >= TEXT.length && this.client.handshake.isConfirmed);
    assert.ok(
      done,
      `no echo: client ${this.client.state.value}, server ${(this.duel.server as ConnectionCore | null)?.state.value}`,
    );
    assert.equal(this.heard, TEXT);
  }

  /** Mutated datagrams of this and another connection, to either side. Gives how many were sent in answer. */
  junk(count: number, random: RandomSource, other: CoreDuel): number {
    const { duel } = this;
    const before = duel.sent.length;
    duel.collect();
    const pool = [...duel.sent, ...other.duel.sent].map(({ bytes }) => bytes);
    const settled = duel.sent.length;
    for (let i = 0; i < count; i++) {
      const toServer = random.integer(2) === 0 && duel.server !== null;
      const from = random.integer(10) === 0 ? { ...CLIENT, port: 1 + random.integer(60_000) } : undefined;
      duel.give(toServer, mutate(pool, random), from);
      if (random.integer(4) === 0) this.progress();
      if (random.integer(4) === 0) duel.collect();
    }
    duel.collect();
    return duel.sent.length - Math.max(before, settled);
  }

  checkLimits(): void {
    assert.ok(this.server.paths.all.length <= MAX_UNVALIDATED_PATHS + 1);
  }
}

/** An empty datagram is the caller's fault, not the peer's. */
function isHarmless(error: string): boolean {
  return error.startsWith('ERR_QUIC_BUFFER_TOO_SHORT');
}

const ENDS = new Set([
  'ERR_QUIC_TRANSPORT_ERROR',
  'ERR_QUIC_TLS_FAIL',
  'ERR_QUIC_IDLE_TIMEOUT',
  'ERR_QUIC_APPLICATION_ERROR',
  'ERR_QUIC_CONNECTION_REFUSED',
]);
const TEXT = 'as if nothing had happened';
