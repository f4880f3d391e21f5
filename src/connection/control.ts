// Single frames that belong to no other part: HANDSHAKE_DONE, NEW_TOKEN, PING (RFC 9000 §19.20, §19.7, §19.2).

import { writeHandshakeDone, writeNewToken, writePing } from '../wire/frame-writer.ts';
import { MAX_TOKEN_LENGTH } from './first-flight.ts';
import { type PacketBuilder, PartBit, type SendingPart, TokenKind } from './part.ts';
import type { PacketNumberSpace } from './space.ts';

/** NEW_TOKEN frames that wait to be acknowledged. */
export const MAX_TOKENS = 4;

/** NEW_TOKEN frames of the server that are heeded on one connection. */
export const MAX_TOKENS_TAKEN = 64;

export class Control implements SendingPart {
  readonly #application: PacketNumberSpace;
  #handshakeDone = false;
  #ping = false;
  readonly #tokens: { id: number; token: Uint8Array; pending: boolean }[] = [];
  #nextTokenId = 0;
  #tokensTaken = 0;

  constructor(application: PacketNumberSpace) {
    this.#application = application;
  }

  /** A server tells that the handshake is confirmed. */
  sendHandshakeDone(): void {
    this.#handshakeDone = true;
    this.#pend();
  }

  /** Makes the next packet ack-eliciting; several calls before it are one. */
  ping(): void {
    this.#ping = true;
    this.#pend();
  }

  /** Sends a token for a later connection. False if too many wait already. */
  sendToken(token: Uint8Array): boolean {
    if (this.#tokens.length >= MAX_TOKENS) return false;
    this.#tokens.push({ id: this.#nextTokenId++, token, pending: true });
    this.#pend();
    return true;
  }

  /** A token of so many bytes came from the server. False if it is of no use, or if there were enough. */
  acceptToken(length: number): boolean {
    return length <= MAX_TOKEN_LENGTH && ++this.#tokensTaken <= MAX_TOKENS_TAKEN;
  }

  write(packet: PacketBuilder): void {
    const { writer } = packet;
    if (this.#handshakeDone) {
      writeHandshakeDone(writer);
      packet.token(TokenKind.HANDSHAKE_DONE, 0, 0, 0);
      this.#handshakeDone = false;
    }
    for (const each of this.#tokens) {
      if (!each.pending) continue;
      if (writer.remaining < 1 + 4 + each.token.length) return;
      writeNewToken(writer, each.token);
      packet.token(TokenKind.NEW_TOKEN, each.id, 0, 0);
      each.pending = false;
    }
    if (this.#ping) {
      this.#ping = false;
      if (writer.remaining > 0) {
        writePing(writer);
        packet.ackEliciting();
      }
    }
    this.#application.setPending(PartBit.CONTROL, false);
  }

  acked(kind: number, id: number): void {
    if (kind !== TokenKind.NEW_TOKEN) return;
    const at = this.#tokens.findIndex((each) => each.id === id);
    if (at >= 0) this.#tokens.splice(at, 1);
  }

  lost(kind: number, id: number): void {
    if (kind === TokenKind.HANDSHAKE_DONE) this.sendHandshakeDone();
    const token = kind === TokenKind.NEW_TOKEN ? this.#tokens.find((each) => each.id === id) : undefined;
    if (token !== undefined) {
      token.pending = true;
      this.#pend();
    }
  }

  #pend(): void {
    this.#application.setPending(PartBit.CONTROL, true);
  }
}
