// One path of a connection as its user sees it: two addresses, what is known of the way between them, and what can be done
// with it. The moves themselves are in migrations.ts.

import type { ConnectionCore } from '../connection/connection.ts';
import type { Path, PathState } from '../connection/path.ts';
import { quicError } from '../errors.ts';
import type { SocketAddress } from '../util/address.ts';

/** What a path does to its connection. */
export interface PathMoves {
  use(path: Path): Promise<void>;
  close(path: Path): void;
}

/** Numbers of a path; times in milliseconds. */
export interface PathStats {
  packetsSent: number;
  packetsReceived: number;
  packetsLost: number;
  bytesSent: number;
  bytesReceived: number;
  bytesInFlight: number;
  congestionWindow: number;
  smoothedRtt: number;
  /** Null before the first sample. */
  minRtt: number | null;
  /** Largest datagram that the path is known to carry, bytes. */
  mtu: number;
}

export class QuicPath {
  readonly #core: ConnectionCore;
  readonly #path: Path;
  readonly #moves: PathMoves;

  /** Made by a connection. */
  constructor(core: ConnectionCore, path: Path, moves: PathMoves) {
    this.#core = core;
    this.#path = path;
    this.#moves = moves;
  }

  get localAddress(): SocketAddress {
    return this.#path.local;
  }

  get remoteAddress(): SocketAddress {
    return this.#path.remote;
  }

  /** 'closed' once the connection has forgotten it. */
  get state(): PathState | 'closed' {
    return this.#core.paths.all.includes(this.#path) ? this.#path.state : 'closed';
  }

  /** Everything but probes goes this way. */
  get isActive(): boolean {
    return this.#core.paths.active === this.#path;
  }

  get stats(): PathStats {
    const { recovery, mtu, packetsSent, packetsReceived, bytesSent, bytesReceived } = this.#path;
    const { rtt, counters, congestion, bytesInFlight } = recovery;
    return {
      packetsSent,
      packetsReceived,
      packetsLost: counters.packetsLost,
      bytesSent,
      bytesReceived,
      bytesInFlight,
      congestionWindow: congestion.window,
      smoothedRtt: rtt.smoothed,
      minRtt: rtt.hasSample ? rtt.min : null,
      mtu,
    };
  }

  /**
   * Client: sends everything this way from now on; the path that was active stays to return to, while there are connection
   * ids for it. Rejects as `migrate` does, and with ERR_QUIC_INVALID_STATE for a closed path.
   */
  async use(): Promise<void> {
    if (this.state === 'closed') throw quicError('ERR_QUIC_INVALID_STATE', { message: 'The path is closed' });
    await this.#moves.use(this.#path);
  }

  /**
   * Forgets the path and frees its socket. Nothing happens to a path that is closed already; the active one cannot be
   * closed: ERR_QUIC_INVALID_STATE.
   */
  close(): void {
    if (this.state === 'closed') return;
    if (this.isActive) {
      throw quicError('ERR_QUIC_INVALID_STATE', { message: 'The active path cannot be closed' });
    }
    this.#moves.close(this.#path);
  }
}
