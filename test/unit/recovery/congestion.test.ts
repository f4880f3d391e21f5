import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CONGESTION_CONTROLLERS,
  createCongestionController,
  DEFAULT_CONGESTION_CONTROL,
} from '../../../src/recovery/congestion.ts';
import { PathRecovery } from '../../../src/recovery/path-recovery.ts';

const OPTIONS = {
  maxDatagramSize: 1200,
  initialWindow: 12_000,
  slowStartThreshold: Number.POSITIVE_INFINITY,
};

test('C81 every controller of the table is made by its name', () => {
  assert.deepEqual(Object.keys(CONGESTION_CONTROLLERS).sort(), [
    'bbr',
    'bbr2',
    'bbr2_gcongestion',
    'cubic',
    'reno',
  ]);
  for (const name of Object.keys(CONGESTION_CONTROLLERS)) {
    const controller = createCongestionController(name, OPTIONS, new PathRecovery());
    assert.equal(controller.name, name.startsWith('bbr') ? 'bbr' : name);
    assert.equal(controller.window, 12_000);
  }
  assert.equal(DEFAULT_CONGESTION_CONTROL, 'cubic');
});

test('C81 an unknown name throws and says what there is', () => {
  for (const name of ['vegas', '', 'toString', '__proto__']) {
    assert.throws(() => createCongestionController(name, OPTIONS, new PathRecovery()), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /congestionControl.*'cubic', 'reno', 'bbr'/,
    });
  }
});
