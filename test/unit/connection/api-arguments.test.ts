import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Connection } from '../../../src/connection/api.ts';
import { ApiLink, CLIENT, SERVER } from '../../support/api-link.ts';

/** Calls that are wrong, with the code of their error and the name of what is wrong in its message. */
const WRONG: readonly [string, string, (client: Connection, now: number) => unknown][] = [
  [
    'streamShutdown of both directions',
    "ERR_INVALID_ARG_VALUE 'direction'",
    (c) => c.streamShutdown(0, 'both' as 'read', 0),
  ],
  ['openStream of no direction', "ERR_INVALID_ARG_VALUE 'direction'", (c) => c.openStream('both' as 'bidi')],
  [
    'streamPriority without a boolean',
    'ERR_INVALID_ARG_TYPE "incremental"',
    (c) => c.streamPriority(0, 1, 'no' as unknown as boolean),
  ],
  [
    'setStreamDeadline with another action',
    "ERR_INVALID_ARG_VALUE 'action'",
    (c) => c.setStreamDeadline(0, 1, 0, { action: 'close' as 'reset' }),
  ],
  [
    'setQlog with another level',
    "ERR_INVALID_ARG_VALUE 'level'",
    (c) => c.setQlog(() => {}, { level: 'all' as 'core' }),
  ],
  [
    'recv without addresses',
    'ERR_INVALID_ARG_TYPE "info"',
    (c, now) => c.recv(new Uint8Array(50), {} as { from: typeof CLIENT; to: typeof SERVER }, now),
  ],
  [
    'recv at no time',
    'ERR_INVALID_ARG_TYPE "now"',
    (c) => c.recv(new Uint8Array(50), { from: SERVER, to: CLIENT }, Number.NaN),
  ],
  ['send at no time', 'ERR_INVALID_ARG_TYPE "now"', (c) => c.send(new Uint8Array(1500), Number.NaN)],
  [
    'send of no datagram',
    'ERR_OUT_OF_RANGE "maxSegments"',
    (c, now) => c.send(new Uint8Array(1500), now, { maxSegments: 0 }),
  ],
  [
    'sendOnPath at no time',
    'ERR_INVALID_ARG_TYPE "now"',
    (c) => c.sendOnPath(new Uint8Array(1500), null, null, Number.NaN),
  ],
  ['onTimeout at no time', 'ERR_INVALID_ARG_TYPE "now"', (c) => c.onTimeout(undefined as unknown as number)],
  ['close at no time', 'ERR_INVALID_ARG_TYPE "now"', (c) => c.close(true, 0, '', Number.POSITIVE_INFINITY)],
  [
    'probePath from what is no address',
    'ERR_INVALID_ARG_TYPE "local"',
    (c, now) => c.probePath({ address: 'localhost', port: 1, family: 4 }, SERVER, now),
  ],
  [
    'migrate to no port',
    'ERR_INVALID_ARG_TYPE "peer"',
    (c, now) => c.migrate(CLIENT, { ...SERVER, port: 65_536 }, now),
  ],
  [
    'migrate to another family',
    "ERR_INVALID_ARG_VALUE 'peer'",
    (c, now) => c.migrate(CLIENT, { address: '2001:db8::1', port: 443, family: 6 }, now),
  ],
  [
    'migrateSource without an address',
    'ERR_INVALID_ARG_TYPE "local"',
    (c, now) => c.migrateSource(null as unknown as typeof CLIENT, now),
  ],
  ['retireDestinationCid of a fraction', 'ERR_OUT_OF_RANGE "sequence"', (c) => c.retireDestinationCid(1.5)],
  [
    'retireDestinationCid of a text',
    'ERR_INVALID_ARG_TYPE "sequence"',
    (c) => c.retireDestinationCid('0' as unknown as number),
  ],
  [
    'newSourceCid of another length',
    'ERR_OUT_OF_RANGE "scid.length"',
    (c) => c.newSourceCid(new Uint8Array(9), new Uint8Array(16)),
  ],
];

describe('Connection: wrong arguments', () => {
  for (const [what, expected, call] of WRONG) {
    test(`C99 ${what} is refused by name and changes nothing`, () => {
      const limits = { activeConnectionIdLimit: 4 };
      const link = ApiLink.established({ client: limits, server: limits });
      const { client, server } = link;
      client.newSourceCid(new Uint8Array(8).fill(1), new Uint8Array(16).fill(1));
      server.newSourceCid(new Uint8Array(8).fill(2), new Uint8Array(16).fill(2));
      link.flush();
      client.streamSend(0, new Uint8Array(10), false);
      link.flush();
      const before = facts(client);
      const [code, name] = expected.split(' ');
      assert.throws(
        () => call(client, link.now),
        (error: Error & { code: string }) => error.code === code && error.message.includes(name),
      );
      assert.deepEqual(facts(client), before);
      assert.equal(client.send(new Uint8Array(1500), link.now), null);
      client.streamSend(0, new Uint8Array(10), true);
      link.flush();
      assert.deepEqual(server.streamRecv(0, new Uint8Array(100)), { length: 20, fin: true });
    });
  }
});

function facts(client: Connection): unknown {
  return [
    client.isClosed,
    client.getStreamPriority(0),
    client.streamsLeftBidi,
    client.pathStats().length,
    client.availableDcids,
    client.activeSourceCids,
  ];
}
