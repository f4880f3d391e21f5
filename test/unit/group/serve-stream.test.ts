import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import test from 'node:test';
import { LINGER_TIME, serveStream } from '../../../src/group/serve-stream.ts';
import { VirtualClock } from '../../../src/sim.ts';

/** A stream whose client says what comes, and when it ends. */
function streamOf(): { stream: Duplex; written: string[] } {
  const written: string[] = [];
  const stream = new Duplex({
    allowHalfOpen: true,
    read() {},
    write(chunk, _encoding, done) {
      written.push(String(chunk));
      done();
    },
  });
  stream.on('error', () => {});
  return { stream, written };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('G15 a handler that is done ends its side, and the stream is freed when the client ends', async () => {
  const clock = new VirtualClock();
  const { stream, written } = streamOf();
  const served = serveStream(stream, async () => void stream.write('answer'), clock);
  await turn();
  assert.deepEqual([written, stream.writableFinished, stream.destroyed], [['answer'], true, false]);
  stream.push('ignored');
  stream.push(null);
  await served;
  assert.equal(stream.destroyed, true);
});

test('G15 a client that never ends is given up after a while', async () => {
  const clock = new VirtualClock();
  const { stream } = streamOf();
  let isOver = false;
  const served = serveStream(stream, async () => {}, clock).then(() => {
    isOver = true;
  });
  await turn();
  await clock.runAsync(clock.now() + LINGER_TIME - 1);
  assert.deepEqual([stream.destroyed, isOver], [false, false]);
  await clock.runAsync(clock.now() + 1);
  assert.equal(stream.destroyed, true);
  await served;
});

test('G15 a client that reads slowly gets all that was written, however long it takes', async () => {
  const clock = new VirtualClock();
  let take: () => void = () => {};
  const stream = new Duplex({
    allowHalfOpen: true,
    read() {},
    write(_chunk, _encoding, done) {
      take = done;
    },
  });
  const served = serveStream(stream, async () => void stream.end('much'), clock);
  await turn();
  await clock.runAsync(clock.now() + 100 * LINGER_TIME);
  assert.equal(stream.destroyed, false);
  take();
  await turn();
  // Then its time to end its side begins.
  await clock.runAsync(clock.now() + LINGER_TIME - 1);
  assert.deepEqual([stream.writableFinished, stream.destroyed], [true, false]);
  await clock.runAsync(clock.now() + 1);
  await served;
  assert.equal(stream.errored, null);
});

test('G14 G15 what a handler throws destroys the stream and is told, unless the stream failed with it', async () => {
  const clock = new VirtualClock();
  const own = new Error('own');
  for (const run of [
    () => {
      throw own;
    },
    () => Promise.reject(own),
  ]) {
    const { stream } = streamOf();
    await assert.rejects(serveStream(stream, run, clock), own);
    assert.equal(stream.errored, own);
  }
  const { stream } = streamOf();
  const lost = new Error('the client is gone');
  const served = serveStream(
    stream,
    async () => {
      for await (const _ of stream);
    },
    clock,
  );
  await turn();
  stream.destroy(lost);
  await served;
});

test('G15 a loop over a stream, to its end or not, leaves the other side open', async () => {
  const clock = new VirtualClock();
  for (const stopsEarly of [true, false]) {
    const { stream, written } = streamOf();
    const served = serveStream(
      stream,
      async () => {
        for await (const _ of stream) if (stopsEarly) break;
        stream.write('answer');
      },
      clock,
    );
    stream.push('question');
    stream.push(null);
    await served;
    assert.deepEqual(written, ['answer']);
  }
});

test('G15 without a promise the stream is over when it is closed, and not before', async () => {
  const clock = new VirtualClock();
  const { stream } = streamOf();
  let isOver = false;
  const served = serveStream(stream, () => {}, clock).then(() => {
    isOver = true;
  });
  await turn();
  await clock.runAsync(clock.now() + 10 * LINGER_TIME);
  assert.equal(isOver, false);
  stream.destroy();
  await once(stream, 'close');
  await served;
});
