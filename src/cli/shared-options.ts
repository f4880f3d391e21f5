// What several servers share behind a load balancer: ids that it routes by, keys in a file, and a Redis that tells copies of
// early data.

import type { Command } from 'commander';
import { type ListenOptions, RedisReplayStore } from '../index.ts';
import { addCidOptions, type CidOptions, quicLbOptions } from './cid-options.ts';
import { usageError } from './errors.ts';
import { KeysFile } from './keys-file.ts';
import { openRedis } from './redis.ts';

export interface SharedOptions extends CidOptions {
  keys?: string;
  redis?: string;
  earlyData?: boolean;
}

export interface Shared {
  readonly options: Pick<ListenOptions, 'connectionIds' | 'keys' | 'earlyData' | 'replayStore'>;
  close(): void;
}

export function addSharedOptions(command: Command): Command {
  return addCidOptions(command)
    .option(
      '--keys <file>',
      'secrets that servers share: 64 hexadecimal digits a line, the current key first',
    )
    .option('--early-data', 'take 0-RTT, which can be copies of what was sent before')
    .option(
      '--redis <url>',
      'where servers with the same keys tell copies of 0-RTT: redis://host:port, unix:/path',
    );
}

export async function openShared(options: SharedOptions): Promise<Shared> {
  const { keys, redis, earlyData = false } = options;
  const connectionIds = quicLbOptions(options);
  if (connectionIds === undefined) {
    const needless = (['cidKey', 'nonceLength', 'rotation', 'algorithm'] as const).find(
      (name) => options[name] !== undefined,
    );
    if (needless !== undefined) throw usageError('Connection ids for load balancers need --server-id <hex>');
  }
  if (redis !== undefined && !earlyData) throw usageError('--redis is of use with --early-data only');
  const file = keys === undefined ? null : new KeysFile(keys);
  try {
    const client = redis === undefined ? null : await openRedis(redis);
    return {
      options: {
        ...(connectionIds === undefined ? {} : { connectionIds }),
        ...(file === null ? {} : { keys: file.ring }),
        ...(client === null ? {} : { replayStore: new RedisReplayStore(client) }),
        earlyData,
      },
      close() {
        file?.close();
        client?.destroy();
      },
    };
  } catch (error) {
    file?.close();
    throw error;
  }
}
