/** Two connection cores on the virtual network, with an identity and limits that suit most scenario tests. */

import {
  type ConnectionConfig,
  DEFAULT_TRANSPORT_CONFIG,
  type TransportConfig,
} from '../../src/connection/config.ts';
import { ConnectionCore } from '../../src/connection/connection.ts';
import type { ConnectionStart } from '../../src/connection/connection-io.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import type { RandomSource } from '../../src/crypto/provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { CorePair } from '../../src/sim/core-pair.ts';
import type { Scenario } from '../../src/sim/scenarios.ts';
import { NO_TRACE } from '../../src/trace/trace.ts';
import type { SocketAddress } from '../../src/util/address.ts';
import { PacketHeader, readHeader } from '../../src/wire/header.ts';
import { seededIdentity, type TestIdentity } from './certificates.ts';
import { openInitial } from './initial-packets.ts';
import { StreamApp } from './stream-app.ts';

export interface PairOptions {
  seed: number | string;
  scenario?: Scenario;
  client?: Partial<ConnectionConfig>;
  server?: Partial<ConnectionConfig>;
  clientTransport?: Partial<TransportConfig>;
  serverTransport?: Partial<TransportConfig>;
  family?: 4 | 6;
  /** The server's; default {@link seededIdentity}. */
  identity?: TestIdentity;
  /** Sees each first datagram; changes how the server begins. Null: there is no server for it. */
  accept?: (first: FirstDatagram) => Partial<ConnectionStart> | null;
  /** Another pair whose hosts and link this one shares; its scenario counts. */
  beside?: TestPair;
}

/** A datagram for which there is no server yet. */
export interface FirstDatagram {
  datagram: Uint8Array;
  from: SocketAddress;
  to: SocketAddress;
  destinationId: Uint8Array;
  sourceId: Uint8Array;
  token: Uint8Array;
}

/** Limits with room for everything that tests do unless they are about limits. */
export const ROOMY: Partial<TransportConfig> = {
  maxIdleTimeout: 30_000,
  initialMaxData: 1 << 20,
  initialMaxStreamDataBidiLocal: 1 << 18,
  initialMaxStreamDataBidiRemote: 1 << 18,
  initialMaxStreamDataUni: 1 << 18,
  initialMaxStreamsBidi: 100,
  initialMaxStreamsUni: 100,
  maxSendUdpPayloadSize: 1452,
  activeConnectionIdLimit: 4,
};

export class TestPair {
  readonly pair: CorePair;
  readonly client: ConnectionCore;
  server: ConnectionCore | null = null;
  readonly clientEvents: ConnectionEvent[] = [];
  readonly serverEvents: ConnectionEvent[] = [];
  readonly clientApp: StreamApp;
  /** Of the server, from its first datagram on. */
  serverApp: StreamApp | null = null;
  /** Called after input, before sending. */
  onClient: ((client: ConnectionCore, now: number) => void) | null = null;
  onServer: ((server: ConnectionCore, now: number) => void) | null = null;
  /** Called once, when there is a server. */
  onAccept: ((server: ConnectionCore, app: StreamApp) => void) | null = null;

  constructor(options: PairOptions) {
    const { seed } = options;
    this.pair = new CorePair({
      seed,
      ...(options.family === undefined ? {} : { family: options.family }),
      ...(options.scenario === undefined ? {} : { scenario: options.scenario }),
      ...(options.beside === undefined ? {} : { beside: options.beside.pair }),
    });
    const { clock, clientAddress, serverAddress } = this.pair;
    const random = seededRandom(seed);
    const identity = options.identity ?? seededIdentity();
    const serverName = 'localhost';
    this.client = new ConnectionCore(
      {
        ...testConfig(seededRandom(`${seed} client`), options.clientTransport),
        serverName,
        verifyPeer: false,
        ...options.client,
      },
      {
        isServer: false,
        local: clientAddress,
        remote: serverAddress,
        localId: bytes(random, 8),
        remoteId: bytes(random, 8),
        originalDestinationId: null,
        retrySourceId: null,
        addressValidated: true,
        resetToken: null,
      },
      clock.now(),
    );
    this.clientApp = new StreamApp(this.client);
    const header = new PacketHeader();
    this.pair.start(this.client, (datagram, { from, to }, now) => {
      if (!readHeader(datagram, 0, datagram.length, 8, header) || header.type !== 0) return null;
      // As routing does it: a damaged Initial makes no connection.
      const { dcidStart, dcidLength } = header;
      if (openInitial(datagram, datagram.subarray(dcidStart, dcidStart + dcidLength), 'client') === null)
        return null;
      const field = (start: number, length: number) => datagram.slice(start, start + length);
      const first: FirstDatagram = {
        datagram,
        from,
        to,
        destinationId: field(header.dcidStart, header.dcidLength),
        sourceId: field(header.scidStart, header.scidLength),
        token: field(header.tokenStart, header.tokenLength),
      };
      const changes = options.accept === undefined ? {} : options.accept(first);
      if (changes === null) return null;
      const server = new ConnectionCore(
        {
          ...testConfig(seededRandom(`${seed} server`), options.serverTransport),
          answer: {
            identity: {
              certificates: identity.certificates,
              key: nodeProvider.privateKeyFrom(identity.keyPem),
            },
            alpn: ['test'],
            clientCertificate: 'none',
          },
          ...options.server,
        },
        {
          isServer: true,
          local: to,
          remote: from,
          localId: bytes(random, 8),
          remoteId: first.sourceId,
          originalDestinationId: first.destinationId,
          retrySourceId: null,
          addressValidated: false,
          resetToken: bytes(random, 16),
          ...changes,
        },
        now,
      );
      this.server = server;
      const app = new StreamApp(server);
      this.serverApp = app;
      this.onAccept?.(server, app);
      this.pair.server.onProgress = () => {
        drain(server, this.serverEvents);
        this.onServer?.(server, clock.now());
        app.pump();
      };
      return server;
    });
    this.pair.client.onProgress = () => {
      drain(this.client, this.clientEvents);
      this.onClient?.(this.client, clock.now());
      this.clientApp.pump();
    };
  }

  get now(): number {
    return this.pair.clock.now();
  }

  /** Lets both sides act at this instant, after something was done to them from outside. */
  wake(): void {
    this.pair.client.wake();
    this.pair.server.wake();
  }

  /** Opens a stream of the client for each size and has the server answer with so many bytes; runs until all came. */
  fetch(sizes: readonly number[], limit = 60_000): void {
    const wanted = new Map<number, number>();
    let asked = 0;
    this.onClient = (client) => {
      while (asked < sizes.length && client.state.value === 'established') {
        const id = client.streams.openStream('bidi');
        if (id === null) break;
        wanted.set(id, sizes[asked++] as number);
        this.clientApp.write(id, REQUEST_SIZE);
      }
    };
    const answer = (app: StreamApp) => {
      app.onEnd = (id) => {
        const size = wanted.get(id);
        if (size !== undefined) app.write(id, size);
      };
    };
    if (this.serverApp === null) this.onAccept = (_server, app) => answer(app);
    else answer(this.serverApp);
    const before = this.clientApp.whole;
    this.wake();
    this.runUntil(() => this.clientApp.whole === before + sizes.length, limit);
    this.onClient = null;
  }

  /** The client closes, and the run goes on until both sides are closed. */
  close(limit = 60_000): void {
    this.client.close(true, 0, 'done', this.now);
    this.wake();
    this.runUntil(
      () => this.client.state.value === 'closed' && (this.server?.state.value ?? 'closed') === 'closed',
      limit,
    );
  }

  /** Runs until the condition holds; throws after `limit` virtual milliseconds. */
  runUntil(condition: () => boolean, limit = 60_000): void {
    this.pair.runUntil(condition, limit);
  }

  get isEstablished(): boolean {
    return this.client.handshake.isConfirmed && this.server?.handshake.isConfirmed === true;
  }
}

/** Bytes of a request of `fetch`. */
const REQUEST_SIZE = 16;

function testConfig(random: RandomSource, transport: Partial<TransportConfig> = {}): ConnectionConfig {
  return {
    provider: nodeProvider,
    random,
    trace: NO_TRACE,
    transport: { ...DEFAULT_TRANSPORT_CONFIG, ...ROOMY, ...transport },
    version: 1,
    cipherSuites: undefined,
    groups: undefined,
    handshakeTimeout: 0,
    maxAmplificationFactor: 3,
    grease: true,
    streamNotices: false,
    idSource: { next: () => ({ connectionId: bytes(random, 8), resetToken: bytes(random, 16) }) },
    alpn: ['test'],
    serverName: null,
    verifyPeer: true,
    requestOcsp: false,
    identity: undefined,
    answer: undefined,
    token: undefined,
  };
}

function bytes(random: RandomSource, length: number): Uint8Array {
  const out = new Uint8Array(length);
  random.fill(out);
  return out;
}

function drain(core: ConnectionCore, into: ConnectionEvent[]): void {
  for (;;) {
    const event = core.nextEvent();
    if (event === null) return;
    into.push(event);
  }
}
