// The complete configuration of one connection. Options are parsed once at the edge of each entry; in here every
// field has a value. Knows no sockets and no certificates' files.

import type { CryptoProvider, PrivateKey, RandomSource } from '../crypto/provider.ts';
import type { ExternalPsk } from '../tls/engine.ts';
import type { TlsSession } from '../tls/session.ts';
import type { TicketSealer } from '../tls/ticket-keys.ts';
import type { Trace } from '../trace/trace.ts';
import type { WireAddress } from '../wire/preferred-address.ts';

/** What a connection sends as its transport parameters, and limits of its own (quiche's `Config`). */
export interface TransportConfig {
  /** Milliseconds without a packet until a silent close; 0 = none (RFC 9000 §10.1). Default 0. */
  maxIdleTimeout: number;
  /** Largest UDP payload that we take, advertised. Default 65527. */
  maxRecvUdpPayloadSize: number;
  /** Largest UDP payload that we send, at least 1200. Default 1200. */
  maxSendUdpPayloadSize: number;
  /** Bytes the peer may send on the connection before credit is raised. Default 0. */
  initialMaxData: number;
  initialMaxStreamDataBidiLocal: number;
  initialMaxStreamDataBidiRemote: number;
  initialMaxStreamDataUni: number;
  /** Streams that the peer may have open at once. Default 0. */
  initialMaxStreamsBidi: number;
  initialMaxStreamsUni: number;
  /** Default 3, at most 20. */
  ackDelayExponent: number;
  /** Milliseconds; default 25. */
  maxAckDelay: number;
  /** ACK frequency (draft): honours the peer's requests, and asks it for fewer ACKs after slow start. Default true. */
  ackFrequency: boolean;
  /** Connection ids of the peer that we keep, at least 2. Default 2. */
  activeConnectionIdLimit: number;
  disableActiveMigration: boolean;
  /** A path to a new address of the client that no fresh id is left for is not opened (quiche). Default false. */
  disableDcidReuse: boolean;
  /** Probes of one datagram size before it is given up. Default 3. */
  pmtudMaxProbes: number;
  /** PATH_CHALLENGE frames that may wait for their answer on a path. Default 3. */
  pathChallengeRecvMaxQueueLen: number;
  /** Server: where clients shall go after the handshake (RFC 9000 §9.6); it must receive there. Default null. */
  preferredAddress: { readonly ipv4?: WireAddress; readonly ipv6?: WireAddress } | null;
  /** Client: goes to the server's preferred address of its own family, once that answers. Default true. */
  followPreferredAddress: boolean;
  /** Ceilings of the auto-tuned receive windows, bytes. Defaults 24 MiB and 16 MiB. */
  maxConnectionWindow: number;
  maxStreamWindow: number;
  /** Bytes that writes may queue, unsent and unacknowledged, on the connection. Default 16 MiB. */
  maxSendBuffer: number;
  /** 'cubic' (default), 'reno' or 'bbr'. */
  congestionControl: string;
  /** HyStart++ in the slow start of cubic and reno (RFC 9406). Default true. */
  hystart: boolean;
  /** Datagrams are marked as ECN-capable while the path shows that it carries marks. Default false. */
  ecn: boolean;
  /** 1-RTT packets show the round trip to those on the way, on 15 of 16 paths (RFC 9000 §17.4). Default false. */
  spinBit: boolean;
  /** Default 10 (RFC 9002 §7.2). */
  initialWindowPackets: number;
  pacing: boolean;
  /** Most that pacing lets go, bytes per second. Default Infinity. */
  maxPacingRate: number;
  /** RTT of a path before its first sample, milliseconds. Default 333 (RFC 9002 §6.2.2). */
  initialRtt: number;
  /** Writes are taken up to so many times the room of the congestion window. Default Infinity: only buffers limit them. */
  sendCapacityFactor: number;
  /** Milliseconds of silence after which a PING is sent; 0 = never. Default 0. */
  keepAlive: number;
  /** Connection ids that we keep issued to the peer, its limit permitting. Default 4. */
  issuedConnectionIds: number;
  /** Largest DATAGRAM frame that we take, advertised; 0 = none (RFC 9221 §3). Default 0. */
  maxDatagramFrameSize: number;
  /** Datagrams that may wait to be read and to be sent, and their bytes. Defaults 0. */
  datagramRecvQueueLen: number;
  datagramRecvQueueBytes: number;
  datagramSendQueueLen: number;
  datagramSendQueueBytes: number;
  /** Collect what became of datagrams for `nextNotice`; whoever sets it drains them. Default false. */
  datagramFates: boolean;
  /** Bytes of unknown transport parameters of the peer that are kept for the application. Default 0. */
  trackUnknownTransportParameters: number;
  /** Take RESET_STREAM_AT frames, advertised (draft-ietf-quic-reliable-stream-reset). Default false. */
  resetStreamAt: boolean;
}

export const DEFAULT_TRANSPORT_CONFIG: TransportConfig = {
  maxIdleTimeout: 0,
  maxRecvUdpPayloadSize: 65527,
  maxSendUdpPayloadSize: 1200,
  initialMaxData: 0,
  initialMaxStreamDataBidiLocal: 0,
  initialMaxStreamDataBidiRemote: 0,
  initialMaxStreamDataUni: 0,
  initialMaxStreamsBidi: 0,
  initialMaxStreamsUni: 0,
  ackDelayExponent: 3,
  maxAckDelay: 25,
  ackFrequency: true,
  activeConnectionIdLimit: 2,
  disableActiveMigration: false,
  disableDcidReuse: false,
  pmtudMaxProbes: 3,
  pathChallengeRecvMaxQueueLen: 3,
  preferredAddress: null,
  followPreferredAddress: true,
  maxConnectionWindow: 24 * 1024 * 1024,
  maxStreamWindow: 16 * 1024 * 1024,
  maxSendBuffer: 16 * 1024 * 1024,
  congestionControl: 'cubic',
  hystart: true,
  ecn: false,
  spinBit: false,
  initialWindowPackets: 10,
  pacing: true,
  maxPacingRate: Number.POSITIVE_INFINITY,
  initialRtt: 333,
  sendCapacityFactor: Number.POSITIVE_INFINITY,
  keepAlive: 0,
  issuedConnectionIds: 4,
  maxDatagramFrameSize: 0,
  datagramRecvQueueLen: 0,
  datagramRecvQueueBytes: 0,
  datagramSendQueueLen: 0,
  datagramSendQueueBytes: 0,
  datagramFates: false,
  trackUnknownTransportParameters: 0,
  resetStreamAt: false,
};

/** A certificate chain (DER, leaf first) with its key. */
export interface Identity {
  certificates: Uint8Array[];
  key: PrivateKey;
  /** A stapled OCSP response for clients that ask (RFC 6066 §8). */
  ocspResponse?: Uint8Array;
}

/** What a connection needs in order to resume others and to be resumed. */
export interface SessionConfig {
  /** Milliseconds since 1970. Without it nothing is resumed. */
  wallTime?: () => number;
  /** Client: to be resumed. */
  session?: TlsSession;
  /** Client: offers 0-RTT if the session allows it. Default false. */
  earlyData?: boolean;
  /** Use of a PSK without (EC)DHE. A server knows no 'only'. Default 'never'. */
  plainPsk?: 'never' | 'allow' | 'only';
  /** Client: external keys, preferred first. */
  psks?: readonly ExternalPsk[];
  /** Server: makes and opens tickets. Without it there are none. */
  tickets?: TicketSealer;
  /** Server: seconds that a ticket is good for, at most 604800. Default 86400. */
  ticketLifetime?: number;
}

/** A server's answer to a ClientHello: who it is, and what this connection may do. */
export interface ServerAnswer {
  /** Null: only clients with a PSK get in. */
  identity: Identity | null;
  /** In the server's order of preference. */
  alpn: readonly string[];
  clientCertificate: 'none' | 'request' | 'require';
  /** The external key of an identity, or null. */
  psk?: (identity: Uint8Array) => ExternalPsk | null;
  /** Tickets allow 0-RTT, and its offer is asked about by 'early-data'. Default false: it is rejected. */
  earlyData?: boolean;
  /** Replaces values of the connection's transport configuration. */
  transport?: Partial<TransportConfig>;
}

/** Makes connection ids and the reset tokens that go with them. */
export interface ConnectionIdSource {
  /** An id as long as the connection's first one: packets with short headers do not tell its length (RFC 9000 §17.3.1). */
  next(): { connectionId: Uint8Array; resetToken: Uint8Array };
}

/** What a connection is made with; what both roles share. */
export interface ConnectionConfig {
  provider: CryptoProvider;
  random: RandomSource;
  trace: Trace;
  transport: TransportConfig;
  /** QUIC version to start with. Default 1. */
  version: number;
  /** Versions that the connection may have, preferred first (RFC 9368). Default the first alone. */
  versions?: readonly number[] | undefined;
  /** Takes and, where the peer does too, sends packets with any fixed bit (RFC 9287). Default false. */
  greaseQuicBit?: boolean | undefined;
  /** TLS cipher suite and group codes, preferred first; default all. */
  cipherSuites: readonly number[] | undefined;
  groups: readonly number[] | undefined;
  /** Algorithms of RFC 8879 §7.3, preferred first, for both directions. Default none. */
  certificateCompression?: readonly number[] | undefined;
  /** Milliseconds that a handshake may take; 0 = no limit. */
  handshakeTimeout: number;
  /** Bytes sent per byte received before the peer's address is validated (RFC 9000 §8.1). Default 3. */
  maxAmplificationFactor: number;
  /** Largest datagram that leaves in one piece, whatever `transport` would try: sockets may have to. Default no limit. */
  largestDatagram?: number;
  /** Sends a reserved transport parameter and lists a reserved version (RFC 9000 §18.1, §15). Default true. */
  grease: boolean;
  /** Collect what happened to streams for `nextNotice`; whoever sets it drains them. */
  streamNotices: boolean;
  /** Issues spare connection ids by itself; without one the application calls `newSourceCid`. */
  idSource: ConnectionIdSource | undefined;
  alpn: readonly string[];
  /** Client: name for SNI and verification. */
  serverName: string | null;
  /** Client: the peer's certificate goes out for verification. Server: see {@link ServerAnswer}. Default true. */
  verifyPeer: boolean;
  /** Client: asks for a stapled OCSP response. */
  requestOcsp: boolean;
  /** Client: its certificate. Server: an answer to every ClientHello; without it each one is an event. */
  identity: Identity | undefined;
  answer: ServerAnswer | undefined;
  /** Client: a token from an earlier NEW_TOKEN frame (RFC 9000 §8.1.3). */
  token: Uint8Array | undefined;
  /** Resumption, tickets, 0-RTT and external keys. Default: none of them. */
  sessions?: SessionConfig | undefined;
}

/** The transport configuration with some values replaced. Kept: a server makes the same for each of its connections. */
export function changedTransport(base: TransportConfig, changes: Partial<TransportConfig>): TransportConfig {
  let byChanges = CHANGED.get(base);
  if (byChanges === undefined) {
    byChanges = new WeakMap();
    CHANGED.set(base, byChanges);
  }
  // Whether marks can be set is a matter of the sockets, which were known before.
  const known = byChanges.get(changes) ?? { ...base, ...changes, ecn: base.ecn || changes.ecn === true };
  byChanges.set(changes, known);
  return known;
}

const CHANGED = new WeakMap<TransportConfig, WeakMap<Partial<TransportConfig>, TransportConfig>>();
