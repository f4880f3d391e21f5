import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { VirtualServer } from '../../../src/listener/server.ts';
import { chooseIdentity, parseIdentities } from '../../../src/listener/server-identity.ts';
import { ServerInterfaces } from '../../../src/listener/server-interfaces.ts';
import { NO_SETTINGS, parseOwnServer, parseServer } from '../../../src/listener/server-options.ts';
import { parseServerName, ServerTable } from '../../../src/listener/servers.ts';
import { QuicEndpoint } from '../../../src/runtime/endpoint.ts';
import { makeTestIdentity } from '../../support/certificates.ts';

const RSA = makeTestIdentity({ kind: 'rsa' });
const EVERYWHERE = new ServerInterfaces(new QuicEndpoint()).add(undefined);
const ECDSA = makeTestIdentity({ kind: 'ec-p256' });

function server(name: string): VirtualServer {
  return new VirtualServer(parseServerName(name), NO_SETTINGS, EVERYWHERE, nodeProvider);
}

function tableOf(...names: string[]): ServerTable {
  const table = new ServerTable();
  for (const name of names) table.add(server(name));
  return table;
}

test('L25 an exact name goes before a wildcard, which stands for exactly one label, and the default is for the rest', () => {
  const table = tableOf('example.com', '*.example.com', 'a.example.com', '*');
  const found = (name: string | null): string | undefined => table.find(name)?.name;
  assert.equal(found('example.com'), 'example.com');
  assert.equal(found('a.example.com'), 'a.example.com');
  assert.equal(found('b.example.com'), '*.example.com');
  assert.equal(found('b.example.com.'), '*.example.com');
  assert.equal(found('c.b.example.com'), undefined);
  assert.equal(found('.example.com'), undefined);
  assert.equal(found('com'), undefined);
  assert.equal(found('*'), undefined);
  assert.equal(found(null), undefined);
  assert.equal(table.default?.name, '*');
});

test('L20 L23 L24 a name is there once, is listed, and is free again when it was removed', () => {
  const table = tableOf('a.example', 'b.example');
  assert.throws(() => table.add(server('a.example')), {
    code: 'ERR_QUIC_SERVER_EXISTS',
    message: "There is already a server with the name 'a.example'",
  });
  assert.deepEqual(table.names, ['a.example', 'b.example']);
  assert.equal(table.remove('a.example')?.name, 'a.example');
  assert.equal(table.remove('a.example'), undefined);
  table.add(server('a.example'));
  assert.equal(table.size, 2);
});

test('L20 names are kept as TLS sends them, and what is no name is refused', () => {
  assert.equal(parseServerName('EXAMPLE.com.'), 'example.com');
  assert.equal(parseServerName('bücher.example'), 'xn--bcher-kva.example');
  assert.equal(parseServerName('*.Example.com'), '*.example.com');
  assert.equal(parseServerName('*'), '*');
  for (const name of ['', '192.0.2.1', '*.*.com', 'a.*.com', 'http://x', 'a b']) {
    assert.throws(() => parseServerName(name), { code: 'ERR_INVALID_ARG_VALUE' }, name);
  }
  assert.throws(() => parseServerName(7), { code: 'ERR_INVALID_ARG_TYPE' });
});

test('L25 the first certificate is chosen that the client can verify', () => {
  const identities = parseIdentities(
    {
      identities: [
        { cert: ECDSA.certPem, key: ECDSA.keyPem },
        { cert: RSA.certPem, key: RSA.keyPem },
      ],
    },
    [],
    nodeProvider,
  );
  const kind = (schemes: number[]) => chooseIdentity(identities, schemes)?.key.kind;
  assert.equal(kind([0x0804, 0x0403]), 'ec-p256');
  assert.equal(kind([0x0804]), 'rsa');
  assert.equal(kind([0x0807]), 'ec-p256');
  assert.equal(chooseIdentity([], [0x0403]), null);
});

test('L17 lists of keys and certificates pair as in node:tls', () => {
  const { cert, key } = { cert: [RSA.certPem, ECDSA.certPem], key: [RSA.keyPem, ECDSA.keyPem] };
  const kinds = parseIdentities({ cert, key }, [], nodeProvider).map((each) => each.key.kind);
  assert.deepEqual(kinds, ['rsa', 'ec-p256']);
  assert.throws(() => parseIdentities({ cert: RSA.certPem, key }, [], nodeProvider), {
    code: 'ERR_INVALID_ARG_VALUE',
  });
  assert.throws(() => parseIdentities({ cert, key: [...key].reverse() }, [], nodeProvider), {
    code: 'ERR_QUIC_KEY_MISMATCH',
  });
});

test('L20 what a server leaves open it has from the listener', () => {
  const base = parseServer(
    { cert: RSA.certPem, key: RSA.keyPem, alpn: 'a', maxIdleTimeout: 7000, clientCertificate: 'optional' },
    NO_SETTINGS,
    nodeProvider,
  );
  const own = parseOwnServer({ alpn: ['b'], maxStreamsBidi: 3 }, base, nodeProvider);
  assert.deepEqual(own.identities, base.identities);
  assert.deepEqual(own.alpn, ['b']);
  assert.equal(own.clientCertificate, 'request');
  assert.equal(own.transport?.maxIdleTimeout, 7000);
  assert.equal(own.transport?.initialMaxStreamsBidi, 3);
  assert.equal(parseOwnServer({}, { ...base, transport: null }, nodeProvider).transport, null);
});

test('L55 a certificate of the client is not asked for, optional or required', () => {
  const policy = (options: Parameters<typeof parseServer>[0]) => {
    const { clientCertificate, verification } = parseServer(options, NO_SETTINGS, nodeProvider);
    return [clientCertificate, verification.acceptAny === true];
  };
  assert.deepEqual(policy({}), ['none', false]);
  assert.deepEqual(policy({ clientCertificate: 'optional' }), ['request', false]);
  assert.deepEqual(policy({ clientCertificate: 'required' }), ['require', false]);
  assert.deepEqual(policy({ requestCert: true }), ['require', false]);
  assert.deepEqual(policy({ requestCert: true, rejectUnauthorized: false }), ['request', true]);
  assert.throws(() => policy({ clientCertificate: 'none', requestCert: true }), {
    code: 'ERR_INVALID_ARG_VALUE',
  });
  assert.throws(() => policy({ clientCertificate: 'always' as 'none' }), {
    message: /'none', 'optional' or 'required'/,
  });
});

test('L21 L31 an update replaces what it names, all of it or nothing', () => {
  const settings = parseOwnServer(
    { cert: RSA.certPem, key: RSA.keyPem, alpn: 'a' },
    NO_SETTINGS,
    nodeProvider,
  );
  const one = new VirtualServer('example.com', settings, EVERYWHERE, nodeProvider);
  const ocspResponse = Uint8Array.of(1, 2, 3);
  one.update({ ocspResponse });
  assert.deepEqual(one.ocspResponse, ocspResponse);
  assert.deepEqual(one.certificates, [RSA.certificates]);
  assert.throws(() => one.update({ cert: ECDSA.certPem, key: RSA.keyPem }), {
    code: 'ERR_QUIC_KEY_MISMATCH',
  });
  assert.throws(() => one.update({ cert: ECDSA.certPem }), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => one.update({ key: ECDSA.keyPem }), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => one.update({ nme: 1 } as object), { code: 'ERR_INVALID_ARG_VALUE' });
  assert.deepEqual(one.certificates, [RSA.certificates]);
  assert.deepEqual(one.ocspResponse, ocspResponse);
  one.update({ cert: ECDSA.certPem, key: ECDSA.keyPem });
  assert.deepEqual(one.certificates, [ECDSA.certificates]);
  assert.equal(one.ocspResponse, null);
  assert.deepEqual(one.alpn, ['a']);
  one.update({ ocspResponse });
  one.update({ ocspResponse: null });
  assert.equal(one.ocspResponse, null);
});

test('L87 a server with neither a certificate nor external keys is refused up front', () => {
  assert.throws(() => parseOwnServer({ alpn: 'a' }, NO_SETTINGS, nodeProvider), {
    code: 'ERR_QUIC_NO_IDENTITY',
  });
  const psks = [{ identity: Uint8Array.of(1), secret: Uint8Array.of(2) }];
  assert.equal(parseOwnServer({ psks }, NO_SETTINGS, nodeProvider).identities.length, 0);
});
