import assert from 'node:assert/strict';
import test from 'node:test';
import type { Examination } from '../../src/cli/doctor/examine.ts';
import { runCli } from '../support/cli.ts';
import { withoutNative } from '../support/native.ts';

async function doctor(env: Record<string, string> = {}): Promise<Examination> {
  const { code, stdout, stderr } = await runCli(['doctor', '--json'], { env });
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return JSON.parse(stdout) as Examination;
}

function finding(examination: Examination, name: string) {
  const found = examination.findings.find((each) => each.name === name);
  assert.ok(found, `a finding "${name}"`);
  return found;
}

test('doctor without the addon says that the portable path runs, why, and what to do', async () => {
  const examination = await doctor({ QUAYSIDE_NATIVE: '0' });
  assert.equal(examination.backend, 'dgram');
  assert.equal(examination.node, process.version);
  for (const name of [
    'addon',
    'packet protection',
    'sockets',
    'joined sending (GSO)',
    'ECN',
    'MTU discovery',
  ]) {
    const { good, fix } = finding(examination, name);
    assert.deepEqual([good, fix], [false, 'unset QUAYSIDE_NATIVE'], name);
  }
  assert.match(finding(examination, 'addon').value, /QUAYSIDE_NATIVE=0/);
  assert.match(finding(examination, 'MTU discovery').value, /1452/);
  assert.equal(finding(examination, 'a batch over the loopback').good, true);
});

test('doctor with an addon that cannot be loaded says which file and why', async () => {
  const { findings } = await doctor({ QUAYSIDE_NATIVE: '/nowhere/quayside.node' });
  const { good, value, fix } = findings[0];
  assert.deepEqual([good, fix], [false, 'npx quayside native build']);
  assert.match(value, /\/nowhere\/quayside\.node/);
});

test('doctor with the addon finds the native path, its sockets and what the system grants', {
  skip: withoutNative,
}, async () => {
  const examination = await doctor();
  assert.equal(examination.backend, 'native');
  for (const name of [
    'addon',
    'packet protection',
    'sockets',
    'joined sending (GSO)',
    'joined receiving (GRO)',
    'ECN',
    'packet information',
    'steering by connection id',
    'shared ports',
    'MTU discovery',
    'a batch over the loopback',
  ])
    assert.deepEqual(finding(examination, name).fix, '', name);
  assert.match(finding(examination, 'receive buffer').value, /^\d+ of 4194304 bytes$/);
  assert.match(finding(examination, 'a batch over the loopback').value, /^10 of 10 .* 10 with/);
});

test('doctor prints a line for each finding, and a fix below what lacks', async () => {
  const { stdout } = await runCli(['doctor'], { env: { QUAYSIDE_NATIVE: '0' } });
  assert.match(stdout, /^quayside \S+, Node\.js v\S+, OpenSSL \S+/);
  assert.match(stdout, /^! addon +not used: .*\n +→ unset QUAYSIDE_NATIVE$/m);
});
