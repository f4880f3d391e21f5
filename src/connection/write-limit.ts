// Follows a connection from call to call for the public core: bounds what writes may take by the congestion window, as
// quiche does, and measures for how long bytes are in flight. Both change only within calls.

import type { ConnectionCore } from './connection.ts';
import type { ConnectionCounters } from './counters.ts';

/** To be called after each call that may send, receive or lose packets. */
export function noteFlight(core: ConnectionCore, counters: ConnectionCounters, now: number): void {
  const { active, all } = core.paths;
  const isInFlight = all.some((path) => path.recovery.bytesInFlight > 0);
  counters.noteInFlight(isInFlight, now);
  const { sendCapacityFactor } = core.transport;
  if (sendCapacityFactor === Number.POSITIVE_INFINITY) return;
  core.streams.setSendCapacity(Math.ceil(active.recovery.windowRoom * sendCapacityFactor));
}
