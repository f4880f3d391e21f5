// The latency spin bit of one path (RFC 9000 §17.4): what 1-RTT packets carry so that those on the way can tell the
// round trip. Knows no packets.

export class SpinBit {
  readonly #isServer: boolean;
  #value: 0 | 1 = 0;
  #largest = -1;

  constructor(isServer: boolean) {
    this.#isServer = isServer;
  }

  /** What packets on the path carry now. */
  get value(): 0 | 1 {
    return this.#value;
  }

  /** A 1-RTT packet came on the path: a server gives its bit back, a client the other one. */
  onReceived(packetNumber: number, bit: 0 | 1): void {
    if (packetNumber <= this.#largest) return;
    this.#largest = packetNumber;
    this.#value = this.#isServer ? bit : bit === 0 ? 1 : 0;
  }

  /** Packets on the path go to another id from now on, which must not be linked with the last. */
  onIdChanged(): void {
    this.#value = 0;
  }
}

/** RFC 9000 §17.4: of so many paths one has no spin bit, though it is enabled, so that nobody can count on it. */
export const SPIN_DISABLED_ONE_IN = 16;
