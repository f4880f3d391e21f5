// What the parts of a connection may ask of each other. The coordinator in connection.ts implements it; a part that
// needs less takes less.

import type { Recovery } from '../recovery/recovery.ts';
import type { Trace } from '../trace/trace.ts';
import type { TransportParameters } from '../wire/transport-parameters.ts';
import type { AckFrequency } from './ack-frequency.ts';
import type { Closer } from './closer.ts';
import type { ConnectionConfig, TransportConfig } from './config.ts';
import type { Control } from './control.ts';
import type { Datagrams } from './datagrams.ts';
import type { EarlyData } from './early-data.ts';
import type { EarlyPackets } from './early-packets.ts';
import type { ConnectionEvent } from './events.ts';
import type { FirstFlight } from './first-flight.ts';
import type { Handshake } from './handshake.ts';
import type { Idle } from './idle.ts';
import type { LocalIds } from './local-ids.ts';
import type { Migration } from './migration.ts';
import type { MtuDiscovery } from './mtu-discovery.ts';
import type { HeaderContext, SentPacketSink } from './packet-builder.ts';
import type { Paths } from './paths.ts';
import type { RemoteIds } from './remote-ids.ts';
import type { PacketNumberSpace } from './space.ts';
import type { StateMachine } from './state.ts';
import type { StreamDeadlines } from './stream-deadlines.ts';
import type { Streams } from './streams/streams.ts';
import type { VersionChoice } from './version-choice.ts';

export interface ConnectionParts extends SentPacketSink {
  readonly isServer: boolean;
  readonly config: ConnectionConfig;
  /** May be replaced once, by the answer to the ClientHello. */
  readonly transport: TransportConfig;
  readonly trace: Trace;
  readonly state: StateMachine;
  /** Initial, Handshake, Application. */
  readonly spaces: readonly PacketNumberSpace[];
  readonly recovery: Recovery;
  readonly paths: Paths;
  readonly localIds: LocalIds;
  readonly remoteIds: RemoteIds;
  readonly streams: Streams;
  readonly deadlines: StreamDeadlines;
  readonly datagrams: Datagrams;
  readonly handshake: Handshake;
  readonly firstFlight: FirstFlight;
  readonly control: Control;
  readonly closer: Closer;
  readonly idle: Idle;
  readonly mtu: MtuDiscovery;
  readonly ackFrequency: AckFrequency;
  readonly migration: Migration;
  readonly early: EarlyPackets;
  readonly earlyData: EarlyData;
  readonly header: HeaderContext;
  readonly versions: VersionChoice;
  /** The peer's parameters; defaults until they arrived. */
  readonly remoteParameters: TransportParameters;
  /** The peer's max_udp_payload_size (RFC 9000 §18.2). */
  readonly peerMaxUdpPayload: number;
  /** Anything but acknowledgements waits to be sent. */
  readonly hasPending: boolean;

  emit(event: ConnectionEvent): void;
  /** Takes over the transport part of a server's answer, before EncryptedExtensions. */
  applyTransport(changes: Partial<TransportConfig>): void;
  /** The peer's transport parameters, checked. */
  setRemoteParameters(parameters: TransportParameters): void;
  discardSpace(index: number): void;
  /** Keys to read a space with are there: packets that came too early are read now. */
  onReceiveKeys(space: number): void;
  /** The TLS handshake is complete. */
  onComplete(now: number): void;
  /** A Retry was heeded: the first flight goes out again to the new id, with the token. */
  onRetry(sourceId: Uint8Array, token: Uint8Array): void;
  /** A Version Negotiation packet was heeded: the first flight is made anew, in the version of the header. */
  restart(now: number): void;
  /** The handshake is confirmed (RFC 9001 §4.1.2). */
  onConfirmed(): void;
  /** The probe timeout of the active path without back-off, milliseconds. */
  probeTimeout(): number;
  /** Three probe timeouts: how long closing, draining and old keys last. */
  closingPeriod(): number;
}
