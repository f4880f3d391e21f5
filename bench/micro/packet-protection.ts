/**
 * What packet protection costs per packet: seal (AEAD and mask) and open (unmask and AEAD) for each AEAD.
 *
 * `node bench/micro/packet-protection.ts [rounds]` (Node 24; on Node 20 the compiled file). All rows take turns in every
 * round, so that what else the machine does falls on all of them; the median of the rounds is printed. CPU time is that of
 * the whole process: it holds the collector's threads, which the wall clock does not show.
 */

import { nodeOpener, nodeSealer } from '../../src/crypto/node-aead.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import type { AeadName, CryptoProvider } from '../../src/crypto/provider.ts';

const AEADS: readonly AeadName[] = ['aes-128-gcm', 'aes-256-gcm', 'chacha20-poly1305'];
const PACKET_SIZES: readonly number[] = [64, 1200, 1452];
const CALLS_PER_ROUND = 1000;
const HEADER_LENGTH = 13;
const PACKET_NUMBER_OFFSET = 9;

const rounds = Number(process.argv[2] ?? 21);
const PROVIDERS: readonly Protection[] = [
  nodeProvider,
  { name: 'node:crypto alone', sealer: nodeSealer, opener: nodeOpener },
];
const rows: Row[] = AEADS.flatMap((aead) =>
  PROVIDERS.filter(({ name }) => name === 'node' || aead === 'chacha20-poly1305').flatMap((provider) =>
    PACKET_SIZES.flatMap((size) => [sealRow(provider, aead, size), openRow(provider, aead, size)]),
  ),
);
for (const row of rows) run(row);
for (const row of rows) row.samples.length = 0;
for (let round = 0; round < rounds; round++) for (const row of rows) run(row);
console.log(
  `node ${process.version}, OpenSSL ${process.versions.openssl}, ${rounds} rounds of ${CALLS_PER_ROUND} packets`,
);
console.table(
  Object.fromEntries(
    rows.map((row) => [
      row.name,
      { 'µs wall': median(row, 'wall'), 'µs CPU': median(row, 'cpu'), 'µs wall, best': best(row) },
    ]),
  ),
);

type Protection = Pick<CryptoProvider, 'name' | 'sealer' | 'opener'>;

interface Row {
  readonly name: string;
  /** The work of one packet. */
  readonly call: (packetNumber: number) => void;
  /** µs per packet, one per round. */
  readonly samples: { wall: number; cpu: number }[];
}

function sealRow(provider: Protection, aead: AeadName, size: number): Row {
  const sealer = provider.sealer(aead, key(aead), new Uint8Array(12), key(aead));
  const buf = new Uint8Array(2048);
  return {
    name: `${aead} seal ${size}, ${provider.name}`,
    samples: [],
    call: (packetNumber) => {
      buf[0] = 0x43;
      sealer.seal(buf, 0, PACKET_NUMBER_OFFSET, HEADER_LENGTH, size - 16, packetNumber);
    },
  };
}

function openRow(provider: Protection, aead: AeadName, size: number): Row {
  const sealer = provider.sealer(aead, key(aead), new Uint8Array(12), key(aead));
  const opener = provider.opener(aead, key(aead), new Uint8Array(12), key(aead));
  const packet = new Uint8Array(size);
  packet[0] = 0x43;
  sealer.seal(packet, 0, PACKET_NUMBER_OFFSET, HEADER_LENGTH, size - 16, 1);
  const buf = new Uint8Array(2048);
  return {
    name: `${aead} open ${size}, ${provider.name}`,
    samples: [],
    call: () => {
      buf.set(packet);
      opener.unmask(buf, 0, PACKET_NUMBER_OFFSET);
      if (!opener.open(buf, 0, HEADER_LENGTH, size, 1)) throw new Error('the packet did not open');
    },
  };
}

function run(row: Row): void {
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < CALLS_PER_ROUND; i++) row.call(i);
  const wall = ((performance.now() - start) * 1000) / CALLS_PER_ROUND;
  const used = process.cpuUsage(cpu);
  row.samples.push({ wall, cpu: (used.user + used.system) / CALLS_PER_ROUND });
}

function median(row: Row, key: 'wall' | 'cpu'): number {
  const values = row.samples.map((sample) => sample[key]).sort((a, b) => a - b);
  return Number(values[values.length >> 1].toFixed(2));
}

function best(row: Row): number {
  return Number(Math.min(...row.samples.map((sample) => sample.wall)).toFixed(2));
}

function key(aead: AeadName): Uint8Array {
  return new Uint8Array(aead === 'aes-128-gcm' ? 16 : 32).fill(1);
}
