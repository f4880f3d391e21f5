/**
 * The choices of a server: protocol, cipher suite, group and signature scheme, and the comparison of two hellos.
 *
 * Pure functions over a decoded ClientHello; they hold no state and send nothing.
 */

import type { NamedGroup, PrivateKey } from '../crypto/provider.ts';
import { type CipherSuite, cipherSuite } from '../crypto/suites.ts';
import { equal } from '../util/bytes.ts';
import { Alert, TlsAlert } from './alerts.ts';
import { chooseScheme } from './certificate-verify.ts';
import type { KeyShareEntry } from './extension-codecs.ts';
import { Extension } from './extensions.ts';
import type { ClientHello } from './hello-codec.ts';

/** A group, with the client's share of it unless that has to be asked for. */
export interface ChosenGroup {
  readonly group: NamedGroup;
  readonly share: KeyShareEntry | null;
}

/**
 * The first of ours that the client offers; `null` if we have none to offer. Throws `TlsAlert`
 * no_application_protocol if there is none in common or the client sent no list (RFC 7301 §3.2, RFC 9001 §8.1).
 */
export function selectProtocol(ours: readonly string[], hello: ClientHello): string | null {
  if (ours.length === 0) return null;
  const protocol = ours.find((name) => hello.alpn.includes(name));
  if (protocol === undefined) {
    throw new TlsAlert(Alert.NO_APPLICATION_PROTOCOL, 'no application protocol in common');
  }
  return protocol;
}

/** Throws `TlsAlert` handshake_failure if there is none in common. */
export function selectSuite(ours: readonly number[], preferOurs: boolean, hello: ClientHello): CipherSuite {
  const theirs = hello.cipherSuites;
  const code = preferOurs
    ? ours.find((candidate) => theirs.includes(candidate))
    : theirs.find((candidate) => ours.includes(candidate));
  const suite = code === undefined ? undefined : cipherSuite(code);
  if (suite === undefined) throw new TlsAlert(Alert.HANDSHAKE_FAILURE, 'no cipher suite in common');
  return suite;
}

/**
 * Our first group that the client sent a share of, so that no round trip is lost; else our first that it supports.
 * Throws `TlsAlert` handshake_failure if there is none in common.
 */
export function selectGroup(ours: readonly number[], hello: ClientHello): ChosenGroup {
  for (const group of ours) {
    const share = hello.keyShares.find((entry) => entry.group === group);
    if (share !== undefined) return { group: group as NamedGroup, share };
  }
  const group = ours.find((candidate) => hello.groups.includes(candidate));
  if (group === undefined) throw new TlsAlert(Alert.HANDSHAKE_FAILURE, 'no group in common');
  return { group: group as NamedGroup, share: null };
}

/**
 * Throws `TlsAlert` handshake_failure if the key can make no signature that the client accepts. Without a key only a PSK
 * would have done: unknown_psk_identity for a client that offered some.
 */
export function selectScheme(key: PrivateKey | null, hello: ClientHello): number {
  if (key === null) {
    throw hello.psks === null
      ? new TlsAlert(Alert.HANDSHAKE_FAILURE, 'the server is only for clients with a pre-shared key')
      : new TlsAlert(Alert.UNKNOWN_PSK_IDENTITY, 'no pre-shared key that the client offers will do');
  }
  const scheme = chooseScheme(key, hello.signatureSchemes);
  if (scheme === undefined) {
    throw new TlsAlert(Alert.HANDSHAKE_FAILURE, 'no signature scheme in common');
  }
  return scheme;
}

/**
 * Checks the answer to a HelloRetryRequest and returns the share that was asked for (RFC 8446 §4.1.2).
 * Throws `TlsAlert` illegal_parameter if anything else changed or the share is not the only one.
 */
export function checkSecondHello(first: ClientHello, second: ClientHello, group: number): KeyShareEntry {
  if (second.earlyData) {
    throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the second ClientHello still offers early data');
  }
  const share = second.keyShares[0];
  if (share === undefined || share.group !== group || second.keyShares.length !== 1) {
    throw new TlsAlert(
      Alert.ILLEGAL_PARAMETER,
      'the second ClientHello has not the share that was asked for',
    );
  }
  const same =
    equal(first.random, second.random) &&
    first.cipherSuites.length === second.cipherSuites.length &&
    first.cipherSuites.every((code, index) => code === second.cipherSuites[index]) &&
    sameExtensions(first, second);
  if (!same) throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the second ClientHello differs from the first');
  return share;
}

function sameExtensions(first: ClientHello, second: ClientHello): boolean {
  for (const code of second.extensions.keys()) {
    if (!first.extensions.has(code) && !MAY_CHANGE.has(code)) return false;
  }
  for (const [code, body] of first.extensions) {
    if (MAY_CHANGE.has(code)) continue;
    const again = second.extensions.get(code);
    if (again === undefined || !equal(body, again)) return false;
  }
  return true;
}

/** What a second hello may change. A cookie is not among it, since our HelloRetryRequest has none. */
const MAY_CHANGE: ReadonlySet<number> = new Set([
  Extension.KEY_SHARE,
  Extension.EARLY_DATA,
  Extension.PRE_SHARED_KEY,
  Extension.PADDING,
  Extension.ENCRYPTED_CLIENT_HELLO,
]);
