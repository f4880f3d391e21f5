// What happens to one connection between its first packet and the application: which server its hello leads to, whether
// it is let in, who it is shown, and to whom it goes. Everything that waits for the application may take its time.

import type { ServerAnswer, TransportConfig } from '../connection/config.ts';
import type { ConnectionCore } from '../connection/connection.ts';
import type { ConnectionEvent } from '../connection/events.ts';
import { CRYPTO_ERROR_BASE, quicError, TransportErrorCode } from '../errors.ts';
import { commonNameOf } from '../pki/subject-name.ts';
import type { Incoming } from '../routing/incoming.ts';
import type { Reception } from '../runtime/acceptor.ts';
import type { QuicConnection } from '../runtime/connection.ts';
import { parseTransport } from '../runtime/options.ts';
import { type HandshakeQuestions, judgeCertificate, judgeEarlyData } from '../runtime/questions.ts';
import { Alert } from '../tls/alerts.ts';
import type { ClientHelloInfo } from '../tls/engine.ts';
import { authorize, type Refusal } from './authorization.ts';
import type { ListenerCounters, TurnAwayReason } from './listener-counters.ts';
import { chooseIdentity } from './server-identity.ts';
import type { ServerSettings, ServerTransportOptions } from './server-options.ts';
import type { ServerResolution } from './server-resolution.ts';

/** The listener, as a reception needs it. */
export interface ReceptionHost {
  readonly isQuiet: boolean;
  /** Protocols of servers that have none of their own. */
  readonly alpn: readonly string[];
  readonly resolution: ServerResolution;
  readonly counters: ListenerCounters;
  now(): number;
  wallTime(): number;
  /** The connection exists. */
  onMade(connection: QuicConnection, incoming: Incoming): void;
  /** It is known whose it is, and the client was let in. */
  onReady(connection: QuicConnection, settings: ServerSettings, incoming: Incoming): void;
  /** It will never be ready. Called once, instead of `onReady`. */
  onLost(): void;
}

export class ServerReception implements Reception {
  readonly isHeld: boolean;
  readonly #host: ReceptionHost;
  readonly #incoming: Incoming;
  readonly #overrides: ServerTransportOptions | null;
  #connection: QuicConnection | null = null;
  #release: () => void = () => {};
  #settings: ServerSettings | null = null;
  #isOver = false;
  /** The time of the event that is being answered; null once its turn is over. */
  #turn: number | null = null;

  /** `overrides`: transport options for this connection alone. */
  constructor(host: ReceptionHost, incoming: Incoming, overrides: ServerTransportOptions | null) {
    this.#host = host;
    this.#incoming = incoming;
    this.#overrides = overrides;
    this.isHeld = host.isQuiet || host.resolution.mayBeSilent;
  }

  onMade(connection: QuicConnection, release: () => void): void {
    this.#connection = connection;
    this.#release = release;
    const over = () => this.lose();
    connection.closed.then(over, over);
    this.#host.onMade(connection, this.#incoming);
  }

  readonly questions: HandshakeQuestions = (core, event, now, wake) => {
    this.#turn = now;
    if (event.type === 'client-hello') this.#onHello(core, event.hello, wake);
    else if (event.type === 'verify') this.#onCertificate(core, event, wake);
    else if (event.type === 'early-data') {
      judgeEarlyData(this.#settings?.verification.replayStore, event, (accept) => {
        core.answerEarlyData(accept, this.#now());
        wake();
      });
    }
    this.#turn = null;
  };

  #now(): number {
    return this.#turn ?? this.#host.now();
  }

  /** There is no connection, or no longer one, that could become ready. May be called again. */
  lose(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#host.onLost();
  }

  // ---- the name ----

  #onHello(core: ConnectionCore, hello: ClientHelloInfo, wake: () => void): void {
    this.#host.resolution.find(
      hello,
      this.#incoming.to,
      (settings) => {
        if (!core.state.isOpen) return;
        if (settings === null) {
          this.#count('name');
          this.#refuseName(core);
        } else this.#authorize(core, hello, settings, wake);
        wake();
      },
      (reason) => {
        if (core.state.isOpen) {
          this.#count('resolver');
          this.#end(core, CRYPTO_ERROR_BASE + Alert.HANDSHAKE_FAILURE, reason, false);
        }
        wake();
      },
    );
  }

  #authorize(core: ConnectionCore, hello: ClientHelloInfo, settings: ServerSettings, wake: () => void): void {
    const { serverName, alpn } = hello;
    const { to: localAddress, from: remoteAddress } = this.#incoming;
    authorize(settings.authorizeName, { serverName, alpn, localAddress, remoteAddress }, (refusal) => {
      if (!core.state.isOpen) return;
      if (refusal !== null) {
        this.#count('name-authorization');
        this.#end(core, TransportErrorCode.CONNECTION_REFUSED, refusal.reason, refusal.silent);
      } else this.#answer(core, hello, settings);
      wake();
    });
  }

  #answer(core: ConnectionCore, hello: ClientHelloInfo, settings: ServerSettings): void {
    this.#settings = settings;
    const { earlyData, clientCertificate, psk } = settings;
    const transport = this.#transport(settings);
    const answer: ServerAnswer = {
      identity: chooseIdentity(settings.identities, hello.signatureSchemes),
      alpn: settings.alpn ?? this.#host.alpn,
      clientCertificate,
      earlyData,
      ...(psk === undefined ? {} : { psk }),
      ...(transport === null ? {} : { transport }),
    };
    core.answerClientHello(answer, this.#now());
    if (!core.state.isOpen) {
      this.#count('negotiation');
      return;
    }
    this.#release();
    this.#isOver = true;
    if (this.#connection !== null) this.#host.onReady(this.#connection, settings, this.#incoming);
  }

  #transport(settings: ServerSettings): TransportConfig | null {
    if (this.#overrides === null) return settings.transport;
    return parseTransport({ ...settings.transportOptions, ...this.#overrides });
  }

  /** TLS has the words for it: unrecognized_name, or handshake_failure where none was asked for. */
  #refuseName(core: ConnectionCore): void {
    if (this.#host.isQuiet) this.#end(core, TransportErrorCode.CONNECTION_REFUSED, '', true);
    else {
      core.answerClientHello(null, this.#now());
      this.#release();
    }
  }

  #end(core: ConnectionCore, code: number, reason: string, silent: boolean): void {
    if (silent || this.#host.isQuiet) {
      core.closer.abandon(
        quicError('ERR_QUIC_CONNECTION_REFUSED', { reason, message: `Refused here: ${reason}` }),
        false,
      );
    } else {
      core.close(false, code, reason, this.#now());
      this.#release();
    }
  }

  // ---- the certificate ----

  #onCertificate(
    core: ConnectionCore,
    event: Extract<ConnectionEvent, { type: 'verify' }>,
    wake: () => void,
  ): void {
    const { verification = {}, authorizeCertificate = [] } = this.#settings ?? {};
    const found = judgeCertificate(verification, event, true, this.#host.wallTime());
    if (found !== null || authorizeCertificate.length === 0) {
      core.answerVerification(found, this.#now());
      return;
    }
    const { to: localAddress, from: remoteAddress } = this.#incoming;
    const { certificates } = event;
    const { serverName = null } = this.#connection ?? {};
    const clientName = commonNameOf(certificates[0] as Uint8Array);
    const request = { serverName, clientName, certificates, localAddress, remoteAddress };
    authorize(authorizeCertificate, request, (refusal) => {
      if (!core.state.isOpen) return;
      if (refusal !== null) this.#count('certificate-authorization');
      if (refusal?.silent === true) core.closer.abandon(rejected(refusal), false);
      else {
        const alert = Alert.ACCESS_DENIED;
        core.answerVerification(
          refusal === null ? null : { alert, error: rejected(refusal) },
          this.#host.now(),
        );
      }
      wake();
    });
  }

  #count(reason: TurnAwayReason): void {
    this.#host.counters.turnedAway[reason]++;
  }
}

function rejected({ reason }: Refusal): ReturnType<typeof quicError> {
  return quicError('ERR_QUIC_CERTIFICATE_REJECTED', { reason });
}
