import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Plateau } from '../../../src/recovery/bbr-plateau.ts';

test('C81 draft-ietf-ccwg-bbr §5.3.1.2 three rounds without a quarter more are a plateau', () => {
  const plateau = new Plateau();
  assert.equal(plateau.onRound(100), false);
  assert.equal(plateau.onRound(124), false);
  assert.equal(plateau.onRound(124), false);
  assert.equal(plateau.onRound(110), true);
  assert.equal(plateau.reached, true);
  assert.equal(plateau.onRound(110), false, 'it is found once');
});

test('C81 draft-ietf-ccwg-bbr §5.3.1.2 growth starts the count anew, and rounds without a sample do not count', () => {
  const plateau = new Plateau();
  for (const rate of [100, 100, 100, 125, 0, 0, 0, 0]) assert.equal(plateau.onRound(rate), false);
  for (const rate of [130, 130]) assert.equal(plateau.onRound(rate), false);
  assert.equal(plateau.onRound(130), true);
  plateau.reset(200);
  assert.equal(plateau.reached, false);
  assert.equal(plateau.onRound(240), false);
});
