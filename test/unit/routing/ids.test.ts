import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KeyRing } from '../../../src/crypto/key-ring.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { seededRandom } from '../../../src/crypto/random.ts';
import { RandomIds } from '../../../src/routing/id-generator.ts';
import { ResetTokens, writeStatelessReset } from '../../../src/routing/reset-tokens.ts';
import { RoutedIds } from '../../../src/routing/routed-ids.ts';
import { equal, toHex } from '../../../src/util/bytes.ts';
import { TokenBucket } from '../../../src/util/token-bucket.ts';
import { secret } from './support.ts';

describe('generated ids', () => {
  test('8 bytes unless asked otherwise, with the shard in the low 5 bits and 3 random ones above it', () => {
    const ids = new RandomIds(seededRandom(1), 8, 21);
    const tops = new Set<number>();
    for (let i = 0; i < 200; i++) {
      const id = ids.generate();
      assert.equal(id.length, 8);
      assert.equal(ids.shardOf(Uint8Array.of(0, ...id), 1), 21);
      tops.add(id[0] >> 5);
    }
    assert.equal(tops.size, 8);
  });

  test('without a shard every bit is random', () => {
    const ids = new RandomIds(seededRandom(1), 20);
    const shards = new Set(Array.from({ length: 2000 }, () => ids.shardOf(ids.generate(), 0)));
    assert.equal(shards.size, 32);
  });

  test('lengths and shards out of range are refused', () => {
    for (const length of [0, 3, 21, 4.5, Number.NaN])
      assert.throws(() => new RandomIds(seededRandom(1), length), { code: 'ERR_OUT_OF_RANGE' });
    for (const shard of [-1, 32, 0.5])
      assert.throws(() => new RandomIds(seededRandom(1), 8, shard), { code: 'ERR_OUT_OF_RANGE' });
  });

  test('L61 ids for connections are never ones in use, and a generator that repeats itself is an error', () => {
    const resets = new ResetTokens(nodeProvider, new KeyRing(secret(1)));
    const made = [Uint8Array.of(1, 1, 1, 1), Uint8Array.of(2, 2, 2, 2)];
    let at = 0;
    const generator = { length: 4, generate: () => made[at++ % 2], shardOf: () => 0 };
    const ids = new RoutedIds(generator, resets, (id) => id[0] === 1);
    const { connectionId, resetToken } = ids.next();
    assert.deepEqual(connectionId, made[1]);
    assert.deepEqual(resetToken, resets.tokenFor(made[1]));
    assert.throws(() => ids.nextId(made[1]), { code: 'ERR_QUIC_OUT_OF_IDENTIFIERS' });
  });
});

describe('reset tokens', () => {
  test('L67 the same secret gives the same token for an id; another secret or id gives another', () => {
    const id = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const token = new ResetTokens(nodeProvider, new KeyRing(secret(7))).tokenFor(id);
    assert.equal(token.length, 16);
    assert.deepEqual(new ResetTokens(nodeProvider, new KeyRing(secret(7))).tokenFor(id), token);
    assert.ok(!equal(new ResetTokens(nodeProvider, new KeyRing(secret(8))).tokenFor(id), token));
    assert.ok(
      !equal(new ResetTokens(nodeProvider, new KeyRing(secret(7))).tokenFor(id.subarray(0, 7)), token),
    );
    assert.throws(() => new ResetTokens(nodeProvider, new KeyRing(new Uint8Array(16))), {
      code: 'ERR_OUT_OF_RANGE',
    });
  });

  test('L76 RFC 9000 §10.3 a reset is smaller than its trigger, at least 21 bytes, and looks like a packet', () => {
    const out = new Uint8Array(200);
    const token = new Uint8Array(16).fill(0xee);
    const random = seededRandom(4);
    const heads = new Set<string>();
    for (let trigger = 0; trigger <= 1500; trigger++) {
      const size = writeStatelessReset(out, trigger, token, random);
      if (trigger <= 21) {
        assert.equal(size, 0);
        continue;
      }
      assert.ok(size >= 21 && size < trigger && size <= 96);
      if (trigger <= 43) assert.equal(size, trigger - 1);
      else assert.ok(size >= 42);
      assert.equal(out[0] & 0xc0, 0x40);
      assert.deepEqual(out.slice(size - 16, size), token);
      heads.add(toHex(out.subarray(0, 5)));
    }
    assert.ok(heads.size > 1400);
    const sizes = new Set(Array.from({ length: 500 }, () => writeStatelessReset(out, 1200, token, random)));
    assert.equal(sizes.size, 55);
  });
});

test('a token bucket gives its burst at once and its rate after that, and no more after a long rest', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 3 });
  const taken = (now: number, tries: number) => {
    let count = 0;
    for (let i = 0; i < tries; i++) if (bucket.take(now)) count++;
    return count;
  };
  assert.equal(taken(1000, 5), 3);
  assert.equal(taken(1099, 1), 0);
  assert.equal(taken(1100, 5), 1);
  assert.equal(taken(1050, 1), 0);
  assert.equal(taken(1_000_000, 9), 3);
});

test('L67 with several secrets tokens are given out by the current one, and resets are sent by each in turn', () => {
  const ring = new KeyRing([secret(7), secret(8)]);
  const tokens = new ResetTokens(nodeProvider, ring);
  const by = (fill: number) => new ResetTokens(nodeProvider, new KeyRing(secret(fill))).tokenFor(ID_OF_RESET);
  assert.deepEqual(tokens.tokenFor(ID_OF_RESET), by(7));
  const sent = [1, 2, 3].map(() => toHex(tokens.tokenToSend(ID_OF_RESET)));
  assert.deepEqual(sent, [by(7), by(8), by(7)].map(toHex));
  ring.replace(secret(9));
  assert.deepEqual(tokens.tokenFor(ID_OF_RESET), by(9));
  assert.deepEqual(tokens.tokenToSend(ID_OF_RESET), by(9));
});

const ID_OF_RESET = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
