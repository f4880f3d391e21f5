import assert from 'node:assert/strict';
import test from 'node:test';
import { heapUsed } from '../support/attack.ts';
import { CorePump } from '../support/core-pump.ts';

const STREAMS = 1_000_000;
const AT_ONCE = 100;

test('C46 a stream that was opened and closed leaves nothing: 1,000,000 of them', () => {
  const pump = new CorePump({ initialMaxStreamsBidi: 1000 });
  const { client, server } = pump;
  const request = new Uint8Array(32);
  let half = 0;
  let done = 0;
  while (done < STREAMS) {
    const ids: number[] = [];
    while (ids.length < AT_ONCE) {
      const id = client.streams.openStream('bidi');
      if (id === null) pump.turn();
      else {
        ids.push(id);
        client.streams.streamSend(id, request, true);
      }
    }
    while (ids.length > 0) {
      pump.turn();
      for (let id = server.streams.nextReadable(); id !== null; id = server.streams.nextReadable()) {
        while (server.streams.streamRecvChunk(id)?.fin === false);
        server.streams.streamSend(id, request, true);
      }
      for (let id = client.streams.nextReadable(); id !== null; id = client.streams.nextReadable()) {
        while (client.streams.streamRecvChunk(id)?.fin === false);
        ids.splice(ids.indexOf(id), 1);
      }
    }
    done += AT_ONCE;
    if (done === STREAMS / 2) half = heapUsed();
  }
  const left = (heapUsed() - half) / (STREAMS / 2);
  assert.ok(left < 8, `${left} bytes a stream`);
  for (let i = 0; i < 1000 && client.streams.openCount + server.streams.openCount > 0; i++) pump.turn();
  assert.equal(client.streams.openCount, 0);
  assert.equal(server.streams.openCount, 0);
});
