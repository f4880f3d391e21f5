import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlockPool } from '../../../../src/connection/streams/block-pool.ts';
import { MAX_CONNECTION_PIECES, MAX_STREAM_PIECES } from '../../../../src/connection/streams/defaults.ts';
import { ReceiveWindow } from '../../../../src/connection/streams/flow-control.ts';
import { ReassemblyMeter } from '../../../../src/connection/streams/recv-buffer.ts';
import { RecvStream } from '../../../../src/connection/streams/recv-stream.ts';
import { TransportError, TransportErrorCode } from '../../../../src/errors.ts';
import { frame, streamFrame, throwsTransport } from './pair.ts';

const bytes = new Uint8Array(200_000);

class Receiver {
  readonly meter = new ReassemblyMeter();
  readonly connection: ReceiveWindow;
  readonly stream: RecvStream;

  constructor(streamLimit = 100, connectionLimit = 1000) {
    this.connection = new ReceiveWindow(connectionLimit, connectionLimit);
    this.stream = new RecvStream(streamLimit, streamLimit, new BlockPool(), this.meter);
  }

  data(offset: number, length: number, fin = false): boolean {
    return this.stream.receive(streamFrame(0, offset, length, fin), bytes, this.connection);
  }

  reset(finalSize: number): boolean {
    return this.stream.reset(frame({ type: 4, errorCode: 9, finalSize }), this.connection);
  }
}

type Step = ['data', number, number] | ['fin', number, number] | ['reset', number];

/** Orders of frames, and whether the last one is a FINAL_SIZE_ERROR. */
const FINAL_SIZES: [Step[], boolean][] = [
  [
    [
      ['fin', 0, 10],
      ['fin', 0, 10],
    ],
    false,
  ],
  [
    [
      ['fin', 0, 10],
      ['fin', 5, 5],
    ],
    false,
  ],
  [
    [
      ['fin', 0, 10],
      ['fin', 10, 0],
    ],
    false,
  ],
  [
    [
      ['fin', 0, 10],
      ['fin', 0, 9],
    ],
    true,
  ],
  [
    [
      ['fin', 0, 10],
      ['fin', 0, 11],
    ],
    true,
  ],
  [
    [
      ['fin', 0, 10],
      ['data', 0, 10],
    ],
    false,
  ],
  [
    [
      ['fin', 0, 10],
      ['data', 5, 6],
    ],
    true,
  ],
  [
    [
      ['fin', 0, 10],
      ['data', 11, 0],
    ],
    true,
  ],
  [
    [
      ['fin', 0, 10],
      ['reset', 10],
    ],
    false,
  ],
  [
    [
      ['fin', 0, 10],
      ['reset', 9],
    ],
    true,
  ],
  [
    [
      ['fin', 0, 10],
      ['reset', 11],
    ],
    true,
  ],
  [
    [
      ['fin', 5, 5],
      ['data', 0, 5],
    ],
    false,
  ],
  [
    [
      ['fin', 5, 5],
      ['reset', 11],
    ],
    true,
  ],
  [
    [
      ['data', 0, 10],
      ['fin', 0, 10],
    ],
    false,
  ],
  [
    [
      ['data', 0, 10],
      ['fin', 10, 0],
    ],
    false,
  ],
  [
    [
      ['data', 0, 10],
      ['fin', 0, 5],
    ],
    true,
  ],
  [
    [
      ['data', 0, 10],
      ['fin', 9, 0],
    ],
    true,
  ],
  [
    [
      ['data', 20, 10],
      ['fin', 0, 29],
    ],
    true,
  ],
  [
    [
      ['data', 0, 10],
      ['reset', 10],
    ],
    false,
  ],
  [
    [
      ['data', 0, 10],
      ['reset', 50],
    ],
    false,
  ],
  [
    [
      ['data', 0, 10],
      ['reset', 9],
    ],
    true,
  ],
  [
    [
      ['reset', 10],
      ['reset', 10],
    ],
    false,
  ],
  [
    [
      ['reset', 10],
      ['reset', 11],
    ],
    true,
  ],
  [
    [
      ['reset', 10],
      ['reset', 9],
    ],
    true,
  ],
  [
    [
      ['reset', 10],
      ['data', 0, 10],
    ],
    false,
  ],
  [
    [
      ['reset', 10],
      ['data', 0, 11],
    ],
    true,
  ],
  [
    [
      ['reset', 10],
      ['fin', 0, 10],
    ],
    false,
  ],
  [
    [
      ['reset', 10],
      ['fin', 0, 5],
    ],
    true,
  ],
  [
    [
      ['reset', 0],
      ['data', 0, 0],
    ],
    false,
  ],
  [
    [
      ['reset', 0],
      ['data', 0, 1],
    ],
    true,
  ],
];

for (const [steps, isError] of FINAL_SIZES) {
  const text = steps.map((step) => step.join(' ')).join(', ');
  test(`RFC 9000 §4.5 ${text}: ${isError ? 'FINAL_SIZE_ERROR' : 'allowed'}`, () => {
    const receiver = new Receiver();
    const apply = (step: Step): void => {
      if (step[0] === 'reset') receiver.reset(step[1]);
      else receiver.data(step[1], step[2], step[0] === 'fin');
    };
    for (const step of steps.slice(0, -1)) apply(step);
    const last = steps[steps.length - 1];
    if (isError) {
      throwsTransport(
        () => apply(last),
        TransportErrorCode.FINAL_SIZE_ERROR,
        last[0] === 'reset' ? 4 : undefined,
      );
    } else apply(last);
  });
}

test('C45 RFC 9000 §4.1 one byte above the stream limit is FLOW_CONTROL_ERROR', () => {
  const receiver = new Receiver(100);
  assert.equal(receiver.data(0, 100), true);
  throwsTransport(() => receiver.data(100, 1), TransportErrorCode.FLOW_CONTROL_ERROR);
  throwsTransport(() => new Receiver(100).data(101, 0), TransportErrorCode.FLOW_CONTROL_ERROR);
});

test('C45 RFC 9000 §4.1 the connection limit counts the highest offsets of all streams', () => {
  const receiver = new Receiver(100, 150);
  const other = new RecvStream(100, 100, new BlockPool(), receiver.meter);
  receiver.data(99, 1);
  assert.equal(receiver.connection.received, 100);
  other.receive(streamFrame(4, 0, 50), bytes, receiver.connection);
  throwsTransport(
    () => other.receive(streamFrame(4, 50, 1), bytes, receiver.connection),
    TransportErrorCode.FLOW_CONTROL_ERROR,
  );
});

test('RFC 9000 §4.5 the final size of a reset counts against both limits', () => {
  throwsTransport(() => new Receiver(100, 1000).reset(101), TransportErrorCode.FLOW_CONTROL_ERROR, 4);
  throwsTransport(() => new Receiver(100, 50).reset(51), TransportErrorCode.FLOW_CONTROL_ERROR, 4);
  const receiver = new Receiver(100, 100);
  receiver.data(0, 10);
  receiver.reset(80);
  assert.equal(receiver.connection.received, 80);
  assert.equal(receiver.connection.consumed, 80);
  assert.equal(receiver.meter.bytes, 0);
});

test('RFC 9000 §2.2 data that came before does not become readable again', () => {
  const receiver = new Receiver();
  assert.equal(receiver.data(10, 10), false);
  assert.equal(receiver.data(0, 10), true);
  assert.equal(receiver.data(0, 20), false);
  assert.equal(receiver.stream.buffer.readable, 20);
  assert.equal(receiver.data(20, 0, true), true);
});

test('RFC 9000 §21.7 more gaps than the limit of a stream close the connection', () => {
  const receiver = new Receiver(100_000, 100_000);
  for (let i = 0; i < MAX_STREAM_PIECES; i++) receiver.data(2 * i + 1, 1);
  assert.equal(receiver.meter.pieces, MAX_STREAM_PIECES);
  throwsTransport(() => receiver.data(2 * MAX_STREAM_PIECES + 1, 1), TransportErrorCode.INTERNAL_ERROR);
});

test('RFC 9000 §21.7 more gaps than the limit of a connection close it', () => {
  const receiver = new Receiver(100_000, 10_000_000);
  const fill = (): void => {
    for (let streams = 0; streams * 4000 <= MAX_CONNECTION_PIECES; streams++) {
      const stream = new RecvStream(100_000, 100_000, new BlockPool(0), receiver.meter);
      for (let i = 0; i < 4000; i++) {
        stream.receive(streamFrame(4 * streams, 2 * i + 1, 1), bytes, receiver.connection);
      }
    }
  };
  throwsTransport(fill, TransportErrorCode.INTERNAL_ERROR);
  assert.equal(receiver.meter.pieces, MAX_CONNECTION_PIECES + 1);
});

test('RFC 9000 §4.5 any order of frames agrees with a model of final sizes and limits', () => {
  const step = fc.oneof(
    fc.tuple(fc.constant('data' as const), fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 10 })),
    fc.tuple(fc.constant('fin' as const), fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 10 })),
    fc.tuple(fc.constant('reset' as const), fc.integer({ min: 0, max: 40 })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const receiver = new Receiver(35, 33);
      let known = -1;
      let highest = 0;
      for (const each of steps) {
        const end = each[0] === 'reset' ? each[1] : each[1] + each[2];
        const isFinal = each[0] !== 'data';
        let expected = -1;
        if (known >= 0 ? end > known || (isFinal && end !== known) : isFinal && end < highest)
          expected = TransportErrorCode.FINAL_SIZE_ERROR;
        else if (end > highest && (end > 35 || end > 33)) expected = TransportErrorCode.FLOW_CONTROL_ERROR;
        let actual = -1;
        try {
          if (each[0] === 'reset') receiver.reset(each[1]);
          else receiver.data(each[1], each[2], isFinal);
        } catch (error) {
          assert.ok(error instanceof TransportError);
          actual = error.code;
        }
        assert.equal(actual, expected);
        if (actual >= 0) return;
        highest = Math.max(highest, end);
        if (isFinal) known = end;
      }
    }),
  );
});
