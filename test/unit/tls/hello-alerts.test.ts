/** Hellos that break the rules: every case by its own alert. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Alert, alertName } from '../../../src/tls/alerts.ts';
import {
  type ClientHelloParts,
  codeBytes,
  editClientHello,
  editServerHello,
  hostName,
  join,
  keyShare,
  number,
  removeExtension,
  type ServerHelloParts,
  setExtension,
  vector,
} from '../../support/tls-messages.ts';
import { expectAlert } from '../../support/tls-pair.ts';

const EMPTY = new Uint8Array(0);

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
  setExtension(h.extensions, 43, vector(1, codeBytes([0x0303, 0x0302])));
});
hello('RFC 8446 §4.2.1 no supported_versions', Alert.PROTOCOL_VERSION, (h) =>
  removeExtension(h.extensions, 43),
);
hello('RFC 8446 §4.2.1 an empty list of versions', Alert.DECODE_ERROR, (h) => {
  setExtension(h.extensions, 43, vector(1, EMPTY));
});
hello('RFC 8446 §9.2 no supported_groups', Alert.MISSING_EXTENSION, (h) => removeExtension(h.extensions, 10));
hello('RFC 8446 §9.2 no key_share', Alert.MISSING_EXTENSION, (h) => removeExtension(h.extensions, 51));
hello('RFC 8446 §9.2 no signature_algorithms', Alert.MISSING_EXTENSION, (h) =>
  removeExtension(h.extensions, 13),
);
hello('RFC 9001 §8.2 no quic_transport_parameters', Alert.MISSING_EXTENSION, (h) =>
  removeExtension(h.extensions, 57),
);
hello('RFC 9001 §8.2 transport parameters under the draft code point', Alert.MISSING_EXTENSION, (h) => {
  const found = h.extensions.find(([code]) => code === 57);
  assert.ok(found);
  found[0] = 0xffa5;
});
hello('RFC 9001 §8.1 no ALPN', Alert.NO_APPLICATION_PROTOCOL, (h) => removeExtension(h.extensions, 16));
hello('RFC 7301 §3.2 no protocol in common', Alert.NO_APPLICATION_PROTOCOL, (h) => {
  setExtension(
    h.extensions,
    16,
    vector(2, join(vector(1, Uint8Array.of(0x68, 0x33)), vector(1, Uint8Array.of(0x0a, 0x0a)))),
  );
});
hello('RFC 7301 §3.1 an empty list of protocols', Alert.DECODE_ERROR, (h) =>
  setExtension(h.extensions, 16, vector(2, EMPTY)),
);
hello('RFC 7301 §3.1 an empty protocol', Alert.DECODE_ERROR, (h) => {
  setExtension(h.extensions, 16, vector(2, vector(1, EMPTY)));
});
hello('no group in common', Alert.HANDSHAKE_FAILURE, (h) => {
  setExtension(h.extensions, 10, vector(2, codeBytes([0x0019, 0x2a2a])));
  setExtension(h.extensions, 51, vector(2, EMPTY));
});
hello('RFC 8446 §4.2.8 a share of a group that is not listed', Alert.ILLEGAL_PARAMETER, (h) => {
  setExtension(h.extensions, 10, vector(2, codeBytes([0x0017])));
});
hello('RFC 8446 §4.2.8 two shares of one group', Alert.ILLEGAL_PARAMETER, (h) => {
  setExtension(h.extensions, 51, vector(2, join(keyShare(0x1d, 32), keyShare(0x1d, 32))));
});
hello('RFC 8446 §4.2.8 an empty share', Alert.DECODE_ERROR, (h) => {
  setExtension(h.extensions, 51, vector(2, keyShare(0x1d, 0)));
});
hello('RFC 8446 §4.2.8.2 a share of the wrong length', Alert.ILLEGAL_PARAMETER, (h) => {
  setExtension(h.extensions, 51, vector(2, keyShare(0x1d, 31)));
});
hello('RFC 8446 §7.4.2 an X25519 share that leads to zero', Alert.ILLEGAL_PARAMETER, (h) => {
  setExtension(h.extensions, 51, vector(2, keyShare(0x1d, 32, 0)));
});
hello('RFC 8446 §4.2.8.2 a P-256 share that is no point', Alert.ILLEGAL_PARAMETER, (h) => {
  setExtension(h.extensions, 51, vector(2, keyShare(0x17, 65, 4)));
});
hello('no signature scheme for the key of the server', Alert.HANDSHAKE_FAILURE, (h) => {
  setExtension(h.extensions, 13, vector(2, codeBytes([0x0804, 0x0807])));
});
hello('RFC 8446 §4.2.3 only PKCS #1 schemes', Alert.HANDSHAKE_FAILURE, (h) => {
  setExtension(h.extensions, 13, vector(2, codeBytes([0x0401, 0x0201])));
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
  setExtension(h.extensions, 0, vector(2, join(hostName('a.example'), hostName('b.example'))));
});
hello('RFC 6066 §3 an empty host name', Alert.DECODE_ERROR, (h) => {
  setExtension(h.extensions, 0, vector(2, hostName('')));
});
hello('RFC 6066 §3 an empty list of names', Alert.DECODE_ERROR, (h) =>
  setExtension(h.extensions, 0, vector(2, EMPTY)),
);
hello('RFC 6066 §3 a host name with a zero byte', Alert.ILLEGAL_PARAMETER, (h) => {
  setExtension(h.extensions, 0, vector(2, hostName('a\0.example')));
});
hello('RFC 6066 §3 a host name that is too long', Alert.ILLEGAL_PARAMETER, (h) => {
  setExtension(h.extensions, 0, vector(2, hostName('a'.repeat(256))));
});
hello('RFC 8446 §4.2 bytes left over in an extension', Alert.DECODE_ERROR, (h) => {
  setExtension(h.extensions, 10, join(vector(2, codeBytes([0x001d])), Uint8Array.of(0)));
});
hello('RFC 8446 §4.2 a list of codes with half a code', Alert.DECODE_ERROR, (h) => {
  setExtension(h.extensions, 10, vector(2, Uint8Array.of(0, 0x1d, 0)));
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
serverHello('RFC 9001 §4.2 TLS 1.2', Alert.PROTOCOL_VERSION, (h) => removeExtension(h.extensions, 43));
serverHello('RFC 8446 §4.1.3 TLS 1.2 with the mark of a downgrade', Alert.ILLEGAL_PARAMETER, (h) => {
  removeExtension(h.extensions, 43);
  h.random.set([0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 1], 24);
});
serverHello('RFC 8446 §4.2.1 another version', Alert.ILLEGAL_PARAMETER, (h) => {
  setExtension(h.extensions, 43, number(0x0305, 2));
});
serverHello('RFC 8446 §4.1.3 no key_share', Alert.MISSING_EXTENSION, (h) =>
  removeExtension(h.extensions, 51),
);
serverHello('RFC 8446 §4.2.8 a share of another group', Alert.ILLEGAL_PARAMETER, (h) => {
  setExtension(h.extensions, 51, keyShare(0x17, 65, 4));
});
serverHello('RFC 8446 §4.2.8.2 a share of the wrong length', Alert.ILLEGAL_PARAMETER, (h) => {
  setExtension(h.extensions, 51, keyShare(0x1d, 33));
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
