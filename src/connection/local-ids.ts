// The connection ids that we gave to the peer (RFC 9000 §5.1): issuing, retirement, limits. Owns NEW_CONNECTION_ID
// frames; the bytes of ids and reset tokens come from outside.

import type { RandomSource } from '../crypto/provider.ts';
import { quicError, TransportError, TransportErrorCode } from '../errors.ts';
import { EMPTY, equal } from '../util/bytes.ts';
import { TokenBucket } from '../util/token-bucket.ts';
import type { Frame } from '../wire/frame-reader.ts';
import { FRAME } from '../wire/frame-table.ts';
import { writeNewConnectionId } from '../wire/frame-writer.ts';
import type { ConnectionIdSource } from './config.ts';
import type { ConnectionEvent } from './events.ts';
import { type PacketBuilder, type SendingPart, TokenKind } from './part.ts';

/** Ids that a peer may retire at once: a peer that retires without end makes us issue without end. */
export const MAX_RETIREMENTS = 10_000;

/** Ids that a peer may retire in a second beyond that, for as long as the connection lives. */
export const MAX_RETIREMENTS_PER_SECOND = 10;

interface LocalId {
  sequence: number;
  connectionId: Uint8Array;
  resetToken: Uint8Array;
  state: 'pending' | 'sent' | 'acked';
}

export class LocalIds implements SendingPart {
  /** The peer's active_connection_id_limit (RFC 9000 §18.2). */
  #peerLimit = 2;
  #nextSequence = 1;
  #retirePriorTo = 0;
  #retirements: TokenBucket | null = null;
  readonly #ids: LocalId[];
  readonly #retired: Uint8Array[] = [];
  readonly #source: ConnectionIdSource | undefined;
  readonly #emit: (event: ConnectionEvent) => void;
  readonly #setPending: (pending: boolean) => void;

  constructor(
    first: Uint8Array,
    source: ConnectionIdSource | undefined,
    emit: (event: ConnectionEvent) => void,
    setPending: (pending: boolean) => void,
  ) {
    this.#ids = [{ sequence: 0, connectionId: first, resetToken: EMPTY, state: 'acked' }];
    this.#source = source;
    this.#emit = emit;
    this.#setPending = setPending;
  }

  /** The id of the handshake, or the oldest one that is left. */
  get current(): Uint8Array {
    return (this.#ids[0] as LocalId).connectionId;
  }

  get isZeroLength(): boolean {
    return this.#ids.length > 0 && this.current.length === 0;
  }

  get length(): number {
    return this.#ids.length;
  }

  setPeerLimit(limit: number): void {
    this.#peerLimit = limit;
  }

  /** How many more ids the peer takes. */
  get left(): number {
    return this.isZeroLength ? 0 : Math.max(0, this.#peerLimit - this.#ids.length);
  }

  /** Issues ids from the source until `target` are active. */
  fill(target: number): void {
    if (this.#source === undefined || this.isZeroLength) return;
    while (this.#ids.length < Math.min(target, this.#peerLimit)) {
      const { connectionId, resetToken } = this.#source.next();
      this.#issue(connectionId, resetToken);
    }
  }

  /** Issues one id (quiche's `new_scid`). Returns its sequence number. */
  issue(connectionId: Uint8Array, resetToken: Uint8Array, retireIfNeeded: boolean): number {
    if (this.isZeroLength)
      throw quicError('ERR_QUIC_INVALID_STATE', { message: 'the connection uses zero-length ids' });
    const same = this.#ids.find((id) => equal(id.connectionId, connectionId));
    if (same !== undefined) {
      if (equal(same.resetToken, resetToken)) return same.sequence;
      throw quicError('ERR_QUIC_INVALID_STATE', { message: 'the id was issued with another reset token' });
    }
    if (this.#ids.length >= this.#peerLimit) {
      if (!retireIfNeeded || this.#ids.length >= 2 * this.#peerLimit - 1)
        throw quicError('ERR_QUIC_ID_LIMIT');
      const oldest = this.#ids[this.#ids.length - this.#peerLimit] as LocalId;
      if (oldest.state === 'pending') throw quicError('ERR_QUIC_ID_LIMIT');
      this.#retirePriorTo = oldest.sequence + 1;
    }
    return this.#issue(connectionId, resetToken);
  }

  has(connectionId: Uint8Array): boolean {
    return this.#ids.some((id) => equal(id.connectionId, connectionId));
  }

  /** Whether `bytes[start, start + length)` is one of ours. */
  matches(bytes: Uint8Array, start: number, length: number): boolean {
    outer: for (const { connectionId } of this.#ids) {
      if (connectionId.length !== length) continue;
      for (let i = 0; i < length; i++) if (connectionId[i] !== bytes[start + i]) continue outer;
      return true;
    }
    return false;
  }

  /** The number of the id `bytes[start, start + length)`; -1 if it is none of ours. */
  sequenceOf(bytes: Uint8Array, start: number, length: number): number {
    for (const id of this.#ids) if (sameBytes(id.connectionId, bytes, start, length)) return id.sequence;
    return -1;
  }

  /** Whether there is an id that none of these numbers is of; ids of no length serve every path. */
  hasOtherThan(sequences: ReadonlySet<number>): boolean {
    return this.isZeroLength || this.#ids.some((id) => !sequences.has(id.sequence));
  }

  /**
   * The id for preferred_address, which has the number 1 and needs no frame (RFC 9000 §5.1.1, §18.2). Null for ids of
   * no length, and once others were issued.
   */
  issuePreferred(random: RandomSource): { connectionId: Uint8Array; resetToken: Uint8Array } | null {
    if (this.isZeroLength) return null;
    const known = this.#ids.find((id) => id.sequence === 1);
    if (known !== undefined) return this.#preferred === known ? known : null;
    const made = this.#source?.next() ?? randomId(random, this.current.length);
    this.#issue(made.connectionId, made.resetToken);
    const id = this.#ids[this.#ids.length - 1] as LocalId;
    id.state = 'acked';
    this.#preferred = id;
    return id;
  }

  all(): Uint8Array[] {
    return this.#ids.map((id) => id.connectionId);
  }

  get retiredCount(): number {
    return this.#retired.length;
  }

  nextRetired(): Uint8Array | null {
    return this.#retired.shift() ?? null;
  }

  /** RETIRE_CONNECTION_ID (RFC 9000 §19.16). `used` is the id that the packet with the frame was sent to. */
  onRetire(frame: Frame, bytes: Uint8Array, usedStart: number, usedLength: number, now: number): boolean {
    const sequence = frame.sequence;
    if (sequence >= this.#nextSequence) throw violation('retires an id that was never issued');
    if (this.isZeroLength) throw violation('retires a zero-length id');
    const at = this.#ids.findIndex((id) => id.sequence === sequence);
    if (at < 0) return false;
    const id = this.#ids[at] as LocalId;
    if (sameBytes(id.connectionId, bytes, usedStart, usedLength))
      throw violation('retires the id it was sent to');
    this.#retirements ??= new TokenBucket({ perSecond: MAX_RETIREMENTS_PER_SECOND, burst: MAX_RETIREMENTS });
    if (!this.#retirements.take(now)) throw violation('retires ids without end');
    this.#ids.splice(at, 1);
    if (this.#retired.length < MAX_RETIRED_KEPT) this.#retired.push(id.connectionId);
    this.#emit({ type: 'id-retired', connectionId: id.connectionId });
    this.#target();
    return true;
  }

  write(packet: PacketBuilder): void {
    this.fill(this.#wanted);
    for (const id of this.#ids) {
      if (id.state !== 'pending') continue;
      if (packet.writer.remaining < NEW_CONNECTION_ID_SIZE) return;
      const retirePriorTo = Math.min(this.#retirePriorTo, id.sequence);
      writeNewConnectionId(packet.writer, id.sequence, retirePriorTo, id.connectionId, id.resetToken);
      id.state = 'sent';
      packet.token(TokenKind.NEW_CONNECTION_ID, id.sequence, 0, 0);
    }
    this.#setPending(false);
  }

  acked(_kind: number, sequence: number): void {
    const id = this.#ids.find((each) => each.sequence === sequence);
    if (id !== undefined) id.state = 'acked';
  }

  lost(_kind: number, sequence: number): void {
    const id = this.#ids.find((each) => each.sequence === sequence);
    if (id === undefined || id.state === 'acked') return;
    id.state = 'pending';
    this.#setPending(true);
  }

  #wanted = 0;
  #preferred: LocalId | null = null;

  /** Keeps this many ids issued from now on. */
  keep(target: number): void {
    this.#wanted = target;
    this.#target();
  }

  /** Made when they are written: a connection that is over by then needs none. */
  #target(): void {
    if (this.#source === undefined || this.isZeroLength) return;
    if (this.#ids.length < Math.min(this.#wanted, this.#peerLimit)) this.#setPending(true);
  }

  #issue(connectionId: Uint8Array, resetToken: Uint8Array): number {
    const sequence = this.#nextSequence++;
    this.#ids.push({ sequence, connectionId, resetToken, state: 'pending' });
    this.#emit({ type: 'id-issued', connectionId });
    this.#setPending(true);
    return sequence;
  }
}

/** Type, two sequence numbers, length, id, token at their largest. */
const NEW_CONNECTION_ID_SIZE = 1 + 8 + 8 + 1 + 20 + 16;

/** Retired ids kept for `nextRetired`, for owners that do not read events. */
const MAX_RETIRED_KEPT = 64;

function sameBytes(id: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (id.length !== length) return false;
  for (let i = 0; i < length; i++) if (id[i] !== bytes[start + i]) return false;
  return true;
}

function randomId(
  random: RandomSource,
  length: number,
): { connectionId: Uint8Array; resetToken: Uint8Array } {
  const connectionId = new Uint8Array(length);
  const resetToken = new Uint8Array(16);
  random.fill(connectionId);
  random.fill(resetToken);
  return { connectionId, resetToken };
}

function violation(reason: string): TransportError {
  return new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, FRAME.RETIRE_CONNECTION_ID, reason);
}
