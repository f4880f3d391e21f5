/**
 * The server side of the handshake.
 *
 * Owns the order of the server's steps. What it chooses is in `server-negotiation.ts`; who it is, it asks.
 */

import type { KeyAnswer, NamedGroup } from '../crypto/provider.ts';
import { copyBytes, EMPTY } from '../util/bytes.ts';
import { Alert, TlsAlert } from './alerts.ts';
import {
  type CertificateMessage,
  decodeCertificate,
  decodeCertificateVerify,
  encodeCertificate,
  encodeCertificateRequest,
  encodeCertificateVerify,
  encodeEncryptedExtensions,
  encodeNewSessionTicket,
} from './authentication-codec.ts';
import { compressCertificate, decompressCertificate, usableCompressions } from './certificate-compression.ts';
import { checkProof, signedContent } from './certificate-verify.ts';
import type { EarlyDataOffer, ServerIdentity, TlsEngine, TlsServerConfig } from './engine.ts';
import { EngineBase } from './engine-base.ts';
import { type KeyShareEntry, writeKeyShare, writeProtocols } from './extension-codecs.ts';
import { Extension, writeExtension } from './extensions.ts';
import {
  type ClientHello,
  decodeClientHello,
  encodeServerHello,
  RANDOM_BYTES,
  RETRY_RANDOM,
  TLS_1_3,
} from './hello-codec.ts';
import { type EarlyStage, ticketSecret } from './key-schedule.ts';
import { Level } from './level.ts';
import { MAX_TICKET_LIFETIME, MAX_TICKETS } from './limits.ts';
import { type HandshakeMessage, HandshakeType } from './messages.ts';
import { checkPreferences, defaultCipherSuites, defaultServerGroups } from './preferences.ts';
import { checkBinder, earlyDataOffer, type SelectedPsk, selectPsk } from './psk-selection.ts';
import {
  type ChosenGroup,
  checkSecondHello,
  selectGroup,
  selectProtocol,
  selectScheme,
  selectSuite,
} from './server-negotiation.ts';
import { SERVER_STATES, type ServerState } from './server-states.ts';
import { DEFAULT_SIGNATURE_SCHEMES } from './signature-schemes.ts';
import { encodeTicketState } from './ticket-state.ts';

/**
 * A server engine. Throws `ERR_INVALID_ARG_VALUE` for a list that is empty or names a suite or group that is unknown.
 */
export function createTlsServer(config: TlsServerConfig): TlsEngine {
  return new TlsServer(config);
}

class TlsServer extends EngineBase<ServerState> {
  private readonly config: TlsServerConfig;
  private readonly cipherSuites: readonly number[];
  private readonly groups: readonly number[];
  private readonly signatureSchemes: readonly number[];
  private readonly compressions: readonly number[];
  private helloMessage: HandshakeMessage | null = null;
  private hello: ClientHello | null = null;
  private identity: ServerIdentity | null = null;
  private chosen: ChosenGroup | null = null;
  private psk: SelectedPsk | null = null;
  private early: EarlyStage | null = null;
  private signingScheme = 0;
  private certificate: CertificateMessage | null = null;

  constructor(config: TlsServerConfig) {
    super('server', config, SERVER_STATES, 'wait-client-hello');
    this.config = config;
    this.cipherSuites = config.cipherSuites ?? defaultCipherSuites(config.provider);
    this.groups = config.groups ?? defaultServerGroups(config.provider);
    this.signatureSchemes = config.signatureSchemes ?? DEFAULT_SIGNATURE_SCHEMES;
    this.compressions = usableCompressions(config.provider, config.certificateCompression);
    checkPreferences(config.provider, this.cipherSuites, this.groups);
  }

  override start(): void {}

  override provideIdentity(answer: ServerIdentity | null): void {
    this.answer('identity', () => {
      const hello = this.firstHello();
      if (answer === null) throw refusal(hello.serverName);
      this.identity = answer;
      this.negotiate(hello, answer);
    });
  }

  override provideSignature(signature: Uint8Array | null): void {
    this.answer('signature', () => {
      if (signature === null)
        throw new TlsAlert(Alert.INTERNAL_ERROR, 'the server certificate could not sign');
      this.send(Level.HANDSHAKE, encodeCertificateVerify(this.signingScheme, signature));
      this.sendFinished(this.identity?.clientCertificate !== 'none');
    });
  }

  override provideEarlyData(accept: boolean): void {
    this.answer('early-data', () => {
      const { suite, early, chosen } = this;
      if (suite === null || early === null) throw new Error('no early data was offered');
      this.endEarlyData(accept);
      if (accept) this.emitEarlyKeys('receive', suite, early, this.transcript.digestWith(suite.hash, EMPTY));
      this.sendFlight(chosen?.share ?? null);
    });
  }

  override provideVerification(error: TlsAlert | null): void {
    this.answer('verification', () => {
      if (error !== null) throw error;
      this.peerCertificates = this.certificate?.certificates ?? [];
      this.certificate = null;
      this.machine.to('wait-finished');
    });
  }

  protected override handle(message: HandshakeMessage): void {
    switch (this.machine.state) {
      case 'wait-client-hello':
        this.onFirstHello(message);
        break;
      case 'wait-second-client-hello':
        this.onSecondHello(message);
        break;
      case 'wait-certificate':
        this.onCertificate(message);
        break;
      case 'wait-certificate-verify':
        this.onCertificateVerify(message);
        break;
      default:
        this.onFinished(message);
    }
  }

  private onFirstHello(message: HandshakeMessage): void {
    const hello = decodeClientHello(message.body);
    this.hello = hello;
    this.serverName = hello.serverName;
    this.clientRandom = copyBytes(hello.random);
    this.helloMessage = message;
    if (hello.earlyData) this.earlyData = 'offered';
    this.machine.to('choosing-identity');
    this.emit({ type: 'peer-transport-parameters', bytes: hello.transportParameters });
    this.emit({
      type: 'client-hello',
      hello: {
        serverName: hello.serverName,
        alpn: hello.alpn,
        cipherSuites: hello.cipherSuites,
        groups: hello.groups,
        signatureSchemes: hello.signatureSchemes,
        ocsp: hello.ocsp,
      },
    });
  }

  private negotiate(hello: ClientHello, identity: ServerIdentity): void {
    const cipherSuites = identity.cipherSuites ?? this.cipherSuites;
    const groups = identity.groups ?? this.groups;
    checkPreferences(this.provider, cipherSuites, groups);
    this.alpn = selectProtocol(identity.alpn, hello);
    this.takeHello(hello, cipherSuites);
    this.choose(
      this.psk?.suite ?? selectSuite(cipherSuites, this.config.preferServerCipherOrder !== false, hello),
    );
    if (this.psk === null) this.signingScheme = selectScheme(identity.key, hello);
    if (this.psk !== null && !hello.tickets) {
      this.rejectEarlyData();
      this.sendFlight(null);
      return;
    }
    this.chosen = selectGroup(groups, hello);
    if (this.chosen.share === null) {
      this.rejectEarlyData();
      this.sendRetryRequest(this.chosen.group);
      return;
    }
    const offer = this.earlyDataOffer(hello, identity);
    if (offer === null) {
      this.rejectEarlyData();
      this.sendFlight(this.chosen.share);
      return;
    }
    this.machine.to('choosing-early-data');
    this.emit({ type: 'early-data', ...offer });
  }

  /** Chooses among the pre-shared keys of a hello, checks the binder and takes the hello into the transcript. */
  private takeHello(hello: ClientHello, cipherSuites: readonly number[]): void {
    const { identity, helloMessage, transcript } = this;
    if (identity === null || helloMessage === null) throw new Error('nothing to choose from yet');
    const { tickets, wallTime, plainPsk } = this.config;
    const canResume =
      tickets !== undefined && wallTime !== undefined && identity.clientCertificate === 'none';
    const psk = selectPsk(hello, {
      cipherSuites,
      tickets: canResume ? tickets : null,
      wallTime: wallTime?.() ?? 0,
      external: identity.psk ?? null,
      ticketFits: identity.ticketFits,
      plainPsk: plainPsk === true,
    });
    this.psk = psk;
    this.early = null;
    if (psk !== null && hello.psks !== null) {
      const { raw } = helloMessage;
      const truncated = raw.subarray(0, raw.length - hello.psks.bindersLength);
      const hash = transcript.digestWith(psk.suite.hash, truncated);
      this.early = checkBinder(this.provider, psk, hello.psks.binders[psk.index], hash);
    }
    transcript.add(helloMessage.raw);
    this.helloMessage = null;
  }

  private earlyDataOffer(hello: ClientHello, identity: ServerIdentity): EarlyDataOffer | null {
    const { wallTime, earlyDataWindow = DEFAULT_EARLY_DATA_WINDOW } = this.config;
    if (identity.earlyData !== true || wallTime === undefined) return null;
    return earlyDataOffer(hello, this.psk, this.alpn, wallTime(), earlyDataWindow);
  }

  private rejectEarlyData(): void {
    if (this.earlyData === 'offered') this.endEarlyData(false);
  }

  /** RFC 8446 §4.1.4. State is kept, so the request needs no cookie. */
  private sendRetryRequest(group: number): void {
    const { suite } = this;
    if (suite === null) throw new Error('no cipher suite yet');
    this.transcript.beginAgain(suite.hash);
    const retry = encodeServerHello(RETRY_RANDOM, suite.code, RETRY_CAPACITY, (w) => {
      writeExtension(w, Extension.SUPPORTED_VERSIONS, (body) => body.u16(TLS_1_3));
      writeExtension(w, Extension.KEY_SHARE, (body) => body.u16(group));
    });
    this.send(Level.INITIAL, retry);
    this.machine.to('wait-second-client-hello');
  }

  private onSecondHello(message: HandshakeMessage): void {
    const hello = decodeClientHello(message.body);
    const share = checkSecondHello(this.firstHello(), hello, this.chosen?.group ?? 0);
    const { suite, identity } = this;
    if (suite === null || identity === null) throw new Error('nothing negotiated yet');
    this.helloMessage = message;
    // The suite stays as the HelloRetryRequest said, so only keys for its hash are left.
    this.takeHello(hello, [suite.code]);
    if (this.psk === null) this.signingScheme = selectScheme(identity.key, hello);
    this.sendFlight(share);
  }

  /** ServerHello to Certificate, where the rest needs a signature; with a PSK everything. `null`: without (EC)DHE. */
  private sendFlight(clientShare: KeyShareEntry | null): void {
    const { suite, identity, psk } = this;
    if (suite === null || identity === null) throw new Error('nothing negotiated yet');
    const answer = clientShare === null ? null : this.agree(() => this.answerShare(clientShare));
    this.group = clientShare?.group ?? null;
    const random = new Uint8Array(RANDOM_BYTES);
    this.config.random.fill(random);
    this.transcript.begin(suite.hash);
    this.send(
      Level.INITIAL,
      encodeServerHello(random, suite.code, SERVER_HELLO_CAPACITY + (answer?.publicKey.length ?? 0), (w) => {
        writeExtension(w, Extension.SUPPORTED_VERSIONS, (body) => body.u16(TLS_1_3));
        if (answer !== null) writeExtension(w, Extension.KEY_SHARE, (body) => writeKeyShare(body, answer));
        if (psk !== null) writeExtension(w, Extension.PRE_SHARED_KEY, (body) => body.u16(psk.index));
      }),
    );
    this.enterHandshake(answer?.secret ?? null, this.early);
    this.early = null;
    this.send(Level.HANDSHAKE, this.encryptedExtensions(identity));
    if (psk === null) {
      this.sendCertificate(identity);
      return;
    }
    this.resumed = psk.ticket !== null;
    if (psk.ticket === null) this.pskIdentity = copyBytes(psk.identity);
    this.sendFinished(false);
  }

  private sendCertificate(identity: ServerIdentity): void {
    const { certificates, key } = identity;
    if (key === null) throw new Error('a key was to be checked for');
    if (identity.clientCertificate !== 'none') {
      this.send(Level.HANDSHAKE, encodeCertificateRequest(this.signatureSchemes, this.compressions));
    }
    const hello = this.firstHello();
    const ocsp = hello.ocsp ? (identity.ocspResponse ?? null) : null;
    const raw = encodeCertificate(certificates, ocsp);
    this.send(
      Level.HANDSHAKE,
      compressCertificate(this.provider, raw, this.compressions, hello.certificateCompressions, certificates),
    );
    this.machine.to('signing');
    const content = signedContent('server', this.transcript.digest());
    this.emit({ type: 'sign', key, scheme: this.signingScheme, content });
  }

  private sendFinished(wantsCertificate: boolean): void {
    this.send(Level.HANDSHAKE, this.finished(this.serverHandshakeSecret));
    this.deriveApplication();
    // 1-RTT may be sent at once, but not received before the client's Finished (RFC 9001 §5.7).
    this.emitApplicationKeys('send');
    this.machine.to(wantsCertificate ? 'wait-certificate' : 'wait-finished');
  }

  private answerShare(theirs: KeyShareEntry): KeyShareEntry & KeyAnswer {
    const { provider } = this;
    const { random } = this.config;
    const group = theirs.group as NamedGroup;
    if (provider.answerShare !== undefined) {
      return { group, ...provider.answerShare(group, theirs.publicKey, random) };
    }
    const share = provider.keyShare(group, random);
    return { group, publicKey: share.publicKey, secret: share.agree(theirs.publicKey) };
  }

  private encryptedExtensions(identity: ServerIdentity): Uint8Array {
    const { alpn } = this;
    const earlyData = this.earlyData === 'accepted';
    const capacity = PARAMETERS_CAPACITY + (alpn?.length ?? 0) + identity.transportParameters.length;
    return encodeEncryptedExtensions(capacity, (w) => {
      if (alpn !== null) writeProtocols(w, [alpn]);
      if (earlyData) writeExtension(w, Extension.EARLY_DATA);
      writeExtension(w, Extension.QUIC_TRANSPORT_PARAMETERS, (body) =>
        body.copy(identity.transportParameters),
      );
    });
  }

  private onCertificate(message: HandshakeMessage): void {
    // We ask for no extension of a client's certificate, so every one is out of place.
    const body =
      message.type === HandshakeType.COMPRESSED_CERTIFICATE
        ? decompressCertificate(this.provider, message.body, this.compressions)
        : message.body;
    const certificate = decodeCertificate(body, NOTHING_OFFERED);
    if (certificate.context.length > 0) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'certificate_request_context is not empty');
    }
    this.transcript.add(message.raw);
    if (certificate.certificates.length === 0) {
      if (this.identity?.clientCertificate === 'require') {
        throw new TlsAlert(Alert.CERTIFICATE_REQUIRED, 'the client sent no certificate');
      }
      this.machine.to('wait-finished');
      return;
    }
    this.certificate = certificate;
    this.machine.to('wait-certificate-verify');
  }

  private onCertificateVerify(message: HandshakeMessage): void {
    const certificates = this.certificate?.certificates ?? [];
    const content = signedContent('client', this.transcript.digest());
    const proof = decodeCertificateVerify(message.body);
    checkProof(this.provider, proof, certificates[0] ?? EMPTY, content, this.signatureSchemes);
    this.transcript.add(message.raw);
    this.machine.to('verifying');
    this.emit({ type: 'verify', peer: 'client', certificates, serverName: null, ocspResponse: null });
  }

  private onFinished(message: HandshakeMessage): void {
    this.checkFinished(message, this.clientHandshakeSecret);
    this.moveTo(Level.APPLICATION);
    this.emitApplicationKeys('receive');
    this.machine.to('connected');
    this.finish();
  }

  override issueTickets(): void {
    if (!this.complete || this.mainStage === null) return;
    this.guard(() => this.makeTickets());
    // The hello may be long and is of no use to a connection that lives on.
    this.hello = null;
    this.identity = null;
    this.chosen = null;
    this.psk = null;
    this.mainStage = null;
    this.transcript.end();
  }

  /** RFC 8446 §4.6.1. The transcript ends with the client's Finished. */
  private makeTickets(): void {
    const { suite, identity, mainStage } = this;
    const { tickets, wallTime, ticketCount = DEFAULT_TICKET_COUNT } = this.config;
    if (tickets === undefined || wallTime === undefined || suite === null || mainStage === null) return;
    if (identity === null || identity.clientCertificate !== 'none' || !this.firstHello().tickets) return;
    const resumptionSecret = mainStage.resumption(this.transcript.digest());
    const lifetime = Math.min(this.config.ticketLifetime ?? DEFAULT_TICKET_LIFETIME, MAX_TICKET_LIFETIME);
    const earlyData = identity.earlyData === true;
    for (let number = 0; number < Math.min(ticketCount, MAX_TICKETS); number++) {
      const nonce = Uint8Array.of(number);
      const ageAdd = this.config.random.integer(2 ** 32);
      const state = encodeTicketState({
        cipherSuite: suite.code,
        secret: ticketSecret(this.context, resumptionSecret, nonce),
        ageAdd,
        issuedAt: wallTime(),
        lifetime,
        earlyData,
        alpn: this.alpn,
        serverName: this.serverName,
        data: identity.ticketData ?? EMPTY,
      });
      const ticket = tickets.seal(state);
      if (ticket === null) return;
      const bytes = encodeNewSessionTicket({ lifetime, ageAdd, nonce, ticket, earlyData });
      this.emit({ type: 'send', level: Level.APPLICATION, bytes });
    }
  }

  private firstHello(): ClientHello {
    if (this.hello === null) throw new Error('no ClientHello yet');
    return this.hello;
  }
}

function refusal(serverName: string | null): TlsAlert {
  return serverName === null
    ? new TlsAlert(Alert.HANDSHAKE_FAILURE, 'there is no server here for a client that names none')
    : new TlsAlert(Alert.UNRECOGNIZED_NAME, 'there is no server of that name');
}

/** supported_versions and key_share of a HelloRetryRequest. */
const RETRY_CAPACITY = 16;
/** supported_versions, key_share and pre_shared_key of a ServerHello, without the share itself. */
const SERVER_HELLO_CAPACITY = 24;
/** Headers and inner lengths of the extensions in EncryptedExtensions. */
const PARAMETERS_CAPACITY = 20;
/** Milliseconds. */
const DEFAULT_EARLY_DATA_WINDOW = 10_000;
/** Seconds. */
const DEFAULT_TICKET_LIFETIME = 86_400;
/** A client that uses each ticket once can open two connections side by side. */
const DEFAULT_TICKET_COUNT = 2;
const NOTHING_OFFERED: ReadonlySet<number> = new Set();
