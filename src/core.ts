/**
 * `quayside/core`: the sans-IO connection, in the manner of quiche. No sockets, no timers; bytes, time and randomness come
 * in. See docs/api/core.md for its use and docs/api/quiche.md for quiche's names. Only re-exports.
 * @module
 */

export {
  type AcceptOptions,
  Connection,
  type ConnectOptions,
  type SendOptions,
  type StartOptions,
} from './connection/api.ts';
export type { CorePathStats, CoreStats } from './connection/api-stats.ts';
export type { CloseReason } from './connection/closer.ts';
export type { ConnectionIdSource, ServerAnswer, TransportConfig } from './connection/config.ts';
export type { ReceiveInfo, SendInfo } from './connection/connection-io.ts';
export { MAX_CONN_ID_LEN, MIN_CLIENT_INITIAL_LEN, PROTOCOL_VERSION } from './connection/constants.ts';
export type { DatagramOptions } from './connection/datagram-options.ts';
export type { DatagramFate, DatagramNotice } from './connection/datagrams.ts';
export type { ConnectionEvent } from './connection/events.ts';
export { externalKey } from './connection/external-key.ts';
export {
  CONGESTION_CONTROL_NAMES,
  CoreConfig,
  type CoreIdentity,
  type CoreOptions,
} from './connection/parse-config.ts';
export type { PathState } from './connection/path.ts';
export type { PathEvent } from './connection/path-events.ts';
export type { PskMode, SessionOptions } from './connection/session-options.ts';
export type { ReadResult, StreamChunk, StreamDirection } from './connection/streams/streams.ts';
export type { CryptoOptions } from './connection/tls-options.ts';
export { KeyRing, type KeyRingInput } from './crypto/key-ring.ts';
export { nodeProvider } from './crypto/node-provider.ts';
export { nodeRandom } from './crypto/node-random.ts';
export type { CryptoProvider, PrivateKey, RandomSource } from './crypto/provider.ts';
export { seededRandom } from './crypto/random.ts';
export {
  QUIC_ERRORS,
  QuicError,
  type QuicErrorCode,
  type QuicErrorType,
  TransportErrorCode,
  transportErrorName,
} from './errors.ts';
export { certificateAlert } from './pki/certificate-alert.ts';
export { type Identity, type IdentityOptions, loadIdentity } from './pki/identity.ts';
export { TrustAnchors, trustAnchors } from './pki/trust-anchors.ts';
export { type VerifyPeerOptions, verifyPeerCertificate } from './pki/verify-peer.ts';
export {
  type EncodeOptions,
  encodeRetry,
  encodeVersionNegotiation,
  isVersionSupported,
  type VersionNegotiationOptions,
} from './routing/encode-answers.ts';
export type { ClientHelloInfo, EarlyDataState, ExternalPsk } from './tls/engine.ts';
export type { DetailTrace, TracedConnection } from './trace/detail.ts';
export type { QlogOptions, QlogSink } from './trace/qlog.ts';
export type { QlogLevel } from './trace/qlog-events.ts';
export { NO_TRACE, type Trace } from './trace/trace.ts';
export { formatAddress, type SocketAddress, socketAddress } from './util/address.ts';
export { type ParsedHeader, parseHeader } from './wire/parse-header.ts';
export type { TransportParameters } from './wire/transport-parameters.ts';
