/**
 * The crypto provider over `node:crypto`, the default everywhere.
 *
 * This file and its `node-*` neighbours are the only ones below the sockets that may import a `node:` module.
 */

import { createHash, createHmac, createSecretKey, type Hash } from 'node:crypto';
import { aesGcmOpen, aesGcmSeal, nodeOpener, nodeSealer } from './node-aead.ts';
import { plainBytes } from './node-bytes.ts';
import { NODE_COMPRESSIONS, nodeCompress, nodeDecompress } from './node-compression.ts';
import { nodeAnswerShare, nodeGroups, nodeKeyShare } from './node-key-share.ts';
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
  hmac,
  // Looks for ML-KEM, which is not free: only when somebody asks.
  get groups() {
    return nodeGroups();
  },
  keyShare: nodeKeyShare,
  answerShare: nodeAnswerShare,
  sign: signContent,
  verify: verifyContent,
  privateKeyFrom: readPrivateKey,
  publicKeyFromCertificate: certificatePublicKey,
  keyMatches: privateKeyMatches,
  aesGcmSeal,
  aesGcmOpen,
  compressions: NODE_COMPRESSIONS,
  compress: nodeCompress,
  decompress: nodeDecompress,
};

function hmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array {
  // Raw bytes as a key cost 8 µs more on Node 24.
  const state = createHmac(name, createSecretKey(key));
  state.update(data);
  return plainBytes(state.digest());
}

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
    return plainBytes(this.state.copy().digest());
  }
}
