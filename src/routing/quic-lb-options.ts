// What can be said about connection ids that a load balancer routes by (QUIC-LB), checked once: every wrong size has an
// error of its own. Knows no id.

import { invalidArgType, invalidArgValue, outOfRange } from '../errors.ts';
import { copyBytes, fromHex } from '../util/bytes.ts';

/**
 * Where things stand in a QUIC-LB connection id (draft-ietf-quic-load-balancers): a first octet, the server id, a nonce.
 * Bytes may be given as hexadecimal text, with `0x` before it or not.
 */
export interface QuicLbLayout {
  /** Bytes of the server ids, 1 to 15. */
  readonly serverIdLength: number;
  /** Bytes of the nonce, 4 to 18. Default: what makes the whole id 16 bytes, at least 4. */
  readonly nonceLength?: number;
  /** Which configuration of the balancers this is, 0 to 6. Default 0. */
  readonly rotation?: number;
  /** 16 bytes that hide the server id from everybody but the balancers. Default none: the server id is in the clear. */
  readonly key?: Uint8Array | string | undefined;
  /**
   * 'plaintext': as it is. 'draft': as the draft says, in one pass if server id and nonce are 16 bytes, else in four.
   * 'stream-cipher', 'block-cipher': those of the Erlang implementation, which no other balancer reads.
   * Default 'draft' with a key, 'plaintext' without.
   */
  readonly algorithm?: QuicLbAlgorithm;
  /** The low 5 bits of the first octet say how many bytes follow, where they are no shard. Default false: random bits. */
  readonly encodesLength?: boolean;
  /** One more byte at the end, in the clear, has the shard (Envoy's worker). Default false: the shard is in the first octet. */
  readonly workerByte?: boolean;
}

/** Ids of one server. */
export interface QuicLbOptions extends Omit<QuicLbLayout, 'serverIdLength'> {
  /** 1 to 15 bytes that the balancers know this server by. */
  readonly serverId: Uint8Array | string;
}

export type QuicLbAlgorithm = 'plaintext' | 'draft' | 'stream-cipher' | 'block-cipher';

export interface ParsedLayout {
  readonly serverIdLength: number;
  readonly nonceLength: number;
  /** Of whole ids. */
  readonly length: number;
  readonly rotation: number;
  readonly algorithm: QuicLbAlgorithm;
  /** Absent for plaintext. */
  readonly key: Uint8Array | undefined;
  readonly encodesLength: boolean;
  readonly workerByte: boolean;
}

/** Throws TypeError ERR_INVALID_ARG_TYPE and ERR_INVALID_ARG_VALUE, RangeError ERR_OUT_OF_RANGE. */
export function parseLayout(layout: QuicLbLayout): ParsedLayout {
  const { rotation = 0, encodesLength = false, workerByte = false } = layout;
  const serverIdLength = size('serverIdLength', layout.serverIdLength, 1, 15);
  const spare = 15 - serverIdLength - (workerByte ? 1 : 0);
  const nonceLength = size('nonceLength', layout.nonceLength ?? Math.max(4, spare), 4, 18);
  size('rotation', rotation, 0, 6);
  for (const [name, value] of Object.entries({ encodesLength, workerByte })) {
    if (typeof value !== 'boolean') throw invalidArgType(name, 'of type boolean', value);
  }
  const length = 1 + serverIdLength + nonceLength + (workerByte ? 1 : 0);
  if (length > MAX_ID_LENGTH) {
    const sum = `1 + ${serverIdLength} (serverId) + ${nonceLength} (nonceLength)${workerByte ? ' + 1 (workerByte)' : ''}`;
    throw outOfRange(`connectionIds: ${sum}`, `<= ${MAX_ID_LENGTH} bytes (RFC 9000 §17.2)`, length);
  }
  const key = layout.key === undefined ? undefined : bytesOf('key', layout.key);
  if (key !== undefined && key.length !== 16) throw outOfRange('key.length', '16', key.length);
  const algorithm = layout.algorithm ?? (key === undefined ? 'plaintext' : 'draft');
  if (!ALGORITHMS.includes(algorithm)) {
    const allowed = ALGORITHMS.map((name) => `'${name}'`).join(', ');
    throw invalidArgValue('algorithm', algorithm, `must be one of ${allowed}`);
  }
  if (algorithm === 'plaintext' && key !== undefined)
    throw invalidArgValue('algorithm', algorithm, 'must be another one where there is a key');
  if (algorithm !== 'plaintext' && key === undefined)
    throw invalidArgType('key', `16 bytes where algorithm is '${algorithm}'`, undefined);
  return { serverIdLength, nonceLength, length, rotation, algorithm, key, encodesLength, workerByte };
}

export function parseQuicLb(options: QuicLbOptions): { layout: ParsedLayout; serverId: Uint8Array } {
  const { serverId, ...rest } = options;
  for (const name of Object.keys(options)) {
    if (NAMES.includes(name)) continue;
    throw invalidArgValue('connectionIds', name, `has no option of this name; there are ${NAMES.join(', ')}`);
  }
  const bytes = bytesOf('serverId', serverId);
  if (bytes.length < 1 || bytes.length > 15)
    throw outOfRange('serverId.length', '>= 1 && <= 15', bytes.length);
  return { layout: parseLayout({ ...rest, serverIdLength: bytes.length }), serverId: bytes };
}

/** Bytes as they are, copied, or from hexadecimal text. */
export function bytesOf(name: string, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return copyBytes(value);
  if (typeof value !== 'string') {
    throw invalidArgType(name, 'an instance of Uint8Array or hexadecimal text', value);
  }
  try {
    return fromHex(value.replace(/^0x/i, ''));
  } catch {
    throw invalidArgValue(name, value, 'must be pairs of hexadecimal digits');
  }
}

function size(name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw outOfRange(name, `an integer >= ${least} && <= ${most}`, value);
  }
  return value;
}

/** Of QUIC versions 1 and 2 (RFC 9000 §17.2). */
const MAX_ID_LENGTH = 20;
const ALGORITHMS: readonly QuicLbAlgorithm[] = ['plaintext', 'draft', 'stream-cipher', 'block-cipher'];
const NAMES: readonly string[] = [
  'serverId',
  'nonceLength',
  'rotation',
  'key',
  'algorithm',
  'encodesLength',
  'workerByte',
];
