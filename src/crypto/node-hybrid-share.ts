/**
 * X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem): X25519 next to ML-KEM-768, so that the secret holds as long as one of the
 * two does.
 *
 * Owns the order of the parts: shares and secrets have the ML-KEM part first, then the X25519 part.
 */

import { concat } from '../util/bytes.ts';
import { badShare } from './bad-share.ts';
import {
  CIPHERTEXT_BYTES,
  ENCAPSULATION_KEY_BYTES,
  type MlKem,
  type MlKemPair,
  SEED_BYTES,
} from './node-ml-kem.ts';
import type { KeyAnswer, KeyShare, NamedGroup, RandomSource } from './provider.ts';

/** The client's side: makes both key pairs, and decapsulates what comes back. */
export class HybridShare implements KeyShare {
  readonly group: NamedGroup = 0x11ec;
  readonly publicKey: Uint8Array;
  private readonly classic: KeyShare;
  private readonly pair: MlKemPair;

  constructor(kem: MlKem, classic: KeyShare, random: RandomSource) {
    const seed = new Uint8Array(SEED_BYTES);
    random.fill(seed);
    this.pair = kem.keyPair(seed);
    seed.fill(0);
    this.classic = classic;
    this.publicKey = concat([this.pair.encapsulationKey, classic.publicKey]);
  }

  agree(peerPublicKey: Uint8Array): Uint8Array {
    if (peerPublicKey.length !== CIPHERTEXT_BYTES + X25519_BYTES) {
      throw badShare('an X25519MLKEM768 answer has 1120 bytes');
    }
    const classic = this.classic.agree(peerPublicKey.subarray(CIPHERTEXT_BYTES));
    return concat([this.pair.decapsulate(peerPublicKey.subarray(0, CIPHERTEXT_BYTES)), classic]);
  }
}

/** The server's side. `classic` is a fresh X25519 pair. */
export function encapsulateHybrid(
  kem: MlKem,
  classic: KeyShare,
  peerPublicKey: Uint8Array,
  random: RandomSource,
): KeyAnswer {
  if (peerPublicKey.length !== ENCAPSULATION_KEY_BYTES + X25519_BYTES) {
    throw badShare('an X25519MLKEM768 share has 1216 bytes');
  }
  const classicSecret = classic.agree(peerPublicKey.subarray(ENCAPSULATION_KEY_BYTES));
  let answer: { ciphertext: Uint8Array; secret: Uint8Array };
  try {
    answer = kem.encapsulate(peerPublicKey.subarray(0, ENCAPSULATION_KEY_BYTES), random);
  } catch (cause) {
    throw badShare('the ML-KEM encapsulation key is not usable', cause);
  }
  return {
    publicKey: concat([answer.ciphertext, classic.publicKey]),
    secret: concat([answer.secret, classicSecret]),
  };
}

const X25519_BYTES = 32;
