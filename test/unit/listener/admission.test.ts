import assert from 'node:assert/strict';
import test from 'node:test';
import {
  Admission,
  type AdmissionLimits,
  MAX_HALF_OPEN,
  MAX_QUEUED_CONNECTIONS,
  type Place,
  RETRY_ABOVE_HALF_OPEN,
} from '../../../src/listener/admission.ts';
import type { SocketAddress } from '../../../src/util/address.ts';

const CLIENT: SocketAddress = { address: '192.0.2.1', port: 4000, family: 4 };

function admission(limits: Partial<AdmissionLimits> = {}): Admission {
  return new Admission({
    backlog: MAX_QUEUED_CONNECTIONS,
    maxConnections: Number.POSITIVE_INFINITY,
    maxConnectionsPerAddress: Number.POSITIVE_INFINITY,
    maxHalfOpen: MAX_HALF_OPEN,
    retryAbove: RETRY_ABOVE_HALF_OPEN,
    ...limits,
  });
}

/** A handshake in progress that the application has. */
function begin(counts: Admission, from = CLIENT): Place {
  const place = counts.enter(from);
  place.delivered();
  place.began();
  return place;
}

test('P2 clients are accepted, sent a Retry, and refused as handshakes pile up', () => {
  const counts = admission();
  const places: Place[] = [];
  for (let i = 0; i < RETRY_ABOVE_HALF_OPEN; i++) {
    assert.equal(counts.judge(CLIENT, false), 'accept');
    places.push(begin(counts));
  }
  assert.equal(counts.judge(CLIENT, false), 'retry');
  assert.equal(counts.judge(CLIENT, true), 'accept');
  while (counts.halfOpen < MAX_HALF_OPEN) places.push(begin(counts));
  assert.equal(counts.judge(CLIENT, true), 'refuse');
  for (const place of places) place.opened();
  assert.equal(counts.halfOpen, 0);
  assert.equal(counts.live, MAX_HALF_OPEN);
  assert.equal(counts.judge(CLIENT, false), 'accept');
});

test('L50 the last quarter of the backlog is for clients that proved their address, and beyond it all are dropped', () => {
  const counts = admission({ backlog: 8 });
  const places: Place[] = [];
  const verdicts: string[] = [];
  for (let i = 0; i < 8; i++) {
    verdicts.push(counts.judge(CLIENT, false));
    assert.equal(counts.judge(CLIENT, true), 'accept');
    places.push(counts.enter(CLIENT));
  }
  assert.deepEqual(verdicts, [...Array(7).fill('accept'), 'retry']);
  assert.equal(counts.judge(CLIENT, true), 'drop');
  places[0]?.delivered();
  assert.equal(counts.judge(CLIENT, true), 'accept');
});

test('L50 a backlog of one takes one after the other', () => {
  const counts = admission({ backlog: 1 });
  assert.equal(counts.judge(CLIENT, false), 'accept');
  const place = counts.enter(CLIENT);
  assert.equal(counts.judge(CLIENT, true), 'drop');
  place.gone();
  assert.equal(counts.judge(CLIENT, false), 'accept');
});

test('L51 more connections than maxConnections are dropped until one is gone', () => {
  const counts = admission({ maxConnections: 2 });
  begin(counts).opened();
  const second = begin(counts);
  assert.equal(counts.judge(CLIENT, true), 'drop');
  second.gone();
  second.gone();
  assert.equal(counts.live, 1);
  assert.equal(counts.judge(CLIENT, true), 'accept');
});

test('L51 connections of one address are limited, without locking out those whose address is only claimed', () => {
  const counts = admission({ maxConnectionsPerAddress: 2 });
  const places = [begin(counts), begin(counts, { ...CLIENT, port: 9 })];
  assert.equal(counts.judge({ ...CLIENT, port: 10 }, false), 'retry');
  assert.equal(counts.judge({ ...CLIENT, port: 10 }, true), 'drop');
  assert.equal(counts.judge({ ...CLIENT, address: '192.0.2.2' }, false), 'accept');
  for (const place of places) place.gone();
  assert.equal(counts.addresses, 0);
  assert.equal(counts.judge(CLIENT, true), 'accept');
});

test('L51 addresses of one IPv6 network of 64 bits count as one', () => {
  const counts = admission({ maxConnectionsPerAddress: 1 });
  begin(counts, { address: '2001:db8:0:1::1', port: 1, family: 6 });
  assert.equal(counts.judge({ address: '2001:db8:0:1:ffff::2', port: 1, family: 6 }, true), 'drop');
  assert.equal(counts.judge({ address: '2001:db8:0:2::1', port: 1, family: 6 }, true), 'accept');
});

test('P2 a place is given back once, whatever is said of it', () => {
  const counts = admission();
  const place = counts.enter(CLIENT);
  place.began();
  place.began();
  assert.deepEqual([counts.pending, counts.halfOpen, counts.live], [1, 1, 1]);
  place.gone();
  place.opened();
  place.delivered();
  place.began();
  assert.deepEqual([counts.pending, counts.halfOpen, counts.live], [0, 0, 0]);
});
