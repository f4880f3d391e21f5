/**
 * Two TLS engines that talk to each other without packets, with a hand on every message in between.
 *
 * Answers are given at once unless a test takes them over. The bytes of a level arrive in order; a test may rewrite,
 * drop or add messages and split them anywhere.
 */
import assert from 'node:assert/strict';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { alertName, TlsAlert } from '../../src/tls/alerts.ts';
import { createTlsClient } from '../../src/tls/client.ts';
import type {
  ServerIdentity,
  TlsClientConfig,
  TlsEngine,
  TlsEvent,
  TlsServerConfig,
} from '../../src/tls/engine.ts';
import type { Level } from '../../src/tls/level.ts';
import { createTlsServer } from '../../src/tls/server.ts';
import { makeTestIdentity, type TestIdentity } from './certificates.ts';

export type Side = 'client' | 'server';

/** One message on its way. */
export interface InFlight {
  readonly from: Side;
  readonly level: Level;
  /** HandshakeType. */
  readonly type: number;
  readonly bytes: Uint8Array;
}

export interface TlsPairOptions {
  readonly client?: Partial<TlsClientConfig>;
  readonly server?: Partial<TlsServerConfig>;
  readonly identity?: Partial<ServerIdentity>;
  /** Whose certificate the server has. Default: P-256. */
  readonly certificate?: TestIdentity;
  /** What arrives instead: `null` for nothing, undefined for no change. */
  readonly rewrite?: (message: InFlight) => Uint8Array | null | undefined;
  /** Cuts what arrives into pieces. */
  readonly split?: (bytes: Uint8Array) => Uint8Array[];
  /** Takes an event over: `true` leaves it unanswered. */
  readonly onEvent?: (side: Side, event: TlsEvent, engine: TlsEngine) => boolean | undefined;
  readonly seed?: string;
}

export const CLIENT_PARAMETERS: Uint8Array = Uint8Array.of(1, 2, 3, 4, 5);
export const SERVER_PARAMETERS: Uint8Array = Uint8Array.of(9, 8, 7);

export class TlsPair {
  readonly client: TlsEngine;
  readonly server: TlsEngine;
  readonly events: { readonly client: TlsEvent[]; readonly server: TlsEvent[] } = { client: [], server: [] };
  /** Messages as they were sent, before any rewriting. */
  readonly messages: InFlight[] = [];
  /** The alert that ended the handshake, and whose it was. */
  alert: { readonly side: Side; readonly error: TlsAlert } | null = null;

  private readonly options: TlsPairOptions;
  private readonly identity: ServerIdentity;

  constructor(options: TlsPairOptions = {}) {
    this.options = options;
    const seed = options.seed ?? 'tls-pair';
    this.client = createTlsClient({
      provider: nodeProvider,
      random: seededRandom(`${seed} client`),
      serverName: 'localhost',
      alpn: ['echo'],
      transportParameters: CLIENT_PARAMETERS,
      verifyPeer: true,
      ...options.client,
    });
    this.server = createTlsServer({
      provider: nodeProvider,
      random: seededRandom(`${seed} server`),
      ...options.server,
    });
    this.identity = { ...serverIdentity(options.certificate ?? makeTestIdentity()), ...options.identity };
  }

  /** Runs until nothing moves or an alert came. */
  run(): this {
    this.guard('client', () => this.client.start());
    this.guard('server', () => this.server.start());
    this.pump();
    return this;
  }

  /** Delivers what is ready; to be called again after an answer that was given by hand. */
  pump(): void {
    for (let moved = true; moved && this.alert === null; ) {
      moved = this.drain('client');
      if (this.drain('server')) moved = true;
    }
  }

  /** Hands handshake bytes to a side as if the other had sent them. */
  inject(to: Side, level: Level, bytes: Uint8Array): void {
    this.guard(to, () => this[to].receive(level, bytes));
  }

  /** The recorded events of one kind. */
  of<T extends TlsEvent['type']>(side: Side, type: T): Extract<TlsEvent, { type: T }>[] {
    return this.events[side].filter((event): event is Extract<TlsEvent, { type: T }> => event.type === type);
  }

  private drain(side: Side): boolean {
    const engine = this[side];
    let moved = false;
    for (let event = engine.nextEvent(); event !== null; event = engine.nextEvent()) {
      moved = true;
      this.events[side].push(event);
      this.handle(side, engine, event);
      if (this.alert !== null) return true;
    }
    return moved;
  }

  private handle(side: Side, engine: TlsEngine, event: TlsEvent): void {
    if (this.options.onEvent?.(side, event, engine) === true) return;
    switch (event.type) {
      case 'send':
        this.deliver(side, event.level, event.bytes);
        break;
      case 'client-hello':
        this.guard(side, () => engine.provideIdentity(this.identity));
        break;
      case 'early-data':
        this.guard(side, () => engine.provideEarlyData(true));
        break;
      case 'verify':
        this.guard(side, () => engine.provideVerification(null));
        break;
      case 'complete':
        this.guard(side, () => engine.issueTickets());
        break;
      case 'sign': {
        const signature = nodeProvider.sign(event.key, event.scheme, event.content);
        this.guard(side, () => engine.provideSignature(signature));
        break;
      }
    }
  }

  private deliver(from: Side, level: Level, bytes: Uint8Array): void {
    const message: InFlight = { from, level, type: bytes[0], bytes };
    this.messages.push(message);
    const rewritten = this.options.rewrite?.(message);
    if (rewritten === null) return;
    const arriving = rewritten ?? bytes;
    const to = from === 'client' ? 'server' : 'client';
    for (const piece of this.options.split?.(arriving) ?? [arriving]) {
      if (this.alert !== null) return;
      // A copy that is spoiled afterwards shows whether an engine keeps bytes that are not its own.
      const lent = piece.slice();
      this.guard(to, () => this[to].receive(level, lent));
      lent.fill(0xee);
    }
  }

  private guard(side: Side, step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof TlsAlert)) throw error;
      this.alert ??= { side, error };
    }
  }
}

/** A finished handshake. Fails the test if it did not come to that. */
export function handshake(options: TlsPairOptions = {}): TlsPair {
  const pair = new TlsPair(options).run();
  assert.equal(pair.alert?.error, undefined);
  assert.ok(pair.client.complete && pair.server.complete, 'the handshake is complete on both sides');
  return pair;
}

/** Runs a handshake that has to end with this alert of this side. */
export function expectAlert(side: Side, alert: number, options: TlsPairOptions): TlsPair {
  const pair = new TlsPair(options).run();
  assert.ok(pair.alert, `the ${side} raises ${alertName(alert)}`);
  assert.equal(
    `${pair.alert.side} ${alertName(pair.alert.error.alert)}`,
    `${side} ${alertName(alert)}`,
    pair.alert.error.reason,
  );
  return pair;
}

export function serverIdentity(identity: TestIdentity): ServerIdentity {
  return {
    certificates: identity.certificates,
    key: nodeProvider.privateKeyFrom(identity.keyPem),
    alpn: ['echo'],
    clientCertificate: 'none',
    transportParameters: SERVER_PARAMETERS,
  };
}
