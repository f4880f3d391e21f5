// One table of errors for the whole library, and the few classes that carry them.
// Owns: the codes of RFC 9000 §20 with their names, the ERR_QUIC_… codes with their messages, Node's argument errors.
// Must not know connections, streams or sockets: it stands on nothing.

/** Transport error codes, RFC 9000 §20.1; 0x11 is from RFC 9368 §5. */
export const TransportErrorCode = {
  NO_ERROR: 0x00,
  INTERNAL_ERROR: 0x01,
  CONNECTION_REFUSED: 0x02,
  FLOW_CONTROL_ERROR: 0x03,
  STREAM_LIMIT_ERROR: 0x04,
  STREAM_STATE_ERROR: 0x05,
  FINAL_SIZE_ERROR: 0x06,
  FRAME_ENCODING_ERROR: 0x07,
  TRANSPORT_PARAMETER_ERROR: 0x08,
  CONNECTION_ID_LIMIT_ERROR: 0x09,
  PROTOCOL_VIOLATION: 0x0a,
  INVALID_TOKEN: 0x0b,
  APPLICATION_ERROR: 0x0c,
  CRYPTO_BUFFER_EXCEEDED: 0x0d,
  KEY_UPDATE_ERROR: 0x0e,
  AEAD_LIMIT_REACHED: 0x0f,
  NO_VIABLE_PATH: 0x10,
  VERSION_NEGOTIATION_ERROR: 0x11,
} as const;

/** A TLS alert travels as 0x100 plus the alert's number. RFC 9001 §4.8. */
export const CRYPTO_ERROR_BASE = 0x100;

/** A row of the table of transport errors. */
export interface TransportErrorRow {
  readonly code: number;
  readonly name: keyof typeof TransportErrorCode;
  readonly description: string;
}

/** RFC 9000 §20.1 as data, indexed by code. */
export const TRANSPORT_ERRORS: readonly TransportErrorRow[] = [
  { code: 0x00, name: 'NO_ERROR', description: 'closed without an error' },
  { code: 0x01, name: 'INTERNAL_ERROR', description: 'the endpoint failed by its own fault' },
  { code: 0x02, name: 'CONNECTION_REFUSED', description: 'the server does not take the connection' },
  { code: 0x03, name: 'FLOW_CONTROL_ERROR', description: 'more data than the advertised limit' },
  { code: 0x04, name: 'STREAM_LIMIT_ERROR', description: 'more streams than the advertised limit' },
  { code: 0x05, name: 'STREAM_STATE_ERROR', description: 'a frame that the state of its stream forbids' },
  { code: 0x06, name: 'FINAL_SIZE_ERROR', description: 'the final size of a stream changed or was passed' },
  { code: 0x07, name: 'FRAME_ENCODING_ERROR', description: 'a malformed frame or an unknown frame type' },
  {
    code: 0x08,
    name: 'TRANSPORT_PARAMETER_ERROR',
    description: 'malformed, forbidden or missing parameters',
  },
  {
    code: 0x09,
    name: 'CONNECTION_ID_LIMIT_ERROR',
    description: 'more connection ids than the advertised limit',
  },
  { code: 0x0a, name: 'PROTOCOL_VIOLATION', description: 'a violation that no other code names' },
  { code: 0x0b, name: 'INVALID_TOKEN', description: 'the token of a client Initial is not valid' },
  { code: 0x0c, name: 'APPLICATION_ERROR', description: 'closed by the application during the handshake' },
  { code: 0x0d, name: 'CRYPTO_BUFFER_EXCEEDED', description: 'more handshake data than can be buffered' },
  { code: 0x0e, name: 'KEY_UPDATE_ERROR', description: 'a key update against the rules' },
  { code: 0x0f, name: 'AEAD_LIMIT_REACHED', description: 'the keys have protected all they may' },
  { code: 0x10, name: 'NO_VIABLE_PATH', description: 'the network path cannot carry QUIC' },
  {
    code: 0x11,
    name: 'VERSION_NEGOTIATION_ERROR',
    description: 'negotiation of the version was tampered with',
  },
];

/** Names of TLS alerts, RFC 8446 §6, to print CRYPTO_ERROR codes. */
export const TLS_ALERT_NAMES: Readonly<Record<number, string>> = {
  0: 'close_notify',
  10: 'unexpected_message',
  20: 'bad_record_mac',
  22: 'record_overflow',
  40: 'handshake_failure',
  42: 'bad_certificate',
  43: 'unsupported_certificate',
  44: 'certificate_revoked',
  45: 'certificate_expired',
  46: 'certificate_unknown',
  47: 'illegal_parameter',
  48: 'unknown_ca',
  49: 'access_denied',
  50: 'decode_error',
  51: 'decrypt_error',
  70: 'protocol_version',
  71: 'insufficient_security',
  80: 'internal_error',
  86: 'inappropriate_fallback',
  90: 'user_canceled',
  109: 'missing_extension',
  110: 'unsupported_extension',
  112: 'unrecognized_name',
  113: 'bad_certificate_status_response',
  115: 'unknown_psk_identity',
  116: 'certificate_required',
  120: 'no_application_protocol',
};

/** `FLOW_CONTROL_ERROR`, `CRYPTO_ERROR(no_application_protocol)`, `UNKNOWN_ERROR(0x1234)`. */
export function transportErrorName(code: number | bigint): string {
  const number = Number(code);
  if (number < TRANSPORT_ERRORS.length) return TRANSPORT_ERRORS[number].name;
  if (number >= CRYPTO_ERROR_BASE && number < CRYPTO_ERROR_BASE + 0x100) {
    const alert = number - CRYPTO_ERROR_BASE;
    return `CRYPTO_ERROR(${TLS_ALERT_NAMES[alert] ?? alert})`;
  }
  return `UNKNOWN_ERROR(0x${code.toString(16)})`;
}

/** The peer broke the protocol: becomes one CONNECTION_CLOSE with this code. Never reaches a user as such. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  /** RFC 9000 §20.1. */
  readonly code: number;
  /** The frame that triggered it; 0 when unknown, as CONNECTION_CLOSE says it. RFC 9000 §19.19. */
  readonly frameType: number;
  /** Said to the peer in the reason phrase. */
  readonly reason: string;

  constructor(code: number, frameType: number, reason: string) {
    super(`${transportErrorName(code)}: ${reason}`);
    this.code = code;
    this.frameType = frameType;
    this.reason = reason;
  }
}

/** Our own mistake: closes the one connection that it happened in with INTERNAL_ERROR. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Says what must hold, whatever the peer and the user do. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** A row of the table of library errors. */
export interface QuicErrorRow {
  /** Text with `{errorCode}`, `{streamId}` and `{reason}` as placeholders. */
  readonly message: string;
  /** The number that quiche's C interface gives this error. */
  readonly number?: number;
  /** The transport error code with which it closes a connection, where it does. */
  readonly wire?: number;
}

/** Every `code` that a `QuicError` can have. */
export const QUIC_ERRORS = {
  // How connections and streams end.
  ERR_QUIC_TRANSPORT_ERROR: { message: 'The connection failed: {reason}' },
  ERR_QUIC_APPLICATION_ERROR: { message: 'The application closed the connection with code {errorCode}' },
  ERR_QUIC_STREAM_RESET: { message: 'The peer reset the stream with code {errorCode}', number: -16 },
  ERR_QUIC_STREAM_STOPPED: {
    message: 'The peer stopped reading the stream with code {errorCode}',
    number: -15,
  },
  ERR_QUIC_IDLE_TIMEOUT: { message: 'The connection was idle for too long' },
  ERR_QUIC_HANDSHAKE_TIMEOUT: { message: 'The handshake took too long' },
  ERR_QUIC_STATELESS_RESET: { message: 'The peer lost the state of the connection' },
  ERR_QUIC_VERSION_NEGOTIATION: { message: 'The peer speaks no version that is offered here', wire: 0x11 },
  ERR_QUIC_CONNECTION_REFUSED: { message: 'The server refused the connection', wire: 0x02 },
  ERR_QUIC_CONNECTION_CLOSED: { message: 'The connection is closed' },
  ERR_QUIC_CLOSED_BY_PEER: { message: 'The peer closed the connection with code {errorCode}' },
  ERR_QUIC_CLOSED_LOCALLY: { message: 'The connection was closed on this side' },
  ERR_QUIC_MIGRATION_FAILED: { message: 'The new path does not work' },
  ERR_QUIC_CONNECT_FAILED: { message: 'No address of the server could be reached' },
  ERR_QUIC_NAME_RESOLUTION: { message: 'The name of the server could not be resolved' },
  ERR_QUIC_ABORTED: { message: 'The operation was aborted' },
  ERR_QUIC_INTERNAL_ERROR: { message: 'The library failed by its own fault: {reason}', wire: 0x01 },

  // The core's errors, with quiche's numbers.
  ERR_QUIC_BUFFER_TOO_SHORT: { message: 'The buffer is too short', number: -2, wire: 0x0a },
  ERR_QUIC_UNKNOWN_VERSION: { message: 'The QUIC version is not known', number: -3, wire: 0x0a },
  ERR_QUIC_INVALID_FRAME: { message: 'The frame is malformed', number: -4, wire: 0x07 },
  ERR_QUIC_INVALID_PACKET: { message: 'The packet is malformed', number: -5, wire: 0x0a },
  ERR_QUIC_INVALID_STATE: { message: 'The connection is not in a state for this', number: -6, wire: 0x0a },
  ERR_QUIC_INVALID_STREAM_STATE: {
    message: 'Stream {streamId} is not in a state for this',
    number: -7,
    wire: 0x05,
  },
  ERR_QUIC_INVALID_TRANSPORT_PARAMETER: { message: 'Invalid transport parameters', number: -8, wire: 0x08 },
  ERR_QUIC_CRYPTO_FAIL: { message: 'A cryptographic operation failed', number: -9, wire: 0x0a },
  ERR_QUIC_TLS_FAIL: { message: 'The TLS handshake failed: {reason}', number: -10 },
  ERR_QUIC_FLOW_CONTROL: { message: 'The peer sent more than it was allowed to', number: -11, wire: 0x03 },
  ERR_QUIC_STREAM_LIMIT: { message: 'No more streams are allowed', number: -12, wire: 0x04 },
  ERR_QUIC_FINAL_SIZE: { message: 'The final size of the stream is wrong', number: -13, wire: 0x06 },
  ERR_QUIC_CONGESTION_CONTROL: { message: 'Unknown congestion control algorithm', number: -14, wire: 0x0a },
  ERR_QUIC_ID_LIMIT: { message: 'Too many connection ids', number: -17, wire: 0x09 },
  ERR_QUIC_OUT_OF_IDENTIFIERS: { message: 'Not enough connection ids', number: -18, wire: 0x0a },
  ERR_QUIC_KEY_UPDATE: { message: 'The key update failed', number: -19, wire: 0x0e },
  ERR_QUIC_CRYPTO_BUFFER_EXCEEDED: { message: 'Too much handshake data', number: -20, wire: 0x0d },
  ERR_QUIC_INVALID_ACK_RANGE: { message: 'The acknowledged range is invalid', number: -21, wire: 0x0a },
  ERR_QUIC_OPTIMISTIC_ACK: {
    message: 'The peer acknowledged a packet that was never sent',
    number: -22,
    wire: 0x0a,
  },
  ERR_QUIC_INVALID_DCID: {
    message: 'The first destination connection id is too short',
    number: -23,
    wire: 0x0a,
  },

  // Streams and datagrams of the friendly layer.
  ERR_QUIC_STREAM_LOCKED: { message: 'The stream is already used in another way' },
  ERR_QUIC_STREAM_NOT_READABLE: { message: 'The stream has no readable side here' },
  ERR_QUIC_STREAM_NOT_WRITABLE: { message: 'The stream has no writable side here' },
  ERR_QUIC_STREAM_FINISHED: { message: 'The writable side of the stream is already ended' },
  ERR_QUIC_DATAGRAM_UNSUPPORTED: { message: 'The peer takes no datagrams' },
  ERR_QUIC_DATAGRAM_TOO_LARGE: { message: 'The datagram is larger than what can be sent' },
  ERR_QUIC_DATAGRAM_QUEUE_FULL: { message: 'Too many datagrams are queued' },

  // Endpoints and listeners.
  ERR_QUIC_LISTENER_NOT_STARTED: { message: 'The listener is not started' },
  ERR_QUIC_LISTENER_ALREADY_STARTED: { message: 'The listener is already started' },
  ERR_QUIC_LISTENER_FINISHED: { message: 'The listener is closed' },
  ERR_QUIC_LISTENER_FAILED: { message: 'The listener failed: {reason}' },
  ERR_QUIC_ENDPOINT_CLOSED: { message: 'The endpoint is closed' },
  ERR_QUIC_ENDPOINT_BUSY: { message: 'The endpoint already has a listener' },
  ERR_QUIC_ACCEPT_IN_WORKERS: {
    message: 'The connections of this listener are taken by the module that its worker threads run',
  },
  ERR_QUIC_SHARD_TAKEN: { message: 'Another endpoint has this shard' },
  ERR_QUIC_NATIVE_UNAVAILABLE: { message: 'The native backend cannot be used: {reason}' },
  ERR_QUIC_BIND: { message: 'The address could not be bound: {reason}' },
  ERR_QUIC_BIND_URI: { message: 'Invalid bind URI: {reason}' },
  ERR_QUIC_BIND_URI_SCHEME: { message: 'Invalid scheme of a bind URI: {reason}' },
  ERR_QUIC_BIND_URI_FAMILY: { message: 'Invalid address family of a bind URI: {reason}' },
  ERR_QUIC_BIND_URI_DEVICE: { message: 'Invalid device of a bind URI: {reason}' },
  ERR_QUIC_BIND_URI_IP: { message: 'Invalid IP address of a bind URI: {reason}' },
  ERR_QUIC_BIND_URI_PORT: { message: 'Invalid port of a bind URI: {reason}' },
  ERR_QUIC_BIND_URI_PATH: { message: 'A bind URI has no path: {reason}' },
  ERR_QUIC_BIND_URI_PROPERTY: { message: 'Invalid property of a bind URI: {reason}' },
  ERR_QUIC_INTERFACE_NOT_FOUND: { message: 'There is no such network interface' },
  ERR_QUIC_INTERFACE_NO_ADDRESS: { message: 'The network interface has no address of this family' },
  ERR_QUIC_INTERFACE_NOT_BOUND: { message: 'The interface is not bound' },
  ERR_QUIC_SERVER_EXISTS: { message: 'There is already a server with this name' },
  ERR_QUIC_SERVER_NOT_FOUND: { message: 'There is no server with this name' },
  ERR_QUIC_NO_IDENTITY: {
    message:
      'There is neither a certificate with its key (cert, key) nor a pre-shared key (psks) for clients',
  },
  ERR_QUIC_INCOMING_ANSWERED: { message: 'The incoming connection was already answered' },
  ERR_QUIC_INCOMING_GONE: { message: 'The incoming connection is gone' },
  ERR_QUIC_RETRY_NOT_POSSIBLE: { message: 'The incoming connection already came with a token' },
  ERR_QUIC_INVALID_SESSION: { message: 'The session cannot be used: {reason}' },
  ERR_QUIC_LISTENER_EXISTS: { message: 'There is already a listener with this id' },
  ERR_QUIC_LISTENER_NOT_FOUND: { message: 'There is no listener with this id' },
  ERR_QUIC_LISTENER_SPECIFICATION: { message: 'Invalid listener: {reason}' },
  ERR_QUIC_GROUP_CLOSED: { message: 'The group was shut down' },
  ERR_QUIC_KILL_SWITCH: { message: 'The kill switch is not triggered' },
  ERR_QUIC_KILLED: { message: 'The connection was killed' },
  ERR_QUIC_UNSUPPORTED: { message: 'This is not supported here: {reason}' },

  // Keys and certificates given by the user.
  ERR_QUIC_INVALID_KEY: { message: 'The private key cannot be used: {reason}' },
  ERR_QUIC_INVALID_CERTIFICATE: { message: 'The certificate cannot be used: {reason}' },
  ERR_QUIC_KEY_MISMATCH: { message: 'The private key does not belong to the certificate' },

  // Why a peer's certificate was refused.
  ERR_QUIC_CERTIFICATE_EXPIRED: { message: 'The certificate is expired' },
  ERR_QUIC_CERTIFICATE_NOT_YET_VALID: { message: 'The certificate is not valid yet' },
  ERR_QUIC_CERTIFICATE_HOST_MISMATCH: { message: 'The certificate is for another name' },
  ERR_QUIC_CERTIFICATE_KEY_USAGE: { message: 'The key usage of the certificate forbids this' },
  ERR_QUIC_CERTIFICATE_EXTENDED_KEY_USAGE: {
    message: 'The extended key usage of the certificate forbids this',
  },
  ERR_QUIC_CERTIFICATE_NOT_A_CA: { message: 'The certificate was issued by one that is no authority' },
  ERR_QUIC_CERTIFICATE_PATH_LENGTH: { message: 'The chain is longer than an authority in it allows' },
  ERR_QUIC_CERTIFICATE_NAME_CONSTRAINTS: { message: 'An authority may not issue for this name' },
  ERR_QUIC_CERTIFICATE_UNKNOWN_CRITICAL_EXTENSION: { message: 'A critical extension is not understood' },
  ERR_QUIC_CERTIFICATE_SELF_SIGNED: { message: 'The certificate is self-signed and not trusted' },
  ERR_QUIC_CERTIFICATE_UNKNOWN_ISSUER: { message: 'No trusted authority issued the certificate' },
  ERR_QUIC_CERTIFICATE_WEAK_SIGNATURE: { message: 'The certificate is signed with a weak algorithm' },
  ERR_QUIC_CERTIFICATE_WEAK_KEY: { message: 'The key of the certificate is too weak' },
  ERR_QUIC_CERTIFICATE_BAD_SIGNATURE: { message: 'The signature of the certificate is wrong' },
  ERR_QUIC_CERTIFICATE_NOT_PROVED: {
    message: 'The peer did not prove that it has the key of its certificate',
  },
  ERR_QUIC_CERTIFICATE_PIN_MISMATCH: { message: 'The certificate is not the pinned one' },
  ERR_QUIC_CERTIFICATE_MALFORMED: { message: 'The certificate cannot be read' },
  ERR_QUIC_CERTIFICATE_CHAIN_TOO_LONG: { message: 'The certificate chain is too long' },
  ERR_QUIC_CERTIFICATE_REVOKED: { message: 'The certificate is revoked' },
  ERR_QUIC_CERTIFICATE_REQUIRED: { message: 'The peer sent no certificate' },
  ERR_QUIC_CERTIFICATE_REJECTED: { message: 'The certificate was rejected: {reason}' },
} as const;

/** A `code` of the table. */
export type QuicErrorCode = keyof typeof QUIC_ERRORS;

/** Who closed, in which code space `errorCode` counts: RFC 9000 §20.1, §20.2, or nothing on the wire. */
export type QuicErrorType = 'transport' | 'application' | 'local';

/** What can be said about an error beyond its code. */
export interface QuicErrorDetails {
  /** Instead of the table's text. */
  readonly message?: string;
  /** Wire code. Default: the table's, else 0. */
  readonly errorCode?: number | bigint;
  /** Default: `'local'`. */
  readonly type?: QuicErrorType;
  /** Reason phrase. Default: empty. */
  readonly reason?: string;
  /** Whether the peer said so. Default: false. */
  readonly remote?: boolean;
  readonly cause?: unknown;
  /** Errors of several attempts. */
  readonly errors?: readonly unknown[];
  readonly streamId?: number;
}

/** Every error that the library hands to its user, except wrong arguments. Survives `JSON.stringify`. */
export class QuicError extends Error {
  override readonly name = 'QuicError';
  /** From the table `QUIC_ERRORS`. */
  readonly code: QuicErrorCode;
  /** Code on the wire, 0n where there is none. */
  readonly errorCode: bigint;
  readonly type: QuicErrorType;
  readonly reason: string;
  readonly remote: boolean;
  /** The number in quiche's C interface, where quiche has this error. */
  declare readonly number?: number;
  declare readonly streamId?: number;
  /** What became of each attempt, where there were several: as in an AggregateError. */
  declare readonly errors?: readonly unknown[];

  constructor(code: QuicErrorCode, details: QuicErrorDetails = {}) {
    const row: QuicErrorRow = QUIC_ERRORS[code];
    const options = details.cause === undefined ? undefined : { cause: details.cause };
    super(details.message ?? fill(row.message, details), options);
    this.code = code;
    this.errorCode = BigInt(details.errorCode ?? row.wire ?? 0);
    this.type = details.type ?? 'local';
    this.reason = details.reason ?? '';
    this.remote = details.remote ?? false;
    if (row.number !== undefined) this.number = row.number;
    if (details.streamId !== undefined) this.streamId = details.streamId;
    if (details.errors !== undefined) this.errors = details.errors;
  }

  /** Plain data: `errorCode` as a decimal string, the cause and other errors as their messages. */
  toJSON(): Record<string, unknown> {
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      type: this.type,
      errorCode: this.errorCode.toString(),
      reason: this.reason,
      remote: this.remote,
      ...(this.number === undefined ? {} : { number: this.number }),
      ...(this.streamId === undefined ? {} : { streamId: this.streamId }),
      ...(this.cause === undefined ? {} : { cause: messageOf(this.cause) }),
      ...(this.errors === undefined ? {} : { errors: this.errors.map(messageOf) }),
    };
  }
}

/** An error of the table. */
export function quicError(code: QuicErrorCode, details?: QuicErrorDetails): QuicError {
  return new QuicError(code, details);
}

/** For errors that the peer brings about: their stack would be that of the loop, and takes ten times as long as the rest. */
export function withoutStack<T extends Error>(make: () => T): T {
  const { stackTraceLimit } = Error;
  if (!Reflect.set(Error, 'stackTraceLimit', 0)) return make();
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Node's `ERR_INVALID_ARG_TYPE`: `expected` reads on after "must be", as in `of type string`. */
export function invalidArgType(name: string, expected: string, value: unknown): TypeError & { code: string } {
  const error = new TypeError(`The "${name}" argument must be ${expected}. Received ${describe(value)}`);
  return Object.assign(error, { code: 'ERR_INVALID_ARG_TYPE' });
}

/** Node's `ERR_INVALID_ARG_VALUE`: `allowed` reads on after the name, as in `must be one of 'a', 'b'`. */
export function invalidArgValue(name: string, value: unknown, allowed: string): TypeError & { code: string } {
  const error = new TypeError(`The argument '${name}' ${allowed}. Received ${describe(value)}`);
  return Object.assign(error, { code: 'ERR_INVALID_ARG_VALUE' });
}

/** Node's `ERR_OUT_OF_RANGE`: `range` reads on after "It must be", as in `>= 0 && <= 65535`. */
export function outOfRange(name: string, range: string, value: unknown): RangeError & { code: string } {
  const text = `The value of "${name}" is out of range. It must be ${range}. Received ${describe(value)}`;
  return Object.assign(new RangeError(text), { code: 'ERR_OUT_OF_RANGE' });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function fill(message: string, details: QuicErrorDetails): string {
  const reason = details.reason ? `: ${details.reason}` : '';
  // Functions, because a reason may contain what `replace` takes for a pattern.
  return message
    .replace('{errorCode}', () => String(details.errorCode ?? 0))
    .replace('{streamId}', () => String(details.streamId ?? '?'))
    .replace(': {reason}', () => reason);
}

/** A value in an error message: enough to recognise it, never a dump. */
function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean' || typeof value === 'number')
    return String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`;
  if (typeof value === 'function' || typeof value === 'symbol') return `type ${typeof value}`;
  return `an instance of ${value.constructor?.name || 'Object'}`;
}
