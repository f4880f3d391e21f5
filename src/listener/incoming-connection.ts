// A client that wants in, as an application sees it before anything was done for it: one answer, once. What the answers
// mean is the listener's.

import { quicError } from '../errors.ts';
import type { Incoming } from '../routing/incoming.ts';
import type { QuicConnection } from '../runtime/connection.ts';
import { checkOptionNames, parseTransport } from '../runtime/options.ts';
import type { SocketAddress } from '../util/address.ts';
import { SERVER_TRANSPORT_NAMES, type ServerTransportOptions } from './server-options.ts';

/**
 * Decides about a client by calling `accept`, `refuse`, `retry` or `ignore`, before it returns or before its promise is
 * settled. Without an answer the client is accepted; what is thrown refuses it. After 10 seconds it counts as ignored.
 */
export type IncomingHandler = (incoming: IncomingConnection) => unknown;

/** What the listener does. Null from `accept`: it is gone. */
export interface IncomingAnswers {
  accept(options: ServerTransportOptions | null): QuicConnection | null;
  refuse(): void;
  retry(): void;
  ignore(): void;
}

/**
 * Every answer throws ERR_QUIC_INCOMING_ANSWERED after another one, and ERR_QUIC_INCOMING_GONE when it came too late or
 * the listener stopped.
 */
export class IncomingConnection {
  readonly #incoming: Incoming;
  readonly #answers: IncomingAnswers;
  readonly #onAnswered: () => void;
  #isAnswered = false;

  constructor(incoming: Incoming, answers: IncomingAnswers, onAnswered: () => void) {
    this.#incoming = incoming;
    this.#answers = answers;
    this.#onAnswered = onAnswered;
  }

  /** Where the client says that it is: proved only if `addressValidated`. */
  get remoteAddress(): SocketAddress {
    return this.#incoming.from;
  }

  get localAddress(): SocketAddress {
    return this.#incoming.to;
  }

  /** The client came with a token of ours for its address (RFC 9000 §8.1). */
  get addressValidated(): boolean {
    return this.#incoming.addressValidated;
  }

  /** `retry` is possible: the client has not followed a Retry. */
  get mayRetry(): boolean {
    return this.#incoming.retrySourceId === null;
  }

  /** The QUIC version of its first packet. */
  get version(): number {
    return this.#incoming.version.version;
  }

  /** The connection id that the client made up first. */
  get originalDestinationId(): Uint8Array {
    return this.#incoming.originalDestinationId;
  }

  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Takes it, with transport options of its own if need be; it goes to `accept` or to a handler like all others. */
  accept(options?: ServerTransportOptions): QuicConnection {
    if (options !== undefined) {
      checkOptionNames(options, OPTION_NAMES, 'options');
      parseTransport(options);
    }
    const connection = this.#answer(() => this.#answers.accept(options ?? null));
    if (connection === null) throw gone();
    return connection;
  }

  /** Tells the client that it is refused (CONNECTION_REFUSED). */
  refuse(): void {
    this.#answer(() => this.#answers.refuse());
  }

  /** Has the client prove its address and come again. Throws ERR_QUIC_RETRY_NOT_POSSIBLE if it did. */
  retry(): void {
    if (!this.#isAnswered && !this.mayRetry) throw quicError('ERR_QUIC_RETRY_NOT_POSSIBLE');
    this.#answer(() => this.#answers.retry());
  }

  /** Says nothing, now and when the client repeats itself. */
  ignore(): void {
    this.#answer(() => this.#answers.ignore());
  }

  #answer<T>(say: () => T): T {
    if (this.#isAnswered) throw quicError('ERR_QUIC_INCOMING_ANSWERED');
    if (this.#incoming.state !== 'pending') throw gone();
    this.#isAnswered = true;
    try {
      return say();
    } catch (error) {
      // Such as an application's tokens, for a Retry: it is still to be decided about.
      this.#isAnswered = false;
      throw error;
    } finally {
      if (this.#isAnswered) this.#onAnswered();
    }
  }
}

function gone(): ReturnType<typeof quicError> {
  return quicError('ERR_QUIC_INCOMING_GONE');
}

const OPTION_NAMES: ReadonlySet<string> = new Set(SERVER_TRANSPORT_NAMES);
