/**
 * The messages after the hellos as values: EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify,
 * Finished, NewSessionTicket (RFC 8446 §4.3, §4.4, §4.6.1).
 *
 * Owns layout and limits. Does not look into certificates and checks no signature.
 */

import { copyBytes } from '../util/bytes.ts';
import { Reader } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import { Alert, QuicRuleBroken, TlsAlert } from './alerts.ts';
import { decodeCompressions, writeCompressions } from './certificate-compression.ts';
import {
  decodeAll,
  decodeCertificateStatus,
  decodeCodes,
  decodeNothing,
  decodeProtocols,
  writeCertificateStatus,
  writeCodes,
} from './extension-codecs.ts';
import { Block, Extension, readExtensions, requireExtension, writeExtension } from './extensions.ts';
import { MAX_CERTIFICATE_CHAIN } from './limits.ts';
import { encodeMessage, HandshakeType } from './messages.ts';

export interface EncryptedExtensions {
  /** The one protocol the server selected; `null` if it sent no ALPN extension. */
  readonly alpn: string | null;
  readonly transportParameters: Uint8Array;
  /** Whether the server takes the 0-RTT packets. */
  readonly earlyData: boolean;
}

export interface CertificateRequest {
  readonly context: Uint8Array;
  readonly signatureSchemes: readonly number[];
  /** Algorithms in which our certificate may go (RFC 8879 §3). */
  readonly compressions: readonly number[];
}

export interface CertificateMessage {
  readonly context: Uint8Array;
  /** DER, leaf first; copies, so that they outlive the message. */
  readonly certificates: readonly Uint8Array[];
  /** The OCSP response for the leaf. */
  readonly ocspResponse: Uint8Array | null;
}

export interface CertificateVerify {
  readonly scheme: number;
  readonly signature: Uint8Array;
}

/** A NewSessionTicket, without the secret that goes with it. */
export interface SessionTicket {
  /** Seconds. */
  readonly lifetime: number;
  readonly ageAdd: number;
  readonly nonce: Uint8Array;
  readonly ticket: Uint8Array;
  /** Whether the server would take 0-RTT with this ticket (RFC 9001 §4.6.1). */
  readonly earlyData: boolean;
}

export function encodeEncryptedExtensions(
  capacity: number,
  writeBlock: (writer: Writer) => void,
): Uint8Array {
  return encodeMessage(HandshakeType.ENCRYPTED_EXTENSIONS, 2 + capacity, (w) => {
    const block = w.openVector(2);
    writeBlock(w);
    w.closeVector(block, 2);
  });
}

/** Throws `TlsAlert`: decode_error, illegal_parameter, unsupported_extension, missing_extension. */
export function decodeEncryptedExtensions(
  body: Uint8Array,
  offered: ReadonlySet<number>,
): EncryptedExtensions {
  const extensions = decodeAll(body, (reader) => readExtensions(reader, Block.ENCRYPTED_EXTENSIONS, offered));
  const protocols = extensions.get(Extension.APPLICATION_LAYER_PROTOCOL_NEGOTIATION);
  const names = extensions.get(Extension.SERVER_NAME);
  if (names !== undefined && names.length > 0) {
    throw new TlsAlert(Alert.DECODE_ERROR, 'server_name in EncryptedExtensions is not empty');
  }
  const early = extensions.get(Extension.EARLY_DATA);
  if (early !== undefined) decodeNothing(early);
  const groups = extensions.get(Extension.SUPPORTED_GROUPS);
  if (groups !== undefined) decodeCodes(groups, 2);
  return {
    alpn: protocols === undefined ? null : onlyProtocol(protocols),
    transportParameters: copyBytes(requireExtension(extensions, Extension.QUIC_TRANSPORT_PARAMETERS)),
    earlyData: early !== undefined,
  };
}

export function encodeCertificateRequest(
  signatureSchemes: readonly number[],
  compressions: readonly number[] = [],
): Uint8Array {
  const capacity = 16 + 2 * signatureSchemes.length + 8 + 2 * compressions.length;
  return encodeMessage(HandshakeType.CERTIFICATE_REQUEST, capacity, (w) => {
    w.u8(0); // certificate_request_context is only used after the handshake (RFC 8446 §4.3.2).
    const block = w.openVector(2);
    writeExtension(w, Extension.SIGNATURE_ALGORITHMS, (body) => writeCodes(body, signatureSchemes, 2));
    if (compressions.length > 0) writeCompressions(w, compressions);
    w.closeVector(block, 2);
  });
}

/** Throws `TlsAlert`: decode_error, illegal_parameter, missing_extension. */
export function decodeCertificateRequest(body: Uint8Array): CertificateRequest {
  return decodeAll(body, (reader) => {
    const context = reader.vector8();
    // Not empty would make it a request for authentication after the handshake (RFC 8446 §4.3.2).
    if (context.length > 0)
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'certificate_request_context is not empty');
    const extensions = readExtensions(reader, Block.CERTIFICATE_REQUEST);
    const schemes = decodeCodes(requireExtension(extensions, Extension.SIGNATURE_ALGORITHMS), 2);
    const compressions = extensions.get(Extension.COMPRESS_CERTIFICATE);
    return {
      context,
      signatureSchemes: schemes,
      compressions: compressions === undefined ? [] : decodeCompressions(compressions),
    };
  });
}

/** `ocspResponse` goes with the leaf. */
export function encodeCertificate(
  certificates: readonly Uint8Array[],
  ocspResponse: Uint8Array | null,
): Uint8Array {
  let capacity = 16 + (ocspResponse?.length ?? 0);
  for (const certificate of certificates) capacity += certificate.length + 5;
  return encodeMessage(HandshakeType.CERTIFICATE, capacity, (w) => {
    w.u8(0);
    const list = w.openVector(3);
    certificates.forEach((certificate, index) => {
      const entry = w.openVector(3);
      w.copy(certificate);
      w.closeVector(entry, 3);
      const block = w.openVector(2);
      if (index === 0 && ocspResponse !== null) writeCertificateStatus(w, ocspResponse);
      w.closeVector(block, 2);
    });
    w.closeVector(list, 3);
  });
}

/**
 * `offered` are the extensions that were asked for. Throws `TlsAlert`: decode_error, illegal_parameter,
 * unsupported_extension, and bad_certificate for a chain above the limit.
 */
export function decodeCertificate(body: Uint8Array, offered: ReadonlySet<number>): CertificateMessage {
  return decodeAll(body, (outer) => {
    const context = outer.vector8();
    const reader = new Reader(outer.vector24());
    const certificates: Uint8Array[] = [];
    let ocspResponse: Uint8Array | null = null;
    while (reader.remaining > 0) {
      const certificate = reader.vector24();
      if (certificate.length === 0) throw new TlsAlert(Alert.DECODE_ERROR, 'a certificate is empty');
      if (certificates.length >= MAX_CERTIFICATE_CHAIN) {
        throw new TlsAlert(
          Alert.BAD_CERTIFICATE,
          `the chain has more than ${MAX_CERTIFICATE_CHAIN} certificates`,
        );
      }
      const extensions = readExtensions(reader, Block.CERTIFICATE, offered);
      const status = extensions.get(Extension.STATUS_REQUEST);
      if (status !== undefined) {
        const response = decodeCertificateStatus(status);
        // Later entries speak of the issuers, which nobody here asks about.
        if (certificates.length === 0) ocspResponse = copyBytes(response);
      }
      certificates.push(copyBytes(certificate));
    }
    return { context, certificates, ocspResponse };
  });
}

export function encodeCertificateVerify(scheme: number, signature: Uint8Array): Uint8Array {
  return encodeMessage(HandshakeType.CERTIFICATE_VERIFY, 4 + signature.length, (w) => {
    w.u16(scheme);
    const mark = w.openVector(2);
    w.copy(signature);
    w.closeVector(mark, 2);
  });
}

export function decodeCertificateVerify(body: Uint8Array): CertificateVerify {
  return decodeAll(body, (reader) => ({ scheme: reader.u16(), signature: reader.vector16() }));
}

export function encodeFinished(verifyData: Uint8Array): Uint8Array {
  return encodeMessage(HandshakeType.FINISHED, verifyData.length, (w) => w.copy(verifyData));
}

export function encodeNewSessionTicket(ticket: SessionTicket): Uint8Array {
  const capacity = 32 + ticket.nonce.length + ticket.ticket.length;
  return encodeMessage(HandshakeType.NEW_SESSION_TICKET, capacity, (w) => {
    w.u32(ticket.lifetime);
    w.u32(ticket.ageAdd);
    w.u8(ticket.nonce.length);
    w.copy(ticket.nonce);
    w.u16(ticket.ticket.length);
    w.copy(ticket.ticket);
    const block = w.openVector(2);
    if (ticket.earlyData) writeExtension(w, Extension.EARLY_DATA, (body) => body.u32(EARLY_DATA_UNLIMITED));
    w.closeVector(block, 2);
  });
}

/** The fields of a ticket as copies. Throws `TlsAlert`: decode_error, illegal_parameter. */
export function decodeNewSessionTicket(body: Uint8Array): SessionTicket {
  return decodeAll(body, (reader) => {
    const lifetime = reader.u32();
    const ageAdd = reader.u32();
    const nonce = copyBytes(reader.vector8());
    const ticket = copyBytes(reader.vector16());
    if (ticket.length === 0) throw new TlsAlert(Alert.DECODE_ERROR, 'the ticket is empty');
    const early = readExtensions(reader, Block.NEW_SESSION_TICKET).get(Extension.EARLY_DATA);
    if (early !== undefined && decodeAll(early, (inner) => inner.u32()) !== EARLY_DATA_UNLIMITED) {
      throw new QuicRuleBroken(Alert.ILLEGAL_PARAMETER, 'max_early_data_size is not 0xffffffff');
    }
    return { lifetime, ageAdd, nonce, ticket, earlyData: early !== undefined };
  });
}

function onlyProtocol(body: Uint8Array): string {
  const protocols = decodeProtocols(body);
  const first = protocols[0];
  if (first === undefined || protocols.length !== 1) {
    throw new TlsAlert(Alert.DECODE_ERROR, 'the server selected more than one protocol');
  }
  return first;
}

/** The only value that QUIC allows, since its own flow control bounds early data (RFC 9001 §4.6.1). */
const EARLY_DATA_UNLIMITED = 0xffffffff;
