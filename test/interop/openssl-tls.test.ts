/**
 * The TLS engine as a client of OpenSSL, over TCP: a second opinion on every message, suite, group and signature.
 *
 * OpenSSL's server answers quic_transport_parameters through a file of extensions, provided that the client's is empty.
 * Its client cannot be made to send it, so the server side of the engine meets the QUIC peers instead.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createSecureContext, createServer as createTlsServer } from 'node:tls';
import { nodeProvider, nodeRandom } from '../../src/crypto/node-provider.ts';
import { Alert, TlsAlert } from '../../src/tls/alerts.ts';
import { createTlsClient } from '../../src/tls/client.ts';
import type { TlsClientConfig, TlsEngine } from '../../src/tls/engine.ts';
import { decodeSession, encodeSession } from '../../src/tls/session.ts';
import { equal } from '../../src/util/bytes.ts';
import { makeChain, makeTestIdentity, type TestIdentity } from '../support/certificates.ts';
import { TlsOverTcp } from '../support/tls-over-tcp.ts';

const OPTIONS = { skip: reasonToSkip(), timeout: 10_000 };
const HYBRID_OPTIONS = { skip: hybridOfOpenSsl() ? false : 'this runtime has no ML-KEM', timeout: 10_000 };
const folder = mkdtempSync(join(tmpdir(), 'quayside-openssl-'));
const servers: ChildProcess[] = [];
after(() => {
  for (const server of servers) server.kill();
  rmSync(folder, { recursive: true, force: true });
});

const KINDS = ['ec-p256', 'ec-p384', 'rsa', 'ed25519'] as const;
const GROUPS = { 29: 'X25519', 23: 'P-256', 24: 'P-384' } as const;
const PARAMETERS = Uint8Array.of(1, 2, 3);

test('a client meets OpenSSL with every suite and group', OPTIONS, async () => {
  const port = await startServer(makeTestIdentity());
  for (const suite of [0x1301, 0x1302, 0x1303]) {
    for (const group of Object.keys(GROUPS)) {
      const { engine } = await talk(port, { cipherSuites: [suite], groups: [Number(group)] });
      assert.equal(engine.suite?.code, suite);
      assert.equal(engine.group, Number(group));
    }
  }
});

for (const kind of KINDS) {
  test(`a client accepts the proof of OpenSSL with a certificate of ${kind}`, OPTIONS, async () => {
    const identity = makeChain({ intermediates: 1, kind });
    const { engine, link } = await talk(await startServer(identity), {});
    assert.equal(engine.peerCertificates.length, 2);
    assert.ok(equal(engine.peerCertificates[0], identity.der));
    assert.equal(engine.alpn, 'echo');
    const parameters = link.events.find((event) => event.type === 'peer-transport-parameters');
    assert.deepEqual(parameters?.bytes, PARAMETERS);
  });

  test(`OpenSSL accepts the proof of a client with a certificate of ${kind}`, OPTIONS, async () => {
    const identity = makeTestIdentity({ kind, names: ['client.example'] });
    const ca = file(`ca-${kind}.pem`, identity.caPem);
    const port = await startServer(makeTestIdentity(), [
      '-Verify',
      '1',
      '-verify_return_error',
      '-CAfile',
      ca,
    ]);
    const key = nodeProvider.privateKeyFrom(identity.keyPem);
    await talk(port, { identity: { certificates: identity.certificates, key } });
  });
}

for (const [code, name] of Object.entries(GROUPS)) {
  test(`RFC 8446 §4.1.4 a client follows a HelloRetryRequest of OpenSSL to ${name}`, OPTIONS, async () => {
    const port = await startServer(makeTestIdentity(), ['-groups', name]);
    const wanted = Number(code);
    const other = wanted === 29 ? 23 : 29;
    const { engine, link } = await talk(port, { groups: [other, wanted] });
    assert.equal(engine.group, wanted);
    const hellos = link.events.filter((event) => event.type === 'send' && event.bytes[0] === 1);
    assert.equal(hellos.length, 2);
  });
}

test('a client without a certificate is refused by OpenSSL where one is required', OPTIONS, async () => {
  const port = await startServer(makeTestIdentity(), ['-Verify', '1']);
  await assert.rejects(talk(port, {}), /alert 116|closed/);
});

test('RFC 8446 §4.4.2.1 a stapled OCSP response of OpenSSL arrives', OPTIONS, async () => {
  // OpenSSL only checks that the outside is an OCSPResponse: here one that says `malformedRequest`.
  const response = Uint8Array.of(0x30, 0x03, 0x0a, 0x01, 0x01);
  const status = file('status.der', response);
  const port = await startServer(makeTestIdentity(), ['-status_file', status]);
  const { link } = await talk(port, { requestOcsp: true });
  const verify = link.events.find((event) => event.type === 'verify');
  assert.deepEqual(verify?.ocspResponse, response);
});

test('RFC 8446 §4.6.1 tickets of OpenSSL arrive if they are welcome', OPTIONS, async () => {
  const port = await startServer(makeTestIdentity());
  const { link } = await talk(port, { requestTickets: true });
  const tickets = link.events.filter((event) => event.type === 'ticket');
  assert.equal(tickets.length, 2);
  assert.ok(tickets.every((event) => event.secret.length === 32 && event.ticket.lifetime > 0));
});

test('C25 a client resumes a session of OpenSSL, also after a HelloRetryRequest', OPTIONS, async () => {
  const now = Date.now();
  const wallTime = (): number => now;
  for (const suite of [0x1301, 0x1302]) {
    const port = await startServer(makeTestIdentity(), ['-groups', 'P-256']);
    const config = { wallTime, cipherSuites: [suite], groups: [23, 29] };
    const { link } = await talk(port, config);
    const tickets = link.events.filter((event) => event.type === 'ticket');
    assert.equal(tickets.length, 2);
    for (const [index, groups] of [
      [23, 29],
      [29, 23],
    ].entries()) {
      const session = tickets[index].session;
      assert.ok(session);
      await resumes(port, { ...config, groups, session: decodeSession(encodeSession(session)) });
    }
  }
});

test('L87 a client and OpenSSL know each other by an external key', OPTIONS, async () => {
  const secret = new Uint8Array(24).fill(0x5a);
  const port = await startServer(makeTestIdentity(), ['-psk', '5a'.repeat(24), '-psk_identity', 'device']);
  const psk = { identity: new TextEncoder().encode('device'), secret };
  await resumes(port, { psks: [psk] });
  const wrong = { ...psk, secret: new Uint8Array(24).fill(1) };
  await assert.rejects(talk(port, { psks: [wrong] }), /alert 5[01]|alert 47/);
});

test('C23 the hybrid of a client gives the same secret as that of OpenSSL', HYBRID_OPTIONS, async () => {
  const identity = makeTestIdentity();
  const server = createTlsServer({
    key: identity.keyPem,
    cert: identity.certPem,
    ecdhCurve: 'X25519MLKEM768',
    ALPNProtocols: ['echo'],
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  try {
    // The alert is about EncryptedExtensions, which could not be read with another secret.
    const failure = await talk(address.port, { groups: [0x11ec] }).then(
      () => null,
      (error: unknown) => error,
    );
    assert.ok(failure instanceof TlsAlert, String(failure));
    assert.equal(failure.alert, Alert.MISSING_EXTENSION);
  } finally {
    server.close();
  }
});

/**
 * A handshake without certificates. OpenSSL keeps its file of extensions with the certificate and so leaves
 * quic_transport_parameters out; that this is what we miss shows that it took the key and that we could read on.
 */
async function resumes(port: number, config: Partial<TlsClientConfig>): Promise<void> {
  const failure = await talk(port, config).then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(failure instanceof TlsAlert, String(failure));
  assert.equal(failure.alert, Alert.MISSING_EXTENSION);
}

/** A handshake and one line there and back again. */
async function talk(
  port: number,
  config: Partial<TlsClientConfig>,
): Promise<{ engine: TlsEngine; link: TlsOverTcp }> {
  const engine = createTlsClient({
    provider: nodeProvider,
    random: nodeRandom(),
    serverName: 'localhost',
    alpn: ['none', 'echo'],
    transportParameters: new Uint8Array(0),
    verifyPeer: true,
    ...config,
  });
  const socket = connect(port, '127.0.0.1');
  const link = new TlsOverTcp(engine, socket);
  await new Promise((resolve) => socket.once('connect', resolve));
  try {
    link.start();
    await link.complete;
    link.write('quayside\n');
    await link.until(() => link.received.includes('edisyauq'));
    return { engine, link };
  } finally {
    socket.destroy();
  }
}

/** An OpenSSL server that sends every line back in reverse. Resolves with its port. */
async function startServer(identity: TestIdentity, more: readonly string[] = []): Promise<number> {
  const port = await freePort();
  const [leaf, ...rest] = pemBlocks(identity.certPem);
  const args = [
    ...['s_server', '-tls1_3', '-rev', '-accept', `127.0.0.1:${port}`, '-alpn', 'echo'],
    ...['-cert', file(`cert-${port}.pem`, leaf), '-key', file(`key-${port}.pem`, identity.keyPem)],
    ...['-serverinfo', file('info.pem', serverInfo())],
    ...(rest.length === 0 ? [] : ['-cert_chain', file(`chain-${port}.pem`, rest.join('\n'))]),
    ...more,
  ];
  const server = spawn('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  servers.push(server);
  let errors = '';
  server.stderr.on('data', (data) => {
    errors += String(data);
  });
  await new Promise<void>((resolve, reject) => {
    server.stdout.on('data', (data) => {
      if (String(data).includes('ACCEPT')) resolve();
    });
    server.once('exit', (code) => reject(new Error(`openssl s_server left with ${code}: ${errors}`)));
  });
  return port;
}

/** One extension for EncryptedExtensions, in answer to a ClientHello that has it. */
function serverInfo(): string {
  const context = 0x0400 | 0x0080;
  const block = Uint8Array.of(0, 0, context >> 8, context & 0xff, 0, 57, 0, PARAMETERS.length, ...PARAMETERS);
  const label = 'SERVERINFOV2 FOR QUIC';
  return `-----BEGIN ${label}-----\n${Buffer.from(block).toString('base64')}\n-----END ${label}-----\n`;
}

function pemBlocks(pem: string): string[] {
  return pem.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [];
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

function reasonToSkip(): string | false {
  try {
    const version = execFileSync('openssl', ['version'], { encoding: 'utf8' });
    return version.startsWith('OpenSSL ')
      ? false
      : `needs the openssl program of OpenSSL, found ${version.trim()}`;
  } catch {
    return 'needs the openssl program';
  }
}

/** Whether the OpenSSL of this Node.js has the group, which a library may give to us without it. */
function hybridOfOpenSsl(): boolean {
  try {
    createSecureContext({ ecdhCurve: 'X25519MLKEM768' });
    return true;
  } catch {
    return false;
  }
}
