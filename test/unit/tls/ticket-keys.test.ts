/** The ring of ticket keys: who can open what, before and after a rotation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KeyRing, MAX_RING_KEYS } from '../../../src/crypto/key-ring.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { seededRandom } from '../../../src/crypto/random.ts';
import { TicketKeys } from '../../../src/tls/ticket-keys.ts';
import { ticketKeys } from '../../support/tls-resumption.ts';

const STATE = Uint8Array.of(1, 2, 3, 4);
const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

test('L88 tickets open wherever the same key is, and nowhere else', () => {
  const ticket = ticketKeys(1).seal(STATE);
  const elsewhere = new TicketKeys(nodeProvider, seededRandom('another process'), new KeyRing(key(1)));
  assert.deepEqual(elsewhere.open(ticket), STATE);
  assert.equal(ticketKeys(2).open(ticket), null);
});

test('after a rotation new tickets have the new key, and older ones open until their key has left the ring', () => {
  const ring = new KeyRing(key(1));
  const keys = new TicketKeys(nodeProvider, seededRandom('ring'), ring);
  const old = keys.seal(STATE);
  for (let n = 1; n < MAX_RING_KEYS; n++) {
    ring.rotate(key(10 + n));
    assert.deepEqual(keys.open(old), STATE);
    assert.equal(ticketKeys(1).open(keys.seal(STATE)), null);
  }
  ring.rotate(key(99));
  assert.equal(keys.open(old), null);
});

test('previous keys open tickets and do not seal them; rotating to a known key keeps the others', () => {
  const ring = new KeyRing([key(2), key(1)]);
  const keys = new TicketKeys(nodeProvider, seededRandom('ring'), ring);
  assert.deepEqual(keys.open(ticketKeys(1).seal(STATE)), STATE);
  assert.equal(ticketKeys(1).open(keys.seal(STATE)), null);
  ring.rotate(key(1));
  assert.deepEqual(ticketKeys(1).open(keys.seal(STATE)), STATE);
  assert.deepEqual(keys.open(ticketKeys(2).seal(STATE)), STATE);
});

test('two tickets of one state have nothing in common but the id of their key', () => {
  const keys = ticketKeys(1);
  const [a, b] = [keys.seal(STATE), keys.seal(STATE)];
  assert.deepEqual(a.subarray(0, 4), b.subarray(0, 4));
  assert.notDeepEqual(a.subarray(4, 20), b.subarray(4, 20));
  // Without the tags, which cover the salt in any case.
  assert.notDeepEqual(a.subarray(20, -16), b.subarray(20, -16));
});

test('a ticket that was changed or cut anywhere does not open, and nothing throws', () => {
  const keys = ticketKeys(1);
  const ticket = keys.seal(STATE);
  for (let at = 0; at < ticket.length; at++) {
    const changed = ticket.slice();
    changed[at] ^= 1;
    assert.equal(keys.open(changed), null);
    assert.equal(keys.open(ticket.subarray(0, at)), null);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => keys.open(bytes) === null),
    { numRuns: 100 },
  );
});
