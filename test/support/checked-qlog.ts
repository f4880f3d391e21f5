/** A trace that writes qlog at its most talkative, and fails where a record is not what it should be. */
import assert from 'node:assert/strict';
import { Qlog } from '../../src/trace/qlog.ts';
import { RECORD_SEPARATOR } from '../../src/trace/qlog-events.ts';
import { NO_TRACE, type Trace } from '../../src/trace/trace.ts';

export interface CheckedQlog {
  readonly trace: Trace;
  /** How many records came. */
  readonly records: () => number;
  /** Throws what went wrong while writing. */
  readonly check: () => void;
}

export function checkedQlog(): CheckedQlog {
  let records = 0;
  let fault: unknown = null;
  const sink = (record: string): void => {
    records++;
    assert.ok(record.startsWith(RECORD_SEPARATOR) && record.endsWith('\n'));
    // One record is one line, without control characters, whatever a peer put into it.
    assert.doesNotMatch(record.slice(1, -1), /\p{Cc}/u);
    assert.ok(record.length < MAX_RECORD, `a record of ${record.length} characters`);
    JSON.parse(record.slice(1));
  };
  const detail = new Qlog(sink, {
    level: 'extra',
    onError: (error) => {
      fault ??= error;
    },
  });
  return {
    trace: { ...NO_TRACE, detail },
    records: () => records,
    check: () => {
      if (fault !== null) throw fault;
    },
  };
}

/** A packet of 1500 bytes with 512 frames or 256 ranges stays well below. */
const MAX_RECORD = 200_000;
