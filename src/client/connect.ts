// Opens a connection to a server by name or address: resolves the name, lets its addresses race, and gives the
// connection that opened first.

import type { PskMode } from '../connection/session-options.ts';
import type { CryptoOptions } from '../connection/tls-options.ts';
import { invalidArgType, invalidArgValue, QuicError, quicError } from '../errors.ts';
import { type Pin, parsePin } from '../pki/fingerprint.ts';
import { normalizeHostName } from '../pki/host-name.ts';
import { loadIdentity } from '../pki/identity.ts';
import type { PkiInput } from '../pki/input.ts';
import { type TrustSource, trustAnchors } from '../pki/trust-anchors.ts';
import type { QuicConnection } from '../runtime/connection.ts';
import { QuicEndpoint } from '../runtime/endpoint.ts';
import type { EndpointConnectionConfig } from '../runtime/endpoint-config.ts';
import type { EndpointOptions } from '../runtime/endpoint-options.ts';
import { type Environment, environmentOf } from '../runtime/environment.ts';
import {
  boolean,
  checkOptionNames,
  integer,
  parseAlpn,
  parseHandshake,
  parseTransport,
  TRANSPORT_OPTION_NAMES,
  type TransportOptions,
} from '../runtime/options.ts';
import { parseQlog, type QlogOption } from '../runtime/qlog.ts';
import type { VerificationOptions } from '../runtime/questions.ts';
import type { ExternalPsk } from '../tls/engine.ts';
import { NO_TRACE } from '../trace/trace.ts';
import { formatAddress, ipFamily, type SocketAddress } from '../util/address.ts';
import type { Clock } from '../util/clock.ts';
import { RaceLost, race } from './race.ts';
import { type LookupFunction, resolveServer } from './resolve.ts';
import { MEMORY_OPTION_NAMES, parseMemory, type ServerMemory } from './server-memory.ts';
import type { SessionStore, TokenStore } from './session-store.ts';

export interface ConnectOptions extends TransportOptions, CryptoOptions, QlogOption {
  /** Protocols, preferred first. Required. */
  alpn: string | readonly string[];
  /** Name to ask for (SNI) and to find in the certificate. Default the host of the target. */
  serverName?: string;
  /** Trusted roots instead of the default ones. */
  ca?: TrustSource | readonly TrustSource[];
  /** SHA-256 of the server's certificate or public key; a match replaces chain and name, validity still counts. */
  pins?: readonly Pin[];
  /** False accepts any certificate: for tests only. Default true. */
  rejectUnauthorized?: boolean;
  /** Asks for a stapled OCSP response, which `connection.ocspResponse` then gives (RFC 6066 §8). Default false. */
  requestOcsp?: boolean;
  /** A certificate for servers that ask for one. */
  cert?: PkiInput | readonly PkiInput[];
  key?: PkiInput;
  /** 4 or 6: addresses of this family only. Default 0: both. */
  family?: 0 | 4 | 6;
  /** Resolves the name, as `dns.lookup` does, which is the default. */
  lookup?: LookupFunction;
  /** Head start of each address of the server over the next, ms (RFC 8305 §5). Default 250. */
  connectionAttemptDelay?: number;
  /** Time for all of it, from the name to the open connection, ms; 0 for no limit but `handshakeTimeout`. Default 0. */
  timeout?: number;
  /** Connect from this bound endpoint, which stays open afterwards; else the connection has one of its own. */
  endpoint?: QuicEndpoint;
  /** Gives up. */
  signal?: AbortSignal;
  /** Gets each line of the NSS key log. */
  onKeyLog?: (line: string) => void;
  /** Resumes this session of an earlier connection, if the server's chain of then would still be accepted. */
  session?: Uint8Array;
  /**
   * Where sessions are kept and taken from; not with `cert`. True: in memory, for all connections of the process. Default
   * false.
   */
  sessions?: boolean | SessionStore;
  /**
   * Offers 0-RTT with a session that allows it. The connection is given out at once then, and what is written to it before
   * `opened` may reach the server more than once, if somebody repeats it (RFC 8446 §8). Default false.
   */
  earlyData?: boolean;
  /** Where tokens are kept that spare a Retry. Default true: in memory, for all connections of the process. */
  tokens?: boolean | TokenStore;
  /** Gets each session that the server gives. */
  onSession?: (session: Uint8Array) => void;
  /** External keys to offer, preferred first. */
  psks?: readonly ExternalPsk[];
  /** How they and sessions may be used: with a key agreement, without one ('psk_ke'), or both. Default ['psk_dhe_ke']. */
  pskModes?: readonly PskMode[];
  /** QUIC versions, preferred first; ignored with `endpoint`, which has its own. Default 1 alone. */
  versions?: EndpointOptions['versions'];
  /** As for an endpoint; cannot be chosen with `endpoint`, which has its own. */
  backend?: EndpointOptions['backend'];
  environment?: EndpointOptions['environment'];
}

/** `host:port`, `[v6]:port`, or both apart. */
export type ConnectTarget = string | { host: string; port: number };

/**
 * Connects and completes the handshake. The addresses of a name race each other, both families in turn: each has a head
 * start over the next, which starts at once when one fails; the first that is open wins and the others are closed.
 *
 * Errors: ERR_QUIC_NAME_RESOLUTION, ERR_QUIC_CONNECT_FAILED, and why the handshake failed: ERR_QUIC_CERTIFICATE_…,
 * ERR_QUIC_TLS_FAIL, ERR_QUIC_HANDSHAKE_TIMEOUT, ERR_QUIC_CONNECTION_REFUSED, ERR_QUIC_VERSION_NEGOTIATION. When several
 * addresses failed, `errors` has the error of each.
 */
export async function connect(target: ConnectTarget, options: ConnectOptions): Promise<QuicConnection> {
  checkOptionNames(options, OPTION_NAMES, 'options');
  const { host, port } = parseTarget(target);
  const environment = options.endpoint?.environment ?? environmentOf(options);
  const { config, verification } = parseConnect(options, host, environment);
  const { family = 0, lookup, signal } = options;
  if (lookup !== undefined && typeof lookup !== 'function') {
    throw invalidArgType('lookup', 'of type function', lookup);
  }
  if (family !== 0 && family !== 4 && family !== 6)
    throw invalidArgValue('family', family, 'must be 0, 4 or 6');
  const delay = integer('connectionAttemptDelay', options.connectionAttemptDelay, 0, MAX_TIME, 250);
  const timeout = integer('timeout', options.timeout, 0, MAX_TIME, 0);
  signal?.throwIfAborted();
  const memory = parseMemory(options, `${config.serverName}:${port}`);
  const { clock } = environment;
  const limit = limited(clock, timeout, signal);
  try {
    const addresses = await orAborted(resolveServer(host, port, family, lookup), limit.signal);
    return await race(
      addresses,
      (address, stop) =>
        attempt(address, config, verification, memory, { ...options, environment, signal: stop }),
      (connection) => connection.destroy(),
      { clock, delay, signal: limit.signal },
    );
  } catch (error) {
    throw error instanceof RaceLost ? allFailed(error.errors, host) : error;
  } finally {
    limit.clear();
  }
}

/** What the user's signal and the time limit say together. */
function limited(
  clock: Clock,
  timeout: number,
  signal: AbortSignal | undefined,
): { signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = clock.createTimer(() => {
    const message = `There was no connection within ${timeout} ms`;
    controller.abort(quicError('ERR_QUIC_HANDSHAKE_TIMEOUT', { message }));
  });
  if (timeout > 0) timer.set(clock.now() + timeout);
  const clear = (): void => {
    timer.clear();
    signal?.removeEventListener('abort', onAbort);
  };
  return { signal: controller.signal, clear };
}

/** One error for all. What a server said tells more than that another address gave no answer. */
function allFailed(errors: readonly unknown[], host: string): unknown {
  const [first] = errors;
  if (errors.length === 1) return first;
  const telling = errors.find((error) => !isUnreachable(error)) ?? first;
  if (!(telling instanceof QuicError)) return telling;
  const isSame = errors.every((error) => (error as { code?: string }).code === telling.code);
  const code = isSame || !isUnreachable(telling) ? telling.code : 'ERR_QUIC_CONNECT_FAILED';
  const { errorCode, type, reason, remote } = telling;
  const message = `None of the ${errors.length} addresses of ${host} could be connected to: ${telling.message}`;
  return quicError(code, { message, errorCode, type, reason, remote, cause: telling, errors });
}

async function attempt(
  address: SocketAddress,
  config: EndpointConnectionConfig,
  verification: VerificationOptions,
  memory: ServerMemory,
  options: ConnectOptions,
): Promise<QuicConnection> {
  const { signal, environment, versions } = options;
  const own = options.endpoint === undefined;
  const endpoint =
    options.endpoint ??
    new QuicEndpoint({ ...(environment && { environment }), ...(versions && { versions }) });
  let connection: QuicConnection | null = null;
  try {
    if (own) await endpoint.bindTo(address);
    else await endpoint.bind();
    const { clock } = endpoint.environment;
    const known = await memory.recall(verification, clock, endpoint.versions);
    signal?.throwIfAborted();
    const keeping = { ...verification, onSession: memory.onSession, onToken: memory.onToken };
    connection = endpoint.connect(address, { ...config, ...known }, keeping);
    // In early data the connection is of use before it is open.
    if (connection.earlyData !== 'offered') await orAborted(connection.opened, signal);
    // The endpoint was made for this connection and goes with it.
    if (own) closeAfter(connection, endpoint);
    return connection;
  } catch (error) {
    connection?.destroy();
    if (own) await endpoint.close();
    if ((error as { code?: string }).code !== 'ERR_QUIC_BIND') throw error;
    const message = `No way to ${formatAddress(address)}: ${(error as Error).message}`;
    throw quicError('ERR_QUIC_CONNECT_FAILED', { message, cause: error });
  }
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  let onAbort = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function closeAfter(connection: QuicConnection, endpoint: QuicEndpoint): void {
  const close = () => void endpoint.close();
  connection.closed.then(close, close);
}

function parseTarget(target: ConnectTarget): { host: string; port: number } {
  if (typeof target === 'string') {
    const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(target);
    const port = Number(match?.[3]);
    if (match === null || port === 0 || port > 65535) {
      throw invalidArgValue('target', target, "must be 'host:port' with a port from 1 to 65535");
    }
    return { host: match[1] ?? match[2], port };
  }
  if (typeof target !== 'object' || target === null || typeof target.host !== 'string') {
    throw invalidArgType('target', "'host:port' or { host, port }", target);
  }
  return { host: target.host, port: integer('port', target.port, 1, 65535, 0) };
}

function parseConnect(
  options: ConnectOptions,
  host: string,
  environment: Environment,
): { config: EndpointConnectionConfig; verification: VerificationOptions } {
  const { onKeyLog, cert, key, pins, ca } = options;
  const alpn = parseAlpn(options.alpn);
  if ((cert === undefined) !== (key === undefined)) {
    throw invalidArgValue(
      cert === undefined ? 'cert' : 'key',
      undefined,
      'must be given with the other of cert and key',
    );
  }
  if (onKeyLog !== undefined && typeof onKeyLog !== 'function') {
    throw invalidArgType('onKeyLog', 'of type function', onKeyLog);
  }
  const identity = cert !== undefined && key !== undefined ? loadIdentity({ cert, key }) : undefined;
  const config: EndpointConnectionConfig = {
    qlog: parseQlog(options),
    trace: onKeyLog === undefined ? NO_TRACE : { ...NO_TRACE, keyLog: onKeyLog },
    transport: parseTransport(options),
    version: 1,
    ...parseHandshake(options, environment.provider),
    maxAmplificationFactor: 3,
    grease: true,
    alpn,
    serverName: parseServerName(options.serverName) ?? host,
    verifyPeer: true,
    requestOcsp: boolean('requestOcsp', options.requestOcsp, false),
    identity:
      identity === undefined ? undefined : { certificates: [...identity.certificates], key: identity.key },
    answer: undefined,
    token: undefined,
  };
  const verification: VerificationOptions = {
    acceptAny: !boolean('rejectUnauthorized', options.rejectUnauthorized, true),
    ...(ca === undefined ? {} : { anchors: trustAnchors(ca) }),
    ...(pins === undefined ? {} : { pins: parsePins(pins) }),
  };
  return { config, verification };
}

function isUnreachable(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'ERR_QUIC_HANDSHAKE_TIMEOUT' || code === 'ERR_QUIC_CONNECT_FAILED';
}

const MAX_TIME = 2 ** 31 - 1;

function parseServerName(name: unknown): string | undefined {
  if (name === undefined) return undefined;
  if (typeof name !== 'string') throw invalidArgType('serverName', 'of type string', name);
  if (ipFamily(name) !== 0 || normalizeHostName(name) !== null) return name;
  throw invalidArgValue('serverName', name, 'must be a host name or an IP address');
}

function parsePins(pins: unknown): Uint8Array[] {
  if (!Array.isArray(pins)) throw invalidArgType('pins', 'a list of SHA-256 hashes', pins);
  if (pins.length === 0) throw invalidArgValue('pins', pins, 'must have at least one hash, or be left out');
  return pins.map((pin: Pin) => parsePin(pin, 'pins'));
}

const OPTION_NAMES: ReadonlySet<string> = new Set([
  ...TRANSPORT_OPTION_NAMES,
  'alpn',
  'serverName',
  'ca',
  'pins',
  'rejectUnauthorized',
  'requestOcsp',
  'cert',
  'key',
  'family',
  'lookup',
  'connectionAttemptDelay',
  'timeout',
  'endpoint',
  'signal',
  'onKeyLog',
  'versions',
  'backend',
  'environment',
  ...MEMORY_OPTION_NAMES,
]);
