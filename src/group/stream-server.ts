// What TCP, TLS and Unix listeners share: a server of node:net that asks for a seat before it spends anything on a client.

import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import type { MemberHost } from './member.ts';

export class StreamServer {
  readonly #host: MemberHost;
  readonly #onSocket: (socket: Socket) => void;
  #server: Server | null = null;
  #closed: Promise<void> = Promise.resolve();
  readonly #sockets: Set<Socket> = new Set();

  /** @param onSocket gets a socket that has a seat, and a listener for errors */
  constructor(host: MemberHost, onSocket: (socket: Socket) => void) {
    this.#host = host;
    this.#onSocket = onSocket;
  }

  /** Rejects with the system's error; nothing stays then. */
  async listen(where: ListenOptions): Promise<Server> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(where, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#server = server;
    this.#closed = new Promise((resolve) => server.once('close', () => resolve()));
    server.on('error', (error: NodeJS.ErrnoException) => {
      // Out of descriptors, for instance: the next client may find one.
      if (error.syscall === 'accept') this.#host.onAcceptError(error);
      else this.#host.onFailed(error);
    });
    server.on('connection', (socket) => this.#onConnection(socket));
    return server;
  }

  /** The socket that listens is closed when this returns. */
  stop(): void {
    this.#server?.close();
  }

  /** Ends what is left, such as handshakes, and resolves when all sockets are closed. */
  free(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return this.#closed;
  }

  #onConnection(socket: Socket): void {
    const leave = this.#host.admit();
    socket.on('error', () => {});
    if (leave === null) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      leave();
    });
    this.#onSocket(socket);
  }
}
