/**
 * A socket of a virtual host: the datagram socket contract over the virtual network, with the limits of a real one
 * (no source address on wildcards without packet info, a bounded queue) where the host asks for them.
 */
import {
  type DatagramHandler,
  type DatagramSocket,
  newSocketCounters,
  type SocketCapabilities,
  type SocketCounters,
  type SocketOptions,
} from '../udp/socket.ts';
import { isUnspecified, type SocketAddress, sameAddress } from '../util/address.ts';
import type { VirtualHost } from './virtual-host.ts';

export class VirtualSocket implements DatagramSocket {
  readonly capabilities: SocketCapabilities;
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress | null;
  readonly counters: SocketCounters = newSocketCounters();
  onDatagram: DatagramHandler | null = null;
  onError: ((error: Error & { code?: string }) => void) | null = null;
  onWritable: (() => void) | null = null;
  /** Datagrams taken in this instant. */
  pending = 0;

  private readonly host: VirtualHost;
  private isClosed = false;
  private isBlocked = false;

  /** @throws QuicError ERR_QUIC_BIND, as a real one */
  constructor(host: VirtualHost, options: SocketOptions) {
    this.host = host;
    this.capabilities = host.capabilities;
    this.remoteAddress = options.remote ?? null;
    const asked = options.address;
    const source =
      options.remote !== undefined && isUnspecified(asked.address) ? host.sourceFor(options.remote) : null;
    this.localAddress = host.attach(
      source === null ? asked : { ...asked, address: source },
      (bytes, from, to, ecn) => this.received(bytes, from, to, ecn),
    );
  }

  send(
    bytes: Uint8Array,
    start: number,
    length: number,
    to: SocketAddress,
    segmentSize = 0,
    ecn = 0,
    from?: SocketAddress,
  ): boolean {
    if (this.isClosed) return false;
    const step = segmentSize > 0 && segmentSize < length ? segmentSize : length;
    const count = step === length ? 1 : Math.ceil(length / step);
    if (!this.take(count)) return false;
    const source = this.sourceOf(to, from);
    const end = start + length;
    for (let at = start, i = 0; i < count; at += step, i++) {
      const size = Math.min(step, end - at);
      if (source === null) {
        this.counters.sendErrors++;
        continue;
      }
      this.counters.sentDatagrams++;
      this.counters.sentBytes += size;
      this.host.network.transmit(this.host, source, to, bytes, at, size, this.capabilities.ecn ? ecn & 3 : 0);
    }
    return true;
  }

  /** Nothing to do: what keeps a simulation going is what is under way in it. */
  ref(): void {}

  unref(): void {}

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.host.detach(this.localAddress);
    this.onDatagram = null;
    this.onError = null;
    this.onWritable = null;
  }

  /** Counts datagrams against the queue, which empties after this instant. */
  private take(count: number): boolean {
    const { sendQueue, clock } = this.host;
    if (sendQueue === Infinity) return true;
    if (this.pending > 0 && this.pending + count > sendQueue) {
      this.counters.queueFull++;
      this.isBlocked = true;
      return false;
    }
    if (this.pending === 0) {
      clock.immediate(() => {
        this.pending = 0;
        if (!this.isBlocked) return;
        this.isBlocked = false;
        this.onWritable?.();
      });
    }
    this.pending += count;
    return true;
  }

  /** Null: the system would refuse this send. */
  private sourceOf(to: SocketAddress, from: SocketAddress | undefined): SocketAddress | null {
    const { localAddress, remoteAddress, capabilities } = this;
    if (to.family !== localAddress.family || to.port === 0) return null;
    if (remoteAddress !== null && !sameAddress(to, remoteAddress)) return null;
    if (!isUnspecified(localAddress.address)) {
      return this.host.hasAddress(localAddress.address) ? localAddress : null;
    }
    const address = capabilities.packetInfo && from !== undefined ? from.address : this.host.sourceFor(to);
    return address === null ? null : { ...localAddress, address };
  }

  private received(bytes: Uint8Array, from: SocketAddress, to: SocketAddress, ecn: number): void {
    if (this.remoteAddress !== null && !sameAddress(from, this.remoteAddress)) return;
    this.counters.receivedDatagrams++;
    this.counters.receivedBytes += bytes.length;
    const local = this.capabilities.packetInfo ? to : this.localAddress;
    this.onDatagram?.(bytes, from, local, this.capabilities.ecn ? ecn : 0);
  }
}
