/**
 * One bind and its sockets: opened all or none, then kept in step with what the bind means, since devices and their
 * addresses come and go. Works over a pool of sockets; knows neither who uses it nor when to look.
 */
import { QuicError, quicError } from '../errors.ts';
import { addressKey, type SocketAddress } from '../util/address.ts';
import type { BindTarget } from './bind-target.ts';
import { type DatagramSocket, type LocalAddress, systemErrorCode } from './socket.ts';
import type { SocketPool } from './socket-pool.ts';

/** 'waiting': its device or address is not there now. From 'released' nothing leads back. */
export type InterfaceState = 'waiting' | 'bound' | 'released';

/** What became of an interface. */
export interface InterfaceEvent {
  /** 'rebound': at other addresses than before. 'waiting': it has none now, and is bound when there is one. */
  readonly type: 'bound' | 'rebound' | 'waiting' | 'released';
  /** The bind URI in its canonical spelling. */
  readonly key: string;
  /** Where it is bound now. */
  readonly addresses: readonly SocketAddress[];
  /** Why it waits, or why an address of several is left out; null if all is well. */
  readonly error: QuicError | null;
}

export class Binding {
  readonly target: BindTarget;
  onEvent: ((event: InterfaceEvent) => void) | null = null;
  readonly #pool: SocketPool;
  readonly #held: Map<string, Held> = new Map();
  #state: InterfaceState = 'waiting';
  #error: QuicError | null = null;
  /** The real port, once there is one. */
  #port: number;
  #updating: Promise<void> = Promise.resolve();

  constructor(target: BindTarget, pool: SocketPool) {
    this.target = target;
    this.#pool = pool;
    this.#port = target.port;
  }

  get state(): InterfaceState {
    return this.#state;
  }

  /** Why it is not bound, or not on all of its addresses. */
  get error(): QuicError | null {
    return this.#error;
  }

  /** Where it is bound, with the real port. */
  get addresses(): SocketAddress[] {
    return [...this.#held.values()].map(({ address }) => address);
  }

  /** Whether datagrams to this address of ours come in on it. */
  has(local: SocketAddress): boolean {
    if (this.#held.has(addressKey(local))) return true;
    // A wildcard with packet info: one socket for all addresses of the family.
    const any = local.family === 6 ? '::' : '0.0.0.0';
    return this.#held.has(addressKey({ ...local, address: any }));
  }

  /**
   * The first bind. A device without an address is no failure if it is followed.
   * @throws QuicError ERR_QUIC_BIND, ERR_QUIC_INTERFACE_NOT_FOUND, ERR_QUIC_INTERFACE_NO_ADDRESS; nothing stays open then
   */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#openAll(this.#wanted(this.#pool.factory.localAddresses()));
        break;
      } catch (error) {
        await this.#closeAll(0);
        if (this.target.mayWait && isAbsence(error)) {
          this.#error = asQuicError(error);
          break;
        }
        // The port that the system picked for one address may be taken on another: pick again.
        const mayRetry = this.target.port === 0 && attempt < PORT_ATTEMPTS;
        if (!mayRetry || systemErrorCode(error) !== 'EADDRINUSE') throw error;
        this.#port = 0;
      }
    }
    this.#state = this.#held.size > 0 ? 'bound' : 'waiting';
    this.#tell(this.#state);
  }

  /**
   * Binds addresses that it has no socket for and leaves those that are gone. Never rejects: what cannot be bound now (still
   * being probed for duplicates, port taken there) is tried again with the next update.
   */
  update(local: readonly LocalAddress[]): Promise<void> {
    this.#updating = this.#updating.then(() => this.#updateNow(local));
    return this.#updating;
  }

  /** Leaves all addresses; see `SocketPool.close`. May be called again. */
  async release(drain: number): Promise<void> {
    const wasReleased = this.#state === 'released';
    this.#state = 'released';
    await this.#updating;
    const closing = this.#closeAll(drain);
    if (!wasReleased) this.#tell('released');
    await closing;
  }

  async #updateNow(local: readonly LocalAddress[]): Promise<void> {
    if (this.#state === 'released') return;
    const before = [this.#state, this.#error?.code, ...this.#held.keys()].join();
    const hadAddress = this.#held.size > 0;
    let wanted: SocketAddress[] = [];
    let failure: unknown = null;
    try {
      wanted = this.#wanted(local);
    } catch (error) {
      failure = error;
    }
    const keys = new Set(wanted.map(addressKey));
    for (const [key, { socket }] of this.#held) {
      if (keys.has(key)) continue;
      this.#held.delete(key);
      void this.#pool.close(socket, VANISHED_DRAIN);
    }
    for (const address of wanted) {
      if (this.#held.has(addressKey(address))) continue;
      try {
        await this.#open(address);
      } catch (error) {
        failure = error;
      }
    }
    // While that went on, it may have been released; then the release, which waits for this, closes and tells.
    if ((this.#state as InterfaceState) === 'released') return;
    this.#error = failure === null ? null : asQuicError(failure);
    this.#state = this.#held.size > 0 ? 'bound' : 'waiting';
    const after = [this.#state, this.#error?.code, ...this.#held.keys()].join();
    if (after !== before) this.#tell(this.#state === 'bound' && hadAddress ? 'rebound' : this.#state);
  }

  #wanted(local: readonly LocalAddress[]): SocketAddress[] {
    const addresses = this.target.addresses(local, this.addresses);
    return addresses.map(({ address, family }) => ({ address, family, port: this.#port }));
  }

  async #openAll(wanted: readonly SocketAddress[]): Promise<void> {
    let lacking: unknown = null;
    for (const address of wanted) {
      try {
        await this.#open({ ...address, port: this.#port });
      } catch (error) {
        // One that is followed may have gone, or not be ready, since it was listed.
        if (!this.target.follows || systemErrorCode(error) !== 'EADDRNOTAVAIL') throw error;
        lacking = error;
      }
    }
    if (this.#held.size === 0 && lacking !== null) throw lacking;
    this.#error = lacking === null ? null : asQuicError(lacking);
  }

  async #open(address: SocketAddress): Promise<void> {
    const socket = await this.#pool.open(address);
    this.#port = socket.localAddress.port;
    const bound = { ...address, port: this.#port };
    this.#held.set(addressKey(bound), { address: bound, socket });
  }

  async #closeAll(drain: number): Promise<void> {
    const held = [...this.#held.values()];
    this.#held.clear();
    await Promise.all(held.map(({ socket }) => this.#pool.close(socket, drain)));
  }

  #tell(type: InterfaceEvent['type']): void {
    this.onEvent?.({ type, key: this.target.key, addresses: this.addresses, error: this.#error });
  }
}

interface Held {
  readonly address: SocketAddress;
  /** Bound there, or to the wildcard. */
  readonly socket: DatagramSocket;
}

/** Nothing is there to be bound now, which can change. */
function isAbsence(error: unknown): boolean {
  const code = error instanceof QuicError ? error.code : '';
  return (
    code === 'ERR_QUIC_INTERFACE_NOT_FOUND' ||
    code === 'ERR_QUIC_INTERFACE_NO_ADDRESS' ||
    systemErrorCode(error) === 'EADDRNOTAVAIL'
  );
}

function asQuicError(error: unknown): QuicError {
  return error instanceof QuicError ? error : quicError('ERR_QUIC_BIND', { cause: error });
}

/** How often a free port common to all addresses is looked for. */
const PORT_ATTEMPTS = 16;

/** Milliseconds for which paths may use a socket whose address is gone: the address may come back. */
const VANISHED_DRAIN = 300_000;
