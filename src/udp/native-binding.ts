/** What the addon exports for sockets, and how addresses are written for it. Knows no socket of the library. */
import { networkInterfaces } from 'node:os';
import { ipFromBytes, ipToBytes, isLinkLocal, type SocketAddress } from '../util/address.ts';

/**
 * A socket of the addon. Where a number comes back, a negative one is the system's error, as in `os.constants.errno` with
 * the sign changed. Addresses are {@link ADDRESS_SIZE} bytes.
 */
export interface UdpSocketBinding {
  /** Once: binds, connects if `remote` is given, and watches for events. Gives features, {@link FEATURES}. */
  open(
    local: Uint8Array,
    remote: Uint8Array | null,
    reusePort: boolean,
    onEvents: (events: number, error: number) => void,
  ): number;
  /** Writes the address that it is bound to. */
  name(into: Uint8Array): number;
  /** Receives a burst of messages. Gives their count; 0 if none waits. See {@link BURST}. */
  receive(slab: Uint8Array, meta: Int32Array, table: Uint8Array, call: number): number;
  /** Gives the bytes that were taken: all of them, or whole segments. Without `gso` segments are messages of their own. */
  send(
    bytes: Uint8Array,
    start: number,
    length: number,
    segment: number,
    gso: boolean,
    to: Uint8Array | null,
    ecn: number,
    from: Uint8Array | null,
  ): number;
  /** An event is to tell when there is room to send again. */
  waitWritable(): number;
  /** Asks for a kernel buffer, unless `size` is 0. Gives the size that it has. */
  buffer(receives: boolean, size: number): number;
  /** See `DatagramSocket.steer`. */
  steer(count: number, order?: Uint8Array): number;
  /** Of the route of a connected socket: the largest IP packet. */
  mtu(): number;
  ref(): void;
  unref(): void;
  close(): void;
}

export interface UdpBinding {
  /** Absent where the process has no libuv or the system no such sockets. */
  readonly UdpSocket?: new () => UdpSocketBinding;
}

/** Bits of what `open` gives. */
export const FEATURES = { gso: 1, gro: 2, ecn: 4, packetInfo: 8, dontFragment: 16 } as const;

/** Bits of `events`. */
export const EVENTS = { readable: 1, writable: 2 } as const;

/** What `receive` fills: messages, the bytes of each in the slab, and numbers about each in `meta`. */
export const BURST = { messages: 16, slot: 65_536, numbers: 5 } as const;

/** The numbers about a message: its length, the size of the datagrams in it or 0 for one, and entries of the table. */
export const META = { length: 0, segment: 1, ecn: 2, from: 3, to: 4 } as const;

/** Added to the number of an entry that changed. */
export const IS_NEW = 0x10000;

/** Bytes of an address, and of an entry of the table, which begins with one. */
export const ADDRESS_SIZE = 24;
export const ENTRY_SIZE = 28;

/** Family, 0, port, scope id (little endian), and 16 bytes of IP address. Null for a zone that is not there. */
export function encodeAddress({ address, port, family }: SocketAddress): Uint8Array | null {
  const ip = ipToBytes(address);
  const scope = family === 6 ? scopeId(address) : 0;
  if (ip === null || scope === null) return null;
  const bytes = new Uint8Array(ADDRESS_SIZE);
  bytes[0] = family;
  new DataView(bytes.buffer).setUint16(2, port);
  new DataView(bytes.buffer).setUint32(4, scope, true);
  bytes.set(ip, 8);
  return bytes;
}

/** What {@link encodeAddress} writes, at an offset. */
export function decodeAddress(bytes: Uint8Array, at: number): SocketAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, ADDRESS_SIZE);
  const port = view.getUint16(2);
  if (bytes[at] === 4) return { address: ipFromBytes(bytes.subarray(at + 8, at + 12)), port, family: 4 };
  const address = ipFromBytes(bytes.subarray(at + 8, at + 24));
  const scope = view.getUint32(4, true);
  const zone = scope > 0 && isLinkLocal(address) ? `%${interfaceName(scope)}` : '';
  return { address: address + zone, port, family: 6 };
}

/** The number of an interface by the zone of an address: 0 without a zone, null for one that this machine lacks. */
function scopeId(address: string): number | null {
  const percent = address.indexOf('%');
  if (percent < 0) return 0;
  const zone = address.slice(percent + 1);
  if (/^\d+$/.test(zone)) return Number(zone);
  return networkInterfaces()[zone]?.find((entry) => entry.family === 'IPv6')?.scopeid || null;
}

function interfaceName(scope: number): string {
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    if (entries?.some((entry) => entry.family === 'IPv6' && entry.scopeid === scope)) return name;
  }
  return String(scope);
}
