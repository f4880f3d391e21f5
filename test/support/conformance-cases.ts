/**
 * What a client can do wrong and with which code a server must close, as data: b1 to b33 are the QUIC cases of the
 * public tool h3spec by its numbers, the others are ones that it lacks. `options` make the client what it is; `run` acts
 * once the handshake is complete.
 */
import { TransportErrorCode } from '../../src/errors.ts';
import { Level } from '../../src/tls/level.ts';
import { concat } from '../../src/util/bytes.ts';
import { FRAME } from '../../src/wire/frame-table.ts';
import {
  writeCrypto,
  writeHandshakeDone,
  writeMaxStreamData,
  writeNewConnectionId,
  writeNewToken,
  writePathChallenge,
  writePing,
  writeResetStream,
  writeRetireConnectionId,
  writeStopSending,
  writeStreamHeader,
} from '../../src/wire/frame-writer.ts';
import {
  APPLICATION,
  type Draft,
  frame,
  HANDSHAKE,
  type HostileOptions,
  type HostilePeer,
  INITIAL,
  varints,
} from './hostile-peer.ts';
import { editClientHello } from './tls-messages.ts';

export interface ConformanceCase {
  readonly number: string;
  /** A section and a sentence. */
  readonly title: string;
  /** The code in CONNECTION_CLOSE. */
  readonly code: number;
  readonly options?: Partial<HostileOptions>;
  readonly run?: (peer: HostilePeer) => void;
}

const {
  FLOW_CONTROL_ERROR,
  STREAM_LIMIT_ERROR,
  STREAM_STATE_ERROR,
  FINAL_SIZE_ERROR,
  FRAME_ENCODING_ERROR,
  TRANSPORT_PARAMETER_ERROR,
  CONNECTION_ID_LIMIT_ERROR,
  PROTOCOL_VIOLATION,
  CRYPTO_BUFFER_EXCEEDED,
  KEY_UPDATE_ERROR,
} = TransportErrorCode;

/** RFC 9001 §4.8: 0x100 and the alert. */
const UNEXPECTED_MESSAGE = 0x10a;
const MISSING_EXTENSION = 0x16d;
const NO_APPLICATION_PROTOCOL = 0x178;

const QUIC_TRANSPORT_PARAMETERS = 0x39;
const DRAFT_TRANSPORT_PARAMETERS = 0xffa5;
const FINISHED = 20;
const END_OF_EARLY_DATA = Uint8Array.of(5, 0, 0, 0);
const KEY_UPDATE = Uint8Array.of(24, 0, 0, 1, 0);

/** One packet of 1-RTT frames. */
function send(...frames: Uint8Array[]): (peer: HostilePeer) => void {
  return (peer) => peer.inject(APPLICATION, concat(frames));
}

function stream(id: number, offset: number, data: Uint8Array, fin = false): Uint8Array {
  return concat([frame((w) => writeStreamHeader(w, id, offset, data.length, fin)), data]);
}

/** Changes the packets of one space that the client sends by itself. */
function inSpace(space: number, edit: (draft: Draft) => void): Partial<HostileOptions> {
  return {
    editPacket: (draft) => {
      if (draft.space === space) edit(draft);
      return true;
    },
  };
}

function parameter(id: number, value: Uint8Array): Partial<HostileOptions> {
  return { editParameters: (bytes) => concat([bytes, varints(id, value.length), value]) };
}

const ping = frame(writePing);
const one = Uint8Array.of(1);
const id8 = new Uint8Array(8).fill(9);
const token16 = new Uint8Array(16).fill(3);

export const CONFORMANCE_CASES: readonly ConformanceCase[] = [
  {
    number: 'b1',
    title: 'RFC 9000 §4.1 stream data far beyond the limit',
    code: FLOW_CONTROL_ERROR,
    run: send(stream(0, 100_000_000, one)),
  },
  {
    number: 'b2',
    title: 'RFC 9000 §4.6 a stream id far beyond the limit',
    code: STREAM_LIMIT_ERROR,
    run: send(stream(1_000_000_000, 0, one)),
  },
  {
    number: 'b3',
    title: 'RFC 9000 §7.3 no initial_source_connection_id',
    code: TRANSPORT_PARAMETER_ERROR,
    options: { parameters: { initialSourceConnectionId: undefined } },
  },
  {
    number: 'b4',
    title: 'RFC 9000 §18.2 original_destination_connection_id from a client',
    code: TRANSPORT_PARAMETER_ERROR,
    options: { parameters: { originalDestinationConnectionId: id8 } },
  },
  {
    number: 'b5',
    title: 'RFC 9000 §18.2 preferred_address from a client',
    code: TRANSPORT_PARAMETER_ERROR,
    options: {
      parameters: {
        preferredAddress: {
          ipv4: { address: '192.0.2.7', port: 4433 },
          connectionId: id8,
          statelessResetToken: token16,
        },
      },
    },
  },
  {
    number: 'b6',
    title: 'RFC 9000 §18.2 retry_source_connection_id from a client',
    code: TRANSPORT_PARAMETER_ERROR,
    options: { parameters: { retrySourceConnectionId: id8 } },
  },
  {
    number: 'b7',
    title: 'RFC 9000 §18.2 stateless_reset_token from a client',
    code: TRANSPORT_PARAMETER_ERROR,
    options: { parameters: { statelessResetToken: token16 } },
  },
  {
    number: 'b8',
    title: 'RFC 9000 §18.2 max_udp_payload_size below 1200',
    code: TRANSPORT_PARAMETER_ERROR,
    options: { parameters: { maxUdpPayloadSize: 1090 } },
  },
  {
    number: 'b9',
    title: 'RFC 9000 §18.2 ack_delay_exponent above 20',
    code: TRANSPORT_PARAMETER_ERROR,
    options: { parameters: { ackDelayExponent: 30 } },
  },
  {
    number: 'b10',
    title: 'RFC 9000 §18.2 max_ack_delay of 2^15',
    code: TRANSPORT_PARAMETER_ERROR,
    options: { parameters: { maxAckDelay: 2 ** 15 } },
  },
  {
    number: 'b11',
    title: 'RFC 9000 §12.4 a frame type that nobody knows',
    code: FRAME_ENCODING_ERROR,
    run: send(varints(0x20)),
  },
  {
    number: 'b12',
    title: 'RFC 9000 §12.4 a packet without any frame',
    code: PROTOCOL_VIOLATION,
    run: send(),
  },
  {
    number: 'b13',
    title: 'RFC 9000 §17.2 reserved bits set in a Handshake packet',
    code: PROTOCOL_VIOLATION,
    options: inSpace(HANDSHAKE, ({ options }) => {
      options.firstByte = 0x0c;
    }),
  },
  {
    number: 'b14',
    title: 'RFC 9000 §12.4 PATH_CHALLENGE in a Handshake packet',
    code: PROTOCOL_VIOLATION,
    options: inSpace(HANDSHAKE, (draft) => {
      draft.payload = concat([frame((w) => writePathChallenge(w, id8)), draft.payload]);
    }),
  },
  {
    number: 'b15',
    title: 'RFC 9000 §17.3.1 reserved bits set in a short header packet',
    code: PROTOCOL_VIOLATION,
    run: (peer) => peer.inject(APPLICATION, ping, { firstByte: 0x18 }),
  },
  {
    number: 'b16',
    title: "RFC 9000 §19.4 RESET_STREAM on the server's unidirectional stream",
    code: STREAM_STATE_ERROR,
    run: send(frame((w) => writeResetStream(w, 3, 0, 0))),
  },
  {
    number: 'b17',
    title: 'RFC 9000 §19.5 STOP_SENDING on a stream that the server did not open',
    code: STREAM_STATE_ERROR,
    run: send(frame((w) => writeStopSending(w, 101, 0))),
  },
  {
    number: 'b18',
    title: 'RFC 9000 §19.7 NEW_TOKEN from a client',
    code: PROTOCOL_VIOLATION,
    run: send(frame((w) => writeNewToken(w, id8))),
  },
  {
    number: 'b19',
    title: "RFC 9000 §19.8 STREAM on a server's stream that it did not open",
    code: STREAM_STATE_ERROR,
    run: send(stream(1, 0, one)),
  },
  {
    number: 'b20',
    title: "RFC 9000 §19.8 STREAM on the server's unidirectional stream",
    code: STREAM_STATE_ERROR,
    run: send(stream(3, 0, one)),
  },
  {
    number: 'b21',
    title: 'RFC 9000 §19.10 MAX_STREAM_DATA on a stream that the server did not open',
    code: STREAM_STATE_ERROR,
    run: send(frame((w) => writeMaxStreamData(w, 101, 1000))),
  },
  {
    number: 'b22',
    title: "RFC 9000 §19.10 MAX_STREAM_DATA on the client's own unidirectional stream",
    code: STREAM_STATE_ERROR,
    run: send(frame((w) => writeMaxStreamData(w, 2, 1000))),
  },
  {
    number: 'b23',
    title: 'RFC 9000 §19.11 MAX_STREAMS above 2^60',
    code: FRAME_ENCODING_ERROR,
    run: send(varints(FRAME.MAX_STREAMS_BIDI, 2n ** 60n + 1n)),
  },
  {
    number: 'b24',
    title: 'RFC 9000 §19.14 STREAMS_BLOCKED above 2^60',
    code: FRAME_ENCODING_ERROR,
    run: send(varints(FRAME.STREAMS_BLOCKED_BIDI, 2n ** 60n + 1n)),
  },
  {
    number: 'b25',
    title: 'RFC 9000 §19.15 NEW_CONNECTION_ID that retires more than itself',
    code: FRAME_ENCODING_ERROR,
    run: send(frame((w) => writeNewConnectionId(w, 1, 2, id8, token16))),
  },
  {
    number: 'b26',
    title: 'RFC 9000 §19.15 NEW_CONNECTION_ID with an empty id',
    code: FRAME_ENCODING_ERROR,
    run: send(frame((w) => writeNewConnectionId(w, 1, 0, new Uint8Array(0), token16))),
  },
  {
    number: 'b27',
    title: 'RFC 9000 §19.20 HANDSHAKE_DONE from a client',
    code: PROTOCOL_VIOLATION,
    run: send(frame(writeHandshakeDone)),
  },
  {
    number: 'b28',
    title: 'RFC 9001 §6 a TLS KeyUpdate after Finished in the Handshake space',
    code: UNEXPECTED_MESSAGE,
    options: {
      editMessage: (_level, bytes) => (bytes[0] === FINISHED ? concat([bytes, KEY_UPDATE]) : bytes),
    },
  },
  {
    number: 'b29',
    title: 'RFC 9001 §6 a TLS KeyUpdate in 1-RTT CRYPTO',
    code: UNEXPECTED_MESSAGE,
    run: send(frame((w) => writeCrypto(w, 0, KEY_UPDATE))),
  },
  {
    number: 'b30',
    title: 'RFC 9001 §8.1 no protocol in common',
    code: NO_APPLICATION_PROTOCOL,
    options: { alpn: ['unknown'] },
  },
  {
    number: 'b31',
    title: 'RFC 9001 §8.2 no quic_transport_parameters',
    code: MISSING_EXTENSION,
    options: {
      editMessage: (level, bytes) =>
        level !== Level.INITIAL
          ? bytes
          : editClientHello(bytes, (hello) => {
              hello.extensions = hello.extensions.filter(([code]) => code !== QUIC_TRANSPORT_PARAMETERS);
            }),
    },
  },
  {
    number: 'b32',
    title: 'RFC 9001 §8.2 quic_transport_parameters under the code point of the drafts',
    code: MISSING_EXTENSION,
    options: {
      editMessage: (level, bytes) =>
        level !== Level.INITIAL
          ? bytes
          : editClientHello(bytes, (hello) => {
              hello.extensions = hello.extensions.map(([code, body]) => [
                code === QUIC_TRANSPORT_PARAMETERS ? DRAFT_TRANSPORT_PARAMETERS : code,
                body,
              ]);
            }),
    },
  },
  {
    number: 'b33',
    title: 'RFC 9001 §8.3 EndOfEarlyData',
    code: UNEXPECTED_MESSAGE,
    options: {
      editMessage: (_level, bytes) => (bytes[0] === FINISHED ? concat([END_OF_EARLY_DATA, bytes]) : bytes),
    },
  },

  // ---- what h3spec lacks ----
  {
    number: 'b+1',
    title: 'RFC 9000 §4.1 more data on all streams than the connection takes',
    code: FLOW_CONTROL_ERROR,
    // Each stream stays within its limit of 2^18, five of them together exceed 2^20.
    run: send(...[0, 4, 8, 12, 16].map((id) => stream(id, 2 ** 18 - 1, one))),
  },
  {
    number: 'b+2',
    title: 'RFC 9000 §4.5 data beyond the final size',
    code: FINAL_SIZE_ERROR,
    run: send(stream(2, 0, one, true), stream(2, 1, one)),
  },
  {
    number: 'b+3',
    title: 'RFC 9000 §4.5 a final size below what came',
    code: FINAL_SIZE_ERROR,
    run: send(
      stream(2, 10, one),
      frame((w) => writeResetStream(w, 2, 0, 5)),
    ),
  },
  {
    number: 'b+4',
    title: 'RFC 9000 §4.5 a final size that changes',
    code: FINAL_SIZE_ERROR,
    run: send(
      stream(2, 10, one, true),
      frame((w) => writeResetStream(w, 2, 0, 12)),
    ),
  },
  {
    number: 'b+5',
    title: 'RFC 9000 §13.1 acknowledging what was not sent',
    code: PROTOCOL_VIOLATION,
    run: send(varints(FRAME.ACK, 1_000_000, 0, 0, 0)),
  },
  {
    number: 'b+6',
    title: 'RFC 9000 §5.1.1 more connection ids than the limit',
    code: CONNECTION_ID_LIMIT_ERROR,
    run: send(
      ...[1, 2, 3, 4].map((sequence) =>
        frame((w) => writeNewConnectionId(w, sequence, 0, new Uint8Array(8).fill(sequence), token16)),
      ),
    ),
  },
  {
    number: 'b+7',
    title: 'RFC 9000 §19.15 a sequence number with two ids',
    code: PROTOCOL_VIOLATION,
    run: send(
      frame((w) => writeNewConnectionId(w, 1, 0, id8, token16)),
      frame((w) => writeNewConnectionId(w, 1, 0, new Uint8Array(8).fill(8), token16)),
    ),
  },
  {
    number: 'b+8',
    title: 'RFC 9000 §19.16 retiring the id that the packet is for',
    code: PROTOCOL_VIOLATION,
    run: send(frame((w) => writeRetireConnectionId(w, 0))),
  },
  {
    number: 'b+9',
    title: 'RFC 9000 §19.16 retiring an id that was never issued',
    code: PROTOCOL_VIOLATION,
    run: send(frame((w) => writeRetireConnectionId(w, 2n ** 62n - 1n))),
  },
  {
    number: 'b+10',
    title: 'RFC 9000 §7.5 CRYPTO beyond what is buffered',
    code: CRYPTO_BUFFER_EXCEEDED,
    run: send(frame((w) => writeCrypto(w, 100_000, one))),
  },
  {
    number: 'b+11',
    title: 'RFC 9000 §18.2 active_connection_id_limit below 2',
    code: TRANSPORT_PARAMETER_ERROR,
    options: { parameters: { activeConnectionIdLimit: 1 } },
  },
  {
    number: 'b+12',
    title: 'RFC 9000 §12.4 STREAM in a Handshake packet',
    code: PROTOCOL_VIOLATION,
    options: inSpace(HANDSHAKE, (draft) => {
      draft.payload = concat([stream(0, 0, one), draft.payload]);
    }),
  },
  {
    number: 'b+13',
    title: 'RFC 9000 §12.4 STREAM in an Initial packet',
    code: PROTOCOL_VIOLATION,
    options: inSpace(INITIAL, (draft) => {
      draft.payload = concat([stream(0, 0, one), draft.payload]);
    }),
  },
  {
    number: 'b+14',
    title: 'RFC 9000 §12.4 a frame type that is not in its shortest form',
    code: PROTOCOL_VIOLATION,
    run: send(Uint8Array.of(0x40, 0x01)),
  },
  {
    number: 'b+15',
    title: 'RFC 9000 §7.4 a transport parameter twice',
    code: TRANSPORT_PARAMETER_ERROR,
    options: parameter(0x01, varints(30_000)),
  },
  {
    number: 'b+16',
    title: 'RFC 9000 §7.3 an initial_source_connection_id that was not used',
    code: TRANSPORT_PARAMETER_ERROR,
    options: { parameters: { initialSourceConnectionId: id8 } },
  },
  {
    number: 'b+17',
    title: 'RFC 9000 §19.3.1 acknowledged ranges below 0',
    code: FRAME_ENCODING_ERROR,
    run: send(varints(FRAME.ACK, 0, 0, 1, 0, 0, 0)),
  },
  {
    number: 'b+18',
    title: 'RFC 9000 §19.6 CRYPTO beyond 2^62 - 1',
    code: FRAME_ENCODING_ERROR,
    run: send(concat([varints(FRAME.CRYPTO, 2n ** 62n - 1n, 1), one])),
  },
  {
    number: 'b+19',
    title: 'RFC 9000 §19.8 STREAM beyond 2^62 - 1',
    code: FRAME_ENCODING_ERROR,
    run: send(concat([varints(FRAME.STREAM | 0x06, 0, 2n ** 62n - 1n, 1), one])),
  },
  {
    number: 'b+20',
    title: 'RFC 9001 §6.2 a second key update before the first was acknowledged',
    code: KEY_UPDATE_ERROR,
    run: (peer) => {
      peer.updateSendKeys();
      const first = peer.packet(APPLICATION, ping, { keyPhase: 1 });
      peer.updateSendKeys();
      const second = peer.packet(APPLICATION, ping, { keyPhase: 0 });
      peer.queue.push(first, second);
    },
  },
  {
    number: 'b+21',
    title: 'RFC 9001 §8.4 a legacy_session_id that is not empty',
    code: PROTOCOL_VIOLATION,
    options: {
      editMessage: (level, bytes) =>
        level !== Level.INITIAL
          ? bytes
          : editClientHello(bytes, (hello) => {
              hello.sessionId = new Uint8Array(32).fill(1);
            }),
    },
  },
  {
    number: 'b+22',
    title: 'RFC 9221 §3 DATAGRAM though none was announced',
    code: PROTOCOL_VIOLATION,
    run: send(concat([varints(FRAME.DATAGRAM_LENGTH, 1), one])),
  },
  {
    number: 'b+23',
    title: 'RFC 9000 §19.7 an empty NEW_TOKEN',
    code: FRAME_ENCODING_ERROR,
    run: send(varints(FRAME.NEW_TOKEN, 0)),
  },
  {
    number: 'b+24',
    title: 'RFC 9000 §19.5 STOP_SENDING on a stream that only the client sends on',
    code: STREAM_STATE_ERROR,
    run: send(frame((w) => writeStopSending(w, 2, 0))),
  },
  {
    number: 'b+25',
    title: 'RFC 9000 §19.13 STREAM_DATA_BLOCKED on a stream that only the server sends on',
    code: STREAM_STATE_ERROR,
    run: send(varints(FRAME.STREAM_DATA_BLOCKED, 3, 0)),
  },
  {
    number: 'b+26',
    title: 'RFC 9000 §19.15 NEW_CONNECTION_ID from a client without ids',
    code: PROTOCOL_VIOLATION,
    options: { localId: new Uint8Array(0) },
    run: send(frame((w) => writeNewConnectionId(w, 1, 0, id8, token16))),
  },
  {
    number: 'b+27',
    title: 'RFC 9000 §10.2.3 an application close in a Handshake packet',
    code: PROTOCOL_VIOLATION,
    options: inSpace(HANDSHAKE, (draft) => {
      draft.payload = concat([varints(FRAME.CONNECTION_CLOSE_APPLICATION, 0, 0), draft.payload]);
    }),
  },
  {
    number: 'b+28',
    title: 'RFC 9000 §4.6 unidirectional streams beyond the limit',
    code: STREAM_LIMIT_ERROR,
    run: send(stream(4 * 100 + 2, 0, one)),
  },
  {
    number: 'b+29',
    title: 'RFC 9000 §18.2 initial_max_streams_bidi above 2^60',
    code: TRANSPORT_PARAMETER_ERROR,
    options: {
      parameters: { initialMaxStreamsBidi: undefined },
      editParameters: (bytes) => concat([bytes, varints(0x08, 8), varints(2n ** 60n + 1n)]),
    },
  },
];
