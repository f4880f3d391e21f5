// One listener of a group: its state from registration to its end, its binds, its connections. Knows no kinds: what differs
// is in its member.

import { quicError } from '../errors.ts';
import type { QuicListener } from '../listener/listener.ts';
import { defer } from '../runtime/deferred.ts';
import type { Environment } from '../runtime/environment.ts';
import type { GroupAddress } from './address.ts';
import { pauseAfter } from './back-off.ts';
import type { GroupConnection } from './group-connection.ts';
import type { Link, Member, MemberHost } from './member.ts';
import { QuicMember } from './quic-member.ts';
import type { SharedServers } from './shared-servers.ts';
import type { ListenerKind, ParsedSpecification } from './specification.ts';
import { TcpMember } from './tcp-member.ts';
import { TlsMember } from './tls-member.ts';
import { UnixMember } from './unix-member.ts';

/** `'idle'`: to be bound later; `'retrying'`: pausing after a bind that failed; `'stopping'`: waiting for its end. */
export type GroupListenerState = 'idle' | 'binding' | 'retrying' | 'bound' | 'stopping';

/** What a listener needs of its group. */
export interface ListenerHost<LId, Data> {
  readonly environment: Environment;
  readonly servers: SharedServers;
  /** A seat among all of the group. */
  admit(): (() => void) | null;
  onLink(listener: GroupListener<LId, Data>, link: Link): void;
  onBound(listener: GroupListener<LId, Data>, address: GroupAddress): void;
  onUnbound(listener: GroupListener<LId, Data>): void;
  onFailed(listener: GroupListener<LId, Data>, error: Error): void;
  onAcceptError(listener: GroupListener<LId, Data>, error: Error): void;
  /** It is no part of the group any more. */
  onGone(listener: GroupListener<LId, Data>): void;
  /** Nothing of it is bound or open any more. */
  onFreed(listener: GroupListener<LId, Data>): void;
}

export class GroupListener<LId, Data> implements MemberHost {
  readonly id: LId;
  readonly kind: ListenerKind;
  readonly startedAt: Date;
  /** Those that are not over. */
  readonly connections: Set<GroupConnection<LId, Data>> = new Set();
  address: GroupAddress | null = null;
  #state: GroupListenerState = 'idle';
  readonly #specification: ParsedSpecification<LId>;
  readonly #host: ListenerHost<LId, Data>;
  readonly #member: Member;
  readonly #ended: AbortController = new AbortController();
  #binding: Promise<unknown> = Promise.resolve();
  #ending: Promise<void> | null = null;
  #seats = 0;
  /** Those that were faster than the end of the bind: nobody is connected before `bound` was told. */
  #early: Link[] = [];
  #isGone = false;

  /** Reads what the target names, such as certificates; throws what is wrong with it. */
  constructor(specification: ParsedSpecification<LId>, host: ListenerHost<LId, Data>) {
    this.id = specification.id;
    this.kind = specification.target.kind;
    this.#specification = specification;
    this.#host = host;
    this.startedAt = new Date(host.environment.clock.wallTime());
    this.#member = makeMember(specification, this);
  }

  get state(): GroupListenerState {
    return this.#state;
  }

  get environment(): Environment {
    return this.#host.environment;
  }

  get servers(): SharedServers {
    return this.#host.servers;
  }

  /** What is behind a QUIC listener; null for other kinds. */
  get quicListener(): QuicListener | null {
    return this.#member instanceof QuicMember ? this.#member.listener : null;
  }

  /** Binds, with back-off if the specification has it. */
  bind(): Promise<GroupAddress> {
    if (this.#state === 'stopping') return Promise.reject(quicError('ERR_QUIC_LISTENER_FINISHED'));
    if (this.#state !== 'idle') return Promise.reject(quicError('ERR_QUIC_LISTENER_ALREADY_STARTED'));
    const binding = this.#bind();
    this.#binding = binding.catch(() => {});
    return binding;
  }

  /** Takes no more connections, kills those there are if asked to, and is gone. Idempotent. */
  kill(killConnections: boolean): Promise<void> {
    if (killConnections) this.#killConnections();
    this.#ending ??= this.#end(killConnections);
    return this.#ending;
  }

  /** A connection is over. */
  remove(connection: GroupConnection<LId, Data>): void {
    this.connections.delete(connection);
    if (this.#isGone) void this.free();
  }

  /** Frees what is left once nobody needs it, and resolves then; at once if some connection does. */
  async free(): Promise<void> {
    if (this.connections.size > 0) return;
    await this.#member.free();
    this.#host.onFreed(this);
  }

  // ---- from the member ----

  admit(): (() => void) | null {
    const { maxConnections } = this.#specification;
    if (this.#ending !== null || this.#seats >= maxConnections || this.connections.size >= maxConnections)
      return null;
    const leave = this.#host.admit();
    if (leave === null) return null;
    this.#seats++;
    return () => {
      this.#seats--;
      leave();
    };
  }

  onLink(link: Link): void {
    // Its handshake took longer than the listener lived.
    if (this.#ending !== null) link.destroy();
    else if (this.#state === 'bound') this.#host.onLink(this, link);
    else this.#early.push(link);
  }

  onAcceptError(error: Error): void {
    this.#host.onAcceptError(this, error);
  }

  onFailed(error: Error): void {
    if (this.#ending !== null) return;
    this.#host.onFailed(this, error);
    void this.kill(false);
  }

  // ---- inside ----

  async #bind(): Promise<GroupAddress> {
    const { retry, autoBind } = this.#specification;
    for (let failures = 1; ; failures++) {
      this.#state = 'binding';
      try {
        this.address = await this.#member.bind();
        break;
      } catch (cause) {
        const error = cause as Error;
        if (this.#ended.signal.aborted) throw error;
        if (retry === null) {
          this.#state = 'idle';
          // Before the callback, which may want to register the id anew.
          if (autoBind) void this.kill(false);
          this.#host.onFailed(this, error);
          throw error;
        }
        this.#state = 'retrying';
        this.#host.onFailed(this, error);
        await this.#pause(pauseAfter(failures, retry));
      }
    }
    if (this.#ended.signal.aborted) throw quicError('ERR_QUIC_LISTENER_FINISHED');
    this.#state = 'bound';
    this.#host.onBound(this, this.address);
    for (const link of this.#early.splice(0)) this.onLink(link);
    return this.address;
  }

  /** Rejects if the listener is killed meanwhile. */
  async #pause(delay: number): Promise<void> {
    const { clock } = this.#host.environment;
    const over = defer<void>();
    const { signal } = this.#ended;
    const timer = clock.createTimer(over.resolve);
    timer.set(clock.now() + delay);
    const onKilled = (): void => over.resolve();
    signal.addEventListener('abort', onKilled);
    await over.promise;
    timer.clear();
    signal.removeEventListener('abort', onKilled);
    if (signal.aborted) throw quicError('ERR_QUIC_LISTENER_FINISHED');
  }

  async #end(killConnections: boolean): Promise<void> {
    const wasIdle = this.#state === 'idle';
    const wasBound = this.#state === 'bound';
    this.#state = 'stopping';
    for (const link of this.#early.splice(0)) link.destroy();
    this.#ended.abort();
    // A listener that never bound, or whose bind failed, is gone at once.
    if (wasIdle) this.#gone();
    await this.#binding;
    await this.#member.stop();
    if (wasBound) this.#host.onUnbound(this);
    if (killConnections) await Promise.all([...this.connections].map(({ scope }) => scope.settled()));
    if (!wasIdle) this.#gone();
    await this.free();
  }

  #gone(): void {
    this.#isGone = true;
    this.#host.onGone(this);
  }

  #killConnections(): void {
    for (const connection of this.connections) connection.kill();
  }
}

function makeMember({ target }: ParsedSpecification<unknown>, host: MemberHost): Member {
  switch (target.kind) {
    case 'tcp':
      return new TcpMember(target, host);
    case 'tls':
      return new TlsMember(target, host);
    case 'unix':
      return new UnixMember(target, host);
    case 'quic':
      return new QuicMember(target, host);
  }
}
