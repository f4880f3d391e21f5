import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AEADS, nativeProvider, type PacketKeyBinding } from '../../../src/crypto/native-aead.ts';
import { nodeProvider } from '../../../src/crypto/node-provider.ts';
import type { Opener, Sealer } from '../../../src/crypto/provider.ts';
import { native, withoutNative } from '../../support/native.ts';
import { packetProtectionCases } from '../../support/packet-protection-cases.ts';

if (native !== null) packetProtectionCases(nativeProvider(native));

describe('the packet protection of the addon', () => {
  test('every AEAD of QUIC is there', { skip: withoutNative }, () => {
    assert.deepEqual(native?.aeads, [true, true, true]);
    assert.equal(nativeProvider(native as PacketKeyBinding).name, 'native');
  });

  test('offsets outside of the buffer are refused and change nothing', { skip: withoutNative }, () => {
    const zeros = new Uint8Array(16);
    const key = nativeProvider(native as PacketKeyBinding).sealer(
      'aes-128-gcm',
      zeros,
      new Uint8Array(12),
      zeros,
    );
    const buf = new Uint8Array(64);
    const bad: [number, number, number, number, number][] = [
      [-1, 9, 11, 40, 1],
      [0, -5, 11, 40, 1],
      [0, 9, 8, 40, 1],
      [0, 9, 14, 40, 1],
      [0, 9, 11, 49, 1],
      [0, 9, 11, 2 ** 31 - 1, 1],
      [0, 9, 11, 12, 1],
      [0, 9, 11, 40, -1],
      [0, 9, 11, 40, Number.NaN],
    ];
    for (const offsets of bad)
      assert.throws(() => key.seal(buf, ...offsets), { code: 'ERR_OUT_OF_RANGE' }, String(offsets));
    assert.ok(buf.every((byte) => byte === 0));
    assert.equal(key.seal(buf, 0, 9, 11, 48, 1), 64);
  });

  test('arguments of a wrong kind are refused', { skip: withoutNative }, () => {
    const { PacketKey, seal, unmask, open } = native as PacketKeyBinding;
    const make = PacketKey as unknown as new (...words: unknown[]) => { slot: number };
    const [key, iv] = [new Uint8Array(16), new Uint8Array(12)];
    const bad = [
      [3, true, key, iv, key],
      [1, true, key, iv, key],
      [0, true, key, key, key],
      [0, true, 'k', iv, key],
      [],
    ];
    for (const words of bad) assert.throws(() => new make(...words));
    const { slot } = new make(0, true, key, iv, key);
    const buf = new Uint8Array(64);
    const calls = [seal, unmask, open] as unknown as ((...words: unknown[]) => unknown)[];
    for (const call of calls) {
      assert.throws(() => call(slot, 'bytes', 0, 9, 11, 40, 1), TypeError);
      assert.throws(() => call(slot, new Uint16Array(64), 0, 9, 11, 40, 1), TypeError);
      assert.throws(() => call(slot, buf), TypeError);
      assert.throws(() => call(), TypeError);
      for (const other of [slot + 100_000, -1, 2 ** 31])
        assert.throws(() => call(other, buf, 0, 9, 11, 40, 1), { code: 'ERR_OUT_OF_RANGE' });
    }
  });

  test('keys come and go, and each keeps its own', { skip: withoutNative }, async () => {
    const provider = nativeProvider(native as PacketKeyBinding);
    const iv = new Uint8Array(12);
    const keyOf = (i: number) => new Uint8Array(16).fill(i);
    for (let round = 0; round < 3; round++) {
      const sealers = Array.from({ length: 200 }, (_, i) =>
        provider.sealer('aes-128-gcm', keyOf(i), iv, keyOf(i)),
      );
      for (const [i, sealer] of sealers.entries()) {
        const [ours, theirs] = [new Uint8Array(64), new Uint8Array(64)];
        sealer.seal(ours, 0, 9, 11, 40, 1);
        nodeProvider.sealer('aes-128-gcm', keyOf(i), iv, keyOf(i)).seal(theirs, 0, 9, 11, 40, 1);
        assert.deepEqual(ours, theirs);
      }
      globalThis.gc?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
});

describe('a binding that cannot be trusted', () => {
  /** Works by means of node:crypto; `limit` keys can be made, and `spoil` changes what is sealed. */
  function binding(options: {
    aeads?: boolean[];
    limit?: number;
    spoil?: (bytes: Uint8Array, end: number) => void;
  }) {
    const { aeads = [true, true, true], limit = Infinity, spoil } = options;
    const keys: (Sealer & Opener)[] = [];
    class PacketKey {
      readonly slot = keys.length;
      constructor(aead: number, _seals: boolean, ...words: [Uint8Array, Uint8Array, Uint8Array]) {
        if (keys.length >= limit) throw new Error('out of memory');
        const sealer = nodeProvider.sealer(AEADS[aead], ...words);
        const opener = nodeProvider.opener(AEADS[aead], ...words);
        keys.push({
          seal: (...args) => sealer.seal(...args),
          unmask: (...args) => opener.unmask(...args),
          open: (...args) => opener.open(...args),
        });
      }
    }
    const fake: PacketKeyBinding = {
      aeads,
      PacketKey,
      seal: (slot, ...args) => {
        const end = keys[slot].seal(...args);
        spoil?.(args[0], end);
        return end;
      },
      unmask: (slot, ...args) => keys[slot].unmask(...args),
      open: (slot, ...args) => keys[slot].open(...args),
    };
    return { fake, keys };
  }
  const [key, iv] = [new Uint8Array(16).fill(1), new Uint8Array(12).fill(2)];

  test('one that agrees with node:crypto is used', () => {
    const { fake, keys } = binding({});
    const provider = nativeProvider(fake);
    assert.equal(provider.name, 'native');
    assert.deepEqual(provider.cipherSuites, [0x1301, 0x1302, 0x1303]);
    const before = keys.length;
    provider.sealer('aes-128-gcm', key, iv, key);
    assert.equal(keys.length, before + 1);
  });

  test('an AEAD that it lacks stays with node:crypto, the others do not', () => {
    const { fake, keys } = binding({ aeads: [false, true, true] });
    const provider = nativeProvider(fake);
    assert.equal(provider.name, 'native');
    const before = keys.length;
    provider.sealer('aes-128-gcm', key, iv, key);
    provider.opener('aes-128-gcm', key, iv, key);
    assert.equal(keys.length, before);
    const long = new Uint8Array(32);
    provider.opener('aes-256-gcm', long, iv, long);
    assert.equal(keys.length, before + 1);
  });

  test('one whose packets differ from those of node:crypto is not used', () => {
    const { fake, keys } = binding({
      spoil: (bytes, end) => {
        bytes[end - 1] ^= 1;
      },
    });
    const provider = nativeProvider(fake);
    assert.equal(provider.name, 'node');
    const before = keys.length;
    provider.sealer('aes-128-gcm', key, iv, key);
    assert.equal(keys.length, before);
  });

  test('one that throws, at the trial or later, leaves node:crypto', () => {
    const { fake, keys } = binding({ limit: 6 });
    const provider = nativeProvider(fake);
    assert.equal(provider.name, 'native');
    assert.equal(keys.length, 6);
    const sealer = provider.sealer('aes-128-gcm', key, iv, key);
    assert.equal(sealer.seal(new Uint8Array(64), 0, 9, 11, 40, 1), 56);
    assert.equal(nativeProvider(fake).name, 'node');
  });
});
