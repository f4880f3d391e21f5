import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LossEpisode } from '../../../src/recovery/loss-episode.ts';

test('RFC 9002 §7.3.2 packets that left before the reduction belong to its episode', () => {
  const episode = new LossEpisode();
  assert.equal(episode.onLost(100, 50), true);
  assert.equal(episode.onLost(100, 60), false);
  assert.equal(episode.onLost(120, 100), false);
  assert.equal(episode.onLost(150, 101), true);
});

test('C80 RFC 9438 §4.9 an episode was none when its last loss proves spurious', () => {
  const episode = new LossEpisode();
  episode.onLost(100, 50);
  episode.onLost(110, 60);
  assert.equal(episode.onSpurious(50, 100), false);
  assert.equal(episode.onSpurious(60, 110), true);
  assert.equal(episode.start, Number.NEGATIVE_INFINITY);
});

test('C80 spurious losses of an earlier episode say nothing about the present one', () => {
  const episode = new LossEpisode();
  episode.onLost(100, 50);
  episode.onLost(200, 90);
  episode.onLost(200, 150);
  assert.equal(episode.onSpurious(50, 100), false);
  assert.equal(episode.onSpurious(90, 200), false, 'lost at the same time, but of the episode before');
  assert.equal(episode.onSpurious(150, 200), true);
});

test('C80 C84 an episode with a CE mark, or of persistent congestion, is never taken back', () => {
  const marked = new LossEpisode();
  assert.equal(marked.onMarked(100, 50), true);
  assert.equal(marked.onMarked(101, 60), false);
  marked.onLost(110, 70);
  assert.equal(marked.onSpurious(70, 110), false);
  const persistent = new LossEpisode();
  persistent.onLost(100, 50);
  persistent.confirm();
  assert.equal(persistent.onSpurious(50, 100), false);
});
