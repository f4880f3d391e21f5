// A TCP listener of a group.

import type { AddressInfo, Socket } from 'node:net';
import { bindError } from '../udp/socket.ts';
import { type SocketAddress, socketAddress } from '../util/address.ts';
import type { GroupAddress } from './address.ts';
import type { ConnectionFacts } from './handler.ts';
import type { Member, MemberHost } from './member.ts';
import { SocketLink } from './socket-link.ts';
import type { TcpTarget } from './specification.ts';
import { StreamServer } from './stream-server.ts';

export class TcpMember implements Member {
  readonly #target: Pick<TcpTarget, 'address' | 'port'>;
  readonly #server: StreamServer;

  constructor(
    target: Pick<TcpTarget, 'address' | 'port'>,
    host: MemberHost,
    onSocket?: (socket: Socket) => void,
  ) {
    this.#target = target;
    this.#server = new StreamServer(host, onSocket ?? ((socket) => accept(socket, host)));
  }

  async bind(): Promise<GroupAddress> {
    const { address, port = 0 } = this.#target;
    try {
      // As for QUIC: `::` is all of IPv6 alone, no address is all of both families.
      const where = address === undefined ? { port } : { host: address, port, ipv6Only: true };
      const server = await this.#server.listen(where);
      const bound = server.address() as AddressInfo;
      return socketAddress(bound.address, bound.port) as SocketAddress;
    } catch (error) {
      const asked = socketAddress(address ?? '::', port) as SocketAddress;
      throw bindError(error, asked, 'TCP');
    }
  }

  stop(): void {
    this.#server.stop();
  }

  free(): Promise<void> {
    return this.#server.free();
  }
}

/** What every socket over TCP has. Null if the client is gone already: then its addresses are, too. */
export function tcpFacts(socket: Socket): Omit<ConnectionFacts, 'kind'> | null {
  const { localAddress = '', localPort = -1, remoteAddress = '', remotePort = -1 } = socket;
  const local = socketAddress(localAddress, localPort);
  const remote = socketAddress(remoteAddress, remotePort);
  if (local === null || remote === null) return null;
  return {
    localAddress: local,
    remoteAddress: remote,
    alpn: null,
    serverName: null,
    cipher: null,
    peerCertificate: null,
  };
}

function accept(socket: Socket, host: MemberHost): void {
  const facts = tcpFacts(socket);
  if (facts === null) socket.destroy();
  else host.onLink(new SocketLink(socket, { kind: 'tcp', ...facts }));
}
