import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { nodeOpener, nodeSealer } from '../../../src/crypto/node-aead.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import { CHACHA20_FIRST } from '../../../src/crypto/suites.ts';
import { type ChaCha20, wasmChaCha20 } from '../../../src/crypto/wasm-chacha20.ts';
import { fromHex, toHex } from '../../../src/util/bytes.ts';

const AEAD = 'chacha20-poly1305';
const wasm = wasmChaCha20() as ChaCha20;

describe('ChaCha20-Poly1305 in WebAssembly', () => {
  test('C23 it is there on every Node.js that we support, and then the suite that is offered first', () => {
    assert.notEqual(wasm, null);
    assert.deepEqual(nodeProvider.cipherSuites, CHACHA20_FIRST);
  });

  test('RFC 8439 §2.8.2 the example of the AEAD', () => {
    const key = fromHex('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f');
    const iv = fromHex('070000004041424344454647');
    const aad = fromHex('50515253c0c1c2c3c4c5c6c7');
    const text =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    const ciphertext =
      'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691';
    const packet = new Uint8Array(aad.length + text.length + 16);
    packet.set(aad);
    packet.set(Buffer.from(text), aad.length);
    // Packet number 0 leaves the nonce what the iv is.
    const end = wasm.sealer(key, iv, key).seal(packet, 0, aad.length - 4, aad.length, packet.length - 16, 0);
    assert.equal(end, packet.length);
    assert.equal(toHex(packet.subarray(aad.length)), ciphertext);
  });

  test('RFC 8439 §2.8 it does what node:crypto does, for all lengths, offsets and packet numbers', () => {
    fc.assert(
      fc.property(packets, ({ seed, start, header, payload, packetNumber, masked }) => {
        const { key, iv, headerKey } = keysFor(seed);
        const ours = packetOf(start, header, payload, masked);
        const theirs = ours.slice();
        const layout = [start, start + header - 4, start + header, start + header + payload] as const;
        const end = wasm.sealer(key, iv, headerKey).seal(ours, ...layout, packetNumber);
        assert.equal(nodeSealer(AEAD, key, iv, headerKey).seal(theirs, ...layout, packetNumber), end);
        assert.equal(toHex(ours), toHex(theirs));
        for (const opener of [wasm.opener(key, iv, headerKey), nodeOpener(AEAD, key, iv, headerKey)]) {
          const packet = theirs.slice();
          opener.unmask(packet, start, layout[1]);
          assert.ok(opener.open(packet, start, layout[2], end, packetNumber));
          assert.equal(
            toHex(packet.subarray(0, layout[3])),
            toHex(packetOf(start, header, payload, masked).subarray(0, layout[3])),
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  test('RFC 8439 §2.8 any changed bit is found and changes nothing', () => {
    const { key, iv, headerKey } = keysFor(3);
    const packet = packetOf(2, 13, 300, 0x43);
    const end = wasm.sealer(key, iv, headerKey).seal(packet, 2, 11, 15, 315, 9);
    const opener = wasm.opener(key, iv, headerKey);
    opener.unmask(packet, 2, 11);
    for (let bit = 16; bit < end * 8; bit += 7) {
      const changed = packet.slice();
      changed[bit >> 3] ^= 1 << (bit & 7);
      const before = toHex(changed);
      assert.equal(opener.open(changed, 2, 15, end, 9), false, `bit ${bit}`);
      assert.equal(toHex(changed), before);
    }
    assert.equal(opener.open(packet, 2, 15, end, 10), false);
    assert.ok(opener.open(packet, 2, 15, end, 9));
  });

  test('RFC 9001 §5.4.2 bounds that cannot be a packet are refused', () => {
    const { key, iv, headerKey } = keysFor(4);
    const opener = wasm.opener(key, iv, headerKey);
    const buf = new Uint8Array(40).fill(0x5a);
    opener.unmask(buf, 0, 21);
    assert.ok(buf.every((byte) => byte === 0x5a));
    assert.equal(opener.open(buf, 0, 30, 40, 1), false);
    assert.equal(opener.open(buf, 20, 10, 40, 1), false);
    assert.equal(opener.open(buf, 0, 10, 41, 1), false);
  });

  test('C23 without WebAssembly node:crypto does it, and AES is offered first', () => {
    const provider = new URL(
      '../../../src/crypto/node-provider.js',
      pathToFileURL(fileURLToPath(import.meta.url)),
    );
    const code = `
      const { nodeProvider } = await import(${JSON.stringify(provider.href)});
      const key = new Uint8Array(32).fill(1);
      const packet = new Uint8Array(60).fill(0x43);
      nodeProvider.sealer('chacha20-poly1305', key, key.subarray(0, 12), key).seal(packet, 0, 9, 13, 44, 5);
      process.stdout.write(JSON.stringify({ suites: nodeProvider.cipherSuites, packet: Buffer.from(packet).toString('hex') }));`;
    const results = [[], ['--jitless']].map((options) => {
      const run = spawnSync(process.execPath, [...options, '--input-type=module', '-e', code], {
        encoding: 'utf8',
      });
      assert.equal(run.status, 0, run.stderr);
      return JSON.parse(run.stdout);
    });
    assert.equal(results[0].packet, results[1].packet);
    assert.deepEqual(results[0].suites, [0x1303, 0x1301, 0x1302]);
    assert.deepEqual(results[1].suites, [0x1301, 0x1302, 0x1303]);
  });
});

const packets = fc.record({
  seed: fc.nat(255),
  start: fc.nat(9),
  header: fc.integer({ min: 5, max: 80 }),
  payload: fc.oneof(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 1100, max: 1500 })),
  packetNumber: fc.maxSafeNat(),
  masked: fc.integer({ min: 0, max: 255 }),
});

function packetOf(start: number, header: number, payload: number, first: number): Uint8Array {
  const packet = Uint8Array.from(
    { length: start + header + payload + 16 + 7 },
    (_, i) => (i * 37 + payload) & 0xff,
  );
  packet[start] = first | 0x03;
  return packet;
}

function keysFor(seed: number): { key: Uint8Array; iv: Uint8Array; headerKey: Uint8Array } {
  const bytes = (length: number, salt: number) =>
    Uint8Array.from({ length }, (_, i) => (seed * 31 + salt * 7 + i * 13) & 0xff);
  return { key: bytes(32, 1), iv: bytes(12, 2), headerKey: bytes(32, 3) };
}
