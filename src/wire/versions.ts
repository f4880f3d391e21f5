// The table of QUIC versions: everything that differs from one version to the next is a column here.
// Owns: numbers, salts, labels, type bits, Retry keys. Which versions an endpoint offers is not decided here.

import { fromHex } from '../util/bytes.ts';
import { type LongPacketType, PacketType } from './packet-type.ts';

/** What a QUIC version is made of. */
export interface VersionInfo {
  /** The number on the wire. */
  readonly version: number;
  readonly name: string;
  /** Salt of the Initial secrets, RFC 9001 §5.2. */
  readonly initialSalt: Uint8Array;
  /** HKDF labels of packet protection, RFC 9001 §5.1, without the "tls13 " prefix. */
  readonly labels: { readonly key: string; readonly iv: string; readonly hp: string; readonly ku: string };
  /** Packet type of the two type bits in a long header's first byte. */
  readonly typeOfBits: readonly LongPacketType[];
  /** The two type bits for Initial, 0-RTT, Handshake, Retry (indexed by `PacketType`). */
  readonly bitsOfType: readonly number[];
  /** AES-128-GCM key and nonce of the Retry integrity tag, RFC 9001 §5.8. */
  readonly retryKey: Uint8Array;
  readonly retryNonce: Uint8Array;
}

/** QUIC version 1, RFC 9000 and RFC 9001. */
export const VERSION_1: VersionInfo = {
  version: 0x0000_0001,
  name: 'v1',
  initialSalt: fromHex('38762cf7f55934b34d179ae6a4c80cadccbb7f0a'),
  labels: { key: 'quic key', iv: 'quic iv', hp: 'quic hp', ku: 'quic ku' },
  typeOfBits: [PacketType.INITIAL, PacketType.ZERO_RTT, PacketType.HANDSHAKE, PacketType.RETRY],
  bitsOfType: [0, 1, 2, 3],
  retryKey: fromHex('be0c690b9f66575a1d766b54e368c84e'),
  retryNonce: fromHex('461599d35d632bf2239825bb'),
};

/** QUIC version 2, RFC 9369 §3: the same protocol in other clothes. */
export const VERSION_2: VersionInfo = {
  version: 0x6b33_43cf,
  name: 'v2',
  initialSalt: fromHex('0dede3def700a6db819381be6e269dcbf9bd2ed9'),
  labels: { key: 'quicv2 key', iv: 'quicv2 iv', hp: 'quicv2 hp', ku: 'quicv2 ku' },
  typeOfBits: [PacketType.RETRY, PacketType.INITIAL, PacketType.ZERO_RTT, PacketType.HANDSHAKE],
  bitsOfType: [1, 2, 3, 0],
  retryKey: fromHex('8fb4b01b56ac48e260fbcbcead7ccc92'),
  retryNonce: fromHex('d86969bc2d7c6d9990efb04a'),
};

/** The versions that endpoints offer by default, preferred first. */
export const SUPPORTED_VERSIONS: readonly number[] = [VERSION_1.version];

/** The row of a version number; `undefined` for a version that the library cannot read. */
export function versionInfo(version: number): VersionInfo | undefined {
  if (version === VERSION_1.version) return VERSION_1;
  return version === VERSION_2.version ? VERSION_2 : undefined;
}

/**
 * What a client may try a reserved version with, to make a server negotiate (RFC 9000 §15): version 1 under another
 * number. `undefined` for a number that is not reserved.
 */
export function reservedVersionInfo(version: number): VersionInfo | undefined {
  return isReservedVersion(version) ? { ...VERSION_1, version, name: 'reserved' } : undefined;
}

/** A reserved version made of any 32 bits, other than `except` (RFC 9000 §15). */
export function reservedVersion(bits: number, except: number): number {
  const version = ((bits & 0xf0f0_f0f0) | 0x0a0a_0a0a) >>> 0;
  return version === except ? (version ^ 0x1000_0000) >>> 0 : version;
}

/** Whether the number has the form 0x?a?a?a?a, reserved to exercise version negotiation. RFC 9000 §15. */
export function isReservedVersion(version: number): boolean {
  return (version & 0x0f0f_0f0f) >>> 0 === 0x0a0a_0a0a;
}
