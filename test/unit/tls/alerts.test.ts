/** What each side does with a peer that breaks the rules after the hellos: every case by its own alert. */
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
  type ExtensionList,
  editCertificate,
  editCertificateRequest,
  editExtensions,
  flipBit,
  hostName,
  join,
  keyShare,
  message,
  number,
  removeExtension,
  setExtension,
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

// EncryptedExtensions

parameters('RFC 9001 §8.1 no protocol', Alert.NO_APPLICATION_PROTOCOL, (list) => removeExtension(list, 16));
parameters('RFC 7301 §3.1 a protocol that was not offered', Alert.ILLEGAL_PARAMETER, (list) => {
  setExtension(list, 16, vector(2, vector(1, Uint8Array.of(0x68, 0x33))));
});
parameters('RFC 7301 §3.1 two protocols', Alert.DECODE_ERROR, (list) => {
  const echo = vector(1, Uint8Array.of(0x65, 0x63, 0x68, 0x6f));
  setExtension(list, 16, vector(2, join(echo, echo)));
});
parameters('RFC 9001 §8.2 no quic_transport_parameters', Alert.MISSING_EXTENSION, (list) =>
  removeExtension(list, 57),
);
parameters('RFC 8446 §4.3.1 an extension of ServerHello', Alert.ILLEGAL_PARAMETER, (list) => {
  list.push([51, keyShare(0x1d, 32)]);
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
        rewriting(15, (bytes) => flipBit(bytes, at)),
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
        rewriting(20, (bytes) => flipBit(bytes, at)),
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
    rewriting((parts) => removeExtension(parts.extensions, 13)),
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

function clientIdentity() {
  const made = makeTestIdentity({ names: ['client.example'] });
  return { certificates: made.certificates, key: nodeProvider.privateKeyFrom(made.keyPem) };
}
