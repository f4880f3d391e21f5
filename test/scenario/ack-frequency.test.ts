import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_TRANSPORT_CONFIG } from '../../src/connection/config.ts';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import { TransportErrorCode } from '../../src/errors.ts';
import type { AckTracker } from '../../src/recovery/ack-tracker.ts';
import { parseTransport } from '../../src/runtime/options.ts';
import { NO_TRACE } from '../../src/trace/trace.ts';
import { FRAME } from '../../src/wire/frame-table.ts';
import { writeAckFrequency, writeImmediateAck, writePing } from '../../src/wire/frame-writer.ts';
import { Attack, type AttackOptions } from '../support/attack.ts';
import { TestPair } from '../support/core-pair.ts';
import { APPLICATION, frame } from '../support/hostile-peer.ts';
import { scenario } from '../support/scenario.ts';

const MIB = 1024 * 1024;
const { FRAME_ENCODING_ERROR, PROTOCOL_VIOLATION, TRANSPORT_PARAMETER_ERROR } = TransportErrorCode;
const immediateAck = frame(writeImmediateAck);
const ping = frame(writePing);

function request(
  sequence: number,
  ackElicitingThreshold: number,
  maxAckDelay: number,
  reorderingThreshold = 1,
): Uint8Array {
  return frame((w) =>
    writeAckFrequency(w, sequence, { ackElicitingThreshold, maxAckDelay, reorderingThreshold }),
  );
}

function acksOf(core: ConnectionCore): AckTracker {
  return (core.spaces[APPLICATION] as ConnectionCore['spaces'][0]).acks;
}

/** ACK frames in 1-RTT packets that the peer got so far. */
function acksGot({ peer }: Attack): number {
  return peer.frames.filter(({ space, kind }) => space === APPLICATION && kind === FRAME.ACK).length;
}

function download(seed: number | string, ackFrequency: boolean): { packets: number; duration: number } {
  let packets = 0;
  const pair = new TestPair({
    seed,
    client: { trace: { ...NO_TRACE, packetSent: () => void packets++ } },
    serverTransport: { ackFrequency },
  });
  pair.fetch([6 * MIB]);
  return { packets, duration: pair.now };
}

scenario(
  'draft-ietf-quic-ack-frequency §8.1 a download needs far fewer packets of its receiver, and no more time',
  (seed) => {
    const usual = download(seed, false);
    const asked = download(seed, true);
    assert.ok(asked.packets < usual.packets * 0.75, `${asked.packets} packets, ${usual.packets} without`);
    assert.ok(asked.duration < usual.duration * 1.03, `${asked.duration} ms, ${usual.duration} without`);
  },
);

scenario('draft-ietf-quic-ack-frequency §3 peers that do not advertise it are not asked', (seed) => {
  const pair = new TestPair({ seed, clientTransport: { ackFrequency: false } });
  pair.fetch([2 * MIB]);
  assert.equal(pair.server?.remoteParameters.minAckDelay, undefined);
  assert.equal(pair.client.remoteParameters.minAckDelay, 1000);
  assert.equal(acksOf(pair.client).ackElicitingThreshold, 1);
});

scenario(
  'draft-ietf-quic-ack-frequency §4 a lost ACK_FREQUENCY frame is sent again with a new number',
  (seed) => {
    const pair = new TestPair({ seed, clientTransport: { maxAckDelay: 200 } });
    const written: number[] = [];
    pair.onAccept = (server, app) => {
      app.onEnd = (id) => app.write(id, 3 * MIB);
      const part = server.ackFrequency;
      const write = part.write.bind(part);
      part.write = (packet) => {
        write(packet);
        written.push(acksOf(pair.client).ackElicitingThreshold);
        const { toClient } = pair.pair;
        if (written.length === 1)
          toClient.options = { ...toClient.options, drop: [toClient.counters.entered + 1] };
        else if (written.length === 2) {
          // Still unknown which of both the peer goes by.
          assert.equal(server.recovery.maxAckDelay, 200);
        }
      };
    };
    let asked = false;
    pair.onClient = (client) => {
      if (asked || client.state.value !== 'established') return;
      asked = true;
      pair.clientApp.write(client.streams.openStream('bidi') as number, 16);
    };
    pair.wake();
    pair.runUntil(() => pair.clientApp.whole === 1);
    assert.ok(written.length >= 2, `${written.length} frames`);
    assert.equal(written[1], 1, 'the first one did not arrive');
    const acks = acksOf(pair.client);
    assert.ok(acks.ackElicitingThreshold > 1);
    assert.equal(acks.reorderingThreshold, 3);
    assert.ok(acks.maxAckDelay < 200);
    assert.ok((pair.server?.recovery.maxAckDelay ?? 0) < 200, 'probe timeouts go by what was granted');
  },
);

test('draft-ietf-quic-ack-frequency §4 only a greater sequence number counts', () => {
  const attack = new Attack();
  const acks = acksOf(attack.core);
  attack.hit(request(5, 8, 40_000, 4));
  attack.hit(request(5, 3, 30_000, 0));
  attack.hit(request(4, 2, 20_000, 0));
  assert.deepEqual([acks.ackElicitingThreshold, acks.maxAckDelay, acks.reorderingThreshold], [8, 40, 4]);
  attack.hit(request(6, 0, 1000, 1));
  assert.deepEqual([acks.ackElicitingThreshold, acks.maxAckDelay, acks.reorderingThreshold], [0, 1, 1]);
  assert.equal(attack.closedWith, null);
});

test('draft-ietf-quic-ack-frequency §6 acknowledgements come after more packets than the threshold, or the delay', () => {
  const attack = new Attack();
  attack.wait(100);
  attack.hit(request(0, 4, 200_000));
  attack.wait(300);
  const before = acksGot(attack);
  for (let i = 0; i < 4; i++) attack.hit(ping);
  attack.wait(150);
  assert.equal(acksGot(attack), before);
  attack.hit(ping);
  attack.settle();
  assert.equal(acksGot(attack), before + 1);
  attack.hit(ping);
  attack.wait(199);
  assert.equal(acksGot(attack), before + 1);
  attack.wait(2);
  assert.equal(acksGot(attack), before + 2);
});

for (const [reorderingThreshold, expected] of [
  [0, 0],
  [1, 1],
] as const) {
  test(`draft-ietf-quic-ack-frequency §6.2 a gap is told at once with reordering threshold ${reorderingThreshold}: ${expected === 1}`, () => {
    const attack = new Attack();
    attack.hit(request(0, 100, 1_000_000, reorderingThreshold));
    attack.wait(1500);
    const before = acksGot(attack);
    // One that never arrives.
    attack.peer.packet(APPLICATION, ping);
    for (let i = 0; i < 5; i++) attack.hit(ping);
    attack.settle();
    assert.equal(acksGot(attack) - before, expected);
  });
}

test('draft-ietf-quic-ack-frequency §5 IMMEDIATE_ACK is answered at once', () => {
  const attack = new Attack();
  attack.hit(request(0, 100, 1_000_000, 0));
  attack.wait(1500);
  const before = acksGot(attack);
  attack.hit(immediateAck);
  attack.settle();
  assert.equal(acksGot(attack), before + 1);
});

const WRONG: readonly [string, Uint8Array, number][] = [
  ['§4 a delay below min_ack_delay', request(0, 1, 999), PROTOCOL_VIOLATION],
  ['§4 a delay of 2^14 milliseconds', request(0, 1, 2 ** 14 * 1000), PROTOCOL_VIOLATION],
  ['§4 a frame cut off', request(0, 1, 5000).subarray(0, 5), FRAME_ENCODING_ERROR],
];
for (const [what, frames, code] of WRONG) {
  test(`draft-ietf-quic-ack-frequency ${what} closes`, () => {
    const attack = new Attack();
    attack.hit(frames);
    assert.equal(attack.closedWith, code);
  });
}

for (const [name, frames] of [
  ['ACK_FREQUENCY', request(0, 1, 5000)],
  ['IMMEDIATE_ACK', immediateAck],
] as const) {
  test(`draft-ietf-quic-ack-frequency §3 ${name} is unknown to those who did not advertise it`, () => {
    const changes: AttackOptions['changes'] = {
      transport: { ...DEFAULT_TRANSPORT_CONFIG, ackFrequency: false },
    };
    const attack = new Attack({ changes });
    attack.hit(frames);
    assert.equal(attack.closedWith, FRAME_ENCODING_ERROR);
  });
}

test('draft-ietf-quic-ack-frequency §3 a min_ack_delay above max_ack_delay closes', () => {
  const attack = new Attack({
    establish: false,
    peer: { parameters: { minAckDelay: 25_001, maxAckDelay: 25 } },
  });
  attack.duel.run(() => attack.closedWith !== null);
  assert.equal(attack.closedWith, TRANSPORT_PARAMETER_ERROR);
});

test('draft-ietf-quic-ack-frequency §3 the option ackFrequency of connections switches it off', () => {
  assert.equal(parseTransport({}).ackFrequency, true);
  assert.equal(parseTransport({ ackFrequency: false }).ackFrequency, false);
  assert.throws(() => parseTransport({ ackFrequency: 1 as unknown as boolean }), {
    code: 'ERR_INVALID_ARG_TYPE',
  });
});
