// What a client does about the packets that can only answer its first flight: Version Negotiation (RFC 9000 §6.2) and
// Retry (RFC 9000 §17.2.5).

import { verifyRetry } from '../crypto/retry-integrity.ts';
import { copyBytes, equal } from '../util/bytes.ts';
import type { PacketHeader } from '../wire/header.ts';
import type { ConnectionParts } from './parts.ts';

/** Bytes of a token that leave room for a ClientHello in an Initial of 1200; longer ones are as good as none. */
export const MAX_TOKEN_LENGTH = 1000;

/** The token to begin with; null for one that no Initial could carry. */
export function usableToken(token: Uint8Array | undefined): Uint8Array | null {
  return token === undefined || token.length > MAX_TOKEN_LENGTH ? null : token;
}

export class FirstFlight {
  readonly #parts: ConnectionParts;
  /** The id that the client chose for its first Initial. */
  readonly originalDestinationId: Uint8Array;
  /** From the Retry that was followed. */
  retrySourceId: Uint8Array | null = null;
  /** A packet of the server was authentic: neither answer is possible any more. */
  #answered = false;

  constructor(parts: ConnectionParts, originalDestinationId: Uint8Array) {
    this.#parts = parts;
    this.originalDestinationId = originalDestinationId;
  }

  onAuthenticPacket(): void {
    this.#answered = true;
  }

  /** Whether the packet was heeded. */
  onVersionNegotiation(header: PacketHeader, bytes: Uint8Array, now: number): boolean {
    const { isServer, localIds, versions } = this.#parts;
    if (isServer || this.#answered || this.retrySourceId !== null) return false;
    const dcid = bytes.subarray(header.dcidStart, header.dcidStart + header.dcidLength);
    const scid = bytes.subarray(header.scidStart, header.scidStart + header.scidLength);
    if (!equal(dcid, localIds.current) || !equal(scid, this.originalDestinationId)) return false;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const listed: number[] = [];
    for (let at = header.tokenStart; at + 4 <= header.end; at += 4) listed.push(view.getUint32(at));
    return versions.follow(listed, now);
  }

  /** Whether the packet was heeded. */
  onRetry(header: PacketHeader, bytes: Uint8Array, start: number): boolean {
    const parts = this.#parts;
    // RFC 9000 §17.2.5.2: one Retry, and only before any other packet.
    if (parts.isServer || this.#answered || this.retrySourceId !== null || header.tokenLength === 0)
      return false;
    if (header.tokenLength > MAX_TOKEN_LENGTH) return false;
    const scid = copyBytes(bytes, header.scidStart, header.scidStart + header.scidLength);
    if (equal(scid, this.originalDestinationId)) return false;
    const packet = bytes.subarray(start, header.end);
    if (!verifyRetry(parts.config.provider, parts.header.version, this.originalDestinationId, packet))
      return false;
    this.retrySourceId = scid;
    const token = copyBytes(bytes, header.tokenStart, header.tokenStart + header.tokenLength);
    parts.onRetry(scid, token);
    return true;
  }
}
