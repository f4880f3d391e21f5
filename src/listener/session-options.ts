// Options of a listener about resumption and copies of early data, parsed once.

import type { SessionConfig } from '../connection/config.ts';
import { type PskMode, parseLifetime, parsePskModes } from '../connection/session-options.ts';
import { DerivedKeys, KeyRing, type KeyRingInput, type KeySource, parseKeyRing } from '../crypto/key-ring.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { invalidArgType } from '../errors.ts';
import { answeringInTime, MemoryReplayStore, type ReplayStore } from '../routing/replay-store.ts';
import type { QuicEndpoint } from '../runtime/endpoint.ts';
import { boolean } from '../runtime/options.ts';
import { TicketKeys } from '../tls/ticket-keys.ts';

export interface ListenSessionOptions {
  /** Gives clients tickets to resume with. Not where client certificates are asked for. Default true. */
  sessionTickets?: boolean;
  /**
   * 32 bytes that seal tickets, or several such keys, the current one first, or a ring: processes with the same ones resume
   * each other's sessions. Default: from the endpoint's `keys`, else random.
   */
  ticketKeys?: KeyRingInput;
  /** Seconds that a ticket is good for, at most 604800. Default 86400. */
  ticketLifetime?: number;
  /**
   * Tells copies of early data. Listeners that share keys have to share it too. Default: in memory; with
   * shared keys it lets nothing in for its first 20 seconds, as it cannot know what was taken before.
   */
  replayStore?: ReplayStore;
  /**
   * 'psk_ke' in the list lets clients resume, or use external keys, without a key agreement, which gives up forward secrecy
   * (RFC 8446 §4.2.9). Default ['psk_dhe_ke'], which is always taken.
   */
  pskModes?: readonly PskMode[];
}

export const LISTEN_SESSION_OPTION_NAMES: readonly string[] = [
  'sessionTickets',
  'ticketKeys',
  'ticketLifetime',
  'replayStore',
  'pskModes',
];

export interface ParsedListenSessions {
  readonly sessions: SessionConfig;
  readonly replayStore: ReplayStore;
}

export function parseListenSessions(
  options: ListenSessionOptions,
  endpoint: Pick<QuicEndpoint, 'environment' | 'keys'>,
): ParsedListenSessions {
  const { clock, provider, random } = endpoint.environment;
  const given = sharedKeys(options, endpoint.keys, provider);
  const lifetime = parseLifetime(options.ticketLifetime);
  const { replayStore } = options;
  if (replayStore !== undefined && typeof replayStore?.add !== 'function') {
    throw invalidArgType('replayStore', 'an object with a function add', replayStore);
  }
  const sessions: SessionConfig = {
    wallTime: () => clock.wallTime(),
    plainPsk: parsePskModes(options.pskModes),
    ...(lifetime === undefined ? {} : { ticketLifetime: lifetime }),
  };
  if (boolean('sessionTickets', options.sessionTickets, true)) {
    const key = new Uint8Array(32);
    random.fill(key);
    sessions.tickets = new TicketKeys(provider, random, given ?? new KeyRing(key));
  }
  const memory = (): ReplayStore =>
    new MemoryReplayStore({ now: () => clock.now(), warmsUp: given !== null });
  return {
    sessions,
    replayStore: answeringInTime(replayStore ?? memory(), clock),
  };
}

/** Those that others may have too. */
function sharedKeys(
  { ticketKeys }: ListenSessionOptions,
  keys: KeyRing | null,
  provider: CryptoProvider,
): KeySource | null {
  if (ticketKeys !== undefined) return parseKeyRing('ticketKeys', ticketKeys);
  return keys === null ? null : new DerivedKeys(provider, keys, 'session tickets');
}
