// The unreliable datagrams of a connection as its user sees them: a promise for the fate of each that is sent, waiting
// for those that come. Knows the queues of the core and no frames.

import type { ConnectionCore } from '../connection/connection.ts';
import type { DatagramFate } from '../connection/datagrams.ts';
import { invalidArgType, type QuicError, quicError } from '../errors.ts';
import type { WaitOptions } from './stream-options.ts';
import { Waiters } from './waiters.ts';

export class DatagramChannel implements AsyncIterable<Uint8Array> {
  readonly #core: ConnectionCore;
  /** Resolves when the connection ends well, and rejects when not. */
  readonly #closed: Promise<unknown>;
  readonly #wantSend: () => void;
  /** Who waits to hear of a datagram, by its id. */
  readonly #fates: Map<number, (fate: DatagramFate) => void> = new Map();
  readonly #receivers: Waiters<Uint8Array | null> = new Waiters();
  #error: QuicError | null = null;

  constructor(core: ConnectionCore, closed: Promise<unknown>, wantSend: () => void) {
    this.#core = core;
    this.#closed = closed;
    this.#wantSend = wantSend;
  }

  /** Bytes; 0 while nothing can be sent. */
  get maxSize(): number {
    return this.#core.datagrams.maxWritableLength ?? 0;
  }

  send(bytes: Uint8Array): Promise<DatagramFate> {
    if (!(bytes instanceof Uint8Array)) throw invalidArgType('bytes', 'an instance of Uint8Array', bytes);
    if (this.#error !== null) return ABANDONED;
    const { datagrams } = this.#core;
    const longest = datagrams.maxWritableLength;
    if (longest === null) throw this.#unsupported();
    if (bytes.length > longest) {
      const message = `A datagram of ${bytes.length} bytes is too large; ${longest} bytes can be sent`;
      throw quicError('ERR_QUIC_DATAGRAM_TOO_LARGE', { message });
    }
    const id = datagrams.send(bytes.slice());
    if (id === null) {
      // The connection may be over before its owner has heard of it.
      if (!this.#core.state.isOpen) return ABANDONED;
      throw quicError('ERR_QUIC_DATAGRAM_QUEUE_FULL');
    }
    this.#wantSend();
    return new Promise((resolve) => this.#fates.set(id, resolve));
  }

  async receive(options: WaitOptions): Promise<Uint8Array> {
    const bytes = await this.#take(options);
    if (bytes === null) throw this.#error;
    return bytes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (let bytes = await this.#take({}); bytes !== null; bytes = await this.#take({})) yield bytes;
    await this.#closed;
  }

  // ---- from the connection ----

  /** Hands out what came and tells what became of what was sent. */
  deliver(): void {
    const { datagrams } = this.#core;
    for (let notice = datagrams.nextNotice(); notice !== null; notice = datagrams.nextNotice()) {
      const { id, fate } = notice;
      this.#fates.get(id)?.(fate);
      this.#fates.delete(id);
    }
    const receivers = this.#receivers;
    while (receivers.length > 0 && datagrams.receiveQueueLength > 0) receivers.give(datagrams.receive());
  }

  /** The handshake is complete: who waits for what cannot come is told. */
  onEstablished(): void {
    if (this.#core.transport.maxDatagramFrameSize > 0) return;
    this.#receivers.rejectAll(disabled());
  }

  /** Nothing will come any more. What was sent and not acknowledged counts as lost. */
  end(error: QuicError): void {
    this.deliver();
    this.#error = error;
    for (const [id, resolve] of this.#fates) {
      resolve(this.#core.datagrams.isQueued(id) ? 'abandoned' : 'lost');
    }
    this.#fates.clear();
    while (this.#receivers.give(null));
  }

  // ---- inside ----

  /** The next one; null after the last. What came before the end is still given out. */
  #take(options: WaitOptions): Promise<Uint8Array | null> {
    const bytes = this.#core.datagrams.receive();
    if (bytes !== null || this.#error !== null) return Promise.resolve(bytes);
    const isEstablished = this.#core.state.value === 'established';
    if (isEstablished && this.#core.transport.maxDatagramFrameSize === 0) return Promise.reject(disabled());
    return this.#receivers.wait(options.signal);
  }

  #unsupported(): QuicError {
    if (this.#core.state.value !== 'established') {
      const message = 'The handshake is not complete: wait for `opened`';
      return quicError('ERR_QUIC_INVALID_STATE', { message });
    }
    return quicError('ERR_QUIC_DATAGRAM_UNSUPPORTED');
  }
}

function disabled(): QuicError {
  const message = 'This side takes no datagrams: the option `datagrams` is not set';
  return quicError('ERR_QUIC_DATAGRAM_UNSUPPORTED', { message });
}

const ABANDONED: Promise<DatagramFate> = Promise.resolve('abandoned');
