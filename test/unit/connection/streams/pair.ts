// Two `Streams` and a pipe of frames between them, without packets, keys and recovery.

import assert from 'node:assert/strict';
import type { Intent, PacketBuilder, SendingPart } from '../../../../src/connection/part.ts';
import { PartBit, TokenKind } from '../../../../src/connection/part.ts';
import type { Path } from '../../../../src/connection/path.ts';
import {
  type StreamParameters,
  Streams,
  type StreamsConfig,
} from '../../../../src/connection/streams/streams.ts';
import { QuicError, type QuicErrorCode, TransportError } from '../../../../src/errors.ts';
import { Frame } from '../../../../src/wire/frame.ts';
import { readFrame } from '../../../../src/wire/frame-reader.ts';
import { FRAME } from '../../../../src/wire/frame-table.ts';
import { Reader } from '../../../../src/wire/reader.ts';
import { Writer } from '../../../../src/wire/writer.ts';

/** Room for frames in the packets of these tests. */
export const PACKET_ROOM = 1200;

/** Limits with the same number everywhere. */
export function parameters(
  streamData: number,
  data: number = 10 * streamData,
  streams = 100,
  changes: Partial<StreamParameters> = {},
): StreamParameters {
  return {
    initialMaxData: data,
    initialMaxStreamDataBidiLocal: streamData,
    initialMaxStreamDataBidiRemote: streamData,
    initialMaxStreamDataUni: streamData,
    initialMaxStreamsBidi: streams,
    initialMaxStreamsUni: streams,
    ...changes,
  };
}

/** A packet: its frames, and the tokens that its sender remembers, four numbers each. */
export interface SentFrames {
  readonly bytes: Uint8Array;
  readonly tokens: readonly number[];
}

/** The packet that a part writes into. */
export class FakePacket implements PacketBuilder {
  readonly space = 2;
  readonly intent: Intent = 'normal';
  readonly path = undefined as unknown as Path;
  now = 0;
  readonly writer: Writer;
  readonly tokens: number[] = [];

  constructor(room: number) {
    this.writer = new Writer(new Uint8Array(room));
  }

  token(kind: number, a: number, b: number, c: number): void {
    this.tokens.push(kind, a, b, c);
  }

  ackEliciting(): void {}
}

/** One side. */
export class Side {
  readonly streams: Streams;
  /** Bits as the parts set them. */
  pending = 0;
  now = 0;
  readonly #frame = new Frame();

  constructor(config: Omit<StreamsConfig, 'onPending'>) {
    this.streams = new Streams({
      ...config,
      onPending: (bit, pending) => {
        if (pending) this.pending |= bit;
        else this.pending &= ~bit;
      },
    });
  }

  /** The next packet; null if nothing waits. */
  packet(room: number = PACKET_ROOM): SentFrames | null {
    const packet = new FakePacket(room);
    packet.now = this.now;
    if ((this.pending & PartBit.STREAM_CONTROL) !== 0) this.streams.control.write(packet);
    if ((this.pending & PartBit.STREAM) !== 0) this.streams.sender.write(packet);
    if (packet.writer.offset === 0) return null;
    return { bytes: packet.writer.bytes.slice(0, packet.writer.offset), tokens: packet.tokens };
  }

  acked(sent: SentFrames): void {
    this.#each(sent, (part, kind, a, b, c) => part.acked(kind, a, b, c));
  }

  lost(sent: SentFrames): void {
    this.#each(sent, (part, kind, a, b, c) => part.lost(kind, a, b, c));
  }

  /** Takes the frames of a packet. */
  receive(bytes: Uint8Array): void {
    const reader = new Reader(bytes, 0, bytes.length);
    const frame = this.#frame;
    while (reader.remaining > 0) {
      readFrame(reader, frame);
      this.handle(frame, bytes);
    }
  }

  handle(frame: Frame, bytes: Uint8Array): void {
    const { streams } = this;
    switch (frame.kind) {
      case FRAME.STREAM:
        streams.onStream(frame, bytes, this.now);
        break;
      case FRAME.RESET_STREAM:
        streams.onResetStream(frame);
        break;
      case FRAME.STOP_SENDING:
        streams.onStopSending(frame);
        break;
      case FRAME.MAX_DATA:
        streams.onMaxData(frame);
        break;
      case FRAME.MAX_STREAM_DATA:
        streams.onMaxStreamData(frame);
        break;
      case FRAME.MAX_STREAMS_BIDI:
      case FRAME.MAX_STREAMS_UNI:
        streams.onMaxStreams(frame);
        break;
      case FRAME.DATA_BLOCKED:
        streams.onDataBlocked(frame);
        break;
      case FRAME.STREAM_DATA_BLOCKED:
        streams.onStreamDataBlocked(frame);
        break;
      case FRAME.STREAMS_BLOCKED_BIDI:
      case FRAME.STREAMS_BLOCKED_UNI:
        streams.onStreamsBlocked(frame);
        break;
      default:
        assert.fail(`frame type ${frame.type}`);
    }
  }

  #each(
    sent: SentFrames,
    tell: (part: SendingPart, kind: number, a: number, b: number, c: number) => void,
  ): void {
    const { tokens } = sent;
    for (let i = 0; i < tokens.length; i += 4) {
      const part: SendingPart = tokens[i] === TokenKind.STREAM ? this.streams.sender : this.streams.control;
      tell(part, tokens[i], tokens[i + 1], tokens[i + 2], tokens[i + 3]);
    }
  }
}

/** A client and a server that know each other's limits. */
export function pair(
  client: StreamParameters = parameters(100_000),
  server: StreamParameters = client,
  more: Partial<StreamsConfig> = {},
): { client: Side; server: Side } {
  const sides = {
    client: new Side({ role: 'client', local: client, ...more }),
    server: new Side({ role: 'server', local: server, ...more }),
  };
  sides.client.streams.setPeerParameters(server);
  sides.server.streams.setPeerParameters(client);
  return sides;
}

/** Carries everything from one side to the other and acknowledges it. Returns how many packets there were. */
export function flush(from: Side, to: Side): number {
  let count = 0;
  for (let sent = from.packet(); sent !== null; sent = from.packet()) {
    to.receive(sent.bytes);
    from.acked(sent);
    count++;
  }
  return count;
}

/** Both ways until nothing waits. */
export function settle(a: Side, b: Side): void {
  while (flush(a, b) + flush(b, a) > 0);
}

/** The frames of a packet, as text. */
export function describe(sent: SentFrames | null): string[] {
  if (sent === null) return [];
  const reader = new Reader(sent.bytes, 0, sent.bytes.length);
  const frame = new Frame();
  const all: string[] = [];
  while (reader.remaining > 0) {
    readFrame(reader, frame);
    all.push(describeFrame(frame));
  }
  return all;
}

function describeFrame(frame: Frame): string {
  switch (frame.kind) {
    case FRAME.STREAM:
      return `STREAM ${frame.streamId} ${frame.offset}+${frame.length}${frame.fin ? ' FIN' : ''}`;
    case FRAME.RESET_STREAM:
      return `RESET_STREAM ${frame.streamId} ${frame.errorCode} ${frame.finalSize}`;
    case FRAME.STOP_SENDING:
      return `STOP_SENDING ${frame.streamId} ${frame.errorCode}`;
    case FRAME.MAX_DATA:
      return `MAX_DATA ${frame.limit}`;
    case FRAME.MAX_STREAM_DATA:
      return `MAX_STREAM_DATA ${frame.streamId} ${frame.limit}`;
    case FRAME.MAX_STREAMS_BIDI:
      return `MAX_STREAMS bidi ${frame.limit}`;
    case FRAME.MAX_STREAMS_UNI:
      return `MAX_STREAMS uni ${frame.limit}`;
    case FRAME.DATA_BLOCKED:
      return `DATA_BLOCKED ${frame.limit}`;
    case FRAME.STREAM_DATA_BLOCKED:
      return `STREAM_DATA_BLOCKED ${frame.streamId} ${frame.limit}`;
    case FRAME.STREAMS_BLOCKED_BIDI:
      return `STREAMS_BLOCKED bidi ${frame.limit}`;
    case FRAME.STREAMS_BLOCKED_UNI:
      return `STREAMS_BLOCKED uni ${frame.limit}`;
    default:
      return `type ${frame.type}`;
  }
}

/** A frame record with these fields. */
export function frame(fields: Partial<Frame>): Frame {
  return Object.assign(new Frame(), { dataStart: 0 }, fields);
}

/** A STREAM frame at a place of a stream, whose data are `bytes[offset..]` of the pattern. */
export function streamFrame(streamId: number, offset: number, length: number, fin = false): Frame {
  return frame({ type: 0x0e | (fin ? 1 : 0), kind: FRAME.STREAM, streamId, offset, length, fin });
}

/** Deterministic content: what belongs at `offset` of a stream. */
export function pattern(offset: number, length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = ((offset + i) * 31 + ((offset + i) >> 8) + seed * 7) & 0xff;
  return bytes;
}

/** Everything that can be read of a stream now. */
export function readAll(side: Side, id: number): { data: Uint8Array; fin: boolean } {
  const parts: Uint8Array[] = [];
  let fin = false;
  for (
    let chunk = side.streams.streamRecvChunk(id);
    chunk !== null;
    chunk = side.streams.streamRecvChunk(id)
  ) {
    parts.push(chunk.data);
    fin = chunk.fin;
    if (fin) break;
  }
  return { data: Uint8Array.from(parts.flatMap((part) => [...part])), fin };
}

/** Checks that a call throws a `QuicError` of this code, and returns it. */
export function throwsQuic(call: () => unknown, code: QuicErrorCode): QuicError {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  assert.ok(thrown instanceof QuicError, `${code} expected, not ${thrown}`);
  assert.equal(thrown.code, code);
  return thrown;
}

/** Checks that a call throws a `TransportError` of this code. */
export function throwsTransport(call: () => unknown, code: number, frameType?: number): void {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  assert.ok(thrown instanceof TransportError, `transport error ${code} expected, not ${thrown}`);
  assert.equal(thrown.code, code);
  if (frameType !== undefined) assert.equal(thrown.frameType, frameType);
}
