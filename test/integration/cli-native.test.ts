import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { loadNative } from '../../src/runtime/native.ts';
import { runCli, temporaryFolder } from '../support/cli.ts';

const noCompiler = spawnSync('cc', ['--version']).status === 0 ? false : 'no C compiler here';

test('native build compiles an addon that loads, and leaves nothing else behind', {
  skip: noCompiler,
}, async (t) => {
  const cwd = temporaryFolder(t);
  const result = await runCli(['native', 'build', '--output', 'deep/er/quayside.node'], { cwd });
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, `${join(cwd, 'deep/er/quayside.node')}\n`);
  assert.deepEqual(readdirSync(join(cwd, 'deep/er')), ['quayside.node']);
  assert.equal(loadNative(join(cwd, 'deep/er/quayside.node')).state, 'loaded');
});

test('native build without a compiler says which one was called and what helps', async (t) => {
  const cwd = temporaryFolder(t);
  const env = { CC: join(cwd, 'no-compiler') };
  const result = await runCli(['native', 'build', '--output', 'quayside.node'], { cwd, env });
  assert.equal(result.code, 1);
  assert.match(
    result.stderr,
    /^quayside: The C compiler ".*no-compiler" does not run .*apt-get install gcc.*CC\n$/,
  );
  assert.equal(existsSync(join(cwd, 'quayside.node')), false);
});

test('native build with a compiler that fails says what it said', async (t) => {
  const cwd = temporaryFolder(t);
  const result = await runCli(['native', 'build', '--output', 'quayside.node'], {
    cwd,
    env: { CC: 'false' },
  });
  assert.equal(result.code, 1);
  assert.match(result.stderr, /^quayside: false could not build the addon/);
  assert.deepEqual(readdirSync(cwd), []);
});
