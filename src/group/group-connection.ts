// One connection of a group, from the question who handles it to the last of its handlers. Knows no kinds: what differs is
// in its link.

import type { Duplex } from 'node:stream';
import { invalidArgType, invalidArgValue, QuicError, quicError } from '../errors.ts';
import type { QuicConnection } from '../runtime/connection.ts';
import type { Clock } from '../util/clock.ts';
import type {
  ConnectionContext,
  ConnectionHandler,
  ConnectionOutcome,
  ErrorOrigin,
  GroupConnectionInfo,
  GroupHandler,
} from './handler.ts';
import { KillSwitch } from './kill-switch.ts';
import { type Link, NO_QUIC_STREAM, type RunStream } from './member.ts';
import type { Scope, Scopes } from './scopes.ts';
import { serveStream } from './serve-stream.ts';

/** `'asking'` until `connected` has answered; `'ending'` once it was killed or the client is gone. */
export type ConnectionState = 'asking' | 'running' | 'ending';

/** What a connection needs of its group. */
export interface ConnectionHost<LId, Data> {
  readonly handler: GroupHandler<LId, Data>;
  readonly scopes: Scopes;
  readonly clock: Clock;
  onConnected(info: GroupConnectionInfo<LId>): void;
  onDisconnected(info: GroupConnectionInfo<LId>, data: Data | undefined, error: Error | null): void;
  onError(error: unknown, origin: ErrorOrigin<LId>): void;
}

export class GroupConnection<LId, Data> {
  readonly info: GroupConnectionInfo<LId>;
  readonly link: Link;
  readonly killSwitch: KillSwitch = new KillSwitch();
  readonly startedAt: Date;
  readonly scope: Scope;
  data: Data | undefined = undefined;
  readonly #host: ConnectionHost<LId, Data>;
  /** Its own, not the group's: whoever listens to it is forgotten with the connection. */
  readonly #closing: AbortController = new AbortController();
  #state: ConnectionState = 'asking';

  constructor(host: ConnectionHost<LId, Data>, info: GroupConnectionInfo<LId>, link: Link) {
    this.#host = host;
    this.info = info;
    this.link = link;
    this.startedAt = new Date(host.clock.wallTime());
    this.scope = host.scopes.open();
    this.killSwitch.signal.addEventListener('abort', () => this.#onKilled(), { once: true });
    void link.closed.then(() => {
      this.#state = 'ending';
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Lives the whole life of the connection. Never rejects. */
  async live(): Promise<void> {
    const outcome = await this.#ask();
    if (outcome === null) {
      this.link.destroy();
      await this.link.closed;
      return;
    }
    const { info } = this;
    this.data = outcome.data as Data;
    this.#host.onConnected(info);
    await this.#serve(outcome);
    const error = await this.link.closed;
    const { data } = this;
    await this.#guarded('disconnected', () => this.#host.handler.disconnected?.(info, data, error));
    this.#host.onDisconnected(info, data, error);
  }

  /** The group shuts down: tells the handlers, and ends what is idle. */
  drain(): void {
    this.#closing.abort();
    this.link.drain();
  }

  /** Ends it. Handlers see their streams fail and their signal aborted. */
  kill(): void {
    this.killSwitch.trigger(quicError('ERR_QUIC_KILLED'));
  }

  /** Asks for who handles it; null for nobody. */
  async #ask(): Promise<NonNullable<ConnectionOutcome<LId, Data>> | null> {
    const asked = await this.#guarded('connected', async () =>
      checkOutcome(await this.#host.handler.connected(this.info), this.info.kind),
    );
    return asked ?? null;
  }

  async #serve(outcome: NonNullable<ConnectionOutcome<LId, Data>>): Promise<void> {
    if (this.#state === 'ending') return;
    this.#state = 'running';
    const { handler, mode = 'stream' } = outcome;
    if (mode === 'stream') {
      await this.link.serve((stream, of) => this.#runStream(handler, stream, of));
      return;
    }
    const connection = this.link.connection as QuicConnection;
    const context = this.#context(NO_QUIC_STREAM);
    await this.#guarded('run', () => handler.runConnection?.(connection, context));
    await connection.close().catch(() => {});
  }

  async #runStream(
    handler: ConnectionHandler<LId, Data>,
    stream: Duplex,
    of: Parameters<RunStream>[1],
  ): Promise<void> {
    const context = this.#context(of);
    const run = () => handler.run?.(stream, context);
    await this.#guarded('run', () => serveStream(stream, run, this.#host.clock));
  }

  /** Calls the application in the scope of this connection, and reports what it throws. */
  async #guarded<T>(during: ErrorOrigin['during'], callback: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await this.killSwitch.hold(this.#host.scopes.call(this.scope, callback));
    } catch (error) {
      const { listenerId, connectionId } = this.info;
      if (!this.#isEnd(error)) this.#host.onError(error, { during, listenerId, connectionId });
      return undefined;
    }
  }

  /**
   * Whether a handler failed with what its connection or stream failed with, or with a code for its client: then it did
   * nothing wrong.
   */
  #isEnd(error: unknown): boolean {
    const { signal } = this.killSwitch;
    if (signal.aborted && error === signal.reason) return true;
    if (!(error instanceof QuicError)) return false;
    return error.type === 'application' || error === this.link.connection?.error;
  }

  #context(of: Parameters<RunStream>[1]): ConnectionContext<LId, Data> {
    const { info, killSwitch } = this;
    return {
      info,
      data: this.data as Data,
      killSwitch,
      signal: killSwitch.signal,
      closing: this.#closing.signal,
      connection: this.link.connection,
      ...of,
    };
  }

  #onKilled(): void {
    this.#state = 'ending';
    const { reason } = this.killSwitch.signal;
    this.link.destroy(reason instanceof Error ? reason : quicError('ERR_QUIC_KILLED'));
  }
}

/** What `connected` returned, checked. */
function checkOutcome<LId, Data>(
  outcome: ConnectionOutcome<LId, Data>,
  kind: string,
): ConnectionOutcome<LId, Data> {
  if (outcome === null) return null;
  if (typeof outcome?.handler !== 'object' || outcome.handler === null) {
    throw invalidArgType('connected()', 'null, or an object with a handler', outcome);
  }
  const { handler, mode = 'stream' } = outcome;
  if (mode !== 'stream' && mode !== 'connection') {
    throw invalidArgValue('connected().mode', mode, "must be 'stream' or 'connection'");
  }
  if (mode === 'connection' && kind !== 'quic') {
    throw invalidArgValue('connected().mode', mode, `must be 'stream' for a connection of kind ${kind}`);
  }
  const name = mode === 'stream' ? 'run' : 'runConnection';
  if (typeof handler[name] !== 'function') {
    throw invalidArgType(`connected().handler.${name}`, 'of type function', handler[name]);
  }
  return outcome;
}
