import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { ListenerKind } from '../../src/group.ts';
import { type RunningExample, startExample } from '../support/examples.ts';
import { clientOf, KINDS, readAll, type TestClient } from '../support/group-kinds.ts';

const noUnix = process.platform === 'win32' ? 'Windows has no Unix socket listeners' : false;

test('the echo example echoes on four kinds, and ends', { skip: noUnix }, async (t) => {
  const example = await startExample(t, 'echo.js');
  for (const kind of KINDS) {
    const client = await clientFor(example, kind, 'echo');
    client.stream.end('around');
    assert.equal(await readAll(client.stream), 'around');
    await client.close();
  }
  assert.equal(await example.stop(), 0);
});

test('G35 the example of contexts finds that of each listener, unmodified on four kinds', {
  skip: noUnix,
}, async (t) => {
  const example = await startExample(t, 'per-listener-context.js');
  for (const round of [1, 2]) {
    for (const [i, kind] of KINDS.entries()) {
      const client = await clientFor(example, kind, 'greet');
      client.stream.write('Ada\n');
      assert.equal(
        await readAll(client.stream),
        `welcome to listener ${i + 1}, Ada: number ${round} over ${kind}\n`,
      );
      await client.close();
    }
  }
  assert.equal(await example.stop(), 0);
});

function clientFor(
  { addresses, cwd }: RunningExample,
  kind: ListenerKind,
  alpn: string,
): Promise<TestClient> {
  const ca = readFileSync(join(cwd, '.quayside', 'dev-cert.pem'), 'utf8');
  const address = addresses.get(kind);
  assert.ok(address !== undefined, kind);
  return clientOf(kind, address, { ca, alpn });
}
