import assert from 'node:assert/strict';
import test from 'node:test';
import type { QuicConnection } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { ListenerStage } from '../support/listener-stage.ts';

const identityOf = (name: string, kind: 'ec-p256' | 'rsa' = 'ec-p256') => {
  const { certPem: cert, keyPem: key, der } = makeTestIdentity({ names: [name], kind });
  return { cert, key, der };
};
const A = identityOf('a.example');
const B = identityOf('b.example');
const optionsOf = ({ cert, key }: { cert: string; key: string }) => ({ cert, key });
/** unrecognized_name and handshake_failure as transport errors. */
const UNRECOGNIZED_NAME = 0x170n;
const HANDSHAKE_FAILURE = 0x128n;

async function certificateFor(stage: ListenerStage, serverName: string): Promise<Uint8Array | null> {
  const connection = await stage.connect({ serverName });
  const { peerCertificate } = connection;
  await stage.until(connection.close());
  return peerCertificate;
}

test('L20 L25 each name is answered with its certificate, others with the default one', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  const added = await listener.addServer('a.example', optionsOf(A));
  await listener.addServer('b.example', optionsOf(B));
  assert.equal(added, listener.getServer('a.example'));
  assert.deepEqual(await certificateFor(stage, 'a.example'), A.der);
  assert.deepEqual(await certificateFor(stage, 'b.example'), B.der);
  assert.deepEqual(await certificateFor(stage, 'localhost'), stage.identity.der);
  assert.deepEqual(listener.serverNames(), ['*', 'a.example', 'b.example']);
  await stage.until(listener.close());
});

test('L20 a duplicate name changes nothing', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  const first = await listener.addServer('a.example', optionsOf(A));
  await assert.rejects(listener.addServer('A.Example', optionsOf(B)), { code: 'ERR_QUIC_SERVER_EXISTS' });
  await assert.rejects(listener.addServer('*', optionsOf(B)), { code: 'ERR_QUIC_SERVER_EXISTS' });
  assert.equal(listener.getServer('a.example'), first);
  assert.deepEqual(await certificateFor(stage, 'a.example'), A.der);
  await stage.until(listener.close());
});

test('L21 L22 a bad key, one that does not match and a file that is not there add no server', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  const { cert, key } = A;
  const wrong: [object, string][] = [
    [{ cert, key: 'nonsense' }, 'ERR_QUIC_INVALID_KEY'],
    [{ cert, key: B.key }, 'ERR_QUIC_KEY_MISMATCH'],
    [{ cert: '/nowhere.pem', key }, 'ERR_QUIC_INVALID_CERTIFICATE'],
    [{ cert }, 'ERR_INVALID_ARG_TYPE'],
    [{ cert, key, alpn: [] }, 'ERR_INVALID_ARG_VALUE'],
    [{ cert, key, port: 1 }, 'ERR_INVALID_ARG_VALUE'],
    [{ cert, key, maxStreamsBidi: -1 }, 'ERR_OUT_OF_RANGE'],
  ];
  for (const [options, code] of wrong)
    await assert.rejects(listener.addServer('a.example', options), { code });
  await assert.rejects(listener.addServer('no name', optionsOf(A)), { code: 'ERR_INVALID_ARG_VALUE' });
  assert.deepEqual(listener.serverNames(), ['*']);
  await stage.until(listener.close());
});

test('L23 a removed name is refused without a default, its connections go on, and it can be added again', async () => {
  const stage = new ListenerStage();
  const listener = stage.listener({}, false);
  await listener.addServer('a.example', optionsOf(A));
  await stage.until(listener.start());
  const connection = await stage.connect({ serverName: 'a.example' });
  const view = listener.getServer('a.example');
  assert.equal(listener.removeServer('a.example'), true);
  assert.equal(listener.removeServer('a.example'), false);
  assert.equal(listener.getServer('a.example'), undefined);
  assert.equal(view?.isRemoved, true);
  assert.throws(() => view?.update({ ocspResponse: null }), { code: 'ERR_QUIC_SERVER_NOT_FOUND' });
  const refused = await stage.refusal({ serverName: 'a.example' });
  assert.equal(refused.errorCode, UNRECOGNIZED_NAME);
  assert.equal(connection.isOpen, true);
  await listener.addServer('a.example', optionsOf(A));
  assert.deepEqual(await certificateFor(stage, 'a.example'), A.der);
  await stage.until(listener.close());
});

test('L25 without a default an unknown name is refused as unrecognized_name, none as handshake_failure, and nobody accepts them', async () => {
  const stage = new ListenerStage();
  const listener = stage.listener({}, false);
  await listener.addServer('a.example', optionsOf(A));
  await stage.until(listener.start());
  const codeOf = async (serverName: string) => (await stage.refusal({ serverName })).errorCode;
  assert.equal(await codeOf('b.example'), UNRECOGNIZED_NAME);
  // A literal address is not sent as a name (RFC 6066 §3).
  assert.equal(await codeOf(ListenerStage.SERVER), HANDSHAKE_FAILURE);
  assert.equal(listener.tryAccept(), null);
  assert.deepEqual(listener.counts, { pending: 0, halfOpen: 0, live: 0 });
  await stage.until(listener.close());
});

test('L25 a server has wildcard names, for one label', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  const wildcard = makeTestIdentity({ names: ['*.shop.example'] });
  await listener.addServer('*.shop.example', { cert: wildcard.certPem, key: wildcard.keyPem });
  const exact = identityOf('a.shop.example');
  await listener.addServer('a.shop.example', optionsOf(exact));
  assert.deepEqual(await certificateFor(stage, 'a.shop.example'), exact.der);
  assert.deepEqual(await certificateFor(stage, 'z.shop.example'), wildcard.der);
  await stage.until(listener.close());
});

test('L25 RSA and ECDSA certificates stand side by side, and the offer of the client decides', async () => {
  const stage = new ListenerStage();
  const listener = stage.listener({}, false);
  const rsa = identityOf('a.example', 'rsa');
  await listener.addServer('a.example', { identities: [optionsOf(rsa), optionsOf(A)] });
  await stage.until(listener.start());
  assert.deepEqual(listener.getServer('a.example')?.certificates.length, 2);
  assert.deepEqual(await certificateFor(stage, 'a.example'), rsa.der);
  await stage.until(listener.close());
});

test('L20 a server has its own protocols, limits, policy and handler, and those of the listener where it says nothing', async () => {
  const stage = new ListenerStage();
  const seen: (string | null)[] = [];
  const listener = await stage.started({ maxStreamsBidi: 5, maxIdleTimeout: 9000 });
  const client = makeTestIdentity({ names: ['client'] });
  await listener.addServer('a.example', {
    ...optionsOf(A),
    alpn: ['special'],
    maxStreamsBidi: 1,
    clientCertificate: 'required',
    ca: client.ca,
    onConnection: (connection) => void seen.push(connection.serverName),
  });
  const limitsOf = (connection: QuicConnection) => connection.stats;
  const common = { serverName: 'a.example', alpn: 'special' };
  const refused = await stage.refusal(common);
  assert.equal(refused.errorCode, 0x174n, 'certificate_required');
  const special = await stage.connect({ ...common, cert: client.certPem, key: client.keyPem });
  assert.equal(special.alpn, 'special');
  assert.ok(limitsOf(special));
  await stage.until(special.createBidirectionalStream());
  await assert.rejects(special.createBidirectionalStream({ failOnBlocked: true }), {
    code: 'ERR_QUIC_STREAM_LIMIT',
  });
  const plain = await stage.connect();
  for (let i = 0; i < 5; i++) await stage.until(plain.createBidirectionalStream({ failOnBlocked: true }));
  await assert.rejects(plain.createBidirectionalStream({ failOnBlocked: true }), {
    code: 'ERR_QUIC_STREAM_LIMIT',
  });
  // The handler has those of its server, `accept` the others.
  assert.deepEqual(seen, ['a.example', 'a.example']);
  assert.equal(listener.tryAccept()?.serverName, 'localhost');
  assert.equal(listener.tryAccept(), null);
  await stage.until(listener.close());
});

test('L31 a stapled response is given to clients that ask, and replaced for those that come later', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  const server = await listener.addServer('a.example', { ...optionsOf(A), ocspResponse: Uint8Array.of(1) });
  assert.deepEqual(server.ocspResponse, Uint8Array.of(1));
  const first = await stage.connect({ serverName: 'a.example', requestOcsp: true });
  assert.deepEqual(first.ocspResponse, Uint8Array.of(1));
  server.update({ ocspResponse: Uint8Array.of(2) });
  const second = await stage.connect({ serverName: 'a.example', requestOcsp: true });
  assert.deepEqual(second.ocspResponse, Uint8Array.of(2));
  assert.equal((await stage.connect({ serverName: 'a.example' })).ocspResponse, null);
  assert.equal(first.isOpen, true);
  await stage.until(listener.close());
});

test('L24 L31 a replaced certificate is for handshakes that begin later, and disturbs no connection', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  const server = await listener.addServer('a.example', optionsOf(A));
  const before = await stage.connect({ serverName: 'a.example' });
  const renewed = makeTestIdentity({ names: ['a.example'], subject: 'renewed' });
  server.update({ cert: renewed.certPem, key: renewed.keyPem });
  assert.deepEqual(server.certificates, [renewed.certificates]);
  assert.deepEqual(await certificateFor(stage, 'a.example'), renewed.der);
  assert.equal(before.isOpen, true);
  assert.deepEqual(before.peerCertificate, A.der);
  await stage.until(listener.close());
});

test('L32 sniCallback gives the certificate of a handshake, or leaves it to the default, or fails it', async () => {
  const stage = new ListenerStage();
  const asked: (string | null)[] = [];
  const listener = await stage.started({
    sniCallback: (serverName) => {
      asked.push(serverName);
      if (serverName === 'bad.example') throw new Error('no such customer');
      return serverName === 'a.example' ? optionsOf(A) : null;
    },
  });
  await listener.addServer('b.example', optionsOf(B));
  assert.deepEqual(await certificateFor(stage, 'a.example'), A.der);
  assert.deepEqual(await certificateFor(stage, 'localhost'), stage.identity.der);
  assert.deepEqual(await certificateFor(stage, 'b.example'), B.der);
  const failed = await stage.refusal({ serverName: 'bad.example' });
  assert.equal(failed.errorCode, HANDSHAKE_FAILURE);
  assert.deepEqual(asked, ['a.example', 'localhost', 'bad.example']);
  await stage.until(listener.close());
});

test('L32 resolveServer takes its time, for thousands of names, and a rejection fails the handshake', async () => {
  const stage = new ListenerStage();
  const wait = (ms: number) =>
    new Promise<void>((resolve) => stage.clock.createTimer(resolve).set(stage.clock.now() + ms));
  const listener = await stage.started(
    {
      resolveServer: async ({ serverName, alpn }) => {
        await wait(700);
        assert.deepEqual(alpn, ['test']);
        if (serverName === 'a.example') return optionsOf(A);
        if (serverName === 'broken.example') return { cert: A.cert, key: B.key };
        throw new Error('unknown');
      },
    },
    false,
  );
  const begun = stage.clock.now();
  assert.deepEqual(await certificateFor(stage, 'a.example'), A.der);
  assert.ok(stage.clock.now() - begun >= 700);
  const failed = await stage.refusal({ serverName: 'x.example', handshakeTimeout: 5000 });
  assert.equal(failed.errorCode, HANDSHAKE_FAILURE);
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
  const broken = await stage.refusal({ serverName: 'broken.example', handshakeTimeout: 5000 });
  assert.equal(broken.errorCode, HANDSHAKE_FAILURE);
  assert.match((await warned).message, /broken\.example.*does not belong/);
  await stage.until(listener.close());
});

test('L17 options in the shape of node:tls servers are accepted', async () => {
  const stage = new ListenerStage();
  const client = makeTestIdentity({ names: ['client'] });
  const listener = await stage.started({
    alpn: undefined,
    ALPNProtocols: ['test', Buffer.from('other')],
    requestCert: true,
    rejectUnauthorized: true,
    ca: client.caPem,
    SNICallback: (serverName, done) => {
      if (serverName === 'bad.example') done(new Error('no'));
      else done(null, serverName === 'a.example' ? optionsOf(A) : null);
    },
  });
  const shown = { cert: client.certPem, key: client.keyPem };
  const connection = await stage.connect({ serverName: 'a.example', alpn: 'other', ...shown });
  assert.equal(connection.alpn, 'other');
  assert.deepEqual(connection.peerCertificate, A.der);
  const failed = await stage.refusal({ serverName: 'bad.example', ...shown });
  assert.equal(failed.errorCode, HANDSHAKE_FAILURE);
  assert.equal((await stage.refusal()).errorCode, 0x174n, 'certificate_required');
  await stage.until(listener.close());
});

test('L17 L32 of the functions that find servers there is one at most', () => {
  const stage = new ListenerStage();
  const both = { sniCallback: () => null, resolveServer: () => null };
  assert.throws(() => stage.listener(both), { code: 'ERR_INVALID_ARG_VALUE' });
  assert.throws(() => stage.listener({ SNICallback: 1 as never }), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => stage.listener({ ALPNProtocols: ['x'] }), { code: 'ERR_INVALID_ARG_VALUE' });
});

test('L34 a connection is given out with its name and addresses before its handshake is complete', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  await listener.addServer('a.example', optionsOf(A));
  const accepted = listener.accept();
  const client = stage.connect({ serverName: 'a.example' });
  const connection = await stage.until(accepted);
  assert.equal(connection.serverName, 'a.example');
  assert.equal(connection.isOpen, false);
  assert.equal(connection.localAddress.address, ListenerStage.SERVER);
  assert.equal(connection.localAddress.port, 4433);
  assert.equal(connection.remoteAddress.address, ListenerStage.CLIENT);
  await client;
  assert.equal((await stage.until(connection.opened)).serverName, 'a.example');
  await stage.until(listener.close());
});
