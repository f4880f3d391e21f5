/**
 * Packet protection over `node:crypto`: the AEAD and the header mask of one packet in one call on the caller's buffer.
 *
 * Owns the per-packet cipher use, so every line here is paid for each packet. Nothing of ours is allocated per packet
 * but views of packets that lie unlike the last one; the cipher objects and the buffers they return are Node's. Knows no key schedule and no packet types.
 *
 * Measured (bench/micro/packet-protection.ts): a KeyObject costs the same as raw bytes on Node 20 and a third of them
 * on Node 24, where raw bytes are turned into one per call; a view of a Buffer costs 0.2 µs with its collection; an empty
 * `final()` result and the tag buffer cannot be avoided.
 */

import {
  type Cipher,
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
} from 'node:crypto';
import { PartView } from '../util/part-view.ts';
import { chacha20Key, chacha20Mask } from './chacha20-block.ts';
import { plainBytes } from './node-bytes.ts';
import { type AeadName, type Opener, SAMPLE_LENGTH, type Sealer, TAG_LENGTH } from './provider.ts';

/** Protects packets of one direction and key phase. */
export function nodeSealer(aead: AeadName, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array): Sealer {
  return new NodeSealer(aead, key, iv, headerKey);
}

/** The receiving side of {@link nodeSealer}. */
export function nodeOpener(aead: AeadName, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array): Opener {
  return new NodeOpener(aead, key, iv, headerKey);
}

/** AES-GCM over whole buffers; the result is the ciphertext and its tag. */
export function aesGcmSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const cipher = createCipheriv(gcmName(key), createSecretKey(key), nonce, AEAD_OPTIONS);
  cipher.setAAD(aad);
  const out = new Uint8Array(plaintext.length + TAG_LENGTH);
  out.set(cipher.update(plaintext));
  cipher.final();
  out.set(cipher.getAuthTag(), plaintext.length);
  return out;
}

/** The plaintext of {@link aesGcmSeal}, or `null` if `sealed` is not authentic. */
export function aesGcmOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | null {
  if (sealed.length < TAG_LENGTH) return null;
  const split = sealed.length - TAG_LENGTH;
  const decipher = createDecipheriv(gcmName(key), createSecretKey(key), nonce, AEAD_OPTIONS);
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(split));
  const plaintext = decipher.update(sealed.subarray(0, split));
  try {
    decipher.final();
  } catch {
    return null;
  }
  return plainBytes(plaintext);
}

/** The key, iv and mask of one direction and key phase. */
class PacketSecrets {
  protected readonly cipherName: CipherGCMTypes;
  private readonly aead: AeadName;
  private readonly iv: Uint8Array;
  private readonly headerKey: Uint8Array;
  private key: Uint8Array | KeyObject;
  private uses = 0;
  private ownMask: HeaderMask | null = null;

  constructor(aead: AeadName, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array) {
    this.cipherName = cipherName(aead);
    this.aead = aead;
    this.key = key;
    this.iv = iv;
    this.headerKey = headerKey;
  }

  /** Made with the first packet: the keys of a next phase never mask one, and many an idle connection sends none. */
  protected get mask(): HeaderMask {
    this.ownMask ??= headerMask(this.aead, this.headerKey);
    return this.ownMask;
  }

  /** Keys of the handshake see a packet or two: a KeyObject costs 1.5 µs and pays later. */
  protected nextKey(): Uint8Array | KeyObject {
    if (this.uses < RAW_USES && ++this.uses === RAW_USES) this.key = createSecretKey(this.key as Uint8Array);
    return this.key;
  }

  protected nonce(packetNumber: number): Uint8Array {
    writeNonce(NONCE, this.iv, packetNumber);
    return NONCE;
  }
}

class NodeSealer extends PacketSecrets implements Sealer {
  seal(
    buf: Uint8Array,
    start: number,
    packetNumberOffset: number,
    payloadStart: number,
    payloadEnd: number,
    packetNumber: number,
  ): number {
    const nonce = this.nonce(packetNumber);
    const cipher = createCipheriv(this.cipherName, this.nextKey(), nonce, AEAD_OPTIONS);
    cipher.setAAD(HEADER.of(buf, start, payloadStart));
    const ciphertext = cipher.update(PAYLOAD.of(buf, payloadStart, payloadEnd));
    cipher.final();
    buf.set(ciphertext, payloadStart);
    buf.set(cipher.getAuthTag(), payloadEnd);

    const mask = this.mask.next(buf, packetNumberOffset + SAMPLE_OFFSET);
    const first = buf[start];
    buf[start] = first ^ (mask[0] & (first & LONG_HEADER ? 0x0f : 0x1f));
    for (let at = packetNumberOffset, i = 1; at < payloadStart; at++, i++) buf[at] ^= mask[i];
    return payloadEnd + TAG_LENGTH;
  }
}

class NodeOpener extends PacketSecrets implements Opener {
  unmask(buf: Uint8Array, start: number, packetNumberOffset: number): void {
    const sampleStart = packetNumberOffset + SAMPLE_OFFSET;
    if (sampleStart + SAMPLE_LENGTH > buf.length) return;
    const mask = this.mask.next(buf, sampleStart);
    const masked = buf[start];
    // The packet number length is itself masked, so the first byte comes first (RFC 9001 §5.4.1).
    const first = masked ^ (mask[0] & (masked & LONG_HEADER ? 0x0f : 0x1f));
    buf[start] = first;
    const length = (first & 0x03) + 1;
    for (let i = 0; i < length; i++) buf[packetNumberOffset + i] ^= mask[i + 1];
  }

  open(buf: Uint8Array, start: number, payloadStart: number, end: number, packetNumber: number): boolean {
    const tagStart = end - TAG_LENGTH;
    if (tagStart < payloadStart || payloadStart < start || end > buf.length) return false;
    const nonce = this.nonce(packetNumber);
    // Each datagram is a buffer of its own. To copy it costs less than the views of three parts of it.
    const packet = start === 0 && end === buf.length ? buf : buf.subarray(start, end);
    if (packet.length > RECEIVED.length) return false;
    RECEIVED.set(packet);
    try {
      const decipher = createDecipheriv(this.cipherName, this.nextKey(), nonce, AEAD_OPTIONS);
      decipher.setAAD(RECEIVED_HEADER.of(RECEIVED, 0, payloadStart - start));
      decipher.setAuthTag(TAG.of(RECEIVED, tagStart - start, end - start));
      const plaintext = decipher.update(
        RECEIVED_PAYLOAD.of(RECEIVED, payloadStart - start, tagStart - start),
      );
      decipher.final();
      buf.set(plaintext, payloadStart);
      return true;
    } catch {
      return false;
    }
  }
}

/** Makes the five mask bytes from the sample at an offset (RFC 9001 §5.4.1); only bytes 0 to 4 count, until the next call. */
interface HeaderMask {
  next(buf: Uint8Array, sampleStart: number): Uint8Array;
}

/** RFC 9001 §5.4.3. One ECB cipher serves every packet: a block has no influence on the next one. */
class AesMask implements HeaderMask {
  private readonly cipher: Cipher;

  constructor(headerKey: Uint8Array) {
    const name = headerKey.length === 16 ? 'aes-128-ecb' : 'aes-256-ecb';
    this.cipher = createCipheriv(name, headerKey, null);
    this.cipher.setAutoPadding(false);
  }

  next(buf: Uint8Array, sampleStart: number): Uint8Array {
    // 16 bytes one by one take less than a view of them.
    for (let i = 0; i < SAMPLE_LENGTH; i++) SAMPLE[i] = buf[sampleStart + i];
    return this.cipher.update(SAMPLE);
  }
}

/** RFC 9001 §5.4.4. */
class ChaChaMask implements HeaderMask {
  private readonly key: Int32Array;
  private readonly mask = new Uint8Array(8);

  constructor(headerKey: Uint8Array) {
    this.key = chacha20Key(headerKey);
  }

  next(buf: Uint8Array, sampleStart: number): Uint8Array {
    chacha20Mask(this.key, buf, sampleStart, this.mask);
    return this.mask;
  }
}

function headerMask(aead: AeadName, headerKey: Uint8Array): HeaderMask {
  return aead === 'chacha20-poly1305' ? new ChaChaMask(headerKey) : new AesMask(headerKey);
}

/**
 * The iv XOR the packet number as 64 bits, big-endian (RFC 9001 §5.3). Packet numbers are below 2^53 here, so their upper
 * half is an exact division.
 */
function writeNonce(nonce: Uint8Array, iv: Uint8Array, packetNumber: number): void {
  const low = packetNumber >>> 0;
  nonce[11] = iv[11] ^ low;
  nonce[10] = iv[10] ^ (low >>> 8);
  nonce[9] = iv[9] ^ (low >>> 16);
  nonce[8] = iv[8] ^ (low >>> 24);
  const high = (packetNumber - low) / 2 ** 32;
  nonce[7] = iv[7] ^ high;
  nonce[6] = iv[6] ^ (high >>> 8);
  nonce[5] = iv[5] ^ (high >>> 16);
  nonce[4] = iv[4] ^ (high >>> 24);
  for (let i = 0; i < 4; i++) nonce[i] = iv[i];
}

/** ChaCha20-Poly1305 has the same cipher interface in Node as AES-GCM; only the type declarations tell them apart. */
function cipherName(aead: AeadName): CipherGCMTypes {
  return aead as CipherGCMTypes;
}

function gcmName(key: Uint8Array): CipherGCMTypes {
  return key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
}

/** Packets are sealed and opened one at a time, so these serve all keys. */
const NONCE = new Uint8Array(12);
const SAMPLE = new Uint8Array(SAMPLE_LENGTH);
const HEADER = new PartView();
const PAYLOAD = new PartView();
const RECEIVED = new Uint8Array(65_536);
const RECEIVED_HEADER = new PartView();
const RECEIVED_PAYLOAD = new PartView();
const TAG = new PartView();

/** Packets under one key before it becomes a KeyObject. */
const RAW_USES = 8;
const AEAD_OPTIONS = { authTagLength: TAG_LENGTH };
const LONG_HEADER = 0x80;
/** The sample starts where the payload would with a packet number of 4 bytes (RFC 9001 §5.4.2). */
const SAMPLE_OFFSET = 4;
