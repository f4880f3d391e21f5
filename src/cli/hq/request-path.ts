// From the path of a request to the names that lead to a file. What could lead elsewhere is refused, not repaired.

import { HqCode, HqError } from './codes.ts';

/**
 * The decoded names of a path, none for the folder itself. Percent-encoding is decoded once; a query is dropped.
 *
 * Throws HqError: BAD_REQUEST for encoding that is broken, FORBIDDEN for `..`, NUL and other control characters,
 * backslashes, and names that begin with a dot.
 */
export function requestNames(path: string): string[] {
  const [encoded] = path.split(/[?#]/, 1);
  let decoded: string;
  try {
    decoded = decodeURIComponent(encoded);
  } catch {
    throw new HqError(HqCode.BAD_REQUEST);
  }
  const names = decoded.split('/').filter((name) => name !== '' && name !== '.');
  if (!names.every(isServable)) throw new HqError(HqCode.FORBIDDEN);
  return names;
}

/** Whether a name can stand in the path of a file that is served. Hidden files are not: keys and `.git` are among them. */
export function isServable(name: string): boolean {
  return !name.startsWith('.') && !/[\\\p{Cc}]/u.test(name) && !(isWindows && /[:<>"|*]/.test(name));
}

/** There a colon leads to drives and streams. */
const isWindows = process.platform === 'win32';
