/**
 * The keys of Initial packets, which anybody on the path can derive: they guard against corruption and blind
 * attackers only (RFC 9001 §5.2).
 */

import { copyBytes, EMPTY, equal } from '../util/bytes.ts';
import type { VersionInfo } from '../wire/versions.ts';
import { hkdfExpandLabel, hkdfExtract } from './hkdf.ts';
import { PacketKeys } from './packet-keys.ts';
import type { CryptoProvider } from './provider.ts';
import { INITIAL_SUITE } from './suites.ts';

/**
 * Both directions, from the Destination Connection ID of the client's first Initial packet, or of the first one after a
 * Retry (RFC 9001 §5.2).
 */
export function initialKeys(
  provider: CryptoProvider,
  version: VersionInfo,
  destinationConnectionId: Uint8Array,
): InitialKeys {
  if (last?.provider === provider && last.version === version && equal(last.id, destinationConnectionId)) {
    return last.keys;
  }
  const { hash, hashLength } = INITIAL_SUITE;
  const initialSecret = hkdfExtract(provider, hash, version.initialSalt, destinationConnectionId);
  const keys = (label: string): PacketKeys =>
    PacketKeys.fromSecret(
      provider,
      version,
      INITIAL_SUITE,
      hkdfExpandLabel(provider, hash, initialSecret, label, EMPTY, hashLength),
    );
  const made = { client: keys('client in'), server: keys('server in') };
  last = { provider, version, id: copyBytes(destinationConnectionId), keys: made };
  return made;
}

/** A server asks twice in a row: whether a stranger's packet is sound, and for the connection that comes of it. */
let last: { provider: CryptoProvider; version: VersionInfo; id: Uint8Array; keys: InitialKeys } | null = null;

export interface InitialKeys {
  /** Protects what the client sends. */
  readonly client: PacketKeys;
  /** Protects what the server sends. */
  readonly server: PacketKeys;
}
