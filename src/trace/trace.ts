// Typed hooks of one connection. qlog, metrics and key logs are consumers; the default does nothing. Hooks get plain
// values and must not keep them.

import type { DetailTrace } from './detail.ts';

/** Why a packet was not used. */
export type DropReason =
  | 'header'
  | 'unknown-version'
  | 'connection-id'
  | 'no-keys'
  | 'decryption'
  | 'duplicate'
  | 'unexpected'
  | 'early-buffer-full';

/** What happens on one connection. Every hook is called synchronously; `now` is monotonic milliseconds. */
export interface Trace {
  packetSent(now: number, type: number, packetNumber: number, size: number): void;
  packetReceived(now: number, type: number, packetNumber: number, size: number): void;
  packetDropped(now: number, reason: DropReason, size: number): void;
  packetLost(now: number, space: number, packetNumber: number, size: number): void;
  stateChanged(now: number, from: string, to: string): void;
  keyUpdated(now: number, generation: number, initiator: 'local' | 'remote'): void;
  /** A line in the NSS key log format. */
  keyLog(line: string): void;
  /** Whoever wants to see inside of packets. Absent or null costs one comparison per packet. */
  readonly detail?: DetailTrace | null;
}

/** The default: every hook is empty. */
export const NO_TRACE: Trace = {
  packetSent: () => {},
  packetReceived: () => {},
  packetDropped: () => {},
  packetLost: () => {},
  stateChanged: () => {},
  keyUpdated: () => {},
  keyLog: () => {},
  detail: null,
};
