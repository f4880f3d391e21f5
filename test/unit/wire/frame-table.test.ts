import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FRAME,
  FRAME_TABLE,
  frameRule,
  IN_HANDSHAKE,
  IN_INITIAL,
  IN_ONE_RTT,
  IN_ZERO_RTT,
  PACKET_BIT,
} from '../../../src/wire/frame-table.ts';
import { PacketType } from '../../../src/wire/header.ts';

/** RFC 9000 §12.4, Table 3, typed in again: first and last type, name, packets, notes. */
const TABLE_3: [number, number, string, string, string][] = [
  [0x00, 0x00, 'PADDING', 'IH01', 'NP'],
  [0x01, 0x01, 'PING', 'IH01', ''],
  [0x02, 0x03, 'ACK', 'IH_1', 'NC'],
  [0x04, 0x04, 'RESET_STREAM', '__01', ''],
  [0x05, 0x05, 'STOP_SENDING', '__01', ''],
  [0x06, 0x06, 'CRYPTO', 'IH_1', ''],
  [0x07, 0x07, 'NEW_TOKEN', '___1', ''],
  [0x08, 0x0f, 'STREAM', '__01', 'F'],
  [0x10, 0x10, 'MAX_DATA', '__01', ''],
  [0x11, 0x11, 'MAX_STREAM_DATA', '__01', ''],
  [0x12, 0x13, 'MAX_STREAMS', '__01', ''],
  [0x14, 0x14, 'DATA_BLOCKED', '__01', ''],
  [0x15, 0x15, 'STREAM_DATA_BLOCKED', '__01', ''],
  [0x16, 0x17, 'STREAMS_BLOCKED', '__01', ''],
  [0x18, 0x18, 'NEW_CONNECTION_ID', '__01', 'P'],
  [0x19, 0x19, 'RETIRE_CONNECTION_ID', '__01', ''],
  [0x1a, 0x1a, 'PATH_CHALLENGE', '__01', 'P'],
  [0x1b, 0x1b, 'PATH_RESPONSE', '___1', 'P'],
  [0x1c, 0x1c, 'CONNECTION_CLOSE', 'IH01', 'N'],
  [0x1d, 0x1d, 'CONNECTION_CLOSE', '__01', 'N'],
  [0x1e, 0x1e, 'HANDSHAKE_DONE', '___1', ''],
];

test('RFC 9000 §12.4 every row of Table 3 is a rule, and there are no others but those of three extensions', () => {
  let rows = 0;
  for (const [first, last, name, packets, notes] of TABLE_3) {
    for (let type = first; type <= last; type++) {
      const rule = frameRule(type);
      const mask =
        (packets.includes('I') ? IN_INITIAL : 0) |
        (packets.includes('H') ? IN_HANDSHAKE : 0) |
        (packets.includes('0') ? IN_ZERO_RTT : 0) |
        (packets.includes('1') ? IN_ONE_RTT : 0);
      assert.equal(rule?.type, type);
      assert.equal(rule?.name, name);
      assert.equal(rule?.packets, mask, `packets of 0x${type.toString(16)}`);
      assert.equal(rule?.ackEliciting, !notes.includes('N'));
      assert.equal(rule?.probing, notes.includes('P'));
      rows++;
    }
  }
  assert.equal(FRAME_TABLE.length, rows + 5);
  for (const type of [0x20, 0x2f, 0x32, 0x3f, 0x40, 0xae, 0xb0, 2 ** 40])
    assert.equal(frameRule(type), undefined);
});

test('RFC 9221 §4 DATAGRAM is ack-eliciting and comes in 0-RTT and 1-RTT packets', () => {
  for (const type of [FRAME.DATAGRAM, FRAME.DATAGRAM_LENGTH]) {
    assert.equal(frameRule(type)?.packets, IN_ZERO_RTT | IN_ONE_RTT);
    assert.equal(frameRule(type)?.ackEliciting, true);
    assert.equal(frameRule(type)?.kind, FRAME.DATAGRAM);
  }
});

test('draft-ietf-quic-ack-frequency §3 ACK_FREQUENCY and IMMEDIATE_ACK are ack-eliciting, and come in 1-RTT packets alone', () => {
  for (const type of [FRAME.ACK_FREQUENCY, FRAME.IMMEDIATE_ACK]) {
    assert.equal(frameRule(type)?.packets, IN_ONE_RTT);
    assert.equal(frameRule(type)?.ackEliciting, true);
    assert.equal(frameRule(type)?.probing, false);
  }
});

test('P6 STREAM, MAX_DATA and HANDSHAKE_DONE are not for Initial or Handshake packets', () => {
  for (const type of [
    FRAME.STREAM,
    FRAME.MAX_DATA,
    FRAME.HANDSHAKE_DONE,
    FRAME.CONNECTION_CLOSE_APPLICATION,
  ]) {
    const rule = frameRule(type);
    assert.equal((rule?.packets ?? -1) & PACKET_BIT[PacketType.INITIAL], 0);
    assert.equal((rule?.packets ?? -1) & PACKET_BIT[PacketType.HANDSHAKE], 0);
    assert.notEqual((rule?.packets ?? 0) & PACKET_BIT[PacketType.ONE_RTT], 0);
  }
  assert.equal(PACKET_BIT[PacketType.RETRY], 0);
  assert.equal(PACKET_BIT[PacketType.VERSION_NEGOTIATION], 0);
});
