/** What an endpoint knows of ids and Retries, seen from outside: on the wire and in whole handshakes. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { KeyRing } from '../../src/crypto/key-ring.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { TransportErrorCode } from '../../src/errors.ts';
import { SealedTokens } from '../../src/routing/sealed-tokens.ts';
import type { OpenedToken, TokenProvider } from '../../src/routing/tokens.ts';
import { fromHex, toHex } from '../../src/util/bytes.ts';
import { ListenerStage } from '../support/listener-stage.ts';

/** Sealed tokens, read with a change. */
function tokensWith(change: (opened: OpenedToken) => OpenedToken): TokenProvider {
  const sealed = new SealedTokens(nodeProvider, seededRandom(1), new KeyRing(new Uint8Array(32)));
  return {
    makeRetry: (request) => sealed.makeRetry(request),
    makeNew: (request) => sealed.makeNew(request),
    open: (token, seen) => change(sealed.open(token, seen)),
  };
}

const OTHER = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

test('L71 RFC 9000 §7.3 after a Retry the transport parameters have what the token has: clients accept no other ids', async () => {
  const cases: [change: (opened: OpenedToken) => OpenedToken, isGood: boolean][] = [
    [(opened) => opened, true],
    [(opened) => (opened.kind === 'retry' ? { ...opened, originalDestinationId: OTHER } : opened), false],
    [(opened) => (opened.kind === 'retry' ? { kind: 'new' } : opened), false],
  ];
  for (const [change, isGood] of cases) {
    const stage = new ListenerStage();
    const listener = await stage.started({ addressValidation: 'always', tokens: tokensWith(change) });
    if (isGood) assert.equal((await stage.connect()).isOpen, true);
    else {
      const error = await stage.refusal();
      assert.ok(error !== null && 'reason' in error);
      assert.equal(error.errorCode, BigInt(TransportErrorCode.TRANSPORT_PARAMETER_ERROR));
    }
    assert.ok(listener.endpoint.counters.answers.retry >= 1);
    await stage.until(listener.close());
  }
});

test('L61 ids that a connection gives out lead to it, and those that the client retires no more', async () => {
  const stage = new ListenerStage();
  const listener = await stage.started();
  const { endpoint } = listener;
  const used: string[] = [];
  stage.network.tap(({ kind, from, bytes }) => {
    if (kind !== 'sent' || from.address !== ListenerStage.CLIENT || (bytes[0] & 0x80) !== 0) return;
    const id = toHex(bytes.slice(1, 9));
    if (!used.includes(id)) used.push(id);
  });
  const connection = await stage.connect();
  await stage.run(200);
  const [served] = endpoint.connections;
  const given = endpoint.sizes.ids;
  assert.ok(given > 1, 'ids beyond the first were given out');
  for (let i = 0; i < 4; i++) {
    await stage.until(connection.migrate());
    await stage.run(500);
  }
  assert.ok(used.length >= 5, 'every move took another id');
  const current = used.at(-1) as string;
  assert.ok(endpoint.findConnection(fromHex(current)) === served);
  const found = used.map((id) => endpoint.findConnection(fromHex(id)) !== null);
  // The path before the current one may stay for a while.
  assert.deepEqual([...found.slice(0, -2), found.at(-1)], [...Array(found.length - 2).fill(false), true]);
  assert.equal(endpoint.sizes.ids, given, 'for each that was retired there is a new one');
  await stage.until(connection.close());
  await stage.run(60_000);
  assert.equal(endpoint.sizes.ids, 0);
  await stage.until(listener.close());
});
