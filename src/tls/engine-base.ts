/**
 * What both roles of the handshake have in common: the event queue, the reading of messages, the pauses, the keys and
 * the way an error becomes an alert.
 *
 * Knows no order of messages; the roles bring a table of states and handle one message at a time.
 */

import type { CryptoProvider } from '../crypto/provider.ts';
import type { CipherSuite } from '../crypto/suites.ts';
import { quicError } from '../errors.ts';
import { EMPTY, equalConstantTime, toHex } from '../util/bytes.ts';
import { Truncated } from '../wire/reader.ts';
import { Alert, TlsAlert } from './alerts.ts';
import { encodeFinished } from './authentication-codec.ts';
import type { EarlyDataState, ServerIdentity, TlsEngine, TlsEvent } from './engine.ts';
import { HandshakeReader } from './handshake-reader.ts';
import {
  type EarlyStage,
  exportKeyingMaterial,
  finishedValue,
  type HandshakeStage,
  KeyLogLabel,
  type MainStage,
  plainEarlyStage,
  type ScheduleContext,
  scheduleContext,
} from './key-schedule.ts';
import { Level } from './level.ts';
import type { HandshakeMessage } from './messages.ts';
import { type Question, StateMachine, type StateTable } from './state-machine.ts';
import { Transcript } from './transcript.ts';

export abstract class EngineBase<S extends string> implements TlsEngine {
  complete = false;
  alpn: string | null = null;
  serverName: string | null = null;
  suite: CipherSuite | null = null;
  group: number | null = null;
  peerCertificates: readonly Uint8Array[] = [];
  ocspResponse: Uint8Array | null = null;
  resumed = false;
  pskIdentity: Uint8Array | null = null;
  earlyData: EarlyDataState = 'none';

  protected readonly provider: CryptoProvider;
  protected readonly transcript: Transcript;
  protected readonly machine: StateMachine<S>;
  /** Base keys of the two Finished messages. */
  protected clientHandshakeSecret: Uint8Array = EMPTY;
  protected serverHandshakeSecret: Uint8Array = EMPTY;
  protected mainStage: MainStage | null = null;
  /** The key log names a connection by it. */
  protected clientRandom: Uint8Array = EMPTY;

  private readonly role: 'client' | 'server';
  private readonly keyLog: boolean;
  private readonly reader = new HandshakeReader();
  private readonly events: TlsEvent[] = [];
  private receiveLevel: Level = Level.INITIAL;
  private failed = false;
  private schedule: ScheduleContext | null = null;
  private handshakeStage: HandshakeStage | null = null;
  private applicationSecrets: { client: Uint8Array; server: Uint8Array; exporter: Uint8Array } | null = null;

  constructor(
    role: 'client' | 'server',
    config: { readonly provider: CryptoProvider; readonly keyLog?: boolean },
    table: StateTable<S>,
    initial: S,
  ) {
    this.role = role;
    this.provider = config.provider;
    this.keyLog = config.keyLog !== false;
    this.transcript = new Transcript(config.provider);
    this.machine = new StateMachine(table, initial);
  }

  abstract start(): void;
  /** One message that the current state welcomes. */
  protected abstract handle(message: HandshakeMessage): void;

  /** The roles that have the question override these. */
  provideIdentity(_answer: ServerIdentity | null): void {}
  provideEarlyData(_accept: boolean): void {}
  issueTickets(): void {}
  abstract provideVerification(error: TlsAlert | null): void;
  abstract provideSignature(signature: Uint8Array | null): void;

  receive(level: Level, bytes: Uint8Array): void {
    if (this.failed || bytes.length === 0) return;
    this.guard(() => {
      if (level !== this.receiveLevel) {
        throw new TlsAlert(
          Alert.UNEXPECTED_MESSAGE,
          `handshake data at level ${level} instead of ${this.receiveLevel}`,
        );
      }
      this.reader.push(bytes);
      this.pump();
    });
  }

  nextEvent(): TlsEvent | null {
    return this.events.shift() ?? null;
  }

  exporter(label: string, context: Uint8Array, length: number): Uint8Array {
    if (!this.complete || this.schedule === null || this.applicationSecrets === null) {
      throw quicError('ERR_QUIC_INVALID_STATE', { message: 'The handshake is not complete' });
    }
    return exportKeyingMaterial(this.schedule, this.applicationSecrets.exporter, label, context, length);
  }

  // For the roles

  /** Runs a step; whatever goes wrong in it becomes an alert and the end of this engine. */
  protected guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.failed = true;
      this.reader.clear();
      // What was made before the fault may go out; a question has no use for an answer any more.
      const kept = this.events.filter((event) => !QUESTIONS.has(event.type));
      this.events.splice(0, this.events.length, ...kept);
      throw toAlert(error);
    }
  }

  /** Takes an answer if it is awaited, then goes on with what has been buffered. Late and second answers are ignored. */
  protected answer(question: Question, step: () => void): void {
    if (this.failed || this.machine.row.waitsFor !== question) return;
    this.guard(() => {
      step();
      this.pump();
    });
  }

  protected emit(event: TlsEvent): void {
    this.events.push(event);
  }

  /** Sends whole messages and takes them into the transcript. */
  protected send(level: Level, ...messages: Uint8Array[]): void {
    for (const raw of messages) {
      this.transcript.add(raw);
      this.emit({ type: 'send', level, bytes: raw });
    }
  }

  protected choose(suite: CipherSuite): ScheduleContext {
    this.suite = suite;
    this.schedule = scheduleContext(this.provider, suite);
    return this.schedule;
  }

  protected get context(): ScheduleContext {
    if (this.schedule === null) throw new Error('no cipher suite yet');
    return this.schedule;
  }

  /** The (EC)DHE secret. Throws `TlsAlert` illegal_parameter for a share that is none (RFC 8446 §4.2.8.2, §7.4.2). */
  protected agree<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'the key share cannot be used', error);
    }
  }

  /** 0-RTT: `helloHash` is that of the first ClientHello, `suite` that of the session. */
  protected emitEarlyKeys(
    direction: 'send' | 'receive',
    suite: CipherSuite,
    early: EarlyStage,
    helloHash: Uint8Array,
  ): void {
    const secret = early.clientTraffic(helloHash);
    this.logKey(KeyLogLabel.CLIENT_EARLY, secret);
    this.emit({ type: 'keys', level: Level.EARLY, direction, suite, secret });
  }

  protected endEarlyData(accepted: boolean): void {
    this.earlyData = accepted ? 'accepted' : 'rejected';
    this.emit({ type: 'early-data-result', accepted });
  }

  /**
   * After ServerHello: the transcript ends with it, and both directions move to the Handshake level. `early` is the stage
   * of the PSK in use; without (EC)DHE the shared secret is `null` (RFC 8446 §7.1).
   */
  protected enterHandshake(sharedSecret: Uint8Array | null, early: EarlyStage | null): void {
    const first = early ?? plainEarlyStage(this.context);
    const stage = first.next(sharedSecret ?? new Uint8Array(this.context.hashLength));
    const hash = this.transcript.digest();
    this.handshakeStage = stage;
    this.clientHandshakeSecret = stage.clientTraffic(hash);
    this.serverHandshakeSecret = stage.serverTraffic(hash);
    this.logKey(KeyLogLabel.CLIENT_HANDSHAKE, this.clientHandshakeSecret);
    this.logKey(KeyLogLabel.SERVER_HANDSHAKE, this.serverHandshakeSecret);
    this.emitKeys(Level.HANDSHAKE, 'send', this.clientHandshakeSecret, this.serverHandshakeSecret);
    this.emitKeys(Level.HANDSHAKE, 'receive', this.clientHandshakeSecret, this.serverHandshakeSecret);
    this.moveTo(Level.HANDSHAKE);
  }

  /** After the server's Finished, with which the transcript ends: makes the 1-RTT secrets without handing them out. */
  protected deriveApplication(): void {
    if (this.handshakeStage === null) throw new Error('no handshake secret yet');
    const stage = this.handshakeStage.next();
    const hash = this.transcript.digest();
    this.handshakeStage = null;
    this.mainStage = stage;
    this.applicationSecrets = {
      client: stage.clientTraffic(hash),
      server: stage.serverTraffic(hash),
      exporter: stage.exporter(hash),
    };
    this.logKey(KeyLogLabel.CLIENT_APPLICATION, this.applicationSecrets.client);
    this.logKey(KeyLogLabel.SERVER_APPLICATION, this.applicationSecrets.server);
    this.logKey(KeyLogLabel.EXPORTER, this.applicationSecrets.exporter);
  }

  protected emitApplicationKeys(direction: 'send' | 'receive'): void {
    if (this.applicationSecrets === null) throw new Error('no application secrets yet');
    this.emitKeys(
      Level.APPLICATION,
      direction,
      this.applicationSecrets.client,
      this.applicationSecrets.server,
    );
  }

  /** From here on bytes of another level are refused, and so is what is left of this one (RFC 9001 §4.1.3). */
  protected moveTo(level: Level): void {
    this.reader.expectEmpty();
    this.receiveLevel = level;
  }

  /** Our Finished, over the transcript so far. */
  protected finished(baseKey: Uint8Array): Uint8Array {
    return encodeFinished(finishedValue(this.context, baseKey, this.transcript.digest()));
  }

  /** The peer's Finished. Throws `TlsAlert` decrypt_error; a wrong length is decode_error (RFC 8446 §4.4.4). */
  protected checkFinished(message: HandshakeMessage, baseKey: Uint8Array): void {
    const expected = finishedValue(this.context, baseKey, this.transcript.digest());
    if (message.body.length !== expected.length) {
      throw new TlsAlert(Alert.DECODE_ERROR, 'Finished has the wrong length');
    }
    if (!equalConstantTime(message.body, expected)) {
      throw new TlsAlert(Alert.DECRYPT_ERROR, 'Finished does not verify');
    }
    this.transcript.add(message.raw);
  }

  protected finish(): void {
    this.complete = true;
    this.clientHandshakeSecret = EMPTY;
    this.serverHandshakeSecret = EMPTY;
    if (this.applicationSecrets !== null) {
      const { exporter } = this.applicationSecrets;
      this.applicationSecrets = { client: EMPTY, server: EMPTY, exporter };
    }
    this.emit({ type: 'complete' });
  }

  private pump(): void {
    while (this.machine.row.waitsFor === undefined) {
      const message = this.reader.next(this.machine.row.messages);
      if (message === null) return;
      this.handle(message);
    }
    this.reader.checkWaiting();
  }

  private emitKeys(
    level: Level,
    direction: 'send' | 'receive',
    client: Uint8Array,
    server: Uint8Array,
  ): void {
    if (this.suite === null) throw new Error('no cipher suite yet');
    const ours = direction === 'send';
    const secret = (this.role === 'client') === ours ? client : server;
    this.emit({ type: 'keys', level, direction, suite: this.suite, secret });
  }

  private logKey(label: string, secret: Uint8Array): void {
    if (!this.keyLog) return;
    this.emit({ type: 'keylog', line: `${label} ${toHex(this.clientRandom)} ${toHex(secret)}` });
  }
}

function toAlert(error: unknown): TlsAlert {
  if (error instanceof TlsAlert) return error;
  if (error instanceof Truncated) return new TlsAlert(Alert.DECODE_ERROR, 'a message ends too early');
  return new TlsAlert(Alert.INTERNAL_ERROR, 'the handshake failed on this side', error);
}

const QUESTIONS: ReadonlySet<string> = new Set(['client-hello', 'verify', 'sign', 'early-data']);
