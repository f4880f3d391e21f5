import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PathRecovery } from '../../../src/recovery/path-recovery.ts';
import { MAX_ACK_ONLY_KEPT, SentFlag, SentPackets } from '../../../src/recovery/sent-packets.ts';

const path = new PathRecovery();
const ELICITING = SentFlag.ACK_ELICITING | SentFlag.IN_FLIGHT;

function send(sent: SentPackets, tokens = 1, flags: number = ELICITING): number {
  const packetNumber = sent.last + 1;
  sent.begin(packetNumber);
  for (let i = 0; i < tokens; i++) sent.token(i, packetNumber, i + 0.5, -i);
  sent.end(packetNumber / 10, 100 + (packetNumber % 1000), flags, path);
  return packetNumber;
}

function settle(sent: SentPackets, packetNumber: number): void {
  const position = sent.find(packetNumber);
  const slot = position & sent.mask;
  assert.equal(sent.packetNumber(slot), packetNumber);
  sent.setFlags(slot, (sent.flags(slot) & ~SentFlag.OUTSTANDING) | SentFlag.ACKED);
}

function tokensOf(sent: SentPackets, slot: number): number[][] {
  const tokens: number[][] = [];
  sent.takeTokens(slot, 2, (space, kind, a, b, c) => tokens.push([space, kind, a, b, c]));
  return tokens;
}

test('a packet keeps what was said of it, and gives its tokens once, in order', () => {
  const sent = new SentPackets();
  sent.begin(0);
  sent.token(15, 4, 2 ** 52, 3);
  sent.token(5, 1, 0, 0);
  sent.end(12.25, 1452, ELICITING, path);
  const slot = sent.find(0) & sent.mask;
  assert.equal(sent.packetNumber(slot), 0);
  assert.equal(sent.sentTime(slot), 12.25);
  assert.equal(sent.size(slot), 1452);
  assert.equal(sent.flags(slot), ELICITING | SentFlag.OUTSTANDING);
  assert.equal(sent.path(slot), path);
  assert.deepEqual(tokensOf(sent, slot), [
    [2, 15, 4, 2 ** 52, 3],
    [2, 5, 1, 0, 0],
  ]);
  assert.deepEqual(tokensOf(sent, slot), []);
});

test('an aborted packet leaves nothing behind and its number is used again', () => {
  const sent = new SentPackets();
  send(sent);
  sent.begin(1);
  sent.token(1, 1, 1, 1);
  sent.abort();
  assert.equal(sent.length, 1);
  assert.equal(sent.tokenCount, 1);
  assert.equal(sent.last, 0);
  assert.equal(send(sent), 1);
});

test('numbers that are reused or leave a gap without a word are our own mistake', () => {
  const sent = new SentPackets();
  send(sent);
  assert.throws(() => sent.begin(0), /follow one another/);
  assert.throws(() => sent.begin(2), /follow one another/);
  sent.skip(1);
  sent.begin(2);
  assert.throws(() => sent.begin(3), /follow one another/);
});

test('a window that moves on needs no more memory, however long it goes', () => {
  const sent = new SentPackets();
  for (let n = 0; n < 100; n++) send(sent, 2);
  const { capacity } = sent;
  assert.equal(capacity, 128);
  for (let n = 100; n < 20_000; n++) {
    settle(sent, n - 100);
    sent.advance();
    send(sent, 2);
  }
  assert.equal(sent.capacity, capacity);
  assert.equal(sent.length, 100);
  assert.equal(sent.tokenCount, 200);
});

test('C80 one very old packet does not hold the space of those after it', () => {
  const sent = new SentPackets();
  send(sent, 3);
  for (let n = 1; n < 10_000; n++) {
    send(sent, 3);
    if (n > 20) settle(sent, n - 20);
    sent.advance();
  }
  assert.ok(sent.capacity <= 64, String(sent.capacity));
  const slot = sent.head & sent.mask;
  assert.equal(sent.packetNumber(slot), 0);
  assert.deepEqual(tokensOf(sent, slot), [
    [2, 0, 0, 0.5, -0],
    [2, 1, 0, 1.5, -1],
    [2, 2, 0, 2.5, -2],
  ]);
  assert.equal(sent.packetNumber(sent.find(9_990) & sent.mask), 9_990);
});

test('C80 ACK-only packets that nobody acknowledges do not pile up', () => {
  const sent = new SentPackets();
  send(sent);
  for (let n = 1; n < 50_000; n++) send(sent, 1, 0);
  assert.ok(sent.capacity <= 64, String(sent.capacity));
  assert.equal(sent.packetNumber(sent.head & sent.mask), 0, 'the ack-eliciting one is still there');
  const kept = [];
  for (let p = sent.head + 1; p < sent.tail; p++) kept.push(sent.packetNumber(p & sent.mask));
  assert.ok(kept.length >= MAX_ACK_ONLY_KEPT);
  assert.equal(kept.at(-1), 49_999);
});

test('what was acknowledged between two packets is not forgotten when room is made', () => {
  const sent = new SentPackets();
  for (let n = 0; n < 16; n++) send(sent);
  for (let n = 3; n < 14; n++) settle(sent, n);
  send(sent);
  assert.equal(sent.length, 6);
  const marked = [];
  for (let p = sent.head; p < sent.tail; p++) {
    const slot = p & sent.mask;
    if ((sent.flags(slot) & SentFlag.AFTER_ACKED) !== 0) marked.push(sent.packetNumber(slot));
  }
  assert.deepEqual(marked, [14]);
});

test('the mark survives when nothing was left behind it', () => {
  const sent = new SentPackets();
  for (let n = 0; n < 16; n++) send(sent);
  for (let n = 3; n < 16; n++) settle(sent, n);
  send(sent);
  assert.notEqual(sent.flags(sent.find(16) & sent.mask) & SentFlag.AFTER_ACKED, 0);
  send(sent);
  assert.equal(sent.flags(sent.find(17) & sent.mask) & SentFlag.AFTER_ACKED, 0);
});

test('the limits of packets and tokens are noticed, and an eighth is to be freed', () => {
  const packets = new SentPackets(64, 1000);
  while (!packets.overfull) send(packets);
  assert.equal(packets.length, 64);
  while (packets.crowded) {
    settle(packets, packets.packetNumber(packets.head & packets.mask));
    packets.advance();
  }
  assert.equal(packets.length, 56);
  const tokens = new SentPackets(64, 100);
  while (!tokens.overfull) send(tokens, 10);
  assert.equal(tokens.length, 10);
});

test('after a long burst the memory is given back, and the mark for what was acknowledged is not needed any more', () => {
  const sent = new SentPackets();
  for (let n = 0; n < 1000; n++) send(sent);
  assert.equal(sent.trim(), false, 'something is outstanding');
  for (let n = 0; n < 1000; n++) settle(sent, n);
  sent.advance();
  assert.equal(sent.trim(), true);
  assert.equal(sent.capacity, 0);
  assert.equal(send(sent), 1000);
  settle(sent, 1000);
  sent.advance();
  assert.equal(sent.trim(), false, 'small rings stay');
});

test('clearing gives everything back, and numbers go on', () => {
  const sent = new SentPackets();
  for (let n = 0; n < 40; n++) send(sent);
  sent.clear();
  assert.equal(sent.length, 0);
  assert.equal(sent.capacity, 0);
  assert.equal(sent.tokenCount, 0);
  assert.equal(send(sent), 40);
  assert.equal(sent.packetNumber(sent.find(40) & sent.mask), 40);
});

test('a sink that discards the space in the middle of a packet is told nothing more', () => {
  const sent = new SentPackets();
  send(sent, 5);
  let calls = 0;
  sent.takeTokens(sent.head & sent.mask, 2, () => {
    calls++;
    sent.clear();
  });
  assert.equal(calls, 1);
});

test('the ledger agrees with a Map under random sending, skipping, aborting and settling', () => {
  const operation = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('send'), n: fc.nat(4) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('ack-only'), n: fc.constant(1) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('skip'), n: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort'), n: fc.nat(3) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('settle'), n: fc.nat(30) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance'), n: fc.constant(0) }) },
  );
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 400 }), (operations) => {
      const sent = new SentPackets();
      const model = new Map<number, { tokens: number; eliciting: boolean }>();
      for (const { kind, n } of operations) {
        if (kind === 'send') model.set(send(sent, n), { tokens: n, eliciting: true });
        else if (kind === 'ack-only') model.set(send(sent, n, 0), { tokens: n, eliciting: false });
        else if (kind === 'skip') sent.skip(sent.last + 1);
        else if (kind === 'advance') sent.advance();
        else if (kind === 'abort') {
          sent.begin(sent.last + 1);
          for (let i = 0; i < n; i++) sent.token(99, 99, 99, 99);
          sent.abort();
        } else {
          const packetNumber = [...model.keys()][n];
          if (packetNumber === undefined) continue;
          const { tokens, eliciting } = model.get(packetNumber) ?? { tokens: 0, eliciting: true };
          model.delete(packetNumber);
          const slot = sent.find(packetNumber) & sent.mask;
          if (!eliciting && sent.packetNumber(slot) !== packetNumber) continue; // forgotten
          assert.equal(sent.size(slot), 100 + (packetNumber % 1000));
          const expected = Array.from({ length: tokens }, (_, i) => [2, i, packetNumber, i + 0.5, -i]);
          assert.deepEqual(tokensOf(sent, slot), expected);
          sent.setFlags(slot, sent.flags(slot) & ~SentFlag.OUTSTANDING);
        }
      }
      const outstanding = [];
      for (let p = sent.head; p < sent.tail; p++) {
        const slot = p & sent.mask;
        if ((sent.flags(slot) & SentFlag.OUTSTANDING) !== 0) outstanding.push(sent.packetNumber(slot));
      }
      const eliciting = [...model].filter(([, each]) => each.eliciting).map(([n]) => n);
      const found = new Set(outstanding);
      assert.ok(eliciting.every((n) => found.has(n)));
      assert.ok(outstanding.every((n) => model.has(n)));
      assert.deepEqual(
        outstanding,
        [...outstanding].sort((x, y) => x - y),
      );
    }),
    { numRuns: 150 },
  );
});
