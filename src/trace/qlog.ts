// qlog of one connection: JSON text sequences (RFC 7464) by draft-ietf-quic-qlog-main-schema and
// draft-ietf-quic-qlog-quic-events. Turns hooks into records and hands each to a sink at once, so that nothing is held;
// a sink that throws is not used again, and the connection does not notice. Knows no file and no clock.

import { toHex } from '../util/bytes.ts';
import { PacketType } from '../wire/packet-type.ts';
import type { TransportParameters } from '../wire/transport-parameters.ts';
import type { DetailTrace, TracedConnection } from './detail.ts';
import { QlogChanges } from './qlog-changes.ts';
import {
  isLogged,
  QLOG_EVENT_SCHEMA,
  QLOG_FILE_SCHEMA,
  QLOG_SERIALIZATION,
  type QlogEventName,
  type QlogLevel,
  RECORD_SEPARATOR,
} from './qlog-events.ts';
import { qlogFrames } from './qlog-frames.ts';
import { PACKET_TYPE_NAMES, qlogHeader } from './qlog-header.ts';
import { qlogParameters } from './qlog-values.ts';
import type { DropReason } from './trace.ts';

/** Takes one record: a record separator, JSON on one line, a line feed. */
export type QlogSink = (record: string) => void;

export interface QlogOptions {
  readonly title?: string;
  readonly description?: string;
  /** Default 'base'. */
  readonly level?: QlogLevel;
  /** The time of day of the first event, as in '2026-01-31T12:00:00.000Z'; left out by default. */
  readonly wallClockTime?: string;
  /** Called before the first record, with the name that a file should have: `<original destination id>_<role>`. */
  readonly onStart?: (name: string) => void;
  /** The connection has ended: what is still held back somewhere should be written. May be called more than once. */
  readonly onEnd?: () => void;
  /** The sink threw, and is not called any more. Default: nobody is told. */
  readonly onError?: (error: unknown) => void;
}

/** Give one to one connection. */
export class Qlog implements DetailTrace {
  readonly #options: QlogOptions;
  readonly #level: QlogLevel;
  /** Null once it threw. */
  #sink: QlogSink | null;
  #connection: TracedConnection | null = null;
  readonly #changes: QlogChanges;
  #startTime = 0;
  #now = 0;
  #localExponent = 3;
  #remoteExponent = 3;
  #largestEarly = -1;
  #hasEnded = false;

  constructor(sink: QlogSink, options: QlogOptions = {}) {
    this.#sink = sink;
    this.#options = options;
    this.#level = options.level ?? 'base';
    this.#changes = new QlogChanges((name, data) => this.#event(name, data));
  }

  started(now: number, connection: TracedConnection): void {
    const isFirst = this.#connection === null;
    // A client that is given a session before its first packet begins anew.
    this.#connection = connection;
    if (!isFirst) return;
    this.#startTime = this.#now = now;
    const { firstFlight, isServer } = connection;
    this.#guard(() => {
      this.#options.onStart?.(
        `${toHex(firstFlight.originalDestinationId)}_${isServer ? 'server' : 'client'}`,
      );
      this.#record(this.#fileHeader(connection));
      this.#changes.started(connection);
    });
    this.updated(now);
  }

  packetSent(
    now: number,
    type: number,
    packetNumber: number,
    bytes: Uint8Array,
    start: number,
    payloadStart: number,
    payloadEnd: number,
    intent: string,
  ): void {
    this.updated(now);
    if (type === PacketType.ZERO_RTT) this.#largestEarly = packetNumber;
    this.#guard(() =>
      this.#event('packet_sent', {
        header: qlogHeader(type, packetNumber, bytes, start, payloadStart),
        frames: qlogFrames(bytes, payloadStart, payloadEnd, this.#localExponent),
        raw: { length: payloadEnd - start + TAG_LENGTH, payload_length: payloadEnd - payloadStart },
        ...(intent === 'mtu-probe' ? { is_mtu_probe_packet: true } : {}),
        ...(intent === 'pto-probe' ? { trigger: 'pto_probe' } : {}),
      }),
    );
    if (this.#hasEnded) this.#end();
  }

  packetReceived(
    now: number,
    type: number,
    packetNumber: number,
    bytes: Uint8Array,
    start: number,
    payloadStart: number,
    payloadEnd: number,
  ): void {
    this.updated(now);
    const hasFrames = type !== PacketType.RETRY && type !== PacketType.VERSION_NEGOTIATION;
    this.#guard(() =>
      this.#event('packet_received', {
        header: qlogHeader(type, packetNumber, bytes, start, payloadStart),
        ...(hasFrames ? { frames: qlogFrames(bytes, payloadStart, payloadEnd, this.#remoteExponent) } : {}),
        raw: {
          length: payloadEnd - start + (hasFrames ? TAG_LENGTH : 0),
          payload_length: payloadEnd - payloadStart,
        },
      }),
    );
  }

  packetDropped(now: number, reason: DropReason, size: number): void {
    this.updated(now);
    this.#guard(() =>
      this.#event('packet_dropped', {
        raw: { length: size },
        trigger: DROP_TRIGGERS[reason],
        details: { reason },
      }),
    );
  }

  packetLost(now: number, space: number, packetNumber: number, _size: number): void {
    this.#now = now;
    const isEarly = space === APPLICATION_SPACE && packetNumber <= this.#largestEarly;
    const type = isEarly ? PacketType.ZERO_RTT : (TYPE_OF_SPACE[space] as number);
    this.#guard(() =>
      this.#event('packet_lost', {
        header: { packet_type: PACKET_TYPE_NAMES[type], packet_number: packetNumber },
      }),
    );
  }

  keyUpdated(now: number, generation: number, initiator: 'local' | 'remote'): void {
    this.#now = now;
    this.#guard(() => {
      for (const side of ['client', 'server']) {
        this.#event('key_updated', {
          key_type: `${side}_1rtt_secret`,
          key_phase: generation,
          trigger: `${initiator}_update`,
        });
      }
    });
  }

  parametersReceived(now: number, parameters: TransportParameters): void {
    this.#now = now;
    this.#remoteExponent = parameters.ackDelayExponent;
    this.#guard(() => this.#event('parameters_set', qlogParameters('remote', parameters)));
  }

  updated(now: number | null): void {
    if (now !== null) this.#now = now;
    const connection = this.#connection;
    if (connection === null) return;
    this.#localExponent = connection.handshake.localParameters?.ackDelayExponent ?? this.#localExponent;
    const hadEnded = this.#hasEnded;
    this.#guard(() => {
      this.#hasEnded = this.#changes.look(connection);
    });
    if (this.#hasEnded && !hadEnded) this.#end();
  }

  #fileHeader(connection: TracedConnection): unknown {
    const { title, description, wallClockTime } = this.#options;
    const about = {
      ...(title === undefined ? {} : { title }),
      ...(description === undefined ? {} : { description }),
    };
    return {
      file_schema: QLOG_FILE_SCHEMA,
      serialization_format: QLOG_SERIALIZATION,
      ...about,
      trace: {
        ...about,
        vantage_point: { name: 'quayside', type: connection.isServer ? 'server' : 'client' },
        event_schemas: [QLOG_EVENT_SCHEMA],
        common_fields: {
          group_id: toHex(connection.firstFlight.originalDestinationId),
          time_format: 'relative_to_epoch',
          reference_time: {
            clock_type: 'monotonic',
            epoch: 'unknown',
            ...(wallClockTime === undefined ? {} : { wall_clock_time: wallClockTime }),
          },
        },
      },
    };
  }

  #event(name: QlogEventName, data: object): void {
    if (!isLogged(name, this.#level)) return;
    this.#record({ time: rounded(this.#now - this.#startTime), name: `quic:${name}`, data });
  }

  #record(value: unknown): void {
    this.#sink?.(`${RECORD_SEPARATOR}${JSON.stringify(value, plain)}\n`);
  }

  #end(): void {
    this.#guard(() => this.#options.onEnd?.());
  }

  /** What goes wrong here is nobody's business but the log's. */
  #guard(step: () => void): void {
    if (this.#sink === null) return;
    try {
      step();
    } catch (error) {
      this.#sink = null;
      try {
        this.#options.onError?.(error);
      } catch {
        // Who cannot hear of an error is not told of that.
      }
    }
  }
}

/** JSON has no bigint: exact where a double is exact, text where it is not. Floats carry microseconds at most. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
  return typeof value === 'number' ? rounded(value) : value;
}

function rounded(value: number): number {
  return Number.isInteger(value) ? value : Math.round(value * 1000) / 1000;
}

const DROP_TRIGGERS: Readonly<Record<DropReason, string>> = {
  header: 'invalid',
  'unknown-version': 'unsupported',
  'connection-id': 'connection_unknown',
  'no-keys': 'key_unavailable',
  decryption: 'decryption_failure',
  duplicate: 'duplicate',
  unexpected: 'rejected',
  'early-buffer-full': 'key_unavailable',
};

/** Of every AEAD of QUIC (RFC 9001 §5.3). */
const TAG_LENGTH = 16;

const APPLICATION_SPACE = 2;
const TYPE_OF_SPACE: readonly number[] = [PacketType.INITIAL, PacketType.HANDSHAKE, PacketType.ONE_RTT];
