// The states of BBR (draft-ietf-ccwg-bbr §5.3) and how each treats rate and window. Data only.

/** 'down', 'cruise', 'refill' and 'up' are the four of ProbeBW. */
export type BbrState = 'startup' | 'drain' | 'down' | 'cruise' | 'refill' | 'up' | 'probe-rtt';

/** Gains of pacing rate and window. draft-ietf-ccwg-bbr §5.6.1. */
export const GAINS: Readonly<Record<BbrState, { readonly pacing: number; readonly window: number }>> = {
  startup: { pacing: 2.77, window: 2 },
  drain: { pacing: 0.5, window: 2 },
  down: { pacing: 0.9, window: 2 },
  cruise: { pacing: 1, window: 2 },
  refill: { pacing: 1, window: 2 },
  up: { pacing: 1.25, window: 2.25 },
  'probe-rtt': { pacing: 1, window: 0.5 },
};
