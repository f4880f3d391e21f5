// How a connection ends: CONNECTION_CLOSE, the closing and draining periods (RFC 9000 §10.2), and who said why.

import {
  CRYPTO_ERROR_BASE,
  type QuicError,
  quicError,
  TransportErrorCode,
  transportErrorName,
  withoutStack,
} from '../errors.ts';
import type { Frame } from '../wire/frame-reader.ts';
import { FRAME } from '../wire/frame-table.ts';
import { writeConnectionClose } from '../wire/frame-writer.ts';
import { DatagramBuilder } from './packet-builder.ts';
import type { ConnectionParts } from './parts.ts';
import { Space } from './space.ts';

/** Why one side closed (quiche's `ConnectionError`). */
export interface CloseReason {
  isApplication: boolean;
  errorCode: bigint;
  reason: string;
}

/** Bytes of a reason phrase that are sent, so that the frame fits any packet. */
export const MAX_REASON_LENGTH = 256;

/** Characters of a peer's reason phrase that are kept. */
export const MAX_REASON_KEPT = 1024;

export class Closer {
  readonly #parts: ConnectionParts;
  local: CloseReason | null = null;
  remote: CloseReason | null = null;
  /** The final cause, once there is one. */
  error: QuicError | null = null;
  isTimedOut = false;
  /** End of closing or draining. */
  deadline: number = Number.POSITIVE_INFINITY;
  /** A CONNECTION_CLOSE waits to be sent. */
  pending = false;

  #frameType: number | bigint = 0;
  #packets = 0;
  #nextAnswer = 1;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** Begins to close. `keepFor` is three probe timeouts (RFC 9000 §10.2). */
  close(
    cause: CloseReason,
    frameType: number | bigint,
    error: QuicError,
    now: number,
    keepFor: number,
  ): void {
    this.local = cause;
    this.#frameType = frameType;
    this.error = error;
    this.pending = true;
    this.deadline = now + keepFor;
    this.#parts.state.to('closing');
    this.#parts.emit({ type: 'closing', error });
    this.#parts.trace.detail?.updated(now);
  }

  /** CONNECTION_CLOSE (RFC 9000 §19.19): nothing more is sent. */
  onPeerClose(frame: Frame, bytes: Uint8Array, now: number, keepFor: number): void {
    const isApplication = frame.kind === FRAME.CONNECTION_CLOSE_APPLICATION;
    const length = Math.min(frame.length, MAX_REASON_KEPT);
    const reason =
      length === 0 ? '' : REASON_DECODER.decode(bytes.subarray(frame.dataStart, frame.dataStart + length));
    const errorCode = BigInt(frame.errorCode);
    this.remote = { isApplication, errorCode, reason };
    const { state } = this.#parts;
    const answers = state.value === 'closing';
    state.to('draining');
    this.pending = false;
    if (answers) return;
    this.deadline = now + keepFor;
    this.error = withoutStack(() => remoteError(isApplication, errorCode, reason));
    this.#parts.emit({ type: 'closing', error: this.error });
    this.#parts.trace.detail?.updated(now);
  }

  /** A stateless reset (RFC 9000 §10.3.1). */
  onStatelessReset(now: number, keepFor: number): void {
    if (!this.#parts.state.isOpen) return;
    this.error = quicError('ERR_QUIC_STATELESS_RESET', { remote: true });
    this.#parts.state.to('draining');
    this.deadline = now + keepFor;
    this.#parts.emit({ type: 'closing', error: this.error });
    this.#parts.trace.detail?.updated(now);
  }

  /** Ends at once with nothing sent: idle, no handshake, no version. */
  abandon(error: QuicError, timedOut: boolean): void {
    if (this.#parts.state.isOpen) this.#parts.emit({ type: 'closing', error });
    this.error ??= error;
    this.isTimedOut = timedOut;
    this.finish();
  }

  /** The closing or draining period is over: what was kept for packets to come or to repeat is let go. */
  finish(): void {
    const { state, spaces, early } = this.#parts;
    if (state.value === 'closed') return;
    state.to('closed');
    this.pending = false;
    this.deadline = Number.POSITIVE_INFINITY;
    for (const { index } of spaces) this.#parts.discardSpace(index);
    early.clear();
    this.#parts.emit({ type: 'closed', error: this.error ?? quicError('ERR_QUIC_CONNECTION_CLOSED') });
    this.#parts.trace.detail?.updated(null);
  }

  /** A datagram came while closing: it is answered ever more rarely (RFC 9000 §10.2.1). */
  onDatagramWhileClosing(): void {
    this.#packets++;
    if (this.#packets < this.#nextAnswer) return;
    this.#packets = 0;
    this.#nextAnswer *= 2;
    this.pending = true;
  }

  /** As `#write`; where not even that can be built, the end is silent. */
  build(out: Uint8Array, start: number, end: number, now: number): number {
    try {
      return this.#write(out, start, end, now);
    } catch {
      this.finish();
      return 0;
    }
  }

  /** Builds the datagram with CONNECTION_CLOSE in every space that the peer may be able to read (RFC 9000 §10.2.3). */
  #write(out: Uint8Array, start: number, end: number, now: number): number {
    const parts = this.#parts;
    const cause = this.local;
    this.pending = false;
    if (cause === null) return 0;
    const path = parts.paths.active;
    const room = path.amplificationRoom(parts.config.maxAmplificationFactor);
    const limit = start + Math.min(end - start, path.mtu, room);
    BUILDER.begin(out, start, limit, path, 'close', now);
    for (const space of parts.spaces) {
      if (!space.canSend) continue;
      if (!BUILDER.openPacket(space, parts.header, parts.recovery.largestAcked(space.index))) break;
      // RFC 9000 §10.2.3: what the application says may not be seen before the handshake protects it.
      const hidden = cause.isApplication && space.index !== Space.APPLICATION;
      const reason = hidden ? NO_REASON : encodeReason(cause.reason);
      const code = hidden ? TransportErrorCode.APPLICATION_ERROR : cause.errorCode;
      const frameType = hidden ? 0 : this.#frameType;
      if (BUILDER.writer.remaining < CLOSE_FRAME_SIZE + reason.length) break;
      writeConnectionClose(BUILDER.writer, {
        application: cause.isApplication && !hidden,
        code,
        frameType,
        reason,
      });
      BUILDER.closePacket();
    }
    if (BUILDER.count === 0) return 0;
    const pad = !parts.isServer && BUILDER.hasInitial ? 1200 : 0;
    const length = BUILDER.finish(Math.min(pad, limit - start), {
      trace: parts.trace,
      packetSent: skipNumber,
    });
    path.bytesSent += length;
    return length;
  }
}

function remoteError(isApplication: boolean, errorCode: bigint, reason: string): QuicError {
  if (isApplication) {
    return quicError('ERR_QUIC_APPLICATION_ERROR', { errorCode, reason, type: 'application', remote: true });
  }
  if (errorCode === BigInt(TransportErrorCode.CONNECTION_REFUSED)) {
    return quicError('ERR_QUIC_CONNECTION_REFUSED', { errorCode, reason, type: 'transport', remote: true });
  }
  const name = transportErrorName(errorCode);
  const said = `${name}${reason === '' ? '' : `: ${printable(reason)}`}`;
  // RFC 9001 §4.8: a TLS alert of the peer.
  const isAlert = errorCode >= BigInt(CRYPTO_ERROR_BASE) && errorCode < BigInt(CRYPTO_ERROR_BASE + 0x100);
  const message = isAlert
    ? `The peer ended the TLS handshake: ${said}`
    : `The peer closed the connection: ${said}`;
  return quicError(isAlert ? 'ERR_QUIC_TLS_FAIL' : 'ERR_QUIC_TRANSPORT_ERROR', {
    errorCode,
    reason,
    message,
    type: 'transport',
    remote: true,
  });
}

/** UTF-8, cut between characters. */
function encodeReason(reason: string): Uint8Array {
  if (reason === '') return NO_REASON;
  const bytes = new Uint8Array(MAX_REASON_LENGTH);
  return bytes.subarray(0, REASON_ENCODER.encodeInto(reason, bytes).written);
}

/** A peer's text in a message of ours: no control characters reach a terminal or a log. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '\ufffd').slice(0, 256);
}

/** Type, code, frame type and length at 8 bytes each but the type. */
const CLOSE_FRAME_SIZE = 1 + 8 + 8 + 4;

const NO_REASON = new Uint8Array(0);
const REASON_ENCODER = new TextEncoder();
const REASON_DECODER = new TextDecoder();
const BUILDER = new DatagramBuilder();

/** Nothing is acknowledged any more, and recovery may be what failed: it does not hear of these packets. */
function skipNumber(builder: DatagramBuilder, i: number): void {
  const space = builder.spaces[i];
  if (space !== null && space !== undefined) space.nextPacketNumber = (builder.numbers[i] as number) + 1;
}
