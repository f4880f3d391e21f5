/**
 * quayside: QUIC for Node.js. Listeners, connections and streams.
 * @module
 */

export { type ConnectOptions, type ConnectTarget, connect } from './client/connect.ts';
export type { LookupFunction } from './client/resolve.ts';
export { MemorySessionStore, type SessionStore, type TokenStore } from './client/session-store.ts';
export type { DatagramOptions } from './connection/datagram-options.ts';
export type { DatagramCounters, DatagramFate } from './connection/datagrams.ts';
export type { PathEvent } from './connection/path-events.ts';
export type { PskMode } from './connection/session-options.ts';
export type { CryptoOptions } from './connection/tls-options.ts';
export { KeyRing, type KeyRingInput, MAX_RING_KEYS } from './crypto/key-ring.ts';
export { QUIC_ERRORS, QuicError, type QuicErrorCode, type QuicErrorType } from './errors.ts';
export type {
  Authorization,
  Authorizer,
  CertificateRequest,
  NameRequest,
} from './listener/authorization.ts';
export { IncomingConnection, type IncomingHandler } from './listener/incoming-connection.ts';
export type { ServersByName } from './listener/listen.ts';
export type { ListenOptions } from './listener/listen-options.ts';
export { QuicListener, type StartOptions } from './listener/listener.ts';
export type { ListenerCounters, TurnAwayReason } from './listener/listener-counters.ts';
export type { ListenerState } from './listener/listener-state.ts';
export { type NamedListenerInfo, NamedListeners, namedListeners } from './listener/named-listeners.ts';
export { VirtualServer } from './listener/server.ts';
export type { IdentityOptions } from './listener/server-identity.ts';
export type { ServerInterface } from './listener/server-interfaces.ts';
export type {
  AddServerOptions,
  ConnectionHandler,
  HandlerInfo,
  ServerOptions,
} from './listener/server-options.ts';
export type { ResolvedServer, ServerResolver } from './listener/server-resolution.ts';
export { type RedisClient, RedisReplayStore } from './routing/redis-replay-store.ts';
export {
  MemoryReplayStore,
  type MemoryReplayStoreOptions,
  type ReplayStore,
} from './routing/replay-store.ts';
export type {
  NewTokenRequest,
  OpenedToken,
  RetryTokenRequest,
  TokenContext,
  TokenProvider,
} from './routing/tokens.ts';
export {
  type CloseInfo,
  type ConnectionInfo,
  QuicConnection,
} from './runtime/connection.ts';
export type { BatchCounters, ConnectionStats } from './runtime/connection-stats.ts';
export type { DiagnosticsMessages, IncomingDecision } from './runtime/diagnostics.ts';
export { toDuplex } from './runtime/duplex.ts';
export { QuicEndpoint } from './runtime/endpoint.ts';
export type { EndpointOptions } from './runtime/endpoint-options.ts';
export type { EndpointStats } from './runtime/endpoint-stats.ts';
export type { Backend, Environment } from './runtime/environment.ts';
export type {
  BoundInterface,
  InterfaceEvent,
  InterfaceState,
  Interfaces,
  ReleaseOptions,
} from './runtime/interfaces.ts';
export type { MigrateOptions } from './runtime/migrations.ts';
export { type NativeState, nativeState } from './runtime/native.ts';
export type { TransportOptions } from './runtime/options.ts';
export type { OtherDatagram } from './runtime/other-datagrams.ts';
export type { PathStats, QuicPath } from './runtime/path.ts';
export { QuicStream } from './runtime/stream.ts';
export type { StreamDeadline } from './runtime/stream-deadline.ts';
export type { OpenOptions, ReadOptions, WaitOptions, WriteOptions } from './runtime/stream-options.ts';
export type { ClientHelloInfo, EarlyDataState, ExternalPsk } from './tls/engine.ts';
export { type BindUri, parseBindUri, resolveBindUri } from './udp/bind-uri.ts';
export type { GivenSocket } from './udp/given-socket.ts';
export type { HandOver, ShardPlace } from './udp/hand-over.ts';
export { LocalHandOver } from './udp/local-hand-over.ts';
export { ProcessHandOver, type ProcessHandOverOptions } from './udp/process-hand-over.ts';
export type { DatagramHandler, DatagramSocket, SocketBackend, SocketFactory } from './udp/socket.ts';
export { formatAddress, type SocketAddress } from './util/address.ts';
export { listen } from './workers/listen.ts';
export type { WorkerListenOptions, WorkersOptions } from './workers/options.ts';
export { type WorkerHandler, type WorkerInfo, WorkerListener } from './workers/worker-listener.ts';
