/** A listener and clients on the virtual network: no real time, no sockets. Run everything through `until`. */
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import {
  type ConnectOptions,
  connect,
  type ListenOptions,
  type QuicConnection,
  QuicListener,
} from '../../src/index.ts';
import type { Environment } from '../../src/runtime/environment.ts';
import type { LinkOptions } from '../../src/sim/link.ts';
import type { VirtualClock } from '../../src/sim/virtual-clock.ts';
import type { VirtualHost } from '../../src/sim/virtual-host.ts';
import { VirtualNetwork } from '../../src/sim/virtual-network.ts';
import { makeTestIdentity, type TestIdentity } from './certificates.ts';

export class ListenerStage {
  static readonly SERVER = '198.51.100.1';
  static readonly CLIENT = '192.0.2.1';
  readonly network: VirtualNetwork;
  readonly server: VirtualHost;
  readonly client: VirtualHost;
  readonly identity: TestIdentity = makeTestIdentity();
  /** Datagrams that the server sent. */
  sent = 0;

  constructor(seed = 1, addresses: string[] = [ListenerStage.SERVER], link: LinkOptions = { delay: 10 }) {
    this.network = new VirtualNetwork({ seed });
    this.server = this.network.addHost('server', addresses);
    this.client = this.network.addHost('client', [ListenerStage.CLIENT]);
    this.network.link(this.client, this.server, link, link);
  }

  get clock(): VirtualClock {
    return this.network.clock;
  }

  environmentOf({ clock, sockets, random }: VirtualHost): Environment {
    return { clock, sockets, random, provider: nodeProvider };
  }

  /** With the identity of `localhost`, unless there are `cert`, `identities` or `psks`; null leaves it out. */
  listener(options: StageOptions = {}, hasDefault = true): QuicListener {
    const { certPem: cert, keyPem: key } = this.identity;
    return new QuicListener({
      address: ListenerStage.SERVER,
      port: 4433,
      alpn: ['test'],
      environment: this.environmentOf(this.server),
      ...(hasDefault ? { cert, key } : {}),
      ...options,
    } as ListenOptions);
  }

  async started(options: StageOptions = {}, hasDefault = true): Promise<QuicListener> {
    const listener = this.listener(options, hasDefault);
    await this.until(listener.start());
    return listener;
  }

  /** Resolves when the handshake is complete on both sides. */
  async connect(options: Partial<ConnectOptions> = {}, port = 4433): Promise<QuicConnection> {
    // Timers of connections alone keep no clock going.
    this.clock.createTimer(() => {}).set(this.clock.now() + (options.handshakeTimeout ?? 10_000) + 1000);
    const connection = await this.until(
      connect(`${ListenerStage.SERVER}:${port}`, {
        alpn: 'test',
        ca: this.identity.caPem,
        serverName: 'localhost',
        // No client knows what another one was given.
        tokens: false,
        environment: this.environmentOf(this.client),
        ...options,
      }),
    );
    await this.run(30);
    return connection;
  }

  /** The error with which a connect fails, or the connection soon after; the handshake is given up after a second. */
  async refusal(options: Partial<ConnectOptions> = {}, port = 4433): Promise<Refused> {
    const { handshakeTimeout = 1000 } = options;
    try {
      const connection = await this.connect({ ...options, handshakeTimeout }, port);
      // A server that judges the client's certificate does so after the client is through.
      let ended: Refused | null = null;
      connection.closed.catch((error: Refused) => {
        ended = error;
      });
      await this.run(300);
      if (ended !== null) return ended;
      await this.until(connection.close());
      return { code: 'none', message: 'connected' };
    } catch (error) {
      return error as Refused;
    }
  }

  until<T>(promise: Promise<T>): Promise<T> {
    return this.clock.until(promise);
  }

  /** Lets virtual time pass. */
  run(milliseconds: number): Promise<unknown> {
    return Promise.resolve(this.clock.runAsync(this.clock.now() + milliseconds));
  }
}

/** Undefined takes an option of the stage away. */
export type StageOptions = { [Name in keyof ListenOptions]?: ListenOptions[Name] | undefined };

export interface Refused {
  code: string;
  message: string;
  reason?: string;
  errorCode?: bigint;
}
