// The connection ids that the peer gave to us (RFC 9000 §5.1): which one a path uses, retirement, reset tokens. Owns
// RETIRE_CONNECTION_ID frames.

import { quicError, TransportError, TransportErrorCode } from '../errors.ts';
import { copyBytes, equal, equalConstantTime } from '../util/bytes.ts';
import { RangeSet } from '../util/range-set.ts';
import type { Frame } from '../wire/frame-reader.ts';
import { FRAME } from '../wire/frame-table.ts';
import { writeRetireConnectionId } from '../wire/frame-writer.ts';
import type { ConnectionEvent } from './events.ts';
import { type PacketBuilder, type SendingPart, TokenKind } from './part.ts';

export interface RemoteId {
  sequence: number | bigint;
  connectionId: Uint8Array;
  resetToken: Uint8Array | null;
  /** Path ids that send to it. */
  used: boolean;
}

export class RemoteIds implements SendingPart {
  /** Ids that we keep: our active_connection_id_limit (RFC 9000 §18.2). */
  limit: number;
  /** Counts ids that came and ids that were retired. */
  changes = 0;
  /** An id that a path uses was retired by the peer, and its path needs another. */
  isUsedIdRetired = false;
  readonly #emit: (event: ConnectionEvent) => void;
  readonly #setPending: (pending: boolean) => void;
  /** The id of the handshake, whatever became of it. */
  readonly handshakeId: RemoteId;
  #ids: RemoteId[];
  #retirePriorTo: number | bigint = 0;
  /** Sequence numbers to retire: not yet sent, or sent and not acknowledged. */
  readonly #toRetire: (number | bigint)[] = [];
  readonly #unacked = new Set<number | bigint>();
  /** Sequence numbers that were retired, so that a late repetition of their frame is no new id. */
  readonly #retired = new RangeSet();

  constructor(
    first: Uint8Array,
    limit: number,
    emit: (event: ConnectionEvent) => void,
    setPending: (pending: boolean) => void,
  ) {
    this.limit = limit;
    this.#emit = emit;
    this.#setPending = setPending;
    this.handshakeId = { sequence: 0, connectionId: first, resetToken: null, used: true };
    this.#ids = [this.handshakeId];
  }

  get isZeroLength(): boolean {
    return this.#ids.some((id) => id.connectionId.length === 0);
  }

  /** Ids that no path uses. */
  get available(): number {
    return this.#ids.reduce((count, id) => count + (id.used ? 0 : 1), 0);
  }

  /** The peer chose its id, or a Retry named one (RFC 9000 §7.2). */
  replaceFirst(connectionId: Uint8Array): void {
    this.handshakeId.connectionId = connectionId;
  }

  /** From stateless_reset_token or preferred_address (RFC 9000 §18.2). */
  setFirstResetToken(token: Uint8Array): void {
    this.handshakeId.resetToken = token;
    this.#emit({ type: 'reset-token-added', token });
  }

  /** The id of preferred_address has the number 1 and comes without a frame (RFC 9000 §5.1.1). */
  addPreferred(connectionId: Uint8Array, resetToken: Uint8Array): void {
    if (this.isZeroLength) {
      // RFC 9000 §18.2: who has no ids cannot be found at another address.
      throw new TransportError(
        TransportErrorCode.TRANSPORT_PARAMETER_ERROR,
        0,
        'preferred_address of a server with zero-length ids',
      );
    }
    if (this.#ids.some((id) => id.sequence === 1) || this.#wasRetired(1)) return;
    this.#ids.push({ sequence: 1, connectionId, resetToken, used: false });
    this.changes++;
  }

  /** A fresh id for another path, or null. */
  take(): RemoteId | null {
    const id = this.#ids.find((each) => !each.used);
    if (id === undefined) return null;
    id.used = true;
    return id;
  }

  /** Whether a datagram that ends with these bytes is a stateless reset (RFC 9000 §10.3.1). Constant time per token. */
  isResetToken(token: Uint8Array): boolean {
    let found = false;
    for (const id of this.#ids) {
      if (id.used && id.resetToken !== null && equalConstantTime(id.resetToken, token)) found = true;
    }
    return found;
  }

  /** NEW_CONNECTION_ID (RFC 9000 §19.15). */
  onNew(frame: Frame, bytes: Uint8Array): void {
    if (this.isZeroLength)
      throw fault(TransportErrorCode.PROTOCOL_VIOLATION, 'the peer uses zero-length ids');
    const connectionId = copyBytes(bytes, frame.cidStart, frame.cidStart + frame.cidLength);
    const resetToken = copyBytes(bytes, frame.tokenStart, frame.tokenStart + 16);
    const { sequence } = frame;
    for (const id of this.#ids) {
      const sameId = equal(id.connectionId, connectionId);
      if (id.sequence === sequence ? !sameId || !this.#sameToken(id, resetToken) : sameId) {
        throw fault(TransportErrorCode.PROTOCOL_VIOLATION, 'an id or sequence number was used twice');
      }
      if (id.sequence === sequence) return;
    }
    if (frame.retirePriorTo > this.#retirePriorTo) {
      this.#retirePriorTo = frame.retirePriorTo;
      for (const id of this.#ids.filter((each) => each.sequence < this.#retirePriorTo)) {
        this.isUsedIdRetired ||= id.used;
        this.#retire(id);
      }
    }
    if (sequence < this.#retirePriorTo) {
      // RFC 9000 §19.15: an id that is already to be retired when it comes is retired at once.
      if (!this.#wasRetired(sequence)) this.#queueRetirement(sequence);
      return;
    }
    if (this.#wasRetired(sequence)) return;
    this.#ids.push({ sequence, connectionId, resetToken, used: false });
    this.changes++;
    if (this.#ids.length > this.limit) {
      throw fault(TransportErrorCode.CONNECTION_ID_LIMIT_ERROR, `more than ${this.limit} ids`);
    }
  }

  /** Gives an id up by its number (quiche's `retire_dcid`). */
  retire(sequence: number | bigint): RemoteId {
    const id = this.#ids.find((each) => each.sequence === sequence);
    if (id === undefined || id.connectionId.length === 0) throw quicError('ERR_QUIC_INVALID_STATE');
    if (this.#ids.length === 1) throw quicError('ERR_QUIC_OUT_OF_IDENTIFIERS');
    this.#retire(id);
    return id;
  }

  /** Gives up an id that no path uses any more, unless it is the last one or the peer lets retirements pile up. */
  giveUp(id: RemoteId): void {
    const tooMany = this.#unacked.size >= RETIREMENTS_PER_ID * this.limit;
    if (this.holds(id) && this.#ids.length > 1 && !tooMany) this.#retire(id);
  }

  /** Whether the id is still there; a path that lost its id takes another. */
  holds(id: RemoteId): boolean {
    return this.#ids.includes(id);
  }

  /** The reset token of a fresh id counts only once packets go to it (RFC 9000 §10.3.1). */
  announce(id: RemoteId): void {
    if (id.resetToken !== null) this.#emit({ type: 'reset-token-added', token: id.resetToken });
  }

  write(packet: PacketBuilder): void {
    while (this.#toRetire.length > 0) {
      if (packet.writer.remaining < RETIRE_CONNECTION_ID_SIZE) return;
      const sequence = this.#toRetire.shift() as number | bigint;
      writeRetireConnectionId(packet.writer, sequence);
      packet.token(TokenKind.RETIRE_CONNECTION_ID, Number(sequence), 0, 0);
    }
    this.#setPending(false);
  }

  acked(_kind: number, sequence: number): void {
    this.#unacked.delete(sequence);
  }

  lost(_kind: number, sequence: number): void {
    if (!this.#unacked.has(sequence) || this.#toRetire.includes(sequence)) return;
    this.#toRetire.push(sequence);
    this.#setPending(true);
  }

  #retire(id: RemoteId): void {
    this.#ids = this.#ids.filter((each) => each !== id);
    if (id.used && id.resetToken !== null) this.#emit({ type: 'reset-token-removed', token: id.resetToken });
    this.#queueRetirement(id.sequence);
  }

  #queueRetirement(sequence: number | bigint): void {
    this.#toRetire.push(sequence);
    this.#unacked.add(sequence);
    this.changes++;
    // Numbers above 2^53 cannot be told apart in the range set; they are merely not remembered.
    if (typeof sequence === 'number') this.#retired.add(sequence, sequence + 1);
    // RFC 9000 §5.1.2: retirements that the peer does not acknowledge may not pile up.
    if (this.#unacked.size > RETIREMENTS_PER_ID * this.limit || this.#retired.size > MAX_RETIRED_RANGES) {
      throw fault(TransportErrorCode.CONNECTION_ID_LIMIT_ERROR, 'too many ids to retire');
    }
    this.#setPending(true);
  }

  #wasRetired(sequence: number | bigint): boolean {
    return typeof sequence === 'number' && this.#retired.contains(sequence);
  }

  #sameToken(id: RemoteId, token: Uint8Array): boolean {
    return id.resetToken === null || equal(id.resetToken, token);
  }
}

/** Unacknowledged retirements allowed per active id. */
export const RETIREMENTS_PER_ID = 8;

/** Gaps in the retired sequence numbers that are remembered. */
export const MAX_RETIRED_RANGES = 64;

const RETIRE_CONNECTION_ID_SIZE = 1 + 8;

function fault(code: number, reason: string): TransportError {
  return new TransportError(code, FRAME.NEW_CONNECTION_ID, reason);
}
