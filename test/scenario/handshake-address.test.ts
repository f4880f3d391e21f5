/** A client whose NAT forgets it in the midst of the handshake. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../../src/connection/api.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import type { SocketAddress } from '../../src/util/address.ts';
import { ApiLink, CLIENT, SERVER } from '../support/api-link.ts';
import { makeChain } from '../support/certificates.ts';

const MOVED: SocketAddress = { ...CLIENT, port: 50_999 };

/** Hands over all that the client has, as if it came from here. */
function send(link: ApiLink, from: SocketAddress): number {
  const datagrams = link.take(link.client);
  for (const datagram of datagrams) link.server.recv(datagram, { from, to: SERVER }, link.now);
  return datagrams.length;
}

/** All that the server has to say, with where to; the client gets it. */
function answer(link: ApiLink): { to: SocketAddress; size: number }[] {
  const out = new Uint8Array(2048);
  const sent: { to: SocketAddress; size: number }[] = [];
  for (let info = link.server.send(out, link.now); info !== null; info = link.server.send(out, link.now)) {
    sent.push({ to: info.to, size: info.length });
    link.client.recv(out.slice(0, info.length), { from: SERVER, to: CLIENT }, link.now);
  }
  return sent;
}

function events(server: Connection): string[] {
  const found: string[] = [];
  for (let event = server.nextPathEvent(); event !== null; event = server.nextPathEvent())
    found.push(event.type);
  return found;
}

test('C72 RFC 9000 §9 a client whose address changes in the handshake is answered there, and validated', () => {
  const link = new ApiLink();
  send(link, CLIENT);
  assert.ok(answer(link).every(({ to }) => to.port === CLIENT.port));
  // Its Finished comes from elsewhere.
  link.now += 10;
  assert.ok(send(link, MOVED) > 0);
  assert.ok(link.server.isEstablished);
  link.now += 10;
  const sent = answer(link);
  assert.ok(sent.length > 0 && sent.every(({ to }) => to.port === MOVED.port));
  assert.ok(link.client.isEstablished);
  link.client.streamSend(0, new Uint8Array(100), true);
  for (let round = 0; round < 6; round++) {
    link.now += 10;
    send(link, MOVED);
    answer(link);
  }
  assert.deepEqual(link.server.streamRecvChunk(0), { data: new Uint8Array(100), fin: true });
  assert.ok(link.server.isPathValidated(SERVER, MOVED));
  assert.ok(events(link.server).includes('path-validated'));
  assert.equal(link.server.isDraining, false);
});

test('C72 T15 RFC 9000 §8.1 an address that a handshake comes to is sent three times what came from it, until it answers', () => {
  const { certificates, keyPem } = makeChain({ intermediates: 3, size: 3000 });
  const identity = { certificates, key: nodeProvider.privateKeyFrom(keyPem) };
  const link = new ApiLink({ server: { identity } });
  send(link, CLIENT);
  answer(link);
  // The client acknowledges in Handshake packets, from what may be a forged address.
  link.now += 10;
  const datagrams = link.take(link.client);
  let received = 0;
  for (const datagram of datagrams) {
    received += datagram.length;
    link.server.recv(datagram, { from: MOVED, to: SERVER }, link.now);
  }
  const out = new Uint8Array(2048);
  let sent = 0;
  for (let round = 0; round < 20; round++) {
    link.now += 500;
    link.server.onTimeout(link.now);
    for (let info = link.server.send(out, link.now); info !== null; info = link.server.send(out, link.now)) {
      if (info.to.port === MOVED.port) sent += info.length;
    }
  }
  assert.ok(sent > 0 && sent <= 3 * received, `${sent} bytes for ${received}`);
});

test('T15 RFC 9000 §9 Initial packets from elsewhere move nothing', () => {
  const link = new ApiLink();
  const first = link.take(link.client);
  for (const datagram of first) link.server.recv(datagram.slice(), { from: CLIENT, to: SERVER }, link.now);
  for (const datagram of first) link.server.recv(datagram.slice(), { from: MOVED, to: SERVER }, link.now);
  assert.ok(answer(link).every(({ to }) => to.port === CLIENT.port));
  assert.equal(link.server.stats().pathsCount, 1);
});
