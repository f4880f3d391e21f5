/** A flood of first packets from clients that do not exist, against a listener that serves others. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { seededRandom } from '../../src/crypto/random.ts';
import type { QuicConnection } from '../../src/index.ts';
import { heapUsed } from '../support/attack.ts';
import { ForgedInitials } from '../support/forged-initials.ts';
import { ListenerStage } from '../support/listener-stage.ts';

const FLOOD = 20_000;
/** Per virtual millisecond: all of it within four seconds. */
const PER_MILLISECOND = 5;
const LIMITS = { retryAbove: 300, maxHalfOpen: 1000, handshakeTimeout: 5000 };

test('P2 L58 L78 20,000 valid Initials from forged clients: memory is bounded and comes back, a transfer goes on, an honest client gets in', async () => {
  const stage = new ListenerStage(7);
  const { network, clock } = stage;
  const sources = Array.from({ length: 250 }, (_, i) => `203.0.113.${i + 1}`);
  const attacker = network.addHost('attacker', sources);
  network.link(attacker, stage.server, { delay: 5 }, { delay: 5 });
  const listener = await stage.started(LIMITS);
  void acceptAll(listener);
  const healthy = await stage.connect();
  const transfer = send(healthy, 4_000_000);
  await stage.run(100);
  const before = { heap: heapUsed(), counts: listener.counts };

  const spent = new Map<string, { received: number; sent: number }>();
  network.tap(({ kind, from, to, bytes }) => {
    const isIn = kind === 'delivered' && from.address.startsWith('203.');
    const isOut = kind === 'sent' && to.address.startsWith('203.');
    if (!isIn && !isOut) return;
    const { address, port } = isIn ? from : to;
    const key = `${address} ${port}`;
    const sum = spent.get(key) ?? { received: 0, sent: 0 };
    if (isIn) sum.received += bytes.length;
    else sum.sent += bytes.length;
    spent.set(key, sum);
  });

  const forged = new ForgedInitials(seededRandom('flood'));
  const peak = { halfOpen: 0, live: 0, pending: 0, incoming: 0, decided: 0 };
  let honest: QuicConnection | null = null;
  let sent = 0;
  const end = clock.now() + FLOOD / PER_MILLISECOND;
  const joining = stage.run(2000).then(async () => {
    honest = await stage.connect({ handshakeTimeout: 3000 });
  });
  while (sent < FLOOD) {
    for (let i = 0; i < PER_MILLISECOND; i++, sent++) {
      const bytes = forged.next();
      const from = {
        address: sources[sent % sources.length] as string,
        port: 1024 + (sent % 50_000),
        family: 4,
      } as const;
      network.transmit(
        attacker,
        from,
        { address: ListenerStage.SERVER, port: 4433, family: 4 },
        bytes,
        0,
        bytes.length,
        0,
      );
    }
    await stage.run(1);
    const { halfOpen, live, pending } = listener.counts;
    const { pending: incoming, decided } = listener.endpoint.sizes;
    for (const [name, value] of Object.entries({ halfOpen, live, pending, incoming, decided }))
      peak[name as keyof typeof peak] = Math.max(peak[name as keyof typeof peak], value);
  }
  assert.ok(clock.now() <= end + 5000);
  await joining;

  // Memory: as many handshakes as the limit says, and two connections more.
  assert.ok(peak.halfOpen <= LIMITS.retryAbove + 1, `${peak.halfOpen} half-open`);
  assert.ok(peak.live <= LIMITS.retryAbove + 3, `${peak.live} connections`);
  assert.ok(peak.pending <= LIMITS.retryAbove && peak.incoming <= LIMITS.retryAbove);
  assert.equal(peak.decided, 0, 'a Retry keeps no state');
  const { answers } = listener.endpoint.counters;
  assert.ok(answers.retry > FLOOD / 2, `${answers.retry} Retries`);
  // The honest client came by a Retry, the transfer is whole.
  assert.equal((honest as QuicConnection | null)?.isOpen, true);
  assert.equal(await stage.until(transfer), 4_000_000);
  assert.equal(healthy.isOpen, true);
  // Nobody who did not prove the address was sent more than three times what came from there.
  for (const [key, { received, sent: back }] of spent)
    assert.ok(back <= 3 * received, `${key}: ${back} for ${received}`);

  await stage.run(10_000);
  assert.deepEqual(listener.counts, { pending: 0, halfOpen: 0, live: 2 });
  const { pending, decided, closing, originals } = listener.endpoint.sizes;
  assert.deepEqual([pending, decided, closing, originals], [0, 0, 0, 0]);
  spent.clear();
  const grown = heapUsed() - before.heap;
  assert.ok(grown < 16 * 1024 * 1024, `${Math.round(grown / 1024)} KiB more than before`);
  await stage.until(listener.close());
});

async function acceptAll(listener: AsyncIterable<QuicConnection>): Promise<void> {
  for await (const connection of listener) void count(connection).catch(() => {});
}

/** Says how many bytes came. */
async function count(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingStreams()) {
    let bytes = 0;
    for await (const chunk of stream) bytes += chunk.length;
    await stream.end(new TextEncoder().encode(String(bytes)));
  }
}

async function send(connection: QuicConnection, bytes: number): Promise<number> {
  const stream = await connection.createBidirectionalStream();
  void stream.end(new Uint8Array(bytes)).catch(() => {});
  let answer = '';
  for await (const chunk of stream) answer += new TextDecoder().decode(chunk);
  return Number(answer);
}
