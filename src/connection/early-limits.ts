// What a server promises with a ticket for 0-RTT, and whether it still holds (RFC 9000 §7.4.1). Owns the layout of those
// bytes; they travel sealed in the ticket, so only this server reads them.

import { Reader, Truncated } from '../wire/reader.ts';
import { varintLength } from '../wire/varint.ts';
import { Writer } from '../wire/writer.ts';
import type { TransportConfig } from './config.ts';

/** The limits as bytes. The QUIC version is among them: sessions are for one version (RFC 9369 §5). */
export function promisedLimits(transport: TransportConfig, version: number): Uint8Array {
  const values = [LAYOUT, version, ...LIMITS.map((name) => Number(transport[name]))];
  const length = values.reduce((sum, value) => sum + varintLength(value), 0);
  const writer = new Writer(new Uint8Array(length));
  for (const value of values) writer.varint(value);
  return writer.bytes;
}

/** Whether the bytes are from a connection of this version. */
export function isForVersion(promised: Uint8Array, version: number): boolean {
  const reader = new Reader(promised);
  try {
    return reader.varint() === LAYOUT && reader.varint() === version;
  } catch (error) {
    if (error instanceof Truncated) return false;
    throw error;
  }
}

/** Whether no limit is lower than promised. False for bytes that cannot be read. */
export function keepsPromises(promised: Uint8Array, transport: TransportConfig, version: number): boolean {
  const reader = new Reader(promised);
  try {
    if (reader.varint() !== LAYOUT || reader.varint() !== version) return false;
    return LIMITS.every((name) => reader.varint() <= Number(transport[name])) && reader.remaining === 0;
  } catch (error) {
    if (error instanceof Truncated) return false;
    throw error;
  }
}

/** Changes with the list below. */
const LAYOUT = 2;

const LIMITS = [
  'initialMaxData',
  'initialMaxStreamDataBidiLocal',
  'initialMaxStreamDataBidiRemote',
  'initialMaxStreamDataUni',
  'initialMaxStreamsBidi',
  'initialMaxStreamsUni',
  'activeConnectionIdLimit',
  'maxDatagramFrameSize',
  'resetStreamAt',
] as const;
