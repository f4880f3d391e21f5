/** Sockets and cryptography that the application brings, other protocols on the port, and what keeps a process alive. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import {
  connect,
  type DatagramSocket,
  listen,
  type OtherDatagram,
  QuicEndpoint,
  type QuicListener,
} from '../../src/index.ts';
import { dgramSockets } from '../../src/udp/dgram-socket.ts';
import { makeTestIdentity } from '../support/certificates.ts';

const { certPem: cert, keyPem: key, caPem: ca } = makeTestIdentity();
const SERVER = { alpn: 'test', cert, key };

async function boundSocket(address?: string): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  return socket;
}

async function works(listener: QuicListener): Promise<void> {
  const connection = await connect(
    { host: '127.0.0.1', port: listener.port },
    { alpn: 'test', ca, serverName: 'localhost' },
  );
  const accepted = await listener.accept();
  const stream = await connection.createUnidirectionalStream();
  void stream.end(Buffer.from('through it')).catch(() => {});
  const chunk = await (await accepted.acceptUnidirectionalStream()).read();
  assert.equal(Buffer.from(chunk ?? []).toString(), 'through it');
  await connection.close();
}

test('L18 a listener serves on a dgram socket that was there already, and leaves it open', async () => {
  const socket = await boundSocket('127.0.0.1');
  const listener = await listen({ ...SERVER, socket });
  assert.equal(listener.port, socket.address().port);
  assert.equal(listener.backend, 'dgram');
  await works(listener);
  await listener.stop();
  await listener.start();
  await works(listener);
  await assert.rejects(
    listener.stop().then(() => listener.start({ port: 1 })),
    { code: 'ERR_QUIC_INVALID_STATE' },
  );
  await listener.close();
  assert.equal(socket.listenerCount('message'), 0);
  const again = await listen({ ...SERVER, socket });
  await works(again);
  await again.close();
  socket.close();
});

test('L83 any other option of the system is set on a socket that is given, and stays as it is', async () => {
  const socket = createSocket({
    type: 'udp4',
    reuseAddr: true,
    recvBufferSize: 30_000,
    sendBufferSize: 20_000,
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  socket.setTTL(7);
  socket.setMulticastLoopback(false);
  const sizes = () => [socket.getRecvBufferSize(), socket.getSendBufferSize()];
  const before = sizes();
  const listener = await listen({ ...SERVER, socket });
  await works(listener);
  assert.deepEqual(sizes(), before);
  await listener.close();
  socket.close();
});

test('L18 L84 a listener serves on a transport of its own kind, and leaves it open', async () => {
  const inner = await dgramSockets.bind({ address: { address: '127.0.0.1', port: 0, family: 4 } });
  let sent = 0;
  // Anything with this shape will do: here it counts what goes through it.
  const transport: DatagramSocket = Object.create(inner, {
    send: {
      value: (...args: Parameters<DatagramSocket['send']>) => {
        sent++;
        return inner.send(...args);
      },
    },
    localAddress: { value: inner.localAddress },
    capabilities: { value: inner.capabilities },
    onDatagram: {
      get: () => inner.onDatagram,
      set: (handler) => {
        inner.onDatagram = handler;
      },
    },
  }) as DatagramSocket;
  for (const method of ['close', 'ref', 'unref'] as const)
    Object.defineProperty(transport, method, { value: () => inner[method]() });
  const listener = await listen({ ...SERVER, socket: transport });
  assert.equal(listener.backend, 'custom');
  await works(listener);
  assert.ok(sent > 1);
  await listener.close();
  assert.equal(inner.onDatagram, null);
  await inner.close();
});

test('L18 what cannot be served on is refused: unbound, a wildcard, no socket, and an address beside it', async () => {
  const unbound = createSocket('udp4');
  const wildcard = await boundSocket();
  for (const socket of [unbound, wildcard])
    await assert.rejects(listen({ ...SERVER, socket }), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /bound to one IP address/,
    });
  await assert.rejects(listen({ ...SERVER, socket: {} as Socket }), { code: 'ERR_INVALID_ARG_TYPE' });
  const socket = await boundSocket('127.0.0.1');
  const chosen = [
    { port: 1 },
    { address: '127.0.0.1' },
    { backend: 'dgram' as const },
    { receiveBufferSize: 100_000 },
    { sendBufferSize: 100_000 },
    { reusePort: true },
  ];
  for (const beside of chosen)
    await assert.rejects(listen({ ...SERVER, socket, ...beside }), { code: 'ERR_INVALID_ARG_VALUE' });
  for (const each of [unbound, wildcard, socket]) each.close();
});

test('L16 a crypto provider of the application is used, and one that cannot do TLS 1.3 refused', async () => {
  const used = new Set<string>();
  const cryptoProvider = new Proxy(nodeProvider, {
    get(target, name) {
      used.add(String(name));
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  }) as CryptoProvider;
  const listener = await listen({ ...SERVER, address: '127.0.0.1', backend: 'dgram', cryptoProvider });
  used.clear();
  await works(listener);
  assert.ok(used.has('sign') && used.has('sealer'));
  await listener.close();
  const poor = Object.create(nodeProvider, {
    name: { value: 'poor' },
    groups: { value: [] },
  }) as CryptoProvider;
  await assert.rejects(listen({ ...SERVER, cryptoProvider: poor }), {
    code: 'ERR_QUIC_UNSUPPORTED',
    message: /'poor' cannot do TLS 1\.3/,
  });
});

test('RFC 9443 §3 datagrams of other protocols on the port go to a hook, which can answer', async () => {
  const seen: OtherDatagram[] = [];
  const listener = await listen({
    ...SERVER,
    address: '127.0.0.1',
    onOtherDatagram: (datagram) => {
      seen.push(datagram);
      if (seen.length === 1) datagram.reply(Buffer.from('pong'));
      else throw new Error('the hook is broken');
    },
  });
  const stranger = await boundSocket('127.0.0.1');
  const answered = once(stranger, 'message');
  // A STUN binding request begins with two zero bits.
  const stun = Buffer.from('000100002112a442000102030405060708090a0b', 'hex');
  stranger.send(stun, listener.port, '127.0.0.1');
  const [answer] = (await answered) as [Buffer];
  assert.equal(answer.toString(), 'pong');
  const [first] = seen as [OtherDatagram];
  assert.deepEqual(Buffer.from(first.bytes), stun);
  assert.deepEqual([first.from.port, first.to.port], [stranger.address().port, listener.port]);
  const warned = once(process, 'warning');
  stranger.send(Buffer.alloc(30), listener.port, '127.0.0.1');
  assert.match(((await warned) as [Error])[0].message, /the hook is broken/);
  await works(listener);
  assert.equal(seen.length, 2, 'QUIC is none of its business');
  stranger.close();
  await listener.close();
  assert.throws(() => new QuicEndpoint({ onOtherDatagram: 1 as never }), { code: 'ERR_INVALID_ARG_TYPE' });
});

test('L12 a process ends by itself after close, and while everything is unreferenced', async () => {
  const entry = JSON.stringify(join(import.meta.dirname, '../../src/index.js'));
  const run = (end: string) =>
    promisify(execFile)(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { connect, listen } from ${entry};
        const listener = await listen({ address: '127.0.0.1', alpn: 'test', cert: process.env.CERT, key: process.env.KEY });
        const connection = await connect({ host: '127.0.0.1', port: listener.port },
          { alpn: 'test', ca: process.env.CA, serverName: 'localhost' });
        await listener.accept();
        ${end}
        console.log('last line');`,
      ],
      { env: { ...process.env, CERT: cert, KEY: key, CA: ca }, timeout: 60_000 },
    );
  const ways = [
    'await connection.close(); await listener.close();',
    'listener.destroy(); await listener.closed; connection.destroy();',
  ];
  const outputs = await Promise.all(ways.map(run));
  for (const { stdout } of outputs) assert.equal(stdout, 'last line\n');
  const unreferenced = await run('await connection.close(); listener.unref();');
  assert.equal(unreferenced.stdout, 'last line\n');
});
