// Accepts connections on an endpoint: a lifecycle, servers under their names, and a queue of connections that wait to be
// accepted. Coordinates; what a server is, who is let in and what a hello leads to is decided by its parts.

import { invalidArgType, type QuicError, quicError } from '../errors.ts';
import type { Incoming } from '../routing/incoming.ts';
import type { Verdict } from '../routing/router-options.ts';
import type { QuicConnection } from '../runtime/connection.ts';
import { abortable, type Deferred, defer } from '../runtime/deferred.ts';
import type { DrainOptions } from '../runtime/drains.ts';
import { QuicEndpoint } from '../runtime/endpoint.ts';
import type { BindPlace } from '../runtime/endpoint-sockets.ts';
import type { ReleaseOptions } from '../runtime/interfaces.ts';
import { checkOptionNames, integer, parseAlpn } from '../runtime/options.ts';
import type { WaitOptions } from '../runtime/stream-options.ts';
import type { SocketAddress } from '../util/address.ts';
import { AcceptQueue } from './accept-queue.ts';
import { Admission, type Place } from './admission.ts';
import { type Arrival, Arrivals } from './arrivals.ts';
import { runHandler } from './connection-handler.ts';
import type { IncomingAnswers } from './incoming-connection.ts';
import {
  checkListenNames,
  endpointOptions,
  type ListenOptions,
  type ParsedListen,
  parseListen,
} from './listen-options.ts';
import { type ListenerCounters, newListenerCounters } from './listener-counters.ts';
import { type ListenerState, ListenerStateMachine } from './listener-state.ts';
import type { VirtualServer } from './server.ts';
import { ServerInterfaces } from './server-interfaces.ts';
import { type AddServerOptions, hasIdentity, type ServerSettings } from './server-options.ts';
import { type ReceptionHost, ServerReception } from './server-reception.ts';
import { ServerRegistry } from './server-registry.ts';
import { ServerResolution } from './server-resolution.ts';
import { DEFAULT_SERVER_NAME, ServerTable } from './servers.ts';

/** What `start` may say instead of the options that the listener was made with. */
export interface StartOptions {
  alpn?: string | readonly string[];
  /** IP address; a wildcard for all of a family, absent for all of both. Not with an endpoint that was given. */
  address?: string;
  /** 0 for any free one. */
  port?: number;
}

/**
 * A listener. Made without binding; `start` binds. Async-iterable over its connections.
 *
 * Errors: ERR_QUIC_LISTENER_NOT_STARTED, ERR_QUIC_LISTENER_ALREADY_STARTED, ERR_QUIC_LISTENER_FINISHED,
 * ERR_QUIC_LISTENER_FAILED (after `destroy` with an error), ERR_QUIC_BIND, ERR_QUIC_ENDPOINT_BUSY, ERR_QUIC_NO_IDENTITY,
 * ERR_QUIC_SERVER_EXISTS, ERR_QUIC_SERVER_NOT_FOUND, and those of reading certificates and keys.
 */
export class QuicListener {
  readonly endpoint: QuicEndpoint;
  readonly #ownsEndpoint: boolean;
  readonly #parsed: ParsedListen;
  readonly #state: ListenerStateMachine = new ListenerStateMachine();
  readonly #servers: ServerTable = new ServerTable();
  readonly #resolution: ServerResolution;
  readonly #interfaces: ServerInterfaces;
  readonly #registry: ServerRegistry;
  readonly #queue: AcceptQueue<QuicConnection> = new AcceptQueue();
  readonly #connections: Set<QuicConnection> = new Set();
  /** Of those that live or wait to be accepted. */
  readonly #places: WeakMap<QuicConnection, Place> = new WeakMap();
  readonly #counters: ListenerCounters = newListenerCounters();
  readonly #admission: Admission;
  readonly #arrivals: Arrivals;
  readonly #closed: Deferred<void> = defer();
  #alpn: readonly string[];
  /** Where it was bound last, with the real port. */
  #lastPlace: BindPlace | null = null;
  #hasWarned = false;
  /** Connections whose server is not known yet. */
  #unready = 0;
  #stopped: Deferred<void> = defer();
  /** Why there will be no connections any more. */
  #failure: QuicError | null = null;

  constructor(options: ListenOptions) {
    checkListenNames(options);
    this.#ownsEndpoint = options.endpoint === undefined;
    this.endpoint = options.endpoint ?? new QuicEndpoint(endpointOptions(options));
    const { environment } = this.endpoint;
    this.#parsed = parseListen(options, this.endpoint);
    const { alpn, base, binds, limits, resolver, onIncoming } = this.#parsed;
    this.#alpn = alpn ?? [];
    this.#admission = new Admission(limits, this.#counters);
    this.#interfaces = new ServerInterfaces(this.endpoint);
    this.#registry = new ServerRegistry(this.#servers, this.#interfaces, this.#parsed, environment.provider);
    const own = this.#interfaces.add(binds);
    this.#resolution = new ServerResolution(this.#servers, resolver, base, own, environment.provider);
    this.#arrivals = new Arrivals(environment.clock, onIncoming, (arrival) => this.#answersTo(arrival));
    if (hasIdentity(base)) this.#registry.put(DEFAULT_SERVER_NAME, base);
  }

  /** What moves its datagrams. */
  get backend(): QuicEndpoint['backend'] {
    return this.endpoint.backend;
  }

  get state(): ListenerState {
    return this.#state.value;
  }

  // ---- lifecycle ----

  /**
   * Binds and begins to take connections; after `stop`, again. Uses sockets again that connections still use. A failure
   * leaves the listener as it was.
   */
  async start(options: StartOptions = {}): Promise<void> {
    const state = this.#state;
    if (state.value === 'closed') throw this.#finished();
    if (state.value !== 'open' && state.value !== 'stopped')
      throw quicError('ERR_QUIC_LISTENER_ALREADY_STARTED');
    checkOptionNames(options, START_OPTION_NAMES, 'options');
    const alpn = options.alpn === undefined ? this.#parsed.alpn : parseAlpn(options.alpn);
    if (alpn === null)
      throw invalidArgType('alpn', "a protocol name or a list of them, such as ['echo']", undefined);
    if (!this.#resolution.isPossible) throw quicError('ERR_QUIC_NO_IDENTITY');
    const place = this.#place(options);
    const before = state.value;
    state.to('starting');
    try {
      await this.#bind(place);
      if (this.state === 'closed') throw this.#finished();
      this.endpoint.setAcceptor(this.#acceptor());
    } catch (error) {
      if (!this.endpoint.isClosed) await this.#release();
      if (this.state === 'closed') throw this.#finished();
      if (this.state === 'starting') state.to(before);
      throw error;
    }
    if (this.#parsed.binds === undefined) this.#lastPlace = { ...place, port: this.endpoint.port };
    this.#alpn = alpn;
    this.#stopped = defer();
    state.to('started');
  }

  /**
   * Takes no new connections. Those that wait can still be accepted, accepted ones live on, and so do the sockets they
   * use. Resolves when every connection that had begun is in the queue or over; `signal` ends the wait alone.
   */
  stop(options: WaitOptions = {}): Promise<void> {
    const { value } = this.#state;
    if (value === 'open' || value === 'starting')
      return Promise.reject(quicError('ERR_QUIC_LISTENER_NOT_STARTED'));
    if (value === 'stopped' || value === 'closed') return Promise.resolve();
    if (value === 'started') {
      this.#state.to('stopping');
      this.endpoint.setAcceptor(null);
      this.#arrivals.refuseAll();
      this.#checkStopped();
    }
    const waiting = defer<void>();
    void this.#stopped.promise.then(() => waiting.resolve());
    return abortable(waiting, options.signal, () => {});
  }

  /**
   * Takes no new connections, closes those never accepted, lets accepted ones finish for up to `drain` milliseconds
   * (default 0), closes the rest and frees the sockets. Idempotent; gives `closed`.
   */
  close(options: DrainOptions = {}): Promise<void> {
    if (this.state === 'closed') return this.#closed.promise;
    integer('drain', options.drain, 0, 2 ** 31 - 1, 0);
    this.#end(null);
    void this.#free(options);
    return this.#closed.promise;
  }

  /** Closes everything now; with an error, connections and waiting calls fail with it. */
  destroy(error?: Error): void {
    if (this.state === 'closed') return;
    this.#end(error ?? null);
    for (const connection of this.connections) connection.destroy(error);
    void this.#free({});
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Whether its sockets keep the process alive; they do by default. */
  ref(): void {
    this.endpoint.ref();
  }

  unref(): void {
    this.endpoint.unref();
  }

  /** Where the listener is bound, with the real port. Throws ERR_QUIC_LISTENER_NOT_STARTED unless it is started. */
  address(): SocketAddress {
    if (!this.#state.mayDeliver) throw quicError('ERR_QUIC_LISTENER_NOT_STARTED');
    return this.endpoint.address;
  }

  get port(): number {
    return this.address().port;
  }

  // ---- accepting ----

  /**
   * The next connection, in order. Its server is known and let the client in; its handshake may still go on: see
   * `connection.opened`.
   */
  accept(options: WaitOptions = {}): Promise<QuicConnection> {
    const queued = this.tryAccept();
    if (queued !== null) return Promise.resolve(queued);
    if (this.#state.mayDeliver) return this.#queue.wait(options.signal);
    const isBefore = this.state === 'open' || this.state === 'starting';
    return Promise.reject(isBefore ? quicError('ERR_QUIC_LISTENER_NOT_STARTED') : this.#finished());
  }

  /** The next connection if there is one. */
  tryAccept(): QuicConnection | null {
    const connection = this.#queue.shift() ?? null;
    if (connection !== null) this.#places.get(connection)?.delivered();
    return connection;
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

  /** Its connections that live, each once. */
  get connections(): QuicConnection[] {
    return [...this.#connections];
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** The connection that has this id now; null if none has. */
  findConnection(connectionId: Uint8Array): QuicConnection | null {
    const connection = this.endpoint.findConnection(connectionId);
    return connection !== null && this.#connections.has(connection) ? connection : null;
  }

  /** How many connections wait for the application, are in their handshake, and live. */
  get counts(): { pending: number; halfOpen: number; live: number } {
    const { pending, halfOpen, live } = this.#admission;
    return { pending, halfOpen, live };
  }

  /** What it decided about clients so far, and why some were turned away. */
  get counters(): ListenerCounters {
    return structuredClone(this.#counters);
  }

  // ---- servers ----

  /**
   * Adds a server for clients that ask for this name: a host name, `*.` and a host name for one label more, or `*` for
   * all others. What its options leave open it has from the listener. An error changes nothing: ERR_QUIC_SERVER_EXISTS,
   * ERR_QUIC_NO_IDENTITY, ERR_QUIC_LISTENER_FINISHED, those of arguments and of reading certificates and keys.
   */
  async addServer(name: string, options: AddServerOptions = {}): Promise<VirtualServer> {
    if (this.state === 'closed') throw this.#finished();
    return this.#registry.add(name, options);
  }

  /** Whether there was one. New handshakes for the name are refused from now on; its connections go on. */
  removeServer(name: string): boolean {
    return this.#registry.remove(name);
  }

  /** The server with exactly this name. */
  getServer(name: string): VirtualServer | undefined {
    return this.#registry.get(name);
  }

  /** In the order in which they were added. */
  serverNames(): string[] {
    return this.#servers.names;
  }

  /**
   * Binds a server to one interface more, or several, by their bind URIs: all or none, and those that it has are ignored.
   * Bound while the listener is started. ERR_QUIC_SERVER_NOT_FOUND, ERR_QUIC_BIND_URI…, ERR_QUIC_BIND.
   */
  bindInterfaces(name: string, uris: string | readonly string[]): Promise<void> {
    return this.#registry.bind(name, uris);
  }

  /**
   * Takes an interface from the servers of these names, by default from all. New clients are not taken there any more; its
   * socket stays while another server or a connection uses it, for connections at most `drain` milliseconds (default
   * 300,000). What is not bound, and names that nobody has, are ignored.
   */
  unbindInterface(
    uri: string,
    names?: string | readonly string[],
    options: ReleaseOptions = {},
  ): Promise<void> {
    return this.#registry.unbind(uri, names, options, this.#resolution.binds);
  }

  // ---- inside: lifecycle ----

  #place(options: StartOptions): BindPlace {
    const isGiven = options.address !== undefined || options.port !== undefined;
    if (isGiven && this.#parsed.binds !== undefined) {
      throw quicError('ERR_QUIC_INVALID_STATE', {
        message: 'The listener has bind URIs instead of address and port',
      });
    }
    if (!this.#ownsEndpoint || this.endpoint.environment.sockets.only !== undefined) {
      if (!isGiven) return {};
      throw quicError('ERR_QUIC_INVALID_STATE', {
        message: 'The endpoint or socket that was given to the listener says where it is bound',
      });
    }
    const { address = this.#parsed.place.address, port = this.#parsed.place.port ?? 0 } = options;
    const last = this.#lastPlace;
    // An ephemeral port stays while connections are on it.
    const isOnAgain = port === 0 && last !== null && last.address === address && this.#connections.size > 0;
    return { address, port: isOnAgain ? last.port : port };
  }

  async #bind(place: BindPlace): Promise<void> {
    if (this.#parsed.binds === undefined) await this.endpoint.bind(place);
    await this.#interfaces.open();
    const { ipv4, ipv6 } = this.#parsed.connection.transport.preferredAddress ?? {};
    if (ipv4 !== undefined) await this.endpoint.bindAt({ ...ipv4, family: 4 });
    if (ipv6 !== undefined) await this.endpoint.bindAt({ ...ipv6, family: 6 });
  }

  #checkStopped(): void {
    if (this.state !== 'stopping' || this.#unready > 0) return;
    void this.#release().then(() => {
      if (this.state !== 'stopping') return;
      this.#state.to('stopped');
      this.#queue.rejectWaiting(this.#finished());
      this.#stopped.resolve();
    });
  }

  /** Nothing new comes in; connections go on. */
  async #release(): Promise<void> {
    await Promise.all([this.#interfaces.close(), this.#ownsEndpoint ? this.endpoint.release() : null]);
  }

  /** From any state to 'closed'. */
  #end(error: Error | null): void {
    if (error !== null) {
      this.#failure = quicError('ERR_QUIC_LISTENER_FAILED', { reason: error.message, cause: error });
    }
    if (this.#state.mayDeliver && !this.endpoint.isClosed) this.endpoint.setAcceptor(null);
    this.#state.to('closed');
    this.#arrivals.refuseAll();
    for (let next = this.tryAccept(); next !== null; next = this.tryAccept()) next.destroy();
    this.#queue.rejectWaiting(this.#finished());
    this.#stopped.resolve();
  }

  async #free(options: DrainOptions): Promise<void> {
    if (this.#ownsEndpoint) await this.endpoint.close(options);
    else
      await Promise.all([
        this.#interfaces.close(),
        this.endpoint.closeConnections(this.connections, options),
      ]);
    this.#closed.resolve();
  }

  #finished(): QuicError {
    return this.#failure ?? quicError('ERR_QUIC_LISTENER_FINISHED');
  }

  // ---- inside: connections ----

  #acceptor(): Parameters<QuicEndpoint['setAcceptor']>[0] {
    return {
      isQuiet: this.#parsed.isQuiet,
      judge: (from, isValidated): Verdict => this.#admission.judge(from, isValidated),
      onIncoming: (incoming) => this.#onIncoming(incoming),
      onEndpointClosed: () => {
        this.#end(null);
        void this.endpoint.closed.then(() => this.#closed.resolve());
      },
    };
  }

  #onIncoming(incoming: Incoming): void {
    const place = this.#admission.enter(incoming.from);
    incoming.onExpired = () => place.gone();
    this.#arrivals.push({ incoming, place });
  }

  #answersTo({ incoming, place }: Arrival): IncomingAnswers {
    const { endpoint } = this;
    const { decisions } = this.#counters;
    const without = (decision: 'refuse' | 'retry' | 'ignore', answer: () => void) => () => {
      answer();
      place.gone();
      decisions[decision]++;
    };
    return {
      accept: (overrides) => {
        const host = this.#receptionHost(place);
        this.#unready++;
        const reception = new ServerReception(host, incoming, overrides);
        let connection: QuicConnection | null = null;
        try {
          connection = endpoint.accept(incoming, this.#parsed.connection, reception);
        } catch (error) {
          // Such as an application's generator of connection ids; once, as a flood would bring a flood.
          if (!this.#hasWarned) process.emitWarning(`A connection could not be made: ${error}`);
          this.#hasWarned = true;
        }
        if (connection === null) {
          place.gone();
          reception.lose();
        } else decisions.accept++;
        return connection;
      },
      refuse: without('refuse', () => endpoint.refuse(incoming)),
      retry: without('retry', () => endpoint.retry(incoming)),
      ignore: without('ignore', () => endpoint.ignore(incoming)),
    };
  }

  #receptionHost(place: Place): ReceptionHost {
    const { clock } = this.endpoint.environment;
    return {
      isQuiet: this.#parsed.isQuiet,
      alpn: this.#alpn,
      resolution: this.#resolution,
      counters: this.#counters,
      now: () => clock.now(),
      wallTime: () => clock.wallTime(),
      onMade: (connection, incoming) => this.#onMade(connection, incoming, place),
      onReady: (connection, settings, incoming) => this.#onReady(connection, settings, incoming, place),
      onLost: () => this.#readyOrLost(),
    };
  }

  #onMade(connection: QuicConnection, { originalDestinationId }: Incoming, place: Place): void {
    this.#connections.add(connection);
    this.#places.set(connection, place);
    place.began();
    const opened = () => place.opened();
    connection.opened.then(opened, opened);
    const gone = () => {
      place.gone();
      this.#connections.delete(connection);
    };
    connection.closed.then(gone, gone);
    const { onConnection } = this.#parsed;
    if (onConnection) runHandler(onConnection, connection, originalDestinationId);
  }

  #onReady(
    connection: QuicConnection,
    { onConnection }: ServerSettings,
    { originalDestinationId }: Incoming,
    place: Place,
  ): void {
    if (onConnection !== null) runHandler(onConnection, connection, originalDestinationId);
    const isTaken = onConnection !== null || Boolean(this.#parsed.onConnection);
    if (this.state === 'closed' && !isTaken) connection.destroy();
    else if (isTaken || this.#queue.push(connection)) place.delivered();
    else place.queued();
    this.#readyOrLost();
  }

  #readyOrLost(): void {
    this.#unready--;
    this.#checkStopped();
  }
}

const START_OPTION_NAMES: ReadonlySet<string> = new Set(['alpn', 'address', 'port']);
