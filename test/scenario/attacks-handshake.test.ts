/** Attacks before and during the handshake: parameters, first packets, coalesced datagrams, CRYPTO, forged Initials. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { MAX_CRYPTO_PIECES } from '../../src/connection/crypto-stream.ts';
import { MAX_EARLY_PACKETS } from '../../src/connection/early-packets.ts';
import { MAX_TOKEN_LENGTH } from '../../src/connection/first-flight.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { TransportError, TransportErrorCode, transportErrorName } from '../../src/errors.ts';
import { writeRetry } from '../../src/routing/stateless-answers.ts';
import { NO_TRACE } from '../../src/trace/trace.ts';
import { concat } from '../../src/util/bytes.ts';
import { FRAME } from '../../src/wire/frame-table.ts';
import {
  writeConnectionClose,
  writeCrypto,
  writePing,
  writeStreamHeader,
} from '../../src/wire/frame-writer.ts';
import { decodeTransportParameters } from '../../src/wire/transport-parameters.ts';
import { VERSION_1 } from '../../src/wire/versions.ts';
import { Attack, heapUsed } from '../support/attack.ts';
import { echo } from '../support/cores.ts';
import { CLIENT, SERVER } from '../support/duel.ts';
import {
  APPLICATION,
  frame,
  HANDSHAKE,
  type HostileOptions,
  HostilePeer,
  INITIAL,
  varints,
} from '../support/hostile-peer.ts';
import { TestServer } from '../support/test-server.ts';

const { CRYPTO_BUFFER_EXCEEDED, FRAME_ENCODING_ERROR, PROTOCOL_VIOLATION, TRANSPORT_PARAMETER_ERROR } =
  TransportErrorCode;
const DECODE_ERROR = 0x132;
const ping = frame(writePing);
const one = Uint8Array.of(1);

/** The handshake of a client with these parameters: the code of the close, or null if it was completed. */
function handshakeWith(options: Partial<HostileOptions>, seed: number | string = 1): number | null {
  const attack = new Attack({ seed, establish: false, peer: options });
  attack.duel.run(
    () => attack.closedWith !== null || (attack.peer.isEstablished && attack.core.handshake.isConfirmed),
    100,
  );
  return attack.closedWith;
}

function parameters(): Uint8Array {
  return new HostilePeer({ seed: 1, local: CLIENT, remote: SERVER }).parameters();
}

test('P5 RFC 9000 §7.4 transport parameters cut off at every byte', () => {
  const whole = parameters();
  for (let length = 0; length < whole.length; length++) {
    const code = handshakeWith({ editParameters: (bytes) => bytes.subarray(0, length) });
    assert.equal(code, TRANSPORT_PARAMETER_ERROR, `at ${length} of ${whole.length}`);
  }
});

test('P5 RFC 9000 §7.4 transport parameters with every byte one off end in their own error or are ordinary', () => {
  const whole = parameters();
  for (let at = 0; at < whole.length; at++) {
    for (const delta of [1, -1]) {
      const code = handshakeWith({
        editParameters: (bytes) => {
          const bad = bytes.slice();
          bad[at] = (bad[at] as number) + delta;
          return bad;
        },
      });
      assert.ok(
        code === null || code === TRANSPORT_PARAMETER_ERROR,
        `byte ${at}: ${transportErrorName(code ?? 0)}`,
      );
    }
  }
});

test('P5 RFC 9000 §7.4.2 unknown parameters are skipped, also 8 KiB of them; more than a ClientHello may hold is refused', () => {
  const unknown = (count: number) => (bytes: Uint8Array) =>
    concat([
      bytes,
      ...Array.from({ length: count }, (_, i) => concat([varints(0x4000 + i, 100), new Uint8Array(100)])),
    ]);
  assert.equal(handshakeWith({ editParameters: unknown(80) }), null);
  assert.equal(handshakeWith({ editParameters: unknown(600) }), DECODE_ERROR);
  const twice = concat([varints(0x7fff, 1), one]);
  assert.equal(
    handshakeWith({ editParameters: (bytes) => concat([bytes, twice, twice]) }),
    TRANSPORT_PARAMETER_ERROR,
  );
});

test('P5 10,000 malformed parameter lists leave no memory behind', () => {
  const random = seededRandom(5);
  const whole = parameters();
  const before = heapUsed();
  for (let i = 0; i < 10_000; i++) {
    const bad = whole.slice(0, 1 + random.integer(whole.length));
    for (let flips = random.integer(4); flips > 0; flips--)
      bad[random.integer(bad.length)] = random.integer(256);
    try {
      decodeTransportParameters(bad, random.integer(2) === 0 ? 'client' : 'server');
    } catch (error) {
      assert.ok(error instanceof TransportError && error.code === TRANSPORT_PARAMETER_ERROR);
    }
  }
  assert.ok(heapUsed() - before < 2 ** 19);
});

/** RFC 9000 Table 3, written down once more: I Initial, H Handshake, 1 1-RTT. */
const ALLOWED: [type: number, packets: string, body: Uint8Array][] = [
  [0x00, 'IH1', new Uint8Array(0)],
  [0x01, 'IH1', new Uint8Array(0)],
  [0x02, 'IH1', varints(0, 0, 0, 0)],
  [0x03, 'IH1', varints(0, 0, 0, 0, 0, 0, 0)],
  [0x04, '1', varints(0, 0, 0)],
  [0x05, '1', varints(0, 0)],
  [0x06, 'IH1', varints(0, 0)],
  [0x08, '1', varints(0)],
  [0x0a, '1', concat([varints(0, 1), one])],
  [0x0f, '1', concat([varints(0, 0, 1), one])],
  [0x10, '1', varints(0)],
  [0x11, '1', varints(0, 0)],
  [0x12, '1', varints(0)],
  [0x13, '1', varints(0)],
  [0x14, '1', varints(0)],
  [0x15, '1', varints(0, 0)],
  [0x16, '1', varints(0)],
  [0x17, '1', varints(0)],
  [0x18, '1', concat([varints(1, 0), Uint8Array.of(8), new Uint8Array(24)])],
  [0x19, '1', varints(1)],
  [0x1a, '1', new Uint8Array(8)],
  [0x1b, '1', new Uint8Array(8)],
];

for (const [type, packets, body] of ALLOWED) {
  test(`P6 RFC 9000 §12.4 frame 0x${type.toString(16)} is taken in ${packets} and nowhere else`, () => {
    const each = concat([Uint8Array.of(type), body]);
    for (const [space, letter] of [
      [INITIAL, 'I'],
      [HANDSHAKE, 'H'],
    ] as const) {
      const code = handshakeWith({
        editPacket: (draft) => {
          if (draft.space !== space) return true;
          // A frame that reaches to the end of the packet stands last.
          draft.payload =
            (type & 0xfa) === 0x08 ? concat([draft.payload, each]) : concat([each, draft.payload]);
          return true;
        },
      });
      const isFirstAck = space === INITIAL && (type === 0x02 || type === 0x03);
      if (!packets.includes(letter)) assert.equal(code, PROTOCOL_VIOLATION, letter);
      // Nothing was sent yet that the client's first Initial could acknowledge.
      else assert.equal(code, isFirstAck ? PROTOCOL_VIOLATION : null, letter);
    }
    const attack = new Attack();
    attack.hit(each);
    assert.equal(attack.closedWith, null);
  });
}

test('P7 RFC 9000 §12.2 trailing packets for other ids are dropped without state', () => {
  const drops: string[] = [];
  const trace = { ...NO_TRACE, packetDropped: (_now: number, reason: string) => void drops.push(reason) };
  const attack = new Attack({ changes: { trace } });
  attack.duel.keepsSent = false;
  const random = seededRandom(7);
  drops.length = 0;
  let before = 0;
  for (let i = 0; i < 5000; i++) {
    if (i === 500) before = heapUsed();
    const own = attack.peer.packet(HANDSHAKE, ping);
    const others = Array.from({ length: 1 + random.integer(19) }, () =>
      strangerPacket(random.integer(4), random),
    );
    attack.throw(concat([own, ...others]));
    drops.length = Math.min(drops.length, 100);
  }
  assert.equal(attack.closedWith, null);
  assert.ok(drops.includes('connection-id'));
  assert.ok(heapUsed() - before < 2 ** 20);
  attack.hit(ping);
  attack.settle();
  assert.equal(attack.core.state.value, 'established');
});

test('P7 a first datagram of many packets for many ids makes one incoming connection', () => {
  const server = new TestServer(7);
  const random = seededRandom(8);
  const peer = new HostilePeer({ seed: 7, local: CLIENT, remote: SERVER });
  peer.flush();
  const others = Array.from({ length: 20 }, () => strangerPacket(random.integer(4), random));
  server.recv(concat([peer.queue[0] as Uint8Array, ...others]), { from: CLIENT, to: SERVER }, 0);
  assert.equal(server.members.length, 1);
  assert.equal(server.router.sizes.originals, 1);
  assert.equal(server.router.sizes.pending, 0);
});

test('P13 RFC 9000 §7.5 CRYPTO in the Initial space with a hole at every second byte closes at a number of them', () => {
  const attack = new Attack({ establish: false });
  attack.peer.spaces[INITIAL]?.out.fill(0);
  const { peer } = attack;
  let offset = 1;
  for (let packet = 0; packet < 100 && attack.closedWith === null; packet++) {
    const frames = Array.from({ length: 100 }, (_, i) => frame((w) => writeCrypto(w, offset + 2 * i, one)));
    offset += 200;
    attack.throw(peer.initial(concat(frames)));
  }
  assert.equal(attack.closedWith, CRYPTO_BUFFER_EXCEEDED);
  assert.ok(offset <= 2 * MAX_CRYPTO_PIECES + 400);
});

test('P13 CRYPTO in the Initial space far ahead, and beyond what there is', () => {
  const far = new Attack({ establish: false });
  far.throw(far.peer.initial(frame((w) => writeCrypto(w, 1_000_000, one))));
  assert.equal(far.closedWith, CRYPTO_BUFFER_EXCEEDED);
  const beyond = new Attack({ establish: false });
  beyond.throw(beyond.peer.initial(concat([varints(FRAME.CRYPTO, 2n ** 62n - 1n, 1), one])));
  assert.equal(beyond.closedWith, FRAME_ENCODING_ERROR);
});

test('P13 RFC 9000 §19.6 a ClientHello in 500 pieces in any order is one', () => {
  const random = seededRandom(13);
  const alpn = ['test', ...Array.from({ length: 30 }, (_, i) => `a-protocol-of-another-kind-${i}`)];
  const attack = new Attack({ establish: false, peer: { alpn } });
  const { peer } = attack;
  const space = peer.spaces[INITIAL];
  assert.ok(space);
  const hello = space.out;
  space.out = new Uint8Array(0);
  space.outOffset = hello.length;
  const size = Math.floor(hello.length / 500);
  assert.ok(size >= 1, `${hello.length} bytes`);
  const pieces: [number, number][] = [];
  for (let i = 0; i < 500; i++) pieces.push([i * size, i === 499 ? hello.length : (i + 1) * size]);
  for (let i = pieces.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [pieces[i], pieces[j]] = [pieces[j] as [number, number], pieces[i] as [number, number]];
  }
  for (let i = 0; i < pieces.length; i += 50) {
    const frames = pieces
      .slice(i, i + 50)
      .map(([from, to]) => frame((w) => writeCrypto(w, from, hello, from, to)));
    peer.inject(INITIAL, concat(frames));
  }
  assert.ok(attack.duel.run(() => peer.isEstablished && attack.core.handshake.isConfirmed, 200));
});

test('P14 RFC 9001 §4.9.1 Initials that anybody can forge end no client that has better keys', () => {
  const forged = [
    frame((w) =>
      writeConnectionClose(w, { application: false, code: 1, frameType: 0, reason: new Uint8Array(0) }),
    ),
    varints(FRAME.ACK, 1000, 0, 0, 0),
    varints(0x3f),
    concat([varints(FRAME.CRYPTO, 0, 4), new Uint8Array(4)]),
    frame((w) => writeCrypto(w, 1_000_000, one)),
    concat([frame((w) => writeStreamHeader(w, 0, 0, 1, false)), one]),
  ];
  for (const payload of forged) {
    const attack = new Attack({ role: 'server', establish: false });
    assert.ok(attack.duel.run(() => attack.core.spaces[HANDSHAKE]?.canReceive === true, 20));
    attack.throw(attack.peer.initial(payload), attack.peer.initial(payload, { firstByte: 0x0c }));
    assert.equal(
      attack.core.state.value === 'handshaking' || attack.core.state.value === 'established',
      true,
    );
    assert.ok(attack.duel.run(() => attack.core.handshake.isConfirmed, 100));
    attack.throw(attack.peer.initial(payload));
    assert.equal(attack.core.state.value, 'established');
  }
});

test('P14 RFC 9001 §4.9.1 forged Initials after the handshake do nothing to a server', () => {
  const attack = new Attack();
  const close = { application: false, code: 1, frameType: 0, reason: new Uint8Array(0) };
  attack.throw(attack.peer.initial(frame((w) => writeConnectionClose(w, close))));
  assert.equal(attack.core.state.value, 'established');
});

test('T19 every frame of a server at every moment of the handshake is taken or ends in a clean close', () => {
  const frames = [
    ...ALLOWED.map(([type, , body]) => concat([Uint8Array.of(type), body])),
    Uint8Array.of(FRAME.HANDSHAKE_DONE),
    concat([varints(FRAME.NEW_TOKEN, 1), one]),
  ];
  for (const payload of frames) {
    for (let moment = 0; moment < 10; moment++) {
      const attack = new Attack({ role: 'server', establish: false, peer: { confirms: false } });
      attack.duel.run(() => false, moment);
      // All the keys that the server has by now, each in its packets.
      for (const space of [INITIAL, HANDSHAKE, APPLICATION]) {
        if (attack.peer.spaces[space]?.send == null) continue;
        attack.throw(space === INITIAL ? attack.peer.initial(payload) : attack.peer.packet(space, payload));
      }
      attack.duel.run(() => attack.closedWith !== null, 60);
      const { local } = attack.core.closer;
      assert.notEqual(local?.errorCode, 1n, `0x${payload[0]?.toString(16)} at ${moment}: ${local?.reason}`);
    }
  }
});

test('T19 RFC 9001 §5.7 1-RTT packets that come before the handshake is complete wait, a few of them', () => {
  const attack = new Attack({ role: 'server', establish: false, peer: { confirms: false } });
  attack.duel.run(() => attack.peer.spaces[APPLICATION]?.send != null, 10);
  const before = heapUsed();
  for (let i = 0; i < 1000; i++)
    attack.throw(attack.peer.packet(APPLICATION, concat([ping, new Uint8Array(1000)])));
  assert.ok(heapUsed() - before < MAX_EARLY_PACKETS * 2000 + 2 ** 17);
  attack.hit(Uint8Array.of(FRAME.HANDSHAKE_DONE));
  assert.equal(attack.core.handshake.isConfirmed, false);
  assert.ok(attack.duel.run(() => attack.core.state.value === 'established', 100));
});

test('T21 RFC 9000 §16 numbers in their longest forms are as good as in their shortest', () => {
  const attack = new Attack();
  attack.duel.onProgress = () => echo(attack.core);
  const long = (value: number): Uint8Array => Uint8Array.of(0xc0, 0, 0, 0, 0, 0, 0, value);
  attack.hit([Uint8Array.of(FRAME.STREAM | 0x07), long(0), long(0), long(1), one]);
  attack.duel.onProgress();
  attack.wait(100);
  const answer = attack.peer.frames.find(({ kind }) => kind === FRAME.STREAM);
  assert.deepEqual([answer?.streamId, answer?.fin, ...(answer?.data ?? [])], [0, true, 1]);
});

test('T21 RFC 9000 §12.4 lengths that go past the end of the packet', () => {
  const cases = [
    varints(FRAME.STREAM | 0x02, 0, 100),
    varints(FRAME.CRYPTO, 0, 100),
    varints(FRAME.CONNECTION_CLOSE, 0, 0, 100),
    concat([varints(FRAME.NEW_CONNECTION_ID, 1, 0), Uint8Array.of(8), new Uint8Array(23)]),
    concat([Uint8Array.of(FRAME.PATH_CHALLENGE), new Uint8Array(7)]),
    varints(FRAME.ACK, 0, 0, 1000, 0),
    Uint8Array.of(FRAME.MAX_DATA, 0xc0),
    Uint8Array.of(0x80),
  ];
  for (const payload of cases) {
    const attack = new Attack();
    attack.hit(payload);
    assert.equal(attack.closedWith, FRAME_ENCODING_ERROR, `${payload}`);
  }
});

test('P13 one byte of a ClientHello out of place costs a server a few kilobytes, not its limit', () => {
  const attacks = Array.from({ length: 50 }, (_, i) => new Attack({ seed: `gap ${i}`, establish: false }));
  const datagrams = attacks.map(({ peer }) => peer.initial(frame((w) => writeCrypto(w, 1000, one))));
  const before = heapUsed();
  attacks.forEach((attack, i) => void attack.throw(datagrams[i] as Uint8Array));
  const each = (heapUsed() - before) / attacks.length;
  assert.ok(each < 50_000, `${each} bytes for each`);
});

/** A packet that is for nobody here: an Initial, a Handshake packet, one of another version, a short one. */
function strangerPacket(kind: number, random: { fill(into: Uint8Array): void }): Uint8Array {
  const packet = new Uint8Array(60);
  random.fill(packet);
  packet[0] = [0xc0, 0xe0, 0xd0, 0x40][kind] as number;
  if (kind === 3) return packet;
  packet.set([0, 0, 0, kind === 2 ? 9 : 1, 8], 1);
  packet[14] = 8;
  if (kind === 0) packet.set([0, 0x40, 60 - 26], 23);
  else packet.set([0x40, 60 - 25], 23);
  return packet;
}

test('P3 RFC 9000 §17.2.5.2 a Retry whose token leaves no room for a ClientHello is ignored', () => {
  const attack = new Attack({ role: 'server', establish: false });
  const { core, duel } = attack;
  duel.collect();
  const ids = {
    clientSourceId: core.localIds.current,
    originalDestinationId: core.firstFlight.originalDestinationId,
    retrySourceId: new Uint8Array(8).fill(4),
  };
  for (const [length, isFollowed] of [
    [MAX_TOKEN_LENGTH + 1, false],
    [MAX_TOKEN_LENGTH, true],
  ] as const) {
    const out = new Uint8Array(1500);
    const token = new Uint8Array(length).fill(7);
    const size = writeRetry(out, nodeProvider, VERSION_1, { ...ids, token }, seededRandom(1));
    const before = duel.count;
    attack.throw(out.subarray(0, size));
    duel.collect();
    assert.equal(core.firstFlight.retrySourceId !== null, isFollowed);
    assert.equal(duel.count > before, isFollowed, 'Initials with the token');
  }
});

test('P3 a token from an earlier connection that is too long is left out', () => {
  const attack = new Attack({
    role: 'server',
    changes: { token: new Uint8Array(MAX_TOKEN_LENGTH + 1) },
  });
  assert.equal(attack.core.state.value, 'established');
});
