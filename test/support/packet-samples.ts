/** Compares sealing and opening with the sample packets of RFC 9001 Appendix A and RFC 9369 Appendix A, byte for byte. */

import assert from 'node:assert/strict';
import { hkdfExpandLabel } from '../../src/crypto/hkdf.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import type { PacketKeys } from '../../src/crypto/packet-keys.ts';
import { EMPTY, toHex } from '../../src/util/bytes.ts';

/** Seals at an odd offset inside a larger buffer and expects the exact packet, with nothing touched around it. */
export function assertSeals(
  keys: PacketKeys,
  header: Uint8Array,
  packetNumberLength: number,
  payload: Uint8Array,
  packetNumber: number,
  packet: Uint8Array,
): void {
  const start = 7;
  const buf = new Uint8Array(start + packet.length + 9).fill(0xa5);
  buf.set(header, start);
  const payloadStart = start + header.length;
  buf.set(payload, payloadStart);
  const end = keys
    .sealer()
    .seal(
      buf,
      start,
      payloadStart - packetNumberLength,
      payloadStart,
      payloadStart + payload.length,
      packetNumber,
    );
  assert.equal(end, start + packet.length);
  assert.equal(toHex(buf.subarray(start, end)), toHex(packet));
  assert.ok(buf.subarray(0, start).every((byte) => byte === 0xa5));
  assert.ok(buf.subarray(end).every((byte) => byte === 0xa5));
}

/** Opens the packet, again inside a larger buffer, and expects header and payload. */
export function assertOpens(
  keys: PacketKeys,
  packet: Uint8Array,
  header: Uint8Array,
  packetNumberLength: number,
  payload: Uint8Array,
  packetNumber: number,
): void {
  const start = 5;
  const buf = new Uint8Array(start + packet.length + 3).fill(0x5a);
  buf.set(packet, start);
  const payloadStart = start + header.length;
  const end = start + packet.length;
  const opener = keys.opener();
  opener.unmask(buf, start, payloadStart - packetNumberLength);
  assert.equal(toHex(buf.subarray(start, payloadStart)), toHex(header));
  assert.equal(opener.open(buf, start, payloadStart, end, packetNumber), true);
  assert.equal(toHex(buf.subarray(payloadStart, end - 16)), toHex(payload));
  assert.ok(buf.subarray(end).every((byte) => byte === 0x5a));
}

/** What the labels give for these keys, apart from what the sealer makes of them. */
export function expanded(keys: PacketKeys): { key: string; iv: string; hp: string } {
  const expand = (label: string, length: number): string =>
    toHex(hkdfExpandLabel(nodeProvider, keys.suite.hash, keys.secret, label, EMPTY, length));
  const { labels } = keys.version;
  return {
    key: expand(labels.key, keys.suite.keyLength),
    iv: expand(labels.iv, 12),
    hp: expand(labels.hp, keys.suite.keyLength),
  };
}
