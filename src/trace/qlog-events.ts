// The events of draft-ietf-quic-qlog-quic-events that are logged, with their importance: one table decides what a level
// shows.

/** What is logged: 'core' is packets and metrics, 'base' adds states and what was dropped, 'extra' adds the rest. */
export type QlogLevel = 'core' | 'base' | 'extra';

export const QLOG_LEVELS: readonly QlogLevel[] = ['core', 'base', 'extra'];

/** Names within the namespace 'quic'. */
export type QlogEventName =
  | 'connection_started'
  | 'connection_closed'
  | 'connection_state_updated'
  | 'tuple_assigned'
  | 'mtu_updated'
  | 'version_information'
  | 'alpn_information'
  | 'parameters_set'
  | 'packet_sent'
  | 'packet_received'
  | 'packet_dropped'
  | 'migration_state_updated'
  | 'key_updated'
  | 'recovery_metrics_updated'
  | 'congestion_state_updated'
  | 'packet_lost'
  | 'ecn_state_updated';

/** Importance as in the draft's table of events. */
export const QLOG_EVENTS: Readonly<Record<QlogEventName, QlogLevel>> = {
  connection_started: 'base',
  connection_closed: 'base',
  connection_state_updated: 'base',
  tuple_assigned: 'base',
  mtu_updated: 'extra',
  version_information: 'core',
  alpn_information: 'core',
  parameters_set: 'core',
  packet_sent: 'core',
  packet_received: 'core',
  packet_dropped: 'base',
  migration_state_updated: 'extra',
  key_updated: 'base',
  recovery_metrics_updated: 'core',
  congestion_state_updated: 'base',
  packet_lost: 'core',
  ecn_state_updated: 'extra',
};

/** The drafts that the log follows (draft-ietf-quic-qlog-main-schema, draft-ietf-quic-qlog-quic-events). */
export const QLOG_FILE_SCHEMA = 'urn:ietf:params:qlog:file:sequential';
export const QLOG_EVENT_SCHEMA = 'urn:ietf:params:qlog:events:quic-13';
export const QLOG_SERIALIZATION = 'application/qlog+json-seq';

/** Begins every record of a JSON text sequence (RFC 7464 §2.2). */
export const RECORD_SEPARATOR = '\x1e';

/** Whether a log of `level` has this event. */
export function isLogged(name: QlogEventName, level: QlogLevel): boolean {
  return QLOG_LEVELS.indexOf(QLOG_EVENTS[name]) <= QLOG_LEVELS.indexOf(level);
}
