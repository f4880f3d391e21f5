// What users give for the deadline of a stream, as the core takes it. Owns the arguments' errors, not the times.

import { DEADLINE_ERROR_CODE, type DeadlineAction } from '../connection/stream-deadlines.ts';
import { invalidArgType, invalidArgValue, outOfRange } from '../errors.ts';

/** When, and what then. Exactly one of `after` and `at` is given. */
export interface StreamDeadline {
  /** Milliseconds from now. */
  after?: number;
  /** A time of `performance.now()`, milliseconds; one that is past is due at once. */
  at?: number;
  /** Default `'both'`. */
  action?: DeadlineAction;
  /** Application error code of the resets. Default 0xff. */
  code?: number | bigint;
}

/** Throws Node's argument errors; `code` is not checked here. */
export function deadlineTime(
  deadline: StreamDeadline,
  now: number,
): { at: number; action: DeadlineAction; code: number | bigint } {
  if (typeof deadline !== 'object' || deadline === null)
    throw invalidArgType('deadline', 'an object', deadline);
  const { after, at, action = 'both', code = DEADLINE_ERROR_CODE } = deadline;
  if ((after === undefined) === (at === undefined)) {
    throw invalidArgValue('deadline', deadline, "must have one of 'after' and 'at'");
  }
  if (!ACTIONS.includes(action))
    throw invalidArgValue('action', action, "must be of 'notify', 'reset', 'both'");
  if (at === undefined) return { at: now + milliseconds('after', after), action, code };
  return { at: milliseconds('at', at), action, code };
}

function milliseconds(name: string, value: unknown): number {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) throw outOfRange(name, '>= 0 and finite', value);
  return value;
}

const ACTIONS: readonly DeadlineAction[] = ['notify', 'reset', 'both'];
