// Transport parameters, RFC 9000 §18, with those of RFC 9221, RFC 9287, RFC 9368 and ACK frequency: one table, both directions.
// Owns: encoding, ranges, defaults, who may send what. Comparing ids with the handshake's is not done here.

import { TransportError, TransportErrorCode } from '../errors.ts';
import { copyBytes } from '../util/bytes.ts';
import { type PreferredAddress, readPreferredAddress, writePreferredAddress } from './preferred-address.ts';
import { Reader, Truncated } from './reader.ts';
import { Writer } from './writer.ts';

/** What one endpoint tells the other in the handshake. Limits above 2^53 - 1 read as 2^53 - 1. */
export interface TransportParameters {
  originalDestinationConnectionId?: Uint8Array;
  /** Milliseconds; 0 means none. */
  maxIdleTimeout: number;
  /** 16 bytes. */
  statelessResetToken?: Uint8Array;
  /** Bytes, at least 1200. */
  maxUdpPayloadSize: number;
  initialMaxData: number;
  initialMaxStreamDataBidiLocal: number;
  initialMaxStreamDataBidiRemote: number;
  initialMaxStreamDataUni: number;
  initialMaxStreamsBidi: number;
  initialMaxStreamsUni: number;
  /** 0 to 20. */
  ackDelayExponent: number;
  /** Milliseconds, below 2^14. */
  maxAckDelay: number;
  disableActiveMigration: boolean;
  preferredAddress?: PreferredAddress;
  /** At least 2. */
  activeConnectionIdLimit: number;
  initialSourceConnectionId?: Uint8Array;
  retrySourceConnectionId?: Uint8Array;
  /** RFC 9221 §3: largest DATAGRAM frame, type and length included; 0: none are taken. */
  maxDatagramFrameSize: number;
  /** RFC 9287 §3: packets may come with any fixed bit. */
  greaseQuicBit: boolean;
  /** draft-ietf-quic-reliable-stream-reset §3: RESET_STREAM_AT frames are taken. */
  resetStreamAt: boolean;
  /** draft-ietf-quic-ack-frequency §3: microseconds; its frames are taken. Absent: they are not. */
  minAckDelay?: number;
  /** RFC 9368 §3. */
  versionInformation?: { readonly chosen: number; readonly available: readonly number[] };
  /** Parameters that are not known here, in order, as far as their bytes are kept; reserved ones too. Never sent. */
  unknown?: readonly UnknownTransportParameter[];
}

export interface UnknownTransportParameter {
  /** A bigint above `Number.MAX_SAFE_INTEGER`. */
  readonly id: number | bigint;
  readonly value: Uint8Array;
}

/** What an absent parameter means. RFC 9000 §18.2. */
export const DEFAULT_TRANSPORT_PARAMETERS: Readonly<TransportParameters> = {
  maxIdleTimeout: 0,
  maxUdpPayloadSize: 65527,
  initialMaxData: 0,
  initialMaxStreamDataBidiLocal: 0,
  initialMaxStreamDataBidiRemote: 0,
  initialMaxStreamDataUni: 0,
  initialMaxStreamsBidi: 0,
  initialMaxStreamsUni: 0,
  ackDelayExponent: 3,
  maxAckDelay: 25,
  disableActiveMigration: false,
  activeConnectionIdLimit: 2,
  maxDatagramFrameSize: 0,
  greaseQuicBit: false,
  resetStreamAt: false,
};

type IntegerKey = KeysOf<number> | 'minAckDelay';
type FlagKey = KeysOf<boolean>;
type BytesKey = KeysOf<Uint8Array | undefined>;
type KeysOf<Value> = {
  [Key in keyof TransportParameters]-?: TransportParameters[Key] extends Value ? Key : never;
}[keyof TransportParameters];

/** A row of the table; every kind has its own encoding. */
export type TransportParameterRow = {
  readonly id: number;
  readonly name: string;
  readonly serverOnly?: true;
} & (
  | { readonly kind: 'integer'; readonly key: IntegerKey; readonly min?: number; readonly max?: number }
  | { readonly kind: 'flag'; readonly key: FlagKey }
  | { readonly kind: 'connection-id' | 'token'; readonly key: BytesKey }
  | { readonly kind: 'preferred-address'; readonly key: 'preferredAddress' }
  | { readonly kind: 'versions'; readonly key: 'versionInformation' }
);

/** RFC 9000 §18.2 as data. Order is the order on the wire. */
export const TRANSPORT_PARAMETER_TABLE: readonly TransportParameterRow[] = [
  {
    id: 0x00,
    name: 'original_destination_connection_id',
    kind: 'connection-id',
    key: 'originalDestinationConnectionId',
    serverOnly: true,
  },
  { id: 0x01, name: 'max_idle_timeout', kind: 'integer', key: 'maxIdleTimeout' },
  { id: 0x02, name: 'stateless_reset_token', kind: 'token', key: 'statelessResetToken', serverOnly: true },
  { id: 0x03, name: 'max_udp_payload_size', kind: 'integer', key: 'maxUdpPayloadSize', min: 1200 },
  { id: 0x04, name: 'initial_max_data', kind: 'integer', key: 'initialMaxData' },
  {
    id: 0x05,
    name: 'initial_max_stream_data_bidi_local',
    kind: 'integer',
    key: 'initialMaxStreamDataBidiLocal',
  },
  {
    id: 0x06,
    name: 'initial_max_stream_data_bidi_remote',
    kind: 'integer',
    key: 'initialMaxStreamDataBidiRemote',
  },
  { id: 0x07, name: 'initial_max_stream_data_uni', kind: 'integer', key: 'initialMaxStreamDataUni' },
  // RFC 9000 §4.6: more than 2^60 streams cannot be numbered.
  { id: 0x08, name: 'initial_max_streams_bidi', kind: 'integer', key: 'initialMaxStreamsBidi', max: 2 ** 60 },
  { id: 0x09, name: 'initial_max_streams_uni', kind: 'integer', key: 'initialMaxStreamsUni', max: 2 ** 60 },
  { id: 0x0a, name: 'ack_delay_exponent', kind: 'integer', key: 'ackDelayExponent', max: 20 },
  { id: 0x0b, name: 'max_ack_delay', kind: 'integer', key: 'maxAckDelay', max: 2 ** 14 - 1 },
  { id: 0x0c, name: 'disable_active_migration', kind: 'flag', key: 'disableActiveMigration' },
  {
    id: 0x0d,
    name: 'preferred_address',
    kind: 'preferred-address',
    key: 'preferredAddress',
    serverOnly: true,
  },
  { id: 0x0e, name: 'active_connection_id_limit', kind: 'integer', key: 'activeConnectionIdLimit', min: 2 },
  { id: 0x0f, name: 'initial_source_connection_id', kind: 'connection-id', key: 'initialSourceConnectionId' },
  {
    id: 0x10,
    name: 'retry_source_connection_id',
    kind: 'connection-id',
    key: 'retrySourceConnectionId',
    serverOnly: true,
  },
  { id: 0x11, name: 'version_information', kind: 'versions', key: 'versionInformation' },
  { id: 0x1d, name: 'reset_stream_at', kind: 'flag', key: 'resetStreamAt' },
  { id: 0x20, name: 'max_datagram_frame_size', kind: 'integer', key: 'maxDatagramFrameSize' },
  { id: 0x2ab2, name: 'grease_quic_bit', kind: 'flag', key: 'greaseQuicBit' },
  // Never above max_ack_delay, which ends there.
  {
    id: 0xff04de1b,
    name: 'min_ack_delay',
    kind: 'integer',
    key: 'minAckDelay',
    max: (2 ** 14 - 1) * 1000,
  },
];

/** One unknown parameter, id of the form 31 * N + 27, that keeps the peer's parser honest. RFC 9000 §18.1. */
export interface GreaseParameter {
  readonly id: number | bigint;
  readonly bytes: Uint8Array;
}

/** The extension's content. Parameters that are absent or say what absence means are left out. */
export function encodeTransportParameters(
  parameters: Readonly<Partial<TransportParameters>>,
  grease?: GreaseParameter,
): Uint8Array {
  const w = new Writer(new Uint8Array(encodedBound(parameters, grease)));
  for (const row of TRANSPORT_PARAMETER_TABLE) encodeOne(w, row, parameters);
  if (grease !== undefined) {
    w.varint(grease.id);
    w.varint(grease.bytes.length);
    w.copy(grease.bytes);
  }
  return copyBytes(w.bytes, 0, w.offset);
}

/**
 * The parameters that a peer of this role sent; the bytes are copied. Of unknown ones, those that
 * fit into `keepUnknown` bytes are kept, with 8 bytes for each id.
 * Throws `TransportError` TRANSPORT_PARAMETER_ERROR: cut off, twice the same, out of range, of the wrong size,
 * a server's parameter from a client, or min_ack_delay above max_ack_delay. RFC 9000 §7.4, §18.2.
 */
export function decodeTransportParameters(
  bytes: Uint8Array,
  sender: 'client' | 'server',
  keepUnknown = 0,
): TransportParameters {
  const parameters: TransportParameters = { ...DEFAULT_TRANSPORT_PARAMETERS };
  const seen = new Set<number | bigint>();
  const reader = new Reader(bytes);
  const value = new Reader();
  const unknown: UnknownTransportParameter[] = [];
  let room = keepUnknown;
  try {
    while (reader.remaining > 0) {
      const id = reader.varintExact();
      const length = reader.varint();
      const start = reader.offset;
      reader.skip(length);
      if (seen.has(id)) throw refused(`parameter 0x${id.toString(16)} twice`);
      seen.add(id);
      const row = typeof id === 'number' ? BY_ID.get(id) : undefined;
      if (row === undefined) {
        room -= UNKNOWN_ID_BYTES + length;
        if (room >= 0) unknown.push({ id, value: copyBytes(bytes, start, start + length) });
        continue;
      }
      if (row.serverOnly === true && sender === 'client') throw refused(`${row.name} from a client`);
      value.reset(bytes, start, start + length);
      decodeOne(value, row, parameters);
      if (value.remaining > 0) throw refused(`${row.name} with bytes left over`);
    }
  } catch (error) {
    if (error instanceof Truncated) throw refused('cut off');
    throw error;
  }
  if (keepUnknown > 0) parameters.unknown = unknown;
  // draft-ietf-quic-ack-frequency §3: the one in microseconds, the other in milliseconds.
  if ((parameters.minAckDelay ?? 0) > parameters.maxAckDelay * 1000)
    throw refused('min_ack_delay above max_ack_delay');
  return parameters;
}

/** What the id of an unknown parameter counts for, so that empty ones are not free. */
const UNKNOWN_ID_BYTES = 8;

function encodeOne(
  w: Writer,
  row: TransportParameterRow,
  parameters: Readonly<Partial<TransportParameters>>,
): void {
  const given = parameters[row.key];
  if (given === undefined || given === DEFAULT_TRANSPORT_PARAMETERS[row.key]) return;
  w.varint(row.id);
  // No known value reaches 2^14 bytes.
  const lengthAt = w.offset;
  w.varint2(0);
  const start = w.offset;
  encodeValue(w, row, parameters);
  const length = w.offset - start;
  if (length < 0x40) {
    // The short form of the length is the common one: move the value over the spare byte.
    w.bytes.copyWithin(lengthAt + 1, start, w.offset);
    w.bytes[lengthAt] = length;
    w.offset--;
  } else w.patchVarint2(lengthAt, length);
}

function encodeValue(
  w: Writer,
  row: TransportParameterRow,
  parameters: Readonly<Partial<TransportParameters>>,
): void {
  switch (row.kind) {
    case 'integer':
      w.varint(parameters[row.key] ?? 0);
      break;
    case 'flag':
      break;
    case 'connection-id':
    case 'token':
      w.copy(parameters[row.key] ?? NOTHING);
      break;
    case 'preferred-address':
      if (parameters.preferredAddress !== undefined) writePreferredAddress(w, parameters.preferredAddress);
      break;
    case 'versions':
      w.u32(parameters.versionInformation?.chosen ?? 0);
      for (const version of parameters.versionInformation?.available ?? []) w.u32(version);
      break;
  }
}

function decodeOne(value: Reader, row: TransportParameterRow, into: TransportParameters): void {
  switch (row.kind) {
    case 'integer': {
      const number = value.varintExact();
      if (number < (row.min ?? 0) || (row.max !== undefined && number > row.max)) {
        throw refused(`${row.name} of ${number}`);
      }
      into[row.key] = typeof number === 'number' ? number : Number.MAX_SAFE_INTEGER;
      break;
    }
    case 'flag':
      into[row.key] = true;
      break;
    case 'connection-id':
      if (value.remaining > 20) throw refused(`${row.name} of ${value.remaining} bytes`);
      into[row.key] = copyBytes(value.take(value.remaining));
      break;
    case 'token':
      into[row.key] = copyBytes(value.take(16));
      break;
    case 'preferred-address':
      into.preferredAddress = readPreferredAddress(value);
      break;
    case 'versions':
      into.versionInformation = readVersionInformation(value);
      break;
  }
}

/** RFC 9368 §3: the version in use, then the others; 0 is none. */
function readVersionInformation(value: Reader): { chosen: number; available: number[] } {
  const chosen = value.u32();
  const available: number[] = [];
  while (value.remaining > 0) available.push(value.u32());
  if (chosen === 0 || available.includes(0)) throw refused('version_information with version 0');
  return { chosen, available };
}

function encodedBound(
  parameters: Readonly<Partial<TransportParameters>>,
  grease: GreaseParameter | undefined,
): number {
  const bytes =
    (parameters.originalDestinationConnectionId?.length ?? 0) +
    (parameters.initialSourceConnectionId?.length ?? 0) +
    (parameters.retrySourceConnectionId?.length ?? 0) +
    (parameters.preferredAddress?.connectionId.length ?? 0) +
    4 * (parameters.versionInformation?.available.length ?? 0) +
    (grease === undefined ? 0 : 16 + grease.bytes.length);
  return 512 + bytes;
}

function refused(reason: string): TransportError {
  return new TransportError(TransportErrorCode.TRANSPORT_PARAMETER_ERROR, 0, reason);
}

const NOTHING: Uint8Array = new Uint8Array(0);
const BY_ID: ReadonlyMap<number, TransportParameterRow> = new Map(
  TRANSPORT_PARAMETER_TABLE.map((row) => [row.id, row]),
);
