import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { GroupAddress } from '../../src/group.ts';
import { connect } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { clientOf } from '../support/group-kinds.ts';
import { makeGroup, talk } from '../support/group-stage.ts';

const KINDS = ['tls', 'quic'] as const;
const identityOf = (...names: string[]) => makeTestIdentity({ names });
const optionsOf = ({ certPem: cert, keyPem: key }: ReturnType<typeof makeTestIdentity>) => ({ cert, key });
const LISTENERS = {
  tls: 'tls://127.0.0.1:0?alpn=test',
  quic: 'quic://127.0.0.1:0?alpn=test',
};

test('TLS and QUIC listeners share the servers of their group, by name', async (t) => {
  const [one, wild, other] = [identityOf('one.test'), identityOf('*.wild.test'), identityOf('other')];
  const group = makeGroup(t);
  group.addServer('One.Test', optionsOf(one));
  group.addServer('*.wild.test', optionsOf(wild));
  const addresses = new Map<string, GroupAddress>();
  for (const kind of KINDS) {
    addresses.set(kind, (await group.addListener({ id: kind, listener: LISTENERS[kind] })) as GroupAddress);
  }
  const shown = (name: string) =>
    Promise.all(KINDS.map((kind) => certificateOf(kind, addresses.get(kind), name).catch(() => null)));
  assert.deepEqual(await shown('one.test'), [one.der, one.der]);
  assert.deepEqual(await shown('a.wild.test'), [wild.der, wild.der]);
  assert.deepEqual(await shown('a.b.wild.test'), [null, null]);
  // One for all others, added while the listeners run.
  group.addServer('*', optionsOf(other));
  assert.deepEqual(await shown('a.b.wild.test'), [other.der, other.der]);
  assert.equal(group.removeServer('one.test'), true);
  assert.equal(group.removeServer('one.test'), false);
  assert.deepEqual(await shown('one.test'), [other.der, other.der]);
  assert.equal(group.removeServer('*'), true);
  assert.deepEqual(await shown('one.test'), [null, null]);
});

test('a certificate is replaced for all listeners while their connections go on', async (t) => {
  const [old, renewed] = [makeTestIdentity(), identityOf('localhost', 'renewed')];
  const group = makeGroup(t);
  const server = group.addServer('*', optionsOf(old));
  for (const kind of KINDS) {
    const address = await group.addListener({ id: kind, listener: LISTENERS[kind] });
    assert.ok(address !== null);
    const client = await clientOf(kind, address);
    await talk(client.stream, 'before');
    server.update(optionsOf(renewed));
    assert.deepEqual(await certificateOf(kind, address, 'localhost'), renewed.der);
    assert.equal(await talk(client.stream, 'afterwards'), 'afterwards');
    await client.close();
    server.update(optionsOf(old));
    assert.deepEqual(await certificateOf(kind, address, 'localhost'), old.der);
  }
});

test('servers that are wrong change nothing, and listeners without any are refused', async (t) => {
  const group = makeGroup(t);
  for (const kind of KINDS) {
    const added = group.addListener({ id: kind, listener: LISTENERS[kind] });
    await assert.rejects(added, { code: 'ERR_QUIC_NO_IDENTITY' });
  }
  const identity = makeTestIdentity();
  const server = group.addServer('localhost', optionsOf(identity));
  assert.equal(group.getServer('LOCALHOST'), server);
  assert.throws(() => group.addServer('localhost', optionsOf(identity)), { code: 'ERR_QUIC_SERVER_EXISTS' });
  assert.throws(() => group.addServer('-', optionsOf(identity)), { code: 'ERR_INVALID_ARG_VALUE' });
  const mixed = { cert: identity.certPem, key: identityOf('other').keyPem };
  assert.throws(() => server.update(mixed), { code: 'ERR_QUIC_KEY_MISMATCH' });
  const address = await group.addListener({ id: 'tls', listener: LISTENERS.tls });
  assert.deepEqual(await certificateOf('tls', address, 'localhost'), identity.der);
  group.removeServer('localhost');
  assert.throws(() => server.update(optionsOf(identity)), { code: 'ERR_QUIC_SERVER_NOT_FOUND' });
});

/** The leaf that a client of this name is shown; rejects if it is shown none. */
async function certificateOf(
  kind: (typeof KINDS)[number],
  address: GroupAddress | null | undefined,
  servername: string,
): Promise<Uint8Array | undefined> {
  const { port } = address as { port: number };
  if (kind === 'tls') {
    const socket = connectTls({
      host: '127.0.0.1',
      port,
      servername,
      rejectUnauthorized: false,
      ALPNProtocols: ['test'],
    });
    await once(socket, 'secureConnect');
    const { raw } = socket.getPeerCertificate();
    socket.destroy();
    return new Uint8Array(raw);
  }
  const options = { alpn: 'test', serverName: servername, rejectUnauthorized: false };
  const connection = await connect({ host: '127.0.0.1', port }, options);
  await connection.close();
  return connection.peerCertificate ?? undefined;
}
