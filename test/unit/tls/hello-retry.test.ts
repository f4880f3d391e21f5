/** HelloRetryRequest in both roles (RFC 8446 §4.1.4). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Alert } from '../../../src/tls/alerts.ts';
import { RETRY_RANDOM } from '../../../src/tls/hello-codec.ts';
import { Level } from '../../../src/tls/level.ts';
import { equal } from '../../../src/util/bytes.ts';
import {
  byteByByte,
  type ClientHelloParts,
  codeBytes,
  editClientHello,
  editServerHello,
  join,
  message,
  number,
  vector,
} from '../../support/tls-messages.ts';
import {
  expectAlert,
  handshake,
  type InFlight,
  TlsPair,
  type TlsPairOptions,
} from '../../support/tls-pair.ts';

const GROUPS = [0x001d, 0x0017, 0x0018] as const;
const KEY_SHARE = 51;
const COOKIE = 44;

for (const first of GROUPS) {
  for (const wanted of GROUPS) {
    if (first === wanted) continue;
    for (const suite of [0x1301, 0x1302]) {
      test(`RFC 8446 §4.1.4 a server that wants group 0x${wanted.toString(16)} asks for it (suite 0x${suite.toString(16)}, share of 0x${first.toString(16)})`, () => {
        const pair = handshake({
          client: { groups: [first, wanted], cipherSuites: [suite] },
          server: { groups: [wanted] },
          split: byteByByte,
        });
        assert.equal(pair.client.group, wanted);
        assert.deepEqual(
          pair.messages.slice(0, 4).map((sent) => `${sent.from} ${sent.type} ${sent.level}`),
          ['client 1 0', 'server 2 0', 'client 1 0', 'server 2 0'],
        );
        assert.ok(equal(pair.messages[1].bytes.subarray(6, 38), RETRY_RANDOM));
      });
    }
  }
}

test('RFC 8446 §4.2.8 a share that the client sent wins over a group that the server would rather have', () => {
  const pair = handshake({ client: { groups: [0x0018, 0x001d] }, server: { groups: [0x001d, 0x0018] } });
  assert.equal(pair.client.group, 0x0018);
});

test('RFC 8446 §4.1.2 the second hello differs from the first in its share alone', () => {
  const pair = handshake({ client: { groups: [0x001d, 0x0017] }, server: { groups: [0x0017] } });
  const [first, , second] = pair.messages;
  const parts: ClientHelloParts[] = [];
  for (const hello of [first, second]) editClientHello(hello.bytes, (read) => parts.push({ ...read }));
  assert.deepEqual(parts[0].random, parts[1].random);
  assert.deepEqual(
    parts[0].extensions.filter(([code]) => code !== KEY_SHARE),
    parts[1].extensions.filter(([code]) => code !== KEY_SHARE),
  );
});

test('identity is asked for once, and transport parameters are handed on once', () => {
  const pair = handshake(retrying());
  assert.equal(pair.of('server', 'client-hello').length, 1);
  assert.equal(pair.of('server', 'peer-transport-parameters').length, 1);
});

test('RFC 8446 §4.2.2 the client echoes a cookie, with a new share if one is asked for', () => {
  const cookie = Uint8Array.from({ length: 300 }, (_, i) => i);
  for (const group of [0x0017, null]) {
    const hellos = clientAgainst(retryRequest({ group, cookie }));
    assert.equal(hellos.length, 2);
    const extensions = new Map<number, Uint8Array>();
    editClientHello(hellos[1], (hello) => {
      for (const [code, body] of hello.extensions) extensions.set(code, body);
    });
    assert.deepEqual(extensions.get(COOKIE), vector(2, cookie));
    const share = extensions.get(KEY_SHARE);
    assert.equal(share?.[2], 0);
    assert.equal(share?.[3], group ?? 0x1d);
  }
});

test('RFC 8446 §4.1.4 a second HelloRetryRequest is refused', () => {
  let retry: Uint8Array | undefined;
  expectAlert(
    'client',
    Alert.UNEXPECTED_MESSAGE,
    retrying((sent) => {
      if (sent.from !== 'server' || sent.type !== 2) return undefined;
      retry ??= sent.bytes;
      return retry;
    }),
  );
});

test('RFC 8446 §4.1.4 a HelloRetryRequest that changes nothing is refused', () => {
  refuseRetry(Alert.ILLEGAL_PARAMETER, retryRequest({ group: null }));
});

test('RFC 8446 §4.2.8 a HelloRetryRequest for a group that was not offered, or that has a share, is refused', () => {
  for (const group of [0x0019, 0x0018, 0x001d, 0x0a0a]) {
    refuseRetry(Alert.ILLEGAL_PARAMETER, retryRequest({ group }), { groups: [0x001d, 0x0017] });
  }
});

test('RFC 8446 §4.1.4 a HelloRetryRequest with a suite that was not offered, or without a version, is refused', () => {
  refuseRetry(Alert.ILLEGAL_PARAMETER, retryRequest({ group: 0x17, suite: 0x1305 }));
  refuseRetry(Alert.ILLEGAL_PARAMETER, retryRequest({ group: 0x17, version: 0x0303 }));
  refuseRetry(Alert.PROTOCOL_VERSION, retryRequest({ group: 0x17, version: null }));
});

test('RFC 8446 §4.2 a HelloRetryRequest with other extensions is refused', () => {
  const retry = retryRequest({ group: 0x17 });
  const withExtension = (code: number): Uint8Array =>
    editServerHello(retry, (hello) => hello.extensions.push([code, new Uint8Array(0)]));
  refuseRetry(Alert.ILLEGAL_PARAMETER, withExtension(16));
  refuseRetry(Alert.UNSUPPORTED_EXTENSION, withExtension(0x1a1a));
  refuseRetry(Alert.UNSUPPORTED_EXTENSION, withExtension(0xfe0d));
  refuseRetry(Alert.ILLEGAL_PARAMETER, withExtension(KEY_SHARE));
  refuseRetry(Alert.DECODE_ERROR, withExtension(COOKIE));
});

test('RFC 8446 §4.1.4 a ServerHello with another suite or group than the HelloRetryRequest is refused', () => {
  let seen = 0;
  const second = (edit: Parameters<typeof editServerHello>[1]) => (sent: InFlight) =>
    sent.from === 'server' && sent.type === 2 && ++seen % 2 === 0
      ? editServerHello(sent.bytes, edit)
      : undefined;
  expectAlert(
    'client',
    Alert.ILLEGAL_PARAMETER,
    retrying(
      second((hello) => {
        hello.suite = 0x1301;
      }),
    ),
  );
  expectAlert(
    'client',
    Alert.ILLEGAL_PARAMETER,
    retrying(
      second((hello) => {
        hello.extensions = hello.extensions.map(([code, body]) =>
          code === KEY_SHARE
            ? [code, join(number(0x1d, 2), vector(2, new Uint8Array(32).fill(9)))]
            : [code, body],
        );
      }),
    ),
  );
});

const CHANGES: Readonly<Record<string, (hello: ClientHelloParts) => void>> = {
  'another random': (hello) => {
    hello.random[0] ^= 1;
  },
  'another list of suites': (hello) => {
    hello.suites.reverse();
  },
  'one suite less': (hello) => {
    hello.suites.pop();
  },
  'another server name': (hello) => {
    replace(hello, 0, (body) => {
      body[body.length - 1] ^= 1;
    });
  },
  'other transport parameters': (hello) => {
    replace(hello, 57, (body) => {
      body[0] ^= 1;
    });
  },
  'one extension less': (hello) => {
    hello.extensions = hello.extensions.filter(([code]) => code !== 16);
  },
  'an extension more': (hello) => {
    hello.extensions.unshift([0x2a2a, new Uint8Array(0)]);
  },
  'a cookie that nobody gave': (hello) => {
    hello.extensions.unshift([COOKIE, vector(2, Uint8Array.of(1))]);
  },
  'a share of another group': (hello) => {
    setShares(hello, [0x001d]);
  },
  'no share': (hello) => {
    setShares(hello, []);
  },
  'two shares': (hello) => {
    setShares(hello, [0x0017, 0x001d]);
  },
  'a share that is no point': (hello) => {
    replace(hello, KEY_SHARE, (body) => {
      body[body.length - 1] ^= 1;
    });
  },
};

for (const [what, change] of Object.entries(CHANGES)) {
  test(`RFC 8446 §4.1.2 a second hello with ${what} is refused`, () => {
    let hellos = 0;
    expectAlert(
      'server',
      Alert.ILLEGAL_PARAMETER,
      retrying((sent) =>
        sent.type === 1 && ++hellos === 2 ? editClientHello(sent.bytes, change) : undefined,
      ),
    );
  });
}

test('RFC 8446 §4.1.2 padding and a GREASE of encrypted hellos may change between the hellos', () => {
  let hellos = 0;
  const pair = new TlsPair(
    retrying((sent) => {
      if (sent.type !== 1) return undefined;
      hellos++;
      return editClientHello(sent.bytes, (hello) => {
        hello.extensions.unshift([0xfe0d, new Uint8Array(20).fill(hellos)], [21, new Uint8Array(hellos)]);
      });
    }),
  ).run();
  // The server goes on to its proof; that the transcripts differ is the client's finding.
  assert.ok(pair.messages.some((sent) => sent.from === 'server' && sent.type === 15));
  assert.equal(pair.alert?.side, 'client');
  assert.equal(pair.alert?.error.alert, Alert.DECRYPT_ERROR);
});

function retrying(rewrite?: TlsPairOptions['rewrite']): TlsPairOptions {
  return {
    client: { groups: [0x001d, 0x0017] },
    server: { groups: [0x0017] },
    ...(rewrite === undefined ? {} : { rewrite }),
  };
}

interface Retry {
  readonly group: number | null;
  readonly cookie?: Uint8Array;
  readonly suite?: number;
  readonly version?: number | null;
}

function retryRequest({ group, cookie, suite = 0x1301, version = 0x0304 }: Retry): Uint8Array {
  const extension = (code: number, body: Uint8Array): Uint8Array => join(number(code, 2), vector(2, body));
  const extensions = join(
    version === null ? new Uint8Array(0) : extension(43, number(version, 2)),
    group === null ? new Uint8Array(0) : extension(KEY_SHARE, number(group, 2)),
    cookie === undefined ? new Uint8Array(0) : extension(COOKIE, vector(2, cookie)),
  );
  // A block of nothing at all would read as a hello without extensions.
  const block = extensions.length === 0 ? extension(0x3a3a, codeBytes([])) : extensions;
  return message(
    2,
    join(number(0x0303, 2), RETRY_RANDOM, number(0, 1), number(suite, 2), number(0, 1), vector(2, block)),
  );
}

/** The hellos of a client that gets this answer to its first. */
function clientAgainst(answer: Uint8Array): Uint8Array[] {
  const pair = new TlsPair({ rewrite: () => null });
  pair.client.start();
  pair.pump();
  pair.inject('client', Level.INITIAL, answer);
  pair.pump();
  assert.equal(pair.alert, null);
  return pair.messages.map((sent) => sent.bytes);
}

function refuseRetry(alert: number, answer: Uint8Array, client: TlsPairOptions['client'] = {}): void {
  expectAlert('client', alert, {
    client,
    rewrite: (sent) => (sent.from === 'server' && sent.type === 2 ? answer : undefined),
  });
}

function replace(hello: ClientHelloParts, code: number, change: (body: Uint8Array) => void): void {
  const found = hello.extensions.find(([candidate]) => candidate === code);
  assert.ok(found);
  change(found[1]);
}

function setShares(hello: ClientHelloParts, groups: number[]): void {
  const shares = groups.map((group) => join(number(group, 2), vector(2, new Uint8Array(32).fill(9))));
  hello.extensions = hello.extensions.map(([code, body]) =>
    code === KEY_SHARE ? [code, vector(2, join(...shares))] : [code, body],
  );
}
