import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransportError, TransportErrorCode } from '../../../src/errors.ts';
import { concat, EMPTY, fromHex, toHex } from '../../../src/util/bytes.ts';
import {
  DEFAULT_TRANSPORT_PARAMETERS,
  decodeTransportParameters,
  encodeTransportParameters,
  TRANSPORT_PARAMETER_TABLE,
  type TransportParameters,
} from '../../../src/wire/transport-parameters.ts';
import { encodeVarint } from '../../../src/wire/varint.ts';

const TOKEN = fromHex('000102030405060708090a0b0c0d0e0f');

const FULL: TransportParameters = {
  originalDestinationConnectionId: fromHex('0102030405060708'),
  maxIdleTimeout: 30_000,
  statelessResetToken: TOKEN,
  maxUdpPayloadSize: 1472,
  initialMaxData: 10_000_000,
  initialMaxStreamDataBidiLocal: 1_000_000,
  initialMaxStreamDataBidiRemote: 1_000_001,
  initialMaxStreamDataUni: 1_000_002,
  initialMaxStreamsBidi: 100,
  initialMaxStreamsUni: 3,
  ackDelayExponent: 10,
  maxAckDelay: 26,
  disableActiveMigration: true,
  preferredAddress: {
    ipv4: { address: '192.0.2.1', port: 4433 },
    ipv6: { address: '2001:db8::1', port: 4434 },
    connectionId: fromHex('aabbcc'),
    statelessResetToken: TOKEN,
  },
  activeConnectionIdLimit: 8,
  initialSourceConnectionId: fromHex('11'),
  retrySourceConnectionId: EMPTY,
  maxDatagramFrameSize: 65535,
  greaseQuicBit: true,
  resetStreamAt: true,
  minAckDelay: 1000,
  versionInformation: { chosen: 1, available: [0x6b3343cf, 1] },
};

/** One parameter: id, length, value. */
function parameter(id: number | bigint, value: Uint8Array): Uint8Array {
  return concat([encodeVarint(id), encodeVarint(value.length), value]);
}

function refused(bytes: Uint8Array, sender: 'client' | 'server' = 'server'): void {
  assert.throws(
    () => decodeTransportParameters(bytes, sender),
    (error) => error instanceof TransportError && error.code === TransportErrorCode.TRANSPORT_PARAMETER_ERROR,
    toHex(bytes),
  );
}

test('RFC 9000 §18.2 all parameters of a server come back as they were encoded', () => {
  assert.deepEqual(decodeTransportParameters(encodeTransportParameters(FULL), 'server'), FULL);
});

test('RFC 9000 §18.2 absent parameters have their defaults, and defaults are not sent', () => {
  assert.deepEqual(decodeTransportParameters(EMPTY, 'client'), DEFAULT_TRANSPORT_PARAMETERS);
  assert.equal(encodeTransportParameters(DEFAULT_TRANSPORT_PARAMETERS).length, 0);
  assert.equal(DEFAULT_TRANSPORT_PARAMETERS.maxUdpPayloadSize, 65527);
  assert.equal(DEFAULT_TRANSPORT_PARAMETERS.ackDelayExponent, 3);
  assert.equal(DEFAULT_TRANSPORT_PARAMETERS.maxAckDelay, 25);
  assert.equal(DEFAULT_TRANSPORT_PARAMETERS.activeConnectionIdLimit, 2);
});

test('RFC 9000 §18 the encoding is id, length, value', () => {
  const bytes = encodeTransportParameters({
    maxIdleTimeout: 30_000,
    initialSourceConnectionId: EMPTY,
    greaseQuicBit: true,
  });
  assert.equal(toHex(bytes), '0104' + '80007530' + '0f00' + '6ab200');
});

test('RFC 9000 §18.2 values have their ranges', () => {
  const integers: [number, number | bigint, boolean][] = [
    [0x03, 1199, false],
    [0x03, 1200, true],
    [0x03, 70_000, true],
    [0x08, 2n ** 60n, true],
    [0x08, 2n ** 60n + 1n, false],
    [0x09, 2n ** 60n + 1n, false],
    [0x0a, 20, true],
    [0x0a, 21, false],
    [0x0b, 2 ** 14 - 1, true],
    [0x0b, 2 ** 14, false],
    [0x0e, 1, false],
    [0x0e, 2, true],
  ];
  for (const [id, value, valid] of integers) {
    const bytes = parameter(id, encodeVarint(value));
    if (valid) decodeTransportParameters(bytes, 'client');
    else refused(bytes, 'client');
  }
});

test('T22 limits above 2^53 - 1 are clamped', () => {
  for (const row of TRANSPORT_PARAMETER_TABLE) {
    if (row.kind !== 'integer' || row.max !== undefined) continue;
    for (const value of [2n ** 53n - 1n, 2n ** 53n, 2n ** 62n - 1n]) {
      const decoded = decodeTransportParameters(parameter(row.id, encodeVarint(value)), 'client');
      assert.equal(decoded[row.key], Number.MAX_SAFE_INTEGER, row.name);
    }
  }
});

test('P5 RFC 9000 §7.4 a parameter given twice is an error, known or not', () => {
  refused(concat([parameter(0x04, fromHex('05')), parameter(0x04, fromHex('05'))]));
  refused(concat([parameter(0x1b, EMPTY), parameter(0x04, fromHex('05')), parameter(0x1b, fromHex('00'))]));
  refused(concat([parameter(2n ** 62n - 1n, EMPTY), parameter(2n ** 62n - 1n, EMPTY)]));
  // The same id in a longer form is the same id.
  refused(concat([parameter(0x04, fromHex('05')), fromHex('4004 01 05')]));
  // Ids that differ only beyond what a double can tell are not the same.
  decodeTransportParameters(
    concat([parameter(2n ** 60n, EMPTY), parameter(2n ** 60n + 1n, EMPTY)]),
    'client',
  );
});

test('RFC 9000 §18.2 parameters of servers are refused from clients', () => {
  const only = TRANSPORT_PARAMETER_TABLE.filter((row) => row.serverOnly === true).map((row) => row.id);
  assert.deepEqual(only, [0x00, 0x02, 0x0d, 0x10]);
  refused(encodeTransportParameters({ originalDestinationConnectionId: EMPTY }), 'client');
  refused(encodeTransportParameters({ statelessResetToken: TOKEN }), 'client');
  refused(encodeTransportParameters({ retrySourceConnectionId: EMPTY }), 'client');
  refused(
    encodeTransportParameters({ preferredAddress: { connectionId: TOKEN, statelessResetToken: TOKEN } }),
    'client',
  );
});

test('draft-ietf-quic-ack-frequency §3 min_ack_delay is in microseconds and not above max_ack_delay', () => {
  const given = (minAckDelay: number, maxAckDelay: number) =>
    encodeTransportParameters({ minAckDelay, maxAckDelay });
  assert.equal(toHex(given(1000, 25)), 'c0000000ff04de1b' + '0243e8');
  assert.equal(decodeTransportParameters(given(25_000, 25), 'client').minAckDelay, 25_000);
  assert.equal(decodeTransportParameters(given(0, 0), 'client').minAckDelay, 0);
  assert.equal('minAckDelay' in decodeTransportParameters(EMPTY, 'client'), false);
  refused(given(25_001, 25));
  refused(given(1, 0));
});

test('P5 parameters cut off at any byte are an error or a shorter list, never something else', () => {
  const bytes = encodeTransportParameters(FULL);
  const ends = new Set<number>();
  for (let cut = 0; cut < bytes.length; cut++) {
    try {
      decodeTransportParameters(bytes.subarray(0, cut), 'server');
      ends.add(cut);
    } catch (error) {
      assert.ok(error instanceof TransportError);
    }
  }
  assert.equal(ends.size, TRANSPORT_PARAMETER_TABLE.length);
});

test('P5 a value of the wrong size is an error for every parameter', () => {
  for (const row of TRANSPORT_PARAMETER_TABLE) {
    const valid = encodeTransportParameters({ [row.key]: FULL[row.key] });
    const idLength = encodeVarint(row.id).length;
    const value = valid.subarray(idLength + 1);
    if (row.kind === 'connection-id') {
      refused(parameter(row.id, new Uint8Array(21)));
      decodeTransportParameters(parameter(row.id, new Uint8Array(20)), 'server');
    } else {
      refused(parameter(row.id, concat([value, fromHex('00')])));
      if (value.length > 0) refused(parameter(row.id, value.subarray(0, -1)));
    }
  }
});

test('P5 64 KiB of unknown parameters are skipped', () => {
  const parts: Uint8Array[] = [];
  for (let i = 0; i < 13_000; i++) parts.push(parameter(0x8000 + i, EMPTY));
  parts.push(parameter(0x04, fromHex('05')));
  assert.equal(decodeTransportParameters(concat(parts), 'client').initialMaxData, 5);
});

test('RFC 9000 §18.1 a greased parameter is sent and skipped', () => {
  const bytes = encodeTransportParameters(
    { initialMaxData: 5 },
    { id: 31n * 2n ** 56n + 27n, bytes: fromHex('aabb') },
  );
  assert.equal(toHex(bytes.subarray(-3)), '02aabb');
  assert.deepEqual(decodeTransportParameters(bytes, 'client'), {
    ...DEFAULT_TRANSPORT_PARAMETERS,
    initialMaxData: 5,
  });
});

test('RFC 9000 §18.2 a preferred address needs a connection id of 1 to 20 bytes', () => {
  for (const length of [0, 21]) {
    const value = concat([new Uint8Array(24), Uint8Array.of(length), new Uint8Array(length), TOKEN]);
    refused(parameter(0x0d, value));
  }
});

test('RFC 9000 §18.2 a preferred address of all zeros is none of that family', () => {
  const decoded = decodeTransportParameters(
    encodeTransportParameters({
      preferredAddress: {
        ipv6: { address: '::1', port: 443 },
        connectionId: fromHex('01'),
        statelessResetToken: TOKEN,
      },
    }),
    'server',
  );
  assert.equal(decoded.preferredAddress?.ipv4, undefined);
  assert.deepEqual(decoded.preferredAddress?.ipv6, { address: '::1', port: 443 });
});

test('addresses in a preferred address are read in any form and written in that of RFC 5952', () => {
  const texts: [string, string][] = [
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['1::', '1::'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ];
  for (const [text, expected] of texts) {
    const preferredAddress = {
      ipv6: { address: text, port: 1 },
      connectionId: TOKEN,
      statelessResetToken: TOKEN,
    };
    const decoded = decodeTransportParameters(encodeTransportParameters({ preferredAddress }), 'server');
    assert.equal(decoded.preferredAddress?.ipv6?.address, expected);
  }
  for (const text of ['', '1:2', '1::2::3', ':::', '12345::', '1:2:3:4:5:6:7:8:9', 'x::']) {
    const preferredAddress = {
      ipv6: { address: text, port: 1 },
      connectionId: TOKEN,
      statelessResetToken: TOKEN,
    };
    assert.throws(() => encodeTransportParameters({ preferredAddress }), RangeError, text);
  }
  for (const text of ['', '1.2.3', '1.2.3.256', '1.2.3.4.5', 'a.b.c.d']) {
    const preferredAddress = {
      ipv4: { address: text, port: 1 },
      connectionId: TOKEN,
      statelessResetToken: TOKEN,
    };
    assert.throws(() => encodeTransportParameters({ preferredAddress }), RangeError, text);
  }
});

test('RFC 9368 §3 version_information is whole versions, none of them 0', () => {
  for (const hex of ['', '000000', '0000000100', '00000000', '0000000100000000'])
    refused(parameter(0x11, fromHex(hex)));
  const decoded = decodeTransportParameters(parameter(0x11, fromHex('00000001')), 'client');
  assert.deepEqual(decoded.versionInformation, { chosen: 1, available: [] });
});

test('what was decoded stays when the input is overwritten', () => {
  const bytes = encodeTransportParameters(FULL);
  const decoded = decodeTransportParameters(bytes, 'server');
  bytes.fill(0xff);
  assert.deepEqual(decoded, FULL);
});
