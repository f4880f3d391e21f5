/** Compressed certificates in both directions, and what must not be swallowed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import type { CryptoProvider } from '../../../src/crypto/provider.ts';
import { Alert } from '../../../src/tls/alerts.ts';
import { makeTestIdentity } from '../../support/certificates.ts';
import { editClientHello, join, message, number, setExtension, vector } from '../../support/tls-messages.ts';
import { expectAlert, handshake, type TlsPair, type TlsPairOptions } from '../../support/tls-pair.ts';

const ZLIB = 1;
const BROTLI = 2;
const CERTIFICATE = 11;
const COMPRESSED = 25;

test('RFC 8879 §4 a server compresses with the first algorithm of its list that the client offers', () => {
  const plainSize = certificateOf(handshake(), 'server').length;
  const cases = [
    { client: [ZLIB, BROTLI], server: [BROTLI, ZLIB], expected: BROTLI },
    { client: [ZLIB, BROTLI], server: [ZLIB], expected: ZLIB },
    { client: [ZLIB], server: [BROTLI, ZLIB], expected: ZLIB },
  ];
  for (const { client, server, expected } of cases) {
    const pair = handshake(algorithms(client, server));
    const sent = certificateOf(pair, 'server');
    assert.equal(sent[0], COMPRESSED);
    assert.equal(sent[5], expected);
    assert.ok(sent.length < plainSize);
    assert.deepEqual(pair.client.peerCertificates, makeTestIdentity().certificates);
    assert.deepEqual(pair.of('client', 'verify')[0].certificates, makeTestIdentity().certificates);
  }
});

test('RFC 8879 §3 certificates go as they are unless both sides have an algorithm in common that is at hand', () => {
  const { compressions, compress, decompress, ...without } = nodeProvider;
  assert.ok(compressions && compress && decompress);
  const bare = without as CryptoProvider;
  for (const options of [
    {},
    algorithms([BROTLI], []),
    algorithms([], [BROTLI]),
    algorithms([BROTLI], [ZLIB]),
    algorithms([3], [3]),
    algorithms([ZLIB], [ZLIB], { provider: bare }),
  ]) {
    const pair = handshake(options);
    assert.equal(certificateOf(pair, 'server')[0], CERTIFICATE);
  }
});

test('RFC 8879 §4 a client compresses its certificate if the server asks', () => {
  const made = makeTestIdentity({ kind: 'ed25519', names: ['client.example'] });
  const identity = { certificates: made.certificates, key: nodeProvider.privateKeyFrom(made.keyPem) };
  for (const [server, expected] of [
    [[ZLIB], COMPRESSED],
    [[], CERTIFICATE],
  ] as const) {
    const pair = handshake({
      client: { identity, certificateCompression: [ZLIB] },
      server: { certificateCompression: server },
      identity: { clientCertificate: 'require' },
    });
    assert.equal(certificateOf(pair, 'client')[0], expected);
    assert.deepEqual(pair.server.peerCertificates, made.certificates);
  }
});

test('RFC 8879 §4 what was compressed once is sent again, and an OCSP response is not forgotten over it', () => {
  let compressed = 0;
  const counting: CryptoProvider = {
    ...nodeProvider,
    compress: (algorithm, bytes) => {
      compressed++;
      return nodeProvider.compress?.(algorithm, bytes) ?? bytes;
    },
  };
  const certificates = makeTestIdentity().certificates.slice();
  const options = (requestOcsp: boolean): TlsPairOptions => ({
    client: { certificateCompression: [ZLIB], requestOcsp },
    server: { certificateCompression: [ZLIB], provider: counting },
    identity: { certificates, ocspResponse: Uint8Array.of(4, 5, 6) },
  });
  for (const ocsp of [false, false, true, true]) {
    const pair = handshake(options(ocsp));
    const [verify] = pair.of('client', 'verify');
    assert.deepEqual(verify.ocspResponse, ocsp ? Uint8Array.of(4, 5, 6) : null);
  }
  assert.equal(compressed, 2);
});

test('RFC 8879 §5 a bomb is refused before it is unpacked: a length above the limit, or more than the length said', () => {
  const bomb = deflateSync(new Uint8Array(50_000_000));
  let longest = 0;
  const watching: CryptoProvider = {
    ...nodeProvider,
    decompress: (algorithm, bytes, limit) => {
      const plain = nodeProvider.decompress?.(algorithm, bytes, limit) ?? null;
      longest = Math.max(longest, limit, plain?.length ?? 0);
      return plain;
    },
  };
  for (const [length, expected] of [
    [0xffffff, 0],
    [65_536, 65_536],
    [100, 100],
  ]) {
    longest = 0;
    expectAlert('client', Alert.BAD_CERTIFICATE, replaced(ZLIB, length, bomb, watching));
    assert.equal(longest, expected);
  }
});

test('RFC 8879 §4 a wrong length, damage, an algorithm that was not offered and malformed messages are refused', () => {
  const original = certificateOf(handshake(), 'server').subarray(4);
  const good = deflateSync(original);
  const changed = Uint8Array.from(good);
  changed[5] ^= 0xff;
  handshakeGoesOn(replaced(ZLIB, original.length, good));
  expectAlert('client', Alert.BAD_CERTIFICATE, replaced(ZLIB, original.length + 1, good));
  expectAlert('client', Alert.BAD_CERTIFICATE, replaced(ZLIB, original.length - 1, good));
  expectAlert('client', Alert.BAD_CERTIFICATE, replaced(ZLIB, original.length, changed));
  expectAlert('client', Alert.BAD_CERTIFICATE, replaced(ZLIB, original.length, good.subarray(0, -6)));
  expectAlert('client', Alert.BAD_CERTIFICATE, replaced(ZLIB, 0, good));
  expectAlert('client', Alert.ILLEGAL_PARAMETER, replaced(BROTLI, original.length, good));
  expectAlert('client', Alert.DECODE_ERROR, replaced(ZLIB, original.length, new Uint8Array(0)));
  const inner = deflateSync(Uint8Array.of(1, 2, 3));
  expectAlert('client', Alert.DECODE_ERROR, replaced(ZLIB, 3, inner));
});

test('RFC 8879 §3 a compressed certificate that nobody asked for is an unexpected message', () => {
  const good = deflateSync(certificateOf(handshake(), 'server').subarray(4));
  const options = replaced(ZLIB, 10, good);
  expectAlert('client', Alert.UNEXPECTED_MESSAGE, {
    ...options,
    client: { certificateCompression: [] },
  });
});

test('RFC 8879 §3 an empty or odd list of algorithms is refused', () => {
  for (const body of [[0], [1, 0], [3, 0, 1, 0], [2, 0, 1, 9]]) {
    expectAlert('server', Alert.DECODE_ERROR, {
      ...algorithms([ZLIB], [ZLIB]),
      rewrite: (sent) =>
        sent.type === 1
          ? editClientHello(sent.bytes, (hello) => setExtension(hello.extensions, 27, Uint8Array.from(body)))
          : undefined,
    });
  }
});

function algorithms(
  client: readonly number[],
  server: readonly number[],
  both: { provider?: CryptoProvider } = {},
): TlsPairOptions {
  return {
    client: { certificateCompression: client, ...both },
    server: { certificateCompression: server, ...both },
  };
}

/** A server whose certificate arrives as this compressed one. */
function replaced(
  algorithm: number,
  length: number,
  compressed: Uint8Array,
  provider: CryptoProvider = nodeProvider,
): TlsPairOptions {
  const body = join(number(algorithm, 2), number(length, 3), vector(3, compressed));
  return {
    client: { certificateCompression: [ZLIB], provider },
    rewrite: (sent) => (sent.type === CERTIFICATE ? message(COMPRESSED, body) : undefined),
  };
}

/** The certificate was read; the signature is over another transcript. */
function handshakeGoesOn(options: TlsPairOptions): void {
  expectAlert('client', Alert.DECRYPT_ERROR, options);
}

function certificateOf(pair: TlsPair, from: 'client' | 'server'): Uint8Array {
  const found = pair.messages.find(
    (sent) => sent.from === from && (sent.type === CERTIFICATE || sent.type === COMPRESSED),
  );
  assert.ok(found);
  return found.bytes;
}
