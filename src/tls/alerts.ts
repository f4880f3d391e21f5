/**
 * TLS alerts: the table of RFC 8446 §6.2 and the error that carries one.
 *
 * Knows nothing of QUIC error codes; the connection adds 0x100 (RFC 9001 §4.8).
 */

/** The alert that a handshake ends with. Everything a peer does wrong inside TLS becomes one of these. */
export class TlsAlert extends Error {
  /** AlertDescription code, such as 120 for no_application_protocol. */
  readonly alert: number;
  /** What was wrong, in one sentence; goes out as the reason phrase of CONNECTION_CLOSE. */
  readonly reason: string;

  /** `cause` is the error behind it, such as the refusal of a certificate. */
  constructor(alert: number, reason: string, cause?: unknown) {
    super(`${alertName(alert)}: ${reason}`, cause === undefined ? undefined : { cause });
    this.name = 'TlsAlert';
    this.alert = alert;
    this.reason = reason;
  }
}

/**
 * A rule was broken that QUIC adds to TLS: the connection closes with PROTOCOL_VIOLATION rather than with the alert,
 * which is its nearest counterpart (RFC 9001 §4.4, §4.6.1, §8.4).
 */
export class QuicRuleBroken extends TlsAlert {}

/** Alert codes by name. */
export const Alert = {
  CLOSE_NOTIFY: 0,
  UNEXPECTED_MESSAGE: 10,
  BAD_RECORD_MAC: 20,
  RECORD_OVERFLOW: 22,
  HANDSHAKE_FAILURE: 40,
  BAD_CERTIFICATE: 42,
  UNSUPPORTED_CERTIFICATE: 43,
  CERTIFICATE_REVOKED: 44,
  CERTIFICATE_EXPIRED: 45,
  CERTIFICATE_UNKNOWN: 46,
  ILLEGAL_PARAMETER: 47,
  UNKNOWN_CA: 48,
  ACCESS_DENIED: 49,
  DECODE_ERROR: 50,
  DECRYPT_ERROR: 51,
  PROTOCOL_VERSION: 70,
  INSUFFICIENT_SECURITY: 71,
  INTERNAL_ERROR: 80,
  INAPPROPRIATE_FALLBACK: 86,
  USER_CANCELED: 90,
  MISSING_EXTENSION: 109,
  UNSUPPORTED_EXTENSION: 110,
  UNRECOGNIZED_NAME: 112,
  BAD_CERTIFICATE_STATUS_RESPONSE: 113,
  UNKNOWN_PSK_IDENTITY: 115,
  CERTIFICATE_REQUIRED: 116,
  GENERAL_ERROR: 117,
  NO_APPLICATION_PROTOCOL: 120,
} as const;

/** Name and meaning of every alert of RFC 8446 §6, in ascending order of code. */
export const ALERTS: readonly AlertRow[] = [
  row(Alert.CLOSE_NOTIFY, 'The sender will send no more.'),
  row(Alert.UNEXPECTED_MESSAGE, 'A message came that has no place at this point of the handshake.'),
  row(Alert.BAD_RECORD_MAC, 'A record could not be decrypted. Not used in QUIC.'),
  row(Alert.RECORD_OVERFLOW, 'A record was too long. Not used in QUIC.'),
  row(Alert.HANDSHAKE_FAILURE, 'The two sides have no acceptable set of parameters in common.'),
  row(Alert.BAD_CERTIFICATE, 'A certificate was corrupt or its signature was wrong.'),
  row(Alert.UNSUPPORTED_CERTIFICATE, 'A certificate was of a kind that is not supported.'),
  row(Alert.CERTIFICATE_REVOKED, 'A certificate was revoked by its issuer.'),
  row(Alert.CERTIFICATE_EXPIRED, 'A certificate is not valid at this time.'),
  row(Alert.CERTIFICATE_UNKNOWN, 'A certificate was not acceptable for some other reason.'),
  row(Alert.ILLEGAL_PARAMETER, 'A field was well formed but wrong or contradicts another.'),
  row(Alert.UNKNOWN_CA, 'The chain leads to no trusted certificate authority.'),
  row(Alert.ACCESS_DENIED, 'The certificate was valid, but access was refused.'),
  row(Alert.DECODE_ERROR, 'A message could not be decoded.'),
  row(Alert.DECRYPT_ERROR, 'A signature, a Finished value or a binder did not verify.'),
  row(Alert.PROTOCOL_VERSION, 'The protocol version is known but not supported.'),
  row(Alert.INSUFFICIENT_SECURITY, 'The parameters offered are too weak.'),
  row(Alert.INTERNAL_ERROR, 'The sender has a fault of its own.'),
  row(Alert.INAPPROPRIATE_FALLBACK, 'A retried connection attempt asked for too old a version.'),
  row(Alert.USER_CANCELED, 'The handshake was cancelled.'),
  row(Alert.MISSING_EXTENSION, 'An extension that must be present is absent.'),
  row(Alert.UNSUPPORTED_EXTENSION, 'An extension came in answer that had not been asked for.'),
  row(Alert.UNRECOGNIZED_NAME, 'There is no server of the name that the client asked for.'),
  row(Alert.BAD_CERTIFICATE_STATUS_RESPONSE, 'The OCSP response was not acceptable.'),
  row(Alert.UNKNOWN_PSK_IDENTITY, 'No offered pre-shared key is known.'),
  row(Alert.CERTIFICATE_REQUIRED, 'The client sent no certificate where one is required.'),
  row(Alert.GENERAL_ERROR, 'Something went wrong that has no alert of its own.'),
  row(Alert.NO_APPLICATION_PROTOCOL, 'The two sides have no application protocol in common.'),
];

export interface AlertRow {
  readonly alert: number;
  /** As RFC 8446 writes it, such as `no_application_protocol`. */
  readonly name: string;
  readonly description: string;
}

/** `no_application_protocol` for 120; `alert(200)` for a code that is not in the table. */
export function alertName(alert: number): string {
  return NAMES.get(alert) ?? `alert(${alert})`;
}

function row(alert: number, description: string): AlertRow {
  return { alert, name: nameOf(alert), description };
}

function nameOf(alert: number): string {
  for (const [name, code] of Object.entries(Alert)) if (code === alert) return name.toLowerCase();
  return `alert(${alert})`;
}

const NAMES: ReadonlyMap<number, string> = new Map(ALERTS.map((entry) => [entry.alert, entry.name]));
