// What one call of `connect` brings along from earlier connections and leaves for later ones: a session, a token, external
// keys. Decides whether a session may be used: it is no better than the chain that it stands for.

import type { ConnectionConfig } from '../connection/config.ts';
import { type PskMode, parsePskModes, parsePsks } from '../connection/session-options.ts';
import { firstVersion } from '../connection/version-choice.ts';
import { parseVersion } from '../connection/version-options.ts';
import { invalidArgType } from '../errors.ts';
import { boolean } from '../runtime/options.ts';
import { isStillGood, type VerificationOptions } from '../runtime/questions.ts';
import type { ExternalPsk } from '../tls/engine.ts';
import { decodeSession, type TlsSession } from '../tls/session.ts';
import type { Clock } from '../util/clock.ts';
import { VERSION_1 } from '../wire/versions.ts';
import { MemorySessionStore, type SessionStore, type TokenStore } from './session-store.ts';

export interface MemoryOptions {
  session?: Uint8Array;
  sessions?: boolean | SessionStore;
  earlyData?: boolean;
  tokens?: boolean | TokenStore;
  onSession?: (session: Uint8Array) => void;
  psks?: readonly ExternalPsk[];
  pskModes?: readonly PskMode[];
  cert?: unknown;
  alpn: string | readonly string[];
}

export const MEMORY_OPTION_NAMES: readonly string[] = [
  'session',
  'sessions',
  'earlyData',
  'tokens',
  'onSession',
  'psks',
  'pskModes',
];

export interface ServerMemory {
  /** What goes into the connection's configuration. */
  recall(
    verification: VerificationOptions,
    clock: Clock,
    versions: readonly number[] | undefined,
  ): Promise<Recalled>;
  onSession(session: Uint8Array): void;
  onToken(token: Uint8Array, version: number): void;
}

type Recalled = Pick<ConnectionConfig, 'sessions' | 'token'>;

/** `server` names the server. Throws Node's argument errors, and ERR_QUIC_INVALID_SESSION for a bad `session`. */
export function parseMemory(options: MemoryOptions, server: string): ServerMemory {
  const { session, onSession } = options;
  const earlyData = boolean('earlyData', options.earlyData, false);
  const psks = parsePsks(options.psks);
  const plainPsk = parsePskModes(options.pskModes);
  if (session !== undefined && !(session instanceof Uint8Array)) {
    throw invalidArgType('session', 'an instance of Uint8Array', session);
  }
  if (onSession !== undefined && typeof onSession !== 'function') {
    throw invalidArgType('onSession', 'of type function', onSession);
  }
  const given = session === undefined ? null : decodeSession(session);
  const sessions = parseStore('sessions', options.sessions ?? false, SESSIONS);
  const tokens = parseStore('tokens', options.tokens ?? true, TOKENS);
  // A session stands for the client's certificate too; it is not to be used under another.
  const store = options.cert === undefined ? sessions : null;
  const sessionKey = `${server} ${[options.alpn].flat().join(',')}`;

  const recallSession = async (verification: VerificationOptions, wallTime: number) => {
    const known = given ?? decoded(await quietly(() => store?.take(sessionKey)));
    return known !== null && isStillGood(verification, known, wallTime) ? known : null;
  };
  return {
    async recall(verification, clock, versions) {
      const known = await recallSession(verification, clock.wallTime());
      const shared = {
        wallTime: () => clock.wallTime(),
        earlyData,
        plainPsk,
        ...(known === null ? {} : { session: known }),
        ...(psks === undefined ? {} : { psks }),
      };
      const first = firstVersion({ version: parseVersion(undefined, versions), versions, sessions: shared });
      const token = await quietly(() => tokens?.take(tokenKey(server, first.version)));
      return { token, sessions: shared };
    },
    onSession(bytes) {
      void quietly(() => store?.put(sessionKey, bytes));
      onSession?.(bytes);
    },
    onToken(token, version) {
      void quietly(() => tokens?.put(tokenKey(server, version), token));
    },
  };
}

/** RFC 9369 §5: a token is good for the version of the connection that gave it. */
function tokenKey(server: string, version: number): string {
  return version === VERSION_1.version ? server : `${server} ${version}`;
}

function parseStore(name: string, value: unknown, fallback: SessionStore): SessionStore | null {
  if (typeof value === 'boolean') return value ? fallback : null;
  const store = value as Partial<SessionStore> | null;
  if (typeof store?.take === 'function' && typeof store.put === 'function') return store as SessionStore;
  throw invalidArgType(name, 'a boolean or an object with functions take and put', value);
}

/** What a store kept may be of another version, or damaged: that costs a full handshake and nothing else. */
function decoded(bytes: Uint8Array | undefined): TlsSession | null {
  if (!(bytes instanceof Uint8Array)) return null;
  try {
    return decodeSession(bytes);
  } catch {
    return null;
  }
}

/** A store that fails keeps nothing. */
async function quietly<T>(step: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await step();
  } catch {
    return undefined;
  }
}

/** For all connections of the process that want one. */
const SESSIONS: SessionStore = new MemorySessionStore();
const TOKENS: TokenStore = new MemorySessionStore();
