import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeProvider, nodeRandom } from '../../../src/crypto/node-provider.ts';
import type { CryptoProvider } from '../../../src/crypto/provider.ts';
import { checkProvider } from '../../../src/crypto/provider-check.ts';

/** The real one with something changed. */
function changed(changes: object): CryptoProvider {
  const values = Object.entries({ name: 'changed', ...changes });
  const properties = Object.fromEntries(values.map(([name, value]) => [name, { value }]));
  return Object.create(nodeProvider, properties) as CryptoProvider;
}

test('L16 a provider that does what TLS 1.3 needs is taken', () => {
  checkProvider(nodeProvider, nodeRandom());
  checkProvider(changed({ groups: [0x0017] }), nodeRandom());
});

test('L16 a provider that cannot do TLS 1.3 is refused with the reason', () => {
  const cases: [object, RegExp][] = [
    [{ keyShare: undefined, hmac: 1 }, /it has no hmac, keyShare/],
    [{ groups: [0x0018] }, /neither the group X25519 nor P-256/],
    [
      {
        sealer: () => {
          throw new Error('no AES here');
        },
      },
      /its AES-128-GCM does not work/,
    ],
    [{ hmac: () => new Uint8Array(20) }, /its SHA-256 does not work/],
    [
      {
        keyShare: () => ({
          publicKey: new Uint8Array(32),
          agree: () => crypto.getRandomValues(new Uint8Array(32)),
        }),
      },
      /its key agreement does not work/,
    ],
  ];
  for (const [changes, message] of cases) {
    assert.throws(() => checkProvider(changed(changes), nodeRandom()), {
      code: 'ERR_QUIC_UNSUPPORTED',
      message,
    });
  }
  assert.throws(() => checkProvider(null as never, nodeRandom()), { code: 'ERR_INVALID_ARG_TYPE' });
});
