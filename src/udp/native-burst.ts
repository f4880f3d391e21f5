/**
 * Memory into which the sockets of a thread read, one burst at a time, and how the datagrams come out of it. In the steady
 * state nothing is allocated: views and addresses are kept and used again.
 */
import type { SocketAddress } from '../util/address.ts';
import { BURST, decodeAddress, ENTRY_SIZE, IS_NEW, META, type UdpSocketBinding } from './native-binding.ts';
import type { DatagramHandler, SocketCounters } from './socket.ts';

export class NativeBurst {
  readonly #slab = new Uint8Array(BURST.messages * BURST.slot);
  readonly #meta = new Int32Array(BURST.messages * BURST.numbers);
  readonly #table = new Uint8Array(TABLE_ENTRIES * ENTRY_SIZE);
  /** The addresses of the table's entries. */
  readonly #addresses: (SocketAddress | undefined)[] = new Array(TABLE_ENTRIES).fill(undefined);
  /** By message and place in it. */
  readonly #views: (Uint8Array | undefined)[] = new Array(BURST.messages * VIEWS).fill(undefined);
  #call = 0;

  /** Reads one burst. Gives the number of messages, or the system's error as a negative number. */
  read(socket: UdpSocketBinding): number {
    this.#call = (this.#call + 1) >>> 0;
    return socket.receive(this.#slab, this.#meta, this.#table, this.#call);
  }

  /**
   * Hands the datagrams of the `count` messages that `read` gave to a handler. `local` is where they came to, unless they
   * say so themselves. Gives the number of datagrams.
   */
  deliver(
    count: number,
    local: SocketAddress,
    handler: DatagramHandler | null,
    counters: SocketCounters,
  ): number {
    const meta = this.#meta;
    let datagrams = 0;
    for (let message = 0, at = 0; message < count; message++, at += BURST.numbers) {
      const length = meta[at + META.length];
      const segment = meta[at + META.segment] > 0 ? meta[at + META.segment] : length;
      const from = this.#address(meta[at + META.from]);
      const to = meta[at + META.to] < 0 ? local : this.#address(meta[at + META.to]);
      counters.receivedBytes += length;
      let offset = 0;
      do {
        datagrams++;
        // Port 0 can be forged as a source but cannot be answered.
        if (handler !== null && from.port !== 0) {
          const size = Math.min(segment, length - offset);
          handler(
            this.#view(message, datagrams, message * BURST.slot + offset, size),
            from,
            to,
            meta[at + META.ecn],
          );
        }
        offset += segment;
      } while (offset < length);
    }
    counters.receivedDatagrams += datagrams;
    return datagrams;
  }

  #address(entry: number): SocketAddress {
    const index = entry & (IS_NEW - 1);
    let address = this.#addresses[index];
    if (address === undefined || entry >= IS_NEW) {
      address = decodeAddress(this.#table, index * ENTRY_SIZE);
      this.#addresses[index] = address;
    }
    return address;
  }

  #view(message: number, nth: number, start: number, length: number): Uint8Array {
    const index = message * VIEWS + (nth & (VIEWS - 1));
    let view = this.#views[index];
    if (view === undefined || view.length !== length || view.byteOffset !== start) {
      view = this.#slab.subarray(start, start + length);
      this.#views[index] = view;
    }
    return view;
  }
}

/** Addresses that are known at a time; a power of two. */
const TABLE_ENTRIES = 1024;
/** Views kept for a message; a power of two, and at least the datagrams that are joined in one. */
const VIEWS = 64;
