// What is known about a connection, for its user to read: who is at the other end, what was agreed on, how it goes.

import type { ConnectionCore } from '../connection/connection.ts';
import { groupName } from '../connection/tls-options.ts';
import type { EarlyDataState } from '../tls/engine.ts';
import { checkExport } from '../tls/exporter-arguments.ts';
import type { SocketAddress } from '../util/address.ts';
import { EMPTY } from '../util/bytes.ts';
import { clientNameOf } from './client-name.ts';
import { type BatchCounters, type ConnectionStats, statsOf } from './connection-stats.ts';

export abstract class ConnectionFacts {
  protected readonly core: ConnectionCore;
  /** What the client asks for, before the engine says it. */
  protected askedName: string | null;

  readonly #batches: BatchCounters;

  constructor(core: ConnectionCore, batches: BatchCounters) {
    this.core = core;
    this.#batches = batches;
    this.askedName = core.config.serverName;
  }

  get isOpen(): boolean {
    return this.core.state.value === 'established';
  }

  /** The name that the client asked for; null without one. */
  get serverName(): string | null {
    return this.core.handshake.engine.serverName ?? this.askedName;
  }

  /** Null until it is agreed. */
  get alpn(): string | null {
    return this.core.handshake.engine.alpn;
  }

  /** The session of an earlier connection replaced the certificates. */
  get isResumed(): boolean {
    return this.core.handshake.engine.resumed;
  }

  /** The session that the server gave last, for `connect`'s `session`; null before there is one. Keep it secret. */
  get session(): Uint8Array | null {
    return this.core.handshake.session;
  }

  /** What became of 0-RTT; 'offered' until the server has answered. Rejected data are sent again by themselves. */
  get earlyData(): EarlyDataState {
    return this.core.handshake.engine.earlyData;
  }

  get isServer(): boolean {
    return this.core.isServer;
  }

  get localAddress(): SocketAddress {
    return this.core.paths.active.local;
  }

  get remoteAddress(): SocketAddress {
    return this.core.paths.active.remote;
  }

  /** The peer's certificate, DER; null without one. */
  get peerCertificate(): Uint8Array | null {
    return this.core.handshake.engine.peerCertificates[0] ?? null;
  }

  /** The peer's chain, DER, leaf first. */
  get peerCertificates(): readonly Uint8Array[] {
    return this.core.handshake.engine.peerCertificates;
  }

  /** The common name in the client's certificate, once the handshake is complete; null without one. */
  get clientName(): string | null {
    return clientNameOf(this.core);
  }

  /** Counters, as plain numbers. */
  get stats(): ConnectionStats {
    return statsOf(this.core, this.#batches);
  }

  /** The group of the key agreement, as in the option `groups`; null until known. */
  get keyExchangeGroup(): string | null {
    return groupName(this.core.handshake.engine.group);
  }

  /** The congestion controller: 'cubic', 'reno' or 'bbr'. */
  get congestionControl(): string {
    return this.core.paths.active.recovery.congestion.name;
  }

  /** Client: the OCSP response that came with the server's certificate, DER; null unless asked for and stapled. */
  get ocspResponse(): Uint8Array | null {
    return this.core.handshake.engine.ocspResponse;
  }

  /** The QUIC version, 1 or 0x6b3343cf; final once `opened`. */
  get version(): number {
    return this.core.header.version.version;
  }

  /**
   * Keying material that both sides and nobody else have, the same for the same length (bytes), label and context, as
   * `tls.TLSSocket` gives it (RFC 8446 §7.5). Throws ERR_QUIC_INVALID_STATE before `opened`.
   */
  exportKeyingMaterial(length: number, label: string, context: Uint8Array = EMPTY): Uint8Array {
    checkExport(length, label, context);
    return this.core.handshake.engine.exporter(label, context, length);
  }
}
