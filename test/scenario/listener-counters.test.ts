import assert from 'node:assert/strict';
import test from 'node:test';
import type { ConnectOptions, ListenerCounters, ListenOptions, TurnAwayReason } from '../../src/index.ts';
import { TURN_AWAY_REASONS } from '../../src/listener/listener-counters.ts';
import { ListenerStage } from '../support/listener-stage.ts';

interface Case {
  listener: Partial<ListenOptions>;
  clients?: Partial<ConnectOptions>[];
  /** Without the server for all names. */
  noDefault?: boolean;
  /** What is counted, in order of the table. */
  counted: [TurnAwayReason, number][];
}

const stage = new ListenerStage();
const { certPem: cert, keyPem: key, caPem: ca } = stage.identity;
const never = () => new Promise<never>(() => {});

const CASES: Case[] = [
  { listener: { backlog: 1 }, clients: [{}, {}], counted: [['backlog', 1]] },
  { listener: { maxConnections: 1 }, clients: [{}, {}], counted: [['max-connections', 1]] },
  {
    listener: { maxConnectionsPerAddress: 1 },
    clients: [{}, {}],
    counted: [
      ['per-address', 1],
      ['per-address-unproved', 1],
    ],
  },
  { listener: { retryAbove: 0 }, counted: [['crowded', 1]] },
  {
    listener: { retryAbove: 0, maxHalfOpen: 1, resolveServer: never },
    clients: [{}, {}],
    noDefault: true,
    counted: [
      ['crowded', 2],
      ['half-open', 1],
    ],
  },
  { listener: { resolveServer: () => null }, noDefault: true, counted: [['name', 1]] },
  {
    listener: { resolveServer: () => Promise.reject(new Error('no')) },
    noDefault: true,
    counted: [['resolver', 1]],
  },
  { listener: { authorizeName: () => false }, counted: [['name-authorization', 1]] },
  { listener: {}, clients: [{ alpn: 'other' }], counted: [['negotiation', 1]] },
  {
    listener: { clientCertificate: 'required', ca, authorizeCertificate: () => false },
    clients: [{ cert, key }],
    counted: [['certificate-authorization', 1]],
  },
];

/** Clients come one after the other; nobody accepts them and nobody closes. */
async function countersOf({ listener: options, clients = [{}], noDefault }: Case): Promise<ListenerCounters> {
  const one = new ListenerStage();
  const listener = await one.started(options, noDefault !== true);
  for (const client of clients) {
    const connecting = one.connect({ handshakeTimeout: 400, tokens: false, ...client }).catch(() => {});
    await one.run(100);
    void connecting;
  }
  await one.run(600);
  const { counters } = listener;
  await one.until(listener.close());
  return counters;
}

for (const each of CASES) {
  const reasons = each.counted.map(([reason]) => reason).join(' and ');
  test(`a client that is turned away is counted: ${reasons}`, async () => {
    const { turnedAway } = await countersOf(each);
    const counted = Object.entries(turnedAway).filter(([, count]) => count > 0);
    // A client that hears nothing sends its first packet again.
    const isOnce = (reason: string): boolean =>
      !['backlog', 'max-connections', 'per-address'].includes(reason);
    assert.deepEqual(
      counted.map(([reason, count]) => [reason, isOnce(reason) ? count : Math.min(count, 1)]),
      each.counted,
    );
  });
}

test('every reason to turn a client away is shown', () => {
  const shown = new Set(CASES.flatMap(({ counted }) => counted.map(([reason]) => reason)));
  assert.deepEqual([...shown].sort(), [...TURN_AWAY_REASONS].sort());
});

test('decisions about clients are counted, and what was given out does not change any more', async () => {
  const one = new ListenerStage();
  const decide = ['accept', 'refuse', 'ignore', 'retry', 'accept'] as const;
  let next = 0;
  const listener = await one.started({ onIncoming: (incoming) => void incoming[decide[next++]]() });
  const before = listener.counters;
  for (let i = 0; i < 4; i++) {
    void one.connect({ handshakeTimeout: 400, tokens: false }).catch(() => {});
    await one.run(500);
  }
  assert.deepEqual(listener.counters.decisions, { accept: 2, refuse: 1, retry: 1, ignore: 1 });
  assert.deepEqual(before.decisions, { accept: 0, refuse: 0, retry: 0, ignore: 0 });
  await one.until(listener.close());
});
