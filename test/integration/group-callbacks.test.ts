import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import test from 'node:test';
import { type GroupConnectionInfo, ListenGroup } from '../../src/group.ts';
import { type QuicConnection, QuicError } from '../../src/index.ts';
import { defer } from '../../src/runtime/deferred.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { clientOf, KINDS, lost, readAll, targetOf } from '../support/group-kinds.ts';
import { echo, listenOn, makeGroup, talk, until } from '../support/group-stage.ts';

test('G13 connected gets ids, addresses and facts, and may refuse', async (t) => {
  for (const kind of KINDS) {
    const infos: GroupConnectionInfo[] = [];
    let disconnects = 0;
    const group = makeGroup(t, {
      connected: (info) => {
        infos.push(info);
        return infos.length === 1 ? null : { handler: { run: echo } };
      },
      disconnected: () => void disconnects++,
    });
    const address = await listenOn(group, kind);
    const refused = await clientOf(kind, address);
    await lost(refused.stream);
    await refused.close();
    await until(() => group.connections().length === 0);
    assert.equal(disconnects, 0);
    const client = await clientOf(kind, address);
    await talk(client.stream, 'a');
    const [, info] = infos;
    assert.ok(info !== undefined && info.connectionId !== infos[0]?.connectionId);
    assert.deepEqual([info.listenerId, info.kind, info.localAddress], [kind, kind, address]);
    if (kind === 'unix') assert.deepEqual(info.remoteAddress, { path: '' });
    else
      assert.match(JSON.stringify(info.remoteAddress), /^{"address":"127\.0\.0\.1","port":\d+,"family":4}$/);
    const isSecure = kind === 'tls' || kind === 'quic';
    assert.equal(info.serverName, isSecure ? 'localhost' : null);
    assert.equal(info.alpn, isSecure ? 'test' : null);
    assert.equal(info.peerCertificate, null);
    await client.close();
    await until(() => disconnects === 1);
  }
});

test('G34 TLS and QUIC tell their cipher suite in one form, and what is written is sent without a flush', async (t) => {
  for (const kind of ['tls', 'quic'] as const) {
    const group = makeGroup(t, {
      connected: ({ cipher }) => ({
        handler: {
          async run(stream) {
            // One small piece, and nothing after it: it must not wait for more.
            stream.write(`${cipher}`);
            await once(stream, 'end').catch(() => {});
          },
        },
      }),
    });
    const client = await clientOf(kind, await listenOn(group, kind));
    client.stream.write('?');
    const [chunk] = await once(client.stream, 'data');
    assert.match(String(chunk), /^TLS_(AES_(128|256)_GCM|CHACHA20_POLY1305)_SHA(256|384)$/);
    await client.close();
  }
});

test('G13 a client certificate is shown in the same form, and asked for with the same options', async (t) => {
  const { ca, caPem } = makeTestIdentity();
  const client = makeTestIdentity({ names: ['client'] });
  for (const kind of ['tls', 'quic'] as const) {
    const infos: GroupConnectionInfo[] = [];
    const group = makeGroup(t, {
      connected: (info) => {
        infos.push(info);
        return { handler: { run: echo } };
      },
    });
    for (const trusted of [ca, caPem]) {
      const listener = { ...targetOf(kind), requestCert: true, ca: trusted } as never;
      const address = await group.addListener({ id: trusted, listener });
      const connected = await withCertificate(kind, (address as { port: number }).port, caPem, client);
      assert.equal(await talk(connected.stream, 'hello'), 'hello');
      assert.deepEqual(infos.at(-1)?.peerCertificate, client.der);
      connected.end();
      // Without one it is refused.
      await assert.rejects(clientOf(kind, address as never).then(({ stream }) => talk(stream, 'x')));
    }
    assert.equal(infos.length, 2);
  }
});

test('G14 a callback that throws or rejects is reported and ends its own connection alone', async (t) => {
  for (const kind of KINDS) {
    for (const isLater of [false, true]) {
      const errors: [unknown, string, unknown][] = [];
      let what = 'connected';
      const fail = (during: string) => {
        if (what !== during) return undefined;
        if (!isLater) throw new Error(during);
        return new Promise<never>((_, reject) => setImmediate(reject, new Error(during)));
      };
      const group = makeGroup(t, {
        connected: async () => {
          await fail('connected');
          return { handler: { run: (stream) => fail('run') ?? echo(stream) } };
        },
        disconnected: () => fail('disconnected'),
        errored: (error, { during, connectionId }) =>
          void errors.push([(error as Error).message, during, connectionId]),
      });
      const address = await listenOn(group, kind);
      what = 'none';
      const bystander = await clientOf(kind, address);
      await talk(bystander.stream, 'a');
      for (what of ['connected', 'run', 'disconnected']) {
        const client = await clientOf(kind, address);
        client.stream.write('x');
        if (what === 'disconnected') await talk(client.stream, 'y');
        else await lost(client.stream);
        await client.close();
        await until(() => errors.length === 1 && group.connections().length === 1);
        const [[message, during, id]] = errors.splice(0) as [[string, string, number]];
        assert.deepEqual([message, during], [what, what]);
        assert.notEqual(id, group.connections()[0]?.id);
      }
      what = 'none';
      assert.equal(await talk(bystander.stream, 'still here'), 'still here');
      await bystander.close();
    }
  }
});

test('G14 an error of the library that a callback runs into is reported as any other', async (t) => {
  for (const kind of KINDS) {
    const errors: string[] = [];
    let what = '';
    const bindNothing = async (during: string) => {
      if (what === during) await group.bindListener('nothing');
    };
    const group = makeGroup(t, {
      connected: async () => {
        await bindNothing('connected');
        return { handler: { run: () => bindNothing('run') } };
      },
      disconnected: () => bindNothing('disconnected'),
      errored: (error, { during }) => void errors.push(`${(error as QuicError).code} ${during}`),
    });
    const address = await listenOn(group, kind);
    for (what of ['connected', 'run', 'disconnected']) {
      const client = await clientOf(kind, address);
      client.stream.write('x');
      await lost(client.stream);
      await client.close();
      await until(() => group.connections().length === 0);
      assert.deepEqual(errors.splice(0), [`ERR_QUIC_LISTENER_NOT_FOUND ${what}`]);
    }
  }
});

test('G14 a listener whose bound throws is stopped, and what throws elsewhere is reported', async (t) => {
  const errors: string[] = [];
  const group = makeGroup(t, {
    bound: (id) => {
      if (id === 'bad') throw new Error('bound');
    },
    unbound: () => Promise.reject(new Error('unbound')),
    failed: () => Promise.reject(new Error('failed')),
    errored: (error, { during }) => void errors.push(`${during}: ${(error as Error).message}`),
  });
  await listenOn(group, 'tcp');
  await group.addListener({ id: 'bad', listener: 'tcp://127.0.0.1:0' });
  await until(() => !group.hasListener('bad') && errors.length === 2);
  assert.deepEqual(errors.splice(0), ['bound: bound', 'unbound: unbound']);
  void group.addListener({ id: 'x', listener: 'tcp://192.0.2.1:1' });
  group.on('failed', () => {
    throw new Error('event');
  });
  await until(() => errors.length === 2);
  assert.deepEqual(errors.sort(), ['failed: event', 'failed: failed']);
  assert.equal(group.hasListener('tcp'), true);
});

test('G14 an outcome that is none, or that does not fit its kind, is reported and refuses', async (t) => {
  const errors: string[] = [];
  const outcomes = [undefined, {}, { handler: {} }, { handler: { run: echo }, mode: 'connection' }];
  const group = makeGroup(t, {
    connected: () => outcomes.shift() as never,
    errored: (error) => void errors.push((error as { code: string }).code),
  });
  const address = await listenOn(group, 'tcp');
  for (const left of [3, 2, 1, 0]) {
    const client = await clientOf('tcp', address);
    await lost(client.stream);
    client.stream.destroy();
    assert.equal(outcomes.length, left);
  }
  const [type, value] = ['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE'];
  assert.deepEqual(errors, [type, type, type, value]);
});

test('G14 an error that nobody asked for is a warning of the process', async () => {
  const group = new ListenGroup({
    connected: () => {
      throw new Error('nobody hears this');
    },
  });
  const address = await group.addListener({ id: 1, listener: targetOf('tcp') });
  const warned = once(process, 'warning');
  const client = await clientOf('tcp', address as never);
  await lost(client.stream);
  const [warning] = await warned;
  assert.match((warning as Error).message, /failed \(connected\): Error: nobody hears this/);
  client.stream.destroy();
  await group.shutdown();
});

test('G15 G36 each bidirectional stream of a QUIC connection is a run of its one entry', async (t) => {
  const runs: [number, number | null][] = [];
  let [connects, disconnects] = [0, 0];
  const group = makeGroup(t, {
    connected: () => {
      connects++;
      return {
        handler: {
          async run(stream, { info, streamId, connection }) {
            runs.push([info.connectionId, streamId]);
            assert.equal(connection?.isServer, true);
            await echo(stream);
          },
        },
      };
    },
    disconnected: () => void disconnects++,
  });
  const first = await clientOf('quic', await listenOn(group, 'quic'));
  const more = [first, await first.another(), await first.another()];
  for (const { stream } of more) await talk(stream, 'x');
  const [{ id, streams }, ...others] = group.connections();
  assert.deepEqual([others.length, streams, connects, disconnects], [0, 3, 1, 0]);
  assert.deepEqual(runs, [
    [id, 0],
    [id, 4],
    [id, 8],
  ]);
  more[1]?.stream.end();
  await readAll((more[1] as typeof first).stream);
  await until(() => group.connections()[0]?.streams === 2);
  await first.close();
  await until(() => disconnects === 1);
});

test('G15 with mode connection the handler gets the QuicConnection, once', async (t) => {
  const got: QuicConnection[] = [];
  const group = makeGroup<number>(t, {
    connected: () => ({
      mode: 'connection',
      data: 7,
      handler: {
        async runConnection(connection, { data, streamId, connection: same }) {
          assert.deepEqual([data, streamId, same], [7, null, connection]);
          got.push(connection);
          const stream = await connection.acceptBidirectionalStream();
          await stream.end((await stream.read()) ?? undefined);
        },
      },
    }),
  });
  const client = await clientOf('quic', await listenOn(group, 'quic'));
  client.stream.end('whole');
  assert.equal(await readAll(client.stream), 'whole');
  await until(() => group.connections().length === 0);
  assert.equal(got.length, 1);
});

test('G15 a QUIC handler resets its stream with the code of its error, and the connection goes on', async (t) => {
  const group = makeGroup(t, {
    connected: () => ({
      handler: {
        async run(stream) {
          const [first] = await once(stream, 'data');
          if (String(first) === 'bad') {
            throw new QuicError('ERR_QUIC_APPLICATION_ERROR', { type: 'application', errorCode: 42 });
          }
          stream.end('good');
        },
      },
    }),
  });
  const client = await clientOf('quic', await listenOn(group, 'quic'));
  client.stream.write('bad');
  client.stream.resume();
  const [error] = (await once(client.stream, 'error')) as [QuicError];
  assert.deepEqual([error.code, error.errorCode], ['ERR_QUIC_STREAM_RESET', 42n]);
  const next = await client.another();
  next.stream.write('x');
  assert.equal(await readAll(next.stream), 'good');
  await client.close();
});

test('G15 a handler without a promise owns its stream until that is closed', async (t) => {
  for (const kind of KINDS) {
    const group = makeGroup(t, {
      connected: () => ({ handler: { run: (stream) => void stream.pipe(stream) } }),
    });
    const client = await clientOf(kind, await listenOn(group, kind));
    assert.equal(await talk(client.stream, 'one'), 'one');
    assert.equal(await talk(client.stream, 'two'), 'two');
    client.stream.end('three');
    assert.equal(await readAll(client.stream), 'three');
    await client.close();
    await until(() => group.connections().length === 0);
  }
});

test('G16 callbacks may wait for the group they belong to', async (t) => {
  for (const kind of KINDS) {
    const done: string[] = [];
    const wait = async (what: string, work: () => Promise<unknown>) => {
      await work();
      done.push(what);
    };
    const group: ListenGroup<unknown> = makeGroup(t, {
      connected: async ({ connectionId }) => {
        await group.addListener({ id: connectionId, listener: 'tcp://127.0.0.1:0' });
        return { handler: { run: (stream, context) => runs.shift()?.(stream, context.info) } };
      },
      unbound: (id) => (id === 'last' ? wait('unbound', () => group.shutdown()) : undefined),
      disconnected: ({ connectionId }) => wait('disconnected', () => group.killConnection(connectionId)),
    });
    type Run = (stream: Duplex, info: GroupConnectionInfo) => Promise<void>;
    const runs: Run[] = [
      (_, { connectionId }) => wait('killConnection', () => group.killConnection(connectionId)),
      () => wait('killListener', () => group.killListener(kind, { killConnections: true })),
    ];
    const address = await listenOn(group, kind);
    for (const _ of [1, 2]) {
      const client = await clientOf(kind, address);
      client.stream.write('x');
      await lost(client.stream);
      await client.close();
    }
    await until(() => done.length === 4);
    assert.deepEqual(done.sort(), ['disconnected', 'disconnected', 'killConnection', 'killListener']);
    // Two handlers that wait for the end of everything, and a callback that does.
    const again = await group.addListener({ id: 'last', listener: targetOf(kind) });
    const both = defer<void>();
    let started = 0;
    const waiting = async (): Promise<void> => {
      started++;
      await both.promise;
      await wait('shutdown', () => group.shutdown());
    };
    runs.push(waiting, waiting);
    const clients = [await clientOf(kind, again as never), await clientOf(kind, again as never)];
    for (const { stream } of clients) stream.write('x');
    await until(() => started === 2);
    both.resolve();
    await until(() => done.length === 9);
    assert.deepEqual(done.slice(4).sort(), [
      'disconnected',
      'disconnected',
      'shutdown',
      'shutdown',
      'unbound',
    ]);
    await group.shutdown();
    for (const client of clients) await client.close();
  }
});

test('G21 a handler sees its kill switch, and what it throws then is no fault of its own', async (t) => {
  for (const kind of KINDS) {
    const reasons: unknown[] = [];
    const group = makeGroup(t, {
      connected: () => ({
        handler: {
          async run(stream, { signal, killSwitch }) {
            signal.addEventListener('abort', () => reasons.push(signal.reason));
            assert.equal(killSwitch.isTriggered, false);
            await echo(stream);
          },
        },
      }),
      disconnected: (_info, _data, error) => void reasons.push(error),
    });
    const client = await clientOf(kind, await listenOn(group, kind));
    await talk(client.stream, 'x');
    await group.killConnection(group.connections()[0]?.id ?? -1);
    assert.equal(reasons.length, 2);
    for (const reason of reasons) assert.match(String((reason as QuicError).message), /was killed/);
    await client.close();
  }
});

/** A client that shows a certificate. */
async function withCertificate(
  kind: 'tls' | 'quic',
  port: number,
  ca: string,
  { certPem: cert, keyPem: key }: { certPem: string; keyPem: string },
): Promise<{ stream: Duplex; end: () => void }> {
  if (kind === 'tls') {
    const { connect } = await import('node:tls');
    const stream = connect({
      host: '127.0.0.1',
      port,
      ca,
      cert,
      key,
      servername: 'localhost',
      ALPNProtocols: ['test'],
    });
    await once(stream, 'secureConnect');
    return { stream, end: () => stream.destroy() };
  }
  const { connect, toDuplex } = await import('../../src/index.ts');
  const connection = await connect(
    { host: '127.0.0.1', port },
    { ca, cert, key, serverName: 'localhost', alpn: 'test' },
  );
  const stream = toDuplex(await connection.createBidirectionalStream());
  stream.on('error', () => {});
  return { stream, end: () => connection.destroy() };
}
