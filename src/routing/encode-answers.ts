// The public encoders of answers to strangers, for users of the core who route datagrams themselves: quiche's
// `negotiate_version` and `retry`. The library's own router uses stateless-answers.ts.

import { nodeProvider } from '../crypto/node-provider.ts';
import { nodeRandom } from '../crypto/node-random.ts';
import type { CryptoProvider, RandomSource } from '../crypto/provider.ts';
import { invalidArgType, outOfRange, quicError } from '../errors.ts';
import { SUPPORTED_VERSIONS, versionInfo } from '../wire/versions.ts';
import { writeRetry, writeVersionNegotiation } from './stateless-answers.ts';

export interface EncodeOptions {
  /** Default `nodeProvider`. */
  readonly provider?: CryptoProvider;
  /** Default the system's. */
  readonly random?: RandomSource;
}

export interface VersionNegotiationOptions extends EncodeOptions {
  /** What to offer. Default the versions that are supported. */
  readonly versions?: readonly number[];
  /** The version that the client tried, so that the reserved one in the list is another (RFC 9000 §6.3). */
  readonly version?: number;
}

/** Whether connections can be made and accepted in this version by default. */
export function isVersionSupported(version: number): boolean {
  return SUPPORTED_VERSIONS.includes(version);
}

/**
 * Writes a Version Negotiation packet (RFC 9000 §17.2.1) that answers a packet with these ids, which `parseHeader` gives,
 * and returns its size. A reserved version is listed beside the real ones (RFC 9000 §6.3). Throws
 * ERR_QUIC_BUFFER_TOO_SHORT.
 */
export function encodeVersionNegotiation(
  scid: Uint8Array,
  dcid: Uint8Array,
  out: Uint8Array,
  options: VersionNegotiationOptions = {},
): number {
  checkId('scid', scid, MAX_ANY_ID);
  checkId('dcid', dcid, MAX_ANY_ID);
  checkBytes('out', out);
  const { versions = SUPPORTED_VERSIONS, version = 0, random = nodeRandom() } = options;
  const size = 1 + 4 + 1 + scid.length + 1 + dcid.length + 4 * (versions.length + 1);
  if (out.length < size) throw tooShort(size);
  return writeVersionNegotiation(out, { version, destinationId: dcid, sourceId: scid }, versions, random);
}

/**
 * Writes a Retry with its integrity tag (RFC 9000 §17.2.5, RFC 9001 §5.8) and returns its size. `scid` and `dcid` are
 * those of the client's Initial, `newScid` is the id that it shall use from now on, `token` what it shall bring: make it
 * so that it holds `dcid` and the client's address, and that nobody else can make it. Throws ERR_QUIC_UNKNOWN_VERSION and
 * ERR_QUIC_BUFFER_TOO_SHORT.
 */
export function encodeRetry(
  scid: Uint8Array,
  dcid: Uint8Array,
  newScid: Uint8Array,
  token: Uint8Array,
  version: number,
  out: Uint8Array,
  options: EncodeOptions = {},
): number {
  checkId('scid', scid, MAX_ID);
  checkId('dcid', dcid, MAX_ID);
  checkId('newScid', newScid, MAX_ID);
  checkBytes('token', token);
  checkBytes('out', out);
  // RFC 9000 §17.2.5.2: clients ignore a Retry without a token.
  if (token.length === 0) throw outOfRange('token.length', '>= 1', 0);
  const info = versionInfo(version);
  if (info === undefined) throw quicError('ERR_QUIC_UNKNOWN_VERSION');
  const size = 1 + 4 + 1 + scid.length + 1 + newScid.length + token.length + 16;
  if (out.length < size) throw tooShort(size);
  const { provider = nodeProvider, random = nodeRandom() } = options;
  return writeRetry(
    out,
    provider,
    info,
    { clientSourceId: scid, originalDestinationId: dcid, retrySourceId: newScid, token },
    random,
  );
}

function checkId(name: string, id: Uint8Array, most: number): void {
  checkBytes(name, id);
  if (id.length > most) throw outOfRange(`${name}.length`, `>= 0 && <= ${most}`, id.length);
}

function checkBytes(name: string, bytes: Uint8Array): void {
  if (!(bytes instanceof Uint8Array)) throw invalidArgType(name, 'an instance of Uint8Array', bytes);
}

function tooShort(size: number): Error {
  return quicError('ERR_QUIC_BUFFER_TOO_SHORT', { message: `The buffer must hold ${size} bytes` });
}

/** RFC 9000 §17.2. */
const MAX_ID = 20;

/** Of a version that is not known, ids may be longer (RFC 8999 §5.1). */
const MAX_ANY_ID = 255;
