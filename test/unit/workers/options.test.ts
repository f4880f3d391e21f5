import assert from 'node:assert/strict';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { KeyRing } from '../../../src/index.ts';
import { parseWorkers, type WorkerListenOptions } from '../../../src/workers/options.ts';

const entry = new URL('./serve.js', import.meta.url);
const parse = (options: object, workers: object = {}) =>
  parseWorkers({
    alpn: 'test',
    ...options,
    workers: { entry, ...workers },
  } as unknown as WorkerListenOptions);

test('workers have a number of threads that connection ids can tell apart', () => {
  assert.ok(parse({}).count >= 1);
  assert.equal(parse({}, { count: 32 }).count, 32);
  for (const count of [0, 33, 1.5, Number.NaN])
    assert.throws(() => parse({}, { count }), { code: 'ERR_OUT_OF_RANGE', message: /workers\.count/ });
  assert.throws(() => parse({}, { count: '2' }), { code: 'ERR_INVALID_ARG_TYPE', message: /workers\.count/ });
});

test('the module of workers is a URL', () => {
  assert.equal(parse({}).entry, entry.href);
  assert.equal(parse({}, { entry: entry.href }).entry, entry.href);
  assert.throws(() => parse({}, { entry: 'serve.js' }), { code: 'ERR_INVALID_ARG_VALUE', message: /entry/ });
  assert.throws(() => parse({}, { entry: undefined }), { code: 'ERR_INVALID_ARG_TYPE', message: /entry/ });
  assert.throws(() => parse({}, { threads: 3 }), { code: 'ERR_INVALID_ARG_VALUE', message: /threads/ });
});

test('what cannot be given to threads is refused by name', () => {
  assert.throws(() => parse({ onKeyLog: () => {} }), { code: 'ERR_INVALID_ARG_VALUE', message: /onKeyLog/ });
  const connectionIds = { length: 8, generate: () => new Uint8Array(8), shardOf: () => 0 };
  assert.throws(() => parse({ connectionIds }), { code: 'ERR_INVALID_ARG_VALUE', message: /connectionIds/ });
  assert.throws(() => parse({ ca: new Date() }), { code: 'ERR_INVALID_ARG_VALUE', message: /ca/ });
  const servers = { 'a.example': { cert: 'a.pem', key: 'a.pem', onConnection: () => {} } };
  assert.throws(() => parse({ servers }), { code: 'ERR_INVALID_ARG_VALUE', message: /servers/ });
  for (const name of ['endpoint', 'environment', 'shard', 'handOver', 'reusePort'])
    assert.throws(() => parse({ [name]: 1 }), { code: 'ERR_INVALID_ARG_VALUE', message: new RegExp(name) });
});

test('all workers have the same secrets, and ask one store about early data', () => {
  const { options, replayStore } = parse({ cert: pathToFileURL('/tmp/cert.pem') });
  assert.equal(options.cert, '/tmp/cert.pem');
  assert.equal((options.keys as Uint8Array).length, 32);
  assert.equal(replayStore, null);
  const keys = new Uint8Array(32).fill(7);
  assert.deepEqual(parse({ keys }).options.keys, keys);
  const ring = new KeyRing(keys);
  const withRing = parse({ ticketKeys: ring });
  assert.deepEqual(withRing.options.ticketKeys, [keys]);
  assert.equal(withRing.rings.get('ticketKeys'), ring);
  const store = { add: () => true };
  assert.equal(parse({ earlyData: true, replayStore: store }).replayStore, store);
  assert.notEqual(parse({ earlyData: true }).replayStore, null);
});
