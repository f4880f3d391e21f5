/** What a group does with connections: the same tests, unmodified, against the four kinds of listeners. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import type { GroupAddress } from '../../src/group.ts';
import { clientOf, KINDS, lost, readAll, targetOf } from '../support/group-kinds.ts';
import { echo, listenOn, makeGroup, talk, until } from '../support/group-stage.ts';

for (const kind of KINDS) {
  test(`G31 ${kind}: 200 connections at once are handled, each once, and are gone afterwards`, async (t) => {
    const group = makeGroup(t);
    const address = await listenOn(group, kind);
    const ids = new Set<number>();
    group.on('connected', ({ connectionId }) => ids.add(connectionId));
    const clients = await Promise.all(Array.from({ length: 200 }, () => clientOf(kind, address)));
    const answers = await Promise.all(clients.map(({ stream }, i) => talk(stream, `number ${i}`)));
    assert.deepEqual(
      answers,
      clients.map((_, i) => `number ${i}`),
    );
    assert.equal(group.connections().length, 200);
    assert.equal(group.listeners()[0]?.connections, 200);
    assert.equal(ids.size, 200);
    await Promise.all(clients.map((client) => client.close()));
    await until(() => group.connections().length === 0);
  });

  test(`G21 ${kind}: killing one connection leaves the others`, async (t) => {
    const group = makeGroup(t);
    const address = await listenOn(group, kind);
    const [one, other] = [await clientOf(kind, address), await clientOf(kind, address)];
    await talk(one.stream, 'one');
    const [victim] = group.connections();
    await talk(other.stream, 'other');
    const closed = lost(one.stream);
    assert.equal(await group.killConnection(victim?.id ?? -1), true);
    assert.deepEqual(
      group.connections().map(({ id }) => id === victim?.id),
      [false],
    );
    await closed;
    assert.equal(await talk(other.stream, 'still here'), 'still here');
    assert.equal(await group.killConnection(victim?.id ?? -1), false);
    await other.close();
  });

  test(`G20 G32 ${kind}: a listener can be killed and its connections kept`, async (t) => {
    const unbound: unknown[] = [];
    const group = makeGroup(t, { unbound: (id) => void unbound.push(id) });
    const address = await listenOn(group, kind);
    const client = await clientOf(kind, address);
    await talk(client.stream, 'a');
    assert.equal(await group.killListener(kind), true);
    assert.deepEqual(unbound, [kind]);
    assert.deepEqual([group.hasListener(kind), group.listeners().length], [false, 0]);
    assert.deepEqual(
      group.connections().map(({ isOrphan, listenerId }) => [isOrphan, listenerId]),
      [[true, kind]],
    );
    assert.equal(await talk(client.stream, 'still here'), 'still here');
    await assert.rejects(clientOf(kind, address).then(({ stream }) => talk(stream, 'x')));
    client.stream.end();
    await readAll(client.stream);
    await client.close();
    await until(() => group.connections().length === 0);
    assert.equal(await group.killListener(kind), false);
  });

  test(`G20 G32 ${kind}: a listener can be killed with its connections, and its address is free then`, async (t) => {
    const group = makeGroup(t);
    const address = await listenOn(group, kind);
    const client = await clientOf(kind, address);
    await talk(client.stream, 'a');
    const closed = lost(client.stream);
    const killed = group.killListener(kind, { killConnections: true });
    // Until it is over, the listener of its connections is there.
    for (const { listenerId } of group.connections()) assert.ok(group.hasListener(listenerId));
    assert.equal(await killed, true);
    assert.deepEqual([group.listeners(), group.connections()], [[], []]);
    await closed;
    const again = await group.addListener({
      id: 'again',
      listener: { ...targetOf(kind), ...placeOf(address) },
    });
    assert.deepEqual(again, address);
    const next = await clientOf(kind, address);
    assert.equal(await talk(next.stream, 'again'), 'again');
    await next.close();
  });

  test(`G22 ${kind}: shutdown during load ends every connection and every handler`, async (t) => {
    let running = 0;
    const group = makeGroup(t, {
      connected: () => ({
        handler: {
          async run(stream) {
            running++;
            try {
              await echo(stream);
            } finally {
              running--;
            }
          },
        },
      }),
    });
    const address = await listenOn(group, kind);
    const clients = await Promise.all(Array.from({ length: 20 }, () => clientOf(kind, address)));
    const closed = clients.map(({ stream }) => lost(stream));
    for (const { stream } of clients) stream.on('data', (chunk) => stream.write(chunk)).write('ping');
    await until(() => running === 20);
    // One more knocks while the group goes down.
    const late = clientOf(kind, address).catch(() => null);
    await Promise.all([group.shutdown(), group.shutdown()]);
    assert.deepEqual([running, group.connections(), group.listeners()], [0, [], []]);
    await Promise.all(closed);
    (await late)?.stream.destroy();
  });

  test(`G22 ${kind}: a graceful shutdown lets connections finish`, async (t) => {
    let closing = false;
    const group = makeGroup(t, {
      connected: () => ({
        handler: {
          async run(stream, context) {
            context.closing.addEventListener('abort', () => {
              closing = true;
            });
            await echo(stream);
          },
        },
      }),
    });
    const address = await listenOn(group, kind);
    const client = await clientOf(kind, address);
    await talk(client.stream, 'a');
    const done = group.shutdown({ drain: 60_000 });
    assert.equal(closing, true);
    assert.equal(await talk(client.stream, 'to the end'), 'to the end');
    client.stream.end('and the last');
    assert.equal(await readAll(client.stream), 'and the last');
    client.stream.destroy();
    await done;
  });

  test(`G22 ${kind}: a deadline ends a graceful shutdown`, async (t) => {
    const group = makeGroup(t);
    const address = await listenOn(group, kind);
    const client = await clientOf(kind, address);
    await talk(client.stream, 'a');
    const closed = lost(client.stream);
    await group.shutdown({ drain: 50 });
    await closed;
  });

  test(`G37 ${kind}: a process ends by itself after shutdown`, async () => {
    const child = spawn(process.execPath, [CHILD, kind], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += chunk;
    });
    const [code, signal] = await once(child, 'close');
    assert.deepEqual([code, signal, said], [0, null, 'served\nshut down\n']);
  });
}

function placeOf(address: GroupAddress): object {
  return 'path' in address ? address : { address: address.address, port: address.port };
}

/** Beside the support files, compiled or not. */
const CHILD = fileURLToPath(
  new URL(`../support/group-child.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);
