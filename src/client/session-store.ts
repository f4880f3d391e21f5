// What clients keep of servers between connections: sessions to resume, and tokens that spare a Retry. The interface, and
// the default in memory. Does not look into what it keeps.

/**
 * Keeps bytes per server. Each is used once (RFC 8446 §C.4, RFC 9000 §8.1.3), so that connections cannot be linked by
 * them; several may be there for one server. What is thrown counts as nothing kept. Sessions are secrets.
 */
export interface SessionStore {
  /** Takes the newest out; undefined if there is none. `server` is an opaque key that names the server. */
  take(server: string): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  put(server: string, bytes: Uint8Array): void | Promise<void>;
}

/** The same for tokens of NEW_TOKEN frames. */
export type TokenStore = SessionStore;

/** Servers that are remembered; the one that was not used for the longest time makes room. */
export const MAX_STORED_SERVERS = 256;

/** Sessions, or tokens, per server; the oldest makes room. */
export const MAX_STORED_PER_SERVER = 4;

/** In memory: gone with the process. */
export class MemorySessionStore implements SessionStore {
  readonly #servers: Map<string, Uint8Array[]> = new Map();

  get size(): number {
    return this.#servers.size;
  }

  take(server: string): Uint8Array | undefined {
    const kept = this.#servers.get(server);
    const bytes = kept?.pop();
    if (kept?.length === 0) this.#servers.delete(server);
    return bytes;
  }

  put(server: string, bytes: Uint8Array): void {
    const kept = this.#servers.get(server) ?? [];
    this.#servers.delete(server);
    this.#servers.set(server, [...kept, bytes].slice(-MAX_STORED_PER_SERVER));
    if (this.#servers.size <= MAX_STORED_SERVERS) return;
    for (const oldest of this.#servers.keys()) {
      this.#servers.delete(oldest);
      return;
    }
  }
}
