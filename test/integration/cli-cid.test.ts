import assert from 'node:assert/strict';
import test from 'node:test';
import { runCli } from '../support/cli.ts';

const KEY = '8f95f09245765f80256934e50c66207f';

test('L65 cid decode shows rotation and length without a key, and the server id with its layout', async () => {
  const seen = await runCli(['cid', 'decode', '07c4605e4504cc4f']);
  assert.match(
    seen.stdout,
    /rotation +0\nlow 5 bits +7, the length of what follows\nserver id +\? say its length/,
  );
  const plain = await runCli([
    'cid',
    'decode',
    '07c4605e4504cc4f',
    '--server-id-length',
    '3',
    '--nonce-length',
    '4',
  ]);
  assert.match(plain.stdout, /server id +c4605e\nnonce +4504cc4f\n/);
  const layout = ['--server-id-length', '3', '--nonce-length', '4', '--cid-key', KEY, '--json'];
  const hidden = JSON.parse((await runCli(['cid', 'decode', '0720b1d07b359d3c', ...layout])).stdout);
  assert.deepEqual([hidden.serverId, hidden.nonce, hidden.isRoutable], ['ed793a', 'ee080dbf', true]);
  const none = await runCli(['cid', 'decode', 'e7c4605e4504cc4f']);
  assert.match(none.stdout, /rotation +7: no balancer can route it/);
});

test('L64 cid generate makes ids that decode reads back, for each preset', async () => {
  for (const [preset, serverId] of [
    ['quic-lb', '0a0b'],
    ['aws-nlb', '1122334455667788'],
    ['katran', '0a0b0c'],
    ['envoy', '0102030405'],
  ]) {
    const options = ['--cid', preset, '--server-id', serverId];
    const made = await runCli(['cid', 'generate', ...options, '-n', '3']);
    const ids = made.stdout.trim().split('\n');
    assert.equal(new Set(ids).size, 3, made.stderr);
    const read = await runCli(['cid', 'decode', ids[0], ...options, '--json']);
    assert.equal(JSON.parse(read.stdout).serverId, serverId);
  }
});

test('L63 cid refuses what cannot be, each with its reason, as wrong use', async () => {
  for (const [args, message] of [
    [['decode', 'zz'], /'id' must be pairs of hexadecimal digits/],
    [['decode', '12', '--rotation', '3'], /needs --server-id-length/],
    [['generate'], /needs --server-id/],
    [['generate', '--server-id', '11', '--nonce-length', '3'], /whole numbers from 4 to 18/],
    [['generate', '--server-id', '11', '--rotation', '7'], /whole numbers from 0 to 6/],
    [['generate', '--server-id', '11'.repeat(16)], /"serverIdLength".*Received 16/],
    [['generate', '--server-id', '11'.repeat(12), '--nonce-length', '9'], /<= 20 bytes/],
    [['generate', '--server-id', '11', '--cid-key', '11'], /"key.length".*Received 1/],
    [['generate', '--server-id', '11', '--cid', 'aws-nlb'], /8 for an AWS NLB. Received 1/],
    [['generate', '--server-id', '11', '--cid', 'f5'], /Allowed choices are quic-lb, aws-nlb, katran, envoy/],
  ] as [string[], RegExp][]) {
    const { code, stderr } = await runCli(['cid', ...args]);
    assert.match(stderr, message);
    assert.match(stderr, /^quayside: [^\n]+\n$/);
    assert.equal(code, 2);
  }
});
