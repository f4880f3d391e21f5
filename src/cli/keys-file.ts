// A file of keys that servers share. It is read again when it changes; a file that has become wrong changes nothing.

import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { KeyRing } from '../index.ts';
import { oneLine, usageError } from './errors.ts';
import { note, warn } from './output.ts';

export class KeysFile {
  readonly ring: KeyRing;
  readonly #path: string;
  readonly #onChange = (): void => this.#reload();

  /** Throws a usage error that says what is wrong with the file. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.ring = new KeyRing(read(path));
    } catch (error) {
      throw usageError(`--keys ${oneLine(path)}: ${oneLine((error as Error).message)}`, error);
    }
    watchFile(path, { interval: LOOK_INTERVAL, persistent: false }, this.#onChange);
  }

  close(): void {
    unwatchFile(this.#path, this.#onChange);
  }

  #reload(): void {
    try {
      this.ring.replace(read(this.#path));
      note(`read the keys of ${oneLine(this.#path)} again`);
    } catch (error) {
      warn(
        `--keys ${oneLine(this.#path)}: ${oneLine((error as Error).message)}; the keys of before stay in use`,
      );
    }
  }
}

/** 32 bytes a line, in hexadecimal digits; empty lines and those that begin with # are passed over. */
function read(path: string): Uint8Array[] {
  const lines = readFileSync(path, 'utf8').split(/\r?\n/);
  const keys: Uint8Array[] = [];
  for (const [index, line] of lines.entries()) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    // What is wrong is not repeated: it may be half a secret.
    if (!/^[0-9a-f]{64}$/i.test(text)) throw new Error(`line ${index + 1} has not 64 hexadecimal digits`);
    keys.push(Buffer.from(text, 'hex'));
  }
  if (keys.length === 0) throw new Error('it has no key; "openssl rand -hex 32" makes one');
  return keys;
}

/** Milliseconds between looks at the file. */
const LOOK_INTERVAL = 1000;
