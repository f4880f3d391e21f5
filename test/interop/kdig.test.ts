/**
 * The DNS example answers kdig (Debian's knot-dnsutils) over QUIC, TLS and TCP, all the same. Skipped where kdig is
 * missing and cannot be installed.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { type RunningExample, startExample } from '../support/examples.ts';
import { findProgram, needPackages } from './peers/build.ts';

const TRANSPORTS = { tcp: '+tcp', tls: '+tls', quic: '+quic' } as const;

const QUESTIONS: readonly (readonly [string, RegExp])[] = [
  [
    'quay.example SOA',
    /status: NOERROR[\s\S]*SOA\tns\.quay\.example\. hostmaster\.quay\.example\. 2026010101/,
  ],
  ['quay.example AAAA', /status: NOERROR[\s\S]*AAAA\t2001:db8::80/],
  ['QUAY.example MX', /status: NOERROR[\s\S]*MX\t10 mail\.quay\.example\./],
  ['www.quay.example A', /CNAME\tquay\.example\.[\s\S]*A\t192\.0\.2\.80/],
  ['large.quay.example TXT', /text number 0 [\s\S]*text number 99 /],
  ['quay.example PTR', /status: NOERROR[\s\S]*AUTHORITY SECTION[\s\S]*SOA/],
  ['nobody.quay.example A', /status: NXDOMAIN[\s\S]*AUTHORITY SECTION[\s\S]*SOA/],
  ['example.com A', /status: REFUSED/],
];

test('kdig gets the same answers over QUIC, TLS and TCP', async (t) => {
  if (!(await hasKdig())) return t.skip('kdig is not installed and cannot be');
  const example = await startExample(t, 'dns/server.js');
  for (const [question, expected] of QUESTIONS) {
    const answers = await Promise.all(kinds.map((kind) => kdig(example, kind, question)));
    for (const answer of answers) {
      assert.match(answer, expected, question);
      assert.equal(sameInAll(answer), sameInAll(answers[0] ?? ''), question);
    }
  }
});

test('kdig verifies the certificate of the example over TLS and QUIC', async (t) => {
  if (!(await hasKdig())) return t.skip('kdig is not installed and cannot be');
  const example = await startExample(t, 'dns/server.js');
  const ca = `+tls-ca=${join(example.cwd, '.quayside', 'dev-cert.pem')}`;
  for (const kind of ['tls', 'quic'] as const) {
    const verified = await kdig(example, kind, 'quay.example A', [ca, '+tls-hostname=localhost']);
    assert.match(verified, /A\t192\.0\.2\.80/);
    const elsewhere = [ca, '+tls-hostname=elsewhere.test', '+retry=0'];
    await assert.rejects(kdig(example, kind, 'quay.example A', elsewhere));
  }
});

test('RFC 9250 §4.2 many questions of kdig over kept connections are all answered', async (t) => {
  if (!(await hasKdig())) return t.skip('kdig is not installed and cannot be');
  const example = await startExample(t, 'dns/server.js');
  for (const kind of kinds) {
    const answers = await kdig(example, kind, '-q quay.example -t A '.repeat(20), ['+keepopen']);
    assert.equal(answers.match(/A\t192\.0\.2\.80/g)?.length, 20, kind);
  }
});

const kinds = Object.keys(TRANSPORTS) as (keyof typeof TRANSPORTS)[];

/** Asks for names; `options` are about certificates. */
async function kdig(
  example: RunningExample,
  kind: keyof typeof TRANSPORTS,
  names: string,
  options: readonly string[] = [],
): Promise<string> {
  const { address, port } = example.addresses.get(kind) as { address: string; port: number };
  const place = [`@${address}`, '-p', String(port)];
  // The transport comes after options about certificates, which choose TLS.
  const words = [...place, ...options, TRANSPORTS[kind], ...names.trim().split(/\s+/)];
  const { stdout } = await run('kdig', words, { timeout: 30_000 });
  return stdout;
}

/** Header, question and records; not the id, the padding and the lines about the transport. */
function sameInAll(answer: string): string {
  return answer
    .replace(/; id: \d+/, '')
    .split('\n')
    .filter((line) => !/^;; (QUIC|TLS|Received|Time|From|PADDING|EDNS|Version)/.test(line))
    .filter((line) => line !== '')
    .map((line) => line.replace(/ADDITIONAL: \d/, ''))
    .join('\n');
}

async function hasKdig(): Promise<boolean> {
  const found = (): boolean => findProgram('kdig') !== null;
  await needPackages([{ name: 'knot-dnsutils', found }]).catch(() => {});
  return found();
}

const run = promisify(execFile);
