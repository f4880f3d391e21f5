/**
 * The client side of the handshake.
 *
 * Owns the order of the client's steps and its checks of what the server chose. Codecs, the key schedule and signatures
 * are elsewhere.
 */

import type { KeyShare, NamedGroup } from '../crypto/provider.ts';
import { type CipherSuite, cipherSuite } from '../crypto/suites.ts';
import { EMPTY } from '../util/bytes.ts';
import { Alert, TlsAlert } from './alerts.ts';
import {
  type CertificateMessage,
  type CertificateRequest,
  decodeCertificate,
  decodeCertificateRequest,
  decodeCertificateVerify,
  decodeEncryptedExtensions,
  decodeNewSessionTicket,
  encodeCertificate,
  encodeCertificateVerify,
  type SessionTicket,
} from './authentication-codec.ts';
import { compressCertificate, decompressCertificate, usableCompressions } from './certificate-compression.ts';
import { checkProof, chooseScheme, signedContent } from './certificate-verify.ts';
import { makeClientHello, type Offer } from './client-hello.ts';
import { CLIENT_STATES, type ClientState } from './client-states.ts';
import type { TlsClientConfig, TlsEngine } from './engine.ts';
import { EngineBase } from './engine-base.ts';
import type { KeyShareEntry } from './extension-codecs.ts';
import { decodeHelloRetryRequest, decodeServerHello, isRetryRequest, RANDOM_BYTES } from './hello-codec.ts';
import { ticketSecret } from './key-schedule.ts';
import { Level } from './level.ts';
import { MAX_TICKET_LIFETIME, MAX_TICKETS } from './limits.ts';
import { type HandshakeMessage, HandshakeType } from './messages.ts';
import { checkPreferences, DEFAULT_GROUPS, defaultCipherSuites, NamedGroups } from './preferences.ts';
import { allowsEarlyData, offeredPsks, type PskOffer } from './psk-offer.ts';
import type { TlsSession } from './session.ts';
import { DEFAULT_SIGNATURE_SCHEMES } from './signature-schemes.ts';

/**
 * A client engine. Throws `ERR_INVALID_ARG_VALUE` for a list that is empty or names a suite or group that is unknown.
 */
export function createTlsClient(config: TlsClientConfig): TlsEngine {
  return new TlsClient(config);
}

class TlsClient extends EngineBase<ClientState> {
  private readonly config: TlsClientConfig;
  private readonly offer: Offer;
  private offered: ReadonlySet<number> = new Set();
  private shares: readonly KeyShare[] = [];
  private psks: readonly PskOffer[];
  /** The one that the server took. */
  private psk: PskOffer | null = null;
  private peerParameters: Uint8Array = EMPTY;
  /** The suite that a HelloRetryRequest fixed. */
  private retried: { readonly suite: CipherSuite } | null = null;
  private request: CertificateRequest | null = null;
  private certificate: CertificateMessage | null = null;
  private signingScheme = 0;
  private resumptionSecret: Uint8Array = EMPTY;
  private tickets = 0;

  constructor(config: TlsClientConfig) {
    super('client', config, CLIENT_STATES, 'start');
    this.config = config;
    this.serverName = config.serverName;
    const cipherSuites = config.cipherSuites ?? defaultCipherSuites(config.provider);
    const groups = config.groups ?? DEFAULT_GROUPS;
    checkPreferences(config.provider, cipherSuites, groups);
    this.psks = offeredPsks(config, cipherSuites);
    const random = new Uint8Array(RANDOM_BYTES);
    config.random.fill(random);
    this.clientRandom = random;
    this.offer = {
      random,
      cipherSuites,
      groups,
      signatureSchemes: config.signatureSchemes ?? DEFAULT_SIGNATURE_SCHEMES,
      compressions: usableCompressions(config.provider, config.certificateCompression),
    };
  }

  override start(): void {
    if (this.machine.state !== 'start') return;
    this.guard(() => {
      this.shares = firstGroups(this.offer.groups).map((group) => this.makeShare(group));
      this.sendHello(null);
      this.machine.to('wait-server-hello');
    });
  }

  override provideVerification(error: TlsAlert | null): void {
    this.answer('verification', () => {
      if (error !== null) throw error;
      this.acceptCertificate();
      this.machine.to('wait-finished');
    });
  }

  override provideSignature(signature: Uint8Array | null): void {
    this.answer('signature', () => {
      if (signature === null)
        throw new TlsAlert(Alert.INTERNAL_ERROR, 'the client certificate could not sign');
      this.send(Level.HANDSHAKE, encodeCertificateVerify(this.signingScheme, signature));
      this.sendFinished();
    });
  }

  protected override handle(message: HandshakeMessage): void {
    switch (this.machine.state) {
      case 'wait-server-hello':
        if (isRetryRequest(message.body)) this.onRetryRequest(message);
        else this.onServerHello(message);
        break;
      case 'wait-retried-server-hello':
        if (isRetryRequest(message.body)) {
          throw new TlsAlert(Alert.UNEXPECTED_MESSAGE, 'a second HelloRetryRequest');
        }
        this.onServerHello(message);
        break;
      case 'wait-encrypted-extensions':
        this.onEncryptedExtensions(message);
        break;
      case 'wait-certificate-or-request':
      case 'wait-certificate':
        if (CLIENT_STATES['wait-certificate'].messages.includes(message.type)) this.onCertificate(message);
        else this.onCertificateRequest(message);
        break;
      case 'wait-certificate-verify':
        this.onCertificateVerify(message);
        break;
      case 'wait-finished':
        this.onFinished(message);
        break;
      default:
        this.onTicket(message);
    }
  }

  /** RFC 8446 §4.1.4. */
  private onRetryRequest(message: HandshakeMessage): void {
    const retry = decodeHelloRetryRequest(message.body, this.offered);
    const suite = this.selectedSuite(retry.cipherSuite);
    const group = retry.group;
    if (group === null && retry.cookie === null) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'HelloRetryRequest asks for no change');
    }
    const known = this.shares.some((share) => share.group === group);
    if (group !== null && (!this.offer.groups.includes(group) || known)) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'HelloRetryRequest names a group that makes no sense');
    }
    this.retried = { suite };
    this.transcript.beginAgain(suite.hash);
    this.transcript.add(message.raw);
    if (group !== null) this.shares = [this.makeShare(group)];
    // RFC 8446 §4.1.2: keys that cannot go with the suite any more are left out.
    this.psks = this.psks.filter((psk) => psk.hash === suite.hash);
    if (this.earlyData === 'offered') this.endEarlyData(false);
    this.sendHello(retry.cookie);
    this.machine.to('wait-retried-server-hello');
  }

  private onServerHello(message: HandshakeMessage): void {
    const hello = decodeServerHello(message.body, this.offered);
    const suite = this.selectedSuite(hello.cipherSuite);
    if (this.retried !== null && suite !== this.retried.suite) {
      throw new TlsAlert(
        Alert.ILLEGAL_PARAMETER,
        'the server changed the cipher suite after HelloRetryRequest',
      );
    }
    this.psk = this.selectedPsk(hello.selectedPsk, suite);
    const secret = this.sharedSecret(hello.keyShare);
    this.choose(suite);
    this.group = hello.keyShare?.group ?? null;
    this.shares = [];
    this.transcript.begin(suite.hash);
    this.transcript.add(message.raw);
    this.enterHandshake(secret, this.psk?.early ?? null);
    this.machine.to('wait-encrypted-extensions');
  }

  private onEncryptedExtensions(message: HandshakeMessage): void {
    const { alpn, transportParameters, earlyData } = decodeEncryptedExtensions(message.body, this.offered);
    if (alpn !== null && !this.config.alpn.includes(alpn)) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the server selected a protocol that was not offered');
    }
    // RFC 9001 §8.1 makes clients insist on a protocol too.
    if (alpn === null && this.config.alpn.length > 0) {
      throw new TlsAlert(Alert.NO_APPLICATION_PROTOCOL, 'the server selected no protocol');
    }
    this.alpn = alpn;
    if (this.earlyData === 'offered') {
      if (earlyData) this.checkEarlyData();
      this.endEarlyData(earlyData);
    }
    this.transcript.add(message.raw);
    this.peerParameters = transportParameters;
    this.emit({ type: 'peer-transport-parameters', bytes: transportParameters });
    this.machine.to(this.psk === null ? 'wait-certificate-or-request' : 'wait-finished');
  }

  private onCertificateRequest(message: HandshakeMessage): void {
    this.request = decodeCertificateRequest(message.body);
    this.transcript.add(message.raw);
    this.machine.to('wait-certificate');
  }

  private onCertificate(message: HandshakeMessage): void {
    const body =
      message.type === HandshakeType.COMPRESSED_CERTIFICATE
        ? decompressCertificate(this.provider, message.body, this.offer.compressions)
        : message.body;
    const certificate = decodeCertificate(body, this.offered);
    if (certificate.context.length > 0) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'certificate_request_context is not empty');
    }
    if (certificate.certificates.length === 0) {
      throw new TlsAlert(Alert.DECODE_ERROR, 'the server sent no certificate');
    }
    this.certificate = certificate;
    this.transcript.add(message.raw);
    this.machine.to('wait-certificate-verify');
  }

  private onCertificateVerify(message: HandshakeMessage): void {
    const certificates = this.certificate?.certificates ?? [];
    const content = signedContent('server', this.transcript.digest());
    const proof = decodeCertificateVerify(message.body);
    checkProof(this.provider, proof, certificates[0] ?? EMPTY, content, this.offer.signatureSchemes);
    this.transcript.add(message.raw);
    if (!this.config.verifyPeer) {
      this.acceptCertificate();
      this.machine.to('wait-finished');
      return;
    }
    this.machine.to('verifying');
    this.emit({
      type: 'verify',
      peer: 'server',
      certificates,
      serverName: this.serverName,
      ocspResponse: this.certificate?.ocspResponse ?? null,
    });
  }

  private onFinished(message: HandshakeMessage): void {
    this.checkFinished(message, this.serverHandshakeSecret);
    // Only now has the server shown that it knows the key.
    if (this.psk !== null) {
      this.resumed = this.psk.session !== null;
      this.peerCertificates = this.psk.session?.certificates ?? [];
      if (this.psk.session === null) this.pskIdentity = this.psk.identity;
    }
    this.deriveApplication();
    // Nothing more may come at the Handshake level, even if our own flight has to wait for a signature.
    this.moveTo(Level.APPLICATION);
    if (this.request === null) this.sendFinished();
    else this.sendCertificate(this.request);
  }

  private onTicket(message: HandshakeMessage): void {
    const ticket = decodeNewSessionTicket(message.body);
    if (this.tickets >= MAX_TICKETS) return;
    this.tickets++;
    const secret = ticketSecret(this.context, this.resumptionSecret, ticket.nonce);
    this.emit({ type: 'ticket', ticket, secret, session: this.sessionOf(ticket, secret) });
  }

  private sessionOf(ticket: SessionTicket, secret: Uint8Array): TlsSession | null {
    const { suite } = this;
    const { wallTime } = this.config;
    // A lifetime of zero asks to forget the ticket at once (RFC 8446 §4.6.1).
    if (suite === null || wallTime === undefined || ticket.lifetime === 0) return null;
    return {
      ticket: ticket.ticket,
      secret,
      cipherSuite: suite.code,
      alpn: this.alpn,
      serverName: this.serverName,
      lifetime: Math.min(ticket.lifetime, MAX_TICKET_LIFETIME),
      ageAdd: ticket.ageAdd,
      earlyData: ticket.earlyData,
      receivedAt: wallTime(),
      transportParameters: this.peerParameters,
      certificates: this.peerCertificates,
    };
  }

  private sendHello(cookie: Uint8Array | null): void {
    const { psks, transcript } = this;
    const wallTime = this.config.wallTime?.() ?? 0;
    const first = psks[0];
    // RFC 8446 §4.1.2: none after a HelloRetryRequest.
    const earlyData = this.retried === null && allowsEarlyData(first, this.config, this.offer.cipherSuites);
    const { raw, bindersLength, offered } = makeClientHello(this.config, this.offer, {
      shares: this.shares,
      cookie,
      psks: psks.map((psk) => psk.entry(wallTime)),
      binderLengths: psks.map((psk) => psk.binderLength),
      earlyData,
    });
    this.offered = offered;
    const truncated = raw.subarray(0, raw.length - bindersLength);
    let at = truncated.length + 2;
    for (const psk of psks) {
      raw.set(psk.binder(transcript.digestWith(psk.hash, truncated)), at + 1);
      at += 1 + psk.binderLength;
    }
    this.send(Level.INITIAL, raw);
    if (earlyData && first !== undefined && first.suite !== null) {
      this.earlyData = 'offered';
      this.emitEarlyKeys('send', first.suite, first.early, transcript.digestWith(first.hash, EMPTY));
    }
  }

  /** RFC 8446 §4.2.11. */
  private selectedPsk(index: number | null, suite: CipherSuite): PskOffer | null {
    if (index === null) return null;
    const psk = this.psks[index];
    if (psk === undefined || psk.hash !== suite.hash) {
      throw new TlsAlert(
        Alert.ILLEGAL_PARAMETER,
        'the server selected a PSK that was not offered for its suite',
      );
    }
    return psk;
  }

  /** `null` if the server goes without (EC)DHE, which is only right with a PSK and if we said so. */
  private sharedSecret(entry: KeyShareEntry | null): Uint8Array | null {
    if (entry === null) {
      if ((this.config.plainPsk ?? 'never') !== 'never') return null;
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the server leaves out the key share');
    }
    const share = this.shares.find((candidate) => candidate.group === entry.group);
    if (share === undefined) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the server selected a group without a share');
    }
    return this.agree(() => share.agree(entry.publicKey));
  }

  /** What has to be as in the session if the server takes 0-RTT (RFC 8446 §4.2.10, §4.2.11). */
  private checkEarlyData(): void {
    const session = this.psk?.session ?? null;
    const same =
      session !== null &&
      this.psk === this.psks[0] &&
      this.suite?.code === session.cipherSuite &&
      this.alpn === session.alpn;
    if (!same) {
      throw new TlsAlert(
        Alert.ILLEGAL_PARAMETER,
        'the server takes early data but changes what it was made for',
      );
    }
  }

  /** An empty Certificate says that we have none that the server would take (RFC 8446 §4.4.2). */
  private sendCertificate(request: CertificateRequest): void {
    const identity = this.config.identity;
    const scheme = identity === undefined ? undefined : chooseScheme(identity.key, request.signatureSchemes);
    if (identity === undefined || scheme === undefined) {
      this.send(Level.HANDSHAKE, encodeCertificate([], null));
      this.sendFinished();
      return;
    }
    const certificate = encodeCertificate(identity.certificates, null);
    this.send(
      Level.HANDSHAKE,
      compressCertificate(
        this.provider,
        certificate,
        this.offer.compressions,
        request.compressions,
        identity.certificates,
      ),
    );
    this.signingScheme = scheme;
    this.machine.to('signing');
    const content = signedContent('client', this.transcript.digest());
    this.emit({ type: 'sign', key: identity.key, scheme, content });
  }

  private sendFinished(): void {
    this.send(Level.HANDSHAKE, this.finished(this.clientHandshakeSecret));
    if (this.mainStage !== null) this.resumptionSecret = this.mainStage.resumption(this.transcript.digest());
    this.mainStage = null;
    this.emitApplicationKeys('send');
    this.emitApplicationKeys('receive');
    this.machine.to('connected');
    // Keys that are not needed any more.
    this.psks = [];
    this.psk = null;
    this.transcript.end();
    this.finish();
  }

  private acceptCertificate(): void {
    this.peerCertificates = this.certificate?.certificates ?? [];
    this.ocspResponse = this.certificate?.ocspResponse ?? null;
    this.certificate = null;
  }

  private selectedSuite(code: number): CipherSuite {
    const suite = cipherSuite(code);
    if (suite === undefined || !this.offer.cipherSuites.includes(code)) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the server selected a cipher suite that was not offered');
    }
    return suite;
  }

  private makeShare(group: number): KeyShare {
    return this.provider.keyShare(group as NamedGroup, this.config.random);
  }
}

/** Groups to send a share of at once: the first, and for servers that do not know the hybrid its classic half. */
function firstGroups(groups: readonly number[]): number[] {
  const first = groups[0] ?? 0;
  const both = first === NamedGroups.X25519MLKEM768 && groups.includes(NamedGroups.X25519);
  return both ? [first, NamedGroups.X25519] : [first];
}
