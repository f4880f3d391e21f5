import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';

/** What the checker offers: plain JavaScript in `scripts/`, so it is loaded by its path. */
interface Checker {
  checkFile(path: string, text: string): string[];
}

let checker: Checker;
before(async () => {
  const path = join(process.cwd(), 'scripts', 'lib', 'floors.js');
  checker = (await import(pathToFileURL(path).href)) as Checker;
});

/** A file, its text, and what the one complaint about it must contain. */
const violations: readonly (readonly [string, string, string, RegExp])[] = [
  [
    'a higher floor',
    'src/wire/a.ts',
    "import { b } from '../crypto/b.ts';",
    /:1 .*floor 4 is a higher floor/,
  ],
  ['a neighbour', 'src/tls/a.ts', "\nimport type { b } from '../recovery/b.ts';", /:2 .*neighbour/],
  ['a re-export from above', 'src/util/a.ts', "export * from '../wire/b.ts';", /higher floor/],
  ['a dynamic import', 'src/wire/a.ts', "const b = import('../tls/b.ts');", /higher floor/],
  ['a type import in an expression', 'src/wire/a.ts', "type B = import('../tls/b.ts').B;", /higher floor/],
  ['errors.ts from its neighbour', 'src/errors.ts', "import { b } from './util/b.ts';", /neighbour/],
  ['another file of udp in sim', 'src/sim/a.ts', "import { b } from '../udp/dgram-socket.ts';", /neighbour/],
  ['routing from udp', 'src/udp/a.ts', "import { b } from '../routing/b.ts';", /neighbour/],
  ['an entry file', 'src/runtime/a.ts', "import { b } from '../core.ts';", /entry file/],
  ['a room in the command line', 'src/cli/a.ts', "import { b } from '../runtime/b.ts';", /entry files only/],
  ['an unknown room', 'src/attic/a.ts', '', /no room/],
  ['code in an entry file', 'src/index.ts', 'export const a = 1;', /only re-exports/],
  ['an import in an entry file', 'src/core.ts', "import { a } from './wire/a.ts';", /only re-exports/],
  ['a package in an entry file', 'src/core.ts', "export { a } from 'a';", /re-exports rooms only/],
  ['a module of Node.js', 'src/connection/a.ts', "import { b } from 'node:events';", /no modules/],
  ['a package', 'src/tls/a.ts', "import { b } from 'b';", /no modules/],
  ['a file outside', 'src/sim/a.ts', "import { b } from '../../test/b.ts';", /outside/],
  ['Date', 'src/connection/a.ts', 'const now = Date.now();', /uses Date/],
  ['Date as a type', 'src/tls/a.ts', 'let at: Date;', /uses Date/],
  ['performance', 'src/recovery/a.ts', 'const now = performance.now();', /uses performance/],
  ['process', 'src/crypto/a.ts', 'const e = process.env;', /uses process/],
  ['Buffer', 'src/wire/a.ts', 'const b = Buffer.alloc(1);', /uses Buffer/],
  ['a timer', 'src/util/a.ts', 'setTimeout(() => {}, 1);', /uses setTimeout/],
  ['Math.random', 'src/recovery/a.ts', 'const r = Math.random();', /uses Math.random/],
  ['a global by another way', 'src/wire/a.ts', 'const p = globalThis.process;', /uses globalThis/],
  ['a shorthand property', 'src/wire/a.ts', 'const p = { process };', /uses process/],
];

const allowed: readonly (readonly [string, string, string])[] = [
  ['a lower floor', 'src/connection/a.ts', "import { b } from '../tls/b.ts';"],
  ['the same room', 'src/connection/streams/a.ts', "import { b } from '../path.ts';"],
  ['routing in sim', 'src/sim/a.ts', "import { b } from '../routing/b.ts';"],
  ['the socket interface in sim', 'src/sim/a.ts', "import type { b } from '../udp/socket.ts';"],
  ['node:crypto in its provider', 'src/crypto/node-a.ts', "import { b } from 'node:crypto';"],
  [
    'the platform from floor 7 on',
    'src/udp/a.ts',
    "import { b } from 'node:dgram'; setTimeout(b, Date.now());",
  ],
  [
    'an entry file in the command line',
    'src/cli/a.ts',
    "import { b } from '../index.ts'; import 'commander';",
  ],
  [
    're-exports in an entry file',
    'src/core.ts',
    "export { a } from './wire/a.ts'; export * from './errors.ts';",
  ],
  ['errors.ts, which is no entry', 'src/errors.ts', 'export const a = 1;'],
  [
    'words in comments and strings',
    'src/wire/a.ts',
    "// Date.now()\nconst a = 'process'; const b = `Buffer`;",
  ],
  ['properties of the same name', 'src/wire/a.ts', 'const a = { process: 1 }; a.process; Math.max(1);'],
  ['own names', 'src/wire/a.ts', 'function f(crypto: number) { return crypto; }'],
];

describe('the check of the floors', () => {
  for (const [name, path, text, message] of violations) {
    it(`refuses ${name}`, () => {
      const faults = checker.checkFile(path, text);
      assert.equal(faults.length, 1, faults.join('\n'));
      assert.match(faults[0] ?? '', message);
      assert.ok(faults[0]?.startsWith(path));
    });
  }
  for (const [name, path, text] of allowed) {
    it(`allows ${name}`, () => assert.deepEqual(checker.checkFile(path, text), []));
  }
});
