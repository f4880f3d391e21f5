/** A server with tickets, a clock for it and its clients, and handshakes one after the other. */

import assert from 'node:assert/strict';
import { KeyRing } from '../../src/crypto/key-ring.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { decodeSession, encodeSession, type TlsSession } from '../../src/tls/session.ts';
import { TicketKeys } from '../../src/tls/ticket-keys.ts';
import { handshake, TlsPair, type TlsPairOptions } from './tls-pair.ts';

export class Resumption {
  /** Wall time of both sides. */
  time = 1_700_000_000_000;
  readonly keys: TicketKeys = ticketKeys(1);
  readonly ticketData: Uint8Array = Uint8Array.of(7, 7, 7);

  /** Options of a pair that resumes and allows 0-RTT; `over` wins. */
  options(over: TlsPairOptions = {}): TlsPairOptions {
    const wallTime = (): number => this.time;
    return {
      ...over,
      client: { wallTime, earlyData: true, ...over.client },
      server: { wallTime, tickets: this.keys, ...over.server },
      identity: { earlyData: true, ticketData: this.ticketData, ...over.identity },
    };
  }

  /** A full handshake and the first session that it leaves, after a trip through bytes. */
  first(over: TlsPairOptions = {}): TlsSession {
    const pair = handshake(this.options({ seed: 'first', ...over }));
    const session = pair.of('client', 'ticket')[0]?.session;
    assert.ok(session, 'the server sent a ticket');
    return decodeSession(encodeSession(session));
  }

  /** A handshake that offers the session; it may fail. */
  again(session: TlsSession, over: TlsPairOptions = {}): TlsPair {
    const client = { session, ...over.client };
    return new TlsPair(this.options({ seed: 'again', ...over, client })).run();
  }
}

/** Keys for tickets that differ by `fill`. */
export function ticketKeys(fill: number, previous: readonly number[] = []): TicketKeys {
  const key = (value: number): Uint8Array => new Uint8Array(32).fill(value);
  return new TicketKeys(
    nodeProvider,
    seededRandom(`tickets ${fill}`),
    new KeyRing([fill, ...previous].map(key)),
  );
}

/** Fails the test unless both sides finished; gives what happened. */
export function outcome(pair: TlsPair): { resumed: boolean; earlyData: string } {
  assert.equal(pair.alert?.error, undefined);
  assert.ok(pair.client.complete && pair.server.complete, 'the handshake is complete on both sides');
  assert.equal(pair.client.resumed, pair.server.resumed);
  assert.equal(pair.client.earlyData, pair.server.earlyData);
  return { resumed: pair.client.resumed, earlyData: pair.client.earlyData };
}
