/**
 * ML-KEM-768 (FIPS 203): that of `node:crypto` (Node.js 24.7 and later), else `@noble/post-quantum` where the application
 * has installed it. Knows bytes only, and no group of TLS.
 */

import * as crypto from 'node:crypto';
import { createRequire } from 'node:module';
import { concat } from '../util/bytes.ts';
import { plainBytes } from './node-bytes.ts';
import type { RandomSource } from './provider.ts';

export interface MlKem {
  /** A pair from its seed of 64 bytes: d and z of FIPS 203, one after the other. */
  keyPair(seed: Uint8Array): MlKemPair;
  /** Throws if the encapsulation key is malformed (FIPS 203 §7.2). `random` is used where the implementation takes it. */
  encapsulate(
    encapsulationKey: Uint8Array,
    random: RandomSource,
  ): { ciphertext: Uint8Array; secret: Uint8Array };
}

export interface MlKemPair {
  readonly encapsulationKey: Uint8Array;
  /** Never fails on 1088 bytes: a ciphertext that was not made for this key gives a secret that nobody else has. */
  decapsulate(ciphertext: Uint8Array): Uint8Array;
}

export const ENCAPSULATION_KEY_BYTES = 1184;
export const CIPHERTEXT_BYTES = 1088;
export const SEED_BYTES = 64;

/** What there is here, looked for once; `null` if there is nothing. */
export function mlKem(): MlKem | null {
  if (found === undefined) found = ofRuntime() ?? ofLibrary();
  return found;
}

/** Exported for the tests, which compare the two. */
export function ofRuntime(): MlKem | null {
  const { encapsulate, decapsulate } = runtime;
  if (encapsulate === undefined || decapsulate === undefined) return null;
  try {
    decapsulationKey(new Uint8Array(SEED_BYTES));
  } catch {
    // Built against an OpenSSL without it.
    return null;
  }
  return {
    keyPair(seed) {
      const key = decapsulationKey(seed);
      const spki = plainBytes(crypto.createPublicKey(key).export({ format: 'der', type: 'spki' }));
      return {
        encapsulationKey: spki.subarray(SPKI_HEADER.length),
        decapsulate: (ciphertext) => plainBytes(decapsulate(key, ciphertext)),
      };
    },
    encapsulate(encapsulationKey) {
      const spki = concat([SPKI_HEADER, encapsulationKey]);
      const key = crypto.createPublicKey({ key: spki as Buffer, format: 'der', type: 'spki' });
      const { sharedKey, ciphertext } = encapsulate(key);
      return { ciphertext: plainBytes(ciphertext), secret: plainBytes(sharedKey) };
    },
  };
}

/** An optional peer dependency. It is an ES module, which all supported lines of Node.js can `require`. */
export function ofLibrary(): MlKem | null {
  let library: NobleMlKem;
  try {
    library = createRequire(import.meta.url)('@noble/post-quantum/ml-kem.js').ml_kem768;
  } catch {
    return null;
  }
  return {
    keyPair(seed) {
      const { publicKey, secretKey } = library.keygen(seed);
      return {
        encapsulationKey: publicKey,
        decapsulate: (ciphertext) => library.decapsulate(ciphertext, secretKey),
      };
    },
    encapsulate(encapsulationKey, random) {
      const message = new Uint8Array(32);
      random.fill(message);
      const { cipherText, sharedSecret } = library.encapsulate(encapsulationKey, message);
      return { ciphertext: cipherText, secret: sharedSecret };
    },
  };
}

/** What is used of `@noble/post-quantum`. */
interface NobleMlKem {
  keygen(seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array };
  encapsulate(
    publicKey: Uint8Array,
    message: Uint8Array,
  ): { cipherText: Uint8Array; sharedSecret: Uint8Array };
  decapsulate(cipherText: Uint8Array, secretKey: Uint8Array): Uint8Array;
}

/** A key from its seed, wrapped as PKCS #8. */
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

let found: MlKem | null | undefined;

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
