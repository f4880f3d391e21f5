/**
 * A QUIC endpoint that does what it is told, right or wrong. It completes real handshakes over the library's codecs,
 * keys and TLS engines, but has none of the connection's rules: a test can put any frames into any packet, alter
 * headers, packet numbers, transport parameters and TLS messages, and acknowledge what it likes.
 *
 * Plain and slow on purpose: no recovery, no timers, no flow control. What it receives it takes apart and keeps.
 */
import { CryptoStream } from '../../src/connection/crypto-stream.ts';
import { initialKeys } from '../../src/crypto/initial-keys.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { PacketKeys } from '../../src/crypto/packet-keys.ts';
import type { RandomSource } from '../../src/crypto/provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { TlsAlert } from '../../src/tls/alerts.ts';
import { createTlsClient } from '../../src/tls/client.ts';
import type { TlsEngine } from '../../src/tls/engine.ts';
import { Level } from '../../src/tls/level.ts';
import { createTlsServer } from '../../src/tls/server.ts';
import type { SocketAddress } from '../../src/util/address.ts';
import { concat } from '../../src/util/bytes.ts';
import { RangeSet } from '../../src/util/range-set.ts';
import { Frame } from '../../src/wire/frame.ts';
import { readFrame } from '../../src/wire/frame-reader.ts';
import { FRAME } from '../../src/wire/frame-table.ts';
import { writeAck, writeCrypto } from '../../src/wire/frame-writer.ts';
import {
  decodePacketNumber,
  PacketHeader,
  PacketType,
  readHeader,
  writeLongHeader,
  writeShortHeader,
} from '../../src/wire/header.ts';
import { Reader } from '../../src/wire/reader.ts';
import {
  DEFAULT_TRANSPORT_PARAMETERS,
  encodeTransportParameters,
  type TransportParameters,
} from '../../src/wire/transport-parameters.ts';
import { varintLength } from '../../src/wire/varint.ts';
import { type VersionInfo, versionInfo } from '../../src/wire/versions.ts';
import { Writer } from '../../src/wire/writer.ts';
import { coreIdentity } from './cores.ts';

export const INITIAL = 0;
export const HANDSHAKE = 1;
export const APPLICATION = 2;

/** What can be wrong with the outside of a packet. */
export interface PacketOptions {
  packetNumber?: number;
  /** Bytes of the packet number on the wire. Default 4. */
  packetNumberLength?: number;
  /** Or-ed into the first byte before the packet is sealed. */
  firstByte?: number;
  /** Taken out of the first byte before the packet is sealed. */
  clearFirstByte?: number;
  destinationId?: Uint8Array;
  sourceId?: Uint8Array;
  token?: Uint8Array;
  /** Added to the Length field. */
  lengthDelta?: number;
  keyPhase?: 0 | 1;
}

/** A packet that the peer is about to send by itself; the test may change it. */
export interface Draft {
  space: number;
  payload: Uint8Array;
  options: PacketOptions;
}

export interface HostileOptions {
  seed: number | string;
  role?: 'client' | 'server';
  local: SocketAddress;
  remote: SocketAddress;
  /** Default `['test']`. */
  alpn?: string[];
  serverName?: string | null;
  /** Own connection id. Default 8 bytes. */
  localId?: Uint8Array;
  /** A client's first destination id. Default 8 bytes. */
  remoteId?: Uint8Array;
  /** Over the defaults, which have room for everything; undefined leaves a parameter out. */
  parameters?: { [Key in keyof TransportParameters]?: TransportParameters[Key] | undefined };
  /** Changes the encoded parameters. */
  editParameters?: (bytes: Uint8Array) => Uint8Array;
  /** Changes a TLS message before it is sent; more than one may come back, or none. */
  editMessage?: (level: Level, message: Uint8Array) => Uint8Array;
  /** Changes a packet that is about to be sent; false: it is not sent. */
  editPacket?: (draft: Draft) => boolean;
  /** Acknowledges what it gets. Default true; may be changed at any time. */
  acknowledges?: boolean;
  /** A server sends HANDSHAKE_DONE when the handshake is complete. Default true. */
  confirms?: boolean;
  /** Keeps what it receives in `frames`. Default true. */
  keepsFrames?: boolean;
}

export interface ReceivedFrame {
  space: number;
  packetNumber: number;
  type: number;
  kind: number;
  streamId: number;
  offset: number;
  limit: number;
  sequence: number | bigint;
  largestAcked: number;
  fin: boolean;
  /** Stream data, token, reason, challenge, connection id. */
  data: Uint8Array;
}

export interface ReceivedClose {
  isApplication: boolean;
  code: number;
  frameType: number;
  reason: string;
  space: number;
}

interface HostileSpace {
  next: number;
  send: PacketKeys | null;
  receive: PacketKeys | null;
  received: RangeSet;
  owesAck: boolean;
  crypto: CryptoStream;
  out: Uint8Array;
  outOffset: number;
}

export class HostilePeer {
  readonly role: 'client' | 'server';
  readonly random: RandomSource;
  readonly local: SocketAddress;
  remote: SocketAddress;
  readonly localId: Uint8Array;
  /** Where its packets go. */
  remoteId: Uint8Array;
  readonly spaces: readonly HostileSpace[];
  readonly frames: ReceivedFrame[] = [];
  /** The first CONNECTION_CLOSE that came. */
  close: ReceivedClose | null = null;
  closes = 0;
  datagramsReceived = 0;
  bytesReceived = 0;
  acknowledges: boolean;
  keepsFrames: boolean;
  /** The engine refused what the other side sent. */
  alert: TlsAlert | null = null;
  /** Datagrams that `send` gives out next. */
  readonly queue: Uint8Array[] = [];
  /** Called with every frame that comes. */
  onFrame: ((frame: ReceivedFrame) => void) | null = null;
  engine: TlsEngine;

  readonly #options: HostileOptions;
  readonly #version: VersionInfo;
  readonly #header = new PacketHeader();
  #remoteIdFixed = false;
  #owesDone = false;
  #receivePhases: PacketKeys[] = [];

  constructor(options: HostileOptions) {
    this.#options = options;
    this.role = options.role ?? 'client';
    this.random = seededRandom(`${options.seed} hostile`);
    this.local = options.local;
    this.remote = options.remote;
    this.localId = options.localId ?? this.bytes(8);
    this.remoteId = options.remoteId ?? this.bytes(8);
    this.acknowledges = options.acknowledges ?? true;
    this.keepsFrames = options.keepsFrames ?? true;
    this.#version = versionInfo(1) as VersionInfo;
    this.spaces = [0, 1, 2].map((space) => ({
      next: 0,
      send: null,
      receive: null,
      received: new RangeSet(),
      owesAck: false,
      crypto: new CryptoStream(space, () => {}),
      out: new Uint8Array(0),
      outOffset: 0,
    }));
    const shared = { provider: nodeProvider, random: this.random };
    if (this.role === 'client') {
      this.#setInitialKeys(this.remoteId);
      this.engine = createTlsClient({
        ...shared,
        serverName: options.serverName === undefined ? 'localhost' : options.serverName,
        alpn: options.alpn ?? ['test'],
        transportParameters: this.parameters(),
        verifyPeer: false,
      });
      this.engine.start();
      this.#drain();
    } else this.engine = createTlsServer(shared);
  }

  // ---- as a peer on the virtual network ----

  recv(datagram: Uint8Array, _info?: unknown, _now?: number): void {
    this.datagramsReceived++;
    this.bytesReceived += datagram.length;
    const header = this.#header;
    for (let start = 0; start < datagram.length; start = header.end) {
      if (!readHeader(datagram, start, datagram.length, this.localId.length, header)) return;
      this.#packet(datagram, start);
    }
  }

  send(out: Uint8Array, _now: number): { length: number; from: SocketAddress; to: SocketAddress } | null {
    if (this.queue.length === 0) this.flush();
    const datagram = this.queue.shift();
    if (datagram === undefined) return null;
    out.set(datagram);
    return { length: datagram.length, from: this.local, to: this.remote };
  }

  timeoutAt(): null {
    return null;
  }

  onTimeout(): void {}

  // ---- what a test can do ----

  get isEstablished(): boolean {
    return this.engine.complete;
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    this.random.fill(out);
    return out;
  }

  /** A sealed packet with these frames. */
  packet(space: number, payload: Uint8Array, options: PacketOptions = {}): Uint8Array {
    const state = this.spaces[space] as HostileSpace;
    const { send } = state;
    if (send === null) throw new Error(`no keys to send in space ${space}`);
    const packetNumber = options.packetNumber ?? state.next;
    state.next = Math.max(state.next, packetNumber + 1);
    const numberLength = options.packetNumberLength ?? 4;
    const writer = PACKET_WRITER.reset(PACKET_WRITER.bytes, 0, PACKET_WRITER.bytes.length);
    const destinationId = options.destinationId ?? this.remoteId;
    let lengthOffset = -1;
    if (space === APPLICATION) {
      writeShortHeader(writer, destinationId, 0, options.keyPhase ?? 0, packetNumber, numberLength);
    } else {
      lengthOffset = writeLongHeader(
        writer,
        this.#version,
        space === INITIAL ? PacketType.INITIAL : PacketType.HANDSHAKE,
        destinationId,
        options.sourceId ?? this.localId,
        options.token ?? null,
        packetNumber,
        numberLength,
      );
    }
    const payloadStart = writer.offset;
    const numberOffset = payloadStart - numberLength;
    writer.copy(payload);
    const payloadEnd = writer.offset;
    if (lengthOffset >= 0) {
      writer.patchVarint2(lengthOffset, payloadEnd + 16 - numberOffset + (options.lengthDelta ?? 0));
    }
    const { bytes } = writer;
    bytes[0] = ((bytes[0] as number) | (options.firstByte ?? 0)) & ~(options.clearFirstByte ?? 0);
    const end = send.sealer().seal(bytes, 0, numberOffset, payloadStart, payloadEnd, packetNumber);
    return bytes.slice(0, end);
  }

  /** An Initial datagram: padded to 1200 bytes. */
  initial(payload: Uint8Array, options: PacketOptions = {}): Uint8Array {
    const token = options.token?.length ?? 0;
    const ids = (options.destinationId ?? this.remoteId).length + (options.sourceId ?? this.localId).length;
    const overhead = 9 + ids + varintLength(token) + token + (options.packetNumberLength ?? 4) + 16;
    return this.packet(INITIAL, pad(payload, 1200 - overhead), options);
  }

  /** Sends these frames in a packet of their own. */
  inject(space: number, payload: Uint8Array, options: PacketOptions = {}): void {
    this.queue.push(
      space === INITIAL ? this.initial(payload, options) : this.packet(space, payload, options),
    );
  }

  /** Puts everything that it owes by itself into the queue: handshake bytes and acknowledgements. */
  flush(): void {
    const parts: Uint8Array[] = [];
    let size = 0;
    for (let space = 0; space < 3; space++) {
      const state = this.spaces[space] as HostileSpace;
      if (state.send === null) continue;
      const pieces: Uint8Array[] = [];
      if (state.owesAck && this.acknowledges) {
        pieces.push(frame((w) => writeAck(w, state.received, 0, 64)));
        state.owesAck = false;
      }
      if (space === APPLICATION && this.#owesDone) {
        pieces.push(Uint8Array.of(FRAME.HANDSHAKE_DONE));
        this.#owesDone = false;
      }
      let { out } = state;
      state.out = new Uint8Array(0);
      do {
        const take = Math.min(out.length, 1000);
        if (take > 0) pieces.push(frame((w) => writeCrypto(w, state.outOffset, out, 0, take)));
        state.outOffset += take;
        out = out.subarray(take);
        if (pieces.length === 0) break;
        const draft: Draft = { space, payload: concat(pieces.splice(0)), options: {} };
        if (this.#options.editPacket?.(draft) === false) continue;
        const packet =
          space === INITIAL
            ? this.initial(draft.payload, draft.options)
            : this.packet(space, draft.payload, draft.options);
        if (size + packet.length > 1400) {
          if (size > 0) this.queue.push(concat(parts.splice(0)));
          size = 0;
        }
        parts.push(packet);
        size += packet.length;
      } while (out.length > 0);
    }
    if (parts.length > 0) this.queue.push(concat(parts));
  }

  /** Queues TLS bytes at a level. */
  handshakeBytes(space: number, bytes: Uint8Array): void {
    const state = this.spaces[space] as HostileSpace;
    state.out = concat([state.out, bytes]);
  }

  /** The next key phase for sending. */
  updateSendKeys(): void {
    const state = this.spaces[APPLICATION] as HostileSpace;
    state.send = (state.send as PacketKeys).next();
  }

  /** The encoded transport parameters. */
  parameters(): Uint8Array {
    const merged: Record<string, unknown> = {
      ...DEFAULT_TRANSPORT_PARAMETERS,
      ...ROOMY,
      initialSourceConnectionId: this.localId,
      ...this.#options.parameters,
    };
    for (const key of Object.keys(merged)) if (merged[key] === undefined) delete merged[key];
    const bytes = encodeTransportParameters(merged as Partial<TransportParameters>);
    return this.#options.editParameters?.(bytes) ?? bytes;
  }

  // ---- inside ----

  #setInitialKeys(id: Uint8Array): void {
    const { client, server } = initialKeys(nodeProvider, this.#version, id);
    const initial = this.spaces[INITIAL] as HostileSpace;
    initial.send = this.role === 'client' ? client : server;
    initial.receive = this.role === 'client' ? server : client;
  }

  #packet(bytes: Uint8Array, start: number): void {
    const { type, end, packetNumberOffset, scidStart, scidLength, dcidStart, dcidLength } = this.#header;
    const space =
      type === PacketType.INITIAL ? INITIAL : type === PacketType.HANDSHAKE ? HANDSHAKE : APPLICATION;
    if (type !== PacketType.INITIAL && type !== PacketType.HANDSHAKE && type !== PacketType.ONE_RTT) return;
    const state = this.spaces[space] as HostileSpace;
    if (this.role === 'server' && space === INITIAL && state.receive === null) {
      const originalId = bytes.slice(dcidStart, dcidStart + dcidLength);
      this.#setInitialKeys(originalId);
      this.#options.parameters = {
        originalDestinationConnectionId: originalId,
        ...this.#options.parameters,
      };
    }
    if (state.receive === null) return;
    const opener = state.receive.opener();
    opener.unmask(bytes, start, packetNumberOffset);
    const first = bytes[start] as number;
    const payloadStart = packetNumberOffset + (first & 3) + 1;
    let truncated = 0;
    for (let i = packetNumberOffset; i < payloadStart; i++)
      truncated = truncated * 256 + (bytes[i] as number);
    const packetNumber = decodePacketNumber(
      truncated,
      payloadStart - packetNumberOffset,
      state.received.isEmpty() ? 0 : state.received.max,
    );
    const phase = space === APPLICATION ? (first >> 2) & 1 : 0;
    const keys = phase === 0 ? opener : this.#nextPhase().opener();
    if (!keys.open(bytes, start, payloadStart, end, packetNumber)) return;
    if (!this.#remoteIdFixed && type !== PacketType.ONE_RTT) {
      this.#remoteIdFixed = true;
      this.remoteId = bytes.slice(scidStart, scidStart + scidLength);
    }
    if (state.received.contains(packetNumber)) return;
    state.received.add(packetNumber, packetNumber + 1);
    this.#frames(bytes, payloadStart, end - 16, space, packetNumber);
  }

  #nextPhase(): PacketKeys {
    const current = (this.spaces[APPLICATION] as HostileSpace).receive as PacketKeys;
    if (this.#receivePhases.length === 0) this.#receivePhases.push(current.next());
    return this.#receivePhases[0] as PacketKeys;
  }

  #frames(bytes: Uint8Array, start: number, end: number, space: number, packetNumber: number): void {
    const reader = new Reader(bytes, start, end);
    const record = new Frame();
    const state = this.spaces[space] as HostileSpace;
    while (reader.remaining > 0) {
      readFrame(reader, record);
      const { kind } = record;
      if (kind !== FRAME.ACK && kind !== FRAME.PADDING && !isClose(kind)) state.owesAck = true;
      if (kind === FRAME.CRYPTO) {
        state.crypto.receive(record.offset, bytes, record.dataStart, record.length, (piece) =>
          this.#handshake(space, piece),
        );
      }
      if (isClose(kind)) {
        this.closes++;
        this.close ??= {
          isApplication: kind === FRAME.CONNECTION_CLOSE_APPLICATION,
          code: Number(record.errorCode),
          frameType: Number(record.frameType),
          reason: new TextDecoder().decode(dataOf(record, bytes)),
          space,
        };
      }
      if (!this.keepsFrames && this.onFrame === null) continue;
      const received: ReceivedFrame = {
        space,
        packetNumber,
        type: record.type,
        kind,
        streamId: record.streamId,
        offset: record.offset,
        limit: record.limit,
        sequence: record.sequence,
        largestAcked: record.largestAcked,
        fin: record.fin,
        data:
          kind === FRAME.NEW_CONNECTION_ID
            ? bytes.slice(record.cidStart, record.cidStart + record.cidLength)
            : dataOf(record, bytes),
      };
      if (this.keepsFrames) this.frames.push(received);
      this.onFrame?.(received);
    }
  }

  #handshake(space: number, bytes: Uint8Array): void {
    if (this.alert !== null) return;
    try {
      this.engine.receive(LEVELS[space] as Level, bytes);
    } catch (error) {
      if (!(error instanceof TlsAlert)) throw error;
      this.alert = error;
    }
    this.#drain();
  }

  #drain(): void {
    for (;;) {
      const event = this.engine.nextEvent();
      if (event === null) return;
      if (event.type === 'send') {
        const bytes = this.#options.editMessage?.(event.level, event.bytes) ?? event.bytes;
        this.handshakeBytes(SPACE_OF_LEVEL[event.level] as number, bytes);
      } else if (event.type === 'keys') {
        const state = this.spaces[SPACE_OF_LEVEL[event.level] as number] as HostileSpace;
        const keys = PacketKeys.fromSecret(nodeProvider, this.#version, event.suite, event.secret);
        if (event.direction === 'send') state.send = keys;
        else state.receive = keys;
      } else if (event.type === 'complete') {
        this.engine.issueTickets();
        this.#owesDone = this.role === 'server' && this.#options.confirms !== false;
      } else if (event.type === 'sign') {
        this.engine.provideSignature(nodeProvider.sign(event.key, event.scheme, event.content));
      } else if (event.type === 'verify') this.engine.provideVerification(null);
      else if (event.type === 'client-hello') {
        this.engine.provideIdentity({
          ...coreIdentity(),
          alpn: this.#options.alpn ?? ['test'],
          clientCertificate: 'none',
          transportParameters: this.parameters(),
        });
      }
    }
  }
}

/** The bytes of one frame. */
export function frame(write: (w: Writer) => void): Uint8Array {
  const writer = FRAME_WRITER.reset(FRAME_WRITER.bytes, 0, FRAME_WRITER.bytes.length);
  write(writer);
  return writer.bytes.slice(0, writer.offset);
}

/** Varints one after another: frames in the rough. */
export function varints(...values: (number | bigint)[]): Uint8Array {
  return frame((w) => {
    for (const value of values) w.varint(value);
  });
}

/** PADDING up to this size. */
export function pad(payload: Uint8Array, size: number): Uint8Array {
  if (payload.length >= size) return payload;
  const padded = new Uint8Array(size);
  padded.set(payload);
  return padded;
}

function isClose(kind: number): boolean {
  return kind === FRAME.CONNECTION_CLOSE || kind === FRAME.CONNECTION_CLOSE_APPLICATION;
}

function dataOf(record: Frame, bytes: Uint8Array): Uint8Array {
  if (!WITH_DATA.has(record.kind)) return new Uint8Array(0);
  return bytes.slice(record.dataStart, record.dataStart + record.length);
}

const PACKET_WRITER = new Writer(new Uint8Array(65_536));
const FRAME_WRITER = new Writer(new Uint8Array(65_536));

const WITH_DATA: ReadonlySet<number> = new Set([
  FRAME.CRYPTO,
  FRAME.STREAM,
  FRAME.NEW_TOKEN,
  FRAME.PATH_CHALLENGE,
  FRAME.PATH_RESPONSE,
  FRAME.CONNECTION_CLOSE,
  FRAME.CONNECTION_CLOSE_APPLICATION,
]);

const LEVELS: readonly Level[] = [Level.INITIAL, Level.HANDSHAKE, Level.APPLICATION];
const SPACE_OF_LEVEL: readonly number[] = [INITIAL, APPLICATION, HANDSHAKE, APPLICATION];

/** Room for everything that tests do unless they are about limits. */
const ROOMY: Partial<TransportParameters> = {
  maxIdleTimeout: 30_000,
  initialMaxData: 1 << 24,
  initialMaxStreamDataBidiLocal: 1 << 20,
  initialMaxStreamDataBidiRemote: 1 << 20,
  initialMaxStreamDataUni: 1 << 20,
  initialMaxStreamsBidi: 1000,
  initialMaxStreamsUni: 1000,
  activeConnectionIdLimit: 4,
};
