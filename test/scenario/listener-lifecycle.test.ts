import assert from 'node:assert/strict';
import test from 'node:test';
import {
  type ListenerState,
  listen,
  type QuicConnection,
  QuicEndpoint,
  type QuicListener,
} from '../../src/index.ts';
import { LISTENER_TRANSITIONS } from '../../src/listener/listener-state.ts';
import { ListenerStage } from '../support/listener-stage.ts';

/** A listener in one of its states. `finish` ends what holds it there. */
interface Staged {
  stage: ListenerStage;
  listener: QuicListener;
  finish: () => void;
  /** With `withQueued`, a connection that waits to be accepted. */
  client: QuicConnection | null;
}

/** Brings a listener into a state; with `withQueued`, with one connection in its queue. */
async function staged(state: ListenerState, withQueued = false): Promise<Staged> {
  const stage = new ListenerStage();
  let finish = () => {};
  const held = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const resolveServer = async ({ serverName }: { serverName: string | null }) => {
    if (serverName === 'slow.example') await held;
    return null;
  };
  const listener = stage.listener({ resolveServer });
  const result: Staged = { stage, listener, finish, client: null };
  if (state === 'open') return result;
  await stage.until(listener.start());
  if (withQueued) result.client = await stage.connect();
  if (state === 'starting') {
    await stage.until(listener.stop());
    void listener.start().catch(() => {});
  }
  if (state === 'stopping') {
    void stage.connect({ serverName: 'slow.example' }).catch(() => {});
    await stage.run(50);
    void listener.stop();
  }
  if (state === 'stopped') await stage.until(listener.stop());
  if (state === 'closed') await stage.until(listener.close());
  assert.equal(listener.state, state);
  return result;
}

/** What a call does: its value's kind, or the code of its error; 'waits' if neither comes soon. */
async function outcome(stage: ListenerStage, call: () => unknown): Promise<string> {
  let result = 'waits';
  try {
    const value = call();
    if (value instanceof Promise) {
      value.then(
        (settled) => {
          result = settled === undefined ? 'done' : 'connection';
        },
        (error) => {
          result = error.code;
        },
      );
      await stage.run(30);
      return result;
    }
    return value === null ? 'null' : typeof value === 'object' ? 'value' : String(value);
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const NOT_STARTED = 'ERR_QUIC_LISTENER_NOT_STARTED';
const ALREADY = 'ERR_QUIC_LISTENER_ALREADY_STARTED';
const FINISHED = 'ERR_QUIC_LISTENER_FINISHED';

/** Every cell of the table of states: call by state. */
const TABLE: Record<string, Record<ListenerState, string>> = {
  start: {
    open: 'done',
    starting: ALREADY,
    started: ALREADY,
    stopping: ALREADY,
    stopped: 'done',
    closed: FINISHED,
  },
  'accept, nothing queued': {
    open: NOT_STARTED,
    starting: NOT_STARTED,
    started: 'waits',
    stopping: 'waits',
    stopped: FINISHED,
    closed: FINISHED,
  },
  'accept, one queued': {
    open: NOT_STARTED,
    starting: 'connection',
    started: 'connection',
    stopping: 'connection',
    stopped: 'connection',
    closed: FINISHED,
  },
  tryAccept: {
    open: 'null',
    starting: 'null',
    started: 'null',
    stopping: 'null',
    stopped: 'null',
    closed: 'null',
  },
  'tryAccept, one queued': {
    open: 'null',
    starting: 'value',
    started: 'value',
    stopping: 'value',
    stopped: 'value',
    closed: 'null',
  },
  stop: {
    open: NOT_STARTED,
    starting: NOT_STARTED,
    started: 'done',
    stopping: 'waits',
    stopped: 'done',
    closed: 'done',
  },
  address: {
    open: NOT_STARTED,
    starting: NOT_STARTED,
    started: 'value',
    stopping: 'value',
    stopped: NOT_STARTED,
    closed: NOT_STARTED,
  },
  port: {
    open: NOT_STARTED,
    starting: NOT_STARTED,
    started: '4433',
    stopping: '4433',
    stopped: NOT_STARTED,
    closed: NOT_STARTED,
  },
  close: {
    open: 'done',
    starting: 'done',
    started: 'done',
    stopping: 'done',
    stopped: 'done',
    closed: 'done',
  },
};

const CALLS: Record<string, (listener: QuicListener) => unknown> = {
  start: (listener) => listener.start(),
  'accept, nothing queued': (listener) => listener.accept(),
  'accept, one queued': (listener) => listener.accept(),
  tryAccept: (listener) => listener.tryAccept(),
  'tryAccept, one queued': (listener) => listener.tryAccept(),
  stop: (listener) => listener.stop(),
  address: (listener) => listener.address(),
  port: (listener) => listener.port,
  close: (listener) => listener.close(),
};

for (const [name, cells] of Object.entries(TABLE)) {
  test(`L1 L2 L3 L4 L6 L7 L9 in each state: ${name}`, async () => {
    for (const [state, expected] of Object.entries(cells) as [ListenerState, string][]) {
      const queued = name.endsWith('one queued') && state !== 'open';
      const { stage, listener, finish } = await staged(state, queued);
      const found = await outcome(stage, () => CALLS[name]?.(listener));
      assert.equal(found, expected, `${name} while ${state}`);
      finish();
      await stage.until(listener.close());
    }
  });
}

test('L1 a listener is one state with legal transitions, and every one of them is seen', async () => {
  const stage = new ListenerStage();
  const listener = stage.listener();
  const seen: ListenerState[] = [listener.state];
  const starting = listener.start();
  seen.push(listener.state);
  await stage.until(starting);
  seen.push(listener.state);
  const stopping = listener.stop();
  seen.push(listener.state);
  await stage.until(stopping);
  seen.push(listener.state);
  await stage.until(listener.close());
  seen.push(listener.state);
  assert.deepEqual(seen, ['open', 'starting', 'started', 'stopping', 'stopped', 'closed']);
  for (const [i, next] of seen.slice(1).entries())
    assert.ok(LISTENER_TRANSITIONS[seen[i] as ListenerState].includes(next));
});

test('L2 L11 a start that fails leaves the state, frees what it bound, and can be tried again', async () => {
  const stage = new ListenerStage();
  const other = await stage.started();
  const listener = stage.listener();
  await assert.rejects(stage.until(listener.start()), (error: Error & { code: string }) => {
    assert.equal(error.code, 'ERR_QUIC_BIND');
    assert.match(error.message, /EADDRINUSE/);
    return true;
  });
  assert.equal(listener.state, 'open');
  await assert.rejects(listener.accept(), { code: NOT_STARTED });
  await stage.until(other.close());
  await stage.until(listener.start());
  assert.equal(listener.state, 'started');
  const connection = await stage.connect();
  assert.equal(connection.isOpen, true);
  await stage.until(listener.stop());
  await stage.until(connection.close());
  await stage.run(1000);
  const third = await stage.started();
  await assert.rejects(stage.until(listener.start()), { code: 'ERR_QUIC_BIND' });
  assert.equal(listener.state, 'stopped');
  await stage.until(Promise.all([listener.close(), third.close()]));
});

test('L2 wrong options of start change nothing', async () => {
  const stage = new ListenerStage();
  const listener = stage.listener();
  await assert.rejects(listener.start({ alpn: [] }), { code: 'ERR_INVALID_ARG_VALUE' });
  await assert.rejects(listener.start({ prot: 1 } as never), { message: /'prot'/ });
  await assert.rejects(stage.until(listener.start({ port: 70000 })), { code: 'ERR_OUT_OF_RANGE' });
  await assert.rejects(stage.until(listener.start({ address: 'nowhere' })), {
    code: 'ERR_INVALID_ARG_VALUE',
  });
  assert.equal(listener.state, 'open');
  await stage.until(listener.start());
  await stage.until(listener.close());
});

test('L3 L12 a listener starts again with the sockets that connections still use, and the same ephemeral port', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started({ port: 0 });
  const { port } = listener;
  const connection = await stage.connect({}, port);
  assert.ok(listener.tryAccept());
  await stage.until(listener.stop());
  assert.equal(stage.server.hasReceiver({ address: ListenerStage.SERVER, port, family: 4 }), true);
  assert.equal((await stage.refusal({}, port)).code, 'ERR_QUIC_CONNECTION_REFUSED');
  await stage.until(listener.start());
  assert.equal(listener.port, port);
  assert.equal(connection.isOpen, true);
  const second = await stage.connect({}, port);
  assert.equal(second.isOpen, true);
  await stage.until(listener.close());
});

test('L12 after stop the sockets are free once no connection uses them', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  const at = { address: ListenerStage.SERVER, port: 4433, family: 4 } as const;
  const connection = await stage.connect();
  await stage.until(listener.stop());
  assert.equal(stage.server.hasReceiver(at), true);
  await stage.until(connection.close());
  await stage.run(2000);
  assert.equal(stage.server.hasReceiver(at), false);
  await stage.until(listener.start());
  await stage.until(listener.stop());
  assert.equal(stage.server.hasReceiver(at), false);
  await stage.until(listener.close());
});

test('L12 close frees everything: the same address can be bound at once', async () => {
  const stage = new ListenerStage();
  const first = await stage.started();
  const client = await stage.connect();
  await stage.until(first.close());
  const second = await stage.started();
  await stage.until(client.closed);
  assert.equal((await stage.connect()).isOpen, true);
  const third = second[Symbol.asyncDispose]();
  await stage.until(third);
  assert.equal(second.state, 'closed');
});

test('L15 start says other protocols, address and port, and may differ when it starts again', async () => {
  const stage = new ListenerStage(1, [ListenerStage.SERVER, '198.51.100.2']);
  const listener = stage.listener();
  await stage.until(listener.start({ alpn: 'one', port: 5001 }));
  const first = await stage.connect({ alpn: 'one' }, 5001);
  assert.equal(first.alpn, 'one');
  await stage.until(listener.stop());
  await stage.until(listener.start({ alpn: ['two'], port: 5002 }));
  assert.equal(listener.port, 5002);
  assert.equal((await stage.connect({ alpn: 'two' }, 5002)).alpn, 'two');
  assert.equal(first.isOpen, true);
  // The sockets of before serve the old connection and nobody new.
  assert.equal((await stage.refusal({ alpn: 'two' }, 5001)).code, 'ERR_QUIC_CONNECTION_REFUSED');
  await stage.until(listener.stop());
  await stage.until(listener.start({ address: '198.51.100.2', port: 0 }));
  assert.equal(listener.address().address, '198.51.100.2');
  assert.notEqual(listener.port, 0);
  await stage.until(listener.stop());
  await stage.until(listener.start());
  assert.equal(listener.port, 4433);
  assert.equal((await stage.connect()).alpn, 'test');
  await stage.until(listener.close());
});

test('L15 protocols can be left to start, and have to be said there then', async () => {
  const stage = new ListenerStage();
  const listener = stage.listener({ alpn: undefined });
  await assert.rejects(listener.start(), { code: 'ERR_INVALID_ARG_TYPE', message: /"alpn"/ });
  await stage.until(listener.start({ alpn: 'late' }));
  assert.equal((await stage.connect({ alpn: 'late' })).alpn, 'late');
  await stage.until(listener.close());
});

test('L9 L10 L15 without an address all of both families are bound to one ephemeral port', async () => {
  const stage = new ListenerStage(1, [ListenerStage.SERVER, '2001:db8::1']);
  const listener = stage.listener({ address: undefined, port: undefined });
  await stage.until(listener.start());
  const { port } = listener;
  assert.ok(port > 0);
  assert.equal(listener.address().port, port);
  assert.deepEqual(
    listener.endpoint.addresses.map(({ address, port: each }) => [address, each]),
    [
      [ListenerStage.SERVER, port],
      ['2001:db8::1', port],
    ],
  );
  await stage.until(listener.close());
});

test('L9 an IPv6 address and its port are told as they are bound', async () => {
  const stage = new ListenerStage(1, ['2001:db8::1']);
  const listener = stage.listener({ address: '2001:db8::1', port: 0 });
  await stage.until(listener.start());
  const { address, family, port } = listener.address();
  assert.deepEqual([address, family, port === listener.port && port > 0], ['2001:db8::1', 6, true]);
  await stage.until(listener.close());
});

test('L5 connections go to those who wait in order, each to one', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  const waiting = [listener.accept(), listener.accept(), listener.accept()];
  const clients: QuicConnection[] = [];
  for (let i = 0; i < 3; i++) clients.push(await stage.connect());
  const accepted = await stage.until(Promise.all(waiting));
  assert.deepEqual(
    accepted.map((connection) => connection.remoteAddress.port),
    clients.map((client) => client.localAddress.port),
  );
  assert.equal(listener.tryAccept(), null);
  await stage.until(listener.close());
});

test('L14 a caller whose signal fires takes no connection with it', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  const given = new AbortController();
  const first = listener.accept({ signal: given.signal });
  const second = listener.accept();
  given.abort();
  await assert.rejects(first, { name: 'AbortError' });
  await stage.connect();
  assert.ok(await stage.until(second));
  await assert.rejects(listener.accept({ signal: AbortSignal.abort() }), { name: 'AbortError' });
  await stage.connect();
  assert.ok(listener.tryAccept(), 'a connection was lost');
  // A signal that fires after a connection was given takes nothing back.
  const late = new AbortController();
  const third = listener.accept({ signal: late.signal });
  await stage.connect();
  late.abort();
  assert.ok(await third);
  // What is no signal waits for nothing.
  await assert.rejects(listener.accept({ signal: 5 as never }), {
    code: 'ERR_INVALID_ARG_TYPE',
    message: /"signal" argument must be an AbortSignal/,
  });
  await stage.connect();
  assert.ok(listener.tryAccept(), 'a connection was lost');
  await stage.until(listener.close());
});

test('L6 calls of stop share one stop, and a signal ends the wait alone', async () => {
  const { stage, listener, finish } = await staged('stopping');
  const calls = [listener.stop(), listener.stop()];
  const given = new AbortController();
  const gaveUp = assert.rejects(listener.stop({ signal: given.signal }), { name: 'AbortError' });
  given.abort();
  await gaveUp;
  assert.equal(listener.state, 'stopping');
  finish();
  await stage.until(Promise.all(calls));
  assert.equal(listener.state, 'stopped');
  await stage.until(listener.stop());
  await stage.until(listener.close());
});

test('L7 L8 after stop those that wait are accepted first, then everybody hears "finished" and iteration ends', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  const clients = [await stage.connect(), await stage.connect()];
  await stage.until(listener.stop());
  const accepted: QuicConnection[] = [];
  for await (const connection of listener) accepted.push(connection);
  assert.equal(accepted.length, 2);
  await assert.rejects(listener.accept(), { code: FINISHED });
  assert.ok(clients.every((client) => client.isOpen) && accepted.every((each) => each.isOpen));
  await stage.until(listener.close());
});

test('L7 who waits while the listener stops hears "finished", or gets the last connection', async () => {
  const { stage, listener, finish } = await staged('stopping');
  const [first, second] = [listener.accept(), listener.accept()];
  second.catch(() => {});
  finish();
  assert.equal((await stage.until(first)).serverName, 'slow.example');
  await assert.rejects(stage.until(second), { code: FINISHED });
  await stage.until(listener.close());
});

test('L8 close ends those never accepted at once, and the others when their time is up', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  const clients = [await stage.connect(), await stage.connect()];
  const accepted = listener.tryAccept();
  const begun = stage.clock.now();
  const closed = listener.close({ drain: 400 });
  await stage.run(100);
  assert.deepEqual(
    clients.map((client) => client.isOpen),
    [true, false],
  );
  assert.equal(accepted?.isOpen, true);
  assert.equal(listener.close(), listener.closed);
  await stage.until(closed);
  assert.ok(Math.abs(stage.clock.now() - begun - 400) < 50);
  await stage.run(50);
  assert.equal(clients[0]?.isOpen, false);
});

test('L8 close ends as soon as the last connection is gone, and when its signal fires', async () => {
  const stage = new ListenerStage();
  const first = await stage.started();
  const client = await stage.connect();
  first.tryAccept();
  const begun = stage.clock.now();
  const closed = first.close({ drain: 60_000 });
  void client.close();
  await stage.until(closed);
  assert.ok(stage.clock.now() - begun < 1000);
  const second = await stage.started();
  await stage.connect();
  second.tryAccept();
  const given = new AbortController();
  const ended = second.close({ drain: 60_000, signal: given.signal });
  await stage.run(10);
  given.abort();
  await stage.until(ended);
  assert.ok(stage.clock.now() - begun < 2000);
  assert.throws(() => stage.listener().close({ drain: -1 }), { code: 'ERR_OUT_OF_RANGE' });
});

test('L2 L8 a start that close overtakes hears "finished", and leaves nothing bound', async () => {
  const stage = new ListenerStage();
  const listener = stage.listener();
  const starting = assert.rejects(listener.start(), { code: FINISHED });
  await stage.until(listener.close());
  await stage.until(starting);
  assert.equal(listener.state, 'closed');
  const at = { address: ListenerStage.SERVER, port: 4433, family: 4 } as const;
  assert.equal(stage.server.hasReceiver(at), false);
});

test('L8 destroy ends everything now, with its error for all who wait', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  await stage.connect();
  const accepted = await stage.until(listener.accept());
  const waiting = listener.accept();
  const gone = assert.rejects(accepted.closed, { message: 'out of memory' });
  const failed = assert.rejects(waiting, (error: Error & { code: string }) => {
    assert.equal(error.code, 'ERR_QUIC_LISTENER_FAILED');
    assert.equal(error.message, 'The listener failed: out of memory');
    return true;
  });
  listener.destroy(new Error('out of memory'));
  listener.destroy();
  await stage.until(Promise.all([gone, failed, listener.closed]));
  await assert.rejects(listener.accept(), { code: 'ERR_QUIC_LISTENER_FAILED' });
  await assert.rejects(listener.start(), { code: 'ERR_QUIC_LISTENER_FAILED' });
});

test('L13 an endpoint that closes takes its listener and its connections with it', async () => {
  const stage = new ListenerStage();
  const endpoint = new QuicEndpoint({
    address: ListenerStage.SERVER,
    port: 4433,
    environment: stage.environmentOf(stage.server),
  });
  const options = { environment: undefined, address: undefined, port: undefined, endpoint };
  const listener = stage.listener(options);
  await stage.until(listener.start());
  const client = await stage.connect();
  const accepted = await stage.until(listener.accept());
  const waiting = assert.rejects(listener.accept(), { code: FINISHED });
  await stage.until(endpoint.close());
  await stage.until(Promise.all([waiting, listener.closed, accepted.closed, client.closed]));
  assert.equal(listener.state, 'closed');
  await assert.rejects(stage.until(stage.listener(options).start()), { code: 'ERR_QUIC_ENDPOINT_CLOSED' });
});

test('L33 one listener at a time is on an endpoint; a second one is refused and changes nothing', async () => {
  const stage = new ListenerStage();
  const endpoint = new QuicEndpoint({
    address: ListenerStage.SERVER,
    port: 4433,
    environment: stage.environmentOf(stage.server),
  });
  const options = { environment: undefined, address: undefined, port: undefined, endpoint };
  const first = stage.listener(options);
  const second = stage.listener(options);
  await stage.until(first.start());
  await assert.rejects(stage.until(second.start()), { code: 'ERR_QUIC_ENDPOINT_BUSY' });
  assert.equal(second.state, 'open');
  const client = await stage.connect();
  assert.equal((await stage.until(first.accept())).isOpen, true);
  await assert.rejects(stage.until(first.stop().then(() => first.start({ port: 1 }))), {
    code: 'ERR_QUIC_INVALID_STATE',
  });
  assert.equal(client.isOpen, true);
  await stage.until(first.close());
  await stage.run(50);
  assert.equal(client.isOpen, false);
  await stage.until(second.start());
  assert.equal((await stage.connect()).isOpen, true);
  await stage.until(endpoint.close());
});

test('L62 the connections of a listener are listed once each, counted, and found by their ids until they are gone', async () => {
  const stage = new ListenerStage();
  const ids: Uint8Array[] = [];
  const listener = await stage.started({
    onConnection: (_, { originalDestinationId }) => ids.push(originalDestinationId),
  });
  const clients = [await stage.connect(), await stage.connect()];
  assert.equal(listener.connectionCount, 2);
  assert.equal(new Set(listener.connections).size, 2);
  assert.equal(ids.length, 2);
  // By an id that the server gave: the destination of the client's packets.
  const seen: Uint8Array[] = [];
  const untap = stage.network.tap((event) => {
    if (event.kind === 'sent' && event.to.port === 4433 && (event.bytes[0] & 0x80) === 0)
      seen.push(event.bytes.slice(1, 9));
  });
  const stream = await stage.until((clients[0] as QuicConnection).createUnidirectionalStream());
  void stream.end(new Uint8Array(1)).catch(() => {});
  await stage.run(100);
  untap();
  const found = listener.findConnection(seen[0] as Uint8Array);
  assert.equal(found?.remoteAddress.port, clients[0]?.localAddress.port);
  assert.equal(listener.findConnection(new Uint8Array(8)), null);
  await stage.until((clients[0] as QuicConnection).close());
  await stage.run(100);
  assert.equal(listener.connectionCount, 1);
  assert.equal(listener.findConnection(seen[0] as Uint8Array), null);
  await stage.until(listener.close());
  assert.equal(listener.connectionCount, 0);
});

test('L11 listen is all or nothing: a server that cannot be added leaves nothing bound', async () => {
  const stage = new ListenerStage();
  const { certPem: cert, keyPem: key } = stage.identity;
  const common = {
    address: ListenerStage.SERVER,
    port: 4433,
    alpn: 'test',
    environment: stage.environmentOf(stage.server),
  };
  await assert.rejects(stage.until(listen({ ...common, servers: { 'a.example': { cert, key: 'no' } } })), {
    code: 'ERR_QUIC_INVALID_KEY',
  });
  await assert.rejects(stage.until(listen(common)), { code: 'ERR_QUIC_NO_IDENTITY' });
  const listener = await stage.until(listen({ ...common, servers: { localhost: { cert, key } } }));
  assert.equal((await stage.connect()).isOpen, true);
  await stage.until(listener.close());
  await assert.rejects(listener.addServer('b.example', { cert, key }), { code: FINISHED });
});
