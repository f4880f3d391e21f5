// Counts what happened on a connection from its trace: packets and datagrams in both directions, and packets that
// carry data for the second time. Also the place where a key log can be set after the connection was made.

import { type DetailTrace, withDetail } from '../trace/detail.ts';
import { NO_TRACE, type Trace } from '../trace/trace.ts';

export class ConnectionCounters {
  packetsReceived = 0;
  packetsSent = 0;
  /** Packets with stream data that were sent before. */
  packetsRetransmitted = 0;
  /** Bytes of UDP payload. */
  bytesReceived = 0;
  bytesSent = 0;
  /** Calls of `send` that could send nothing for want of bytes from a peer whose address is not validated. */
  amplificationLimited = 0;
  /** Milliseconds during which bytes were in flight. */
  inFlightDuration = 0;
  keyLog: ((line: string) => void) | null = null;
  /** Whoever sees inside of packets, besides the listener's own. */
  detail: DetailTrace | null = null;
  /** Bytes of stream data sent again so far, to see whether a packet has some. */
  bytesRetransmitted: () => number = () => 0;

  #seenRetransmitted = 0;
  /** Since when bytes are in flight; null while none are. */
  #inFlightSince: number | null = null;

  /** Whether bytes are in flight from now on. */
  noteInFlight(isInFlight: boolean, now: number): void {
    if (this.#inFlightSince !== null) this.inFlightDuration += Math.max(0, now - this.#inFlightSince);
    this.#inFlightSince = isInFlight ? now : null;
  }

  /** A trace that counts and then tells `listener`. */
  trace(listener: Trace = NO_TRACE): Trace {
    const counting: Trace = {
      ...boundTo(listener),
      packetReceived: (now, type, packetNumber, size) => {
        this.packetsReceived++;
        listener.packetReceived(now, type, packetNumber, size);
      },
      packetSent: (now, type, packetNumber, size) => {
        this.packetsSent++;
        const retransmitted = this.bytesRetransmitted();
        if (retransmitted > this.#seenRetransmitted) this.packetsRetransmitted++;
        this.#seenRetransmitted = retransmitted;
        listener.packetSent(now, type, packetNumber, size);
      },
      keyLog: (line) => {
        this.keyLog?.(line);
        listener.keyLog(line);
      },
    };
    return withDetail(counting, () => this.detail ?? listener.detail ?? null);
  }
}

/** All hooks of a listener as functions of their own: it may be an instance of a class. */
function boundTo(listener: Trace): Trace {
  const hooks = Object.keys(NO_TRACE).filter((name) => name !== 'detail') as Exclude<keyof Trace, 'detail'>[];
  return Object.fromEntries(hooks.map((hook) => [hook, listener[hook].bind(listener)])) as unknown as Trace;
}
