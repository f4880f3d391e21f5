/** Our own mistakes: they end one connection, with INTERNAL_ERROR, and nothing is thrown at the loop. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { ConnectionCore } from '../../../src/connection/connection.ts';
import { InvariantError } from '../../../src/errors.ts';
import { clientCore, echo, serverCore } from '../../support/cores.ts';
import { CLIENT, Duel, SERVER } from '../../support/duel.ts';

function established(): { duel: Duel; client: ConnectionCore; server: ConnectionCore } {
  const client = clientCore({ seed: 1, local: CLIENT, remote: SERVER });
  let server: ConnectionCore | null = null;
  const duel = new Duel(client, (datagram, _info, now) => {
    server = serverCore(datagram, { seed: 1, local: SERVER, remote: CLIENT, now });
    return server;
  });
  duel.onProgress = () => {
    if (server !== null) echo(server);
  };
  assert.ok(duel.run(() => client.handshake.isConfirmed));
  return { duel, client, server: duel.server as ConnectionCore };
}

function fail(): never {
  throw new InvariantError('a test broke it');
}

test('a fault of ours while sending closes with INTERNAL_ERROR, even if recovery is what failed', () => {
  const { duel, client, server } = established();
  server.recovery.beginPacket = fail;
  server.control.ping();
  duel.run(() => client.state.value === 'draining', 20);
  assert.equal(server.closer.error?.code, 'ERR_QUIC_INTERNAL_ERROR');
  assert.equal(client.closer.remote?.errorCode, 1n);
});

test('a fault of ours in a timer closes with INTERNAL_ERROR', () => {
  const { duel, client, server } = established();
  server.paths.onTimeout = fail;
  server.paths.active.deadline = duel.now;
  assert.doesNotThrow(() => server.onTimeout(duel.now));
  assert.equal(server.state.value, 'closing');
  duel.run(() => client.state.value === 'draining', 20);
  assert.equal(client.closer.remote?.errorCode, 1n);
});
