/** Hostile handshakes: whatever arrives, an engine throws nothing but `TlsAlert`, and never finds a fault of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import type { RandomSource } from '../../../src/crypto/provider.ts';
import { seededRandom } from '../../../src/crypto/random.ts';
import { Alert, TlsAlert } from '../../../src/tls/alerts.ts';
import {
  decodeCertificate,
  decodeCertificateRequest,
  decodeCertificateVerify,
  decodeEncryptedExtensions,
  decodeNewSessionTicket,
} from '../../../src/tls/authentication-codec.ts';
import { decompressCertificate } from '../../../src/tls/certificate-compression.ts';
import {
  decodeClientHello,
  decodeHelloRetryRequest,
  decodeServerHello,
} from '../../../src/tls/hello-codec.ts';
import { Level } from '../../../src/tls/level.ts';
import { decodeOfferedPsks } from '../../../src/tls/psk-codec.ts';
import { pskTable } from '../../../src/tls/psk-selection.ts';
import { decodeTicketState } from '../../../src/tls/ticket-state.ts';
import { Truncated } from '../../../src/wire/reader.ts';
import { makeTestIdentity } from '../../support/certificates.ts';
import { handshake, type InFlight, TlsPair, type TlsPairOptions } from '../../support/tls-pair.ts';
import { Resumption } from '../../support/tls-resumption.ts';

const RUNS = 40;

function full(): TlsPairOptions {
  const made = makeTestIdentity({ kind: 'ed25519', names: ['client.example'] });
  return {
    client: {
      identity: { certificates: made.certificates, key: nodeProvider.privateKeyFrom(made.keyPem) },
      groups: [0x001d, 0x0017],
      requestOcsp: true,
      requestTickets: true,
    },
    server: { groups: [0x0017] },
    certificate: makeTestIdentity({ kind: 'ed25519' }),
    identity: { clientCertificate: 'require', ocspResponse: Uint8Array.of(1, 2, 3) },
  };
}

const setup = new Resumption();
const session = setup.first();
const psk = { identity: Uint8Array.of(1, 2), secret: new Uint8Array(32).fill(7) };

/** Resumed with 0-RTT, an external key next to it, and compressed certificates where the resumption fails. */
function resumed(): TlsPairOptions {
  return setup.options({
    client: { session, psks: [psk], certificateCompression: [1, 2] },
    server: { certificateCompression: [1, 2] },
    identity: { psk: pskTable([psk]) },
  });
}

const honest = handshake(full()).messages;
const honestResumed = handshake(resumed()).messages;
const targets = [
  ...honest.map((target, index) => ({ kind: 'full', options: full, target, index })),
  ...honestResumed.map((target, index) => ({ kind: 'resumed', options: resumed, target, index })),
];

targets.forEach(({ kind, options, target, index }) => {
  test(`message ${index} of a ${kind} handshake (${target.from}, type ${target.type}) may be mutated at random`, () => {
    const random = seededRandom(`mutation ${index}`);
    for (let run = 0; run < RUNS; run++) {
      let seen = 0;
      const pair = new TlsPair({
        ...options(),
        rewrite: (sent) => (seen++ === index ? mutate(sent, random) : undefined),
      }).run();
      if (pair.alert !== null) {
        assert.notEqual(pair.alert.error.alert, Alert.INTERNAL_ERROR, String(pair.alert.error.cause));
      }
      // Tickets come when all is done.
      if (target.type === 4) continue;
      assert.equal(
        pair.client.complete && pair.server.complete,
        false,
        'a mutated handshake never completes',
      );
    }
  });
});

test('random bytes at any level and point end in an alert or wait for more', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: honest.length }),
      fc.constantFrom(Level.INITIAL, Level.EARLY, Level.HANDSHAKE, Level.APPLICATION),
      fc.constantFrom('client' as const, 'server' as const),
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      (point, level, side, bytes) => {
        let seen = 0;
        const pair = new TlsPair({ ...full(), rewrite: () => (seen++ >= point ? null : undefined) }).run();
        pair.inject(side, level, bytes);
        pair.pump();
        assert.notEqual(pair.alert?.error.alert, Alert.INTERNAL_ERROR);
      },
    ),
    { numRuns: 60 },
  );
});

test('every decoder throws nothing but TlsAlert and Truncated', () => {
  const offered = new Set([0, 5, 10, 13, 16, 27, 41, 42, 43, 45, 51, 57]);
  const decoders: ((body: Uint8Array) => unknown)[] = [
    decodeClientHello,
    (body) => decodeServerHello(body, offered),
    (body) => decodeHelloRetryRequest(body, offered),
    (body) => decodeEncryptedExtensions(body, offered),
    decodeCertificateRequest,
    (body) => decodeCertificate(body, offered),
    decodeCertificateVerify,
    decodeNewSessionTicket,
    (body) => decompressCertificate(nodeProvider, body, [1, 2]),
    (body) => decodeOfferedPsks(body),
    (body) => decodeTicketState(body),
  ];
  const random = seededRandom('decoders');
  const check = (decode: (body: Uint8Array) => unknown, body: Uint8Array): void => {
    try {
      decode(body);
    } catch (error) {
      if (!(error instanceof TlsAlert) && !(error instanceof Truncated)) throw error;
      assert.notEqual((error as TlsAlert).alert, Alert.INTERNAL_ERROR);
    }
  };
  for (const sent of [...honest, ...honestResumed]) {
    const body = sent.bytes.subarray(4);
    for (const decode of decoders) {
      for (let length = 0; length <= body.length; length++) check(decode, body.subarray(0, length));
      for (let run = 0; run < 50; run++) check(decode, mutate(sent, random).subarray(4));
    }
  }
});

/** A copy with one to four faults: flipped bits, changed bytes, cuts, insertions, repetitions. Never the original. */
function mutate(sent: InFlight, random: RandomSource): Uint8Array {
  const integer = (below: number): number => random.integer(below);
  let bytes = [...sent.bytes];
  for (let fault = integer(4); fault >= 0; fault--) {
    const at = integer(bytes.length);
    switch (integer(6)) {
      case 0:
        bytes[at] ^= 1 << integer(8);
        break;
      case 1:
        bytes[at] = integer(256);
        break;
      case 2:
        bytes = bytes.slice(0, Math.max(1, at));
        break;
      case 3:
        bytes.splice(at, 0, ...Array.from({ length: 1 + integer(8) }, () => integer(256)));
        break;
      case 4:
        bytes.splice(at, 1 + integer(8));
        if (bytes.length === 0) bytes.push(integer(256));
        break;
      default:
        // A changed length leads deepest into the decoders.
        bytes[at] = (bytes[at] + (integer(2) === 0 ? 1 : 255)) & 0xff;
    }
  }
  const mutated = Uint8Array.from(bytes);
  const unchanged =
    mutated.length === sent.bytes.length && mutated.every((byte, i) => byte === sent.bytes[i]);
  return unchanged ? mutated.map((byte, i) => (i === 0 ? byte : byte ^ 0x55)) : mutated;
}
