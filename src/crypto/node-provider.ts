/**
 * The crypto provider over `node:crypto`, the default everywhere.
 *
 * This file and its `node-*` neighbours are the only ones below the sockets that may import a `node:` module.
 */

import { createHash, createHmac, createSecretKey, type Hash } from 'node:crypto';
import { aesGcmOpen, aesGcmSeal, nodeOpener, nodeSealer } from './node-aead.ts';
import { nodeKeyShare } from './node-key-share.ts';
import {
  certificatePublicKey,
  privateKeyMatches,
  readPrivateKey,
  signContent,
  verifyContent,
} from './node-keys.ts';
import type { CryptoProvider, HashName, HashState } from './provider.ts';

export { nodeRandom } from './node-random.ts';

export const nodeProvider: CryptoProvider = {
  name: 'node',
  sealer: nodeSealer,
  opener: nodeOpener,
  hash: (name) => new NodeHash(name),
  // Raw key bytes cost 8 µs more on Node 24; an empty key, which HKDF knows, is no KeyObject on older lines.
  hmac: (name, key, data) =>
    createHmac(name, key.length === 0 ? key : createSecretKey(key))
      .update(data)
      .digest(),
  keyShare: nodeKeyShare,
  sign: signContent,
  verify: verifyContent,
  privateKeyFrom: readPrivateKey,
  publicKeyFromCertificate: certificatePublicKey,
  keyMatches: privateKeyMatches,
  aesGcmSeal,
  aesGcmOpen,
};

class NodeHash implements HashState {
  private readonly state: Hash;

  constructor(name: HashName) {
    this.state = createHash(name);
  }

  update(bytes: Uint8Array): void {
    this.state.update(bytes);
  }

  digest(): Uint8Array {
    // A Hash ends with its digest, so the digest is taken from a copy.
    return this.state.copy().digest();
  }
}
