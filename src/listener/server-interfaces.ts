// Which interfaces each server is bound to. A server that says nothing about it is wherever the listener itself is; one that
// has interfaces of its own takes clients that come in on those, and refuses others. Knows no names and no handshakes.

import { invalidArgType, quicError } from '../errors.ts';
import type { QuicEndpoint } from '../runtime/endpoint.ts';
import type { BoundInterface, ReleaseOptions } from '../runtime/interfaces.ts';
import { parseBindUri } from '../udp/bind-uri.ts';
import type { SocketAddress } from '../util/address.ts';

/** An interface of a server: `uri` alone while the listener is not started. */
export type ServerInterface = Pick<BoundInterface, 'uri' | 'key' | 'state' | 'addresses' | 'error'>;

export class ServerInterfaces {
  readonly #endpoint: QuicEndpoint;
  readonly #all: Set<ServerBinds> = new Set();
  /** How many servers have an interface, by its key. */
  readonly #users: Map<string, number> = new Map();
  /** One change at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #isOpen = false;

  constructor(endpoint: QuicEndpoint) {
    this.#endpoint = endpoint;
  }

  /** The interfaces of one more server; `uris` undefined: wherever the listener is. Nothing is bound for it yet. */
  add(uris: readonly BindRequest[] | undefined): ServerBinds {
    const binds = new ServerBinds(this, uris === undefined);
    for (const { uri, key } of uris ?? []) binds.asked.set(key, { uri, bound: null });
    this.#all.add(binds);
    return binds;
  }

  /** Binds what servers ask for, all or nothing; for a listener that starts. */
  open(): Promise<void> {
    return this.#inTurn(async () => {
      this.#isOpen = true;
      try {
        await this.#bindAll(
          [...this.#all].flatMap((binds) => [...binds.asked].map((each) => [binds, ...each] as const)),
        );
      } catch (error) {
        this.#isOpen = false;
        throw error;
      }
    });
  }

  /** Gives all up until `open` is called again; connections go on. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      this.#isOpen = false;
      const bound = [...this.#all].flatMap((binds) => this.#take(binds, [...binds.asked.keys()]));
      await Promise.all(bound.map((each) => each.release({ drain: Number.POSITIVE_INFINITY })));
    });
  }

  /** Adds interfaces to a server, all or none; those that it has are ignored. */
  bind(binds: ServerBinds, uris: readonly BindRequest[]): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#all.has(binds)) throw quicError('ERR_QUIC_SERVER_NOT_FOUND');
      const added = uris.filter(({ key }) => !binds.asked.has(key));
      for (const { uri, key } of added) binds.asked.set(key, { uri, bound: null });
      try {
        if (this.#isOpen) await this.#bindAll([...binds.asked].map((each) => [binds, ...each] as const));
      } catch (error) {
        for (const { key } of added) binds.asked.delete(key);
        throw error;
      }
    });
  }

  /** Takes an interface from servers, of which some may not have it. */
  unbind(key: string, servers: readonly ServerBinds[], options: ReleaseOptions): Promise<void> {
    return this.#inTurn(async () => {
      const bound = servers.flatMap((binds) => this.#take(binds, [key]));
      for (const binds of servers) binds.asked.delete(key);
      await Promise.all(bound.map((each) => each.release(options)));
    });
  }

  /** The server is gone. Its connections go on. */
  remove(binds: ServerBinds): Promise<void> {
    this.#all.delete(binds);
    return this.#inTurn(async () => {
      const bound = this.#take(binds, [...binds.asked.keys()]);
      await Promise.all(bound.map((each) => each.release({ drain: Number.POSITIVE_INFINITY })));
    });
  }

  /** Whether a server with these interfaces takes clients that come to this address of ours. */
  serves({ usesOwn, asked }: ServerBinds, local: SocketAddress): boolean {
    const keys = this.#endpoint.interfaces.at(local);
    return (usesOwn && this.isOwn(keys)) || keys.some((key) => asked.has(key));
  }

  /** Whether the listener itself is at an address: not on interfaces that only servers asked for. */
  isOwn(keys: readonly string[]): boolean {
    const { interfaces } = this.#endpoint;
    return keys.length === 0 || keys.some((key) => interfaces.users(key) > (this.#users.get(key) ?? 0));
  }

  async #bindAll(wanted: readonly (readonly [ServerBinds, string, Asked])[]): Promise<void> {
    const done: [ServerBinds, string][] = [];
    try {
      for (const [binds, key, asked] of wanted) {
        if (asked.bound !== null) continue;
        asked.bound = await this.#endpoint.bindInterface(asked.uri);
        this.#users.set(key, (this.#users.get(key) ?? 0) + 1);
        done.push([binds, key]);
      }
    } catch (error) {
      const bound = done.flatMap(([binds, key]) => this.#take(binds, [key]));
      await Promise.all(bound.map((each) => each.release({ drain: 0 })));
      throw error;
    }
  }

  /** What is bound of these, as no longer the server's. */
  #take(binds: ServerBinds, keys: readonly string[]): BoundInterface[] {
    const taken: BoundInterface[] = [];
    for (const key of keys) {
      const asked = binds.asked.get(key);
      if (asked === undefined || asked.bound === null) continue;
      taken.push(asked.bound);
      asked.bound = null;
      const users = (this.#users.get(key) ?? 1) - 1;
      if (users === 0) this.#users.delete(key);
      else this.#users.set(key, users);
    }
    return taken;
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => {});
    return done;
  }
}

/** The interfaces of one server. */
export class ServerBinds {
  /** It is also wherever the listener itself is. */
  readonly usesOwn: boolean;
  /** By key; changed by `ServerInterfaces` alone. */
  readonly asked: Map<string, Asked> = new Map();
  readonly #interfaces: ServerInterfaces;

  constructor(interfaces: ServerInterfaces, usesOwn: boolean) {
    this.#interfaces = interfaces;
    this.usesOwn = usesOwn;
  }

  serves(local: SocketAddress): boolean {
    return this.#interfaces.serves(this, local);
  }

  get list(): ServerInterface[] {
    return [...this.asked].map(
      ([key, { uri, bound }]) => bound ?? { uri, key, state: 'released', addresses: [], error: null },
    );
  }
}

/** A bind URI that was read. */
export interface BindRequest {
  readonly uri: string;
  readonly key: string;
}

/** Reads one URI or several, each once. Throws ERR_QUIC_BIND_URI…, ERR_INVALID_ARG_TYPE. */
export function parseBinds(name: string, uris: string | readonly string[]): BindRequest[] {
  if (typeof uris !== 'string' && !Array.isArray(uris))
    throw invalidArgType(name, 'a bind URI or a list of them', uris);
  const list: readonly string[] = typeof uris === 'string' ? [uris] : uris;
  const byKey = new Map(list.map((uri) => [parseBindUri(uri).key, uri]));
  return [...byKey].map(([key, uri]) => ({ uri, key }));
}

interface Asked {
  readonly uri: string;
  bound: BoundInterface | null;
}
