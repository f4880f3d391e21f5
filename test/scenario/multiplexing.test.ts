import assert from 'node:assert/strict';
import { TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';

scenario(
  'C46 RFC 9000 §4.6 multiplexing: 1,999 requests of 32 bytes, at most 1,000 streams at once',
  (seed) => {
    const pair = new TestPair({ seed, serverTransport: { initialMaxStreamsBidi: 1000 } });
    let most = 0;
    pair.onAccept = (server, app) => {
      app.onEnd = (id) => app.write(id, 32);
      pair.onServer = () => {
        most = Math.max(most, server.streams.openCount);
      };
    };
    let asked = 0;
    let refused = 0;
    pair.onClient = ({ streams, state }) => {
      while (asked < 1999 && state.value === 'established') {
        const id = streams.openStream('bidi');
        if (id === null) return void refused++;
        asked++;
        pair.clientApp.write(id, 16);
      }
    };
    pair.runUntil(() => pair.clientApp.whole === 1999, 10_000);
    assert.ok(most > 500 && most <= 1000, `${most} streams at once`);
    assert.ok(refused > 0, 'the limit was met');
    assert.equal(pair.client.remoteParameters.initialMaxStreamsBidi, 1000);
    pair.runUntil(() => pair.client.streams.openCount === 0 && pair.server?.streams.openCount === 0);
    pair.close();
  },
);

scenario('C46 RFC 9000 §4.6 the limit does not rise while streams stay open', (seed) => {
  const pair = new TestPair({ seed, serverTransport: { initialMaxStreamsBidi: 10 } });
  pair.runUntil(() => pair.isEstablished);
  const { streams } = pair.client;
  for (let i = 0; i < 10; i++) pair.clientApp.write(streams.openStream('bidi') as number, 100, false);
  assert.equal(streams.openStream('bidi'), null);
  pair.wake();
  pair.pair.run(2000);
  assert.equal(streams.openStream('bidi'), null);
  assert.equal(streams.streamsLeftBidi, 0);
  assert.ok((pair.server?.streams.stats.streamsBlockedReceived ?? 0) > 0);
});
