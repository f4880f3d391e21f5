// 0-RTT (RFC 9001 §4.6, §5.6): the keys of early packets, the limits that they are bound by, and what acceptance and
// rejection mean for what was sent. Asks somebody outside whether early data are a replay; knows no tickets and no store.

import type { PacketKeys } from '../crypto/packet-keys.ts';
import type { Opener } from '../crypto/provider.ts';
import { quicError, TransportError, TransportErrorCode } from '../errors.ts';
import type { EarlyDataOffer } from '../tls/engine.ts';
import { FRAME } from '../wire/frame-table.ts';
import { decodeTransportParameters, type TransportParameters } from '../wire/transport-parameters.ts';
import { keepsPromises, promisedLimits } from './early-limits.ts';
import type { ConnectionParts } from './parts.ts';
import { type PacketNumberSpace, Space } from './space.ts';

/** Where packets wait for their keys: by space, and one place for 0-RTT, which shares its space with 1-RTT. */
export const ZERO_RTT_SLOT = 3;

export class EarlyData {
  readonly #parts: ConnectionParts;
  /** Server: opens 0-RTT packets while they are taken. */
  opener: Opener | null = null;
  /** Server: when the keys for late 0-RTT packets go (RFC 9001 §4.9.3). */
  deadline: number = Number.POSITIVE_INFINITY;
  /** Client: the limits of the session, while they count. */
  #remembered: TransportParameters | null = null;
  #decided = false;
  #streams: Set<number> | null = null;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    const { session, earlyData } = parts.config.sessions ?? {};
    if (session === undefined || earlyData !== true) return;
    try {
      this.#remembered = decodeTransportParameters(session.transportParameters, 'server');
    } catch (error) {
      throw quicError('ERR_QUIC_INVALID_SESSION', { reason: 'its limits cannot be read', cause: error });
    }
  }

  /** Client: data that are written now go out in 0-RTT packets. */
  get canSend(): boolean {
    const { isServer, spaces } = this.#parts;
    return !isServer && spaces[Space.APPLICATION]?.isEarly === true;
  }

  /** Client: largest DATAGRAM frame that 0-RTT may carry; 0 for none. */
  get maxDatagramFrameSize(): number {
    return this.#remembered?.maxDatagramFrameSize ?? 0;
  }

  /** Server: 0-RTT packets that come now may be readable later. */
  get mayComeTrue(): boolean {
    return this.#parts.isServer && !this.#decided && !this.#parts.handshake.isComplete;
  }

  /** Whether data of the stream were sent or taken in 0-RTT packets. */
  isStreamEarly(id: number): boolean {
    return this.#streams?.has(id) === true;
  }

  noteStream(id: number): void {
    this.#streams ??= new Set();
    this.#streams.add(id);
  }

  /** The TLS engine has keys for 0-RTT. */
  install(keys: PacketKeys): void {
    const parts = this.#parts;
    if (parts.isServer) {
      this.opener = keys.opener();
      parts.onReceiveKeys(ZERO_RTT_SLOT);
      return;
    }
    (parts.spaces[Space.APPLICATION] as PacketNumberSpace).setEarlyKeys(keys);
    if (this.#remembered !== null) parts.streams.setPeerParameters(this.#remembered);
  }

  /** What goes into tickets of this server: the limits that 0-RTT will be bound by. */
  get ticketData(): Uint8Array {
    return promisedLimits(this.#parts.transport, this.#parts.header.version.version);
  }

  /** Server: early data could be taken. RFC 9001 §4.6.2: not if the client believes in more than is offered now. */
  onOffer(offer: EarlyDataOffer, now: number): void {
    const parts = this.#parts;
    const { transport, header } = parts;
    if (!keepsPromises(offer.ticketData, transport, header.original.version)) {
      parts.handshake.answerEarlyData(false, now);
      return;
    }
    const { helloId, ticket, window } = offer;
    // RFC 8446 §8.2: a copy may come at either end of the window.
    parts.emit({ type: 'early-data', helloId, ticket, keepFor: 2 * window });
  }

  /** It is decided whether 0-RTT packets are taken. */
  onResult(accepted: boolean): void {
    const parts = this.#parts;
    this.#decided = true;
    if (parts.isServer) {
      if (!accepted) parts.early.take(ZERO_RTT_SLOT);
    } else if (!accepted) this.#onRejected();
    parts.emit({ type: 'early-data-result', accepted });
  }

  /** RFC 9000 §7.4.1: a server that takes early data keeps to the limits that it was sent under. */
  checkLimits(given: TransportParameters): void {
    const remembered = this.#remembered;
    if (remembered === null || this.#parts.handshake.engine.earlyData !== 'accepted') return;
    for (const name of BINDING) {
      if (Number(given[name]) >= Number(remembered[name])) continue;
      throw new TransportError(
        TransportErrorCode.PROTOCOL_VIOLATION,
        FRAME.CRYPTO,
        `${name} is less than 0-RTT was sent under`,
      );
    }
  }

  /** Another handshake begins, in a version that the session is not for: nothing counts as sent. */
  onRestart(): void {
    if (!this.canSend) return;
    this.#onRejected();
    this.#parts.emit({ type: 'early-data-result', accepted: false });
  }

  /** The handshake is complete: early packets may still be on their way for a while. */
  onComplete(now: number): void {
    this.#remembered = null;
    if (this.opener !== null) this.deadline = now + this.#parts.closingPeriod();
    else this.#parts.early.take(ZERO_RTT_SLOT);
  }

  onTimeout(now: number): void {
    if (now < this.deadline) return;
    this.deadline = Number.POSITIVE_INFINITY;
    this.opener = null;
  }

  /** RFC 9001 §4.6.2: the packets count as never sent; what they held goes out again in 1-RTT, under the new limits. */
  #onRejected(): void {
    const parts = this.#parts;
    this.#remembered = null;
    (parts.spaces[Space.APPLICATION] as PacketNumberSpace).setEarlyKeys(null);
    parts.recovery.withdrawOutstanding(Space.APPLICATION);
    parts.streams.withdrawPeerParameters();
  }
}

const BINDING = [
  'initialMaxData',
  'initialMaxStreamDataBidiLocal',
  'initialMaxStreamDataBidiRemote',
  'initialMaxStreamDataUni',
  'initialMaxStreamsBidi',
  'initialMaxStreamsUni',
  'activeConnectionIdLimit',
  'maxDatagramFrameSize',
  'resetStreamAt',
] as const;
