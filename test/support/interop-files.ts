/** What interop tests serve and compare with: files with known hashes, and certificates as peers read them. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTestIdentity, type TestIdentity } from './certificates.ts';

/** Files under one temporary folder: what is served, and certificates for peers. */
export class InteropFiles {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'quayside-interop-'));
  readonly contents: Map<string, Uint8Array> = new Map();
  readonly #hashes: Map<string, string> = new Map();
  readonly #identities: Map<TestIdentity, IdentityFiles> = new Map();

  /** A file to serve as `/name`. */
  add(name: string, size: number): void {
    const bytes = new Uint8Array(size);
    // Neither a constant nor of a short period, so that a block in a wrong place shows.
    for (let i = 0; i < size; i++) bytes[i] = (i * 31) ^ (i >> 8) ^ (i >> 16);
    writeFileSync(join(this.folder, name), bytes);
    this.contents.set(`/${name}`, bytes);
    this.#hashes.set(`/${name}`, sha256(bytes));
  }

  hash(path: string): string {
    return this.#hashes.get(path) ?? '';
  }

  /** An identity as PEM files, which is what peers read. */
  identity(identity: TestIdentity = makeTestIdentity()): IdentityFiles {
    const known = this.#identities.get(identity);
    if (known !== undefined) return known;
    const number = this.#identities.size;
    const write = (name: string, text: string): string => {
      const path = join(this.folder, `${name}-${number}.pem`);
      writeFileSync(path, text);
      return path;
    };
    const files = {
      cert: write('cert', identity.certPem),
      key: write('key', identity.keyPem),
      ca: write('ca', identity.caPem),
    };
    this.#identities.set(identity, files);
    return files;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Paths of PEM files. */
export interface IdentityFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
