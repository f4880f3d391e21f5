/**
 * Steps through DER: tags and lengths, strictly (definite, minimal lengths; X.690 §10.1), and the few primitive values
 * that certificates have. Never recurses and never allocates for what it skips. Knows no certificate.
 */

/** Thrown for bytes that are not the DER that was asked for. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

/** The tags that certificates use; context tags are 0x80 + n, constructed ones 0xa0 + n. */
export const Tag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OBJECT_IDENTIFIER: 0x06,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** A cursor over the elements of one level. Ranges are subarrays of the same bytes. */
export class DerReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  private offset: number;
  private headerStart = 0;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
  }

  get done(): boolean {
    return this.offset >= this.end;
  }

  /** The next tag, or -1 at the end. */
  get tag(): number {
    return this.offset < this.end ? this.bytes[this.offset] : -1;
  }

  /** The contents of the next element, which must have this tag (any if left out). */
  value(tag?: number): Uint8Array {
    const length = this.header(tag);
    const start = this.offset;
    this.offset += length;
    return this.bytes.subarray(start, this.offset);
  }

  /** The next element with its header. */
  element(tag?: number): Uint8Array {
    this.value(tag);
    return this.bytes.subarray(this.headerStart, this.offset);
  }

  /** A reader over the contents of the next element. */
  enter(tag: number = Tag.SEQUENCE): DerReader {
    const length = this.header(tag);
    const start = this.offset;
    this.offset += length;
    return new DerReader(this.bytes, start, this.offset);
  }

  /** Complains about anything left on this level. */
  finish(): void {
    if (!this.done) throw new DerError('unexpected bytes after the last element');
  }

  private header(tag: number | undefined): number {
    if (this.done) throw new DerError('an element is missing');
    this.headerStart = this.offset;
    const found = this.byte();
    if (tag !== undefined && found !== tag) {
      throw new DerError(`tag 0x${found.toString(16)} where 0x${tag.toString(16)} belongs`);
    }
    if ((found & 0x1f) === 0x1f) throw new DerError('tag number above 30');
    let length = this.byte();
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 4) throw new DerError('length of an unusable form');
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + this.byte();
      if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError('length not in its shortest form');
    }
    if (length > this.end - this.offset) throw new DerError('element longer than what holds it');
    return length;
  }

  private byte(): number {
    if (this.offset >= this.end) throw new DerError('truncated header');
    return this.bytes[this.offset++];
  }
}

/** BOOLEAN contents; DER allows 0x00 and 0xff (X.690 §11.1). */
export function derBoolean(value: Uint8Array): boolean {
  if (value.length !== 1 || (value[0] !== 0 && value[0] !== 0xff))
    throw new DerError('boolean neither 00 nor ff');
  return value[0] === 0xff;
}

/** INTEGER contents that must be 0 to 2^31 - 1. */
export function derSmallInteger(value: Uint8Array): number {
  if (value.length === 0 || value.length > 4 || value[0] > 0x7f) throw new DerError('integer out of range');
  if (value.length > 1 && value[0] === 0 && value[1] < 0x80)
    throw new DerError('integer not in its shortest form');
  let result = 0;
  for (const byte of value) result = result * 256 + byte;
  return result;
}

/** Named bits as a number: bit n of the string is 2^n. At most 16 bits are looked at. */
export function derNamedBits(value: Uint8Array): number {
  if (value.length === 0 || value[0] > 7 || (value.length === 1 && value[0] !== 0)) {
    throw new DerError('bit string of an unusable form');
  }
  let bits = 0;
  const count = Math.min(16, (value.length - 1) * 8);
  for (let n = 0; n < count; n++) {
    if ((value[1 + (n >> 3)] & (0x80 >> (n & 7))) !== 0) bits |= 1 << n;
  }
  return bits;
}

/** An object identifier in dotted form. */
export function derObjectIdentifier(value: Uint8Array): string {
  if (value.length === 0 || value.length > 64 || value[value.length - 1] > 0x7f) {
    throw new DerError('object identifier of an unusable form');
  }
  const arcs: number[] = [];
  let arc = 0;
  let fresh = true;
  for (const byte of value) {
    if (fresh && byte === 0x80) throw new DerError('object identifier with a padded arc');
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER) throw new DerError('object identifier with a huge arc');
    fresh = byte < 0x80;
    if (!fresh) continue;
    if (arcs.length === 0) {
      const root = arc < 80 ? Math.floor(arc / 40) : 2;
      arcs.push(root, arc - root * 40);
    } else arcs.push(arc);
    arc = 0;
  }
  return arcs.join('.');
}

/** UTCTime or GeneralizedTime in the only forms RFC 5280 §4.1.2.5 allows, as milliseconds since 1970. */
export function derTime(tag: number, value: Uint8Array): number {
  const text = derAscii(value);
  const match = (
    tag === Tag.UTC_TIME ? UTC_FORM : tag === Tag.GENERALIZED_TIME ? GENERALIZED_FORM : NEVER
  ).exec(text);
  if (match === null) throw new DerError('time of an unusable form');
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    ...number[],
  ];
  // RFC 5280 §4.1.2.5.1: two-digit years from 50 on are in the last century.
  const fullYear = tag === Tag.UTC_TIME ? (year >= 50 ? 1900 : 2000) + year : year;
  const date = new Date(0);
  date.setUTCFullYear(fullYear, month - 1, day);
  date.setUTCHours(hour, minute, second);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || date.getUTCHours() !== hour) {
    throw new DerError('time that does not exist');
  }
  return date.getTime();
}

/** IA5String and the like: one character per byte, none above 0x7f. */
export function derAscii(value: Uint8Array): string {
  let text = '';
  for (const byte of value) {
    if (byte > 0x7f) throw new DerError('a byte above 7f in ASCII text');
    text += String.fromCharCode(byte);
  }
  return text;
}

const UTC_FORM = /^(\d\d)(\d\d)(\d\d)(\d\d)([0-5]\d)([0-5]\d)Z$/;
const GENERALIZED_FORM = /^(\d{4})(\d\d)(\d\d)(\d\d)([0-5]\d)([0-5]\d)Z$/;
const NEVER = /[^\s\S]/;
