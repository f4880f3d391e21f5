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
