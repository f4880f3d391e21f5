import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlockPool } from '../../../../src/connection/streams/block-pool.ts';
import { ReceiveWindow } from '../../../../src/connection/streams/flow-control.ts';
import { ReassemblyMeter } from '../../../../src/connection/streams/recv-buffer.ts';
import { RecvStream } from '../../../../src/connection/streams/recv-stream.ts';
import { SendStream } from '../../../../src/connection/streams/send-stream.ts';
import {
  nextRecvState,
  nextSendState,
  RecvEvent,
  RecvState,
  SendEvent,
  SendState,
} from '../../../../src/connection/streams/stream-states.ts';
import { InvariantError } from '../../../../src/errors.ts';
import { frame, streamFrame } from './pair.ts';

type SendName = keyof typeof SendState;
type RecvName = keyof typeof RecvState;

/** Figure 2 of RFC 9000, read by hand; what is not listed must be refused. */
const SEND: Record<SendName, Partial<Record<keyof typeof SendEvent, SendName>>> = {
  READY: { FRAME: 'SEND', FIN: 'DATA_SENT', RESET: 'RESET_SENT' },
  SEND: { FRAME: 'SEND', FIN: 'DATA_SENT', RESET: 'RESET_SENT' },
  DATA_SENT: { FRAME: 'DATA_SENT', FIN: 'DATA_SENT', RESET: 'RESET_SENT', ALL_ACKED: 'DATA_RECVD' },
  DATA_RECVD: {},
  RESET_SENT: { RESET_ACKED: 'RESET_RECVD' },
  RESET_RECVD: {},
};

/** Figure 3 of RFC 9000, with what the peer may repeat in any state. */
const RECV: Record<RecvName, Partial<Record<keyof typeof RecvEvent, RecvName>>> = {
  RECV: { FIN: 'SIZE_KNOWN', RESET: 'RESET_RECVD' },
  SIZE_KNOWN: { FIN: 'SIZE_KNOWN', ALL_RECEIVED: 'DATA_RECVD', RESET: 'RESET_RECVD' },
  DATA_RECVD: { FIN: 'DATA_RECVD', RESET: 'RESET_RECVD', READ_ALL: 'DATA_READ' },
  DATA_READ: { FIN: 'DATA_READ', RESET: 'DATA_READ' },
  RESET_RECVD: { FIN: 'RESET_RECVD', RESET: 'RESET_RECVD', READ_RESET: 'RESET_READ' },
  RESET_READ: { FIN: 'RESET_READ', RESET: 'RESET_READ' },
};

test('RFC 9000 §3.1 every pair of sending state and event', () => {
  for (const [stateName, state] of Object.entries(SendState)) {
    for (const [eventName, event] of Object.entries(SendEvent)) {
      const next = SEND[stateName as SendName][eventName as keyof typeof SendEvent];
      if (next === undefined) assert.throws(() => nextSendState(state, event), InvariantError);
      else assert.equal(nextSendState(state, event), SendState[next], `${stateName} ${eventName}`);
    }
  }
});

test('RFC 9000 §3.2 every pair of receiving state and event', () => {
  for (const [stateName, state] of Object.entries(RecvState)) {
    for (const [eventName, event] of Object.entries(RecvEvent)) {
      const next = RECV[stateName as RecvName][eventName as keyof typeof RecvEvent];
      if (next === undefined) assert.throws(() => nextRecvState(state, event), InvariantError);
      else assert.equal(nextRecvState(state, event), RecvState[next], `${stateName} ${eventName}`);
    }
  }
});

/** A sending part brought into each state by what happens in life. */
const SEND_WAYS: Record<SendName, (stream: SendStream) => void> = {
  READY: () => {},
  SEND: (stream) => {
    stream.write(new Uint8Array(10), 10, false);
    stream.onSent(0, 10, false);
  },
  DATA_SENT: (stream) => {
    SEND_WAYS.SEND(stream);
    stream.finish();
    stream.onSent(10, 0, true);
  },
  DATA_RECVD: (stream) => {
    SEND_WAYS.DATA_SENT(stream);
    stream.onAcked(10, 0, true);
    stream.onAcked(0, 10, false);
  },
  RESET_SENT: (stream) => {
    SEND_WAYS.SEND(stream);
    stream.reset(7);
  },
  RESET_RECVD: (stream) => {
    SEND_WAYS.RESET_SENT(stream);
    stream.onResetAcked();
  },
};

test('RFC 9000 §3.1 acknowledgements and losses that come in any sending state leave a legal one', () => {
  const late: Record<string, (stream: SendStream) => void> = {
    'acked data': (stream) => stream.onAcked(0, 10, false),
    'acked end': (stream) => stream.onAcked(10, 0, true),
    'lost data': (stream) => stream.onLost(0, 10, false),
    'lost end': (stream) => stream.onLost(10, 0, true),
    'acked reset': (stream) => stream.onResetAcked(),
  };
  // Where the event moves the state; everywhere else the state stays.
  const moves: Partial<Record<SendName, Partial<Record<keyof typeof late, SendName>>>> = {
    RESET_SENT: { 'acked reset': 'RESET_RECVD' },
  };
  for (const [name, bring] of Object.entries(SEND_WAYS)) {
    if (name === 'READY') continue;
    for (const [what, event] of Object.entries(late)) {
      const stream = new SendStream(100, new BlockPool());
      bring(stream);
      assert.equal(stream.state, SendState[name as SendName]);
      event(stream);
      const expected = moves[name as SendName]?.[what] ?? name;
      assert.equal(stream.state, SendState[expected as SendName], `${what} in ${name}`);
    }
  }
});

test('RFC 9000 §3.1 nothing is sent from a reset or finished sending part', () => {
  for (const name of ['DATA_RECVD', 'RESET_SENT', 'RESET_RECVD'] as const) {
    const stream = new SendStream(100, new BlockPool());
    SEND_WAYS[name](stream);
    stream.onLost(0, 10, false);
    stream.onLost(10, 0, true);
    assert.equal(stream.hasPending, false, name);
    assert.equal(stream.isOpen, false, name);
  }
});

function recvStream(): { stream: RecvStream; connection: ReceiveWindow } {
  return {
    stream: new RecvStream(100, 100, new BlockPool(), new ReassemblyMeter()),
    connection: new ReceiveWindow(1000, 1000),
  };
}

type Way = (stream: RecvStream, connection: ReceiveWindow) => void;
const bytes = new Uint8Array(100);

const RECV_WAYS: Record<RecvName, Way> = {
  RECV: (stream, connection) => void stream.receive(streamFrame(0, 0, 5), bytes, connection),
  SIZE_KNOWN: (stream, connection) => {
    RECV_WAYS.RECV(stream, connection);
    stream.receive(streamFrame(0, 10, 0, true), bytes, connection);
  },
  DATA_RECVD: (stream, connection) => {
    RECV_WAYS.SIZE_KNOWN(stream, connection);
    stream.receive(streamFrame(0, 5, 5), bytes, connection);
  },
  DATA_READ: (stream, connection) => {
    RECV_WAYS.DATA_RECVD(stream, connection);
    stream.onRead(stream.buffer.skip(100), connection);
  },
  RESET_RECVD: (stream, connection) => {
    RECV_WAYS.RECV(stream, connection);
    stream.reset(frame({ type: 4, errorCode: 1, finalSize: 10 }), connection);
  },
  RESET_READ: (stream, connection) => {
    RECV_WAYS.RESET_RECVD(stream, connection);
    stream.onResetRead();
  },
};

test('RFC 9000 §3.2 every frame of the peer in every receiving state', () => {
  const events: Record<string, Way> = {
    data: (stream, connection) => void stream.receive(streamFrame(0, 0, 10), bytes, connection),
    end: (stream, connection) => void stream.receive(streamFrame(0, 10, 0, true), bytes, connection),
    all: (stream, connection) => void stream.receive(streamFrame(0, 0, 10, true), bytes, connection),
    reset: (stream, connection) =>
      void stream.reset(frame({ type: 4, errorCode: 2, finalSize: 10 }), connection),
    shutdown: (stream, connection) => {
      if (!stream.isTerminal) stream.shutdown(3, connection);
    },
  };
  const expected: Record<RecvName, Record<keyof typeof events, RecvName>> = {
    RECV: { data: 'RECV', end: 'SIZE_KNOWN', all: 'DATA_RECVD', reset: 'RESET_RECVD', shutdown: 'RECV' },
    SIZE_KNOWN: {
      data: 'DATA_RECVD',
      end: 'SIZE_KNOWN',
      all: 'DATA_RECVD',
      reset: 'RESET_RECVD',
      shutdown: 'DATA_READ',
    },
    DATA_RECVD: {
      data: 'DATA_RECVD',
      end: 'DATA_RECVD',
      all: 'DATA_RECVD',
      reset: 'RESET_RECVD',
      shutdown: 'DATA_READ',
    },
    DATA_READ: {
      data: 'DATA_READ',
      end: 'DATA_READ',
      all: 'DATA_READ',
      reset: 'DATA_READ',
      shutdown: 'DATA_READ',
    },
    RESET_RECVD: {
      data: 'RESET_RECVD',
      end: 'RESET_RECVD',
      all: 'RESET_RECVD',
      reset: 'RESET_RECVD',
      shutdown: 'RESET_READ',
    },
    RESET_READ: {
      data: 'RESET_READ',
      end: 'RESET_READ',
      all: 'RESET_READ',
      reset: 'RESET_READ',
      shutdown: 'RESET_READ',
    },
  };
  for (const [name, bring] of Object.entries(RECV_WAYS)) {
    for (const [what, event] of Object.entries(events)) {
      const { stream, connection } = recvStream();
      bring(stream, connection);
      assert.equal(stream.state, RecvState[name as RecvName], name);
      event(stream, connection);
      assert.equal(stream.state, RecvState[expected[name as RecvName][what]], `${what} in ${name}`);
    }
  }
});

test('RFC 9000 §3.5 after giving up reading, every way to learn the final size ends the stream', () => {
  const ways: Way[] = [
    (stream, connection) => void stream.receive(streamFrame(0, 10, 0, true), bytes, connection),
    (stream, connection) => void stream.receive(streamFrame(0, 0, 10, true), bytes, connection),
    (stream, connection) => void stream.reset(frame({ type: 4, errorCode: 2, finalSize: 10 }), connection),
  ];
  for (const way of ways) {
    const { stream, connection } = recvStream();
    RECV_WAYS.RECV(stream, connection);
    assert.equal(stream.shutdown(3, connection), true);
    assert.equal(connection.consumed, 5);
    way(stream, connection);
    assert.equal(stream.isTerminal, true);
    assert.equal(stream.isReadable, false);
    assert.equal(connection.consumed, 10);
    assert.equal(connection.received, 10);
  }
});
