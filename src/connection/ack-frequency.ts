// How often each side hears of its packets (draft-ietf-quic-ack-frequency): honours what the peer asks for, and asks the
// peer for fewer acknowledgements once the congestion window is found. Knows no timers: it looks again at every ACK.

import { TransportError, TransportErrorCode } from '../errors.ts';
import type { Frame } from '../wire/frame.ts';
import { type AckFrequencyRequest, writeAckFrequency, writeImmediateAck } from '../wire/frame-writer.ts';
import { type PacketBuilder, PartBit, type SendingPart, TokenKind } from './part.ts';
import type { ConnectionParts } from './parts.ts';
import { type PacketNumberSpace, Space } from './space.ts';

/** Least acknowledgement delay that we take requests for, milliseconds: what timers of the platform can tell. */
export const MIN_ACK_DELAY = 1;

/** Acknowledgements that are asked for in each congestion window, at least. */
export const ACKS_PER_WINDOW = 16;

/** Highest Ack-Eliciting Threshold that is asked for: one ACK for eleven packets. */
export const MAX_THRESHOLD = 10;

/** Losses show when three later packets arrived (RFC 9002 §6.1.1): then is early enough to hear of a gap. */
export const REORDERING_THRESHOLD = 3;

export class AckFrequency implements SendingPart {
  readonly #parts: ConnectionParts;
  #highestTaken: number | bigint = -1;

  #sequence = 0;
  /** What the peer was asked for last; null: nothing yet. */
  #asked: AckFrequencyRequest | null = null;
  #askedAt = 0;
  /** It is under way, or about to be. */
  #isUnsettled = false;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** The min_ack_delay to advertise, microseconds; undefined if requests are not taken. */
  get minAckDelay(): number | undefined {
    const { ackFrequency, maxAckDelay } = this.#parts.transport;
    return ackFrequency ? Math.min(MIN_ACK_DELAY, maxAckDelay) * 1000 : undefined;
  }

  /** Throws FRAME_ENCODING_ERROR, as for any unknown type, if we did not say that we take such frames. */
  checkTaken(frameType: number): number {
    const least = this.minAckDelay;
    if (least !== undefined) return least;
    throw new TransportError(TransportErrorCode.FRAME_ENCODING_ERROR, frameType, 'unknown frame type');
  }

  /** An ACK_FREQUENCY frame of the peer. False if it is out of date. Throws for a delay that cannot be. */
  onRequest(frame: Frame, space: PacketNumberSpace): boolean {
    const least = this.checkTaken(frame.type);
    if (frame.ackDelay < least || frame.ackDelay >= MAX_ACK_DELAY_LIMIT) {
      const reason = `requested max_ack_delay of ${frame.ackDelay} microseconds`;
      throw new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, frame.type, reason);
    }
    if (frame.sequence <= this.#highestTaken) return false;
    this.#highestTaken = frame.sequence;
    space.acks.ackElicitingThreshold = frame.limit;
    space.acks.reorderingThreshold = frame.reorderingThreshold;
    space.acks.maxAckDelay = frame.ackDelay / 1000;
    return true;
  }

  /** Looks whether to ask for something else: not while a request is under way, and only for much. */
  onAck(now: number): void {
    if (this.#isUnsettled || !this.#mayAsk) return;
    const { rtt } = this.#parts.paths.active.recovery;
    if (this.#asked !== null && now - this.#askedAt < MIN_INTERVAL_RTTS * rtt.smoothed) return;
    const wanted = this.#wanted();
    const { ackElicitingThreshold, maxAckDelay } = this.#asked ?? this.#unasked();
    const isMuch =
      differs(wanted.ackElicitingThreshold, ackElicitingThreshold) ||
      differs(wanted.maxAckDelay, maxAckDelay);
    if (isMuch) this.#ask();
  }

  /** A probe is worth an answer at once, where answers may take longer by our own wish (§7). */
  urge(packet: PacketBuilder): void {
    if (this.#asked === null || packet.space !== Space.APPLICATION || packet.writer.remaining < 1) return;
    writeImmediateAck(packet.writer);
    packet.ackEliciting();
  }

  write(packet: PacketBuilder): void {
    if (packet.writer.remaining < MAX_FRAME_LENGTH) return;
    const { recovery } = this.#parts;
    // Newest values, whatever a lost frame had said.
    const request = this.#wanted();
    this.#asked = request;
    this.#askedAt = packet.now;
    writeAckFrequency(packet.writer, this.#sequence, request);
    packet.token(TokenKind.ACK_FREQUENCY, this.#sequence, 0, 0);
    this.#sequence++;
    // §7: until it is known which one counts, the greater one does.
    recovery.maxAckDelay = Math.max(recovery.maxAckDelay, request.maxAckDelay / 1000);
    this.#setPending(false);
  }

  acked(_kind: number, sequence: number): void {
    if (sequence !== this.#sequence - 1 || this.#asked === null) return;
    this.#isUnsettled = false;
    this.#parts.recovery.maxAckDelay = this.#asked.maxAckDelay / 1000;
  }

  lost(_kind: number, sequence: number): void {
    if (sequence === this.#sequence - 1) this.#ask();
  }

  /** min_ack_delay of this very connection is known, so never in 0-RTT (§3). */
  get #mayAsk(): boolean {
    const { transport, remoteParameters, handshake } = this.#parts;
    return transport.ackFrequency && remoteParameters.minAckDelay !== undefined && handshake.isConfirmed;
  }

  #ask(): void {
    this.#isUnsettled = true;
    this.#setPending(true);
  }

  /**
   * In slow start what is the default, as the window grows with each ACK. Then a sixteenth of the window, at most 10
   * packets, and a delay of one smoothed round trip within what the peer offers and our own clock can tell.
   */
  #wanted(): AckFrequencyRequest {
    const { active } = this.#parts.paths;
    const { congestion, rtt } = active.recovery;
    const usual = this.#unasked();
    if (congestion.window < congestion.slowStartThreshold) return usual;
    const share = Math.floor(congestion.window / active.mtu / ACKS_PER_WINDOW);
    const least = Math.max(this.#parts.remoteParameters.minAckDelay ?? 0, LEAST_DELAY);
    const delay = Math.max(Math.ceil(rtt.smoothed * 1000), least);
    return {
      ackElicitingThreshold: Math.max(usual.ackElicitingThreshold, Math.min(MAX_THRESHOLD, share)),
      maxAckDelay: Math.min(usual.maxAckDelay, delay),
      reorderingThreshold: REORDERING_THRESHOLD,
    };
  }

  /** What peers do that were not asked. */
  #unasked(): AckFrequencyRequest {
    const maxAckDelay = this.#parts.remoteParameters.maxAckDelay * 1000;
    return { ackElicitingThreshold: 1, maxAckDelay, reorderingThreshold: 1 };
  }

  #setPending(pending: boolean): void {
    this.#parts.spaces[Space.APPLICATION]?.setPending(PartBit.ACK_FREQUENCY, pending);
  }
}

/** Small changes are not worth a frame. */
function differs(a: number, b: number): boolean {
  return Math.max(a, b) >= 2 * Math.min(a, b) && a !== b;
}

/** RFC 9000 §18.2: max_ack_delay is below 2^14 milliseconds. In microseconds. */
const MAX_ACK_DELAY_LIMIT = 2 ** 14 * 1000;

/** Round trips between two requests, at least. */
const MIN_INTERVAL_RTTS = 4;

/** No less is asked for, microseconds: a busy event loop is late by as much. */
const LEAST_DELAY = 5000;

/** Type of two bytes and four fields of at most eight. */
const MAX_FRAME_LENGTH = 34;
