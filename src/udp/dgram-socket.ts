/**
 * UDP through node:dgram: works on every Node, without ECN, packet info, don't-fragment or segmentation.
 * Owns the send buffers and the bound on sends in flight; knows nothing of QUIC.
 */
import { createSocket, type SocketOptions as DgramOptions, type RemoteInfo, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { canonicalIp, isLinkLocal, type SocketAddress, sameAddress, socketAddress } from '../util/address.ts';
import {
  bindError,
  type DatagramHandler,
  type DatagramSocket,
  type LocalAddress,
  newSocketCounters,
  type SocketCapabilities,
  type SocketCounters,
  type SocketFactory,
  type SocketOptions,
} from './socket.ts';

/** Sockets of this machine through node:dgram. */
export const dgramSockets: SocketFactory = {
  backend: 'dgram',
  capabilities: {
    segments: 1,
    ecn: false,
    packetInfo: false,
    dontFragment: false,
    reusePort: canReusePort(),
  },
  bind: bindDgram,
  localAddresses: systemAddresses,
};

class DgramSocket implements DatagramSocket {
  readonly capabilities: SocketCapabilities = dgramSockets.capabilities;
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress | null;
  readonly counters: SocketCounters;
  onDatagram: DatagramHandler | null = null;
  onError: ((error: Error & { code?: string }) => void) | null = null;
  onWritable: (() => void) | null = null;
  pending = 0;

  private readonly socket: Socket;
  private readonly freeSlots: SendSlot[] = [];
  /** Of the sends that nothing is heard of. */
  private quietSlot: SendSlot = this.newSlot();
  /** Sends since the last one that was asked how it went. */
  private unasked = ASK_EVERY;
  private lastFailed = false;
  /** The system did not take a datagram at once: those after it wait behind it. */
  private isQueueing = false;
  /** A quiet one that waits. */
  private quietPending = 0;
  private readonly recentPeers: (SocketAddress | undefined)[] = [];
  private readonly errors: Error[] = [];
  private isBlocked = false;
  private closing: Promise<void> | null = null;
  private finishClosing: (() => void) | null = null;

  constructor(socket: Socket, local: SocketAddress, remote: SocketAddress | null, counters: SocketCounters) {
    this.socket = socket;
    this.localAddress = local;
    this.remoteAddress = remote;
    this.counters = counters;
    socket.on('message', (bytes: Buffer, info: RemoteInfo) => this.received(bytes, info));
    socket.on('error', (error: Error) => {
      this.counters.receiveErrors++;
      this.report(error);
    });
  }

  send(bytes: Uint8Array, start: number, length: number, to: SocketAddress, segmentSize = 0): boolean {
    if (this.closing !== null) return false;
    const step = segmentSize > 0 && segmentSize < length ? segmentSize : length;
    const count = step === length ? 1 : Math.ceil(length / step);
    if (this.pending > 0 && this.pending + count > MAX_PENDING) {
      this.counters.queueFull++;
      this.isBlocked = true;
      return false;
    }
    const end = start + length;
    for (let at = start, i = 0; i < count; at += step, i++) {
      this.sendOne(bytes, at, Math.min(step, end - at), to);
    }
    return true;
  }

  ref(): void {
    if (this.closing === null) this.socket.ref();
  }

  unref(): void {
    if (this.closing === null) this.socket.unref();
  }

  close(): Promise<void> {
    this.closing ??= this.closeAfterSends();
    return this.closing;
  }

  /**
   * dgram reads the bytes until its callback, and the caller reuses them at once, so each send has a slot with a copy.
   * A copy into a kept slot costs 0.2 µs of the 4 µs that a send costs; a fresh copy costs 1 to 2.
   */
  private sendOne(bytes: Uint8Array, start: number, length: number, to: SocketAddress): void {
    const isReachable = this.remoteAddress === null || sameAddress(to, this.remoteAddress);
    if (isReachable && this.mayBeQuiet && ++this.unasked < ASK_EVERY) {
      this.sendQuietly(bytes, start, length, to);
      return;
    }
    this.unasked = 0;
    const slot = this.freeSlots.pop() ?? this.newSlot();
    const view = slot.fill(bytes, start, length);
    this.pending++;
    try {
      if (this.remoteAddress === null) {
        this.socket.send(view, to.port, to.address, slot.done);
      } else if (isReachable) {
        this.socket.send(view, slot.done);
      } else {
        // A connected socket reaches nobody else: lost, like anything that the network does not carry.
        process.nextTick(slot.done, new Error('The socket is connected to another address'));
      }
    } catch (error) {
      // What dgram throws at once (port 0, a socket that died) must not surprise the caller in the middle of a turn.
      process.nextTick(slot.done, error);
    }
  }

  /** A peer of whom nothing came may be nobody, and that one is refused is told to one send only. */
  private get mayBeQuiet(): boolean {
    const isHeard = this.remoteAddress === null || this.counters.receivedDatagrams > 0;
    return isHeard && !this.isQueueing && !this.lastFailed;
  }

  /**
   * A callback for each send costs 0.3 µs and its garbage (`npm run bench -- throughput quayside`). The system takes nearly
   * every datagram at once, which the length of dgram's queue tells; and what is wrong with one is wrong with the next,
   * which is asked. From the first that fails on all are, until one succeeds.
   */
  private sendQuietly(bytes: Uint8Array, start: number, length: number, to: SocketAddress): void {
    const view = this.quietSlot.fill(bytes, start, length);
    try {
      if (this.remoteAddress === null) this.socket.send(view, to.port, to.address);
      else this.socket.send(view);
    } catch (error) {
      process.nextTick(() => this.sendFailed(error as Error));
      return;
    }
    this.counters.sentDatagrams++;
    this.counters.sentBytes += length;
    if (this.socket.getSendQueueCount() === 0) return;
    // Its bytes are dgram's until it leaves.
    this.quietSlot = this.newSlot();
    this.isQueueing = true;
    this.quietPending = 1;
    this.pending++;
  }

  /** ENOBUFS included: the datagram did not leave, and congestion control is the one to react. */
  private sendFailed(error: Error): void {
    this.counters.sendErrors++;
    this.report(error);
  }

  private newSlot(): SendSlot {
    return new SendSlot((done, error) => this.sendDone(done, error));
  }

  /**
   * Runs inside dgram's callback. Nothing may be sent from here: when sends complete at once, that never returns to the
   * event loop, and timers and input stop. So every consequence is put off to a turn of its own.
   */
  private sendDone(slot: SendSlot, error: Error | null): void {
    this.lastFailed = error !== null;
    // What was sent before this one has left before it.
    this.pending -= 1 + this.quietPending;
    this.quietPending = 0;
    if (this.isQueueing) this.isQueueing = this.pending > 0;
    if (slot.view.length <= SLOT_SIZE) this.freeSlots.push(slot);
    if (error === null) {
      this.counters.sentDatagrams++;
      this.counters.sentBytes += slot.view.length;
    } else this.sendFailed(error);
    if (this.isBlocked && this.pending <= MAX_PENDING / 2 && this.closing === null) {
      this.isBlocked = false;
      setImmediate(() => this.onWritable?.());
    }
    if (this.pending === 0) this.finishClosing?.();
  }

  private received(bytes: Buffer, info: RemoteInfo): void {
    // Port 0 can be forged as a source but cannot be answered.
    if (this.closing !== null || info.port === 0) return;
    this.counters.receivedDatagrams++;
    this.counters.receivedBytes += bytes.length;
    const from = this.remoteAddress ?? this.peerAddress(info);
    if (from !== null && this.onDatagram !== null) this.onDatagram(bytes, from, this.localAddress, 0);
  }

  /** The peers of late by the low bits of their port, so that a busy peer costs no parsing and no new object. */
  private peerAddress(info: RemoteInfo): SocketAddress | null {
    const index = info.port & (RECENT_PEERS - 1);
    const recent = this.recentPeers[index];
    if (recent !== undefined && recent.port === info.port && recent.address === info.address) return recent;
    const address = socketAddress(info.address, info.port);
    if (address !== null) this.recentPeers[index] = address;
    return address;
  }

  private report(error: Error): void {
    if (this.closing !== null || this.errors.length === MAX_REPORTS) return;
    if (this.errors.push(error) > 1) return;
    setImmediate(() => {
      for (const each of this.errors.splice(0)) this.onError?.(each);
    });
  }

  private async closeAfterSends(): Promise<void> {
    if (this.pending > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CLOSE_GRACE);
        this.finishClosing = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.onDatagram = null;
    this.onError = null;
    this.onWritable = null;
    await new Promise<void>((resolve) => this.socket.close(resolve));
  }
}

/** One send in flight: its bytes and the callback that gives it back, made once and used again. */
class SendSlot {
  view: Uint8Array = new Uint8Array(0);
  readonly done: (error: Error | null) => void;
  private buffer: ArrayBuffer | null = null;

  constructor(done: (slot: SendSlot, error: Error | null) => void) {
    this.done = (error) => done(this, error);
  }

  /** Copies the bytes in and gives the view of exactly them; datagrams mostly have one size, so the view stays. */
  fill(bytes: Uint8Array, start: number, length: number): Uint8Array {
    if (this.view.length !== length || this.buffer === null) {
      if (this.buffer === null || this.buffer.byteLength < length) {
        this.buffer = new ArrayBuffer(Math.max(length, SLOT_SIZE));
      }
      this.view = new Uint8Array(this.buffer, 0, length);
    }
    this.view.set(start === 0 && length === bytes.length ? bytes : bytes.subarray(start, start + length));
    return this.view;
  }
}

async function bindDgram(options: SocketOptions): Promise<DatagramSocket> {
  const { address, remote } = options;
  let socket: Socket | null = null;
  try {
    socket = createSocket(dgramOptions(options));
    await bindTo(socket, address);
    if (remote !== undefined) await connectTo(socket, remote);
    const counters = newSocketCounters();
    setBuffers(socket, options, counters);
    const bound = socket.address();
    const local = socketAddress(bound.address, bound.port) ?? address;
    return new DgramSocket(socket, local, remote ?? null, counters);
  } catch (error) {
    closeQuietly(socket);
    throw bindError(error, address);
  }
}

function dgramOptions(options: SocketOptions): DgramOptions {
  const dgram: DgramOptions & { reusePort?: boolean } = {
    type: options.address.family === 6 ? 'udp6' : 'udp4',
    // IPv4 has sockets of its own; a dual-stack socket would show IPv4 peers as mapped addresses.
    ipv6Only: options.address.family === 6,
    // Addresses are IP addresses already: answering at once saves a tick and a request per send.
    lookup: (host, _options, done) => done(null, host, host.includes(':') ? 6 : 4),
  };
  if (options.reusePort === true && canReusePort()) dgram.reusePort = true;
  return dgram;
}

function bindTo(socket: Socket, address: SocketAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    // exclusive: in a cluster worker, too, the socket is this process's own.
    socket.bind({ address: address.address, port: address.port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

function connectTo(socket: Socket, remote: SocketAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.connect(remote.port, remote.address, ((error?: Error | null) => {
      if (error instanceof Error) reject(error);
      else resolve();
    }) as () => void);
  });
}

function closeQuietly(socket: Socket | null): void {
  try {
    socket?.on('error', () => {});
    socket?.close();
  } catch {
    // It never came to be, or is closed already.
  }
}

/** Asks for large kernel buffers. Linux cuts the wish silently to net.core.rmem_max; others refuse it, so ask for less then. */
function setBuffers(socket: Socket, options: SocketOptions, counters: SocketCounters): void {
  counters.receiveBufferAsked = options.receiveBufferSize ?? DEFAULT_BUFFER;
  counters.sendBufferAsked = options.sendBufferSize ?? DEFAULT_BUFFER;
  askFor(counters.receiveBufferAsked, (size) => socket.setRecvBufferSize(size));
  askFor(counters.sendBufferAsked, (size) => socket.setSendBufferSize(size));
  counters.receiveBufferGranted = granted(() => socket.getRecvBufferSize());
  counters.sendBufferGranted = granted(() => socket.getSendBufferSize());
}

function granted(ask: () => number): number {
  try {
    // Linux counts its own bookkeeping in and tells twice the size.
    return process.platform === 'linux' ? ask() / 2 : ask();
  } catch {
    return 0;
  }
}

function askFor(size: number, set: (size: number) => void): void {
  for (let wish = size; ; wish = Math.floor(wish / 2)) {
    try {
      set(wish);
      return;
    } catch {
      // Too much for this system: half of it, then.
      if (wish < SMALLEST_BUFFER) return;
    }
  }
}

export function systemAddresses(): LocalAddress[] {
  const found = new Map<string, LocalAddress>();
  for (const [interfaceName, entries] of Object.entries(networkInterfaces())) {
    for (const entry of entries ?? []) {
      const ip = canonicalIp(entry.address);
      if (ip === null) continue;
      const family = entry.family === 'IPv6' ? 6 : 4;
      const zone = process.platform === 'win32' && entry.family === 'IPv6' ? entry.scopeid : interfaceName;
      const address = isLinkLocal(ip) && !ip.includes('%') ? `${ip}%${zone}` : ip;
      if (!found.has(address))
        found.set(address, { address, family, interfaceName, internal: entry.internal });
    }
  }
  return [...found.values()];
}

/** dgram knows `reusePort` since Node 22.12 and 23.1; the kernels that spread datagrams over such sockets are Linux and FreeBSD. */
function canReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNewEnough = major >= 24 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
  return isNewEnough && (process.platform === 'linux' || process.platform === 'freebsd');
}

/** Of so many sends that follow each other one is asked how it went. */
const ASK_EVERY = 8;
/** Datagrams handed to dgram and not given back; more wait for `onWritable`. Bounds the send slots to 1 MiB. */
const MAX_PENDING = 512;
/** Bytes of a send slot that is kept: more than any datagram that QUIC sends without knowing a larger path MTU. */
const SLOT_SIZE = 2048;
/** Errors reported in one turn; a storm of the same error says no more. */
const MAX_REPORTS = 8;
/** Remembered peer addresses; a power of two. */
const RECENT_PEERS = 256;
const DEFAULT_BUFFER = 4 * 1024 * 1024;
const SMALLEST_BUFFER = 64 * 1024;
/** How long close() waits for sends that the system has not taken, in ms. */
const CLOSE_GRACE = 100;
