// What paths need of the connection around them: how one is made, what its probes wait for, and what follows when
// everything moves or nothing is left. RTT, congestion and MTU start anew on each (RFC 9000 §9.4).

import { quicError, TransportErrorCode } from '../errors.ts';
import { PathRecovery } from '../recovery/path-recovery.ts';
import type { SocketAddress } from '../util/address.ts';
import { PartBit } from './part.ts';
import type { ConnectionParts } from './parts.ts';
import { Path } from './path.ts';
import type { PathEvent } from './path-events.ts';
import type { PathsHost } from './paths.ts';
import type { RemoteId, RemoteIds } from './remote-ids.ts';
import { Space } from './space.ts';
import { SPIN_DISABLED_ONE_IN, SpinBit } from './spin-bit.ts';

export class PathHost implements PathsHost {
  readonly #parts: ConnectionParts;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  get isServer(): boolean {
    return this.#parts.isServer;
  }

  get maxPathResponses(): number {
    return this.#parts.transport.pathChallengeRecvMaxQueueLen;
  }

  get refusesReuse(): boolean {
    return this.#parts.transport.disableDcidReuse;
  }

  get remoteIds(): RemoteIds {
    return this.#parts.remoteIds;
  }

  makePath(
    id: number,
    local: SocketAddress,
    remote: SocketAddress,
    remoteId: RemoteId,
    isAddressValidated: boolean,
    localSequence: number,
  ): Path {
    const { congestionControl, initialWindowPackets, initialRtt, pacing, maxPacingRate, hystart, ecn } =
      this.#parts.transport;
    const recovery = new PathRecovery({
      congestionControl,
      initialWindowPackets,
      initialRtt,
      pacing,
      maxPacingRate,
      hystart,
      ecn,
      maxDatagramSize: BASE_DATAGRAM,
    });
    const path = new Path(
      id,
      local,
      remote,
      recovery,
      remoteId,
      isAddressValidated,
      BASE_DATAGRAM,
      localSequence,
    );
    const { config, isServer, transport } = this.#parts;
    if (transport.spinBit && config.random.integer(SPIN_DISABLED_ONE_IN) > 0)
      path.spin = new SpinBit(isServer);
    return path;
  }

  emit(event: PathEvent): void {
    this.#parts.emit(event);
  }

  fillRandom(bytes: Uint8Array): void {
    this.#parts.config.random.fill(bytes);
  }

  setPathPending(pending: boolean): void {
    this.#parts.spaces[Space.APPLICATION]?.setPending(PartBit.PATH, pending);
  }

  hasRoom(path: Path): boolean {
    return path.amplificationRoom(this.#parts.config.maxAmplificationFactor) >= BASE_DATAGRAM;
  }

  probeTimeout(path: Path): number {
    const { recovery } = this.#parts;
    // RFC 9000 §8.2.4: the new path's own round trip is not known yet.
    return Math.max(this.#parts.probeTimeout(), recovery.ptoFor(path.recovery, Space.APPLICATION));
  }

  activated(path: Path): void {
    this.#parts.recovery.setPath(path.recovery);
  }

  onNoViablePath(now: number): void {
    const { closer, state, isServer } = this.#parts;
    // RFC 9000 §8.2.4: a server may wait for its client to come from elsewhere, as it does behind a NAT that forgot it.
    if (!state.isOpen || isServer) return;
    const errorCode = BigInt(TransportErrorCode.NO_VIABLE_PATH);
    const reason = 'no path is left';
    const error = quicError('ERR_QUIC_TRANSPORT_ERROR', { errorCode, reason, type: 'transport' });
    closer.close({ isApplication: false, errorCode, reason }, 0, error, now, this.#parts.closingPeriod());
  }
}

/** Every path is assumed to carry this much, and nothing more until it is shown (RFC 9000 §14). */
const BASE_DATAGRAM = 1200;
