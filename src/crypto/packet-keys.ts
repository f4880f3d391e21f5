/**
 * The packet protection keys of one direction and, in 1-RTT, of one key phase, derived from a traffic secret.
 *
 * Owns the derivation and the chain of key updates. Knows nothing of when keys are used, counted or thrown away.
 */

import { EMPTY } from '../util/bytes.ts';
import type { VersionInfo } from '../wire/versions.ts';
import { hkdfExpandLabel } from './hkdf.ts';
import type { CryptoProvider, Opener, Sealer } from './provider.ts';
import type { CipherSuite } from './suites.ts';

export class PacketKeys {
  readonly version: VersionInfo;
  readonly suite: CipherSuite;
  readonly secret: Uint8Array;
  private readonly provider: CryptoProvider;
  private ownHeaderKey: Uint8Array | null;
  private ownSealer: Sealer | null = null;
  private ownOpener: Opener | null = null;

  private constructor(
    provider: CryptoProvider,
    version: VersionInfo,
    suite: CipherSuite,
    secret: Uint8Array,
    headerKey: Uint8Array | null,
  ) {
    this.provider = provider;
    this.version = version;
    this.suite = suite;
    this.secret = secret;
    this.ownHeaderKey = headerKey;
  }

  /** RFC 9001 §5.1. Without a `headerKey` it is derived from the secret too. */
  static fromSecret(
    provider: CryptoProvider,
    version: VersionInfo,
    suite: CipherSuite,
    secret: Uint8Array,
    headerKey?: Uint8Array,
  ): PacketKeys {
    return new PacketKeys(provider, version, suite, secret, headerKey ?? null);
  }

  /** The same through all key phases (RFC 9001 §6). */
  get headerKey(): Uint8Array {
    const { provider, suite, version } = this;
    this.ownHeaderKey ??= expand(provider, suite, this.secret, version.labels.hp, suite.keyLength);
    return this.ownHeaderKey;
  }

  /** Made at the first call, then always the same one. */
  sealer(): Sealer {
    this.ownSealer ??= this.provider.sealer(this.suite.aead, this.key(), this.iv(), this.headerKey);
    return this.ownSealer;
  }

  /** Made at the first call, then always the same one. */
  opener(): Opener {
    this.ownOpener ??= this.provider.opener(this.suite.aead, this.key(), this.iv(), this.headerKey);
    return this.ownOpener;
  }

  /** The keys of the next key phase (RFC 9001 §6.1): a new secret, the same header key. */
  next(): PacketKeys {
    const { provider, version, suite } = this;
    const secret = expand(provider, suite, this.secret, version.labels.ku, suite.hashLength);
    return new PacketKeys(provider, version, suite, secret, this.headerKey);
  }

  private key(): Uint8Array {
    return expand(this.provider, this.suite, this.secret, this.version.labels.key, this.suite.keyLength);
  }

  private iv(): Uint8Array {
    return expand(this.provider, this.suite, this.secret, this.version.labels.iv, IV_LENGTH);
  }
}

function expand(
  provider: CryptoProvider,
  suite: CipherSuite,
  secret: Uint8Array,
  label: string,
  length: number,
): Uint8Array {
  return hkdfExpandLabel(provider, suite.hash, secret, label, EMPTY, length);
}

/** The nonce length of every AEAD in the table of suites (RFC 9001 §5.1). */
const IV_LENGTH = 12;
