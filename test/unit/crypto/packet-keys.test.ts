import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { initialKeys } from '../../../src/crypto/initial-keys.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { PacketKeys } from '../../../src/crypto/packet-keys.ts';
import type { CryptoProvider } from '../../../src/crypto/provider.ts';
import { CIPHER_SUITE_CODES, CIPHER_SUITES, cipherSuite, INITIAL_SUITE } from '../../../src/crypto/suites.ts';
import { toHex } from '../../../src/util/bytes.ts';
import { VERSION_1, VERSION_2 } from '../../../src/wire/versions.ts';

describe('packet keys', () => {
  for (const code of CIPHER_SUITE_CODES) {
    const suite = CIPHER_SUITES[code];
    const secret = new Uint8Array(suite.hashLength).fill(5);

    test(`RFC 9001 §5.1 ${suite.name}: what one side seals the other opens`, () => {
      const sender = PacketKeys.fromSecret(nodeProvider, VERSION_1, suite, secret);
      const receiver = PacketKeys.fromSecret(nodeProvider, VERSION_1, suite, secret);
      assert.ok(roundTrip(sender, receiver));
    });

    test(`RFC 9001 §6 ${suite.name}: a key update changes the packet keys and keeps the header key`, () => {
      const sender = PacketKeys.fromSecret(nodeProvider, VERSION_1, suite, secret);
      const receiver = PacketKeys.fromSecret(nodeProvider, VERSION_1, suite, secret);
      const next = sender.next();
      assert.notEqual(toHex(next.secret), toHex(sender.secret));
      assert.equal(next.secret.length, suite.hashLength);
      assert.equal(toHex(next.headerKey), toHex(sender.headerKey));
      assert.equal(roundTrip(next, receiver), false);
      assert.ok(roundTrip(next, receiver.next()));
      // Header protection goes on with the same key, so the old opener reads the new packet's key phase.
      const buf = new Uint8Array(60).fill(0x31);
      buf[0] = 0x45;
      next.sealer().seal(buf, 0, 9, 11, 44, 12);
      receiver.opener().unmask(buf, 0, 9);
      assert.equal(buf[0], 0x45);
      assert.equal(toHex(buf.subarray(9, 11)), '3131');
    });
  }

  test('RFC 9369 §3.3.2 another version derives other keys from the same secret', () => {
    const secret = new Uint8Array(32).fill(5);
    const one = PacketKeys.fromSecret(nodeProvider, VERSION_1, INITIAL_SUITE, secret);
    const two = PacketKeys.fromSecret(nodeProvider, VERSION_2, INITIAL_SUITE, secret);
    assert.equal(roundTrip(one, two), false);
    assert.notEqual(toHex(one.next().secret), toHex(two.next().secret));
  });

  test('RFC 9369 §A.1 version 2 has the published Initial keys', () => {
    const id = Uint8Array.from([0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08]);
    const { client, server } = initialKeys(nodeProvider, VERSION_2, id);
    assert.equal(toHex(client.secret), '14ec9d6eb9fd7af83bf5a668bc17a7e283766aade7ecd0891f70f9ff7f4bf47b');
    assert.equal(toHex(server.secret), '0263db1782731bf4588e7e4d93b7463907cb8cd8200b5da55a8bd488eafc37c1');
  });

  test('sealer and opener are made once, and only when asked for', () => {
    let made = 0;
    const counting: CryptoProvider = {
      ...nodeProvider,
      sealer: (...keys) => {
        made++;
        return nodeProvider.sealer(...keys);
      },
      opener: (...keys) => {
        made++;
        return nodeProvider.opener(...keys);
      },
    };
    const keys = PacketKeys.fromSecret(counting, VERSION_1, INITIAL_SUITE, new Uint8Array(32));
    assert.equal(made, 0);
    assert.equal(keys.sealer(), keys.sealer());
    assert.equal(made, 1);
    assert.equal(keys.opener(), keys.opener());
    assert.equal(made, 2);
  });
});

describe('cipher suites', () => {
  test('RFC 9001 §6.6 the usage limits are those of the text', () => {
    assert.equal(cipherSuite(0x1301)?.confidentialityLimit, 2 ** 23);
    assert.equal(cipherSuite(0x1302)?.confidentialityLimit, 2 ** 23);
    assert.equal(cipherSuite(0x1301)?.integrityLimit, 2 ** 52);
    assert.equal(cipherSuite(0x1302)?.integrityLimit, 2 ** 52);
    assert.ok((cipherSuite(0x1303)?.confidentialityLimit ?? 0) > Number.MAX_SAFE_INTEGER);
    assert.equal(cipherSuite(0x1303)?.integrityLimit, 2 ** 36);
  });

  test('RFC 9001 §5.3 the suite without a header protection scheme is not known', () => {
    assert.equal(cipherSuite(0x1305), undefined);
    for (const code of CIPHER_SUITE_CODES) assert.equal(cipherSuite(code)?.code, code);
  });
});

function roundTrip(sender: PacketKeys, receiver: PacketKeys): boolean {
  const buf = new Uint8Array(80).fill(0x21);
  buf[0] = 0x42;
  const end = sender.sealer().seal(buf, 0, 5, 8, 60, 1234);
  receiver.opener().unmask(buf, 0, 5);
  return receiver.opener().open(buf, 0, 8, end, 1234) && buf.subarray(8, 60).every((byte) => byte === 0x21);
}
