/**
 * Certificates and keys as users give them: PEM or DER, text, bytes or a file. Errors name the option and the value.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { invalidArgType, type QuicErrorCode, quicError } from '../errors.ts';
import { Certificate } from './certificate.ts';
import { looksLikePem, readPem } from './pem.ts';

/** PEM text, PEM or DER bytes, or the path (string or file URL) of a file with either. */
export type PkiInput = string | Uint8Array | URL;

/** What the user gave, read: `bytes` is the content, `origin` says where it came from, for messages. */
export interface PkiContent {
  readonly bytes: Uint8Array;
  readonly pem: string | null;
  readonly origin: string;
}

/** Reads the input. A string without a PEM block is a path. Throws `code` for a file that cannot be read. */
export function readInput(input: PkiInput, option: string, code: QuicErrorCode): PkiContent {
  if (typeof input === 'string' && looksLikePem(input)) {
    return { bytes: Buffer.from(input, 'latin1'), pem: input, origin: `option "${option}" (PEM text)` };
  }
  if (input instanceof Uint8Array) return content(input, `option "${option}" (${input.length} bytes)`);
  if ((typeof input !== 'string' && !(input instanceof URL)) || input === '') {
    throw invalidArgType(option, 'PEM text, PEM or DER bytes, or the path of a file with either', input);
  }
  let path = String(input);
  try {
    if (input instanceof URL) path = fileURLToPath(input);
    return content(readFileSync(path), `option "${option}" (file ${path})`);
  } catch (cause) {
    throw quicError(code, {
      message: `Option "${option}": the file ${path.slice(0, 200)} cannot be read (${(cause as Error).message}); allowed are PEM text, PEM or DER bytes, or the path of such a file`,
      cause,
    });
  }
}

/**
 * The DER certificates of an input, at least one. With `every`, each can be parsed, otherwise one at least: bundles of
 * roots may hold what only their makers can read. Throws ERR_QUIC_INVALID_CERTIFICATE.
 */
export function readCertificates(input: PkiInput, option: string, every: boolean): Uint8Array[] {
  const { bytes, pem, origin } = readInput(input, option, 'ERR_QUIC_INVALID_CERTIFICATE');
  const certificates =
    pem === null
      ? [new Uint8Array(bytes)]
      : readPem(pem)
          .filter((block) => CERTIFICATE_LABELS.has(block.label))
          .map((block) => block.der);
  if (certificates.length === 0) {
    const labels = readPem(pem ?? '').map((block) => block.label);
    const found = labels.length === 0 ? 'no readable PEM block' : `PEM blocks of ${labels.join(', ')}`;
    throw quicError('ERR_QUIC_INVALID_CERTIFICATE', {
      message: `No certificate in ${origin}: it has ${found}; allowed are certificates in PEM or DER`,
    });
  }
  for (const [i, der] of certificates.entries()) {
    try {
      Certificate.parse(der);
      if (!every) break;
    } catch (cause) {
      if (!every && i < certificates.length - 1) continue;
      throw quicError('ERR_QUIC_INVALID_CERTIFICATE', {
        message: `Certificate ${i + 1} in ${origin} cannot be read; allowed are certificates in PEM or DER`,
        cause,
      });
    }
  }
  return certificates;
}

function content(bytes: Uint8Array, origin: string): PkiContent {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return { bytes, pem: looksLikePem(text) ? text : null, origin };
}

const CERTIFICATE_LABELS: ReadonlySet<string> = new Set(['CERTIFICATE', 'X509 CERTIFICATE']);
