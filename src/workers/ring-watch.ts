// Sees changes of the key rings that the user has, and tells of them. Knows no threads.

import type { KeyRing } from '../index.ts';
import type { RingOption } from './options.ts';

export class RingWatch {
  readonly #rings: ReadonlyMap<RingOption, KeyRing>;
  readonly #seen: Map<RingOption, readonly Uint8Array[]> = new Map();
  readonly #onChange: (name: RingOption, keys: readonly Uint8Array[]) => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    rings: ReadonlyMap<RingOption, KeyRing>,
    onChange: (name: RingOption, keys: readonly Uint8Array[]) => void,
  ) {
    this.#rings = rings;
    this.#onChange = onChange;
  }

  get names(): RingOption[] {
    return [...this.#rings.keys()];
  }

  /** The keys of all rings as they are now. From now on changes are told. */
  current(): Partial<Record<RingOption, readonly Uint8Array[]>> {
    if (this.#rings.size > 0) {
      this.#timer ??= setInterval(() => this.#look(), INTERVAL);
      this.#timer.unref();
    }
    this.#look();
    return Object.fromEntries([...this.#rings].map(([name, { keys }]) => [name, keys]));
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** A ring has another array after each change. */
  #look(): void {
    for (const [name, { keys }] of this.#rings) {
      const before = this.#seen.get(name);
      this.#seen.set(name, keys);
      if (before !== undefined && before !== keys) this.#onChange(name, keys);
    }
  }
}

/** Milliseconds between looks. */
const INTERVAL = 1000;
