import assert from 'node:assert/strict';
import test from 'node:test';
import { PERF_BAD_REQUEST } from '../../src/cli/perf/protocol.ts';
import { connect } from '../../src/index.ts';
import { runCli, startCliServer } from '../support/cli.ts';

test('perf client measures transfers, requests and handshakes against perf server', async (t) => {
  const server = await startCliServer(t, ['perf', 'server', '--address', '127.0.0.1']);
  const client = async (...args: string[]): Promise<Record<string, unknown>> => {
    const target = `127.0.0.1:${server.port}`;
    const result = await runCli(['perf', 'client', target, '--pin', server.pin, '--json', ...args]);
    assert.equal(result.code, 0, result.stderr);
    return JSON.parse(result.stdout) as Record<string, unknown>;
  };
  const transfer = await client('--upload', '100k', '--download', '300Ki', '--streams', '3');
  assert.equal(transfer.mode, 'transfer');
  assert.equal(transfer.uploadedBytes, 300_000);
  assert.equal(transfer.downloadedBytes, 3 * 300 * 1024);
  assert.ok((transfer.megabitsPerSecond as number) > 0);
  const requests = await client('--requests', '--count', '50', '--streams', '4', '--download', '10');
  assert.equal(requests.mode, 'requests');
  assert.equal(requests.requests, 50);
  assert.equal(requests.responseBytes, 10);
  const handshakes = await client('--handshakes', '--count', '5', '--parallel', '2');
  assert.equal(handshakes.mode, 'handshakes');
  assert.equal(handshakes.handshakes, 5);
  const timed = await client('--requests', '--duration', '0.2');
  assert.ok((timed.requests as number) > 0);
  const table = await runCli(['perf', 'client', `127.0.0.1:${server.port}`, '--pin', server.pin, '-d', '1M']);
  assert.match(table.stdout, /^downloaded +1\.00 MB$/m);
  assert.match(table.stdout, /^goodput +[\d.]+ Mbit\/s$/m);
});

test('perf server ends streams that are no requests with a code', async (t) => {
  const server = await startCliServer(t, ['perf', 'server', '--address', '127.0.0.1']);
  const connection = await connect(
    { host: '127.0.0.1', port: server.port },
    { alpn: 'perf', pins: [server.pin] },
  );
  t.after(() => connection.close());
  for (const request of [new Uint8Array(7), new Uint8Array(8).fill(255)]) {
    const stream = await connection.createBidirectionalStream();
    stream.end(request).catch(() => {});
    await assert.rejects(stream.read(), {
      code: 'ERR_QUIC_STREAM_RESET',
      errorCode: BigInt(PERF_BAD_REQUEST),
    });
  }
});
