import assert from 'node:assert/strict';
import type { ConnectionCore } from '../../src/connection/connection.ts';
import { TransportError, TransportErrorCode } from '../../src/errors.ts';
import { dropRate } from '../../src/sim/scenarios.ts';
import { decodeSession, encodeSession } from '../../src/tls/session.ts';
import { encodeVersionNegotiation, PacketHeader, PacketType, readHeader } from '../../src/wire/header.ts';
import { decodeTransportParameters, encodeTransportParameters } from '../../src/wire/transport-parameters.ts';
import { isReservedVersion, VERSION_2 } from '../../src/wire/versions.ts';
import { type PairOptions, TestPair } from '../support/core-pair.ts';
import { scenario } from '../support/scenario.ts';
import { SessionStage } from '../support/session-stage.ts';

const V1 = 1;
const V2 = VERSION_2.version;
const RESERVED = 0x1a2a3a4a;

/** Version and type of each long header packet, by sender, in order. */
function watchLong(pair: TestPair): { client: [number, number][]; server: [number, number][] } {
  const seen = { client: [] as [number, number][], server: [] as [number, number][] };
  const header = new PacketHeader();
  pair.pair.network.tap(({ kind, link, bytes }) => {
    if (kind !== 'sent') return;
    const into = link === 'client>server' ? seen.client : seen.server;
    for (let at = 0; at < bytes.length && (bytes[at] as number) & 0x80; at = header.end) {
      if (!readHeader(bytes, at, bytes.length, 8, header)) return;
      if (header.type >= 0) into.push([header.version, header.type]);
    }
  });
  return seen;
}

/** A pair whose server begins in the version of the first Initial, or answers that it has another. */
function makePair(
  options: PairOptions,
  client: readonly number[],
  server: readonly number[],
  version: number = client[0] as number,
): TestPair {
  return new TestPair({
    ...options,
    client: { version, versions: client, ...options.client },
    server: { version, versions: server, ...options.server },
  });
}

/** What a side was told about the peer's versions, without the reserved ones. */
function informationOf(side: ConnectionCore | null): { chosen: number; available: number[] } | undefined {
  const { versionInformation } = side?.remoteParameters ?? {};
  if (versionInformation === undefined) return undefined;
  const { chosen, available } = versionInformation;
  return { chosen, available: available.filter((version) => !isReservedVersion(version)) };
}

/** Hands the client a Version Negotiation packet of the server that it asked. */
function negotiate(pair: TestPair, versions: number[]): void {
  const { client } = pair;
  const out = new Uint8Array(200);
  const { originalDestinationId } = client.firstFlight;
  const length = encodeVersionNegotiation(
    out,
    0x3a,
    client.localIds.current,
    originalDestinationId,
    versions,
  );
  const { serverAddress, clientAddress } = pair.pair;
  client.recv(out.slice(0, length), { from: serverAddress, to: clientAddress }, pair.now);
}

scenario('C30 RFC 9369 §3 a connection that begins in version 2 has no packet of another', (seed) => {
  const pair = makePair({ seed }, [V2], [V2]);
  const seen = watchLong(pair);
  pair.fetch([20_000]);
  const all = [...seen.client, ...seen.server];
  assert.ok(all.length > 4);
  assert.ok(all.every(([version]) => version === V2));
  // RFC 9369 §3.3.2: the labels of key updates are others too.
  pair.runUntil(() => pair.isEstablished);
  assert.equal(pair.client.updateKeys(pair.now), true);
  pair.fetch([20_000]);
  pair.close();
});

scenario(
  'C30 RFC 9369 §4.1 both sides go on in version 2 after Initials of version 1: the case v2',
  (seed) => {
    const pair = makePair({ seed }, [V2, V1], [V2, V1], V1);
    const seen = watchLong(pair);
    pair.fetch([1024]);
    assert.deepEqual(seen.client[0], [V1, PacketType.INITIAL]);
    const negotiated = (packets: [number, number][]) =>
      packets.some(([version, type]) => version === V2 && type === PacketType.INITIAL);
    assert.ok(negotiated(seen.client), 'the client acknowledges in the version that it learnt');
    assert.ok(negotiated(seen.server));
    for (const [version, type] of [...seen.client, ...seen.server])
      if (type === PacketType.HANDSHAKE) assert.equal(version, V2);
    assert.equal(pair.client.header.version.version, V2);
    assert.deepEqual(informationOf(pair.client), { chosen: V2, available: [V2, V1] });
    assert.deepEqual(informationOf(pair.server), { chosen: V1, available: [V2, V1] });
    pair.close();
  },
);

scenario('C30 RFC 9368 §2.3 a server that prefers version 1 takes a connection down to it', (seed) => {
  const pair = makePair({ seed }, [V2, V1], [V1, V2], V2);
  pair.fetch([1024]);
  assert.equal(pair.client.header.version.version, V1);
  assert.equal(pair.server?.header.version.version, V1);
});

scenario(
  'C30 RFC 9368 §2.3 a server with one version stays with it, and says nothing to who asks nothing',
  (seed) => {
    const both = makePair({ seed }, [V2, V1], [V1], V1);
    both.fetch([1024]);
    assert.equal(both.client.header.version.version, V1);
    assert.deepEqual(informationOf(both.client), { chosen: V1, available: [V1] });
    const silent = { client: { grease: false }, server: { grease: false } };
    const plain = makePair({ seed, ...silent }, [V1], [V1]);
    plain.fetch([1024]);
    assert.equal(plain.client.remoteParameters.versionInformation, undefined);
    assert.equal(plain.server?.remoteParameters.versionInformation, undefined);
  },
);

scenario(
  'C29 RFC 9368 §3 version_information lists one reserved version by default, none without grease',
  (seed) => {
    for (const versions of [[V1], [V2, V1]]) {
      for (const grease of [true, false]) {
        const pair = makePair({ seed, client: { grease }, server: { grease } }, versions, versions, V1);
        pair.fetch([1024]);
        for (const side of [pair.client, pair.server]) {
          const { chosen, available = [] } = side?.remoteParameters.versionInformation ?? {};
          const reserved = available.filter(isReservedVersion);
          assert.equal(reserved.length, grease ? 1 : 0);
          assert.ok(chosen === undefined || available.includes(chosen));
        }
        assert.equal(pair.client.header.version.version, versions[0]);
      }
    }
  },
);

for (const loss of [0.1, 0.3]) {
  scenario(`C30 RFC 9369 §4.1 the switch of version outlives a loss of ${loss * 100} %`, (seed) => {
    for (let i = 0; i < 10; i++) {
      const pair = makePair({ seed: seed * 100 + i, scenario: dropRate(loss) }, [V2, V1], [V2, V1], V1);
      pair.fetch([5000]);
      assert.equal(pair.client.header.version.version, V2);
    }
  });
}

scenario(
  'C15 RFC 9368 §2.1 a client follows a Version Negotiation packet once, with a version of its list',
  (seed) => {
    const pair = makePair(
      { seed, accept: () => (negotiated ? {} : null), server: { version: V2 } },
      [V1, V2],
      [V2],
      V1,
    );
    let negotiated = false;
    const seen = watchLong(pair);
    pair.pair.run(20);
    negotiated = true;
    negotiate(pair, [RESERVED, V2]);
    // A second one comes too late.
    negotiate(pair, [RESERVED]);
    pair.wake();
    pair.fetch([1024]);
    assert.equal(pair.client.header.version.version, V2);
    assert.deepEqual(seen.client[0], [V1, PacketType.INITIAL]);
    assert.deepEqual(informationOf(pair.client), { chosen: V2, available: [V2] });
    assert.deepEqual(informationOf(pair.server), { chosen: V2, available: [V1, V2] });
  },
);

scenario(
  'C15 RFC 9000 §15 a reserved version makes a server negotiate, and the client goes on in version 1',
  (seed) => {
    let negotiated = false;
    const pair = new TestPair({
      seed,
      client: { version: RESERVED },
      accept: () => (negotiated ? {} : null),
    });
    pair.pair.run(20);
    negotiated = true;
    negotiate(pair, [V1]);
    pair.wake();
    pair.fetch([1024]);
    assert.equal(pair.client.header.version.version, V1);
  },
);

scenario(
  'P9 RFC 9368 §4 a forged Version Negotiation packet cannot take the client to a lesser version',
  (seed) => {
    let negotiated = false;
    const pair = makePair(
      { seed, accept: () => (negotiated ? {} : null), server: { version: V1 } },
      [V2, V1],
      [V2, V1],
      V2,
    );
    pair.pair.run(1);
    negotiated = true;
    negotiate(pair, [V1]);
    pair.wake();
    pair.runUntil(() => !pair.client.state.isOpen);
    assert.equal(pair.client.closer.local?.errorCode, BigInt(TransportErrorCode.VERSION_NEGOTIATION_ERROR));
  },
);

scenario(
  'P9 RFC 9368 §4 version_information that does not fit what is on the wire ends the connection',
  (seed) => {
    for (const [information, code] of [
      [{ chosen: V2, available: [V2, V1] }, TransportErrorCode.VERSION_NEGOTIATION_ERROR],
      [{ chosen: 0, available: [V1] }, TransportErrorCode.TRANSPORT_PARAMETER_ERROR],
    ] as const) {
      const pair = makePair({ seed }, [V2, V1], [V1], V1);
      pair.onAccept = (server) =>
        Object.defineProperty(server.versions, 'information', { get: () => information });
      pair.runUntil(() => !pair.client.state.isOpen);
      assert.equal(pair.client.closer.local?.errorCode, BigInt(code));
    }
    const pair = makePair({ seed }, [V1], [V1, V2]);
    pair.runUntil(() => pair.isEstablished);
    const versions = pair.server?.versions;
    const refuses = (chosen: number, available: number[], code: number) =>
      assert.throws(
        () => versions?.onPeerInformation({ chosen, available }),
        (error) => error instanceof TransportError && error.code === code,
      );
    refuses(V2, [V2, V1], TransportErrorCode.VERSION_NEGOTIATION_ERROR);
    refuses(V1, [V2], TransportErrorCode.TRANSPORT_PARAMETER_ERROR);
  },
);

scenario(
  'C30 RFC 9369 §5 a session of version 2 is for version 2: the next connection begins in it, with 0-RTT',
  (seed) => {
    const stage = new SessionStage();
    const versions = { client: { versions: [V2, V1] }, server: { versions: [V2, V1] } };
    const session = stage.first({ seed, ...versions });
    const pair = stage.pair({
      seed: seed + 1,
      session,
      earlyData: true,
      client: { versions: [V2, V1] },
      server: { versions: [V2, V1], version: V2 },
    });
    const seen = watchLong(pair);
    pair.request(3, 500);
    pair.runUntil(() => pair.serverApp?.whole === 3 && pair.isEstablished);
    assert.ok(pair.client.handshake.engine.resumed);
    assert.equal(pair.earlyData, 'accepted');
    assert.ok([...seen.client, ...seen.server].every(([version]) => version === V2));
  },
);

scenario(
  'C30 RFC 9369 §4.1 0-RTT packets stay in the first version while the connection goes on in the second',
  (seed) => {
    const stage = new SessionStage();
    const session = stage.first({ seed });
    const versions = { client: { versions: [V2, V1] }, server: { versions: [V2, V1] } };
    const pair = stage.pair({ seed: seed + 1, session, earlyData: true, ...versions });
    const seen = watchLong(pair);
    pair.request(3, 500);
    pair.runUntil(() => pair.serverApp?.whole === 3 && pair.isEstablished);
    assert.equal(pair.earlyData, 'accepted');
    assert.equal(pair.client.header.version.version, V2);
    const early = seen.client.filter(([, type]) => type === PacketType.ZERO_RTT);
    assert.ok(early.length > 0);
    assert.ok(early.every(([version]) => version === V1));
  },
);

scenario(
  'C30 RFC 9369 §5 a session of version 1 resumes nothing in version 2, whatever a client does',
  (seed) => {
    const stage = new SessionStage();
    const session = stage.first({ seed });
    const only = { client: { version: V2, versions: [V2] }, server: { version: V2, versions: [V2] } };
    const honest = stage.pair({ seed: seed + 1, session, earlyData: true, ...only });
    honest.fetch([1000]);
    assert.equal(honest.client.handshake.engine.resumed, false);
    // A client that takes the session for one of version 2.
    const known = decodeSession(session);
    const parameters = decodeTransportParameters(known.transportParameters, 'server');
    const changed = encodeTransportParameters({
      ...parameters,
      versionInformation: { chosen: V2, available: [V2] },
    });
    const forged = encodeSession({ ...known, transportParameters: changed });
    const pair = stage.pair({ seed: seed + 2, session: forged, earlyData: true, ...only });
    pair.fetch([1000]);
    assert.equal(pair.earlyData, 'rejected');
    assert.equal(pair.client.handshake.engine.resumed, false);
  },
);
