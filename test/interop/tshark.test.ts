/**
 * Wireshark's reading of a conversation over loopback: decrypted with our key log it finds nothing malformed, and counts
 * the packets that qlog has. Skipped without tshark or the right to capture.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { connect, listen, type QuicConnection } from '../../src/index.ts';
import { parseQlogSequence, type QlogSummary, summarizeQlog } from '../../src/qlog.ts';
import { makeTestIdentity } from '../support/certificates.ts';
import { qlogFaults } from '../support/qlog-schema.ts';

const SIZE = 300_000;

test('C27 C96 tshark decrypts a capture with our key log, finds nothing malformed, and counts what qlog counts', (t) =>
  reads(t, [1]));

test('C30 RFC 9369 tshark decrypts a connection that changes from version 1 to version 2, and finds nothing malformed', (t) =>
  reads(t, [VERSION_2, 1]));

test('C30 RFC 9369 tshark decrypts a connection in version 2 from its first packet', (t) =>
  reads(t, [VERSION_2]));

async function reads(t: TestContext, versions: readonly number[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quayside-tshark-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const identity = makeTestIdentity();
  const keys: string[] = [];
  const listener = await listen({
    address: '127.0.0.1',
    alpn: 'echo',
    cert: identity.certPem,
    key: identity.keyPem,
    qlog: folder,
    versions,
    // A capture on loopback has what the addon sends in one call as one datagram.
    backend: 'dgram',
  });
  void (async () => {
    for await (const connection of listener) void echo(connection).catch(() => {});
  })();
  const { port } = listener;
  const file = join(folder, 'capture.pcapng');
  const capture = await startCapture(t, port, file);
  if (capture === null) {
    await listener.close();
    return;
  }
  const connection = await connect(
    { host: '127.0.0.1', port },
    {
      alpn: 'echo',
      ca: identity.caPem,
      serverName: 'localhost',
      onKeyLog: (line) => keys.push(line),
      qlog: { to: folder, level: 'extra', title: 'tshark' },
      // Begins in version 1 where it has it.
      versions,
      backend: 'dgram',
    },
  );
  const stream = await connection.createBidirectionalStream();
  const ended = stream.end(new Uint8Array(SIZE));
  let received = 0;
  for await (const chunk of stream) received += chunk.length;
  await ended;
  assert.equal(received, SIZE);
  await connection.close();
  await pause(300);
  await listener.close();
  await pause(700);
  await stop(capture);

  const keyLog = join(folder, 'keys.log');
  writeFileSync(keyLog, `${keys.join('\n')}\n`);
  const shown = (filter: string) => tshark(file, port, keyLog, filter);
  assert.equal(shown('_ws.malformed || quic.decryption_failed || _ws.expert.severity == "Error"').length, 0);
  const client = readLog(folder, 'client');
  const server = readLog(folder, 'server');
  const fromClient = countPackets(shown(`udp.dstport == ${port}`));
  const fromServer = countPackets(shown(`udp.srcport == ${port}`));
  assert.deepEqual(fromClient, client.sentByType, 'sent by the client');
  assert.deepEqual(fromServer, server.sentByType, 'sent by the server');
  assert.ok((fromServer['1RTT'] ?? 0) > SIZE / 1500);
  // Everything was decrypted: the payload of each stream frame is there.
  const frames = shown('quic.stream.stream_id').length;
  assert.ok(frames > 0, 'no frame was decrypted');
  const [preferred = 1] = versions;
  assert.equal(connection.version, preferred);
  const ofVersion = shown(`quic.version == ${preferred} && quic.header_form == 1`);
  assert.ok(ofVersion.length > 0, 'tshark saw the version');
}

async function echo(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingStreams()) {
    void (async () => {
      for await (const chunk of stream) await stream.write(chunk);
      await stream.end();
    })().catch(() => {});
  }
}

/** Captures our own port on loopback; null, and a visible reason, where that cannot be done. */
async function startCapture(t: TestContext, port: number, file: string): Promise<ChildProcess | null> {
  if (spawnSync('tshark', ['--version']).status !== 0) {
    t.skip('tshark is not installed');
    return null;
  }
  const args = ['-i', 'lo', '-f', `udp port ${port}`, '-w', file, '-q', '-s', '0', '-B', '16'];
  const child = spawn('tshark', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  const isReady = await new Promise<boolean>((resolve) => {
    child.stderr?.on('data', (bytes: Buffer) => {
      said += bytes;
      if (/Capturing on/.test(said)) resolve(true);
    });
    child.once('exit', () => resolve(false));
  });
  // It says so a little before it does.
  await pause(1000);
  if (isReady && child.exitCode === null) return child;
  t.skip(`tshark may not capture here: ${said.trim().split('\n').pop()}`);
  return null;
}

async function stop(child: ChildProcess): Promise<void> {
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  await exit;
}

/** One line of packet types for each datagram that the filter lets through. */
function tshark(file: string, port: number, keyLog: string, filter: string): string[] {
  const options = ['-o', `tls.keylog_file:${keyLog}`, '-d', `udp.port==${port},quic`];
  const fields = [
    '-T',
    'fields',
    '-E',
    'separator=;',
    '-e',
    'quic.header_form',
    '-e',
    'quic.long.packet_type',
    '-e',
    'quic.long.packet_type_v2',
    '-e',
    'quic.version',
  ];
  const out = execFileSync('tshark', ['-r', file, ...options, '-Y', filter, ...fields], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return out.split('\n').filter((line) => line !== '');
}

/** Header forms are 1 for long and 0 for short; long ones have their type in the field of their version. */
function countPackets(lines: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  const add = (type: string) => {
    counts[type] = (counts[type] ?? 0) + 1;
  };
  for (const line of lines) {
    const [forms = '', first = '', second = '', versions = ''] = line.split(';');
    const [ofFirst, ofSecond, long] = [first.split(','), second.split(','), versions.split(',')];
    for (const form of forms.split(',')) {
      if (form === '0' || form === 'False') add('1RTT');
      else if (form !== '') {
        const isSecond = Number(long.shift()) === VERSION_2;
        const type = Number((isSecond ? ofSecond : ofFirst).shift());
        add((isSecond ? LONG_TYPES_OF_V2 : LONG_TYPES)[type] ?? 'unknown');
      }
    }
  }
  return counts;
}

const VERSION_2 = 0x6b33_43cf;
const LONG_TYPES = ['initial', '0RTT', 'handshake', 'retry'];
/** RFC 9369 §3.2. */
const LONG_TYPES_OF_V2 = ['retry', 'initial', '0RTT', 'handshake'];

function readLog(folder: string, role: string): QlogSummary {
  const [name] = readdirSync(folder).filter((each) => each.endsWith(`_${role}.sqlog`));
  assert.ok(name !== undefined, `no log of the ${role}`);
  const text = readFileSync(join(folder, name), 'utf8');
  const records = text.split('\u001e').slice(1);
  assert.deepEqual(qlogFaults(records.map((record) => `\u001e${record}`)), []);
  const log = parseQlogSequence(text);
  assert.ok(log !== null);
  return summarizeQlog(log);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
