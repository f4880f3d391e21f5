/** Compiles what changed and runs the benchmarks: `npm run bench [-- option …]`. Options go to `bench/main.ts`. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { compile, stateOf, tests } from './lib/compile.js';
import { withLock } from './lib/lock.js';
import { root } from './lib/root.js';
import { setUp } from './setup.js';

try {
  setUp();
  if (!existsSync(join(root, 'bench/main.ts'))) throw new Error('there is no bench/main.ts');
  const errors = withLock(
    join(root, 'build', '.test-lock'),
    () => process.stderr.write('quayside: another process compiles the tests, waiting for it\n'),
    () => {
      const state = stateOf(tests);
      return state.fresh ? state.errors : compile(tests, state.signature);
    },
  );
  if (errors) process.stderr.write(`bench: types are wrong, first of all:\n  ${errors.split('\n', 1)[0]}\n`);
  const { status } = spawnSync(
    process.execPath,
    ['--enable-source-maps', 'build/bench/main.js', ...process.argv.slice(2)],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
  process.exitCode = status ?? 1;
} catch (error) {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
}
