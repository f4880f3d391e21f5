/** Choices of the handshake by the options of the public core, and what it says about them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { externalKey } from '../../../src/connection/external-key.ts';
import { CoreConfig, type CoreOptions } from '../../../src/connection/parse-config.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { ApiLink } from '../../support/api-link.ts';
import { makeChain } from '../../support/certificates.ts';
import { coreIdentity } from '../../support/cores.ts';

const both = (
  options: Partial<CoreOptions>,
): { client: Partial<CoreOptions>; server: Partial<CoreOptions> } => ({
  client: options,
  server: options,
});

describe('Connection: the handshake', () => {
  test('C23 X25519MLKEM768 is agreed on where both ask for it, and x25519 by default', () => {
    const link = ApiLink.established(both({ groups: ['X25519MLKEM768', 'x25519'] }));
    for (const side of [link.client, link.server]) assert.equal(side.keyExchangeGroup, 'X25519MLKEM768');
    // The first flight does not fit one datagram.
    assert.ok(link.datagrams.length > 2 && link.datagrams[1]?.length === 1200);
    const plain = new ApiLink();
    assert.equal(plain.client.keyExchangeGroup, null);
    plain.flush();
    assert.equal(plain.server.keyExchangeGroup, 'x25519');
  });

  test('C23 a server takes the hybrid from a client that has nothing else', () => {
    const link = ApiLink.established({ client: { groups: ['X25519MLKEM768'] } });
    assert.equal(link.server.keyExchangeGroup, 'X25519MLKEM768');
  });

  test('C23 names of groups, suites and compressions are checked', () => {
    const make = (options: object) => () => new CoreConfig({ alpn: ['x'], ...options } as CoreOptions);
    for (const name of ['groups', 'ciphers', 'certificateCompression']) {
      for (const value of ['x25519', [], 7]) {
        assert.throws(make({ [name]: value }), { code: 'ERR_INVALID_ARG_TYPE', message: new RegExp(name) });
      }
      assert.throws(make({ [name]: ['x448'] }), { code: 'ERR_INVALID_ARG_VALUE', message: new RegExp(name) });
    }
    assert.throws(make({ groups: ['P-256', 'P-256'] }), { code: 'ERR_INVALID_ARG_VALUE' });
    const { groups, compressions, ...rest } = nodeProvider;
    assert.ok(groups && compressions);
    const provider = { ...rest, groups: [0x1d] as const };
    assert.throws(make({ provider, groups: ['X25519MLKEM768'] }), {
      code: 'ERR_QUIC_UNSUPPORTED',
      message: /Node\.js 24\.7 or the package @noble\/post-quantum/,
    });
    assert.throws(make({ provider, certificateCompression: ['zlib'] }), { code: 'ERR_QUIC_UNSUPPORTED' });
  });

  for (const [algorithm, other] of [
    ['brotli', 'zlib'],
    ['zlib', 'brotli'],
  ] as const) {
    test(`C20 RFC 8879 certificates are compressed by ${algorithm} where both sides ask for it`, () => {
      const { certificates, keyPem } = makeChain({ intermediates: 2, size: 1500 });
      const identity = { certificates, key: nodeProvider.privateKeyFrom(keyPem) };
      const sentWith = (client: string[] | undefined, server: string[] | undefined): number => {
        const link = ApiLink.established({
          client: client === undefined ? {} : { certificateCompression: client },
          server: { identity, ...(server === undefined ? {} : { certificateCompression: server }) },
        });
        assert.deepEqual(link.client.peerCertificates, certificates);
        return link.server.stats().sentBytes;
      };
      const plain = sentWith(undefined, undefined);
      assert.ok(sentWith([algorithm], [algorithm]) < plain - 1500, 'the chain is shorter on the wire');
      assert.ok(sentWith([other], [algorithm]) >= plain - 500, 'there is no algorithm in common');
      assert.ok(sentWith(undefined, [algorithm]) >= plain - 500, 'the client did not ask');
    });
  }

  test('C22 RFC 6066 §8 a client that asks gets the OCSP response that the server staples', () => {
    const ocspResponse = Uint8Array.of(0x30, 3, 0x0a, 1, 0);
    const identity = { ...coreIdentity(), ocspResponse };
    const asked = ApiLink.established({ client: { requestOcsp: true }, server: { identity } });
    assert.deepEqual(asked.client.ocspResponse, ocspResponse);
    assert.equal(asked.server.ocspResponse, null);
    const unasked = ApiLink.established({ server: { identity } });
    assert.equal(unasked.client.ocspResponse, null);
    const none = ApiLink.established({ client: { requestOcsp: true } });
    assert.equal(none.client.ocspResponse, null);
  });

  test('C20 RFC 8446 §7.5 both sides export the same keys, others for other labels, contexts and lengths', () => {
    const { client, server } = ApiLink.established();
    const context = Uint8Array.of(1, 2);
    const key = client.exportKeyingMaterial(32, 'EXPORTER-test', context);
    assert.equal(key.length, 32);
    assert.deepEqual(server.exportKeyingMaterial(32, 'EXPORTER-test', context), key);
    assert.notDeepEqual(server.exportKeyingMaterial(32, 'EXPORTER-test'), key);
    assert.notDeepEqual(server.exportKeyingMaterial(32, 'EXPORTER-other', context), key);
    assert.notDeepEqual(server.exportKeyingMaterial(33, 'EXPORTER-test', context).subarray(0, 32), key);
    assert.deepEqual(
      client.exportKeyingMaterial(8, 'EXPORTER-test'),
      server.exportKeyingMaterial(8, 'EXPORTER-test', new Uint8Array(0)),
    );
  });

  test('C20 an exporter call too early, or with arguments that are none, fails', () => {
    const { client } = new ApiLink();
    assert.throws(() => client.exportKeyingMaterial(32, 'EXPORTER-test'), { code: 'ERR_QUIC_INVALID_STATE' });
    const { server } = ApiLink.established();
    const call =
      (...words: unknown[]) =>
      () =>
        server.exportKeyingMaterial(...(words as [number, string, Uint8Array]));
    assert.throws(call('32', 'x'), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(call(32, 7), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(call(32, 'x', 'y'), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(call(0, 'x'), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(call(8161, 'x'), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(call(32, ''), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(call(32, 'x'.repeat(250)), { code: 'ERR_OUT_OF_RANGE' });
    assert.equal(server.exportKeyingMaterial(8160, 'x'.repeat(249)).length, 8160);
  });
});

describe('Connection: keys that are kept elsewhere', () => {
  const real = coreIdentity();
  const [leaf] = real.certificates;
  const identity = { certificates: real.certificates, key: externalKey(leaf as Uint8Array) };

  test('C20 a server waits for a signature from outside, and goes on with it', () => {
    const link = new ApiLink({ server: { identity } });
    link.flush();
    const asked = link.serverEvents.find((event) => event.type === 'sign');
    assert.ok(asked?.type === 'sign' && !link.client.isEstablished);
    link.advance(300);
    assert.ok(!link.client.isEstablished);
    link.server.answerSignature(nodeProvider.sign(real.key, asked.scheme, asked.content), link.now);
    link.flush();
    link.advance(50);
    assert.ok(link.client.isEstablished && link.server.isEstablished);
    // Late answers are ignored.
    link.server.answerSignature(null, link.now);
    assert.ok(!link.server.isDraining);
  });

  test('C20 a client signs with such a key too', () => {
    const link = new ApiLink({ client: { identity }, server: { requireClientCertificate: true } });
    link.flush();
    const asked = link.clientEvents.find((event) => event.type === 'sign');
    assert.ok(asked?.type === 'sign');
    link.client.answerSignature(nodeProvider.sign(real.key, asked.scheme, asked.content), link.now);
    link.flush();
    link.server.answerVerification(null, link.now);
    link.flush();
    link.advance(50);
    assert.ok(link.server.isEstablished && link.server.peerCertificate);
  });

  test('C20 no signature, or a wrong one, fails the handshake with the alert at the other side', () => {
    for (const [signature, code, atClient] of [
      [null, 0x150n, 'ERR_QUIC_TLS_FAIL'],
      [new Uint8Array(64), 0x133n, 'ERR_QUIC_CERTIFICATE_NOT_PROVED'],
    ] as const) {
      const link = new ApiLink({ server: { identity } });
      link.flush();
      link.server.answerSignature(signature, link.now);
      link.flush();
      const failed = link.serverEvents.find((event) => event.type === 'closing');
      assert.ok(failed?.type === 'closing');
      assert.deepEqual([failed.error.code, failed.error.errorCode], ['ERR_QUIC_TLS_FAIL', code]);
      const told = link.clientEvents.find((event) => event.type === 'closing');
      assert.ok(told?.type === 'closing');
      assert.deepEqual([told.error.code, told.error.errorCode], [atClient, code]);
      // C99 C92: who said it differs.
      assert.equal(told.error.remote === failed.error.remote, false);
    }
  });
});
