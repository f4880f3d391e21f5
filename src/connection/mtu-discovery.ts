// The largest datagram that a path carries (RFC 9000 §14.3, RFC 8899): probes upward after the handshake, one probe at
// a time, and takes a size only when its probe was acknowledged.

import { writePing } from '../wire/frame-writer.ts';
import { type PacketBuilder, type SendingPart, TokenKind } from './part.ts';
import type { Path } from './path.ts';

/** Probes of one size before it is given up (RFC 8899 §5.1.2). */
export const MAX_MTU_PROBES = 3;

/** Carried by nearly every path: an Ethernet frame without the headers of IPv6 and UDP. Tried where more does not pass. */
export const COMMON_DATAGRAM_SIZE = 1452;

export class MtuDiscovery implements SendingPart {
  readonly #ceiling: () => number;
  #enabled = false;
  #path: Path | null = null;
  /** The smallest size that was given up on this path. */
  #tooLarge: number = Number.POSITIVE_INFINITY;
  #size = 0;
  #failures = 0;
  #inFlight = false;

  /** `ceiling` is the largest size that both ends allow, bytes of UDP payload. */
  constructor(ceiling: () => number) {
    this.#ceiling = ceiling;
  }

  /** Probing begins once the handshake is confirmed. */
  enable(): void {
    this.#enabled = true;
  }

  /** The size of the probe to send now on this path, or 0. */
  probeSize(path: Path, room: number): number {
    if (!this.#enabled) return 0;
    if (path !== this.#path) {
      this.#path = path;
      this.#tooLarge = Number.POSITIVE_INFINITY;
      this.#inFlight = false;
      this.#search(path);
    }
    return this.#inFlight || this.#size > room ? 0 : this.#size;
  }

  write(packet: PacketBuilder): void {
    writePing(packet.writer);
    packet.token(TokenKind.PING, this.#size, packet.path.id, 0);
    packet.writer.fill(0, packet.writer.remaining);
    this.#inFlight = true;
  }

  acked(_kind: number, size: number, pathId: number): void {
    const path = this.#path;
    if (path === null || path.id !== pathId) return;
    this.#inFlight = false;
    if (size <= path.mtu) return;
    path.mtu = size;
    path.recovery.setMaxDatagramSize(size);
    this.#search(path);
  }

  lost(_kind: number, size: number, pathId: number): void {
    const path = this.#path;
    if (path === null || path.id !== pathId) return;
    this.#inFlight = false;
    this.#failures++;
    if (this.#failures < MAX_MTU_PROBES) return;
    this.#tooLarge = size;
    this.#search(path);
  }

  /** The next size to try: the largest, a common one, then halfway between what works and what does not. */
  #search(path: Path): void {
    const works = path.mtu;
    const tooLarge = this.#tooLarge;
    this.#failures = 0;
    if (tooLarge === Number.POSITIVE_INFINITY) this.#size = this.#ceiling();
    else if (works < COMMON_DATAGRAM_SIZE && COMMON_DATAGRAM_SIZE < tooLarge)
      this.#size = COMMON_DATAGRAM_SIZE;
    else this.#size = works + ((tooLarge - works) >> 1);
    if (this.#size <= works || tooLarge - works <= SMALLEST_STEP) this.#size = 0;
  }
}

/** The search ends where less than this can be gained, bytes. */
const SMALLEST_STEP = 20;
