/**
 * quiche through the N-API binding inside `@matrixai/quic`, driven straight from `dgram`: what native QUIC in Node.js can be
 * without the classes around it. Datagrams of a loop turn are received first, then streams are served, then all is sent.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import quiche from '@matrixai/quic/native/quiche.js';
import type { Config, Host, Connection as QuicheConnection } from '@matrixai/quic/native/types.js';
import {
  type BenchConnection,
  BLOCK,
  type ClientEnd,
  HeadReader,
  head,
  mustBe,
  play,
  type ServerEnd,
  type ServerFiles,
} from './end.ts';

const PAYLOAD = 1452;
const ID_LENGTH = 16;
const HOST = '127.0.0.1';
const SOCKET_BUFFER = 4 << 20;

/** The kernel has copied a datagram long before its slot comes round again. */
const slots: Buffer[] = Array.from({ length: 2048 }, () => Buffer.alloc(PAYLOAD));
const scratch: Buffer = Buffer.alloc(1 << 20);
let slot = 0;

function makeConfig(): Config {
  const config = new quiche.Config();
  config.setApplicationProtos(['bench']);
  config.setMaxIdleTimeout(120_000);
  config.setMaxRecvUdpPayloadSize(65_527);
  config.setMaxSendUdpPayloadSize(PAYLOAD);
  config.setInitialMaxData(24 << 20);
  config.setMaxConnectionWindow(24 << 20);
  config.setInitialMaxStreamDataBidiLocal(16 << 20);
  config.setInitialMaxStreamDataBidiRemote(16 << 20);
  config.setMaxStreamWindow(16 << 20);
  config.setInitialMaxStreamsBidi(100);
  config.enableDgram(true, 1024, 1024);
  config.enablePacing(false);
  return config;
}

/** One stream: what is still to be written, and what to do with what comes. */
interface Stream {
  first: Uint8Array | null;
  /** Bytes after `first`, and whether the end is to follow them. */
  left: number;
  ends: boolean;
  onData(chunk: Uint8Array): void;
  onEnd(): void;
  onWritten?(): void;
}

/** A connection between quiche and the socket. */
class Session {
  readonly connection: QuicheConnection;
  readonly streams: Map<number, Stream> = new Map();
  readonly #hub: Hub;
  onEstablished: () => void = () => {};
  onClosed: () => void = () => {};
  onStream: ((id: number) => Stream) | null = null;
  onDatagram: (datagram: Uint8Array) => void = () => {};
  isQueued = false;
  isClosing = false;
  #isEstablished = false;
  #timer: NodeJS.Timeout | null = null;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(hub: Hub, connection: QuicheConnection) {
    this.#hub = hub;
    this.connection = connection;
  }

  turn(): void {
    const { connection, streams } = this;
    if (!this.#isEstablished && connection.isEstablished()) {
      this.#isEstablished = true;
      this.onEstablished();
    }
    if (this.#isEstablished) {
      for (const id of connection.readable()) this.#read(id);
      for (let bytes = connection.dgramRecvVec(); bytes !== null; bytes = connection.dgramRecvVec())
        this.onDatagram(bytes);
      for (const [id, stream] of streams) if (stream.ends) this.#write(id, stream);
    }
    this.#flush();
    if (connection.isClosed() || this.isClosing) {
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#hub.forget(this);
      this.onClosed();
    } else this.#arm();
  }

  #read(id: number): void {
    const { connection, streams } = this;
    let stream = streams.get(id);
    if (stream === undefined) {
      if (this.onStream === null) return;
      stream = this.onStream(id);
      streams.set(id, stream);
    }
    for (
      let got = connection.streamRecv(id, scratch);
      got !== null;
      got = connection.streamRecv(id, scratch)
    ) {
      const [length, isEnd] = got;
      stream.onData(scratch.subarray(0, length));
      if (!isEnd) continue;
      stream.onEnd();
      return;
    }
  }

  #write(id: number, stream: Stream): void {
    const { connection } = this;
    while (stream.ends) {
      const { first, left } = stream;
      const chunk = first ?? (left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK);
      const isLast = first === null ? chunk.length === left : left === 0;
      const taken = connection.streamSend(id, chunk, isLast) ?? 0;
      if (first !== null) stream.first = taken === first.length ? null : first.subarray(taken);
      else stream.left -= taken;
      if (taken < chunk.length) return;
      if (!isLast) continue;
      stream.ends = false;
      stream.onWritten?.();
    }
  }

  #flush(): void {
    for (;;) {
      const out = slots[slot];
      const sent = this.connection.send(out);
      if (sent === null) return;
      slot = (slot + 1) % slots.length;
      const [length, { to }] = sent;
      this.#hub.socket.send(out, 0, length, to.port, to.host);
      if (this.isClosing) return;
    }
  }

  /** One timer that only moves when it would come too late. */
  #arm(): void {
    const delay = this.connection.timeout();
    if (delay === null) return;
    const deadline = performance.now() + delay;
    if (deadline >= this.#deadline) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#deadline = deadline;
    this.#timer = setTimeout(
      () => {
        this.#deadline = Number.POSITIVE_INFINITY;
        if (this.connection.timeout() === 0) this.connection.onTimeout();
        this.#hub.wake(this);
      },
      Math.max(1, delay),
    );
  }
}

/** A socket, and the connections behind it by their ids. */
class Hub {
  readonly socket: Socket;
  local: Host = { host: HOST, port: 0 };
  accept: ((id: Buffer, remote: Host) => Session | null) | null = null;
  readonly #sessions: Map<string, Session> = new Map();
  readonly #dirty: Session[] = [];
  #isScheduled = false;

  constructor() {
    this.socket = createSocket({
      type: 'udp4',
      recvBufferSize: SOCKET_BUFFER,
      sendBufferSize: SOCKET_BUFFER,
    });
    this.socket.on('message', (datagram, { address, port }) =>
      this.#receive(datagram, { host: address, port }),
    );
  }

  async bind(): Promise<void> {
    this.socket.bind(0, HOST);
    await once(this.socket, 'listening');
    this.local = { host: HOST, port: this.socket.address().port };
  }

  route(id: Uint8Array, session: Session): void {
    this.#sessions.set(keyOf(id), session);
  }

  forget(session: Session): void {
    for (const [key, routed] of this.#sessions) if (routed === session) this.#sessions.delete(key);
  }

  wake(session: Session): void {
    if (!session.isQueued) {
      session.isQueued = true;
      this.#dirty.push(session);
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      for (const each of this.#dirty.splice(0)) {
        each.isQueued = false;
        each.turn();
      }
    });
  }

  #receive(datagram: Buffer, from: Host): void {
    const isLong = (datagram[0] & 0x80) !== 0;
    const id = isLong ? datagram.subarray(6, 6 + datagram[5]) : datagram.subarray(1, 1 + ID_LENGTH);
    const session = this.#sessions.get(keyOf(id)) ?? (isLong ? this.accept?.(id, from) : null);
    if (!session) return;
    try {
      session.connection.recv(datagram, { from, to: this.local });
    } catch {
      // quiche has closed the connection and says so with what it sends.
    }
    this.wake(session);
  }
}

async function serve({ cert, key }: ServerFiles): Promise<ServerEnd> {
  const config = makeConfig();
  config.loadCertChainFromPemFile(cert);
  config.loadPrivKeyFromPemFile(key);
  config.verifyPeer(false);
  const hub = new Hub();
  hub.accept = (clientId, remote) => {
    const id = randomBytes(ID_LENGTH);
    const session = new Session(hub, quiche.Connection.accept(id, null, hub.local, remote, config));
    hub.route(clientId, session);
    hub.route(id, session);
    session.onDatagram = (bytes) => void session.connection.dgramSend(bytes);
    session.onStream = (streamId) => {
      const request = new HeadReader();
      const stream: Stream = {
        first: null,
        left: 0,
        ends: false,
        onData: (chunk) => request.push(chunk),
        onEnd: () => {
          stream.left = request.down;
          stream.ends = true;
        },
        onWritten: () => session.streams.delete(streamId),
      };
      return stream;
    };
    return session;
  };
  await hub.bind();
  return { port: hub.local.port };
}

async function connect(port: number, ca: string): Promise<ClientEnd> {
  const config = makeConfig();
  config.loadVerifyLocationsFromFile(ca);
  config.verifyPeer(true);
  const hub = new Hub();
  await hub.bind();
  const remote: Host = { host: HOST, port };
  let ticket: Uint8Array | null = null;
  const open = (session: Uint8Array | null): Promise<Session> =>
    new Promise((resolve, reject) => {
      const id = randomBytes(ID_LENGTH);
      const opened = new Session(hub, quiche.Connection.connect('localhost', id, hub.local, remote, config));
      if (session !== null) opened.connection.setSession(session);
      hub.route(id, opened);
      opened.onEstablished = () => resolve(opened);
      opened.onClosed = () => reject(new Error('quiche did not connect'));
      hub.wake(opened);
    });
  return {
    open: async (resumed) => {
      const session = await open(resumed ? ticket : null);
      if (resumed && !session.connection.isResumed()) throw new Error('not resumed');
      return new Connection(hub, session);
    },
    prepareResumption: async () => {
      const session = await open(null);
      const connection = new Connection(hub, session);
      // A round trip later the ticket is there.
      await connection.exchange(8, 1);
      ticket = session.connection.session();
      await connection.close();
    },
  };
}

class Connection implements BenchConnection {
  readonly #hub: Hub;
  readonly #session: Session;
  #nextId = 0;

  constructor(hub: Hub, session: Session) {
    this.#hub = hub;
    this.#session = session;
  }

  exchange(up: number, down: number): Promise<void> {
    const id = this.#nextId;
    this.#nextId += 4;
    return new Promise((resolve, reject) => {
      let received = 0;
      this.#session.streams.set(id, {
        first: head(down),
        left: up - 8,
        ends: true,
        onData: (chunk) => {
          received += chunk.length;
        },
        onEnd: () => {
          this.#session.streams.delete(id);
          try {
            resolve(mustBe(received, down));
          } catch (error) {
            reject(error);
          }
        },
      });
      this.#hub.wake(this.#session);
    });
  }

  set onDatagram(callback: () => void) {
    this.#session.onDatagram = callback;
  }

  sendDatagram(bytes: Uint8Array): void {
    this.#session.connection.dgramSend(bytes);
    this.#hub.wake(this.#session);
  }

  /**
   * As with the others, done when the close was sent. Closed before the handshake is confirmed, this quiche has its
   * close to send for ever, so it is asked for one datagram and forgotten.
   */
  async close(): Promise<void> {
    this.#session.connection.close(true, 0, new Uint8Array());
    this.#session.isClosing = true;
    this.#hub.wake(this.#session);
    await new Promise(setImmediate);
  }
}

function keyOf(id: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(id, 0, id.length);
}

await play({ serve, connect });
