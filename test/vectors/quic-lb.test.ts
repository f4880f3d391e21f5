// The appendix "Load Balancer Test Vectors" and the worked example of draft-ietf-quic-load-balancers (after -21).

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { QuicLbCodec } from '../../src/routing/quic-lb-codec.ts';
import { fromHex, toHex } from '../../src/util/bytes.ts';

interface Vector {
  rotation: number;
  serverId: string;
  nonce: string;
  id: string;
  key?: string;
}

const KEY = '8f95f09245765f80256934e50c66207f';

const PLAINTEXT: Vector[] = [
  { rotation: 0, serverId: 'c4605e', nonce: '4504cc4f', id: '07c4605e4504cc4f' },
  // Printed with an odd number of digits: "20a 350d28b420 3487d970b". Both ways to complete the nonce are here.
  { rotation: 1, serverId: '350d28b420', nonce: '03487d970b', id: '2a350d28b42003487d970b' },
  { rotation: 1, serverId: '350d28b420', nonce: '3487d970b0', id: '2a350d28b4203487d970b0' },
];

const ENCRYPTED: Vector[] = [
  { rotation: 0, serverId: 'ed793a', nonce: 'ee080dbf', id: '0720b1d07b359d3c', key: KEY },
  {
    rotation: 1,
    serverId: 'ed793a51d49b8f5fab65',
    nonce: 'ee080dbf48',
    id: '2fcc381bc74cb4fbad2823a3d1f8fed2',
    key: KEY,
  },
  {
    rotation: 2,
    serverId: 'ed793a51d49b8f5f',
    nonce: 'ee080dbf48c0d1e5',
    id: '504dd2d05a7b0de9b2b9907afb5ecf8cc3',
    key: KEY,
  },
  {
    // Printed with the first octet 12, which is rotation 0; its row says 3.
    rotation: 3,
    serverId: 'ed793a51d49b8f5fab',
    nonce: 'ee080dbf48c0d1e55d',
    id: '725779c9cc86beb3a3a4a3ca96fce4bfe0cdbc',
    key: KEY,
  },
  {
    rotation: 0,
    serverId: '31441a',
    nonce: '9c69c275',
    id: '0767947d29be054a',
    key: 'fdf726a9893ec05c0632d3956680baf0',
  },
];

function codecOf({ rotation, serverId, nonce, key }: Vector): QuicLbCodec {
  return new QuicLbCodec({
    rotation,
    key,
    serverIdLength: serverId.length / 2,
    nonceLength: nonce.length / 2,
    encodesLength: true,
  });
}

describe('vectors of draft-ietf-quic-load-balancers', () => {
  for (const vector of [...PLAINTEXT, ...ENCRYPTED]) {
    test(`L64 ${vector.id} is made of server id ${vector.serverId} and read back`, () => {
      const codec = codecOf(vector);
      const id = codec.encode(fromHex(vector.serverId), fromHex(vector.nonce));
      assert.equal(toHex(id), vector.id);
      const decoded = codec.decode(id);
      assert.equal(toHex(decoded?.serverId ?? id), vector.serverId);
      assert.equal(toHex(decoded?.nonce ?? id), vector.nonce);
      assert.equal(id[0] >> 5, vector.rotation);
    });
  }
});
