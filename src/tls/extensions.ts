/**
 * The table of TLS extensions and the reading and writing of extension blocks (RFC 8446 §4.2).
 *
 * Owns which extension may stand in which message, and the rules that hold for every block: no duplicates, no
 * extension out of its place, no answer to a question that was not asked. What an extension contains is decoded in
 * `extension-codecs.ts`.
 */

import type { Reader } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import { Alert, TlsAlert } from './alerts.ts';
import { MAX_EXTENSIONS } from './limits.ts';

/** The extensions of one block by code point: their bodies, as views of the message. */
export type ExtensionMap = ReadonlyMap<number, Uint8Array>;

/** Messages with an extension block, as bits. */
export const Block = {
  CLIENT_HELLO: 1,
  SERVER_HELLO: 2,
  HELLO_RETRY_REQUEST: 4,
  ENCRYPTED_EXTENSIONS: 8,
  CERTIFICATE: 16,
  CERTIFICATE_REQUEST: 32,
  NEW_SESSION_TICKET: 64,
} as const;

export type Block = (typeof Block)[keyof typeof Block];

/** Code points by name. */
export const Extension = {
  SERVER_NAME: 0,
  STATUS_REQUEST: 5,
  SUPPORTED_GROUPS: 10,
  SIGNATURE_ALGORITHMS: 13,
  APPLICATION_LAYER_PROTOCOL_NEGOTIATION: 16,
  PADDING: 21,
  COMPRESS_CERTIFICATE: 27,
  PRE_SHARED_KEY: 41,
  EARLY_DATA: 42,
  SUPPORTED_VERSIONS: 43,
  COOKIE: 44,
  PSK_KEY_EXCHANGE_MODES: 45,
  CERTIFICATE_AUTHORITIES: 47,
  OID_FILTERS: 48,
  POST_HANDSHAKE_AUTH: 49,
  SIGNATURE_ALGORITHMS_CERT: 50,
  KEY_SHARE: 51,
  QUIC_TRANSPORT_PARAMETERS: 57,
  ENCRYPTED_CLIENT_HELLO: 0xfe0d,
} as const;

const CH = Block.CLIENT_HELLO;
const SH = Block.SERVER_HELLO;
const HRR = Block.HELLO_RETRY_REQUEST;
const EE = Block.ENCRYPTED_EXTENSIONS;
const CT = Block.CERTIFICATE;
const CR = Block.CERTIFICATE_REQUEST;
const NST = Block.NEW_SESSION_TICKET;

/** The table of RFC 8446 §4.2, with RFC 9001 §8.2: every extension known here and the blocks it may stand in. */
export const EXTENSIONS: readonly ExtensionRow[] = [
  { code: Extension.SERVER_NAME, name: 'server_name', blocks: CH | EE | CR },
  { code: Extension.STATUS_REQUEST, name: 'status_request', blocks: CH | CR | CT },
  { code: Extension.SUPPORTED_GROUPS, name: 'supported_groups', blocks: CH | EE },
  { code: Extension.SIGNATURE_ALGORITHMS, name: 'signature_algorithms', blocks: CH | CR },
  { code: 14, name: 'use_srtp', blocks: CH | EE },
  { code: 15, name: 'heartbeat', blocks: CH | EE },
  {
    code: Extension.APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
    name: 'application_layer_protocol_negotiation',
    blocks: CH | EE,
  },
  { code: 19, name: 'client_certificate_type', blocks: CH | EE },
  { code: 20, name: 'server_certificate_type', blocks: CH | EE },
  { code: Extension.PADDING, name: 'padding', blocks: CH },
  { code: Extension.COMPRESS_CERTIFICATE, name: 'compress_certificate', blocks: CH | CR },
  { code: 28, name: 'record_size_limit', blocks: CH | EE },
  { code: 34, name: 'delegated_credential', blocks: CH | CR | CT },
  { code: 39, name: 'supported_ekt_ciphers', blocks: CH | EE },
  { code: Extension.PRE_SHARED_KEY, name: 'pre_shared_key', blocks: CH | SH },
  { code: Extension.EARLY_DATA, name: 'early_data', blocks: CH | EE | NST },
  { code: Extension.SUPPORTED_VERSIONS, name: 'supported_versions', blocks: CH | SH | HRR },
  { code: Extension.COOKIE, name: 'cookie', blocks: CH | HRR },
  { code: Extension.PSK_KEY_EXCHANGE_MODES, name: 'psk_key_exchange_modes', blocks: CH },
  { code: Extension.CERTIFICATE_AUTHORITIES, name: 'certificate_authorities', blocks: CH | CR },
  { code: Extension.OID_FILTERS, name: 'oid_filters', blocks: CR },
  { code: Extension.POST_HANDSHAKE_AUTH, name: 'post_handshake_auth', blocks: CH },
  { code: Extension.SIGNATURE_ALGORITHMS_CERT, name: 'signature_algorithms_cert', blocks: CH | CR },
  { code: Extension.KEY_SHARE, name: 'key_share', blocks: CH | SH | HRR },
  { code: 52, name: 'transparency_info', blocks: CH | CR | CT },
  { code: 55, name: 'external_id_hash', blocks: CH | EE },
  { code: 56, name: 'external_session_id', blocks: CH | EE },
  { code: Extension.QUIC_TRANSPORT_PARAMETERS, name: 'quic_transport_parameters', blocks: CH | EE },
  { code: 58, name: 'ticket_request', blocks: CH | EE },
  { code: 0xfd00, name: 'ech_outer_extensions', blocks: CH },
  { code: Extension.ENCRYPTED_CLIENT_HELLO, name: 'encrypted_client_hello', blocks: CH | HRR | EE },
];

export interface ExtensionRow {
  readonly code: number;
  readonly name: string;
  /** {@link Block} bits of the messages it may stand in. */
  readonly blocks: number;
}

/** The name of a code point, or `extension(0x…)`. */
export function extensionName(code: number): string {
  return ROWS.get(code)?.name ?? `extension(0x${code.toString(16)})`;
}

/**
 * Reads one length-prefixed extension block and checks it against the table.
 *
 * `offered` are the code points that the other side was asked for; without it the block is itself a request and
 * unknown extensions are skipped (RFC 8446 §4.2, §9.3). Throws `TlsAlert`: illegal_parameter for a duplicate or for a
 * known extension out of its place, unsupported_extension for one that was not offered, decode_error for bad lengths.
 */
export function readExtensions(reader: Reader, block: Block, offered?: ReadonlySet<number>): ExtensionMap {
  const end = reader.u16() + reader.offset;
  if (end > reader.end) throw new TlsAlert(Alert.DECODE_ERROR, 'the extension block is cut off');
  const found = new Map<number, Uint8Array>();
  while (reader.offset < end) {
    const code = reader.u16();
    const body = reader.vector16();
    if (reader.offset > end) throw new TlsAlert(Alert.DECODE_ERROR, 'an extension is longer than its block');
    if (found.has(code)) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, `${extensionName(code)} appears twice`);
    }
    if (found.size >= MAX_EXTENSIONS) throw new TlsAlert(Alert.DECODE_ERROR, 'too many extensions');
    checkPlace(code, block, offered);
    found.set(code, body);
  }
  return found;
}

/** The body of an extension that has to be there. Throws `TlsAlert` missing_extension. */
export function requireExtension(extensions: ExtensionMap, code: number): Uint8Array {
  const body = extensions.get(code);
  if (body === undefined) {
    throw new TlsAlert(Alert.MISSING_EXTENSION, `${extensionName(code)} is missing`);
  }
  return body;
}

/** Writes one extension whose body `write` produces. */
export function writeExtension(writer: Writer, code: number, write?: (writer: Writer) => void): void {
  writer.u16(code);
  const mark = writer.openVector(2);
  write?.(writer);
  writer.closeVector(mark, 2);
}

function checkPlace(code: number, block: Block, offered: ReadonlySet<number> | undefined): void {
  const row = ROWS.get(code);
  if (row !== undefined && (row.blocks & block) === 0) {
    throw new TlsAlert(Alert.ILLEGAL_PARAMETER, `${row.name} has no place in this message`);
  }
  // A cookie is the one answer that needs no question (RFC 8446 §4.2).
  if (code === Extension.COOKIE && block === Block.HELLO_RETRY_REQUEST) return;
  if (offered !== undefined && !offered.has(code)) {
    throw new TlsAlert(Alert.UNSUPPORTED_EXTENSION, `${extensionName(code)} was not offered`);
  }
}

const ROWS: ReadonlyMap<number, ExtensionRow> = new Map(EXTENSIONS.map((entry) => [entry.code, entry]));
