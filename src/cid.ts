/**
 * `quayside/cid`: connection ids that load balancers route by (QUIC-LB): making them, reading them, and what well-known
 * balancers ask for. Only re-exports.
 * @module
 */

export { awsNlb, envoy, katran } from './routing/cid-presets.ts';
export type { ConnectionIds } from './routing/connection-ids.ts';
export { type DecodedConnectionId, decodeConnectionId } from './routing/decode-connection-id.ts';
export type { ConnectionIdGenerator } from './routing/id-generator.ts';
export { QuicLbCodec, type QuicLbId } from './routing/quic-lb-codec.ts';
export type { QuicLbAlgorithm, QuicLbLayout, QuicLbOptions } from './routing/quic-lb-options.ts';
