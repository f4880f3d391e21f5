// Options about connection ids that `serve` and `cid` share: text in, options of QUIC-LB out.

import { type Command, Option } from 'commander';
import { awsNlb, envoy, katran, type QuicLbAlgorithm, type QuicLbOptions } from '../cid.ts';
import { usageError } from './errors.ts';
import { parseWhole } from './values.ts';

export interface CidOptions {
  serverId?: string;
  cid?: string;
  cidKey?: string;
  nonceLength?: number;
  rotation?: number;
  algorithm?: QuicLbAlgorithm;
}

export function addCidOptions(command: Command): Command {
  return command
    .option('--server-id <hex>', 'the id that load balancers know this server by, 1 to 15 bytes')
    .addOption(
      new Option('--cid <preset>', 'whose connection ids these are').choices(PRESETS).default('quic-lb'),
    )
    .option('--cid-key <hex>', 'the 16 bytes that hide the server id')
    .option('--nonce-length <bytes>', 'length of the nonce, 4 to 18', parseWhole(4, 18))
    .option('--rotation <number>', 'configuration of the balancers, 0 to 6', parseWhole(0, 6))
    .addOption(
      new Option('--algorithm <name>', 'how the key is used').choices([
        'draft',
        'stream-cipher',
        'block-cipher',
      ]),
    );
}

/** Undefined without `--server-id`. */
export function quicLbOptions(options: CidOptions): QuicLbOptions | undefined {
  const { serverId, cid, cidKey, nonceLength, rotation, algorithm } = options;
  if (serverId === undefined) return undefined;
  const given = {
    ...(nonceLength === undefined ? {} : { nonceLength }),
    ...(rotation === undefined ? {} : { rotation }),
    ...(cidKey === undefined ? {} : { key: cidKey }),
    ...(algorithm === undefined ? {} : { algorithm }),
  };
  try {
    if (cid === 'aws-nlb') return { ...awsNlb({ serverId }), ...given };
    if (cid === 'envoy') return { ...envoy({ serverId }), ...given };
    if (cid === 'katran')
      return { ...katran({ hostId: Number(`0x${serverId.replace(/^0x/i, '')}`) }), ...given };
    return { serverId, ...given };
  } catch (error) {
    throw usageError((error as Error).message, error);
  }
}

const PRESETS = ['quic-lb', 'aws-nlb', 'katran', 'envoy'];
