/** Each wrong use of a listener has a code and a message, and leaves the listener as it was. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { QuicListener } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { ListenerStage } from '../support/listener-stage.ts';

const A = makeTestIdentity({ names: ['a.example'] });
const B = makeTestIdentity({ names: ['b.example'] });
const server = { cert: A.certPem, key: A.keyPem };

interface Misuse {
  title: string;
  use: (listener: QuicListener, stage: ListenerStage) => unknown;
  code: string;
  message: RegExp;
}

const MISUSES: Misuse[] = [
  {
    title: 'L20 a duplicate name',
    use: (listener) => listener.addServer('a.example', server),
    code: 'ERR_QUIC_SERVER_EXISTS',
    message: /'a\.example'/,
  },
  {
    title: 'L28 an unknown name',
    use: (listener) => listener.bindInterfaces('unknown.example', [`inet://${ListenerStage.SERVER}:9999`]),
    code: 'ERR_QUIC_SERVER_NOT_FOUND',
    message: /unknown\.example/,
  },
  {
    title: 'L41 a bad URI',
    use: (listener) => listener.addServer('c.example', { ...server, bind: ['inet://nowhere:1'] }),
    code: 'ERR_QUIC_BIND_URI_IP',
    message: /nowhere/,
  },
  {
    title: 'L11 an address that is taken',
    use: (listener) =>
      listener.addServer('c.example', { ...server, bind: [`inet://${ListenerStage.SERVER}:5555`] }),
    code: 'ERR_QUIC_BIND',
    message: /EADDRINUSE/,
  },
  {
    title: 'L21 a key that does not match',
    use: (listener) => listener.addServer('c.example', { cert: A.certPem, key: B.keyPem }),
    code: 'ERR_QUIC_KEY_MISMATCH',
    message: /CN=|does not belong/,
  },
  {
    title: 'L87 no identity and no pre-shared key, for a server',
    use: (_, stage) => stage.listener({}, false).addServer('c.example', { alpn: 'x' }),
    code: 'ERR_QUIC_NO_IDENTITY',
    message: /cert, key.*psks/,
  },
  {
    title: 'L87 no identity and no pre-shared key, for a listener',
    use: (_, stage) => stage.listener({ port: 1 }, false).start(),
    code: 'ERR_QUIC_NO_IDENTITY',
    message: /cert, key.*psks/,
  },
  {
    title: 'L63 impossible sizes of QUIC-LB ids',
    use: (_, stage) =>
      stage.listener({ connectionIds: { serverId: new Uint8Array(15), nonceLength: 18 } as never }),
    code: 'ERR_OUT_OF_RANGE',
    message: /nonce|serverId|length/i,
  },
  {
    title: 'L50 a backlog of 0',
    use: (_, stage) => stage.listener({ backlog: 0 }),
    code: 'ERR_OUT_OF_RANGE',
    message: /"backlog"/,
  },
  {
    title: 'L20 a server without options',
    use: (listener) => listener.addServer('c.example', null as never),
    code: 'ERR_INVALID_ARG_TYPE',
    message: /"options" argument must be an object/,
  },
  {
    title: 'an option that there is not',
    use: (listener) => listener.getServer('a.example')?.update({ certs: 1 } as never),
    code: 'ERR_INVALID_ARG_VALUE',
    message: /'certs'/,
  },
  {
    title: 'L2 a second start',
    use: (listener) => listener.start(),
    code: 'ERR_QUIC_LISTENER_ALREADY_STARTED',
    message: /already started/,
  },
];

for (const { title, use, code, message } of MISUSES) {
  test(`${title} is refused by name and changes nothing`, async () => {
    const stage = new ListenerStage();
    const taken = await stage.started({ port: 5555 });
    const listener = await stage.started();
    await listener.addServer('a.example', server);
    const before = snapshot(listener);
    await assert.rejects(
      stage.until((async () => use(listener, stage))()),
      (error: Error & { code: string }) => {
        assert.equal(error.code, code);
        assert.match(error.message, message);
        return true;
      },
    );
    assert.deepEqual(snapshot(listener), before);
    assert.deepEqual((await stage.connect({ serverName: 'a.example' })).peerCertificate, A.der);
    await stage.until(Promise.all([listener.close(), taken.close()]));
  });
}

test('L23 L29 unknown names are no error where something is taken away', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  assert.equal(listener.removeServer('unknown.example'), false);
  assert.equal(listener.getServer('unknown.example'), undefined);
  await stage.until(listener.unbindInterface('inet://127.0.0.1:1', ['unknown.example']));
  assert.deepEqual(listener.serverNames(), ['*']);
  await stage.until(listener.close());
});

test('L61 ids that a connection issues lead to it, and those that it retired no more', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  const ids = () => listener.endpoint.sizes.ids;
  const client = await stage.connect();
  const issued = ids();
  assert.ok(issued > 1, `${issued} ids`);
  for (let move = 0; move < 3; move++) {
    await stage.until(client.migrate());
    await stage.run(500);
    // For each id that the client gave up it has a new one.
    assert.equal(ids(), issued);
  }
  await stage.until(client.close());
  await stage.run(5000);
  assert.equal(ids(), 0);
  await stage.until(listener.close());
});

test('T25 a connection that cannot be made costs its client a place and nobody else anything', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  const { endpoint } = listener;
  let failures = 0;
  const fails = () => {
    failures++;
    throw new Error('no ids left');
  };
  const accept = endpoint.accept;
  endpoint.accept = fails;
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
  const clients = Array.from({ length: 50 }, () => stage.refusal());
  for (const { code } of await Promise.all(clients)) assert.notEqual(code, 'none');
  assert.ok(failures >= 50);
  assert.match((await warned).message, /no ids left/);
  endpoint.accept = accept;
  await stage.run(11_000);
  assert.deepEqual(listener.counts, { pending: 0, halfOpen: 0, live: 0 });
  assert.equal((await stage.connect()).isOpen, true);
  await stage.until(listener.stop());
  await stage.until(listener.close());
});

function snapshot(listener: QuicListener): unknown {
  return {
    state: listener.state,
    address: listener.address(),
    addresses: listener.endpoint.addresses,
    names: listener.serverNames(),
    certificates: listener.getServer('a.example')?.certificates,
    counts: listener.counts,
  };
}
