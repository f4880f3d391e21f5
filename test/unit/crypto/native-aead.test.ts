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
    const { PacketKey } = native as PacketKeyBinding;
    const key = new PacketKey(0, true, new Uint8Array(16), new Uint8Array(12), new Uint8Array(16));
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
    const { PacketKey } = native as PacketKeyBinding;
    const make = PacketKey as unknown as new (...words: unknown[]) => Sealer;
    const [key, iv] = [new Uint8Array(16), new Uint8Array(12)];
    const bad = [
      [3, true, key, iv, key],
      [1, true, key, iv, key],
      [0, true, key, key, key],
      [0, true, 'k', iv, key],
      [],
    ];
    for (const words of bad) assert.throws(() => new make(...words));
    const sealer = new make(0, true, key, iv, key);
    const seal = sealer.seal as unknown as (...words: unknown[]) => number;
    assert.throws(() => seal.call(sealer, 'bytes', 0, 9, 11, 40, 1), TypeError);
    assert.throws(() => seal.call({}, new Uint8Array(64), 0, 9, 11, 40, 1), TypeError);
    assert.throws(() => seal.call(sealer), TypeError);
  });
});

describe('a binding that cannot be trusted', () => {
  /** Works by means of node:crypto. */
  class GoodKey implements Sealer, Opener {
    readonly seal: Sealer['seal'];
    readonly unmask: Opener['unmask'];
    readonly open: Opener['open'];

    constructor(aead: number, _seals: boolean, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array) {
      const sealer = nodeProvider.sealer(AEADS[aead], key, iv, headerKey);
      const opener = nodeProvider.opener(AEADS[aead], key, iv, headerKey);
      this.seal = (...words) => sealer.seal(...words);
      this.unmask = (...words) => opener.unmask(...words);
      this.open = (...words) => opener.open(...words);
    }
  }
  const [key, iv] = [new Uint8Array(16).fill(1), new Uint8Array(12).fill(2)];

  test('one that agrees with node:crypto is used', () => {
    const provider = nativeProvider({ aeads: [true, true, true], PacketKey: GoodKey });
    assert.equal(provider.name, 'native');
    assert.deepEqual(provider.cipherSuites, [0x1301, 0x1302, 0x1303]);
    assert.ok(provider.sealer('aes-128-gcm', key, iv, key) instanceof GoodKey);
  });

  test('an AEAD that it lacks stays with node:crypto, the others do not', () => {
    const provider = nativeProvider({ aeads: [false, true, true], PacketKey: GoodKey });
    assert.equal(provider.name, 'native');
    assert.ok(!(provider.sealer('aes-128-gcm', key, iv, key) instanceof GoodKey));
    assert.ok(!(provider.opener('aes-128-gcm', key, iv, key) instanceof GoodKey));
    const long = new Uint8Array(32);
    assert.ok(provider.opener('aes-256-gcm', long, iv, long) instanceof GoodKey);
  });

  test('one whose packets differ from those of node:crypto is not used', () => {
    class WrongKey extends GoodKey {
      constructor(...words: ConstructorParameters<PacketKeyBinding['PacketKey']>) {
        super(...words);
        const seal = this.seal;
        Object.assign(this, {
          seal: (...args: Parameters<Sealer['seal']>) => {
            const end = seal(...args);
            args[0][end - 1] ^= 1;
            return end;
          },
        });
      }
    }
    const provider = nativeProvider({ aeads: [true, true, true], PacketKey: WrongKey });
    assert.equal(provider.name, 'node');
    assert.ok(!(provider.sealer('aes-128-gcm', key, iv, key) instanceof WrongKey));
  });

  test('one that throws, at the trial or later, leaves node:crypto', () => {
    let calls = 0;
    class FailingKey extends GoodKey {
      constructor(...words: ConstructorParameters<PacketKeyBinding['PacketKey']>) {
        if (++calls > 6) throw new Error('out of memory');
        super(...words);
      }
    }
    const provider = nativeProvider({ aeads: [true, true, true], PacketKey: FailingKey });
    assert.equal(provider.name, 'native');
    const sealer = provider.sealer('aes-128-gcm', key, iv, key);
    assert.ok(!(sealer instanceof GoodKey));
    assert.equal(sealer.seal(new Uint8Array(64), 0, 9, 11, 40, 1), 56);
    assert.equal(nativeProvider({ aeads: [true, true, true], PacketKey: FailingKey }).name, 'node');
  });
});
