import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  DerError,
  DerReader,
  derAscii,
  derBoolean,
  derNamedBits,
  derObjectIdentifier,
  derSmallInteger,
  derTime,
  Tag,
} from '../../../src/pki/der.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

describe('DerReader', () => {
  it('steps through a sequence', () => {
    const list = new DerReader(hex('30080201050101ff0500')).enter();
    assert.equal(list.tag, Tag.INTEGER);
    assert.deepEqual(list.value(Tag.INTEGER), hex('05'));
    assert.deepEqual(list.element(), hex('0101ff'));
    assert.throws(() => list.finish(), DerError);
    list.value();
    list.finish();
    assert.equal(list.done, true);
    assert.equal(list.tag, -1);
  });

  it('reads long lengths', () => {
    const bytes = new Uint8Array(304);
    bytes.set([0x04, 0x82, 0x01, 0x2c]);
    assert.equal(new DerReader(bytes).value(Tag.OCTET_STRING).length, 300);
  });

  const BAD: readonly (readonly [string, string])[] = [
    ['', 'nothing'],
    ['30', 'no length'],
    ['3002', 'truncated contents'],
    ['3080', 'indefinite length'],
    ['308105', 'length that needs no second byte'],
    ['30820005', 'padded length'],
    [`3085${'01'.repeat(5)}`, 'length of five bytes'],
    ['308201', 'truncated length'],
    ['3f0100', 'high tag number'],
    ['3100', 'another tag'],
  ];
  for (const [text, why] of BAD) {
    it(`X.690 §10.1 refuses ${why}`, () => {
      assert.throws(() => new DerReader(hex(text)).value(Tag.SEQUENCE), DerError);
    });
  }

  it('throws nothing but DerError for any bytes', () => {
    const use = (reader: DerReader, depth: number): void => {
      while (!reader.done) {
        if (depth < 6 && (reader.tag & 0x20) !== 0) use(reader.enter(reader.tag), depth + 1);
        else reader.value();
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          use(new DerReader(bytes), 0);
        } catch (error) {
          if (!(error instanceof DerError)) throw error;
        }
      }),
    );
  });
});

describe('DER values', () => {
  it('X.690 §11.1 booleans are 00 or ff', () => {
    assert.equal(derBoolean(hex('00')), false);
    assert.equal(derBoolean(hex('ff')), true);
    for (const bad of ['', '01', 'ff00']) assert.throws(() => derBoolean(hex(bad)), DerError);
  });

  it('integers are positive, short and minimal', () => {
    assert.equal(derSmallInteger(hex('00')), 0);
    assert.equal(derSmallInteger(hex('0080')), 128);
    assert.equal(derSmallInteger(hex('7fffffff')), 0x7fffffff);
    for (const bad of ['', '80', '0001', '0080000000'])
      assert.throws(() => derSmallInteger(hex(bad)), DerError);
  });

  it('named bits count from the first', () => {
    assert.equal(derNamedBits(hex('0780')), 1);
    assert.equal(derNamedBits(hex('0106')), 96);
    assert.equal(derNamedBits(hex('070080')), 256);
    assert.equal(derNamedBits(hex('00')), 0);
    for (const bad of ['', '0880', '07']) assert.throws(() => derNamedBits(hex(bad)), DerError);
  });

  it('object identifiers become dotted', () => {
    assert.equal(derObjectIdentifier(hex('2a864886f70d01010b')), '1.2.840.113549.1.1.11');
    assert.equal(derObjectIdentifier(hex('551d13')), '2.5.29.19');
    assert.equal(derObjectIdentifier(hex('8837')), '2.999');
    for (const bad of ['', '80', '2a80', '2a8001', `2a${'ff'.repeat(9)}7f`]) {
      assert.throws(() => derObjectIdentifier(hex(bad)), DerError, bad);
    }
  });

  it('RFC 5280 §4.1.2.5 times are UTC to the second', () => {
    const utc = (text: string): number => derTime(Tag.UTC_TIME, ascii(text));
    const generalized = (text: string): number => derTime(Tag.GENERALIZED_TIME, ascii(text));
    assert.equal(utc('700101000000Z'), 0);
    assert.equal(utc('491231235959Z'), Date.parse('2049-12-31T23:59:59Z'));
    assert.equal(utc('500101000000Z'), Date.parse('1950-01-01T00:00:00Z'));
    assert.equal(generalized('99991231235959Z'), Date.parse('9999-12-31T23:59:59Z'));
    assert.equal(generalized('20240229000000Z'), Date.parse('2024-02-29T00:00:00Z'));
    for (const bad of [
      '7001010000Z',
      '700101000000',
      '700101000000+0100',
      '700230000000Z',
      '701301000000Z',
    ]) {
      assert.throws(() => utc(bad), DerError, bad);
    }
    for (const bad of [
      '20230229000000Z',
      '20240101240000Z',
      '20240101000060Z',
      '20240101000000.5Z',
      '240101000000Z',
    ]) {
      assert.throws(() => generalized(bad), DerError, bad);
    }
    assert.throws(() => derTime(Tag.INTEGER, ascii('700101000000Z')), DerError);
  });

  it('ASCII text has no byte above 7f', () => {
    assert.equal(derAscii(ascii('a.b')), 'a.b');
    assert.throws(() => derAscii(ascii('ä')), DerError);
  });
});
