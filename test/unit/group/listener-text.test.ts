import assert from 'node:assert/strict';
import test from 'node:test';
import { parseListener } from '../../../src/group.ts';

const READ: readonly (readonly [string, object])[] = [
  ['tcp://127.0.0.1:8080', { kind: 'tcp', address: '127.0.0.1', port: 8080 }],
  ['tcp://[::1]:0', { kind: 'tcp', address: '::1', port: 0 }],
  ['tcp://*:80', { kind: 'tcp', port: 80 }],
  [
    'tls://0.0.0.0:853?cert=a%20b.pem&key=k.pem&alpn=dot,test&requestCert&ca=roots.pem',
    {
      kind: 'tls',
      address: '0.0.0.0',
      port: 853,
      cert: 'a b.pem',
      key: 'k.pem',
      alpn: ['dot', 'test'],
      requestCert: true,
      ca: 'roots.pem',
    },
  ],
  [
    'quic://[2001:DB8::1]:4433?cert=c&key=k&alpn=echo&retry=true',
    {
      kind: 'quic',
      address: '2001:db8::1',
      port: 4433,
      cert: 'c',
      key: 'k',
      alpn: ['echo'],
      addressValidation: 'always',
    },
  ],
  ['quic://*:1?retry=false', { kind: 'quic', port: 1 }],
  ['unix:/run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
  ['unix:///run/x.sock?force', { kind: 'unix', path: '/run/x.sock', force: true }],
  ['unix:a%3fb.sock?mode=600&force=true', { kind: 'unix', path: 'a?b.sock', mode: 0o600, force: true }],
];

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['', /begins with no kind of listener; allowed are tcp:/],
  ['http://127.0.0.1:80', /begins with no kind/],
  ['TCP://127.0.0.1:80', /begins with no kind/],
  ['tcp:127.0.0.1:80', /after tcp comes :\/\//],
  ['tcp://127.0.0.1', /"127\.0\.0\.1" is no IP address with a port; allowed are 127\.0\.0\.1:80/],
  ['tcp://localhost:80', /"localhost:80" is no IP address/],
  ['tcp://::1:80', /is no IP address/],
  ['tcp://127.0.0.1:65536', /is no IP address with a port/],
  ['tcp://*:65536', /is no IP address with a port/],
  ['tcp://127.0.0.1:80?cert=x', /tcp has no option "cert"; allowed are none/],
  ['tls://127.0.0.1:80?constructor=x', /tls has no option "constructor"; allowed are cert, key, ca, alpn/],
  ['tls://127.0.0.1:80?cert', /the option "cert" must be the path of a file/],
  ['tls://127.0.0.1:80?alpn=', /the option "alpn" must be names with commas between/],
  ['quic://127.0.0.1:80?retry=yes', /the option "retry" must be true or false/],
  ['unix:', /it has no path; allowed is unix:/],
  ['unix:a%00b', /it has no path/],
  ['unix:%zz', /"%zz" is no percent-encoded text/],
  ['unix:x?mode=rw', /the option "mode" must be three octal digits/],
];

for (const [text, target] of READ) {
  test(`G3 "${text}" is read`, () => assert.deepEqual(parseListener(text), target));
}

for (const [text, message] of REFUSED) {
  test(`G3 "${text}" is refused with a reason`, () => {
    assert.throws(() => parseListener(text), { code: 'ERR_QUIC_LISTENER_SPECIFICATION', message });
  });
}

test('G3 any text gives a target or the one error', () => {
  const alphabet = 'tcplsquinx:/?&=%[]*.0123 \0é';
  let seed = 1;
  for (let i = 0; i < 20_000; i++) {
    let text = ['', 'tcp://', 'tls://', 'unix:', 'quic://'][i % 5] as string;
    for (let n = 0; n < 12; n++) {
      seed = (seed * 48271) % 2147483647;
      text += alphabet[seed % alphabet.length];
    }
    try {
      parseListener(text);
    } catch (error) {
      assert.equal((error as { code: string }).code, 'ERR_QUIC_LISTENER_SPECIFICATION', text);
    }
  }
});

test('G3 what is no text is a wrong argument', () => {
  for (const value of [undefined, null, 5, Symbol('tcp')]) {
    assert.throws(() => parseListener(value as never), { code: 'ERR_INVALID_ARG_TYPE' });
  }
});
