/** Reads and makes Initial packets from outside a connection: anybody on the path can, as their keys are public. */
import { initialKeys } from '../../src/crypto/initial-keys.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { TAG_LENGTH } from '../../src/crypto/provider.ts';
import type { PacketEvent } from '../../src/sim/virtual-network.ts';
import { Frame } from '../../src/wire/frame.ts';
import { readFrame } from '../../src/wire/frame-reader.ts';
import { PacketHeader, PacketType, readHeader, writeLongHeader } from '../../src/wire/header.ts';
import { Reader } from '../../src/wire/reader.ts';
import { VERSION_1 as VERSION, versionInfo } from '../../src/wire/versions.ts';
import { Writer } from '../../src/wire/writer.ts';

export interface InitialPacket {
  packetNumber: number;
  destinationId: Uint8Array;
  sourceId: Uint8Array;
  token: Uint8Array;
  /** CRYPTO frames. */
  crypto: { offset: number; length: number; data: Uint8Array }[];
  /** Types of all frames but PADDING. */
  frameTypes: number[];
}

/**
 * Opens the Initial packet at the start of a datagram. `keyId` is the destination id of the client's first Initial, or
 * of its first after a Retry. Null: there is no such packet, or its keys are others.
 */
export function openInitial(
  datagram: Uint8Array,
  keyId: Uint8Array,
  sender: 'client' | 'server',
): InitialPacket | null {
  const bytes = datagram.slice();
  const header = new PacketHeader();
  if (!readHeader(bytes, 0, bytes.length, 8, header) || header.type !== PacketType.INITIAL) return null;
  const version = versionInfo(header.version) ?? VERSION;
  const opener = initialKeys(nodeProvider, version, keyId)[sender].opener();
  const numberAt = header.packetNumberOffset;
  opener.unmask(bytes, 0, numberAt);
  const numberLength = (bytes[0] & 3) + 1;
  let packetNumber = 0;
  for (let i = 0; i < numberLength; i++) packetNumber = packetNumber * 256 + bytes[numberAt + i];
  if (!opener.open(bytes, 0, numberAt + numberLength, header.end, packetNumber)) return null;
  const field = (start: number, length: number) => bytes.slice(start, start + length);
  const packet: InitialPacket = {
    packetNumber,
    destinationId: field(header.dcidStart, header.dcidLength),
    sourceId: field(header.scidStart, header.scidLength),
    token: field(header.tokenStart, header.tokenLength),
    crypto: [],
    frameTypes: [],
  };
  const reader = new Reader(bytes, numberAt + numberLength, header.end - TAG_LENGTH);
  const frame = new Frame();
  while (reader.remaining > 0) {
    readFrame(reader, frame);
    if (frame.type !== 0) packet.frameTypes.push(frame.type);
    if (frame.kind !== CRYPTO) continue;
    const { offset, length, dataStart } = frame;
    packet.crypto.push({ offset, length, data: field(dataStart, length) });
  }
  return packet;
}

/** Seals a payload into an Initial packet, padded to `size` bytes. */
export function sealInitial(options: {
  keyId: Uint8Array;
  sender: 'client' | 'server';
  destinationId: Uint8Array;
  sourceId: Uint8Array;
  packetNumber: number;
  frames: (writer: Writer) => void;
  size?: number;
}): Uint8Array {
  const { keyId, sender, destinationId, sourceId, packetNumber, frames, size = 1200 } = options;
  const out = new Uint8Array(size);
  const writer = new Writer(out, 0, size - TAG_LENGTH);
  const noToken = new Uint8Array(0);
  const type = PacketType.INITIAL;
  const lengthAt = writeLongHeader(writer, VERSION, type, destinationId, sourceId, noToken, packetNumber, 4);
  const payloadStart = writer.offset;
  frames(writer);
  writer.fill(0, writer.remaining);
  writer.patchVarint2(lengthAt, writer.offset - payloadStart + 4 + TAG_LENGTH);
  const sealer = initialKeys(nodeProvider, VERSION, keyId)[sender].sealer();
  sealer.seal(out, 0, payloadStart - 4, payloadStart, writer.offset, packetNumber);
  return out;
}

/** The type of the first packet of a datagram, -1 for what has no readable header. */
export function packetType({ bytes }: PacketEvent): number {
  const header = new PacketHeader();
  return readHeader(bytes, 0, bytes.length, 8, header) ? header.type : -1;
}

const CRYPTO = 0x06;
