// The sans-IO connection: owns its parts and the order in which they run, nothing else. Bytes, time and randomness come
// in; bytes, deadlines and events go out (RFC 9000, RFC 9001, RFC 9002). New behaviour is a new part, not a branch here.

import { type QuicError, quicError } from '../errors.ts';
import { AckTracker } from '../recovery/ack-tracker.ts';
import { Recovery } from '../recovery/recovery.ts';
import type { SocketAddress } from '../util/address.ts';
import { Ring } from '../util/ring.ts';
import { PacketType } from '../wire/packet-type.ts';
import { DEFAULT_TRANSPORT_PARAMETERS, type TransportParameters } from '../wire/transport-parameters.ts';
import { AckFrequency } from './ack-frequency.ts';
import { Closer } from './closer.ts';
import {
  type ConnectionConfig,
  changedTransport,
  type ServerAnswer,
  type TransportConfig,
} from './config.ts';
import { type ConnectionStart, type ReceiveInfo, type SendInfo, sendInfo } from './connection-io.ts';
import { Control } from './control.ts';
import { Datagrams } from './datagrams.ts';
import { EarlyData } from './early-data.ts';
import { EarlyPackets } from './early-packets.ts';
import type { ConnectionEvent } from './events.ts';
import { failureOf } from './failure.ts';
import { FirstFlight, usableToken } from './first-flight.ts';
import { Handshake } from './handshake.ts';
import { Idle } from './idle.ts';
import { LocalIds } from './local-ids.ts';
import { Migration } from './migration.ts';
import { MtuDiscovery } from './mtu-discovery.ts';
import type { DatagramBuilder, HeaderContext } from './packet-builder.ts';
import { PacketNumbers } from './packet-numbers.ts';
import { PartBit, TokenKind } from './part.ts';
import type { ConnectionParts } from './parts.ts';
import { PathHost } from './path-host.ts';
import { Paths } from './paths.ts';
import { Receiver } from './receiver.ts';
import { RemoteIds } from './remote-ids.ts';
import { SentTokens } from './sent-tokens.ts';
import { PacketNumberSpace, Space } from './space.ts';
import { StateMachine } from './state.ts';
import { StreamDeadlines } from './stream-deadlines.ts';
import { BlockPool } from './streams/block-pool.ts';
import { Streams } from './streams/streams.ts';
import { nextDeadline, runTimers } from './timers.ts';
import { Transmitter } from './transmitter.ts';
import { firstVersion, VersionChoice } from './version-choice.ts';

export class ConnectionCore implements ConnectionParts {
  readonly isServer: boolean;
  readonly config: ConnectionConfig;
  transport: TransportConfig;
  readonly trace: ConnectionConfig['trace'];
  readonly state: StateMachine = new StateMachine();
  readonly spaces: readonly PacketNumberSpace[];
  readonly recovery: Recovery;
  readonly paths: Paths;
  readonly localIds: LocalIds;
  readonly remoteIds: RemoteIds;
  streams: Streams;
  readonly deadlines: StreamDeadlines = new StreamDeadlines(this);
  readonly datagrams: Datagrams = new Datagrams(this);
  handshake: Handshake;
  readonly firstFlight: FirstFlight;
  readonly control: Control;
  readonly closer: Closer;
  readonly idle: Idle;
  readonly mtu: MtuDiscovery;
  readonly ackFrequency: AckFrequency = new AckFrequency(this);
  readonly migration: Migration = new Migration(this);
  readonly numbers: PacketNumbers;
  readonly early: EarlyPackets = new EarlyPackets();
  readonly earlyData: EarlyData;
  readonly header: HeaderContext;
  readonly versions: VersionChoice;
  remoteParameters: TransportParameters = DEFAULT_TRANSPORT_PARAMETERS;
  peerMaxUdpPayload: number = DEFAULT_TRANSPORT_PARAMETERS.maxUdpPayloadSize;

  readonly #events: Ring<ConnectionEvent> = new Ring();
  readonly #receiver: Receiver;
  readonly #transmitter: Transmitter;
  readonly #tokens: SentTokens = new SentTokens(this);

  constructor(config: ConnectionConfig, start: ConnectionStart, now: number) {
    const { isServer } = start;
    this.isServer = isServer;
    this.config = config;
    this.transport = config.transport;
    this.trace = config.trace;
    const version = firstVersion(config);
    this.header = {
      version,
      original: version,
      localId: start.localId,
      token: usableToken(config.token),
      quicBit: null,
    };

    this.spaces = [0, 1, 2].map((index) => new PacketNumberSpace(index, this.#makeAckTracker(index)));
    const application = this.spaces[Space.APPLICATION] as PacketNumberSpace;
    const pending = (bit: number) => (value: boolean) => application.setPending(bit, value);
    const emit = (event: ConnectionEvent) => this.emit(event);
    this.localIds = new LocalIds(start.localId, config.idSource, emit, pending(PartBit.CONNECTION_IDS));
    this.remoteIds = new RemoteIds(
      start.remoteId,
      config.transport.activeConnectionIdLimit,
      emit,
      pending(PartBit.RETIREMENTS),
    );
    const pathHost = new PathHost(this);
    const isValidated = !isServer || start.addressValidated;
    const { handshakeId } = this.remoteIds;
    const first = pathHost.makePath(0, start.local, start.remote, handshakeId, isValidated, 0);
    first.state = 'validated';
    this.recovery = new Recovery(
      { role: isServer ? 'server' : 'client', path: first.recovery, unrepeatable: TokenKind.DATAGRAM },
      this.#tokens,
      this.trace,
    );
    this.numbers = new PacketNumbers(config.random, this.recovery);
    this.control = new Control(application);
    this.closer = new Closer(this);
    this.idle = new Idle(now, config.transport.maxIdleTimeout, config.handshakeTimeout);
    const { largestDatagram = Number.POSITIVE_INFINITY } = config;
    this.mtu = new MtuDiscovery(
      () => Math.min(this.transport.maxSendUdpPayloadSize, this.peerMaxUdpPayload, largestDatagram),
      () => this.transport.pmtudMaxProbes,
    );
    this.streams = this.#makeStreams();
    this.earlyData = new EarlyData(this);
    this.firstFlight = new FirstFlight(this, start.originalDestinationId ?? start.remoteId);
    this.paths = new Paths(pathHost, first);
    const keyId = start.retrySourceId ?? start.originalDestinationId ?? start.remoteId;
    this.versions = new VersionChoice(this, keyId);
    this.#receiver = new Receiver(this, start.retrySourceId ?? start.originalDestinationId);
    this.#transmitter = new Transmitter(this);
    this.handshake = new Handshake(this, {
      originalDestinationId: start.originalDestinationId,
      retrySourceId: start.retrySourceId,
      resetToken: start.resetToken,
    });
    this.versions.setInitialKeys();
    this.handshake.start(now);
  }

  // ---- input ----

  /**
   * Takes one UDP payload and may overwrite it. Returns its length: junk is skipped, not reported. Throws the
   * `QuicError` with which a fault of the peer closed the connection, and nothing else.
   */
  recv(bytes: Uint8Array, info: ReceiveInfo, now: number): number {
    if (bytes.length === 0)
      throw quicError('ERR_QUIC_BUFFER_TOO_SHORT', { message: 'The datagram is empty' });
    if (this.state.isOpen) {
      try {
        this.#receiver.receive(bytes, info.from, info.to, info.ecn ?? 0, now);
      } catch (error) {
        throw this.#fail(error, now);
      }
    } else if (this.state.value === 'closing') this.closer.onDatagramWhileClosing();
    return bytes.length;
  }

  /**
   * Fills `out` from its start with the next datagram, or with up to `maxSegments` of equal size for one destination.
   * Null when there is nothing to send now. Call until null after every input. `from` and `to` choose among the paths.
   * What is returned is `into`, or else a new object.
   */
  send(
    out: Uint8Array,
    now: number,
    maxSegments = 1,
    from: SocketAddress | null = null,
    to: SocketAddress | null = null,
    into: SendInfo = {} as SendInfo,
  ): SendInfo | null {
    if (out.length < 1200)
      throw quicError('ERR_QUIC_BUFFER_TOO_SHORT', { message: 'The buffer must hold 1200 bytes' });
    if (this.state.value === 'closing')
      return this.paths.active.isBetween(from, to) ? this.#sendClose(out, now, into) : null;
    if (!this.state.isOpen) return null;
    let length = 0;
    let segment = 0;
    this.paths.active.recovery.beginBatch(now);
    try {
      this.handshake.beforeSend(now);
      for (let count = 0; count < maxSegments; count++) {
        const end = segment === 0 ? out.length : Math.min(out.length, length + segment);
        if (segment > 0 && end - length < segment) break;
        const size = this.#transmitter.build(out, length, end, now, from, to);
        if (size === 0) break;
        length += size;
        if (segment === 0) segment = size;
        if (size < segment || this.#transmitter.path !== this.paths.active) break;
      }
    } catch (error) {
      this.#fail(error, now);
      return this.#sendClose(out, now, into);
    }
    if (length === 0) return null;
    const { path } = this.#transmitter;
    const { recovery } = path;
    return sendInfo(into, length, segment, path, recovery.ecn.mark, Math.max(now, recovery.releaseTime));
  }

  /** When `onTimeout` is due, as `now`; null for never. */
  timeoutAt(): number | null {
    if (this.state.value === 'closed') return null;
    const at = this.state.isOpen ? nextDeadline(this, this.#transmitter.pacedUntil) : this.closer.deadline;
    return at === Number.POSITIVE_INFINITY ? null : at;
  }

  /** Milliseconds until `onTimeout` is due, 0 if it is; null for never. */
  timeout(now: number): number | null {
    const at = this.timeoutAt();
    return at === null ? null : Math.max(0, at - now);
  }

  /** Does what is due. Too early, it does nothing. */
  onTimeout(now: number): void {
    if (this.state.isOpen) this.#guard(now, () => runTimers(this, now));
    else if (now >= this.closer.deadline) this.closer.finish();
  }

  // ---- answers and commands ----

  answerClientHello(answer: ServerAnswer | null, now: number): void {
    if (this.state.isOpen) this.#guard(now, () => this.handshake.answerClientHello(answer, now));
  }

  answerVerification(refusal: { alert: number; error: QuicError } | null, now: number): void {
    if (this.state.isOpen) this.#guard(now, () => this.handshake.answerVerification(refusal, now));
  }

  answerEarlyData(accept: boolean, now: number): void {
    if (this.state.isOpen) this.#guard(now, () => this.handshake.answerEarlyData(accept, now));
  }

  answerSignature(signature: Uint8Array | null, now: number): void {
    if (this.state.isOpen) this.#guard(now, () => this.handshake.answerSignature(signature, now));
  }

  /** Ends the connection. False if it is ending already (quiche's `Done`). */
  close(isApplication: boolean, errorCode: number | bigint, reason: string, now: number): boolean {
    if (!this.state.isOpen) return false;
    const code = BigInt(errorCode);
    const error = quicError(isApplication ? 'ERR_QUIC_APPLICATION_ERROR' : 'ERR_QUIC_TRANSPORT_ERROR', {
      errorCode: code,
      reason,
      type: isApplication ? 'application' : 'transport',
    });
    this.closer.close({ isApplication, errorCode: code, reason }, 0, error, now, this.closingPeriod());
    return true;
  }

  /** Starts a key update (RFC 9001 §6.1). False if the last one is not over. */
  updateKeys(now: number): boolean {
    const phases = this.spaces[Space.APPLICATION]?.phases ?? null;
    if (!this.state.isOpen || !this.handshake.isConfirmed || !phases?.initiate()) return false;
    this.trace.keyUpdated(now, phases.generation, 'local');
    this.control.ping();
    return true;
  }

  get hasEvents(): boolean {
    return this.#events.length > 0;
  }

  nextEvent(): ConnectionEvent | null {
    return this.#events.shift() ?? null;
  }

  // ---- what parts ask for ----

  get hasPending(): boolean {
    for (const space of this.spaces) if (space.pending !== 0 && space.canSend) return true;
    return false;
  }

  emit(event: ConnectionEvent): void {
    this.#events.push(event);
  }

  applyTransport(changes: Partial<TransportConfig>): void {
    this.transport = changedTransport(this.transport, changes);
    this.streams = this.#makeStreams();
    this.streams.setPeerParameters(this.remoteParameters);
    (this.spaces[Space.APPLICATION] as PacketNumberSpace).acks.maxAckDelay = this.transport.maxAckDelay;
    this.paths.active.recovery.setOptions(this.transport);
    this.remoteIds.limit = this.transport.activeConnectionIdLimit;
    // The client's parameters came with the ClientHello that this answers.
    this.setRemoteParameters(this.remoteParameters);
  }

  setRemoteParameters(parameters: TransportParameters): void {
    this.remoteParameters = parameters;
    this.peerMaxUdpPayload = parameters.maxUdpPayloadSize;
    // RFC 9287 §3.1: only with a peer that says that it can take it.
    if (parameters.greaseQuicBit && this.config.greaseQuicBit) this.header.quicBit = this.config.random;
    this.recovery.maxAckDelay = parameters.maxAckDelay;
    this.localIds.setPeerLimit(parameters.activeConnectionIdLimit);
    this.streams.setPeerParameters(parameters);
    this.idle.configure(this.transport.maxIdleTimeout, parameters.maxIdleTimeout, this.transport.keepAlive);
    const { preferredAddress } = parameters;
    if (preferredAddress !== undefined && !this.isServer)
      this.remoteIds.addPreferred(preferredAddress.connectionId, preferredAddress.statelessResetToken);
    if (parameters.statelessResetToken !== undefined)
      this.remoteIds.setFirstResetToken(parameters.statelessResetToken);
  }

  onReceiveKeys(space: number): void {
    this.#receiver.expectEarly(space);
  }

  onComplete(now: number): void {
    this.state.to('established');
    this.earlyData.onComplete(now);
    this.idle.onHandshakeComplete();
    this.emit({ type: 'established' });
    this.localIds.keep(this.transport.issuedConnectionIds);
    if (!this.isServer) return;
    this.control.sendHandshakeDone();
    this.onConfirmed();
  }

  onConfirmed(): void {
    this.handshake.isConfirmed = true;
    this.recovery.setHandshakeConfirmed();
    this.discardSpace(Space.INITIAL);
    this.discardSpace(Space.HANDSHAKE);
    this.mtu.enable();
    this.emit({ type: 'confirmed' });
  }

  onRetry(sourceId: Uint8Array, token: Uint8Array): void {
    this.header.token = token;
    this.remoteIds.replaceFirst(sourceId);
    this.recovery.resetForRetry();
    this.versions.setInitialKeys(sourceId);
    this.spaces[Space.INITIAL]?.crypto.restart();
  }

  restart(now: number): void {
    this.recovery.resetForRetry();
    this.earlyData.onRestart();
    this.versions.setInitialKeys();
    this.spaces[Space.INITIAL]?.restartCrypto();
    this.handshake = new Handshake(this, {
      originalDestinationId: null,
      retrySourceId: null,
      resetToken: null,
    });
    this.handshake.start(now);
  }

  discardSpace(index: number): void {
    const space = this.spaces[index] as PacketNumberSpace;
    if (space.discarded) return;
    space.discard();
    this.recovery.discardSpace(index);
  }

  probeTimeout(): number {
    return this.recovery.ptoFor(this.paths.active.recovery, Space.APPLICATION);
  }

  closingPeriod(): number {
    return 3 * this.probeTimeout();
  }

  packetSent(builder: DatagramBuilder, i: number, size: number): void {
    const space = builder.spaces[i] as PacketNumberSpace;
    const number = builder.numbers[i] as number;
    const eliciting = builder.elicits[i] as boolean;
    this.#tokens.record(builder, i, size);
    space.nextPacketNumber = this.numbers.next(space, number);
    builder.path.packetsSent++;
    const type = space.isEarly ? PacketType.ZERO_RTT : (PACKET_TYPE_OF_SPACE[space.index] as number);
    this.trace.packetSent(builder.now, type, number, size);
    if (eliciting) this.idle.onSentEliciting(builder.now);
    // RFC 9001 §4.9.1: a client that sends in Handshake keys needs Initial keys no more.
    if (!this.isServer && space.index === Space.HANDSHAKE) this.discardSpace(Space.INITIAL);
    if (space.phases?.shouldUpdate) this.updateKeys(builder.now);
  }

  // ---- inside ----

  // Initial and Handshake packets are acknowledged at once (RFC 9000 §13.2.1).
  #makeAckTracker(space: number): AckTracker {
    return new AckTracker({ maxAckDelay: space === Space.APPLICATION ? this.transport.maxAckDelay : 0 });
  }

  #makeStreams(): Streams {
    const { transport, isServer, config } = this;
    const application = this.spaces[Space.APPLICATION] as PacketNumberSpace;
    return new Streams({
      role: isServer ? 'server' : 'client',
      local: transport,
      maxConnectionWindow: transport.maxConnectionWindow,
      maxStreamWindow: transport.maxStreamWindow,
      maxSendBuffer: transport.maxSendBuffer,
      pool: BLOCKS,
      notices: config.streamNotices,
      onPending: (bit, pending) => application.setPending(bit, pending),
    });
  }

  #sendClose(out: Uint8Array, now: number, into: SendInfo): SendInfo | null {
    if (!this.closer.pending) return null;
    const length = this.closer.build(out, 0, out.length, now);
    return length === 0 ? null : sendInfo(into, length, length, this.paths.active, 0, now);
  }

  #guard(now: number, step: () => void): void {
    try {
      step();
      this.#receiver.readEarly(now);
    } catch (error) {
      this.#fail(error, now);
    }
  }

  /** Closes for whatever was thrown, and gives the error to throw on. */
  #fail(thrown: unknown, now: number): QuicError {
    const { cause, frameType, error } = failureOf(thrown, this.handshake.refusal);
    if (this.state.isOpen) this.closer.close(cause, frameType, error, now, this.closingPeriod());
    return error;
  }
}

/** Free memory for stream data, shared by all connections. */
const BLOCKS = new BlockPool(4 * 1024 * 1024);

const PACKET_TYPE_OF_SPACE: readonly number[] = [
  PacketType.INITIAL,
  PacketType.HANDSHAKE,
  PacketType.ONE_RTT,
];
