/**
 * `quayside/qlog`: the log of a connection, for the core and for tools: writing it, reading it, and what it comes to.
 * Only re-exports.
 * @module
 */

export type { QlogOption, QlogSettings, QlogWriter } from './runtime/qlog.ts';
export { Qlog, type QlogOptions, type QlogSink } from './trace/qlog.ts';
export {
  QLOG_EVENT_SCHEMA,
  QLOG_EVENTS,
  QLOG_FILE_SCHEMA,
  QLOG_LEVELS,
  QLOG_SERIALIZATION,
  type QlogEventName,
  type QlogLevel,
} from './trace/qlog-events.ts';
export { type ParsedQlog, parseQlogSequence, type QlogEvent } from './trace/qlog-reader.ts';
export { type QlogSample, type QlogSummary, summarizeQlog } from './trace/qlog-summary.ts';
