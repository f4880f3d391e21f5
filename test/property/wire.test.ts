import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { QuicError, TransportError, TransportErrorCode } from '../../src/errors.ts';
import { concat } from '../../src/util/bytes.ts';
import { RangeSet } from '../../src/util/range-set.ts';
import { Frame, readFrame } from '../../src/wire/frame-reader.ts';
import { FRAME, FRAME_TABLE } from '../../src/wire/frame-table.ts';
import * as frames from '../../src/wire/frame-writer.ts';
import {
  decodePacketNumber,
  encodePacketNumber,
  encodeVersionNegotiation,
  PacketHeader,
  PacketType,
  packetNumberLength,
  parseHeader,
  readHeader,
  writeLongHeader,
} from '../../src/wire/header.ts';
import { Reader, Truncated } from '../../src/wire/reader.ts';
import {
  DEFAULT_TRANSPORT_PARAMETERS,
  decodeTransportParameters,
  encodeTransportParameters,
  TRANSPORT_PARAMETER_TABLE,
} from '../../src/wire/transport-parameters.ts';
import { decodeVarint, encodeVarint, MAX_VARINT, varintLength } from '../../src/wire/varint.ts';
import { VERSION_1, VERSION_2 } from '../../src/wire/versions.ts';
import { Writer } from '../../src/wire/writer.ts';

/** Spread over the four sizes instead of being huge almost always. */
const varint: fc.Arbitrary<bigint> = fc
  .tuple(fc.bigInt({ min: 0n, max: MAX_VARINT }), fc.integer({ min: 0, max: 62 }))
  .map(([value, bits]) => value & ((1n << BigInt(bits)) - 1n));
const safe: fc.Arbitrary<number> = fc
  .tuple(fc.maxSafeNat(), fc.integer({ min: 0, max: 53 }))
  .map(([value, bits]) => value % 2 ** bits);
const bytes = (maxLength: number, minLength = 0): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });
const plain = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record<T>(model, { noNullPrototype: true });
const connectionId: fc.Arbitrary<Uint8Array> = bytes(20);

/** `value` as the codecs carry it without loss. */
const exact = (value: bigint): number | bigint => (value <= Number.MAX_SAFE_INTEGER ? Number(value) : value);
const clamped = (value: bigint): number =>
  Number(value <= Number.MAX_SAFE_INTEGER ? value : Number.MAX_SAFE_INTEGER);

test('varints go through both codecs and come back', () => {
  fc.assert(
    fc.property(varint, (value) => {
      const encoded = encodeVarint(value);
      assert.deepEqual(decodeVarint(encoded), { value, length: varintLength(value) });
      const w = new Writer(new Uint8Array(8));
      w.varint(exact(value));
      assert.deepEqual(w.bytes.subarray(0, w.offset), encoded);
      assert.strictEqual(new Reader(encoded).varintExact(), exact(value));
      assert.equal(new Reader(encoded).varint(), clamped(value));
      assert.equal(BigInt(new Reader(encoded).varintStreamId()) & 3n, value & 3n);
    }),
    { numRuns: 1000 },
  );
});

test('P6 a reader given any bytes throws nothing but Truncated and stays inside', () => {
  const step = fc.constantFrom<(reader: Reader, n: number) => unknown>(
    (reader) => reader.u8(),
    (reader) => reader.u16(),
    (reader) => reader.u24(),
    (reader) => reader.u32(),
    (reader) => reader.varint(),
    (reader) => reader.varintExact(),
    (reader) => reader.varintStreamId(),
    (reader) => reader.vector8(),
    (reader) => reader.vector16(),
    (reader) => reader.vector24(),
    (reader, n) => reader.take(n),
    (reader, n) => reader.skip(n),
  );
  fc.assert(
    fc.property(bytes(60), fc.array(fc.tuple(step, fc.nat(20)), { maxLength: 20 }), (input, steps) => {
      const reader = new Reader(input, Math.min(2, input.length), input.length);
      for (const [read, n] of steps) {
        const before = reader.offset;
        try {
          read(reader, n);
        } catch (error) {
          assert.ok(error instanceof Truncated);
          assert.equal(reader.offset, before);
        }
        assert.ok(reader.offset >= before && reader.offset <= reader.end);
      }
    }),
  );
});

/** Reads all frames; counts the steps and checks that everything points into the input. */
function readAll(input: Uint8Array): number {
  const reader = new Reader(input);
  const frame = new Frame();
  let steps = 0;
  while (reader.remaining > 0) {
    const before = reader.offset;
    frame.dataStart = frame.cidStart = frame.tokenStart = reader.offset;
    frame.length = frame.cidLength = 0;
    readFrame(reader, frame);
    steps++;
    assert.ok(reader.offset > before, 'each step takes at least one byte');
    assert.ok(reader.offset <= input.length);
    if (frame.kind !== FRAME.PADDING) assert.ok(frame.dataStart + frame.length <= input.length);
    assert.ok(frame.cidStart + frame.cidLength <= input.length);
    if (frame.kind === FRAME.ACK) checkRanges(frame);
  }
  return steps;
}

function checkRanges(frame: Frame): void {
  assert.equal(frame.ranges[1], frame.largestAcked);
  let above = Infinity;
  for (let i = 0; i < frame.rangeCount; i++) {
    const smallest = frame.ranges[2 * i];
    const largest = frame.ranges[2 * i + 1];
    assert.ok(smallest >= 0 && smallest <= largest && largest < above);
    above = smallest;
  }
}

function onlyTransportErrors(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof TransportError, String(error));
    const codes: number[] = [TransportErrorCode.FRAME_ENCODING_ERROR, TransportErrorCode.PROTOCOL_VIOLATION];
    assert.ok(codes.includes(error.code));
  }
}

test('P6 frames read from any bytes throw nothing but TransportError and always end', () => {
  const type = fc.constantFrom(...FRAME_TABLE.map((rule) => rule.type));
  const likely = fc.tuple(type, bytes(40)).map(([first, rest]) => concat([encodeVarint(first), rest]));
  const small = fc.array(fc.nat(8), { maxLength: 60 }).map((values) => Uint8Array.from(values));
  fc.assert(
    fc.property(fc.oneof(bytes(80), likely, small), (input) => onlyTransportErrors(() => readAll(input))),
    { numRuns: 3000 },
  );
});

/** Every frame from arbitrary values, with what must be read back. */
const anyFrame: fc.Arbitrary<{
  write: (w: Writer) => void;
  expected: Record<string, unknown>;
  data?: Uint8Array;
}> = fc.oneof(
  fc.tuple(safe, varint, safe).map(([streamId, code, finalSize]) => ({
    write: (w: Writer) => frames.writeResetStream(w, streamId, code, finalSize),
    expected: { kind: FRAME.RESET_STREAM, streamId, errorCode: exact(code), finalSize },
  })),
  fc
    .tuple(safe, safe, safe, safe)
    .map(([sequence, ackElicitingThreshold, maxAckDelay, reorderingThreshold]) => ({
      write: (w: Writer) =>
        frames.writeAckFrequency(w, sequence, { ackElicitingThreshold, maxAckDelay, reorderingThreshold }),
      expected: {
        kind: FRAME.ACK_FREQUENCY,
        sequence,
        limit: ackElicitingThreshold,
        ackDelay: maxAckDelay,
        reorderingThreshold,
      },
    })),
  fc.constant({
    write: (w: Writer) => frames.writeImmediateAck(w),
    expected: { kind: FRAME.IMMEDIATE_ACK },
  }),
  fc.tuple(safe, varint).map(([streamId, code]) => ({
    write: (w: Writer) => frames.writeStopSending(w, streamId, code),
    expected: { kind: FRAME.STOP_SENDING, streamId, errorCode: exact(code) },
  })),
  fc.tuple(safe, bytes(50)).map(([offset, data]) => ({
    write: (w: Writer) => frames.writeCrypto(w, offset, data),
    expected: { kind: FRAME.CRYPTO, offset, length: data.length },
    data,
  })),
  bytes(50, 1).map((data) => ({
    write: (w: Writer) => frames.writeNewToken(w, data),
    expected: { kind: FRAME.NEW_TOKEN, length: data.length },
    data,
  })),
  fc.tuple(safe, safe, bytes(50), fc.boolean()).map(([streamId, offset, data, fin]) => ({
    write: (w: Writer) => {
      frames.writeStreamHeader(w, streamId, offset, data.length, fin);
      w.copy(data);
    },
    expected: { kind: FRAME.STREAM, streamId, offset, length: data.length, fin },
    data,
  })),
  safe.map((limit) => ({
    write: (w: Writer) => frames.writeMaxData(w, limit),
    expected: { kind: FRAME.MAX_DATA, limit },
  })),
  fc.tuple(safe, safe).map(([streamId, limit]) => ({
    write: (w: Writer) => frames.writeMaxStreamData(w, streamId, limit),
    expected: { kind: FRAME.MAX_STREAM_DATA, streamId, limit },
  })),
  fc.tuple(fc.boolean(), safe).map(([bidirectional, limit]) => ({
    write: (w: Writer) => frames.writeMaxStreams(w, bidirectional, limit),
    expected: { kind: bidirectional ? FRAME.MAX_STREAMS_BIDI : FRAME.MAX_STREAMS_UNI, limit },
  })),
  safe.map((limit) => ({
    write: (w: Writer) => frames.writeDataBlocked(w, limit),
    expected: { kind: FRAME.DATA_BLOCKED, limit },
  })),
  fc.tuple(safe, safe).map(([streamId, limit]) => ({
    write: (w: Writer) => frames.writeStreamDataBlocked(w, streamId, limit),
    expected: { kind: FRAME.STREAM_DATA_BLOCKED, streamId, limit },
  })),
  fc.tuple(fc.boolean(), safe).map(([bidirectional, limit]) => ({
    write: (w: Writer) => frames.writeStreamsBlocked(w, bidirectional, limit),
    expected: { kind: bidirectional ? FRAME.STREAMS_BLOCKED_BIDI : FRAME.STREAMS_BLOCKED_UNI, limit },
  })),
  fc.tuple(varint, varint, bytes(20, 1), bytes(16, 16)).map(([a, b, id, token]) => {
    const [retirePriorTo, sequence] = a < b ? [a, b] : [b, a];
    return {
      write: (w: Writer) => frames.writeNewConnectionId(w, sequence, retirePriorTo, id, token),
      expected: {
        kind: FRAME.NEW_CONNECTION_ID,
        sequence: exact(sequence),
        retirePriorTo: exact(retirePriorTo),
        cidLength: id.length,
      },
    };
  }),
  varint.map((sequence) => ({
    write: (w: Writer) => frames.writeRetireConnectionId(w, sequence),
    expected: { kind: FRAME.RETIRE_CONNECTION_ID, sequence: exact(sequence) },
  })),
  fc.tuple(fc.boolean(), bytes(8, 8)).map(([challenge, data]) => ({
    write: (w: Writer) =>
      challenge ? frames.writePathChallenge(w, data) : frames.writePathResponse(w, data),
    expected: { kind: challenge ? FRAME.PATH_CHALLENGE : FRAME.PATH_RESPONSE, length: 8 },
    data,
  })),
  fc.tuple(fc.boolean(), varint, varint, bytes(50)).map(([application, code, frameType, reason]) => ({
    write: (w: Writer) => frames.writeConnectionClose(w, { application, code, frameType, reason }),
    expected: {
      kind: application ? FRAME.CONNECTION_CLOSE_APPLICATION : FRAME.CONNECTION_CLOSE,
      errorCode: exact(code),
      frameType: application ? 0 : exact(frameType),
    },
    data: reason,
  })),
  bytes(50).map((data) => ({
    write: (w: Writer) => frames.writeDatagram(w, data),
    expected: { kind: FRAME.DATAGRAM, length: data.length },
    data,
  })),
);

test('frames are read as they were written, one after the other', () => {
  const w = new Writer(new Uint8Array(4096));
  const frame = new Frame();
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 10 }), (list) => {
      w.reset(w.bytes, 0, 4096);
      for (const { write } of list) write(w);
      const reader = new Reader(w.bytes, 0, w.offset);
      for (const { expected, data } of list) {
        readFrame(reader, frame);
        const got: Record<string, unknown> = { ...frame };
        for (const [key, value] of Object.entries(expected)) assert.strictEqual(got[key], value, key);
        if (data) assert.deepEqual(w.bytes.slice(frame.dataStart, frame.dataStart + frame.length), data);
      }
      assert.equal(reader.remaining, 0);
    }),
    { numRuns: 500 },
  );
});

test('P6 valid frames with one byte changed or cut off throw nothing but TransportError', () => {
  const w = new Writer(new Uint8Array(512));
  fc.assert(
    fc.property(anyFrame, fc.nat(), fc.nat(255), fc.nat(), ({ write }, at, value, cut) => {
      w.reset(w.bytes, 0, 512);
      write(w);
      const input = w.bytes.slice(0, w.offset);
      onlyTransportErrors(() => readAll(input.subarray(0, cut % (input.length + 1))));
      input[at % input.length] = value;
      onlyTransportErrors(() => readAll(input));
    }),
    { numRuns: 1000 },
  );
});

test('acknowledged ranges are read as they were written', () => {
  const pair = fc.tuple(fc.nat(500), fc.integer({ min: 1, max: 30 }));
  fc.assert(
    fc.property(fc.array(pair, { minLength: 1, maxLength: 40 }), safe, (pairs, delay) => {
      const set = new RangeSet();
      for (const [start, length] of pairs) set.add(start, start + length);
      const w = new Writer(new Uint8Array(400));
      assert.equal(frames.writeAck(w, set, delay, 256), set.size);
      const frame = new Frame();
      readFrame(new Reader(w.bytes, 0, w.offset), frame);
      assert.equal(frame.ackDelay, delay);
      assert.equal(frame.rangeCount, set.size);
      for (let i = 0; i < set.size; i++) {
        assert.equal(frame.ranges[2 * i], set.start(set.size - 1 - i));
        assert.equal(frame.ranges[2 * i + 1], set.end(set.size - 1 - i) - 1);
      }
    }),
  );
});

test('packet numbers come back from their fewest bytes', () => {
  fc.assert(
    fc.property(
      fc.nat(2 ** 31),
      fc.nat(2 ** 31),
      fc.nat(1000),
      fc.float({ min: 0, max: 1, noNaN: true }),
      (a, b, far, where) => {
        const largestAcked = a * 1024 - 1;
        const packetNumber = largestAcked + 1 + (far < 500 ? far : b);
        const length = packetNumberLength(packetNumber, largestAcked);
        const largestReceived = largestAcked + Math.floor(where * (packetNumber - 1 - largestAcked));
        assert.equal(
          decodePacketNumber(encodePacketNumber(packetNumber, length), length, largestReceived + 1),
          packetNumber,
        );
      },
    ),
    { numRuns: 1000 },
  );
});

test('C2 P6 headers read from any bytes are refused or lie inside; parseHeader throws nothing but QuicError', () => {
  const header = new PacketHeader();
  const versions = fc.constantFrom(
    [0, 0, 0, 0],
    [0, 0, 0, 1],
    [0x6b, 0x33, 0x43, 0xcf],
    [0xba, 0xba, 0xba, 0xba],
  );
  const long = fc
    .tuple(fc.integer({ min: 0x80, max: 0xff }), versions, fc.nat(21), bytes(60))
    .map(([first, version, length, rest]) => Uint8Array.from([first, ...version, length, ...rest]));
  fc.assert(
    fc.property(fc.oneof(bytes(60), long), fc.nat(20), (input, dcidLength) => {
      const readable = readHeader(input, 0, input.length, dcidLength, header);
      if (readable) {
        assert.ok(header.end > 0 && header.end <= input.length);
        assert.ok(header.packetNumberOffset <= header.end);
        assert.ok(header.dcidStart + header.dcidLength <= header.end);
        assert.ok(header.scidStart + header.scidLength <= header.end);
        assert.ok(header.tokenStart + header.tokenLength <= header.end && header.tokenLength >= 0);
      }
      try {
        const parsed = parseHeader(input, dcidLength);
        if (!readable) return;
        assert.deepEqual(input.slice(header.dcidStart, header.dcidStart + header.dcidLength), parsed.dcid);
        assert.deepEqual(input.slice(header.scidStart, header.scidStart + header.scidLength), parsed.scid);
        assert.equal(header.version, parsed.version);
      } catch (error) {
        assert.ok(error instanceof QuicError, String(error));
        assert.equal(readable, false);
      }
    }),
    { numRuns: 2000 },
  );
});

test('C2 C3 long headers and Version Negotiation are parsed as they were written', () => {
  const version = fc.constantFrom(VERSION_1, VERSION_2);
  const type = fc.constantFrom(PacketType.INITIAL, PacketType.ZERO_RTT, PacketType.HANDSHAKE);
  const w = new Writer(new Uint8Array(512));
  fc.assert(
    fc.property(version, type, connectionId, connectionId, bytes(100), (info, kind, dcid, scid, token) => {
      w.reset(w.bytes, 0, 512);
      const lengthOffset = writeLongHeader(w, info, kind, dcid, scid, token, 7, 1);
      w.fill(1, 20);
      w.patchVarint2(lengthOffset, w.offset - lengthOffset - 2);
      const parsed = parseHeader(w.bytes.subarray(0, w.offset), 0);
      assert.deepEqual([parsed.version, parsed.dcid, parsed.scid], [info.version, dcid, scid]);
      assert.deepEqual(parsed.token, kind === PacketType.INITIAL ? token : undefined);
      const header = new PacketHeader();
      assert.equal(readHeader(w.bytes, 0, w.offset, 0, header), true);
      assert.deepEqual(
        [header.type, header.packetNumberOffset, header.end],
        [kind, lengthOffset + 2, w.offset],
      );
    }),
  );
  const list = fc.array(fc.nat(2 ** 31), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(fc.nat(255), bytes(255), bytes(255), list, (first, dcid, scid, versions) => {
      const out = new Uint8Array(700);
      const size = encodeVersionNegotiation(out, first, dcid, scid, versions);
      const parsed = parseHeader(out.subarray(0, size), 0);
      assert.deepEqual(parsed, { type: 'version-negotiation', version: 0, dcid, scid, versions });
    }),
  );
});

test('P5 transport parameters from any bytes throw nothing but TRANSPORT_PARAMETER_ERROR', () => {
  const id = fc.constantFrom(...TRANSPORT_PARAMETER_TABLE.map((row) => row.id));
  const likely = fc
    .array(fc.tuple(id, bytes(50)), { maxLength: 6 })
    .map((list) =>
      concat(list.flatMap(([key, value]) => [encodeVarint(key), encodeVarint(value.length), value])),
    );
  fc.assert(
    fc.property(
      fc.oneof(bytes(100), likely),
      fc.constantFrom('client' as const, 'server' as const),
      (input, sender) => {
        try {
          decodeTransportParameters(input, sender);
        } catch (error) {
          assert.ok(error instanceof TransportError, String(error));
          assert.equal(error.code, TransportErrorCode.TRANSPORT_PARAMETER_ERROR);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('transport parameters come back as they were encoded', () => {
  const parameters = fc.record(
    {
      originalDestinationConnectionId: connectionId,
      maxIdleTimeout: safe,
      statelessResetToken: bytes(16, 16),
      maxUdpPayloadSize: fc.integer({ min: 1200, max: 65527 }),
      initialMaxData: safe,
      initialMaxStreamDataBidiLocal: safe,
      initialMaxStreamDataBidiRemote: safe,
      initialMaxStreamDataUni: safe,
      initialMaxStreamsBidi: safe,
      initialMaxStreamsUni: safe,
      ackDelayExponent: fc.nat(20),
      maxAckDelay: fc.nat(2 ** 14 - 1),
      disableActiveMigration: fc.boolean(),
      activeConnectionIdLimit: safe.map((value) => Math.max(2, value)),
      initialSourceConnectionId: connectionId,
      retrySourceConnectionId: connectionId,
      maxDatagramFrameSize: safe,
      greaseQuicBit: fc.boolean(),
      preferredAddress: plain({
        ipv4: plain({ address: fc.ipV4(), port: fc.integer({ min: 1, max: 65535 }) }),
        connectionId: bytes(20, 1),
        statelessResetToken: bytes(16, 16),
      }),
      versionInformation: plain({
        chosen: fc.integer({ min: 1, max: 2 ** 31 }),
        available: fc.array(fc.integer({ min: 1, max: 2 ** 31 }), { maxLength: 5 }),
      }),
    },
    { requiredKeys: [], noNullPrototype: true },
  );
  fc.assert(
    fc.property(parameters, (given) => {
      const decoded = decodeTransportParameters(encodeTransportParameters(given), 'server');
      assert.deepEqual(decoded, { ...DEFAULT_TRANSPORT_PARAMETERS, ...given });
    }),
    { numRuns: 300 },
  );
});
