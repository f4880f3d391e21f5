import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteBudget } from '../../../../src/connection/streams/byte-budget.ts';
import { ReceiveWindow, SendCredit } from '../../../../src/connection/streams/flow-control.ts';
import { describe, flush, pair, parameters, readAll } from './pair.ts';

test('C45 the limit is raised when less than half of the window is left', () => {
  const window = new ReceiveWindow(100, 100);
  window.consumed = 50;
  assert.equal(window.updateDue, false);
  window.consumed = 51;
  assert.equal(window.updateDue, true);
  assert.equal(window.raise(0, 10, null), 151);
  assert.equal(window.updateDue, false);
});

test('C45 a window that was never opened stays shut', () => {
  const window = new ReceiveWindow(0, 1000);
  assert.equal(window.updateDue, false);
  assert.equal(window.raise(0, 10, null), 0);
});

test('C45 a window used up within two round trips doubles, up to its ceiling', () => {
  const window = new ReceiveWindow(100, 350);
  window.touch(0);
  window.consumed = 60;
  assert.equal(window.raise(19, 10, null), 260);
  window.consumed = 250;
  assert.equal(window.raise(30, 10, null), 600);
  assert.equal(window.window, 350);
  window.consumed = 590;
  assert.equal(window.raise(31, 10, null), 940);
});

test('C45 a window used up slowly keeps its size', () => {
  const window = new ReceiveWindow(100, 1000);
  window.touch(0);
  window.consumed = 60;
  assert.equal(window.raise(20, 10, null), 160);
  window.consumed = 120;
  assert.equal(window.raise(40, 10, null), 220);
  assert.equal(window.window, 100);
});

test('C45 a limit that is only repeated does not make the window larger', () => {
  const window = new ReceiveWindow(100, 1000);
  window.touch(0);
  window.consumed = 60;
  assert.equal(window.raise(100, 10, null), 160);
  assert.equal(window.raise(101, 10, null), 160);
  assert.equal(window.window, 100);
});

test('C45 a window grows only while the budget, here and at the endpoint, has room', () => {
  const endpoint = new ByteBudget(150);
  const budget = new ByteBudget(1000, endpoint);
  const window = new ReceiveWindow(100, 1000);
  window.growTo(200, budget);
  assert.equal(window.window, 200);
  assert.equal(endpoint.used, 100);
  window.growTo(400, budget);
  assert.equal(window.window, 200);
  assert.equal(budget.available, 50);
  endpoint.release(100);
  window.growTo(240, budget);
  assert.equal(window.window, 240);
});

test('RFC 9000 §4.1 limits that do not rise are ignored, and a BLOCKED frame is due once for each', () => {
  const credit = new SendCredit();
  assert.equal(credit.raise(10), true);
  assert.equal(credit.raise(10), false);
  assert.equal(credit.raise(9), false);
  assert.equal(credit.limit, 10);
  assert.equal(credit.block(), true);
  assert.equal(credit.block(), false);
  assert.equal(credit.isBlocked, true);
  assert.equal(credit.raise(11), true);
  assert.equal(credit.isBlocked, false);
  assert.equal(credit.block(), true);
});

test('C45 reading gives credit back at both levels, not reading gives none', () => {
  const { client, server } = pair(parameters(1000, 1500));
  client.streams.streamSend(0, new Uint8Array(2000), false);
  flush(client, server);
  assert.deepEqual(describe(server.packet()), []);
  assert.equal(readAll(server, 0).data.length, 1000);
  assert.deepEqual(describe(server.packet()), ['MAX_DATA 4000', 'MAX_STREAM_DATA 0 3000']);
});

test('C45 the window of the connection keeps ahead of that of its streams', () => {
  const { client, server } = pair(parameters(1000, 1000));
  for (let round = 0; round < 8; round++) {
    for (let taken: number | null = 1; taken !== null; ) {
      taken = client.streams.streamSend(0, new Uint8Array(4000), false);
      flush(client, server);
      readAll(server, 0);
      flush(server, client);
      if (client.streams.limits.peerMaxData > 60_000) taken = null;
    }
  }
  client.streams.streamSend(0, new Uint8Array(10_000_000), false);
  const capacity = client.streams.capacity;
  assert.ok(capacity > 0, 'the stream is limited by its own window, not by the connection');
});

test('C45 the endpoint budget holds what windows grew by, and gets it back', () => {
  const receiveBudget = new ByteBudget(10_000);
  const { client, server } = pair(parameters(1000, 2000), parameters(1000, 2000), { receiveBudget });
  assert.equal(receiveBudget.used, 4000);
  for (let i = 0; i < 50; i++) {
    client.streams.streamSend(0, new Uint8Array(100_000), false);
    flush(client, server);
    readAll(server, 0);
    flush(server, client);
  }
  assert.ok(receiveBudget.used > 4000);
  assert.ok(receiveBudget.used <= 10_000);
  client.streams.dispose();
  server.streams.dispose();
  assert.equal(receiveBudget.used, 0);
});
