import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { type ConnectOptions, connect } from '../../src/index.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { type CliServer, runCli, startCliServer, temporaryFolder } from '../support/cli.ts';

const identity = makeTestIdentity();

/** Whether the session was resumed, and a new one. */
async function visit(
  server: CliServer,
  session?: Uint8Array,
): Promise<[isResumed: boolean, session: Uint8Array]> {
  let onSession: (session: Uint8Array) => void = () => {};
  const coming = new Promise<Uint8Array>((resolve) => {
    onSession = resolve;
  });
  const options: ConnectOptions = { alpn: 'echo', ca: identity.caPem, serverName: 'localhost', onSession };
  const connection = await connect(
    { host: '127.0.0.1', port: server.port },
    { ...options, ...(session === undefined ? {} : { session }) },
  );
  await connection.opened;
  const next = await coming;
  const { isResumed } = connection;
  await connection.close();
  return [isResumed, next];
}

/** Resolves when the program has said this on stderr. */
function warned({ child }: CliServer, pattern: RegExp): Promise<void> {
  return new Promise((resolve) => {
    let text = '';
    child.stderr?.on('data', (piece: Buffer) => {
      text += piece.toString();
      if (pattern.test(text)) resolve();
    });
  });
}

test('L88 serve --keys resumes the sessions of other servers, reads the file again, and keeps the last good keys', async (t) => {
  const cwd = temporaryFolder(t);
  const file = join(cwd, 'keys');
  const [old, next] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
  const write = (...lines: string[]): void => writeFileSync(file, `# of the fleet\n\n${lines.join('\n')}\n`);
  write(old);
  writeFileSync(join(cwd, 'cert.pem'), identity.certPem);
  writeFileSync(join(cwd, 'key.pem'), identity.keyPem);
  const args = ['serve', '--address', '127.0.0.1', '--cert', 'cert.pem', '--key', 'key.pem', '--keys', file];
  const first = await startCliServer(t, args, { cwd });
  const [, ofOld] = await visit(first);
  const second = await startCliServer(t, args, { cwd });
  assert.equal((await visit(second, ofOld))[0], true);
  const read = warned(second, /read the keys of .* again/);
  write(next, old);
  await read;
  const [isResumed, ofNext] = await visit(second, (await visit(second))[1]);
  assert.equal(isResumed, true);
  const kept = warned(
    second,
    /--keys .*: line 3 has not 64 hexadecimal digits; the keys of before stay in use/,
  );
  write('secret-that-nobody-should-read');
  await kept;
  assert.equal((await visit(second, ofNext))[0], true);
  second.child.kill('SIGKILL');
  const { stderr } = await second.result;
  assert.doesNotMatch(stderr, /secret-that/);
});

test('L63 serve refuses ids, keys and stores that cannot be, each with its reason', async (t) => {
  const cwd = temporaryFolder(t);
  writeFileSync(join(cwd, 'empty'), '# none\n');
  writeFileSync(join(cwd, 'short'), 'abcd\n');
  for (const [args, message] of [
    [['--keys', 'nowhere'], /--keys nowhere: ENOENT/],
    [['--keys', 'empty'], /--keys empty: it has no key; "openssl rand -hex 32" makes one/],
    [['--keys', 'short'], /--keys short: line 1 has not 64 hexadecimal digits/],
    [['--redis', 'redis://localhost'], /--redis is of use with --early-data only/],
    [['--early-data', '--redis', 'localhost'], /--redis localhost: allowed are redis:\/\/host:port/],
    [['--rotation', '3'], /need --server-id <hex>/],
    [['--server-id', '11', '--cid', 'aws-nlb'], /8 for an AWS NLB/],
    [['--server-id', '11'.repeat(15), '--nonce-length', '18'], /<= 20 bytes/],
  ] as [string[], RegExp][]) {
    const { code, stderr } = await runCli(['serve', '--port', '0', ...args], { cwd });
    assert.match(stderr, message);
    assert.equal(code, 2, stderr);
  }
});
