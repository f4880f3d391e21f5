/**
 * The schema of draft-ietf-quic-qlog-main-schema and draft-ietf-quic-qlog-quic-events-13 as data, as far as there are events that
 * we log, and a check of records against it. A `?` behind a name is an optional field; fields that are not listed are
 * faults, although the drafts would let them pass.
 */

type Check = (value: unknown) => boolean;
interface Shape {
  readonly [field: string]: Check | Shape;
}

const text: Check = (value) => typeof value === 'string';
const bool: Check = (value) => typeof value === 'boolean';
const uint: Check = (value) =>
  (Number.isSafeInteger(value) && (value as number) >= 0) ||
  (typeof value === 'string' && /^\d{16,19}$/.test(value));
const upTo =
  (limit: number): Check =>
  (value) =>
    uint(value) && Number(value) <= limit;
const uint8 = upTo(255);
const uint16 = upTo(65535);
const uint32 = upTo(2 ** 32 - 1);
const float: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const hex: Check = (value) => typeof value === 'string' && /^([0-9a-f]{2})*$/.test(value);
const hexOf =
  (length: number): Check =>
  (value) =>
    hex(value) && (value as string).length === 2 * length;
const oneOf =
  (...values: string[]): Check =>
  (value) =>
    values.includes(value as string);
const listOf =
  (check: Check, least = 0): Check =>
  (value) =>
    Array.isArray(value) && value.length >= least && value.every(check);
const literal =
  (expected: unknown): Check =>
  (value) =>
    value === expected;

const rawInfo: Shape = { 'length?': uint, 'payload_length?': uint, 'data?': hex };
const endpoint: Shape = {
  'ip_v4?': text,
  'port_v4?': uint16,
  'ip_v6?': text,
  'port_v6?': uint16,
  'connection_ids?': listOf(hex, 1),
};
const initiator = oneOf('local', 'remote');
const packetType = oneOf(
  'initial',
  'handshake',
  '0RTT',
  '1RTT',
  'retry',
  'version_negotiation',
  'stateless_reset',
  'unknown',
);
const header: Shape = {
  packet_type: packetType,
  'packet_type_bytes?': uint,
  'spin_bit?': bool,
  'key_phase?': uint,
  'key_phase_bit?': bool,
  'packet_number_length?': uint8,
  'packet_number?': uint,
  'length?': uint16,
  'version?': hexOf(4),
  'scil?': uint8,
  'dcil?': uint8,
  'scid?': hex,
  'dcid?': hex,
};
const version = hexOf(4);
const connectionState = oneOf(
  ...['attempted', 'handshake_started', 'handshake_complete', 'closed', 'peer_validated', 'early_write'],
  ...['handshake_confirmed', 'closing', 'draining'],
);
const transportErrors = [
  ...['no_error', 'internal_error', 'connection_refused', 'flow_control_error', 'stream_limit_error'],
  ...['stream_state_error', 'final_size_error', 'frame_encoding_error', 'transport_parameter_error'],
  ...['connection_id_limit_error', 'protocol_violation', 'invalid_token', 'application_error'],
  ...['crypto_buffer_exceeded', 'key_update_error', 'aead_limit_reached', 'no_viable_path', 'unknown'],
];
const transportError: Check = (value) =>
  transportErrors.includes(value as string) || /^crypto_error_0x1[0-9a-f][0-9a-f]$/.test(String(value));
const applicationError = literal('unknown');
const streamType = oneOf('unidirectional', 'bidirectional');
const ecn = oneOf('testing', 'unknown', 'failed', 'capable');
const migration = oneOf(
  ...['probing_started', 'probing_abandoned', 'probing_successful'],
  ...['migration_started', 'migration_abandoned', 'migration_complete'],
);
const keyTypes = ['initial', 'handshake', '0rtt', '1rtt'].flatMap((level) => [
  `server_${level}_secret`,
  `client_${level}_secret`,
]);
const ackRange: Check = (value) =>
  Array.isArray(value) && value.length >= 1 && value.length <= 2 && value.every(uint);

const raw = { 'raw?': rawInfo };

/** By `frame_type`. */
const FRAMES: Readonly<Record<string, Shape>> = {
  padding: raw,
  ping: raw,
  ack: {
    'ack_delay?': float,
    'acked_ranges?': listOf(ackRange, 1),
    'ect1?': uint,
    'ect0?': uint,
    'ce?': uint,
    ...raw,
  },
  reset_stream: { stream_id: uint, error: applicationError, 'error_code?': uint, final_size: uint, ...raw },
  reset_stream_at: {
    ...{ stream_id: uint, error: applicationError, 'error_code?': uint },
    ...{ final_size: uint, reliable_size: uint, ...raw },
  },
  stop_sending: { stream_id: uint, error: applicationError, 'error_code?': uint, ...raw },
  crypto: { offset: uint, raw: rawInfo },
  new_token: { token: { 'type?': oneOf('retry', 'resumption'), 'raw?': rawInfo }, ...raw },
  stream: { stream_id: uint, 'offset?': uint, 'fin?': bool, ...raw },
  max_data: { maximum: uint, ...raw },
  max_stream_data: { stream_id: uint, maximum: uint, ...raw },
  max_streams: { stream_type: streamType, maximum: uint, ...raw },
  data_blocked: { limit: uint, ...raw },
  stream_data_blocked: { stream_id: uint, limit: uint, ...raw },
  streams_blocked: { stream_type: streamType, limit: uint, ...raw },
  new_connection_id: {
    ...{ sequence_number: uint, retire_prior_to: uint, 'connection_id_length?': uint8, connection_id: hex },
    ...{ 'stateless_reset_token?': hexOf(16), ...raw },
  },
  retire_connection_id: { sequence_number: uint, ...raw },
  path_challenge: { 'data?': hex, ...raw },
  path_response: { 'data?': hex, ...raw },
  connection_close: {
    'error_space?': oneOf('transport', 'application'),
    'error?': transportError,
    'error_code?': uint,
    'reason?': text,
    'reason_bytes?': hex,
    'trigger_frame_type?': uint,
    ...raw,
  },
  handshake_done: raw,
  datagram: raw,
  unknown: { frame_type_bytes: uint, ...raw },
};

const frame: Check = (value) => {
  const { frame_type, ...fields } = value as { frame_type: string };
  const shape = FRAMES[frame_type];
  return shape !== undefined && faultsOf(fields, shape, frame_type).length === 0;
};
const frames = listOf(frame);
const packet = { header, 'frames?': frames, 'raw?': rawInfo, 'datagram_payload_checksum?': uint32 };
const limits = [
  ...['max_idle_timeout', 'max_udp_payload_size', 'ack_delay_exponent', 'max_ack_delay'],
  ...['active_connection_id_limit', 'initial_max_data', 'initial_max_stream_data_bidi_local'],
  ...['initial_max_stream_data_bidi_remote', 'initial_max_stream_data_uni', 'initial_max_streams_bidi'],
  ...['initial_max_streams_uni', 'max_datagram_frame_size'],
];

/** The data of events by name. */
const EVENTS: Readonly<Record<string, Shape>> = {
  'quic:connection_started': { local: endpoint, remote: endpoint },
  'quic:connection_closed': {
    'initiator?': initiator,
    'connection_error?': transportError,
    'application_error?': applicationError,
    'error_code?': uint,
    'internal_code?': uint,
    'reason?': text,
    'trigger?': oneOf(
      ...[
        'idle_timeout',
        'application',
        'error',
        'version_mismatch',
        'stateless_reset',
        'aborted',
        'unspecified',
      ],
    ),
  },
  'quic:connection_state_updated': { 'old?': connectionState, new: connectionState },
  'quic:tuple_assigned': { tuple_id: text, 'tuple_remote?': endpoint, 'tuple_local?': endpoint },
  'quic:mtu_updated': { 'old?': uint32, new: uint32, 'done?': bool },
  'quic:version_information': {
    'server_versions?': listOf(version, 1),
    'client_versions?': listOf(version, 1),
    'chosen_version?': version,
  },
  'quic:alpn_information': { 'chosen_alpn?': { 'byte_value?': hex, 'string_value?': text } },
  'quic:parameters_set': {
    'initiator?': initiator,
    'resumption_allowed?': bool,
    'early_data_enabled?': bool,
    'tls_cipher?': text,
    'original_destination_connection_id?': hex,
    'initial_source_connection_id?': hex,
    'retry_source_connection_id?': hex,
    'stateless_reset_token?': hexOf(16),
    'disable_active_migration?': bool,
    'grease_quic_bit?': bool,
    'reset_stream_at?': bool,
    ...Object.fromEntries(limits.map((name) => [`${name}?`, uint])),
  },
  'quic:packet_sent': {
    ...packet,
    'is_mtu_probe_packet?': bool,
    'trigger?': oneOf(
      ...[
        'retransmit_reordered',
        'retransmit_timeout',
        'pto_probe',
        'retransmit_crypto',
        'cc_bandwidth_probe',
      ],
    ),
  },
  'quic:packet_received': { ...packet, 'trigger?': oneOf('keys_available') },
  'quic:packet_dropped': {
    'header?': header,
    'raw?': rawInfo,
    'details?': (value) => typeof value === 'object' && value !== null,
    'trigger?': oneOf(
      ...['internal_error', 'rejected', 'unsupported', 'invalid', 'duplicate', 'connection_unknown'],
      ...['decryption_failure', 'key_unavailable', 'general'],
    ),
  },
  'quic:migration_state_updated': {
    'old?': migration,
    new: migration,
    'tuple_id?': text,
    'tuple_remote?': endpoint,
    'tuple_local?': endpoint,
  },
  'quic:key_updated': {
    key_type: oneOf(...keyTypes),
    'old?': hex,
    'new?': hex,
    'key_phase?': uint,
    'trigger?': oneOf('tls', 'remote_update', 'local_update'),
  },
  'quic:recovery_metrics_updated': {
    ...{ 'min_rtt?': float, 'smoothed_rtt?': float, 'latest_rtt?': float, 'rtt_variance?': float },
    ...{ 'pto_count?': uint16, 'congestion_window?': uint, 'bytes_in_flight?': uint, 'ssthresh?': uint },
    ...{ 'packets_in_flight?': uint, 'pacing_rate?': uint },
  },
  'quic:congestion_state_updated': { 'old?': text, new: text, 'trigger?': text },
  'quic:packet_lost': {
    'header?': header,
    'frames?': frames,
    'is_mtu_probe_packet?': bool,
    'trigger?': oneOf('reordering_threshold', 'time_threshold', 'pto_expired'),
  },
  'quic:ecn_state_updated': { 'old?': ecn, new: ecn },
};

const HEADER: Shape = {
  file_schema: literal('urn:ietf:params:qlog:file:sequential'),
  serialization_format: literal('application/qlog+json-seq'),
  'title?': text,
  'description?': text,
  trace: {
    'title?': text,
    'description?': text,
    'vantage_point?': { 'name?': text, type: oneOf('client', 'server', 'network', 'unknown') },
    event_schemas: listOf((value) => /^urn:ietf:params:qlog:events:quic-\d\d$/.test(String(value)), 1),
    'common_fields?': {
      'tuple?': text,
      'group_id?': text,
      'time_format?': oneOf('relative_to_epoch', 'relative_to_previous_event'),
      'reference_time?': {
        clock_type: literal('monotonic'),
        epoch: literal('unknown'),
        'wall_clock_time?': (value) => new Date(String(value)).toISOString() === value,
      },
    },
  },
};

/** What is wrong with a whole log: records as they were given to the sink, in order. */
export function qlogFaults(records: readonly string[]): string[] {
  const faults: string[] = [];
  let time = 0;
  for (const [index, record] of records.entries()) {
    const at = `record ${index}`;
    const json = record.slice(1, -1);
    // RFC 7464 §2.2: a record separator, one JSON text, a line feed.
    if (record !== `\x1e${json}\n` || /\p{Cc}/u.test(json)) {
      faults.push(`${at}: no record of a sequence: ${record}`);
      continue;
    }
    const value = JSON.parse(json) as Record<string, unknown>;
    if (index === 0) faults.push(...faultsOf(value, HEADER, at));
    else {
      faults.push(...eventFaults(value, time, at));
      time = Math.max(time, value.time as number);
    }
  }
  return faults;
}

function eventFaults(event: Record<string, unknown>, after: number, at: string): string[] {
  const { time, name, data, ...others } = event;
  const faults = Object.keys(others).map((field) => `${at}: unknown field ${field}`);
  if (!float(time) || (time as number) < after) faults.push(`${at}: time ${time} after ${after}`);
  const shape = EVENTS[name as string];
  return shape === undefined
    ? [...faults, `${at}: no event ${name}`]
    : [...faults, ...faultsOf(data, shape, `${at}: ${name}`)];
}

function faultsOf(value: unknown, shape: Shape, at: string): string[] {
  if (typeof value !== 'object' || value === null) return [`${at}: no object`];
  const faults: string[] = [];
  const known = new Set(Object.keys(shape).map((name) => name.replace('?', '')));
  for (const name of Object.keys(value)) if (!known.has(name)) faults.push(`${at}: unknown field ${name}`);
  for (const [key, expected] of Object.entries(shape)) {
    const name = key.replace('?', '');
    const field = (value as Record<string, unknown>)[name];
    if (field === undefined) {
      if (!key.endsWith('?')) faults.push(`${at}: no ${name}`);
    } else if (typeof expected === 'function') {
      if (!expected(field)) faults.push(`${at}: ${name} is ${JSON.stringify(field)}`);
    } else faults.push(...faultsOf(field, expected, `${at}.${name}`));
  }
  return faults;
}
