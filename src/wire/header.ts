// Packet headers, RFC 9000 §17 and the invariants of RFC 8999, before header protection is removed.
// Owns: where things are in a datagram, and writing headers. Must not know keys, connections or routing.

import { encodePacketNumber } from './packet-number.ts';
import {
  FIXED_BIT,
  LONG_HEADER_BIT,
  MAX_CONNECTION_ID_LENGTH,
  PacketType,
  RETRY_TAG_LENGTH,
} from './packet-type.ts';
import { Reader, Truncated } from './reader.ts';
import { type VersionInfo, versionInfo } from './versions.ts';
import { Writer } from './writer.ts';

export { decodePacketNumber, encodePacketNumber, packetNumberLength } from './packet-number.ts';
export {
  FIXED_BIT,
  LONG_HEADER_BIT,
  MAX_CONNECTION_ID_LENGTH,
  PacketType,
  RETRY_TAG_LENGTH,
} from './packet-type.ts';
export { type ParsedHeader, parseHeader } from './parse-header.ts';

/** A reusable record of offsets into the datagram; nothing is copied. */
export class PacketHeader {
  /** A `PacketType`; -1 for a long header of a version that is not in the table: then only ids and version are known. */
  type = -1;
  firstByte = 0;
  /** 0 for short headers and Version Negotiation. */
  version = 0;
  dcidStart = 0;
  dcidLength = 0;
  scidStart = 0;
  scidLength = 0;
  /** Initial and Retry: the token. Version Negotiation: the list of versions, 4 bytes each. */
  tokenStart = 0;
  tokenLength = 0;
  /** Where the protected packet number begins; in packets without one, where the payload begins. */
  packetNumberOffset = 0;
  /** End of this packet; another one can follow in the same datagram. */
  end = 0;
}

/**
 * Reads the header of the packet at `start`, with no more than `end - start` bytes behind it.
 * `shortDcidLength` is the length of our own connection ids, which a short header does not tell.
 * Returns false where no header can be read: cut off, ids over 20 bytes in a known version (RFC 9000 §17.2),
 * a Length beyond the datagram, a Version Negotiation without a whole list (RFC 8999 §6).
 * The fixed bit, the reserved bits and the size of the payload are for the caller to look at.
 */
export function readHeader(
  bytes: Uint8Array,
  start: number,
  end: number,
  shortDcidLength: number,
  into: PacketHeader,
): boolean {
  if (start >= end) return false;
  const first = bytes[start];
  into.firstByte = first;
  if ((first & LONG_HEADER_BIT) === 0) return readShort(start, end, shortDcidLength, into);
  // Form, version and both id lengths: RFC 8999 §5.1.
  if (end - start < 7) return false;
  const version =
    ((bytes[start + 1] << 24) | (bytes[start + 2] << 16) | (bytes[start + 3] << 8) | bytes[start + 4]) >>> 0;
  into.version = version;
  const dcidLength = bytes[start + 5];
  const dcidStart = start + 6;
  const scidAt = dcidStart + dcidLength;
  if (scidAt >= end) return false;
  const scidLength = bytes[scidAt];
  const scidStart = scidAt + 1;
  const next = scidStart + scidLength;
  if (next > end) return false;
  into.dcidStart = dcidStart;
  into.dcidLength = dcidLength;
  into.scidStart = scidStart;
  into.scidLength = scidLength;
  into.tokenStart = next;
  into.tokenLength = 0;
  into.packetNumberOffset = next;
  into.end = end;
  if (version === 0) return readVersionNegotiation(next, end, into);
  const info = versionInfo(version);
  if (info === undefined) {
    into.type = -1;
    return true;
  }
  if (dcidLength > MAX_CONNECTION_ID_LENGTH || scidLength > MAX_CONNECTION_ID_LENGTH) return false;
  const type = info.typeOfBits[(first >> 4) & 0x03];
  into.type = type;
  if (type === PacketType.RETRY) return readRetry(next, end, into);
  return readNumbered(bytes, next, end, type === PacketType.INITIAL, into);
}

function readShort(start: number, end: number, dcidLength: number, into: PacketHeader): boolean {
  const next = start + 1 + dcidLength;
  if (next > end) return false;
  into.type = PacketType.ONE_RTT;
  into.version = 0;
  into.dcidStart = start + 1;
  into.dcidLength = dcidLength;
  into.scidStart = next;
  into.scidLength = 0;
  into.tokenStart = next;
  into.tokenLength = 0;
  into.packetNumberOffset = next;
  into.end = end;
  return true;
}

function readVersionNegotiation(next: number, end: number, into: PacketHeader): boolean {
  into.type = PacketType.VERSION_NEGOTIATION;
  into.tokenLength = end - next;
  return end > next && (end - next) % 4 === 0;
}

function readRetry(next: number, end: number, into: PacketHeader): boolean {
  into.tokenLength = end - next - RETRY_TAG_LENGTH;
  into.packetNumberOffset = end;
  return into.tokenLength >= 0;
}

/** Token (Initial only), Length, then the protected packet number. RFC 9000 §17.2.2 to §17.2.4. */
function readNumbered(
  bytes: Uint8Array,
  next: number,
  end: number,
  hasToken: boolean,
  into: PacketHeader,
): boolean {
  CURSOR.reset(bytes, next, end);
  try {
    if (hasToken) {
      const tokenLength = CURSOR.varint();
      into.tokenStart = CURSOR.offset;
      into.tokenLength = tokenLength;
      CURSOR.skip(tokenLength);
    }
    const length = CURSOR.varint();
    into.packetNumberOffset = CURSOR.offset;
    CURSOR.skip(length);
    into.end = CURSOR.offset;
    return true;
  } catch (error) {
    if (error instanceof Truncated) return false;
    throw error;
  } finally {
    CURSOR.bytes = NOTHING;
  }
}

/**
 * Writes everything up to and including the packet number. `token` is written for Initial only (`null`: empty).
 * Returns where the Length is: 2 bytes, to be patched (`Writer.patchVarint2`) with the size of packet number and payload.
 */
export function writeLongHeader(
  w: Writer,
  version: VersionInfo,
  type: PacketType,
  dcid: Uint8Array,
  scid: Uint8Array,
  token: Uint8Array | null,
  packetNumber: number,
  packetNumberLength: number,
): number {
  writeLongStart(w, version, type, packetNumberLength - 1, dcid, scid);
  if (type === PacketType.INITIAL) {
    if (token === null) w.u8(0);
    else {
      w.varint(token.length);
      w.copy(token);
    }
  }
  const lengthOffset = w.offset;
  w.varint2(0);
  writePacketNumber(w, packetNumber, packetNumberLength);
  return lengthOffset;
}

/** Writes the header of a 1-RTT packet, packet number included. RFC 9000 §17.3.1. */
export function writeShortHeader(
  w: Writer,
  dcid: Uint8Array,
  spin: 0 | 1,
  keyPhase: 0 | 1,
  packetNumber: number,
  packetNumberLength: number,
): void {
  w.u8(FIXED_BIT | (spin << 5) | (keyPhase << 2) | (packetNumberLength - 1));
  w.copy(dcid);
  writePacketNumber(w, packetNumber, packetNumberLength);
}

/**
 * Writes a Version Negotiation packet and returns its size. `dcid` is the peer's source id, `scid` the destination id it used.
 * The low 7 bits of the first byte are arbitrary, but the fixed bit is set so that QUIC can be told from other protocols
 * on the same port. RFC 9000 §17.2.1. Throws `RangeError` when `out` is too small.
 */
export function encodeVersionNegotiation(
  out: Uint8Array,
  firstByteRandom: number,
  dcid: Uint8Array,
  scid: Uint8Array,
  versions: readonly number[],
): number {
  const w = new Writer(out);
  w.u8(LONG_HEADER_BIT | FIXED_BIT | (firstByteRandom & 0x3f));
  w.u32(0);
  w.u8(dcid.length);
  w.copy(dcid);
  w.u8(scid.length);
  w.copy(scid);
  for (const version of versions) w.u32(version);
  return w.offset;
}

/** Writes a Retry up to its integrity tag. The low 4 bits of the first byte are unused: `firstBits`. RFC 9000 §17.2.5. */
export function writeRetryWithoutTag(
  w: Writer,
  version: VersionInfo,
  dcid: Uint8Array,
  scid: Uint8Array,
  token: Uint8Array,
  firstBits: number,
): void {
  writeLongStart(w, version, PacketType.RETRY, firstBits & 0x0f, dcid, scid);
  w.copy(token);
}

function writeLongStart(
  w: Writer,
  version: VersionInfo,
  type: PacketType,
  lowBits: number,
  dcid: Uint8Array,
  scid: Uint8Array,
): void {
  w.u8(LONG_HEADER_BIT | FIXED_BIT | (version.bitsOfType[type] << 4) | lowBits);
  w.u32(version.version);
  w.u8(dcid.length);
  w.copy(dcid);
  w.u8(scid.length);
  w.copy(scid);
}

function writePacketNumber(w: Writer, packetNumber: number, length: number): void {
  const low = encodePacketNumber(packetNumber, length);
  if (length === 1) w.u8(low);
  else if (length === 2) w.u16(low);
  else if (length === 3) w.u24(low);
  else w.u32(low);
}

const NOTHING: Uint8Array = new Uint8Array(0);
/** Parsing never nests, so one cursor serves every call. */
const CURSOR: Reader = new Reader();
