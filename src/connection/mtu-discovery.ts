// The largest datagram that a path carries (RFC 9000 §14.3, RFC 8899): probes upward after the handshake, one probe at
// a time, and takes a size only when its probe was acknowledged.

import { writePing } from '../wire/frame-writer.ts';
import { type PacketBuilder, type SendingPart, TokenKind } from './part.ts';
import type { Path } from './path.ts';

/** Probes of one size before it is given up (RFC 8899 §5.1.2). */
export const MAX_MTU_PROBES = 3;

export class MtuDiscovery implements SendingPart {
  readonly #ceiling: () => number;
  #enabled = false;
  #path: Path | null = null;
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
  probeSize(path: Path, _now: number, room: number): number {
    if (!this.#enabled || (this.#inFlight && path === this.#path)) return 0;
    if (path !== this.#path) {
      this.#path = path;
      this.#failures = 0;
      this.#inFlight = false;
      this.#size = this.#ceiling();
    }
    if (this.#size <= path.mtu || this.#size > room) return 0;
    return this.#size;
  }

  write(packet: PacketBuilder): void {
    writePing(packet.writer);
    packet.token(TokenKind.PING, this.#size, packet.path.id, 0);
    packet.writer.fill(0, packet.writer.remaining);
    this.#inFlight = true;
  }

  acked(_kind: number, size: number, pathId: number): void {
    if (this.#path === null || this.#path.id !== pathId) return;
    this.#inFlight = false;
    this.#failures = 0;
    if (size > this.#path.mtu) {
      this.#path.mtu = size;
      this.#path.recovery.setMaxDatagramSize(size);
    }
  }

  lost(_kind: number, _size: number, pathId: number): void {
    if (this.#path === null || this.#path.id !== pathId) return;
    this.#inFlight = false;
    this.#failures++;
    if (this.#failures < MAX_MTU_PROBES) return;
    // Halve the distance to what is known to work; stop where little is to be gained.
    this.#failures = 0;
    const next = this.#path.mtu + Math.floor((this.#size - this.#path.mtu) / 2);
    this.#size = next - this.#path.mtu < SMALLEST_STEP ? 0 : next;
  }
}

const SMALLEST_STEP = 20;
