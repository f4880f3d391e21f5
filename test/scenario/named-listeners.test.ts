import assert from 'node:assert/strict';
import test from 'node:test';
import { NamedListeners } from '../../src/index.ts';
import { ListenerStage } from '../support/listener-stage.ts';

function optionsOf(stage: ListenerStage, port = 4433) {
  const { certPem: cert, keyPem: key } = stage.identity;
  const environment = stage.environmentOf(stage.server);
  return { address: ListenerStage.SERVER, port, alpn: 'test', cert, key, environment };
}

test('L81 listeners are started, asked about and stopped by their names', async () => {
  const stage = new ListenerStage();
  const named = new NamedListeners();
  const first = await stage.until(named.start('first', optionsOf(stage)));
  await stage.until(named.start('second', optionsOf(stage, 0)));
  assert.deepEqual(named.list(), ['first', 'second']);
  assert.equal(named.get('first'), first);
  assert.equal(named.port('first'), 4433);
  assert.deepEqual(named.address('first'), { address: ListenerStage.SERVER, port: 4433, family: 4 });
  assert.ok(named.port('second') > 0);
  await stage.connect();
  assert.equal(named.connections('first').length, 1);
  const { startedAt, ...info } = named.info('first');
  assert.deepEqual(info, {
    name: 'first',
    listener: first,
    address: first.address(),
    port: 4433,
    serverNames: ['*'],
    connectionCount: 1,
  });
  assert.ok(startedAt instanceof Date);
  await stage.until(named.stop('first'));
  assert.equal(first.state, 'closed');
  assert.deepEqual(named.list(), ['second']);
  await stage.until(named.start('first', optionsOf(stage)));
  await stage.until(Promise.all(named.list().map((name) => named.stop(name))));
  assert.deepEqual(named.list(), []);
});

test('L81 a name in use and an unknown one are refused, and a failed start frees the name', async () => {
  const stage = new ListenerStage();
  const named = new NamedListeners();
  const starting = named.start('web', optionsOf(stage));
  await assert.rejects(named.start('web', optionsOf(stage, 0)), {
    code: 'ERR_QUIC_LISTENER_EXISTS',
    message: "There is already a listener named 'web'",
  });
  const listener = await stage.until(starting);
  assert.equal(listener.state, 'started');
  const unknown = { code: 'ERR_QUIC_LISTENER_NOT_FOUND', message: "There is no listener named 'mail'" };
  await assert.rejects(named.stop('mail'), unknown);
  for (const ask of ['info', 'address', 'port', 'connections'] as const)
    assert.throws(() => named[ask]('mail'), unknown);
  await assert.rejects(stage.until(named.start('other', optionsOf(stage))), { code: 'ERR_QUIC_BIND' });
  await assert.rejects(named.start('', optionsOf(stage)), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.deepEqual(named.list(), ['web']);
  await stage.until(named.stop('web'));
});

test('L82 a listener that was closed, or whose endpoint went away, is in no list', async () => {
  const stage = new ListenerStage();
  const named = new NamedListeners();
  const one = await stage.until(named.start('one', optionsOf(stage, 1001)));
  const two = await stage.until(named.start('two', optionsOf(stage, 1002)));
  const three = await stage.until(named.start('three', optionsOf(stage, 1003)));
  await stage.until(one.close());
  two.destroy(new Error('broken'));
  await stage.until(two.closed);
  await stage.until(three.endpoint.close());
  await stage.run(1);
  assert.deepEqual(named.list(), []);
  assert.equal(named.get('one'), undefined);
});

test('L82 a listener that was stopped by itself has left its name to others', async () => {
  const stage = new ListenerStage();
  const named = new NamedListeners();
  const first = await stage.until(named.start('web', optionsOf(stage)));
  await stage.until(first.stop());
  assert.deepEqual(named.list(), []);
  assert.equal(named.get('web'), undefined);
  assert.throws(() => named.info('web'), { code: 'ERR_QUIC_LISTENER_NOT_FOUND' });
  const second = await stage.until(named.start('web', optionsOf(stage)));
  await stage.until(first.close());
  assert.equal(named.info('web').listener, second);
  await stage.until(named.stop('web'));
});
