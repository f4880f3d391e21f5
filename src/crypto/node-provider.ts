/**
 * The crypto provider over `node:crypto`, the default everywhere.
 *
 * This file and its `node-*` neighbours are the only ones below the sockets that may import a `node:` module.
 */

import { createHash, type Hash } from 'node:crypto';
import { aesGcmOpen, aesGcmSeal, nodeOpener, nodeSealer } from './node-aead.ts';
import { plainBytes } from './node-bytes.ts';
import { NODE_COMPRESSIONS, nodeCompress, nodeDecompress } from './node-compression.ts';
import { nodeHmac } from './node-hmac.ts';
import { nodeAnswerShare, nodeGroups, nodeKeyShare } from './node-key-share.ts';
import {
  certificatePublicKey,
  privateKeyMatches,
  readPrivateKey,
  signContent,
  verifyContent,
} from './node-keys.ts';
import type { CryptoProvider, HashName, HashState } from './provider.ts';
import { CHACHA20_FIRST, CIPHER_SUITE_CODES } from './suites.ts';
import { wasmChaCha20 } from './wasm-chacha20.ts';

export { nodeRandom } from './node-random.ts';

export const nodeProvider: CryptoProvider = {
  name: 'node',
  sealer: (aead, key, iv, headerKey) => {
    const wasm = aead === 'chacha20-poly1305' ? wasmChaCha20() : null;
    return wasm === null ? nodeSealer(aead, key, iv, headerKey) : wasm.sealer(key, iv, headerKey);
  },
  opener: (aead, key, iv, headerKey) => {
    const wasm = aead === 'chacha20-poly1305' ? wasmChaCha20() : null;
    return wasm === null ? nodeOpener(aead, key, iv, headerKey) : wasm.opener(key, iv, headerKey);
  },
  // Measured (bench/micro/packet-protection.ts): in WebAssembly ChaCha20 costs a third of any AEAD of node:crypto, where
  // what costs is the cipher object for each packet; without WebAssembly AES is the cheaper one.
  get cipherSuites() {
    return wasmChaCha20() === null ? CIPHER_SUITE_CODES : CHACHA20_FIRST;
  },
  hash: (name) => new NodeHash(name),
  hmac: nodeHmac,
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
