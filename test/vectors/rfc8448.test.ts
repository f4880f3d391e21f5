/**
 * The traces of RFC 8448 against the key schedule, the transcript and the signed content, byte for byte.
 *
 * The messages of the traces are those of TLS over TCP, so the engines themselves would refuse them.
 */
import assert from 'node:assert/strict';
import { createECDH } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hkdfExpandLabel } from '../../src/crypto/hkdf.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import type { RandomSource } from '../../src/crypto/provider.ts';
import { cipherSuite } from '../../src/crypto/suites.ts';
import { decodeCertificate, decodeCertificateVerify } from '../../src/tls/authentication-codec.ts';
import { checkProof, signedContent } from '../../src/tls/certificate-verify.ts';
import { decodeHelloRetryRequest, isRetryRequest } from '../../src/tls/hello-codec.ts';
import { EarlyStage, finishedValue, scheduleContext, ticketSecret } from '../../src/tls/key-schedule.ts';
import { decodeOfferedPsks } from '../../src/tls/psk-codec.ts';
import { checkBinder } from '../../src/tls/psk-selection.ts';
import { Transcript } from '../../src/tls/transcript.ts';
import { EMPTY, fromHex, toHex } from '../../src/util/bytes.ts';
import { editClientHello } from '../support/tls-messages.ts';

type Trace = Readonly<Record<string, string>>;
const vectors = JSON.parse(readFileSync(join(process.cwd(), 'test/vectors/rfc8448.json'), 'utf8')) as Record<
  'simple' | 'resumed' | 'retry' | 'clientAuthentication',
  Trace
>;

const suite = cipherSuite(0x1301);
assert.ok(suite);
const resumedSuite = suite;
const context = scheduleContext(nodeProvider, suite);

test('RFC 8448 §3 a simple handshake gives every secret, both Finished messages and readable application data', () => {
  const trace = vectors.simple;
  const shared = agree(trace, bytes(trace, 'serverHello').subarray(-38, -6));
  assert.equal(toHex(shared), trace.sharedSecret);
  const transcript = started(trace, ['clientHello', 'serverHello']);
  const handshake = new EarlyStage(context).next(shared);
  const client = handshake.clientTraffic(transcript.digest());
  const server = handshake.serverTraffic(transcript.digest());
  assert.equal(toHex(client), trace.clientHandshakeSecret);
  assert.equal(toHex(server), trace.serverHandshakeSecret);

  transcript.add(bytes(trace, 'encryptedExtensions'));
  transcript.add(bytes(trace, 'certificate'));
  const content = signedContent('server', transcript.digest());
  assert.equal(toHex(content), trace.serverSigned);
  checkSignature(trace, content);
  transcript.add(bytes(trace, 'certificateVerify'));
  assert.equal(
    toHex(finishedValue(context, server, transcript.digest())),
    toHex(bytes(trace, 'finished').subarray(4)),
  );
  transcript.add(bytes(trace, 'finished'));
  const flight = openRecord(server, 0, bytes(trace, 'serverFlightRecord'));
  assert.equal(toHex(flight.subarray(-36)), trace.finished);

  const main = handshake.next();
  const clientApplication = main.clientTraffic(transcript.digest());
  const serverApplication = main.serverTraffic(transcript.digest());
  const clientFinished = openRecord(client, 0, bytes(trace, 'clientFinishedRecord'));
  assert.equal(toHex(clientFinished.subarray(4)), toHex(finishedValue(context, client, transcript.digest())));
  assert.equal(toHex(openRecord(clientApplication, 0, bytes(trace, 'clientDataRecord'))), trace.clientData);
  // The server's first record under these keys is the ticket.
  assert.equal(toHex(openRecord(serverApplication, 1, bytes(trace, 'serverDataRecord'))), trace.serverData);

  transcript.add(clientFinished);
  const secret = ticketSecret(context, main.resumption(transcript.digest()), Uint8Array.of(0, 0));
  assert.equal(toHex(secret), vectors.resumed.psk);
});

test('RFC 8448 §4 the early stage over a ticket gives the binder, the 0-RTT secret and the server Finished', () => {
  const trace = vectors.resumed;
  const early = new EarlyStage(context, bytes(trace, 'psk'));
  const hello = bytes(trace, 'clientHello');
  const bindersLength = 2 + 1 + 32;
  const truncated = digestOf([hello.subarray(0, hello.length - bindersLength)]);
  const binder = finishedValue(context, early.binderKey('resumption'), truncated);
  assert.equal(toHex(binder), toHex(hello.subarray(-32)));

  const earlySecret = early.clientTraffic(digestOf([hello]));
  assert.equal(toHex(openRecord(earlySecret, 0, bytes(trace, 'earlyDataRecord'))), trace.earlyData);

  const transcript = started(trace, ['clientHello', 'serverHello']);
  const serverHello = bytes(trace, 'serverHello');
  const handshake = early.next(agree(trace, serverHello.subarray(-38, -6)));
  const server = handshake.serverTraffic(transcript.digest());
  transcript.add(bytes(trace, 'encryptedExtensions'));
  assert.equal(
    toHex(finishedValue(context, server, transcript.digest())),
    toHex(bytes(trace, 'finished').subarray(4)),
  );
});

test('RFC 8448 §4 the offered PSK is read from the hello, and its binder is checked as a server does', () => {
  const trace = vectors.resumed;
  const hello = bytes(trace, 'clientHello');
  let body: Uint8Array = EMPTY;
  editClientHello(hello, ({ extensions }) => {
    body = extensions.find(([code]) => code === 41)?.[1] ?? EMPTY;
  });
  const offered = decodeOfferedPsks(body);
  assert.equal(offered.identities.length, 1);
  assert.equal(offered.identities[0].identity.length, 0xb2);
  assert.equal(offered.identities[0].obfuscatedAge, 0xfad6aacb);
  assert.equal(offered.bindersLength, 2 + 1 + 32);
  const psk = {
    index: 0,
    identity: offered.identities[0].identity,
    secret: bytes(trace, 'psk'),
    suite: resumedSuite,
    ticket: {
      cipherSuite: 0x1301,
      secret: bytes(trace, 'psk'),
      ageAdd: 0,
      issuedAt: 0,
      lifetime: 30,
      earlyData: true,
      alpn: null,
      serverName: 'server',
      data: EMPTY,
    },
  };
  const truncated = digestOf([hello.subarray(0, hello.length - offered.bindersLength)]);
  const early = checkBinder(nodeProvider, psk, offered.binders[0], truncated);
  const secret = early.clientTraffic(digestOf([hello]));
  assert.equal(toHex(openRecord(secret, 0, bytes(trace, 'earlyDataRecord'))), trace.earlyData);
  const external = { ...psk, ticket: null };
  assert.throws(() => checkBinder(nodeProvider, external, offered.binders[0], truncated), { alert: 51 });
});

test('RFC 8448 §5 the transcript after a HelloRetryRequest starts with the hash of the first hello', () => {
  const trace = vectors.retry;
  const retryRequest = bytes(trace, 'retryRequest');
  assert.ok(isRetryRequest(retryRequest.subarray(4)));
  const decoded = decodeHelloRetryRequest(retryRequest.subarray(4), new Set([43, 51]));
  assert.equal(decoded.group, 0x17);
  assert.equal(toHex(decoded.cookie ?? EMPTY), trace.cookie);

  const transcript = new Transcript(nodeProvider);
  transcript.add(bytes(trace, 'clientHello'));
  transcript.beginAgain('sha256');
  for (const name of ['retryRequest', 'secondClientHello', 'serverHello']) transcript.add(bytes(trace, name));
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(bytes(trace, 'clientPrivate'));
  const shared = Uint8Array.from(ecdh.computeSecret(bytes(trace, 'serverHello').subarray(-71, -6)));
  const handshake = new EarlyStage(context).next(shared);
  const client = handshake.clientTraffic(transcript.digest());
  const server = handshake.serverTraffic(transcript.digest());
  transcript.add(bytes(trace, 'encryptedExtensions'));
  transcript.add(bytes(trace, 'certificate'));
  const content = signedContent('server', transcript.digest());
  assert.equal(toHex(content), trace.serverSigned);
  checkSignature(trace, content);
  transcript.add(bytes(trace, 'certificateVerify'));
  assert.equal(
    toHex(finishedValue(context, server, transcript.digest())),
    toHex(bytes(trace, 'finished').subarray(4)),
  );
  transcript.add(bytes(trace, 'finished'));
  const clientFinished = openRecord(client, 0, bytes(trace, 'clientFinishedRecord'));
  assert.equal(toHex(clientFinished.subarray(4)), toHex(finishedValue(context, client, transcript.digest())));
});

test('RFC 8448 §6 client authentication gives both signed contents and all application secrets', () => {
  const trace = vectors.clientAuthentication;
  const transcript = started(trace, ['clientHello', 'serverHello']);
  const handshake = new EarlyStage(context).next(agree(trace, bytes(trace, 'serverHello').subarray(-38, -6)));
  const client = handshake.clientTraffic(transcript.digest());
  const server = handshake.serverTraffic(transcript.digest());
  assert.equal(toHex(client), trace.clientHandshakeSecret);
  assert.equal(toHex(server), trace.serverHandshakeSecret);
  for (const name of ['encryptedExtensions', 'certificateRequest', 'certificate']) {
    transcript.add(bytes(trace, name));
  }
  const content = signedContent('server', transcript.digest());
  assert.equal(toHex(content), trace.serverSigned);
  checkSignature(trace, content);
  transcript.add(bytes(trace, 'certificateVerify'));
  assert.equal(
    toHex(finishedValue(context, server, transcript.digest())),
    toHex(bytes(trace, 'finished').subarray(4)),
  );
  transcript.add(bytes(trace, 'finished'));

  const main = handshake.next();
  assert.equal(toHex(main.clientTraffic(transcript.digest())), trace.clientApplicationSecret);
  assert.equal(toHex(main.serverTraffic(transcript.digest())), trace.serverApplicationSecret);
  assert.equal(toHex(main.exporter(transcript.digest())), trace.exporterSecret);

  const [certificate, certificateVerify, finished] = messagesOf(
    openRecord(client, 0, bytes(trace, 'clientFlightRecord')),
  );
  transcript.add(certificate);
  assert.equal(toHex(signedContent('client', transcript.digest())), trace.clientSigned);
  transcript.add(certificateVerify);
  assert.equal(toHex(finishedValue(context, client, transcript.digest())), toHex(finished.subarray(4)));
  transcript.add(finished);
  assert.equal(toHex(main.resumption(transcript.digest())), trace.resumptionSecret);
});

function bytes(trace: Trace, name: string): Uint8Array {
  const hex = trace[name];
  assert.ok(hex, name);
  return fromHex(hex);
}

function started(trace: Trace, names: readonly string[]): Transcript {
  const transcript = new Transcript(nodeProvider);
  for (const name of names) transcript.add(bytes(trace, name));
  transcript.begin('sha256');
  return transcript;
}

function digestOf(parts: readonly Uint8Array[]): Uint8Array {
  const transcript = new Transcript(nodeProvider);
  transcript.begin('sha256');
  for (const part of parts) transcript.add(part);
  return transcript.digest();
}

/** X25519 with the private key of the trace. */
function agree(trace: Trace, peer: Uint8Array): Uint8Array {
  const source = { fill: (into: Uint8Array) => into.set(bytes(trace, 'clientPrivate')) } as RandomSource;
  return nodeProvider.keyShare(0x001d, source).agree(peer);
}

function checkSignature(trace: Trace, content: Uint8Array): void {
  const leaf = decodeCertificate(bytes(trace, 'certificate').subarray(4), new Set()).certificates[0];
  const proof = decodeCertificateVerify(bytes(trace, 'certificateVerify').subarray(4));
  checkProof(nodeProvider, proof, leaf, content, [0x0804, 0x0403]);
}

/** Removes the protection of one TLS record (RFC 8446 §5.2), its padding and its content type. */
function openRecord(secret: Uint8Array, sequence: number, record: Uint8Array): Uint8Array {
  const key = hkdfExpandLabel(nodeProvider, 'sha256', secret, 'key', EMPTY, 16);
  const nonce = hkdfExpandLabel(nodeProvider, 'sha256', secret, 'iv', EMPTY, 12);
  nonce[11] ^= sequence;
  const plain = nodeProvider.aesGcmOpen(key, nonce, record.subarray(0, 5), record.subarray(5));
  assert.ok(plain, 'the record opens');
  let end = plain.length;
  while (plain[end - 1] === 0) end--;
  return plain.subarray(0, end - 1);
}

function messagesOf(flight: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at < flight.length; ) {
    const length = 4 + flight[at + 1] * 0x10000 + flight[at + 2] * 0x100 + flight[at + 3];
    messages.push(flight.subarray(at, at + length));
    at += length;
  }
  return messages;
}
