/** A trace with qlog at its highest level, whose records go nowhere, but whose errors fail the run. */
import { withDetail } from '../../src/trace/detail.ts';
import { Qlog } from '../../src/trace/qlog.ts';
import { NO_TRACE, type Trace } from '../../src/trace/trace.ts';

/** For one connection. */
export function loggedTrace(): Trace {
  const qlog = new Qlog(checkRecord, {
    level: 'extra',
    onError(error) {
      // Whoever is logged must not notice, so it is said where nobody catches it.
      queueMicrotask(() => {
        throw error;
      });
    },
  });
  return withDetail(NO_TRACE, () => qlog);
}

function checkRecord(record: string): void {
  if (record.charCodeAt(0) !== 0x1e || record.indexOf('\n') !== record.length - 1) {
    throw new Error(`no record of a JSON text sequence: ${record}`);
  }
}
