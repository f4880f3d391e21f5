// Whether an Initial packet is what it says: made by somebody who followed the protocol, and not damaged. Anybody can
// make a good one (RFC 9001 §5.2), but junk does not get as far as a connection, or an answer that takes work.

import { type InitialKeys, initialKeys } from '../crypto/initial-keys.ts';
import { type CryptoProvider, SAMPLE_LENGTH, TAG_LENGTH } from '../crypto/provider.ts';
import { copyBytes } from '../util/bytes.ts';
import { PartView } from '../util/part-view.ts';
import { decodePacketNumber, type PacketHeader } from '../wire/header.ts';
import type { VersionInfo } from '../wire/versions.ts';

/**
 * The keys of the client's first Initial in `datagram`, or null if these keys do not open it. `header` was read from
 * offset 0. The datagram stays as it is.
 */
export function openInitial(
  provider: CryptoProvider,
  version: VersionInfo,
  datagram: Uint8Array,
  header: PacketHeader,
): InitialKeys | null {
  const { dcidStart, dcidLength, packetNumberOffset, end } = header;
  // RFC 9001 §5.4.2: without a sample there is no packet.
  if (end - packetNumberOffset < 4 + SAMPLE_LENGTH) return null;
  const keys = initialKeys(provider, version, copyBytes(datagram, dcidStart, dcidStart + dcidLength));
  if (end > PACKET.length) return null;
  const packet = PACKET_VIEW.of(PACKET, 0, end);
  packet.set(end === datagram.length ? datagram : datagram.subarray(0, end));
  const opener = keys.client.opener();
  opener.unmask(packet, 0, packetNumberOffset);
  const numberLength = (packet[0] & 0x03) + 1;
  const payloadStart = packetNumberOffset + numberLength;
  if (end - payloadStart < TAG_LENGTH) return null;
  let truncated = 0;
  for (let i = 0; i < numberLength; i++) truncated = truncated * 256 + packet[packetNumberOffset + i];
  const number = decodePacketNumber(truncated, numberLength, 0);
  return opener.open(packet, 0, payloadStart, end, number) ? keys : null;
}

/** The copy that is opened, as the datagram stays; one at a time. */
const PACKET = new Uint8Array(65_536);
const PACKET_VIEW = new PartView();
