/**
 * The Retry Integrity Tag (RFC 9001 §5.8): shows that a Retry is intact and comes from somebody who saw the Initial.
 */

import { EMPTY, equalConstantTime } from '../util/bytes.ts';
import type { VersionInfo } from '../wire/versions.ts';
import { type CryptoProvider, TAG_LENGTH } from './provider.ts';

/**
 * The 16-byte tag for a Retry packet without its tag. `originalDestinationConnectionId` is that of the Initial packet
 * which the Retry answers.
 */
export function retryIntegrityTag(
  provider: CryptoProvider,
  version: VersionInfo,
  originalDestinationConnectionId: Uint8Array,
  retryWithoutTag: Uint8Array,
): Uint8Array {
  const idLength = originalDestinationConnectionId.length;
  const pseudoPacket = new Uint8Array(1 + idLength + retryWithoutTag.length);
  pseudoPacket[0] = idLength;
  pseudoPacket.set(originalDestinationConnectionId, 1);
  pseudoPacket.set(retryWithoutTag, 1 + idLength);
  return provider.aesGcmSeal(version.retryKey, version.retryNonce, pseudoPacket, EMPTY);
}

/** Whether a whole Retry packet, tag included, carries the right tag. Never throws, whatever its length. */
export function verifyRetry(
  provider: CryptoProvider,
  version: VersionInfo,
  originalDestinationConnectionId: Uint8Array,
  retry: Uint8Array,
): boolean {
  const split = retry.length - TAG_LENGTH;
  if (split < 0) return false;
  const expected = retryIntegrityTag(
    provider,
    version,
    originalDestinationConnectionId,
    retry.subarray(0, split),
  );
  return equalConstantTime(expected, retry.subarray(split));
}
