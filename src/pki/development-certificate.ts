/**
 * The certificate of development servers: made on first use, kept in a folder, renewed before its end.
 *
 * Short-lived and without CA rights, so that browsers take its hash in `serverCertificateHashes` and strict clients take
 * it as a leaf. Owns the two files; knows nothing of who serves with them.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { quicError } from '../errors.ts';
import { Certificate } from './certificate.ts';
import { certificateSha256, type Fingerprint, publicKeySha256 } from './fingerprint.ts';
import { certificateMatchesHost } from './host-name.ts';
import { loadIdentity } from './identity.ts';
import { makeCertificate } from './make-certificate.ts';
import { readPem } from './pem.ts';

/** How the development certificate is kept. */
export interface DevelopmentCertificateOptions {
  /** Made with mode 0700 if it does not exist. The files in it have mode 0600. */
  readonly folder: string;
  /** Wall time, milliseconds since 1970. Default: now. */
  readonly now?: number;
  /** Make a new one even if the old one is good. Default `false`. */
  readonly renew?: boolean;
  /** DNS names and IP addresses. Default `localhost`, `127.0.0.1`, `::1`. A kept one with other names is replaced. */
  readonly names?: readonly string[];
}

/** A development certificate. */
export interface DevelopmentCertificate {
  /** Certificate and key, PEM. */
  readonly cert: string;
  readonly key: string;
  /** Where they are kept. */
  readonly certFile: string;
  readonly keyFile: string;
  readonly notAfter: Date;
  /** Hashes to pin: of the certificate and of its public key. */
  readonly certificateSha256: Fingerprint;
  readonly spkiSha256: Fingerprint;
  /** Whether it was made in this call. */
  readonly renewed: boolean;
}

/** Days from the first to the last moment; browsers take at most 14 for a pinned certificate. */
export const DEVELOPMENT_DAYS = 14;

/** A certificate with less than this many days left is renewed. */
export const DEVELOPMENT_RENEW_DAYS = 3;

/**
 * The kept certificate, or a new one: ECDSA P-256, CA:FALSE, valid for 14 days. Processes may call at the same time; all
 * get the same pair in the end. Throws ERR_QUIC_INVALID_CERTIFICATE if the folder cannot be used.
 */
export async function developmentCertificate(
  options: DevelopmentCertificateOptions,
): Promise<DevelopmentCertificate> {
  const now = options.now ?? Date.now();
  const names = options.names ?? ['localhost', '127.0.0.1', '::1'];
  const files = {
    certFile: join(options.folder, 'dev-cert.pem'),
    keyFile: join(options.folder, 'dev-key.pem'),
  };
  try {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    const kept = options.renew === true ? null : await load(files, names, now);
    if (kept !== null) return { ...kept, renewed: false };
    // The pair is two files, and another process may be writing them too: whoever finds a mixture writes again.
    for (let attempt = 0; attempt < 10; attempt++) {
      await make(files, names, now);
      const made = await load(files, names, now);
      if (made !== null) return { ...made, renewed: true };
      await delay(5 + 10 * attempt + (process.pid % 10));
    }
  } catch (cause) {
    throw quicError('ERR_QUIC_INVALID_CERTIFICATE', {
      message: `The development certificate cannot be kept in the folder ${options.folder}: ${(cause as Error).message}`,
      cause,
    });
  }
  throw quicError('ERR_QUIC_INVALID_CERTIFICATE', {
    message: `The development certificate in the folder ${options.folder} is being changed by others all the time`,
  });
}

interface Files {
  readonly certFile: string;
  readonly keyFile: string;
}

async function load(
  files: Files,
  names: readonly string[],
  now: number,
): Promise<Omit<DevelopmentCertificate, 'renewed'> | null> {
  const cert = await textOf(files.certFile);
  const key = await textOf(files.keyFile);
  if (cert === null || key === null) return null;
  try {
    loadIdentity({ cert, key });
    const der = readPem(cert)[0]?.der ?? new Uint8Array(0);
    const certificate = Certificate.parse(der);
    if (now < certificate.notBefore || now > certificate.notAfter - DEVELOPMENT_RENEW_DAYS * DAY) return null;
    if (!names.every((name) => certificateMatchesHost(certificate, name))) return null;
    await chmod(files.certFile, 0o600);
    await chmod(files.keyFile, 0o600);
    return {
      cert,
      key,
      ...files,
      notAfter: new Date(certificate.notAfter),
      certificateSha256: certificateSha256(der),
      spkiSha256: publicKeySha256(der),
    };
  } catch {
    return null; // damaged, or not ours: made anew
  }
}

async function make(files: Files, names: readonly string[], now: number): Promise<void> {
  // An hour back for clocks that are behind.
  const notBefore = new Date(now - HOUR);
  const made = await makeCertificate({
    names,
    subject: 'quayside development',
    kind: 'ec-p256',
    extendedKeyUsage: ['serverAuth'],
    notBefore,
    notAfter: new Date(notBefore.getTime() + DEVELOPMENT_DAYS * DAY - 1000),
  });
  await writeWhole(files.keyFile, made.keyPem);
  await writeWhole(files.certFile, made.pem);
}

/** Nobody ever sees half a file, nor one that others can read. */
async function writeWhole(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

const HOUR = 3_600_000;
const DAY = 86_400_000;
