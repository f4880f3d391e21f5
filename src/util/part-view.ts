// A part of a buffer as a view. Packets mostly lie alike, so that the view of the last one serves for the next: a view costs
// 0.1 µs and its collection, a whole packet in WebAssembly 2 µs (bench/micro/packet-protection.ts).

import { EMPTY } from './bytes.ts';

export class PartView {
  #buf: Uint8Array = EMPTY;
  #view: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;

  /** `buf[start, end)`. */
  of(buf: Uint8Array, start: number, end: number): Uint8Array {
    if (buf !== this.#buf || start !== this.#start || end !== this.#end) {
      this.#view = buf.subarray(start, end);
      this.#buf = buf;
      this.#start = start;
      this.#end = end;
    }
    return this.#view;
  }
}

/** The same for datagrams that lie one after the other in large buffers, which are filled again and again. */
export class PartViews {
  readonly #views: PartView[] = Array.from({ length: PLACES }, () => new PartView());

  /** `buf[start, end)`. */
  of(buf: Uint8Array, start: number, end: number): Uint8Array {
    return this.#views[(buf.byteOffset >>> PLACE_BITS) & (PLACES - 1)].of(buf, start, end);
  }
}

/** A power of two. */
const PLACES = 512;
/** Datagrams of a transfer are longer than a place of 1 KiB: each has its own. */
const PLACE_BITS = 10;
