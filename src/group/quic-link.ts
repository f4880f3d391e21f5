// A QUIC connection as a connection of a group: the bidirectional streams of its client are its streams.

import type { QuicConnection } from '../runtime/connection.ts';
import { toDuplex } from '../runtime/duplex.ts';
import type { QuicStream } from '../runtime/stream.ts';
import type { ConnectionFacts } from './handler.ts';
import type { Link, RunStream } from './member.ts';

export class QuicLink implements Link {
  readonly facts: ConnectionFacts;
  readonly connection: QuicConnection;
  readonly closed: Promise<Error | null>;
  /** Until all that was written on them is acknowledged. */
  readonly #open: Set<QuicStream> = new Set();
  #isDraining = false;

  constructor(connection: QuicConnection, facts: ConnectionFacts) {
    this.facts = facts;
    this.connection = connection;
    this.closed = connection.closed.then(
      () => null,
      (error: Error) => error,
    );
  }

  get streams(): number {
    return this.#open.size;
  }

  get bytesReceived(): number {
    return this.connection.stats.bytesReceived;
  }

  get bytesSent(): number {
    return this.connection.stats.bytesSent;
  }

  async serve(run: RunStream): Promise<void> {
    const running = new Set<Promise<void>>();
    try {
      for await (const stream of this.connection.incomingStreams()) {
        // A client that talks where nobody listens is told to stop.
        if (stream.direction === 'uni') stream.stopSending(0);
        else {
          const work = this.#serve(stream, run);
          running.add(work);
          void work.then(() => running.delete(work));
        }
      }
    } catch {
      // The connection failed: `closed` says how.
    }
    await Promise.all(running);
  }

  drain(): void {
    this.#isDraining = true;
    this.#closeIfIdle();
  }

  destroy(error?: Error): void {
    this.connection.destroy(error);
  }

  async #serve(stream: QuicStream, run: RunStream): Promise<void> {
    const duplex = toDuplex(stream);
    duplex.on('error', () => {});
    this.#open.add(stream);
    const gone = (): void => {
      this.#open.delete(stream);
      if (this.#isDraining) this.#closeIfIdle();
    };
    stream.closed.then(gone, gone);
    await run(duplex, { streamId: stream.id, early: stream.early });
  }

  #closeIfIdle(): void {
    if (this.#open.size === 0) this.connection.close().catch(() => {});
  }
}
