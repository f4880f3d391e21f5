// What an endpoint can be told when it is made.

import type { KeyRingInput } from '../crypto/key-ring.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { ConnectionIds } from '../routing/connection-ids.ts';
import type { AddressValidation } from '../routing/router-options.ts';
import type { TokenProvider } from '../routing/tokens.ts';
import type { GivenSocket } from '../udp/given-socket.ts';
import type { HandOver } from '../udp/hand-over.ts';
import type { Backend, Environment } from './environment.ts';
import type { OtherDatagram } from './other-datagrams.ts';

export interface EndpointOptions {
  /** IP address to bind; '0.0.0.0' or '::' for all of a family, absent for all of both. */
  address?: string;
  /** Default 0: any free port. */
  port?: number;
  /** Whether clients must prove their address before anything else (RFC 9000 §8.1.2). Default 'never'. */
  addressValidation?: AddressValidation;
  /**
   * 32 bytes, several such keys, the current one first, or a ring, from which all secrets below and that of session tickets
   * follow: processes and machines with the same keys stand in for each other. Default random.
   */
  keys?: KeyRingInput;
  /** What stateless reset tokens are derived from (RFC 9000 §10.3.2). Default: from `keys`. */
  resetSecret?: KeyRingInput;
  /** What seals address validation tokens (RFC 9000 §8.1.4). Default: from `keys`. */
  tokenKeys?: KeyRingInput;
  /** Makes and reads these tokens instead. */
  tokens?: TokenProvider;
  /** QUIC versions, preferred first: 1, and 0x6b3343cf for version 2 (RFC 9369). Default 1 alone. */
  versions?: readonly number[];
  /** Bytes of our connection ids where they are random, 4 to 20. Default 8. */
  connectionIdLength?: number;
  /** Connection ids that a load balancer routes by (QUIC-LB), or a generator. Default random ones. */
  connectionIds?: ConnectionIds;
  /** Which of those that share the port this is, 0 to 31; it stands in every connection id. Default none. */
  shard?: number;
  /** Brings datagrams for the ids of other shards to their endpoints, and those for ours here. Default none. */
  handOver?: HandOver;
  /** Kernel buffers to ask for, bytes. Default 4 MiB. */
  receiveBufferSize?: number;
  sendBufferSize?: number;
  /** Shares address and port with other sockets that ask for the same, also of other processes. Default false. */
  reusePort?: boolean;
  /** Milliseconds between looks for local addresses that came or went. Default 1000. */
  interfaceInterval?: number;
  /**
   * What moves datagrams and protects packets: `dgram` is node:dgram and node:crypto; `native` is the addon, with
   * ERR_QUIC_NATIVE_UNAVAILABLE where it cannot be used; `auto`, the default, uses the addon if there is one that works.
   */
  backend?: Backend;
  /**
   * A socket that is there already: one of node:dgram, bound to one IP address, or a transport with the shape of a
   * DatagramSocket. It stays open when the endpoint closes, and stands instead of `address`, `port`, `backend`,
   * `receiveBufferSize`, `sendBufferSize` and `reusePort`.
   */
  socket?: GivenSocket;
  /** Does the cryptography, in place of the backend's. One that cannot do TLS 1.3 is refused: ERR_QUIC_UNSUPPORTED. */
  cryptoProvider?: CryptoProvider;
  /** Gets datagrams that are not QUIC (their second bit is 0, RFC 9443 §3), such as those of STUN; see `OtherDatagram`. */
  onOtherDatagram?: (datagram: OtherDatagram) => void;
  /** Clock, sockets, randomness: for the virtual network, in place of a `backend`. Default the process's own. */
  environment?: Environment;
}

/** Names of {@link EndpointOptions}. */
export const ENDPOINT_OPTION_NAMES: readonly string[] = [
  'address',
  'port',
  'addressValidation',
  'keys',
  'resetSecret',
  'tokenKeys',
  'tokens',
  'versions',
  'connectionIdLength',
  'connectionIds',
  'shard',
  'handOver',
  'receiveBufferSize',
  'sendBufferSize',
  'reusePort',
  'interfaceInterval',
  'backend',
  'socket',
  'cryptoProvider',
  'onOtherDatagram',
  'environment',
];
