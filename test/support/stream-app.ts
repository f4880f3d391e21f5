/**
 * A small application on one connection core: writes a known pattern to streams, reads everything and compares it with
 * the pattern that the other side writes. A stream's bytes follow from its id and the writer's role alone.
 */
import type { ConnectionCore } from '../../src/connection/connection.ts';
import { QuicError } from '../../src/errors.ts';

/** What came on one stream. */
export interface Received {
  length: number;
  /** Every byte was the one that the peer wrote. */
  intact: boolean;
  fin: boolean;
  /** The peer's RESET_STREAM. */
  resetCode: bigint | null;
}

interface Outgoing {
  sent: number;
  length: number;
  fin: boolean;
}

export class StreamApp {
  readonly received: Map<number, Received> = new Map();
  /** Codes of the peer's STOP_SENDING that a write met. */
  readonly stopped: Map<number, bigint> = new Map();
  /** Called when a stream was read to its end. */
  onEnd: ((id: number) => void) | null = null;
  /** False: nothing is read, so that the peer runs out of credit. */
  reads = true;
  bytesRead = 0;

  readonly #core: ConnectionCore;
  readonly #outgoing = new Map<number, Outgoing>();

  constructor(core: ConnectionCore) {
    this.#core = core;
  }

  /** Queues `length` more bytes of the stream's pattern. */
  write(id: number, length: number, fin = true): void {
    const known = this.#outgoing.get(id);
    if (known === undefined) this.#outgoing.set(id, { sent: 0, length, fin });
    else {
      known.length += length;
      known.fin = fin;
    }
  }

  /** Everything queued was taken by the core. */
  get hasWritten(): boolean {
    for (const { sent, length, fin } of this.#outgoing.values()) if (fin || sent < length) return false;
    return true;
  }

  /** Streams that came whole: every byte right, and the end. */
  get whole(): number {
    let count = 0;
    for (const { intact, fin } of this.received.values()) if (intact && fin) count++;
    return count;
  }

  /** Reads and writes what can be. */
  pump(): void {
    if (this.#core.state.value !== 'established' && this.#core.state.value !== 'handshaking') return;
    if (this.reads) this.#read();
    for (const [id, each] of this.#outgoing) if (this.#write(id, each)) this.#outgoing.delete(id);
  }

  #read(): void {
    const { streams } = this.#core;
    for (let id = streams.nextReadable(); id !== null; id = streams.nextReadable()) this.#readStream(id);
  }

  #readStream(id: number): void {
    const { streams } = this.#core;
    const entry = this.received.get(id) ?? { length: 0, intact: true, fin: false, resetCode: null };
    this.received.set(id, entry);
    try {
      for (let chunk = streams.streamRecvChunk(id); chunk !== null; chunk = streams.streamRecvChunk(id)) {
        const expected = pattern(id, !this.#core.isServer, entry.length, chunk.data.length);
        if (Buffer.compare(chunk.data, expected) !== 0) entry.intact = false;
        entry.length += chunk.data.length;
        this.bytesRead += chunk.data.length;
        if (!chunk.fin) continue;
        entry.fin = true;
        this.onEnd?.(id);
        return;
      }
    } catch (error) {
      if (!(error instanceof QuicError) || error.code !== 'ERR_QUIC_STREAM_RESET') throw error;
      entry.resetCode = error.errorCode;
    }
  }

  /** Whether there is nothing left to write on the stream. */
  #write(id: number, each: Outgoing): boolean {
    const { streams, isServer } = this.#core;
    try {
      for (;;) {
        const size = Math.min(each.length - each.sent, PERIOD);
        const isLast = each.sent + size === each.length;
        if (size === 0 && !each.fin) return false;
        const taken = streams.streamSend(id, pattern(id, isServer, each.sent, size), each.fin && isLast);
        if (taken === null) return false;
        each.sent += taken;
        if (taken < size) return false;
        if (isLast) return each.fin;
      }
    } catch (error) {
      if (!(error instanceof QuicError) || error.code !== 'ERR_QUIC_STREAM_STOPPED') throw error;
      this.stopped.set(id, error.errorCode);
      return true;
    }
  }
}

/** The bytes that a side writes to a stream from an offset on; at most {@link PERIOD}. */
export function pattern(id: number, byServer: boolean, offset: number, length: number): Uint8Array {
  const start = (offset + 7919 * id + (byServer ? 104_729 : 0)) % PERIOD;
  return BLOCK.subarray(start, start + length);
}

/** A prime, so that no power of two in the code under test hides a shifted byte. */
const PERIOD = 65_521;

const BLOCK: Uint8Array = makeBlock();

function makeBlock(): Uint8Array {
  const block = new Uint8Array(2 * PERIOD);
  let state = 1;
  for (let i = 0; i < PERIOD; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    block[i] = block[i + PERIOD] = state >>> 16;
  }
  return block;
}
