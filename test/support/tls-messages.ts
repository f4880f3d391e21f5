/**
 * Takes handshake messages apart and puts them together again, for tests that change one field of them.
 *
 * Written apart from the codecs of the library, so that a fault there does not hide itself.
 */

/** Extensions in order: code point and body. */
export type ExtensionList = [code: number, body: Uint8Array][];

export interface ClientHelloParts {
  version: number;
  random: Uint8Array;
  sessionId: Uint8Array;
  suites: number[];
  compression: Uint8Array;
  extensions: ExtensionList;
}

export interface ServerHelloParts {
  version: number;
  random: Uint8Array;
  sessionId: Uint8Array;
  suite: number;
  compression: number;
  extensions: ExtensionList;
}

export function editClientHello(raw: Uint8Array, edit: (hello: ClientHelloParts) => void): Uint8Array {
  const cursor = new Cursor(raw.subarray(4));
  const hello: ClientHelloParts = {
    version: cursor.number(2),
    random: cursor.take(32),
    sessionId: cursor.vector(1),
    suites: codes(cursor.vector(2)),
    compression: cursor.vector(1),
    extensions: extensionList(cursor.vector(2)),
  };
  edit(hello);
  return message(
    raw[0],
    join(
      number(hello.version, 2),
      hello.random,
      vector(1, hello.sessionId),
      vector(2, codeBytes(hello.suites)),
      vector(1, hello.compression),
      vector(2, extensionBytes(hello.extensions)),
    ),
  );
}

/** ServerHello or HelloRetryRequest. */
export function editServerHello(raw: Uint8Array, edit: (hello: ServerHelloParts) => void): Uint8Array {
  const cursor = new Cursor(raw.subarray(4));
  const hello: ServerHelloParts = {
    version: cursor.number(2),
    random: cursor.take(32),
    sessionId: cursor.vector(1),
    suite: cursor.number(2),
    compression: cursor.number(1),
    extensions: extensionList(cursor.vector(2)),
  };
  edit(hello);
  return message(
    raw[0],
    join(
      number(hello.version, 2),
      hello.random,
      vector(1, hello.sessionId),
      number(hello.suite, 2),
      number(hello.compression, 1),
      vector(2, extensionBytes(hello.extensions)),
    ),
  );
}

/** EncryptedExtensions. */
export function editExtensions(raw: Uint8Array, edit: (extensions: ExtensionList) => void): Uint8Array {
  const extensions = extensionList(new Cursor(raw.subarray(4)).vector(2));
  edit(extensions);
  return message(raw[0], vector(2, extensionBytes(extensions)));
}

export interface CertificateParts {
  context: Uint8Array;
  entries: { certificate: Uint8Array; extensions: ExtensionList }[];
}

export function editCertificate(raw: Uint8Array, edit: (parts: CertificateParts) => void): Uint8Array {
  const outer = new Cursor(raw.subarray(4));
  const parts: CertificateParts = { context: outer.vector(1), entries: [] };
  for (const inner = new Cursor(outer.vector(3)); inner.left > 0; ) {
    parts.entries.push({ certificate: inner.vector(3), extensions: extensionList(inner.vector(2)) });
  }
  edit(parts);
  const list = parts.entries.map((entry) =>
    join(vector(3, entry.certificate), vector(2, extensionBytes(entry.extensions))),
  );
  return message(raw[0], join(vector(1, parts.context), vector(3, join(...list))));
}

/** CertificateRequest. */
export function editCertificateRequest(
  raw: Uint8Array,
  edit: (parts: { context: Uint8Array; extensions: ExtensionList }) => void,
): Uint8Array {
  const cursor = new Cursor(raw.subarray(4));
  const parts = { context: cursor.vector(1), extensions: extensionList(cursor.vector(2)) };
  edit(parts);
  return message(raw[0], join(vector(1, parts.context), vector(2, extensionBytes(parts.extensions))));
}

/** A message with its header. */
export function message(type: number, body: Uint8Array): Uint8Array {
  return join(Uint8Array.of(type), number(body.length, 3), body);
}

export function ticketMessage(
  options: { nonce?: number; earlyData?: number; extra?: ExtensionList } = {},
): Uint8Array {
  const extensions: ExtensionList = [...(options.extra ?? [])];
  if (options.earlyData !== undefined) extensions.push([42, number(options.earlyData, 4)]);
  return message(
    4,
    join(
      number(7200, 4),
      number(0x01020304, 4),
      vector(1, Uint8Array.of(options.nonce ?? 0)),
      vector(2, Uint8Array.of(0xaa, 0xbb)),
      vector(2, extensionBytes(extensions)),
    ),
  );
}

export function vector(lengthBytes: number, body: Uint8Array): Uint8Array {
  return join(number(body.length, lengthBytes), body);
}

/** Big-endian. */
export function number(value: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** (bytes - 1 - i)) % 256);
}

export function codeBytes(list: readonly number[]): Uint8Array {
  return join(...list.map((code) => number(code, 2)));
}

export function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Every byte apart. */
export function byteByByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

export function setExtension(list: ExtensionList, code: number, body: Uint8Array): void {
  const found = list.find(([candidate]) => candidate === code);
  if (found === undefined) throw new Error(`the message has no extension ${code}`);
  found[1] = body;
}

export function removeExtension(list: ExtensionList, code: number): void {
  const at = list.findIndex(([candidate]) => candidate === code);
  if (at < 0) throw new Error(`the message has no extension ${code}`);
  list.splice(at, 1);
}

export function keyShare(group: number, length: number, fill = 9): Uint8Array {
  return join(number(group, 2), vector(2, new Uint8Array(length).fill(fill)));
}

export function hostName(name: string): Uint8Array {
  return join(
    number(0, 1),
    vector(
      2,
      Uint8Array.from(name, (character) => character.charCodeAt(0)),
    ),
  );
}

export function flipBit(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at < 0 ? bytes.length + at : at] ^= 0x01;
  return changed;
}

function codes(bytes: Uint8Array): number[] {
  const cursor = new Cursor(bytes);
  const list: number[] = [];
  while (cursor.left > 0) list.push(cursor.number(2));
  return list;
}

function extensionList(bytes: Uint8Array): ExtensionList {
  const cursor = new Cursor(bytes);
  const list: ExtensionList = [];
  while (cursor.left > 0) list.push([cursor.number(2), cursor.vector(2)]);
  return list;
}

function extensionBytes(list: ExtensionList): Uint8Array {
  return join(...list.map(([code, body]) => join(number(code, 2), vector(2, body))));
}

class Cursor {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  take(length: number): Uint8Array {
    if (length > this.left) throw new Error('the message of the test is too short');
    this.at += length;
    return this.bytes.slice(this.at - length, this.at);
  }

  number(bytes: number): number {
    return this.take(bytes).reduce((value, byte) => value * 256 + byte, 0);
  }

  vector(lengthBytes: number): Uint8Array {
    return this.take(this.number(lengthBytes));
  }
}
