/**
 * Compressed certificates (RFC 8879): the message that stands for a Certificate, both ways.
 *
 * Owns the bound on what a message may grow to and the memory of what was compressed before, since a server sends the
 * same chain in every handshake. The algorithms are the provider's.
 */

import type { CryptoProvider } from '../crypto/provider.ts';
import { equal } from '../util/bytes.ts';
import { Reader } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import { Alert, TlsAlert } from './alerts.ts';
import { decodeAll, readCodes, writeCodes } from './extension-codecs.ts';
import { Extension, writeExtension } from './extensions.ts';
import { MAX_CERTIFICATE_MESSAGE_BYTES } from './limits.ts';
import { encodeMessage, HandshakeType, HEADER_BYTES } from './messages.ts';

/** Of `wanted`, what the provider can do. */
export function usableCompressions(
  provider: CryptoProvider,
  wanted: readonly number[] | undefined,
): readonly number[] {
  const { compressions = [], compress, decompress } = provider;
  if (wanted === undefined || compress === undefined || decompress === undefined) return [];
  return wanted.filter((algorithm) => compressions.includes(algorithm));
}

export function writeCompressions(writer: Writer, algorithms: readonly number[]): void {
  writeExtension(writer, Extension.COMPRESS_CERTIFICATE, (w) => writeCodes(w, algorithms, 1));
}

/** Algorithms that nobody here knows are left in. */
export function decodeCompressions(body: Uint8Array): number[] {
  return decodeAll(body, (reader) => readCodes(reader.vector8()));
}

/**
 * The message to send instead of a Certificate: compressed with the first of `ours` that is in `theirs`, or as it is if
 * there is none or nothing would be won. `owner` stands for the chain: what was made for it is used again.
 */
export function compressCertificate(
  provider: CryptoProvider,
  raw: Uint8Array,
  ours: readonly number[],
  theirs: readonly number[],
  owner: object,
): Uint8Array {
  const algorithm = ours.find((candidate) => theirs.includes(candidate));
  if (algorithm === undefined || provider.compress === undefined) return raw;
  const known = made.get(owner);
  if (known?.algorithm === algorithm && equal(known.raw, raw)) return known.message;
  const compressed = provider.compress(algorithm, raw.subarray(HEADER_BYTES));
  const packed = encodeMessage(HandshakeType.COMPRESSED_CERTIFICATE, 8 + compressed.length, (w) => {
    w.u16(algorithm);
    w.u24(raw.length - HEADER_BYTES);
    const mark = w.openVector(3);
    w.copy(compressed);
    w.closeVector(mark, 3);
  });
  const message = packed.length < raw.length ? packed : raw;
  made.set(owner, { algorithm, raw, message });
  return message;
}

/**
 * The body of the Certificate that a CompressedCertificate stands for. Throws `TlsAlert`: unexpected_message
 * if no compression was offered, illegal_parameter for an algorithm that was not, bad_certificate for damage, a wrong length or one above the limit (RFC 8879 §4).
 */
export function decompressCertificate(
  provider: CryptoProvider,
  body: Uint8Array,
  offered: readonly number[],
): Uint8Array {
  if (offered.length === 0) {
    throw new TlsAlert(Alert.UNEXPECTED_MESSAGE, 'certificate compression was not offered');
  }
  const reader = new Reader(body);
  const algorithm = reader.u16();
  const length = reader.u24();
  const compressed = reader.vector24();
  if (reader.remaining > 0 || compressed.length === 0) {
    throw new TlsAlert(Alert.DECODE_ERROR, 'the compressed certificate is malformed');
  }
  if (!offered.includes(algorithm)) {
    throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the certificate compression was not offered');
  }
  if (length > MAX_CERTIFICATE_MESSAGE_BYTES) {
    throw new TlsAlert(Alert.BAD_CERTIFICATE, 'the certificate would be over the limit');
  }
  const plain = provider.decompress?.(algorithm, compressed, length) ?? null;
  if (plain === null || plain.length !== length) {
    throw new TlsAlert(Alert.BAD_CERTIFICATE, 'the certificate cannot be decompressed to its length');
  }
  return plain;
}

interface Compressed {
  readonly algorithm: number;
  readonly raw: Uint8Array;
  readonly message: Uint8Array;
}

const made: WeakMap<object, Compressed> = new WeakMap();
