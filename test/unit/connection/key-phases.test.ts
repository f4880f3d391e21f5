import assert from 'node:assert/strict';
import test from 'node:test';
import {
  KeyPhases,
  MAX_KEY_UPDATES,
  MAX_KEY_UPDATES_PER_SECOND,
} from '../../../src/connection/key-phases.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { PacketKeys } from '../../../src/crypto/packet-keys.ts';
import { INITIAL_SUITE } from '../../../src/crypto/suites.ts';
import { TransportError } from '../../../src/errors.ts';
import { VERSION_1 } from '../../../src/wire/versions.ts';

/** Two ends with the keys of one handshake. */
function ends(): [KeyPhases, KeyPhases] {
  const keys = (fill: number) =>
    PacketKeys.fromSecret(nodeProvider, VERSION_1, INITIAL_SUITE, new Uint8Array(32).fill(fill));
  const a = new KeyPhases(keys(1));
  const b = new KeyPhases(keys(2));
  a.setReceiveKeys(keys(2));
  b.setReceiveKeys(keys(1));
  return [a, b];
}

/** A short header packet without connection id: first byte, one byte of number, 20 bytes. */
function seal(
  from: KeyPhases,
  packetNumber: number,
): { bytes: Uint8Array; phase: number; packetNumber: number } {
  const bytes = new Uint8Array(2 + 20 + 16);
  bytes[0] = 0x40 | (from.sendPhase << 2);
  bytes[1] = packetNumber;
  const { sendPhase: phase } = from;
  from.sealerFor(packetNumber, false).seal(bytes, 0, 1, 2, 22, packetNumber);
  return { bytes, phase, packetNumber };
}

function open(by: KeyPhases, packet: ReturnType<typeof seal>, now = 0): string {
  const bytes = packet.bytes.slice();
  by.opener?.unmask(bytes, 0, 1);
  return by.open(bytes, 0, 2, bytes.length, packet.packetNumber, packet.phase, now, 100);
}

/** An exchange after which both may start an update. */
function exchange(a: KeyPhases, b: KeyPhases, number: number): void {
  assert.equal(open(b, seal(a, number)), 'opened');
  b.onAckSent(number);
  a.onAcknowledged(number);
  assert.equal(open(a, seal(b, number)), 'opened');
  a.onAckSent(number);
  b.onAcknowledged(number);
}

test('C24 RFC 9001 §6.2 an update of the peer is followed, and its answer ends ours', () => {
  const [a, b] = ends();
  exchange(a, b, 0);
  assert.equal(a.initiate(), true);
  assert.equal(open(b, seal(a, 1)), 'updated');
  assert.deepEqual([a.sendPhase, b.sendPhase, a.generation, b.generation], [1, 1, 1, 1]);
  assert.equal(open(a, seal(b, 1)), 'opened');
});

test('C24 RFC 9001 §6.1 no second update before a packet of the new phase was acknowledged', () => {
  const [a, b] = ends();
  assert.equal(a.initiate(), false);
  exchange(a, b, 0);
  assert.equal(a.initiate(), true);
  assert.equal(a.initiate(), false);
  exchangeAfterUpdate(a, b);
  // Old keys are kept for packets on their way; until they are gone there is no other phase to tell apart.
  assert.equal(a.initiate(), false);
  a.onTimeout(99);
  assert.equal(a.initiate(), false);
  a.onTimeout(100);
  assert.equal(a.initiate(), true);
});

function exchangeAfterUpdate(a: KeyPhases, b: KeyPhases): void {
  assert.equal(open(b, seal(a, 1)), 'updated');
  b.onAckSent(1);
  a.onAcknowledged(1);
  assert.equal(open(a, seal(b, 1)), 'opened');
  a.onAckSent(1);
  b.onAcknowledged(1);
}

test('C24 RFC 9001 §6.2 an update before we acknowledged the last one is KEY_UPDATE_ERROR', () => {
  const [a, b] = ends();
  exchange(a, b, 0);
  a.initiate();
  assert.equal(open(b, seal(a, 1)), 'updated');
  // No acknowledgement from b: a cannot know that b has the keys, and goes on all the same.
  a.onAcknowledged(1);
  assert.equal(open(a, seal(b, 1)), 'opened');
  a.onTimeout(100);
  assert.equal(a.initiate(), true);
  const early = seal(a, 2);
  assert.throws(
    () => open(b, early),
    (error) => error instanceof TransportError && error.code === 0x0e,
  );
});

test('C24 RFC 9001 §6.3 packets from before an update open while the old keys are kept, and not after', () => {
  const [a, b] = ends();
  exchange(a, b, 0);
  const late = seal(a, 1);
  const later = seal(a, 2);
  a.initiate();
  assert.equal(open(b, seal(a, 3), 1000), 'updated');
  assert.equal(b.deadline, 1100);
  assert.equal(open(b, late, 1050), 'opened');
  b.onTimeout(1100);
  assert.equal(open(b, later, 1101), 'failed');
});

test('C24 RFC 9001 §6.3 packets of the new phase may come in any order', () => {
  const [a, b] = ends();
  exchange(a, b, 0);
  const old = seal(a, 1);
  a.initiate();
  const first = seal(a, 2);
  const second = seal(a, 3);
  assert.equal(open(b, second), 'updated');
  assert.equal(open(b, first), 'opened');
  assert.equal(open(b, old), 'opened');
  assert.equal(b.generation, 1);
});

test('C24 RFC 9001 §6.2 updates of both sides at the same time are one', () => {
  const [a, b] = ends();
  exchange(a, b, 0);
  a.initiate();
  b.initiate();
  assert.equal(open(b, seal(a, 1)), 'opened');
  assert.equal(open(a, seal(b, 1)), 'opened');
  assert.deepEqual([a.generation, b.generation, a.sendPhase, b.sendPhase], [1, 1, 1, 1]);
});

test('C24 RFC 9001 §6.6 forged packets of either phase fail, change nothing, and count', () => {
  const [a, b] = ends();
  exchange(a, b, 0);
  b.integrityLimit = 3;
  const forged = { bytes: new Uint8Array(38).fill(7), packetNumber: 9 };
  assert.equal(open(b, { ...forged, phase: 0 }), 'failed');
  assert.equal(open(b, { ...forged, phase: 1 }), 'failed');
  assert.equal(b.generation, 0);
  assert.throws(
    () => open(b, { ...forged, phase: 1 }),
    (error) => error instanceof TransportError && error.code === 0x0f,
  );
});

/** One update of `a` that keeps to the rules, at this time. */
function update(a: KeyPhases, b: KeyPhases, number: number, now: number): void {
  assert.equal(a.initiate(), true);
  assert.equal(open(b, seal(a, number), now), 'updated');
  b.onAckSent(number);
  a.onAcknowledged(number);
  assert.equal(open(a, seal(b, number), now), 'opened');
  a.onAckSent(number);
  b.onAcknowledged(number);
  a.onTimeout(now + 100);
  b.onTimeout(now + 100);
}

test('C24 RFC 9001 §6.2 a peer that keeps the rules may update its keys often, but not without end', () => {
  const [a, b] = ends();
  exchange(a, b, 0);
  const apart = 1000 / MAX_KEY_UPDATES_PER_SECOND;
  let now = 0;
  let number = 1;
  for (let count = 0; count < 2 * MAX_KEY_UPDATES; count++, now += apart) update(a, b, number++, now);
  assert.throws(
    () => {
      for (let count = 0; count < 2 * MAX_KEY_UPDATES; count++) update(a, b, number++, now);
    },
    (error) => error instanceof TransportError && error.code === 0x0e,
  );
});
