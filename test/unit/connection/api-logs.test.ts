import assert from 'node:assert/strict';
import test from 'node:test';
import { ApiLink } from '../../support/api-link.ts';
import { qlogFaults } from '../../support/qlog-schema.ts';

const INVALID_STATE = { code: 'ERR_QUIC_INVALID_STATE' };

test('C27 a second key log is refused until the first is taken away', () => {
  const link = new ApiLink();
  link.client.setKeylog(() => {});
  assert.throws(() => link.client.setKeylog(() => {}), INVALID_STATE);
  link.client.setKeylog(null);
  const lines: string[] = [];
  link.client.setKeylog((line) => lines.push(line));
  link.flush();
  assert.ok(lines.some((line) => /^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]{64,96}$/.test(line)));
});

test('C96 setQlog logs a client and a server from their first packet, with title, description and level', () => {
  const link = new ApiLink();
  const logs: string[][] = [[], []];
  link.client.setQlog((record) => logs[0]?.push(record), {
    title: 'client',
    description: 'one',
    level: 'extra',
  });
  link.server.setQlog((record) => logs[1]?.push(record), { level: 'core' });
  link.flush();
  link.client.close(true, 1, 'bye', link.now);
  link.flush();
  for (const [index, records] of logs.entries()) {
    assert.deepEqual(qlogFaults(records), []);
    const events = records.slice(1).map((record) => JSON.parse(record.slice(1)));
    const [first] = events.filter(({ name }) => /packet_(sent|received)$/.test(name));
    assert.equal(first.data.header.packet_type, 'initial');
    assert.equal(first.data.header.packet_number, 0);
    const initiators = events
      .filter(({ name }) => name === 'quic:parameters_set')
      .map(({ data }) => data.initiator);
    assert.deepEqual([...new Set(initiators)].sort(), ['local', 'remote'], `log ${index}`);
  }
  const header = JSON.parse((logs[0]?.[0] ?? '').slice(1));
  assert.equal(header.title, 'client');
  assert.equal(header.description, 'one');
});

test('C96 a second qlog is refused, and so is what is no function', () => {
  const link = new ApiLink();
  link.client.setQlog(() => {});
  assert.throws(() => link.client.setQlog(() => {}), INVALID_STATE);
  assert.throws(() => link.server.setQlog('file' as never), { code: 'ERR_INVALID_ARG_TYPE' });
});
