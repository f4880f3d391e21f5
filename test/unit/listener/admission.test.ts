import assert from 'node:assert/strict';
import test from 'node:test';
import {
  Admission,
  MAX_HALF_OPEN,
  MAX_QUEUED_CONNECTIONS,
  RETRY_ABOVE_HALF_OPEN,
} from '../../../src/listener/admission.ts';

const STRANGER = { addressValidated: false, mayRetry: true };
const PROVED = { addressValidated: true, mayRetry: false };

test('P2 clients are accepted, sent a Retry, and refused as handshakes pile up', async () => {
  const admission = new Admission();
  const ends: (() => void)[] = [];
  const begin = (): void => admission.began(new Promise<void>((resolve) => ends.push(resolve)));
  for (let i = 0; i < RETRY_ABOVE_HALF_OPEN; i++) {
    assert.equal(admission.decide(STRANGER, 0), 'accept');
    begin();
  }
  assert.equal(admission.decide(STRANGER, 0), 'retry');
  assert.equal(admission.decide(PROVED, 0), 'accept');
  while (admission.halfOpen < MAX_HALF_OPEN) begin();
  assert.equal(admission.decide(PROVED, 0), 'refuse');
  for (const end of ends) end();
  await Promise.resolve();
  assert.equal(admission.halfOpen, 0);
  assert.equal(admission.decide(STRANGER, 0), 'accept');
});

test('P2 clients are refused while too many connections wait to be accepted', () => {
  const admission = new Admission();
  assert.equal(admission.decide(PROVED, MAX_QUEUED_CONNECTIONS - 1), 'accept');
  assert.equal(admission.decide(PROVED, MAX_QUEUED_CONNECTIONS), 'refuse');
});

test('P2 a handshake that fails gives its place back', async () => {
  const admission = new Admission();
  admission.began(Promise.reject(new Error('no')));
  assert.equal(admission.halfOpen, 1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(admission.halfOpen, 0);
});
