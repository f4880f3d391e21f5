// One connection core in the loop: datagrams to its socket, its events to routing and to its owner, its deadline to the
// timer. Errors end the connection they happened in and nothing else.

import type { ConnectionCore } from '../connection/connection.ts';
import type { SendInfo } from '../connection/connection-io.ts';
import type { ConnectionEvent } from '../connection/events.ts';
import type { DatagramSocket } from '../udp/socket.ts';
import type { SocketAddress } from '../util/address.ts';
import type { BatchCounters } from './connection-stats.ts';
import type { Driven, Loop } from './loop.ts';

/** What the endpoint does for its connections. */
export interface ConnectionHost {
  readonly loop: Loop;
  /** The socket to send from a local address. */
  socketFor(local: SocketAddress): DatagramSocket | null;
  /** Opens one more socket, from which `remote` is reached. */
  bindTowards(remote: SocketAddress, local: { address?: string; port?: number }): Promise<SocketAddress>;
  /** A path from this address is over. */
  releaseSocket(local: SocketAddress): void;
  /** Routing's part of an event. */
  onRoutingEvent(connection: DrivenConnection, event: ConnectionEvent): void;
  /** The core is over. */
  onClosed(connection: DrivenConnection, now: number): void;
}

/** Who is told what happens: a QuicConnection. */
export interface ConnectionOwner {
  onEvent(event: ConnectionEvent, now: number): void;
  /** Streams changed. */
  onStreams(now: number): void;
  /** What a callback of the application threw: the connection ends for it. */
  onCallbackError(error: unknown): void;
  /** The system reported an error for the only peer of the socket. */
  onSocketError(error: Error & { code?: string }): void;
}

export class DrivenConnection implements Driven {
  heapIndex = -1;
  heapDeadline: number = Number.POSITIVE_INFINITY;
  sendQueued = false;
  deliverQueued = false;
  readonly core: ConnectionCore;
  owner: ConnectionOwner | null = null;
  readonly batches: BatchCounters = { flushes: 0, coalesced: 0 };
  /** What routing knows of it. */
  ids: Uint8Array[] = [];
  resetTokens: { token: Uint8Array; from: SocketAddress }[] = [];
  /** Goes to the server's preferred address with a socket of its own. */
  followsPreferred = false;
  /** Sends nothing: who is there is not to be seen yet. */
  isHeld = false;
  /** The id that a client made up, and the address it was used from. */
  original: { id: Uint8Array; from: SocketAddress } | null = null;
  readonly #host: ConnectionHost;
  /** A datagram that its socket had no room for. */
  #held: { bytes: Uint8Array; segmentSize: number; to: SocketAddress; from: SocketAddress } | null = null;
  #isOver = false;

  constructor(core: ConnectionCore, host: ConnectionHost) {
    this.core = core;
    this.#host = host;
  }

  receive(bytes: Uint8Array, from: SocketAddress, to: SocketAddress, ecn: number, now: number): void {
    try {
      INFO.from = from;
      INFO.to = to;
      INFO.ecn = ecn;
      this.core.recv(bytes, INFO, now);
    } catch {
      // The core closed itself and says why in its events.
    }
    this.#host.loop.touch(this);
  }

  /** Something was asked of the core: it may have events and datagrams now. */
  touch(): void {
    if (!this.#isOver) this.#host.loop.touch(this);
  }

  /** Written to: no events can have come of it. */
  wantSend(): void {
    if (!this.#isOver) this.#host.loop.wantSend(this);
  }

  /** Ends `isHeld`. */
  release(): void {
    this.isHeld = false;
    this.touch();
  }

  onTimeout(now: number): void {
    this.core.onTimeout(now);
  }

  /** Opens one more socket, from which `remote` is reached. */
  bindTowards(remote: SocketAddress, local: { address?: string; port?: number }): Promise<SocketAddress> {
    return this.#host.bindTowards(remote, local);
  }

  /** Frees a socket that `bindTowards` or the first connect opened, if nobody else uses it. */
  releaseSocket(local: SocketAddress): void {
    this.#host.releaseSocket(local);
  }

  deliver(now: number): void {
    for (;;) {
      const event = this.core.nextEvent();
      if (event === null) break;
      this.#host.onRoutingEvent(this, event);
      this.#tell((owner) => owner.onEvent(event, now));
      // A draining connection says nothing more: routing absorbs what comes for it, and the core can go.
      if (event.type === 'closed' || (event.type === 'closing' && this.core.state.value === 'draining')) {
        this.#isOver = true;
        this.#host.onClosed(this, now);
      }
    }
    if (!this.#isOver) this.#tell((owner) => owner.onStreams(now));
  }

  /** A callback of the application that throws ends its own connection, and nothing else. */
  #tell(say: (owner: ConnectionOwner) => void): void {
    if (this.owner === null) return;
    try {
      say(this.owner);
    } catch (error) {
      this.owner.onCallbackError(error);
    }
  }

  get segments(): number {
    const { local, mtu } = this.core.paths.active;
    const segments = this.#host.socketFor(local)?.capabilities.segments ?? 1;
    return segments > 1 ? Math.min(segments, Math.floor(MAX_BATCH / mtu)) : 1;
  }

  transmit(now: number, most: number): number {
    if (this.isHeld || (this.#held !== null && !this.#sendHeld())) return 0;
    const { core } = this;
    const { segments } = this;
    let sent = 0;
    while (sent < most) {
      const info = core.send(OUT, now, Math.min(segments, most - sent), null, null, SENT);
      if (info === null) break;
      const datagrams = info.length <= info.segmentSize ? 1 : Math.ceil(info.length / info.segmentSize);
      sent += datagrams;
      this.batches.flushes++;
      this.batches.coalesced += datagrams - 1;
      const socket = this.#host.socketFor(info.from);
      if (socket === null) continue;
      if (!socket.send(OUT, 0, info.length, info.to, info.segmentSize, info.ecn, info.from)) {
        const { segmentSize, to, from } = info;
        this.#held = { bytes: OUT.slice(0, info.length), segmentSize, to, from };
        return 0;
      }
    }
    // Reading the last byte ends a stream without a datagram: its owner is to hear of that too.
    if (core.hasEvents || core.streams.hasNotices || core.datagrams.hasNotices) this.#host.loop.touch(this);
    return sent;
  }

  deadline(): number {
    if (this.#isOver) return Number.POSITIVE_INFINITY;
    const { core } = this;
    // What could only be sent is not due.
    if (this.isHeld && core.state.isOpen)
      return Math.min(core.idle.handshakeDeadline, core.idle.idleDeadline(core.probeTimeout()));
    return core.timeoutAt() ?? Number.POSITIVE_INFINITY;
  }

  /** The system said something about a datagram of the socket; the owner may know what it means. */
  onSocketError(error: Error & { code?: string }, socket: DatagramSocket): void {
    if (socket.remoteAddress !== null) this.owner?.onSocketError(error);
  }

  /** The socket has room again. */
  onWritable(): void {
    if (this.#held !== null) this.wantSend();
  }

  #sendHeld(): boolean {
    const held = this.#held;
    if (held === null) return true;
    const socket = this.#host.socketFor(held.from);
    if (
      socket !== null &&
      !socket.send(held.bytes, 0, held.bytes.length, held.to, held.segmentSize, 0, held.from)
    ) {
      return false;
    }
    this.#held = null;
    return true;
  }
}

/** One datagram is built and handed to a socket at a time, so one buffer serves all connections. */
const OUT = new Uint8Array(65536);

const SENT: SendInfo = {
  length: 0,
  segmentSize: 0,
  from: {} as SocketAddress,
  to: {} as SocketAddress,
  ecn: 0,
  at: 0,
};

/** Bytes of the datagrams that one call takes: what one UDP datagram could hold over IPv4. */
const MAX_BATCH = 65_507;

const INFO = { from: {} as SocketAddress, to: {} as SocketAddress, ecn: 0 };
