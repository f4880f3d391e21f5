import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addressKey,
  canonicalIp,
  formatAddress,
  ipFamily,
  ipFromBytes,
  ipToBytes,
  isLinkLocal,
  isLoopback,
  isUnspecified,
  normalizeMapped,
  parseAddress,
  type SocketAddress,
  sameAddress,
  socketAddress,
} from '../../../src/util/address.ts';

const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 });

test('canonical text follows RFC 5952 §4', () => {
  const rows: [string, string][] = [
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::FFFF:c0a8:1', '::ffff:192.168.0.1'],
    ['::ffff:192.168.0.1', '::ffff:192.168.0.1'],
    ['::0.1.0.2', '::1:2'],
    ['fe80::0001%eth0', 'fe80::1%eth0'],
    ['10.0.0.1', '10.0.0.1'],
  ];
  for (const [text, canonical] of rows) assert.equal(canonicalIp(text), canonical, text);
});

test('text that is no IP address is null', () => {
  const texts = [
    '',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.-4',
    ' 1.2.3.4',
    '1.2.3.4%eth0',
  ];
  texts.push(
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    '::g',
  );
  texts.push('1.2.3.4::', '::1.2.3.4:5', 'fe80::1%', '[::1]', '1:2:3:4:5:6:7:1.2.3.4');
  for (const text of texts) {
    assert.equal(canonicalIp(text), null, text);
    assert.equal(ipFamily(text), 0, text);
  }
});

test('every spelling of an IPv6 address has the same canonical text and the same bytes', () => {
  fc.assert(
    fc.property(ipv6, fc.boolean(), fc.boolean(), (bytes, isUpper, isPadded) => {
      const groups = [0, 2, 4, 6, 8, 10, 12, 14].map((at) => (bytes[at] * 256 + bytes[at + 1]).toString(16));
      const padded = groups.map((group) => (isPadded ? group.padStart(4, '0') : group)).join(':');
      const text = isUpper ? padded.toUpperCase() : padded;
      const canonical = ipFromBytes(bytes);
      assert.equal(canonicalIp(text), canonical);
      assert.equal(canonicalIp(canonical), canonical);
      assert.deepEqual(ipToBytes(canonical), bytes);
    }),
  );
});

test('zero runs in the bytes survive the way through text', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }), (values) => {
      const bytes = Uint8Array.from(values);
      assert.deepEqual(ipToBytes(ipFromBytes(bytes)), bytes);
    }),
  );
});

test('an address and port is parsed and formatted back', () => {
  assert.deepEqual(parseAddress('[::1]:4433'), { address: '::1', port: 4433, family: 6 });
  assert.deepEqual(parseAddress('1.2.3.4:5'), { address: '1.2.3.4', port: 5, family: 4 });
  assert.deepEqual(parseAddress('[FE80::1%eth0]:1'), { address: 'fe80::1%eth0', port: 1, family: 6 });
  for (const text of ['[::1]:4433', '1.2.3.4:5', '[fe80::1%eth0]:65535']) {
    const address = parseAddress(text);
    assert.equal(address && formatAddress(address), text);
  }
  for (const text of [
    '',
    '::1',
    '::1:4433',
    '1.2.3.4',
    '1.2.3.4:',
    '1.2.3.4:65536',
    '[1.2.3.4]:5',
    '[::1]',
    '[::1]:-1',
    'a:1',
    '[::1]:1 ',
  ]) {
    assert.equal(parseAddress(text), null, text);
  }
});

test('an IPv4-mapped address becomes the IPv4 address, and nothing else changes', () => {
  const mapped: SocketAddress = { address: '::ffff:1.2.3.4', port: 5, family: 6 };
  assert.deepEqual(normalizeMapped(mapped), { address: '1.2.3.4', port: 5, family: 4 });
  assert.deepEqual(
    normalizeMapped({ address: '::FFFF:102:304', port: 5, family: 6 }),
    normalizeMapped(mapped),
  );
  assert.deepEqual(parseAddress('[::ffff:1.2.3.4]:5'), { address: '1.2.3.4', port: 5, family: 4 });
  for (const text of ['::1', '::ffff:0:1.2.3.4', '64:ff9b::1.2.3.4', 'fe80::1%eth0']) {
    const address = socketAddress(text, 1);
    assert.ok(address);
    assert.equal(normalizeMapped(address), address);
    assert.equal(address.family, 6);
  }
});

test('equal addresses are the same and have the same key; others do not', () => {
  const a = socketAddress('2001:db8:0::1', 1);
  const b = socketAddress('2001:DB8::0001', 1);
  assert.ok(a && b);
  assert.ok(sameAddress(a, b));
  assert.equal(addressKey(a), addressKey(b));
  const others = [
    socketAddress('2001:db8::1', 2),
    socketAddress('2001:db8::2', 1),
    socketAddress('2001:db8::1%1', 1),
  ];
  for (const other of others) {
    assert.ok(other);
    assert.ok(!sameAddress(a, other));
    assert.notEqual(addressKey(a), addressKey(other));
  }
});

test('ports outside 0 to 65535 make no address', () => {
  for (const port of [-1, 65536, 1.5, Number.NaN]) assert.equal(socketAddress('::1', port), null);
});

test('wildcard, loopback and link-local addresses are told apart', () => {
  assert.deepEqual(['0.0.0.0', '::', '::1', '0.0.0.1'].map(isUnspecified), [true, true, false, false]);
  assert.deepEqual(['127.0.0.1', '127.9.9.9', '::1', '::', '128.0.0.1'].map(isLoopback), [
    true,
    true,
    true,
    false,
    false,
  ]);
  assert.deepEqual(['fe80::1%a', 'febf::1', 'fec0::1', 'fd00::1'].map(isLinkLocal), [
    true,
    true,
    false,
    false,
  ]);
});
