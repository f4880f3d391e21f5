/** Connections one after the other on the virtual network, with tickets, a wall clock and a strike register. */

import assert from 'node:assert/strict';
import type { ConnectionConfig, SessionConfig } from '../../src/connection/config.ts';
import { KeyRing } from '../../src/crypto/key-ring.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { decodeSession } from '../../src/tls/session.ts';
import { TicketKeys } from '../../src/tls/ticket-keys.ts';
import { NO_TRACE } from '../../src/trace/trace.ts';
import { toHex } from '../../src/util/bytes.ts';
import { type PairOptions, TestPair } from './core-pair.ts';
import { coreIdentity } from './cores.ts';

export interface StageOptions extends PairOptions {
  /** Resumed by the client; with `earlyData`, 0-RTT is offered. */
  session?: Uint8Array;
  earlyData?: boolean;
  /** The server's. Default the stage's. */
  tickets?: TicketKeys;
  /** The server's protocols. Default 'test' alone. */
  serverAlpn?: readonly string[];
  /** The server allows 0-RTT. Default true. */
  serverEarlyData?: boolean;
  /** Answers 'early-data'; 'later' is answered by {@link SessionPair.decide}. Default the strike register. */
  onEarlyData?: 'accept' | 'reject' | 'later';
  clientSessions?: Partial<SessionConfig>;
}

/** A pair that counts what it sent by packet type. */
export class SessionPair extends TestPair {
  /** Bytes of packets that the client sent, by `PacketType`. */
  readonly sent: number[];
  /** Answers an offer of early data that waits. */
  decide: ((accept: boolean) => void) | null = null;

  constructor(options: PairOptions, sent: number[]) {
    super(options);
    this.sent = sent;
  }

  /** The last session that the client was given. */
  get session(): Uint8Array {
    const last = this.clientEvents.findLast((event) => event.type === 'session');
    assert.ok(last?.type === 'session', 'the client was given a session');
    return last.session;
  }

  /** Both sides' view on early data. */
  get earlyData(): string {
    const { engine } = this.client.handshake;
    assert.equal(this.server?.handshake.engine.earlyData, engine.earlyData);
    return engine.earlyData;
  }

  /** Opens streams of the client and writes so much to each; what is not taken goes later. */
  request(count: number, size: number): void {
    for (let i = 0; i < count; i++) {
      const id = this.client.streams.openStream('bidi');
      assert.ok(id !== null, 'the peer allows the stream');
      this.clientApp.write(id, size);
    }
    this.clientApp.pump();
  }
}

export class SessionStage {
  /** Wall time at the beginning of every pair. */
  time = 1_700_000_000_000;
  readonly keys: TicketKeys = ticketKeys('stage');
  readonly #strikes = new Set<string>();

  pair(options: StageOptions): SessionPair {
    const { session, earlyData = false, serverAlpn = ['test'], serverEarlyData = true } = options;
    const sent = [0, 0, 0, 0, 0, 0];
    let pair: SessionPair | null = null;
    const wallTime = (): number => this.time + (pair?.now ?? 0);
    const trace = {
      ...NO_TRACE,
      packetSent: (_now: number, type: number, _number: number, size: number): void => {
        sent[type] = (sent[type] as number) + size;
      },
    };
    const client: Partial<ConnectionConfig> = {
      trace,
      sessions: {
        wallTime,
        earlyData,
        ...(session === undefined ? {} : { session: decodeSession(session) }),
        ...options.clientSessions,
      },
      ...options.client,
    };
    const server: Partial<ConnectionConfig> = {
      sessions: { wallTime, tickets: options.tickets ?? this.keys },
      answer: {
        identity: coreIdentity(),
        alpn: serverAlpn,
        clientCertificate: 'none',
        earlyData: serverEarlyData,
      },
      ...options.server,
    };
    pair = new SessionPair({ ...options, client, server }, sent);
    this.#answerOffers(pair, options.onEarlyData);
    return pair;
  }

  /** A whole connection, for its session. */
  first(options: Partial<StageOptions> & { seed: number | string }): Uint8Array {
    const pair = this.pair(options);
    pair.runUntil(() => pair.clientEvents.some((event) => event.type === 'session'));
    const { session } = pair;
    pair.close();
    this.time += pair.now;
    return session;
  }

  #answerOffers(pair: SessionPair, how: StageOptions['onEarlyData']): void {
    let seen = 0;
    pair.onServer = (server, now) => {
      for (; seen < pair.serverEvents.length; seen++) {
        const event = pair.serverEvents[seen];
        if (event?.type !== 'early-data') continue;
        const id = toHex(event.helloId);
        const isNew = !this.#strikes.has(id);
        this.#strikes.add(id);
        if (how === 'later') {
          pair.decide = (accept) => {
            server.answerEarlyData(accept, pair.now);
            pair.wake();
          };
        } else server.answerEarlyData(how === undefined ? isNew : how === 'accept', now);
      }
    };
  }
}

export function ticketKeys(name: string): TicketKeys {
  const random = seededRandom(`ticket keys ${name}`);
  const key = new Uint8Array(32);
  random.fill(key);
  return new TicketKeys(nodeProvider, random, new KeyRing(key));
}
