// Connections that want to exist: one record from a client's first Initial to the decision about it, and the memory of
// that decision for as long as the client may send the same again. Everything is bounded (limits.ts).

import { addressKey, type SocketAddress } from '../util/address.ts';
import { bytesKey, copyBytes } from '../util/bytes.ts';
import { type HeapItem, TimerHeap } from '../util/heap.ts';
import type { VersionInfo } from '../wire/versions.ts';
import {
  DECIDED_INCOMING_LIFETIME,
  MAX_DECIDED_INCOMING,
  MAX_INCOMING_BYTES,
  MAX_INCOMING_DATAGRAMS,
  PENDING_INCOMING_LIFETIME,
} from './limits.ts';

/** Legal transitions: from 'pending' to one of the others, once. */
export type IncomingState = 'pending' | 'accepted' | 'refused' | 'retried' | 'ignored';

/** What is known of a client from its first Initial. */
export interface IncomingStart {
  version: VersionInfo;
  /** The id that the Initial is for: made up by the client or, after a Retry, by us. */
  destinationId: Uint8Array;
  sourceId: Uint8Array;
  /** As it came, empty if there was none. */
  token: Uint8Array;
  /** The token was good (RFC 9000 §8.1.2, §8.1.3). */
  addressValidated: boolean;
  /** The id that the client made up first; differs from `destinationId` after a Retry. */
  originalDestinationId: Uint8Array;
  /** From the Retry that the client followed. */
  retrySourceId: Uint8Array | null;
  from: SocketAddress;
  to: SocketAddress;
}

/** A connection that waits for `accept`, `refuse`, `retry` or `ignore` of the router. */
export class Incoming implements IncomingStart, HeapItem {
  readonly version: VersionInfo;
  readonly destinationId: Uint8Array;
  readonly sourceId: Uint8Array;
  readonly token: Uint8Array;
  readonly addressValidated: boolean;
  readonly originalDestinationId: Uint8Array;
  readonly retrySourceId: Uint8Array | null;
  readonly from: SocketAddress;
  readonly to: SocketAddress;
  state: IncomingState = 'pending';
  /** Copies of what came so far, the first Initial first. Empty once it was decided. */
  datagrams: Uint8Array[] = [];
  /** The ECN bits of each of them. */
  readonly marks: number[] = [];
  /** Nobody decided in time. */
  onExpired: (() => void) | null = null;
  /** After 'refused' and 'retried': what was answered, said again to who asks again. */
  answer: Uint8Array | null = null;
  heapIndex = -1;
  heapDeadline: number = Number.POSITIVE_INFINITY;
  #bytes = 0;

  constructor(start: IncomingStart) {
    this.version = start.version;
    this.destinationId = start.destinationId;
    this.sourceId = start.sourceId;
    this.token = start.token;
    this.addressValidated = start.addressValidated;
    this.originalDestinationId = start.originalDestinationId;
    this.retrySourceId = start.retrySourceId;
    this.from = start.from;
    this.to = start.to;
  }

  /** RFC 9000 §8.1.2: a client that followed a Retry is not sent another one. */
  get mayRetry(): boolean {
    return this.state === 'pending' && this.retrySourceId === null;
  }

  /** Keeps a copy, if there is room. */
  keep(datagram: Uint8Array, ecn: number): boolean {
    if (this.datagrams.length >= MAX_INCOMING_DATAGRAMS) return false;
    if (this.#bytes + datagram.length > MAX_INCOMING_BYTES) return false;
    this.#bytes += datagram.length;
    this.datagrams.push(copyBytes(datagram));
    this.marks.push(ecn);
    return true;
  }
}

/** All of them, by the client's address and the id it used: two clients may make up the same id. */
export class IncomingTable {
  readonly #byKey: Map<string, Incoming> = new Map();
  /** By the time at which nobody decided, or the decision is forgotten. */
  readonly #pending: TimerHeap<Incoming> = new TimerHeap();
  readonly #decided: TimerHeap<Incoming> = new TimerHeap();

  get pending(): number {
    return this.#pending.size;
  }

  get decided(): number {
    return this.#decided.size;
  }

  /** When `expire` has something to do; Infinity for never. */
  get deadline(): number {
    return Math.min(deadlineOf(this.#pending), deadlineOf(this.#decided));
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Incoming | undefined {
    return this.#byKey.get(key);
  }

  add(incoming: Incoming, now: number): void {
    this.#byKey.set(keyOf(incoming), incoming);
    this.#pending.set(incoming, now + PENDING_INCOMING_LIFETIME);
  }

  /** Ends 'pending' and returns the datagrams that were kept; null if it was decided before. */
  decide(incoming: Incoming, state: Exclude<IncomingState, 'pending'>, now: number): Uint8Array[] | null {
    if (incoming.state !== 'pending') return null;
    const { datagrams } = incoming;
    incoming.state = state;
    incoming.datagrams = [];
    this.#pending.delete(incoming);
    // An accepted one is a connection, which has the id in a table of its own.
    if (state === 'accepted') this.#byKey.delete(keyOf(incoming));
    else {
      if (this.#decided.size >= MAX_DECIDED_INCOMING) this.#forgetFirst();
      this.#decided.set(incoming, now + DECIDED_INCOMING_LIFETIME);
    }
    return datagrams;
  }

  /** Those that nobody decided about are ignored from now on: their clients have given up. */
  expire(now: number): void {
    while (deadlineOf(this.#pending) <= now) {
      const incoming = this.#pending.peek() as Incoming;
      this.decide(incoming, 'ignored', now);
      incoming.onExpired?.();
    }
    while (deadlineOf(this.#decided) <= now) this.#forgetFirst();
  }

  #forgetFirst(): void {
    const first = this.#decided.peek();
    if (first === undefined) return;
    this.#decided.delete(first);
    this.#byKey.delete(keyOf(first));
  }
}

/** The key of an id that a client made up, in `bytes[start, end)`. */
export function clientKey(from: SocketAddress, bytes: Uint8Array, start: number, end: number): string {
  return `${addressKey(from)} ${bytesKey(bytes, start, end)}`;
}

function deadlineOf(heap: TimerHeap<Incoming>): number {
  return heap.peek()?.heapDeadline ?? Number.POSITIVE_INFINITY;
}

function keyOf({ from, destinationId }: Incoming): string {
  return clientKey(from, destinationId, 0, destinationId.length);
}
