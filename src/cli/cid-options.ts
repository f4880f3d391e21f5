// Options about connection ids that `serve` and `cid` share: text in, options of QUIC-LB out.

import { type Command, Option } from 'commander';
import { awsNlb, envoy, katran, type QuicLbAlgorithm, QuicLbCodec, type QuicLbOptions } from '../cid.ts';
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

/** Undefined without `--server-id`. Impossible sizes are wrong use, here and not where the ids are made. */
export function quicLbOptions(options: CidOptions): QuicLbOptions | undefined {
  if (options.serverId === undefined) return undefined;
  const { nonceLength, rotation, cidKey, algorithm } = options;
  try {
    const chosen: QuicLbOptions = {
      ...presetOf(options.cid, options.serverId),
      ...(nonceLength === undefined ? {} : { nonceLength }),
      ...(rotation === undefined ? {} : { rotation }),
      ...(cidKey === undefined ? {} : { key: cidKey }),
      ...(algorithm === undefined ? {} : { algorithm }),
    };
    layoutOf(chosen);
    return chosen;
  } catch (error) {
    throw usageError((error as Error).message, error);
  }
}

/** The layout of a server's ids, and its id. */
export function layoutOf({ serverId, ...rest }: QuicLbOptions): { codec: QuicLbCodec; serverId: Uint8Array } {
  const bytes = typeof serverId === 'string' ? hexBytes(serverId) : serverId;
  return { codec: new QuicLbCodec({ ...rest, serverIdLength: bytes.length }), serverId: bytes };
}

function presetOf(cid: string | undefined, serverId: string): QuicLbOptions {
  if (cid === 'aws-nlb') return awsNlb({ serverId });
  if (cid === 'envoy') return envoy({ serverId });
  if (cid === 'katran') return katran({ hostId: Number.parseInt(serverId.replace(/^0x/i, ''), 16) });
  return { serverId };
}

function hexBytes(text: string): Uint8Array {
  const digits = text.replace(/^0x/i, '');
  if (!/^([0-9a-f]{2})+$/i.test(digits))
    throw usageError(`--server-id: "${text}" must be pairs of hexadecimal digits`);
  return Buffer.from(digits, 'hex');
}

const PRESETS = ['quic-lb', 'aws-nlb', 'katran', 'envoy'];
