// Joins the TLS engine to the packet number spaces: CRYPTO bytes in and out, keys, transport parameters, and questions
// that somebody outside answers (RFC 9001 §4, RFC 9000 §7). Knows no certificates.

import { PacketKeys } from '../crypto/packet-keys.ts';
import type { CipherSuite } from '../crypto/suites.ts';
import { CRYPTO_ERROR_BASE, QuicError, TransportError, TransportErrorCode } from '../errors.ts';
import { QuicRuleBroken, TlsAlert } from '../tls/alerts.ts';
import { createTlsClient } from '../tls/client.ts';
import type { TlsEngine, TlsEvent } from '../tls/engine.ts';
import { Level } from '../tls/level.ts';
import { createTlsServer } from '../tls/server.ts';
import { encodeSession } from '../tls/session.ts';
import { NO_TRACE } from '../trace/trace.ts';
import { equal } from '../util/bytes.ts';
import { FRAME } from '../wire/frame-table.ts';
import {
  DEFAULT_TRANSPORT_PARAMETERS,
  decodeTransportParameters,
  encodeTransportParameters,
  type TransportParameters,
} from '../wire/transport-parameters.ts';
import type { ServerAnswer } from './config.ts';
import { isForVersion } from './early-limits.ts';
import type { ConnectionParts } from './parts.ts';
import { type PacketNumberSpace, Space } from './space.ts';

/** Transport parameters that only the connection knows. */
export interface HandshakeIds {
  /** Server: the destination id of the client's first Initial. */
  originalDestinationId: Uint8Array | null;
  /** Server: the source id of the Retry that the client followed. */
  retrySourceId: Uint8Array | null;
  /** Server: the token for stateless resets to the first id. */
  resetToken: Uint8Array | null;
}

export class Handshake {
  readonly #parts: ConnectionParts;
  readonly #ids: HandshakeIds;
  readonly engine: TlsEngine;
  isComplete = false;
  isConfirmed = false;
  /** Client: the session that was given out last. */
  session: Uint8Array | null = null;
  /** As encoded for the peer; a server keeps them only for whoever traces it. */
  localParameters: TransportParameters | null = null;
  /** Why a certificate was refused, so that the application sees more than an alert. */
  #refusal: QuicError | null = null;
  #failed = false;
  #isTicketDue = false;

  constructor(parts: ConnectionParts, ids: HandshakeIds) {
    this.#parts = parts;
    this.#ids = ids;
    const { config } = parts;
    const { provider, random, cipherSuites, groups, certificateCompression, sessions } = config;
    const session = parts.versions.usable(sessions?.session);
    const shared = {
      provider,
      random,
      keyLog: parts.trace.keyLog !== NO_TRACE.keyLog,
      ...(cipherSuites === undefined ? {} : { cipherSuites }),
      ...(groups === undefined ? {} : { groups }),
      ...(certificateCompression === undefined ? {} : { certificateCompression }),
      ...(sessions?.wallTime === undefined ? {} : { wallTime: sessions.wallTime }),
    };
    this.engine = parts.isServer
      ? createTlsServer({
          ...shared,
          ...(sessions?.tickets === undefined ? {} : { tickets: sessions.tickets }),
          ...(sessions?.ticketLifetime === undefined ? {} : { ticketLifetime: sessions.ticketLifetime }),
          plainPsk: (sessions?.plainPsk ?? 'never') !== 'never',
        })
      : createTlsClient({
          ...shared,
          serverName: config.serverName,
          alpn: config.alpn,
          transportParameters: this.#encodeParameters(),
          verifyPeer: config.verifyPeer,
          requestOcsp: config.requestOcsp,
          ...(session === undefined ? {} : { session }),
          ...(sessions?.psks === undefined ? {} : { psks: sessions.psks }),
          earlyData: sessions?.earlyData === true,
          plainPsk: sessions?.plainPsk ?? 'never',
          ...(config.identity === undefined ? {} : { identity: config.identity }),
        });
  }

  start(now: number): void {
    this.#parts.trace.detail?.started(now, this.#parts);
    this.engine.start();
    this.#drain(now);
  }

  /** In-order bytes of a CRYPTO stream. */
  receive(space: number, bytes: Uint8Array, now: number): void {
    this.#run(now, () => this.engine.receive(LEVEL_OF_SPACE[space] as Level, bytes));
  }

  /** The answer to 'client-hello'; null refuses the name. */
  answerClientHello(answer: ServerAnswer | null, now: number): void {
    this.#run(now, () => {
      if (answer === null) return this.engine.provideIdentity(null);
      if (answer.transport !== undefined) this.#parts.applyTransport(answer.transport);
      const { identity, psk } = answer;
      this.engine.provideIdentity({
        certificates: identity?.certificates ?? [],
        key: identity?.key ?? null,
        alpn: answer.alpn,
        clientCertificate: answer.clientCertificate,
        transportParameters: this.#encodeParameters(),
        earlyData: answer.earlyData === true,
        ticketData: this.#parts.earlyData.ticketData,
        // RFC 9369 §5: a ticket is good for the version that its connection had, and for no other.
        ticketFits: (data) => isForVersion(data, this.#parts.header.original.version),
        ...(psk === undefined ? {} : { psk }),
        ...(identity?.ocspResponse === undefined ? {} : { ocspResponse: identity.ocspResponse }),
      });
    });
  }

  /** The answer to 'verify': null accepts. The alert number goes to the peer, the error to the application. */
  answerVerification(refusal: { alert: number; error: QuicError } | null, now: number): void {
    if (refusal !== null) this.#refusal = refusal.error;
    this.#run(now, () => {
      this.engine.provideVerification(
        refusal === null ? null : new TlsAlert(refusal.alert, refusal.error.message),
      );
    });
  }

  /** The answer to 'early-data'. */
  answerEarlyData(accept: boolean, now: number): void {
    if (this.engine.earlyData === 'offered') this.#run(now, () => this.engine.provideEarlyData(accept));
  }

  /** The answer to 'sign'; null fails the handshake. */
  answerSignature(signature: Uint8Array | null, now: number): void {
    this.#run(now, () => this.engine.provideSignature(signature));
  }

  /** Something is sent: what can wait for that is made now. */
  beforeSend(now: number): void {
    if (!this.#isTicketDue) return;
    this.#isTicketDue = false;
    this.#run(now, () => this.engine.issueTickets());
  }

  /** What to tell the application about a handshake that failed on this side. */
  get refusal(): QuicError | null {
    return this.#refusal;
  }

  /** RFC 9001 §4.1.3: no bytes of a lower level may be left when its keys are replaced. */
  checkNoLeftover(space: PacketNumberSpace): void {
    if (!space.crypto.hasGap) return;
    throw new TransportError(
      TransportErrorCode.PROTOCOL_VIOLATION,
      FRAME.CRYPTO,
      'handshake bytes left over',
    );
  }

  #run(now: number, step: () => void): void {
    if (this.#failed) return;
    try {
      step();
    } catch (error) {
      if (!(error instanceof TlsAlert)) throw error;
      this.#failed = true;
      // What is wrong with the peer's certificate has codes of its own.
      if (error.cause instanceof QuicError && error.cause.code === 'ERR_QUIC_CERTIFICATE_NOT_PROVED')
        this.#refusal = error.cause;
      // What the engine wrote before it failed is still due: a server's peer needs it to read the alert.
      const code =
        error instanceof QuicRuleBroken
          ? TransportErrorCode.PROTOCOL_VIOLATION
          : CRYPTO_ERROR_BASE + error.alert;
      throw new TransportError(code, FRAME.CRYPTO, error.reason);
    }
    this.#drain(now);
  }

  #drain(now: number): void {
    for (;;) {
      const event = this.engine.nextEvent();
      if (event === null) return;
      this.#on(event, now);
    }
  }

  #on(event: TlsEvent, now: number): void {
    const parts = this.#parts;
    switch (event.type) {
      case 'send':
        this.#space(event.level).crypto.push(event.bytes);
        return;
      case 'keys':
        this.#install(event.level, event.direction, event.suite, event.secret, now);
        return;
      case 'peer-transport-parameters': {
        const parameters = this.#checkParameters(event.bytes);
        parts.earlyData.checkLimits(parameters);
        parts.setRemoteParameters(parameters);
        parts.trace.detail?.parametersReceived(now, parameters);
        parts.versions.onPeerInformation(parameters.versionInformation);
        return;
      }
      case 'client-hello': {
        const { answer } = parts.config;
        if (answer !== undefined) this.answerClientHello(answer, now);
        else parts.emit({ type: 'client-hello', hello: event.hello });
        return;
      }
      case 'verify':
        parts.emit({
          type: 'verify',
          certificates: event.certificates,
          serverName: event.serverName,
          ocspResponse: event.ocspResponse,
        });
        return;
      case 'sign':
        if (event.key.isExternal) parts.emit(event);
        else this.answerSignature(parts.config.provider.sign(event.key, event.scheme, event.content), now);
        return;
      case 'complete':
        this.isComplete = true;
        this.#isTicketDue = parts.isServer;
        parts.onComplete(now);
        return;
      case 'keylog':
        parts.trace.keyLog(event.line);
        return;
      case 'ticket':
        if (event.session === null) return;
        this.session = encodeSession(event.session);
        parts.emit({ type: 'session', session: this.session });
        return;
      case 'early-data':
        parts.earlyData.onOffer(event, now);
        return;
      case 'early-data-result':
        parts.earlyData.onResult(event.accepted);
        return;
    }
  }

  #install(
    level: Level,
    direction: 'send' | 'receive',
    suite: CipherSuite,
    secret: Uint8Array,
    _now: number,
  ): void {
    const parts = this.#parts;
    if (level === Level.EARLY) {
      parts.earlyData.install(
        PacketKeys.fromSecret(parts.config.provider, parts.header.original, suite, secret),
      );
      return;
    }
    const space = this.#space(level);
    if (level === Level.HANDSHAKE) {
      parts.recovery.setHandshakeKeysAvailable();
      parts.versions.onHandshakeKeys();
    }
    const keys = PacketKeys.fromSecret(parts.config.provider, parts.header.version, suite, secret);
    if (direction === 'send') space.setSendKeys(keys);
    else {
      if (level === Level.HANDSHAKE) this.checkNoLeftover(parts.spaces[Space.INITIAL] as PacketNumberSpace);
      if (level === Level.APPLICATION)
        this.checkNoLeftover(parts.spaces[Space.HANDSHAKE] as PacketNumberSpace);
      space.setReceiveKeys(keys);
      parts.onReceiveKeys(space.index);
    }
  }

  #space(level: Level): PacketNumberSpace {
    return this.#parts.spaces[SPACE_OF_LEVEL[level] as number] as PacketNumberSpace;
  }

  #encodeParameters(): Uint8Array {
    const { transport, localIds, config, isServer, versions } = this.#parts;
    const versionInformation = versions.information;
    const { minAckDelay } = this.#parts.ackFrequency;
    const { originalDestinationId, retrySourceId, resetToken } = this.#ids;
    const parameters: TransportParameters = {
      ...DEFAULT_TRANSPORT_PARAMETERS,
      maxIdleTimeout: transport.maxIdleTimeout,
      maxUdpPayloadSize: transport.maxRecvUdpPayloadSize,
      initialMaxData: transport.initialMaxData,
      initialMaxStreamDataBidiLocal: transport.initialMaxStreamDataBidiLocal,
      initialMaxStreamDataBidiRemote: transport.initialMaxStreamDataBidiRemote,
      initialMaxStreamDataUni: transport.initialMaxStreamDataUni,
      initialMaxStreamsBidi: transport.initialMaxStreamsBidi,
      initialMaxStreamsUni: transport.initialMaxStreamsUni,
      ackDelayExponent: transport.ackDelayExponent,
      maxAckDelay: transport.maxAckDelay,
      disableActiveMigration: transport.disableActiveMigration,
      activeConnectionIdLimit: transport.activeConnectionIdLimit,
      maxDatagramFrameSize: transport.maxDatagramFrameSize,
      initialSourceConnectionId: localIds.current,
      greaseQuicBit: config.greaseQuicBit === true,
      resetStreamAt: transport.resetStreamAt,
      ...(minAckDelay === undefined ? {} : { minAckDelay }),
      ...(versionInformation === undefined ? {} : { versionInformation }),
    };
    if (isServer) {
      if (originalDestinationId !== null) parameters.originalDestinationConnectionId = originalDestinationId;
      if (retrySourceId !== null) parameters.retrySourceConnectionId = retrySourceId;
      if (resetToken !== null) parameters.statelessResetToken = resetToken;
      const { ipv4, ipv6 } = transport.preferredAddress ?? {};
      const id = ipv4 || ipv6 ? localIds.issuePreferred(config.random) : null;
      if (id !== null) {
        const { connectionId, resetToken: statelessResetToken } = id;
        const addresses = { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
        parameters.preferredAddress = { ...addresses, connectionId, statelessResetToken };
      }
    }
    if (!isServer || this.#parts.trace.detail) this.localParameters = parameters;
    if (!config.grease) return encodeTransportParameters(parameters);
    // RFC 9000 §18.1: ids of the form 31 * N + 27 must be ignored, so that new ones can be added later.
    const bytes = new Uint8Array(config.random.integer(16));
    config.random.fill(bytes);
    return encodeTransportParameters(parameters, {
      id: BigInt(31 * config.random.integer(2 ** 24) + 27),
      bytes,
    });
  }

  /** The checks of RFC 9000 §7.3: ids in parameters must be those that were on the wire. */
  #checkParameters(bytes: Uint8Array): TransportParameters {
    const { isServer, remoteIds, firstFlight, transport } = this.#parts;
    const { trackUnknownTransportParameters: kept } = transport;
    const parameters = decodeTransportParameters(bytes, isServer ? 'client' : 'server', kept);
    if (!same(parameters.initialSourceConnectionId, remoteIds.handshakeId.connectionId)) {
      throw mismatch('initial_source_connection_id');
    }
    if (isServer) return parameters;
    if (!same(parameters.originalDestinationConnectionId, firstFlight.originalDestinationId)) {
      throw mismatch('original_destination_connection_id');
    }
    const retry = firstFlight.retrySourceId;
    const given = parameters.retrySourceConnectionId;
    if (retry === null ? given !== undefined : !same(given, retry))
      throw mismatch('retry_source_connection_id');
    return parameters;
  }
}

function same(given: Uint8Array | undefined, expected: Uint8Array): boolean {
  return given !== undefined && equal(given, expected);
}

function mismatch(name: string): TransportError {
  return new TransportError(
    TransportErrorCode.TRANSPORT_PARAMETER_ERROR,
    FRAME.CRYPTO,
    `${name} is missing or not what was used`,
  );
}

const LEVEL_OF_SPACE: readonly Level[] = [Level.INITIAL, Level.HANDSHAKE, Level.APPLICATION];
const SPACE_OF_LEVEL: readonly number[] = [
  Space.INITIAL,
  Space.APPLICATION,
  Space.HANDSHAKE,
  Space.APPLICATION,
];
