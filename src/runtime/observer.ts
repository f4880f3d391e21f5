// Counts what happens on an endpoint, and tells whoever listens to diagnostics. Told by the endpoint; decides nothing. Where
// nobody listens, a message costs one look at a flag.

import type { ConnectionEvent } from '../connection/events.ts';
import type { QuicErrorCode } from '../errors.ts';
import type { DropReason } from '../routing/counters.ts';
import type { Incoming } from '../routing/incoming.ts';
import type { DatagramSocket } from '../udp/socket.ts';
import type { SocketAddress } from '../util/address.ts';
import type { QuicConnection } from './connection.ts';
import {
  connectionClose,
  connectionOpen,
  connectionStart,
  datagramDrop,
  type IncomingDecision,
  incomingDecided,
  interfaceChange,
  socketError,
} from './diagnostics.ts';
import type { DrivenConnection } from './driven-connection.ts';
import type { QuicEndpoint } from './endpoint.ts';
import type { InterfaceEvent } from './interfaces.ts';

/** Connections of one role since the endpoint was made. */
export interface RoleTotals {
  started: number;
  /** Handshakes that were completed. */
  opened: number;
  /** By the code of what ended them. That of an ordinary end is ERR_QUIC_APPLICATION_ERROR, too: an application closed it. */
  closed: Partial<Record<QuicErrorCode, number>>;
}

/** Packets of all connections. */
export interface PacketTotals {
  sent: number;
  lost: number;
  /** Counted as lost, and acknowledged later. */
  spuriouslyLost: number;
}

export class Observer {
  readonly client: RoleTotals = { started: 0, opened: 0, closed: {} };
  readonly server: RoleTotals = { started: 0, opened: 0, closed: {} };
  readonly #endpoint: QuicEndpoint;
  /** Those whose end was told. */
  readonly #ended: WeakSet<DrivenConnection> = new WeakSet();
  readonly #gone: PacketTotals = { sent: 0, lost: 0, spuriouslyLost: 0 };

  constructor(endpoint: QuicEndpoint) {
    this.#endpoint = endpoint;
  }

  /** Packets of the connections that are gone and of those that live. */
  packets(live: Iterable<DrivenConnection>): PacketTotals {
    const totals = { ...this.#gone };
    for (const { core } of live) addPackets(totals, core.recovery.counters);
    return totals;
  }

  // ---- from the endpoint ----

  onIncoming({ from, to }: Incoming, decision: IncomingDecision): void {
    if (incomingDecided.hasSubscribers)
      incomingDecided.publish({ endpoint: this.#endpoint, from, to, decision });
  }

  onStarted({ core, owner }: DrivenConnection): void {
    this.#role(core.isServer).started++;
    if (connectionStart.hasSubscribers)
      connectionStart.publish({ endpoint: this.#endpoint, connection: owner as QuicConnection });
  }

  onEvent(driven: DrivenConnection, event: ConnectionEvent): void {
    const { core, owner } = driven;
    const endpoint = this.#endpoint;
    const totals = this.#role(core.isServer);
    if (event.type === 'established') {
      totals.opened++;
      if (connectionOpen.hasSubscribers)
        connectionOpen.publish({ endpoint, connection: owner as QuicConnection });
    } else if ((event.type === 'closing' || event.type === 'closed') && !this.#ended.has(driven)) {
      const { error } = event;
      this.#ended.add(driven);
      totals.closed[error.code] = (totals.closed[error.code] ?? 0) + 1;
      if (connectionClose.hasSubscribers)
        connectionClose.publish({ endpoint, connection: owner as QuicConnection, error });
    }
  }

  onGone({ core }: DrivenConnection): void {
    addPackets(this.#gone, core.recovery.counters);
  }

  onDrop(from: SocketAddress, to: SocketAddress, size: number, reason: string): void {
    if (datagramDrop.hasSubscribers)
      datagramDrop.publish({ endpoint: this.#endpoint, from, to, size, reason: reason as DropReason });
  }

  onSocketError(error: Error, { localAddress }: DatagramSocket): void {
    if (socketError.hasSubscribers)
      socketError.publish({ endpoint: this.#endpoint, local: localAddress, error });
  }

  onInterfaceEvent(event: InterfaceEvent): void {
    if (interfaceChange.hasSubscribers) interfaceChange.publish({ endpoint: this.#endpoint, event });
  }

  #role(isServer: boolean): RoleTotals {
    return isServer ? this.server : this.client;
  }
}

function addPackets(
  totals: PacketTotals,
  counters: { packetsSent: number; packetsLost: number; packetsSpuriouslyLost: number },
): void {
  totals.sent += counters.packetsSent;
  totals.lost += counters.packetsLost;
  totals.spuriouslyLost += counters.packetsSpuriouslyLost;
}
