// What a congestion controller is, and the table of those there are. A controller owns the window of one path and
// nothing else: bytes in flight, RTT and pacing are its path's business (RFC 9002 §7).

import { invalidArgValue } from '../errors.ts';
import { Bbr } from './bbr.ts';
import { Cubic } from './cubic.ts';
import type { DeliveryRate } from './delivery-rate.ts';
import { NewReno } from './new-reno.ts';
import type { RttEstimator } from './rtt.ts';

/** Why the first exponential growth ended: a loss, a CE mark, a rising round trip, or a rate that rose no more. */
export type StartupExitReason = 'loss' | 'ecn' | 'delay' | 'plateau';

/** Sizes are bytes, times are milliseconds. */
export interface CongestionController {
  readonly name: string;
  /** How many bytes may be in flight. */
  readonly window: number;
  /** Below this the window grows exponentially; Infinity at first. */
  readonly slowStartThreshold: number;
  /** Whether the window comes down by proportional rate reduction after a loss (RFC 9937). */
  readonly reducesGradually: boolean;
  /** Null while the first exponential growth goes on. */
  readonly startupExit: StartupExitReason | null;
  /** The controller's own estimate of the bandwidth, bytes per millisecond, if it makes one. */
  readonly maxBandwidth?: number;
  /**
   * A packet that counted as in flight was acknowledged. `windowLimited` is false when the window was not made use of
   * since the packet left: then it must not grow (RFC 9002 §7.8).
   */
  onAcked(now: number, size: number, sentTime: number, rtt: RttEstimator, windowLimited: boolean): void;
  /**
   * Follows `onAcked` for all packets of an ACK. `rttSample` is -1 if the ACK gave none; `sentTime` is that of the
   * latest packet. What the ACK says about the rate of delivery is at the path.
   */
  onAckDone?(now: number, rttSample: number, sentTime: number): void;
  /** A packet sent at `sentTime` was lost (RFC 9002 §7.3.2). Called for each such packet, oldest first. */
  onCongestionEvent(now: number, sentTime: number): void;
  /** The peer reported more CE marks; `sentTime` as above. RFC 9002 §7.1. */
  onMarked(now: number, sentTime: number): void;
  /** Follows the congestion event of a lost packet: what was in flight when it left, and what was lost since. */
  onPacketLost?(
    now: number,
    size: number,
    sentInFlight: number,
    lostSince: number,
    isAppLimited: boolean,
  ): void;
  /** Everything sent over a long time was lost (RFC 9002 §7.6); follows the congestion event of the same losses. */
  onPersistentCongestion(now: number): void;
  /** All losses since the last reduction turned out to be none: it is taken back. */
  undo(now: number): void;
  /** A packet that counts as in flight leaves; `bytesInFlight` includes it. */
  onSent?(now: number, size: number, bytesInFlight: number): void;
  /** The path carries larger or smaller datagrams from now on (RFC 9002 §7.2). */
  onDatagramSize(maxDatagramSize: number): void;
  /** Bytes per millisecond, for a controller that sets the rate itself; others are paced by window over RTT. */
  pacingRate?(): number;
}

/** What a controller starts from. */
export interface CongestionOptions {
  /** Largest UDP payload of the path, bytes. */
  maxDatagramSize: number;
  /** Bytes. */
  initialWindow: number;
  /** Bytes; Infinity unless the controller takes over from another one. */
  slowStartThreshold: number;
  /** HyStart++ in the first slow start (RFC 9406). Default true. */
  hystart?: boolean;
}

/** What a controller may read of its path. */
export interface PathModel {
  readonly bytesInFlight: number;
  readonly rtt: RttEstimator;
  readonly rate: DeliveryRate;
  /** Bytes that leave back to back. */
  readonly sendQuantum: number;
  /** The window, and not pacing or the application, limited what was sent over the last round trip. */
  readonly isWindowLimited: boolean;
}

type ControllerFactory = (options: CongestionOptions, path: PathModel) => CongestionController;

/** Every controller that can be chosen, by name. */
export const CONGESTION_CONTROLLERS: Readonly<Record<string, ControllerFactory>> = {
  cubic: (options) => new Cubic(options),
  reno: (options) => new NewReno(options),
  bbr: (options, path) => new Bbr(options, path),
  bbr2: (options, path) => new Bbr(options, path),
  bbr2_gcongestion: (options, path) => new Bbr(options, path),
};

export const DEFAULT_CONGESTION_CONTROL = 'cubic';

/** @throws TypeError with ERR_INVALID_ARG_VALUE for a name that is not in the table. */
export function createCongestionController(
  name: string,
  options: CongestionOptions,
  path: PathModel,
): CongestionController {
  if (!Object.hasOwn(CONGESTION_CONTROLLERS, name)) {
    const names = Object.keys(CONGESTION_CONTROLLERS).map((each) => `'${each}'`);
    throw invalidArgValue('congestionControl', name, `must be one of ${names.join(', ')}`);
  }
  return CONGESTION_CONTROLLERS[name](options, path);
}
