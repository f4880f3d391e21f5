/** A well-behaved client of an echo server: says something on a new stream and keeps what comes back. */
import { type ConnectionConfig, DEFAULT_TRANSPORT_CONFIG } from '../../src/connection/config.ts';
import { ConnectionCore } from '../../src/connection/connection.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { NO_TRACE } from '../../src/trace/trace.ts';
import type { SocketAddress } from '../../src/util/address.ts';
import { ROOMY } from './core-pair.ts';

export interface HealthyOptions {
  seed: number | string;
  local: SocketAddress;
  remote: SocketAddress;
  now?: number;
  changes?: Partial<ConnectionConfig>;
}

/** The configuration of a client core that trusts everybody, seeded. */
export function clientConfig(seed: number | string): ConnectionConfig {
  const random = seededRandom(`${seed} client`);
  return {
    provider: nodeProvider,
    random,
    trace: NO_TRACE,
    transport: { ...DEFAULT_TRANSPORT_CONFIG, ...ROOMY },
    version: 1,
    cipherSuites: undefined,
    groups: undefined,
    handshakeTimeout: 0,
    maxAmplificationFactor: 3,
    grease: true,
    streamNotices: false,
    idSource: {
      next: () => {
        const connectionId = new Uint8Array(8);
        const resetToken = new Uint8Array(16);
        random.fill(connectionId);
        random.fill(resetToken);
        return { connectionId, resetToken };
      },
    },
    alpn: ['test'],
    serverName: 'localhost',
    verifyPeer: false,
    requestOcsp: false,
    identity: undefined,
    answer: undefined,
    token: undefined,
  };
}

/** A client core with this configuration. */
export function clientCore({ seed, local, remote, now = 0, changes = {} }: HealthyOptions): ConnectionCore {
  const config = { ...clientConfig(seed), ...changes };
  const localId = new Uint8Array(8);
  const remoteId = new Uint8Array(8);
  config.random.fill(localId);
  config.random.fill(remoteId);
  return new ConnectionCore(
    config,
    {
      isServer: false,
      local,
      remote,
      localId,
      remoteId,
      originalDestinationId: null,
      retrySourceId: null,
      addressValidated: true,
      resetToken: null,
    },
    now,
  );
}

export class HealthyClient {
  readonly core: ConnectionCore;
  readonly events: ConnectionEvent[] = [];
  #said = '';
  #heard = '';
  #id: number | null = null;

  constructor(options: HealthyOptions) {
    this.core = clientCore(options);
  }

  /** Says something that the server should echo. */
  say(text: string): void {
    this.#said = text;
    this.#heard = '';
    this.#id = null;
  }

  /** The whole echo came. */
  get isAnswered(): boolean {
    return this.#heard === this.#said;
  }

  /** Lets the application act; to be called after input. */
  progress(): void {
    const { core } = this;
    for (let event = core.nextEvent(); event !== null; event = core.nextEvent()) this.events.push(event);
    if (core.state.value !== 'established') return;
    const { streams } = core;
    if (this.#id === null && this.#said !== '') {
      this.#id = streams.openStream('bidi');
      if (this.#id !== null) streams.streamSend(this.#id, new TextEncoder().encode(this.#said), true);
    }
    for (let id = streams.nextReadable(); id !== null; id = streams.nextReadable()) {
      for (let chunk = streams.streamRecvChunk(id); chunk !== null; chunk = streams.streamRecvChunk(id)) {
        if (id === this.#id) this.#heard += new TextDecoder().decode(chunk.data);
        if (chunk.fin) break;
      }
    }
  }
}
