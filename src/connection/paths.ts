// The paths of a connection: which one is active, validation by PATH_CHALLENGE, and following a peer whose address
// changed (RFC 9000 §8.2, §9). Owns PATH_CHALLENGE and PATH_RESPONSE frames.

import { type SocketAddress, sameAddress } from '../util/address.ts';
import { copyBytes, equal } from '../util/bytes.ts';
import { writePathChallenge, writePathResponse } from '../wire/frame-writer.ts';
import { type PacketBuilder, type SendingPart, TokenKind } from './part.ts';
import { MAX_OUTSTANDING_CHALLENGES, type Path } from './path.ts';
import { type PathEvent, PathEvents } from './path-events.ts';
import type { RemoteId, RemoteIds } from './remote-ids.ts';

/** Paths that may be unvalidated at once; the oldest makes room. */
export const MAX_UNVALIDATED_PATHS = 4;

/** Paths that are kept in all, validated ones too; the oldest makes room. */
export const MAX_PATHS = 8;

/** Challenges sent before a path is given up. */
export const MAX_CHALLENGES = 3;

export interface PathsHost {
  readonly isServer: boolean;
  /** PATH_RESPONSE frames that may wait on one path; with more challenges the oldest go (RFC 9000 §8.2.2). */
  readonly maxPathResponses: number;
  /** No path is opened to an address for which the peer gave no id. */
  readonly refusesReuse: boolean;
  readonly remoteIds: RemoteIds;
  makePath(
    id: number,
    local: SocketAddress,
    remote: SocketAddress,
    remoteId: RemoteId,
    isAddressValidated: boolean,
    localSequence: number,
  ): Path;
  emit(event: PathEvent): void;
  fillRandom(bytes: Uint8Array): void;
  setPathPending(pending: boolean): void;
  /** Whether a datagram of full size may go there now. */
  hasRoom(path: Path): boolean;
  /** Milliseconds after which a challenge counts as lost. */
  probeTimeout(path: Path): number;
  /** Everything but probes goes over this path from now on. */
  activated(path: Path): void;
  /** No path is left that could be used. */
  onNoViablePath(now: number): void;
}

export class Paths implements SendingPart {
  readonly #host: PathsHost;
  readonly all: Path[];
  /** The path of the handshake, whatever became of it. */
  readonly first: Path;
  active: Path;
  readonly events: PathEvents = new PathEvents();
  /** Probe timeouts came on the active path, and nothing since. */
  isSilent = false;
  /** PATH_CHALLENGE frames that came. */
  challengesReceived = 0;
  /** Where the peer seems to have gone; it becomes active once validated. */
  #candidate: Path | null = null;
  #nextId = 1;
  #moves = 0;

  constructor(host: PathsHost, first: Path) {
    this.#host = host;
    this.all = [first];
    this.first = first;
    first.wasValidated = true;
    this.active = first;
  }

  find(local: SocketAddress, remote: SocketAddress): Path | null {
    for (const path of this.all) {
      if (sameAddress(path.remote, remote) && sameAddress(path.local, local)) return path;
    }
    return null;
  }

  /**
   * Server: a path for an address that was not seen before. It is asked at once whether the client receives there, so
   * that the first packet to it has a PATH_CHALLENGE. `localSequence` is the number of the id that the packet came to.
   */
  open(local: SocketAddress, remote: SocketAddress, localSequence: number, now: number): Path | null {
    let unvalidated = 0;
    for (const path of this.all) if (path.state !== 'validated') unvalidated++;
    if (unvalidated >= MAX_UNVALIDATED_PATHS) this.#dropOne((path) => path.state !== 'validated');
    if (this.all.length >= MAX_PATHS) this.#dropOne(() => true);
    const other = this.all.find((path) => path.localSequence === localSequence);
    // RFC 9000 §9.5: an id is not used on two paths, unless the peer gave no other.
    const fresh = this.#host.remoteIds.take();
    const id = fresh ?? this.active.remoteId;
    if (fresh === null && id.connectionId.length > 0 && this.#host.refusesReuse) return null;
    const path = this.#add(local, remote, id, false, localSequence);
    this.#tell({ type: 'path-new', local, remote });
    if (other !== undefined && localSequence >= 0) {
      const { local: oldLocal, remote: oldRemote } = other;
      const sequence = localSequence;
      this.#tell({ type: 'source-id-reused', sequence, oldLocal, oldRemote, local, remote });
    }
    if (fresh === null && id.connectionId.length > 0)
      this.#tell({ type: 'destination-id-reused', sequence: Number(id.sequence), local, remote });
    this.validate(path, now);
    return path;
  }

  /** Client: a path that it wants to use. Null without an id for it; what is sent there is its own decision. */
  openAsClient(local: SocketAddress, remote: SocketAddress): Path | null {
    const { remoteIds } = this.#host;
    const id = remoteIds.isZeroLength ? remoteIds.handshakeId : remoteIds.take();
    return id === null ? null : this.#add(local, remote, id, true, -1);
  }

  /** Client: everything goes over this path from now on; it is asked whether it works, unless that is known. */
  moveTo(path: Path, now: number): void {
    if (path === this.active) return;
    this.#switch(path);
    if (path.state !== 'validated' && path.state !== 'validating') this.validate(path, now);
    else if (path.state === 'validated') this.#letGo();
  }

  /** Server: a non-probing packet with the highest number so far came on this path (RFC 9000 §9.3). */
  onPeerMoved(path: Path, now: number): void {
    if (!this.#host.isServer) return;
    if (path === this.active) {
      this.#candidate = null;
      return;
    }
    this.#candidate = path;
    if (path.state === 'validated') this.#follow(path, now);
    else if (path.state !== 'validating') this.validate(path, now);
  }

  /**
   * Server: the newest Handshake packet came on this path. A client does not move before the handshake is confirmed, but a
   * NAT may forget it; it is answered where it was heard, within the limit for addresses that are not validated.
   */
  onHandshakeHeard(path: Path): void {
    if (this.#host.isServer && path !== this.active) this.#switch(path);
  }

  /**
   * Nothing comes back on the active path. A client asks its other paths, and goes to the first that answers before the
   * active one does.
   */
  onSilence(now: number): void {
    if (this.#host.isServer || this.all.length === 1) return;
    this.isSilent = true;
    for (const path of this.all) {
      const isAsked = path.deadline !== Number.POSITIVE_INFINITY;
      if (path !== this.active && path.state === 'validated' && !isAsked) this.#challenge(path, now);
    }
  }

  /** The peer gave an id of ours up: paths that it used it on are over, but for the active one. */
  onLocalIdRetired(sequence: number): void {
    for (const path of [...this.all]) {
      if (path.localSequence !== sequence || path === this.active || path === this.#candidate) continue;
      // What a client asked for is the client's to end.
      if (this.#host.isServer) this.close(path);
    }
  }

  /** Forgets a path that is not the active one. */
  close(path: Path): void {
    if (path === this.active) return;
    if (path === this.#candidate) this.#candidate = null;
    this.#remove(path);
  }

  /** Sends a PATH_CHALLENGE and waits for its answer (RFC 9000 §8.2.1). */
  validate(path: Path, now: number): void {
    path.state = 'validating';
    this.#challenge(path, now);
  }

  /** PATH_CHALLENGE (RFC 9000 §8.2.2): answered on the path it came on, once, and never again. */
  onChallenge(path: Path, data: Uint8Array): boolean {
    this.challengesReceived++;
    const isFull = path.responses.length >= this.#host.maxPathResponses;
    // The newest are those that the peer still waits for.
    if (isFull) path.responses.shift();
    path.responses.push(copyBytes(data));
    this.#host.setPathPending(true);
    return !isFull;
  }

  /** PATH_RESPONSE (RFC 9000 §8.2.3): an unknown one is ignored, as it may answer a challenge that was given up. */
  onResponse(data: Uint8Array, now: number): boolean {
    const path = this.all.find((each) => each.challenges.some((challenge) => equal(challenge, data)));
    if (path === undefined) return false;
    path.challenges.length = 0;
    path.challengePending = false;
    path.deadline = Number.POSITIVE_INFINITY;
    path.addressValidated = true;
    if (path.state !== 'validated') {
      path.state = 'validated';
      // A path that the peer left is asked again; that it still works is no news.
      if (!path.wasValidated) this.#tell({ type: 'path-validated', local: path.local, remote: path.remote });
      path.wasValidated = true;
    }
    // RFC 9000 §8.2.1: the peer receives there; whether it receives 1200 bytes is another question.
    if (!path.isChallengeFull) this.#challenge(path, now);
    if (path === this.#candidate) this.#follow(path, now);
    else if (path !== this.active && (path.moveWhenValidated || this.isSilent)) this.#switch(path);
    path.moveWhenValidated = false;
    if (path === this.active) this.isSilent = false;
    if (path === this.active && !this.#host.isServer) this.#letGo();
    return true;
  }

  /**
   * Ids were retired under paths that used them: each takes another, the active one first, or ends. Without one for the
   * active path, another path that has one takes its place.
   */
  replaceRetiredIds(): void {
    const { remoteIds } = this.#host;
    if (!this.#renewId(this.active)) {
      const other = this.#fallback();
      if (other !== null) this.#switch(other);
    }
    for (const path of [...this.all]) if (!this.#renewId(path) && path !== this.active) this.#remove(path);
    // Where there is none at all, the next one that comes is waited for.
    remoteIds.isUsedIdRetired = !remoteIds.holds(this.active.remoteId);
  }

  /** Whether there is a path that could take the place of the active one. */
  get hasFallback(): boolean {
    return this.#fallback() !== null;
  }

  /** Asks for a sign of life on a path, whose standing stays as it is until three challenges went without an answer. */
  probe(path: Path, now: number): void {
    if (!path.challengePending) this.#challenge(path, now);
  }

  /** The path other than the active one that has a challenge or an answer to send; between these addresses, if given. */
  nextProbe(from: SocketAddress | null = null, to: SocketAddress | null = null): Path | null {
    for (const path of this.all)
      if (path !== this.active && path.wantsProbe && path.isBetween(from, to)) return path;
    return null;
  }

  write(packet: PacketBuilder): void {
    const { path, writer } = packet;
    while (path.responses.length > 0 && writer.remaining >= PROBE_SIZE) {
      writePathResponse(writer, path.responses.shift() as Uint8Array);
      packet.token(TokenKind.PATH_CHALLENGE, 0, 0, 0);
    }
    if (path.challengePending && writer.remaining >= PROBE_SIZE) {
      const data = new Uint8Array(8);
      this.#host.fillRandom(data);
      writePathChallenge(writer, data);
      packet.token(TokenKind.PATH_CHALLENGE, 0, 0, 0);
      path.challenges.push(data);
      if (path.challenges.length > MAX_OUTSTANDING_CHALLENGES) path.challenges.shift();
      path.challengePending = false;
      path.isChallengeFull = this.#host.hasRoom(path);
      path.deadline = packet.now + this.#host.probeTimeout(path);
    }
    if (!this.all.some((each) => each.wantsProbe)) this.#host.setPathPending(false);
  }

  acked(): void {}

  lost(): void {}

  get deadline(): number {
    let deadline = Number.POSITIVE_INFINITY;
    for (const path of this.all) if (path.deadline < deadline) deadline = path.deadline;
    return deadline;
  }

  onTimeout(now: number): void {
    for (const path of [...this.all]) {
      if (now < path.deadline) continue;
      if (path.attempts < MAX_CHALLENGES) this.#attempt(path, now);
      else this.#fail(path, now);
    }
  }

  #challenge(path: Path, now: number): void {
    path.attempts = 0;
    this.#attempt(path, now);
  }

  // Counts whether or not the challenge can leave: where there is no room for it, the path is given up all the same.
  #attempt(path: Path, now: number): void {
    path.attempts++;
    path.challengePending = true;
    path.deadline = now + this.#host.probeTimeout(path);
    this.#host.setPathPending(true);
  }

  #add(
    local: SocketAddress,
    remote: SocketAddress,
    id: RemoteId,
    isAddressValidated: boolean,
    localSequence: number,
  ): Path {
    const path = this.#host.makePath(this.#nextId++, local, remote, id, isAddressValidated, localSequence);
    if (id !== this.active.remoteId) this.#host.remoteIds.announce(id);
    this.all.push(path);
    return path;
  }

  /** Gives the path another id if its own was retired. False without one. */
  #renewId(path: Path): boolean {
    const { remoteIds } = this.#host;
    if (remoteIds.holds(path.remoteId)) return true;
    const next = remoteIds.take();
    if (next === null) return false;
    path.remoteId = next;
    path.spin?.onIdChanged();
    remoteIds.announce(next);
    return true;
  }

  #switch(path: Path): void {
    this.active.leftAt = ++this.#moves;
    path.leftAt = 0;
    this.active = path;
    this.#host.activated(path);
  }

  /** Server: the client is where this path leads. */
  #follow(path: Path, now: number): void {
    const old = this.active;
    this.#switch(path);
    this.#candidate = null;
    this.#tell({ type: 'peer-migrated', local: path.local, remote: path.remote });
    // RFC 9000 §9.3.3: the old path is asked too, in case the packets of the new one were forwarded by an attacker.
    if (old.state !== 'validating') this.validate(old, now);
  }

  /** Client: of the paths it left, the last one stays to fall back to while there are ids to spare (RFC 9000 §9.5). */
  #letGo(): void {
    const { remoteIds } = this.#host;
    const left = this.all.filter((path) => path.leftAt > 0).sort((a, b) => a.leftAt - b.leftAt);
    const keep = remoteIds.isZeroLength || remoteIds.available > 0 ? 1 : 0;
    for (const path of left.slice(0, left.length - keep)) this.close(path);
  }

  #fail(path: Path, now: number): void {
    path.state = 'failed';
    path.deadline = Number.POSITIVE_INFINITY;
    path.challengePending = false;
    if (path === this.#candidate) this.#candidate = null;
    this.#tell({ type: 'path-failed', local: path.local, remote: path.remote });
    if (path === this.active) {
      const other = this.#fallback();
      if (other === null) return void this.#host.onNoViablePath(now);
      this.#switch(other);
      path.leftAt = 0;
    }
    this.#remove(path);
  }

  /** A validated path, the one left last before others; or else one that once was. All of them with an id to send to. */
  #fallback(): Path | null {
    const { remoteIds } = this.#host;
    const others = this.all.filter(
      (path) => path !== this.active && path.state !== 'failed' && remoteIds.holds(path.remoteId),
    );
    others.sort((a, b) => b.leftAt - a.leftAt);
    return (
      others.find((path) => path.state === 'validated') ?? others.find((path) => path.wasValidated) ?? null
    );
  }

  #tell(event: PathEvent): void {
    this.events.push(event);
    this.#host.emit(event);
  }

  /** Forgets the oldest path of a kind that is not in use. */
  #dropOne(isOfKind: (path: Path) => boolean): void {
    const victim = this.all.find(
      (path) => path !== this.active && path !== this.#candidate && isOfKind(path),
    );
    if (victim !== undefined) this.#remove(victim);
  }

  #remove(path: Path): void {
    const at = this.all.indexOf(path);
    if (at < 0) return;
    this.all.splice(at, 1);
    this.#tell({ type: 'path-closed', local: path.local, remote: path.remote });
    // RFC 9000 §5.1.2: an id that nothing is sent to goes back, and the peer issues another.
    if (!this.all.some(({ remoteId }) => remoteId === path.remoteId))
      this.#host.remoteIds.giveUp(path.remoteId);
  }
}

/** Type and eight bytes. */
const PROBE_SIZE = 9;
