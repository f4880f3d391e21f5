/**
 * ChaCha20-Poly1305 packet protection in WebAssembly with SIMD: no cipher object for each packet, so a third of what
 * `node:crypto` takes (bench/micro/packet-protection.ts).
 *
 * Owns the way of a packet into linear memory and back. Keys stay in JavaScript and are passed in registers: linear
 * memory never holds one, so dropping a sealer drops its keys. Knows no key schedule and no packet types.
 */

import { PartView } from '../util/part-view.ts';
import { CHACHA20_MODULE } from './chacha20-module.ts';
import { type Opener, SAMPLE_LENGTH, type Sealer, TAG_LENGTH } from './provider.ts';

/** Makes the two directions; see `CryptoProvider.sealer`. */
export interface ChaCha20 {
  sealer(key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array): Sealer;
  opener(key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array): Opener;
}

/** The module, compiled at the first call; null where there is no WebAssembly, or none with SIMD. */
export function wasmChaCha20(): ChaCha20 | null {
  if (loaded === undefined) loaded = load();
  return loaded;
}

let loaded: ChaCha20 | null | undefined;

function load(): ChaCha20 | null {
  try {
    const binary = atob(CHACHA20_MODULE);
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    const core = exports as unknown as Core;
    const memory = new PacketMemory(core);
    return {
      sealer: (key, iv, headerKey) => new WasmSealer(core, memory, key, iv, headerKey),
      opener: (key, iv, headerKey) => new WasmOpener(core, memory, key, iv, headerKey),
    };
  } catch {
    // Switched off (--jitless), or an engine without SIMD.
    return null;
  }
}

/** What wasm/chacha20-poly1305.ts exports: keys, nonces and samples are little-endian words, one argument each. */
interface Core {
  readonly memory: WebAssembly.Memory;
  address(): number;
  seal(...words: number[]): void;
  open(...words: number[]): number;
  mask(...words: number[]): number;
  maskTail(): number;
}

/** The one packet in linear memory. */
class PacketMemory {
  readonly #bytes: Uint8Array;
  readonly #address: number;
  readonly #source = new PartView();
  readonly #sealed = new PartView();
  readonly #opened = new PartView();

  constructor(core: Core) {
    this.#bytes = new Uint8Array(core.memory.buffer);
    this.#address = core.address();
  }

  /** Copies `buf[start, end)` in. */
  fill(buf: Uint8Array, start: number, end: number): void {
    // Each received datagram is a buffer of its own and mostly all of it is one packet: that takes no view.
    const isAll = start === 0 && end === buf.length;
    this.#bytes.set(isAll ? buf : this.#source.of(buf, start, end), this.#address);
  }

  /** The packet with header and tag. */
  sealed(length: number): Uint8Array {
    return this.#sealed.of(this.#bytes, this.#address, this.#address + length);
  }

  /** What was protected. */
  opened(start: number, end: number): Uint8Array {
    return this.#opened.of(this.#bytes, this.#address + start, this.#address + end);
  }
}

class WasmSealer implements Sealer {
  private readonly core: Core;
  private readonly memory: PacketMemory;
  /** Packet key, header key and iv as words: one array, as an idle connection holds three of these. */
  private readonly words: Int32Array;

  constructor(core: Core, memory: PacketMemory, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array) {
    this.core = core;
    this.memory = memory;
    this.words = wordsOf(key, headerKey, iv);
  }

  seal(
    buf: Uint8Array,
    start: number,
    packetNumberOffset: number,
    payloadStart: number,
    payloadEnd: number,
    packetNumber: number,
  ): number {
    const w = this.words;
    const end = payloadEnd + TAG_LENGTH;
    this.memory.fill(buf, start, payloadEnd);
    this.core.seal(
      w[0],
      w[1],
      w[2],
      w[3],
      w[4],
      w[5],
      w[6],
      w[7],
      w[8],
      w[9],
      w[10],
      w[11],
      w[12],
      w[13],
      w[14],
      w[15],
      w[16],
      w[17] ^ highWord(packetNumber),
      w[18] ^ lowWord(packetNumber),
      packetNumberOffset - start,
      payloadStart - start,
      payloadEnd - start,
    );
    buf.set(this.memory.sealed(end - start), start);
    return end;
  }
}

class WasmOpener implements Opener {
  private readonly core: Core;
  private readonly memory: PacketMemory;
  /** Packet key, header key and iv as words: one array, as an idle connection holds three of these. */
  private readonly words: Int32Array;

  constructor(core: Core, memory: PacketMemory, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array) {
    this.core = core;
    this.memory = memory;
    this.words = wordsOf(key, headerKey, iv);
  }

  unmask(buf: Uint8Array, start: number, packetNumberOffset: number): void {
    const sample = packetNumberOffset + SAMPLE_OFFSET;
    if (sample + SAMPLE_LENGTH > buf.length) return;
    const w = this.words;
    const mask = this.core.mask(
      w[8],
      w[9],
      w[10],
      w[11],
      w[12],
      w[13],
      w[14],
      w[15],
      wordAt(buf, sample),
      wordAt(buf, sample + 4),
      wordAt(buf, sample + 8),
      wordAt(buf, sample + 12),
    );
    const masked = buf[start];
    // The packet number length is itself masked, so the first byte comes first (RFC 9001 §5.4.1).
    const first = masked ^ (mask & (masked & LONG_HEADER ? 0x0f : 0x1f));
    buf[start] = first;
    const last = first & 0x03;
    buf[packetNumberOffset] ^= mask >>> 8;
    if (last > 0) buf[packetNumberOffset + 1] ^= mask >>> 16;
    if (last > 1) buf[packetNumberOffset + 2] ^= mask >>> 24;
    if (last > 2) buf[packetNumberOffset + 3] ^= this.core.maskTail();
  }

  open(buf: Uint8Array, start: number, payloadStart: number, end: number, packetNumber: number): boolean {
    if (end - TAG_LENGTH < payloadStart || payloadStart < start || end > buf.length) return false;
    const w = this.words;
    this.memory.fill(buf, start, end);
    const isAuthentic = this.core.open(
      w[0],
      w[1],
      w[2],
      w[3],
      w[4],
      w[5],
      w[6],
      w[7],
      w[16],
      w[17] ^ highWord(packetNumber),
      w[18] ^ lowWord(packetNumber),
      payloadStart - start,
      end - start,
    );
    if (isAuthentic === 0) return false;
    buf.set(this.memory.opened(payloadStart - start, end - TAG_LENGTH - start), payloadStart);
    return true;
  }
}

function wordsOf(...parts: Uint8Array[]): Int32Array {
  const words = new Int32Array(KEY_WORDS);
  let count = 0;
  for (const part of parts) for (let at = 0; at < part.length; at += 4) words[count++] = wordAt(part, at);
  return words;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** The upper half of the packet number as 64 bits, big-endian, in a little-endian word (RFC 9001 §5.3). */
function highWord(packetNumber: number): number {
  const high = (packetNumber - (packetNumber >>> 0)) / 2 ** 32;
  return high === 0 ? 0 : swapped(high);
}

function lowWord(packetNumber: number): number {
  return swapped(packetNumber >>> 0);
}

function swapped(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** Two keys of 8 words and an iv of 3. */
const KEY_WORDS = 19;
const LONG_HEADER = 0x80;
/** The sample starts where the payload would with a packet number of 4 bytes (RFC 9001 §5.4.2). */
const SAMPLE_OFFSET = 4;
