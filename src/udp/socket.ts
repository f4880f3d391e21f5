/**
 * The contract between whoever moves datagrams (dgram, a native backend, the virtual network) and whoever has datagrams.
 * Holds the interfaces and the one error of binding; knows no backend.
 */
import { type QuicError, quicError } from '../errors.ts';
import { formatAddress, type SocketAddress } from '../util/address.ts';

/** One bound UDP socket. Its handlers run in the loop of the process; they may be replaced at any time. */
export interface DatagramSocket {
  readonly capabilities: SocketCapabilities;
  /** Where it is bound, with the real port. The address is a wildcard only if the socket was bound to one. */
  readonly localAddress: SocketAddress;
  /** The only peer, if the socket was connected to one. */
  readonly remoteAddress: SocketAddress | null;
  readonly counters: SocketCounters;

  /** Takes received datagrams. While it is null they are thrown away. */
  onDatagram: DatagramHandler | null;
  /**
   * Of sockets that read in bursts: hears that datagrams wait, in every turn of the process's loop until none does. Then
   * `receive` hands them over when the owner's turn for it has come. While it is null such a socket reads by itself.
   */
  onReadable?: (() => void) | null;
  /**
   * Hands waiting datagrams to `onDatagram`, about `most` of them: a burst is not cut. Their bytes are lent until the
   * handler returns. Gives their number; fewer than `most` means that no more wait.
   */
  receive?(most: number): number;
  /**
   * Hears of what the system reported for a datagram (ECONNREFUSED, EHOSTUNREACH, EMSGSIZE…), once each. The socket goes
   * on. What it says may come from anyone (ICMP is not authenticated), so it never ends a connection by itself.
   */
  onError: ((error: Error & { code?: string }) => void) | null;
  /** Called once in a turn of its own after `send` said false, when there is room again. */
  onWritable: (() => void) | null;

  /**
   * Sends `bytes[start, start + length)` to `to`: one datagram, or several of `segmentSize` bytes each (the last may be
   * shorter). The bytes are the caller's again when the call returns. False: nothing was taken, the queue is full (wait
   * for `onWritable`) or the socket is closed. A datagram that the system refuses counts as lost: it was taken, it is in
   * `counters`, and nothing is thrown.
   *
   * @param ecn the two ECN bits (RFC 3168 §5), 0 where the socket cannot set them
   * @param from which local address to send from; only for a socket with packet info, bound to a wildcard
   */
  send(
    bytes: Uint8Array,
    start: number,
    length: number,
    to: SocketAddress,
    segmentSize?: number,
    ecn?: number,
    from?: SocketAddress,
  ): boolean;
  /** Datagrams that the system has not taken yet. */
  readonly pending: number;

  /**
   * For one of `count` sockets (at most 32) that share a port: datagrams go to the socket whose number, in the order of
   * binding, is the low 5 bits of their destination connection id, modulo `count`. When a socket closes, the last one gets
   * its number; `order` has the number of each owner's socket then. False if the system cannot.
   */
  steer?(count: number, order?: Uint8Array): boolean;

  ref(): void;
  unref(): void;
  /** Closes after what is pending was sent, or shortly later. May be called again; never rejects. */
  close(): Promise<void>;
}

/**
 * @param bytes the datagram; the receiver may change it, and owns it unless it came by `receive`
 * @param local the address it was sent to as far as the socket knows (without packet info, `localAddress`)
 * @param ecn the two ECN bits it carried, 0 where the socket cannot see them
 */
export type DatagramHandler = (
  bytes: Uint8Array,
  from: SocketAddress,
  local: SocketAddress,
  ecn: number,
) => void;

/** What a socket can do beyond sending and receiving. */
export interface SocketCapabilities {
  /** Most datagrams that one `send` hands to the system in one call; 1 means that segments are sent one by one. */
  readonly segments: number;
  /** Datagrams that came together are read in one call of the system. */
  readonly joined?: boolean;
  /** ECN bits are set on sending and seen on receiving. */
  readonly ecn: boolean;
  /** A socket on a wildcard address learns and can choose the local address of each datagram. */
  readonly packetInfo: boolean;
  /** Datagrams are never fragmented, so that MTU probes tell the truth. */
  readonly dontFragment: boolean;
  /** Several sockets can share one address and port. */
  readonly reusePort: boolean;
  /** Sockets that share a port can have datagrams steered to them by connection id: {@link DatagramSocket.steer}. */
  readonly steering?: boolean;
}

/** What happened on a socket since it was bound. */
export interface SocketCounters {
  sentDatagrams: number;
  sentBytes: number;
  receivedDatagrams: number;
  receivedBytes: number;
  /** Datagrams that were taken and then refused by the system. */
  sendErrors: number;
  /** Errors that the system reported in place of a received datagram. */
  receiveErrors: number;
  /** Calls of `send` that took nothing because the queue was full. */
  queueFull: number;
  /** Bytes of kernel receive buffer that were asked for and granted; granted is 0 where it is unknown. */
  receiveBufferAsked: number;
  receiveBufferGranted: number;
  /** The same for the send buffer. */
  sendBufferAsked: number;
  sendBufferGranted: number;
}

export function newSocketCounters(): SocketCounters {
  return {
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
}

/** Makes sockets on one machine, real or virtual. */
export interface SocketFactory {
  /** What moves the datagrams. */
  readonly backend: SocketBackend;
  /** What the sockets of this factory can do. */
  readonly capabilities: SocketCapabilities;
  /** The only address that can be bound; absent: any. */
  readonly only?: SocketAddress;
  /**
   * Binds one socket to exactly this address, which may be a wildcard.
   * @throws QuicError ERR_QUIC_BIND with the system's error as `cause` (see {@link bindError})
   */
  bind(options: SocketOptions): Promise<DatagramSocket>;
  /** The IP addresses of this machine that are up now, loopback included, each once. */
  localAddresses(): LocalAddress[];
  /**
   * With packet info: the IP address that datagrams to `remote` leave from unless they say another one; null if nothing
   * leads there.
   */
  sourceFor?(remote: SocketAddress): string | null;
}

/**
 * `dgram`: node:dgram. `native`: the addon. `virtual`: a network that exists in the process only. `custom`: a transport that
 * the application gave.
 */
export type SocketBackend = 'dgram' | 'native' | 'virtual' | 'custom';

export interface SocketOptions {
  readonly address: SocketAddress;
  /** Connects the socket to its only peer: sends are cheaper, datagrams from elsewhere are dropped by the system. */
  readonly remote?: SocketAddress | undefined;
  /** Shares address and port with other sockets that ask for the same, where the capability is there. Default false. */
  readonly reusePort?: boolean | undefined;
  /** Kernel receive buffer to ask for, in bytes. Default 4 MiB. */
  readonly receiveBufferSize?: number | undefined;
  /** Kernel send buffer to ask for, in bytes. Default 4 MiB. */
  readonly sendBufferSize?: number | undefined;
}

/** An IP address of this machine. */
export interface LocalAddress {
  /** Canonical, with its zone if it is link-local. */
  readonly address: string;
  readonly family: 4 | 6;
  /** Name of the network interface that has it. */
  readonly interfaceName: string;
  readonly internal: boolean;
}

/** The one form of a failed bind: ERR_QUIC_BIND, with the system's code, address and port in its message. */
export function bindError(
  cause: unknown,
  address: SocketAddress,
  protocol: 'UDP' | 'TCP' = 'UDP',
): QuicError {
  const code = systemErrorCode(cause);
  const what = BIND_FAILURES[code] ?? (cause instanceof Error ? cause.message : String(cause));
  const message = `Cannot bind ${protocol} ${formatAddress(address)}: ${what}${code === '' ? '' : ` (${code})`}`;
  return quicError('ERR_QUIC_BIND', { message, cause });
}

/** The system's code (`EADDRINUSE`) of an error or of its cause; '' if there is none. */
export function systemErrorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code)) return error.code;
  return 'cause' in error ? systemErrorCode(error.cause) : '';
}

const BIND_FAILURES: Record<string, string> = {
  EADDRINUSE: 'the address and port are in use',
  EADDRNOTAVAIL: 'the address is not one of this machine',
  EACCES: 'no permission for this port',
  EAFNOSUPPORT: 'the address family is not supported here',
};
