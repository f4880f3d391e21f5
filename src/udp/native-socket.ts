/**
 * UDP through the addon: several datagrams in one call of the system (GSO, GRO), ECN both ways, the local address of each
 * datagram, no fragments, shared ports. Owns what happens when the system refuses something: the socket then does without,
 * and no datagram is lost that would not be lost otherwise. Knows nothing of QUIC.
 */
import { getSystemErrorName } from 'node:util';
import { isUnspecified, type SocketAddress, sameAddress } from '../util/address.ts';
import { systemAddresses } from './dgram-socket.ts';
import {
  ADDRESS_SIZE,
  BURST,
  decodeAddress,
  EVENTS,
  encodeAddress,
  FEATURES,
  type UdpBinding,
  type UdpSocketBinding,
} from './native-binding.ts';
import { NativeBurst } from './native-burst.ts';
import {
  bindError,
  type DatagramHandler,
  type DatagramSocket,
  newSocketCounters,
  type SocketCapabilities,
  type SocketCounters,
  type SocketFactory,
  type SocketOptions,
} from './socket.ts';

/**
 * Sockets of this machine through the addon. Tries one first: null if that fails or the kernel lacks what makes them worth
 * while (GSO or packet information), with the reason in `problem`.
 */
export function nativeSockets(binding: UdpBinding): { factory: SocketFactory | null; problem: string } {
  const { UdpSocket } = binding;
  if (UdpSocket === undefined) return { factory: null, problem: 'the addon has no sockets for this process' };
  const trial = new UdpSocket();
  try {
    const features = trial.open(encodeAddress(LOOPBACK) as Uint8Array, null, false, () => {});
    if (features < 0) return { factory: null, problem: `no socket could be opened: ${codeOf(features)}` };
    const capabilities = capabilitiesOf(features);
    const burst = new NativeBurst();
    const factory: SocketFactory = {
      backend: 'native',
      capabilities,
      bind: async (options) => bindNative(new UdpSocket(), options, burst),
      localAddresses: systemAddresses,
      sourceFor: (remote) => sourceFor(new UdpSocket(), remote),
    };
    return { factory, problem: '' };
  } catch (error) {
    return { factory: null, problem: error instanceof Error ? error.message : String(error) };
  } finally {
    trial.close();
  }
}

class NativeSocket implements DatagramSocket {
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress | null;
  readonly counters: SocketCounters = newSocketCounters();
  capabilities: SocketCapabilities;
  onDatagram: DatagramHandler | null = null;
  onReadable: (() => void) | null = null;
  onError: ((error: Error & { code?: string }) => void) | null = null;
  onWritable: (() => void) | null = null;
  pending = 0;

  readonly #socket: UdpSocketBinding;
  readonly #burst: NativeBurst;
  /** Whether datagrams have to name the address that they are sent from. */
  readonly #isWildcard: boolean;
  readonly #encoded: (EncodedAddress | undefined)[] = [];
  readonly #waiting: WaitingSend[] = [];
  readonly #errors: Error[] = [];
  #gso: boolean;
  #isBlocked = false;
  #isClosed = false;

  constructor(
    socket: UdpSocketBinding,
    features: number,
    local: SocketAddress,
    remote: SocketAddress | null,
    burst: NativeBurst,
  ) {
    this.#socket = socket;
    this.#burst = burst;
    this.#gso = (features & FEATURES.gso) !== 0;
    this.#isWildcard = isUnspecified(local.address);
    this.capabilities = capabilitiesOf(features);
    this.localAddress = local;
    this.remoteAddress = remote;
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
    if (this.#isClosed) return false;
    const segment = segmentSize > 0 && segmentSize < length ? segmentSize : 0;
    if (this.#waiting.length === 0) {
      const done = this.#sendNow(bytes, start, length, to, segment, ecn, from);
      if (done < length) this.#wait(bytes, start + done, length - done, to, segment, ecn, from);
      return true;
    }
    if (this.pending + countOf(length, segment) > MAX_PENDING) {
      this.counters.queueFull++;
      this.#isBlocked = true;
      return false;
    }
    this.#wait(bytes, start, length, to, segment, ecn, from);
    return true;
  }

  receive(most: number): number {
    let datagrams = 0;
    for (let failures = 0; datagrams < most && failures < MAX_FAILED_READS && !this.#isClosed; ) {
      const count = this.#burst.read(this.#socket);
      if (count >= 0) {
        datagrams += this.#burst.deliver(count, this.localAddress, this.onDatagram, this.counters);
        if (count < BURST.messages) break;
      } else {
        failures++;
        this.counters.receiveErrors++;
        this.#report(count);
      }
    }
    return datagrams;
  }

  steer(count: number, order?: Uint8Array): boolean {
    return !this.#isClosed && this.#socket.steer(count, order) === 0;
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  close(): Promise<void> {
    if (this.#isClosed) return CLOSED;
    // What the system did not take yet had its chance; it counts as lost.
    this.#drain();
    this.#isClosed = true;
    this.onDatagram = null;
    this.onReadable = null;
    this.onError = null;
    this.onWritable = null;
    this.#socket.close();
    return CLOSED;
  }

  /** From the addon, in a turn of its own. */
  onEvents(events: number, error: number): void {
    if (error < 0) {
      this.counters.receiveErrors++;
      this.#report(error);
    }
    if (events & EVENTS.writable) this.#drain();
    if ((events & EVENTS.readable) === 0 || this.#isClosed) return;
    if (this.onReadable !== null) this.onReadable();
    else this.#readAlone();
  }

  /** Asks for large kernel buffers. Linux cuts the wish silently to net.core.rmem_max. */
  setBuffers({ receiveBufferSize = DEFAULT_BUFFER, sendBufferSize = DEFAULT_BUFFER }: SocketOptions): void {
    this.counters.receiveBufferAsked = receiveBufferSize;
    this.counters.receiveBufferGranted = Math.max(0, this.#socket.buffer(true, receiveBufferSize));
    this.counters.sendBufferAsked = sendBufferSize;
    this.counters.sendBufferGranted = Math.max(0, this.#socket.buffer(false, sendBufferSize));
  }

  /** Nobody takes turns for this socket: its datagrams are given away for good. */
  #readAlone(): void {
    const lend = this.onDatagram;
    this.onDatagram = lend === null ? null : (bytes, from, to, ecn) => lend(bytes.slice(), from, to, ecn);
    const own = this.onDatagram;
    try {
      this.receive(MAX_ALONE);
    } finally {
      // The handler may have been replaced meanwhile.
      if (this.onDatagram === own) this.onDatagram = lend;
    }
  }

  /** Gives the bytes that are dealt with: sent, or refused and counted as lost. Fewer than all if the queue is full. */
  #sendNow(
    bytes: Uint8Array,
    start: number,
    length: number,
    to: SocketAddress,
    segment: number,
    ecn: number,
    from: SocketAddress | undefined,
  ): number {
    const connected = this.remoteAddress !== null;
    if (connected && to !== this.remoteAddress && !sameAddress(to, this.remoteAddress as SocketAddress)) {
      // A connected socket reaches nobody else: lost, like anything that the network does not carry.
      return this.#lose(length, segment, null);
    }
    const remote = connected ? null : this.#encode(to);
    if (remote === undefined) return this.#lose(length, segment, null);
    const local =
      this.#isWildcard && from !== undefined && !isUnspecified(from.address) ? this.#encode(from) : null;
    let done = 0;
    let isRetry = false;
    while (done < length) {
      const gso = segment > 0 && this.#gso;
      const left = length - done;
      const part = segment > 0 && gso ? Math.min(left, maxJoined(segment)) : left;
      const sent = this.#socket.send(bytes, start + done, part, segment, gso, remote, ecn, local ?? null);
      if (sent > 0) {
        this.counters.sentDatagrams += countOf(sent, segment);
        this.counters.sentBytes += sent;
        done += sent;
        isRetry = false;
        continue;
      }
      const code = codeOf(sent);
      if (code === 'EAGAIN') break;
      if (gso && left > segment && GSO_FAILURES.has(code)) {
        done += this.#sendWithoutGso(bytes, start + done, part, segment, remote, ecn, local ?? null);
        continue;
      }
      // The error of an earlier datagram, by ICMP: this one was not tried.
      if (code === 'ECONNREFUSED' && !isRetry) {
        isRetry = true;
        this.#report(sent);
        continue;
      }
      const size = segment > 0 ? Math.min(segment, left) : left;
      done += this.#lose(gso ? part : size, segment, sent);
    }
    return done;
  }

  /**
   * The system refused joined datagrams. If they go one by one, then it was for being joined: that is not tried again.
   * Gives the bytes that went.
   */
  #sendWithoutGso(
    bytes: Uint8Array,
    start: number,
    length: number,
    segment: number,
    remote: Uint8Array | null,
    ecn: number,
    local: Uint8Array | null,
  ): number {
    const sent = this.#socket.send(bytes, start, length, segment, false, remote, ecn, local);
    if (sent > 0) {
      this.#gso = false;
      this.counters.sentDatagrams += countOf(sent, segment);
      this.counters.sentBytes += sent;
      return sent;
    }
    return codeOf(sent) === 'EAGAIN' ? 0 : this.#lose(Math.min(segment, length), segment, sent);
  }

  /** Counts what the system refused; congestion control is the one to react. Gives the length. */
  #lose(length: number, segment: number, error: number | null): number {
    this.counters.sendErrors += countOf(length, segment);
    if (error !== null) this.#report(error);
    else this.#reportLater(new Error('The socket does not reach this address'));
    return length;
  }

  /** Keeps a copy until the system has room. */
  #wait(
    bytes: Uint8Array,
    start: number,
    length: number,
    to: SocketAddress,
    segment: number,
    ecn: number,
    from: SocketAddress | undefined,
  ): void {
    this.pending += countOf(length, segment);
    this.#waiting.push({ bytes: bytes.slice(start, start + length), to, segment, ecn, from });
    if (this.#waiting.length === 1) this.#awaitRoom();
  }

  #awaitRoom(): void {
    const result = this.#socket.waitWritable();
    // It cannot tell: then look again in a while, as the loop goes round.
    if (result < 0) setImmediate(() => this.#drain());
  }

  #drain(): void {
    const waiting = this.#waiting;
    while (waiting.length > 0 && !this.#isClosed) {
      const [first] = waiting;
      const { bytes, to, segment, ecn, from } = first;
      const done = this.#sendNow(bytes, 0, bytes.length, to, segment, ecn, from);
      this.pending -= countOf(done, segment);
      if (done < bytes.length) {
        first.bytes = bytes.subarray(done);
        this.#awaitRoom();
        break;
      }
      waiting.shift();
    }
    if (!this.#isBlocked || this.pending > MAX_PENDING / 2 || this.#isClosed) return;
    this.#isBlocked = false;
    this.onWritable?.();
  }

  /** The peers of late, so that a busy one costs nothing. Undefined for an address that cannot be reached. */
  #encode(address: SocketAddress): Uint8Array | undefined {
    const index = address.port & (RECENT - 1);
    const recent = this.#encoded[index];
    if (recent !== undefined && (recent.address === address || sameAddress(recent.address, address))) {
      return recent.bytes;
    }
    const bytes = address.family === this.localAddress.family ? encodeAddress(address) : null;
    if (bytes === null) return undefined;
    this.#encoded[index] = { address, bytes };
    return bytes;
  }

  #report(error: number): void {
    this.#reportLater(systemError(error));
  }

  #reportLater(error: Error): void {
    if (this.#isClosed || this.#errors.length === MAX_REPORTS) return;
    if (this.#errors.push(error) > 1) return;
    setImmediate(() => {
      for (const each of this.#errors.splice(0)) this.onError?.(each);
    });
  }
}

/** Sockets of the addon close at once. */
const CLOSED: Promise<void> = Promise.resolve();

interface EncodedAddress {
  readonly address: SocketAddress;
  readonly bytes: Uint8Array;
}

interface WaitingSend {
  bytes: Uint8Array;
  readonly to: SocketAddress;
  readonly segment: number;
  readonly ecn: number;
  readonly from: SocketAddress | undefined;
}

function bindNative(socket: UdpSocketBinding, options: SocketOptions, burst: NativeBurst): NativeSocket {
  const { address, remote, reusePort = false } = options;
  let native: NativeSocket | null = null;
  try {
    const local = encodeAddress(address);
    const peer = remote === undefined ? null : encodeAddress(remote);
    if (local === null || (remote !== undefined && peer === null)) throw systemError(NO_ADDRESS);
    const features = socket.open(local, peer, reusePort, (events, error) => native?.onEvents(events, error));
    if (features < 0) throw systemError(features);
    const name = new Uint8Array(ADDRESS_SIZE);
    const named = socket.name(name);
    if (named < 0) throw systemError(named);
    native = new NativeSocket(socket, features, decodeAddress(name, 0), remote ?? null, burst);
    native.setBuffers(options);
    return native;
  } catch (error) {
    socket.close();
    throw bindError(error, address);
  }
}

/** What the system says when a socket is connected there, which sends nothing. */
function sourceFor(socket: UdpSocketBinding, remote: SocketAddress): string | null {
  const any = { address: remote.family === 6 ? '::' : '0.0.0.0', port: 0, family: remote.family };
  const name = new Uint8Array(ADDRESS_SIZE);
  try {
    const peer = encodeAddress(remote);
    if (peer === null || socket.open(encodeAddress(any) as Uint8Array, peer, false, () => {}) < 0)
      return null;
    return socket.name(name) < 0 ? null : decodeAddress(name, 0).address;
  } finally {
    socket.close();
  }
}

function capabilitiesOf(features: number): SocketCapabilities {
  return {
    segments: features & FEATURES.gso ? MAX_SEGMENTS : 1,
    joined: (features & FEATURES.gro) !== 0,
    ecn: (features & FEATURES.ecn) !== 0,
    packetInfo: (features & FEATURES.packetInfo) !== 0,
    dontFragment: (features & FEATURES.dontFragment) !== 0,
    reusePort: true,
    steering: true,
  };
}

function countOf(length: number, segment: number): number {
  return segment > 0 ? Math.ceil(length / segment) : length > 0 ? 1 : 0;
}

/** Most bytes that one call takes joined: whole segments, within what a UDP datagram could hold. */
function maxJoined(segment: number): number {
  return Math.max(1, Math.min(MAX_SEGMENTS, Math.floor(MAX_JOINED / segment))) * segment;
}

function systemError(error: number): Error & { code: string } {
  const code = codeOf(error);
  return Object.assign(new Error(`${code} from the system`), { code, errno: error });
}

function codeOf(error: number): string {
  try {
    return getSystemErrorName(error);
  } catch {
    return `errno ${-error}`;
  }
}

/** Of Linux: more in one call are refused by older kernels. */
const MAX_SEGMENTS = 64;
/** 65,535 bytes without the headers of IPv4 and UDP. */
const MAX_JOINED = 65_507;
/**
 * What kernels, devices and tunnels say that cannot take joined datagrams: EIO where the checksum cannot be left to a
 * device, EINVAL and EMSGSIZE where the segments do not fit the route, EOPNOTSUPP and ENOPROTOOPT where GSO is unknown.
 */
const GSO_FAILURES: ReadonlySet<string> = new Set([
  'EIO',
  'EINVAL',
  'EMSGSIZE',
  'EOPNOTSUPP',
  'ENOPROTOOPT',
  'ENOTSUP',
]);
/** Datagrams that wait for room in the system; more wait for `onWritable`. */
const MAX_PENDING = 512;
/** Errors reported in one turn; a storm of the same error says no more. */
const MAX_REPORTS = 8;
/** Reads that fail in one turn before the rest waits for the next. */
const MAX_FAILED_READS = 8;
/** Datagrams read in one go where nobody takes turns. */
const MAX_ALONE = 1024;
/** Remembered addresses; a power of two. */
const RECENT = 256;
const DEFAULT_BUFFER = 4 * 1024 * 1024;
const LOOPBACK: SocketAddress = { address: '127.0.0.1', port: 0, family: 4 };
/** -EADDRNOTAVAIL of Linux. */
const NO_ADDRESS = -99;
