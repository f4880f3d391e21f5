// Accepts connections on an endpoint: a lifecycle and a queue of connections that wait to be accepted. Who the server
// is for a name comes from its servers; here it is one, the default.

import type { ServerAnswer } from '../connection/config.ts';
import type { CryptoOptions } from '../connection/tls-options.ts';
import { nodeProvider } from '../crypto/node-provider.ts';
import { invalidArgType, quicError } from '../errors.ts';
import { loadIdentity } from '../pki/identity.ts';
import type { PkiInput } from '../pki/input.ts';
import { type TrustSource, trustAnchors } from '../pki/trust-anchors.ts';
import type { Incoming } from '../routing/incoming.ts';
import type { QuicConnection } from '../runtime/connection.ts';
import { abortable, type Deferred, defer } from '../runtime/deferred.ts';
import {
  ENDPOINT_OPTION_NAMES,
  type EndpointConnectionConfig,
  type EndpointOptions,
  QuicEndpoint,
} from '../runtime/endpoint.ts';
import {
  checkOptionNames,
  parseAlpn,
  parseHandshake,
  parseTransport,
  TRANSPORT_OPTION_NAMES,
  type TransportOptions,
} from '../runtime/options.ts';
import { parseQlog, type QlogOption } from '../runtime/qlog.ts';
import type { VerificationOptions } from '../runtime/questions.ts';
import type { WaitOptions } from '../runtime/stream.ts';
import { NO_TRACE } from '../trace/trace.ts';
import type { SocketAddress } from '../util/address.ts';
import { Ring } from '../util/ring.ts';
import { Admission } from './admission.ts';
import {
  LISTEN_SESSION_OPTION_NAMES,
  type ListenSessionOptions,
  parseListenSessions,
} from './session-options.ts';

export interface ListenOptions
  extends Omit<EndpointOptions, 'environment'>,
    TransportOptions,
    CryptoOptions,
    QlogOption,
    ListenSessionOptions {
  /** Protocols, the server's order of preference. Required. */
  alpn: string | readonly string[];
  /** Certificate chain and key: PEM or DER, bytes, text or file path. Required, unless there are `psks`. */
  cert?: PkiInput | readonly PkiInput[];
  key?: PkiInput;
  /** A stapled OCSP response in DER, for clients that ask (RFC 6066 §8). */
  ocspResponse?: Uint8Array;
  /** Ask clients for a certificate; with `rejectUnauthorized` (default true) one without a good one is refused. */
  requestCert?: boolean;
  rejectUnauthorized?: boolean;
  /** Who may have issued client certificates. */
  ca?: TrustSource | readonly TrustSource[];
  /** Gets each line of the NSS key log. */
  onKeyLog?: (line: string) => void;
  /** Use this endpoint instead of one of its own; it stays open when the listener closes. */
  endpoint?: QuicEndpoint;
  environment?: EndpointOptions['environment'];
}

export type ListenerState = 'open' | 'started' | 'stopped' | 'closed';

/**
 * A listener with one default server. Made without binding; `start` binds. Async-iterable over its connections.
 *
 * Errors: ERR_QUIC_LISTENER_NOT_STARTED, ERR_QUIC_LISTENER_ALREADY_STARTED, ERR_QUIC_LISTENER_FINISHED, ERR_QUIC_BIND,
 * ERR_QUIC_ENDPOINT_BUSY, and those of reading certificates and keys.
 */
export class QuicListener {
  readonly endpoint: QuicEndpoint;
  readonly #ownsEndpoint: boolean;
  readonly #config: EndpointConnectionConfig;
  readonly #verification: VerificationOptions;
  readonly #queue: Ring<QuicConnection> = new Ring();
  readonly #waiting: Ring<Deferred<QuicConnection>> = new Ring();
  readonly #closed: Deferred<void> = defer();
  readonly #admission: Admission = new Admission();
  #state: ListenerState = 'open';
  #starting: Promise<unknown> | null = null;

  constructor(options: ListenOptions) {
    checkOptionNames(options, OPTION_NAMES, 'options');
    const { connection, answer, verification } = parseListen(options);
    this.#ownsEndpoint = options.endpoint === undefined;
    this.endpoint = options.endpoint ?? new QuicEndpoint(endpointOptions(options));
    const parsed = parseListenSessions(options, this.endpoint.environment);
    const { sessions, replayStore } = parsed;
    this.#config = { ...connection, sessions, answer: { ...answer, ...parsed.answer } };
    this.#verification = { ...verification, replayStore };
  }

  /** What moves its datagrams. */
  get backend(): QuicEndpoint['backend'] {
    return this.endpoint.backend;
  }

  get state(): ListenerState {
    return this.#state;
  }

  /** Binds and begins to take connections. A failure leaves the listener as it was. */
  async start(): Promise<void> {
    if (this.#state === 'closed') throw quicError('ERR_QUIC_LISTENER_FINISHED');
    if (this.#state === 'started' || this.#starting !== null)
      throw quicError('ERR_QUIC_LISTENER_ALREADY_STARTED');
    this.#starting = this.endpoint.bind();
    try {
      await this.#starting;
      const { ipv4, ipv6 } = this.#config.transport.preferredAddress ?? {};
      if (ipv4 !== undefined) await this.endpoint.bindAt({ ...ipv4, family: 4 });
      if (ipv6 !== undefined) await this.endpoint.bindAt({ ...ipv6, family: 6 });
      this.endpoint.setAcceptor({
        onIncoming: (incoming, now) => this.#onIncoming(incoming, now),
        onEndpointClosed: () => this.#finish(),
      });
      this.#state = 'started';
    } finally {
      this.#starting = null;
    }
  }

  /** The next connection, in order of arrival. Its handshake may still go on: see `connection.opened`. */
  accept(options: WaitOptions = {}): Promise<QuicConnection> {
    const queued = this.#queue.shift();
    if (queued !== undefined) return Promise.resolve(queued);
    if (this.#state === 'open') return Promise.reject(quicError('ERR_QUIC_LISTENER_NOT_STARTED'));
    if (this.#state !== 'started') return Promise.reject(quicError('ERR_QUIC_LISTENER_FINISHED'));
    const waiting = defer<QuicConnection>();
    this.#waiting.push(waiting);
    return abortable(waiting, options.signal, () => this.#givenUp.add(waiting));
  }

  /** The next connection if there is one. */
  tryAccept(): QuicConnection | null {
    return this.#queue.shift() ?? null;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<QuicConnection, void, undefined> {
    for (;;) {
      let connection: QuicConnection;
      try {
        connection = await this.accept();
      } catch (error) {
        if ((error as { code?: string }).code === 'ERR_QUIC_LISTENER_FINISHED') return;
        throw error;
      }
      yield connection;
    }
  }

  /** Takes no new connections; those that wait can still be accepted and accepted ones live on. */
  async stop(): Promise<void> {
    if (this.#state === 'open') throw quicError('ERR_QUIC_LISTENER_NOT_STARTED');
    if (this.#state !== 'started') return;
    this.endpoint.setAcceptor(null);
    this.#state = 'stopped';
    this.#rejectWaiting();
  }

  /**
   * Takes no new connections, closes those never accepted, lets accepted ones finish for up to `drain` milliseconds
   * (default 0), closes the rest and frees the sockets. Idempotent; gives `closed`.
   */
  close(options: { drain?: number; signal?: AbortSignal } = {}): Promise<void> {
    if (this.#state === 'closed') return this.#closed.promise;
    if (this.#state === 'started') this.endpoint.setAcceptor(null);
    for (const connection of this.#queue) connection.destroy();
    this.#finish();
    if (this.#ownsEndpoint) void this.endpoint.close(options).then(() => this.#closed.resolve());
    else this.#closed.resolve();
    return this.#closed.promise;
  }

  /** Closes everything now. */
  destroy(): void {
    void this.close();
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Where the listener is bound, with the real port. Throws ERR_QUIC_LISTENER_NOT_STARTED before `start`. */
  address(): SocketAddress {
    if (this.#state !== 'started') throw quicError('ERR_QUIC_LISTENER_NOT_STARTED');
    return this.endpoint.address;
  }

  get port(): number {
    return this.address().port;
  }

  readonly #givenUp: WeakSet<object> = new WeakSet();

  #onIncoming(incoming: Incoming, _now: number): void {
    const decision = this.#admission.decide(incoming, this.#queue.length);
    if (decision === 'refuse') return void this.endpoint.refuse(incoming);
    if (decision === 'retry') return void this.endpoint.retry(incoming);
    const connection = this.endpoint.accept(incoming, this.#config, this.#verification);
    if (connection === null) return;
    this.#admission.began(connection.opened);
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#givenUp.has(next)) continue;
      next.resolve(connection);
      return;
    }
    this.#queue.push(connection);
  }

  #finish(): void {
    this.#state = 'closed';
    this.#queue.clear();
    this.#rejectWaiting();
  }

  #rejectWaiting(): void {
    for (const waiting of this.#waiting) waiting.reject(quicError('ERR_QUIC_LISTENER_FINISHED'));
    this.#waiting.clear();
  }
}

/** Makes a listener and starts it. */
export async function listen(options: ListenOptions): Promise<QuicListener> {
  const listener = new QuicListener(options);
  await listener.start();
  return listener;
}

function parseListen(options: ListenOptions): {
  connection: EndpointConnectionConfig;
  answer: ServerAnswer;
  verification: VerificationOptions;
} {
  const { onKeyLog, requestCert = false, rejectUnauthorized = true } = options;
  if (onKeyLog !== undefined && typeof onKeyLog !== 'function') {
    throw invalidArgType('onKeyLog', 'of type function', onKeyLog);
  }
  const alpn = parseAlpn(options.alpn);
  const transport = parseTransport(options);
  const answer: ServerAnswer = {
    identity: parseIdentity(options),
    alpn,
    clientCertificate: requestCert ? (rejectUnauthorized ? 'require' : 'request') : 'none',
  };
  return {
    connection: {
      qlog: parseQlog(options),
      trace: onKeyLog === undefined ? NO_TRACE : { ...NO_TRACE, keyLog: onKeyLog },
      transport,
      version: 1,
      ...parseHandshake(
        options,
        (options.endpoint?.environment ?? options.environment)?.provider ?? nodeProvider,
      ),
      maxAmplificationFactor: 3,
      grease: true,
      alpn,
      serverName: null,
      verifyPeer: requestCert,
      requestOcsp: false,
      identity: undefined,
      answer: undefined,
      token: undefined,
    },
    answer,
    verification: {
      acceptAny: !rejectUnauthorized,
      ...(options.ca === undefined ? {} : { anchors: trustAnchors(options.ca) }),
    },
  };
}

function parseIdentity({ cert, key, psks, ocspResponse }: ListenOptions): ServerAnswer['identity'] {
  if (cert === undefined && key === undefined && psks !== undefined) return null;
  if (cert === undefined)
    throw invalidArgType('cert', 'a certificate chain in PEM or DER, or a file path', undefined);
  if (key === undefined)
    throw invalidArgType('key', 'a private key in PEM or DER, or a file path', undefined);
  const identity = loadIdentity({ cert, key });
  if (ocspResponse !== undefined && !(ocspResponse instanceof Uint8Array)) {
    throw invalidArgType('ocspResponse', 'an instance of Uint8Array', ocspResponse);
  }
  return {
    certificates: [...identity.certificates],
    key: identity.key,
    ...(ocspResponse && { ocspResponse }),
  };
}

function endpointOptions(options: ListenOptions): EndpointOptions {
  const given = Object.entries(options).filter(([name]) => ENDPOINT_OPTION_NAMES.includes(name));
  return Object.fromEntries(given) as EndpointOptions;
}

const OPTION_NAMES: ReadonlySet<string> = new Set([
  ...ENDPOINT_OPTION_NAMES,
  ...TRANSPORT_OPTION_NAMES,
  ...LISTEN_SESSION_OPTION_NAMES,
  'alpn',
  'cert',
  'key',
  'ocspResponse',
  'requestCert',
  'rejectUnauthorized',
  'ca',
  'onKeyLog',
  'endpoint',
]);
