/** An authenticated peer that abuses paths and connection ids. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_TRANSPORT_CONFIG } from '../../src/connection/config.ts';
import { MAX_RETIREMENTS, MAX_RETIREMENTS_PER_SECOND } from '../../src/connection/local-ids.ts';
import { MAX_PATHS } from '../../src/connection/paths.ts';
import { RETIREMENTS_PER_ID } from '../../src/connection/remote-ids.ts';
import { TransportErrorCode } from '../../src/errors.ts';
import { FRAME } from '../../src/wire/frame-table.ts';
import {
  writeNewConnectionId,
  writePathChallenge,
  writePathResponse,
  writePing,
  writeRetireConnectionId,
} from '../../src/wire/frame-writer.ts';
import { Attack, heapUsed } from '../support/attack.ts';
import { frame, pad } from '../support/hostile-peer.ts';

const { CONNECTION_ID_LIMIT_ERROR, PROTOCOL_VIOLATION } = TransportErrorCode;
const token = new Uint8Array(16).fill(3);

function challenge(n: number): Uint8Array {
  const data = new Uint8Array(8);
  new DataView(data.buffer).setUint32(0, n);
  return frame((w) => writePathChallenge(w, data));
}

function newId(sequence: number, retirePriorTo: number): Uint8Array {
  const id = new Uint8Array(8);
  new DataView(id.buffer).setUint32(0, sequence);
  return frame((w) => writeNewConnectionId(w, sequence, retirePriorTo, id, token));
}

test('T1 RFC 9000 §8.2.2 100,000 PATH_CHALLENGE without an ACK leave a few answers queued', () => {
  const attack = new Attack({ peer: { acknowledges: false } });
  attack.duel.keepsSent = false;
  const { core, peer } = attack;
  const before = heapUsed();
  let responses = 0;
  peer.keepsFrames = false;
  peer.onFrame = ({ kind }) => {
    if (kind === FRAME.PATH_RESPONSE) responses++;
  };
  for (let sent = 0; sent < 100_000 && core.state.isOpen; sent += 100) {
    attack.hit(Array.from({ length: 100 }, (_, i) => challenge(sent + i)));
    assert.ok(core.paths.active.responses.length <= DEFAULT_TRANSPORT_CONFIG.pathChallengeRecvMaxQueueLen);
    attack.settle();
  }
  assert.ok(
    responses <= (100_000 / 100) * DEFAULT_TRANSPORT_CONFIG.pathChallengeRecvMaxQueueLen,
    `${responses} responses`,
  );
  assert.ok(heapUsed() - before < 2 * 2 ** 20);
});

test('T1 RFC 9000 §8.2.2 a challenge is answered once and its answer never sent again', () => {
  const attack = new Attack({ peer: { acknowledges: false } });
  attack.hit(challenge(7));
  attack.wait(10_000);
  const responses = attack.peer.frames.filter(({ kind }) => kind === FRAME.PATH_RESPONSE);
  assert.equal(responses.length, 1);
  assert.deepEqual([...(responses[0]?.data ?? [])], [0, 0, 0, 7, 0, 0, 0, 0]);
});

test('T2 RFC 9000 §5.1.2 NEW_CONNECTION_ID with rising Retire Prior To and no ACK closes soon', () => {
  const attack = new Attack({ peer: { acknowledges: false } });
  const { core } = attack;
  let sent = 0;
  for (; sent < 10_000 && core.state.isOpen; sent++) attack.hit(newId(sent + 1, sent + 1));
  assert.equal(attack.closedWith, CONNECTION_ID_LIMIT_ERROR);
  assert.ok(sent <= RETIREMENTS_PER_ID * core.transport.activeConnectionIdLimit + 2, `after ${sent} frames`);
});

test('T2 RFC 9000 §19.15 an id that is retired when it comes queues one retirement however often it comes', () => {
  const attack = new Attack({ peer: { acknowledges: false } });
  attack.hit(newId(5, 5));
  for (let i = 0; i < 1000; i++) attack.hit(newId(2, 0));
  attack.settle();
  assert.equal(attack.closedWith, null);
  const retired = attack.peer.frames.filter(({ kind }) => kind === FRAME.RETIRE_CONNECTION_ID);
  assert.deepEqual(retired.map(({ sequence }) => Number(sequence)).sort(), [0, 2]);
});

test('T2 retirements that are acknowledged may go on without end, and leave nothing behind', () => {
  const attack = new Attack();
  attack.duel.keepsSent = false;
  attack.peer.keepsFrames = false;
  let before = 0;
  for (let sequence = 1; sequence <= 5000; sequence++) {
    if (sequence === 1000) before = heapUsed();
    attack.hit(newId(sequence, sequence));
    attack.wait(10);
  }
  assert.equal(attack.closedWith, null);
  assert.ok(heapUsed() - before < 2 ** 20);
});

test('T3 RFC 9000 §19.16 a peer that retires every id at once is given up', () => {
  const attack = new Attack();
  attack.duel.keepsSent = false;
  const { core, peer } = attack;
  const ids: { sequence: number; id: Uint8Array }[] = peer.frames
    .filter(({ kind }) => kind === FRAME.NEW_CONNECTION_ID)
    .map(({ sequence, data }) => ({ sequence: Number(sequence), id: data }));
  peer.keepsFrames = false;
  peer.onFrame = ({ kind, sequence, data }) => {
    if (kind === FRAME.NEW_CONNECTION_ID) ids.push({ sequence: Number(sequence), id: data });
  };
  let before = 0;
  let retired = 0;
  while (core.state.isOpen && retired < 2 * MAX_RETIREMENTS) {
    if (retired === 1000) before = heapUsed();
    const oldest = ids.shift();
    assert.ok(oldest, 'a new id for every retired one');
    attack.hit(frame((w) => writeRetireConnectionId(w, oldest.sequence)));
    retired++;
    attack.wait(10);
    assert.ok(ids.length <= 4, `${ids.length} ids at once`);
  }
  assert.equal(attack.closedWith, PROTOCOL_VIOLATION);
  // A hundred in a second are ten times too many.
  const most = MAX_RETIREMENTS / (1 - MAX_RETIREMENTS_PER_SECOND / 100);
  assert.ok(retired > MAX_RETIREMENTS && retired <= most + 1, `${retired} retirements`);
  assert.ok(heapUsed() - before < 2 * 2 ** 20);
});

test('T3 RFC 9000 §19.16 retirements without an ACK get one replacement each, not one per repetition', () => {
  const attack = new Attack({ peer: { acknowledges: false } });
  const known = attack.peer.frames.filter(({ kind }) => kind === FRAME.NEW_CONNECTION_ID).length;
  for (let i = 0; i < 1000; i++) attack.hit(frame((w) => writeRetireConnectionId(w, 1)));
  attack.settle();
  assert.equal(attack.closedWith, null);
  const sequences = new Set(
    attack.peer.frames.filter(({ kind }) => kind === FRAME.NEW_CONNECTION_ID).map(({ sequence }) => sequence),
  );
  assert.equal(sequences.size, known + 1);
});

test('T15 a replayed packet from another address opens no path and uses up no id', () => {
  const attack = new Attack();
  attack.hit(newId(1, 0));
  attack.hit(newId(2, 0));
  attack.settle();
  const { core, peer, duel } = attack;
  const available = core.remoteIds.available;
  const captured = peer.packet(2, frame(writePing));
  duel.give(true, captured);
  attack.settle();
  for (let port = 1; port <= 100; port++) {
    duel.give(true, captured, { address: '203.0.113.9', port, family: 4 });
    attack.settle();
  }
  assert.equal(core.paths.all.length, 1);
  assert.equal(core.remoteIds.available, available);
  assert.equal(attack.closedWith, null);
});

test('T15 RFC 9000 §9.3 a client that moves to a new port with every packet is followed with bounded state', () => {
  const attack = new Attack();
  attack.duel.keepsSent = false;
  const { core, peer, duel } = attack;
  peer.keepsFrames = false;
  let answer: Uint8Array | null = null;
  peer.onFrame = ({ kind, data }) => {
    if (kind === FRAME.PATH_CHALLENGE) answer = data;
  };
  for (let port = 1; port <= 300 && core.state.isOpen; port++) {
    const from = { address: '203.0.113.9', port, family: 4 } as const;
    duel.give(true, peer.packet(2, pad(frame(writePing), 1180)), from);
    attack.wait(5);
    if (answer !== null) {
      const data: Uint8Array = answer;
      // Every second address is proved to be its own, so that validated paths pile up too.
      if (port % 2 === 0)
        duel.give(
          true,
          peer.packet(
            2,
            pad(
              frame((w) => writePathResponse(w, data)),
              1180,
            ),
          ),
          from,
        );
    }
    assert.ok(core.paths.all.length <= MAX_PATHS, `${core.paths.all.length} paths`);
  }
  assert.equal(attack.closedWith, null);
});
