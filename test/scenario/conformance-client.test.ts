/** What a server can do wrong, and the code with which our client closes. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { TransportErrorCode, transportErrorName } from '../../src/errors.ts';
import { concat } from '../../src/util/bytes.ts';
import { FRAME } from '../../src/wire/frame-table.ts';
import {
  writeCrypto,
  writeHandshakeDone,
  writeMaxStreamData,
  writeNewConnectionId,
  writeResetStream,
  writeStopSending,
  writeStreamHeader,
} from '../../src/wire/frame-writer.ts';
import { Attack } from '../support/attack.ts';
import {
  APPLICATION,
  type Draft,
  frame,
  HANDSHAKE,
  type HostileOptions,
  INITIAL,
  varints,
} from '../support/hostile-peer.ts';
import { editExtensions } from '../support/tls-messages.ts';

interface ClientCase {
  title: string;
  code: number;
  peer?: Partial<HostileOptions>;
  run?: (attack: Attack) => void;
}

const {
  FLOW_CONTROL_ERROR,
  FRAME_ENCODING_ERROR,
  PROTOCOL_VIOLATION,
  STREAM_LIMIT_ERROR,
  STREAM_STATE_ERROR,
  TRANSPORT_PARAMETER_ERROR,
} = TransportErrorCode;
const UNEXPECTED_MESSAGE = 0x10a;
const MISSING_EXTENSION = 0x16d;
const NO_APPLICATION_PROTOCOL = 0x178;

const ENCRYPTED_EXTENSIONS = 8;
const ALPN = 0x10;
const QUIC_TRANSPORT_PARAMETERS = 0x39;

const id8 = new Uint8Array(8).fill(9);
const token16 = new Uint8Array(16).fill(3);
const one = Uint8Array.of(1);

function send(...frames: Uint8Array[]): (attack: Attack) => void {
  return (attack) => attack.hit(frames);
}

function stream(id: number, offset: number, data: Uint8Array): Uint8Array {
  return concat([frame((w) => writeStreamHeader(w, id, offset, data.length, false)), data]);
}

function crypto(...message: number[]): Uint8Array {
  return frame((w) => writeCrypto(w, 0, Uint8Array.from(message)));
}

function inSpace(space: number, edit: (draft: Draft) => void): Partial<HostileOptions> {
  return {
    editPacket: (draft) => {
      if (draft.space === space) edit(draft);
      return true;
    },
  };
}

function withoutExtension(code: number): Partial<HostileOptions> {
  return {
    editMessage: (_level, bytes) =>
      bytes[0] !== ENCRYPTED_EXTENSIONS
        ? bytes
        : editExtensions(bytes, (extensions) => {
            const at = extensions.findIndex(([each]) => each === code);
            extensions.splice(at, 1);
          }),
  };
}

const CASES: readonly ClientCase[] = [
  {
    title: 'RFC 9000 §7.3 no original_destination_connection_id',
    code: TRANSPORT_PARAMETER_ERROR,
    peer: { parameters: { originalDestinationConnectionId: undefined } },
  },
  {
    title: 'RFC 9000 §7.3 an original_destination_connection_id that was not used',
    code: TRANSPORT_PARAMETER_ERROR,
    peer: { parameters: { originalDestinationConnectionId: id8 } },
  },
  {
    title: 'RFC 9000 §7.3 no initial_source_connection_id',
    code: TRANSPORT_PARAMETER_ERROR,
    peer: { parameters: { initialSourceConnectionId: undefined } },
  },
  {
    title: 'RFC 9000 §7.3 an initial_source_connection_id that was not used',
    code: TRANSPORT_PARAMETER_ERROR,
    peer: { parameters: { initialSourceConnectionId: id8 } },
  },
  {
    title: 'RFC 9000 §7.3 a retry_source_connection_id without a Retry',
    code: TRANSPORT_PARAMETER_ERROR,
    peer: { parameters: { retrySourceConnectionId: id8 } },
  },
  {
    title: 'RFC 9000 §18.2 max_udp_payload_size below 1200',
    code: TRANSPORT_PARAMETER_ERROR,
    peer: { parameters: { maxUdpPayloadSize: 1199 } },
  },
  {
    title: 'RFC 9000 §18.2 active_connection_id_limit below 2',
    code: TRANSPORT_PARAMETER_ERROR,
    peer: { parameters: { activeConnectionIdLimit: 1 } },
  },
  {
    title: 'RFC 9000 §18.2 a stateless_reset_token of 15 bytes',
    code: TRANSPORT_PARAMETER_ERROR,
    peer: { editParameters: (bytes) => concat([bytes, varints(0x02, 15), new Uint8Array(15)]) },
  },
  {
    title: 'RFC 9000 §18.2 a preferred_address without an id',
    code: TRANSPORT_PARAMETER_ERROR,
    peer: {
      editParameters: (bytes) => concat([bytes, varints(0x0d, 41), new Uint8Array(24), new Uint8Array(17)]),
    },
  },
  {
    title: 'RFC 9001 §8.1 no protocol was chosen',
    code: NO_APPLICATION_PROTOCOL,
    peer: withoutExtension(ALPN),
  },
  {
    title: 'RFC 9001 §8.2 no quic_transport_parameters',
    code: MISSING_EXTENSION,
    peer: withoutExtension(QUIC_TRANSPORT_PARAMETERS),
  },
  {
    title: 'RFC 9001 §6 a TLS KeyUpdate',
    code: UNEXPECTED_MESSAGE,
    run: send(crypto(24, 0, 0, 1, 0)),
  },
  {
    title: 'RFC 9001 §4.4 a CertificateRequest after the handshake',
    code: PROTOCOL_VIOLATION,
    run: send(crypto(13, 0, 0, 3, 0, 0, 0)),
  },
  {
    title: 'RFC 9001 §4.6.1 a ticket with a limit on early data',
    code: PROTOCOL_VIOLATION,
    run: send(
      crypto(...[4, 0, 0, 24, 0, 0, 14, 16, 0, 0, 0, 0, 1, 0, 0, 1, 7, 0, 8, 0, 42, 0, 4, 0, 0, 16, 0, 0]),
    ),
  },
  {
    title: 'RFC 9000 §12.4 HANDSHAKE_DONE in a Handshake packet',
    code: PROTOCOL_VIOLATION,
    peer: inSpace(HANDSHAKE, (draft) => {
      draft.payload = concat([frame(writeHandshakeDone), draft.payload]);
    }),
  },
  {
    title: 'RFC 9000 §17.2 reserved bits set in a Handshake packet',
    code: PROTOCOL_VIOLATION,
    peer: inSpace(HANDSHAKE, ({ options }) => {
      options.firstByte = 0x0c;
    }),
  },
  {
    title: 'RFC 9000 §19.8 STREAM on a bidirectional stream that the client did not open',
    code: STREAM_STATE_ERROR,
    run: send(stream(0, 0, one)),
  },
  {
    title: "RFC 9000 §19.8 STREAM on the client's unidirectional stream",
    code: STREAM_STATE_ERROR,
    run: send(stream(2, 0, one)),
  },
  {
    title: "RFC 9000 §19.4 RESET_STREAM on the client's unidirectional stream",
    code: STREAM_STATE_ERROR,
    run: send(frame((w) => writeResetStream(w, 2, 0, 0))),
  },
  {
    title: "RFC 9000 §19.10 MAX_STREAM_DATA on the server's unidirectional stream",
    code: STREAM_STATE_ERROR,
    run: send(frame((w) => writeMaxStreamData(w, 3, 1))),
  },
  {
    title: "RFC 9000 §19.5 STOP_SENDING on the server's unidirectional stream",
    code: STREAM_STATE_ERROR,
    run: send(frame((w) => writeStopSending(w, 3, 1))),
  },
  {
    title: 'RFC 9000 §4.6 more streams than the limit',
    code: STREAM_LIMIT_ERROR,
    run: send(stream(4 * 100 + 1, 0, one)),
  },
  {
    title: 'RFC 9000 §4.1 more data than the limit',
    code: FLOW_CONTROL_ERROR,
    run: send(stream(1, 2 ** 18, one)),
  },
  {
    title: 'RFC 9000 §19.15 NEW_CONNECTION_ID from a server without ids',
    code: PROTOCOL_VIOLATION,
    peer: { localId: new Uint8Array(0) },
    run: send(frame((w) => writeNewConnectionId(w, 1, 0, id8, token16))),
  },
  {
    title: 'RFC 9000 §19.7 an empty NEW_TOKEN',
    code: FRAME_ENCODING_ERROR,
    run: send(varints(FRAME.NEW_TOKEN, 0)),
  },
];

for (const { title, code, peer, run } of CASES) {
  test(`${title} closes our client with ${transportErrorName(code)}`, () => {
    const attack = new Attack({
      role: 'server',
      ...(peer === undefined ? {} : { peer }),
      establish: run !== undefined,
    });
    if (run === undefined) attack.duel.run(() => attack.closedWith !== null, 60);
    else run(attack);
    assert.equal(transportErrorName(attack.closedWith ?? 0), transportErrorName(code));
    attack.duel.run(() => attack.peer.close !== null, 20);
    assert.equal(attack.peer.close?.code, code, 'the server is told');
  });
}

test('RFC 9000 §17.2.2 an Initial of a server that carries a token is discarded', () => {
  const attack = new Attack({
    role: 'server',
    establish: false,
    peer: inSpace(INITIAL, ({ options }) => {
      options.token = Uint8Array.of(1, 2, 3, 4);
    }),
  });
  attack.duel.run(() => attack.peer.spaces[APPLICATION]?.send != null, 10);
  attack.settle();
  assert.equal(attack.core.spaces[HANDSHAKE]?.canReceive, false, 'its ServerHello was not read');
  assert.equal(attack.core.state.value, 'handshaking');
});
