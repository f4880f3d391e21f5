// The option `qlog` of listeners and clients: where the logs of connections go, one for each.

import { invalidArgType, invalidArgValue } from '../errors.ts';
import { withDetail } from '../trace/detail.ts';
import { Qlog } from '../trace/qlog.ts';
import { QLOG_LEVELS, type QlogLevel } from '../trace/qlog-events.ts';
import type { Trace } from '../trace/trace.ts';
import { openQlogFile, type QlogFile } from './qlog-file.ts';

/** Takes one record of the log called `name`, such as '0a1b2c3d4e5f6071_client': a separator, JSON, a line feed. */
export type QlogWriter = (record: string, name: string) => void;

export interface QlogSettings {
  /** A directory, which is made if it is missing, or a function. Default: the directory of QLOGDIR, or else '.'. */
  to?: string | QlogWriter;
  title?: string;
  description?: string;
  /** 'core': packets and metrics; 'base' (default): states and drops too; 'extra': everything. */
  level?: QlogLevel;
}

export interface QlogOption {
  /**
   * Writes a log of each connection (JSON-SEQ, draft-ietf-quic-qlog-main-schema): a file
   * `<original destination id>_<client|server>.sqlog` in a directory, or records to a function. True: in the directory of
   * the environment variable QLOGDIR, or the current one. Default: as true if QLOGDIR is set, else none. What goes wrong
   * with a log ends the log and nothing else.
   */
  qlog?: boolean | string | QlogWriter | QlogSettings;
}

/** Parsed. */
export type QlogTarget = Required<Pick<QlogSettings, 'to' | 'level'>> & QlogSettings;

/** Throws Node's argument errors. Undefined: no logs. */
export function parseQlog({ qlog }: QlogOption): QlogTarget | undefined {
  const fromEnvironment = process.env.QLOGDIR || undefined;
  if (qlog === false || (qlog === undefined && fromEnvironment === undefined)) return undefined;
  const settings =
    qlog === undefined || qlog === true
      ? {}
      : typeof qlog === 'object' && qlog !== null
        ? qlog
        : { to: qlog };
  const { to = fromEnvironment ?? '.', title, description, level = 'base' } = settings;
  if ((typeof to !== 'string' && typeof to !== 'function') || to === '') {
    throw invalidArgType(
      'qlog',
      'a boolean, a directory, a function or { to, title, description, level }',
      qlog,
    );
  }
  for (const [name, text] of Object.entries({ title, description })) {
    if (text !== undefined && typeof text !== 'string')
      throw invalidArgType(`qlog.${name}`, 'of type string', text);
  }
  if (!QLOG_LEVELS.includes(level)) {
    throw invalidArgValue('qlog.level', level, `must be one of '${QLOG_LEVELS.join("', '")}'`);
  }
  return {
    to,
    level,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
  };
}

/** `base`, with a log for one connection. `wallTime` is in milliseconds since 1970. */
export function tracedBy(base: Trace, target: QlogTarget | undefined, wallTime: number): Trace {
  if (target === undefined) return base;
  const { to, level, title, description } = target;
  let name = '';
  let file: QlogFile | null = null;
  const qlog = new Qlog((record) => (typeof to === 'function' ? to(record, name) : file?.write(record)), {
    level,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    wallClockTime: new Date(wallTime).toISOString(),
    onStart(given) {
      name = given;
      if (typeof to === 'string') file = openQlogFile(to, name);
    },
    onEnd: () => file?.flush(),
    onError(error) {
      file?.abandon();
      process.emitWarning(`The log ${name} ends: ${(error as Error)?.message}`, 'QlogWarning');
    },
  });
  return withDetail(base, () => qlog);
}
