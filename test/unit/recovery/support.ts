// Shared by the tests of recovery: ACK frames by hand, and a connection's side of Recovery that numbers its packets.

import type { PathRecoveryOptions } from '../../../src/recovery/path-recovery.ts';
import { PathRecovery } from '../../../src/recovery/path-recovery.ts';
import { type AckRanges, Recovery, type RecoveryConfig } from '../../../src/recovery/recovery.ts';

/** Ranges as `[smallest, largest]`, in any order. */
export function ackOf(...ranges: [number, number][]): AckRanges {
  const descending = [...ranges].sort((x, y) => y[0] - x[0]);
  return {
    largestAcked: descending[0][1],
    rangeCount: descending.length,
    ranges: Float64Array.from(descending.flat()),
  };
}

/** An ACK of single packet numbers, in any order. */
export function ackPackets(numbers: readonly number[]): AckRanges {
  const ranges: [number, number][] = [];
  for (const n of [...numbers].sort((x, y) => x - y)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else ranges.push([n, n]);
  }
  return ackOf(...ranges);
}

export class Harness {
  readonly acked: number[] = [];
  readonly lost: number[] = [];
  readonly lostPackets: number[] = [];
  readonly path: PathRecovery;
  readonly recovery: Recovery;

  constructor(
    config: Partial<Omit<RecoveryConfig, 'path'>> & { confirmed?: boolean } = {},
    pathOptions: PathRecoveryOptions = {},
  ) {
    this.path = new PathRecovery(pathOptions);
    const { confirmed = true, ...rest } = config;
    this.recovery = new Recovery(
      { role: 'server', path: this.path, ...rest },
      {
        tokenAcked: (_space, _kind, a) => this.acked.push(a),
        tokenLost: (_space, _kind, a) => this.lost.push(a),
        packetLost: (_space, packetNumber) => this.lostPackets.push(packetNumber),
      },
    );
    if (confirmed) this.recovery.setHandshakeConfirmed();
  }

  /** Sends the next packet of the space, with its own number as the one token. Returns the number. */
  send(now: number, options: SendOptions = {}): number {
    const { space = 2, size = 1200, ackEliciting = true, path = this.path, isMtuProbe = false } = options;
    const packetNumber = this.recovery.lastPacketNumber(space) + 1;
    this.recovery.beginPacket(space, packetNumber);
    this.recovery.token(15, packetNumber, 0, 0);
    this.recovery.endPacket(now, size, ackEliciting, options.inFlight ?? ackEliciting, path, isMtuProbe);
    return packetNumber;
  }

  /** Skips the next number of the space. */
  skip(space = 2): number {
    const packetNumber = this.recovery.lastPacketNumber(space) + 1;
    this.recovery.skipPacketNumber(space, packetNumber);
    return packetNumber;
  }

  ack(now: number, ranges: [number, number][], options: { space?: number; delay?: number } = {}): boolean {
    return this.recovery.onAck(options.space ?? 2, ackOf(...ranges), options.delay ?? 0, now);
  }
}

export interface SendOptions {
  space?: number;
  size?: number;
  ackEliciting?: boolean;
  inFlight?: boolean;
  path?: PathRecovery;
  isMtuProbe?: boolean;
}
