/**
 * What a server puts into a ticket, so that it need remember nothing itself (RFC 8446 §4.6.1).
 *
 * Owns the layout inside the seal. Sealing is the business of a `TicketSealer`.
 */

import { cipherSuite } from '../crypto/suites.ts';
import { copyBytes } from '../util/bytes.ts';
import { Reader, Truncated } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { fromLatin1, latin1 } from './extension-codecs.ts';

export interface TicketState {
  /** TLS code of the suite that the session had. */
  readonly cipherSuite: number;
  /** The pre-shared key. */
  readonly secret: Uint8Array;
  readonly ageAdd: number;
  /** Wall time in milliseconds since 1970. */
  readonly issuedAt: number;
  /** Seconds. */
  readonly lifetime: number;
  readonly earlyData: boolean;
  readonly alpn: string | null;
  /** In lower case. */
  readonly serverName: string | null;
  /** The server's own: what it has to know of the session to judge 0-RTT. */
  readonly data: Uint8Array;
}

export function encodeTicketState(state: TicketState): Uint8Array {
  const alpn = latin1(state.alpn ?? '');
  const serverName = latin1(state.serverName ?? '');
  const capacity = FIXED_BYTES + state.secret.length + alpn.length + serverName.length + state.data.length;
  const w = new Writer(new Uint8Array(capacity));
  w.u8(VERSION);
  w.u16(state.cipherSuite);
  w.varint(Math.max(0, Math.floor(state.issuedAt)));
  w.u32(state.lifetime);
  w.u32(state.ageAdd);
  w.u8(
    (state.earlyData ? Flag.EARLY_DATA : 0) |
      (state.alpn === null ? 0 : Flag.ALPN) |
      (state.serverName === null ? 0 : Flag.SERVER_NAME),
  );
  for (const bytes of [state.secret, alpn, serverName]) {
    w.u8(bytes.length);
    w.copy(bytes);
  }
  w.u16(state.data.length);
  w.copy(state.data);
  return w.bytes.subarray(0, w.offset);
}

/** `null` if the bytes are of another version or make no sense; a sealer of somebody else may open anything. */
export function decodeTicketState(bytes: Uint8Array): TicketState | null {
  try {
    return readState(new Reader(copyBytes(bytes)));
  } catch (error) {
    if (error instanceof Truncated) return null;
    throw error;
  }
}

function readState(reader: Reader): TicketState | null {
  if (reader.u8() !== VERSION) return null;
  const code = reader.u16();
  const issuedAt = reader.varint();
  const lifetime = reader.u32();
  const ageAdd = reader.u32();
  const flags = reader.u8();
  const secret = reader.vector8();
  const alpn = fromLatin1(reader.vector8());
  const serverName = fromLatin1(reader.vector8());
  const data = reader.vector16();
  if (reader.remaining > 0 || cipherSuite(code)?.hashLength !== secret.length) return null;
  return {
    cipherSuite: code,
    secret,
    ageAdd,
    issuedAt,
    lifetime,
    earlyData: (flags & Flag.EARLY_DATA) !== 0,
    alpn: (flags & Flag.ALPN) === 0 ? null : alpn,
    serverName: (flags & Flag.SERVER_NAME) === 0 ? null : serverName,
    data,
  };
}

const Flag = { EARLY_DATA: 1, ALPN: 2, SERVER_NAME: 4 } as const;
const VERSION = 1;
/** Everything but what varies in length. */
const FIXED_BYTES = 32;
