// What to do with a datagram: which connection it is for, whether it may start one, or what to answer (RFC 9000 §5.2).
//
// Owns the tables of ids and of incoming connections, and the limits on talking to strangers. Knows no sockets, and of
// connections only that they exist. Whatever the bytes are, `route` throws nothing, and for the packets of a connection
// it allocates nothing (only a client that still uses the id it made up costs a string).

import { type QuicError, quicError, TransportErrorCode } from '../errors.ts';
import type { SocketAddress } from '../util/address.ts';
import { copyBytes, EMPTY } from '../util/bytes.ts';
import { PacketHeader, PacketType, readHeader } from '../wire/header.ts';
import { SUPPORTED_VERSIONS, type VersionInfo, versionInfo } from '../wire/versions.ts';
import { Answers } from './answers.ts';
import { ClosingRecord } from './closing-record.ts';
import { ClosingRecords } from './closing-records.ts';
import { type DropReason, newRouterCounters, type RouterCounters } from './counters.ts';
import { IdTable } from './id-table.ts';
import { clientKey, Incoming, IncomingTable } from './incoming.ts';
import { openInitial } from './initial-check.ts';
import { type AnswerKind, MAX_INCOMING_BYTES, MAX_PENDING_INCOMING } from './limits.ts';
import { OvertakingPackets } from './overtaking-packets.ts';
import { ResetTokenTable } from './reset-token-table.ts';
import { MIN_RESET_LENGTH } from './reset-tokens.ts';
import { emptyResult, type RouteResult } from './route-result.ts';
import { RoutedIds } from './routed-ids.ts';
import type {
  AddressValidation,
  Admission,
  Gate,
  RouterOptions,
  RouterSizes,
  Verdict,
} from './router-options.ts';
import type { OpenedToken, TokenContext } from './tokens.ts';

export class Router<C> {
  /** May change at any time, for instance under load. */
  addressValidation: AddressValidation;
  /** May change at any time, for instance when a listener starts or stops. */
  admission: Admission;
  /** What else decides about a first Initial, while `admission` is 'accept'. Throws nothing. */
  gate: Gate | null = null;
  /** Answers nobody but with a Retry: who scans for servers hears nothing. */
  isQuiet = false;
  readonly counters: RouterCounters = newRouterCounters();
  /** Ids for connections, free in the tables here, with their reset tokens. */
  readonly idSource: RoutedIds;

  readonly #options: RouterOptions;
  readonly #versions: readonly number[];
  readonly #shard: number | null;
  readonly #idLength: number;
  readonly #maxPending: number;
  readonly #answers: Answers;
  readonly #ids: IdTable<C | ClosingRecord>;
  readonly #originals: Map<string, C | ClosingRecord> = new Map();
  readonly #resetTokens: ResetTokenTable<C>;
  readonly #incoming: IncomingTable = new IncomingTable();
  readonly #closing: ClosingRecords<C>;
  readonly #overtaking: OvertakingPackets = new OvertakingPackets();
  readonly #header: PacketHeader = new PacketHeader();
  readonly #result: RouteResult<C> = emptyResult();
  /** The ECN bits of the datagram that is being routed. */
  #ecn = 0;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#versions = options.versions ?? SUPPORTED_VERSIONS;
    this.#shard = options.shard ?? null;
    this.#idLength = options.ids.length;
    this.#maxPending = options.maxPendingIncoming ?? MAX_PENDING_INCOMING;
    this.addressValidation = options.addressValidation ?? 'never';
    this.admission = options.admission ?? 'drop';
    this.#ids = new IdTable(options.random);
    this.#closing = new ClosingRecords(this.#ids, this.#originals);
    this.#resetTokens = new ResetTokenTable(options.random);
    this.idSource = new RoutedIds(options.ids, options.resetTokens, (id) => this.hasId(id));
    this.#answers = new Answers(options, this.idSource, this.counters, options.answerLimits ?? {});
  }

  // ---- tables ----

  /** Packets for this id go to the connection. */
  addId(id: Uint8Array, connection: C): void {
    this.#ids.set(id, connection);
  }

  /** The connection that has this id. */
  find(id: Uint8Array): C | undefined {
    const owner = this.#ids.get(id);
    return owner instanceof ClosingRecord ? undefined : owner;
  }

  removeId(id: Uint8Array): void {
    this.#ids.delete(id);
  }

  hasId(id: Uint8Array): boolean {
    return this.#ids.get(id) !== undefined;
  }

  /** A server's connection, for the id its client used first: `Incoming.destinationId`, `Incoming.from`. */
  addOriginal(id: Uint8Array, from: SocketAddress, connection: C): void {
    this.#originals.set(clientKey(from, id, 0, id.length), connection);
  }

  removeOriginal(id: Uint8Array, from: SocketAddress): void {
    this.#originals.delete(clientKey(from, id, 0, id.length));
  }

  /** A datagram from this address that ends with the token is a stateless reset of the connection (RFC 9000 §10.3.1). */
  addResetToken(token: Uint8Array, from: SocketAddress, connection: C): void {
    this.#resetTokens.add(token, from, connection);
  }

  removeResetToken(token: Uint8Array, from: SocketAddress, connection: C): void {
    this.#resetTokens.remove(token, from, connection);
  }

  /**
   * A connection is gone: until then (as `now`; 3 PTO later) packets for these ids are absorbed. Ids that are not named
   * and not removed would still lead to the connection. `originals`: as they were given to `addOriginal`.
   */
  closed(
    ids: readonly Uint8Array[],
    until: number,
    originals: readonly { id: Uint8Array; from: SocketAddress }[] = [],
  ): void {
    const keys = originals.map(({ id, from }) => clientKey(from, id, 0, id.length));
    this.#closing.add(ids, keys, until);
  }

  /** When `expire` has something to do, as `now`; Infinity for never. */
  get deadline(): number {
    return Math.min(this.#closing.deadline, this.#incoming.deadline, this.#overtaking.deadline);
  }

  /** Forgets what is over. */
  expire(now: number): void {
    this.#incoming.expire(now);
    this.#closing.expire(now);
    this.#overtaking.expire(now);
  }

  /** Entries in each table. */
  get sizes(): RouterSizes {
    return {
      ids: this.#ids.size,
      originals: this.#originals.size,
      resetTokens: this.#resetTokens.size,
      pending: this.#incoming.pending,
      overtaking: this.#overtaking.size,
      decided: this.#incoming.decided,
      closing: this.#closing.size,
    };
  }

  // ---- decisions ----

  /** Ends the wait: the caller makes a connection of the datagrams, and says `addOriginal` and `addId`. Null if it was decided. */
  accept(incoming: Incoming, now: number): Uint8Array[] | null {
    return this.#incoming.decide(incoming, 'accepted', now);
  }

  /** Returns what to send to `incoming.from`, or null: decided before, not authentic, over the limit, or quiet. */
  refuse(
    incoming: Incoming,
    now: number,
    errorCode: number = TransportErrorCode.CONNECTION_REFUSED,
  ): Uint8Array | null {
    const datagrams = this.#incoming.decide(incoming, this.isQuiet ? 'ignored' : 'refused', now);
    if (datagrams === null || this.isQuiet) return null;
    if (!readHeader(datagrams[0], 0, datagrams[0].length, 0, this.#header)) return null;
    const size = this.#answers.refusal(incoming.version, datagrams[0], this.#header, errorCode);
    return size === 0 ? null : this.#remembered(incoming, 'refusal', size, now);
  }

  /**
   * Has the client prove its address first. Returns what to send to `incoming.from`, or null: decided before, or over
   * the limit. Throws a `QuicError` with ERR_QUIC_INVALID_STATE if the client followed a Retry already.
   */
  retry(incoming: Incoming, now: number, wallTime: number): Uint8Array | null {
    if (incoming.state === 'pending' && !incoming.mayRetry) throw secondRetry();
    if (incoming.state !== 'pending') return null;
    const { version, sourceId, destinationId, from } = incoming;
    // First, because an application's tokens may fail: then it is still to be decided about.
    const size = this.#answers.retry(version, sourceId, destinationId, from, wallTime);
    this.#incoming.decide(incoming, 'retried', now);
    return this.#remembered(incoming, 'retry', size, now);
  }

  /** Says nothing; the client's retransmissions are ignored too. */
  ignore(incoming: Incoming, now: number): void {
    this.#incoming.decide(incoming, 'ignored', now);
  }

  // ---- datagrams ----

  /** `now` is monotonic, `wallTime` milliseconds since 1970. Never throws; `bytes` stays as it is. */
  route(
    bytes: Uint8Array,
    from: SocketAddress,
    to: SocketAddress,
    now: number,
    wallTime: number,
    ecn = 0,
  ): RouteResult<C> {
    const result = this.#result;
    this.#ecn = ecn;
    result.connection = null;
    result.incoming = null;
    result.reply = EMPTY;
    result.reason = '';
    try {
      return this.#route(bytes, from, to, now, wallTime);
    } catch {
      // Parts of the application's run in here; a stranger's datagram is no reason to end a process.
      return this.#drop('internal-error');
    }
  }

  #route(
    bytes: Uint8Array,
    from: SocketAddress,
    to: SocketAddress,
    now: number,
    wallTime: number,
  ): RouteResult<C> {
    if (bytes.length < MIN_RESET_LENGTH) return this.#drop('too-small');
    const isLong = (bytes[0] & 0x80) !== 0;
    // RFC 8999 §5.1, §5.2: what holds in every version.
    const dcidStart = isLong ? 6 : 1;
    const dcidLength = isLong ? bytes[5] : this.#idLength;
    const fits = dcidStart + dcidLength < bytes.length;
    if (fits) {
      const owner = this.#find(bytes, from, isLong, dcidStart, dcidLength);
      if (owner instanceof ClosingRecord) return this.#absorb();
      if (owner !== undefined) return this.#give(owner);
    }
    const reset = this.#resetTokens.find(bytes, from);
    if (reset !== undefined) {
      this.counters.resetsReceived++;
      this.#result.reason = 'stateless-reset';
      return this.#give(reset);
    }
    if (!fits) return this.#drop('malformed');
    return isLong ? this.#unknownLong(bytes, from, to, now, wallTime) : this.#unknownShort(bytes, now);
  }

  #find(
    bytes: Uint8Array,
    from: SocketAddress,
    isLong: boolean,
    start: number,
    length: number,
  ): C | ClosingRecord | undefined {
    const owner = this.#ids.get(bytes, start, length);
    if (owner !== undefined || !isLong || this.#originals.size === 0) return owner;
    return this.#originals.get(clientKey(from, bytes, start, start + length));
  }

  #unknownShort(bytes: Uint8Array, now: number): RouteResult<C> {
    if ((bytes[0] & 0x40) === 0) return this.#drop('fixed-bit');
    if (this.#isForeign(bytes, 1)) return this.#foreign(bytes, 1);
    if (this.#options.statelessReset === false) return this.#drop('unknown-id');
    if (bytes.length <= MIN_RESET_LENGTH) return this.#drop('too-small');
    if (!this.#answers.isAllowed('stateless-reset', now)) return this.#drop('answer-limited');
    // Asked within the limit: it may cost decryption.
    if (this.#options.ids.isOurs?.(bytes, 1) === false) return this.#drop('foreign-id');
    const size = this.#answers.statelessReset(copyBytes(bytes, 1, 1 + this.#idLength), bytes.length);
    return this.#reply('stateless-reset', size);
  }

  #unknownLong(
    bytes: Uint8Array,
    from: SocketAddress,
    to: SocketAddress,
    now: number,
    wallTime: number,
  ): RouteResult<C> {
    const header = this.#header;
    const number = ((bytes[1] << 24) | (bytes[2] << 16) | (bytes[3] << 8) | bytes[4]) >>> 0;
    if (number === 0) return this.#drop('version-negotiation');
    const version = this.#versions.includes(number) ? versionInfo(number) : undefined;
    if (version === undefined) return this.#unknownVersion(bytes, number, now);
    if (!readHeader(bytes, 0, bytes.length, 0, header)) return this.#drop('malformed');
    if ((header.firstByte & 0x40) === 0) return this.#drop('fixed-bit');
    const { type, dcidStart, dcidLength } = header;
    // An Initial may have any id, so the shard in it means nothing.
    if (type === PacketType.HANDSHAKE && dcidLength === this.#idLength && this.#isForeign(bytes, dcidStart)) {
      return this.#foreign(bytes, dcidStart);
    }
    if (type !== PacketType.INITIAL && type !== PacketType.ZERO_RTT) return this.#drop('unknown-id');
    if (this.#incoming.size > 0) {
      const known = this.#incoming.get(clientKey(from, bytes, dcidStart, dcidStart + dcidLength));
      if (known !== undefined) return this.#again(known, bytes, type, now);
    }
    if (type === PacketType.ZERO_RTT) return this.#overtook(bytes, from, now);
    return this.#first(version, bytes, from, to, now, wallTime);
  }

  /** RFC 9000 §5.2.2, §6.1. */
  #unknownVersion(bytes: Uint8Array, version: number, now: number): RouteResult<C> {
    if (bytes.length < MIN_INITIAL_DATAGRAM) return this.#drop('small-unknown-version');
    const dcidEnd = 6 + bytes[5];
    const scidEnd = dcidEnd + 1 + bytes[dcidEnd];
    if (scidEnd > bytes.length) return this.#drop('malformed');
    if (this.admission === 'drop') return this.#drop('not-accepting');
    if (!this.#answers.isAllowed('version-negotiation', now)) return this.#drop('answer-limited');
    const destinationId = bytes.subarray(6, dcidEnd);
    const sourceId = bytes.subarray(dcidEnd + 1, scidEnd);
    const seen = { version, destinationId, sourceId };
    const size = this.#answers.versionNegotiation(seen, this.#versions);
    return this.#reply('version-negotiation', size);
  }

  /** A 0-RTT packet before its Initial, which it may start a connection together with. */
  #overtook(bytes: Uint8Array, from: SocketAddress, now: number): RouteResult<C> {
    const { dcidStart, dcidLength } = this.#header;
    const isPossible = dcidLength >= MIN_CLIENT_ID || dcidLength === this.#idLength;
    if (this.admission !== 'accept' || !isPossible) return this.#drop('early-zero-rtt');
    const key = clientKey(from, bytes, dcidStart, dcidStart + dcidLength);
    if (!this.#overtaking.keep(key, bytes, this.#ecn, now)) return this.#drop('early-zero-rtt');
    this.counters.buffered++;
    this.#result.kind = 'overtaking';
    return this.#result;
  }

  /** A packet of an incoming connection that is known. */
  #again(incoming: Incoming, bytes: Uint8Array, type: number, now: number): RouteResult<C> {
    if (incoming.state === 'pending') {
      if (type === PacketType.INITIAL && bytes.length < MIN_INITIAL_DATAGRAM)
        return this.#drop('small-initial');
      if (!incoming.keep(bytes, this.#ecn)) return this.#drop('incoming-full');
      this.counters.buffered++;
      this.#result.kind = 'pending';
      this.#result.incoming = incoming;
      return this.#result;
    }
    const { answer } = incoming;
    if (answer === null || type !== PacketType.INITIAL || bytes.length < MIN_INITIAL_DATAGRAM)
      return this.#drop('decided');
    const kind = incoming.state === 'retried' ? 'retry' : 'refusal';
    if (!this.#answers.isAllowed(kind, now)) return this.#drop('answer-limited');
    return this.#reply(kind, this.#answers.again(answer));
  }

  /** An Initial that nothing is known about; `#header` is its header. */
  #first(
    version: VersionInfo,
    bytes: Uint8Array,
    from: SocketAddress,
    to: SocketAddress,
    now: number,
    wallTime: number,
  ): RouteResult<C> {
    const { dcidStart, dcidLength, scidStart, scidLength, tokenStart, tokenLength } = this.#header;
    if (bytes.length < MIN_INITIAL_DATAGRAM) return this.#drop('small-initial');
    if (bytes.length > MAX_INCOMING_BYTES) return this.#drop('too-large');
    // RFC 9000 §7.2; shorter ones can only be our own, from a Retry.
    if (dcidLength < MIN_CLIENT_ID && dcidLength !== this.#idLength)
      return this.#drop('short-destination-id');
    if (this.admission === 'drop') return this.#drop('not-accepting');
    if (this.admission === 'refuse') return this.#refuse(version, bytes, CONNECTION_REFUSED, now);
    const destinationId = copyBytes(bytes, dcidStart, dcidStart + dcidLength);
    const token = copyBytes(bytes, tokenStart, tokenStart + tokenLength);
    const opened = this.#openToken(token, {
      address: from,
      destinationId,
      version: version.version,
      wallTime,
    });
    // RFC 9000 §8.1.2: such a client would wait in vain.
    if (opened.kind === 'invalid-retry') return this.#refuse(version, bytes, INVALID_TOKEN, now);
    if (dcidLength < MIN_CLIENT_ID && opened.kind !== 'retry') return this.#drop('short-destination-id');
    const sourceId = copyBytes(bytes, scidStart, scidStart + scidLength);
    const verdict = this.#judge(from, opened.kind !== 'none');
    if (verdict === 'drop') return this.#drop('over-limit');
    if (verdict === 'refuse') return this.#refuse(version, bytes, CONNECTION_REFUSED, now);
    if (verdict === 'retry') {
      if (!this.#answers.isAllowed('retry', now)) return this.#drop('answer-limited');
      return this.#reply('retry', this.#answers.retry(version, sourceId, destinationId, from, wallTime));
    }
    if (this.#incoming.pending >= this.#maxPending) return this.#drop('pending-limit');
    if (openInitial(this.#options.provider, version, bytes, this.#header) === null)
      return this.#drop('not-authentic');
    const incoming = new Incoming({
      version,
      destinationId,
      sourceId,
      token,
      addressValidated: opened.kind !== 'none',
      originalDestinationId: opened.kind === 'retry' ? opened.originalDestinationId : destinationId,
      retrySourceId: opened.kind === 'retry' ? opened.retrySourceId : null,
      from,
      to,
    });
    incoming.keep(bytes, this.#ecn);
    this.#overtaking.giveTo(incoming);
    this.#incoming.add(incoming, now);
    this.counters.incoming++;
    this.#result.kind = 'incoming';
    this.#result.incoming = incoming;
    return this.#result;
  }

  #judge(from: SocketAddress, isValidated: boolean): Verdict {
    const verdict = this.gate?.(from, isValidated) ?? 'accept';
    if (verdict === 'drop' || verdict === 'refuse') return verdict;
    if (isValidated) return 'accept';
    return this.addressValidation === 'always' ? 'retry' : verdict;
  }

  #openToken(token: Uint8Array, seen: TokenContext): OpenedToken {
    if (token.length === 0) return { kind: 'none' };
    const { tokens } = this.counters;
    let opened: OpenedToken;
    try {
      opened = this.#options.tokens.open(token, seen);
    } catch {
      // An application's provider that fails must not lock its clients out.
      opened = { kind: 'none' };
    }
    if (opened.kind === 'none') tokens.ignored++;
    else if (opened.kind === 'invalid-retry') tokens.invalidRetry++;
    else tokens.valid++;
    return opened;
  }

  /** A refusal without state. */
  #refuse(version: VersionInfo, bytes: Uint8Array, errorCode: number, now: number): RouteResult<C> {
    if (!this.#answers.isAllowed('refusal', now)) return this.#drop('answer-limited');
    const size = this.#answers.refusal(version, bytes, this.#header, errorCode);
    return size === 0 ? this.#drop('not-authentic') : this.#reply('refusal', size);
  }

  /** Keeps the answer that was written for retransmissions of its Initial, also if the limit forbids it now. */
  #remembered(incoming: Incoming, kind: AnswerKind, size: number, now: number): Uint8Array | null {
    incoming.answer = this.#answers.view(size).slice();
    if (!this.#answers.isAllowed(kind, now)) return null;
    this.counters.answers[kind]++;
    return incoming.answer;
  }

  #isForeign(bytes: Uint8Array, idStart: number): boolean {
    return this.#shard !== null && this.#options.ids.shardOf(bytes, idStart) !== this.#shard;
  }

  /** Never answered: a reset would end a connection that lives in another shard (RFC 9000 §21.11). */
  #foreign(bytes: Uint8Array, idStart: number): RouteResult<C> {
    this.counters.foreign++;
    this.#result.kind = 'foreign';
    this.#result.shard = this.#options.ids.shardOf(bytes, idStart);
    return this.#result;
  }

  #give(connection: C): RouteResult<C> {
    this.counters.routed++;
    this.#result.kind = 'connection';
    this.#result.connection = connection;
    return this.#result;
  }

  #absorb(): RouteResult<C> {
    this.counters.absorbed++;
    this.#result.kind = 'closing';
    return this.#result;
  }

  #reply(kind: AnswerKind, size: number): RouteResult<C> {
    if (size === 0) return this.#drop('answer-limited');
    if (this.isQuiet && kind !== 'retry') return this.#drop('quiet');
    this.counters.answers[kind]++;
    this.#result.kind = 'reply';
    this.#result.reason = kind;
    this.#result.reply = this.#answers.view(size);
    return this.#result;
  }

  #drop(reason: DropReason): RouteResult<C> {
    this.counters.dropped[reason]++;
    this.#result.kind = 'drop';
    this.#result.reason = reason;
    return this.#result;
  }
}

function secondRetry(): QuicError {
  return quicError('ERR_QUIC_INVALID_STATE', { message: 'The client followed a Retry already' });
}

const { CONNECTION_REFUSED, INVALID_TOKEN } = TransportErrorCode;

/** RFC 9000 §14.1. */
const MIN_INITIAL_DATAGRAM = 1200;

/** RFC 9000 §7.2. */
const MIN_CLIENT_ID = 8;
