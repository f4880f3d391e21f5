// What a group shows of itself: plain data of one moment. Everything that was asked for in one turn fits together.

import type { GroupAddress } from './address.ts';
import type { ConnectionState, GroupConnection } from './group-connection.ts';
import type { GroupListener, GroupListenerState } from './group-listener.ts';
import type { ListenerKind } from './specification.ts';

export interface ListenerSnapshot<LId = unknown> {
  readonly id: LId;
  readonly kind: ListenerKind;
  /** The real address; null before the first bind. */
  readonly address: GroupAddress | null;
  readonly state: GroupListenerState;
  /** When it was registered. */
  readonly startedAt: Date;
  /** How many connections it has. */
  readonly connections: number;
}

export interface ConnectionSnapshot<LId = unknown, Data = undefined> {
  readonly id: number;
  readonly listenerId: LId;
  /** Its listener is gone: it was killed and its connections were kept, or it failed. */
  readonly isOrphan: boolean;
  readonly kind: ListenerKind;
  readonly localAddress: GroupAddress;
  readonly remoteAddress: GroupAddress;
  readonly alpn: string | null;
  readonly serverName: string | null;
  readonly cipher: string | null;
  readonly state: ConnectionState;
  /** What `connected` returned; undefined until then. */
  readonly data: Data | undefined;
  readonly startedAt: Date;
  /** Streams that are open. */
  readonly streams: number;
  /** Of the socket; of a QUIC connection those of its datagrams. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

export function listenerSnapshot<LId, Data>(listener: GroupListener<LId, Data>): ListenerSnapshot<LId> {
  const { id, kind, address, state, startedAt, connections } = listener;
  return { id, kind, address, state, startedAt, connections: connections.size };
}

export function connectionSnapshot<LId, Data>(
  connection: GroupConnection<LId, Data>,
  isOrphan: boolean,
): ConnectionSnapshot<LId, Data> {
  const { info, link, state, data, startedAt } = connection;
  const { kind, alpn, serverName, cipher } = info;
  // A QUIC client may have moved since.
  const { localAddress, remoteAddress } = link.connection ?? info;
  return {
    id: info.connectionId,
    listenerId: info.listenerId,
    isOrphan,
    kind,
    localAddress,
    remoteAddress,
    alpn,
    serverName,
    cipher,
    state,
    data,
    startedAt,
    streams: link.streams,
    bytesReceived: link.bytesReceived,
    bytesSent: link.bytesSent,
  };
}
