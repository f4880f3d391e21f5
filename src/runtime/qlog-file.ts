// Log files, written in blocks: what is held back is bounded by one block for each, and is written when a connection
// ends, or else when the process does.

import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Characters that are held back. */
export const QLOG_BLOCK: number = 64 * 1024;

export interface QlogFile {
  /** Throws what the file system says. */
  write(record: string): void;
  flush(): void;
  /** Forgets what was not written. */
  abandon(): void;
}

/** `<directory>/<name>.sqlog`; nothing is touched before the first block. */
export function openQlogFile(directory: string, name: string): QlogFile {
  const path = join(directory, `${name}.sqlog`);
  let held: string[] = [];
  let size = 0;
  let isMade = false;
  const file: QlogFile = {
    write(record) {
      held.push(record);
      size += record.length;
      if (size >= QLOG_BLOCK) file.flush();
      else watch(file);
    },
    flush() {
      OPEN.delete(file);
      if (size === 0) return;
      const block = held.join('');
      held = [];
      size = 0;
      if (!isMade) mkdirSync(directory, { recursive: true });
      isMade = true;
      // It tells who talked to whom, and how much.
      appendFileSync(path, block, { mode: 0o600 });
    },
    abandon() {
      OPEN.delete(file);
      held = [];
      size = 0;
    },
  };
  return file;
}

/** Files with something left to write. */
const OPEN = new Set<QlogFile>();
let isWatching = false;

function watch(file: QlogFile): void {
  OPEN.add(file);
  if (isWatching) return;
  isWatching = true;
  process.once('exit', () => {
    for (const each of [...OPEN]) {
      try {
        each.flush();
      } catch {
        // There is nobody left to be told.
      }
    }
  });
}
