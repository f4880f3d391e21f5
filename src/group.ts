/**
 * `quayside/group`: TCP, TLS, Unix socket and QUIC listeners behind one handler. Only re-exports.
 */

export { formatGroupAddress, type GroupAddress, type UnixAddress } from './group/address.ts';
export type { BackOffOptions } from './group/back-off.ts';
export type { ConnectionState } from './group/group-connection.ts';
export type { GroupListenerState } from './group/group-listener.ts';
export type {
  ConnectionContext,
  ConnectionFacts,
  ConnectionHandler,
  ConnectionOutcome,
  ErrorOrigin,
  GroupConnectionInfo,
  GroupHandler,
} from './group/handler.ts';
export { IdPool } from './group/id-pool.ts';
export { KillSwitch } from './group/kill-switch.ts';
export {
  type GroupEvents,
  type GroupOptions,
  ListenGroup,
  MAX_GROUP_CONNECTIONS,
  type ShutdownOptions,
} from './group/listen-group.ts';
export { parseListener } from './group/listener-text.ts';
export { SharedServer } from './group/shared-servers.ts';
export type { ConnectionSnapshot, ListenerSnapshot } from './group/snapshots.ts';
export type {
  ListenerKind,
  ListenerSpecification,
  ListenerTarget,
  QuicTarget,
  TcpTarget,
  TlsTarget,
  UnixTarget,
} from './group/specification.ts';
