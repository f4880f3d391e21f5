// The public sans-IO connection (`quayside/core`): quiche's `Connection` in camelCase. Checks arguments, keeps quiche's
// edge cases, and leaves the work to the coordinator in connection.ts. Streams, paths and numbers have files of their own.

import { invalidArgType, outOfRange, type QuicError, quicError, TransportErrorCode } from '../errors.ts';
import { pskTable } from '../tls/psk-selection.ts';
import type { TlsSession } from '../tls/session.ts';
import { NO_TRACE } from '../trace/trace.ts';
import type { SocketAddress } from '../util/address.ts';
import { copyBytes, toHex } from '../util/bytes.ts';
import { PacketHeader, PacketType, readHeader } from '../wire/header.ts';
import { ConnectionLogs, type LogTarget } from './api-logs.ts';
import { checkAddress, checkId } from './api-paths.ts';
import { type CorePathStats, type CoreStats, pathStatsOf, statsOf } from './api-stats.ts';
import type { CloseReason } from './closer.ts';
import type { ConnectionConfig, ServerAnswer } from './config.ts';
import { ConnectionCore } from './connection.ts';
import type { ConnectionStart, ReceiveInfo, SendInfo } from './connection-io.ts';
import { ConnectionCounters } from './counters.ts';
import type { ConnectionEvent } from './events.ts';
import { CoreConfig, type CoreOptions } from './parse-config.ts';
import { noteFlight } from './write-limit.ts';

/** What both roles begin with. `now` is monotonic, in fractional milliseconds, as everywhere. */
export interface StartOptions {
  /** The id that the peer shall use, 0 to 20 bytes. It must not be guessable from the ids of other connections. */
  readonly scid: Uint8Array;
  readonly local: SocketAddress;
  readonly peer: SocketAddress;
  readonly config: CoreConfig | CoreOptions;
  readonly now: number;
}

export interface ConnectOptions extends StartOptions {
  /** Name of the server, for SNI and for the 'verify' event. */
  readonly serverName?: string | null;
  /** The first destination id, 8 to 20 bytes. Default random. */
  readonly dcid?: Uint8Array;
  /** A token from a 'new-token' event of an earlier connection of this version (RFC 9000 §8.1.3, RFC 9369 §5). */
  readonly token?: Uint8Array;
  /** The session of an earlier connection; see `setSession`. */
  readonly session?: Uint8Array;
}

export interface AcceptOptions extends StartOptions {
  /**
   * The destination id of the client's first Initial, when the client followed a Retry whose source id is `scid`. The
   * client's address counts as validated then.
   */
  readonly odcid?: Uint8Array;
  /** The same for a Retry with a source id other than `scid`. */
  readonly retry?: { readonly odcid: Uint8Array; readonly scid: Uint8Array };
}

/**
 * One QUIC connection that opens no socket and no timer. Give it datagrams by `recv`, take datagrams from `send` until
 * it is null, and call `onTimeout` at `timeoutAt()`. Call `send` until null after each of those and after anything that
 * was written, read or shut down.
 *
 * `null` is quiche's "Done" where a value is due, `false` where none is. Everything throws `QuicError` alone, but
 * arguments of a wrong type, which are `TypeError` or `RangeError`.
 */
export class Connection extends ConnectionLogs {
  readonly isServer: boolean;
  /** The first source id in hex. */
  readonly traceId: string;
  protected core: ConnectionCore;
  readonly #counters: ConnectionCounters;
  readonly #config: ConnectionConfig;
  readonly #createdAt: number;
  /** A server's; null once a first datagram has told who the client is. */
  #start: ConnectionStart | null = null;
  #closeSent = false;
  readonly #restart: (session: TlsSession) => ConnectionCore;

  private constructor(config: ConnectionConfig, start: ConnectionStart, now: number) {
    super();
    this.isServer = start.isServer;
    this.traceId = toHex(start.localId);
    this.#createdAt = now;
    this.#counters = new ConnectionCounters();
    this.#config = { ...config, trace: this.#counters.trace(config.trace) };
    this.core = new ConnectionCore(this.#config, start, now);
    this.#counters.bytesRetransmitted = () => this.core.streams.stats.bytesRetransmitted;
    this.#note(now);
    if (start.isServer) this.#start = start;
    this.#restart = (session) => {
      const sessions = { ...this.#config.sessions, session };
      return new ConnectionCore({ ...this.#config, sessions }, start, now);
    };
  }

  /** Begins a connection as a client. The first `send` gives its Initial. Throws ERR_QUIC_INVALID_DCID for a short `dcid`. */
  static connect(options: ConnectOptions): Connection {
    const config = parsed(options);
    const { serverName = null, token } = options;
    if (serverName !== null && typeof serverName !== 'string') {
      throw invalidArgType('serverName', 'of type string', serverName);
    }
    const remoteId = options.dcid ?? randomId(config, FIRST_DCID_LENGTH);
    checkId('dcid', remoteId);
    // RFC 9000 §7.2: servers may rely on the entropy of at least 8 bytes.
    if (remoteId.length < MIN_FIRST_DCID_LENGTH) throw quicError('ERR_QUIC_INVALID_DCID');
    const connection = new Connection(
      connectionConfig(config, {
        alpn: config.alpn,
        serverName,
        verifyPeer: config.verifyPeer ?? true,
        requestOcsp: config.requestOcsp,
        identity: config.identity,
        token: token === undefined ? undefined : copyBytes(token),
      }),
      { ...startOf(options), isServer: false, remoteId: copyBytes(remoteId), addressValidated: true },
      options.now,
    );
    if (options.session !== undefined) connection.setSession(options.session);
    return connection;
  }

  /**
   * Begins a connection as a server, for an Initial that no connection has. Give that datagram to `recv`: it tells the
   * client's ids.
   */
  static accept(options: AcceptOptions): Connection {
    const config = parsed(options);
    const { odcid } = options;
    const retry = odcid === undefined ? options.retry : { odcid, scid: options.scid };
    if (retry !== undefined) {
      checkId('odcid', retry.odcid);
      checkId('retry.scid', retry.scid);
    }
    return new Connection(
      connectionConfig(config, { answer: answerOf(config) }),
      {
        ...startOf(options),
        isServer: true,
        remoteId: randomId(config, FIRST_DCID_LENGTH),
        originalDestinationId:
          retry === undefined ? randomId(config, FIRST_DCID_LENGTH) : copyBytes(retry.odcid),
        retrySourceId: retry === undefined ? null : copyBytes(retry.scid),
        addressValidated: retry !== undefined,
        resetToken: config.statelessResetToken,
      },
      options.now,
    );
  }

  // ---- packets and time ----

  /**
   * Takes one UDP payload with all its packets and may overwrite it; does not keep it. Returns its length: what cannot
   * be read or is not authentic is skipped, and counted as taken. Datagrams from addresses that a client does not know
   * are ignored, and so is everything once the connection ends.
   *
   * Throws the `QuicError` with which a violation of the peer has just closed the connection; ERR_QUIC_BUFFER_TOO_SHORT for
   * an empty datagram; and on a server, when the very first datagram is no good: ERR_QUIC_INVALID_PACKET or
   * ERR_QUIC_UNKNOWN_VERSION, and the connection is closed.
   */
  recv(datagram: Uint8Array, info: ReceiveInfo, now: number): number {
    if (!(datagram instanceof Uint8Array)) {
      throw invalidArgType('datagram', 'an instance of Uint8Array', datagram);
    }
    if (typeof info?.from?.address !== 'string' || typeof info.to?.address !== 'string') {
      throw invalidArgType('info', 'an object with the addresses from and to', info);
    }
    checkNow(now);
    const { length } = datagram;
    if (length > 0 && this.core.state.isOpen) this.#counters.bytesReceived += length;
    const isFirst = this.#start !== null && length > 0 && this.core.state.isOpen;
    if (this.#start !== null && isFirst) this.#begin(this.#start, datagram, now);
    try {
      this.core.recv(datagram, info, now);
    } finally {
      this.#note(now);
    }
    if (isFirst && this.#counters.packetsReceived === 0) throw this.#refuse('ERR_QUIC_INVALID_PACKET', now);
    return length;
  }

  /**
   * Fills `out`, of at least 1200 bytes, with the next datagram, or with up to `maxSegments` (default 1) of equal size
   * for one destination, of which only the last may be shorter. Says where they go, and when they should leave (pacing).
   * Null when there is nothing to send now. Throws ERR_QUIC_BUFFER_TOO_SHORT.
   */
  send(out: Uint8Array, now: number, options: SendOptions = {}): SendInfo | null {
    checkNow(now);
    const { maxSegments = 1 } = options;
    if (!(Number.isInteger(maxSegments) && maxSegments >= 1)) {
      throw outOfRange('maxSegments', 'an integer >= 1', maxSegments);
    }
    return this.#sent(this.core.send(out, now, maxSegments), now);
  }

  /**
   * As `send`, but only on paths with this local and this peer's address; null stands for any. Throws
   * ERR_QUIC_INVALID_STATE if both are given and there is no path between them.
   */
  sendOnPath(
    out: Uint8Array,
    from: SocketAddress | null,
    to: SocketAddress | null,
    now: number,
  ): SendInfo | null {
    checkNow(now);
    if (from !== null && to !== null) this.pathBetween(from, to);
    return this.#sent(this.core.send(out, now, 1, from, to), now);
  }

  /** When `onTimeout` is due, as `now`; null for never. To be asked again after every other call. */
  timeoutAt(): number | null {
    return this.core.timeoutAt();
  }

  /** Milliseconds until `onTimeout` is due, 0 if it is; null for never. */
  timeout(now: number): number | null {
    return this.core.timeout(now);
  }

  /** Does what is due: lost packets, probes, idle and draining timeouts, old keys. Too early, it does nothing. */
  onTimeout(now: number): void {
    checkNow(now);
    this.core.onTimeout(now);
    this.#note(now);
  }

  // ---- events and answers ----

  /** What happened, in order; null if nothing did. A handshake waits for answers to 'verify', 'client-hello' and 'sign'. */
  nextEvent(): ConnectionEvent | null {
    return this.core.nextEvent();
  }

  /** Answers 'client-hello': who the server is, or null, which refuses the name. Once; late answers are ignored. */
  answerClientHello(answer: ServerAnswer | null, now: number): void {
    this.core.answerClientHello(answer, now);
  }

  /** Answers 'verify': null accepts the peer; else the TLS alert for the peer and the error for this side. */
  answerVerification(refusal: { alert: number; error: QuicError } | null, now: number): void {
    this.core.answerVerification(refusal, now);
  }

  /** Answers 'sign'; null fails the handshake. */
  answerSignature(signature: Uint8Array | null, now: number): void {
    this.core.answerSignature(signature, now);
  }

  /** Starts a key update (RFC 9001 §6.1). False if the handshake is not confirmed or the last update is not over. */
  updateKeys(now: number): boolean {
    return this.core.updateKeys(now);
  }

  // ---- the end ----

  /**
   * Closes with a code of the application or of the transport (RFC 9000 §20). False if the connection is ending already.
   * What an application says before the handshake protects it becomes APPLICATION_ERROR without a reason. If no packet
   * ever came, the connection is closed at once; else CONNECTION_CLOSE goes out with the next `send`, and the connection
   * is closed three probe timeouts later.
   */
  close(isApplication: boolean, errorCode: number | bigint, reason: string, now: number): boolean {
    checkClose(errorCode, reason);
    checkNow(now);
    const { core } = this;
    if (!core.state.isOpen) return false;
    if (isApplication && !this.isEstablished && !this.isInEarlyData) {
      core.close(false, TransportErrorCode.APPLICATION_ERROR, '', now);
    } else core.close(isApplication, errorCode, reason, now);
    if (this.#counters.packetsReceived === 0) core.closer.finish();
    return true;
  }

  /** The TLS handshake is complete; stays true until closed. */
  get isEstablished(): boolean {
    return this.core.handshake.isComplete;
  }

  /**
   * CONNECTION_CLOSE was sent or received, or a stateless reset came: no more data. A `send` gives null from now on,
   * unless the peer goes on sending and has to be told again (RFC 9000 §10.2.1). Go on with `onTimeout` until closed.
   */
  get isDraining(): boolean {
    const { value } = this.core.state;
    return value === 'draining' || (value === 'closing' && this.#closeSent);
  }

  /** It is over: nothing changes any more. */
  get isClosed(): boolean {
    return this.core.state.value === 'closed';
  }

  /** It was closed by the idle timeout, or by that of the handshake. */
  get isTimedOut(): boolean {
    return this.core.closer.isTimedOut;
  }

  /** What the peer's CONNECTION_CLOSE said; null without one. */
  get peerError(): CloseReason | null {
    return this.core.closer.remote;
  }

  /** What our CONNECTION_CLOSE says; null without one. */
  get localError(): CloseReason | null {
    return this.core.closer.local;
  }

  // ---- information ----

  /** Numbers since the beginning; they stay after the end. */
  stats(): CoreStats {
    return statsOf(this.core, this.#counters);
  }

  /** The same for each path. */
  pathStats(): CorePathStats[] {
    return pathStatsOf(this.core);
  }

  // ---- inside ----

  /** Makes the core for the client that a first datagram tells of; its errors close the connection. */
  #begin(start: ConnectionStart, datagram: Uint8Array, now: number): void {
    if (!readHeader(datagram, 0, datagram.length, start.localId.length, HEADER)) {
      throw this.#refuse('ERR_QUIC_INVALID_PACKET', now);
    }
    const { type, version, dcidStart, dcidLength, scidStart, scidLength } = HEADER;
    const versions = this.#config.versions ?? [this.#config.version];
    const isUnknown = type === PacketType.INITIAL ? !versions.includes(version) : type < 0;
    if (isUnknown) throw this.#refuse('ERR_QUIC_UNKNOWN_VERSION', now);
    if (type !== PacketType.INITIAL) throw this.#refuse('ERR_QUIC_INVALID_PACKET', now);
    const destinationId = copyBytes(datagram, dcidStart, dcidStart + dcidLength);
    const isRetried = start.retrySourceId !== null;
    if (!isRetried && dcidLength < MIN_FIRST_DCID_LENGTH) throw this.#refuse('ERR_QUIC_INVALID_PACKET', now);
    this.#start = null;
    this.core = new ConnectionCore(
      { ...this.#config, version },
      {
        ...start,
        remoteId: copyBytes(datagram, scidStart, scidStart + scidLength),
        originalDestinationId: isRetried ? start.originalDestinationId : destinationId,
      },
      now,
    );
  }

  protected get logTarget(): LogTarget {
    // A server begins with the first datagram.
    return { counters: this.#counters, begunAt: this.#start === null ? this.#createdAt : null };
  }

  protected restart(session: TlsSession): boolean {
    const { packetsSent, packetsReceived } = this.#counters;
    if (this.isServer || packetsSent + packetsReceived > 0 || !this.core.state.isOpen) return false;
    this.core = this.#restart(session);
    this.#note(this.#createdAt);
    return true;
  }

  /** A first datagram was no good: nobody is there to be told. */
  #refuse(code: 'ERR_QUIC_INVALID_PACKET' | 'ERR_QUIC_UNKNOWN_VERSION', now: number): QuicError {
    const error = quicError(code);
    this.core.close(false, error.errorCode, '', now);
    if (!this.isClosed) this.core.closer.finish();
    return error;
  }

  /** After each call that can bring bytes into flight or take them out of it. */
  #note(now: number): void {
    noteFlight(this.core, this.#counters, now);
  }

  #sent(info: SendInfo | null, now: number): SendInfo | null {
    this.#note(now);
    if (info === null) {
      const { state, recovery, hasPending } = this.core;
      if (state.isOpen && hasPending && recovery.antiAmplificationBlocked) {
        this.#counters.amplificationLimited++;
      }
      return null;
    }
    this.#counters.bytesSent += info.length;
    if (this.core.state.value === 'closing') this.#closeSent = true;
    return info;
  }
}

export interface SendOptions {
  /** Datagrams that `out` may be filled with. Default 1. */
  readonly maxSegments?: number;
}

type ByRole = Pick<
  ConnectionConfig,
  'alpn' | 'serverName' | 'verifyPeer' | 'requestOcsp' | 'identity' | 'answer' | 'token'
>;

function connectionConfig(config: CoreConfig, changes: Partial<ByRole>): ConnectionConfig {
  const { provider, random, trace, transport, version, versions } = config;
  const { cipherSuites, groups, certificateCompression } = config;
  return {
    ...NO_ROLE,
    ...{ provider, random, transport, version, versions, cipherSuites, groups, certificateCompression },
    greaseQuicBit: config.greaseQuicBit,
    trace: trace ?? NO_TRACE,
    handshakeTimeout: config.handshakeTimeout,
    maxAmplificationFactor: config.maxAmplificationFactor,
    grease: config.grease,
    streamNotices: false,
    idSource: config.idSource,
    sessions: config.sessions,
    ...changes,
  };
}

/** The answer to every ClientHello, if there is an identity to give. */
function answerOf(config: CoreConfig): ServerAnswer | undefined {
  const { identity, alpn, requireClientCertificate, verifyPeer, sessions } = config;
  const psks = sessions?.psks;
  if (identity === undefined && psks === undefined) return undefined;
  const clientCertificate = requireClientCertificate ? 'require' : verifyPeer === true ? 'request' : 'none';
  return {
    identity: identity ?? null,
    alpn,
    clientCertificate,
    earlyData: sessions?.earlyData === true,
    ...(psks === undefined ? {} : { psk: pskTable(psks) }),
  };
}

function parsed({ config }: StartOptions): CoreConfig {
  return config instanceof CoreConfig ? config : new CoreConfig(config);
}

function startOf(options: StartOptions): Omit<ConnectionStart, 'isServer' | 'remoteId' | 'addressValidated'> {
  checkId('scid', options.scid);
  checkNow(options.now);
  return {
    local: checkAddress('local', options.local),
    remote: checkAddress('peer', options.peer),
    localId: copyBytes(options.scid),
    originalDestinationId: null,
    retrySourceId: null,
    resetToken: null,
  };
}

/** A time that is none would stand in every timer from then on. */
function checkNow(now: number): void {
  if (!Number.isFinite(now)) throw invalidArgType('now', 'a finite number', now);
}

function checkClose(errorCode: number | bigint, reason: string): void {
  if (typeof reason !== 'string') throw invalidArgType('reason', 'of type string', reason);
  if (typeof errorCode !== 'bigint' && typeof errorCode !== 'number') {
    throw invalidArgType('errorCode', 'of type number or bigint', errorCode);
  }
  const isWhole = typeof errorCode === 'bigint' || Number.isSafeInteger(errorCode);
  // RFC 9000 §16: the largest number that fits a varint.
  if (!isWhole || errorCode < 0 || errorCode >= 2n ** 62n) {
    throw outOfRange('errorCode', 'an integer >= 0 && < 2 ** 62', errorCode);
  }
}

function randomId(config: CoreConfig, length: number): Uint8Array {
  const id = new Uint8Array(length);
  config.random.fill(id);
  return id;
}

/** Values of the other role. */
const NO_ROLE: ByRole = {
  alpn: [],
  serverName: null,
  verifyPeer: false,
  requestOcsp: false,
  identity: undefined,
  answer: undefined,
  token: undefined,
};

const FIRST_DCID_LENGTH = 16;
const MIN_FIRST_DCID_LENGTH = 8;

/** Headers are looked at one at a time. */
const HEADER: PacketHeader = new PacketHeader();
