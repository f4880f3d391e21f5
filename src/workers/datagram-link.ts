// Datagrams from one thread to another and back, a turn of the loop in one message whose bytes are moved, not copied. Each
// link bounds what waits in it. Does not look into datagrams.

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { HandOver } from '../index.ts';

export type DatagramHandler = Parameters<HandOver['join']>[1];
export type SocketAddress = Parameters<DatagramHandler>[1];

/** Bytes that wait in one direction of a link; datagrams beyond it are lost. */
export const MAX_LINK_BYTES: number = 4 * 1024 * 1024;

/** One end of a link: can be given to another thread, with `port` in the transfer list. */
export interface LinkEnd {
  readonly port: MessagePort;
  /** Bytes under way in each direction. */
  readonly waiting: Int32Array<SharedArrayBuffer>;
  /** Which of the two this end sends in. */
  readonly direction: 0 | 1;
}

interface Batch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** For each datagram: length, number of `from`, number of `to`, ECN bits. */
  readonly heads: readonly number[];
  /** Addresses that got the next numbers. */
  readonly addresses: readonly SocketAddress[];
  /** Numbers begin at 0 again with this batch. */
  readonly restarts: boolean;
}

export function makeLink(): [LinkEnd, LinkEnd] {
  const { port1, port2 } = new MessageChannel();
  const waiting = new Int32Array(new SharedArrayBuffer(8));
  return [
    { port: port1, waiting, direction: 0 },
    { port: port2, waiting, direction: 1 },
  ];
}

export class DatagramLink {
  readonly #end: LinkEnd;
  readonly #onDatagram: DatagramHandler;
  readonly #numbers: Map<string, number> = new Map();
  readonly #known: SocketAddress[] = [];
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_BATCH);
  #length = 0;
  #heads: number[] = [];
  #addresses: SocketAddress[] = [];
  #restarts = false;
  #isClosed = false;

  /** `onDatagram` owns the bytes it gets. The port does not keep the thread alive. */
  constructor(end: LinkEnd, onDatagram: DatagramHandler) {
    this.#end = end;
    this.#onDatagram = onDatagram;
    end.port.on('message', (batch: Batch) => this.#receive(batch));
    end.port.on('close', () => {
      this.#isClosed = true;
    });
    end.port.unref();
  }

  /** Whether so much waits that the next datagrams would be lost. */
  get isFull(): boolean {
    const { waiting, direction } = this.#end;
    return Atomics.load(waiting, direction) >= MAX_LINK_BYTES;
  }

  /** Copies the bytes. False: it is lost, as the other end is gone or takes too little. */
  send(bytes: Uint8Array, from: SocketAddress, to: SocketAddress, ecn: number): boolean {
    if (this.#isClosed || this.isFull) return false;
    const { waiting, direction } = this.#end;
    Atomics.add(waiting, direction, bytes.length);
    if (this.#heads.length === 0) setImmediate(() => this.#flush());
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    this.#heads.push(bytes.length, this.#numberOf(from), this.#numberOf(to), ecn);
    return true;
  }

  /** Resolves when the other end has taken what was sent, or seems not to. */
  async drained(): Promise<void> {
    const { waiting, direction } = this.#end;
    const deadline = performance.now() + DRAIN_PATIENCE;
    while (Atomics.load(waiting, direction) > 0 && !this.#isClosed && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#end.port.close();
  }

  #flush(): void {
    if (this.#isClosed) return;
    const batch: Batch = {
      bytes: this.#bytes.subarray(0, this.#length),
      heads: this.#heads,
      addresses: this.#addresses,
      restarts: this.#restarts,
    };
    this.#end.port.postMessage(batch, [this.#bytes.buffer]);
    this.#bytes = new Uint8Array(FIRST_BATCH);
    this.#length = 0;
    this.#heads = [];
    this.#addresses = [];
    this.#restarts = this.#numbers.size > MAX_NUMBERS;
    if (this.#restarts) this.#numbers.clear();
  }

  #receive({ bytes, heads, addresses, restarts }: Batch): void {
    if (restarts) this.#known.length = 0;
    this.#known.push(...addresses);
    let start = 0;
    for (let i = 0; i < heads.length; i += 4) {
      const end = start + heads[i];
      this.#onDatagram(
        bytes.subarray(start, end),
        this.#known[heads[i + 1]],
        this.#known[heads[i + 2]],
        heads[i + 3],
      );
      start = end;
    }
    Atomics.sub(this.#end.waiting, 1 - this.#end.direction, bytes.length);
  }

  #reserve(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  /** An address travels once; then its number stands for it. */
  #numberOf(address: SocketAddress): number {
    const key = addressKey(address);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(key, number);
      this.#addresses.push(address);
    }
    return number;
  }
}

/** What tells addresses apart. */
export function addressKey({ address, port }: SocketAddress): string {
  return `${address} ${port}`;
}

/** Bytes of a batch to begin with; it doubles. */
const FIRST_BATCH = 8 * 1024;
/** Milliseconds that the other end may take for what waits at the end. */
const DRAIN_PATIENCE = 500;
/** Addresses that have numbers before these begin anew. */
const MAX_NUMBERS = 4096;
