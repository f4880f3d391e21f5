/** An authenticated peer that abuses acknowledgements and packet number spaces. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { TransportErrorCode } from '../../src/errors.ts';
import { MAX_ACK_RANGES } from '../../src/recovery/ack-tracker.ts';
import { concat } from '../../src/util/bytes.ts';
import { FRAME } from '../../src/wire/frame-table.ts';
import { writePing } from '../../src/wire/frame-writer.ts';
import { Attack, heapUsed } from '../support/attack.ts';
import { APPLICATION, frame, HANDSHAKE, INITIAL, varints } from '../support/hostile-peer.ts';

const { PROTOCOL_VIOLATION } = TransportErrorCode;
const ping = frame(writePing);

/** ACK of all numbers from `largest` down to 0. */
function ackAll(largest: number, delay = 0): Uint8Array {
  return varints(FRAME.ACK, largest, delay, 0, largest);
}

test('T4 RFC 9000 §13.1 an ACK of the next number closes', () => {
  const attack = new Attack();
  const next = attack.core.recovery.lastPacketNumber(APPLICATION) + 1;
  attack.hit(varints(FRAME.ACK, next, 0, 0, 0));
  assert.equal(attack.closedWith, PROTOCOL_VIOLATION);
});

test('T4 RFC 9000 §21.4 a peer that acknowledges what it has not seen meets a skipped number', () => {
  const attack = new Attack({ peer: { acknowledges: false } });
  const { core, peer } = attack;
  attack.duel.keepsSent = false;
  peer.keepsFrames = false;
  let largest = 0;
  peer.onFrame = ({ space, packetNumber }) => {
    if (space === APPLICATION) largest = Math.max(largest, packetNumber);
  };
  const data = new Uint8Array(16_384);
  const id = core.streams.openStream('uni') as number;
  for (let round = 0; round < 2000 && core.state.isOpen; round++) {
    core.streams.streamSend(id, data, false);
    attack.wait(2);
    // It claims to have got everything up to the last one, as if nothing could be missing.
    attack.hit(ackAll(largest));
  }
  assert.equal(attack.closedWith, PROTOCOL_VIOLATION);
  assert.match(core.closer.local?.reason ?? '', /skipped/);
  assert.ok(largest < 600, `only after ${largest} packets`);
});

test('T4 RFC 9002 §7.8 acknowledgements do not grow a window that is not used', () => {
  const attack = new Attack({ peer: { acknowledges: false } });
  const { core, peer } = attack;
  const before = core.paths.active.recovery.congestion.window;
  for (let round = 0; round < 50; round++) {
    core.control.ping();
    attack.wait(20);
    const numbers = peer.frames.filter(({ space }) => space === APPLICATION).map((each) => each.packetNumber);
    attack.hit(varints(FRAME.ACK, Math.max(...numbers), 0, 0, 0));
  }
  assert.equal(attack.closedWith, null);
  assert.ok(core.paths.active.recovery.congestion.window <= before);
});

test('T5 ACK frames of hundreds of ranges, again and again, change nothing', () => {
  const attack = new Attack({ peer: { acknowledges: false } });
  const { core, peer, duel } = attack;
  duel.keepsSent = false;
  const seen = new Set<number>();
  peer.keepsFrames = false;
  peer.onFrame = ({ space, packetNumber }) => {
    if (space === APPLICATION) seen.add(packetNumber);
  };
  let acked = 0;
  while (seen.size < 600) {
    core.control.ping();
    attack.wait(30);
    for (const number of seen) if (number >= acked) attack.hit(varints(FRAME.ACK, number, 0, 0, 0));
    acked = Math.max(...seen) + 1;
  }
  const largest = Math.max(...seen);
  const claims = claimable(seen, largest, 500);
  const before = heapUsed();
  for (let i = 0; i < 10_000; i++) attack.hit(claims);
  assert.equal(attack.closedWith, null);
  assert.ok(heapUsed() - before < 2 ** 20);
});

test('T5 RFC 9000 §13.2.3 every second packet missing leaves a bounded list of ranges', () => {
  const attack = new Attack({ peer: { acknowledges: false } });
  const { core, peer, duel } = attack;
  duel.keepsSent = false;
  const acks = core.spaces[APPLICATION]?.acks;
  assert.ok(acks);
  const before = heapUsed();
  for (let number = 10; number < 40_000; number += 2) {
    attack.hit(ping, { packetNumber: number });
    assert.ok(acks.ranges.size <= MAX_ACK_RANGES);
    if (number % 100 === 0) {
      attack.wait(1);
      peer.frames.length = 0;
    }
  }
  assert.equal(attack.closedWith, null);
  assert.ok(heapUsed() - before < 2 * 2 ** 20);
});

test('T5 RFC 9000 §13.2.1 packets that only acknowledge are not acknowledged', () => {
  const attack = new Attack();
  const before = attack.duel.count;
  const largest = attack.core.recovery.largestAcked(APPLICATION);
  assert.ok(largest >= 0);
  for (let i = 0; i < 1000; i++) {
    attack.hit(varints(FRAME.ACK, largest, 0, 0, 0));
    attack.wait(1);
  }
  assert.equal(attack.duel.count - before, 0);
});

test('T6 RFC 9001 §4.9 packets of spaces whose keys are gone are dropped, whatever is in them', () => {
  const attack = new Attack();
  for (const space of [INITIAL, HANDSHAKE]) {
    for (const payload of [ackAll(0), ackAll(1000), ping, varints(FRAME.CONNECTION_CLOSE, 1, 0, 0)]) {
      const packet = space === INITIAL ? attack.peer.initial(payload) : attack.peer.packet(space, payload);
      attack.throw(packet);
    }
  }
  assert.equal(attack.core.state.value, 'established');
  assert.deepEqual(attack.duel.errors, []);
});

test('T6 frames after the CRYPTO that ends the handshake are read, and end nothing', () => {
  for (const extra of [
    varints(FRAME.ACK, 0, 0, 0, 0),
    ping,
    concat([ping, varints(FRAME.ACK, 0, 0, 0, 0), ping]),
    varints(FRAME.CRYPTO, 0, 0),
  ]) {
    const attack = new Attack({
      peer: {
        editPacket: (draft) => {
          if (draft.space === HANDSHAKE) draft.payload = concat([draft.payload, extra]);
          return true;
        },
      },
    });
    assert.equal(attack.core.state.value, 'established');
  }
});

test('T6 an ACK of the handshake before, with and after its last flight is an ordinary one', () => {
  for (const order of ['before', 'after'] as const) {
    const attack = new Attack({
      peer: {
        editPacket: (draft) => {
          if (draft.space !== HANDSHAKE) return true;
          const ack = varints(FRAME.ACK, 0, 0, 0, 0);
          draft.payload = order === 'before' ? concat([ack, draft.payload]) : concat([draft.payload, ack]);
          return true;
        },
      },
    });
    assert.equal(attack.core.state.value, 'established');
    attack.wait(5000);
    assert.equal(attack.closedWith, null);
  }
});

test('T23 an ACK delay without measure does not bend the RTT', () => {
  const attack = new Attack({ peer: { acknowledges: false } });
  const { core, peer } = attack;
  for (let round = 0; round < 20; round++) {
    core.control.ping();
    attack.wait(40);
    const numbers = peer.frames.filter(({ space }) => space === APPLICATION).map((each) => each.packetNumber);
    attack.hit(varints(FRAME.ACK, Math.max(...numbers), 2n ** 62n - 1n, 0, 0));
  }
  const { rtt } = core.paths.active.recovery;
  assert.equal(attack.closedWith, null);
  assert.ok(rtt.smoothed >= 0 && rtt.smoothed < 1000, `${rtt.smoothed}`);
  assert.ok(Number.isFinite(rtt.pto));
});

/** An ACK frame of up to `count` ranges of single numbers, all of them seen. */
function claimable(seen: ReadonlySet<number>, largest: number, count: number): Uint8Array {
  const numbers: number[] = [];
  for (let number = largest; number >= 0 && numbers.length < count; number--) {
    if (seen.has(number) && numbers[numbers.length - 1] !== number + 1) numbers.push(number);
  }
  const rest: number[] = [];
  for (let i = 1; i < numbers.length; i++) {
    rest.push((numbers[i - 1] as number) - (numbers[i] as number) - 2, 0);
  }
  return varints(FRAME.ACK, largest, 0, numbers.length - 1, 0, ...rest);
}
