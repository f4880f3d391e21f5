/**
 * The contents of the TLS extensions that this engine understands.
 *
 * Every decoder takes the whole body and refuses trailing bytes and empty lists with decode_error (RFC 8446 §4.2);
 * values that nobody here knows, GREASE among them (RFC 8701), pass through as numbers and match nothing.
 */

import { copyBytes } from '../util/bytes.ts';
import { Reader } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import { Alert, TlsAlert } from './alerts.ts';
import { Extension, writeExtension } from './extensions.ts';

export interface KeyShareEntry {
  readonly group: number;
  readonly publicKey: Uint8Array;
}

/** Runs `decode` over all of `body`. Throws `TlsAlert` decode_error if bytes are left over. */
export function decodeAll<T>(body: Uint8Array, decode: (reader: Reader) => T): T {
  const reader = new Reader(body);
  const value = decode(reader);
  if (reader.remaining > 0) throw new TlsAlert(Alert.DECODE_ERROR, 'bytes are left over after a structure');
  return value;
}

// Lists of 16-bit codes: supported_groups, signature_algorithms, supported_versions

export function writeCodes(writer: Writer, codes: readonly number[], lengthBytes: 1 | 2): void {
  const mark = writer.openVector(lengthBytes);
  for (const code of codes) writer.u16(code);
  writer.closeVector(mark, lengthBytes);
}

/** A vector of at least one 16-bit code, its length in `lengthBytes`. */
export function decodeCodes(body: Uint8Array, lengthBytes: 1 | 2): number[] {
  return decodeAll(body, (reader) => readCodes(lengthBytes === 1 ? reader.vector8() : reader.vector16()));
}

/** The codes of a vector's contents. */
export function readCodes(contents: Uint8Array): number[] {
  if (contents.length === 0 || contents.length % 2 !== 0) {
    throw new TlsAlert(Alert.DECODE_ERROR, 'a list of codes has an impossible length');
  }
  const reader = new Reader(contents);
  const codes: number[] = [];
  while (reader.remaining > 0) codes.push(reader.u16());
  return codes;
}

/** selected_version or selected_group: one code and nothing else. */
export function decodeCode(body: Uint8Array): number {
  return decodeAll(body, (reader) => reader.u16());
}

/** The body of early_data outside of tickets: nothing. `true`, since it is there. */
export function decodeNothing(body: Uint8Array): true {
  if (body.length > 0) throw new TlsAlert(Alert.DECODE_ERROR, 'an extension that should be empty is not');
  return true;
}

// server_name (RFC 6066 §3)

export function writeServerName(writer: Writer, name: string): void {
  writeExtension(writer, Extension.SERVER_NAME, (w) => {
    const list = w.openVector(2);
    w.u8(HOST_NAME);
    const entry = w.openVector(2);
    w.copy(latin1(name));
    w.closeVector(entry, 2);
    w.closeVector(list, 2);
  });
}

/**
 * The host name in a ClientHello, in lower case; `null` if the list names none.
 * Throws `TlsAlert` illegal_parameter for two host names or one that is no printable ASCII (RFC 6066 §3).
 */
export function decodeServerName(body: Uint8Array): string | null {
  return decodeAll(body, (outer) => {
    const reader = new Reader(outer.vector16());
    if (reader.remaining === 0) throw new TlsAlert(Alert.DECODE_ERROR, 'server_name is an empty list');
    let name: string | null = null;
    while (reader.remaining > 0) {
      const type = reader.u8();
      const value = reader.vector16();
      if (type !== HOST_NAME) continue;
      if (name !== null) throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'server_name holds two host names');
      name = hostName(value);
    }
    return name;
  });
}

/** Whether a name may be sent as host_name: literal addresses may not (RFC 6066 §3). */
export function isSendableServerName(name: string): boolean {
  return name.length > 0 && name.length <= MAX_HOST_NAME && !name.includes(':') && !IPV4.test(name);
}

// application_layer_protocol_negotiation (RFC 7301 §3.1)

export function writeProtocols(writer: Writer, protocols: readonly string[]): void {
  writeExtension(writer, Extension.APPLICATION_LAYER_PROTOCOL_NEGOTIATION, (w) => {
    const list = w.openVector(2);
    for (const protocol of protocols) {
      const bytes = latin1(protocol);
      if (bytes.length === 0 || bytes.length > 255)
        throw new RangeError('an ALPN identifier has 1 to 255 bytes');
      w.u8(bytes.length);
      w.copy(bytes);
    }
    w.closeVector(list, 2);
  });
}

/** The protocols of an ALPN extension, one character per byte. */
export function decodeProtocols(body: Uint8Array): string[] {
  return decodeAll(body, (outer) => {
    const reader = new Reader(outer.vector16());
    const protocols: string[] = [];
    while (reader.remaining > 0) {
      const name = reader.vector8();
      if (name.length === 0) throw new TlsAlert(Alert.DECODE_ERROR, 'an ALPN identifier is empty');
      protocols.push(fromLatin1(name));
    }
    if (protocols.length === 0) throw new TlsAlert(Alert.DECODE_ERROR, 'the ALPN list is empty');
    return protocols;
  });
}

// key_share (RFC 8446 §4.2.8)

export function writeKeyShare(writer: Writer, share: KeyShareEntry): void {
  writer.u16(share.group);
  const mark = writer.openVector(2);
  writer.copy(share.publicKey);
  writer.closeVector(mark, 2);
}

/** The shares of a ClientHello; the list may be empty. Throws illegal_parameter for two shares of one group. */
export function decodeClientShares(body: Uint8Array): KeyShareEntry[] {
  return decodeAll(body, (outer) => {
    const reader = new Reader(outer.vector16());
    const shares: KeyShareEntry[] = [];
    while (reader.remaining > 0) {
      const share = readKeyShare(reader);
      if (shares.some((other) => other.group === share.group)) {
        throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'key_share holds two shares of one group');
      }
      if (shares.length >= MAX_KEY_SHARES) throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'too many key shares');
      shares.push(share);
    }
    return shares;
  });
}

/** The share of a ServerHello. */
export function decodeServerShare(body: Uint8Array): KeyShareEntry {
  return decodeAll(body, readKeyShare);
}

// cookie (RFC 8446 §4.2.2)

export function writeCookie(writer: Writer, cookie: Uint8Array): void {
  writeExtension(writer, Extension.COOKIE, (w) => {
    const mark = w.openVector(2);
    w.copy(cookie);
    w.closeVector(mark, 2);
  });
}

/** A copy of the cookie. */
export function decodeCookie(body: Uint8Array): Uint8Array {
  return decodeAll(body, (reader) => {
    const cookie = reader.vector16();
    if (cookie.length === 0) throw new TlsAlert(Alert.DECODE_ERROR, 'the cookie is empty');
    return copyBytes(cookie);
  });
}

// status_request (RFC 6066 §8, RFC 8446 §4.4.2.1)

/** Asks for an OCSP response, from any responder and without extensions. */
export function writeStatusRequest(writer: Writer): void {
  writeExtension(writer, Extension.STATUS_REQUEST, (w) => {
    w.u8(STATUS_OCSP);
    w.u16(0);
    w.u16(0);
  });
}

/** Whether a ClientHello asks for OCSP; other status types are ignored. */
export function decodeStatusRequest(body: Uint8Array): boolean {
  const reader = new Reader(body);
  if (reader.u8() !== STATUS_OCSP) return false;
  reader.vector16();
  reader.vector16();
  if (reader.remaining > 0) throw new TlsAlert(Alert.DECODE_ERROR, 'status_request has bytes left over');
  return true;
}

/** The CertificateStatus that goes into a CertificateEntry. */
export function writeCertificateStatus(writer: Writer, response: Uint8Array): void {
  writeExtension(writer, Extension.STATUS_REQUEST, (w) => {
    w.u8(STATUS_OCSP);
    const mark = w.openVector(3);
    w.copy(response);
    w.closeVector(mark, 3);
  });
}

/** The OCSP response in a CertificateEntry, as a view. */
export function decodeCertificateStatus(body: Uint8Array): Uint8Array {
  return decodeAll(body, (reader) => {
    if (reader.u8() !== STATUS_OCSP) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the certificate status is not OCSP');
    }
    const response = reader.vector24();
    if (response.length === 0) throw new TlsAlert(Alert.DECODE_ERROR, 'the OCSP response is empty');
    return response;
  });
}

// Strings that are bytes

/** One byte per character. Throws `RangeError` for a character above U+00FF. */
export function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) throw new RangeError('only characters up to U+00FF stand for bytes');
    bytes[i] = code;
  }
  return bytes;
}

export function fromLatin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function readKeyShare(reader: Reader): KeyShareEntry {
  const group = reader.u16();
  const publicKey = reader.vector16();
  if (publicKey.length === 0) throw new TlsAlert(Alert.DECODE_ERROR, 'a key share is empty');
  return { group, publicKey };
}

function hostName(value: Uint8Array): string {
  if (value.length === 0) throw new TlsAlert(Alert.DECODE_ERROR, 'the host name is empty');
  if (value.length > MAX_HOST_NAME) throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the host name is too long');
  for (const byte of value) {
    if (byte <= 0x20 || byte >= 0x7f) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the host name has characters that no host name has');
    }
  }
  return fromLatin1(value).toLowerCase();
}

const HOST_NAME = 0;
const MAX_HOST_NAME = 255;
const MAX_KEY_SHARES = 32;
const STATUS_OCSP = 1;
const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;
