/**
 * One end of a measurement with `@matrixai/quic` as shipped: its own classes, its default windows. The same little
 * protocol as in quayside-peer.ts.
 */
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Logger, { LogLevel } from '@matrixai/logger';
import { events, QUICClient, QUICServer } from '@matrixai/quic';

const logger = new Logger('bench', LogLevel.ERROR);

const crypto = {
  ops: {
    randomBytes: async (data) => {
      webcrypto.getRandomValues(new Uint8Array(data));
    },
  },
};
const key = await webcrypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, true, ['sign', 'verify']);
const serverCrypto = {
  key: await webcrypto.subtle.exportKey('raw', key),
  ops: {
    sign: (raw, data) => hmac(raw).then((imported) => webcrypto.subtle.sign('HMAC', imported, data)),
    verify: (raw, data, signature) =>
      hmac(raw).then((imported) => webcrypto.subtle.verify('HMAC', imported, signature, data)),
  },
};
const hmac = (raw) =>
  webcrypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, true, ['sign', 'verify']);
const BLOCK = new Uint8Array(64 * 1024).fill(0x5a);
const config = { verifyPeer: false, applicationProtos: ['bench'], maxIdleTimeout: 120_000 };

function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function serve(certFile, keyFile) {
  const server = new QUICServer({
    logger,
    crypto: serverCrypto,
    config: { ...config, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') },
  });
  server.addEventListener(events.EventQUICServerConnection.name, ({ detail: connection }) => {
    connection.addEventListener(events.EventQUICConnectionStream.name, ({ detail: stream }) => {
      void answer(stream).catch(() => {});
    });
  });
  await server.start({ host: '127.0.0.1', port: 0 });
  process.on('message', (message) => {
    if (message === 'cpu') process.send({ cpu: cpuSeconds(), rss: process.memoryUsage().rss });
  });
  process.send({ port: server.port });
}

async function answer(stream) {
  const head = new Uint8Array(8);
  let got = 0;
  for await (const chunk of stream.readable) {
    for (let i = 0; i < chunk.length && got < 8; i++) head[got++] = chunk[i];
  }
  const wanted = Number(new DataView(head.buffer).getBigUint64(0));
  const writer = stream.writable.getWriter();
  for (let left = wanted; left > 0; left -= BLOCK.length) {
    await writer.write(left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK);
  }
  await writer.close();
}

function runClient(port) {
  const open = () =>
    QUICClient.createQUICClient({ host: '127.0.0.1', port, localHost: '127.0.0.1', crypto, config, logger });
  let client = null;
  process.on('message', async ({ kind, amount }) => {
    if (kind !== 'handshakes') client ??= await open();
    const cpu = cpuSeconds();
    const start = performance.now();
    if (kind === 'handshakes') {
      for (let i = 0; i < amount; i++) await (await open()).destroy({ force: false });
    } else await transfer(client.connection.newStream(), kind, amount);
    process.send({ seconds: (performance.now() - start) / 1000, cpu: cpuSeconds() - cpu });
  });
  process.send('ready');
}

async function transfer(stream, kind, amount) {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setBigUint64(0, BigInt(kind === 'download' ? amount : 1));
  const writer = stream.writable.getWriter();
  await writer.write(head);
  for (let left = kind === 'upload' ? amount : 0; left > 0; left -= BLOCK.length) {
    await writer.write(left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK);
  }
  await writer.close();
  let received = 0;
  for await (const chunk of stream.readable) received += chunk.length;
  if (received !== (kind === 'download' ? amount : 1)) throw new Error(`received ${received} bytes`);
}

process.on('disconnect', () => process.exit(0));
const [role, ...args] = process.argv.slice(2);
if (role === 'server') await serve(args[0], args[1]);
else runClient(Number(args[0]));
