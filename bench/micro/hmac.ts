/**
 * What one HMAC of a handshake costs: ours out of two one-shot hashes, and `createHmac` with a key object.
 *
 * `node bench/micro/hmac.ts [rounds]` (Node 24; on Node 20 the compiled file). Both take turns in every round; the median of
 * the rounds is printed. CPU time is that of the whole process, with the collector's threads.
 */

import { createHmac, createSecretKey } from 'node:crypto';
import { nodeHmac } from '../../src/crypto/node-hmac.ts';

const CALLS = 5000;
const rounds = Number(process.argv[2] ?? 21);
const key = new Uint8Array(32).fill(3);
const data = new Uint8Array(50).fill(5);
const rows: Record<string, { call: () => unknown; samples: number[] }> = {
  'two hashes': { call: () => nodeHmac('sha256', key, data), samples: [] },
  createHmac: {
    call: () => createHmac('sha256', createSecretKey(key)).update(data).digest(),
    samples: [],
  },
};

for (let round = 0; round <= rounds; round++) {
  for (const { call, samples } of Object.values(rows)) {
    const before = process.cpuUsage();
    for (let i = 0; i < CALLS; i++) call();
    const { user, system } = process.cpuUsage(before);
    // The first round warms up.
    if (round > 0) samples.push((user + system) / CALLS);
  }
}
console.log(`node ${process.version}, ${rounds} rounds of ${CALLS} calls`);
for (const [name, { samples }] of Object.entries(rows)) {
  samples.sort((a, b) => a - b);
  console.log(`${name.padEnd(12)} ${(samples[Math.floor(samples.length / 2)] ?? 0).toFixed(2)} µs CPU`);
}
