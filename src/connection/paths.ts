// The paths of a connection: which one is active, validation by PATH_CHALLENGE, and following a peer whose address
// changed (RFC 9000 §8.2, §9). Owns PATH_CHALLENGE and PATH_RESPONSE frames.

import type { RandomSource } from '../crypto/provider.ts';
import { type SocketAddress, sameAddress } from '../util/address.ts';
import { copyBytes, equal } from '../util/bytes.ts';
import { writePathChallenge, writePathResponse } from '../wire/frame-writer.ts';
import type { ConnectionEvent } from './events.ts';
import { type PacketBuilder, type SendingPart, TokenKind } from './part.ts';
import { MAX_OUTSTANDING_CHALLENGES, MAX_PATH_RESPONSES, type Path } from './path.ts';
import type { RemoteIds } from './remote-ids.ts';

/** Paths that may be unvalidated at once; packets from further addresses are dropped. */
export const MAX_UNVALIDATED_PATHS = 4;

/** Paths that are kept in all, validated ones too; the oldest makes room. */
export const MAX_PATHS = 8;

/** Challenges sent before a path is given up. */
export const MAX_CHALLENGES = 3;

export interface PathsHost {
  readonly random: RandomSource;
  readonly remoteIds: RemoteIds;
  makePath(id: number, local: SocketAddress, remote: SocketAddress): Path | null;
  emit(event: ConnectionEvent): void;
  setPathPending(pending: boolean): void;
  /** Whether a datagram of full size may go there now. */
  hasRoom(path: Path): boolean;
  /** Milliseconds after which a challenge counts as lost. */
  probeTimeout(path: Path): number;
  /** Everything but probes goes over this path from now on. */
  activated(path: Path): void;
}

export class Paths implements SendingPart {
  readonly #host: PathsHost;
  readonly all: Path[];
  active: Path;
  /** PATH_CHALLENGE frames that came. */
  challengesReceived = 0;
  /** Where the peer seems to have gone; it becomes active once validated. */
  #candidate: Path | null = null;
  #nextId = 1;

  constructor(host: PathsHost, first: Path) {
    this.#host = host;
    this.all = [first];
    this.active = first;
  }

  find(local: SocketAddress, remote: SocketAddress): Path | null {
    for (const path of this.all) {
      if (sameAddress(path.remote, remote) && sameAddress(path.local, local)) return path;
    }
    return null;
  }

  /** A path for an address that a server has not seen, if there is room and an id to use. */
  open(local: SocketAddress, remote: SocketAddress): Path | null {
    let unvalidated = 0;
    for (const path of this.all) if (path.state !== 'validated') unvalidated++;
    if (unvalidated >= MAX_UNVALIDATED_PATHS) this.#dropOne((path) => path.state !== 'validated');
    if (this.all.length >= MAX_PATHS) this.#dropOne(() => true);
    const path = this.#host.makePath(this.#nextId, local, remote);
    if (path === null) return null;
    this.#nextId++;
    this.all.push(path);
    return path;
  }

  /** A non-probing packet with the highest number so far came on this path (RFC 9000 §9.3). */
  onPeerMoved(path: Path, now: number): void {
    if (path === this.active) {
      this.#candidate = null;
      return;
    }
    this.#candidate = path;
    if (path.state === 'validated') this.#activate(path, now);
    else if (path.state !== 'validating') this.validate(path, now);
  }

  /** Sends a PATH_CHALLENGE and waits for its answer (RFC 9000 §8.2.1). */
  validate(path: Path, now: number): void {
    path.state = 'validating';
    this.#challenge(path, now);
  }

  /** PATH_CHALLENGE (RFC 9000 §8.2.2): answered on the path it came on, once, and never again. */
  onChallenge(path: Path, data: Uint8Array): boolean {
    this.challengesReceived++;
    const isFull = path.responses.length >= MAX_PATH_RESPONSES;
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
      this.#host.emit({ type: 'path-validated', local: path.local, remote: path.remote });
    }
    // RFC 9000 §8.2.1: the peer receives there; whether it receives 1200 bytes is another question.
    if (!path.isChallengeFull) this.#challenge(path, now);
    if (path === this.#candidate) this.#activate(path, now);
    return true;
  }

  /** Ids were retired under paths that used them: each takes another, or ends. */
  replaceRetiredIds(): void {
    const { remoteIds } = this.#host;
    for (const path of [...this.all]) {
      if (remoteIds.holds(path.remoteId)) continue;
      const next = remoteIds.take();
      if (next !== null) {
        path.remoteId = next;
        remoteIds.announce(next);
      } else if (path !== this.active) this.#remove(path);
    }
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
      this.#host.random.fill(data);
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
      else this.#fail(path);
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

  #activate(path: Path, now: number): void {
    const old = this.active;
    this.active = path;
    this.#host.activated(path);
    this.#candidate = null;
    this.#host.emit({ type: 'peer-migrated', local: path.local, remote: path.remote });
    // RFC 9000 §9.3.3: the old path is asked too, in case the packets of the new one were forwarded by an attacker.
    if (old.state !== 'validating') this.validate(old, now);
  }

  #fail(path: Path): void {
    path.state = 'failed';
    path.deadline = Number.POSITIVE_INFINITY;
    path.challengePending = false;
    if (path === this.#candidate) this.#candidate = null;
    if (path === this.active) {
      const other = this.all.find((each) => each.state === 'validated');
      if (other === undefined) return;
      this.active = other;
      this.#host.activated(other);
    }
    this.#remove(path);
    this.#host.emit({ type: 'path-failed', local: path.local, remote: path.remote });
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
    if (at >= 0) this.all.splice(at, 1);
    // RFC 9000 §5.1.2: an id that nothing is sent to goes back, and the peer issues another.
    if (!this.all.some(({ remoteId }) => remoteId === path.remoteId))
      this.#host.remoteIds.giveUp(path.remoteId);
  }
}

/** Type and eight bytes. */
const PROBE_SIZE = 9;
