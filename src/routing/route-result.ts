// What a router says about one datagram.

import { EMPTY } from '../util/bytes.ts';
import type { DropReason } from './counters.ts';
import type { Incoming } from './incoming.ts';
import type { AnswerKind } from './limits.ts';

/** What `route` says. The record and `reply` are the router's own and good until the next call. */
export interface RouteResult<C> {
  /**
   * 'connection': give it the datagram. 'incoming': decide about `incoming`, which has the datagram. 'pending': kept in
   * `incoming`, which waits for its decision. 'overtaking': kept until an Initial of the same client comes. 'reply': send `reply` to where the datagram came from. 'foreign': bring it
   * to `shard`. 'closing', 'drop': nothing to do.
   */
  kind: 'connection' | 'incoming' | 'pending' | 'overtaking' | 'reply' | 'closing' | 'foreign' | 'drop';
  connection: C | null;
  incoming: Incoming | null;
  reply: Uint8Array;
  /** 'foreign': who has the id. */
  shard: number;
  /** 'drop': why. 'reply': what it is. 'connection': set if the datagram is a stateless reset of it. */
  reason: DropReason | AnswerKind | '';
}

/** One record serves all results of a router. */
export function emptyResult<C>(): RouteResult<C> {
  return { kind: 'drop', connection: null, incoming: null, reply: EMPTY, shard: 0, reason: '' };
}
