import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';

/** What finds the ids in the titles of tests: plain JavaScript in `scripts/`, so it is loaded by its path. */
interface Finder {
  titlesIn(text: string): string[];
  idsOf(title: string): string[];
  needsTest(id: string, state: string): boolean;
}

let finder: Finder;
before(async () => {
  const path = join(process.cwd(), 'scripts', 'lib', 'capabilities.js');
  finder = (await import(pathToFileURL(path).href)) as Finder;
});

// Pieces, so that this file is not itself taken for a test of these capabilities.
const C41 = ['C', '41'].join('');
const L7 = ['L', '7'].join('');

describe('the ids of capabilities', () => {
  it('are found in every kind of quotes, with quotes of other kinds and escapes inside', () => {
    const text = `test('${C41} it\\'s "so"', f); test("${C41} it's", f); it(\`${C41} a \${b} c\`, f);`;
    assert.deepEqual(finder.titlesIn(text), [`${C41} it's "so"`, `${C41} it's`, `${C41} a \${b} c`]);
  });

  it('are only found at the start of a string', () => {
    assert.deepEqual(finder.titlesIn(`test('as ${C41} says', f); // ${C41} here`), []);
    assert.deepEqual(finder.titlesIn(`test('RFC 9000 §8.1 as ${C41}', f); const a = '${C41}';`), []);
  });

  it('are all taken when there are several', () => {
    assert.deepEqual(finder.idsOf(`${C41} ${L7} a sentence with ${C41}`), [C41, L7]);
    assert.deepEqual(finder.idsOf(`${C41}, ${L7}: a sentence`), [C41, L7]);
    assert.deepEqual(finder.idsOf('a sentence'), []);
  });
});

describe('the checklist', () => {
  it('wants a test for what is done, and for every id of a whole area that is not put off', () => {
    const needs = (id: string, state: string) => finder.needsTest(id, state);
    assert.deepEqual(
      ['done', 'partial', 'missing', 'later'].map((state) => needs(C41, state)),
      [true, true, true, false],
    );
    assert.deepEqual(
      ['done', 'partial', 'missing', 'later'].map((state) => needs(L7, state)),
      [true, false, false, false],
    );
  });
});
