// Answers to strangers that leave nothing behind: Version Negotiation, Retry, refusal. Owns their bytes; whether one may
// be sent is the router's to say.

import type { PacketKeys } from '../crypto/packet-keys.ts';
import { type CryptoProvider, type RandomSource, TAG_LENGTH } from '../crypto/provider.ts';
import { retryIntegrityTag } from '../crypto/retry-integrity.ts';
import { writeConnectionClose } from '../wire/frame-writer.ts';
import {
  encodeVersionNegotiation,
  PacketType,
  writeLongHeader,
  writeRetryWithoutTag,
} from '../wire/header.ts';
import { reservedVersion, type VersionInfo } from '../wire/versions.ts';
import { Writer } from '../wire/writer.ts';

/**
 * Answers a packet of a version that we do not speak (RFC 9000 §6.1): its ids swapped, our versions, and one reserved
 * number, other than the one that was tried, which would make the client discard the packet (RFC 9000 §6.2, §6.3).
 * Returns the size.
 */
export function writeVersionNegotiation(
  out: Uint8Array,
  seen: { version: number; destinationId: Uint8Array; sourceId: Uint8Array },
  versions: readonly number[],
  random: RandomSource,
): number {
  const reserved = reservedVersion(random.integer(2 ** 32), seen.version);
  const place = random.integer(versions.length + 1);
  const list = [...versions.slice(0, place), reserved, ...versions.slice(place)];
  return encodeVersionNegotiation(out, random.integer(64), seen.sourceId, seen.destinationId, list);
}

/** Writes a Retry with its integrity tag (RFC 9000 §17.2.5, RFC 9001 §5.8), for a client with this source id. Returns the size. */
export function writeRetry(
  out: Uint8Array,
  provider: CryptoProvider,
  version: VersionInfo,
  retry: {
    clientSourceId: Uint8Array;
    originalDestinationId: Uint8Array;
    retrySourceId: Uint8Array;
    token: Uint8Array;
  },
  random: RandomSource,
): number {
  const writer = new Writer(out);
  const { clientSourceId, retrySourceId, token } = retry;
  writeRetryWithoutTag(writer, version, clientSourceId, retrySourceId, token, random.integer(16));
  const body = out.subarray(0, writer.offset);
  writer.copy(retryIntegrityTag(provider, version, retry.originalDestinationId, body));
  return writer.offset;
}

/**
 * Writes an Initial packet with nothing but CONNECTION_CLOSE (RFC 9000 §5.2.2, §8.1.2). `keys` protect what the server
 * sends; `sourceId` is the id that the client used for us, since no other one exists. Not padded: it elicits no
 * acknowledgement (RFC 9000 §14.1). Returns the size.
 */
export function writeRefusal(
  out: Uint8Array,
  version: VersionInfo,
  keys: PacketKeys,
  clientSourceId: Uint8Array,
  sourceId: Uint8Array,
  errorCode: number,
): number {
  const writer = new Writer(out, 0, out.length - TAG_LENGTH);
  const type = PacketType.INITIAL;
  const lengthAt = writeLongHeader(writer, version, type, clientSourceId, sourceId, null, 0, 1);
  const payloadStart = writer.offset;
  const numberAt = payloadStart - 1;
  writeConnectionClose(writer, { application: false, code: errorCode, frameType: 0, reason: NO_REASON });
  writer.patchVarint2(lengthAt, writer.offset - numberAt + TAG_LENGTH);
  return keys.sealer().seal(out, 0, numberAt, payloadStart, writer.offset, 0);
}

const NO_REASON: Uint8Array = new Uint8Array(0);
