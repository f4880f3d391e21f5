import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KeyRing, MAX_RING_KEYS } from '../../../src/crypto/key-ring.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { seededRandom } from '../../../src/crypto/random.ts';
import { MAX_REMEMBERED_TOKENS } from '../../../src/routing/limits.ts';
import {
  NEW_TOKEN_LIFETIME,
  RETRY_TOKEN_LIFETIME,
  SealedTokens,
  TOKEN_CLOCK_TOLERANCE,
} from '../../../src/routing/sealed-tokens.ts';
import type { TokenContext } from '../../../src/routing/tokens.ts';
import { CLIENT, DCID, OTHER_CLIENT, secret, WALL } from './support.ts';

const RETRY_ID = Uint8Array.of(7, 7, 7, 7, 7, 7, 7, 7);
const REQUEST = { originalDestinationId: DCID, retrySourceId: RETRY_ID, address: CLIENT, wallTime: WALL };

function make(key = secret(2), previous: Uint8Array[] = []): SealedTokens {
  return new SealedTokens(nodeProvider, seededRandom(5), new KeyRing([key, ...previous]));
}

function seen(changes: Partial<TokenContext> = {}): TokenContext {
  return { address: CLIENT, destinationId: RETRY_ID, version: 1, wallTime: WALL, ...changes };
}

test('C30 RFC 9369 §5 the token of a connection is good for its own version alone', () => {
  const tokens = make();
  const token = tokens.makeNew({ address: CLIENT, version: 1, wallTime: WALL });
  assert.equal(tokens.open(token, seen({ version: 0x6b33_43cf })).kind, 'none');
  assert.equal(tokens.open(token, seen()).kind, 'new');
});

describe('Retry tokens', () => {
  test('L71 a good one gives the original id and the id of the Retry', () => {
    const tokens = make();
    const expected = { kind: 'retry', originalDestinationId: DCID, retrySourceId: RETRY_ID };
    for (const after of [0, RETRY_TOKEN_LIFETIME, -TOKEN_CLOCK_TOLERANCE]) {
      assert.deepEqual(tokens.open(tokens.makeRetry(REQUEST), seen({ wallTime: WALL + after })), expected);
    }
  });

  test('L73 RFC 9000 §8.1.4 another address, port, id or time makes it a bad Retry token', () => {
    const tokens = make();
    const token = tokens.makeRetry(REQUEST);
    for (const change of [
      { address: OTHER_CLIENT },
      { address: { ...CLIENT, port: CLIENT.port + 1 } },
      { destinationId: DCID },
      { destinationId: RETRY_ID.subarray(1) },
      { wallTime: WALL + RETRY_TOKEN_LIFETIME + 1 },
      { wallTime: WALL - TOKEN_CLOCK_TOLERANCE - 1 },
    ]) {
      assert.equal(tokens.open(token, seen(change)).kind, 'invalid-retry');
    }
  });

  test('L73 with any byte flipped, cut or grown it is bad; only the type byte makes it another token', () => {
    const tokens = make();
    const token = tokens.makeRetry(REQUEST);
    for (let at = 0; at < token.length; at++) {
      for (const bit of [1, 0x80]) {
        const changed = token.slice();
        changed[at] ^= bit;
        assert.equal(tokens.open(changed, seen()).kind, at === 0 ? 'none' : 'invalid-retry');
      }
      if (at > 0) assert.equal(tokens.open(token.slice(0, at), seen()).kind, 'invalid-retry');
    }
    assert.equal(tokens.open(Uint8Array.of(...token, 0), seen()).kind, 'invalid-retry');
    const asNew = token.slice();
    asNew[0] = tokens.makeNew({ address: CLIENT, version: 1, wallTime: WALL })[0];
    assert.equal(tokens.open(asNew, seen()).kind, 'none');
  });
});

describe('tokens of NEW_TOKEN frames', () => {
  test('L72 a good one is worth something from any port, for a day, once', () => {
    const tokens = make();
    for (const change of [
      { address: { ...CLIENT, port: 1 }, destinationId: DCID },
      { wallTime: WALL + NEW_TOKEN_LIFETIME },
    ]) {
      const token = tokens.makeNew({ address: CLIENT, version: 1, wallTime: WALL });
      assert.equal(tokens.open(token, seen(change)).kind, 'new');
      assert.equal(tokens.open(token, seen(change)).kind, 'none');
    }
  });

  test('L73 tampered, expired, from the future, cut, or of another address it counts as none', () => {
    const tokens = make();
    const token = tokens.makeNew({ address: CLIENT, version: 1, wallTime: WALL });
    for (let at = 0; at < token.length; at++) {
      const changed = token.slice();
      changed[at] ^= 0x10;
      assert.equal(tokens.open(changed, seen()).kind, 'none');
      assert.equal(tokens.open(token.slice(0, at), seen()).kind, 'none');
    }
    for (const change of [
      { address: OTHER_CLIENT },
      { wallTime: WALL + NEW_TOKEN_LIFETIME + 1 },
      { wallTime: WALL - TOKEN_CLOCK_TOLERANCE - 1 },
    ]) {
      assert.equal(tokens.open(token, seen(change)).kind, 'none');
    }
    assert.equal(tokens.open(token, seen()).kind, 'new');
    const asRetry = tokens.makeNew({ address: CLIENT, version: 1, wallTime: WALL });
    asRetry[0] = tokens.makeRetry(REQUEST)[0];
    assert.equal(tokens.open(asRetry, seen()).kind, 'invalid-retry');
  });

  test('L73 0, 1 and 10,000 bytes of anything are no token', () => {
    const tokens = make();
    const retryType = tokens.makeRetry(REQUEST)[0];
    for (const size of [0, 1, 10_000]) {
      for (let first = 0; first < 256; first++) {
        if (first === retryType) continue;
        assert.equal(tokens.open(new Uint8Array(size).fill(first), seen()).kind, 'none');
      }
      const bad = tokens.open(new Uint8Array(size).fill(retryType), seen()).kind;
      assert.equal(bad, size === 0 ? 'none' : 'invalid-retry');
    }
  });

  test('RFC 9000 §8.1.3 every one is different and shows no address', () => {
    const tokens = make();
    const texts = new Set<string>();
    for (let i = 0; i < 100; i++)
      texts.add(tokens.makeNew({ address: CLIENT, version: 1, wallTime: WALL }).join());
    assert.equal(texts.size, 100);
    for (const text of texts) assert.ok(!text.includes(new TextEncoder().encode(CLIENT.address).join()));
  });

  test('the memory of used ones is bounded: the oldest is forgotten first', () => {
    const tokens = make();
    const first = tokens.makeNew({ address: CLIENT, version: 1, wallTime: WALL });
    const second = tokens.makeNew({ address: CLIENT, version: 1, wallTime: WALL });
    tokens.open(first, seen());
    tokens.open(second, seen());
    for (let i = 0; i < MAX_REMEMBERED_TOKENS - 1; i++)
      tokens.open(tokens.makeNew({ address: CLIENT, version: 1, wallTime: WALL }), seen());
    assert.equal(tokens.open(second, seen()).kind, 'none');
    assert.equal(tokens.open(first, seen()).kind, 'new');
  });
});

describe('token keys', () => {
  test('after a rotation old tokens are good until their key falls out of the ring', () => {
    const ring = new KeyRing(secret(2));
    const tokens = new SealedTokens(nodeProvider, seededRandom(5), ring);
    const token = tokens.makeRetry(REQUEST);
    for (let i = 1; i < MAX_RING_KEYS; i++) {
      ring.rotate(secret(100 + i));
      assert.equal(tokens.open(token, seen()).kind, 'retry');
    }
    ring.rotate(secret(200));
    assert.equal(tokens.open(token, seen()).kind, 'invalid-retry');
  });

  test('processes that share keys accept the tokens of each other; others do not', () => {
    const token = make(secret(2)).makeRetry(REQUEST);
    assert.equal(make(secret(3), [secret(2)]).open(token, seen()).kind, 'retry');
    assert.equal(make(secret(3)).open(token, seen()).kind, 'invalid-retry');
    assert.throws(() => make(new Uint8Array(31)), { code: 'ERR_OUT_OF_RANGE' });
  });
});
