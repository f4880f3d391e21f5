// What the tests of routing share: a router over seeded randomness, addresses, and a client's first packets.

import { initialKeys } from '../../../src/crypto/initial-keys.ts';
import { KeyRing } from '../../../src/crypto/key-ring.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { seededRandom } from '../../../src/crypto/random.ts';
import { RandomIds } from '../../../src/routing/id-generator.ts';
import { ResetTokens } from '../../../src/routing/reset-tokens.ts';
import type { RouteResult } from '../../../src/routing/route-result.ts';
import { Router } from '../../../src/routing/router.ts';
import type { RouterOptions } from '../../../src/routing/router-options.ts';
import { SealedTokens } from '../../../src/routing/sealed-tokens.ts';
import type { SocketAddress } from '../../../src/util/address.ts';
import { PacketHeader, PacketType, readHeader, writeLongHeader } from '../../../src/wire/header.ts';
import { VERSION_1, type VersionInfo } from '../../../src/wire/versions.ts';
import { Writer } from '../../../src/wire/writer.ts';

export const CLIENT: SocketAddress = { address: '192.0.2.1', port: 50_000, family: 4 };
export const OTHER_CLIENT: SocketAddress = { address: '192.0.2.2', port: 50_000, family: 4 };
export const SERVER: SocketAddress = { address: '192.0.2.9', port: 4433, family: 4 };
export const WALL = 1_800_000_000_000;
export const DCID: Uint8Array = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
export const SCID: Uint8Array = Uint8Array.of(9, 9, 9, 9);

export function secret(fill: number): Uint8Array {
  return new Uint8Array(32).fill(fill);
}

/** A router that accepts, unless told otherwise. Connections are strings. */
export function makeRouter(options: Partial<RouterOptions> = {}, seed = 1): Router<string> {
  const random = seededRandom(seed);
  return new Router<string>({
    provider: nodeProvider,
    random,
    ids: new RandomIds(random),
    resetTokens: new ResetTokens(nodeProvider, new KeyRing(secret(1))),
    tokens: new SealedTokens(nodeProvider, random, new KeyRing(secret(2))),
    admission: 'accept',
    ...options,
  });
}

/** Routes from the client at time 0 unless told otherwise. */
export function route(
  router: Router<string>,
  bytes: Uint8Array,
  from: SocketAddress = CLIENT,
  now = 0,
): RouteResult<string> {
  return router.route(bytes, from, SERVER, now, WALL + now);
}

export interface InitialOptions {
  dcid?: Uint8Array;
  scid?: Uint8Array;
  token?: Uint8Array | null;
  size?: number;
  version?: VersionInfo;
  packetNumber?: number;
}

/** A client's Initial, full of PADDING and properly protected, that fills a datagram of `size`. */
export function clientInitial(options: InitialOptions = {}): Uint8Array {
  const { dcid = DCID, scid = SCID, token = null, size = 1200, version = VERSION_1 } = options;
  const packet = new Uint8Array(size);
  const writer = new Writer(packet);
  const { INITIAL } = PacketType;
  const lengthAt = writeLongHeader(writer, version, INITIAL, dcid, scid, token, options.packetNumber ?? 0, 2);
  const payloadStart = writer.offset;
  writer.patchVarint2(lengthAt, size - payloadStart + 2);
  initialKeys(nodeProvider, version, dcid)
    .client.sealer()
    .seal(packet, 0, payloadStart - 2, payloadStart, size - 16, options.packetNumber ?? 0);
  return packet;
}

/** A long header packet of another type with junk for a payload. */
export function longPacket(type: 1 | 2 | 3, dcid: Uint8Array = DCID, size = 1200): Uint8Array {
  const packet = new Uint8Array(size).fill(0xaa);
  const writer = new Writer(packet);
  const lengthAt = writeLongHeader(writer, VERSION_1, type, dcid, SCID, null, 0, 2);
  writer.patchVarint2(lengthAt, size - writer.offset + 2);
  return packet;
}

/** A short header packet for this id. */
export function shortPacket(dcid: Uint8Array, size = 100): Uint8Array {
  const packet = new Uint8Array(size).fill(0x55);
  packet[0] = 0x41;
  packet.set(dcid, 1);
  return packet;
}

/** A long header of any version, with ids as RFC 8999 has them. */
export function foreignVersion(version: number, dcid: Uint8Array, scid: Uint8Array, size = 1200): Uint8Array {
  const packet = new Uint8Array(size).fill(0xbb);
  const writer = new Writer(packet);
  writer.u8(0xc0);
  writer.u32(version);
  writer.u8(dcid.length);
  writer.copy(dcid);
  writer.u8(scid.length);
  writer.copy(scid);
  return packet;
}

export function headerOf(bytes: Uint8Array): PacketHeader {
  const header = new PacketHeader();
  if (!readHeader(bytes, 0, bytes.length, 8, header)) throw new Error('no header');
  return header;
}

/** The transport error code of a refusal, as a client reads it. */
export function refusalCode(bytes: Uint8Array, dcid: Uint8Array): number {
  const packet = bytes.slice();
  const header = headerOf(packet);
  const opener = initialKeys(nodeProvider, VERSION_1, dcid).server.opener();
  opener.unmask(packet, 0, header.packetNumberOffset);
  const payloadStart = header.packetNumberOffset + (packet[0] & 3) + 1;
  if (!opener.open(packet, 0, payloadStart, header.end, 0)) throw new Error('not authentic');
  if (packet[payloadStart] !== 0x1c) throw new Error('no CONNECTION_CLOSE');
  return packet[payloadStart + 1];
}

/** The token and the source id of a Retry. */
export function readRetry(bytes: Uint8Array): { token: Uint8Array; scid: Uint8Array; dcid: Uint8Array } {
  const { dcidStart, dcidLength, scidStart, scidLength, tokenStart, tokenLength } = headerOf(bytes);
  return {
    token: bytes.slice(tokenStart, tokenStart + tokenLength),
    scid: bytes.slice(scidStart, scidStart + scidLength),
    dcid: bytes.slice(dcidStart, dcidStart + dcidLength),
  };
}
