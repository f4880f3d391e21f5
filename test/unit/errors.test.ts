import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  InvariantError,
  invalidArgType,
  invalidArgValue,
  invariant,
  outOfRange,
  QUIC_ERRORS,
  QuicError,
  type QuicErrorCode,
  quicError,
  TRANSPORT_ERRORS,
  TransportError,
  TransportErrorCode,
  transportErrorName,
} from '../../src/errors.ts';

test('RFC 9000 §20.1 the table of transport errors is indexed by code and agrees with the constants', () => {
  TRANSPORT_ERRORS.forEach((row, i) => {
    assert.equal(row.code, i);
    assert.equal(TransportErrorCode[row.name], i);
  });
  assert.equal(TRANSPORT_ERRORS.length, Object.keys(TransportErrorCode).length);
});

test('RFC 9000 §20.1 codes have names, CRYPTO_ERROR with its alert', () => {
  assert.equal(transportErrorName(3), 'FLOW_CONTROL_ERROR');
  assert.equal(transportErrorName(3n), 'FLOW_CONTROL_ERROR');
  assert.equal(transportErrorName(0x178), 'CRYPTO_ERROR(no_application_protocol)');
  assert.equal(transportErrorName(0x101), 'CRYPTO_ERROR(1)');
  assert.equal(transportErrorName(0x1234), 'UNKNOWN_ERROR(0x1234)');
  assert.equal(transportErrorName(2n ** 62n - 1n), 'UNKNOWN_ERROR(0x3fffffffffffffff)');
});

test('a transport error carries code, frame and reason', () => {
  const error = new TransportError(TransportErrorCode.FINAL_SIZE_ERROR, 8, 'it shrank');
  assert.equal(error.code, 6);
  assert.equal(error.frameType, 8);
  assert.equal(error.reason, 'it shrank');
  assert.match(error.message, /FINAL_SIZE_ERROR: it shrank/);
});

test('errors of the core have the numbers of quiche, each once', () => {
  const numbers = Object.values(QUIC_ERRORS).flatMap((row) => ('number' in row ? [row.number] : []));
  assert.deepEqual(
    [...numbers].sort((a, b) => b - a),
    Array.from({ length: 22 }, (_, i) => -2 - i),
  );
  assert.equal(quicError('ERR_QUIC_BUFFER_TOO_SHORT').number, -2);
  assert.equal(quicError('ERR_QUIC_INVALID_FRAME').errorCode, 7n);
  assert.equal('number' in quicError('ERR_QUIC_IDLE_TIMEOUT'), false);
});

test('every code makes an error with a finished message that survives JSON.stringify', () => {
  for (const code of Object.keys(QUIC_ERRORS) as QuicErrorCode[]) {
    const error = quicError(code, { errorCode: 2n ** 62n - 1n, streamId: 4, cause: new Error('why') });
    assert.ok(error instanceof QuicError);
    assert.equal(error.code, code);
    assert.doesNotMatch(error.message, /[{}]/);
    const json = JSON.parse(JSON.stringify(error));
    assert.equal(json.code, code);
    assert.equal(json.errorCode, '4611686018427387903');
    assert.equal(json.cause, 'why');
    assert.equal(json.streamId, 4);
  }
});

test('details fill the message and the fields', () => {
  const error = quicError('ERR_QUIC_STREAM_RESET', { errorCode: 42, type: 'application', remote: true });
  assert.match(error.message, /code 42/);
  assert.equal(error.errorCode, 42n);
  assert.equal(error.type, 'application');
  assert.equal(error.remote, true);
  assert.match(quicError('ERR_QUIC_BIND', { reason: 'in use' }).message, /: in use$/);
  assert.doesNotMatch(quicError('ERR_QUIC_BIND').message, /:/);
  assert.equal(quicError('ERR_QUIC_BIND', { message: 'own words' }).message, 'own words');
});

test('a reason with special characters is put in as it is', () => {
  assert.match(quicError('ERR_QUIC_BIND', { reason: "$& $1 $'" }).message, /: \$& \$1 \$'$/);
});

test('wrong arguments are the errors of Node', () => {
  const type = invalidArgType('port', 'of type number', 'x');
  assert.ok(type instanceof TypeError);
  assert.equal(type.code, 'ERR_INVALID_ARG_TYPE');
  assert.match(type.message, /"port" argument must be of type number\. Received 'x'/);
  const value = invalidArgValue('mode', 'fast', "must be one of 'a', 'b'");
  assert.ok(value instanceof TypeError);
  assert.equal(value.code, 'ERR_INVALID_ARG_VALUE');
  const range = outOfRange('port', '>= 0 && <= 65535', 70000);
  assert.ok(range instanceof RangeError);
  assert.equal(range.code, 'ERR_OUT_OF_RANGE');
  assert.match(range.message, /Received 70000/);
});

test('any value can be described in an argument error', () => {
  const odd = [
    null,
    undefined,
    1n,
    Symbol('s'),
    () => 0,
    Object.create(null),
    'x'.repeat(1000),
    [],
    NaN,
    true,
  ];
  for (const value of odd) assert.ok(invalidArgType('a', 'b', value).message.length < 120);
});

test('invariant throws its own class', () => {
  invariant(1, 'holds');
  assert.throws(
    () => invariant(0, 'broken'),
    (error) => error instanceof InvariantError && error.message === 'broken',
  );
});
