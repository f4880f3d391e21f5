/** Clients of the DNS example that do not keep to the rules: they get the RFC's error and harm nobody. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before, type TestContext } from 'node:test';
import dns from 'dns-packet';
import type { GroupAddress, ListenerKind } from '../../src/group.ts';
import { connect, type QuicConnection } from '../../src/index.ts';
import { startExample } from '../support/examples.ts';
import { clientOf, lost } from '../support/group-kinds.ts';

let ca = '';
let addresses: ReadonlyMap<ListenerKind, GroupAddress> = new Map();
const ends: (() => unknown)[] = [];

before(async () => {
  const t = { after: (end: () => unknown) => void ends.push(end) } as unknown as TestContext;
  const example = await startExample(t, 'dns/server.js');
  ca = readFileSync(join(example.cwd, '.quayside', 'dev-cert.pem'), 'utf8');
  addresses = example.addresses;
});

after(async () => {
  for (const end of ends) await end();
});

const QUERY = queryFor('quay.example');
const DOQ_PROTOCOL_ERROR = 2n;
const FORMERR = 1;
const NOTIMP = 4;

const VIOLATIONS: Readonly<Record<string, Uint8Array>> = {
  'an id that is not 0': framed(queryFor('quay.example', { id: 7 })),
  'an end in the midst of the message': framed(QUERY).subarray(0, 20),
  'an end in the midst of the length': framed(QUERY).subarray(0, 1),
  'an end without a query': new Uint8Array(0),
  'two queries on one stream': Buffer.concat([framed(QUERY), framed(QUERY)]),
  'bytes after the query': Buffer.concat([framed(QUERY), Buffer.from([0])]),
  'a message shorter than a header': framed(QUERY.subarray(0, 11)),
  'an empty message': framed(Buffer.alloc(0)),
  'a response': framed(response()),
  'edns-tcp-keepalive': framed(queryFor('quay.example', { keepalive: true })),
};

for (const [what, bytes] of Object.entries(VIOLATIONS)) {
  test(`RFC 9250 §4.3.3 ${what} ends the connection with DOQ_PROTOCOL_ERROR`, async () => {
    const bystander = await doq();
    const connection = await doq();
    const stream = await connection.createBidirectionalStream();
    stream.end(bytes).catch(() => {});
    await assert.rejects(connection.closed, { errorCode: DOQ_PROTOCOL_ERROR, remote: true });
    assert.equal(rcodeOf(await ask(bystander, framed(QUERY))), 0);
    await bystander.close();
  });
}

test('RFC 9250 §4.3.3 a stream in one direction ends the connection with DOQ_PROTOCOL_ERROR', async () => {
  const bystander = await doq();
  const connection = await doq();
  const stream = await connection.createUnidirectionalStream();
  stream.end(framed(QUERY)).catch(() => {});
  await assert.rejects(connection.closed, { errorCode: DOQ_PROTOCOL_ERROR, remote: true });
  assert.equal(rcodeOf(await ask(bystander, framed(QUERY))), 0);
  await bystander.close();
});

test('RFC 9250 §4.3.2 a query that cannot be read gets FORMERR on its stream, and the connection goes on', async () => {
  const connection = await doq();
  const broken: [Buffer, number][] = [
    [QUERY.subarray(0, QUERY.length - 3), FORMERR],
    [Buffer.concat([QUERY, Buffer.from('junk')]), FORMERR],
    [Buffer.concat([QUERY.subarray(0, 12), Buffer.alloc(40, 0xc0)]), FORMERR],
    [queryFor('quay.example', { opcode: 5 }), NOTIMP],
  ];
  for (const [message, code] of broken) {
    const answer = await ask(connection, framed(message));
    assert.deepEqual([answer.readUInt16BE(0), rcodeOf(answer), answer[2] & 0x80], [0, code, 0x80]);
  }
  assert.equal(rcodeOf(await ask(connection, framed(QUERY))), 0);
  await connection.close();
});

test('RFC 9250 §4.3.1 a query that is given up is abandoned, and the connection goes on', async () => {
  const connection = await doq();
  const stream = await connection.createBidirectionalStream();
  await stream.write(framed(QUERY).subarray(0, 10));
  stream.reset(3);
  await assert.rejects(stream.read());
  assert.equal(rcodeOf(await ask(connection, framed(QUERY))), 0);
  await connection.close();
});

for (const kind of ['tcp', 'tls'] as const) {
  test(`RFC 7766 §6.2.1.1 ${kind}: queries in one go are answered one by one, in any pieces`, async () => {
    const client = await clientOf(kind, addressOf(kind), { ca, alpn: 'dot' });
    const names = ['quay.example', 'www.quay.example', 'large.quay.example', 'nobody.quay.example'];
    const all = Buffer.concat(names.map((name, id) => framed(queryFor(name, { id: id + 1 }))));
    for (let at = 0; at < all.length; at += 7) client.stream.write(all.subarray(at, at + 7));
    client.stream.end();
    const answers = messagesIn(await bytesOf(client.stream));
    assert.deepEqual(
      answers.map((answer) => [answer.readUInt16BE(0), rcodeOf(answer)]),
      [
        [1, 0],
        [2, 0],
        [3, 0],
        [4, 3],
      ],
    );
    await client.close();
  });

  test(`RFC 1035 §4.1.1 ${kind}: a query that cannot be read gets FORMERR, and the next one its answer`, async () => {
    const client = await clientOf(kind, addressOf(kind), { ca, alpn: 'dot' });
    client.stream.write(framed(queryFor('quay.example', { id: 5 }).subarray(0, 20)));
    client.stream.end(framed(QUERY));
    const [broken, good] = messagesIn(await bytesOf(client.stream));
    assert.deepEqual([broken?.readUInt16BE(0), rcodeOf(broken), rcodeOf(good)], [5, FORMERR, 0]);
    await client.close();
  });

  test(`RFC 7766 §8 ${kind}: what is no query ends its connection and no other`, async () => {
    const bystander = await clientOf(kind, addressOf(kind), { ca, alpn: 'dot' });
    for (const bytes of [framed(response()), framed(Buffer.alloc(0)), framed(QUERY.subarray(0, 11))]) {
      const client = await clientOf(kind, addressOf(kind), { ca, alpn: 'dot' });
      client.stream.write(bytes);
      await lost(client.stream);
      await client.close();
    }
    bystander.stream.end(framed(QUERY));
    assert.equal(rcodeOf(messagesIn(await bytesOf(bystander.stream))[0]), 0);
    await bystander.close();
  });
}

test('responses over TLS and QUIC are padded to blocks, so that their size tells little', async () => {
  const padded = framed(queryFor('quay.example', { edns: true }));
  const connection = await doq();
  assert.equal((await ask(connection, padded)).length % 468, 0);
  await connection.close();
  const client = await clientOf('tls', addressOf('tls'), { ca, alpn: 'dot' });
  client.stream.end(padded);
  assert.equal(messagesIn(await bytesOf(client.stream))[0]?.length, 468);
});

function addressOf(kind: ListenerKind): GroupAddress {
  const address = addresses.get(kind);
  assert.ok(address !== undefined);
  return address;
}

async function doq(): Promise<QuicConnection> {
  const { address: host, port } = addressOf('quic') as { address: string; port: number };
  return await connect({ host, port }, { alpn: 'doq', ca, serverName: 'localhost' });
}

async function ask(connection: QuicConnection, bytes: Uint8Array): Promise<Buffer> {
  const stream = await connection.createBidirectionalStream();
  stream.end(bytes).catch(() => {});
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return messagesIn(Buffer.concat(chunks))[0] as Buffer;
}

async function bytesOf(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function messagesIn(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 + bytes.readUInt16BE(at);
    messages.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return messages;
}

interface QueryOptions {
  readonly id?: number;
  readonly opcode?: number;
  readonly edns?: boolean;
  readonly keepalive?: boolean;
}

function queryFor(name: string, options: QueryOptions = {}): Buffer {
  const { id = 0, opcode = 0, edns = false, keepalive = false } = options;
  const data = Buffer.from([0, 100]);
  const opt = { type: 'OPT', name: '.', options: keepalive ? [{ code: 11, data }] : [] };
  const message = dns.encode({
    type: 'query',
    id,
    questions: [{ type: 'A', name }],
    additionals: edns || keepalive ? [opt as never] : [],
  });
  message[2] = (message[2] as number) | (opcode << 3);
  return message;
}

function response(): Buffer {
  return dns.encode({ type: 'response', id: 0, questions: [{ type: 'A', name: 'quay.example' }] });
}

function framed(message: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

function rcodeOf(message: Buffer | undefined): number {
  assert.ok(message !== undefined);
  return (message[3] as number) & 15;
}
