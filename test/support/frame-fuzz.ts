/** Frames with values that nobody would choose, in their right shape or not. */
import type { RandomSource } from '../../src/crypto/provider.ts';
import { concat } from '../../src/util/bytes.ts';
import { FRAME } from '../../src/wire/frame-table.ts';
import { varints } from './hostile-peer.ts';
import { bytes, pick } from './mutations.ts';

/** Where JavaScript's numbers, varints and QUIC's limits have their edges. */
export const EDGES: readonly (number | bigint)[] = [
  0,
  1,
  2,
  3,
  4,
  7,
  63,
  64,
  255,
  16_383,
  16_384,
  65_535,
  65_536,
  2 ** 30 - 1,
  2 ** 30,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 60n,
  2n ** 60n + 1n,
  2n ** 62n - 2n,
  2n ** 62n - 1n,
];

/** Some frames in a row, as the payload of a packet of at most about `size` bytes. */
export function fuzzFrames(random: RandomSource, role: 'client' | 'server', size = 1100): Uint8Array {
  const frames: Uint8Array[] = [];
  let length = 0;
  for (let count = 1 + random.integer(6); count > 0; count--) {
    const one = random.integer(20) === 0 ? wildFrame(random) : tameFrame(random, role);
    if (length + one.length > size) break;
    frames.push(one);
    length += one.length;
  }
  const payload = concat(frames);
  if (random.integer(40) === 0 && payload.length > 0) {
    for (let count = 1 + random.integer(3); count > 0; count--) {
      payload[random.integer(payload.length)] = random.integer(256);
    }
  }
  if (random.integer(80) === 0) return payload.subarray(0, random.integer(payload.length + 1));
  return payload.length === 0 ? Uint8Array.of(FRAME.PING) : payload;
}

/** A frame that this role may send, with unusual but mostly legal values. */
function tameFrame(random: RandomSource, role: 'client' | 'server'): Uint8Array {
  const own = role === 'client' ? 0 : 1;
  const sending = 4 * random.integer(12) + own + 2 * random.integer(2);
  const receiving = 4 * random.integer(6) + own;
  switch (random.integer(14)) {
    case 0:
      return varints(FRAME.RESET_STREAM, sending, value(random), 1000 + random.integer(200));
    case 1:
      return varints(FRAME.STOP_SENDING, receiving, value(random));
    case 2:
      return varints(FRAME.MAX_STREAM_DATA, receiving, value(random));
    case 3:
      return varints(FRAME.MAX_DATA, value(random));
    case 4:
      return varints(FRAME.MAX_STREAMS_BIDI + random.integer(2), small(random));
    case 5:
      return varints(pick([FRAME.DATA_BLOCKED, FRAME.STREAMS_BLOCKED_UNI], random), small(random));
    case 6:
      return varints(FRAME.STREAM_DATA_BLOCKED, sending, value(random));
    case 7:
      return concat([Uint8Array.of(FRAME.PATH_CHALLENGE + random.integer(2)), bytes(random, 8)]);
    case 8:
      return varints(FRAME.ACK, random.integer(3), value(random), 0, 0);
    case 9:
      return Uint8Array.of(FRAME.PING, 0, 0, 0, FRAME.PING);
    case 10: {
      const sequence = 1 + random.integer(20);
      // The same number always means the same id.
      const same = new Uint8Array(24).fill(sequence);
      return concat([
        varints(FRAME.NEW_CONNECTION_ID, sequence, random.integer(sequence + 1)),
        Uint8Array.of(8),
        same,
      ]);
    }
    default: {
      const data = bytes(random, random.integer(60));
      const fin = random.integer(8) === 0 ? 1 : 0;
      const offset = random.integer(fin === 1 ? 1 : 1000) + (fin === 1 ? 1000 : 0);
      return concat([varints(FRAME.STREAM | 0x06 | fin, sending, offset, data.length), data]);
    }
  }
}

/** Any frame with any values. */
function wildFrame(random: RandomSource): Uint8Array {
  const type = pick(TYPES, random);
  const v = (): number | bigint => value(random);
  switch (type) {
    case FRAME.PADDING:
    case FRAME.PING:
    case FRAME.HANDSHAKE_DONE:
      return Uint8Array.of(type);
    case FRAME.ACK:
    case FRAME.ACK_ECN: {
      const more = random.integer(6);
      const rest = Array.from({ length: 2 * more + 1 }, () => small(random));
      const largest = random.integer(3) === 0 ? v() : random.integer(40);
      const counts = type === FRAME.ACK_ECN ? [v(), v(), v()] : [];
      return varints(type, largest, v(), more, ...rest, ...counts);
    }
    case FRAME.RESET_STREAM:
      return varints(type, id(random), v(), v());
    case FRAME.STOP_SENDING:
    case FRAME.MAX_STREAM_DATA:
    case FRAME.STREAM_DATA_BLOCKED:
      return varints(type, id(random), v());
    case FRAME.CRYPTO: {
      const data = bytes(random, random.integer(100));
      return concat([varints(type, small(random), data.length), data]);
    }
    case FRAME.NEW_TOKEN: {
      const data = bytes(random, random.integer(100));
      return concat([varints(type, data.length), data]);
    }
    case FRAME.STREAM: {
      const data = bytes(random, random.integer(100));
      const flags = random.integer(8) | 0x02;
      const offset = (flags & 0x04) !== 0 ? [random.integer(4) === 0 ? v() : random.integer(3000)] : [];
      return concat([varints(type | flags, id(random), ...offset, data.length), data]);
    }
    case FRAME.NEW_CONNECTION_ID: {
      const length = random.integer(8) === 0 ? random.integer(256) : 8;
      const sequence = random.integer(4) === 0 ? v() : random.integer(12);
      const prior = random.integer(4) === 0 ? v() : random.integer(4);
      return concat([varints(type, sequence, prior), Uint8Array.of(length), bytes(random, length + 16)]);
    }
    case FRAME.PATH_CHALLENGE:
    case FRAME.PATH_RESPONSE:
      return concat([Uint8Array.of(type), bytes(random, 8)]);
    case FRAME.RETIRE_CONNECTION_ID:
      return varints(type, random.integer(3) === 0 ? v() : random.integer(6));
    case FRAME.DATAGRAM_LENGTH:
      return concat([varints(type, 3), bytes(random, 3)]);
    default:
      return varints(type, v());
  }
}

/** Mostly small, sometimes at an edge. */
function value(random: RandomSource): number | bigint {
  return random.integer(2) === 0 ? small(random) : pick(EDGES, random);
}

function small(random: RandomSource): number {
  return random.integer(random.integer(4) === 0 ? 100_000 : 10);
}

function id(random: RandomSource): number | bigint {
  return random.integer(10) === 0 ? value(random) : random.integer(24);
}

const TYPES: readonly number[] = [
  ...Object.values(FRAME).filter(
    (type) => type !== FRAME.CONNECTION_CLOSE && type !== FRAME.CONNECTION_CLOSE_APPLICATION,
  ),
  // The ones with most state behind them more often.
  ...[FRAME.STREAM, FRAME.STREAM, FRAME.STREAM, FRAME.ACK, FRAME.RESET_STREAM, FRAME.STOP_SENDING],
  ...[FRAME.NEW_CONNECTION_ID, FRAME.RETIRE_CONNECTION_ID, FRAME.MAX_STREAM_DATA],
];
