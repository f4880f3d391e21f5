import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bbr, HEADROOM, MIN_PIPE_PACKETS } from '../../../src/recovery/bbr.ts';
import { Harness } from './support.ts';

const SIZE = 1000;

interface LinkOptions {
  /** Bytes per millisecond. */
  rate: number;
  /** Milliseconds there and back. */
  rtt: number;
  /** Bytes that may wait for the link. */
  queue: number;
  /** Each so-many-th packet is lost; 0 for none. */
  loseEvery?: number;
}

/** A sender with BBR that always has data, over a link with a queue; each packet is acknowledged by itself. */
class Flow {
  readonly harness: Harness = new Harness({}, { congestionControl: 'bbr', maxDatagramSize: SIZE });
  now = 1;
  /** Called before each packet; false: the application has nothing to send. */
  hasData: () => boolean = () => true;
  readonly states: string[] = [];
  dropped = 0;
  link: LinkOptions;
  #free = 0;
  readonly #acks: { at: number; number: number }[] = [];
  #count = 0;

  constructor(link: LinkOptions) {
    this.link = link;
  }

  get bbr(): Bbr {
    const { congestion } = this.harness.path;
    assert.ok(congestion instanceof Bbr);
    return congestion;
  }

  run(until: number): void {
    while (this.now < until) {
      this.#send();
      const nextSend = this.hasData()
        ? this.harness.path.timeToSend(this.now, SIZE)
        : Number.POSITIVE_INFINITY;
      const ack = this.#acks[0]?.at ?? Number.POSITIVE_INFINITY;
      this.now = Math.min(until, Math.max(this.now, Math.min(nextSend, ack, this.harness.recovery.deadline)));
      while ((this.#acks[0]?.at ?? Number.POSITIVE_INFINITY) <= this.now) {
        const { number } = this.#acks.shift() as { number: number };
        this.harness.ack(this.now, [[number, number]]);
        this.#note();
      }
      this.harness.recovery.onTimeout(this.now);
    }
  }

  #send(): void {
    const { path, recovery } = this.harness;
    while (this.hasData() && (path.timeToSend(this.now, SIZE) <= this.now || recovery.probesPending(2) > 0)) {
      recovery.sendProbe(2);
      const number = this.harness.send(this.now, { size: SIZE });
      const { rate, rtt, queue, loseEvery = 0 } = this.link;
      const start = Math.max(this.now, this.#free);
      this.#count++;
      if ((start - this.now) * rate > queue || (loseEvery > 0 && this.#count % loseEvery === 0))
        this.dropped++;
      else {
        this.#free = start + SIZE / rate;
        this.#acks.push({ at: this.#free + rtt, number });
      }
    }
    if (this.hasData()) path.noteBlocked(this.now);
    else path.noteAppLimited();
  }

  #note(): void {
    const { state } = this.bbr;
    if (this.states.at(-1) !== state) this.states.push(state);
  }
}

const LINK: LinkOptions = { rate: 1000, rtt: 40, queue: 60_000 };
const BDP = 40_000;

test('C81 draft-ietf-ccwg-bbr §5.3 Startup finds the bandwidth, Drain empties the queue, then ProbeBW goes round', () => {
  const flow = new Flow(LINK);
  flow.run(4000);
  // The queue is empty after Drain, so there is nothing to stay in 'down' for.
  const cycle = ['cruise', 'refill', 'up', 'down'];
  assert.deepEqual(flow.states.slice(0, 7), ['startup', 'drain', ...cycle, 'cruise']);
  const { path } = flow.harness;
  assert.equal(path.startupExit?.reason, 'plateau');
  assert.ok(Math.abs(path.maxBandwidth - 1000) < 30, `${path.maxBandwidth}`);
  assert.ok(Math.abs(flow.bbr.model.minRtt - 41) < 1, `${flow.bbr.model.minRtt}`);
  assert.ok(path.startupExit.time < 500);
});

test('C81 draft-ietf-ccwg-bbr §5.6 while cruising the rate is the bandwidth and the queue stays short', () => {
  const flow = new Flow(LINK);
  flow.run(3000);
  let cruising = 0;
  let queue = 0;
  for (let t = 3000; t < 5000; t += 5) {
    flow.run(t);
    if (flow.bbr.state !== 'cruise') continue;
    cruising++;
    queue += flow.harness.path.bytesInFlight - BDP;
    assert.ok(Math.abs(flow.harness.path.pacingRate / flow.bbr.model.bandwidth - 0.99) < 0.001);
  }
  assert.ok(cruising > 100);
  assert.ok(queue / cruising < 0.35 * BDP, `${queue / cruising} bytes wait`);
});

test('C81 draft-ietf-ccwg-bbr §5.3.4 ProbeRTT halves what is in flight for 200 ms, and the window comes back', () => {
  const flow = new Flow(LINK);
  const inFlight = () => flow.harness.path.bytesInFlight;
  let entered = 0;
  let least = Number.POSITIVE_INFINITY;
  let before = 0;
  let left = 0;
  flow.run(200);
  // From here on no round trip is as short as the first ones were.
  flow.link = { ...LINK, rtt: 41 };
  for (let t = 202; t < 8000 && left === 0; t += 2) {
    flow.run(t);
    const isProbing = flow.bbr.state === 'probe-rtt';
    if (!isProbing && entered === 0) before = flow.bbr.window;
    if (isProbing && entered === 0) entered = t;
    if (isProbing) least = Math.min(least, inFlight());
    if (!isProbing && entered > 0) left = t;
  }
  assert.ok(entered > 4900 && left > 0, `${entered} ${left}`);
  assert.ok(left - entered >= 200 && left - entered < 350, `${left - entered} ms`);
  assert.ok(least <= 0.55 * BDP, `${least}`);
  assert.ok(flow.bbr.window >= 0.9 * before, `${flow.bbr.window} after ${before}`);
  assert.ok(Math.abs(flow.bbr.model.maxBandwidth - 1000) < 30, 'the low rate of the time is not believed');
});

test('C81 draft-ietf-ccwg-bbr §5.5.10 a short queue bounds what is in flight, and the bandwidth is used all the same', () => {
  const flow = new Flow({ ...LINK, queue: 8_000 });
  flow.run(2000);
  const { path } = flow.harness;
  const delivered = path.rate.delivered;
  const dropped = flow.dropped;
  let cruising = 0;
  for (let t = 2000; t < 12_000; t += 50) {
    flow.run(t);
    if (flow.bbr.state !== 'cruise') continue;
    cruising++;
    assert.ok(flow.bbr.window <= (1 - HEADROOM) * flow.bbr.model.inflightLongterm + 1);
  }
  assert.ok(cruising > 20);
  assert.ok(flow.bbr.model.inflightLongterm < 1.6 * BDP, `${flow.bbr.model.inflightLongterm}`);
  const share = (path.rate.delivered - delivered) / 10_000 / 1000;
  assert.ok(share > 0.85, `${share}`);
  assert.ok((flow.dropped - dropped) / 10_000 < 0.03, `${flow.dropped - dropped} lost`);
});

test('C81 draft-ietf-ccwg-bbr §2.7 one packet in a hundred lost at random does not slow it down', () => {
  const flow = new Flow({ ...LINK, loseEvery: 100 });
  flow.run(10_000);
  const share = flow.harness.path.rate.delivered / 10_000 / 1000;
  assert.ok(share > 0.8, `${share}`);
});

test('C81 draft-ietf-ccwg-bbr §5.5.6 it follows a bandwidth that rises and one that sinks', () => {
  const flow = new Flow(LINK);
  flow.run(3000);
  flow.link = { rate: 3000, rtt: 40, queue: 120_000 };
  flow.run(13_000);
  assert.ok(Math.abs(flow.bbr.model.maxBandwidth - 3000) < 150, `${flow.bbr.model.maxBandwidth}`);
  flow.link = { rate: 500, rtt: 40, queue: 40_000 };
  flow.run(26_000);
  assert.ok(Math.abs(flow.bbr.model.maxBandwidth - 500) < 50, `${flow.bbr.model.maxBandwidth}`);
});

test('C81 draft-ietf-ccwg-bbr §5.5.4 an application that sends little does not lower the bandwidth', () => {
  const flow = new Flow(LINK);
  flow.run(2000);
  const { maxBandwidth } = flow.bbr;
  let budget = 0;
  flow.hasData = () => budget-- > 0;
  for (let t = 2000; t < 8000; t += 100) {
    budget = 3;
    flow.run(t);
  }
  assert.ok(flow.bbr.maxBandwidth >= 0.98 * maxBandwidth, `${flow.bbr.maxBandwidth}`);
});

test('C80 draft-ietf-ccwg-bbr §5.6.4.4 persistent congestion leaves the least window, which grows again', () => {
  const flow = new Flow(LINK);
  flow.run(1000);
  flow.harness.path.onPersistentCongestion(flow.now);
  assert.equal(flow.bbr.window, MIN_PIPE_PACKETS * SIZE);
  flow.run(2000);
  assert.ok(flow.bbr.window > BDP);
});

test('C80 draft-ietf-ccwg-bbr §5.5.11 losses that were none give Startup back', () => {
  const harness = new Harness({}, { congestionControl: 'bbr', pacing: false, initialWindowPackets: 40 });
  const { path } = harness;
  // Every second packet comes late: each ACK declares one lost, until there are enough of them to end Startup.
  for (let i = 0; i < 40; i++) harness.send(i / 10);
  for (let i = 1; i < 40; i += 2) harness.ack(50 + i / 10, [[i, i]]);
  for (let i = 0; i < 10; i++) harness.send(60 + i);
  for (let i = 40; i < 50; i++) harness.ack(110 + i, [[i, i]]);
  const bbr = path.congestion as Bbr;
  assert.notEqual(bbr.state, 'startup');
  assert.equal(path.startupExit?.reason, 'loss');
  assert.notEqual(bbr.model.inflightLongterm, Number.POSITIVE_INFINITY);
  const { window } = bbr;
  harness.ack(165, [[0, 49]]);
  assert.equal(path.undoCount, 1);
  assert.equal(bbr.state, 'startup');
  assert.ok(bbr.window >= window);
  assert.equal(bbr.model.inflightLongterm, Number.POSITIVE_INFINITY);
});

test('C81 draft-ietf-ccwg-bbr §5.3.3.4 a bound by losses is raised step by step when the path has more room', () => {
  const flow = new Flow({ ...LINK, queue: 8_000 });
  flow.run(3000);
  const bound = flow.bbr.model.inflightLongterm;
  assert.ok(bound < 2 * BDP);
  flow.link = { rate: 4000, rtt: 40, queue: 160_000 };
  flow.run(15_000);
  assert.ok(flow.bbr.model.inflightLongterm > 3 * bound, `${flow.bbr.model.inflightLongterm} from ${bound}`);
  assert.ok(flow.bbr.maxBandwidth > 3600, `${flow.bbr.maxBandwidth}`);
});

test('C81 draft-ietf-ccwg-bbr §5.6.2 an application that sends little does not slow Startup down', () => {
  const flow = new Flow(LINK);
  let budget = 0;
  flow.hasData = () => budget-- > 0;
  budget = 2;
  flow.run(100);
  const { pacingRate } = flow.harness.path;
  for (let t = 100; t < 3000; t += 100) {
    budget = 2;
    flow.run(t);
  }
  assert.equal(flow.bbr.state, 'startup');
  assert.ok(flow.harness.path.pacingRate >= pacingRate);
});
