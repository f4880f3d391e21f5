/**
 * The server side of the handshake.
 *
 * Owns the order of the server's steps. What it chooses is in `server-negotiation.ts`; who it is, it asks.
 */

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
} from './authentication-codec.ts';
import { checkProof, signedContent } from './certificate-verify.ts';
import type { ServerIdentity, TlsEngine, TlsServerConfig } from './engine.ts';
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
import { Level } from './level.ts';
import type { HandshakeMessage } from './messages.ts';
import { checkPreferences, DEFAULT_CIPHER_SUITES, DEFAULT_GROUPS } from './preferences.ts';
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
  private hello: ClientHello | null = null;
  private identity: ServerIdentity | null = null;
  private chosen: ChosenGroup | null = null;
  private signingScheme = 0;
  private certificate: CertificateMessage | null = null;

  constructor(config: TlsServerConfig) {
    super('server', config, SERVER_STATES, 'wait-client-hello');
    this.config = config;
    this.cipherSuites = config.cipherSuites ?? DEFAULT_CIPHER_SUITES;
    this.groups = config.groups ?? DEFAULT_GROUPS;
    this.signatureSchemes = config.signatureSchemes ?? DEFAULT_SIGNATURE_SCHEMES;
    checkPreferences(this.cipherSuites, this.groups);
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
      this.send(Level.HANDSHAKE, this.finished(this.serverHandshakeSecret));
      this.deriveApplication();
      // 1-RTT may be sent at once, but not received before the client's Finished (RFC 9001 §5.7).
      this.emitApplicationKeys('send');
      const wantsCertificate = this.identity?.clientCertificate !== 'none';
      this.machine.to(wantsCertificate ? 'wait-certificate' : 'wait-finished');
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
    this.transcript.add(message.raw);
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
    checkPreferences(cipherSuites, groups);
    this.alpn = selectProtocol(identity.alpn, hello);
    this.choose(selectSuite(cipherSuites, this.config.preferServerCipherOrder !== false, hello));
    this.signingScheme = selectScheme(identity.key, hello);
    this.chosen = selectGroup(groups, hello);
    if (this.chosen.share === null) this.sendRetryRequest(this.chosen.group);
    else this.sendFlight(this.chosen.share);
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
    this.transcript.add(message.raw);
    this.sendFlight(share);
  }

  /** ServerHello to Certificate; the rest needs a signature. */
  private sendFlight(clientShare: KeyShareEntry): void {
    const { suite, identity, chosen } = this;
    if (suite === null || identity === null || chosen === null) throw new Error('nothing negotiated yet');
    const share = this.provider.keyShare(chosen.group, this.config.random);
    const secret = this.agree(share, clientShare.publicKey);
    this.group = chosen.group;
    const random = new Uint8Array(RANDOM_BYTES);
    this.config.random.fill(random);
    this.transcript.begin(suite.hash);
    this.send(
      Level.INITIAL,
      encodeServerHello(random, suite.code, SERVER_HELLO_CAPACITY + share.publicKey.length, (w) => {
        writeExtension(w, Extension.SUPPORTED_VERSIONS, (body) => body.u16(TLS_1_3));
        writeExtension(w, Extension.KEY_SHARE, (body) => writeKeyShare(body, share));
      }),
    );
    this.enterHandshake(secret);
    this.send(Level.HANDSHAKE, this.encryptedExtensions(identity));
    if (identity.clientCertificate !== 'none') {
      this.send(Level.HANDSHAKE, encodeCertificateRequest(this.signatureSchemes));
    }
    const ocsp = this.firstHello().ocsp ? (identity.ocspResponse ?? null) : null;
    this.send(Level.HANDSHAKE, encodeCertificate(identity.certificates, ocsp));
    this.machine.to('signing');
    const content = signedContent('server', this.transcript.digest());
    this.emit({ type: 'sign', key: identity.key, scheme: this.signingScheme, content });
  }

  private encryptedExtensions(identity: ServerIdentity): Uint8Array {
    const { alpn } = this;
    const capacity = PARAMETERS_CAPACITY + (alpn?.length ?? 0) + identity.transportParameters.length;
    return encodeEncryptedExtensions(capacity, (w) => {
      if (alpn !== null) writeProtocols(w, [alpn]);
      writeExtension(w, Extension.QUIC_TRANSPORT_PARAMETERS, (body) =>
        body.copy(identity.transportParameters),
      );
    });
  }

  private onCertificate(message: HandshakeMessage): void {
    // We ask for no extension of a client's certificate, so every one is out of place.
    const certificate = decodeCertificate(message.body, NOTHING_OFFERED);
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
    // The hello may be long and is of no use to a connection that lives on.
    this.hello = null;
    this.identity = null;
    this.finish();
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
/** supported_versions and key_share of a ServerHello, without the share itself. */
const SERVER_HELLO_CAPACITY = 16;
/** Headers and inner lengths of the extensions in EncryptedExtensions. */
const PARAMETERS_CAPACITY = 16;
const NOTHING_OFFERED: ReadonlySet<number> = new Set();
