/** What each side does with a peer that breaks the rules: every case by its own alert. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { TLS_ALERT_NAMES } from '../../../src/errors.ts';
import { ALERTS, Alert, alertName, TlsAlert } from '../../../src/tls/alerts.ts';
import { Level } from '../../../src/tls/level.ts';
import { MAX_CERTIFICATE_CHAIN } from '../../../src/tls/limits.ts';
import { makeTestIdentity } from '../../support/certificates.ts';
import {
  type CertificateParts,
  type ClientHelloParts,
  codeBytes,
  type ExtensionList,
  editCertificate,
  editCertificateRequest,
  editClientHello,
  editExtensions,
  editServerHello,
  join,
  message,
  number,
  type ServerHelloParts,
  ticketMessage,
  vector,
} from '../../support/tls-messages.ts';
import { expectAlert, handshake, type Side, TlsPair, type TlsPairOptions } from '../../support/tls-pair.ts';

const EMPTY = new Uint8Array(0);

test('RFC 8446 §6 the table of alerts agrees with the names of errors', () => {
  for (const { alert, name } of ALERTS) assert.equal(TLS_ALERT_NAMES[alert] ?? name, name);
  assert.equal(alertName(120), 'no_application_protocol');
  assert.equal(alertName(200), 'alert(200)');
  const cause = new Error('why');
  const alert = new TlsAlert(Alert.UNKNOWN_CA, 'nobody vouches', cause);
  assert.equal(alert.message, 'unknown_ca: nobody vouches');
  assert.equal(alert.cause, cause);
});

// ClientHello, read by the server

hello('RFC 8446 §4.1.2 legacy_version other than TLS 1.2', Alert.PROTOCOL_VERSION, (h) => {
  h.version = 0x0304;
});
hello('RFC 9001 §8.4 a legacy_session_id', Alert.ILLEGAL_PARAMETER, (h) => {
  h.sessionId = new Uint8Array(32);
});
hello('RFC 8446 §4.1.2 a legacy_session_id of 33 bytes', Alert.DECODE_ERROR, (h) => {
  h.sessionId = new Uint8Array(33);
});
hello('RFC 8446 §4.1.2 compression', Alert.ILLEGAL_PARAMETER, (h) => {
  h.compression = Uint8Array.of(1, 0);
});
hello('RFC 8446 §4.1.2 no compression method', Alert.DECODE_ERROR, (h) => {
  h.compression = EMPTY;
});
hello('RFC 8446 §4.1.2 no cipher suite', Alert.DECODE_ERROR, (h) => {
  h.suites = [];
});
hello('no suite in common', Alert.HANDSHAKE_FAILURE, (h) => {
  h.suites = [0x0a0a, 0x1304, 0xc02f];
});
hello('RFC 8446 §4.2.1 supported_versions without TLS 1.3', Alert.PROTOCOL_VERSION, (h) => {
  set(h.extensions, 43, vector(1, codeBytes([0x0303, 0x0302])));
});
hello('RFC 8446 §4.2.1 no supported_versions', Alert.PROTOCOL_VERSION, (h) => remove(h.extensions, 43));
hello('RFC 8446 §4.2.1 an empty list of versions', Alert.DECODE_ERROR, (h) => {
  set(h.extensions, 43, vector(1, EMPTY));
});
hello('RFC 8446 §9.2 no supported_groups', Alert.MISSING_EXTENSION, (h) => remove(h.extensions, 10));
hello('RFC 8446 §9.2 no key_share', Alert.MISSING_EXTENSION, (h) => remove(h.extensions, 51));
hello('RFC 8446 §9.2 no signature_algorithms', Alert.MISSING_EXTENSION, (h) => remove(h.extensions, 13));
hello('RFC 9001 §8.2 no quic_transport_parameters', Alert.MISSING_EXTENSION, (h) => remove(h.extensions, 57));
hello('RFC 9001 §8.2 transport parameters under the draft code point', Alert.MISSING_EXTENSION, (h) => {
  const found = h.extensions.find(([code]) => code === 57);
  assert.ok(found);
  found[0] = 0xffa5;
});
hello('RFC 9001 §8.1 no ALPN', Alert.NO_APPLICATION_PROTOCOL, (h) => remove(h.extensions, 16));
hello('RFC 7301 §3.2 no protocol in common', Alert.NO_APPLICATION_PROTOCOL, (h) => {
  set(
    h.extensions,
    16,
    vector(2, join(vector(1, Uint8Array.of(0x68, 0x33)), vector(1, Uint8Array.of(0x0a, 0x0a)))),
  );
});
hello('RFC 7301 §3.1 an empty list of protocols', Alert.DECODE_ERROR, (h) =>
  set(h.extensions, 16, vector(2, EMPTY)),
);
hello('RFC 7301 §3.1 an empty protocol', Alert.DECODE_ERROR, (h) => {
  set(h.extensions, 16, vector(2, vector(1, EMPTY)));
});
hello('no group in common', Alert.HANDSHAKE_FAILURE, (h) => {
  set(h.extensions, 10, vector(2, codeBytes([0x0019, 0x2a2a])));
  set(h.extensions, 51, vector(2, EMPTY));
});
hello('RFC 8446 §4.2.8 a share of a group that is not listed', Alert.ILLEGAL_PARAMETER, (h) => {
  set(h.extensions, 10, vector(2, codeBytes([0x0017])));
});
hello('RFC 8446 §4.2.8 two shares of one group', Alert.ILLEGAL_PARAMETER, (h) => {
  set(h.extensions, 51, vector(2, join(share(0x1d, 32), share(0x1d, 32))));
});
hello('RFC 8446 §4.2.8 an empty share', Alert.DECODE_ERROR, (h) => {
  set(h.extensions, 51, vector(2, share(0x1d, 0)));
});
hello('RFC 8446 §4.2.8.2 a share of the wrong length', Alert.ILLEGAL_PARAMETER, (h) => {
  set(h.extensions, 51, vector(2, share(0x1d, 31)));
});
hello('RFC 8446 §7.4.2 an X25519 share that leads to zero', Alert.ILLEGAL_PARAMETER, (h) => {
  set(h.extensions, 51, vector(2, share(0x1d, 32, 0)));
});
hello('RFC 8446 §4.2.8.2 a P-256 share that is no point', Alert.ILLEGAL_PARAMETER, (h) => {
  set(h.extensions, 51, vector(2, share(0x17, 65, 4)));
});
hello('no signature scheme for the key of the server', Alert.HANDSHAKE_FAILURE, (h) => {
  set(h.extensions, 13, vector(2, codeBytes([0x0804, 0x0807])));
});
hello('RFC 8446 §4.2.3 only PKCS #1 schemes', Alert.HANDSHAKE_FAILURE, (h) => {
  set(h.extensions, 13, vector(2, codeBytes([0x0401, 0x0201])));
});
hello('RFC 8446 §4.2 an extension twice', Alert.ILLEGAL_PARAMETER, (h) => {
  h.extensions.push([10, vector(2, codeBytes([0x001d]))]);
});
hello('RFC 8446 §4.2 an unknown extension twice', Alert.ILLEGAL_PARAMETER, (h) => {
  h.extensions.push([0x3a3a, EMPTY], [0x3a3a, EMPTY]);
});
hello('RFC 8446 §4.2 an extension that belongs into another message', Alert.ILLEGAL_PARAMETER, (h) => {
  h.extensions.push([48, vector(2, EMPTY)]);
});
hello('more extensions than the limit', Alert.DECODE_ERROR, (h) => {
  for (let code = 0x5000; code < 0x5100; code++) h.extensions.push([code, EMPTY]);
});
hello('RFC 8446 §4.2.11 pre_shared_key before another extension', Alert.ILLEGAL_PARAMETER, (h) => {
  h.extensions.unshift([41, EMPTY]);
});
hello('RFC 8446 §4.2.9 pre_shared_key without its modes', Alert.MISSING_EXTENSION, (h) => {
  h.extensions.push([41, EMPTY]);
});
hello('RFC 6066 §3 two host names', Alert.ILLEGAL_PARAMETER, (h) => {
  set(h.extensions, 0, vector(2, join(hostName('a.example'), hostName('b.example'))));
});
hello('RFC 6066 §3 an empty host name', Alert.DECODE_ERROR, (h) => {
  set(h.extensions, 0, vector(2, hostName('')));
});
hello('RFC 6066 §3 an empty list of names', Alert.DECODE_ERROR, (h) =>
  set(h.extensions, 0, vector(2, EMPTY)),
);
hello('RFC 6066 §3 a host name with a zero byte', Alert.ILLEGAL_PARAMETER, (h) => {
  set(h.extensions, 0, vector(2, hostName('a\0.example')));
});
hello('RFC 6066 §3 a host name that is too long', Alert.ILLEGAL_PARAMETER, (h) => {
  set(h.extensions, 0, vector(2, hostName('a'.repeat(256))));
});
hello('RFC 8446 §4.2 bytes left over in an extension', Alert.DECODE_ERROR, (h) => {
  set(h.extensions, 10, join(vector(2, codeBytes([0x001d])), Uint8Array.of(0)));
});
hello('RFC 8446 §4.2 a list of codes with half a code', Alert.DECODE_ERROR, (h) => {
  set(h.extensions, 10, vector(2, Uint8Array.of(0, 0x1d, 0)));
});

// ServerHello, read by the client

serverHello('RFC 8446 §4.1.3 legacy_version other than TLS 1.2', Alert.PROTOCOL_VERSION, (h) => {
  h.version = 0x0302;
});
serverHello('RFC 8446 §4.1.3 a session id that was not sent', Alert.ILLEGAL_PARAMETER, (h) => {
  h.sessionId = new Uint8Array(32);
});
serverHello('RFC 8446 §4.1.3 a suite that was not offered', Alert.ILLEGAL_PARAMETER, (h) => {
  h.suite = 0x1305;
});
serverHello('RFC 8446 §4.1.3 compression', Alert.ILLEGAL_PARAMETER, (h) => {
  h.compression = 1;
});
serverHello('RFC 9001 §4.2 TLS 1.2', Alert.PROTOCOL_VERSION, (h) => remove(h.extensions, 43));
serverHello('RFC 8446 §4.1.3 TLS 1.2 with the mark of a downgrade', Alert.ILLEGAL_PARAMETER, (h) => {
  remove(h.extensions, 43);
  h.random.set([0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 1], 24);
});
serverHello('RFC 8446 §4.2.1 another version', Alert.ILLEGAL_PARAMETER, (h) => {
  set(h.extensions, 43, number(0x0305, 2));
});
serverHello('RFC 8446 §4.1.3 no key_share', Alert.MISSING_EXTENSION, (h) => remove(h.extensions, 51));
serverHello('RFC 8446 §4.2.8 a share of another group', Alert.ILLEGAL_PARAMETER, (h) => {
  set(h.extensions, 51, share(0x17, 65, 4));
});
serverHello('RFC 8446 §4.2.8.2 a share of the wrong length', Alert.ILLEGAL_PARAMETER, (h) => {
  set(h.extensions, 51, share(0x1d, 33));
});
serverHello('RFC 8446 §4.2 an extension twice', Alert.ILLEGAL_PARAMETER, (h) => {
  h.extensions.push([43, number(0x0304, 2)]);
});
serverHello('RFC 8446 §4.2 an extension of EncryptedExtensions', Alert.ILLEGAL_PARAMETER, (h) => {
  h.extensions.push([16, EMPTY]);
});
serverHello('RFC 8446 §4.2 an extension that nobody knows', Alert.UNSUPPORTED_EXTENSION, (h) => {
  h.extensions.push([0x4a4a, EMPTY]);
});
serverHello('RFC 8446 §4.2.11 a pre_shared_key that was not offered', Alert.UNSUPPORTED_EXTENSION, (h) => {
  h.extensions.push([41, number(0, 2)]);
});

// EncryptedExtensions

parameters('RFC 9001 §8.1 no protocol', Alert.NO_APPLICATION_PROTOCOL, (list) => remove(list, 16));
parameters('RFC 7301 §3.1 a protocol that was not offered', Alert.ILLEGAL_PARAMETER, (list) => {
  set(list, 16, vector(2, vector(1, Uint8Array.of(0x68, 0x33))));
});
parameters('RFC 7301 §3.1 two protocols', Alert.DECODE_ERROR, (list) => {
  const echo = vector(1, Uint8Array.of(0x65, 0x63, 0x68, 0x6f));
  set(list, 16, vector(2, join(echo, echo)));
});
parameters('RFC 9001 §8.2 no quic_transport_parameters', Alert.MISSING_EXTENSION, (list) => remove(list, 57));
parameters('RFC 8446 §4.3.1 an extension of ServerHello', Alert.ILLEGAL_PARAMETER, (list) => {
  list.push([51, share(0x1d, 32)]);
});
parameters('RFC 8446 §4.2 an extension that was not offered', Alert.UNSUPPORTED_EXTENSION, (list) => {
  list.push([28, number(100, 2)]);
});
parameters('RFC 8446 §4.2.10 early_data that was not offered', Alert.UNSUPPORTED_EXTENSION, (list) => {
  list.push([42, EMPTY]);
});
parameters('RFC 8446 §4.2 an extension that nobody knows', Alert.UNSUPPORTED_EXTENSION, (list) => {
  list.push([0x5a5a, EMPTY]);
});
parameters('RFC 8446 §4.2 an extension twice', Alert.ILLEGAL_PARAMETER, (list) => list.push([57, EMPTY]));
parameters('RFC 6066 §3 a server_name with contents', Alert.DECODE_ERROR, (list) => {
  list.push([0, vector(2, hostName('x'))]);
});

// Certificate and CertificateVerify of the server

certificate('RFC 8446 §4.4.2.4 an empty chain of a server', Alert.DECODE_ERROR, (parts) => {
  parts.entries = [];
});
certificate('RFC 8446 §4.4.2 a context', Alert.ILLEGAL_PARAMETER, (parts) => {
  parts.context = Uint8Array.of(1);
});
certificate('an empty certificate', Alert.DECODE_ERROR, (parts) => {
  parts.entries[0].certificate = EMPTY;
});
certificate('a chain that is too long', Alert.BAD_CERTIFICATE, (parts) => {
  while (parts.entries.length <= MAX_CERTIFICATE_CHAIN)
    parts.entries.push({ ...parts.entries[0], extensions: [] });
});
certificate('a chain of too many bytes', Alert.DECODE_ERROR, (parts) => {
  for (let n = 0; n < 8; n++) parts.entries.push({ certificate: new Uint8Array(10_000), extensions: [] });
});
certificate('a leaf that is no certificate', Alert.BAD_CERTIFICATE, (parts) => {
  parts.entries[0].certificate = Uint8Array.of(0x30, 0x00);
});
certificate(
  'RFC 8446 §4.4.2 an OCSP response that was not asked for',
  Alert.UNSUPPORTED_EXTENSION,
  (parts) => {
    parts.entries[0].extensions.push([5, join(number(1, 1), vector(3, Uint8Array.of(1)))]);
  },
);
certificate('RFC 8446 §4.2 an extension of another message', Alert.ILLEGAL_PARAMETER, (parts) => {
  parts.entries[0].extensions.push([16, EMPTY]);
});
certificate('RFC 8446 §4.4.3 the certificate of somebody else', Alert.DECRYPT_ERROR, (parts) => {
  parts.entries[0].certificate = makeTestIdentity({ names: ['somebody.example'] }).der;
});
certificate(
  'RFC 8446 §4.4.3 a certificate that the scheme does not fit',
  Alert.ILLEGAL_PARAMETER,
  (parts) => {
    parts.entries[0].certificate = makeTestIdentity({ kind: 'rsa' }).der;
  },
);

test('RFC 6066 §8 a certificate status of another kind, or none at all, is refused', () => {
  const withStatus = (body: Uint8Array): TlsPairOptions => ({
    client: { requestOcsp: true },
    rewrite: (sent) =>
      sent.type === 11
        ? editCertificate(sent.bytes, (parts) => parts.entries[0].extensions.push([5, body]))
        : undefined,
  });
  expectAlert('client', Alert.ILLEGAL_PARAMETER, withStatus(join(number(2, 1), vector(3, Uint8Array.of(1)))));
  expectAlert('client', Alert.DECODE_ERROR, withStatus(join(number(1, 1), vector(3, EMPTY))));
});

for (const side of ['server', 'client'] as const) {
  const reader = side === 'server' ? 'client' : 'server';
  const base: TlsPairOptions = {
    client: { identity: clientIdentity() },
    identity: { clientCertificate: 'require' },
  };
  const rewriting = (type: number, change: (bytes: Uint8Array) => Uint8Array): TlsPairOptions => ({
    ...base,
    rewrite: (sent) => (sent.from === side && sent.type === type ? change(sent.bytes) : undefined),
  });

  test(`RFC 8446 §4.4.3 a wrong signature of the ${side}`, () => {
    for (const at of [8, 20, -1]) {
      expectAlert(
        reader,
        Alert.DECRYPT_ERROR,
        rewriting(15, (bytes) => flip(bytes, at)),
      );
    }
  });

  test(`RFC 8446 §4.4.3 an empty signature of the ${side}`, () => {
    const empty = message(15, join(number(0x0403, 2), vector(2, EMPTY)));
    expectAlert(
      reader,
      Alert.DECRYPT_ERROR,
      rewriting(15, () => empty),
    );
  });

  test(`RFC 8446 §4.2.3 a scheme of the ${side} that was not offered, is for chains only, or does not fit`, () => {
    for (const scheme of [0x0203, 0x0401, 0x0806, 0x0503, 0x6a6a]) {
      expectAlert(
        reader,
        Alert.ILLEGAL_PARAMETER,
        rewriting(15, (bytes) => join(bytes.subarray(0, 4), number(scheme, 2), bytes.subarray(6))),
      );
    }
  });

  test(`RFC 8446 §4.4.4 a wrong Finished of the ${side}`, () => {
    for (const at of [4, 20, -1]) {
      expectAlert(
        reader,
        Alert.DECRYPT_ERROR,
        rewriting(20, (bytes) => flip(bytes, at)),
      );
    }
    for (const length of [0, 31, 33]) {
      expectAlert(
        reader,
        Alert.DECODE_ERROR,
        rewriting(20, () => message(20, new Uint8Array(length))),
      );
    }
  });

  test(`RFC 8446 §4.4.2 an extension in the certificate of the ${side} that was not asked for`, () => {
    expectAlert(
      reader,
      Alert.UNSUPPORTED_EXTENSION,
      rewriting(11, (bytes) =>
        editCertificate(bytes, (parts) => parts.entries[0].extensions.push([0x1a1a, EMPTY])),
      ),
    );
  });

  test(`RFC 8446 §4.4 a message of the ${side} left out`, () => {
    for (const type of [11, 15]) {
      expectAlert(reader, Alert.UNEXPECTED_MESSAGE, {
        ...base,
        rewrite: (sent) => (sent.from === side && sent.type === type ? null : undefined),
      });
    }
  });

  test(`RFC 9001 §6 a KeyUpdate of the ${side} at any point`, () => {
    for (const type of [11, 15, 20]) {
      expectAlert(
        reader,
        Alert.UNEXPECTED_MESSAGE,
        rewriting(type, () => message(24, Uint8Array.of(0))),
      );
    }
  });

  test(`RFC 8446 §4 an unknown message of the ${side} is refused by its first byte`, () => {
    for (const type of [0, 3, 5, 67, 254, 255]) {
      expectAlert(
        reader,
        Alert.UNEXPECTED_MESSAGE,
        rewriting(11, () => Uint8Array.of(type)),
      );
    }
  });
}

// Client certificates

test('RFC 8446 §4.4.2.4 a client without a certificate is refused where one is required', () => {
  expectAlert('server', Alert.CERTIFICATE_REQUIRED, { identity: { clientCertificate: 'require' } });
});

test('RFC 8446 §4.3.2 a CertificateRequest with a context, or without signature_algorithms, is refused', () => {
  const rewriting = (edit: Parameters<typeof editCertificateRequest>[1]): TlsPairOptions => ({
    identity: { clientCertificate: 'request' },
    rewrite: (sent) => (sent.type === 13 ? editCertificateRequest(sent.bytes, edit) : undefined),
  });
  expectAlert(
    'client',
    Alert.ILLEGAL_PARAMETER,
    rewriting((parts) => {
      parts.context = Uint8Array.of(1);
    }),
  );
  expectAlert(
    'client',
    Alert.MISSING_EXTENSION,
    rewriting((parts) => remove(parts.extensions, 13)),
  );
  expectAlert(
    'client',
    Alert.ILLEGAL_PARAMETER,
    rewriting((parts) => {
      parts.extensions.push([16, EMPTY]);
    }),
  );
  // Unknown ones are skipped; that the message was changed shows at CertificateVerify.
  expectAlert(
    'client',
    Alert.DECRYPT_ERROR,
    rewriting((parts) => {
      parts.extensions.push([0x7a7a, EMPTY]);
    }),
  );
});

// Answers that refuse

test('the refusal of a certificate is the alert of the handshake', () => {
  for (const side of ['client', 'server'] as const) {
    const refusal = new TlsAlert(Alert.CERTIFICATE_EXPIRED, 'too old', new Error('expired'));
    let thrown: unknown;
    const pair = new TlsPair({
      client: { identity: clientIdentity() },
      identity: { clientCertificate: 'request' },
      onEvent: (at, event, engine) => {
        if (at !== side || event.type !== 'verify') return undefined;
        try {
          engine.provideVerification(refusal);
        } catch (error) {
          thrown = error;
        }
        return true;
      },
    }).run();
    assert.equal(thrown, refusal);
    assert.deepEqual(pair[side].peerCertificates, []);
    assert.equal(pair[side].complete, false);
  }
});

// A message out of its place

test('RFC 9001 §8.3 EndOfEarlyData is refused at any level', () => {
  for (const level of [Level.INITIAL, Level.HANDSHAKE, Level.APPLICATION]) {
    assertRefused('server', level, message(5, EMPTY));
  }
});

test('RFC 9001 §6 a KeyUpdate after the handshake is refused on both sides and at every level', () => {
  for (const side of ['client', 'server'] as const) {
    for (const level of [Level.INITIAL, Level.HANDSHAKE, Level.APPLICATION]) {
      assertRefused(side, level, message(24, Uint8Array.of(0)));
    }
  }
});

test('RFC 9001 §4.4 a CertificateRequest after the handshake is refused', () => {
  const request = message(13, join(vector(1, Uint8Array.of(1)), vector(2, EMPTY)));
  assertRefused('client', Level.APPLICATION, request);
});

test('RFC 8446 §4.1.2 a ClientHello after the handshake is refused', () => {
  const pair = handshake();
  pair.inject('server', Level.APPLICATION, pair.messages[0].bytes);
  assert.equal(pair.alert?.error.alert, Alert.UNEXPECTED_MESSAGE);
});

test('a server refuses a ticket of a client', () => {
  assertRefused('server', Level.APPLICATION, ticketMessage());
});

test('RFC 9001 §4.1.3 data of 0-RTT, of a level that was left, or of one that was not reached is refused', () => {
  assertRefused('client', Level.EARLY, Uint8Array.of(4));
  assertRefused('client', Level.INITIAL, Uint8Array.of(2));
  assertRefused('client', Level.HANDSHAKE, Uint8Array.of(20));
  const pair = new TlsPair();
  pair.client.start();
  pair.inject('client', Level.HANDSHAKE, Uint8Array.of(8));
  assert.equal(pair.alert?.error.alert, Alert.UNEXPECTED_MESSAGE);
});

test('RFC 8446 §5.1 a message that goes on across a key change is refused', () => {
  const trailing: [Side, number, number][] = [
    ['client', 1, Alert.UNEXPECTED_MESSAGE],
    ['server', 2, Alert.UNEXPECTED_MESSAGE],
    ['server', 20, Alert.UNEXPECTED_MESSAGE],
    ['client', 20, Alert.UNEXPECTED_MESSAGE],
  ];
  for (const [from, type, alert] of trailing) {
    for (const extra of [Uint8Array.of(8), message(24, Uint8Array.of(0)), message(8, vector(2, EMPTY))]) {
      expectAlert(from === 'client' ? 'server' : 'client', alert, {
        rewrite: (sent) => (sent.from === from && sent.type === type ? join(sent.bytes, extra) : undefined),
      });
    }
  }
});

test('a hello longer than the limit is refused by its header', () => {
  for (const type of [1]) {
    const pair = new TlsPair();
    pair.inject('server', Level.INITIAL, Uint8Array.of(type, 0, 0x40, 0x01));
    assert.equal(pair.alert?.error.alert, Alert.DECODE_ERROR);
  }
});

test('RFC 8446 §6 every message cut short inside is a decode_error', () => {
  const options: TlsPairOptions = {
    client: { identity: clientIdentity() },
    identity: { clientCertificate: 'require' },
  };
  for (const { from, type, bytes } of handshake(options).messages) {
    const side = from === 'client' ? 'server' : 'client';
    const shorter = message(type, bytes.subarray(4, bytes.length - 1));
    const longer = message(type, join(bytes.subarray(4), Uint8Array.of(0)));
    for (const changed of [shorter, longer, message(type, EMPTY)]) {
      expectAlert(side, Alert.DECODE_ERROR, {
        ...options,
        rewrite: (sent) => (sent.from === from && sent.type === type ? changed : undefined),
      });
    }
  }
});

function hello(what: string, alert: number, edit: (hello: ClientHelloParts) => void): void {
  test(`${what} is refused with ${alertName(alert)}`, () => {
    expectAlert('server', alert, {
      rewrite: (sent) => (sent.type === 1 ? editClientHello(sent.bytes, edit) : undefined),
    });
  });
}

function serverHello(what: string, alert: number, edit: (hello: ServerHelloParts) => void): void {
  test(`${what} in ServerHello is refused with ${alertName(alert)}`, () => {
    expectAlert('client', alert, {
      rewrite: (sent) => (sent.type === 2 ? editServerHello(sent.bytes, edit) : undefined),
    });
  });
}

function parameters(what: string, alert: number, edit: (list: ExtensionList) => void): void {
  test(`${what} in EncryptedExtensions is refused with ${alertName(alert)}`, () => {
    expectAlert('client', alert, {
      rewrite: (sent) => (sent.type === 8 ? editExtensions(sent.bytes, edit) : undefined),
    });
  });
}

function certificate(what: string, alert: number, edit: (parts: CertificateParts) => void): void {
  test(`${what} is refused with ${alertName(alert)}`, () => {
    expectAlert('client', alert, {
      rewrite: (sent) => (sent.type === 11 ? editCertificate(sent.bytes, edit) : undefined),
    });
  });
}

function assertRefused(side: Side, level: Level, bytes: Uint8Array): void {
  const pair = handshake();
  pair.inject(side, level, bytes);
  assert.equal(pair.alert?.side, side);
  assert.equal(pair.alert?.error.alert, Alert.UNEXPECTED_MESSAGE);
}

function set(list: ExtensionList, code: number, body: Uint8Array): void {
  const found = list.find(([candidate]) => candidate === code);
  assert.ok(found, `the message has extension ${code}`);
  found[1] = body;
}

function remove(list: ExtensionList, code: number): void {
  const at = list.findIndex(([candidate]) => candidate === code);
  assert.ok(at >= 0, `the message has extension ${code}`);
  list.splice(at, 1);
}

function share(group: number, length: number, fill = 9): Uint8Array {
  return join(number(group, 2), vector(2, new Uint8Array(length).fill(fill)));
}

function hostName(name: string): Uint8Array {
  return join(
    number(0, 1),
    vector(
      2,
      Uint8Array.from(name, (character) => character.charCodeAt(0)),
    ),
  );
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at < 0 ? bytes.length + at : at] ^= 0x01;
  return changed;
}

function clientIdentity() {
  const made = makeTestIdentity({ names: ['client.example'] });
  return { certificates: made.certificates, key: nodeProvider.privateKeyFrom(made.keyPem) };
}
