/** What a stream of a group can do: the same tests, unmodified, against the four kinds of listeners. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import test, { type TestContext } from 'node:test';
import { type GroupAddress, type GroupHandler, ListenGroup } from '../../src/group.ts';
import { defer } from '../../src/runtime/deferred.ts';
import { clientOf, KINDS, readAll, targetOf } from '../support/group-kinds.ts';

for (const kind of KINDS) {
  test(`G15 ${kind}: a client connects, is handled, and its facts are told`, async (t) => {
    const { group, address } = await started(t, kind, echo);
    const infos: unknown[] = [];
    group.on('connected', (info) => infos.push(info));
    const client = await clientOf(kind, address);
    assert.equal(await talk(client.stream, 'hello'), 'hello');
    assert.equal(infos.length, 1);
    const [snapshot] = group.connections();
    assert.equal(snapshot?.kind, kind);
    assert.deepEqual(snapshot?.localAddress, address);
    const isSecure = kind === 'tls' || kind === 'quic';
    assert.equal(snapshot?.alpn, isSecure ? 'test' : null);
    assert.match(String(snapshot?.cipher), isSecure ? /^TLS_(AES|CHACHA20)_/ : /^null$/);
    await client.close();
  });

  test(`${kind}: an echo gives every byte back`, async (t) => {
    const { address } = await started(t, kind, echo);
    const client = await clientOf(kind, address);
    const sent = Buffer.from(new Uint8Array(1_000_000).map((_, i) => i * 7));
    client.stream.end(sent);
    const received: Buffer[] = [];
    client.stream.on('data', (chunk) => received.push(chunk));
    await once(client.stream, 'end');
    assert.ok(Buffer.concat(received).equals(sent));
    await client.close();
  });

  test(`${kind}: a stream can be half closed by either side`, async (t) => {
    // The server ends its side first, and reads on; then the client ends, and its text arrives whole.
    const heard = defer<string>();
    const { address } = await started(t, kind, async (stream) => {
      await once(stream, 'readable');
      stream.end('from the server');
      heard.resolve(await text(stream));
    });
    const client = await clientOf(kind, address);
    client.stream.write('from ');
    assert.equal(await readAll(client.stream), 'from the server');
    client.stream.write('the ');
    client.stream.end('client');
    assert.equal(await heard.promise, 'from the client');
    await client.close();
  });

  test(`${kind}: a client that ends its side first still gets the answer`, async (t) => {
    const { address } = await started(t, kind, async (stream) => {
      const asked = await text(stream);
      stream.end(`you said ${asked}`);
    });
    const client = await clientOf(kind, address);
    client.stream.end('all of it');
    assert.equal(await readAll(client.stream), 'you said all of it');
    await client.close();
  });

  test(`${kind}: a slow reader holds the writer`, async (t) => {
    let written = 0;
    const held = defer<void>();
    const { address } = await started(t, kind, async (stream) => {
      await once(stream, 'readable');
      const chunk = Buffer.alloc(65_536, 7);
      while (written < LARGE) {
        written += chunk.length;
        if (stream.write(chunk)) continue;
        const drained = once(stream, 'drain');
        // No room for a while: that is what the test waits for.
        const timer = setTimeout(() => held.resolve(), 300);
        await drained;
        clearTimeout(timer);
      }
      stream.end();
    });
    const client = await clientOf(kind, address);
    client.stream.write('go');
    await held.promise;
    const atRest = written;
    assert.ok(atRest < LARGE, `${atRest} bytes were written before anybody read`);
    let read = 0;
    for await (const chunk of client.stream) read += chunk.length;
    assert.equal(read, written);
    assert.ok(read > atRest);
    await client.close();
  });

  test(`${kind}: a client that vanishes ends its own connection, and is told apart from one that leaves`, async (t) => {
    const errors: (Error | null)[] = [];
    const { group, address } = await started(t, kind, echo, 3000);
    group.on('disconnected', (_info, _data, error) => errors.push(error));
    const other = await clientOf(kind, address);
    assert.equal(await talk(other.stream, 'a'), 'a');
    const client = await clientOf(kind, address);
    assert.equal(await talk(client.stream, 'b'), 'b');
    const gone = once(group, 'disconnected');
    client.vanish();
    // Only traffic keeps the connection of the other one: QUIC members have a short idle timeout here.
    const timer = setInterval(() => other.stream.write('.'), 500);
    await gone;
    clearInterval(timer);
    // The peer of a Unix socket closes, whatever becomes of it.
    assert.equal(errors[0] === null, kind === 'unix');
    assert.equal(group.connections().length, 1);
    other.stream.end();
    await readAll(other.stream);
    await other.close();
  });
}

/** More than the buffers of any kind take. */
const LARGE = 24 * 1024 * 1024;

async function echo(stream: Duplex): Promise<void> {
  for await (const chunk of stream) if (!stream.write(chunk)) await once(stream, 'drain');
}

async function talk(stream: Duplex, words: string): Promise<string> {
  stream.write(words);
  const [chunk] = await once(stream, 'data');
  stream.pause();
  return String(chunk);
}

async function started(
  t: TestContext,
  kind: (typeof KINDS)[number],
  run: (stream: Duplex) => Promise<void>,
  maxIdleTimeout?: number,
): Promise<{ group: ListenGroup<string>; address: GroupAddress }> {
  const handler: GroupHandler<string> = {
    connected: () => ({ handler: { run } }),
    errored: (error) => assert.fail(error as Error),
  };
  const group = new ListenGroup<string>(handler);
  t.after(() => group.shutdown());
  const address = await group.addListener({ id: kind, listener: targetOf(kind, maxIdleTimeout) });
  return { group, address: address as GroupAddress };
}
