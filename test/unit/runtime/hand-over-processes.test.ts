import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect, type QuicConnection } from '../../../src/index.ts';
import { dgramSockets } from '../../../src/udp/dgram-socket.ts';

const skip = dgramSockets.capabilities.reusePort ? false : 'no reusePort in this Node or kernel';
const ENDING = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const CHILD = fileURLToPath(new URL(`../../support/hand-over-child.${ENDING}`, import.meta.url));

/** Which process the connection is with, asked over a stream. */
async function ownerOf(connection: QuicConnection): Promise<string> {
  const stream = await connection.createBidirectionalStream();
  void stream.end();
  let answer = '';
  for await (const bytes of stream) answer += new TextDecoder().decode(bytes);
  return answer;
}

async function ask(child: ChildProcess): Promise<{ foreign: number; lost: number; connections: number }> {
  child.send('numbers');
  const [numbers] = await once(child, 'message');
  return numbers;
}

test('L80 listeners of two processes serve one port: clients that move stay with their process', {
  skip,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quayside-hand-over-'));
  const children: ChildProcess[] = [];
  const connections: QuicConnection[] = [];
  t.after(async () => {
    await Promise.all(connections.map((connection) => connection.close()));
    for (const child of children) {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    }
    rmSync(folder, { recursive: true, force: true });
  });
  const start = async (port: number, shard: number): Promise<{ port: number; caPem: string }> => {
    const child = fork(CHILD, [String(port), String(shard), folder]);
    children.push(child);
    const [ready] = await once(child, 'message');
    return ready;
  };
  const first = await start(0, 0);
  const second = await start(first.port, 1);
  for (let i = 0; i < 8; i++) {
    const options = { alpn: 'test', ca: [first.caPem, second.caPem], serverName: 'localhost' };
    connections.push(await connect({ host: '127.0.0.1', port: first.port }, options));
  }
  const owners = await Promise.all(connections.map(ownerOf));
  for (let round = 0; round < 4; round++) {
    for (const [i, connection] of connections.entries()) {
      await connection.migrate();
      assert.equal(await ownerOf(connection), owners[i]);
    }
  }
  const [a, b] = await Promise.all(children.map(ask));
  assert.equal(a.connections + b.connections, 8);
  assert.ok(a.foreign + b.foreign > 0, 'some datagrams came to the wrong process');
  assert.deepEqual([a.lost, b.lost], [0, 0]);
});
