// Addresses, transport parameters and versions as qlog has them. Reset tokens are not logged: who knows one can end the
// connection.

import type { SocketAddress } from '../util/address.ts';
import { toHex } from '../util/bytes.ts';
import type { TransportParameters } from '../wire/transport-parameters.ts';

/** A TupleEndpointInfo. */
export function qlogEndpoint(
  { address, port, family }: SocketAddress,
  ids: readonly Uint8Array[] = [],
): object {
  return {
    ...(family === 6 ? { ip_v6: address, port_v6: port } : { ip_v4: address, port_v4: port }),
    ...(ids.length === 0 ? {} : { connection_ids: ids.map((id) => toHex(id)) }),
  };
}

/** A QuicVersion: eight hexadecimal digits. */
export function qlogVersion(version: number): string {
  return version.toString(16).padStart(8, '0');
}

/** The data of 'parameters_set'. */
export function qlogParameters(initiator: 'local' | 'remote', parameters: TransportParameters): object {
  const id = (name: string, value: Uint8Array | undefined) =>
    value === undefined ? {} : { [name]: toHex(value) };
  return {
    initiator,
    ...id('original_destination_connection_id', parameters.originalDestinationConnectionId),
    ...id('initial_source_connection_id', parameters.initialSourceConnectionId),
    ...id('retry_source_connection_id', parameters.retrySourceConnectionId),
    disable_active_migration: parameters.disableActiveMigration,
    max_idle_timeout: parameters.maxIdleTimeout,
    max_udp_payload_size: parameters.maxUdpPayloadSize,
    ack_delay_exponent: parameters.ackDelayExponent,
    max_ack_delay: parameters.maxAckDelay,
    active_connection_id_limit: parameters.activeConnectionIdLimit,
    initial_max_data: parameters.initialMaxData,
    initial_max_stream_data_bidi_local: parameters.initialMaxStreamDataBidiLocal,
    initial_max_stream_data_bidi_remote: parameters.initialMaxStreamDataBidiRemote,
    initial_max_stream_data_uni: parameters.initialMaxStreamDataUni,
    initial_max_streams_bidi: parameters.initialMaxStreamsBidi,
    initial_max_streams_uni: parameters.initialMaxStreamsUni,
    max_datagram_frame_size: parameters.maxDatagramFrameSize,
    grease_quic_bit: parameters.greaseQuicBit,
  };
}
