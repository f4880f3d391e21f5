/**
 * A record of what happened on a virtual network, for assertions and for telling whether two runs were the same.
 */
import { formatAddress } from '../util/address.ts';
import type { DropReason } from './link.ts';
import type { PacketEvent, VirtualNetwork } from './virtual-network.ts';

/** A packet event without its bytes, which are represented by a hash. */
export interface LoggedPacket extends Omit<PacketEvent, 'bytes'> {
  readonly length: number;
  /** 32-bit FNV-1a of the payload. */
  readonly hash: number;
}

/** Begins with its construction; `stop` ends it. */
export class PacketLog {
  readonly events: LoggedPacket[] = [];
  readonly stop: () => void;

  constructor(network: VirtualNetwork) {
    this.stop = network.tap(({ bytes, ...event }) => {
      this.events.push({ ...event, length: bytes.length, hash: fnv1a(bytes) });
    });
  }

  /** Events of one kind, of one direction (`client>server`) and for one reason if these are given. */
  count(kind: PacketEvent['kind'], link?: string, reason?: DropReason): number {
    return this.select(kind, link, reason).length;
  }

  select(kind: PacketEvent['kind'], link?: string, reason?: DropReason): LoggedPacket[] {
    return this.events.filter(
      (event) =>
        event.kind === kind &&
        (link === undefined || event.link === link) &&
        (reason === undefined || event.reason === reason),
    );
  }

  /** One line per event; equal for two runs exactly if the same datagrams met the same fate at the same times. */
  get lines(): string[] {
    return this.events.map((event) => {
      const { time, kind, reason, link, index, length, hash, ecn } = event;
      const fate = reason === null ? kind : `${kind} (${reason})`;
      const mark = event.isCorrupted ? ' corrupted' : '';
      const ends = `${formatAddress(event.from)} ${formatAddress(event.to)}`;
      return `${time.toFixed(6)} ${link} #${index} ${fate} ${ends} ${length} B ${hash.toString(16)} ecn ${ecn}${mark}`;
    });
  }

  /** A short text that stands for all lines. */
  digest(): string {
    return fnv1a(new TextEncoder().encode(this.lines.join('\n')))
      .toString(16)
      .padStart(8, '0');
  }
}

function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash >>> 0;
}
