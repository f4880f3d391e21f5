import assert from 'node:assert/strict';
import test from 'node:test';
import {
  FREE_USELESS_FRAMES,
  MAX_USELESS_FRAMES,
  UselessFrames,
} from '../../../src/connection/useless-frames.ts';
import { TransportError, TransportErrorCode } from '../../../src/errors.ts';

test('frames without effect are free up to a number per packet', () => {
  const useless = new UselessFrames();
  for (let i = 0; i < 10 * MAX_USELESS_FRAMES; i++) useless.onPacket(FREE_USELESS_FRAMES, 1);
});

test('more than the limit is a PROTOCOL_VIOLATION that names the frame', () => {
  const useless = new UselessFrames();
  useless.onPacket(FREE_USELESS_FRAMES + MAX_USELESS_FRAMES, 1);
  assert.throws(
    () => useless.onPacket(FREE_USELESS_FRAMES + 1, 0x14),
    (error) =>
      error instanceof TransportError &&
      error.code === TransportErrorCode.PROTOCOL_VIOLATION &&
      error.frameType === 0x14,
  );
});

test('packets with fewer give back what others took', () => {
  const useless = new UselessFrames();
  for (let i = 0; i < 100; i++) {
    useless.onPacket(FREE_USELESS_FRAMES + MAX_USELESS_FRAMES, 1);
    for (let j = 0; j < Math.ceil(MAX_USELESS_FRAMES / FREE_USELESS_FRAMES); j++) useless.onPacket(0, 0);
  }
});
