import assert from 'node:assert/strict';
import test from 'node:test';
import { DatagramLink, type LinkEnd, MAX_LINK_BYTES, makeLink } from '../../../src/workers/datagram-link.ts';

interface Taken {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  readonly ecn: number;
}

const address = (port: number) => ({ address: '127.0.0.1', port, family: 4 as const });

function taking(end: LinkEnd): { link: DatagramLink; taken: Taken[] } {
  const taken: Taken[] = [];
  const link = new DatagramLink(end, (bytes, from, to, ecn) => {
    taken.push({ text: new TextDecoder().decode(bytes), from: from.port, to: to.port, ecn });
  });
  return { link, taken };
}

test('a link carries datagrams both ways, in order, with their addresses and ECN bits', async (t) => {
  const [a, b] = makeLink().map(taking);
  t.after(() => a.link.close());
  // More addresses than have numbers at one time.
  const count = 6000;
  for (let i = 0; i < count; i++) {
    assert.ok(a.link.send(new TextEncoder().encode(`there ${i}`), address(i), address(i >> 1), i & 3));
    if (i % 1000 === 0) await a.link.drained();
  }
  b.link.send(new TextEncoder().encode('back'), address(1), address(2), 0);
  await a.link.drained();
  await b.link.drained();
  const wanted = Array.from({ length: count }, (_, i) => ({
    text: `there ${i}`,
    from: i,
    to: i >> 1,
    ecn: i & 3,
  }));
  assert.deepEqual(b.taken, wanted);
  assert.deepEqual(a.taken, [{ text: 'back', from: 1, to: 2, ecn: 0 }]);
});

test('a link takes the bytes as they are when they are sent', async (t) => {
  const [a, b] = makeLink().map(taking);
  t.after(() => a.link.close());
  const bytes = new TextEncoder().encode('first');
  a.link.send(bytes, address(1), address(2), 0);
  bytes.fill(0);
  await a.link.drained();
  assert.deepEqual(
    b.taken.map(({ text }) => text),
    ['first'],
  );
});

test('what waits in a link is bounded by MAX_LINK_BYTES, and there is room again when it was taken', async (t) => {
  const [a, b] = makeLink().map(taking);
  t.after(() => a.link.close());
  const datagram = new Uint8Array(64 * 1024);
  let sent = 0;
  while (a.link.send(datagram, address(1), address(2), 0)) sent += datagram.length;
  assert.equal(sent, MAX_LINK_BYTES);
  assert.ok(a.link.isFull);
  assert.ok(!b.link.isFull, 'the other way has room of its own');
  await a.link.drained();
  assert.ok(a.link.send(datagram, address(1), address(2), 0));
});

test('a link whose other end is closed loses what is sent', async () => {
  const [a, b] = makeLink().map(taking);
  b.link.close();
  // When this end hears of it is up to Node.js; what is sent until then is lost too.
  const send = (): boolean => a.link.send(new Uint8Array(10), address(1), address(2), 0);
  for (let tries = 0; send(); tries++) {
    assert.ok(tries < 500, 'it takes what nobody gets');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});
