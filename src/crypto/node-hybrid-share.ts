/**
 * X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem): X25519 next to ML-KEM-768 of the runtime (Node.js 24.7 and later), so that
 * the secret holds as long as one of the two does.
 *
 * Owns the order of the parts: shares and secrets have the ML-KEM part first, then the X25519 part.
 */

import * as crypto from 'node:crypto';
import { concat } from '../util/bytes.ts';
import { badShare } from './bad-share.ts';
import { plainBytes } from './node-bytes.ts';
import type { KeyAnswer, KeyShare, NamedGroup, RandomSource } from './provider.ts';

/** Whether this runtime has ML-KEM-768. */
export function hasMlKem(): boolean {
  if (runtime.encapsulate === undefined || runtime.decapsulate === undefined) return false;
  try {
    decapsulationKey(new Uint8Array(SEED_BYTES));
    return true;
  } catch {
    // Built against an OpenSSL without it.
    return false;
  }
}

/** The client's side: makes both key pairs, and decapsulates what comes back. */
export class HybridShare implements KeyShare {
  readonly group: NamedGroup = 0x11ec;
  readonly publicKey: Uint8Array;
  private readonly classic: KeyShare;
  private readonly key: crypto.KeyObject;

  constructor(classic: KeyShare, random: RandomSource) {
    const seed = new Uint8Array(SEED_BYTES);
    random.fill(seed);
    this.key = decapsulationKey(seed);
    seed.fill(0);
    this.classic = classic;
    const spki = crypto.createPublicKey(this.key).export({ format: 'der', type: 'spki' });
    this.publicKey = concat([plainBytes(spki).subarray(SPKI_HEADER.length), classic.publicKey]);
  }

  agree(peerPublicKey: Uint8Array): Uint8Array {
    if (peerPublicKey.length !== CIPHERTEXT_BYTES + X25519_BYTES) {
      throw badShare('an X25519MLKEM768 answer has 1120 bytes');
    }
    const classic = this.classic.agree(peerPublicKey.subarray(CIPHERTEXT_BYTES));
    const { decapsulate } = runtime;
    if (decapsulate === undefined) throw badShare('there is no ML-KEM here');
    // Decapsulation never fails: a ciphertext that was not made for this key gives a secret that nobody else has.
    const secret = decapsulate(this.key, peerPublicKey.subarray(0, CIPHERTEXT_BYTES));
    return concat([plainBytes(secret), classic]);
  }
}

/** The server's side. `classic` is a fresh X25519 pair. */
export function encapsulateHybrid(classic: KeyShare, peerPublicKey: Uint8Array): KeyAnswer {
  if (peerPublicKey.length !== ENCAPSULATION_KEY_BYTES + X25519_BYTES) {
    throw badShare('an X25519MLKEM768 share has 1216 bytes');
  }
  const classicSecret = classic.agree(peerPublicKey.subarray(ENCAPSULATION_KEY_BYTES));
  const { encapsulate } = runtime;
  if (encapsulate === undefined) throw badShare('there is no ML-KEM here');
  let answer: { sharedKey: Buffer; ciphertext: Buffer };
  try {
    const spki = concat([SPKI_HEADER, peerPublicKey.subarray(0, ENCAPSULATION_KEY_BYTES)]);
    // OpenSSL checks that the key is made of numbers below the modulus (FIPS 203 §7.2).
    answer = encapsulate(crypto.createPublicKey({ key: spki as Buffer, format: 'der', type: 'spki' }));
  } catch (cause) {
    throw badShare('the ML-KEM encapsulation key is not usable', cause);
  }
  return {
    publicKey: concat([answer.ciphertext, classic.publicKey]),
    secret: concat([answer.sharedKey, classicSecret]),
  };
}

/** A key from its seed, d and z of FIPS 203 one after the other, wrapped as PKCS #8. */
function decapsulationKey(seed: Uint8Array): crypto.KeyObject {
  const der = concat([PKCS8_HEADER, seed]);
  const key = crypto.createPrivateKey({ key: der as Buffer, format: 'der', type: 'pkcs8' });
  der.fill(0);
  return key;
}

/** Node.js 20 has neither function, and its types know neither. */
const runtime = crypto as {
  encapsulate?: (key: crypto.KeyObject) => { sharedKey: Buffer; ciphertext: Buffer };
  decapsulate?: (key: crypto.KeyObject, ciphertext: Uint8Array) => Buffer;
};

const SEED_BYTES = 64;
const ENCAPSULATION_KEY_BYTES = 1184;
const CIPHERTEXT_BYTES = 1088;
const X25519_BYTES = 32;

/** SubjectPublicKeyInfo of id-alg-ml-kem-768 up to the key (RFC 9935). */
const SPKI_HEADER: Uint8Array = Uint8Array.of(
  ...[0x30, 0x82, 0x04, 0xb2, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48],
  ...[0x01, 0x65, 0x03, 0x04, 0x04, 0x02, 0x03, 0x82, 0x04, 0xa1, 0x00],
);
/** PrivateKeyInfo of id-alg-ml-kem-768 that holds a seed, up to the seed. */
const PKCS8_HEADER: Uint8Array = Uint8Array.of(
  ...[0x30, 0x54, 0x02, 0x01, 0x00, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86],
  ...[0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x02, 0x04, 0x42, 0x80, 0x40],
);
