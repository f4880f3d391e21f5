// What a virtual server is made of, parsed: whatever it leaves open it has from the listener. Parses for the listener's
// own options, for `addServer`, for `update` and for `resolveServer`; knows no names and no lifecycle.

import type { Identity, ServerAnswer, TransportConfig } from '../connection/config.ts';
import { parsePsks } from '../connection/session-options.ts';
import { CRYPTO_OPTION_NAMES } from '../connection/tls-options.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { invalidArgType, invalidArgValue, quicError } from '../errors.ts';
import { type TrustSource, trustAnchors } from '../pki/trust-anchors.ts';
import type { QuicConnection } from '../runtime/connection.ts';
import {
  boolean,
  checkOptionNames,
  parseAlpn,
  parseTransport,
  TRANSPORT_OPTION_NAMES,
  type TransportOptions,
} from '../runtime/options.ts';
import type { VerificationOptions } from '../runtime/questions.ts';
import type { ExternalPsk } from '../tls/engine.ts';
import { pskTable } from '../tls/psk-selection.ts';
import type { Authorizer, CertificateRequest, NameRequest } from './authorization.ts';
import { parseIdentities, type ServerIdentityOptions } from './server-identity.ts';

/** What a connection may do, where each server can decide it. */
export type ServerTransportOptions = Omit<
  TransportOptions,
  'handshakeTimeout' | 'preferredAddress' | 'followPreferredAddress' | 'greaseQuicBit'
>;

/** Takes a connection of a server. What it throws, or rejects with, ends the connection. */
export type ConnectionHandler = (connection: QuicConnection, info: HandlerInfo) => unknown;

export interface HandlerInfo {
  /** The connection id that the client made up first. */
  readonly originalDestinationId: Uint8Array;
}

export interface ServerOptions extends ServerIdentityOptions, ServerTransportOptions {
  /** Protocols, the server's order of preference. */
  alpn?: string | readonly string[] | undefined;
  /**
   * Whether clients are asked for a certificate: 'none', 'optional' or 'required'. One that is sent must be good in either
   * case. Default 'none'.
   */
  clientCertificate?: 'none' | 'optional' | 'required';
  /** As in `node:tls`: asks for a certificate; with `rejectUnauthorized` (default true) it is required, else any will do. */
  requestCert?: boolean;
  rejectUnauthorized?: boolean;
  /** Who may have issued client certificates. */
  ca?: TrustSource | readonly TrustSource[];
  /** External keys that stand for certificates: a list, or the key of an identity (null if there is none). */
  psks?: readonly ExternalPsk[] | ((identity: Uint8Array) => ExternalPsk | null);
  /**
   * Takes 0-RTT from clients that resume. Such data can be copies of what was sent before (RFC 8446 §8): see
   * `stream.early`. Default false.
   */
  earlyData?: boolean;
  /** Asked before the server answers a client; all of several must agree. */
  authorizeName?: Authorizer<NameRequest> | readonly Authorizer<NameRequest>[];
  /** Asked about each client certificate that is good; all of several must agree. */
  authorizeCertificate?: Authorizer<CertificateRequest> | readonly Authorizer<CertificateRequest>[];
  /** Gets the connections of this server, which `accept` then does not give, once they are known to be for it. */
  onConnection?: ConnectionHandler;
}

/** Those of `addServer`. */
export interface AddServerOptions extends ServerOptions {
  /**
   * Bind URIs of the interfaces on which it takes clients, bound while the listener is started; none: it takes nobody until
   * one is bound. Default: wherever the listener itself is.
   */
  bind?: string | readonly string[];
}

/** Parsed. */
export interface ServerSettings {
  readonly identities: readonly Identity[];
  /** Null: what the listener speaks. */
  readonly alpn: readonly string[] | null;
  readonly clientCertificate: ServerAnswer['clientCertificate'];
  readonly verification: VerificationOptions;
  readonly psk: ServerAnswer['psk'];
  readonly earlyData: boolean;
  /** As given, so that others can add to them. */
  readonly transportOptions: ServerTransportOptions;
  /** Null: what the connection began with. */
  readonly transport: TransportConfig | null;
  readonly authorizeName: readonly Authorizer<NameRequest>[];
  readonly authorizeCertificate: readonly Authorizer<CertificateRequest>[];
  readonly onConnection: ConnectionHandler | null;
}

/** What a listener without any option has. */
export const NO_SETTINGS: ServerSettings = {
  identities: [],
  alpn: null,
  clientCertificate: 'none',
  verification: {},
  psk: undefined,
  earlyData: false,
  transportOptions: {},
  transport: null,
  authorizeName: [],
  authorizeCertificate: [],
  onConnection: null,
};

/** The names of `ServerOptions`. */
export const SERVER_OPTION_NAMES: readonly string[] = [
  ...[
    'alpn',
    'cert',
    'key',
    'identities',
    'ocspResponse',
    'clientCertificate',
    'requestCert',
    'rejectUnauthorized',
    'ca',
  ],
  ...['psks', 'earlyData', 'authorizeName', 'authorizeCertificate', 'onConnection'],
];

/** Options that count before it is known which server is meant. */
const EARLIER_NAMES: readonly string[] = [
  'handshakeTimeout',
  'preferredAddress',
  'followPreferredAddress',
  'greaseQuicBit',
  'qlog',
];

/** Those of `ServerTransportOptions`. */
export const SERVER_TRANSPORT_NAMES: readonly string[] = TRANSPORT_OPTION_NAMES.filter(
  (name) => !EARLIER_NAMES.includes(name) && !CRYPTO_OPTION_NAMES.includes(name),
);

/** `base` is what is not given. Throws Node's argument errors, and those of reading certificates and keys. */
export function parseServer(
  options: ServerOptions,
  base: ServerSettings,
  provider: CryptoProvider,
): ServerSettings {
  const own = pick(options, SERVER_TRANSPORT_NAMES);
  const transportOptions = { ...base.transportOptions, ...own };
  const { authorizeName, authorizeCertificate, onConnection, psks } = options;
  if (onConnection !== undefined && typeof onConnection !== 'function')
    throw invalidArgType('onConnection', 'of type function', onConnection);
  return {
    identities: parseIdentities(options, base.identities, provider),
    alpn: options.alpn === undefined ? base.alpn : parseAlpn(options.alpn),
    ...parseClientPolicy(options, base),
    psk: psks === undefined ? base.psk : parsePsk(psks),
    earlyData: boolean('earlyData', options.earlyData, base.earlyData),
    transportOptions,
    transport: Object.keys(own).length === 0 ? base.transport : parseTransport(transportOptions),
    authorizeName: functions('authorizeName', authorizeName, base.authorizeName),
    authorizeCertificate: functions('authorizeCertificate', authorizeCertificate, base.authorizeCertificate),
    onConnection: onConnection ?? base.onConnection,
  };
}

/** The same for options that must be a server's and nothing else. Throws ERR_QUIC_NO_IDENTITY too. */
export function parseOwnServer(
  options: ServerOptions,
  base: ServerSettings,
  provider: CryptoProvider,
): ServerSettings {
  checkOptionNames(options, ALL_NAMES, 'options');
  const settings = parseServer(options, base, provider);
  if (!hasIdentity(settings)) throw quicError('ERR_QUIC_NO_IDENTITY');
  return settings;
}

/** Clients can be told who is there. */
export function hasIdentity({ identities, psk }: ServerSettings): boolean {
  return identities.length > 0 || psk !== undefined;
}

/** Those options that have one of these names. */
export function pick<T extends object>(options: T, names: readonly string[]): Partial<T> {
  const given = Object.entries(options).filter(
    ([name, value]) => value !== undefined && names.includes(name),
  );
  return Object.fromEntries(given) as Partial<T>;
}

function parseClientPolicy(
  options: ServerOptions,
  base: ServerSettings,
): Pick<ServerSettings, 'clientCertificate' | 'verification'> {
  const { clientCertificate, requestCert, rejectUnauthorized, ca } = options;
  const anchors = ca === undefined ? {} : { anchors: trustAnchors(ca) };
  const verification = { ...base.verification, ...anchors };
  if (clientCertificate !== undefined) {
    if (requestCert !== undefined || rejectUnauthorized !== undefined)
      throw invalidArgValue(
        'clientCertificate',
        clientCertificate,
        'stands instead of requestCert and rejectUnauthorized',
      );
    const policy = CLIENT_POLICIES[clientCertificate];
    if (policy === undefined)
      throw invalidArgValue(
        'clientCertificate',
        clientCertificate,
        "must be 'none', 'optional' or 'required'",
      );
    return { clientCertificate: policy, verification: { ...verification, acceptAny: false } };
  }
  if (requestCert === undefined && rejectUnauthorized === undefined)
    return { clientCertificate: base.clientCertificate, verification };
  const asks = boolean('requestCert', requestCert, base.clientCertificate !== 'none');
  const rejects = boolean('rejectUnauthorized', rejectUnauthorized, base.verification.acceptAny !== true);
  return {
    clientCertificate: asks ? (rejects ? 'require' : 'request') : 'none',
    verification: { ...verification, acceptAny: !rejects },
  };
}

function parsePsk(psks: NonNullable<ServerOptions['psks']>): ServerAnswer['psk'] {
  if (typeof psks === 'function') return psks;
  const keys = parsePsks(psks);
  return keys === undefined ? undefined : pskTable(keys);
}

function functions<F>(name: string, value: F | readonly F[] | undefined, known: readonly F[]): readonly F[] {
  if (value === undefined) return known;
  const all = Array.isArray(value) ? (value as readonly F[]) : [value as F];
  for (const each of all)
    if (typeof each !== 'function') throw invalidArgType(name, 'a function or a list of functions', each);
  return all;
}

const CLIENT_POLICIES: Readonly<Record<string, ServerAnswer['clientCertificate'] | undefined>> = {
  none: 'none',
  optional: 'request',
  required: 'require',
};

const ALL_NAMES: ReadonlySet<string> = new Set([...SERVER_OPTION_NAMES, ...SERVER_TRANSPORT_NAMES]);
