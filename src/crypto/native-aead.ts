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
  /** Keys of one direction: a sealer or an opener, by `seals`. `aead` is an index into {@link AEADS}. */
  readonly PacketKey: new (
    aead: number,
    seals: boolean,
    key: Uint8Array,
    iv: Uint8Array,
    headerKey: Uint8Array,
  ) => Sealer & Opener;
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
      return new binding.PacketKey(AEADS.indexOf(aead), seals, key, iv, headerKey);
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

/** Whether a sample packet comes out as `node:crypto` makes it, and opens again. */
function agrees({ PacketKey }: PacketKeyBinding, aead: AeadName): boolean {
  const keyLength = aead === 'aes-128-gcm' ? 16 : 32;
  const [key, iv, headerKey] = [counting(keyLength, 1), counting(12, 2), counting(keyLength, 3)];
  const ours = counting(SAMPLE_END + 16, FIRST_BYTE);
  const theirs = Uint8Array.from(ours);
  try {
    const kind = AEADS.indexOf(aead);
    new PacketKey(kind, true, key, iv, headerKey).seal(ours, 0, 9, 11, SAMPLE_END, SAMPLE_NUMBER);
    nodeSealer(aead, key, iv, headerKey).seal(theirs, 0, 9, 11, SAMPLE_END, SAMPLE_NUMBER);
    if (ours.some((byte, at) => byte !== theirs[at])) return false;
    const opener = new PacketKey(kind, false, key, iv, headerKey);
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
