// The largest datagram that each path carries (RFC 9000 §14.3, RFC 8899): probes upward once the handshake is confirmed,
// one probe at a time and only on the active path, and takes a size only when its probe was acknowledged. Where large
// packets vanish later, it goes back to what every path carries and searches again.

import { writePing } from '../wire/frame-writer.ts';
import { BASE_DATAGRAM_SIZE, MtuSearch } from './mtu-search.ts';
import { type PacketBuilder, type SendingPart, TokenKind } from './part.ts';
import type { Path } from './path.ts';

export class MtuDiscovery implements SendingPart {
  readonly #ceiling: () => number;
  readonly #maxProbes: () => number;
  /** Paths with a probe under way, by id: a path may be gone when its probe is judged. */
  readonly #probed: Map<number, Path> = new Map();
  #enabled = false;
  #now = 0;

  /** `ceiling` is the largest size that both ends allow, bytes of UDP payload; `maxProbes` go out of one size. */
  constructor(ceiling: () => number, maxProbes: () => number) {
    this.#ceiling = ceiling;
    this.#maxProbes = maxProbes;
  }

  /** Probing begins once the handshake is confirmed. */
  enable(): void {
    this.#enabled = true;
  }

  /** The size of the probe to send now on this path, or 0. */
  probeSize(path: Path, room: number, now: number): number {
    if (!this.#enabled || path.state !== 'validated') return 0;
    this.#now = now;
    const search = this.#searchOf(path);
    if (path.recovery.blackHole.isFound) {
      this.#setSize(path, BASE_DATAGRAM_SIZE);
      search.restart(path.mtu, this.#ceiling());
    }
    if (search.isInFlight) return 0;
    if (now >= search.raiseAt) search.restart(path.mtu, this.#ceiling());
    return search.size > room ? 0 : search.size;
  }

  /** Finds out anew what a path carries, beginning with what it is thought to carry. */
  revalidate(path: Path): void {
    const search = this.#searchOf(path);
    if (path.mtu > BASE_DATAGRAM_SIZE) search.revalidate(path.mtu);
    else search.restart(path.mtu, this.#ceiling());
  }

  write(packet: PacketBuilder): void {
    const { path } = packet;
    const search = this.#searchOf(path);
    writePing(packet.writer);
    packet.token(TokenKind.PING, search.size, path.id, 0);
    packet.writer.fill(0, packet.writer.remaining);
    search.isInFlight = true;
    this.#probed.set(path.id, path);
  }

  acked(_kind: number, size: number, pathId: number): void {
    const path = this.#take(pathId);
    if (path === null) return;
    const search = this.#searchOf(path);
    search.isInFlight = false;
    if (size < path.mtu) return;
    if (size > path.mtu) this.#setSize(path, size);
    search.advance(path.mtu, this.#ceiling(), this.#now);
  }

  lost(_kind: number, size: number, pathId: number): void {
    const path = this.#take(pathId);
    if (path === null) return;
    const search = this.#searchOf(path);
    if (!search.onLost(size, this.#maxProbes())) return;
    // A size that was in use does not pass any more.
    if (size <= path.mtu) this.#setSize(path, BASE_DATAGRAM_SIZE);
    search.advance(path.mtu, this.#ceiling(), this.#now);
  }

  #take(pathId: number): Path | null {
    const path = this.#probed.get(pathId) ?? null;
    this.#probed.delete(pathId);
    return path;
  }

  #searchOf(path: Path): MtuSearch {
    if (path.mtuSearch === null) {
      path.mtuSearch = new MtuSearch();
      path.mtuSearch.restart(path.mtu, this.#ceiling());
    }
    return path.mtuSearch;
  }

  #setSize(path: Path, size: number): void {
    path.mtu = size;
    path.recovery.setMaxDatagramSize(size);
    path.recovery.blackHole.reset();
  }
}
