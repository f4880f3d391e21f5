/**
 * What a connection sees of TLS: bytes per level in, events out, and questions that are answered later.
 *
 * Types only. The engines behind it are made by `createTlsClient` and `createTlsServer`. They know no packet, no clock
 * and no socket, keep nothing of the bytes they are given but copies, and take all randomness from the configuration.
 */

import type { CryptoProvider, HashName, PrivateKey, RandomSource } from '../crypto/provider.ts';
import type { CipherSuite } from '../crypto/suites.ts';
import type { TlsAlert } from './alerts.ts';
import type { SessionTicket } from './authentication-codec.ts';
import type { Level } from './level.ts';
import type { TlsSession } from './session.ts';
import type { TicketSealer } from './ticket-keys.ts';

/**
 * One side of a handshake.
 *
 * `start`, `receive` and the `provide…` methods throw `TlsAlert` and nothing else; after that the engine is dead: bytes
 * and answers are ignored, events that were ready stay readable. Drain `nextEvent` after every call of these.
 */
export interface TlsEngine {
  /** Begins: a client makes its ClientHello, a server has nothing to do. */
  start(): void;

  /**
   * Handshake bytes of one level, in order, split anywhere. They are not needed after the call.
   *
   * While an answer is awaited, bytes are kept for later, up to 64 KiB.
   */
  receive(level: Level, bytes: Uint8Array): void;

  /** The next thing to do, in the order in which it is to be done; `null` when there is none. */
  nextEvent(): TlsEvent | null;

  /** Answers `client-hello`. `null` refuses: unrecognized_name if the client named a server, else handshake_failure. */
  provideIdentity(answer: ServerIdentity | null): void;

  /** Answers `verify`. `null` accepts; an alert ends the handshake and is thrown. */
  provideVerification(error: TlsAlert | null): void;

  /** Answers `sign`. `null` ends the handshake with internal_error. */
  provideSignature(signature: Uint8Array | null): void;

  /** Answers `early-data`: whether the 0-RTT packets are read. `false` goes on with a resumed handshake without them. */
  provideEarlyData(accept: boolean): void;

  /**
   * Server: makes the session tickets (RFC 8446 §4.6.1), once the handshake is complete. Asked for when something is sent
   * next, as a connection that is over by then needs none.
   */
  issueTickets(): void;

  /** Keying material for the application (RFC 8446 §7.5). Throws ERR_QUIC_INVALID_STATE before `complete`. */
  exporter(label: string, context: Uint8Array, length: number): Uint8Array;

  /** Whether both Finished messages have been exchanged (RFC 9001 §4.1.1). */
  readonly complete: boolean;
  /** The negotiated protocol, one character per byte. */
  readonly alpn: string | null;
  /** Client: as configured. Server: as the client sent it, in lower case. */
  readonly serverName: string | null;
  readonly suite: CipherSuite | null;
  /** NamedGroup code of the key agreement. */
  readonly group: number | null;
  /**
   * DER, leaf first; empty until the peer has proved that they are its own and verification accepted them. On a client
   * that resumed, those of the session.
   */
  readonly peerCertificates: readonly Uint8Array[];
  /** Client: the stapled OCSP response, DER, once `peerCertificates` are there; `null` without one. */
  readonly ocspResponse: Uint8Array | null;
  /** Whether a ticket replaced the certificates. */
  readonly resumed: boolean;
  /** Identity of the external key that replaced the certificates. */
  readonly pskIdentity: Uint8Array | null;
  /** Where 0-RTT stands. A server knows from the first hello on, a client `offered` until the server has answered. */
  readonly earlyData: EarlyDataState;
}

export type EarlyDataState = 'none' | 'offered' | 'accepted' | 'rejected';

export type TlsEvent =
  | { readonly type: 'send'; readonly level: Level; readonly bytes: Uint8Array }
  /**
   * `Level.EARLY` comes right after the ClientHello on a client that offers 0-RTT, with the suite of the session, and
   * before ServerHello on a server that accepts it.
   */
  | {
      readonly type: 'keys';
      readonly level: Level;
      readonly direction: 'send' | 'receive';
      readonly suite: CipherSuite;
      readonly secret: Uint8Array;
    }
  /** Not authenticated before `complete` (RFC 9001 §8.2). On a server it comes before `client-hello`. */
  | { readonly type: 'peer-transport-parameters'; readonly bytes: Uint8Array }
  /** A server waits for `provideIdentity`. */
  | { readonly type: 'client-hello'; readonly hello: ClientHelloInfo }
  /** Waits for `provideVerification`. The peer has already proved that it holds the key of the leaf. */
  | {
      readonly type: 'verify';
      /** Whose certificates these are. */
      readonly peer: 'client' | 'server';
      /** DER, leaf first, never empty. */
      readonly certificates: readonly Uint8Array[];
      /** The name a client wanted to reach; `null` on a server. */
      readonly serverName: string | null;
      readonly ocspResponse: Uint8Array | null;
    }
  /** Waits for `provideSignature`. */
  | { readonly type: 'sign'; readonly key: PrivateKey; readonly scheme: number; readonly content: Uint8Array }
  | { readonly type: 'complete' }
  /** A server that could take 0-RTT waits for `provideEarlyData`. */
  | ({ readonly type: 'early-data' } & EarlyDataOffer)
  /**
   * Once on either side, if 0-RTT was offered. After `accepted: false` a client's 0-RTT packets count as never sent
   * (RFC 9001 §4.6.2). On a client it comes before the server's transport parameters.
   */
  | { readonly type: 'early-data-result'; readonly accepted: boolean }
  /**
   * A client got a ticket; `secret` is the pre-shared key that goes with it. `session` is what to keep, by
   * `encodeSession`; `null` without a wall time or for a ticket that is not to be kept.
   */
  | {
      readonly type: 'ticket';
      readonly ticket: SessionTicket;
      readonly secret: Uint8Array;
      readonly session: TlsSession | null;
    }
  /** One line of an NSS key log. */
  | { readonly type: 'keylog'; readonly line: string };

/**
 * 0-RTT that may be accepted: the ticket is ours and fresh, its binder is right, and protocol, suite and name are those of
 * the session. What is left to find out is whether the hello came before, and whether what the session was promised still
 * holds (RFC 8446 §8, RFC 9001 §4.6.2).
 */
export interface EarlyDataOffer {
  /** Different for each hello that a client makes, the same in its copies: the binder. */
  readonly helloId: Uint8Array;
  /** The ticket as the client sent it, for servers that take each one once. */
  readonly ticket: Uint8Array;
  /** What `ServerIdentity.ticketData` was when the ticket was made. */
  readonly ticketData: Uint8Array;
  /** Milliseconds by which the server and the client disagree about the age of the ticket; copies come with a higher one. */
  readonly ageError: number;
  /** Milliseconds by which `ageError` may be off to either side; a copy that is later never gets here. */
  readonly window: number;
}

/** A key that both sides were given by other means (RFC 8446 §2.2). */
export interface ExternalPsk {
  /** 1 to 65535 bytes; travels in the clear. */
  readonly identity: Uint8Array;
  readonly secret: Uint8Array;
  /** The hash the key is for; only suites with it can be used. Default: sha256. */
  readonly hash?: HashName;
}

/** What a server can choose its identity by. */
export interface ClientHelloInfo {
  /** In lower case; `null` if the client named none. */
  readonly serverName: string | null;
  /** One character per byte, in the client's order. */
  readonly alpn: readonly string[];
  /** Code points in the client's order, unknown ones and GREASE included; so for groups and schemes. */
  readonly cipherSuites: readonly number[];
  readonly groups: readonly number[];
  readonly signatureSchemes: readonly number[];
  /** Whether the client asks for an OCSP response. */
  readonly ocsp: boolean;
}

/** A chain and the key of its leaf. */
export interface CertificateIdentity {
  /** DER, leaf first. */
  readonly certificates: readonly Uint8Array[];
  readonly key: PrivateKey;
}

export interface TlsClientConfig {
  readonly provider: CryptoProvider;
  readonly random: RandomSource;
  /** Sent as SNI unless it is a literal address, and handed to `verify` in any case. */
  readonly serverName: string | null;
  /** Offered protocols; if there are any, the server has to select one. One character per byte. */
  readonly alpn: readonly string[];
  /** Encoded; not looked into. */
  readonly transportParameters: Uint8Array;
  /** In order of preference. Default: 0x1301, 0x1302, 0x1303. */
  readonly cipherSuites?: readonly number[];
  /** In order of preference; a share is sent of the first. Default: X25519, P-256, P-384. */
  readonly groups?: readonly number[];
  /** Default: everything in the table of schemes. */
  readonly signatureSchemes?: readonly number[];
  /** Sent if the server asks for a certificate; an empty one is sent without it. */
  readonly identity?: CertificateIdentity;
  /** `false` leaves the `verify` event out; the signature of CertificateVerify is checked in any case. */
  readonly verifyPeer: boolean;
  /** Asks for a stapled OCSP response. Default: false. */
  readonly requestOcsp?: boolean;
  /** Tells the server that tickets are welcome. Default: whether there is a `wallTime`. */
  readonly requestTickets?: boolean;
  /** Milliseconds since 1970. Without it there are no sessions: neither kept nor resumed. */
  readonly wallTime?: () => number;
  /** Resumed if it fits: not expired, the same server name, a suite that is offered. Else it is not offered. */
  readonly session?: TlsSession;
  /** Offers 0-RTT if the session allows it and its protocol is offered. Default: false. */
  readonly earlyData?: boolean;
  /** External keys to offer, preferred first, after the session. */
  readonly psks?: readonly ExternalPsk[];
  /** Use of a PSK without (EC)DHE, which gives up forward secrecy. Default: `never`. */
  readonly plainPsk?: 'never' | 'allow' | 'only';
  /** Certificate compression algorithms, preferred first, for both directions: 1 zlib, 2 brotli. Default: none. */
  readonly certificateCompression?: readonly number[];
  /** `false` leaves `keylog` events out. Default: true. */
  readonly keyLog?: boolean;
}

export interface TlsServerConfig {
  readonly provider: CryptoProvider;
  readonly random: RandomSource;
  /** In order of preference. Default: 0x1301, 0x1302, 0x1303. */
  readonly cipherSuites?: readonly number[];
  /** `false` follows the client's order. Default: true. */
  readonly preferServerCipherOrder?: boolean;
  /**
   * In order of preference; one that the client sent a share of wins. Default: X25519, P-256, P-384, and last
   * X25519MLKEM768 where the provider has it.
   */
  readonly groups?: readonly number[];
  /** Makes and opens tickets. Without it, or without `wallTime`, there are none. */
  readonly tickets?: TicketSealer;
  /** Milliseconds since 1970. */
  readonly wallTime?: () => number;
  /** Seconds, at most 604800. Default: 86400. */
  readonly ticketLifetime?: number;
  /** Tickets per handshake. Default: 2. */
  readonly ticketCount?: number;
  /** Milliseconds by which the age of a ticket may be off for 0-RTT (RFC 8446 §8.3). Default: 10000. */
  readonly earlyDataWindow?: number;
  /** Takes a PSK without (EC)DHE from a client that wants no other, which gives up forward secrecy. Default: false. */
  readonly plainPsk?: boolean;
  /** Certificate compression algorithms, preferred first, for both directions: 1 zlib, 2 brotli. Default: none. */
  readonly certificateCompression?: readonly number[];
  /** What client certificates may be signed with. Default: everything in the table of schemes. */
  readonly signatureSchemes?: readonly number[];
  /** `false` leaves `keylog` events out. Default: true. */
  readonly keyLog?: boolean;
}

/** The server that a client reached, chosen by its hello. */
export interface ServerIdentity {
  /** DER, leaf first. Empty: only clients with a PSK get in. */
  readonly certificates: readonly Uint8Array[];
  /** Of the leaf; `null` without certificates. */
  readonly key: PrivateKey | null;
  /** In order of preference. Empty: no protocol is negotiated. */
  readonly alpn: readonly string[];
  /**
   * `require` refuses a client without one: certificate_required. Unless it is `none`, tickets are neither issued nor
   * taken, so that certificates are verified each time; an external PSK stands for a certificate.
   */
  readonly clientCertificate: 'none' | 'request' | 'require';
  /** The external key of an identity, or `null`. See `pskTable` for a fixed set. */
  readonly psk?: (identity: Uint8Array) => ExternalPsk | null;
  /** Issues tickets for 0-RTT and asks `early-data` when it is offered. Default: false, which rejects it. */
  readonly earlyData?: boolean;
  /** Sealed into tickets and handed back with `early-data`. */
  readonly ticketData?: Uint8Array;
  /** Whether a ticket with these `ticketData` may be used; one that may not is as good as unknown. Default: any. */
  readonly ticketFits?: (ticketData: Uint8Array) => boolean;
  /** Encoded; goes into EncryptedExtensions. */
  readonly transportParameters: Uint8Array;
  /** DER; sent if the client asks for one. */
  readonly ocspResponse?: Uint8Array;
  /** Replaces the configured list for this server. */
  readonly cipherSuites?: readonly number[];
  /** Replaces the configured list for this server. */
  readonly groups?: readonly number[];
}
