/**
 * What the rest of the library asks of cryptography: packet protection, hashing, key agreement, signatures.
 *
 * Owns the shapes only. Knows no implementation, no `node:` module, no TLS message and no packet layout beyond
 * the offsets it is given, so that the same calls fit `node:crypto`, WebAssembly and a native addon.
 */

export interface CryptoProvider {
  /** A short name for diagnostics, such as `node`. */
  readonly name: string;

  /**
   * Protects packets of one direction and key phase. `iv` is 12 bytes; `key` and `headerKey` have the key length
   * of the AEAD (RFC 9001 §5.1). After a key update the same `headerKey` is passed again (RFC 9001 §6). The arrays may be
   * kept: nobody changes them any more.
   */
  sealer(aead: AeadName, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array): Sealer;

  /**
   * TLS codes of all cipher suites, the one whose packets cost least first. A client offers them and a server chooses in
   * this order unless it is told otherwise; without it AES-128, AES-256, ChaCha20.
   */
  readonly cipherSuites?: readonly number[];

  /** The receiving side of {@link sealer}. */
  opener(aead: AeadName, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array): Opener;

  /** A running hash, for the TLS transcript. */
  hash(name: HashName): HashState;

  /** One HMAC over the whole of `data`. */
  hmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array;

  /** The groups that this runtime can do, strongest first; without it: X25519, P-256 and P-384. */
  readonly groups?: readonly NamedGroup[];

  /** A fresh key pair whose private bytes come from `random`, so that a seeded run makes the same shares again. */
  keyShare(group: NamedGroup, random: RandomSource): KeyShare;

  /**
   * The answer to a client's share: what the server sends back, and the secret. In a group that encapsulates, the answer
   * depends on the client's share, so it cannot be made by {@link keyShare}; without this method there is no such group.
   * Throws as {@link KeyShare.agree} does.
   */
  answerShare?(group: NamedGroup, peerPublicKey: Uint8Array, random: RandomSource): KeyAnswer;

  /**
   * Signs the whole of `content` with a TLS SignatureScheme code (RFC 8446 §4.2.3). Throws a `QuicError` with
   * ERR_QUIC_INVALID_KEY if the key cannot make that scheme.
   */
  sign(key: PrivateKey, scheme: number, content: Uint8Array): Uint8Array;

  /** Whether the signature is good. An unknown scheme, or one that does not fit the key, is `false`. Never throws. */
  verify(key: PublicKey, scheme: number, content: Uint8Array, signature: Uint8Array): boolean;

  /**
   * Reads a private key: PEM text (as a string or as bytes) or DER, in PKCS #8, SEC1 or PKCS #1 form, unencrypted.
   * Throws a `QuicError` with ERR_QUIC_INVALID_KEY for anything else.
   */
  privateKeyFrom(input: string | Uint8Array): PrivateKey;

  /**
   * The public key of a DER certificate. Throws a `QuicError` with ERR_QUIC_INVALID_CERTIFICATE if the bytes are no
   * certificate or its key is of a kind that cannot make any signature of the table.
   */
  publicKeyFromCertificate(der: Uint8Array): PublicKey;

  /** Whether the certificate carries the public half of this key. Never throws. */
  keyMatches(privateKey: PrivateKey, certificateDer: Uint8Array): boolean;

  /**
   * AES-GCM over whole buffers, for tokens, tickets and Retry tags. `key` is 16 or 32 bytes, `nonce` 12.
   * Returns the ciphertext followed by its 16-byte tag.
   */
  aesGcmSeal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;

  /** The plaintext, or `null` if `sealed` is not authentic. Never throws on any `sealed`. */
  aesGcmOpen(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | null;

  /** Codes of the certificate compression algorithms that work here (RFC 8879 §7.3): 1 zlib, 2 brotli. */
  readonly compressions?: readonly number[];

  /** Compresses all of `bytes`. Throws `RangeError` for an algorithm that is not in {@link compressions}. */
  compress?(algorithm: number, bytes: Uint8Array): Uint8Array;

  /**
   * The original bytes, or `null` if `compressed` is damaged or would become longer than `limit`; no more memory than
   * that is used, whatever the input claims. Throws `RangeError` as {@link compress} does.
   */
  decompress?(algorithm: number, compressed: Uint8Array, limit: number): Uint8Array | null;
}

/** Seals packets in place: one key, one direction. Not reentrant. */
export interface Sealer {
  /**
   * Encrypts the payload, appends the tag and masks the header, all in `buf` (RFC 9001 §5.3, §5.4).
   *
   * `start` is the first header byte, `packetNumberOffset` the first byte of the packet number, `payloadStart` the
   * byte after it and `payloadEnd` the end of the plaintext. `buf` needs 16 more bytes after `payloadEnd`, and packet
   * number and payload need 4 bytes together (the mask sample, RFC 9001 §5.4.2). Returns the end of the packet.
   */
  seal(
    buf: Uint8Array,
    start: number,
    packetNumberOffset: number,
    payloadStart: number,
    payloadEnd: number,
    packetNumber: number,
  ): number;
}

/** Opens packets in place: one key, one direction. Not reentrant. Never throws, whatever the bytes are. */
export interface Opener {
  /**
   * Removes header protection in place: the low bits of the first byte, then as many packet number bytes as those
   * bits say. Needs 20 bytes from `packetNumberOffset` on (RFC 9001 §5.4.2); without them it leaves `buf` as it is.
   */
  unmask(buf: Uint8Array, start: number, packetNumberOffset: number): void;

  /**
   * Decrypts `payloadStart .. end` (the tag is its last 16 bytes) with `start .. payloadStart` as associated data.
   * On `true` the plaintext stands at `payloadStart .. end - 16`. On `false` the packet is not authentic and `buf`
   * is unchanged.
   */
  open(buf: Uint8Array, start: number, payloadStart: number, end: number, packetNumber: number): boolean;
}

export interface HashState {
  update(bytes: Uint8Array): void;
  /** The digest of everything so far. The state may go on afterwards. */
  digest(): Uint8Array;
}

/** One side of an (EC)DHE exchange; of an encapsulation, the client's side. */
export interface KeyShare {
  readonly group: NamedGroup;
  /**
   * In the form of RFC 8446 §4.2.8.2: 32 bytes for X25519, an uncompressed point for the NIST curves. X25519MLKEM768: the
   * ML-KEM-768 encapsulation key and then the X25519 key (draft-ietf-tls-ecdhe-mlkem).
   */
  readonly publicKey: Uint8Array;
  /**
   * The shared secret. Throws a `QuicError` with ERR_QUIC_CRYPTO_FAIL if the peer's share has the wrong length, is no
   * point of the curve, or leads to the all-zero X25519 secret (RFC 8446 §7.4.2).
   */
  agree(peerPublicKey: Uint8Array): Uint8Array;
}

/** A server's answer to a client's share. */
export interface KeyAnswer {
  readonly publicKey: Uint8Array;
  readonly secret: Uint8Array;
}

/** A private key for TLS signatures. What holds the secret is the provider's own and hidden here. */
export interface PrivateKey {
  readonly kind: KeyKind;
  /** The TLS SignatureScheme codes this key can make, preferred first. */
  readonly schemes: readonly number[];
  /** The secret is kept elsewhere: somebody outside signs, the provider cannot. */
  readonly isExternal?: true;
}

/** A public key for TLS signatures. */
export interface PublicKey {
  readonly kind: KeyKind;
  /** The TLS SignatureScheme codes a signature by this key may have. */
  readonly schemes: readonly number[];
}

/** Randomness as an input: seeded in simulations, the system's in production. */
export interface RandomSource {
  /** Overwrites all of `into`. */
  fill(into: Uint8Array): void;
  /** Uniform in `[0, 1)`. */
  float(): number;
  /** A uniform integer in `[0, below)`. `below` is 1 to 2^32. */
  integer(below: number): number;
}

export type AeadName = 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305';
export type HashName = 'sha256' | 'sha384';
export type KeyKind = 'ec-p256' | 'ec-p384' | 'rsa' | 'rsa-pss' | 'ed25519';

/** TLS NamedGroup codes (RFC 8446 §4.2.7): X25519, P-256, P-384, and X25519MLKEM768 where there is ML-KEM. */
export type NamedGroup = 0x001d | 0x0017 | 0x0018 | 0x11ec;

/** Length of every AEAD tag in QUIC, in bytes (RFC 9001 §5.3). */
export const TAG_LENGTH = 16;

/** Length of the sample that a header mask is made from, in bytes (RFC 9001 §5.4.2). */
export const SAMPLE_LENGTH = 16;
