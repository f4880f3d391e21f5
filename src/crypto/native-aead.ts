/**
 * Packet protection by the addon: the AEAD and the header mask of one packet in one call, in place, with keys that were
 * set up once. Owns the shape of that binding and the choice between it and `node:crypto`, AEAD by AEAD. The binding is
 * handed in; where it comes from is not known here.
 */
import { nodeSealer } from './node-aead.ts';
import { nodeProvider } from './node-provider.ts';
import type { AeadName, CryptoProvider, Opener, Sealer } from './provider.ts';

/** What the addon exports for packet protection. */
export interface PacketKeyBinding {
  /** Which AEADs work in this process, in the order of {@link AEADS}. */
  readonly aeads: readonly boolean[];
  /** Keys of one direction, for sealing or for opening, as long as the object lives. `aead` is an index into {@link AEADS}. */
  readonly PacketKey: new (
    aead: number,
    seals: boolean,
    key: Uint8Array,
    iv: Uint8Array,
    headerKey: Uint8Array,
  ) => { readonly slot: number };
  /** As of a {@link Sealer}, with the number of a key before. */
  seal(slot: number, ...packet: Parameters<Sealer['seal']>): number;
  /** As of an {@link Opener}, with the number of a key before. */
  unmask(slot: number, ...packet: Parameters<Opener['unmask']>): void;
  open(slot: number, ...packet: Parameters<Opener['open']>): boolean;
}

/** The AEADs by their numbers in the addon. */
export const AEADS: readonly AeadName[] = ['aes-128-gcm', 'aes-256-gcm', 'chacha20-poly1305'];

/**
 * The provider over `node:crypto` with the packet protection of the addon. An AEAD that the addon lacks, or for which its
 * answer to a sample differs from that of `node:crypto`, stays with `node:crypto`.
 */
export function nativeProvider(binding: PacketKeyBinding): CryptoProvider {
  const works = AEADS.filter((aead, index) => binding.aeads[index] === true && agrees(binding, aead));
  const make = (aead: AeadName, seals: boolean, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array) => {
    if (!works.includes(aead)) return null;
    try {
      return new NativeKey(binding, AEADS.indexOf(aead), seals, key, iv, headerKey);
    } catch {
      // Out of memory, or a cipher that OpenSSL took back: node:crypto has the same answer, or a better error.
      return null;
    }
  };
  const own: Partial<CryptoProvider> = {
    name: works.length > 0 ? 'native' : nodeProvider.name,
    ...(works.includes('aes-128-gcm') && { cipherSuites: BY_COST }),
    sealer: (aead, key, iv, headerKey) =>
      make(aead, true, key, iv, headerKey) ?? nodeProvider.sealer(aead, key, iv, headerKey),
    opener: (aead, key, iv, headerKey) =>
      make(aead, false, key, iv, headerKey) ?? nodeProvider.opener(aead, key, iv, headerKey),
  };
  // Descriptors, because what `node:crypto` prefers is found out only when somebody asks.
  return Object.defineProperties({} as CryptoProvider, {
    ...Object.getOwnPropertyDescriptors(nodeProvider),
    ...Object.getOwnPropertyDescriptors(own),
  });
}

/** Keys that live in the addon. */
class NativeKey implements Sealer, Opener {
  readonly #binding: PacketKeyBinding;
  /** Never read: the keys live as long as this does. */
  readonly owner: object;
  readonly #slot: number;

  constructor(binding: PacketKeyBinding, ...keys: ConstructorParameters<PacketKeyBinding['PacketKey']>) {
    const key = new binding.PacketKey(...keys);
    this.#binding = binding;
    this.owner = key;
    this.#slot = key.slot;
  }

  seal(
    buf: Uint8Array,
    start: number,
    packetNumberOffset: number,
    payloadStart: number,
    payloadEnd: number,
    packetNumber: number,
  ): number {
    const slot = this.#slot;
    return this.#binding.seal(slot, buf, start, packetNumberOffset, payloadStart, payloadEnd, packetNumber);
  }

  unmask(buf: Uint8Array, start: number, packetNumberOffset: number): void {
    this.#binding.unmask(this.#slot, buf, start, packetNumberOffset);
  }

  open(buf: Uint8Array, start: number, payloadStart: number, end: number, packetNumber: number): boolean {
    return this.#binding.open(this.#slot, buf, start, payloadStart, end, packetNumber);
  }
}

/** Whether a sample packet comes out as `node:crypto` makes it, and opens again. */
function agrees(binding: PacketKeyBinding, aead: AeadName): boolean {
  const keyLength = aead === 'aes-128-gcm' ? 16 : 32;
  const [key, iv, headerKey] = [counting(keyLength, 1), counting(12, 2), counting(keyLength, 3)];
  const ours = counting(SAMPLE_END + 16, FIRST_BYTE);
  const theirs = Uint8Array.from(ours);
  try {
    const kind = AEADS.indexOf(aead);
    new NativeKey(binding, kind, true, key, iv, headerKey).seal(ours, 0, 9, 11, SAMPLE_END, SAMPLE_NUMBER);
    nodeSealer(aead, key, iv, headerKey).seal(theirs, 0, 9, 11, SAMPLE_END, SAMPLE_NUMBER);
    if (ours.some((byte, at) => byte !== theirs[at])) return false;
    const opener = new NativeKey(binding, kind, false, key, iv, headerKey);
    opener.unmask(ours, 0, 9);
    return ours[0] === FIRST_BYTE && opener.open(ours, 0, 11, ours.length, SAMPLE_NUMBER);
  } catch {
    return false;
  }
}

function counting(length: number, from: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => from + at);
}

/** AES-128, AES-256, ChaCha20: with AES in hardware, in this order. */
const BY_COST: readonly number[] = [0x1301, 0x1302, 0x1303];

/** Longer than the widest stride of a vectorised cipher, and no multiple of its blocks. */
const SAMPLE_END = 1111;
/** A short header with a packet number of two bytes. */
const FIRST_BYTE = 0x41;
const SAMPLE_NUMBER = 0x123456789;
