/**
 * Handshake message types and their framing: one type byte, a 24-bit length, the body (RFC 8446 §4).
 *
 * Knows no body; `hello-codec.ts` and `authentication-codec.ts` do.
 */

import { Writer } from '../wire/writer.ts';
import {
  MAX_CERTIFICATE_MESSAGE_BYTES,
  MAX_CERTIFICATE_VERIFY_BYTES,
  MAX_CLIENT_HELLO_BYTES,
  MAX_FINISHED_BYTES,
  MAX_PARAMETERS_BYTES,
  MAX_SERVER_HELLO_BYTES,
  MAX_TICKET_BYTES,
} from './limits.ts';

/** One whole message. `raw` is what goes into the transcript; `body` is a view of it after the header. */
export interface HandshakeMessage {
  readonly type: number;
  readonly raw: Uint8Array;
  readonly body: Uint8Array;
}

export const HandshakeType = {
  CLIENT_HELLO: 1,
  SERVER_HELLO: 2,
  NEW_SESSION_TICKET: 4,
  END_OF_EARLY_DATA: 5,
  ENCRYPTED_EXTENSIONS: 8,
  CERTIFICATE: 11,
  CERTIFICATE_REQUEST: 13,
  CERTIFICATE_VERIFY: 15,
  FINISHED: 20,
  KEY_UPDATE: 24,
  /** RFC 8879 §4. */
  COMPRESSED_CERTIFICATE: 25,
  /** Only ever in a transcript (RFC 8446 §4.4.1). */
  MESSAGE_HASH: 254,
} as const;

/** Name and largest accepted body of each type. Types without a row are never accepted. */
export const HANDSHAKE_MESSAGES: Readonly<Record<number, HandshakeRow>> = {
  1: { name: 'ClientHello', limit: MAX_CLIENT_HELLO_BYTES },
  2: { name: 'ServerHello', limit: MAX_SERVER_HELLO_BYTES },
  4: { name: 'NewSessionTicket', limit: MAX_TICKET_BYTES },
  8: { name: 'EncryptedExtensions', limit: MAX_PARAMETERS_BYTES },
  11: { name: 'Certificate', limit: MAX_CERTIFICATE_MESSAGE_BYTES },
  13: { name: 'CertificateRequest', limit: MAX_PARAMETERS_BYTES },
  15: { name: 'CertificateVerify', limit: MAX_CERTIFICATE_VERIFY_BYTES },
  20: { name: 'Finished', limit: MAX_FINISHED_BYTES },
  25: { name: 'CompressedCertificate', limit: MAX_CERTIFICATE_MESSAGE_BYTES },
};

export interface HandshakeRow {
  readonly name: string;
  /** Bytes of the body. */
  readonly limit: number;
}

/** `Finished`, or `message 24` for a type without a row. */
export function messageName(type: number): string {
  return HANDSHAKE_MESSAGES[type]?.name ?? `message ${type}`;
}

/** Bytes of the message header. */
export const HEADER_BYTES = 4;

/** Encodes one message. `capacity` is an upper bound of its body; `write` writes the body. */
export function encodeMessage(type: number, capacity: number, write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer(new Uint8Array(HEADER_BYTES + capacity));
  writer.u8(type);
  const mark = writer.openVector(3);
  write(writer);
  writer.closeVector(mark, 3);
  return writer.bytes.subarray(0, writer.offset);
}

/** The message that a raw encoding is. */
export function asMessage(raw: Uint8Array): HandshakeMessage {
  return { type: raw[0] ?? 0, raw, body: raw.subarray(HEADER_BYTES) };
}
