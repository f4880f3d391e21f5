/** What work in batches must not cost: whole endpoints with the real loop on the virtual network. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { type QuicConnection, QuicEndpoint, type QuicListener } from '../../src/index.ts';
import type { Clock } from '../../src/util/clock.ts';
import { ListenerStage } from '../support/listener-stage.ts';

const BULK = new Uint8Array(256 * 1024);

test('L85 a lone small request takes one round trip: nothing waits for a batch', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  void serve(listener);
  const connection = await stage.connect();
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    await stage.run(100);
    times.push(await requestTime(stage, connection));
  }
  // The link takes 10 ms each way and no time for the bytes.
  for (const time of times) assert.ok(time >= 20 && time < 20.01, `${time} ms`);
  await stage.until(listener.close());
});

test('L85 100 small connections beside a bulk on one endpoint are served as without it', async () => {
  const link = { delay: 10, bandwidth: 100_000_000, queue: 2000 };
  const alone = await smallBeside(link, false);
  const beside = await smallBeside(link, true);
  assert.ok(alone.slowest < 25, `${alone.slowest} ms without the bulk`);
  // In front of an answer are what the bulk has on its way, a bandwidth-delay product at most, and its quantum.
  assert.ok(beside.slowest < 2 * alone.slowest, `${beside.slowest} ms with it, ${alone.slowest} without`);
  assert.ok(beside.bulkShare > 0.8, `${beside.bulkShare} of the link for the bulk`);
});

test('C82 RFC 9002 §7.7 pacing stays within 10 % of its rate, with timers of whole milliseconds', async () => {
  const stage = new ListenerStage(1, [ListenerStage.SERVER], {
    delay: 10,
    bandwidth: 10_000_000,
    queue: 200,
  });
  const listener = await stage.started();
  void serve(listener);
  const client = stage.environmentOf(stage.client);
  const endpoint = new PacedEndpoint({
    address: ListenerStage.CLIENT,
    environment: { ...client, clock: coarse(client.clock) },
  });
  const connection = await stage.connect({ endpoint, environment: undefined });
  let sent = 0;
  stage.network.tap(({ kind, bytes, from }) => {
    if (kind === 'sent' && from.address === ListenerStage.CLIENT) sent += bytes.length;
  });
  const stream = await connection.createBidirectionalStream();
  void (async () => {
    for (;;) await stream.write(BULK);
  })().catch(() => {});
  await stage.run(1000);
  const shares: number[] = [];
  for (let i = 0; i < 10; i++) {
    const before = sent;
    await stage.run(250);
    shares.push((sent - before) / (RATE / 4));
  }
  for (const share of shares)
    assert.ok(share > 0.9 && share < 1.1, `${shares.map((each) => each.toFixed(3))}`);
  assert.equal(connection.stats.packetsLost, 0);
  connection.destroy();
  await stage.until(endpoint.close());
  await stage.until(listener.close());
});

/** Bytes per second, below what the link carries. */
const RATE = 1_000_000;

class PacedEndpoint extends QuicEndpoint {
  override connect(...[remote, config, verification]: Parameters<QuicEndpoint['connect']>): QuicConnection {
    const transport = { ...config.transport, maxPacingRate: RATE };
    return super.connect(remote, { ...config, transport }, verification);
  }
}

interface Beside {
  slowest: number;
  bulkShare: number;
}

async function smallBeside(
  link: { delay: number; bandwidth: number; queue: number },
  withBulk: boolean,
): Promise<Beside> {
  const stage = new ListenerStage(1, [ListenerStage.SERVER], link);
  // With a queue that is never full, CUBIC alone would fill it: that is the network's delay and not the endpoint's.
  const listener = await stage.started({ congestionControl: 'bbr' });
  void serve(listener);
  const small: QuicConnection[] = [];
  for (let i = 0; i < 100; i++) small.push(await stage.connect());
  let received = 0;
  if (withBulk) {
    const bulk = await stage.connect();
    void download(bulk, (bytes) => {
      received += bytes;
    });
    await stage.run(2000);
  }
  const before = received;
  const started = stage.clock.now();
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    times.push(
      ...(await stage.until(Promise.all(small.map((connection) => requestTime(stage, connection))))),
    );
    await stage.run(50);
  }
  const seconds = (stage.clock.now() - started) / 1000;
  const bulkShare = ((received - before) * 8) / seconds / link.bandwidth;
  await stage.until(listener.close());
  return { slowest: Math.max(...times), bulkShare };
}

/** Answers 4 bytes with bytes without end, and anything else with its beginning; reads what comes. */
async function serve(listener: QuicListener): Promise<void> {
  for await (const connection of listener) {
    void (async () => {
      for await (const stream of connection.incomingStreams()) {
        void (async () => {
          const request = await stream.read();
          if (request?.length === 4) for (;;) await stream.write(BULK);
          void stream.end(request ?? new Uint8Array(0)).catch(() => {});
          while ((await stream.read()) !== null);
        })().catch(() => {});
      }
    })().catch(() => {});
  }
}

async function requestTime(stage: ListenerStage, connection: QuicConnection): Promise<number> {
  const started = stage.clock.now();
  const stream = await connection.createBidirectionalStream();
  void stream.end(new Uint8Array(100)).catch(() => {});
  const answered = (async () => {
    let length = 0;
    for await (const chunk of stream) length += chunk.length;
    assert.equal(length, 100);
    return stage.clock.now() - started;
  })();
  return stage.until(answered);
}

async function download(
  connection: QuicConnection,
  onBytes: (count: number) => void = () => {},
): Promise<void> {
  try {
    const stream = await connection.createBidirectionalStream();
    void stream.end(new Uint8Array(4)).catch(() => {});
    for await (const chunk of stream) onBytes(chunk.length);
  } catch {
    // The listener closed.
  }
}

/** Timers of an event loop are no finer. */
function coarse(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    wallTime: () => clock.wallTime(),
    immediate: (callback) => clock.immediate(callback),
    createTimer: (fire) => {
      const timer = clock.createTimer(fire);
      return {
        set: (at) =>
          timer.set(Number.isFinite(at) ? clock.now() + Math.max(1, Math.ceil(at - clock.now())) : at),
        clear: () => timer.clear(),
        ref: () => timer.ref(),
        unref: () => timer.unref(),
      };
    },
  };
}
