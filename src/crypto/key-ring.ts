// Secrets that are shared and change: those of session tickets, address validation tokens and stateless resets. Owns which
// key is current and which are still accepted; what they are good for is their users' to say.

import { invalidArgType, outOfRange } from '../errors.ts';
import { copyBytes, equal } from '../util/bytes.ts';
import type { CryptoProvider } from './provider.ts';

/** Keys in a ring; beyond it the oldest falls out. */
export const MAX_RING_KEYS = 16;

/** What has keys that may change. */
export interface KeySource {
  /** Of 32 bytes, the current one first, all others still accepted. Another array after every change, never empty. */
  readonly keys: readonly Uint8Array[];
}

/** A ring, or what one is made of: a key of 32 bytes, or several, the current one first. */
export type KeyRingInput = KeyRing | Uint8Array | readonly Uint8Array[];

/**
 * Keys of 32 bytes, of which one makes new tickets, tokens and resets, and all are accepted. Listeners, processes and
 * machines that have the same keys stand in for each other. To change keys without a gap, add the new one everywhere as an
 * accepted key first (`replace([old, next])`), then make it the current one (`replace([next, old])`), and take the old one
 * away when nothing that was made with it can come back.
 */
export class KeyRing implements KeySource {
  #keys: readonly Uint8Array[];

  /** Throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE. */
  constructor(keys: Uint8Array | readonly Uint8Array[]) {
    this.#keys = parseKeys('keys', keys);
  }

  get keys(): readonly Uint8Array[] {
    return this.#keys;
  }

  /** Makes this key the current one; those before are accepted, up to {@link MAX_RING_KEYS} together. */
  rotate(key: Uint8Array): void {
    const [current] = parseKeys('key', [key]);
    const others = this.#keys.filter((known) => !equal(known, current));
    this.#keys = [current, ...others].slice(0, MAX_RING_KEYS);
  }

  /** Takes these keys and no others, the current one first. A wrong one changes nothing. */
  replace(keys: Uint8Array | readonly Uint8Array[]): void {
    this.#keys = parseKeys('keys', keys);
  }
}

/** The keys of another source for one purpose: who knows those of one purpose knows nothing about the others. */
export class DerivedKeys implements KeySource {
  readonly #provider: CryptoProvider;
  readonly #source: KeySource;
  readonly #label: Uint8Array;
  #seen: readonly Uint8Array[] = [];
  #derived: readonly Uint8Array[] = [];

  constructor(provider: CryptoProvider, source: KeySource, purpose: string) {
    this.#provider = provider;
    this.#source = source;
    this.#label = new TextEncoder().encode(`quayside ${purpose}`);
  }

  get keys(): readonly Uint8Array[] {
    const { keys } = this.#source;
    if (keys !== this.#seen) {
      this.#derived = keys.map((key) => this.#provider.hmac('sha256', key, this.#label));
      this.#seen = keys;
    }
    return this.#derived;
  }
}

/** A ring as it is, or a new one. Throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE. */
export function parseKeyRing(name: string, value: KeyRingInput): KeyRing {
  return value instanceof KeyRing ? value : new KeyRing(parseKeys(name, value));
}

function parseKeys(name: string, value: Uint8Array | readonly Uint8Array[]): readonly Uint8Array[] {
  const keys = value instanceof Uint8Array ? [value] : value;
  if (!Array.isArray(keys) || keys.length === 0 || !keys.every((key) => key instanceof Uint8Array)) {
    throw invalidArgType(name, 'a KeyRing, a Uint8Array of 32 bytes or a list of them', value);
  }
  if (keys.length > MAX_RING_KEYS) throw outOfRange(`${name}: keys`, `<= ${MAX_RING_KEYS}`, keys.length);
  for (const { length } of keys as Uint8Array[]) {
    if (length !== KEY_LENGTH) throw outOfRange(`${name}.length`, String(KEY_LENGTH), length);
  }
  return (keys as Uint8Array[]).map((key) => copyBytes(key));
}

const KEY_LENGTH = 32;
