/**
 * Key agreement over `node:crypto`: X25519, the NIST curves P-256 and P-384, and X25519MLKEM768 where there is ML-KEM.
 *
 * Owns making a pair from given randomness and refusing a peer's bad share. Knows no TLS message.
 */

import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type ECDH,
  type KeyObject,
} from 'node:crypto';
import { badShare } from './bad-share.ts';
import { plainBytes } from './node-bytes.ts';
import { encapsulateHybrid, HybridShare } from './node-hybrid-share.ts';
import { type MlKem, mlKem } from './node-ml-kem.ts';
import type { KeyAnswer, KeyShare, NamedGroup, RandomSource } from './provider.ts';

/** What this runtime can do, strongest first. */
export function nodeGroups(): readonly NamedGroup[] {
  return mlKem() === null ? CLASSIC_GROUPS : ALL_GROUPS;
}

/** A fresh pair. The private bytes come from `random` alone. */
export function nodeKeyShare(group: NamedGroup, random: RandomSource): KeyShare {
  if (group === X25519) return new X25519Share(random);
  if (group === X25519_ML_KEM_768) return new HybridShare(theMlKem(), new X25519Share(random), random);
  return new NistShare(group, random);
}

/** The server's answer. The runtime's ML-KEM adds randomness of its own to it, so that such a handshake does not replay. */
export function nodeAnswerShare(
  group: NamedGroup,
  peerPublicKey: Uint8Array,
  random: RandomSource,
): KeyAnswer {
  if (group === X25519_ML_KEM_768) {
    return encapsulateHybrid(theMlKem(), new X25519Share(random), peerPublicKey, random);
  }
  const share = nodeKeyShare(group, random);
  return { publicKey: share.publicKey, secret: share.agree(peerPublicKey) };
}

function theMlKem(): MlKem {
  const kem = mlKem();
  if (kem === null) throw badShare('there is no ML-KEM here');
  return kem;
}

class X25519Share implements KeyShare {
  readonly group: NamedGroup = X25519;
  readonly publicKey: Uint8Array;
  private readonly privateKey: KeyObject;

  constructor(random: RandomSource) {
    const secret = new Uint8Array(32);
    random.fill(secret);
    this.privateKey = importX25519(secret);
    secret.fill(0);
    this.publicKey = bytesOf(this.privateKey.export({ format: 'jwk' }).x);
  }

  agree(peerPublicKey: Uint8Array): Uint8Array {
    if (peerPublicKey.length !== 32) throw badShare('an X25519 share has 32 bytes');
    let secret: Uint8Array;
    try {
      const jwk = { kty: 'OKP', crv: 'X25519', x: base64Url(peerPublicKey) };
      const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
      secret = plainBytes(diffieHellman({ privateKey: this.privateKey, publicKey }));
    } catch (cause) {
      // OpenSSL itself refuses the points of small order, which lead to the all-zero secret (RFC 7748 §6.1).
      throw badShare('the X25519 share is not usable', cause);
    }
    let bits = 0;
    for (const byte of secret) bits |= byte;
    if (bits === 0) throw badShare('the X25519 secret is all zero');
    return secret;
  }
}

/**
 * A JWK import costs a tenth of a PKCS #8 one on Node 20, where `x` must be there but is computed anew from `d`. Newer
 * lines compare the two, and are quick with PKCS #8.
 */
function importX25519(secret: Uint8Array): KeyObject {
  if (JWK_COMPUTES_PUBLIC) return importJwk(secret);
  const der = new Uint8Array(PKCS8_X25519.length + secret.length);
  der.set(PKCS8_X25519);
  der.set(secret, PKCS8_X25519.length);
  const key = createPrivateKey({ key: Buffer.from(der.buffer), format: 'der', type: 'pkcs8' });
  der.fill(0);
  return key;
}

function importJwk(secret: Uint8Array): KeyObject {
  const jwk = { kty: 'OKP', crv: 'X25519', x: ANY_X25519, d: base64Url(secret) };
  return createPrivateKey({ key: jwk, format: 'jwk' });
}

function jwkComputesPublic(): boolean {
  try {
    importJwk(new Uint8Array(32).fill(1));
    return true;
  } catch {
    return false;
  }
}

class NistShare implements KeyShare {
  readonly group: NamedGroup;
  readonly publicKey: Uint8Array;
  private readonly ecdh: ECDH;

  constructor(group: NamedGroup, random: RandomSource) {
    const p256 = group === P256;
    this.group = group;
    this.ecdh = createECDH(p256 ? 'prime256v1' : 'secp384r1');
    const secret = new Uint8Array(p256 ? 32 : 48);
    for (let attempt = 0; ; attempt++) {
      random.fill(secret);
      try {
        this.ecdh.setPrivateKey(secret);
        break;
      } catch (cause) {
        // Zero, or not below the order of the group: less than one draw in 2^32.
        if (attempt === 8) throw badShare('the random source yields no private key', cause);
      }
    }
    secret.fill(0);
    this.publicKey = plainBytes(this.ecdh.getPublicKey());
  }

  agree(peerPublicKey: Uint8Array): Uint8Array {
    // Only the uncompressed form (RFC 8446 §4.2.8.2); the same length with another first byte is the hybrid form.
    if (peerPublicKey.length !== this.publicKey.length || peerPublicKey[0] !== UNCOMPRESSED) {
      throw badShare('the share is no uncompressed point of its curve');
    }
    try {
      return plainBytes(this.ecdh.computeSecret(peerPublicKey));
    } catch (cause) {
      throw badShare('the share is no point of its curve', cause);
    }
  }
}

function base64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}

function bytesOf(base64url: string | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(base64url ?? '', 'base64url'));
}

const X25519: NamedGroup = 0x001d;
const P256: NamedGroup = 0x0017;
const X25519_ML_KEM_768: NamedGroup = 0x11ec;
const CLASSIC_GROUPS: readonly NamedGroup[] = [0x001d, 0x0017, 0x0018];
const ALL_GROUPS: readonly NamedGroup[] = [0x11ec, ...CLASSIC_GROUPS];
const UNCOMPRESSED = 4;
/** The base point, standing in for a public key that is not known yet. */
const ANY_X25519: string = base64Url(Uint8Array.from([9, ...new Uint8Array(31)]));
/** What comes before the 32 bytes of an X25519 key in PKCS #8 (RFC 8410 §7). */
const PKCS8_X25519: Uint8Array = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20,
]);
const JWK_COMPUTES_PUBLIC: boolean = jwkComputesPublic();
