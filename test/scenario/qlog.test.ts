/** What qlog says about connections on the virtual network, against the drafts' schema and against what happened. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { dropRate, simpleP2p } from '../../src/sim/scenarios.ts';
import { withDetail } from '../../src/trace/detail.ts';
import { Qlog, type QlogOptions } from '../../src/trace/qlog.ts';
import { QLOG_EVENTS, QLOG_LEVELS, type QlogLevel } from '../../src/trace/qlog-events.ts';
import { parseQlogSequence } from '../../src/trace/qlog-reader.ts';
import { summarizeQlog } from '../../src/trace/qlog-summary.ts';
import { NO_TRACE, type Trace } from '../../src/trace/trace.ts';
import { type PairOptions, ROOMY, TestPair } from '../support/core-pair.ts';
import { qlogFaults } from '../support/qlog-schema.ts';

/** A trace that counts what it hears besides. */
function logged(options: QlogOptions = {}) {
  const records: string[] = [];
  const counts = { sent: 0, received: 0, lost: 0 };
  const qlog = new Qlog((record) => records.push(record), {
    level: 'extra',
    onError: (error) => {
      throw error;
    },
    ...options,
  });
  const base: Trace = {
    ...NO_TRACE,
    packetSent: () => counts.sent++,
    packetReceived: () => counts.received++,
    packetLost: () => counts.lost++,
  };
  return { records, counts, trace: withDetail(base, () => qlog) };
}

function run(options: Partial<PairOptions> = {}, log: QlogOptions = {}) {
  const client = logged(log);
  const server = logged(log);
  const pair = new TestPair({
    seed: 7,
    scenario: dropRate(0.05),
    client: { trace: client.trace },
    server: { trace: server.trace },
    ...options,
  });
  pair.fetch([200_000, 30_000, 0]);
  pair.close();
  return { client, server, pair };
}

const eventsOf = (records: readonly string[]) => parseQlogSequence(records.join(''))?.events ?? [];
const named = (records: readonly string[], name: string) =>
  eventsOf(records).filter((event) => event.name === `quic:${name}`);

test('C96 a log of a lossy transfer is a JSON text sequence that fits the schema of the drafts, on both sides', () => {
  const { client, server } = run({}, { title: 'lossy', description: 'a transfer' });
  assert.deepEqual(qlogFaults(client.records), []);
  assert.deepEqual(qlogFaults(server.records), []);
  const header: Record<string, unknown> = { ...parseQlogSequence(server.records.join(''))?.header };
  assert.equal(header.title, 'lossy');
  assert.equal(header.description, 'a transfer');
  const { vantage_point } = header.trace as { vantage_point: unknown };
  assert.deepEqual(vantage_point, { name: 'quayside', type: 'server' });
});

test('C96 the log has every packet that was sent, received and lost', () => {
  const { client, server } = run();
  assert.ok(server.counts.lost > 0 && server.counts.sent > 100);
  for (const { records, counts } of [client, server]) {
    const summary = summarizeQlog(parseQlogSequence(records.join('')) as never);
    // Recovery does not hear of the packets with CONNECTION_CLOSE; the log does.
    const closing = named(records, 'packet_sent').filter(({ data }) =>
      JSON.stringify(data.frames).includes('connection_close'),
    ).length;
    assert.equal(summary.packetsSent, counts.sent + closing);
    assert.equal(summary.packetsReceived, counts.received);
    assert.equal(summary.packetsLost, counts.lost);
  }
});

test('C96 a level has the events of its importance and no others', () => {
  for (const level of QLOG_LEVELS) {
    const { server } = run({}, { level });
    const names = new Set(eventsOf(server.records).map(({ name }) => name.slice(5)));
    const most = QLOG_LEVELS.indexOf(level);
    for (const name of names) {
      const importance = QLOG_EVENTS[name as keyof typeof QLOG_EVENTS] as QlogLevel;
      assert.ok(QLOG_LEVELS.indexOf(importance) <= most, `${name} at level ${level}`);
    }
    assert.ok(names.has('packet_sent') && names.has('recovery_metrics_updated'));
    assert.equal(names.has('connection_closed'), level !== 'core');
    assert.equal(names.has('mtu_updated'), level === 'extra');
  }
});

test('C96 the log tells the parameters of both sides, protocol, version, states and the end', () => {
  const { client } = run();
  const parameters = named(client.records, 'parameters_set').map(({ data }) => data);
  assert.equal(
    parameters.find(({ initiator }) => initiator === 'remote')?.initial_max_data,
    ROOMY.initialMaxData,
  );
  assert.equal(
    parameters.find(({ initiator }) => initiator === 'local')?.max_idle_timeout,
    ROOMY.maxIdleTimeout,
  );
  assert.deepEqual(named(client.records, 'version_information')[0]?.data, { chosen_version: '00000001' });
  assert.deepEqual(named(client.records, 'alpn_information')[0]?.data, {
    chosen_alpn: { string_value: 'test' },
  });
  const states = named(client.records, 'connection_state_updated').map(({ data }) => data.new);
  assert.deepEqual(states.slice(0, 1), ['handshake_started']);
  assert.deepEqual(states.slice(-3), ['handshake_confirmed', 'closing', 'closed']);
  assert.deepEqual(
    named(client.records, 'connection_closed').map(({ data }) => data),
    [
      {
        initiator: 'local',
        application_error: 'unknown',
        error_code: 0,
        reason: 'done',
        trigger: 'application',
      },
    ],
  );
});

test('C80 the metrics of the log are those of recovery, and change when recovery does', () => {
  const log = logged();
  const pair = new TestPair({ seed: 3, scenario: simpleP2p(), server: { trace: log.trace } });
  pair.fetch([150_000]);
  const summary = summarizeQlog(parseQlogSequence(log.records.join('')) as never);
  const last = summary.samples[summary.samples.length - 1];
  const path = pair.server?.paths.active.recovery;
  assert.equal(last?.bytesInFlight, path?.bytesInFlight);
  assert.equal(last?.congestionWindow, Math.floor(path?.congestion.window ?? 0));
  assert.equal(last?.smoothedRtt, Math.round((path?.rtt.smoothed ?? 0) * 1000) / 1000);
  assert.ok(summary.samples.length > 20);
});

test('C96 a key update is in the log with who began it', () => {
  const log = logged();
  const pair = new TestPair({ seed: 4, scenario: simpleP2p(), client: { trace: log.trace } });
  pair.runUntil(() => pair.isEstablished);
  assert.ok(pair.client.updateKeys(pair.now));
  pair.fetch([1000]);
  assert.deepEqual(
    named(log.records, 'key_updated').map(({ data }) => [data.key_type, data.key_phase, data.trigger]),
    [
      ['client_1rtt_secret', 1, 'local_update'],
      ['server_1rtt_secret', 1, 'local_update'],
    ],
  );
  assert.deepEqual(qlogFaults(log.records), []);
});

test('C96 a writer that throws loses its log and nothing else', () => {
  let calls = 0;
  const errors: unknown[] = [];
  const qlog = new Qlog(
    () => {
      if (++calls === 5) throw new Error('disk full');
    },
    { onError: (error) => errors.push(error) },
  );
  const pair = new TestPair({ seed: 5, client: { trace: withDetail(NO_TRACE, () => qlog) } });
  pair.fetch([50_000]);
  pair.close();
  assert.equal(calls, 5);
  assert.equal((errors[0] as Error).message, 'disk full');
  assert.equal(errors.length, 1);
  assert.equal(pair.clientApp.whole, 1);
});

test("T24 a peer's reason reaches the log bounded, escaped and on one line", () => {
  const log = logged();
  const pair = new TestPair({ seed: 6, scenario: simpleP2p(), client: { trace: log.trace } });
  pair.runUntil(() => pair.isEstablished);
  pair.server?.close(true, 7n, `\u001b[2J\n%s\u001e{"name":"forged"}${'\u{1f600}'.repeat(500)}`, pair.now);
  pair.wake();
  pair.runUntil(() => pair.client.state.value !== 'established');
  assert.deepEqual(qlogFaults(log.records), []);
  const [closed] = named(log.records, 'connection_closed');
  assert.equal(closed?.data.initiator, 'remote');
  assert.ok(String(closed?.data.reason).startsWith('\u001b[2J\n%s'));
  assert.ok(String(closed?.data.reason).length <= 1024);
});
