// Sockets and routing, shared by listeners and clients: datagrams to connections, connections to sockets. Everything
// that a stranger sends ends in routing; nothing thrown in here leaves the loop.

import { ConnectionCore } from '../connection/connection.ts';
import type { ConnectionEvent } from '../connection/events.ts';
import { parseVersion, parseVersions } from '../connection/version-options.ts';
import type { KeyRing } from '../crypto/key-ring.ts';
import { quicError } from '../errors.ts';
import type { Incoming } from '../routing/incoming.ts';
import type { RouteResult } from '../routing/route-result.ts';
import type { Router } from '../routing/router.ts';
import type { TokenProvider } from '../routing/tokens.ts';
import type { DatagramSocket, SocketBackend } from '../udp/socket.ts';
import { addressKey, type SocketAddress } from '../util/address.ts';
import type { Timer } from '../util/clock.ts';
import { SUPPORTED_VERSIONS } from '../wire/versions.ts';
import type { Acceptor, Reception } from './acceptor.ts';
import { QuicConnection } from './connection.ts';
import { ConnectionRoutes } from './connection-routes.ts';
import { clientStart, serverStart } from './connection-starts.ts';
import { type Deferred, defer } from './deferred.ts';
import { type DrainOptions, Drains } from './drains.ts';
import { type ConnectionHost, DrivenConnection } from './driven-connection.ts';
import { type EndpointConnectionConfig, type Provided, provided } from './endpoint-config.ts';
import { ENDPOINT_OPTION_NAMES, type EndpointOptions } from './endpoint-options.ts';
import { endpointRouting } from './endpoint-routing.ts';
import { EndpointShard } from './endpoint-shard.ts';
import { type BindPlace, EndpointSockets, type SocketsOwner } from './endpoint-sockets.ts';
import { type EndpointStats, endpointStats } from './endpoint-stats.ts';
import { type Environment, environmentOf } from './environment.ts';
import type { BoundInterface, Interfaces } from './interfaces.ts';
import { type DatagramSink, Loop } from './loop.ts';
import type { MigrateOptions } from './migrations.ts';
import { Observer } from './observer.ts';
import { checkOptionNames, integer } from './options.ts';
import { OtherDatagrams } from './other-datagrams.ts';
import { answerQuestions, type HandshakeQuestions, type VerificationOptions } from './questions.ts';

/**
 * Errors: ERR_QUIC_BIND from `bind`, ERR_QUIC_ENDPOINT_CLOSED after `close`, ERR_QUIC_ENDPOINT_BUSY for a second
 * listener.
 */
export class QuicEndpoint implements ConnectionHost, SocketsOwner {
  readonly loop: Loop;
  readonly environment: Environment;
  /** The ring of the option `keys`; null without it. */
  readonly keys: KeyRing | null;
  readonly #router: Router<DrivenConnection>;
  readonly #routes: ConnectionRoutes;
  readonly #versions: readonly number[];
  readonly #connections: Map<DrivenConnection, QuicConnection> = new Map();
  readonly #tokens: TokenProvider;
  readonly #shard: EndpointShard;
  readonly #sockets: EndpointSockets;
  readonly #others: OtherDatagrams;
  readonly #routerTimer: Timer;
  readonly #drains: Drains = new Drains();
  readonly #observer: Observer = new Observer(this);
  readonly #closed: Deferred<void> = defer();
  #acceptor: Acceptor | null = null;
  #isClosed = false;

  constructor(options: EndpointOptions = {}) {
    checkOptionNames(options, OPTION_NAMES, 'options');
    this.environment = environmentOf(options);
    const { clock, sockets } = this.environment;
    this.#versions = parseVersions(options.versions) ?? SUPPORTED_VERSIONS;
    this.loop = new Loop(clock);
    this.#shard = new EndpointShard(options);
    this.#others = new OtherDatagrams(options.onOtherDatagram);
    const { router, tokens, keys } = endpointRouting(options, this.environment, this.#versions);
    this.#router = router;
    this.#routes = new ConnectionRoutes(router);
    this.#tokens = tokens;
    this.keys = keys;
    this.#sockets = new EndpointSockets(
      this.#shard.sockets(sockets),
      { reusePort: this.#shard.needsReusePort(sockets), ...options },
      this,
      this.#observer,
    );
    this.#routerTimer = clock.createTimer(() => this.#expire());
    this.#routerTimer.unref();
  }

  // ---- sockets ----

  /**
   * Binds an address and port, by default those of the options, all sockets or none. Called again for the same, it gives
   * the same interface; for another one, that before is released.
   */
  bind(at: BindPlace = {}): Promise<BoundInterface> {
    return this.#joined(() => this.#sockets.bind(this.environment.sockets.only ?? at), at);
  }

  /** Gives up what `bind` bound. Sockets that connections use stay until those are gone; `bind` takes them up again. */
  release(): Promise<void> {
    return this.#sockets.releaseOwn();
  }

  /** Binds one more interface by its URI, or joins those who have it bound; see `Interfaces`. */
  bindInterface(uri: string): Promise<BoundInterface> {
    return this.#joined(() => this.#sockets.interfaces.bind(uri), null);
  }

  get interfaces(): Interfaces {
    return this.#sockets.interfaces;
  }

  /** For a client: one socket that only this peer reaches. */
  bindTo(remote: SocketAddress): Promise<void> {
    return this.#sockets.bindTo(remote);
  }

  /** For a listener: one more socket, such as one for its preferred address. */
  bindAt(address: SocketAddress): Promise<void> {
    return this.#sockets.bindAt(address);
  }

  /**
   * For clients: moves all connections that are open to new sockets, as after a change of network. Resolves when each
   * server was heard on the new path; rejects as `QuicConnection.migrate` does.
   */
  async rebind(options: MigrateOptions = {}): Promise<void> {
    const clients = this.connections.filter((connection) => !connection.isServer && connection.isOpen);
    await Promise.all(clients.map((connection) => connection.migrate(options)));
  }

  /** Where the first socket is bound. Throws ERR_QUIC_LISTENER_NOT_STARTED before `bind`. */
  get address(): SocketAddress {
    return this.#sockets.address;
  }

  /** Where all sockets are bound. */
  get addresses(): SocketAddress[] {
    return this.#sockets.addresses;
  }

  get port(): number {
    return this.address.port;
  }

  get connections(): QuicConnection[] {
    return [...this.#connections.values()];
  }

  /** The connection that has this id now. */
  findConnection(connectionId: Uint8Array): QuicConnection | null {
    const driven = this.#router.find(connectionId);
    return driven === undefined ? null : (this.#connections.get(driven) ?? null);
  }

  /** What was routed, answered, dropped and why. */
  get counters(): Router<DrivenConnection>['counters'] {
    return this.#router.counters;
  }

  /** Entries in routing's tables. */
  get sizes(): Router<DrivenConnection>['sizes'] {
    return this.#router.sizes;
  }

  /** What moves its datagrams. */
  get backend(): SocketBackend {
    return this.environment.sockets.backend;
  }

  /** All numbers: what it counted since it was made, and what is there now. */
  stats(): EndpointStats {
    return endpointStats(this.#observer, this.#connections.keys(), this.#sockets, this.#router, this.loop);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  ref(): void {
    this.#sockets.ref();
  }

  unref(): void {
    this.#sockets.unref();
  }

  /** QUIC versions of its connections, preferred first. */
  get versions(): readonly number[] {
    return this.#versions;
  }

  // ---- listening ----

  /** One listener at a time takes unknown connections; null stops taking them. */
  setAcceptor(acceptor: Acceptor | null): void {
    if (this.#isClosed && acceptor !== null) throw quicError('ERR_QUIC_ENDPOINT_CLOSED');
    if (acceptor !== null && this.#acceptor !== null) throw quicError('ERR_QUIC_ENDPOINT_BUSY');
    this.#acceptor = acceptor;
    const router = this.#router;
    router.admission = acceptor === null ? 'refuse' : 'accept';
    router.gate = acceptor === null ? null : (from, isValidated) => acceptor.judge(from, isValidated);
    if (acceptor !== null) router.isQuiet = acceptor.isQuiet;
  }

  /** Makes the connection that an incoming one asks for. Null if it was decided before. */
  accept(incoming: Incoming, config: EndpointConnectionConfig, reception: Reception): QuicConnection | null {
    const { loop } = this;
    const now = loop.clock.now();
    const datagrams = this.#router.accept(incoming, now);
    if (datagrams === null) return null;
    this.#observer.onIncoming(incoming, 'accept');
    const id = this.#router.idSource.next();
    const core = new ConnectionCore(
      { ...config, version: incoming.version.version, ...this.#provided(config) },
      serverStart(incoming, id),
      now,
    );
    const driven = this.#add(core, id.connectionId, reception.questions);
    const connection = driven.owner as QuicConnection;
    this.#routes.addOriginal(driven, incoming.destinationId, incoming.from);
    driven.isHeld = reception.isHeld;
    reception.onMade(connection, () => driven.release());
    datagrams.forEach((datagram, i) => {
      driven.receive(datagram, incoming.from, incoming.to, incoming.marks[i], now);
    });
    return connection;
  }

  /** Answers with CONNECTION_REFUSED. */
  refuse(incoming: Incoming): void {
    this.#observer.onIncoming(incoming, 'refuse');
    this.#answer(incoming, this.#router.refuse(incoming, this.loop.clock.now()));
  }

  /** Answers with a Retry. Throws ERR_QUIC_INVALID_STATE if the client followed one already. */
  retry(incoming: Incoming): void {
    const { clock } = this.loop;
    this.#observer.onIncoming(incoming, 'retry');
    this.#answer(incoming, this.#router.retry(incoming, clock.now(), clock.wallTime()));
  }

  /** Says nothing. */
  ignore(incoming: Incoming): void {
    this.#observer.onIncoming(incoming, 'ignore');
    this.#router.ignore(incoming, this.loop.clock.now());
  }

  // ---- connecting ----

  /** Starts a connection to an address. It is opening when this returns. */
  connect(
    remote: SocketAddress,
    config: EndpointConnectionConfig,
    verification: VerificationOptions,
  ): QuicConnection {
    if (this.#isClosed) throw quicError('ERR_QUIC_ENDPOINT_CLOSED');
    const local = this.#sockets.localTowards(remote);
    if (local === null) {
      throw quicError('ERR_QUIC_CONNECT_FAILED', {
        message: `The endpoint has no IPv${remote.family} socket`,
      });
    }
    const now = this.loop.clock.now();
    const { connectionId } = this.#router.idSource.next();
    const { isConnected } = this.#sockets;
    // A connected socket cannot follow.
    const transport = isConnected ? { ...config.transport, followPreferredAddress: false } : config.transport;
    const version = parseVersion(undefined, this.#versions);
    const core = new ConnectionCore(
      { ...config, version, ...this.#provided({ ...config, transport }) },
      clientStart(local, remote, connectionId, this.environment.random),
      now,
    );
    const driven = this.#add(core, connectionId, answerQuestions(verification, this.loop.clock));
    driven.followsPreferred = isConnected && config.transport.followPreferredAddress;
    driven.touch();
    return driven.owner as QuicConnection;
  }

  // ---- ending ----

  /**
   * Stops listening, lets connections finish for up to `drain` milliseconds (default 0), closes those that are left
   * and frees the sockets. Idempotent; gives `closed`.
   */
  close(options: DrainOptions = {}): Promise<void> {
    if (this.#isClosed) return this.#closed.promise;
    const drain = integer('drain', options.drain, 0, 2 ** 31 - 1, 0);
    this.#router.admission = 'refuse';
    void this.#finish(drain, options.signal);
    return this.#closed.promise;
  }

  /** Closes some of its connections, as `close` does with all of them. */
  async closeConnections(connections: Iterable<QuicConnection>, options: DrainOptions = {}): Promise<void> {
    const all = [...connections].map((connection) => this.#drivenOf.get(connection) as DrivenConnection);
    const left = (): DrivenConnection[] => all.filter((driven) => this.#connections.has(driven));
    const drain = integer('drain', options.drain, 0, 2 ** 31 - 1, 0);
    await this.#drains.wait(() => left().length === 0, drain, options.signal, this.loop.clock);
    if (!this.#isClosed) this.#closeNow(left());
  }

  /** Closes everything now. */
  destroy(): void {
    void this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---- for connections ----

  socketFor(local: SocketAddress): DatagramSocket | null {
    return this.#sockets.for(local);
  }

  bindTowards(remote: SocketAddress, local: { address?: string; port?: number }): Promise<SocketAddress> {
    return this.#sockets.bindTowards(remote, local);
  }

  releaseSocket(local: SocketAddress): void {
    if (!this.addressesInUse().has(addressKey(local))) this.#sockets.release(local);
  }

  onRoutingEvent(driven: DrivenConnection, event: ConnectionEvent): void {
    this.#observer.onEvent(driven, event);
    this.#routes.onEvent(driven, event);
    if (event.type === 'confirmed' && driven.core.isServer && driven.core.state.isOpen)
      this.#giveToken(driven.core);
  }

  onClosed(driven: DrivenConnection, now: number): void {
    const connection = this.#connections.get(driven);
    if (connection === undefined) return;
    this.#connections.delete(driven);
    this.#observer.onGone(driven);
    this.loop.remove(driven);
    this.#routes.onClosed(driven, now);
    this.#armRouter();
    this.#drains.check();
    this.#sockets.onConnectionGone();
  }

  // ---- from the sockets ----

  addressesInUse(): ReadonlySet<string> {
    const paths = [...this.#connections.keys()].flatMap(({ core }) => core.paths.all);
    return new Set(paths.map(({ local }) => addressKey(local)));
  }

  onDatagram(
    socket: DatagramSocket,
    bytes: Uint8Array,
    from: SocketAddress,
    to: SocketAddress,
    ecn: number,
    now: number,
  ): void {
    const result = this.#router.route(bytes, from, to, now, this.loop.wallTime, ecn);
    if (result.kind !== 'foreign') this.#act(result, socket, bytes, from, to, ecn, now);
    else if (!this.#shard.send(result.shard, bytes, from, to, ecn)) this.counters.dropped['foreign-id']++;
  }

  /** Somebody else received it, and our shard is in its id. Whatever it is, it is not handed over again. */
  readonly #onHandedOver: DatagramSink = (bytes, from, to, ecn, now) => {
    const result = this.#router.route(bytes, from, to, now, this.loop.wallTime, ecn);
    if (result.kind === 'foreign') this.counters.dropped['foreign-id']++;
    else this.#act(result, this.socketFor(to), bytes, from, to, ecn, now);
  };

  #act(
    result: RouteResult<DrivenConnection>,
    socket: DatagramSocket | null,
    bytes: Uint8Array,
    from: SocketAddress,
    to: SocketAddress,
    ecn: number,
    now: number,
  ): void {
    switch (result.kind) {
      case 'connection':
        result.connection?.receive(bytes, from, to, ecn, now);
        return;
      case 'incoming':
        if (result.incoming !== null) this.#offer(result.incoming, now);
        return;
      case 'reply':
        socket?.send(result.reply, 0, result.reply.length, from, 0, 0, to);
        return;
      default:
        if (result.kind !== 'drop' || this.#others.take(bytes, from, to, socket)) return;
        this.#observer.onDrop(from, to, bytes.length, result.reason);
    }
  }

  onSocketWritable(): void {
    for (const driven of this.#connections.keys()) driven.onWritable();
  }

  onSocketError(error: Error, socket: DatagramSocket): void {
    for (const driven of this.#connections.keys()) driven.onSocketError(error, socket);
  }

  // ---- inside ----

  #joined<T>(bind: () => Promise<T>, at: BindPlace | null): Promise<T> {
    if (!this.#shard.isShared) return bind();
    return this.#shard.join((...datagram) => this.loop.receive(...datagram, this.#onHandedOver), bind, at);
  }

  /** Spares the client a Retry next time (RFC 9000 §8.1.3). */
  #giveToken({ control, paths, header }: ConnectionCore): void {
    const wallTime = this.loop.clock.wallTime();
    const { version } = header.version;
    try {
      control.sendToken(this.#tokens.makeNew({ address: paths.active.remote, version, wallTime }));
    } catch {
      // The application's tokens fail: there is none this time, and the connection goes on.
    }
  }

  readonly #drivenOf: WeakMap<QuicConnection, DrivenConnection> = new WeakMap();

  #offer(incoming: Incoming, now: number): void {
    try {
      if (this.#acceptor === null || !this.#sockets.accepts(incoming.to)) this.refuse(incoming);
      else this.#acceptor.onIncoming(incoming, now);
    } catch {
      // An acceptor that fails refuses; the others' connections go on.
      this.refuse(incoming);
    }
    this.#armRouter();
  }

  #answer(incoming: Incoming, bytes: Uint8Array | null): void {
    if (bytes === null) return;
    this.socketFor(incoming.to)?.send(bytes, 0, bytes.length, incoming.from, 0, 0, incoming.to);
    this.#armRouter();
  }

  #add(core: ConnectionCore, connectionId: Uint8Array, questions: HandshakeQuestions): DrivenConnection {
    const driven = new DrivenConnection(core, this);
    const { clock } = this.loop;
    const connection = new QuicConnection(driven, questions, () => clock.now());
    driven.owner = connection;
    this.#connections.set(driven, connection);
    this.#drivenOf.set(connection, driven);
    this.#routes.add(driven, connectionId);
    this.#observer.onStarted(driven);
    return driven;
  }

  #provided(config: EndpointConnectionConfig): Provided {
    const wallTime = this.loop.clock.wallTime();
    return provided(config, this.environment, this.#router.idSource, this.#versions, wallTime);
  }

  #expire(): void {
    this.#router.expire(this.loop.clock.now());
    this.#armRouter();
  }

  #armRouter(): void {
    this.#routerTimer.set(this.#router.deadline);
  }

  async #finish(drain: number, signal: AbortSignal | undefined): Promise<void> {
    const error = quicError('ERR_QUIC_ENDPOINT_CLOSED');
    const { clock } = this.loop;
    this.#acceptor?.onEndpointClosed(error);
    this.#acceptor = null;
    await this.#drains.wait(() => this.#connections.size === 0, drain, signal, clock);
    this.#isClosed = true;
    this.#closeNow([...this.#connections.keys()]);
    for (const driven of this.#connections.keys()) {
      this.loop.remove(driven);
      this.#observer.onGone(driven);
    }
    this.#connections.clear();
    this.#routerTimer.clear();
    await this.#shard.leave();
    await this.#sockets.close();
    this.#closed.resolve();
  }

  #closeNow(connections: readonly DrivenConnection[]): void {
    for (const driven of connections) {
      void (driven.owner as QuicConnection).close();
      // The CONNECTION_CLOSE leaves now, not in the turn that would come.
      const now = this.loop.clock.now();
      driven.transmit(now, 1);
      driven.deliver(now);
    }
  }
}

const OPTION_NAMES: ReadonlySet<string> = new Set(ENDPOINT_OPTION_NAMES);
