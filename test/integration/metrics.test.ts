import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { Registry } from 'prom-client';
import { connect, listen, type QuicListener } from '../../src/index.ts';
import {
  collectMetrics,
  observeOpenTelemetry,
  PROMETHEUS_CONTENT_TYPE,
  prometheusText,
  registerPromClient,
} from '../../src/metrics.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { startCli, startCliServer } from '../support/cli.ts';

/** A listener that had two clients: one that closed, and one that did not trust it. */
async function used(t: TestContext): Promise<QuicListener> {
  const { certPem: cert, keyPem: key, caPem: ca } = makeTestIdentity();
  const listener = await listen({ address: '127.0.0.1', alpn: 'test', cert, key });
  t.after(() => listener.close());
  const target = `127.0.0.1:${listener.port}`;
  const accepted = listener.accept();
  const connection = await connect(target, { alpn: 'test', ca, serverName: 'localhost' });
  const other = await accepted;
  await other.opened;
  await connection.close();
  await other.closed.catch(() => {});
  await assert.rejects(connect(target, { alpn: 'test', serverName: 'localhost' }));
  const refused = await listener.accept();
  await refused.closed.catch(() => {});
  return listener;
}

function numbers(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

test('an endpoint counts its connections by role and end, its datagrams and its packets', async (t) => {
  const listener = await used(t);
  const { server, client, open, sockets, packets, interfaces, routing } = listener.endpoint.stats();
  assert.deepEqual(client, { started: 0, opened: 0, closed: {} });
  assert.equal(server.started, 2);
  assert.equal(server.opened, 1);
  assert.deepEqual(server.closed, { ERR_QUIC_APPLICATION_ERROR: 1, ERR_QUIC_TLS_FAIL: 1 });
  assert.deepEqual(open, { client: 0, server: 0 });
  assert.deepEqual(interfaces, { bound: 1, waiting: 0 });
  assert.equal(sockets.open, 1);
  assert.ok(sockets.receivedDatagrams >= 4 && sockets.receivedBytes > 2400);
  assert.ok(packets.sent >= 4);
  assert.equal(routing.incoming, 2);
  await listener.close();
  const after = listener.endpoint.stats();
  assert.equal(after.sockets.open, 0);
  assert.ok(after.sockets.receivedDatagrams >= sockets.receivedDatagrams, 'closed sockets still count');
});

test('a registry of prom-client gives the same numbers as the text, and lets them go again', async (t) => {
  const listener = await used(t);
  const registry = new Registry();
  const unregister = registerPromClient(listener, registry, { listener: 'a' });
  const theirs = await registry.metrics();
  const ours = numbers(prometheusText(collectMetrics(listener, { listener: 'a' })));
  assert.deepEqual(numbers(theirs), ours);
  assert.equal(ours.get('quayside_connections_started_total{listener="a",role="server"}'), 2);
  assert.equal(ours.get('quayside_listener_connections{listener="a",state="live"}'), 0);
  assert.equal(ours.get('quayside_listener_servers{listener="a"}'), 1);
  assert.match(theirs, /# TYPE quayside_udp_io_bytes_total counter/);
  assert.throws(() => registerPromClient(listener, registry), /already been registered/);
  unregister();
  assert.equal((await registry.metrics()).trim(), '');
});

test('a meter of OpenTelemetry observes the same numbers, until it is told to stop', async (t) => {
  const listener = await used(t);
  const reader = new (class extends MetricReader {
    protected async onForceFlush(): Promise<void> {}
    protected async onShutdown(): Promise<void> {}
  })();
  const provider = new MeterProvider({ readers: [reader] });
  t.after(() => provider.shutdown());
  const stop = observeOpenTelemetry(listener, provider.getMeter('test'), { listener: 'a' });
  const { resourceMetrics, errors } = await reader.collect();
  assert.deepEqual(errors, []);
  const seen = new Map(
    resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
      metrics.map(({ descriptor, dataPoints }) => [descriptor.name, { descriptor, dataPoints }]),
    ),
  );
  const withSamples = collectMetrics(listener).filter(({ samples }) => samples.length > 0);
  assert.deepEqual([...seen.keys()].sort(), withSamples.map(({ name }) => name).sort());
  const io = seen.get('quayside.udp.io');
  assert.equal(io?.descriptor.unit, 'By');
  const received = io?.dataPoints.find(({ attributes }) => attributes.direction === 'received');
  assert.equal(received?.attributes.listener, 'a');
  assert.equal(received?.value, listener.endpoint.stats().sockets.receivedBytes);
  stop();
  await assert.rejects(connect(`127.0.0.1:${listener.port}`, { alpn: 'test', serverName: 'localhost' }));
  const later = (await reader.collect()).resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
  const left = later.find(({ descriptor }) => descriptor.name === 'quayside.udp.io')?.dataPoints ?? [];
  assert.ok(
    left.every(({ attributes, value }) => attributes.direction === 'sent' || value === received?.value),
  );
});

test('serve --metrics answers scrapes with the numbers of all its addresses', async (t) => {
  const server = await startCliServer(t, ['serve', '--metrics', '0']);
  const [, url] = await server.saw(/metrics\s+(http:\S+)/);
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
  const response = await fetch(url);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), PROMETHEUS_CONTENT_TYPE);
  const found = numbers(await response.text());
  assert.equal(found.get(`quayside_sockets{listener="127.0.0.1:${server.port}"}`), 1);
  assert.equal((await fetch(new URL('/', url))).status, 404);
  assert.equal((await fetch(url, { method: 'POST' })).status, 405);
  server.child.kill('SIGTERM');
  assert.equal((await server.result).code, 0);
});

test('serve says what is wrong with --metrics', async (t) => {
  const wrong = await startCli(['serve', '--metrics', 'here']).result;
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--metrics.*'here'.*\[address:\]port/);
  const first = await startCliServer(t, ['serve', '--metrics', '[::1]:0']);
  const [, port] = await first.saw(/metrics\s+http:\/\/\[::1\]:(\d+)/);
  const taken = await startCli(['serve', '--port', '0', '--metrics', `[::1]:${port}`], { cwd: first.cwd })
    .result;
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, /EADDRINUSE.*--metrics/);
});
