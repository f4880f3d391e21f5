// The CRYPTO stream of one packet number space (RFC 9000 §7.5, §19.6): handshake bytes out, in order in. Owns
// reassembly and what is still to be sent; does not know what the bytes mean.

import { TransportError, TransportErrorCode } from '../errors.ts';
import { RangeSet } from '../util/range-set.ts';
import { FRAME } from '../wire/frame-table.ts';
import { writeCrypto } from '../wire/frame-writer.ts';
import { varintLength } from '../wire/varint.ts';
import { type PacketBuilder, type SendingPart, TokenKind } from './part.ts';

/** Bytes beyond what TLS has read that a peer may make us hold per space (RFC 9000 §7.5 asks for at least 4096). */
export const MAX_CRYPTO_BUFFER = 65536;

/** Separate pieces that a peer may leave in the reassembly of one space. */
export const MAX_CRYPTO_PIECES = 1024;

export class CryptoStream implements SendingPart {
  readonly #space: number;
  readonly #setPending: (pending: boolean) => void;
  #out: Uint8Array = NOTHING;
  #outLength = 0;
  readonly #unsent = new RangeSet();
  readonly #acked = new RangeSet();

  #readOffset = 0;
  #held: Uint8Array = NOTHING;
  #heldRanges: RangeSet | null = null;

  constructor(space: number, setPending: (pending: boolean) => void) {
    this.#space = space;
    this.#setPending = setPending;
  }

  /** Queues handshake bytes, which nobody changes any more. */
  push(bytes: Uint8Array): void {
    const end = this.#outLength + bytes.length;
    // Most flights but the server's are one message: it is kept as it is.
    if (this.#outLength === 0) this.#out = bytes;
    else if (end > this.#out.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#out.length, 1024));
      larger.set(this.#out.subarray(0, this.#outLength));
      larger.set(bytes, this.#outLength);
      this.#out = larger;
    } else this.#out.set(bytes, this.#outLength);
    this.#unsent.add(this.#outLength, end);
    this.#outLength = end;
    this.#setPending(true);
  }

  /** Everything is sent again from the start, after a Retry (RFC 9000 §17.2.5.2). */
  restart(): void {
    this.#unsent.clear();
    this.#acked.clear();
    if (this.#outLength > 0) this.#unsent.add(0, this.#outLength);
    this.#setPending(this.#outLength > 0);
  }

  /** Repeats all that was not acknowledged; for probes (RFC 9002 §6.2.4). Whether there is anything. */
  repeatUnacked(): boolean {
    if (this.#outLength === 0 || this.#acked.covers(0, this.#outLength)) return false;
    this.#repeat(0, this.#outLength);
    return !this.#unsent.isEmpty();
  }

  get hasUnacked(): boolean {
    return this.#outLength > 0 && !this.#acked.covers(0, this.#outLength);
  }

  write(packet: PacketBuilder): void {
    const writer = packet.writer;
    while (!this.#unsent.isEmpty()) {
      const offset = this.#unsent.start(0);
      const room = writer.remaining - 1 - varintLength(offset) - 2;
      if (room < MIN_PIECE && room < this.#unsent.end(0) - offset) return;
      const length = Math.min(this.#unsent.end(0) - offset, room);
      writeCrypto(writer, offset, this.#out, offset, offset + length);
      this.#unsent.remove(offset, offset + length);
      packet.token(TokenKind.CRYPTO, offset, length, this.#space);
    }
    this.#setPending(false);
  }

  acked(_kind: number, offset: number, length: number): void {
    this.#acked.add(offset, offset + length);
    this.#unsent.remove(offset, offset + length);
    if (this.#unsent.isEmpty()) this.#setPending(false);
    if (this.#acked.covers(0, this.#outLength)) this.#releaseOut();
  }

  lost(_kind: number, offset: number, length: number): void {
    this.#repeat(offset, offset + length);
  }

  /**
   * Takes a CRYPTO frame's data, returns whether any of it was new, and gives out what is now in order, piece by piece.
   * The bytes handed to `deliver` are valid only during the call. Throws CRYPTO_BUFFER_EXCEEDED (RFC 9000 §7.5).
   */
  receive(
    offset: number,
    bytes: Uint8Array,
    start: number,
    length: number,
    deliver: (bytes: Uint8Array) => void,
  ): boolean {
    const end = offset + length;
    if (end <= this.#readOffset) return false;
    if (end - this.#readOffset > MAX_CRYPTO_BUFFER) throw exceeded('more than 65536 bytes are out of order');
    if (offset <= this.#readOffset) {
      const from = start + this.#readOffset - offset;
      this.#readOffset = end;
      this.#heldRanges?.remove(0, end);
      deliver(bytes.subarray(from, start + length));
      this.#deliverHeld(deliver);
      return true;
    }
    this.#heldRanges ??= new RangeSet();
    this.#makeRoom(end - this.#readOffset, this.#heldRanges);
    this.#hold(offset, bytes, start, length);
    const added = this.#heldRanges.add(offset, end);
    if (this.#heldRanges.size > MAX_CRYPTO_PIECES) throw exceeded('too many separate pieces');
    return added > 0;
  }

  /** Bytes wait for a gap to be filled; at a key change that is an error (RFC 9001 §4.1.3). */
  get hasGap(): boolean {
    return this.#heldRanges !== null && !this.#heldRanges.isEmpty();
  }

  #deliverHeld(deliver: (bytes: Uint8Array) => void): void {
    const ranges = this.#heldRanges;
    const held = this.#held;
    if (ranges === null) return;
    while (!ranges.isEmpty() && ranges.start(0) <= this.#readOffset) {
      // The ring may wrap: each turn gives out at most up to its end.
      const at = this.#readOffset % held.length;
      const length = Math.min(ranges.end(0) - this.#readOffset, held.length - at);
      ranges.remove(0, this.#readOffset + length);
      this.#readOffset += length;
      deliver(held.subarray(at, at + length));
    }
    if (ranges.isEmpty()) {
      this.#held = NOTHING;
      this.#heldRanges = null;
    }
  }

  /** The ring holds `span` bytes from the read offset on; it is no larger than what came asks for. */
  #makeRoom(span: number, ranges: RangeSet): void {
    const old = this.#held;
    if (span <= old.length) return;
    let size = Math.max(old.length, MIN_HELD);
    while (size < span) size *= 2;
    this.#held = new Uint8Array(size);
    for (let i = 0; i < ranges.size; i++) {
      // A piece may wrap in either ring.
      for (let offset = ranges.start(i); offset < ranges.end(i); ) {
        const at = offset % old.length;
        const length = Math.min(ranges.end(i) - offset, old.length - at);
        this.#hold(offset, old, at, length);
        offset += length;
      }
    }
  }

  #hold(offset: number, bytes: Uint8Array, start: number, length: number): void {
    const held = this.#held;
    const at = offset % held.length;
    const first = Math.min(length, held.length - at);
    held.set(bytes.subarray(start, start + first), at);
    if (first < length) held.set(bytes.subarray(start + first, start + length), 0);
  }

  #repeat(start: number, end: number): void {
    this.#unsent.add(start, end);
    for (let i = 0; i < this.#acked.size; i++) this.#unsent.remove(this.#acked.start(i), this.#acked.end(i));
    if (!this.#unsent.isEmpty()) this.#setPending(true);
  }

  // Offsets go on for as long as the space lives, so only the bytes are let go, not their count.
  #releaseOut(): void {
    if (this.#space === 2) this.#out = NOTHING;
  }
}

/** A CRYPTO frame smaller than this waits for the next packet, unless it is the end of the data. */
const MIN_PIECE = 16;

/** The reassembly ring begins with this many bytes; its size is a power of two up to `MAX_CRYPTO_BUFFER`. */
const MIN_HELD = 4096;

const NOTHING: Uint8Array = new Uint8Array(0);

function exceeded(reason: string): TransportError {
  return new TransportError(TransportErrorCode.CRYPTO_BUFFER_EXCEEDED, FRAME.CRYPTO, reason);
}
