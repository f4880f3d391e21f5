/**
 * The least DER that is a certificate around any public key, with a meaningless signature: enough to test what reads keys
 * out of certificates, for kinds of keys too that certificate makers do not know.
 */

import type { KeyObject } from 'node:crypto';

export function minimalCertificate(publicKey: KeyObject): Uint8Array {
  const signatureAlgorithm = sequence(Buffer.from('06082a8648ce3d040302', 'hex'));
  const name = sequence(tlv(0x31, sequence(Buffer.from('06035504030c0474657374', 'hex'))));
  const validity = sequence(time('200101000000Z'), time('491231235959Z'));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const version = tlv(0xa0, tlv(0x02, Buffer.of(2)));
  const serial = tlv(0x02, Buffer.of(1));
  const body = sequence(version, serial, signatureAlgorithm, name, validity, name, spki);
  return Uint8Array.from(sequence(body, signatureAlgorithm, tlv(0x03, Buffer.from('003000', 'hex'))));
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function time(text: string): Buffer {
  return tlv(0x17, Buffer.from(text, 'latin1'));
}

function tlv(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}
