import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CoreConfig, type CoreOptions } from '../../../src/connection/parse-config.ts';
import { VERSION_2 } from '../../../src/wire/versions.ts';
import { ApiLink, quic } from '../../support/api-link.ts';

const V2 = VERSION_2.version;
const parse = (options: Partial<CoreOptions>) => new CoreConfig({ alpn: ['test'], ...options });

describe('CoreConfig: versions', () => {
  test('C30 version 2 is off unless it is asked for', () => {
    assert.deepEqual([parse({}).version, parse({}).versions], [1, undefined]);
    assert.equal(parse({ versions: [V2, 1] }).version, 1);
    assert.equal(parse({ versions: [V2] }).version, V2);
    assert.equal(parse({ versions: [1, V2], version: V2 }).version, V2);
  });

  test('C30 what is no list of versions is refused', () => {
    assert.throws(() => parse({ versions: [] }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => parse({ versions: ['1'] as unknown as number[] }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => parse({ versions: [0] }), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => parse({ versions: [1, 7] }), quic('ERR_QUIC_UNKNOWN_VERSION'));
    assert.throws(() => parse({ versions: [1], version: V2 }), quic('ERR_QUIC_UNKNOWN_VERSION'));
  });

  test('C30 RFC 9369 §4.1 two connections of the public core meet in version 2', () => {
    const versions = [V2, 1];
    const link = ApiLink.established({ client: { versions }, server: { versions } });
    assert.equal(link.client.streamSend(0, new Uint8Array(100), true), 100);
    link.flush();
    assert.equal(link.server.streamRecv(0, new Uint8Array(200))?.length, 100);
    const versionOf = (datagram: Uint8Array) =>
      new DataView(datagram.buffer, datagram.byteOffset).getUint32(1);
    const long = link.datagrams.filter(([first]) => ((first ?? 0) & 0x80) !== 0);
    assert.equal(versionOf(long[0] as Uint8Array), 1);
    assert.ok(long.slice(1).some((datagram) => versionOf(datagram) === V2));
  });

  test('C30 a server without version 2 says that it does not know it', () => {
    const link = new ApiLink({ client: { versions: [V2] } });
    link.flush();
    assert.ok(link.errors.length > 0);
    assert.ok(link.errors.every((error) => (error as { code: string }).code === 'ERR_QUIC_UNKNOWN_VERSION'));
  });
});
