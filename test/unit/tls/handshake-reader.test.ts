import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Alert } from '../../../src/tls/alerts.ts';
import { HandshakeReader } from '../../../src/tls/handshake-reader.ts';
import { MAX_BUFFERED_BYTES, MAX_CERTIFICATE_MESSAGE_BYTES } from '../../../src/tls/limits.ts';
import { toHex } from '../../../src/util/bytes.ts';
import { join, message } from '../../support/tls-messages.ts';

const ANY = [1, 2, 4, 8, 11, 13, 15, 20];

test('RFC 8446 §4 messages come out as they went in, whatever the pieces', () => {
  const someMessage = fc
    .tuple(fc.constantFrom(...ANY), fc.uint8Array({ maxLength: 60 }))
    .map(([type, body]) => message(type, body));
  fc.assert(
    fc.property(
      fc.array(someMessage, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 50 })),
      (messages, cuts) => {
        const reader = new HandshakeReader();
        const bytes = join(...messages);
        const found: string[] = [];
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const piece = bytes.slice(at, at + (cuts[n] ?? 7));
          reader.push(piece);
          piece.fill(0xee);
          at += piece.length;
          for (let next = reader.next(ANY); next !== null; next = reader.next(ANY))
            found.push(toHex(next.raw));
        }
        assert.deepEqual(found, messages.map(toHex));
        assert.equal(reader.buffered, 0);
        reader.expectEmpty();
      },
    ),
  );
});

test('a message keeps its bytes when the reader goes on', () => {
  const reader = new HandshakeReader();
  reader.push(message(20, Uint8Array.of(1, 2, 3)));
  const first = reader.next(ANY);
  reader.push(message(20, Uint8Array.of(9, 9, 9)));
  assert.deepEqual(first?.body, Uint8Array.of(1, 2, 3));
});

test('a type that is not welcome is refused by its first byte', () => {
  const reader = new HandshakeReader();
  reader.push(Uint8Array.of(24));
  assert.throws(() => reader.next(ANY), { alert: Alert.UNEXPECTED_MESSAGE });
  const other = new HandshakeReader();
  other.push(Uint8Array.of(1));
  assert.throws(() => other.next([2]), { alert: Alert.UNEXPECTED_MESSAGE });
});

test('a body above the limit of its type is refused by its header', () => {
  const reader = new HandshakeReader();
  reader.push(Uint8Array.of(11, 1, 0, 0));
  assert.equal(reader.next(ANY), null, 'a Certificate of the limit is awaited');
  assert.equal(MAX_CERTIFICATE_MESSAGE_BYTES, 0x10000);
  const over = new HandshakeReader();
  over.push(Uint8Array.of(11, 1, 0, 1));
  assert.throws(() => over.next(ANY), { alert: Alert.DECODE_ERROR });
});

test('bytes that are left where keys change are refused', () => {
  const reader = new HandshakeReader();
  reader.push(Uint8Array.of(20));
  assert.throws(() => reader.expectEmpty(), { alert: Alert.UNEXPECTED_MESSAGE });
});

test('what waits for an answer is limited', () => {
  const reader = new HandshakeReader();
  reader.push(new Uint8Array(MAX_BUFFERED_BYTES));
  reader.checkWaiting();
  reader.push(Uint8Array.of(0));
  assert.throws(() => reader.checkWaiting(), { alert: Alert.UNEXPECTED_MESSAGE });
});
