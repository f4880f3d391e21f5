// What the public core tells about itself as it goes: the key log and qlog.

import { invalidArgType, invalidArgValue, quicError } from '../errors.ts';
import { Qlog, type QlogOptions, type QlogSink } from '../trace/qlog.ts';
import { QLOG_LEVELS } from '../trace/qlog-events.ts';
import { ConnectionSessions } from './api-sessions.ts';
import type { ConnectionCounters } from './counters.ts';

/** Where logs are set. */
export interface LogTarget {
  readonly counters: ConnectionCounters;
  /** When the connection began, as `now`; null if it has not. */
  readonly begunAt: number | null;
}

export abstract class ConnectionLogs extends ConnectionSessions {
  protected abstract readonly logTarget: LogTarget;

  /**
   * Hears of every TLS secret, a line in the NSS key log format each. To be set before the first datagram. Throws
   * ERR_QUIC_INVALID_STATE for a second one; null takes the first away.
   */
  setKeylog(sink: ((line: string) => void) | null): void {
    if (sink !== null && typeof sink !== 'function') throw invalidArgType('sink', 'of type function', sink);
    const { counters } = this.logTarget;
    if (sink !== null && counters.keyLog !== null) {
      throw quicError('ERR_QUIC_INVALID_STATE', { message: 'The connection has a key log' });
    }
    counters.keyLog = sink;
  }

  /**
   * Logs the connection as qlog: `sink` gets one record of a JSON text sequence at a time (RFC 7464), and no more once it
   * throws. To be set before the first datagram. Throws ERR_QUIC_INVALID_STATE for a second one.
   */
  setQlog(sink: QlogSink, options: QlogOptions = {}): void {
    if (typeof sink !== 'function') throw invalidArgType('sink', 'of type function', sink);
    const { level = 'base' } = options;
    if (!QLOG_LEVELS.includes(level)) {
      throw invalidArgValue(
        'level',
        level,
        `must be of ${QLOG_LEVELS.map((each) => `'${each}'`).join(', ')}`,
      );
    }
    if (this.core.trace.detail) {
      throw quicError('ERR_QUIC_INVALID_STATE', { message: 'The connection has a qlog' });
    }
    const { counters, begunAt } = this.logTarget;
    const qlog = new Qlog(sink, options);
    counters.detail = qlog;
    if (begunAt !== null) qlog.started(begunAt, this.core);
  }
}
