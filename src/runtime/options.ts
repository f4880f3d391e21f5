// Parses what users give for a connection, once, into what the core takes. All ERR_INVALID_ARG_… errors about
// connections come from here. The table of defaults of the friendly layer is DEFAULT_CONNECTION_OPTIONS.

import {
  type ConnectionConfig,
  DEFAULT_TRANSPORT_CONFIG,
  type TransportConfig,
} from '../connection/config.ts';
import { type DatagramOptions, parseDatagrams } from '../connection/datagram-options.ts';
import { parsePreferredAddress } from '../connection/preferred-address.ts';
import { CRYPTO_OPTION_NAMES, type CryptoOptions, parseCrypto } from '../connection/tls-options.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { invalidArgType, invalidArgValue, outOfRange } from '../errors.ts';
import { CONGESTION_CONTROLLERS } from '../recovery/congestion.ts';

/** What a connection may do. Every field is optional; bytes and milliseconds. */
export interface TransportOptions {
  /** Silence until the connection ends, ms; 0 for never. Default 30,000. */
  maxIdleTimeout?: number;
  /** Time for the handshake, ms; 0 for no limit. Default 10,000. */
  handshakeTimeout?: number;
  /** A PING after this much silence, ms; 0 for never. Default 0. */
  keepAlive?: number;
  /** What the peer may send before it is read: on the connection. Default 1 MiB, tuned up to `maxConnectionWindow`. */
  initialMaxData?: number;
  /** … and on each stream. Default 256 KiB, tuned up to `maxStreamWindow`. */
  initialMaxStreamData?: number;
  /** Streams that the peer may have open at once. Default 100 of each. */
  maxStreamsBidi?: number;
  maxStreamsUni?: number;
  /** Ceilings of the tuned windows. Defaults 24 MiB and 16 MiB. */
  maxConnectionWindow?: number;
  maxStreamWindow?: number;
  /** Bytes that writes may hold, unsent and unacknowledged. Default 8 MiB. */
  maxSendBuffer?: number;
  /** 'cubic' (default), 'reno' or 'bbr'. */
  congestionControl?: string;
  pacing?: boolean;
  /** Takes requests for fewer ACKs, and makes them after slow start (draft-ietf-quic-ack-frequency). Default true. */
  ackFrequency?: boolean;
  /** Lets those on the way see the round trip, on 15 of 16 paths (RFC 9000 §17.4). Default false. */
  spinBit?: boolean;
  /** Takes and, where the peer does too, sends packets with any fixed bit (RFC 9287). Default false. */
  greaseQuicBit?: boolean;
  /** Largest UDP payload to try, 1200 to 65527. Default 1452, and never more where sockets cannot forbid fragments. */
  maxUdpPayloadSize?: number;
  disableActiveMigration?: boolean;
  /** Listener: where clients shall go after the handshake; bound too (RFC 9000 §9.6). Default nowhere. */
  preferredAddress?: {
    readonly ipv4?: { readonly address: string; readonly port: number };
    readonly ipv6?: { readonly address: string; readonly port: number };
  };
  /** Client: goes to the server's preferred address of the family in use, once that answers. Default true. */
  followPreferredAddress?: boolean;
  /** Take resets that keep the beginning of a stream (draft-ietf-quic-reliable-stream-reset). Default false. */
  resetStreamAt?: boolean;
  /** Take unreliable datagrams (RFC 9221); true with the default limits. Default false. */
  datagrams?: boolean | DatagramOptions;
}

/** Defaults of the friendly layer, as TransportConfig. */
export const DEFAULT_CONNECTION_OPTIONS: TransportConfig = {
  ...DEFAULT_TRANSPORT_CONFIG,
  maxIdleTimeout: 30_000,
  maxSendUdpPayloadSize: 1452,
  initialMaxData: 1024 * 1024,
  initialMaxStreamDataBidiLocal: 256 * 1024,
  initialMaxStreamDataBidiRemote: 256 * 1024,
  initialMaxStreamDataUni: 256 * 1024,
  initialMaxStreamsBidi: 100,
  initialMaxStreamsUni: 100,
  activeConnectionIdLimit: 4,
  maxSendBuffer: 8 * 1024 * 1024,
  datagramSendQueueLen: 1024,
  datagramSendQueueBytes: 1024 * 1024,
  datagramFates: true,
};

/** Default of `handshakeTimeout`, ms. */
export const DEFAULT_HANDSHAKE_TIMEOUT = 10_000;

/** The transport part. Throws Node's argument errors. */
export function parseTransport(options: TransportOptions): TransportConfig {
  const config = { ...DEFAULT_CONNECTION_OPTIONS };
  const { initialMaxStreamData } = options;
  config.maxIdleTimeout = integer(
    'maxIdleTimeout',
    options.maxIdleTimeout,
    0,
    MAX_TIME,
    config.maxIdleTimeout,
  );
  config.keepAlive = integer('keepAlive', options.keepAlive, 0, MAX_TIME, config.keepAlive);
  config.initialMaxData = integer(
    'initialMaxData',
    options.initialMaxData,
    0,
    MAX_BYTES,
    config.initialMaxData,
  );
  if (initialMaxStreamData !== undefined) {
    const value = integer('initialMaxStreamData', initialMaxStreamData, 0, MAX_BYTES, 0);
    config.initialMaxStreamDataBidiLocal = value;
    config.initialMaxStreamDataBidiRemote = value;
    config.initialMaxStreamDataUni = value;
  }
  config.initialMaxStreamsBidi = integer('maxStreamsBidi', options.maxStreamsBidi, 0, MAX_STREAMS, 100);
  config.initialMaxStreamsUni = integer('maxStreamsUni', options.maxStreamsUni, 0, MAX_STREAMS, 100);
  config.maxConnectionWindow = integer(
    'maxConnectionWindow',
    options.maxConnectionWindow,
    0,
    MAX_BYTES,
    config.maxConnectionWindow,
  );
  config.maxStreamWindow = integer(
    'maxStreamWindow',
    options.maxStreamWindow,
    0,
    MAX_BYTES,
    config.maxStreamWindow,
  );
  config.maxSendBuffer = integer('maxSendBuffer', options.maxSendBuffer, 1, MAX_BYTES, config.maxSendBuffer);
  config.maxSendUdpPayloadSize = integer(
    'maxUdpPayloadSize',
    options.maxUdpPayloadSize,
    1200,
    65527,
    config.maxSendUdpPayloadSize,
  );
  config.pacing = boolean('pacing', options.pacing, config.pacing);
  config.spinBit = boolean('spinBit', options.spinBit, config.spinBit);
  config.ackFrequency = boolean('ackFrequency', options.ackFrequency, config.ackFrequency);
  config.followPreferredAddress = boolean('followPreferredAddress', options.followPreferredAddress, true);
  config.preferredAddress = parsePreferredAddress(options.preferredAddress);
  config.resetStreamAt = boolean('resetStreamAt', options.resetStreamAt, false);
  config.disableActiveMigration = boolean('disableActiveMigration', options.disableActiveMigration, false);
  Object.assign(config, parseDatagrams(options.datagrams));
  if (options.congestionControl !== undefined) {
    const names = Object.keys(CONGESTION_CONTROLLERS);
    if (!names.includes(options.congestionControl)) {
      throw invalidArgValue('congestionControl', options.congestionControl, `must be one of ${list(names)}`);
    }
    config.congestionControl = options.congestionControl;
  }
  return config;
}

/** What the handshake may do and take. Throws Node's argument errors, and ERR_QUIC_UNSUPPORTED. */
export function parseHandshake(
  options: TransportOptions & CryptoOptions,
  provider: CryptoProvider,
): HandshakeChoices {
  return {
    ...parseCrypto(options, provider),
    greaseQuicBit: boolean('greaseQuicBit', options.greaseQuicBit, false),
    handshakeTimeout: integer(
      'handshakeTimeout',
      options.handshakeTimeout,
      0,
      MAX_TIME,
      DEFAULT_HANDSHAKE_TIMEOUT,
    ),
  };
}

type HandshakeChoices = Pick<
  ConnectionConfig,
  'cipherSuites' | 'groups' | 'certificateCompression' | 'greaseQuicBit' | 'handshakeTimeout'
>;

/** ALPN: a name or a list of names, each 1 to 255 bytes (RFC 7301 §3.1). There is no default. */
export function parseAlpn(value: unknown): string[] {
  const names = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(names)) {
    throw invalidArgType('alpn', "a protocol name or a list of them, such as ['echo']", value);
  }
  if (names.length === 0) throw invalidArgValue('alpn', value, "must name a protocol, such as ['echo']");
  for (const name of names) {
    if (typeof name !== 'string') throw invalidArgType('alpn', 'a list of strings', name);
    const length = new TextEncoder().encode(name).length;
    if (length === 0 || length > 255) throw invalidArgValue('alpn', name, 'must have 1 to 255 bytes');
  }
  return names.slice();
}

/** Refuses names that no option has, so that a typing error is not silently ignored. */
export function checkOptionNames(options: object, known: ReadonlySet<string>, what: string): void {
  if (typeof options !== 'object' || options === null) throw invalidArgType(what, 'an object', options);
  for (const name of Object.keys(options)) {
    if (known.has(name)) continue;
    throw invalidArgValue(
      what,
      name,
      `has no option of this name; there are ${[...known].sort().join(', ')}`,
    );
  }
}

export function integer(name: string, value: unknown, min: number, max: number, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(name, `an integer >= ${min} && <= ${max}`, value);
  }
  return value;
}

export function boolean(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean') throw invalidArgType(name, 'of type boolean', value);
  return value;
}

export const TRANSPORT_OPTION_NAMES: readonly string[] = [
  'maxIdleTimeout',
  'handshakeTimeout',
  'keepAlive',
  'initialMaxData',
  'initialMaxStreamData',
  'maxStreamsBidi',
  'maxStreamsUni',
  'maxConnectionWindow',
  'maxStreamWindow',
  'maxSendBuffer',
  'congestionControl',
  'pacing',
  'ackFrequency',
  'maxUdpPayloadSize',
  'disableActiveMigration',
  'preferredAddress',
  'followPreferredAddress',
  'datagrams',
  'resetStreamAt',
  'spinBit',
  'greaseQuicBit',
  ...CRYPTO_OPTION_NAMES,
  'qlog',
];

function list(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}

const MAX_TIME = 2 ** 31;
const MAX_BYTES = 2 ** 40;
const MAX_STREAMS = 2 ** 40;
