// The core's configuration as users write it: quiche's options and defaults, parsed once, good for any number of
// connections. All argument errors about options of `quayside/core` come from here.

import { nodeProvider } from '../crypto/node-provider.ts';
import { nodeRandom } from '../crypto/node-random.ts';
import type { CryptoProvider, RandomSource } from '../crypto/provider.ts';
import { invalidArgType, invalidArgValue, outOfRange, quicError } from '../errors.ts';
import { CONGESTION_CONTROLLERS } from '../recovery/congestion.ts';
import type { Trace } from '../trace/trace.ts';
import type { WireAddress } from '../wire/preferred-address.ts';
import {
  type ConnectionIdSource,
  DEFAULT_TRANSPORT_CONFIG,
  type Identity,
  type SessionConfig,
  type TransportConfig,
} from './config.ts';
import { type DatagramOptions, parseDatagrams } from './datagram-options.ts';
import { parsePreferredAddress } from './preferred-address.ts';
import { parseSessions, SESSION_OPTION_NAMES, type SessionOptions } from './session-options.ts';
import { CRYPTO_OPTION_NAMES, type CryptoOptions, parseCrypto } from './tls-options.ts';
import { parseVersion, parseVersions } from './version-options.ts';

/**
 * Options of a connection: quiche's `Config` under its own names and with its defaults, except that a client verifies
 * its server unless told otherwise. Every field but `alpn` is optional. Sizes are bytes, times milliseconds.
 */
export interface CoreOptions extends SessionOptions, CryptoOptions {
  /** QUIC version to start with. Default 1, or the first of `versions` if 1 is none of them. A reserved one (0x?a?a?a?a) forces version negotiation. */
  readonly version?: number;
  /**
   * Versions that a connection may have, preferred first: 1, and 0x6b3343cf for QUIC version 2. A server switches to the
   * first of these that the client can too (RFC 9368). Default `version` alone, or 1 if that is a reserved one.
   */
  readonly versions?: readonly number[];
  /** Takes and, where the peer does too, sends packets with any fixed bit (RFC 9287). Default false. */
  readonly greaseQuicBit?: boolean;
  /** Application protocols, preferred first. There is no default: QUIC needs one. */
  readonly alpn: readonly string[];
  /**
   * Certificate chain and key, as `loadIdentity` makes it. A server without one gets a 'client-hello' event for each
   * connection and answers by `answerClientHello`. For a client this is its own certificate.
   */
  readonly identity?: CoreIdentity;
  /**
   * Client: the 'verify' event must be answered before the handshake goes on; default true. Server: asks for a
   * client certificate, which has to be good but may be missing; default false.
   */
  readonly verifyPeer?: boolean;
  /** Server: a client without a certificate is refused. Implies `verifyPeer`. Default false. */
  readonly requireClientCertificate?: boolean;
  /** Client: asks for a stapled OCSP response, which comes with the 'verify' event. Default false. */
  readonly requestOcsp?: boolean;
  /** Sends a reserved transport parameter and lists a reserved version (RFC 9000 §18.1, §15). Default true. */
  readonly grease?: boolean;
  /** Silence until the connection ends without a word; 0 for never. The smaller of both sides' counts. Default 0. */
  readonly maxIdleTimeout?: number;
  /** A PING after so much silence; 0 for never. Default 0. */
  readonly keepAlive?: number;
  /** Time for the handshake; 0 for no limit. Default 0. */
  readonly handshakeTimeout?: number;
  /** Largest UDP payload that we take; advertised. Default 65527, at least 1200. */
  readonly maxRecvUdpPayloadSize?: number;
  /** Largest UDP payload that we send. Default and least 1200. */
  readonly maxSendUdpPayloadSize?: number;
  /** What the peer may send on the connection before some of it is read. Default 0: nothing. */
  readonly initialMaxData?: number;
  /** … on a bidirectional stream of ours. Default 0. */
  readonly initialMaxStreamDataBidiLocal?: number;
  /** … on a bidirectional stream of the peer's. Default 0. */
  readonly initialMaxStreamDataBidiRemote?: number;
  /** … on a unidirectional stream of the peer's. Default 0. */
  readonly initialMaxStreamDataUni?: number;
  /** Streams that the peer may have open at once. Default 0. */
  readonly initialMaxStreamsBidi?: number;
  readonly initialMaxStreamsUni?: number;
  /** Ceilings of the windows, which are tuned upwards. Defaults 24 MiB and 16 MiB. */
  readonly maxConnectionWindow?: number;
  readonly maxStreamWindow?: number;
  /** What writes may hold, unsent and unacknowledged. Default 16 MiB. */
  readonly maxSendBuffer?: number;
  /** Default 3; more than 20 is 20. */
  readonly ackDelayExponent?: number;
  /** Default 25. */
  readonly maxAckDelay?: number;
  /** Takes and, after slow start, makes requests for fewer ACKs (draft-ietf-quic-ack-frequency). Default true. */
  readonly ackFrequency?: boolean;
  /** Connection ids of the peer that are kept. Default and least 2. */
  readonly activeConnectionIdLimit?: number;
  /** Unreliable datagrams (RFC 9221); quiche's `enable_dgram`. True: with the defaults. Default false. */
  readonly datagrams?: boolean | DatagramOptions;
  /** Collects what became of each datagram; `nextDgramFate` must then be called until null. Default false. */
  readonly datagramFates?: boolean;
  /** Asks the peer not to migrate. Default false. */
  readonly disableActiveMigration?: boolean;
  /** Opens no path to a new address of the client for which there is no fresh id of it. Default false. */
  readonly disableDcidReuse?: boolean;
  /** Probes of one datagram size before path MTU discovery gives it up. Default 3. */
  readonly pmtudMaxProbes?: number;
  /** PATH_CHALLENGE frames that may wait for their answer on each path. Default 3. */
  readonly pathChallengeRecvMaxQueueLen?: number;
  /** Server: where clients shall go after the handshake (RFC 9000 §9.6); it must receive there. Default nowhere. */
  readonly preferredAddress?: { readonly ipv4?: WireAddress; readonly ipv6?: WireAddress };
  /** Client: goes to the server's preferred address of its own family, once that answers. Default true. */
  readonly followPreferredAddress?: boolean;
  /** 'cubic' (default), 'reno' or another name of `CONGESTION_CONTROL_NAMES`. */
  readonly congestionControl?: string;
  /** The first congestion window in packets. Default 10. */
  readonly initialWindowPackets?: number;
  /** HyStart++ in the first slow start of 'cubic' and 'reno' (RFC 9406). Default true. */
  readonly hystart?: boolean;
  /** Default true. */
  readonly pacing?: boolean;
  /** Keeps so many bytes of transport parameters that are not known here, in `peerTransportParameters.unknown`. Default 0: none. */
  readonly trackUnknownTransportParameters?: number;
  /** Takes RESET_STREAM_AT frames (draft-ietf-quic-reliable-stream-reset). Default false. */
  readonly resetStreamAt?: boolean;
  /** Most that pacing lets go, bytes per second, at least 1. Default no limit. */
  readonly maxPacingRate?: number;
  /** RTT of a path before its first sample, at least 1. Default 333 (RFC 9002 §6.2.2). */
  readonly initialRtt?: number;
  /** Writes are taken up to so many times the room of the congestion window; any number above 0. Default 1. */
  readonly sendCapacityFactor?: number;
  /** Marks datagrams as ECN-capable while the path carries marks; for sockets that can. Default false. */
  readonly ecn?: boolean;
  /** Lets those on the way see the round trip, on 15 of 16 paths (RFC 9000 §17.4). Default false. */
  readonly spinBit?: boolean;
  /** Server: token for stateless resets to the first connection id, 16 bytes; advertised. Default none. */
  readonly statelessResetToken?: Uint8Array;
  /** Server: bytes sent per byte received until the client's address is validated. Default 3. */
  readonly maxAmplificationFactor?: number;
  /** Issues spare connection ids to the peer by itself. Default none: the application calls `newSourceCid`. */
  readonly idSource?: ConnectionIdSource;
  /** Connection ids that `idSource` keeps issued, the peer's limit permitting. Default 4. */
  readonly issuedConnectionIds?: number;
  /** Default `nodeProvider`. */
  readonly provider?: CryptoProvider;
  /** Default the system's; `seededRandom` makes runs that replay. */
  readonly random?: RandomSource;
  /** Hears what happens on each connection. */
  readonly trace?: Trace;
}

/** A certificate chain (DER, leaf first) with its private key from `provider.privateKeyFrom`. */
export interface CoreIdentity {
  readonly certificates: readonly Uint8Array[];
  readonly key: Identity['key'];
  /** A stapled OCSP response for clients that ask (RFC 6066 §8). */
  readonly ocspResponse?: Uint8Array;
}

/** Names that `congestionControl` takes. */
export const CONGESTION_CONTROL_NAMES: readonly string[] = Object.keys(CONGESTION_CONTROLLERS);

/** Parsed options, for any number of connections. What is changed in the options afterwards has no effect. */
export class CoreConfig {
  readonly version: number;
  readonly versions: readonly number[] | undefined;
  readonly greaseQuicBit: boolean;
  readonly alpn: readonly string[];
  readonly identity: Identity | undefined;
  /** Undefined where the default of the role counts. */
  readonly verifyPeer: boolean | undefined;
  readonly requireClientCertificate: boolean;
  readonly requestOcsp: boolean;
  readonly cipherSuites: readonly number[] | undefined;
  readonly groups: readonly number[] | undefined;
  readonly certificateCompression: readonly number[] | undefined;
  readonly grease: boolean;
  readonly handshakeTimeout: number;
  readonly maxAmplificationFactor: number;
  readonly statelessResetToken: Uint8Array | null;
  readonly idSource: ConnectionIdSource | undefined;
  readonly provider: CryptoProvider;
  readonly random: RandomSource;
  readonly trace: Trace | undefined;
  readonly transport: TransportConfig;
  readonly sessions: SessionConfig | undefined;

  /**
   * Throws `TypeError` or `RangeError` with ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE or ERR_OUT_OF_RANGE, naming the
   * option, and `QuicError` ERR_QUIC_UNKNOWN_VERSION and ERR_QUIC_CONGESTION_CONTROL, as quiche does.
   */
  constructor(options: CoreOptions) {
    checkNames(options);
    this.versions = parseVersions(options.versions);
    this.version = parseVersion(options.version, this.versions);
    this.greaseQuicBit = boolean('greaseQuicBit', options.greaseQuicBit, false);
    this.alpn = parseAlpn(options.alpn);
    this.identity = parseIdentity(options.identity);
    this.verifyPeer = optional('verifyPeer', options.verifyPeer);
    this.requireClientCertificate = boolean(
      'requireClientCertificate',
      options.requireClientCertificate,
      false,
    );
    this.requestOcsp = boolean('requestOcsp', options.requestOcsp, false);
    this.grease = boolean('grease', options.grease, true);
    this.handshakeTimeout = number('handshakeTimeout', options.handshakeTimeout, 0, MAX_TIME, 0);
    this.maxAmplificationFactor = number(
      'maxAmplificationFactor',
      options.maxAmplificationFactor,
      1,
      MAX_FACTOR,
      3,
    );
    this.statelessResetToken = parseToken(options.statelessResetToken);
    this.idSource = options.idSource;
    this.provider = options.provider ?? nodeProvider;
    const { cipherSuites, groups, certificateCompression } = parseCrypto(options, this.provider);
    this.cipherSuites = cipherSuites;
    this.groups = groups;
    this.certificateCompression = certificateCompression;
    this.random = options.random ?? nodeRandom();
    this.trace = options.trace;
    this.sessions = parseSessions(options, this.provider, this.random);
    this.transport = Object.freeze(parseTransport(options));
    Object.freeze(this);
  }
}

function parseTransport(options: CoreOptions): TransportConfig {
  const config: TransportConfig = { ...DEFAULT_TRANSPORT_CONFIG };
  for (const [name, min, max] of NUMBERS) config[name] = number(name, options[name], min, max, config[name]);
  // quiche takes what is out of these ranges and uses the nearest value in them.
  config.maxSendUdpPayloadSize = Math.max(1200, config.maxSendUdpPayloadSize);
  config.ackDelayExponent = Math.min(20, config.ackDelayExponent);
  config.activeConnectionIdLimit = Math.max(2, config.activeConnectionIdLimit);
  config.sendCapacityFactor = factor('sendCapacityFactor', options.sendCapacityFactor, 1);
  config.pacing = boolean('pacing', options.pacing, config.pacing);
  config.ackFrequency = boolean('ackFrequency', options.ackFrequency, config.ackFrequency);
  config.hystart = boolean('hystart', options.hystart, config.hystart);
  config.ecn = boolean('ecn', options.ecn, config.ecn);
  config.resetStreamAt = boolean('resetStreamAt', options.resetStreamAt, false);
  config.spinBit = boolean('spinBit', options.spinBit, config.spinBit);
  config.disableActiveMigration = boolean('disableActiveMigration', options.disableActiveMigration, false);
  config.followPreferredAddress = boolean('followPreferredAddress', options.followPreferredAddress, true);
  config.disableDcidReuse = boolean('disableDcidReuse', options.disableDcidReuse, false);
  config.preferredAddress = parsePreferredAddress(options.preferredAddress);
  Object.assign(config, parseDatagrams(options.datagrams));
  config.datagramFates = boolean('datagramFates', options.datagramFates, false);
  const { congestionControl } = options;
  if (congestionControl === undefined) return config;
  if (!CONGESTION_CONTROL_NAMES.includes(congestionControl)) {
    throw quicError('ERR_QUIC_CONGESTION_CONTROL', {
      message: `Option "congestionControl" is ${quoted(congestionControl)}; allowed are ${list(CONGESTION_CONTROL_NAMES)}`,
    });
  }
  config.congestionControl = congestionControl;
  return config;
}

/** Names of 1 to 255 bytes (RFC 7301 §3.1). */
function parseAlpn(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw invalidArgType('alpn', "a list of at least one protocol name, such as ['echo']", value);
  }
  for (const name of value) {
    if (typeof name !== 'string') throw invalidArgType('alpn', 'a list of strings', name);
    const { length } = new TextEncoder().encode(name);
    if (length === 0 || length > 255) throw invalidArgValue('alpn', name, 'must have 1 to 255 bytes');
  }
  return Object.freeze([...(value as string[])]);
}

function parseIdentity(value: CoreIdentity | undefined): Identity | undefined {
  if (value === undefined) return undefined;
  const { certificates, key, ocspResponse } = value;
  const isChain = Array.isArray(certificates) && certificates.length > 0;
  if (!isChain || !certificates.every((each) => each instanceof Uint8Array)) {
    throw invalidArgType('identity.certificates', 'a list of certificates in DER', certificates);
  }
  if (typeof key !== 'object' || key === null) {
    throw invalidArgType('identity.key', 'a private key of the provider', key);
  }
  return { certificates: [...certificates], key, ...(ocspResponse === undefined ? {} : { ocspResponse }) };
}

function parseToken(value: Uint8Array | undefined): Uint8Array | null {
  if (value === undefined) return null;
  if (value instanceof Uint8Array && value.length === 16) return new Uint8Array(value);
  throw invalidArgType('statelessResetToken', 'a Uint8Array of 16 bytes', value);
}

/** A name that no option has is a typing error, not a wish to be ignored. */
function checkNames(options: CoreOptions): void {
  if (typeof options !== 'object' || options === null) throw invalidArgType('config', 'an object', options);
  for (const name of Object.keys(options)) {
    if (NAMES.has(name)) continue;
    throw invalidArgValue('config', name, `has no option of this name; there are ${[...NAMES].join(', ')}`);
  }
}

function number(name: string, value: unknown, min: number, max: number, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(name, `an integer >= ${min} && <= ${max}`, value);
  }
  return value;
}

function factor(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
  if (!(value > 0 && value <= MAX_FACTOR)) throw outOfRange(name, `> 0 && <= ${MAX_FACTOR}`, value);
  return value;
}

function boolean(name: string, value: unknown, fallback: boolean): boolean {
  return optional(name, value) ?? fallback;
}

function optional(name: string, value: unknown): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalidArgType(name, 'of type boolean', value);
}

function list(names: readonly string[]): string {
  return names.map(quoted).join(', ');
}

function quoted(name: string): string {
  return `'${name}'`;
}

/** Larger limits cannot be told from these by anything that would fit into memory. */
const MAX_BYTES = Number.MAX_SAFE_INTEGER;
const MAX_TIME = 2 ** 31;
/** RFC 9000 §4.6. */
const MAX_STREAMS: number = 2 ** 52;
const MAX_FACTOR = 1000;

/** Numeric options of `TransportConfig` with their ranges. */
const NUMBERS = [
  ['maxIdleTimeout', 0, MAX_TIME],
  ['keepAlive', 0, MAX_TIME],
  // RFC 9000 §18.2: at least 1200, and 65527 is the most that UDP carries.
  ['maxRecvUdpPayloadSize', 1200, 65527],
  ['maxSendUdpPayloadSize', 0, 65527],
  ['initialMaxData', 0, MAX_BYTES],
  ['initialMaxStreamDataBidiLocal', 0, MAX_BYTES],
  ['initialMaxStreamDataBidiRemote', 0, MAX_BYTES],
  ['initialMaxStreamDataUni', 0, MAX_BYTES],
  ['initialMaxStreamsBidi', 0, MAX_STREAMS],
  ['initialMaxStreamsUni', 0, MAX_STREAMS],
  ['maxConnectionWindow', 0, MAX_BYTES],
  ['maxStreamWindow', 0, MAX_BYTES],
  ['maxSendBuffer', 1, MAX_BYTES],
  ['ackDelayExponent', 0, MAX_BYTES],
  // RFC 9000 §18.2: values of 2^14 or more are invalid.
  ['maxAckDelay', 0, 2 ** 14 - 1],
  ['activeConnectionIdLimit', 0, MAX_BYTES],
  ['initialWindowPackets', 1, 10_000],
  ['maxPacingRate', 1, MAX_BYTES],
  ['initialRtt', 1, MAX_TIME],
  ['pmtudMaxProbes', 1, 100],
  ['pathChallengeRecvMaxQueueLen', 1, 100],
  ['issuedConnectionIds', 0, 64],
  ['trackUnknownTransportParameters', 0, 65536],
] as const;

const NAMES: ReadonlySet<string> = new Set([
  ...[
    'versions',
    'greaseQuicBit',
    'version',
    'alpn',
    'identity',
    'verifyPeer',
    'requireClientCertificate',
    'requestOcsp',
  ],
  ...CRYPTO_OPTION_NAMES,
  ...['grease', 'handshakeTimeout', 'maxAmplificationFactor', 'statelessResetToken', 'idSource'],
  ...['provider', 'random', 'trace', 'pacing', 'disableActiveMigration', 'congestionControl'],
  'resetStreamAt',
  ...['preferredAddress', 'followPreferredAddress', 'disableDcidReuse', 'sendCapacityFactor'],
  ...['datagrams', 'datagramFates', 'hystart', 'ecn', 'spinBit', 'ackFrequency'],
  ...SESSION_OPTION_NAMES,
  ...NUMBERS.map(([name]) => name),
]);
