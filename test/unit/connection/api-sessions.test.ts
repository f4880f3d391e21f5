import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CoreConfig, type CoreOptions } from '../../../src/connection/parse-config.ts';
import { ApiLink } from '../../support/api-link.ts';

const wallTime = (): number => 1_700_000_000_000;
const server: Partial<CoreOptions> = { wallTime, ticketKeys: new Uint8Array(32).fill(3), earlyData: true };
const client: Partial<CoreOptions> = { wallTime, earlyData: true };

function firstSession(): Uint8Array {
  const { client: first, clientEvents } = ApiLink.established({ client, server });
  assert.ok(first.session);
  const given = clientEvents.filter((event) => event.type === 'session');
  assert.deepEqual(given.at(-1)?.session, first.session, 'C31 the event brings what `session` gives');
  return first.session;
}

describe('Connection: sessions', () => {
  test('C25 C31 C91 a session that is set before the first packet is resumed', () => {
    const session = firstSession();
    const link = new ApiLink({ seed: 2, client, server });
    assert.equal(link.client.session, null);
    link.client.setSession(session);
    link.flush();
    // Early data were offered and are asked about.
    assert.ok(link.serverEvents.some(({ type }) => type === 'early-data'));
    link.server.answerEarlyData(false, link.now);
    link.flush();
    link.advance(50);
    for (const side of [link.client, link.server]) {
      assert.deepEqual([side.isEstablished, side.isResumed, side.earlyDataReason], [true, true, 'rejected']);
    }
  });

  test('C25 a session that comes after the first packet, or on a server, is an error; so are other bytes', () => {
    const session = firstSession();
    const link = new ApiLink({ seed: 3, client, server });
    assert.throws(() => link.server.setSession(session), { code: 'ERR_QUIC_INVALID_STATE' });
    for (const bytes of [new Uint8Array(0), session.subarray(0, 40), session.map((byte) => byte ^ 1)]) {
      assert.throws(() => link.client.setSession(bytes), { code: 'ERR_QUIC_INVALID_SESSION' });
    }
    link.take(link.client);
    assert.throws(() => link.client.setSession(session), { code: 'ERR_QUIC_INVALID_STATE' });
  });

  test('C26 C91 early data are sent at once, taken, and known to be early', () => {
    const session = firstSession();
    const link = new ApiLink({ seed: 4, client, server, connect: { session } });
    assert.ok(link.client.isInEarlyData);
    assert.equal(link.client.earlyDataReason, 'offered');
    assert.equal(link.client.streamSend(0, Uint8Array.of(1, 2, 3), true), 3);
    for (const datagram of link.take(link.client)) link.deliver(datagram, true);
    const offer = nextOf(link, 'early-data');
    assert.ok(offer.keepFor >= 20_000);
    assert.deepEqual(link.server.readable(), []);
    link.server.answerEarlyData(true, link.now);
    assert.ok(link.server.isInEarlyData);
    assert.deepEqual(link.server.streamRecvChunk(0), { data: Uint8Array.of(1, 2, 3), fin: true });
    assert.ok(link.server.isStreamEarly(0));
    link.flush();
    link.client.streamSend(4, Uint8Array.of(4), true);
    link.flush();
    assert.ok(!link.server.isStreamEarly(4));
    assert.deepEqual(
      [link.client.isInEarlyData, link.client.earlyDataReason, link.server.earlyDataReason],
      [false, 'accepted', 'accepted'],
    );
    assert.equal(link.server.streamRecvChunk(4)?.data.length, 1);
  });

  test('C26 0-RTT is off unless both sides ask for it', () => {
    const session = firstSession();
    const silent = new ApiLink({ seed: 5, client: { wallTime }, server, connect: { session } });
    assert.ok(!silent.client.isInEarlyData);
    assert.throws(() => silent.client.streamSend(0, Uint8Array.of(1), true), {
      code: 'ERR_QUIC_STREAM_LIMIT',
    });
    const refused = new ApiLink({
      seed: 6,
      client,
      server: { ...server, earlyData: false },
      connect: { session },
    });
    refused.client.streamSend(0, Uint8Array.of(1), true);
    refused.flush();
    assert.equal(refused.client.earlyDataReason, 'rejected');
    assert.deepEqual(refused.server.streamRecvChunk(0), { data: Uint8Array.of(1), fin: true });
    assert.ok(!refused.server.isStreamEarly(0));
  });

  test('L87 external keys stand for certificates', () => {
    const psks = [{ identity: Uint8Array.of(1), secret: new Uint8Array(32).fill(1) }];
    const link = ApiLink.established({ client: { psks }, server: { identity: undefined, psks } as never });
    assert.equal(link.client.peerCertificate, null);
  });

  test('L87 RFC 8446 §4.2.9 external keys are used with and without a key agreement, as both sides like', () => {
    const psks = [{ identity: Uint8Array.of(1), secret: new Uint8Array(32).fill(1) }];
    const both = ['psk_dhe_ke', 'psk_ke'] as const;
    const groupWith = (mine: CoreOptions['pskModes'], theirs: CoreOptions['pskModes']): string | null => {
      const link = new ApiLink({
        client: { psks, ...(mine && { pskModes: mine }) },
        server: { identity: undefined, psks, ...(theirs && { pskModes: theirs }) } as never,
      });
      link.flush();
      link.advance(50);
      assert.equal(link.client.isEstablished, link.server.isEstablished);
      return link.client.isEstablished ? link.client.keyExchangeGroup : 'none';
    };
    assert.equal(groupWith(undefined, undefined), 'x25519');
    assert.equal(groupWith(both, both), 'x25519');
    assert.equal(groupWith(['psk_ke'], both), null);
    // A server that does not take it, and has no certificate, has nothing to offer.
    assert.equal(groupWith(['psk_ke'], undefined), 'none');
  });

  test('options that are no good are refused by name', () => {
    const bad: [Partial<Record<keyof CoreOptions, unknown>>, string][] = [
      [{ wallTime: 5 }, 'ERR_INVALID_ARG_TYPE'],
      [{ wallTime, earlyData: 1 }, 'ERR_INVALID_ARG_TYPE'],
      [{ earlyData: true }, 'ERR_INVALID_ARG_TYPE'],
      [{ wallTime, ticketKeys: [] }, 'ERR_INVALID_ARG_TYPE'],
      [{ wallTime, ticketKeys: new Uint8Array(31) }, 'ERR_OUT_OF_RANGE'],
      [{ wallTime, ticketLifetime: 604_801 }, 'ERR_OUT_OF_RANGE'],
      [{ psks: [] }, 'ERR_INVALID_ARG_TYPE'],
      [{ pskModes: 'psk_ke' }, 'ERR_INVALID_ARG_TYPE'],
      [{ pskModes: ['dhe'] }, 'ERR_INVALID_ARG_VALUE'],
      [{ psks: [{ identity: new Uint8Array(0), secret: new Uint8Array(1) }] }, 'ERR_OUT_OF_RANGE'],
      [
        { psks: [{ identity: new Uint8Array(1), secret: new Uint8Array(1), hash: 'md5' }] },
        'ERR_INVALID_ARG_VALUE',
      ],
    ];
    for (const [options, code] of bad) {
      assert.throws(() => new CoreConfig({ alpn: ['test'], ...options } as CoreOptions), { code });
    }
  });
});

function nextOf(link: ApiLink, type: 'early-data'): { keepFor: number } {
  for (let event = link.server.nextEvent(); event !== null; event = link.server.nextEvent()) {
    if (event.type === type) return event;
  }
  throw new Error(`no event ${type}`);
}
