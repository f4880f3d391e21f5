/** Two connection cores on the virtual network, with an identity and limits that suit most scenario tests. */
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import {
  type ConnectionConfig,
  DEFAULT_TRANSPORT_CONFIG,
  type TransportConfig,
} from '../../src/connection/config.ts';
import { ConnectionCore } from '../../src/connection/connection.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import type { RandomSource } from '../../src/crypto/provider.ts';
import { CorePair } from '../../src/sim/core-pair.ts';
import type { Scenario } from '../../src/sim/scenarios.ts';
import { NO_TRACE } from '../../src/trace/trace.ts';
import { PacketHeader, readHeader } from '../../src/wire/header.ts';
import { seededIdentity } from './certificates.ts';

export interface PairOptions {
  seed: number;
  scenario?: Scenario;
  client?: Partial<ConnectionConfig>;
  server?: Partial<ConnectionConfig>;
  clientTransport?: Partial<TransportConfig>;
  serverTransport?: Partial<TransportConfig>;
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
  /** Called after input, before sending. */
  onClient: ((client: ConnectionCore, now: number) => void) | null = null;
  onServer: ((server: ConnectionCore, now: number) => void) | null = null;

  constructor(options: PairOptions) {
    const { seed } = options;
    this.pair = new CorePair({ seed, ...(options.scenario === undefined ? {} : { scenario: options.scenario }) });
    const { clock, clientAddress, serverAddress } = this.pair;
    const random = seededRandom(seed);
    const identity = seededIdentity();
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
    const header = new PacketHeader();
    this.pair.start(this.client, (datagram, { from, to }, now) => {
      if (!readHeader(datagram, 0, datagram.length, 8, header) || header.type !== 0) return null;
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
          remoteId: datagram.slice(header.scidStart, header.scidStart + header.scidLength),
          originalDestinationId: datagram.slice(header.dcidStart, header.dcidStart + header.dcidLength),
          retrySourceId: null,
          addressValidated: false,
          resetToken: bytes(random, 16),
        },
        now,
      );
      this.server = server;
      this.pair.server.onProgress = () => {
        drain(server, this.serverEvents);
        this.onServer?.(server, clock.now());
      };
      return server;
    });
    this.pair.client.onProgress = () => {
      drain(this.client, this.clientEvents);
      this.onClient?.(this.client, clock.now());
    };
  }

  /** Runs until the condition holds; throws after `limit` virtual milliseconds. */
  runUntil(condition: () => boolean, limit = 60_000): void {
    this.pair.runUntil(condition, limit);
  }

  get isEstablished(): boolean {
    return this.client.handshake.isConfirmed && this.server?.handshake.isConfirmed === true;
  }
}

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
