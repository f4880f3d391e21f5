/**
 * A TLS engine over TCP with the record layer of RFC 8446 §5, to meet implementations that speak no QUIC.
 *
 * Only as much of the record layer as a test needs. The other side has to carry quic_transport_parameters.
 */

import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Socket } from 'node:net';
import { hkdfExpandLabel } from '../../src/crypto/hkdf.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import type { CipherSuite } from '../../src/crypto/suites.ts';
import type { TlsEngine, TlsEvent } from '../../src/tls/engine.ts';
import { Level } from '../../src/tls/level.ts';

export class TlsOverTcp {
  readonly events: TlsEvent[] = [];
  /** Application data that arrived, as text. */
  received = '';
  /** Settles with the end of the handshake. */
  readonly complete: Promise<void>;

  private readonly engine: TlsEngine;
  private readonly socket: Socket;
  private buffer: Uint8Array = new Uint8Array(0);
  private level: Level = Level.INITIAL;
  private readonly sendKeys = new Map<Level, RecordKeys>();
  private readonly receiveKeys = new Map<Level, RecordKeys>();
  private done: () => void = () => {};
  private fail: (error: unknown) => void = () => {};
  private failure: unknown = null;
  private waiters: (() => void)[] = [];

  constructor(engine: TlsEngine, socket: Socket) {
    this.engine = engine;
    this.socket = socket;
    this.complete = new Promise((resolve, reject) => {
      this.done = resolve;
      this.fail = (error) => {
        this.failure ??= error;
        reject(error);
        this.wake();
      };
    });
    this.complete.catch(() => {});
    socket.on('data', (data) => {
      try {
        this.onData(data);
      } catch (error) {
        this.fail(error);
        socket.destroy();
      }
      this.wake();
    });
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('the peer closed the connection')));
  }

  start(): void {
    this.engine.start();
    this.drain();
  }

  write(text: string): void {
    this.record(23, Buffer.from(text), Level.APPLICATION);
  }

  /** Waits until `condition` holds. Rejects with what ended the connection before that. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.failure !== null) throw this.failure;
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  private onData(data: Uint8Array): void {
    this.buffer = Buffer.concat([this.buffer, data]);
    while (this.buffer.length >= 5) {
      const length = this.buffer[3] * 256 + this.buffer[4];
      if (this.buffer.length < 5 + length) return;
      const record = this.buffer.subarray(0, 5 + length);
      this.buffer = this.buffer.subarray(5 + length);
      this.onRecord(record);
    }
  }

  private onRecord(record: Uint8Array): void {
    const type = record[0];
    if (type === 20) return;
    if (type !== 23) {
      this.onContent(type, record.subarray(5));
      return;
    }
    const keys = this.receiveKeys.get(this.level);
    if (keys === undefined) throw new Error('a protected record before its keys');
    const plain = keys.open(record);
    let end = plain.length;
    while (plain[end - 1] === 0) end--;
    this.onContent(plain[end - 1], plain.subarray(0, end - 1));
  }

  private onContent(type: number, content: Uint8Array): void {
    if (type === 21) throw new Error(`the peer sent alert ${content[1]}`);
    if (type === 23) this.received += Buffer.from(content).toString();
    if (type !== 22) return;
    this.engine.receive(this.level, content);
    this.drain();
  }

  private drain(): void {
    for (let event = this.engine.nextEvent(); event !== null; event = this.engine.nextEvent()) {
      this.events.push(event);
      if (event.type === 'send') this.record(22, event.bytes, event.level);
      else if (event.type === 'keys') {
        const keys = new RecordKeys(event.suite, event.secret);
        if (event.direction === 'send') this.sendKeys.set(event.level, keys);
        else {
          this.receiveKeys.set(event.level, keys);
          this.level = event.level;
        }
      } else if (event.type === 'verify') this.engine.provideVerification(null);
      else if (event.type === 'sign') {
        this.engine.provideSignature(nodeProvider.sign(event.key, event.scheme, event.content));
      } else if (event.type === 'complete') {
        this.engine.issueTickets();
        this.done();
      }
    }
  }

  private record(type: number, content: Uint8Array, level: Level): void {
    const keys = this.sendKeys.get(level);
    const header = Uint8Array.of(type, 3, 3, content.length >> 8, content.length & 0xff);
    this.socket.write(keys === undefined ? Buffer.concat([header, content]) : keys.seal(type, content));
  }
}

/** The keys of one direction and level (RFC 8446 §7.3). */
class RecordKeys {
  private readonly algorithm: string;
  private readonly key: Uint8Array;
  private readonly iv: Uint8Array;
  private sequence = 0;

  constructor(suite: CipherSuite, secret: Uint8Array) {
    const empty = new Uint8Array(0);
    this.algorithm = suite.aead;
    this.key = hkdfExpandLabel(nodeProvider, suite.hash, secret, 'key', empty, suite.keyLength);
    this.iv = hkdfExpandLabel(nodeProvider, suite.hash, secret, 'iv', empty, 12);
  }

  seal(type: number, content: Uint8Array): Uint8Array {
    const length = content.length + 17;
    const header = Uint8Array.of(23, 3, 3, length >> 8, length & 0xff);
    const cipher = createCipheriv(this.algorithm as 'aes-128-gcm', this.key, this.nonce(), {
      authTagLength: 16,
    });
    cipher.setAAD(header);
    const body = Buffer.concat([cipher.update(content), cipher.update(Uint8Array.of(type)), cipher.final()]);
    return Buffer.concat([header, body, cipher.getAuthTag()]);
  }

  open(record: Uint8Array): Uint8Array {
    const decipher = createDecipheriv(this.algorithm as 'aes-128-gcm', this.key, this.nonce(), {
      authTagLength: 16,
    });
    decipher.setAAD(record.subarray(0, 5));
    decipher.setAuthTag(record.subarray(-16));
    return Buffer.concat([decipher.update(record.subarray(5, -16)), decipher.final()]);
  }

  private nonce(): Uint8Array {
    const nonce = this.iv.slice();
    nonce[11] ^= this.sequence & 0xff;
    nonce[10] ^= this.sequence >> 8;
    this.sequence++;
    return nonce;
  }
}
