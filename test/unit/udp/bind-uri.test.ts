import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BindUri, parseBindUri, resolveBindUri } from '../../../src/udp/bind-uri.ts';
import type { LocalAddress } from '../../../src/udp/socket.ts';
import { formatAddress } from '../../../src/util/address.ts';

test('L40 every form is read, and all spellings of one bind have one key', () => {
  for (const [text, key] of [
    ['127.0.0.1:4433', 'inet://127.0.0.1:4433'],
    ['inet://127.0.0.1:4433', 'inet://127.0.0.1:4433'],
    ['INET://127.0.0.1:04433', 'inet://127.0.0.1:4433'],
    ['127.0.0.1:4433?temporary=true', 'inet://127.0.0.1:4433'],
    ['[::1]:0', 'inet://[::1]:0'],
    ['inet://[0:0::0:1]:0', 'inet://[::1]:0'],
    ['[::ffff:10.0.0.1]:7', 'inet://10.0.0.1:7'],
    ['inet://0.0.0.0:443', 'inet://0.0.0.0:443'],
    ['inet://[fe80::1%25eth0]:443', 'inet://[fe80::1%eth0]:443'],
    ['[fe80::1%eth0]:443', 'inet://[fe80::1%eth0]:443'],
    ['iface://v4.eth0:4433', 'iface://v4.eth0:4433'],
    ['iface://V6.en0:0', 'iface://v6.en0:0'],
    ['iface://v4.eth0.100:1?temporary=true', 'iface://v4.eth0.100:1?temporary=true'],
    ['iface://v4.eth0:1?temporary=false', 'iface://v4.eth0:1'],
    ['iface://v4.Ethernet%202:1', 'iface://v4.Ethernet%202:1'],
    ['iface://v4.eth0:0?alloc_port_id=2&temporary=true', 'iface://v4.eth0:0?temporary=true&alloc_port_id=2'],
  ]) {
    assert.equal(parseBindUri(text).key, key, text);
    assert.equal(parseBindUri(key).key, key, `the key of ${text} is a bind URI itself`);
  }
});

test('L40 what was read is given in parts', () => {
  assert.deepEqual(parseBindUri('[::1]:4433'), {
    scheme: 'inet',
    address: { address: '::1', family: 6, port: 4433 },
    key: 'inet://[::1]:4433',
    temporary: false,
    allocPortId: null,
  } satisfies BindUri);
  assert.deepEqual(parseBindUri('iface://v6.a:b%20c:0?alloc_port_id=7&temporary=true'), {
    scheme: 'iface',
    family: 6,
    device: 'a:b c',
    port: 0,
    key: 'iface://v6.a%3Ab%20c:0?temporary=true&alloc_port_id=7',
    temporary: true,
    allocPortId: 7,
  } satisfies BindUri);
});

test('L44 port 0 with different ids are different binds, with the same id one', () => {
  const keys = ['', '?alloc_port_id=1', '?alloc_port_id=2', '?alloc_port_id=01'].map(
    (query) => parseBindUri(`127.0.0.1:0${query}`).key,
  );
  assert.equal(new Set(keys).size, 3);
  assert.equal(keys[1], keys[3]);
});

test('L41 each fault has its own code, and its message says what is wrong', () => {
  for (const [text, code, reason] of [
    ['', 'ERR_QUIC_BIND_URI', 'neither'],
    ['inet://', 'ERR_QUIC_BIND_URI', 'neither'],
    ['inet://user@127.0.0.1:1', 'ERR_QUIC_BIND_URI', 'neither'],
    ['127.0.0.1:1#here', 'ERR_QUIC_BIND_URI', 'neither'],
    ['http://127.0.0.1:1', 'ERR_QUIC_BIND_URI_SCHEME', "'http'"],
    ['ble://00:11:22', 'ERR_QUIC_BIND_URI_SCHEME', "'ble'"],
    ['://127.0.0.1:1', 'ERR_QUIC_BIND_URI_SCHEME', "''"],
    ['iface://eth0:4433', 'ERR_QUIC_BIND_URI_FAMILY', 'missing'],
    ['iface://v5.eth0:4433', 'ERR_QUIC_BIND_URI_FAMILY', "'v5'"],
    ['iface://eth0.100:4433', 'ERR_QUIC_BIND_URI_FAMILY', "'eth0'"],
    ['iface://v4.:4433', 'ERR_QUIC_BIND_URI_DEVICE', "''"],
    ['iface://v4.%zz:4433', 'ERR_QUIC_BIND_URI_DEVICE', "'%zz'"],
    ['127.0.0.1', 'ERR_QUIC_BIND_URI_PORT', 'missing'],
    ['inet://[::1]', 'ERR_QUIC_BIND_URI_PORT', 'missing'],
    ['iface://v4.eth0', 'ERR_QUIC_BIND_URI_PORT', 'missing'],
    ['127.0.0.1:', 'ERR_QUIC_BIND_URI_PORT', 'missing'],
    ['127.0.0.1:65536', 'ERR_QUIC_BIND_URI_PORT', "'65536'"],
    ['127.0.0.1:http', 'ERR_QUIC_BIND_URI_PORT', "'http'"],
    ['localhost:4433', 'ERR_QUIC_BIND_URI_IP', "'localhost'"],
    ['inet://256.0.0.1:4433', 'ERR_QUIC_BIND_URI_IP', "'256.0.0.1'"],
    ['inet://::1:4433', 'ERR_QUIC_BIND_URI_IP', 'brackets'],
    ['inet://[127.0.0.1]:4433', 'ERR_QUIC_BIND_URI_IP', "'[127.0.0.1]'"],
    [':4433', 'ERR_QUIC_BIND_URI_IP', "''"],
    ['inet://127.0.0.1:4433/', 'ERR_QUIC_BIND_URI_PATH', "'/'"],
    ['iface://v4.eth0:4433/a', 'ERR_QUIC_BIND_URI_PATH', "'/a'"],
    ['127.0.0.1:0?stun=true', 'ERR_QUIC_BIND_URI_PROPERTY', "'stun'"],
    ['127.0.0.1:0?temporary=1', 'ERR_QUIC_BIND_URI_PROPERTY', 'temporary=1'],
    ['127.0.0.1:0?alloc_port_id=a', 'ERR_QUIC_BIND_URI_PROPERTY', 'alloc_port_id=a'],
    ['127.0.0.1:1?alloc_port_id=1', 'ERR_QUIC_BIND_URI_PROPERTY', 'port 0'],
  ]) {
    assert.throws(
      () => parseBindUri(text),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, code, text);
        assert.ok(error.message.includes(reason) && error.message.includes(`'${text}'`), error.message);
        return true;
      },
    );
  }
  assert.throws(() => parseBindUri(4433 as never), { code: 'ERR_INVALID_ARG_TYPE' });
});

test('L42 a device is its first address of the family, and never a link-local one', () => {
  const on = (interfaceName: string, address: string): LocalAddress => {
    return { address, family: address.includes(':') ? 6 : 4, interfaceName, internal: false };
  };
  const local = [
    on('eth0', 'fe80::1%eth0'),
    on('eth0', '10.0.0.1'),
    on('eth0', '10.0.0.2'),
    on('eth0', '2001:db8::1'),
    on('eth1', 'fe80::2%eth1'),
  ];
  const resolve = (text: string): string => formatAddress(resolveBindUri(parseBindUri(text), local));
  assert.equal(resolve('iface://v4.eth0:1'), '10.0.0.1:1');
  assert.equal(resolve('iface://v6.eth0:1'), '[2001:db8::1]:1');
  assert.equal(resolve('192.0.2.9:1'), '192.0.2.9:1');
  assert.throws(() => resolve('iface://v4.eth2:1'), {
    code: 'ERR_QUIC_INTERFACE_NOT_FOUND',
    message: /'eth2'/,
  });
  assert.throws(() => resolve('iface://v4.eth1:1'), {
    code: 'ERR_QUIC_INTERFACE_NO_ADDRESS',
    message: /IPv4/,
  });
  assert.throws(() => resolve('iface://v6.eth1:1'), {
    code: 'ERR_QUIC_INTERFACE_NO_ADDRESS',
    message: /link-local/,
  });
});
