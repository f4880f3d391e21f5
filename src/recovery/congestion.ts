// What a congestion controller is, and the table of those there are. A controller owns the window of one path and
// nothing else: bytes in flight, RTT and pacing are its path's business (RFC 9002 §7).

import { invalidArgValue } from '../errors.ts';
import { Cubic } from './cubic.ts';
import { NewReno } from './new-reno.ts';
import type { RttEstimator } from './rtt.ts';

/** Sizes are bytes, times are milliseconds. */
export interface CongestionController {
  readonly name: string;
  /** How many bytes may be in flight. */
  readonly window: number;
  /** Below this the window grows exponentially; Infinity at first. */
  readonly slowStartThreshold: number;
  /**
   * A packet that counted as in flight was acknowledged. `windowLimited` is false when the window was not made use of
   * since the packet left: then it must not grow (RFC 9002 §7.8).
   */
  onAcked(now: number, size: number, sentTime: number, rtt: RttEstimator, windowLimited: boolean): void;
  /** A packet sent at `sentTime` was lost or marked (RFC 9002 §7.3.2). Called for each such packet, oldest first. */
  onCongestionEvent(now: number, sentTime: number): void;
  /** Everything sent over a long time was lost (RFC 9002 §7.6); follows the congestion event of the same losses. */
  onPersistentCongestion(now: number): void;
  /** A packet that was declared lost has been acknowledged after all. */
  onSpuriousLoss?(now: number, sentTime: number): void;
  /** A packet that counts as in flight leaves; `bytesInFlight` includes it. */
  onSent?(now: number, size: number, bytesInFlight: number): void;
  /** The path carries larger or smaller datagrams from now on (RFC 9002 §7.2). */
  onDatagramSize(maxDatagramSize: number): void;
  /** Bytes per millisecond, for a controller that sets the rate itself; others are paced by window over RTT. */
  pacingRate?(rtt: RttEstimator): number;
}

/** What a controller starts from. */
export interface CongestionOptions {
  /** Largest UDP payload of the path, bytes. */
  maxDatagramSize: number;
  /** Bytes. */
  initialWindow: number;
  /** Bytes; Infinity unless the controller takes over from another one. */
  slowStartThreshold: number;
}

/** Every controller that can be chosen, by name. */
export const CONGESTION_CONTROLLERS: Readonly<
  Record<string, (options: CongestionOptions) => CongestionController>
> = {
  cubic: (options) => new Cubic(options),
  reno: (options) => new NewReno(options),
};

export const DEFAULT_CONGESTION_CONTROL = 'cubic';

/** @throws TypeError with ERR_INVALID_ARG_VALUE for a name that is not in the table. */
export function createCongestionController(name: string, options: CongestionOptions): CongestionController {
  if (!Object.hasOwn(CONGESTION_CONTROLLERS, name)) {
    const names = Object.keys(CONGESTION_CONTROLLERS).map((each) => `'${each}'`);
    throw invalidArgValue('congestionControl', name, `must be one of ${names.join(', ')}`);
  }
  return CONGESTION_CONTROLLERS[name](options);
}
