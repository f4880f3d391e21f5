// What frames of the peer do to streams: may it send them here, and does it keep to the limits (RFC 9000 §19.4 to
// §19.14). Every fault is a `TransportError`. Frames were decoded and allowed in their packet before. Each handler
// returns whether the frame changed anything.

import { TransportError, TransportErrorCode } from '../../errors.ts';
import type { Frame } from '../../wire/frame.ts';
import { NoticeBit, type Stream } from './stream.ts';
import { streamIndex, streamType, UNI_BIT } from './stream-id.ts';
import type { StreamSet } from './stream-set.ts';
import { SendState } from './stream-states.ts';
import type { StreamWriting } from './stream-writing.ts';

export class StreamFrames {
  readonly #set: StreamSet;
  readonly #writing: StreamWriting;

  constructor(set: StreamSet, writing: StreamWriting) {
    this.#set = set;
    this.#writing = writing;
  }

  /** RFC 9000 §19.8. Copies what it keeps of `bytes`. */
  onStream(frame: Frame, bytes: Uint8Array, now: number): boolean {
    const set = this.#set;
    set.stats.bytesReceived += frame.length;
    const opened = set.table.openedTotal;
    const stream = this.#receiving(frame);
    if (stream === undefined) return false;
    const { recv } = stream;
    const { finalSize } = recv;
    const known = set.meter.bytes + recv.window.received;
    set.window.touch(now);
    stream.recv.window.touch(now);
    if (stream.recv.receive(frame, bytes, set.window)) set.readable.insert(stream.readable);
    // The meter falls only when something is read or dropped.
    const isNews =
      set.meter.bytes + recv.window.received !== known ||
      recv.finalSize !== finalSize ||
      set.table.openedTotal !== opened;
    if (recv.discarding) this.#afterDiscard(stream);
    return isNews;
  }

  /** RFC 9000 §19.4. */
  onResetStream(frame: Frame): boolean {
    const set = this.#set;
    const stream = this.#receiving(frame);
    if (stream === undefined || !stream.recv.reset(frame, set.window)) return false;
    this.#onReset(stream);
    return true;
  }

  /** draft-ietf-quic-reliable-stream-reset §5: a reset as soon as what was promised is read. */
  onResetStreamAt(frame: Frame): boolean {
    const set = this.#set;
    if (!set.takesResetAt) {
      throw new TransportError(
        TransportErrorCode.PROTOCOL_VIOLATION,
        frame.type,
        'RESET_STREAM_AT was not negotiated',
      );
    }
    const stream = this.#receiving(frame);
    if (stream === undefined || !stream.recv.resetAt(frame, set.window)) return false;
    if (stream.recv.resetCode === null) return true;
    this.#onReset(stream);
    return true;
  }

  #onReset(stream: Stream): void {
    const set = this.#set;
    set.stats.resetStreamsRemote++;
    set.notify(stream, NoticeBit.RESET);
    if (!stream.recv.discarding) set.readable.insert(stream.readable);
    this.#afterDiscard(stream);
  }

  /** RFC 9000 §19.5, §3.5: answered with RESET_STREAM unless the stream is over. */
  onStopSending(frame: Frame): boolean {
    const stream = this.#sending(frame);
    if (stream === undefined) return false;
    if (stream.send.stopCode !== null || stream.send.state === SendState.DATA_RECVD) return false;
    stream.send.stopCode = frame.errorCode;
    if (stream.send.state > SendState.DATA_SENT) return false;
    this.#set.stats.stoppedStreamsRemote++;
    this.#writing.stop(stream, frame.errorCode);
    return true;
  }

  /** RFC 9000 §19.9. */
  onMaxData(frame: Frame): boolean {
    const rose = this.#set.credit.raise(frame.limit);
    if (rose) this.#set.limitsRose();
    return rose;
  }

  /** RFC 9000 §19.10. */
  onMaxStreamData(frame: Frame): boolean {
    const stream = this.#sending(frame);
    const rose = stream !== undefined && this.#set.raiseStream(stream, frame.limit);
    if (rose) this.#set.limitsRose();
    return rose;
  }

  /** RFC 9000 §19.11. The lowest bit of the type says the direction. */
  onMaxStreams(frame: Frame): boolean {
    const rose = this.#set.outgoing[(frame.type & 1) as 0 | 1].raise(frame.limit);
    if (rose) this.#set.limitsRose();
    return rose;
  }

  /** RFC 9000 §19.12. Credit is granted as data are read; being asked for it changes nothing. */
  onDataBlocked(_frame: Frame): boolean {
    this.#set.stats.dataBlockedReceived++;
    return false;
  }

  /** RFC 9000 §19.13. Opens the stream, as every frame of its sender does. */
  onStreamDataBlocked(frame: Frame): boolean {
    const { stats, table } = this.#set;
    stats.streamDataBlockedReceived++;
    const opened = table.openedTotal;
    this.#receiving(frame);
    return table.openedTotal !== opened;
  }

  /** RFC 9000 §19.14. */
  onStreamsBlocked(_frame: Frame): boolean {
    this.#set.stats.streamsBlockedReceived++;
    return false;
  }

  /** Bytes were dropped unread: their credit is the connection's, and the stream may be over. */
  #afterDiscard(stream: Stream): void {
    this.#set.updateWindow();
    this.#set.collect(stream);
  }

  /** The stream of a frame that its sender sends; undefined if the stream is over. */
  #receiving(frame: Frame): Stream | undefined {
    const stream = this.#set.table.get(frame.streamId);
    if (stream === undefined) return this.#open(frame, this.#set.canReceive(frame.streamId));
    if (!this.#set.canReceive(frame.streamId)) wrongDirection(frame);
    return stream;
  }

  /** The stream of a frame that its receiver sends; undefined if the stream is over. */
  #sending(frame: Frame): Stream | undefined {
    const stream = this.#set.table.get(frame.streamId);
    if (stream === undefined) return this.#open(frame, this.#set.canSend(frame.streamId));
    if (!this.#set.canSend(frame.streamId)) wrongDirection(frame);
    return stream;
  }

  /** A frame for a stream without state: it opens the stream, or the stream is over, or the frame is wrong. */
  #open(frame: Frame, rightDirection: boolean): Stream | undefined {
    const set = this.#set;
    const id = frame.streamId;
    if (!rightDirection) wrongDirection(frame);
    if (set.table.isOpened(id)) return undefined;
    if (set.isLocal(id)) {
      throw new TransportError(
        TransportErrorCode.STREAM_STATE_ERROR,
        frame.type,
        'a frame for a stream that was not opened here',
      );
    }
    // RFC 9000 §4.6: all lower streams of the type count as opened too.
    if (streamIndex(id) >= set.incoming[(id & UNI_BIT) === 0 ? 0 : 1].limit) {
      throw new TransportError(TransportErrorCode.STREAM_LIMIT_ERROR, frame.type, 'too many streams');
    }
    const stream = set.table.open(id);
    set.onOpened(streamType(id));
    return stream;
  }
}

function wrongDirection(frame: Frame): never {
  throw new TransportError(
    TransportErrorCode.STREAM_STATE_ERROR,
    frame.type,
    'a frame for the other direction of a unidirectional stream',
  );
}
