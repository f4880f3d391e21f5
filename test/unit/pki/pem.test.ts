import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { looksLikePem, readPem, toPem } from '../../../src/pki/pem.ts';

describe('PEM', () => {
  it('gives back what it was given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (der) => {
        const text = toPem('CERTIFICATE', der);
        assert.ok(text.split('\n').every((line) => line.length <= 64));
        assert.deepEqual(readPem(text), [{ label: 'CERTIFICATE', der, encrypted: false }]);
      }),
    );
  });

  it('RFC 7468 §2 skips text around blocks, and reads CR LF', () => {
    const text = `subject=x\n${toPem('A', Uint8Array.of(1))}between\n${toPem('B', Uint8Array.of(2))}end`;
    for (const form of [text, text.replaceAll('\n', '\r\n')]) {
      assert.deepEqual(
        readPem(form).map(({ label, der }) => [label, ...der]),
        [
          ['A', 1],
          ['B', 2],
        ],
      );
    }
  });

  it('marks encrypted blocks and leaves out broken ones', () => {
    const old =
      '-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X\n\nAAAA\n-----END EC PRIVATE KEY-----\n';
    assert.deepEqual(
      readPem(old).map((block) => block.encrypted),
      [true],
    );
    assert.equal(readPem(toPem('ENCRYPTED PRIVATE KEY', Uint8Array.of(1)))[0]?.encrypted, true);
    assert.deepEqual(readPem('-----BEGIN A-----\n!!\n-----END A-----'), []);
    assert.deepEqual(readPem('-----BEGIN A-----\nAAAA\n-----END B-----'), []);
    assert.deepEqual(readPem('-----BEGIN A-----\nAAAA'), []);
  });

  it('is known by its first line', () => {
    assert.equal(looksLikePem(toPem('A', Uint8Array.of(1))), true);
    assert.equal(looksLikePem('certs/server.pem'), false);
  });
});
