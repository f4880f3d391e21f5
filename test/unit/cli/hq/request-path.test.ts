import assert from 'node:assert/strict';
import { join, normalize } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { requestNames } from '../../../../src/cli/hq/request-path.ts';

test('a path is decoded once and cut into names', () => {
  assert.deepEqual(requestNames('/'), []);
  assert.deepEqual(requestNames('/a//b%20c/./d?e/f#g'), ['a', 'b c', 'd']);
  assert.deepEqual(requestNames('/a%2fb'), ['a', 'b']);
  assert.deepEqual(requestNames('/%252e%252e'), ['%2e%2e']);
  for (const path of [
    '/..',
    '/a/%2e%2e/b',
    '/..%2f',
    '/%00',
    '/a%5cb',
    '/a\\b',
    '/.git',
    '/%2ehidden',
    '/a%7f',
  ]) {
    assert.throws(() => requestNames(path), { name: 'HqError', code: 403 }, path);
  }
  for (const path of ['/%', '/%2', '/%gg', '/%ff']) {
    assert.throws(() => requestNames(path), { name: 'HqError', code: 400 }, path);
  }
});

test('whatever the path, its names stay below the folder', () => {
  const pieces = fc.constantFrom(
    '..',
    '.',
    '/',
    '%2e',
    '%2E',
    '%2f',
    '%5c',
    '\\',
    '%00',
    'a',
    '%252e',
    '?',
    '%',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      let names: string[];
      try {
        names = requestNames(`/${parts.join('')}`);
      } catch (error) {
        assert.equal((error as Error).name, 'HqError');
        return;
      }
      assert.equal(
        normalize(join('root', ...names)),
        ['root', ...names].join(process.platform === 'win32' ? '\\' : '/'),
      );
    }),
    { numRuns: 1000 },
  );
});
