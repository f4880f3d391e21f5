import assert from 'node:assert/strict';
import test from 'node:test';
import { CliError, describeError, exitCodeOf, systemCode, usageError } from '../../../src/cli/errors.ts';
import { QuicError } from '../../../src/index.ts';

test('an error is one line without control characters', () => {
  assert.equal(describeError(new Error('a\n  b\u001b[31mc\u0007\u009b')), 'a b\\x1b[31mc\\x07\\x9b');
  assert.equal(describeError('text'), 'text');
});

test('options have dashes, and what helps is said', () => {
  const invalid = new QuicError('ERR_QUIC_INVALID_KEY', {
    message: 'Option "key": no; the option "cert" fits',
  });
  assert.equal(describeError(invalid), '--key: no; the --cert fits');
  assert.match(
    describeError(new QuicError('ERR_QUIC_CERTIFICATE_UNKNOWN_ISSUER')),
    /--ca <file>.*--pin <hash>/,
  );
  const alpn = new QuicError('ERR_QUIC_TLS_FAIL', {
    type: 'transport',
    errorCode: 0x178,
    remote: true,
  });
  assert.match(describeError(alpn), /\(ALPN\)/);
});

test('exit codes tell wrong use from failure', () => {
  assert.equal(exitCodeOf(usageError('x')), 2);
  assert.equal(exitCodeOf(new CliError('x')), 1);
  assert.equal(exitCodeOf(new Error('x')), 1);
});

test("the system's code is found behind what it caused", () => {
  const system = Object.assign(new Error('bind'), { code: 'EADDRINUSE' });
  assert.equal(systemCode(new QuicError('ERR_QUIC_BIND', { cause: system })), 'EADDRINUSE');
  assert.equal(systemCode(new QuicError('ERR_QUIC_BIND')), undefined);
});
