/**
 * The pre-shared keys that a client offers: which of a session and external keys may go into a hello, their binders, and
 * the stage of the key schedule that each one starts.
 *
 * Knows the time only as it is told. Writes no message.
 */

import { hashLength } from '../crypto/hkdf.ts';
import type { CryptoProvider, HashName } from '../crypto/provider.ts';
import { type CipherSuite, cipherSuite } from '../crypto/suites.ts';
import { invalidArgValue } from '../errors.ts';
import type { TlsClientConfig } from './engine.ts';
import { EarlyStage, finishedValue, type ScheduleContext } from './key-schedule.ts';
import { MAX_TICKET_LIFETIME } from './limits.ts';
import type { PskIdentity } from './psk-codec.ts';
import type { TlsSession } from './session.ts';

/** One key on offer. */
export class PskOffer {
  readonly identity: Uint8Array;
  readonly hash: HashName;
  /** The session whose ticket this is; `null` for an external key. */
  readonly session: TlsSession | null;
  /** The suite of the session, which 0-RTT has to use. */
  readonly suite: CipherSuite | null;
  readonly early: EarlyStage;
  private readonly context: ScheduleContext;

  constructor(
    provider: CryptoProvider,
    identity: Uint8Array,
    secret: Uint8Array,
    hash: HashName,
    session: TlsSession | null,
  ) {
    this.identity = identity;
    this.hash = hash;
    this.session = session;
    this.suite = session === null ? null : (cipherSuite(session.cipherSuite) ?? null);
    this.context = { provider, hash, hashLength: hashLength(hash) };
    this.early = new EarlyStage(this.context, secret);
  }

  get binderLength(): number {
    return this.context.hashLength;
  }

  /** RFC 8446 §4.2.11.1. */
  entry(wallTime: number): PskIdentity {
    const { identity, session } = this;
    if (session === null) return { identity, obfuscatedAge: 0 };
    return { identity, obfuscatedAge: (ageOf(session, wallTime) + session.ageAdd) % 2 ** 32 };
  }

  /** `truncatedHash` is over the transcript up to the binders (RFC 8446 §4.2.11.2). */
  binder(truncatedHash: Uint8Array): Uint8Array {
    const kind = this.session === null ? 'external' : 'resumption';
    return finishedValue(this.context, this.early.binderKey(kind), truncatedHash);
  }
}

/** What the configuration allows to offer now, the session first. Throws `ERR_INVALID_ARG_VALUE` for an unusable key. */
export function offeredPsks(config: TlsClientConfig, cipherSuites: readonly number[]): PskOffer[] {
  const { provider, session, wallTime, psks = [] } = config;
  const hashes = new Set(cipherSuites.map((code) => cipherSuite(code)?.hash));
  const offers: PskOffer[] = [];
  if (session !== undefined && wallTime !== undefined && isUsable(session, config, wallTime())) {
    const hash = cipherSuite(session.cipherSuite)?.hash;
    if (hash !== undefined && hashes.has(hash)) {
      offers.push(new PskOffer(provider, session.ticket, session.secret, hash, session));
    }
  }
  for (const { identity, secret, hash = 'sha256' } of psks) {
    if (identity.length === 0 || identity.length > MAX_IDENTITY) {
      throw invalidArgValue('psks', identity.length, `must have identities of 1 to ${MAX_IDENTITY} bytes`);
    }
    if (secret.length === 0)
      throw invalidArgValue('psks', secret.length, 'must have secrets that are not empty');
    if (hashes.has(hash)) offers.push(new PskOffer(provider, identity, secret, hash, null));
  }
  return offers;
}

/** Whether 0-RTT can be offered with the first of these keys. */
export function allowsEarlyData(
  first: PskOffer | undefined,
  config: TlsClientConfig,
  cipherSuites: readonly number[],
): boolean {
  const session = first?.session ?? null;
  if (config.earlyData !== true || session === null || !session.earlyData) return false;
  const sameProtocol = session.alpn === null ? config.alpn.length === 0 : config.alpn.includes(session.alpn);
  return sameProtocol && cipherSuites.includes(session.cipherSuite);
}

/** RFC 8446 §4.6.1: neither after its time nor for another name. */
function isUsable(session: TlsSession, config: TlsClientConfig, wallTime: number): boolean {
  const lifetime = Math.min(session.lifetime, MAX_TICKET_LIFETIME) * 1000;
  return session.serverName === config.serverName && ageOf(session, wallTime) < lifetime;
}

/** Milliseconds. A clock that was set back makes a ticket look new, not older than time. */
function ageOf(session: TlsSession, wallTime: number): number {
  return Math.max(0, Math.floor(wallTime - session.receivedAt));
}

/** Bytes; leaves the hello room for the rest, as servers bound it. */
const MAX_IDENTITY = 8192;
