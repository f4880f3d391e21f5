/**
 * ChaCha20-Poly1305 (RFC 8439) and the header mask of QUIC (RFC 9001 §5.4.4) on one packet in linear memory, in one call.
 *
 * Written in AssemblyScript; `scripts/build-wasm.js` compiles it with 128-bit SIMD. Owns the arithmetic and the packet's
 * buffer; knows nothing of QUIC beyond where the mask goes. Keys come as arguments and live in locals, so that none is
 * ever stored in linear memory; no branch and no address depends on a secret.
 */

/** Room for the largest UDP payload, its tag, and what a last block may touch beyond. */
const PACKET_SIZE: i32 = 65536 + 16 + 256;
const packet: usize = memory.data(PACKET_SIZE, 16);
/** The first four blocks of the key stream: the Poly1305 key, then what protects the first 192 bytes. */
const stream: usize = memory.data(256, 16);
const zeros: usize = memory.data(256, 16);

/** Where the caller puts a packet. */
export function address(): usize {
  return packet;
}

/**
 * Encrypts `packet[headerLength, payloadEnd)`, appends the tag and masks the header. `k…` is the packet key, `h…` the header
 * key, `n…` the nonce, all as little-endian words.
 */
export function seal(
  k0: i32, k1: i32, k2: i32, k3: i32, k4: i32, k5: i32, k6: i32, k7: i32,
  h0: i32, h1: i32, h2: i32, h3: i32, h4: i32, h5: i32, h6: i32, h7: i32,
  n0: i32, n1: i32, n2: i32,
  numberOffset: i32, headerLength: i32, payloadEnd: i32,
): void {
  const payload = packet + headerLength;
  const end = packet + payloadEnd;
  xor4(k0, k1, k2, k3, k4, k5, k6, k7, 0, n0, n1, n2, zeros, stream);
  crypt(k0, k1, k2, k3, k4, k5, k6, k7, n0, n1, n2, payload, end);
  authenticate(headerLength, payloadEnd - headerLength);
  store<u64>(end, tagLow);
  store<u64>(end, tagHigh, 8);
  const sample = packet + numberOffset + 4;
  const mask = maskOf(
    h0, h1, h2, h3, h4, h5, h6, h7,
    load<i32>(sample), load<i32>(sample, 4), load<i32>(sample, 8), load<i32>(sample, 12),
  );
  const first = load<u8>(packet);
  store<u8>(packet, first ^ (<u8>mask & (first & 0x80 ? 0x0f : 0x1f)));
  const number = packet + numberOffset;
  for (let i: usize = 0; i <= <usize>(first & 3); i++) {
    store<u8>(number + i, load<u8>(number + i) ^ <u8>(mask >> (8 * (i + 1))));
  }
}

/**
 * Checks the tag, the last 16 bytes before `end`, and decrypts `packet[headerLength, end - 16)`. Returns 0, and changes
 * nothing, if the packet is not authentic.
 */
export function open(
  k0: i32, k1: i32, k2: i32, k3: i32, k4: i32, k5: i32, k6: i32, k7: i32,
  n0: i32, n1: i32, n2: i32,
  headerLength: i32, end: i32,
): i32 {
  const payload = packet + headerLength;
  const tag = packet + end - 16;
  xor4(k0, k1, k2, k3, k4, k5, k6, k7, 0, n0, n1, n2, zeros, stream);
  authenticate(headerLength, end - 16 - headerLength);
  // Both halves at once: how many bytes agree shows nowhere.
  if (((load<u64>(tag) ^ tagLow) | (load<u64>(tag, 8) ^ tagHigh)) != 0) return 0;
  crypt(k0, k1, k2, k3, k4, k5, k6, k7, n0, n1, n2, payload, tag);
  return 1;
}

/** The first 5 bytes of the key stream, for a sample as four little-endian words. */
export function mask(
  h0: i32, h1: i32, h2: i32, h3: i32, h4: i32, h5: i32, h6: i32, h7: i32,
  s0: i32, s1: i32, s2: i32, s3: i32,
): i32 {
  const mask = maskOf(h0, h1, h2, h3, h4, h5, h6, h7, s0, s1, s2, s3);
  maskEnd = <i32>(mask >> 32) & 0xff;
  return <i32>mask;
}

let maskEnd: i32 = 0;

/** Byte 4 of the last mask. */
export function maskTail(): i32 {
  return maskEnd;
}

/** XORs the key stream onto `[at, end)`, and onto up to 255 bytes after it. Its first three blocks stand in `stream`. */
function crypt(
  k0: i32, k1: i32, k2: i32, k3: i32, k4: i32, k5: i32, k6: i32, k7: i32,
  n0: i32, n1: i32, n2: i32,
  start: usize, end: usize,
): void {
  let at = start;
  for (let from = stream + 64; from < stream + 256 && at < end; from += 16, at += 16) {
    v128.store(at, v128.xor(v128.load(at), v128.load(from)));
  }
  let counter = 4;
  for (; at < end; at += 256, counter += 4) {
    xor4(k0, k1, k2, k3, k4, k5, k6, k7, counter, n0, n1, n2, at, at);
  }
}

/** Four blocks of the key stream from `counter` on, XORed with 256 bytes of `from`. RFC 8439 §2.3. */
function xor4(
  k0: i32, k1: i32, k2: i32, k3: i32, k4: i32, k5: i32, k6: i32, k7: i32,
  counter: i32, n0: i32, n1: i32, n2: i32,
  from: usize, to: usize,
): void {
  // Lane i of word w belongs to block i.
  let x0 = i32x4.splat(0x61707865);
  let x1 = i32x4.splat(0x3320646e);
  let x2 = i32x4.splat(0x79622d32);
  let x3 = i32x4.splat(0x6b206574);
  let x4 = i32x4.splat(k0);
  let x5 = i32x4.splat(k1);
  let x6 = i32x4.splat(k2);
  let x7 = i32x4.splat(k3);
  let x8 = i32x4.splat(k4);
  let x9 = i32x4.splat(k5);
  let x10 = i32x4.splat(k6);
  let x11 = i32x4.splat(k7);
  let x12 = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3));
  let x13 = i32x4.splat(n0);
  let x14 = i32x4.splat(n1);
  let x15 = i32x4.splat(n2);
  for (let round = 0; round < 10; round++) {
    x0 = i32x4.add(x0, x4);
    x1 = i32x4.add(x1, x5);
    x2 = i32x4.add(x2, x6);
    x3 = i32x4.add(x3, x7);
    x12 = rotl16(v128.xor(x12, x0));
    x13 = rotl16(v128.xor(x13, x1));
    x14 = rotl16(v128.xor(x14, x2));
    x15 = rotl16(v128.xor(x15, x3));
    x8 = i32x4.add(x8, x12);
    x9 = i32x4.add(x9, x13);
    x10 = i32x4.add(x10, x14);
    x11 = i32x4.add(x11, x15);
    x4 = rotl12(v128.xor(x4, x8));
    x5 = rotl12(v128.xor(x5, x9));
    x6 = rotl12(v128.xor(x6, x10));
    x7 = rotl12(v128.xor(x7, x11));
    x0 = i32x4.add(x0, x4);
    x1 = i32x4.add(x1, x5);
    x2 = i32x4.add(x2, x6);
    x3 = i32x4.add(x3, x7);
    x12 = rotl8(v128.xor(x12, x0));
    x13 = rotl8(v128.xor(x13, x1));
    x14 = rotl8(v128.xor(x14, x2));
    x15 = rotl8(v128.xor(x15, x3));
    x8 = i32x4.add(x8, x12);
    x9 = i32x4.add(x9, x13);
    x10 = i32x4.add(x10, x14);
    x11 = i32x4.add(x11, x15);
    x4 = rotl7(v128.xor(x4, x8));
    x5 = rotl7(v128.xor(x5, x9));
    x6 = rotl7(v128.xor(x6, x10));
    x7 = rotl7(v128.xor(x7, x11));
    x0 = i32x4.add(x0, x5);
    x1 = i32x4.add(x1, x6);
    x2 = i32x4.add(x2, x7);
    x3 = i32x4.add(x3, x4);
    x15 = rotl16(v128.xor(x15, x0));
    x12 = rotl16(v128.xor(x12, x1));
    x13 = rotl16(v128.xor(x13, x2));
    x14 = rotl16(v128.xor(x14, x3));
    x10 = i32x4.add(x10, x15);
    x11 = i32x4.add(x11, x12);
    x8 = i32x4.add(x8, x13);
    x9 = i32x4.add(x9, x14);
    x5 = rotl12(v128.xor(x5, x10));
    x6 = rotl12(v128.xor(x6, x11));
    x7 = rotl12(v128.xor(x7, x8));
    x4 = rotl12(v128.xor(x4, x9));
    x0 = i32x4.add(x0, x5);
    x1 = i32x4.add(x1, x6);
    x2 = i32x4.add(x2, x7);
    x3 = i32x4.add(x3, x4);
    x15 = rotl8(v128.xor(x15, x0));
    x12 = rotl8(v128.xor(x12, x1));
    x13 = rotl8(v128.xor(x13, x2));
    x14 = rotl8(v128.xor(x14, x3));
    x10 = i32x4.add(x10, x15);
    x11 = i32x4.add(x11, x12);
    x8 = i32x4.add(x8, x13);
    x9 = i32x4.add(x9, x14);
    x5 = rotl7(v128.xor(x5, x10));
    x6 = rotl7(v128.xor(x6, x11));
    x7 = rotl7(v128.xor(x7, x8));
    x4 = rotl7(v128.xor(x4, x9));
  }
  store4(
    i32x4.add(x0, i32x4.splat(0x61707865)), i32x4.add(x1, i32x4.splat(0x3320646e)),
    i32x4.add(x2, i32x4.splat(0x79622d32)), i32x4.add(x3, i32x4.splat(0x6b206574)), from, to,
  );
  store4(
    i32x4.add(x4, i32x4.splat(k0)), i32x4.add(x5, i32x4.splat(k1)),
    i32x4.add(x6, i32x4.splat(k2)), i32x4.add(x7, i32x4.splat(k3)), from + 16, to + 16,
  );
  store4(
    i32x4.add(x8, i32x4.splat(k4)), i32x4.add(x9, i32x4.splat(k5)),
    i32x4.add(x10, i32x4.splat(k6)), i32x4.add(x11, i32x4.splat(k7)), from + 32, to + 32,
  );
  store4(
    i32x4.add(x12, i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3))), i32x4.add(x13, i32x4.splat(n0)),
    i32x4.add(x14, i32x4.splat(n1)), i32x4.add(x15, i32x4.splat(n2)), from + 48, to + 48,
  );
}

/** Words `a` to `d` of four blocks, turned into 16 bytes of each block, XORed onto what is at `from`. */
@inline
function store4(a: v128, b: v128, c: v128, d: v128, from: usize, to: usize): void {
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const abHigh = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cdHigh = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.xor(v128.load(from), v128.shuffle<i64>(ab, cd, 0, 2)));
  v128.store(to, v128.xor(v128.load(from, 64), v128.shuffle<i64>(ab, cd, 1, 3)), 64);
  v128.store(to, v128.xor(v128.load(from, 128), v128.shuffle<i64>(abHigh, cdHigh, 0, 2)), 128);
  v128.store(to, v128.xor(v128.load(from, 192), v128.shuffle<i64>(abHigh, cdHigh, 1, 3)), 192);
}

/** The first two words of one block: the counter and the nonce are the sample (RFC 9001 §5.4.4). */
function maskOf(
  h0: i32, h1: i32, h2: i32, h3: i32, h4: i32, h5: i32, h6: i32, h7: i32,
  s0: i32, s1: i32, s2: i32, s3: i32,
): u64 {
  // One row of the state in a vector; diagonals come up by turning the rows.
  let a = i32x4(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);
  let b = i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(h0), 1, h1), 2, h2), 3, h3);
  let c = i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(h4), 1, h5), 2, h6), 3, h7);
  let d = i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(s0), 1, s1), 2, s2), 3, s3);
  for (let round = 0; round < 20; round++) {
    a = i32x4.add(a, b);
    d = rotl16(v128.xor(d, a));
    c = i32x4.add(c, d);
    b = rotl12(v128.xor(b, c));
    a = i32x4.add(a, b);
    d = rotl8(v128.xor(d, a));
    c = i32x4.add(c, d);
    b = rotl7(v128.xor(b, c));
    if (round & 1) {
      b = v128.shuffle<i32>(b, b, 3, 0, 1, 2);
      c = v128.shuffle<i32>(c, c, 2, 3, 0, 1);
      d = v128.shuffle<i32>(d, d, 1, 2, 3, 0);
    } else {
      b = v128.shuffle<i32>(b, b, 1, 2, 3, 0);
      c = v128.shuffle<i32>(c, c, 2, 3, 0, 1);
      d = v128.shuffle<i32>(d, d, 3, 0, 1, 2);
    }
  }
  a = i32x4.add(a, i32x4(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574));
  return i64x2.extract_lane(a, 0);
}

@inline
function rotl16(x: v128): v128 {
  return v128.shuffle<i16>(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
}

@inline
function rotl12(x: v128): v128 {
  return v128.or(i32x4.shl(x, 12), i32x4.shr_u(x, 20));
}

@inline
function rotl8(x: v128): v128 {
  return v128.or(i32x4.shl(x, 8), i32x4.shr_u(x, 24));
}

@inline
function rotl7(x: v128): v128 {
  return v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25));
}

// --- Poly1305, RFC 8439 §2.5: words of 32 bits in 64, so that four products fit into one sum ---

let acc0: u64 = 0;
let acc1: u64 = 0;
let acc2: u64 = 0;
let acc3: u64 = 0;
let acc4: u64 = 0;
let tagLow: u64 = 0;
let tagHigh: u64 = 0;

const WORD: u64 = 0xffffffff;

/** The tag of the packet's header and ciphertext (RFC 8439 §2.8), with the key at the start of `stream`. */
function authenticate(headerLength: i32, length: i32): void {
  acc0 = acc1 = acc2 = acc3 = acc4 = 0;
  absorb(packet, headerLength);
  absorb(packet + headerLength, length);
  store<u64>(stream + 32, headerLength);
  store<u64>(stream + 40, length);
  absorb(stream + 32, 16);
  // The accumulator modulo 2^130 - 5: minus the modulus if that is not below zero, chosen without a branch.
  let c = acc1 + (acc0 >> 32);
  const w0 = acc0 & WORD;
  const w1 = c & WORD;
  c = acc2 + (c >> 32);
  const w2 = c & WORD;
  c = acc3 + (c >> 32);
  const w3 = c & WORD;
  const w4 = acc4 + (c >> 32);
  const low = w0 | (w1 << 32);
  const high = w2 | (w3 << 32);
  c = w0 + 5;
  const g0 = c & WORD;
  c = w1 + (c >> 32);
  const g1 = c & WORD;
  c = w2 + (c >> 32);
  const g2 = c & WORD;
  c = w3 + (c >> 32);
  const g3 = c & WORD;
  const g4 = w4 + (c >> 32);
  const isAbove: u64 = 0 - (g4 >> 2 & 1);
  const l = (low & ~isAbove) | ((g0 | (g1 << 32)) & isAbove);
  const h = (high & ~isAbove) | ((g2 | (g3 << 32)) & isAbove);
  const padLow = load<u64>(stream, 16);
  tagLow = l + padLow;
  // The carry out of 64 bits, from the top bits alone.
  const carry = ((l & padLow) | ((l | padLow) & ~tagLow)) >> 63;
  tagHigh = h + load<u64>(stream, 24) + carry;
}

/** Adds blocks of 16 bytes, the last one filled up with zeros, and multiplies by r after each. */
function absorb(start: usize, length: i32): void {
  const r0: u64 = load<u32>(stream) & 0x0fffffff;
  const r1: u64 = load<u32>(stream, 4) & 0x0ffffffc;
  const r2: u64 = load<u32>(stream, 8) & 0x0ffffffc;
  const r3: u64 = load<u32>(stream, 12) & 0x0ffffffc;
  // 5/4 of r: what comes out above 2^130 comes back at the bottom.
  const s1 = r1 + (r1 >> 2);
  const s2 = r2 + (r2 >> 2);
  const s3 = r3 + (r3 >> 2);
  let h0 = acc0;
  let h1 = acc1;
  let h2 = acc2;
  let h3 = acc3;
  let h4 = acc4;
  let at = start;
  for (let left = length; left > 0; left -= 16, at += 16) {
    let low = load<u64>(at);
    let high = load<u64>(at, 8);
    if (left < 16) {
      low &= left >= 8 ? <u64>-1 : ((<u64>1 << (8 * left)) - 1);
      high &= left > 8 ? ((<u64>1 << (8 * (left - 8))) - 1) : 0;
    }
    h0 += low & WORD;
    h1 += low >> 32;
    h2 += high & WORD;
    h3 += high >> 32;
    h4 += 1;
    const d0 = h0 * r0 + h1 * s3 + h2 * s2 + h3 * s1;
    const d1 = h0 * r1 + h1 * r0 + h2 * s3 + h3 * s2 + h4 * s1 + (d0 >> 32);
    const d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * s3 + h4 * s2 + (d1 >> 32);
    const d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * s3 + (d2 >> 32);
    const top = h4 * r0 + (d3 >> 32);
    h0 = (d0 & WORD) + (top >> 2) + (top & ~3);
    h1 = (d1 & WORD) + (h0 >> 32);
    h0 &= WORD;
    h2 = d2 & WORD;
    h3 = d3 & WORD;
    h4 = top & 3;
  }
  acc0 = h0;
  acc1 = h1;
  acc2 = h2;
  acc3 = h3;
  acc4 = h4;
}
