import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiLink } from '../../support/api-link.ts';

function deadlineEvents(link: ApiLink): unknown[] {
  const found: unknown[] = [];
  for (let event = link.client.nextEvent(); event !== null; event = link.client.nextEvent())
    if (event.type === 'stream-deadline') found.push(event);
  return found;
}

/** A link whose client has sent on stream 0 and let the time of its deadline pass. */
function late(options: Parameters<ApiLink['client']['setStreamDeadline']>[3]): ApiLink {
  const link = ApiLink.established();
  link.client.streamSend(0, new Uint8Array(10));
  assert.equal(link.client.setStreamDeadline(0, 100, link.now, options), true);
  assert.equal(link.client.timeoutAt() !== null, true);
  link.advance(99);
  link.flush();
  link.advance(10);
  link.flush();
  return link;
}

describe('Connection: deadlines of streams', () => {
  test('C55 both, the default: the stream is reset and stopped with 0xff, and the application hears of it', () => {
    const link = late({});
    assert.throws(() => link.server.streamRecv(0, new Uint8Array(20)), {
      code: 'ERR_QUIC_STREAM_RESET',
      errorCode: 0xffn,
    });
    assert.throws(() => link.server.streamSend(0, new Uint8Array(1)), {
      code: 'ERR_QUIC_STREAM_STOPPED',
      errorCode: 0xffn,
    });
    assert.equal(link.client.streamDeadline(0, link.now), null);
  });

  test('C55 notify leaves the stream as it is', () => {
    const link = late({ action: 'notify' });
    assert.equal(link.server.streamRecv(0, new Uint8Array(20))?.length, 10);
    assert.equal(link.client.streamSend(0, new Uint8Array(5), true), 5);
  });

  test('C55 reset takes the code that was given', () => {
    const link = late({ action: 'reset', errorCode: 7n });
    assert.throws(() => link.server.streamRecv(0, new Uint8Array(20)), { errorCode: 7n });
  });

  test('C55 the event says whether the stream was reset; the earliest deadline comes first', () => {
    const link = ApiLink.established();
    for (const id of [0, 4, 8]) link.client.streamSend(id, new Uint8Array(1));
    link.flush();
    deadlineEvents(link);
    const { now } = link;
    link.client.setStreamDeadline(0, 300, now, { action: 'notify' });
    link.client.setStreamDeadline(4, 200, now);
    link.client.setStreamDeadline(8, 100, now, { action: 'reset' });
    assert.ok((link.client.timeout(now) ?? Infinity) <= 100);
    link.client.onTimeout(now + 150);
    assert.deepEqual(deadlineEvents(link), []);
    link.client.onTimeout(now + 400);
    assert.deepEqual(deadlineEvents(link), [
      { type: 'stream-deadline', streamId: 4, isReset: true },
      { type: 'stream-deadline', streamId: 0, isReset: false },
    ]);
  });

  test('C55 what is cancelled or replaced does not happen, and the time that is left is told', () => {
    const link = ApiLink.established();
    const { client, now } = link;
    client.streamSend(0, new Uint8Array(1));
    link.flush();
    deadlineEvents(link);
    assert.equal(client.cancelStreamDeadline(0), false);
    assert.equal(client.streamDeadline(0, now), null);
    client.setStreamDeadline(0, 100, now);
    client.setStreamDeadline(0, 500, now);
    assert.equal(client.streamDeadline(0, now + 120), 380);
    assert.equal(client.streamDeadline(0, now + 600), 0);
    client.onTimeout(now + 120);
    assert.deepEqual(deadlineEvents(link), []);
    assert.equal(client.cancelStreamDeadline(0), true);
    client.onTimeout(now + 600);
    assert.deepEqual(deadlineEvents(link), []);
  });

  test('C55 a stream that is over, or unknown, has no deadline', () => {
    const link = ApiLink.established();
    const { client, server, now } = link;
    assert.equal(client.setStreamDeadline(0, 100, now), false);
    client.streamSend(0, new Uint8Array(1), true);
    assert.equal(client.setStreamDeadline(0, 10_000, now), true);
    link.flush();
    server.streamRecv(0, new Uint8Array(1));
    server.streamSend(0, new Uint8Array(1), true);
    link.flush();
    client.streamRecv(0, new Uint8Array(1));
    link.flush();
    link.advance(100);
    assert.equal(client.isStreamClosed(0), true);
    assert.equal(client.streamDeadline(0, link.now), null);
    deadlineEvents(link);
    client.onTimeout(now + 10_001);
    assert.deepEqual(deadlineEvents(link), []);
  });

  test('C55 arguments that mean nothing are refused', () => {
    const { client, now } = ApiLink.established();
    assert.throws(() => client.setStreamDeadline(0, -1, now), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => client.setStreamDeadline(0, Number.NaN, now), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => client.setStreamDeadline(0, '1' as unknown as number, now), {
      code: 'ERR_INVALID_ARG_TYPE',
    });
    assert.throws(() => client.setStreamDeadline(0, 1, now, { action: 'x' as 'both' }), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });
});
