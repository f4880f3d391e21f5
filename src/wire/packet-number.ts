// Packet numbers on the wire, RFC 9000 §17.1 and Appendix A.2, A.3: the low 1 to 4 bytes, made whole by the receiver.
// Owns: arithmetic only.

/** Bytes that `packetNumber` needs so that the peer can tell it; `largestAcked` is -1 while nothing is acknowledged. */
export function packetNumberLength(packetNumber: number, largestAcked: number): 1 | 2 | 3 | 4 {
  // Twice the distance must fit, so that numbers before and after the expected one can be told apart.
  const unacked = packetNumber - largestAcked;
  if (unacked <= 0x80) return 1;
  if (unacked <= 0x8000) return 2;
  return unacked <= 0x80_0000 ? 3 : 4;
}

/** The low `length` bytes of `packetNumber`, as an unsigned number. */
export function encodePacketNumber(packetNumber: number, length: number): number {
  return packetNumber % (WINDOWS[length] as number);
}

/** The number closest to `expected` (the largest received plus 1) whose low `length` bytes are `truncated`. */
export function decodePacketNumber(truncated: number, length: number, expected: number): number {
  const window = WINDOWS[length] as number;
  const half = window / 2;
  const candidate = expected - (expected % window) + truncated;
  // Doubles are exact up to 2^53; no connection lives long enough to send as many packets.
  if (candidate <= expected - half && candidate + window <= Number.MAX_SAFE_INTEGER)
    return candidate + window;
  if (candidate > expected + half && candidate >= window) return candidate - window;
  return candidate;
}

/** How many numbers so many bytes tell apart. A table, since a power costs as much as all the rest here. */
const WINDOWS: readonly number[] = [1, 2 ** 8, 2 ** 16, 2 ** 24, 2 ** 32];
