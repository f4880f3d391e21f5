import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Certificate } from '../../../src/pki/certificate.ts';
import { certificateMatchesHost, dnsNameMatches, normalizeHostName } from '../../../src/pki/host-name.ts';
import { ipAddressBytes } from '../../../src/pki/ip-address.ts';
import { makeTestIdentity } from '../../support/certificates.ts';

/** Pattern in the certificate, host asked for, whether they match, why. */
const TABLE: readonly (readonly [string, string, boolean, string])[] = [
  ['example.com', 'example.com', true, 'the same'],
  ['EXAMPLE.com', 'example.COM', true, 'case does not count'],
  ['example.com', 'example.com.', true, 'the trailing dot of a full name'],
  ['example.com.', 'example.com', false, 'no trailing dot in certificates'],
  ['example.com', 'example.com..', false, 'an empty label'],
  ['example.com', 'www.example.com', false, 'a subdomain'],
  ['www.example.com', 'example.com', false, 'the parent'],
  ['example.com', 'notexample.com', false, 'a longer label'],
  ['localhost', 'localhost', true, 'a single label'],
  ['*.example.com', 'www.example.com', true, 'RFC 9525 §6.3 a whole leftmost label'],
  ['*.EXAMPLE.com', 'www.example.com', true, 'case does not count below a wildcard'],
  ['*.example.com', 'xn--bcher-kva.example.com', true, 'an A-label is one label'],
  ['*.example.com', 'example.com', false, 'a wildcard is not empty'],
  ['*.example.com', '.example.com', false, 'an empty label is no name'],
  ['*.example.com', 'a.b.example.com', false, 'a wildcard does not cross dots'],
  ['*.example.com', 'www.example.org', false, 'another parent'],
  ['w*.example.com', 'www.example.com', false, 'RFC 9525 §6.3 no partial wildcard'],
  ['*w.example.com', 'www.example.com', false, 'no partial wildcard at the end'],
  ['w*w.example.com', 'www.example.com', false, 'no partial wildcard in the middle'],
  ['www.*.com', 'www.example.com', false, 'only leftmost'],
  ['*.*.com', 'www.example.com', false, 'only one'],
  ['*', 'localhost', false, 'a wildcard alone'],
  ['*.com', 'example.com', false, 'a wildcard below one label'],
  ['*.', 'example.com', false, 'a wildcard below nothing'],
  ['*.example.com', '*.example.com', false, 'a wildcard is no host'],
  ['xn--bcher-kva.example', 'bücher.example', true, 'a Unicode host in A-labels'],
  ['xn--bcher-kva.example', 'BÜCHER.example', true, 'Unicode case'],
  ['1.2.3.4', '1.2.3.4', false, 'an address as a DNS name'],
  ['*.2.3.4', '1.2.3.4', false, 'an address below a wildcard'],
  ['exa_mple.com', 'exa_mple.com', true, 'an underscore, which names in use have'],
  ['example.com\0.evil.test', 'example.com', false, 'a NUL in the pattern'],
  ['example.com', 'example.com\0.evil.test', false, 'a NUL in the host'],
  ['example.com', 'example%2ecom', false, 'percent signs are not decoded'],
  ['example.com', '', false, 'no host'],
  ['', '', false, 'nothing'],
];

describe('dnsNameMatches', () => {
  for (const [pattern, host, expected, why] of TABLE) {
    it(`C21 ${JSON.stringify(pattern)} ${expected ? 'covers' : 'does not cover'} ${JSON.stringify(host)}: ${why}`, () => {
      assert.equal(dnsNameMatches(pattern, host), expected);
    });
  }
});

describe('certificateMatchesHost', () => {
  const matches = (names: readonly string[], host: string, subject = 'nobody'): boolean =>
    certificateMatchesHost(Certificate.parse(makeTestIdentity({ names, subject }).der), host);

  it('looks at every alternative name', () => {
    assert.equal(matches(['a.test', 'b.test', '*.c.test'], 'x.c.test'), true);
    assert.equal(matches(['a.test', 'b.test'], 'c.test'), false);
  });

  it('RFC 9525 §2 never falls back to the common name', () => {
    assert.equal(matches([], 'cn.test', 'cn.test'), false);
    assert.equal(matches(['email:a@b.test'], 'cn.test', 'cn.test'), false);
  });

  it('compares IP addresses byte by byte', () => {
    assert.equal(matches(['127.0.0.1'], '127.0.0.1'), true);
    assert.equal(matches(['127.0.0.1'], '127.0.0.2'), false);
    assert.equal(matches(['::1'], '::1'), true);
    assert.equal(matches(['::1'], '[::1]'), true);
    assert.equal(matches(['2001:db8::1'], '2001:0DB8:0:0::0:1'), true);
    assert.equal(matches(['127.0.0.1'], '::ffff:127.0.0.1'), false);
    assert.equal(matches(['0.0.0.1'], '::1'), false);
  });

  it('keeps names and addresses apart', () => {
    assert.equal(matches(['dns:127.0.0.1'], '127.0.0.1'), false);
    assert.equal(matches(['dns:*.0.0.1'], '127.0.0.1'), false);
    assert.equal(matches(['localhost'], '127.0.0.1'), false);
  });
});

describe('normalizeHostName', () => {
  it('gives lower case A-labels and refuses what is no host name', () => {
    assert.equal(normalizeHostName('Straße.Example.'), 'xn--strae-oqa.example');
    for (const bad of [
      'a b',
      'a/b',
      'a:1',
      'user@host',
      '-a.test',
      'a-.test',
      `${'a'.repeat(64)}.test`,
      '1.2.3.4',
    ]) {
      assert.equal(normalizeHostName(bad), null, bad);
    }
    assert.equal(normalizeHostName(`${'a.'.repeat(127)}a`), null);
  });
});

describe('ipAddressBytes', () => {
  const TEXTS: readonly (readonly [string, string | null])[] = [
    ['1.2.3.4', '01020304'],
    ['[1.2.3.4]', null],
    ['1.2.3', null],
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['1::', `0001${'00'.repeat(14)}`],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1:2::7:8', '00010002000000000000000000070008'],
    ['::ffff:1.2.3.4', '00000000000000000000ffff01020304'],
    ['[fe80::1]', 'fe800000000000000000000000000001'],
    ['fe80::1%eth0', null],
    ['example.com', null],
  ];
  for (const [text, hex] of TEXTS) {
    it(`reads ${text} as ${hex}`, () => {
      const bytes = ipAddressBytes(text);
      assert.equal(bytes === null ? null : Buffer.from(bytes).toString('hex'), hex);
    });
  }
});
