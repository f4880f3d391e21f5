// Packets that came before their keys, kept within a small limit (RFC 9001 §5.7). Owns copies of whole packets.

import type { SocketAddress } from '../util/address.ts';
import { copyBytes } from '../util/bytes.ts';

/** Packets kept per connection, and their bytes in all. */
export const MAX_EARLY_PACKETS = 10;
export const MAX_EARLY_BYTES = 16384;

export interface EarlyPacket {
  bytes: Uint8Array;
  space: number;
  from: SocketAddress;
  to: SocketAddress;
  ecn: number;
}

export class EarlyPackets {
  #packets: EarlyPacket[] = [];
  #bytes = 0;

  /** Copies the packet. False if there was no room. */
  add(
    buffer: Uint8Array,
    start: number,
    end: number,
    space: number,
    from: SocketAddress,
    to: SocketAddress,
    ecn: number,
  ): boolean {
    if (this.#packets.length >= MAX_EARLY_PACKETS || this.#bytes + end - start > MAX_EARLY_BYTES)
      return false;
    this.#packets.push({ bytes: copyBytes(buffer, start, end), space, from, to, ecn });
    this.#bytes += end - start;
    return true;
  }

  /** Takes out the packets of a space, oldest first. */
  take(space: number): EarlyPacket[] {
    if (this.#packets.length === 0) return [];
    const taken = this.#packets.filter((packet) => packet.space === space);
    this.#packets = this.#packets.filter((packet) => packet.space !== space);
    for (const packet of taken) this.#bytes -= packet.bytes.length;
    return taken;
  }

  clear(): void {
    this.#packets = [];
    this.#bytes = 0;
  }
}
