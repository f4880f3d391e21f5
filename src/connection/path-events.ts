// What happens to paths, told once each (quiche's `path_event_next`). Owns the queue for owners who ask path by path.

import type { SocketAddress } from '../util/address.ts';
import { Ring } from '../util/ring.ts';

export type PathEvent =
  /** Server: the client was heard from an address that was not known; it is being validated. */
  | { type: 'path-new'; local: SocketAddress; remote: SocketAddress }
  /** A path was validated, or not (RFC 9000 §8.2). */
  | { type: 'path-validated'; local: SocketAddress; remote: SocketAddress }
  | { type: 'path-failed'; local: SocketAddress; remote: SocketAddress }
  /** The path is forgotten: nothing is sent there any more, and what comes from there begins anew. */
  | { type: 'path-closed'; local: SocketAddress; remote: SocketAddress }
  /** Server: the client's address changed, and everything goes to the new one, which is validated. */
  | { type: 'peer-migrated'; local: SocketAddress; remote: SocketAddress }
  /** The peer sends on a new path to an id of ours that it used on another (RFC 9000 §9.5): a NAT, or a careless peer. */
  | {
      type: 'source-id-reused';
      sequence: number;
      oldLocal: SocketAddress;
      oldRemote: SocketAddress;
      local: SocketAddress;
      remote: SocketAddress;
    }
  /** For want of another, a new path uses the id of the peer that the active one uses. */
  | { type: 'destination-id-reused'; sequence: number; local: SocketAddress; remote: SocketAddress };

export class PathEvents {
  readonly #events: Ring<PathEvent> = new Ring();

  push(event: PathEvent): void {
    // Owners that read all events never ask for these.
    if (this.#events.length >= MAX_PATH_EVENTS) this.#events.shift();
    this.#events.push(event);
  }

  next(): PathEvent | null {
    return this.#events.shift() ?? null;
  }
}

/** The oldest go when nobody asks. */
const MAX_PATH_EVENTS = 128;
