/** The arguments of an exporter call, as applications give them (RFC 8446 §7.5). */

import { invalidArgType, outOfRange } from '../errors.ts';

/** Throws `TypeError` and `RangeError` with Node's codes. */
export function checkExport(length: unknown, label: unknown, context: unknown): void {
  if (typeof length !== 'number') throw invalidArgType('length', 'of type number', length);
  if (!Number.isInteger(length) || length < 1 || length > MAX_EXPORT) {
    throw outOfRange('length', `an integer >= 1 && <= ${MAX_EXPORT}`, length);
  }
  if (typeof label !== 'string') throw invalidArgType('label', 'of type string', label);
  const size = new TextEncoder().encode(label).length;
  // RFC 8446 §7.1: a label has 7 to 255 bytes, of which "tls13 " are six.
  if (size < 1 || size > MAX_LABEL) throw outOfRange('label.length', `>= 1 && <= ${MAX_LABEL} bytes`, size);
  if (!(context instanceof Uint8Array)) throw invalidArgType('context', 'an instance of Uint8Array', context);
}

/** 255 blocks of the shortest hash (RFC 5869 §2.3). */
const MAX_EXPORT: number = 255 * 32;
const MAX_LABEL: number = 255 - 6;
