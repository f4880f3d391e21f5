// The 1-RTT keys: key phases, updates by either side, and how often a key may be used (RFC 9001 §6). Knows packets'
// numbers and phase bits, not their contents.

import type { PacketKeys } from '../crypto/packet-keys.ts';
import type { Opener, Sealer } from '../crypto/provider.ts';
import { TransportError, TransportErrorCode } from '../errors.ts';
import { TokenBucket } from '../util/token-bucket.ts';

/** Key updates of the peer that are followed at once; each makes us derive keys for two directions. */
export const MAX_KEY_UPDATES = 1000;

/** Key updates of the peer in a second beyond that. */
export const MAX_KEY_UPDATES_PER_SECOND = 100;

export class KeyPhases {
  /** The phase bit of packets that we send. */
  sendPhase: 0 | 1 = 0;
  /** Key updates so far; generation 0 are the handshake's own keys. */
  generation = 0;
  /** When keys of the phase before are dropped; Infinity if none are held. */
  deadline: number = Number.POSITIVE_INFINITY;
  /** Packets sealed with one key before an update is started (RFC 9001 §6.6). */
  confidentialityLimit: number;
  /** Packets that may fail to open over all keys (RFC 9001 §6.6). */
  integrityLimit: number;

  #sendKeys: PacketKeys;
  #sealed = 0;
  #firstSent = -1;
  #acknowledged = false;

  #receiveKeys: PacketKeys | null = null;
  #opener: Opener | null = null;
  #nextKeys: PacketKeys | null = null;
  #previous: Opener | null = null;
  #receivePhase: 0 | 1 = 0;
  #firstReceived = 0;
  #ackSent = true;
  #failures = 0;
  #updates: TokenBucket | null = null;

  constructor(send: PacketKeys) {
    this.#sendKeys = send;
    this.confidentialityLimit = send.suite.confidentialityLimit;
    this.integrityLimit = send.suite.integrityLimit;
  }

  /** 1-RTT packets can be opened from now on. */
  setReceiveKeys(keys: PacketKeys): void {
    this.#receiveKeys = keys;
    this.#opener = keys.opener();
  }

  get canOpen(): boolean {
    return this.#opener !== null;
  }

  get opener(): Opener | null {
    return this.#opener;
  }

  /** The packets of the peer have this phase bit, unless it updates its key. */
  isCurrent(phase: number): boolean {
    return phase === this.#receivePhase;
  }

  /** The sealer for the next packet. Counts it against the limit of the key, the end of which is kept for closing. */
  sealerFor(packetNumber: number, isClose: boolean): Sealer {
    if (this.#firstSent < 0) this.#firstSent = packetNumber;
    this.#sealed++;
    if (!isClose && this.#sealed > this.confidentialityLimit - RESERVED_FOR_CLOSE) {
      throw new TransportError(TransportErrorCode.AEAD_LIMIT_REACHED, 0, 'packets sealed with one key');
    }
    return this.#sendKeys.sealer();
  }

  /** So many packets used this key that it should be replaced; half of the limit leaves time for that. */
  get shouldUpdate(): boolean {
    return this.#sealed >= this.confidentialityLimit / 2;
  }

  /**
   * Opens a packet whose header protection is off. Returns whether it was authentic; `onUpdate` is called when the
   * packet shows that the peer began a new phase (RFC 9001 §6.2).
   */
  open(
    buffer: Uint8Array,
    start: number,
    payloadStart: number,
    end: number,
    packetNumber: number,
    phase: number,
    now: number,
    keepFor: number,
  ): 'opened' | 'updated' | 'failed' {
    const opener = this.#opener;
    if (opener === null) return 'failed';
    if (phase === this.#receivePhase) {
      if (!opener.open(buffer, start, payloadStart, end, packetNumber)) return this.#failed();
      if (packetNumber < this.#firstReceived) this.#firstReceived = packetNumber;
      // A connection whose first packet is its last one needs no keys of a next phase.
      if (this.#nextKeys === null && packetNumber > 0) this.#prepareNext();
      return 'opened';
    }
    if (packetNumber < this.#firstReceived) {
      // RFC 9001 §6.3: a packet from before the update, delayed.
      if (this.#previous?.open(buffer, start, payloadStart, end, packetNumber)) return 'opened';
      return this.#failed();
    }
    const next = this.#nextKeys ?? this.#prepareNext();
    if (next === null || !next.opener().open(buffer, start, payloadStart, end, packetNumber))
      return this.#failed();
    const answersOurs = this.#receivePhase !== this.sendPhase;
    // RFC 9001 §6.2: the peer may not go on to another phase before it saw an acknowledgement in this one.
    if (!answersOurs && !this.#ackSent) {
      throw new TransportError(
        TransportErrorCode.KEY_UPDATE_ERROR,
        0,
        'key update before the last one was acknowledged',
      );
    }
    if (!answersOurs) this.#countUpdate(now);
    this.#advanceReceive(next, packetNumber, now, keepFor);
    if (answersOurs) return 'opened';
    this.#advanceSend();
    return 'updated';
  }

  /**
   * Starts an update if the last one is acknowledged and its old keys are gone (RFC 9001 §6.1). Returns whether it
   * began.
   */
  initiate(): boolean {
    if (!this.#acknowledged || this.#receivePhase !== this.sendPhase || this.#previous !== null) return false;
    this.#advanceSend();
    return true;
  }

  /** We sent an ACK up to this number. */
  onAckSent(largest: number): void {
    if (largest >= this.#firstReceived && this.#receivePhase === this.sendPhase) this.#ackSent = true;
  }

  /** The peer acknowledged packets up to this number. */
  onAcknowledged(largest: number): void {
    if (this.#firstSent >= 0 && largest >= this.#firstSent) this.#acknowledged = true;
  }

  onTimeout(now: number): void {
    if (now < this.deadline) return;
    this.deadline = Number.POSITIVE_INFINITY;
    this.#previous = null;
  }

  /** A peer that waits for acknowledgements keeps the rules, and can still make us do little else (RFC 9001 §6.2). */
  #countUpdate(now: number): void {
    this.#updates ??= new TokenBucket({ perSecond: MAX_KEY_UPDATES_PER_SECOND, burst: MAX_KEY_UPDATES });
    if (this.#updates.take(now)) return;
    throw new TransportError(TransportErrorCode.KEY_UPDATE_ERROR, 0, 'key updates without end');
  }

  #advanceSend(): void {
    this.#sendKeys = this.#sendKeys.next();
    this.sendPhase = this.sendPhase === 0 ? 1 : 0;
    this.generation++;
    this.#sealed = 0;
    this.#firstSent = -1;
    this.#acknowledged = false;
  }

  #advanceReceive(next: PacketKeys, packetNumber: number, now: number, keepFor: number): void {
    this.#previous = this.#opener;
    this.#receiveKeys = next;
    this.#opener = next.opener();
    this.#receivePhase = this.#receivePhase === 0 ? 1 : 0;
    this.#firstReceived = packetNumber;
    this.#ackSent = false;
    this.deadline = now + keepFor;
    this.#prepareNext();
  }

  // RFC 9001 §6.3: made ahead of its use, so that an update shows no other timing than an ordinary packet.
  #prepareNext(): PacketKeys | null {
    if (this.#receiveKeys === null) return null;
    this.#nextKeys = this.#receiveKeys.next();
    this.#nextKeys.opener();
    return this.#nextKeys;
  }

  #failed(): 'failed' {
    this.#failures++;
    if (this.#failures >= this.integrityLimit) {
      throw new TransportError(TransportErrorCode.AEAD_LIMIT_REACHED, 0, 'packets that failed to open');
    }
    return 'failed';
  }
}

/**
 * Packets of a key that only CONNECTION_CLOSE may use (RFC 9001 §6.6). It is repeated ever more rarely, so that these
 * are never used up.
 */
const RESERVED_FOR_CLOSE = 64;
