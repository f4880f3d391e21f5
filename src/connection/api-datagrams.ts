// The datagram calls of the public core, with quiche's semantics: `null` is its "Done".

import { invalidArgType, quicError } from '../errors.ts';
import { copyBytes } from '../util/bytes.ts';
import { ConnectionStreams } from './api-streams.ts';
import type { DatagramNotice } from './datagrams.ts';

/** The unreliable datagrams of a {@link Connection} (RFC 9221); see the option `datagrams`. */
export abstract class ConnectionDatagrams extends ConnectionStreams {
  /**
   * Queues a copy of `data` to be sent once; call `send` then. Gives its id, counted from 0; null if the queue is full or
   * the connection is ending. A datagram that no longer fits when its turn comes is dropped.
   *
   * Throws `QuicError`: ERR_QUIC_INVALID_STATE if the peer takes no datagrams, or if its parameters did not come yet;
   * ERR_QUIC_BUFFER_TOO_SHORT for more than `dgramMaxWritableLength` bytes.
   */
  dgramSend(data: Uint8Array): number | null {
    checkBytes('data', data);
    return this.core.datagrams.send(copyBytes(data));
  }

  /** Like `dgramSend`, without a copy: `data` must not change until it was sent. */
  dgramSendOwned(data: Uint8Array): number | null {
    checkBytes('data', data);
    return this.core.datagrams.send(data);
  }

  /**
   * The oldest datagram that came; null if there is none. Without `out` it belongs to the caller; with `out` it is copied
   * there and its length is given. Throws ERR_QUIC_BUFFER_TOO_SHORT if `out` is smaller; the datagram stays then.
   */
  dgramRecv(): Uint8Array | null;
  dgramRecv(out: Uint8Array): number | null;
  dgramRecv(out?: Uint8Array): Uint8Array | number | null {
    const { datagrams } = this.core;
    if (out === undefined) return datagrams.receive();
    checkBytes('out', out);
    const next = datagrams.peek();
    if (next === null) return null;
    if (next.length > out.length) throw tooShort(next.length);
    datagrams.receive();
    out.set(next);
    return next.length;
  }

  /**
   * Copies the first `length` bytes of the oldest datagram, or all if it has fewer, and leaves it in the queue. Gives how
   * many; null if there is none. Throws ERR_QUIC_BUFFER_TOO_SHORT if `out` is smaller than that.
   */
  dgramPeek(out: Uint8Array, length: number = out.length): number | null {
    checkBytes('out', out);
    const next = this.core.datagrams.peek();
    if (next === null) return null;
    const count = Math.min(length, next.length);
    if (count > out.length) throw tooShort(count);
    out.set(next.subarray(0, count));
    return count;
  }

  /** Bytes of the oldest datagram that came; null if there is none. */
  get dgramFrontLength(): number | null {
    return this.core.datagrams.peek()?.length ?? null;
  }

  get dgramRecvQueueLength(): number {
    return this.core.datagrams.receiveQueueLength;
  }

  get dgramRecvQueueByteSize(): number {
    return this.core.datagrams.receiveQueueByteSize;
  }

  get dgramSendQueueLength(): number {
    return this.core.datagrams.sendQueueLength;
  }

  get dgramSendQueueByteSize(): number {
    return this.core.datagrams.sendQueueByteSize;
  }

  /** A queue without room for anything, as it is without the option `datagrams`, is always full. */
  get isDgramSendQueueFull(): boolean {
    return this.core.datagrams.isSendQueueFull;
  }

  get isDgramRecvQueueFull(): boolean {
    return this.core.datagrams.isReceiveQueueFull;
  }

  /** Takes queued datagrams back for which `predicate` is true. Gives their number. It must not change the bytes. */
  dgramPurge(predicate: (data: Uint8Array) => boolean): number {
    if (typeof predicate !== 'function') throw invalidArgType('predicate', 'of type function', predicate);
    return this.core.datagrams.purge(predicate);
  }

  /**
   * The longest datagram that can be sent on the active path now; null if the peer takes none, or did not say yet. It
   * changes with the path and grows with what is found out about it.
   */
  get dgramMaxWritableLength(): number | null {
    return this.core.datagrams.maxWritableLength;
  }

  /**
   * What became of a datagram that was sent, told once for each; null if there is nothing to tell. For connections with
   * the option `datagramFates`.
   */
  nextDgramFate(): DatagramNotice | null {
    return this.core.datagrams.nextNotice();
  }
}

function checkBytes(name: string, value: unknown): void {
  if (!(value instanceof Uint8Array)) throw invalidArgType(name, 'an instance of Uint8Array', value);
}

function tooShort(length: number): Error {
  return quicError('ERR_QUIC_BUFFER_TOO_SHORT', { message: `The datagram has ${length} bytes` });
}
