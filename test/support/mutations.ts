/** Datagrams that nobody would send, made from ones that somebody did. */
import type { RandomSource } from '../../src/crypto/provider.ts';
import { concat } from '../../src/util/bytes.ts';
import { PacketHeader, readHeader } from '../../src/wire/header.ts';

/** A mutation takes good datagrams and makes a bad one, or a good one at a bad time. */
export type Mutation = (pool: readonly Uint8Array[], random: RandomSource) => Uint8Array;

export const MUTATIONS: readonly Mutation[] = [
  noise,
  noiseWithHeader,
  flipBits,
  truncate,
  extend,
  splice,
  coalesce,
  changeLength,
  changeVersion,
  changeIds,
  changeFirstByte,
  replay,
];

export function mutate(pool: readonly Uint8Array[], random: RandomSource): Uint8Array {
  return (MUTATIONS[random.integer(MUTATIONS.length)] as Mutation)(pool, random);
}

function noise(_pool: readonly Uint8Array[], random: RandomSource): Uint8Array {
  return bytes(random, random.integer(1500));
}

/** Random bytes after the first ones of a good datagram, which say for whom it is. */
function noiseWithHeader(pool: readonly Uint8Array[], random: RandomSource): Uint8Array {
  const good = pick(pool, random);
  return concat([good.subarray(0, random.integer(40)), bytes(random, random.integer(1300))]);
}

function flipBits(pool: readonly Uint8Array[], random: RandomSource): Uint8Array {
  const bad = pick(pool, random).slice();
  // Most of them in the header, where they do most harm.
  const reach = random.integer(2) === 0 ? Math.min(60, bad.length) : bad.length;
  for (let count = 1 + random.integer(8); count > 0 && reach > 0; count--) {
    const at = random.integer(reach);
    bad[at] = (bad[at] as number) ^ (1 << random.integer(8));
  }
  return bad;
}

function truncate(pool: readonly Uint8Array[], random: RandomSource): Uint8Array {
  const good = pick(pool, random);
  return good.slice(0, random.integer(good.length + 1));
}

function extend(pool: readonly Uint8Array[], random: RandomSource): Uint8Array {
  return concat([pick(pool, random), bytes(random, 1 + random.integer(200))]);
}

function splice(pool: readonly Uint8Array[], random: RandomSource): Uint8Array {
  const head = pick(pool, random);
  const tail = pick(pool, random);
  return concat([
    head.subarray(0, random.integer(head.length + 1)),
    tail.subarray(random.integer(tail.length)),
  ]);
}

/** 2 to 20 packets of any datagrams, with ids, versions and types as they come. */
function coalesce(pool: readonly Uint8Array[], random: RandomSource): Uint8Array {
  const packets: Uint8Array[] = [];
  for (let count = 2 + random.integer(19); count > 0; count--) {
    const packet = pick(packetsOf(pick(pool, random)), random);
    packets.push(random.integer(3) === 0 ? flipBits([packet], random) : packet);
  }
  return concat(packets);
}

/** One off in the two bytes before the packet number, which are the Length of a long header. */
function changeLength(pool: readonly Uint8Array[], random: RandomSource): Uint8Array {
  const bad = pick(pool, random).slice();
  const header = new PacketHeader();
  if (!readHeader(bad, 0, bad.length, 8, header) || header.packetNumberOffset < 2) return bad;
  const at = header.packetNumberOffset - 1;
  bad[at] = (bad[at] as number) + (random.integer(2) === 0 ? 1 : -1);
  return bad;
}

function changeVersion(pool: readonly Uint8Array[], random: RandomSource): Uint8Array {
  const bad = pick(pool, random).slice();
  if (bad.length < 5) return bad;
  bad[0] = (bad[0] as number) | 0x80;
  const version = pick([0, 2, 0x0a1a2a3a, 0x6b3343cf, 0xff00001d, random.integer(2 ** 32)], random);
  new DataView(bad.buffer, bad.byteOffset).setUint32(1, version);
  return bad;
}

/** Other ids, of other lengths too. */
function changeIds(pool: readonly Uint8Array[], random: RandomSource): Uint8Array {
  const bad = pick(pool, random).slice();
  if (bad.length < 30) return bad;
  if (random.integer(2) === 0) bad[5] = random.integer(256);
  else bad.set(bytes(random, 8), ((bad[0] as number) & 0x80) !== 0 ? 6 + random.integer(10) : 1);
  return bad;
}

function changeFirstByte(pool: readonly Uint8Array[], random: RandomSource): Uint8Array {
  const bad = pick(pool, random).slice();
  if (bad.length > 0) bad[0] = random.integer(256);
  return bad;
}

function replay(pool: readonly Uint8Array[], random: RandomSource): Uint8Array {
  return pick(pool, random).slice();
}

/** The packets of a datagram; those of short headers reach to its end. */
export function packetsOf(datagram: Uint8Array): Uint8Array[] {
  const packets: Uint8Array[] = [];
  const header = new PacketHeader();
  for (let start = 0; start < datagram.length; start = header.end) {
    if (!readHeader(datagram, start, datagram.length, 8, header) || header.end <= start) break;
    packets.push(datagram.subarray(start, header.end));
  }
  return packets.length > 0 ? packets : [datagram];
}

export function pick<T>(from: readonly T[], random: RandomSource): T {
  return from[random.integer(from.length)] as T;
}

export function bytes(random: RandomSource, length: number): Uint8Array {
  const out = new Uint8Array(length);
  random.fill(out);
  return out;
}
