// Where a fetched file goes: stdout, or a file that appears under its name only when it is complete.

import { randomBytes } from 'node:crypto';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { CliError } from './errors.ts';

export interface Sink {
  write(chunk: Uint8Array): Promise<void>;
  /** Everything came. */
  finish(): Promise<void>;
  /** Not everything came: nothing of it stays. Never rejects. */
  abandon(): Promise<void>;
}

export function stdoutSink(): Sink {
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => {
        process.stdout.write(chunk, (error) => {
          if (error) reject(new CliError(`stdout cannot be written: ${error.message}`, 1, error));
          else resolve();
        });
      }),
    finish: async () => {},
    abandon: async () => {},
  };
}

/** Throws a CliError that names the file if it cannot be made. */
export async function fileSink(path: string): Promise<Sink> {
  try {
    const existing = await stat(path).catch(() => null);
    // A device or pipe is written to, never replaced.
    if (existing !== null && !existing.isFile()) return directSink(await open(path, 'w'));
    const target = existing === null ? path : await realpath(path);
    const temporary = `${target}.${randomBytes(4).toString('hex')}.part`;
    const file = await open(temporary, 'wx', existing?.mode);
    return replacingSink(file, temporary, target);
  } catch (error) {
    throw new CliError(`--output ${path} cannot be written: ${(error as Error).message}`, 1, error);
  }
}

function directSink(file: FileHandle): Sink {
  return {
    write: (chunk) => file.writeFile(chunk),
    finish: () => file.close(),
    abandon: () => file.close().catch(() => {}),
  };
}

function replacingSink(file: FileHandle, temporary: string, target: string): Sink {
  return {
    write: (chunk) => file.writeFile(chunk),
    async finish() {
      await file.close();
      await rename(temporary, target);
    },
    async abandon() {
      await file.close().catch(() => {});
      await rm(temporary, { force: true }).catch(() => {});
    },
  };
}
