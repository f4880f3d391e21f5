// What a listener decided about clients, counted: nobody is turned away without a number. Knows numbers only.

/** Why a client got no connection, or not at once. */
export const TURN_AWAY_REASONS = [
  /** Too many wait for the application: its first packet was dropped. */
  'backlog',
  /** Too many live: dropped. */
  'max-connections',
  /** Too many from its address: dropped. */
  'per-address',
  /** Too many from an address that it only claims to have: sent a Retry. */
  'per-address-unproved',
  /** Many handshakes are in progress, or many wait: sent a Retry. */
  'crowded',
  /** Too many handshakes are in progress: refused. */
  'half-open',
  /** No server has the name on the interface that it came in on: refused. */
  'name',
  /** The server for the name could not be found: refused. */
  'resolver',
  /** Authorisation of the name said no: refused. */
  'name-authorization',
  /** The client offered no protocol, or no signature scheme, that the server has: refused. */
  'negotiation',
  /** Authorisation of the client's certificate said no: refused. */
  'certificate-authorization',
] as const;

export type TurnAwayReason = (typeof TURN_AWAY_REASONS)[number];

export interface ListenerCounters {
  /** What became of clients that were not turned away before: by `onIncoming`, if there is one. */
  readonly decisions: Record<'accept' | 'refuse' | 'retry' | 'ignore', number>;
  readonly turnedAway: Record<TurnAwayReason, number>;
}

export function newListenerCounters(): ListenerCounters {
  return {
    decisions: { accept: 0, refuse: 0, retry: 0, ignore: 0 },
    turnedAway: Object.fromEntries(TURN_AWAY_REASONS.map((reason) => [reason, 0])) as Record<
      TurnAwayReason,
      number
    >,
  };
}
