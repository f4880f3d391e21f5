import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ConnectOptions,
  connect,
  type ListenOptions,
  listen,
  type QuicConnection,
} from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';

/** Connects with these options on both sides and shows both ends to `look`. */
async function meet(
  server: Partial<ListenOptions>,
  client: Partial<ConnectOptions>,
  look: (client: QuicConnection, server: QuicConnection) => void | Promise<void>,
): Promise<void> {
  const { certPem, keyPem, caPem } = makeTestIdentity();
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'x',
    cert: certPem,
    key: keyPem,
    ...server,
  });
  try {
    const target = { host: '127.0.0.1', port: listener.port };
    const connection = await connect(target, { alpn: 'x', ca: caPem, serverName: 'localhost', ...client });
    const accepted = await listener.accept();
    await accepted.opened;
    await look(connection, accepted);
    await connection.close();
  } finally {
    await listener.destroy();
  }
}

test('C23 real sockets: X25519MLKEM768 is agreed on where the client asks for it', async () => {
  const groups = ['X25519MLKEM768', 'x25519'];
  await meet({ groups }, { groups }, (client, server) => {
    assert.equal(client.keyExchangeGroup, 'X25519MLKEM768');
    assert.equal(server.keyExchangeGroup, 'X25519MLKEM768');
  });
  await meet({}, { groups: ['X25519MLKEM768'] }, (client) => {
    assert.equal(client.keyExchangeGroup, 'X25519MLKEM768');
  });
  await meet({}, {}, (client) => assert.equal(client.keyExchangeGroup, 'x25519'));
});

test('C20 RFC 8879 real sockets: both sides may compress certificates, the client its own too', async () => {
  const { certPem, keyPem, caPem } = makeTestIdentity();
  const certificateCompression = ['brotli', 'zlib'];
  await meet(
    { certificateCompression, requestCert: true, ca: caPem },
    { certificateCompression, cert: certPem, key: keyPem },
    (client, server) => {
      assert.ok(client.peerCertificate && server.peerCertificate);
    },
  );
});

test('C22 RFC 6066 §8 real sockets: a client that asks has the OCSP response that the listener staples', async () => {
  const ocspResponse = Uint8Array.of(0x30, 3, 0x0a, 1, 0);
  await meet({ ocspResponse }, { requestOcsp: true }, (client, server) => {
    assert.deepEqual(client.ocspResponse, ocspResponse);
    assert.equal(server.ocspResponse, null);
  });
  await meet({ ocspResponse }, {}, (client) => assert.equal(client.ocspResponse, null));
});

test('C20 RFC 8446 §7.5 real sockets: both sides export the same keys', async () => {
  await meet({}, {}, (client, server) => {
    const context = Buffer.from('here');
    const key = client.exportKeyingMaterial(48, 'EXPORTER-test', context);
    assert.deepEqual(server.exportKeyingMaterial(48, 'EXPORTER-test', context), key);
    assert.notDeepEqual(server.exportKeyingMaterial(48, 'EXPORTER-test'), key);
    assert.throws(() => client.exportKeyingMaterial(-1, 'EXPORTER-test'), { code: 'ERR_OUT_OF_RANGE' });
  });
});

test('C30 C85 real sockets: versions, greased QUIC bits and the spin bit are options of both sides', async () => {
  const options = { versions: [0x6b33_43cf, 1], greaseQuicBit: true, spinBit: true };
  await meet(options, options, async (client, server) => {
    assert.equal(client.version, 0x6b33_43cf);
    assert.equal(server.version, 0x6b33_43cf);
    const stream = await client.createUnidirectionalStream();
    await stream.end(new Uint8Array(50_000));
    const received = await server.acceptUnidirectionalStream();
    let size = 0;
    for await (const chunk of received) size += chunk.length;
    assert.equal(size, 50_000);
  });
});

test('C81 real sockets: another congestion controller takes over in the midst of a transfer', async () => {
  await meet({}, { congestionControl: 'reno' }, async (client, server) => {
    assert.equal(client.congestionControl, 'reno');
    const stream = await client.createUnidirectionalStream();
    const sending = stream.write(new Uint8Array(2_000_000)).then(() => stream.end());
    client.setCongestionControl('bbr');
    assert.equal(client.congestionControl, 'bbr');
    assert.throws(() => client.setCongestionControl('vegas'), { code: 'ERR_QUIC_CONGESTION_CONTROL' });
    let size = 0;
    for await (const chunk of await server.acceptUnidirectionalStream()) size += chunk.length;
    await sending;
    assert.equal(size, 2_000_000);
  });
});

test('C23 bad choices are refused with the name of the option and what is allowed', async () => {
  const bad = async (options: object, expected: object): Promise<void> => {
    await assert.rejects(connect('127.0.0.1:9', { alpn: 'x', ...options } as ConnectOptions), expected);
    const { certPem, keyPem } = makeTestIdentity();
    const given = { alpn: 'x', cert: certPem, key: keyPem, ...options } as ListenOptions;
    await assert.rejects(async () => listen(given), expected);
  };
  await bad({ groups: ['x448'] }, { code: 'ERR_INVALID_ARG_VALUE', message: /groups.*'X25519MLKEM768'/ });
  await bad(
    { certificateCompression: ['gzip'] },
    { code: 'ERR_INVALID_ARG_VALUE', message: /'brotli', 'zlib'/ },
  );
  await bad({ ciphers: 'TLS_AES_128_GCM_SHA256' }, { code: 'ERR_INVALID_ARG_TYPE', message: /ciphers/ });
  await bad({ spinBit: 1 }, { code: 'ERR_INVALID_ARG_TYPE', message: /spinBit/ });
  await bad({ greaseQuicBit: 'yes' }, { code: 'ERR_INVALID_ARG_TYPE', message: /greaseQuicBit/ });
});
