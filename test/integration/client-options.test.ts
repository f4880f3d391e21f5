import assert from 'node:assert/strict';
import test from 'node:test';
import { connect, listen } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';

const alpn = 'test';

test('a server name that is none is refused before anything is sent', async () => {
  const wrong = connect('127.0.0.1:4433', { alpn, serverName: 5 as unknown as string });
  await assert.rejects(wrong, { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message: /serverName/ });
  for (const serverName of ['', 'a..b', 'a b', '*.example']) {
    const refused = connect('127.0.0.1:4433', { alpn, serverName });
    await assert.rejects(refused, { code: 'ERR_INVALID_ARG_VALUE', message: /serverName/ });
  }
});

test('pins that are none are refused by name', async () => {
  for (const pins of [['x'], [new Uint8Array(31)], []]) {
    const refused = connect('127.0.0.1:4433', { alpn, pins });
    await assert.rejects(refused, { code: 'ERR_INVALID_ARG_VALUE', message: /pins/ });
  }
});

test('an empty list of protocols and an empty address are refused by name', async () => {
  const { certPem, keyPem } = makeTestIdentity();
  const options = { cert: certPem, key: keyPem };
  await assert.rejects(listen({ ...options, alpn: [] }), { code: 'ERR_INVALID_ARG_VALUE', message: /alpn/ });
  await assert.rejects(listen({ ...options, alpn, address: '' }), {
    code: 'ERR_INVALID_ARG_VALUE',
    message: /'address' must be an IP address/,
  });
});
