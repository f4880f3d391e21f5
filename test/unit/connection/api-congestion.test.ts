import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiLink } from '../../support/api-link.ts';

test('C81 the congestion controller of a live connection is changed by name, and what was in flight arrives', () => {
  const link = ApiLink.established();
  assert.equal(link.client.congestionControl, 'cubic');
  const taken = link.client.streamSend(0, new Uint8Array(60_000), false);
  // Lost, to be found by the next controllers.
  assert.ok(link.take(link.client).length > 5);
  const { congestionWindow } = link.client.pathStats()[0] ?? {};
  for (const name of ['reno', 'bbr', 'cubic', 'reno']) {
    link.client.setCongestionControl(name);
    assert.equal(link.client.congestionControl, name);
  }
  assert.equal(link.client.pathStats()[0]?.congestionWindow, congestionWindow);
  link.flush();
  link.advance(3000);
  const out = new Uint8Array(70_000);
  assert.deepEqual(link.server.streamRecv(0, out), { length: taken, fin: false });
});

test('C81 an unknown name changes nothing, and the message says what there is', () => {
  const { client } = ApiLink.established({ client: { congestionControl: 'bbr' } });
  for (const name of ['vegas', 'toString', '']) {
    assert.throws(() => client.setCongestionControl(name), {
      code: 'ERR_QUIC_CONGESTION_CONTROL',
      number: -14,
      message: /'reno'.*'cubic'.*'bbr'|'cubic'.*'reno'.*'bbr'/,
    });
  }
  assert.equal(client.congestionControl, 'bbr');
});

test('C82 isPacingEnabled tells the option', () => {
  assert.equal(ApiLink.established().client.isPacingEnabled, true);
  assert.equal(ApiLink.established({ client: { pacing: false } }).client.isPacingEnabled, false);
});

test('C95 unknown transport parameters of the peer are kept if asked for, up to so many bytes', () => {
  // The reserved parameter of grease is one that nobody knows.
  const link = ApiLink.established({ client: { trackUnknownTransportParameters: 1000 } });
  const { unknown = [] } = link.client.peerTransportParameters ?? {};
  assert.equal(unknown.length, 1);
  assert.equal((BigInt(unknown[0]?.id ?? 0) - 27n) % 31n, 0n);
  assert.ok((unknown[0]?.value.length ?? 99) < 16);
  assert.equal(link.server.peerTransportParameters?.unknown, undefined);
  const tight = ApiLink.established({ client: { trackUnknownTransportParameters: 7 } });
  assert.deepEqual(tight.client.peerTransportParameters?.unknown, []);
});
