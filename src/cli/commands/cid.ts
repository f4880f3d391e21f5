// `quayside cid`: connection ids that load balancers route by, read and made.

import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { type DecodedConnectionId, decodeConnectionId, type QuicLbCodec } from '../../cid.ts';
import { addCidOptions, type CidOptions, layoutOf, quicLbOptions } from '../cid-options.ts';
import { usageError } from '../errors.ts';
import { print, printRows } from '../output.ts';
import { parseCount, parseWhole } from '../values.ts';

export function cidCommand(): Command {
  const command = new Command('cid').description('read and make connection ids for load balancers (QUIC-LB)');
  addCidOptions(
    command
      .command('decode')
      .description('what is in a connection id; without layout, what can be seen without one')
      .argument('<id>', 'the id, hexadecimal')
      .option('--server-id-length <bytes>', 'length of the server ids, 1 to 15', parseWhole(1, 15))
      .option('--json', 'print JSON'),
  ).action(decode);
  addCidOptions(
    command
      .command('generate')
      .description('connection ids of a server')
      .option('-n, --count <number>', 'how many (default 1)', parseCount),
  ).action(generate);
  return command;
}

interface DecodeOptions extends CidOptions {
  serverIdLength?: number;
  json?: boolean;
}

function decode(id: string, options: DecodeOptions): void {
  const codec = codecOf(options);
  const decoded = decodedId(id, codec);
  if (options.json === true) print(JSON.stringify(plain(decoded), null, 2));
  else printRows(rowsOf(decoded, codec));
}

function generate(options: CidOptions & { count?: number }): void {
  const given = quicLbOptions(options);
  if (given === undefined) throw usageError('"cid generate" needs --server-id <hex>');
  const { codec, serverId } = layoutOf(given);
  const { nonceLength } = codec.layout;
  for (let i = options.count ?? 1; i > 0; i--) {
    const id = codec.encode(serverId, randomBytes(nonceLength), randomBytes(1)[0]);
    print(hex(id));
  }
}

/** The codec that was described, by its sizes or by a server id. */
function codecOf(options: DecodeOptions): QuicLbCodec | undefined {
  const length = options.serverIdLength ?? PRESET_LENGTHS[options.cid ?? ''];
  if (options.serverId === undefined && length === undefined) {
    const beside = ['cidKey', 'nonceLength', 'rotation', 'algorithm'] as const;
    if (beside.some((name) => options[name] !== undefined) || options.cid === 'envoy')
      throw usageError('A layout needs --server-id-length <bytes>, or --server-id <hex>');
    return undefined;
  }
  const given = quicLbOptions({ ...options, serverId: options.serverId ?? '00'.repeat(length ?? 0) });
  return given === undefined ? undefined : layoutOf(given).codec;
}

function rowsOf(decoded: DecodedConnectionId, codec: QuicLbCodec | undefined): [string, string][] {
  const { length, rotation, isRoutable, lowBits, encodesLength, serverId, nonce, worker } = decoded;
  const rows: [string, string][] = [
    ['length', `${length} bytes`],
    ['rotation', isRoutable ? String(rotation) : '7: no balancer can route it'],
    ['low 5 bits', `${lowBits}${encodesLength ? ', the length of what follows' : ''}`],
  ];
  if (serverId !== null && nonce !== null) {
    rows.push(['server id', hex(serverId)], ['nonce', hex(nonce)]);
    if (worker !== null) rows.push(['worker', String(worker)]);
  } else rows.push(['server id', codec === undefined ? NO_LAYOUT : otherLayout(codec)]);
  return rows;
}

function otherLayout({ length, rotation }: QuicLbCodec): string {
  return `? this layout has rotation ${rotation} and ${length} bytes`;
}

function plain(decoded: DecodedConnectionId): object {
  const { serverId, nonce } = decoded;
  return { ...decoded, serverId: serverId && hex(serverId), nonce: nonce && hex(nonce) };
}

/** What is no hexadecimal text is wrong use. */
function decodedId(id: string, codec: QuicLbCodec | undefined): DecodedConnectionId {
  try {
    return decodeConnectionId(id, codec === undefined ? [] : codec.layout);
  } catch (error) {
    throw usageError((error as Error).message, error);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

const NO_LAYOUT = '? say its length with --server-id-length, and --cid-key if there is a key';
const PRESET_LENGTHS: Readonly<Record<string, number | undefined>> = { 'aws-nlb': 8, katran: 3 };
