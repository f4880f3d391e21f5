/**
 * The key schedule of TLS 1.3 (RFC 8446 §7.1) as three stages, each of which makes the next.
 *
 * A stage has only the secrets that can be derived from it, so a secret cannot be asked for too early. The early stage
 * takes the pre-shared key of a resumption; without one it is made of zeros. Knows no message and no packet key.
 */

import { hkdfExpandLabel, hkdfExtract } from '../crypto/hkdf.ts';
import type { CryptoProvider, HashName } from '../crypto/provider.ts';
import type { CipherSuite } from '../crypto/suites.ts';
import { EMPTY } from '../util/bytes.ts';

/** What every derivation of one handshake needs. */
export interface ScheduleContext {
  readonly provider: CryptoProvider;
  readonly hash: HashName;
  /** Bytes of a digest and of a secret. */
  readonly hashLength: number;
}

export function scheduleContext(provider: CryptoProvider, suite: CipherSuite): ScheduleContext {
  return { provider, hash: suite.hash, hashLength: suite.hashLength };
}

/** The Early Secret: binders and everything of 0-RTT. */
export class EarlyStage {
  private readonly context: ScheduleContext;
  private readonly secret: Uint8Array;
  private salt: Uint8Array | null = null;

  /** `psk` is the secret of a ticket, or an external one; absent in a full handshake. */
  constructor(context: ScheduleContext, psk?: Uint8Array) {
    this.context = context;
    const zeros = new Uint8Array(context.hashLength);
    this.secret = hkdfExtract(context.provider, context.hash, zeros, psk ?? zeros);
  }

  /** The base key of the binders (RFC 8446 §4.2.11.2). */
  binderKey(kind: 'resumption' | 'external'): Uint8Array {
    const label = kind === 'resumption' ? 'res binder' : 'ext binder';
    return deriveSecret(this.context, this.secret, label, emptyHash(this.context));
  }

  /** `helloHash` is the transcript hash of the ClientHello. */
  clientTraffic(helloHash: Uint8Array): Uint8Array {
    return deriveSecret(this.context, this.secret, 'c e traffic', helloHash);
  }

  exporter(helloHash: Uint8Array): Uint8Array {
    return deriveSecret(this.context, this.secret, 'e exp master', helloHash);
  }

  /** Mixes in the (EC)DHE secret. */
  next(sharedSecret: Uint8Array): HandshakeStage {
    const { provider, hash } = this.context;
    this.salt ??= advanceSalt(this.context, this.secret);
    return new HandshakeStage(this.context, hkdfExtract(provider, hash, this.salt, sharedSecret));
  }
}

/** The Early Secret without a pre-shared key, which is made of zeros alone: kept, as nearly every handshake begins with it. */
export function plainEarlyStage(context: ScheduleContext): EarlyStage {
  const { provider, hash } = context;
  const stages = PLAIN_STAGES.get(provider) ?? new Map<HashName, EarlyStage>();
  PLAIN_STAGES.set(provider, stages);
  const known = stages.get(hash) ?? new EarlyStage(context);
  stages.set(hash, known);
  return known;
}

const PLAIN_STAGES: WeakMap<CryptoProvider, Map<HashName, EarlyStage>> = new WeakMap();

/** The Handshake Secret. */
export class HandshakeStage {
  private readonly context: ScheduleContext;
  private readonly secret: Uint8Array;

  constructor(context: ScheduleContext, secret: Uint8Array) {
    this.context = context;
    this.secret = secret;
  }

  /** `helloHash` is the transcript hash of ClientHello to ServerHello. */
  clientTraffic(helloHash: Uint8Array): Uint8Array {
    return deriveSecret(this.context, this.secret, 'c hs traffic', helloHash);
  }

  serverTraffic(helloHash: Uint8Array): Uint8Array {
    return deriveSecret(this.context, this.secret, 's hs traffic', helloHash);
  }

  next(): MainStage {
    const zeros = new Uint8Array(this.context.hashLength);
    return new MainStage(this.context, advance(this.context, this.secret, zeros));
  }
}

/** The Main Secret, which the labels still call master. */
export class MainStage {
  private readonly context: ScheduleContext;
  private readonly secret: Uint8Array;

  constructor(context: ScheduleContext, secret: Uint8Array) {
    this.context = context;
    this.secret = secret;
  }

  /** `serverHash` is the transcript hash of ClientHello to the server's Finished. */
  clientTraffic(serverHash: Uint8Array): Uint8Array {
    return deriveSecret(this.context, this.secret, 'c ap traffic', serverHash);
  }

  serverTraffic(serverHash: Uint8Array): Uint8Array {
    return deriveSecret(this.context, this.secret, 's ap traffic', serverHash);
  }

  exporter(serverHash: Uint8Array): Uint8Array {
    return deriveSecret(this.context, this.secret, 'exp master', serverHash);
  }

  /** `clientHash` is the transcript hash of ClientHello to the client's Finished. */
  resumption(clientHash: Uint8Array): Uint8Array {
    return deriveSecret(this.context, this.secret, 'res master', clientHash);
  }
}

/** The verify_data of a Finished message, or a binder (RFC 8446 §4.4.4). */
export function finishedValue(
  context: ScheduleContext,
  baseKey: Uint8Array,
  transcriptHash: Uint8Array,
): Uint8Array {
  const { provider, hash, hashLength } = context;
  const key = hkdfExpandLabel(provider, hash, baseKey, 'finished', EMPTY, hashLength);
  return provider.hmac(hash, key, transcriptHash);
}

/** TLS-Exporter (RFC 8446 §7.5). */
export function exportKeyingMaterial(
  context: ScheduleContext,
  exporterSecret: Uint8Array,
  label: string,
  value: Uint8Array,
  length: number,
): Uint8Array {
  const { provider, hash } = context;
  const secret = deriveSecret(context, exporterSecret, label, emptyHash(context));
  return hkdfExpandLabel(provider, hash, secret, 'exporter', digest(context, value), length);
}

/** The pre-shared key that goes with a ticket (RFC 8446 §4.6.1). */
export function ticketSecret(
  context: ScheduleContext,
  resumptionSecret: Uint8Array,
  nonce: Uint8Array,
): Uint8Array {
  const { provider, hash, hashLength } = context;
  return hkdfExpandLabel(provider, hash, resumptionSecret, 'resumption', nonce, hashLength);
}

/** Labels of the key log format that Wireshark and others read. */
export const KeyLogLabel = {
  CLIENT_EARLY: 'CLIENT_EARLY_TRAFFIC_SECRET',
  CLIENT_HANDSHAKE: 'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
  SERVER_HANDSHAKE: 'SERVER_HANDSHAKE_TRAFFIC_SECRET',
  CLIENT_APPLICATION: 'CLIENT_TRAFFIC_SECRET_0',
  SERVER_APPLICATION: 'SERVER_TRAFFIC_SECRET_0',
  EXPORTER: 'EXPORTER_SECRET',
} as const;

function advance(context: ScheduleContext, secret: Uint8Array, input: Uint8Array): Uint8Array {
  return hkdfExtract(context.provider, context.hash, advanceSalt(context, secret), input);
}

function advanceSalt(context: ScheduleContext, secret: Uint8Array): Uint8Array {
  return deriveSecret(context, secret, 'derived', emptyHash(context));
}

function deriveSecret(
  context: ScheduleContext,
  secret: Uint8Array,
  label: string,
  transcriptHash: Uint8Array,
): Uint8Array {
  const { provider, hash, hashLength } = context;
  return hkdfExpandLabel(provider, hash, secret, label, transcriptHash, hashLength);
}

/** The hash of nothing, kept: every handshake needs it. */
function emptyHash(context: ScheduleContext): Uint8Array {
  const known = EMPTY_HASHES.get(context.hash) ?? digest(context, EMPTY);
  EMPTY_HASHES.set(context.hash, known);
  return known;
}

const EMPTY_HASHES: Map<HashName, Uint8Array> = new Map();

function digest(context: ScheduleContext, bytes: Uint8Array): Uint8Array {
  const state = context.provider.hash(context.hash);
  state.update(bytes);
  return state.digest();
}
