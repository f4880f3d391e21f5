// The option `datagrams`, of the core and of the friendly layer alike: parsed once into fields of the transport
// configuration.

import { invalidArgType, invalidArgValue, outOfRange } from '../errors.ts';
import type { TransportConfig } from './config.ts';

/** Unreliable datagrams (RFC 9221). Both queues are bounded in items and in bytes. */
export interface DatagramOptions {
  /** Received datagrams that wait to be read; the oldest make room for new ones. Default 1024. */
  readonly recvQueueLen?: number;
  /** Datagrams that wait to be sent. Default 1024. */
  readonly sendQueueLen?: number;
  /** The same in bytes. Default 1 MiB each. */
  readonly recvQueueBytes?: number;
  readonly sendQueueBytes?: number;
  /** The largest DATAGRAM frame to take, with type and length; announced to the peer. Default 65535: any. */
  readonly maxFrameSize?: number;
}

/** The fields of `TransportConfig` that are about datagrams. */
export type DatagramConfig = Pick<
  TransportConfig,
  | 'maxDatagramFrameSize'
  | 'datagramRecvQueueLen'
  | 'datagramSendQueueLen'
  | 'datagramRecvQueueBytes'
  | 'datagramSendQueueBytes'
>;

/** Nothing for an absent option or false: the defaults of `TransportConfig` are for connections without datagrams. */
export function parseDatagrams(value: boolean | DatagramOptions | undefined): Partial<DatagramConfig> {
  if (value === undefined || value === false) return {};
  if (value !== true && (typeof value !== 'object' || value === null)) {
    throw invalidArgType('datagrams', 'a boolean or an object', value);
  }
  const options: DatagramOptions = value === true ? {} : value;
  for (const name of Object.keys(options)) {
    if (FIELDS.some(([known]) => known === name)) continue;
    const known = FIELDS.map(([each]) => each).join(', ');
    throw invalidArgValue('datagrams', name, `has no option of this name; there are ${known}`);
  }
  return Object.fromEntries(
    FIELDS.map(([name, field, min, max, fallback]) => [
      field,
      count(name, options[name], min, max, fallback),
    ]),
  );
}

function count(name: string, value: unknown, min: number, max: number, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number') throw invalidArgType(`datagrams.${name}`, 'of type number', value);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(`datagrams.${name}`, `an integer >= ${min} && <= ${max}`, value);
  }
  return value;
}

const MAX_ITEMS = 2 ** 20;
const MAX_BYTES = 2 ** 40;
const MIB = 2 ** 20;

const FIELDS: readonly (readonly [keyof DatagramOptions, keyof DatagramConfig, number, number, number])[] = [
  ['recvQueueLen', 'datagramRecvQueueLen', 0, MAX_ITEMS, 1024],
  ['sendQueueLen', 'datagramSendQueueLen', 0, MAX_ITEMS, 1024],
  ['recvQueueBytes', 'datagramRecvQueueBytes', 0, MAX_BYTES, MIB],
  ['sendQueueBytes', 'datagramSendQueueBytes', 0, MAX_BYTES, MIB],
  // RFC 9221 §3: 65535 stands for all that fits into a packet.
  ['maxFrameSize', 'maxDatagramFrameSize', 1, 65535, 65535],
];
