// Packet headers as qlog has them (draft-ietf-quic-qlog-quic-events, "PacketHeader"), from plain bytes.

import { toHex } from '../util/bytes.ts';
import { PacketType } from '../wire/packet-type.ts';

/** By `PacketType`. */
export const PACKET_TYPE_NAMES: Readonly<Record<number, string>> = {
  [PacketType.INITIAL]: 'initial',
  [PacketType.ZERO_RTT]: '0RTT',
  [PacketType.HANDSHAKE]: 'handshake',
  [PacketType.RETRY]: 'retry',
  [PacketType.ONE_RTT]: '1RTT',
  [PacketType.VERSION_NEGOTIATION]: 'version_negotiation',
};

/** `bytes` hold a whole header from `start`, without protection, with `payloadStart` behind it. */
export function qlogHeader(
  type: number,
  packetNumber: number,
  bytes: Uint8Array,
  start: number,
  payloadStart: number,
): object {
  const first = bytes[start] as number;
  const packet_type = PACKET_TYPE_NAMES[type] ?? 'unknown';
  const numberLength = (first & 0x03) + 1;
  const number = { packet_number_length: numberLength, packet_number: packetNumber };
  if (type === PacketType.ONE_RTT) {
    const dcid = toHex(bytes.subarray(start + 1, payloadStart - numberLength));
    return {
      packet_type,
      spin_bit: (first & 0x20) !== 0,
      key_phase_bit: (first & 0x04) !== 0,
      ...number,
      dcil: dcid.length / 2,
      dcid,
    };
  }
  const dcidLength = bytes[start + 5] as number;
  const scidAt = start + 6 + dcidLength;
  const scidLength = bytes[scidAt] as number;
  const isNumbered = type !== PacketType.RETRY && type !== PacketType.VERSION_NEGOTIATION;
  return {
    packet_type,
    ...(isNumbered ? number : {}),
    version: toHex(bytes.subarray(start + 1, start + 5)),
    scil: scidLength,
    dcil: dcidLength,
    scid: toHex(bytes.subarray(scidAt + 1, scidAt + 1 + scidLength)),
    dcid: toHex(bytes.subarray(start + 6, start + 6 + dcidLength)),
  };
}
