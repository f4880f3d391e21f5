// A Unix socket listener of a group.

import type { Socket } from 'node:net';
import { quicError } from '../errors.ts';
import type { GroupAddress } from './address.ts';
import type { Member, MemberHost } from './member.ts';
import { SocketLink } from './socket-link.ts';
import type { UnixTarget } from './specification.ts';
import { StreamServer } from './stream-server.ts';
import { besidePath, publish, unpublish } from './unix-path.ts';

export class UnixMember implements Member {
  readonly #target: UnixTarget;
  readonly #server: StreamServer;
  #published: Awaited<ReturnType<typeof publish>> | null = null;

  constructor(target: UnixTarget, host: MemberHost) {
    this.#target = target;
    this.#server = new StreamServer(host, (socket) => this.#accept(socket, host));
  }

  async bind(): Promise<GroupAddress> {
    const { path, force = false, mode } = this.#target;
    if (process.platform === 'win32') {
      throw quicError('ERR_QUIC_UNSUPPORTED', { message: 'There are no Unix socket listeners on Windows' });
    }
    const temporary = besidePath(path);
    try {
      // The file could be made, but nobody could connect to it.
      if (Buffer.byteLength(path) > LONGEST_PATH) throw new Error(`it is longer than ${LONGEST_PATH} bytes`);
      await this.#server.listen({ path: temporary });
      this.#published = await publish(temporary, path, mode, force);
    } catch (error) {
      this.#server.stop();
      if ((error as { code?: string }).code === 'ERR_QUIC_BIND') throw error;
      const message = `Cannot bind ${path}: ${(error as Error).message}`;
      throw quicError('ERR_QUIC_BIND', { message, cause: error });
    }
    return { path };
  }

  async stop(): Promise<void> {
    this.#server.stop();
    if (this.#published !== null) await unpublish(this.#target.path, this.#published);
    this.#published = null;
  }

  free(): Promise<void> {
    return this.#server.free();
  }

  #accept(socket: Socket, host: MemberHost): void {
    host.onLink(
      new SocketLink(socket, {
        kind: 'unix',
        localAddress: { path: this.#target.path },
        remoteAddress: { path: '' },
        alpn: null,
        serverName: null,
        cipher: null,
        peerCertificate: null,
      }),
    );
  }
}

/** Of the system, without the zero at its end; what is no Linux has four less. */
const LONGEST_PATH = process.platform === 'linux' ? 107 : 103;
