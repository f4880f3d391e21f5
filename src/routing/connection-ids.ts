// The option `connectionIds`: what kind of ids an endpoint gives out.

import type { RandomSource } from '../crypto/provider.ts';
import { invalidArgType, invalidArgValue, outOfRange } from '../errors.ts';
import { type ConnectionIdGenerator, RandomIds } from './id-generator.ts';
import { QuicLbIds } from './quic-lb-ids.ts';
import type { QuicLbOptions } from './quic-lb-options.ts';

/** Ids that a load balancer routes by, or a generator of the application's. */
export type ConnectionIds = QuicLbOptions | ConnectionIdGenerator;

export interface ConnectionIdChoice {
  readonly connectionIds?: ConnectionIds | undefined;
  /** Of random ids. */
  readonly connectionIdLength?: number | undefined;
  readonly shard?: number | undefined;
}

/** Throws TypeError ERR_INVALID_ARG_TYPE and ERR_INVALID_ARG_VALUE, RangeError ERR_OUT_OF_RANGE. */
export function parseConnectionIds(choice: ConnectionIdChoice, random: RandomSource): ConnectionIdGenerator {
  const { connectionIds, connectionIdLength, shard } = choice;
  if (shard !== undefined && typeof shard !== 'number')
    throw invalidArgType('shard', 'of type number', shard);
  if (connectionIds === undefined) {
    if (connectionIdLength !== undefined && typeof connectionIdLength !== 'number')
      throw invalidArgType('connectionIdLength', 'of type number', connectionIdLength);
    return new RandomIds(random, connectionIdLength, shard);
  }
  if (typeof connectionIds !== 'object' || connectionIds === null) throw wrongKind(connectionIds);
  if (connectionIdLength !== undefined) {
    const allowed = 'must be absent where connectionIds are given, which have a length of their own';
    throw invalidArgValue('connectionIdLength', connectionIdLength, allowed);
  }
  if ('serverId' in connectionIds) return new QuicLbIds(connectionIds, random, shard);
  const { generate, shardOf, length } = connectionIds as ConnectionIdGenerator;
  if (typeof generate !== 'function' || typeof shardOf !== 'function') throw wrongKind(connectionIds);
  if (!Number.isInteger(length) || length < 4 || length > 20)
    throw outOfRange('connectionIds.length', 'an integer >= 4 && <= 20', length);
  return connectionIds as ConnectionIdGenerator;
}

function wrongKind(value: unknown): TypeError {
  const kinds = 'an object with serverId (QUIC-LB), or a generator with length, generate and shardOf';
  return invalidArgType('connectionIds', kinds, value);
}
