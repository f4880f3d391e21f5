/**
 * The pre-shared key that a server takes from what a client offers (RFC 8446 §4.2.11), and the check of its binder.
 *
 * Owns which tickets are good. Sends nothing and knows the time only as it is told.
 */

import { hashLength } from '../crypto/hkdf.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { type CipherSuite, cipherSuite } from '../crypto/suites.ts';
import { bytesKey, equalConstantTime } from '../util/bytes.ts';
import { Alert, TlsAlert } from './alerts.ts';
import type { EarlyDataOffer, ExternalPsk } from './engine.ts';
import type { ClientHello } from './hello-codec.ts';
import { EarlyStage, finishedValue, scheduleContext } from './key-schedule.ts';
import { MAX_PSK_IDENTITIES } from './limits.ts';
import type { TicketSealer } from './ticket-keys.ts';
import { decodeTicketState, type TicketState } from './ticket-state.ts';

/** What a server would take. */
export interface PskPolicy {
  /** In order of preference; a single one after a HelloRetryRequest. */
  readonly cipherSuites: readonly number[];
  /** `null`: no tickets. */
  readonly tickets: TicketSealer | null;
  /** Milliseconds since 1970. */
  readonly wallTime: number;
  readonly external: ((identity: Uint8Array) => ExternalPsk | null) | null;
  /** Whether a PSK without (EC)DHE will do. */
  readonly plainPsk: boolean;
  /** See `ServerIdentity`. */
  readonly ticketFits?: ((ticketData: Uint8Array) => boolean) | undefined;
}

export interface SelectedPsk {
  /** Its place in the client's list. */
  readonly index: number;
  readonly identity: Uint8Array;
  readonly secret: Uint8Array;
  readonly suite: CipherSuite;
  /** `null` for an external key. */
  readonly ticket: TicketState | null;
}

/** The first key of the client's list that is known, good and goes with a suite in common; what is unknown is skipped. */
export function selectPsk(hello: ClientHello, policy: PskPolicy): SelectedPsk | null {
  if (hello.psks === null || !(hello.tickets || (hello.plainPsk && policy.plainPsk))) return null;
  const suites = policy.cipherSuites.filter((code) => hello.cipherSuites.includes(code));
  const looked = hello.psks.identities.slice(0, MAX_PSK_IDENTITIES);
  for (const [index, { identity }] of looked.entries()) {
    const found = fromTicket(identity, hello, policy, suites) ?? fromOutside(identity, policy, suites);
    if (found !== null) return { index, identity, ...found };
  }
  return null;
}

/**
 * Checks the binder and returns the stage that the key starts. `truncatedHash` is over the transcript up to the binders.
 * Throws `TlsAlert` decrypt_error (RFC 8446 §4.2.11.2).
 */
export function checkBinder(
  provider: CryptoProvider,
  psk: SelectedPsk,
  binder: Uint8Array | undefined,
  truncatedHash: Uint8Array,
): EarlyStage {
  const context = scheduleContext(provider, psk.suite);
  const early = new EarlyStage(context, psk.secret);
  const key = early.binderKey(psk.ticket === null ? 'external' : 'resumption');
  const expected = finishedValue(context, key, truncatedHash);
  if (binder === undefined || !equalConstantTime(binder, expected)) {
    throw new TlsAlert(Alert.DECRYPT_ERROR, 'the binder of the pre-shared key does not verify');
  }
  return early;
}

/**
 * What to ask before 0-RTT is accepted; `null` if it has to be rejected in any case: not the first key, another suite or
 * protocol, or a ticket that is older or younger than the client says (RFC 8446 §4.2.10, §8.3).
 */
export function earlyDataOffer(
  hello: ClientHello,
  psk: SelectedPsk | null,
  alpn: string | null,
  wallTime: number,
  window: number,
): EarlyDataOffer | null {
  const ticket = psk?.ticket ?? null;
  if (!hello.earlyData || hello.psks === null || psk === null || ticket === null) return null;
  if (psk.index !== 0 || !ticket.earlyData || ticket.alpn !== alpn) return null;
  if (ticket.cipherSuite !== psk.suite.code) return null;
  const { obfuscatedAge } = hello.psks.identities[0];
  const clientAge = (obfuscatedAge - ticket.ageAdd + 2 ** 32) % 2 ** 32;
  const ageError = wallTime - ticket.issuedAt - clientAge;
  if (Math.abs(ageError) > window) return null;
  return {
    helloId: hello.psks.binders[0],
    ticket: psk.identity,
    ticketData: ticket.data,
    ageError,
    window,
  };
}

/** A `psk` function over a fixed set of keys. */
export function pskTable(keys: Iterable<ExternalPsk>): (identity: Uint8Array) => ExternalPsk | null {
  const table = new Map<string, ExternalPsk>();
  for (const key of keys) table.set(bytesKey(key.identity), key);
  return (identity) => table.get(bytesKey(identity)) ?? null;
}

type Found = Pick<SelectedPsk, 'secret' | 'suite' | 'ticket'>;

function fromTicket(
  identity: Uint8Array,
  hello: ClientHello,
  policy: PskPolicy,
  suites: readonly number[],
): Found | null {
  const opened = policy.tickets?.open(identity) ?? null;
  const ticket = opened === null ? null : decodeTicketState(opened);
  if (ticket === null || ticket.serverName !== hello.serverName) return null;
  if (policy.ticketFits?.(ticket.data) === false) return null;
  const age = policy.wallTime - ticket.issuedAt;
  // From another machine's clock it may be a little from the future.
  if (age > ticket.lifetime * 1000 || age < -CLOCK_TOLERANCE) return null;
  const code = suites.includes(ticket.cipherSuite)
    ? ticket.cipherSuite
    : suites.find((candidate) => cipherSuite(candidate)?.hashLength === ticket.secret.length);
  const suite = code === undefined ? undefined : cipherSuite(code);
  return suite === undefined ? null : { secret: ticket.secret, suite, ticket };
}

function fromOutside(identity: Uint8Array, policy: PskPolicy, suites: readonly number[]): Found | null {
  const key = policy.external?.(identity) ?? null;
  if (key === null || key.secret.length === 0) return null;
  const wanted = hashLength(key.hash ?? 'sha256');
  const code = suites.find((candidate) => cipherSuite(candidate)?.hashLength === wanted);
  const suite = code === undefined ? undefined : cipherSuite(code);
  return suite === undefined ? null : { secret: key.secret, suite, ticket: null };
}

/** Milliseconds. */
const CLOCK_TOLERANCE = 60_000;
