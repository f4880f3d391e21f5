// Spreads packets over the round trip (RFC 9002 §7.7): a bucket of bytes that fills at the path's rate. Packets that
// only acknowledge never come here.

/** Packets that may leave back to back, whatever the rate. RFC 9002 §7.7. */
export const MIN_BURST_PACKETS = 10;

/** Packets that may leave back to back at the highest rates. */
export const MAX_BURST_PACKETS = 256;

/** A burst holds what this many milliseconds carry: timers of an event loop are no finer. */
export const BURST_INTERVAL = 2;

/** Most bytes handed to the socket at once: the limit of segmentation offload. draft-ietf-ccwg-bbr §5.6.3. */
export const MAX_SEND_QUANTUM = 65_536;

/** Below this rate, 1.2 Mbit/s in bytes per millisecond, packets leave one by one. */
const SLOW_RATE = 150;

/** The rate is given with each call, in bytes per millisecond; times are milliseconds. */
export class Pacer {
  #maxDatagramSize: number;
  /** Bytes that may leave now; below 0 after a packet that was not to wait (a probe). */
  #bytes: number;
  #updated = Number.NEGATIVE_INFINITY;
  #next = Number.NEGATIVE_INFINITY;
  /** When the datagram that left last is due at the bottleneck, for a socket that can hold it back until then. */
  releaseTime = 0;

  constructor(maxDatagramSize: number) {
    this.#maxDatagramSize = maxDatagramSize;
    this.#bytes = MIN_BURST_PACKETS * maxDatagramSize;
  }

  /** Bytes that may leave now. */
  budget(now: number, rate: number): number {
    this.#refill(now, rate);
    return Math.max(0, Math.round(this.#bytes));
  }

  /** The time at which `size` bytes may leave; `now` if they need not wait. */
  timeToSend(now: number, size: number, rate: number): number {
    this.#refill(now, rate);
    const wanted = Math.min(size, this.#capacity(rate));
    // Rounded as in `budget`, or the two could disagree for ever about a fraction of a byte.
    return Math.round(this.#bytes) >= wanted ? now : now + (wanted - this.#bytes) / rate;
  }

  onSent(now: number, size: number, rate: number): void {
    this.#refill(now, rate);
    this.#bytes -= size;
    this.releaseTime = Math.max(now, this.#next);
    this.#next = this.releaseTime + size / rate;
  }

  /** Bytes to hand to the socket at once: what a millisecond carries, in whole packets. draft-ietf-ccwg-bbr §5.6.3. */
  quantum(rate: number): number {
    const size = this.#maxDatagramSize;
    const most = Math.floor(MAX_SEND_QUANTUM / size);
    const packets = Math.min(most, Math.max(rate < SLOW_RATE ? 1 : 2, Math.floor(rate / size)));
    return packets * size;
  }

  onDatagramSize(maxDatagramSize: number): void {
    this.#maxDatagramSize = maxDatagramSize;
  }

  #refill(now: number, rate: number): void {
    if (now > this.#updated) {
      // The first call finds a full bucket.
      if (this.#updated !== Number.NEGATIVE_INFINITY) this.#bytes += (now - this.#updated) * rate;
      this.#updated = now;
    }
    const capacity = this.#capacity(rate);
    if (this.#bytes > capacity) this.#bytes = capacity;
  }

  #capacity(rate: number): number {
    const packets = (rate * BURST_INTERVAL) / this.#maxDatagramSize;
    return this.#maxDatagramSize * Math.min(MAX_BURST_PACKETS, Math.max(MIN_BURST_PACKETS, packets));
  }
}
