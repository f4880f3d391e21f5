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
  decodeCertificate,
  decodeCertificateRequest,
  decodeCertificateVerify,
  decodeEncryptedExtensions,
  decodeNewSessionTicket,
  encodeCertificate,
  encodeCertificateVerify,
} from './authentication-codec.ts';
import { checkProof, chooseScheme, signedContent } from './certificate-verify.ts';
import { makeClientHello, type Offer } from './client-hello.ts';
import { CLIENT_STATES, type ClientState } from './client-states.ts';
import type { TlsClientConfig, TlsEngine } from './engine.ts';
import { EngineBase } from './engine-base.ts';
import { decodeHelloRetryRequest, decodeServerHello, isRetryRequest, RANDOM_BYTES } from './hello-codec.ts';
import { ticketSecret } from './key-schedule.ts';
import { Level } from './level.ts';
import { MAX_TICKETS } from './limits.ts';
import type { HandshakeMessage } from './messages.ts';
import { checkPreferences, DEFAULT_CIPHER_SUITES, DEFAULT_GROUPS } from './preferences.ts';
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
  private share: KeyShare | null = null;
  /** Suite and group that a HelloRetryRequest fixed. */
  private retried: { readonly suite: CipherSuite } | null = null;
  private requestedSchemes: readonly number[] | null = null;
  private certificate: CertificateMessage | null = null;
  private signingScheme = 0;
  private resumptionSecret: Uint8Array = EMPTY;
  private tickets = 0;

  constructor(config: TlsClientConfig) {
    super('client', config, CLIENT_STATES, 'start');
    this.config = config;
    this.serverName = config.serverName;
    const cipherSuites = config.cipherSuites ?? DEFAULT_CIPHER_SUITES;
    const groups = config.groups ?? DEFAULT_GROUPS;
    checkPreferences(cipherSuites, groups);
    const random = new Uint8Array(RANDOM_BYTES);
    config.random.fill(random);
    this.clientRandom = random;
    this.offer = {
      random,
      cipherSuites,
      groups,
      signatureSchemes: config.signatureSchemes ?? DEFAULT_SIGNATURE_SCHEMES,
    };
  }

  override start(): void {
    if (this.machine.state !== 'start') return;
    this.guard(() => {
      this.sendHello(this.makeShare(this.offer.groups[0] ?? 0), null);
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
    if (group !== null && (!this.offer.groups.includes(group) || group === this.share?.group)) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'HelloRetryRequest names a group that makes no sense');
    }
    this.retried = { suite };
    this.transcript.beginAgain(suite.hash);
    this.transcript.add(message.raw);
    this.sendHello(group === null ? this.ownShare() : this.makeShare(group), retry.cookie);
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
    const share = this.ownShare();
    if (hello.keyShare.group !== share.group) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the server selected a group without a share');
    }
    const secret = this.agree(share, hello.keyShare.publicKey);
    this.choose(suite);
    this.group = share.group;
    this.share = null;
    this.transcript.begin(suite.hash);
    this.transcript.add(message.raw);
    this.enterHandshake(secret);
    this.machine.to('wait-encrypted-extensions');
  }

  private onEncryptedExtensions(message: HandshakeMessage): void {
    const { alpn, transportParameters } = decodeEncryptedExtensions(message.body, this.offered);
    if (alpn !== null && !this.config.alpn.includes(alpn)) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the server selected a protocol that was not offered');
    }
    // RFC 9001 §8.1 makes clients insist on a protocol too.
    if (alpn === null && this.config.alpn.length > 0) {
      throw new TlsAlert(Alert.NO_APPLICATION_PROTOCOL, 'the server selected no protocol');
    }
    this.alpn = alpn;
    this.transcript.add(message.raw);
    this.emit({ type: 'peer-transport-parameters', bytes: transportParameters });
    this.machine.to('wait-certificate-or-request');
  }

  private onCertificateRequest(message: HandshakeMessage): void {
    this.requestedSchemes = decodeCertificateRequest(message.body).signatureSchemes;
    this.transcript.add(message.raw);
    this.machine.to('wait-certificate');
  }

  private onCertificate(message: HandshakeMessage): void {
    const certificate = decodeCertificate(message.body, this.offered);
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
    this.deriveApplication();
    // Nothing more may come at the Handshake level, even if our own flight has to wait for a signature.
    this.moveTo(Level.APPLICATION);
    if (this.requestedSchemes === null) this.sendFinished();
    else this.sendCertificate(this.requestedSchemes);
  }

  private onTicket(message: HandshakeMessage): void {
    const ticket = decodeNewSessionTicket(message.body);
    if (this.tickets >= MAX_TICKETS) return;
    this.tickets++;
    const secret = ticketSecret(this.context, this.resumptionSecret, ticket.nonce);
    this.emit({ type: 'ticket', ticket, secret });
  }

  private sendHello(share: KeyShare, cookie: Uint8Array | null): void {
    this.share = share;
    const hello = makeClientHello(this.config, this.offer, share, cookie);
    this.offered = hello.offered;
    this.send(Level.INITIAL, hello.raw);
  }

  /** An empty Certificate says that we have none that the server would take (RFC 8446 §4.4.2). */
  private sendCertificate(schemes: readonly number[]): void {
    const identity = this.config.identity;
    const scheme = identity === undefined ? undefined : chooseScheme(identity.key, schemes);
    if (identity === undefined || scheme === undefined) {
      this.send(Level.HANDSHAKE, encodeCertificate([], null));
      this.sendFinished();
      return;
    }
    this.send(Level.HANDSHAKE, encodeCertificate(identity.certificates, null));
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
    this.finish();
  }

  private acceptCertificate(): void {
    this.peerCertificates = this.certificate?.certificates ?? [];
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

  private ownShare(): KeyShare {
    if (this.share === null) throw new Error('no key share');
    return this.share;
  }
}
