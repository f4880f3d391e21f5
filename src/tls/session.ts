/**
 * What a client remembers of a connection so that a later one can resume it, and its form as bytes.
 *
 * Owns the layout, its version and a checksum, so that damaged or foreign bytes are told apart before they cost a
 * handshake. The bytes hold a secret: whoever has them can resume in the client's name.
 */

import { cipherSuite } from '../crypto/suites.ts';
import { quicError } from '../errors.ts';
import { copyBytes, equal } from '../util/bytes.ts';
import { Reader, Truncated } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { fromLatin1, latin1 } from './extension-codecs.ts';
import { MAX_TICKET_LIFETIME } from './limits.ts';

/** One ticket with everything that is needed to use it. */
export interface TlsSession {
  readonly ticket: Uint8Array;
  /** The pre-shared key that goes with the ticket. */
  readonly secret: Uint8Array;
  /** TLS code of the suite of the first connection. */
  readonly cipherSuite: number;
  readonly alpn: string | null;
  /** The name that the first connection was made to. */
  readonly serverName: string | null;
  /** Seconds, at most a week. */
  readonly lifetime: number;
  readonly ageAdd: number;
  /** Whether the server would take 0-RTT. */
  readonly earlyData: boolean;
  /** When the ticket arrived: wall time in milliseconds since 1970. */
  readonly receivedAt: number;
  /** The server's transport parameters, encoded; 0-RTT is bound by them (RFC 9000 §7.4.1). */
  readonly transportParameters: Uint8Array;
  /** The chain that the server proved in the first connection, DER, leaf first; empty after an external PSK. */
  readonly certificates: readonly Uint8Array[];
}

/** The session as bytes, for {@link decodeSession}. */
export function encodeSession(session: TlsSession): Uint8Array {
  const { ticket, secret, transportParameters, certificates } = session;
  const alpn = latin1(session.alpn ?? '');
  const serverName = latin1(session.serverName ?? '');
  let capacity = FIXED_BYTES + alpn.length + serverName.length + secret.length + ticket.length;
  capacity += transportParameters.length;
  for (const certificate of certificates) capacity += 3 + certificate.length;
  const w = new Writer(new Uint8Array(capacity));
  w.copy(MAGIC);
  w.u8(VERSION);
  w.u16(session.cipherSuite);
  w.varint(Math.max(0, Math.floor(session.receivedAt)));
  w.u32(session.lifetime);
  w.u32(session.ageAdd);
  w.u8(
    (session.earlyData ? Flag.EARLY_DATA : 0) |
      (session.alpn === null ? 0 : Flag.ALPN) |
      (session.serverName === null ? 0 : Flag.SERVER_NAME),
  );
  writeVector(w, 1, alpn);
  writeVector(w, 2, serverName);
  writeVector(w, 1, secret);
  writeVector(w, 2, ticket);
  writeVector(w, 2, transportParameters);
  const list = w.openVector(3);
  for (const certificate of certificates) writeVector(w, 3, certificate);
  w.closeVector(list, 3);
  w.u32(checksum(w.bytes.subarray(0, w.offset)));
  return w.bytes.subarray(0, w.offset);
}

/**
 * Reads what {@link encodeSession} made. Throws a `QuicError` ERR_QUIC_INVALID_SESSION for anything else: other bytes, a
 * version that is not known, damage. Whether the session may still be used is another question.
 */
export function decodeSession(bytes: Uint8Array): TlsSession {
  const split = bytes.length - CHECKSUM_BYTES;
  if (split < MAGIC.length + 1 || !equal(bytes.subarray(0, MAGIC.length), MAGIC)) {
    throw invalidSession('the bytes are no session');
  }
  if (bytes[MAGIC.length] !== VERSION) throw invalidSession('its version is not known');
  if (new Reader(bytes, split).u32() !== checksum(bytes.subarray(0, split))) {
    throw invalidSession('the bytes are damaged');
  }
  try {
    return readBody(new Reader(copyBytes(bytes, 0, split), MAGIC.length + 1));
  } catch (error) {
    if (error instanceof Truncated) throw invalidSession('the bytes end too early');
    throw error;
  }
}

function readBody(reader: Reader): TlsSession {
  const code = reader.u16();
  const receivedAt = reader.varint();
  const lifetime = reader.u32();
  const ageAdd = reader.u32();
  const flags = reader.u8();
  const alpn = fromLatin1(reader.vector8());
  const serverName = fromLatin1(reader.vector16());
  const secret = reader.vector8();
  const ticket = reader.vector16();
  const transportParameters = reader.vector16();
  const list = new Reader(reader.vector24());
  const certificates: Uint8Array[] = [];
  while (list.remaining > 0) certificates.push(list.vector24());
  if (reader.remaining > 0) throw invalidSession('bytes are left over');
  const suite = cipherSuite(code);
  if (suite === undefined) throw invalidSession('its cipher suite is not known');
  if (secret.length !== suite.hashLength) throw invalidSession('its secret does not fit its cipher suite');
  if (ticket.length === 0) throw invalidSession('it has no ticket');
  if (lifetime > MAX_TICKET_LIFETIME) throw invalidSession('it would live too long');
  return {
    ticket,
    secret,
    cipherSuite: code,
    alpn: (flags & Flag.ALPN) === 0 ? null : alpn,
    serverName: (flags & Flag.SERVER_NAME) === 0 ? null : serverName,
    lifetime,
    ageAdd,
    earlyData: (flags & Flag.EARLY_DATA) !== 0,
    receivedAt,
    transportParameters,
    certificates,
  };
}

function writeVector(w: Writer, lengthBytes: 1 | 2 | 3, bytes: Uint8Array): void {
  const mark = w.openVector(lengthBytes);
  w.copy(bytes);
  w.closeVector(mark, lengthBytes);
}

function invalidSession(reason: string): Error {
  return quicError('ERR_QUIC_INVALID_SESSION', { reason });
}

/** CRC-32 (ISO 3309), against accidents only. */
function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : 0xedb88320);
  }
  return ~crc >>> 0;
}

const Flag = { EARLY_DATA: 1, ALPN: 2, SERVER_NAME: 4 } as const;
/** "QSSN". */
const MAGIC: Uint8Array = Uint8Array.of(0x51, 0x53, 0x53, 0x4e);
const VERSION = 1;
const CHECKSUM_BYTES = 4;
/** Everything but what varies in length. */
const FIXED_BYTES = 64;
