// Sockets of a worker thread where the system lets nobody share a port: the main thread has the real ones, and datagrams go
// to and fro in batches. Knows nothing of what is in them.

import type { SocketFactory } from '../index.ts';
import type { DatagramSocket, SocketCapabilities, SocketOptions } from '../sim.ts';
import type { Calls } from './calls.ts';
import {
  addressKey,
  type DatagramHandler,
  DatagramLink,
  type LinkEnd,
  type SocketAddress,
} from './datagram-link.ts';

export class ForwardedSockets implements SocketFactory {
  readonly #factory: SocketFactory;
  readonly #main: Calls;
  readonly #link: DatagramLink;
  readonly #sockets: Map<string, ForwardedSocket> = new Map();

  /** @param factory the thread's own sockets, for what is not shared */
  constructor(factory: SocketFactory, main: Calls, link: LinkEnd) {
    this.#factory = factory;
    this.#main = main;
    this.#link = new DatagramLink(link, (bytes, from, to, ecn) => {
      this.#sockets.get(addressKey(to))?.onDatagram?.(bytes, from, to, ecn);
    });
  }

  get backend(): SocketFactory['backend'] {
    return this.#factory.backend;
  }

  get capabilities(): SocketCapabilities {
    return this.#factory.capabilities;
  }

  localAddresses(): ReturnType<SocketFactory['localAddresses']> {
    return this.#factory.localAddresses();
  }

  async bind(options: SocketOptions): Promise<DatagramSocket> {
    if (options.remote !== undefined) return this.#factory.bind(options);
    const { address, receiveBufferSize, sendBufferSize } = options;
    const bound = await this.#main.call<SocketAddress>('bind', {
      address,
      receiveBufferSize,
      sendBufferSize,
    });
    const key = addressKey(bound);
    const socket = new ForwardedSocket(bound, this.capabilities, this.#link, async () => {
      this.#sockets.delete(key);
      await this.#main.call('unbind', bound).catch(() => {});
    });
    this.#sockets.set(key, socket);
    return socket;
  }
}

class ForwardedSocket implements DatagramSocket {
  readonly capabilities: SocketCapabilities;
  readonly localAddress: SocketAddress;
  readonly remoteAddress = null;
  readonly pending = 0;
  /** The system's part of them is the main thread's. */
  readonly counters: DatagramSocket['counters'] = {
    sentDatagrams: 0,
    sentBytes: 0,
    receivedDatagrams: 0,
    receivedBytes: 0,
    sendErrors: 0,
    receiveErrors: 0,
    queueFull: 0,
    receiveBufferAsked: 0,
    receiveBufferGranted: 0,
    sendBufferAsked: 0,
    sendBufferGranted: 0,
  };
  onError: DatagramSocket['onError'] = null;
  onWritable: (() => void) | null = null;
  #onDatagram: DatagramHandler | null = null;
  readonly #link: DatagramLink;
  readonly #onClose: () => Promise<void>;
  #waiting: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(
    address: SocketAddress,
    capabilities: SocketCapabilities,
    link: DatagramLink,
    onClose: () => Promise<void>,
  ) {
    this.localAddress = address;
    this.capabilities = capabilities;
    this.#link = link;
    this.#onClose = onClose;
  }

  get onDatagram(): DatagramHandler | null {
    return this.#onDatagram;
  }

  set onDatagram(handler: DatagramHandler | null) {
    this.#onDatagram =
      handler === null
        ? null
        : (bytes, from, to, ecn) => {
            this.counters.receivedDatagrams++;
            this.counters.receivedBytes += bytes.length;
            handler(bytes, from, to, ecn);
          };
  }

  send(
    bytes: Uint8Array,
    start: number,
    length: number,
    to: SocketAddress,
    segmentSize = 0,
    ecn = 0,
  ): boolean {
    if (this.#isClosed) return false;
    if (this.#link.isFull) {
      this.counters.queueFull++;
      this.#waitForRoom();
      return false;
    }
    const end = start + length;
    const step = segmentSize > 0 ? segmentSize : length;
    for (let at = start; at < end; at += step) {
      const segment = bytes.subarray(at, Math.min(at + step, end));
      this.#link.send(segment, this.localAddress, to, ecn);
      this.counters.sentDatagrams++;
      this.counters.sentBytes += segment.length;
    }
    return true;
  }

  /** The thread lives as long as its port to the main thread, whatever its sockets say. */
  ref(): void {}

  unref(): void {}

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#waiting !== null) clearTimeout(this.#waiting);
    await this.#link.drained();
    await this.#onClose();
  }

  /** The other thread does not say when it has caught up. */
  #waitForRoom(): void {
    this.#waiting ??= setTimeout(() => {
      this.#waiting = null;
      if (this.#link.isFull) this.#waitForRoom();
      else this.onWritable?.();
    }, ROOM_INTERVAL);
  }
}

/** Milliseconds between looks at a full link. */
const ROOM_INTERVAL = 1;
