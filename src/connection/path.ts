// One network path of a connection: two addresses, and everything that belongs to the route between them (RFC 9000 §9,
// RFC 9002 §9.4): validation, anti-amplification, RTT and congestion, MTU. Knows no packets.

import type { PathRecovery } from '../recovery/path-recovery.ts';
import { type SocketAddress, sameAddress } from '../util/address.ts';
import type { MtuSearch } from './mtu-search.ts';
import type { RemoteId } from './remote-ids.ts';
import type { SpinBit } from './spin-bit.ts';

export type PathState = 'unknown' | 'validating' | 'validated' | 'failed';

/** PATH_CHALLENGE frames on one path whose answer still counts. */
export const MAX_OUTSTANDING_CHALLENGES = 3;

export class Path {
  readonly id: number;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly recovery: PathRecovery;
  /** The id that packets on this path go to. */
  remoteId: RemoteId;
  state: PathState = 'unknown';
  /** The peer is known to receive at this address (RFC 9000 §8.1); until then sending is limited. */
  addressValidated: boolean;
  packetsReceived = 0;
  packetsSent = 0;
  bytesReceived = 0;
  bytesSent = 0;
  /** Packets with stream data that were sent before, and how much of such data. */
  packetsRetransmitted = 0;
  streamBytesRetransmitted = 0;
  /** DATAGRAM frames (RFC 9221). */
  datagramsSent = 0;
  datagramsReceived = 0;
  datagramsLost = 0;
  /** Largest UDP payload that is sent here. */
  mtu: number;
  /** Null while the spin bit is not used here. */
  spin: SpinBit | null = null;
  /** What is known beyond that; null until it is looked for. */
  mtuSearch: MtuSearch | null = null;
  /** Number of the id of ours that the peer sends to here; -1 until it did. */
  localSequence: number;
  /** How many moves came before the one that left this path; 0 if it was never left. */
  leftAt = 0;
  /** It was validated before, and the owner knows. */
  wasValidated = false;
  /** Everything moves here once the path is validated. */
  moveWhenValidated = false;

  /** Answers that wait to be sent, 8 bytes each. */
  readonly responses: Uint8Array[] = [];
  /** Challenges that wait for an answer, 8 bytes each. */
  readonly challenges: Uint8Array[] = [];
  challengePending = false;
  /** The last challenge had a datagram of full size, so that its answer shows that the path carries one. */
  isChallengeFull = false;
  /** Challenges so far in this validation. */
  attempts = 0;
  /** When the last challenge is given up. */
  deadline: number = Number.POSITIVE_INFINITY;

  constructor(
    id: number,
    local: SocketAddress,
    remote: SocketAddress,
    recovery: PathRecovery,
    remoteId: RemoteId,
    addressValidated: boolean,
    mtu: number,
    localSequence: number,
  ) {
    this.id = id;
    this.local = local;
    this.remote = remote;
    this.recovery = recovery;
    this.remoteId = remoteId;
    this.addressValidated = addressValidated;
    this.mtu = mtu;
    this.localSequence = localSequence;
  }

  /** Whether these are the path's addresses; null is any. */
  isBetween(local: SocketAddress | null, remote: SocketAddress | null): boolean {
    return (
      (local === null || sameAddress(local, this.local)) &&
      (remote === null || sameAddress(remote, this.remote))
    );
  }

  /** Bytes that may still go to an address that is not validated (RFC 9000 §8.1). */
  amplificationRoom(factor: number): number {
    if (this.addressValidated) return Number.POSITIVE_INFINITY;
    return factor * this.bytesReceived - this.bytesSent;
  }

  get wantsProbe(): boolean {
    return this.challengePending || this.responses.length > 0;
  }
}
