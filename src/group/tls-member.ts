// A TLS listener of a group: a TCP listener whose sockets shake hands first. TLS is Node's own; the options are those of
// QUIC listeners, read in the same way.

import type { Socket } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { DEFAULT_HANDSHAKE_TIMEOUT, parseAlpn } from '../runtime/options.ts';
import type { GroupAddress } from './address.ts';
import type { Member, MemberHost } from './member.ts';
import { SocketLink } from './socket-link.ts';
import type { TlsTarget } from './specification.ts';
import { TcpMember, tcpFacts } from './tcp-member.ts';
import { TlsIdentities } from './tls-identities.ts';

export class TlsMember implements Member {
  readonly #tcp: TcpMember;

  /** Reads certificates and keys. Throws the errors of `loadIdentity` and `trustAnchors`, and ERR_QUIC_NO_IDENTITY. */
  constructor(target: TlsTarget, host: MemberHost) {
    const identities = new TlsIdentities(target, host);
    const { requestCert = false, rejectUnauthorized = true } = target;
    // Never listens by itself: a socket comes here when it has a seat.
    const server = tls.createServer({
      ...identities.context,
      SNICallback: (name, done) => done(null, identities.for(name)),
      ...(target.alpn === undefined ? {} : { ALPNProtocols: parseAlpn(target.alpn) }),
      requestCert,
      rejectUnauthorized,
      handshakeTimeout: target.handshakeTimeout ?? DEFAULT_HANDSHAKE_TIMEOUT,
      allowHalfOpen: true,
    });
    server.on('secureConnection', (socket) => accept(socket, host));
    // What a client does wrong ends its own connection. Node leaves one open whose handshake took too long.
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#tcp = new TcpMember(target, host, (socket: Socket) => {
      identities.refresh(server);
      server.emit('connection', socket);
    });
  }

  bind(): Promise<GroupAddress> {
    return this.#tcp.bind();
  }

  stop(): void {
    this.#tcp.stop();
  }

  free(): Promise<void> {
    return this.#tcp.free();
  }
}

function accept(socket: TLSSocket, host: MemberHost): void {
  socket.on('error', () => {});
  const facts = tcpFacts(socket);
  if (facts === null) {
    socket.destroy();
    return;
  }
  const { alpnProtocol, servername } = socket as TLSSocket & { servername?: string | false };
  const certificate = socket.getPeerX509Certificate();
  host.onLink(
    new SocketLink(socket, {
      kind: 'tls',
      ...facts,
      alpn: alpnProtocol || null,
      serverName: servername || null,
      cipher: socket.getCipher().standardName,
      peerCertificate: certificate === undefined ? null : new Uint8Array(certificate.raw),
    }),
  );
}
