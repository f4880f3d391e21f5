/**
 * A socket that the application made: one of `node:dgram`, or any transport with the shape of a DatagramSocket. It stays the
 * application's: it is neither bound nor closed here, and its other listeners go on. Knows nothing of QUIC.
 */
import type { RemoteInfo, Socket } from 'node:dgram';
import { invalidArgType, invalidArgValue } from '../errors.ts';
import { isUnspecified, type SocketAddress, sameAddress, socketAddress } from '../util/address.ts';
import {
  bindError,
  type DatagramHandler,
  type DatagramSocket,
  newSocketCounters,
  type SocketFactory,
} from './socket.ts';

/** A bound dgram socket, or a transport of any kind. */
export type GivenSocket = Socket | DatagramSocket;

/**
 * A factory that binds nothing: it gives the socket for its own address, and fails for every other one.
 *
 * @throws TypeError ERR_INVALID_ARG_TYPE for what is no socket, ERR_INVALID_ARG_VALUE for one that is not bound to one address
 */
export function givenSocket(given: GivenSocket): SocketFactory {
  const isTransport = isDatagramSocket(given);
  const address = isTransport ? given.localAddress : boundAddress(given);
  let current: DatagramSocket | null = null;
  return {
    only: address,
    backend: isTransport ? 'custom' : 'dgram',
    capabilities: isTransport
      ? given.capabilities
      : { segments: 1, ecn: false, packetInfo: false, dontFragment: false, reusePort: false },
    localAddresses: () => [
      { address: address.address, family: address.family, interfaceName: 'given', internal: false },
    ],
    async bind({ address: asked, remote }) {
      const isFree = current === null && remote === undefined && sameAddress(asked, address);
      if (!isFree) throw bindError(new Error('there is only the socket that was given'), asked);
      const taken = isTransport
        ? new LentTransport(given, () => done())
        : new GivenDgram(given, address, () => done());
      const done = (): void => {
        if (current === taken) current = null;
      };
      current = taken;
      return taken;
    },
  };
}

/** A transport whose `close` only lets go of it. */
class LentTransport implements DatagramSocket {
  readonly #transport: DatagramSocket;
  readonly #onClose: () => void;

  constructor(transport: DatagramSocket, onClose: () => void) {
    this.#transport = transport;
    this.#onClose = onClose;
  }

  get capabilities(): DatagramSocket['capabilities'] {
    return this.#transport.capabilities;
  }

  get localAddress(): SocketAddress {
    return this.#transport.localAddress;
  }

  get remoteAddress(): SocketAddress | null {
    return this.#transport.remoteAddress;
  }

  get counters(): DatagramSocket['counters'] {
    return this.#transport.counters;
  }

  get pending(): number {
    return this.#transport.pending;
  }

  get onDatagram(): DatagramHandler | null {
    return this.#transport.onDatagram;
  }

  set onDatagram(handler: DatagramHandler | null) {
    this.#transport.onDatagram = handler;
  }

  get onError(): DatagramSocket['onError'] {
    return this.#transport.onError;
  }

  set onError(handler: DatagramSocket['onError']) {
    this.#transport.onError = handler;
  }

  get onWritable(): (() => void) | null {
    return this.#transport.onWritable;
  }

  set onWritable(handler: (() => void) | null) {
    this.#transport.onWritable = handler;
  }

  send(...datagram: Parameters<DatagramSocket['send']>): boolean {
    return this.#transport.send(...datagram);
  }

  ref(): void {
    this.#transport.ref();
  }

  unref(): void {
    this.#transport.unref();
  }

  async close(): Promise<void> {
    this.onDatagram = null;
    this.onError = null;
    this.onWritable = null;
    this.#onClose();
  }
}

class GivenDgram implements DatagramSocket {
  readonly capabilities: DatagramSocket['capabilities'] = {
    segments: 1,
    ecn: false,
    packetInfo: false,
    dontFragment: false,
    reusePort: false,
  };
  readonly localAddress: SocketAddress;
  readonly remoteAddress = null;
  readonly counters: DatagramSocket['counters'] = newSocketCounters();
  onDatagram: DatagramHandler | null = null;
  onError: DatagramSocket['onError'] = null;
  onWritable: (() => void) | null = null;
  pending = 0;
  readonly #socket: Socket;
  readonly #onClose: () => void;

  constructor(socket: Socket, local: SocketAddress, onClose: () => void) {
    this.#socket = socket;
    this.localAddress = local;
    this.#onClose = onClose;
    socket.on('message', this.#onMessage);
    socket.on('error', this.#onSocketError);
  }

  send(bytes: Uint8Array, start: number, length: number, to: SocketAddress, segmentSize = 0): boolean {
    const step = segmentSize > 0 ? segmentSize : length;
    for (let at = start; at < start + length; at += step) {
      // dgram reads the bytes later, and they are the caller's again at once.
      const datagram = bytes.slice(at, Math.min(at + step, start + length));
      this.pending++;
      try {
        this.#socket.send(datagram, to.port, to.address, this.#onSent);
      } catch (error) {
        setImmediate(this.#onSent, error as Error);
      }
    }
    return true;
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  async close(): Promise<void> {
    this.#socket.off('message', this.#onMessage);
    this.#socket.off('error', this.#onSocketError);
    this.onDatagram = null;
    this.#onClose();
  }

  readonly #onMessage = (bytes: Buffer, info: RemoteInfo): void => {
    const from = info.port === 0 ? null : socketAddress(info.address, info.port);
    if (from === null) return;
    this.counters.receivedDatagrams++;
    this.counters.receivedBytes += bytes.length;
    // Others may listen too, and the receiver may change what it gets.
    this.onDatagram?.(Uint8Array.from(bytes), from, this.localAddress, 0);
  };

  readonly #onSent = (error: Error | null): void => {
    this.pending--;
    if (error === null) this.counters.sentDatagrams++;
    else this.counters.sendErrors++;
  };

  readonly #onSocketError = (error: Error): void => {
    this.counters.receiveErrors++;
    setImmediate(() => this.onError?.(error));
  };
}

function isDatagramSocket(given: GivenSocket): given is DatagramSocket {
  if (typeof given !== 'object' || given === null || typeof given.send !== 'function')
    throw invalidArgType('socket', 'a bound socket of node:dgram or a datagram transport', given);
  return 'localAddress' in given && 'capabilities' in given;
}

function boundAddress(socket: Socket): SocketAddress {
  let bound: SocketAddress | null = null;
  try {
    const { address, port } = socket.address();
    bound = socketAddress(address, port);
  } catch {
    // It is not bound, or closed.
  }
  // Answers have to leave from the address that was asked, which dgram does not tell of a wildcard.
  if (bound === null || isUnspecified(bound.address))
    throw invalidArgValue('socket', socket, 'must be bound to one IP address');
  return bound;
}
