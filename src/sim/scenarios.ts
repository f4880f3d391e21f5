/**
 * The links of the QUIC interop runner's cases, as data. Only what the network does: what the ends do belongs to tests.
 */
import type { LinkOptions } from './link.ts';
import type { NatOptions } from './virtual-nat.ts';

/** What lies between one client and one server. */
export interface Scenario {
  readonly toServer: LinkOptions;
  readonly toClient: LinkOptions;
  /** A NAT in front of the client. */
  readonly nat?: Omit<NatOptions, 'outside'>;
}

/** A plain link: one-way delay in ms (default 15), bits per second (default 10 Mbit/s), packets in the queue (default 25). */
export function simpleP2p(options: LinkOptions = {}): Scenario {
  const link: LinkOptions = { delay: 15, bandwidth: 10_000_000, queue: 25, ...options };
  return { toServer: link, toClient: link };
}

/** The plain link with random loss (0 to 1) both ways, at most `burst` in a row. */
export function dropRate(rate: number, burst: number = 3): Scenario {
  return simpleP2p({ loss: rate, lossBurst: burst });
}

/** The plain link with a damaged byte in some datagrams (0 to 1) both ways, at most `burst` in a row. */
export function corruptRate(rate: number, burst: number = 3): Scenario {
  return simpleP2p({ corruption: rate, corruptionBurst: burst });
}

/** The plain link, losing the datagrams with these numbers (from 1). */
export function dropList(toServer: readonly number[], toClient: readonly number[] = []): Scenario {
  const plain = simpleP2p();
  return {
    toServer: { ...plain.toServer, drop: toServer },
    toClient: { ...plain.toClient, drop: toClient },
  };
}

/** The runner's cases that name their network. */
export type ScenarioName =
  | 'handshake'
  | 'transfer'
  | 'longrtt'
  | 'blackhole'
  | 'amplificationlimit'
  | 'handshakeloss'
  | 'transferloss'
  | 'handshakecorruption'
  | 'transfercorruption'
  | 'rebind-port'
  | 'rebind-addr';

/** The runner's cases by name; cases that are not listed run over `simpleP2p()`. */
export const SCENARIOS: Readonly<Record<ScenarioName, Scenario>> = {
  handshake: simpleP2p(),
  transfer: simpleP2p(),
  longrtt: simpleP2p({ delay: 750 }),
  blackhole: simpleP2p({ blackhole: { on: 5000, off: 2000, repeat: 1 } }),
  amplificationlimit: dropList([2, 3, 4, 5, 6, 7]),
  handshakeloss: dropRate(0.3),
  transferloss: dropRate(0.02),
  handshakecorruption: corruptRate(0.3),
  transfercorruption: corruptRate(0.02),
  'rebind-port': { ...simpleP2p(), nat: { firstRebind: 1000, rebindEvery: 5000 } },
  'rebind-addr': { ...simpleP2p(), nat: { firstRebind: 1000, rebindEvery: 5000, rebindAddress: true } },
};
