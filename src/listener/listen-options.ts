// The options of a listener, parsed once: what its endpoint gets, what connections begin with, what its servers inherit,
// and how many it takes. Knows no lifecycle.

import type { CryptoOptions } from '../connection/tls-options.ts';
import { invalidArgType, invalidArgValue, outOfRange } from '../errors.ts';
import type { QuicEndpoint } from '../runtime/endpoint.ts';
import type { EndpointConnectionConfig } from '../runtime/endpoint-config.ts';
import { ENDPOINT_OPTION_NAMES, type EndpointOptions } from '../runtime/endpoint-options.ts';
import type { BindPlace } from '../runtime/endpoint-sockets.ts';
import {
  boolean,
  checkOptionNames,
  integer,
  parseHandshake,
  parseTransport,
  TRANSPORT_OPTION_NAMES,
  type TransportOptions,
} from '../runtime/options.ts';
import { parseQlog, type QlogOption } from '../runtime/qlog.ts';
import { NO_TRACE } from '../trace/trace.ts';
import {
  type AdmissionLimits,
  MAX_HALF_OPEN,
  MAX_QUEUED_CONNECTIONS,
  RETRY_ABOVE_HALF_OPEN,
} from './admission.ts';
import type { IncomingHandler } from './incoming-connection.ts';
import { parseResolver, RESOLVER_OPTION_NAMES, type ResolverOptions } from './resolver-options.ts';
import { type BindRequest, parseBinds } from './server-interfaces.ts';
import {
  type ConnectionHandler,
  NO_SETTINGS,
  parseServer,
  pick,
  SERVER_OPTION_NAMES,
  SERVER_TRANSPORT_NAMES,
  type ServerOptions,
  type ServerSettings,
} from './server-options.ts';
import type { ServerResolver } from './server-resolution.ts';
import {
  LISTEN_SESSION_OPTION_NAMES,
  type ListenSessionOptions,
  parseListenSessions,
} from './session-options.ts';

/**
 * Of `ServerOptions`, `cert` and `key` (or `identities`, or `psks`) make the default server, which takes clients whose
 * name no other server has; everything else is what servers have that leave it open.
 */
export interface ListenOptions
  extends EndpointOptions,
    TransportOptions,
    CryptoOptions,
    QlogOption,
    ListenSessionOptions,
    ResolverOptions,
    Omit<ServerOptions, 'onConnection'> {
  /**
   * Instead of `address` and `port`: bind URIs, such as `iface://v4.eth0:4433`. Servers that say nothing else are bound to
   * these.
   */
  bind?: string | readonly string[];
  /** `alpn` under the name that it has in `node:tls`. */
  ALPNProtocols?: readonly (string | Uint8Array)[];
  /** Connections that may wait for the application, at least 1; first packets of more are dropped silently. Default 1024. */
  backlog?: number;
  /** Connections that may live at once, at least 1; first packets of more are dropped silently. Default without limit. */
  maxConnections?: number;
  /** … from one address (from IPv6, from one network of 64 bits). Default without limit. */
  maxConnectionsPerAddress?: number;
  /** Handshakes in progress above which clients have to prove their address by a Retry. Default 1000. */
  retryAbove?: number;
  /** … and above which those are refused who did. Default 4000. */
  maxHalfOpen?: number;
  /** Sends nothing to clients that are not let in, so that nobody can tell that a server is here. Default false. */
  antiPortScan?: boolean;
  /** Decides about each client before anything is done for it. Default: all are accepted, within the limits. */
  onIncoming?: IncomingHandler;
  /**
   * Gets each connection before its first packet is looked at; `accept` gives none then. What it throws ends that
   * connection. A server's own handler is called as well, once the connection is known to be for it.
   */
  onConnection?: ConnectionHandler;
  /** Gets each line of the NSS key log. */
  onKeyLog?: (line: string) => void;
  /** Use this endpoint instead of one of its own; it stays open when the listener closes. */
  endpoint?: QuicEndpoint;
}

export interface ParsedListen {
  readonly connection: EndpointConnectionConfig;
  /** What servers inherit. */
  readonly base: ServerSettings;
  readonly alpn: readonly string[] | null;
  /** Where `start` binds unless it is told otherwise. */
  readonly place: BindPlace;
  /** Undefined: address and port of the endpoint. */
  readonly binds: readonly BindRequest[] | undefined;
  readonly limits: AdmissionLimits;
  readonly isQuiet: boolean;
  readonly resolver: ServerResolver | null;
  readonly onIncoming: IncomingHandler | null;
  readonly onConnection: ConnectionHandler | null;
}

/** Names that an option object may have. Throws ERR_INVALID_ARG_VALUE. */
export function checkListenNames(options: ListenOptions): void {
  checkOptionNames(options, OPTION_NAMES, 'options');
}

/** Throws Node's argument errors, and those of reading certificates and keys. */
export function parseListen(
  options: ListenOptions,
  endpoint: Pick<QuicEndpoint, 'environment' | 'keys'>,
): ParsedListen {
  const { environment } = endpoint;
  const { onKeyLog, onIncoming, onConnection } = options;
  for (const [name, value] of Object.entries({ onKeyLog, onIncoming, onConnection }))
    if (value !== undefined && typeof value !== 'function')
      throw invalidArgType(name, 'of type function', value);
  const { sessions, replayStore } = parseListenSessions(options, endpoint);
  const own = parseServer(
    { ...pick(options, INHERITED_NAMES), alpn: alpnOf(options) },
    { ...NO_SETTINGS, verification: { replayStore } },
    environment.provider,
  );
  const { alpn } = own;
  return {
    base: { ...own, alpn: null, transportOptions: pick(options, SERVER_TRANSPORT_NAMES) },
    alpn,
    connection: {
      sessions,
      qlog: parseQlog(options),
      trace: onKeyLog === undefined ? NO_TRACE : { ...NO_TRACE, keyLog: onKeyLog },
      transport: parseTransport(options),
      version: 1,
      ...parseHandshake(options, environment.provider),
      maxAmplificationFactor: 3,
      grease: true,
      alpn: alpn ?? [],
      serverName: null,
      verifyPeer: true,
      requestOcsp: false,
      identity: undefined,
      answer: undefined,
      token: undefined,
    },
    place: { address: options.address, port: options.port },
    binds: parseOwnBinds(options),
    limits: parseLimits(options),
    isQuiet: boolean('antiPortScan', options.antiPortScan, false),
    resolver: parseResolver(options),
    onIncoming: onIncoming ?? null,
    onConnection: onConnection ?? null,
  };
}

/** Those of the endpoint, for a listener that makes its own. */
export function endpointOptions(options: ListenOptions): EndpointOptions {
  return pick(options, ENDPOINT_OPTION_NAMES) as EndpointOptions;
}

function alpnOf({ alpn, ALPNProtocols }: ListenOptions): ListenOptions['alpn'] {
  if (ALPNProtocols === undefined) return alpn;
  if (alpn !== undefined) throw invalidArgValue('ALPNProtocols', ALPNProtocols, 'stands instead of alpn');
  if (!Array.isArray(ALPNProtocols))
    throw invalidArgType('ALPNProtocols', 'a list of protocol names', ALPNProtocols);
  return ALPNProtocols.map((name) => (typeof name === 'string' ? name : String.fromCharCode(...name)));
}

function parseOwnBinds({ bind, address, port }: ListenOptions): readonly BindRequest[] | undefined {
  if (bind === undefined) return undefined;
  if (address !== undefined || port !== undefined)
    throw invalidArgValue('bind', bind, 'stands instead of address and port');
  return parseBinds('bind', bind);
}

function parseLimits(options: ListenOptions): AdmissionLimits {
  const retryAbove = integer('retryAbove', options.retryAbove, 0, MAX_COUNT, RETRY_ABOVE_HALF_OPEN);
  return {
    backlog: integer('backlog', options.backlog, 1, MAX_COUNT, MAX_QUEUED_CONNECTIONS),
    maxConnections: limit('maxConnections', options.maxConnections),
    maxConnectionsPerAddress: limit('maxConnectionsPerAddress', options.maxConnectionsPerAddress),
    retryAbove,
    maxHalfOpen: integer('maxHalfOpen', options.maxHalfOpen, 1, MAX_COUNT, MAX_HALF_OPEN),
  };
}

function limit(name: string, value: number | undefined): number {
  if (value === Number.POSITIVE_INFINITY) return value;
  if (typeof value === 'number' && value > MAX_COUNT)
    throw outOfRange(name, `>= 1 && <= ${MAX_COUNT}`, value);
  return value === undefined ? Number.POSITIVE_INFINITY : integer(name, value, 1, MAX_COUNT, 1);
}

const MAX_COUNT: number = 2 ** 31 - 1;

/** The listener's own handler is another one than its servers'. */
const INHERITED_NAMES: readonly string[] = SERVER_OPTION_NAMES.filter((name) => name !== 'onConnection');

const OPTION_NAMES: ReadonlySet<string> = new Set([
  ...ENDPOINT_OPTION_NAMES,
  ...TRANSPORT_OPTION_NAMES,
  ...LISTEN_SESSION_OPTION_NAMES,
  ...RESOLVER_OPTION_NAMES,
  ...SERVER_OPTION_NAMES,
  'bind',
  'ALPNProtocols',
  'backlog',
  'maxConnections',
  'maxConnectionsPerAddress',
  'retryAbove',
  'maxHalfOpen',
  'antiPortScan',
  'onIncoming',
  'onKeyLog',
  'endpoint',
]);
