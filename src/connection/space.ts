// One packet number space (RFC 9000 §12.3): its keys, its numbers, what to acknowledge, its CRYPTO stream and what
// waits to be sent. Initial and Handshake end early; Application lives as long as the connection.

import type { PacketKeys } from '../crypto/packet-keys.ts';
import type { Opener, Sealer } from '../crypto/provider.ts';
import { AckTracker } from '../recovery/ack-tracker.ts';
import { CryptoStream } from './crypto-stream.ts';
import { KeyPhases } from './key-phases.ts';
import { PartBit } from './part.ts';

export const Space = { INITIAL: 0, HANDSHAKE: 1, APPLICATION: 2 } as const;

export class PacketNumberSpace {
  readonly index: number;
  acks: AckTracker;
  crypto: CryptoStream;
  /** Bits of parts that have something to send here; see `PartBit`. */
  pending = 0;
  nextPacketNumber = 0;
  /** Initial and Handshake: the one key each way. Application: the key of 0-RTT packets, until there are phases. */
  sealer: Sealer | null = null;
  opener: Opener | null = null;
  /** Application: keys by phase. */
  phases: KeyPhases | null = null;
  /** Keys were thrown away; packets are neither sent nor read any more (RFC 9001 §4.9). */
  discarded = false;

  constructor(index: number, acks: AckTracker) {
    this.index = index;
    this.acks = acks;
    this.crypto = this.#makeCrypto();
  }

  setPending(bit: number, pending: boolean): void {
    if (pending) this.pending |= bit;
    else this.pending &= ~bit;
  }

  /** Another handshake begins: nothing of the first one is sent or expected any more. */
  restartCrypto(): void {
    this.setPending(PartBit.CRYPTO, false);
    this.crypto = this.#makeCrypto();
  }

  setSendKeys(keys: PacketKeys): void {
    if (this.index !== Space.APPLICATION) this.sealer = keys.sealer();
    else {
      this.phases = new KeyPhases(keys);
      // RFC 9001 §4.9.3: a client has no use for 0-RTT keys any more.
      this.sealer = null;
    }
  }

  /** Application, of a client: packets go out as 0-RTT until there are 1-RTT keys; null takes that back. */
  setEarlyKeys(keys: PacketKeys | null): void {
    this.sealer = keys === null ? null : keys.sealer();
  }

  /** What is sent now is sent in 0-RTT packets. */
  get isEarly(): boolean {
    return this.index === Space.APPLICATION && this.sealer !== null;
  }

  setReceiveKeys(keys: PacketKeys): void {
    if (this.index === Space.APPLICATION) this.phases?.setReceiveKeys(keys);
    else this.opener = keys.opener();
  }

  get canSend(): boolean {
    return this.sealer !== null || this.phases !== null;
  }

  get canReceive(): boolean {
    return this.opener !== null || this.phases?.canOpen === true;
  }

  #makeCrypto(): CryptoStream {
    return new CryptoStream(this.index, (pending) => this.setPending(PartBit.CRYPTO, pending));
  }

  discard(): void {
    this.discarded = true;
    this.sealer = null;
    this.opener = null;
    this.pending = 0;
    // What they held is of no use any more.
    this.acks = NO_ACKS;
    this.crypto = NO_CRYPTO;
  }
}

/** What all discarded spaces have in common: nothing is recorded in them and nothing is sent. */
const NO_ACKS = new AckTracker({ maxAckDelay: 0 });
const NO_CRYPTO = new CryptoStream(0, () => {});
