/**
 * Puts handshake messages together from bytes that arrive in order but split anywhere.
 *
 * Owns the copy of what has not been consumed and the limits on it. Does not know what a message means; which types
 * are welcome is asked before a body is waited for.
 */

import { copyBytes } from '../util/bytes.ts';
import { Alert, QuicRuleBroken, TlsAlert } from './alerts.ts';
import { MAX_BUFFERED_BYTES } from './limits.ts';
import {
  asMessage,
  HANDSHAKE_MESSAGES,
  type HandshakeMessage,
  HandshakeType,
  HEADER_BYTES,
  messageName,
} from './messages.ts';

export class HandshakeReader {
  private buffer: Uint8Array = NOTHING;
  private start = 0;
  private end = 0;

  /** Bytes that wait: an unfinished message, or whole ones while the engine is paused. */
  get buffered(): number {
    return this.end - this.start;
  }

  /** Takes a copy of `bytes`. */
  push(bytes: Uint8Array): void {
    this.makeRoom(bytes.length);
    this.buffer.set(bytes, this.end);
    this.end += bytes.length;
  }

  /**
   * The next whole message, as bytes of its own, or `null` while it is incomplete.
   *
   * Throws `TlsAlert` as soon as the header tells: unexpected_message for a type that is not in `welcome`,
   * decode_error for a body above the limit of its type.
   */
  next(welcome: readonly number[]): HandshakeMessage | null {
    if (this.buffered === 0) return null;
    const type = this.byteAt(0);
    const row = HANDSHAKE_MESSAGES[type];
    if (row === undefined || !welcome.includes(type)) {
      throw misplaced(type, welcome);
    }
    if (this.buffered < HEADER_BYTES) return null;
    const length = this.byteAt(1) * 0x10000 + this.byteAt(2) * 0x100 + this.byteAt(3);
    if (length > row.limit) {
      throw new TlsAlert(Alert.DECODE_ERROR, `${row.name} of ${length} bytes is over the limit`);
    }
    if (this.buffered < HEADER_BYTES + length) return null;
    const raw = copyBytes(this.buffer, this.start, this.start + HEADER_BYTES + length);
    this.start += raw.length;
    if (this.start === this.end) this.clear();
    return asMessage(raw);
  }

  /**
   * To be called where keys change. Bytes left over would belong to both sides of the change
   * (RFC 8446 §5.1, RFC 9001 §4.1.3). Throws `TlsAlert` unexpected_message.
   */
  expectEmpty(): void {
    if (this.buffered > 0)
      throw new TlsAlert(Alert.UNEXPECTED_MESSAGE, 'handshake data goes on across a key change');
  }

  /**
   * To be called after a push while nothing is read because an answer from outside is awaited. Without a pause the
   * limits of the message types bound what waits. Throws `TlsAlert` unexpected_message.
   */
  checkWaiting(): void {
    if (this.buffered > MAX_BUFFERED_BYTES) {
      throw new TlsAlert(Alert.UNEXPECTED_MESSAGE, 'more handshake data than can be expected here');
    }
  }

  clear(): void {
    this.buffer = NOTHING;
    this.start = 0;
    this.end = 0;
  }

  private byteAt(index: number): number {
    return this.buffer[this.start + index] ?? 0;
  }

  private makeRoom(extra: number): void {
    if (this.end + extra <= this.buffer.length) return;
    const size = this.buffered;
    // Doubling keeps one byte at a time from costing the square of the message.
    const grown = new Uint8Array(Math.max(2 * size, size + extra, MIN_BUFFER));
    grown.set(this.buffer.subarray(this.start, this.end));
    this.buffer = grown;
    this.start = 0;
    this.end = size;
  }
}

function misplaced(type: number, welcome: readonly number[]): TlsAlert {
  const reason = `${messageName(type)} has no place here`;
  // RFC 9001 §4.4: no client authentication after the handshake, which is where tickets are welcome.
  return type === HandshakeType.CERTIFICATE_REQUEST && welcome.includes(HandshakeType.NEW_SESSION_TICKET)
    ? new QuicRuleBroken(Alert.UNEXPECTED_MESSAGE, reason)
    : new TlsAlert(Alert.UNEXPECTED_MESSAGE, reason);
}

const NOTHING = new Uint8Array(0);
const MIN_BUFFER = 256;
