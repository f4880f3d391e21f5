// The preferred_address transport parameter, RFC 9000 §18.2: two addresses, a connection id and its reset token.
// Owns: its layout and IP addresses between text and bytes. Who uses it and when is not known here.

import { TransportError, TransportErrorCode } from '../errors.ts';
import { copyBytes } from '../util/bytes.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

/** An address of one family. */
export interface WireAddress {
  /** `192.0.2.1` or `2001:db8::1`, in the form of RFC 5952. */
  readonly address: string;
  readonly port: number;
}

/** Where a server wants its clients to go after the handshake. */
export interface PreferredAddress {
  readonly ipv4?: WireAddress;
  readonly ipv6?: WireAddress;
  /** 1 to 20 bytes; it has the sequence number 1. */
  readonly connectionId: Uint8Array;
  /** 16 bytes. */
  readonly statelessResetToken: Uint8Array;
}

/** Reads the value of the parameter; the reader must end where the value ends (the caller checks). */
export function readPreferredAddress(reader: Reader): PreferredAddress {
  const v4 = reader.take(4);
  const port4 = reader.u16();
  const v6 = reader.take(16);
  const port6 = reader.u16();
  const connectionId = copyBytes(reader.vector8());
  if (connectionId.length < 1 || connectionId.length > 20) {
    throw new TransportError(
      TransportErrorCode.TRANSPORT_PARAMETER_ERROR,
      0,
      `preferred_address with a connection id of ${connectionId.length} bytes`,
    );
  }
  const statelessResetToken = copyBytes(reader.take(16));
  // An all-zero address and port stands for "none of this family".
  const has4 = port4 !== 0 || v4.some((byte) => byte !== 0);
  const has6 = port6 !== 0 || v6.some((byte) => byte !== 0);
  return {
    ...(has4 ? { ipv4: { address: v4.join('.'), port: port4 } } : {}),
    ...(has6 ? { ipv6: { address: formatIpv6(v6), port: port6 } } : {}),
    connectionId,
    statelessResetToken,
  };
}

/** Writes the value of the parameter. Throws `RangeError` on an address that is none. */
export function writePreferredAddress(w: Writer, preferred: PreferredAddress): void {
  w.copy(preferred.ipv4 === undefined ? new Uint8Array(4) : parseIpv4(preferred.ipv4.address));
  w.u16(preferred.ipv4?.port ?? 0);
  w.copy(preferred.ipv6 === undefined ? new Uint8Array(16) : parseIpv6(preferred.ipv6.address));
  w.u16(preferred.ipv6?.port ?? 0);
  w.u8(preferred.connectionId.length);
  w.copy(preferred.connectionId);
  w.copy(preferred.statelessResetToken, 0, 16);
}

function parseIpv4(text: string): Uint8Array {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) {
    throw new RangeError(`${text} is no IPv4 address`);
  }
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): Uint8Array {
  const halves = text.split('%')[0].split('::');
  const left = groups(halves[0]);
  const right = halves.length > 1 ? groups(halves[1]) : [];
  const missing = 8 - left.length - right.length;
  const all = [...left, ...new Array<number>(Math.max(missing, 0)).fill(0), ...right];
  const valid = all.every((group) => group >= 0 && group <= 0xffff);
  if (!valid || all.length !== 8 || halves.length > 2 || (halves.length === 1 && missing !== 0)) {
    throw new RangeError(`${text} is no IPv6 address`);
  }
  const bytes = new Uint8Array(16);
  all.forEach((group, i) => {
    bytes[2 * i] = group >> 8;
    bytes[2 * i + 1] = group;
  });
  return bytes;
}

function groups(half: string): number[] {
  if (half === '') return [];
  return half.split(':').flatMap((part) => {
    if (part.includes('.')) {
      const v4 = parseIpv4(part);
      return [(v4[0] << 8) | v4[1], (v4[2] << 8) | v4[3]];
    }
    return /^[0-9a-fA-F]{1,4}$/.test(part) ? Number.parseInt(part, 16) : -1;
  });
}

/** RFC 5952 §4: lower case, no leading zeros, the longest run of two or more zero groups as `::`. */
function formatIpv6(bytes: Uint8Array): string {
  const parts: number[] = [];
  for (let i = 0; i < 16; i += 2) parts.push((bytes[i] << 8) | bytes[i + 1]);
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && parts[i + length] === 0) length++;
    if (length > bestLength) {
      best = i;
      bestLength = length;
    }
  }
  const hex = parts.map((part) => part.toString(16));
  if (best < 0) return hex.join(':');
  return `${hex.slice(0, best).join(':')}::${hex.slice(best + bestLength).join(':')}`;
}
