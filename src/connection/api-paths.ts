// Paths and connection ids of the public core, in quiche's semantics (RFC 9000 §5.1, §9).

import { invalidArgType, invalidArgValue, outOfRange, quicError } from '../errors.ts';
import { type SocketAddress, sameAddress, socketAddress } from '../util/address.ts';
import { copyBytes } from '../util/bytes.ts';
import { ConnectionDatagrams } from './api-datagrams.ts';
import { switchCongestionControl } from './congestion-choice.ts';
import type { Path } from './path.ts';
import type { PathEvent } from './path-events.ts';

/** Paths and connection ids of a {@link Connection}. */
export abstract class ConnectionPaths extends ConnectionDatagrams {
  // ---- paths ----

  /**
   * Client: asks whether the server answers between these addresses; 'path-validated' or, after three probe timeouts,
   * 'path-failed' will tell. A known path is asked again; calls before the next `send` are one. Gives the sequence number
   * of the id of the peer that is used there.
   *
   * Throws `QuicError`: ERR_QUIC_INVALID_STATE on a server, before the handshake is confirmed, once the connection closes,
   * or for another local address if the server asked not to migrate; ERR_QUIC_OUT_OF_IDENTIFIERS without a spare id of
   * either side.
   */
  probePath(local: SocketAddress, peer: SocketAddress, now: number): number | bigint {
    const [from, to] = addressesOf(local, peer);
    return this.core.migration.probePath(from, to, now);
  }

  /**
   * Client: sends everything between these addresses from now on, and probes them unless they are validated. Where that
   * fails the connection returns to a path that works, or closes with NO_VIABLE_PATH. Nothing for the active path.
   * Gives the sequence number of the id of the peer that is used there. Throws what `probePath` throws.
   */
  migrate(local: SocketAddress, peer: SocketAddress, now: number): number | bigint {
    const [from, to] = addressesOf(local, peer);
    return this.core.migration.migrate(from, to, now);
  }

  /** `migrate` to another local address, with the same one of the peer. */
  migrateSource(local: SocketAddress, now: number): number | bigint {
    return this.migrate(local, this.core.paths.active.remote, now);
  }

  /**
   * Forgets a path that is not the active one, and gives its id back to the peer. Throws ERR_QUIC_INVALID_STATE for the
   * active path and for an unknown one.
   */
  closePath(local: SocketAddress, peer: SocketAddress): void {
    const path = this.pathBetween(local, peer);
    if (path === this.core.paths.active)
      throw quicError('ERR_QUIC_INVALID_STATE', { message: 'The active path cannot be closed' });
    this.core.paths.close(path);
  }

  /** What happened to a path; null if nothing did. Each is told once here and once by `nextEvent`. */
  nextPathEvent(): PathEvent | null {
    return this.core.paths.events.next();
  }

  /** The addresses of the peer that are reachable, or may be, from a local address. */
  paths(local: SocketAddress): SocketAddress[] {
    const usable = this.core.paths.all.filter((path) => path.state !== 'failed');
    return usable.filter((path) => sameAddress(path.local, local)).map((path) => path.remote);
  }

  /** Throws ERR_QUIC_INVALID_STATE for an unknown path. */
  isPathValidated(local: SocketAddress, peer: SocketAddress): boolean {
    return this.pathBetween(local, peer).state === 'validated';
  }

  /** Makes the next packet ack-eliciting (RFC 9000 §19.2); several calls before it are one. Nothing once closing. */
  ping(_now: number): void {
    if (this.core.state.isOpen) this.core.control.ping();
  }

  /** The same for one path. Throws ERR_QUIC_INVALID_STATE for an unknown one. */
  pingOnPath(local: SocketAddress, peer: SocketAddress, now: number): void {
    if (!this.core.state.isOpen) return;
    const path = this.pathBetween(local, peer);
    if (path === this.core.paths.active) this.ping(now);
    else this.core.paths.probe(path, now);
  }

  /** Bytes that may leave the active path in one burst, for segmentation offload. */
  get sendQuantum(): number {
    return this.core.paths.active.recovery.sendQuantum;
  }

  /** The same for one path; 0 for an unknown one. */
  sendQuantumOnPath(local: SocketAddress, peer: SocketAddress): number {
    const path = this.core.paths.find(local, peer);
    return path === null ? 0 : path.recovery.sendQuantum;
  }

  /** The controller of the active path: 'cubic', 'reno' or 'bbr'. */
  get congestionControl(): string {
    return this.core.paths.active.recovery.congestion.name;
  }

  /**
   * Puts another controller in charge of all paths, which goes on from the present window. Throws
   * ERR_QUIC_CONGESTION_CONTROL for a name that is not in `CONGESTION_CONTROL_NAMES`.
   */
  setCongestionControl(name: string): void {
    switchCongestionControl(this.core, name);
  }

  /** Datagrams are spread over the round trip; what `send` gives says when each should leave. */
  get isPacingEnabled(): boolean {
    return this.core.transport.pacing;
  }

  /** Largest UDP payload that `send` makes now: 1200 until established, then what the active path carries. */
  get maxSendUdpPayloadSize(): number {
    return this.core.handshake.isComplete ? Math.min(this.pmtu, MAX_SEND_UDP_PAYLOAD_SIZE) : 1200;
  }

  /** Largest UDP payload that the active path is known to carry. */
  get pmtu(): number {
    return this.core.paths.active.mtu;
  }

  /** Finds out anew what the active path carries, beginning with what it is thought to carry (RFC 8899). */
  revalidatePmtu(): void {
    const { paths, mtu, control, state } = this.core;
    if (!state.isOpen) return;
    mtu.revalidate(paths.active);
    // A probe leaves with the next datagram; without traffic there would be none.
    control.ping();
  }

  // ---- connection ids ----

  /** The id that we ask the peer to use: the oldest that it has not retired. */
  get sourceId(): Uint8Array {
    return copyBytes(this.core.localIds.current);
  }

  /** All ids that the peer may use. */
  sourceIds(): Uint8Array[] {
    return this.core.localIds.all().map((id) => copyBytes(id));
  }

  /** The id that packets on the active path go to. */
  get destinationId(): Uint8Array {
    return copyBytes(this.core.paths.active.remoteId.connectionId);
  }

  /** Ids of ours that the peer has not retired. */
  get activeSourceCids(): number {
    return this.core.localIds.length;
  }

  /** Ids of ours that the peer keeps at most. */
  get maxActiveSourceCids(): number {
    const { localIds } = this.core;
    return localIds.isZeroLength ? 1 : localIds.length + localIds.left;
  }

  /** Ids that can be issued before the peer's limit is reached; 0 for ids of no length. */
  get sourceCidsLeft(): number {
    return this.core.localIds.left;
  }

  /**
   * Gives the peer another id with the token for stateless resets to it, and returns its sequence number; the same id
   * with the same token again gives the same number. With `retireIfNeeded`, the oldest id is retired at the peer's limit.
   *
   * The id is as long as the connection's others: packets with short headers do not tell (RFC 9000 §17.3.1).
   *
   * Throws `QuicError`: ERR_QUIC_ID_LIMIT at the limit, ERR_QUIC_INVALID_STATE if the id was issued with another token or
   * this connection uses ids of no length.
   */
  newSourceCid(scid: Uint8Array, resetToken: Uint8Array, retireIfNeeded: boolean = false): number {
    checkId('scid', scid);
    if (!(resetToken instanceof Uint8Array) || resetToken.length !== 16) {
      throw invalidArgType('resetToken', 'a Uint8Array of 16 bytes', resetToken);
    }
    const { localIds } = this.core;
    const { length } = localIds.current;
    if (scid.length !== length && !localIds.isZeroLength) {
      throw outOfRange('scid.length', `${length}, as of the connection's other ids`, scid.length);
    }
    return localIds.issue(copyBytes(scid), copyBytes(resetToken), retireIfNeeded);
  }

  /** How many ids `nextRetiredScid` has to give. */
  get retiredScids(): number {
    return this.core.localIds.retiredCount;
  }

  /** The next id of ours that the peer retired, so that a router can drop it; null if there is none. */
  nextRetiredScid(): Uint8Array | null {
    return this.core.localIds.nextRetired();
  }

  /** Ids of the peer that no path uses; 0 if the peer uses ids of no length. */
  get availableDcids(): number {
    return this.core.remoteIds.available;
  }

  /**
   * Gives up an id of the peer by its sequence number; a path that used it takes another, or ends. The active path without
   * a spare one leaves its place to another validated path.
   *
   * Throws `QuicError`: ERR_QUIC_INVALID_STATE for an unknown number or ids of no length, ERR_QUIC_OUT_OF_IDENTIFIERS if
   * it is the last one, or the active path's and there is neither a spare one nor another validated path.
   */
  retireDestinationCid(sequence: number | bigint): void {
    const number = checkSequence(sequence);
    const { remoteIds, paths } = this.core;
    if (remoteIds.isZeroLength) throw quicError('ERR_QUIC_INVALID_STATE');
    const isActive = paths.active.remoteId.sequence === number;
    if (isActive && remoteIds.available === 0 && !paths.hasFallback)
      throw quicError('ERR_QUIC_OUT_OF_IDENTIFIERS');
    remoteIds.retire(number);
    paths.replaceRetiredIds();
  }

  /** Throws ERR_QUIC_INVALID_STATE for an unknown path. */
  protected pathBetween(local: SocketAddress, peer: SocketAddress): Path {
    const path = this.core.paths.find(local, peer);
    if (path !== null) return path;
    throw quicError('ERR_QUIC_INVALID_STATE', { message: 'There is no path between these addresses' });
  }
}

/** Largest size that `maxSendUdpPayloadSize` tells (quiche). */
export const MAX_SEND_UDP_PAYLOAD_SIZE = 16383;

/** A connection id of a user: 0 to 20 bytes (RFC 9000 §17.2). */
export function checkId(name: string, id: Uint8Array): void {
  if (!(id instanceof Uint8Array)) throw invalidArgType(name, 'an instance of Uint8Array', id);
  if (id.length > 20) throw outOfRange(`${name}.length`, '>= 0 && <= 20', id.length);
}

/** An address of a user. Throws `TypeError` for what is none. */
export function checkAddress(name: string, value: SocketAddress): SocketAddress {
  const address = typeof value?.address === 'string' ? socketAddress(value.address, value.port) : null;
  if (address === null) throw invalidArgType(name, 'an IP address with a port', value);
  return address;
}

/** The two ends of a path, of one family. */
function addressesOf(local: SocketAddress, peer: SocketAddress): [local: SocketAddress, peer: SocketAddress] {
  const from = checkAddress('local', local);
  const to = checkAddress('peer', peer);
  if (from.family === to.family) return [from, to];
  throw invalidArgValue('peer', to.address, `must be an IPv${from.family} address, as the local one is`);
}

/** Numbers are plain ones where they fit, as those that came in frames are. */
function checkSequence(sequence: number | bigint): number | bigint {
  if (typeof sequence !== 'number' && typeof sequence !== 'bigint') {
    throw invalidArgType('sequence', 'of type number or bigint', sequence);
  }
  const isWhole = typeof sequence === 'bigint' || Number.isSafeInteger(sequence);
  if (!isWhole || sequence < 0) throw outOfRange('sequence', 'an integer >= 0', sequence);
  return sequence <= Number.MAX_SAFE_INTEGER ? Number(sequence) : sequence;
}
