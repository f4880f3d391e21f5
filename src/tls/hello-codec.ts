/**
 * ClientHello, ServerHello and HelloRetryRequest as values (RFC 8446 §4.1).
 *
 * Owns the layout and the checks that need nothing but the message itself. What fits the negotiation is decided by
 * `client.ts` and `server-negotiation.ts`.
 */

import { equal } from '../util/bytes.ts';
import { Reader } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import { Alert, QuicRuleBroken, TlsAlert } from './alerts.ts';
import { decodeCompressions } from './certificate-compression.ts';
import {
  decodeClientShares,
  decodeCode,
  decodeCodes,
  decodeCookie,
  decodeNothing,
  decodeProtocols,
  decodeServerName,
  decodeServerShare,
  decodeStatusRequest,
  type KeyShareEntry,
  readCodes,
} from './extension-codecs.ts';
import { Block, Extension, type ExtensionMap, readExtensions, requireExtension } from './extensions.ts';
import { encodeMessage, HandshakeType } from './messages.ts';
import { decodeOfferedPsks, decodePskModes, type OfferedPsks, PskMode } from './psk-codec.ts';

/** A ClientHello that may be negotiated. */
export interface ClientHello {
  readonly random: Uint8Array;
  /** As sent, in order of preference; GREASE values are still in it. */
  readonly cipherSuites: readonly number[];
  readonly groups: readonly number[];
  readonly keyShares: readonly KeyShareEntry[];
  readonly signatureSchemes: readonly number[];
  /** One character per byte; empty if the extension is absent. */
  readonly alpn: readonly string[];
  /** In lower case. */
  readonly serverName: string | null;
  /** Whether the client wants an OCSP response. */
  readonly ocsp: boolean;
  /** Whether the client can use tickets: psk_dhe_ke among its modes (RFC 8446 §4.2.9). */
  readonly tickets: boolean;
  /** Whether it would do with a PSK without (EC)DHE. */
  readonly plainPsk: boolean;
  readonly psks: OfferedPsks | null;
  /** Whether 0-RTT packets are on their way. */
  readonly earlyData: boolean;
  /** Algorithms in which certificates may come (RFC 8879 §3). */
  readonly certificateCompressions: readonly number[];
  readonly transportParameters: Uint8Array;
  /** All extensions as sent, for comparing a second hello with the first and for what is not decoded here. */
  readonly extensions: ExtensionMap;
}

export interface ServerHello {
  readonly random: Uint8Array;
  readonly cipherSuite: number;
  /** `null` only next to a selected PSK. */
  readonly keyShare: KeyShareEntry | null;
  /** Index of the PSK that the server took. */
  readonly selectedPsk: number | null;
}

export interface HelloRetryRequest {
  readonly cipherSuite: number;
  /** The group to send a share of; `null` if the server is content with the share it has. */
  readonly group: number | null;
  readonly cookie: Uint8Array | null;
}

export const TLS_1_3 = 0x0304;
/** What every hello says in legacy_version. */
export const TLS_1_2 = 0x0303;
export const RANDOM_BYTES = 32;

/** SHA-256 of "HelloRetryRequest": the random that marks one (RFC 8446 §4.1.3). */
export const RETRY_RANDOM: Uint8Array = Uint8Array.of(
  ...[0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91],
  ...[0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c],
);

/** Encodes a ClientHello around the extensions that `writeBlock` writes. `capacity` bounds their bytes. */
export function encodeClientHello(
  random: Uint8Array,
  cipherSuites: readonly number[],
  capacity: number,
  writeBlock: (writer: Writer) => void,
): Uint8Array {
  const fixed = 2 + RANDOM_BYTES + 1 + 2 + 2 * cipherSuites.length + 2 + 2;
  return encodeMessage(HandshakeType.CLIENT_HELLO, fixed + capacity, (w) => {
    w.u16(TLS_1_2);
    w.copy(random);
    w.u8(0); // An empty legacy_session_id: there is no compatibility mode in QUIC (RFC 9001 §8.4).
    const suites = w.openVector(2);
    for (const suite of cipherSuites) w.u16(suite);
    w.closeVector(suites, 2);
    w.u8(1);
    w.u8(0);
    const block = w.openVector(2);
    writeBlock(w);
    w.closeVector(block, 2);
  });
}

/**
 * Decodes the body of a ClientHello and checks what RFC 8446 §4.1.2, §9.2 and RFC 9001 §8 ask of every one.
 *
 * Throws `TlsAlert`: decode_error, protocol_version, illegal_parameter, missing_extension.
 */
export function decodeClientHello(body: Uint8Array): ClientHello {
  const reader = new Reader(body);
  const legacyVersion = reader.u16();
  const random = reader.take(RANDOM_BYTES);
  const sessionId = reader.vector8();
  const cipherSuites = readCodes(reader.vector16());
  const compression = reader.vector8();
  if (sessionId.length > 32 || compression.length === 0) {
    throw new TlsAlert(Alert.DECODE_ERROR, 'a legacy field has an impossible length');
  }
  // Without extensions it is a hello of an older version (RFC 8446 §4.1.2).
  if (reader.remaining === 0) throw new TlsAlert(Alert.PROTOCOL_VERSION, 'TLS 1.3 was not offered');
  const extensions = readExtensions(reader, Block.CLIENT_HELLO);
  if (reader.remaining > 0) throw new TlsAlert(Alert.DECODE_ERROR, 'bytes are left over after ClientHello');

  checkVersion(legacyVersion, extensions);
  if (compression.length !== 1 || compression[0] !== 0) {
    throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'compression was offered');
  }
  if (sessionId.length > 0) {
    // RFC 9001 §8.4: there is no compatibility mode in QUIC.
    throw new QuicRuleBroken(Alert.ILLEGAL_PARAMETER, 'legacy_session_id is not empty');
  }
  checkPskPlace(extensions);
  const groups = decodeCodes(requireExtension(extensions, Extension.SUPPORTED_GROUPS), 2);
  const keyShares = decodeClientShares(requireExtension(extensions, Extension.KEY_SHARE));
  if (keyShares.some((share) => !groups.includes(share.group))) {
    throw new TlsAlert(
      Alert.ILLEGAL_PARAMETER,
      'a key share is of a group that supported_groups does not list',
    );
  }
  const modes = optional(extensions, Extension.PSK_KEY_EXCHANGE_MODES, decodePskModes, NO_CODES);
  return {
    random,
    cipherSuites,
    groups,
    keyShares,
    signatureSchemes: decodeCodes(requireExtension(extensions, Extension.SIGNATURE_ALGORITHMS), 2),
    alpn: optional(extensions, Extension.APPLICATION_LAYER_PROTOCOL_NEGOTIATION, decodeProtocols, []),
    serverName: optional(extensions, Extension.SERVER_NAME, decodeServerName, null),
    ocsp: optional(extensions, Extension.STATUS_REQUEST, decodeStatusRequest, false),
    tickets: modes.includes(PskMode.PSK_DHE_KE),
    plainPsk: modes.includes(PskMode.PSK_KE),
    psks: optional(extensions, Extension.PRE_SHARED_KEY, decodeOfferedPsks, null),
    earlyData: optional(extensions, Extension.EARLY_DATA, decodeNothing, false),
    certificateCompressions: optional(
      extensions,
      Extension.COMPRESS_CERTIFICATE,
      decodeCompressions,
      NO_CODES,
    ),
    transportParameters: requireExtension(extensions, Extension.QUIC_TRANSPORT_PARAMETERS),
    extensions,
  };
}

/** Encodes a ServerHello or, with {@link RETRY_RANDOM}, a HelloRetryRequest. */
export function encodeServerHello(
  random: Uint8Array,
  cipherSuite: number,
  capacity: number,
  writeBlock: (writer: Writer) => void,
): Uint8Array {
  return encodeMessage(HandshakeType.SERVER_HELLO, 2 + RANDOM_BYTES + 1 + 2 + 1 + 2 + capacity, (w) => {
    w.u16(TLS_1_2);
    w.copy(random);
    w.u8(0);
    w.u16(cipherSuite);
    w.u8(0);
    const block = w.openVector(2);
    writeBlock(w);
    w.closeVector(block, 2);
  });
}

/** Whether the body of a ServerHello is a HelloRetryRequest; to be asked first (RFC 8446 §4.1.3). */
export function isRetryRequest(body: Uint8Array): boolean {
  return body.length >= 2 + RANDOM_BYTES && equal(body.subarray(2, 2 + RANDOM_BYTES), RETRY_RANDOM);
}

/** Throws `TlsAlert`: decode_error, protocol_version, illegal_parameter, missing_extension, unsupported_extension. */
export function decodeServerHello(body: Uint8Array, offered: ReadonlySet<number>): ServerHello {
  const { random, cipherSuite, extensions } = decodeServerFields(body, Block.SERVER_HELLO, offered);
  const selectedPsk = optional(extensions, Extension.PRE_SHARED_KEY, decodeCode, null);
  if (selectedPsk === null) requireExtension(extensions, Extension.KEY_SHARE);
  const keyShare = optional(extensions, Extension.KEY_SHARE, decodeServerShare, null);
  return { random, cipherSuite, keyShare, selectedPsk };
}

/** Throws `TlsAlert` as {@link decodeServerHello} does. */
export function decodeHelloRetryRequest(body: Uint8Array, offered: ReadonlySet<number>): HelloRetryRequest {
  const { cipherSuite, extensions } = decodeServerFields(body, Block.HELLO_RETRY_REQUEST, offered);
  return {
    cipherSuite,
    group: optional(extensions, Extension.KEY_SHARE, decodeCode, null),
    cookie: optional(extensions, Extension.COOKIE, decodeCookie, null),
  };
}

function decodeServerFields(
  body: Uint8Array,
  block: Block,
  offered: ReadonlySet<number>,
): { random: Uint8Array; cipherSuite: number; extensions: ExtensionMap } {
  const reader = new Reader(body);
  const legacyVersion = reader.u16();
  const random = reader.take(RANDOM_BYTES);
  const sessionId = reader.vector8();
  const cipherSuite = reader.u16();
  const compression = reader.u8();
  if (sessionId.length > 32) throw new TlsAlert(Alert.DECODE_ERROR, 'legacy_session_id_echo is too long');
  if (reader.remaining === 0) throw olderVersion(random);
  const extensions = readExtensions(reader, block, offered);
  if (reader.remaining > 0) throw new TlsAlert(Alert.DECODE_ERROR, 'bytes are left over after ServerHello');

  const selected = extensions.get(Extension.SUPPORTED_VERSIONS);
  if (selected === undefined) throw olderVersion(random);
  if (decodeCode(selected) !== TLS_1_3) {
    throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the server selected a version that was not offered');
  }
  if (legacyVersion !== TLS_1_2) throw new TlsAlert(Alert.PROTOCOL_VERSION, 'legacy_version is not TLS 1.2');
  if (sessionId.length > 0)
    throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'legacy_session_id_echo is not empty');
  if (compression !== 0) throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the server selected compression');
  return { random, cipherSuite, extensions };
}

/** A server that chose TLS 1.2 or older; with the downgrade mark it knew better (RFC 8446 §4.1.3). */
function olderVersion(random: Uint8Array): TlsAlert {
  const tail = random.subarray(RANDOM_BYTES - 8);
  const marked = equal(tail.subarray(0, 7), DOWNGRADE_MARK) && (tail[7] === 0 || tail[7] === 1);
  return marked
    ? new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the handshake was downgraded')
    : new TlsAlert(Alert.PROTOCOL_VERSION, 'the server selected a version older than TLS 1.3');
}

function checkVersion(legacyVersion: number, extensions: ExtensionMap): void {
  const body = extensions.get(Extension.SUPPORTED_VERSIONS);
  if (body === undefined || !decodeCodes(body, 1).includes(TLS_1_3)) {
    throw new TlsAlert(Alert.PROTOCOL_VERSION, 'TLS 1.3 was not offered');
  }
  if (legacyVersion !== TLS_1_2) throw new TlsAlert(Alert.PROTOCOL_VERSION, 'legacy_version is not TLS 1.2');
}

/** pre_shared_key stands last and comes with psk_key_exchange_modes (RFC 8446 §4.2.9, §4.2.11). */
function checkPskPlace(extensions: ExtensionMap): void {
  if (!extensions.has(Extension.PRE_SHARED_KEY)) return;
  let last = -1;
  for (const code of extensions.keys()) last = code;
  if (last !== Extension.PRE_SHARED_KEY) {
    throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'pre_shared_key is not the last extension');
  }
  requireExtension(extensions, Extension.PSK_KEY_EXCHANGE_MODES);
}

function optional<T, A>(
  extensions: ExtensionMap,
  code: number,
  decode: (body: Uint8Array) => T,
  absent: A,
): T | A {
  const body = extensions.get(code);
  return body === undefined ? absent : decode(body);
}

const NO_CODES: readonly number[] = [];
/** "DOWNGRD", followed by 0 or 1 (RFC 8446 §4.1.3). */
const DOWNGRADE_MARK = Uint8Array.of(0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44);
