// The only loop and the only timer: datagrams are queued as they come; once per turn everything received is processed
// and delivered, the application's microtasks run, then everything due is sent. Connections take turns in sending.
// Knows neither QUIC nor sockets: it drives what implements Driven.

import type { SocketAddress } from '../util/address.ts';
import { EMPTY } from '../util/bytes.ts';
import type { Clock, Timer } from '../util/clock.ts';
import { type HeapItem, TimerHeap } from '../util/heap.ts';
import { PartView } from '../util/part-view.ts';
import { Ring } from '../util/ring.ts';

/** Datagrams processed in one turn; what is left waits for the next, so that a flood starves nothing else. */
export const MAX_DATAGRAMS_PER_TURN = 1024;

/** Datagrams that wait for their turn; more are dropped, as a full kernel buffer would. */
export const MAX_QUEUED_DATAGRAMS = 8192;

/** Bytes of those; a stranger's datagrams can be large. */
export const MAX_QUEUED_BYTES: number = 32 * 1024 * 1024;

/** Bytes of one datagram; UDP has none longer, but a transport of the application may. */
export const MAX_DATAGRAM_LENGTH = 65_535;

/** Datagrams that one connection sends before the next one's turn, or as many as its socket takes in one call. */
export const SEND_QUANTUM = 16;

/** Such quanta sent in one turn by all connections together. */
export const MAX_QUANTA_PER_TURN = 8;

/** A connection as the loop sees it. */
export interface Driven extends HeapItem {
  /** In the queue of those that may have something to send. */
  sendQueued: boolean;
  /** In the list of those whose owner is to hear what happened. */
  deliverQueued: boolean;
  /** Datagrams that its socket takes in one call. */
  readonly segments: number;
  onTimeout(now: number): void;
  /** Hands what happened to the application. Never throws. */
  deliver(now: number): void;
  /** Sends at most `most` datagrams. Returns how many; fewer mean that there is nothing more to send now. */
  transmit(now: number, most: number): number;
  /** When `onTimeout` is due; Infinity for never. */
  deadline(): number;
}

export type DatagramSink = (
  bytes: Uint8Array,
  from: SocketAddress,
  to: SocketAddress,
  ecn: number,
  now: number,
) => void;

/** Where datagrams wait until they are asked for. */
export interface DatagramSource {
  /** Hands over about `most` that wait. Gives their number. */
  receive(most: number): number;
}

export class Loop {
  readonly clock: Clock;
  /** Datagrams dropped because too many waited, or because they were too long to be any. */
  droppedDatagrams = 0;
  /** Milliseconds since 1970 when this turn began. */
  wallTime = 0;
  readonly #timer: Timer;
  readonly #timers = new TimerHeap<Driven>();
  readonly #senders = new Ring<Driven>();
  readonly #receivers: Driven[] = [];
  #scheduled = false;

  readonly #bytes: Uint8Array[] = [];
  readonly #from: SocketAddress[] = [];
  readonly #to: SocketAddress[] = [];
  readonly #ecn: number[] = [];
  readonly #sinks: DatagramSink[] = [];
  /** The queue is `[#head, #tail)` of these arrays, which keep their memory from turn to turn. */
  #head = 0;
  #tail = 0;
  #queuedBytes = 0;
  readonly #sources: DatagramSource[] = [];
  #now = 0;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#timer = clock.createTimer(() => this.#schedule());
    this.#timer.unref();
  }

  /** A datagram came. It is processed in this turn of the process's loop, after all others that wait. */
  receive(bytes: Uint8Array, from: SocketAddress, to: SocketAddress, ecn: number, sink: DatagramSink): void {
    const isFull = this.#tail - this.#head >= MAX_QUEUED_DATAGRAMS;
    const isTooLong = bytes.length > MAX_DATAGRAM_LENGTH;
    if (isFull || isTooLong || this.#queuedBytes + bytes.length > MAX_QUEUED_BYTES) {
      this.droppedDatagrams++;
      return;
    }
    this.#queuedBytes += bytes.length;
    const at = this.#tail++;
    this.#bytes[at] = bytes;
    this.#from[at] = from;
    this.#to[at] = to;
    this.#ecn[at] = ecn;
    this.#sinks[at] = sink;
    this.#schedule();
  }

  /** Datagrams wait there: they are asked for in this turn. The source says so again if some are left. */
  readable(source: DatagramSource): void {
    // One whose turn did not come yet waits already.
    if (!this.#sources.includes(source)) this.#sources.push(source);
    this.#schedule();
  }

  /** A datagram that a source hands over in its turn. */
  take(bytes: Uint8Array, from: SocketAddress, to: SocketAddress, ecn: number, sink: DatagramSink): void {
    try {
      sink(bytes, from, to, ecn, this.#now);
    } catch {
      // A datagram is no reason to stop serving the others, whatever went wrong with it.
    }
  }

  /** Something about the connection changed: its owner hears of it and it may send, once, in this turn. */
  touch(driven: Driven): void {
    if (!driven.deliverQueued) {
      driven.deliverQueued = true;
      this.#receivers.push(driven);
    }
    this.wantSend(driven);
  }

  /** The connection may have something to send. */
  wantSend(driven: Driven): void {
    if (!driven.sendQueued) {
      driven.sendQueued = true;
      this.#senders.push(driven);
    }
    this.#schedule();
  }

  /** Forgets a connection that is over. */
  remove(driven: Driven): void {
    this.#timers.delete(driven);
    this.#armTimer();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.clock.immediate(this.#turn);
    // A second callback: the microtasks of whatever was delivered run between the two.
    this.clock.immediate(this.#send);
  }

  readonly #turn = (): void => {
    const now = this.clock.now();
    this.#now = now;
    this.wallTime = this.clock.wallTime();
    const end = Math.min(this.#tail, this.#head + MAX_DATAGRAMS_PER_TURN);
    while (this.#head < end) {
      const i = this.#head++;
      const bytes = this.#bytes[i];
      this.#bytes[i] = EMPTY;
      this.#queuedBytes -= bytes.length;
      // Nobody keeps a datagram. In one buffer the views of its parts are those of the last one; a Buffer's are slow to make.
      const datagram = DATAGRAM.of(RECEIVED, 0, bytes.length);
      datagram.set(bytes);
      this.take(datagram, this.#from[i], this.#to[i], this.#ecn[i], this.#sinks[i]);
    }
    this.#trimQueue();
    this.#readSources();
    this.#expire(now);
    this.#deliver(now);
  };

  readonly #send = (): void => {
    const now = this.clock.now();
    const senders = this.#senders;
    let budget = MAX_QUANTA_PER_TURN;
    while (senders.length > 0 && budget > 0) {
      const driven = senders.shift() as Driven;
      const quantum = Math.max(SEND_QUANTUM, driven.segments);
      const sent = driven.transmit(now, quantum);
      budget -= sent / quantum;
      if (sent === quantum) senders.push(driven);
      else {
        driven.sendQueued = false;
        this.#timers.set(driven, driven.deadline());
      }
    }
    this.#deliver(now);
    this.#scheduled = false;
    if (
      senders.length > 0 ||
      this.#head < this.#tail ||
      this.#receivers.length > 0 ||
      this.#sources.length > 0
    )
      this.#schedule();
    this.#armTimer();
  };

  #readSources(): void {
    const sources = this.#sources;
    const { length } = sources;
    if (length === 0) return;
    let budget = MAX_DATAGRAMS_PER_TURN;
    let read = 0;
    while (read < length && budget > 0) budget -= sources[read++].receive(budget);
    // Those that it was not the turn of come first in the next one.
    sources.splice(0, read);
  }

  #expire(now: number): void {
    for (;;) {
      const next = this.#timers.peek();
      if (next === undefined || next.heapDeadline > now) return;
      this.#timers.delete(next);
      next.onTimeout(now);
      this.touch(next);
    }
  }

  #deliver(now: number): void {
    const receivers = this.#receivers;
    for (let i = 0; i < receivers.length; i++) {
      const driven = receivers[i];
      driven.deliverQueued = false;
      driven.deliver(now);
    }
    receivers.length = 0;
  }

  #armTimer(): void {
    const next = this.#timers.peek();
    this.#timer.set(next === undefined ? Number.POSITIVE_INFINITY : next.heapDeadline);
  }

  /** Lets go of what was processed. In a flood the queue never empties, so its front is cut off now and then. */
  #trimQueue(): void {
    const done = this.#head;
    if (done < this.#tail && done < MAX_DATAGRAMS_PER_TURN) return;
    this.#head = 0;
    this.#tail -= done;
    if (this.#tail === 0 && this.#bytes.length <= MAX_DATAGRAMS_PER_TURN) return;
    for (const queue of [this.#bytes, this.#from, this.#to, this.#ecn, this.#sinks]) {
      if (this.#tail > 0) queue.copyWithin(0, done, done + this.#tail);
      if (queue.length > MAX_DATAGRAMS_PER_TURN) queue.length = this.#tail;
    }
  }
}

/** The datagram that is read: the largest that UDP carries. */
const RECEIVED = new Uint8Array(MAX_DATAGRAM_LENGTH);
const DATAGRAM = new PartView();
