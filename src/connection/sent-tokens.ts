// From sent packets to recovery's records and back: when a packet is acknowledged or lost, each of its tokens goes to
// the part that wrote the frame. Knows which part owns which kind of token, and no frame.

import type { RecoveryListener } from '../recovery/recovery.ts';
import type { DatagramBuilder } from './packet-builder.ts';
import { type SendingPart, TokenKind } from './part.ts';
import type { ConnectionParts } from './parts.ts';

export class SentTokens implements RecoveryListener {
  readonly #parts: ConnectionParts;
  #retransmitted = 0;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** Hands packet `i` of the datagram to recovery. */
  record(builder: DatagramBuilder, i: number, size: number): void {
    const { recovery } = this.#parts;
    const space = builder.spaces[i]?.index as number;
    recovery.beginPacket(space, builder.numbers[i] as number);
    const { tokens, now, path } = builder;
    const end = (builder.tokenStart[i + 1] as number) * 4;
    for (let at = (builder.tokenStart[i] as number) * 4; at < end; at += 4) {
      if (tokens[at] === TokenKind.DATAGRAM) {
        // If it is lost, then on this path.
        tokens[at + 2] = path.id;
        path.datagramsSent++;
      }
      recovery.token(
        tokens[at] as number,
        tokens[at + 1] as number,
        tokens[at + 2] as number,
        tokens[at + 3] as number,
      );
    }
    const isMtuProbe = builder.intent === 'mtu-probe';
    const repeated = this.#parts.streams.stats.bytesRetransmitted - this.#retransmitted;
    if (repeated > 0) {
      this.#retransmitted += repeated;
      path.packetsRetransmitted++;
      path.streamBytesRetransmitted += repeated;
    }
    recovery.endPacket(
      now,
      size,
      builder.elicits[i] as boolean,
      builder.inFlight[i] as boolean,
      path.recovery,
      isMtuProbe,
    );
  }

  tokenAcked(space: number, kind: number, a: number, b: number, c: number): void {
    // An acknowledgement of our ACK: what it told need not be told again (RFC 9000 §13.2.4).
    if (kind === TokenKind.ACK) this.#parts.spaces[space]?.acks.onAckOfAck(a);
    else this.#partOf(kind, c)?.acked(kind, a, b, c);
  }

  tokenLost(_space: number, kind: number, a: number, b: number, c: number): void {
    if (kind === TokenKind.ACK) return;
    if (kind === TokenKind.DATAGRAM) {
      const path = this.#parts.paths.all.find(({ id }) => id === b);
      if (path !== undefined) path.datagramsLost++;
    }
    this.#partOf(kind, c)?.lost(kind, a, b, c);
  }

  #partOf(kind: number, c: number): SendingPart | undefined {
    const parts = this.#parts;
    switch (kind) {
      case TokenKind.STREAM:
        return parts.streams.sender;
      case TokenKind.DATAGRAM:
        return parts.datagrams;
      case TokenKind.CRYPTO:
        return parts.spaces[c]?.crypto;
      case TokenKind.HANDSHAKE_DONE:
      case TokenKind.NEW_TOKEN:
        return parts.control;
      case TokenKind.NEW_CONNECTION_ID:
        return parts.localIds;
      case TokenKind.RETIRE_CONNECTION_ID:
        return parts.remoteIds;
      case TokenKind.ACK_FREQUENCY:
        return parts.ackFrequency;
      case TokenKind.PING:
        return parts.mtu;
      case TokenKind.PATH_CHALLENGE:
        return undefined;
      default:
        return parts.streams.control;
    }
  }
}
