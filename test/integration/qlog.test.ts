/** The option `qlog` over real sockets, QLOGDIR, and the command line that reads what was written. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { connect, listen, type QuicConnection } from '../../src/index.ts';
import { parseQlogSequence, type QlogSettings, summarizeQlog } from '../../src/qlog.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { runCli } from '../support/cli.ts';
import { qlogFaults } from '../support/qlog-schema.ts';

type Option = boolean | string | ((record: string, name: string) => void) | QlogSettings;

interface Logs {
  qlog?: Option;
  onKeyLog?: (line: string) => void;
}

/** One echo between a client and a server with these options. */
async function exchange(server: Logs, client: Logs): Promise<void> {
  const identity = makeTestIdentity();
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'echo',
    cert: identity.certPem,
    key: identity.keyPem,
    ...server,
  });
  void (async () => {
    for await (const connection of listener) void echo(connection).catch(() => {});
  })();
  const connection = await connect(
    { host: '127.0.0.1', port: listener.port },
    { alpn: 'echo', ca: identity.caPem, serverName: 'localhost', ...client },
  );
  const stream = await connection.createBidirectionalStream();
  const ended = stream.end(new Uint8Array(100_000));
  let received = 0;
  for await (const chunk of stream) received += chunk.length;
  await ended;
  assert.equal(received, 100_000);
  await connection.close();
  await listener.close();
}

async function echo(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingStreams()) {
    for await (const chunk of stream) await stream.write(chunk);
    await stream.end();
  }
}

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'quayside-qlog-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const recordsOf = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\u001e')
    .slice(1)
    .map((record) => `\u001e${record}`);

test('C96 both sides of a connection write a file each, named after the first destination id', async (t) => {
  const folder = join(folderFor(t), 'made', 'here');
  await exchange({ qlog: folder }, { qlog: { to: folder, level: 'extra', title: 'an echo' } });
  const names = readdirSync(folder).sort();
  assert.equal(names.length, 2);
  const [client = '', server = ''] = names;
  assert.match(client, /^([0-9a-f]{16,40})_client\.sqlog$/);
  assert.equal(server, client.replace('client', 'server'));
  for (const name of names) {
    const records = recordsOf(join(folder, name));
    assert.deepEqual(qlogFaults(records), []);
    assert.ok(records.some((record) => record.includes('quic:connection_closed')));
    assert.equal(statSync(join(folder, name)).mode & 0o077, 0);
  }
  assert.match(recordsOf(join(folder, client))[0] ?? '', /"title":"an echo".*"wall_clock_time":"2/);
});

test('C96 a function gets the records with the name of their log, and may throw', async () => {
  const logs = new Map<string, string[]>();
  let warnings = 0;
  const onWarning = (warning: Error) => {
    if (warning.name === 'QlogWarning') warnings++;
  };
  process.on('warning', onWarning);
  await exchange(
    {
      qlog: () => {
        throw new Error('no room');
      },
    },
    { qlog: (record, name) => void logs.set(name, [...(logs.get(name) ?? []), record]) },
  );
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', onWarning);
  assert.equal(warnings, 1);
  const [[name, records] = ['', []]] = logs;
  assert.match(name, /_client$/);
  assert.deepEqual(qlogFaults(records), []);
  assert.ok((summarizeQlog(parseQlogSequence(records.join('')) as never).framesSent.stream ?? 0) > 0);
});

test('C96 QLOGDIR asks for logs where no option does, and false refuses them', async (t) => {
  const folder = folderFor(t);
  process.env.QLOGDIR = folder;
  t.after(() => {
    delete process.env.QLOGDIR;
  });
  await exchange({ qlog: false }, {});
  assert.deepEqual(
    readdirSync(folder).map((name) => name.replace(/^[0-9a-f]+/, '')),
    ['_client.sqlog'],
  );
});

test('C96 options that are no place for a log are refused', async () => {
  for (const qlog of [3, '', { to: 3 }, { level: 'all' }, { title: 3 }]) {
    await assert.rejects(
      connect('localhost:1', { alpn: 'x', qlog: qlog as never }),
      { code: /^ERR_INVALID_ARG_(TYPE|VALUE)$/ },
      JSON.stringify(qlog),
    );
  }
});

test('C96 quayside qlog plots a log as one SVG and counts what is in it', async (t) => {
  const folder = folderFor(t);
  await exchange({ qlog: { to: folder, title: 'a <b> & "c"' } }, { qlog: false });
  const [name = ''] = readdirSync(folder);
  const file = join(folder, name);
  const plot = await runCli(['qlog', 'plot', file]);
  assert.equal(plot.code, 0, plot.stderr);
  const svg = readFileSync(file.replace('.sqlog', '.svg'), 'utf8');
  assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  assert.match(svg, /a &#60;b&#62; &#38; &#34;c&#34;/);
  for (const label of ['congestion window', 'in flight', 'smoothed', 'latest', 'minimum'])
    assert.ok(svg.includes(`>${label}<`), label);
  assert.doesNotMatch(svg, /href|<script|NaN|Infinity|undefined/);
  const stat = await runCli(['qlog', 'stat', '--json', file]);
  assert.equal(stat.code, 0, stat.stderr);
  const { packetsSent, framesReceived, role } = JSON.parse(stat.stdout);
  assert.equal(role, 'server');
  assert.ok(packetsSent > 50 && framesReceived.ack > 0);
  const text = await runCli(['qlog', 'stat', file]);
  assert.match(text.stdout, new RegExp(`sent +${packetsSent} packets`));
});

test('C96 quayside qlog says what is no log, and reads one that was cut off', async (t) => {
  const folder = folderFor(t);
  const other = join(folder, 'other.txt');
  writeFileSync(other, 'hello');
  const refused = await runCli(['qlog', 'plot', other]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /other\.txt is no qlog/);
  const missing = await runCli(['qlog', 'stat', join(folder, 'none')]);
  assert.equal(missing.code, 1);
  await exchange({ qlog: folder }, { qlog: false });
  const [name = ''] = readdirSync(folder).filter((each) => each.endsWith('.sqlog'));
  const cut = join(folder, 'cut.sqlog');
  writeFileSync(cut, readFileSync(join(folder, name), 'utf8').slice(0, 5000));
  const { code, stderr, stdout } = await runCli(['qlog', 'plot', cut, '-o', '-']);
  assert.equal(code, 0);
  assert.match(stderr, /records that could not be read: 1/);
  assert.match(stdout, /<\/svg>\s*$/);
});

test('C27 the key log of a listener has the secrets of each of its connections, as the client has them', async () => {
  const server: string[] = [];
  const client: string[] = [];
  await exchange({ onKeyLog: (line) => server.push(line) }, { onKeyLog: (line) => client.push(line) });
  await exchange({ onKeyLog: (line) => server.push(line) }, { onKeyLog: (line) => client.push(line) });
  assert.deepEqual(server.toSorted(), client.toSorted());
  assert.equal(server.filter((line) => line.startsWith('SERVER_TRAFFIC_SECRET_0 ')).length, 2);
});
