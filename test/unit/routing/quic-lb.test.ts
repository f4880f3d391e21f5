import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { describe, test } from 'node:test';
import { seededRandom } from '../../../src/crypto/random.ts';
import { awsNlb, envoy, katran } from '../../../src/routing/cid-presets.ts';
import { parseConnectionIds } from '../../../src/routing/connection-ids.ts';
import { decodeConnectionId } from '../../../src/routing/decode-connection-id.ts';
import { QuicLbCodec } from '../../../src/routing/quic-lb-codec.ts';
import { QuicLbIds } from '../../../src/routing/quic-lb-ids.ts';
import type { QuicLbAlgorithm, QuicLbOptions } from '../../../src/routing/quic-lb-options.ts';
import { fromHex, toHex } from '../../../src/util/bytes.ts';

const KEY = fromHex('000102030405060708090a0b0c0d0e0f');
const SERVER_ID = fromHex('1122334455667788');

function ids(options: Partial<QuicLbOptions> = {}, shard: number | null = null): QuicLbIds {
  return new QuicLbIds({ serverId: SERVER_ID, ...options }, seededRandom(1), shard);
}

describe('QuicLbIds', () => {
  const faults: [what: string, options: Partial<QuicLbOptions>, message: RegExp][] = [
    [
      'no server id',
      { serverId: undefined as never },
      /"serverId" argument must be an instance of Uint8Array/,
    ],
    ['an empty server id', { serverId: new Uint8Array(0) }, /"serverId.length".*>= 1 && <= 15. Received 0/],
    ['a server id of 16 bytes', { serverId: new Uint8Array(16) }, /"serverId.length".*Received 16/],
    [
      'a server id that is no hexadecimal text',
      { serverId: '0x12g4' },
      /'serverId' must be pairs of hexadecimal/,
    ],
    ['a nonce of 3 bytes', { nonceLength: 3 }, /"nonceLength".*>= 4 && <= 18. Received 3/],
    ['a nonce of 19 bytes', { nonceLength: 19 }, /"nonceLength".*Received 19/],
    [
      '21 bytes together',
      { nonceLength: 12 },
      /1 \+ 8 \(serverId\) \+ 12 \(nonceLength\).*<= 20 bytes.*Received 21/,
    ],
    ['21 bytes with the worker', { nonceLength: 11, workerByte: true }, /\+ 1 \(workerByte\).*Received 21/],
    ['rotation 7', { rotation: 7 }, /"rotation".*>= 0 && <= 6. Received 7/],
    ['rotation -1', { rotation: -1 }, /"rotation".*Received -1/],
    ['a key of 15 bytes', { key: KEY.subarray(1) }, /"key.length".*It must be 16. Received 15/],
    [
      'a cipher without a key',
      { algorithm: 'stream-cipher' },
      /"key" argument must be 16 bytes where algorithm is/,
    ],
    [
      'a key without a cipher',
      { algorithm: 'plaintext', key: KEY },
      /must be another one where there is a key/,
    ],
    [
      'an unknown algorithm',
      { algorithm: 'rot13' as never, key: KEY },
      /must be one of 'plaintext', 'draft'/,
    ],
    [
      'an unknown option',
      { nonceLen: 4 } as never,
      /has no option of this name; there are serverId, nonceLength/,
    ],
  ];
  for (const [what, options, message] of faults) {
    test(`L63 ${what} is refused with an error of its own`, () => {
      assert.throws(() => ids(options), message);
    });
  }

  test('L63 a shard has no place where the low bits are the length', () => {
    assert.throws(() => ids({ encodesLength: true }, 3), /'encodesLength' must be false/);
    assert.throws(() => ids({}, 32), /"shard"/);
    assert.equal(ids({ encodesLength: true, workerByte: true }, 3).generate().at(-1), 3);
  });

  const algorithms: QuicLbAlgorithm[] = ['plaintext', 'draft', 'stream-cipher', 'block-cipher'];
  for (const algorithm of algorithms) {
    test(`L64 ${algorithm}: the server id comes back for every size, with shard and without`, () => {
      for (let serverIdLength = 1; serverIdLength <= 15; serverIdLength++) {
        for (let nonceLength = 4; serverIdLength + nonceLength <= 19; nonceLength++) {
          const serverId = Uint8Array.from({ length: serverIdLength }, (_, i) => 0xa0 + i);
          for (const shard of [null, 9]) {
            const key = algorithm === 'plaintext' ? undefined : KEY;
            const made = ids({ serverId, nonceLength, algorithm, key, rotation: 5 }, shard);
            const id = made.generate();
            const packet = Uint8Array.of(0x40, ...id, 0xff);
            assert.equal(id.length, 1 + serverIdLength + nonceLength);
            assert.equal(toHex(made.codec.decode(id)?.serverId ?? id), toHex(serverId));
            assert.ok(made.isOurs(packet, 1));
            if (shard !== null) assert.equal(made.shardOf(packet, 1), shard);
            const seen = decodeConnectionId(id);
            assert.equal(seen.rotation, 5);
            assert.equal(seen.serverId, null);
            const isVisible = toHex(id).includes(toHex(serverId)) && serverIdLength > 2;
            assert.equal(isVisible, algorithm === 'plaintext' && serverIdLength > 2);
          }
        }
      }
    });
  }

  test('L64 the stream cipher of Erlang is AES-CTR over the low bits and the server id, from the nonce padded with zeros', () => {
    const made = ids({
      algorithm: 'stream-cipher',
      key: KEY,
      nonceLength: 7,
      encodesLength: true,
      rotation: 2,
    });
    const id = made.generate();
    const iv = Buffer.alloc(16);
    iv.set(id.subarray(9));
    const plain = createCipheriv('aes-128-ctr', KEY, iv).update(id.subarray(0, 9));
    assert.equal(plain[0] & 0x1f, 15);
    assert.equal(id[0] >> 5, 2);
    assert.equal(plain.subarray(1).toString('hex'), toHex(SERVER_ID));
  });

  test('L64 the block cipher of Erlang encrypts 16 bytes as one block and what follows under the next, and 15 under a fixed stream', () => {
    const aes = (block: Uint8Array) =>
      createCipheriv('aes-128-ecb', KEY, '').setAutoPadding(false).update(block);
    const long = new QuicLbCodec({ serverIdLength: 8, nonceLength: 11, key: KEY, algorithm: 'block-cipher' });
    const nonce = Uint8Array.from({ length: 11 }, (_, i) => i);
    const id = long.encode(SERVER_ID, nonce, 18);
    const block = aes(Uint8Array.of(...SERVER_ID, ...nonce.subarray(0, 8)));
    const rest = nonce.subarray(8).map((byte, i) => byte ^ aes(block)[i]);
    assert.equal(toHex(id), toHex(Uint8Array.of(18, ...block, ...rest)));
    const middle = new QuicLbCodec({
      serverIdLength: 8,
      nonceLength: 7,
      key: KEY,
      algorithm: 'block-cipher',
    });
    const iv = aes(new Uint8Array(16));
    const plain = createCipheriv('aes-128-ctr', KEY, iv).update(
      middle.encode(SERVER_ID, nonce.subarray(0, 7)).subarray(1),
    );
    assert.equal(plain.toString('hex'), toHex(SERVER_ID) + toHex(nonce.subarray(0, 7)));
  });

  test('L64 no nonce comes twice under a key, and none is like the one before without', () => {
    const hidden = ids({ key: KEY, nonceLength: 4 });
    const nonces = new Set<string>();
    for (let i = 0; i < 70_000; i++) nonces.add(toHex(hidden.codec.decode(hidden.generate())?.nonce ?? KEY));
    assert.equal(nonces.size, 70_000);
    const plain = ids({ nonceLength: 8 });
    const [a, b] = [plain.generate(), plain.generate()].map((id) => id.subarray(9));
    assert.ok(a.filter((byte, i) => byte === b[i]).length < 4);
  });

  test('L66 ids of other servers, of other rotations and of no rotation are not ours', () => {
    for (const key of [undefined, KEY]) {
      const ours = ids({ key, rotation: 1 });
      const other = ids({ key, rotation: 1, serverId: fromHex('1122334455667789') });
      assert.ok(ours.isOurs(ours.generate(), 0));
      assert.ok(!ours.isOurs(other.generate(), 0));
      assert.ok(!ours.isOurs(ids({ key, rotation: 2 }).generate(), 0));
      assert.ok(
        !ours.isOurs(
          Uint8Array.from({ length: 16 }, () => 0xff),
          0,
        ),
      );
    }
  });
});

describe('decodeConnectionId', () => {
  test('L65 rotation is seen without a key, 7 and the empty id are unroutable', () => {
    for (let rotation = 0; rotation <= 6; rotation++) {
      const seen = decodeConnectionId(ids({ key: KEY, rotation, encodesLength: true }).generate());
      assert.deepEqual(
        [seen.rotation, seen.isRoutable, seen.encodesLength, seen.length],
        [rotation, true, true, 16],
      );
    }
    assert.equal(decodeConnectionId('e011223344556677').isRoutable, false);
    assert.deepEqual([decodeConnectionId('').rotation, decodeConnectionId('').isRoutable], [7, false]);
  });

  test('L65 the server id comes from the layout that has the rotation and the length of the id', () => {
    const layouts = [
      { serverIdLength: 8, rotation: 0 },
      { serverIdLength: 8, rotation: 1, key: KEY },
    ];
    const hidden = decodeConnectionId(ids({ rotation: 1, key: KEY }).generate(), layouts);
    assert.equal(toHex(hidden.serverId ?? KEY), toHex(SERVER_ID));
    const plain = decodeConnectionId(ids().generate(), layouts);
    assert.equal(toHex(plain.serverId ?? KEY), toHex(SERVER_ID));
    assert.equal(decodeConnectionId(ids({ rotation: 2 }).generate(), layouts).serverId, null);
    assert.equal(decodeConnectionId(ids().generate().subarray(1), layouts).serverId, null);
    assert.throws(() => decodeConnectionId('12', { serverIdLength: 16 }), /"serverIdLength"/);
    assert.throws(() => decodeConnectionId('1x'), /'id' must be pairs of hexadecimal digits/);
  });
});

describe('presets', () => {
  test('L64 AWS NLB: configuration 0 and the QuicServerId in bytes 1 to 8', () => {
    const id = new QuicLbIds(awsNlb({ serverId: '0x1122334455667788' }), seededRandom(1)).generate();
    assert.equal(id[0] >> 5, 0);
    assert.equal(toHex(id.subarray(1, 9)), '1122334455667788');
    assert.equal(id.length, 16);
    assert.throws(() => awsNlb({ serverId: '0x11' }), /8 for an AWS NLB. Received 1/);
  });

  test('L64 Katran: the version in the top 2 bits and the host id after the first octet', () => {
    const second = new QuicLbIds(katran({ hostId: 0x0a0b0c }), seededRandom(1), 3).generate();
    assert.deepEqual([second[0] >> 6, second[0] & 0x1f, toHex(second.subarray(1, 4))], [2, 3, '0a0b0c']);
    const third = new QuicLbIds(katran({ hostId: 0xfffffffe, version: 3 }), seededRandom(1)).generate();
    assert.deepEqual([third[0] >> 6, toHex(third.subarray(1, 5))], [3, 'fffffffe']);
    assert.equal(decodeConnectionId(third).isRoutable, true);
    assert.throws(() => katran({ hostId: 2 ** 24 }), /"hostId"/);
    assert.throws(() => katran({ hostId: 1, version: 1 as never }), /'version' must be 2 or 3/);
  });

  test('L64 Envoy: the length in the first octet and the worker in a last byte outside of the cipher', () => {
    const options = envoy({ serverId: '0102030405', key: KEY, rotation: 3, nonceLength: 6 });
    const made = new QuicLbIds(options, seededRandom(1), 17);
    const id = made.generate();
    assert.deepEqual([id.length, id[0] >> 5, id[0] & 0x1f, id.at(-1)], [13, 3, 12, 17]);
    assert.equal(made.shardOf(Uint8Array.of(0, ...id), 1), 17);
    const inner = new QuicLbCodec({ serverIdLength: 5, nonceLength: 6, rotation: 3, key: KEY });
    assert.equal(toHex(inner.decode(id.subarray(0, -1))?.serverId ?? KEY), '0102030405');
  });
});

describe('connectionIds', () => {
  const random = seededRandom(1);
  test('L63 what is no kind of ids is refused, and a length beside them', () => {
    const parse = (connectionIds: unknown, length?: number) =>
      parseConnectionIds({ connectionIds: connectionIds as never, connectionIdLength: length }, random);
    assert.equal(parse(undefined, 4).length, 4);
    assert.equal(parse({ serverId: '01' }).length, 16);
    assert.throws(() => parse('random'), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => parse({}), /an object with serverId \(QUIC-LB\), or a generator/);
    assert.throws(() => parse({ serverId: '01' }, 8), /'connectionIdLength' must be absent/);
    assert.throws(() => parse(undefined, 3), { code: 'ERR_OUT_OF_RANGE' });
    const generator = { length: 21, generate: () => new Uint8Array(21), shardOf: () => 0 };
    assert.throws(() => parse(generator), /"connectionIds.length"/);
    const good = { ...generator, length: 20 };
    assert.equal(parse(good), good);
  });
});
