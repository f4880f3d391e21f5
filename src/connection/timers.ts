// The one timer of a connection (quiche: `timeout`): the earliest of its parts' deadlines, and what is due when it
// fires. Sending is not done here: acknowledgements and paced packets leave with the next `send`.

import { quicError } from '../errors.ts';
import type { ConnectionParts } from './parts.ts';
import { Space } from './space.ts';

/**
 * When something is due, as `now`; Infinity for never. `sendAt` is when pacing lets the next packet go. What could only
 * be sent does not count while nothing may be sent: the timer would fire for ever (RFC 9000 §8.1).
 */
export function nextDeadline(parts: ConnectionParts, sendAt: number): number {
  const { recovery, idle, paths, spaces } = parts;
  const isBlocked = recovery.antiAmplificationBlocked;
  let at = Math.min(
    recovery.deadline,
    idle.idleDeadline(parts.probeTimeout()),
    idle.handshakeDeadline,
    idle.keepAliveDeadline,
    idle.stallDeadline(parts.probeTimeout(), parts.streams.openCount > 0),
    paths.deadline,
    parts.earlyData.deadline,
    parts.deadlines.deadline,
    isBlocked ? Number.POSITIVE_INFINITY : sendAt,
  );
  for (const space of spaces) {
    if (space.discarded) continue;
    if (space.canSend && !isBlocked) at = Math.min(at, space.acks.deadline);
    if (space.phases !== null) at = Math.min(at, space.phases.deadline);
  }
  return at;
}

/** Does what is due, and nothing before its time. */
export function runTimers(parts: ConnectionParts, now: number): void {
  const { recovery, idle, paths, closer, trace } = parts;
  trace.detail?.updated(now);
  const isLate = now >= idle.handshakeDeadline;
  if (isLate || now >= idle.idleDeadline(parts.probeTimeout())) {
    closer.abandon(quicError(isLate ? 'ERR_QUIC_HANDSHAKE_TIMEOUT' : 'ERR_QUIC_IDLE_TIMEOUT'), true);
    return;
  }
  if (now >= recovery.deadline) {
    recovery.onTimeout(now);
    if (recovery.ptoCount >= SILENT_TIMEOUTS) paths.onSilence(now);
  }
  if (now >= paths.deadline) paths.onTimeout(now);
  parts.earlyData.onTimeout(now);
  parts.deadlines.onTimeout(now);
  if (now >= idle.keepAliveDeadline) {
    idle.onKeepAlive();
    parts.control.ping();
  }
  if (now >= idle.stallDeadline(parts.probeTimeout(), parts.streams.openCount > 0)) {
    idle.onStall();
    parts.control.ping();
  }
  parts.spaces[Space.APPLICATION]?.phases?.onTimeout(now);
  trace.detail?.updated(now);
}

/** Probe timeouts in a row after which a client asks its other paths. */
const SILENT_TIMEOUTS = 2;
