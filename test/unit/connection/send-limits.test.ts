import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_TRANSPORT_CONFIG } from '../../../src/connection/config.ts';
import { CoreConfig } from '../../../src/connection/parse-config.ts';
import { parseTransport } from '../../../src/runtime/options.ts';
import { ApiLink } from '../../support/api-link.ts';

const MUCH = new Uint8Array(200_000);

describe('C49 sendCapacityFactor', () => {
  test("C49 what a stream takes is the least of its credit, the connection's and the room of the window", () => {
    const { client } = ApiLink.established();
    client.streamPriority(0, 127, true);
    const room = client.pathStats()[0].congestionWindow;
    assert.equal(client.streamCapacity(0), room);
    assert.equal(client.streamSend(0, MUCH, false), room);
    assert.deepEqual([client.streamCapacity(0), client.streamSend(0, MUCH, false)], [0, null]);
    assert.deepEqual(client.writable(), []);
  });

  test("C49 the peer's credit counts where it is less", () => {
    const { client } = ApiLink.established({ server: { initialMaxStreamDataUni: 700 } });
    client.streamPriority(2, 127, true);
    assert.equal(client.streamCapacity(2), 700);
  });

  test('C49 bytes in flight take of it, and acknowledgements give it back', () => {
    const link = ApiLink.established();
    const { client } = link;
    const first = client.streamSend(0, MUCH, false) ?? 0;
    link.take(client);
    const { congestionWindow, bytesInFlight } = client.pathStats()[0];
    assert.ok(bytesInFlight > 1200);
    const unsent = client.stats().pendingBytes;
    assert.equal(client.streamCapacity(0), Math.max(0, congestionWindow - bytesInFlight - unsent));
    assert.ok(client.streamCapacity(0) < first / 10);
    link.advance(3000);
    assert.deepEqual(client.writable(), [0]);
    assert.ok(client.streamCapacity(0) > 1200);
  });

  test('C49 a factor makes it more or less', () => {
    for (const sendCapacityFactor of [0.5, 1, 3]) {
      const { client } = ApiLink.established({ client: { sendCapacityFactor } });
      client.streamPriority(0, 127, true);
      const { congestionWindow } = client.pathStats()[0];
      assert.equal(client.streamCapacity(0), Math.ceil(congestionWindow * sendCapacityFactor));
    }
  });

  test('C49 all arrives, a window at a time', () => {
    const link = ApiLink.established();
    const { client, server } = link;
    let written = 0;
    let read = 0;
    for (let round = 0; round < 200 && read < MUCH.length; round++) {
      if (written < MUCH.length) written += client.streamSend(0, MUCH.subarray(written), true) ?? 0;
      link.advance(20);
      while (server.isStreamReadable(0)) read += server.streamRecvChunk(0)?.data.length ?? 0;
      link.flush();
    }
    assert.deepEqual([written, read], [MUCH.length, MUCH.length]);
  });

  test('C49 connections of the friendly layer take what their buffers hold', () => {
    assert.equal(parseTransport({}).sendCapacityFactor, Number.POSITIVE_INFINITY);
    assert.equal(DEFAULT_TRANSPORT_CONFIG.sendCapacityFactor, Number.POSITIVE_INFINITY);
    assert.equal(new CoreConfig({ alpn: ['test'] }).transport.sendCapacityFactor, 1);
  });

  test('only numbers above 0 are taken', () => {
    for (const sendCapacityFactor of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      const make = () => new CoreConfig({ alpn: ['test'], sendCapacityFactor });
      assert.throws(make, { code: 'ERR_OUT_OF_RANGE' });
    }
  });
});

describe('maxPacingRate', () => {
  test('packets leave no faster than it says', () => {
    const times = [undefined, 200_000].map((maxPacingRate) => {
      const link = ApiLink.established({ client: { ...(maxPacingRate && { maxPacingRate }) } });
      const { client, server } = link;
      const start = link.now;
      let written = 0;
      while (server.streamReadableLength(0) < 100_000) {
        assert.ok(link.now - start < 10_000);
        if (written < 100_000) written += client.streamSend(0, MUCH.subarray(written, 100_000), false) ?? 0;
        link.flush();
        link.advance(5);
      }
      return link.now - start;
    });
    // 100 kB at 200 kB/s, less a first burst of 12 kB.
    assert.ok(times[0] < 300 && times[1] > 400 && times[1] < 1000, times.join());
  });
});

describe('initialRtt', () => {
  test('the first probe timeout follows from it', () => {
    for (const [options, wait] of [
      [{}, 999],
      [{ initialRtt: 50 }, 150],
    ] as const) {
      const link = new ApiLink({ client: options });
      link.take(link.client);
      // RFC 9002 §6.2.1, §6.2.2: the RTT and four times its half.
      assert.equal(link.client.timeout(link.now), wait);
      assert.equal(link.client.pathStats()[0].rtt, wait / 3);
    }
  });
});
