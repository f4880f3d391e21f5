// What a listener of a group shall be: the targets of the four kinds, and what the group adds. Objects of the user, checked
// once; the text form is in listener-text.ts.

import { invalidArgType, invalidArgValue } from '../errors.ts';
import type { ListenOptions } from '../listener/listen-options.ts';
import type { PkiInput } from '../pki/input.ts';
import type { TrustSource } from '../pki/trust-anchors.ts';
import { boolean, checkOptionNames, integer } from '../runtime/options.ts';
import { ipFamily } from '../util/address.ts';
import { type BackOffOptions, parseBackOff } from './back-off.ts';
import { parseListener } from './listener-text.ts';

export type ListenerKind = 'tcp' | 'tls' | 'unix' | 'quic';

export interface TcpTarget {
  readonly kind: 'tcp';
  /** IP address; '0.0.0.0' or '::' for all of a family, absent for all of both. */
  readonly address?: string;
  /** Default 0: any free port. */
  readonly port?: number;
}

/** The options that QUIC listeners have too mean the same. */
export interface TlsTarget extends Pick<TcpTarget, 'address' | 'port'> {
  readonly kind: 'tls';
  /** Certificate chain and key: PEM or DER, bytes, text or file path. Default: the servers of the group. */
  readonly cert?: PkiInput | readonly PkiInput[];
  readonly key?: PkiInput;
  /** Protocols, the server's order of preference. Default: none is agreed on. */
  readonly alpn?: string | readonly string[];
  /** Ask clients for a certificate; with `rejectUnauthorized` (default true) one without a good one is refused. */
  readonly requestCert?: boolean;
  readonly rejectUnauthorized?: boolean;
  /** Who may have issued client certificates. */
  readonly ca?: TrustSource | readonly TrustSource[];
  /** Time for the handshake, ms. Default 10,000. */
  readonly handshakeTimeout?: number;
}

export interface UnixTarget {
  readonly kind: 'unix';
  /** Of the socket's file, which is removed when the listener ends. */
  readonly path: string;
  /** Replace a socket on which nobody listens. Default false. */
  readonly force?: boolean;
  /** Rights of the file, such as 0o600. Default: as the process makes files. */
  readonly mode?: number;
}

/** Without `cert` (or `identities`, `psks`, a resolver) the servers of the group. All options of `listen` but those that take connections away from the group. */
export interface QuicTarget extends Omit<ListenOptions, 'environment' | 'endpoint' | 'onConnection'> {
  readonly kind: 'quic';
}

export type ListenerTarget = TcpTarget | TlsTarget | UnixTarget | QuicTarget;

/** A listener for `addListener`. */
export interface ListenerSpecification<LId = unknown> {
  /** Any value that can be a key of a Map. */
  readonly id: LId;
  /** What to listen on: as text (see `parseListener`) or as an object. */
  readonly listener: string | ListenerTarget;
  /** Bind at once; otherwise with `bindListener`. Default true. */
  readonly autoBind?: boolean;
  /** Try again when the bind fails, after longer and longer pauses. Default false; true is `{}`. */
  readonly retry?: boolean | BackOffOptions;
  /** Connections at once; more are refused. Default: the group's limit alone. */
  readonly maxConnections?: number;
}

/** Checked, with defaults. */
export interface ParsedSpecification<LId> {
  readonly id: LId;
  readonly target: ListenerTarget;
  readonly autoBind: boolean;
  readonly retry: Required<BackOffOptions> | null;
  readonly maxConnections: number;
}

export function parseSpecification<LId>(specification: ListenerSpecification<LId>): ParsedSpecification<LId> {
  checkOptionNames(specification, SPECIFICATION_NAMES, 'specification');
  const { id, listener, autoBind, retry, maxConnections } = specification;
  if (id === undefined) throw invalidArgType('id', 'a value, such as a name', id);
  const target = typeof listener === 'string' ? parseListener(listener) : listener;
  checkTarget(target);
  return {
    id,
    target,
    autoBind: boolean('autoBind', autoBind, true),
    retry: parseBackOff(retry),
    maxConnections: integer('maxConnections', maxConnections, 1, Number.MAX_SAFE_INTEGER, Infinity),
  };
}

/** What the kinds do not check themselves when they are made. */
function checkTarget(target: ListenerTarget): void {
  if (typeof target !== 'object' || target === null) {
    throw invalidArgType('listener', "a text such as 'tcp://127.0.0.1:80', or an object", target);
  }
  switch (target.kind) {
    case 'tcp':
      checkOptionNames(target, TCP_NAMES, 'listener');
      checkPlace(target);
      return;
    case 'tls':
      checkOptionNames(target, TLS_NAMES, 'listener');
      boolean('requestCert', target.requestCert, false);
      boolean('rejectUnauthorized', target.rejectUnauthorized, true);
      integer('handshakeTimeout', target.handshakeTimeout, 1, 2 ** 31 - 1, 1);
      checkPlace(target);
      return;
    case 'unix':
      checkOptionNames(target, UNIX_NAMES, 'listener');
      if (typeof target.path !== 'string') throw invalidArgType('path', 'of type string', target.path);
      if (target.path === '' || target.path.includes('\0')) {
        throw invalidArgValue('path', target.path, 'must be the path of a file');
      }
      boolean('force', target.force, false);
      integer('mode', target.mode, 0, 0o777, 0);
      return;
    case 'quic':
      for (const name of THE_GROUPS_OWN) {
        if (Object.hasOwn(target, name)) {
          throw invalidArgValue(`listener.${name}`, name, 'is for listeners outside of groups');
        }
      }
      checkPlace(target);
      return;
    default:
      throw invalidArgValue(
        'listener.kind',
        (target as { kind?: unknown }).kind,
        "must be one of 'tcp', 'tls', 'unix', 'quic'",
      );
  }
}

function checkPlace({ address, port }: { address?: string; port?: number }): void {
  integer('port', port, 0, 65_535, 0);
  if (address === undefined) return;
  if (typeof address !== 'string') throw invalidArgType('address', 'of type string', address);
  if (ipFamily(address) === 0) throw invalidArgValue('address', address, 'must be an IP address');
}

const SPECIFICATION_NAMES: ReadonlySet<string> = new Set([
  'id',
  'listener',
  'autoBind',
  'retry',
  'maxConnections',
]);
/** Options of `listen` that would take connections away from the group. */
const THE_GROUPS_OWN = ['environment', 'endpoint', 'onConnection'] as const;
const TCP_NAMES: ReadonlySet<string> = new Set(['kind', 'address', 'port']);
const TLS_NAMES: ReadonlySet<string> = new Set([
  ...TCP_NAMES,
  'cert',
  'key',
  'alpn',
  'requestCert',
  'rejectUnauthorized',
  'ca',
  'handshakeTimeout',
]);
const UNIX_NAMES: ReadonlySet<string> = new Set(['kind', 'path', 'force', 'mode']);
