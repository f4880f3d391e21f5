// A TCP, TLS or Unix socket as a connection of a group: one stream.

import type { Socket } from 'node:net';
import type { ConnectionFacts } from './handler.ts';
import { type Link, NO_QUIC_STREAM, type RunStream } from './member.ts';
import { closeOf } from './serve-stream.ts';

export class SocketLink implements Link {
  readonly facts: ConnectionFacts;
  readonly connection = null;
  readonly closed: Promise<Error | null>;
  readonly #socket: Socket;

  constructor(socket: Socket, facts: ConnectionFacts) {
    this.facts = facts;
    this.#socket = socket;
    // A socket that fails without a listener would end the process: a client could do that.
    socket.on('error', () => {});
    this.closed = closeOf(socket).then(() => socket.errored);
  }

  get streams(): number {
    return this.#socket.closed ? 0 : 1;
  }

  get bytesReceived(): number {
    return this.#socket.bytesRead;
  }

  get bytesSent(): number {
    return this.#socket.bytesWritten;
  }

  serve(run: RunStream): Promise<void> {
    return run(this.#socket, NO_QUIC_STREAM);
  }

  /** Its one stream is in use until its handler ends it. */
  drain(): void {}

  destroy(error?: Error): void {
    this.#socket.destroy(error);
  }
}
