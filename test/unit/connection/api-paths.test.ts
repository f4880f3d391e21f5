import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiLink, CLIENT, insideOf, quic, SERVER, STRANGER } from '../../support/api-link.ts';

describe('Connection: connection ids and paths', () => {
  test('C74 newSourceCid issues ids up to the limit of the peer, the same id once', () => {
    const link = ApiLink.established({ server: { activeConnectionIdLimit: 3 } });
    const { client, server } = link;
    assert.deepEqual([client.activeSourceCids, client.sourceCidsLeft, client.maxActiveSourceCids], [1, 2, 3]);
    assert.equal(client.newSourceCid(id(1), token(1)), 1);
    assert.equal(client.newSourceCid(id(1), token(1)), 1);
    assert.throws(() => client.newSourceCid(id(1), token(2)), quic('ERR_QUIC_INVALID_STATE', { number: -6 }));
    assert.equal(client.newSourceCid(id(2), token(2)), 2);
    assert.deepEqual([client.activeSourceCids, client.sourceCidsLeft], [3, 0]);
    assert.throws(() => client.newSourceCid(id(3), token(3)), quic('ERR_QUIC_ID_LIMIT', { number: -17 }));
    assert.equal(server.availableDcids, 0);
    link.flush();
    assert.equal(server.availableDcids, 2);
    assert.deepEqual(client.sourceIds().slice(1), [id(1), id(2)]);
    assert.throws(() => client.newSourceCid(new Uint8Array(21), token(1)), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => client.newSourceCid(id(9), id(9)), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  test('C74 at the limit the oldest id is retired if asked for, and comes out of nextRetiredScid', () => {
    const link = ApiLink.established();
    const { client, server } = link;
    const first = client.sourceId;
    client.newSourceCid(id(1), token(1));
    link.flush();
    assert.equal(client.nextRetiredScid(), null);
    assert.equal(client.newSourceCid(id(2), token(2), true), 2);
    // 2 * limit - 1 ids may be stored at most.
    assert.throws(() => client.newSourceCid(id(3), token(3), true), quic('ERR_QUIC_ID_LIMIT'));
    link.flush();
    assert.equal(client.retiredScids, 1);
    assert.deepEqual(client.nextRetiredScid(), first);
    assert.equal(client.nextRetiredScid(), null);
    assert.deepEqual(server.destinationId, id(1));
    assert.deepEqual(client.sourceId, id(1));
    assert.equal(client.newSourceCid(id(3), token(3), true), 3);
  });

  test('C74 retireDestinationCid needs an id that is known, and a spare one', () => {
    const link = ApiLink.established();
    const { client, server } = link;
    const last = quic('ERR_QUIC_OUT_OF_IDENTIFIERS', { number: -18 });
    assert.throws(() => server.retireDestinationCid(0), last);
    assert.throws(() => server.retireDestinationCid(5), quic('ERR_QUIC_INVALID_STATE'));
    client.newSourceCid(id(1), token(1));
    link.flush();
    server.retireDestinationCid(0);
    assert.deepEqual(server.destinationId, id(1));
    assert.throws(() => server.retireDestinationCid(1), last);
    link.flush();
    assert.equal(client.activeSourceCids, 1);
    assert.ok(client.nextRetiredScid() !== null);
    // Packets go to the new id.
    client.streamSend(0, new Uint8Array(10), true);
    link.flush();
    assert.equal(server.isStreamReadable(0), true);
  });

  test('C74 the active path does not give up its id while another path has the only other one', () => {
    const link = ApiLink.established();
    const { client, server } = link;
    client.newSourceCid(id(1), token(1));
    link.flush();
    insideOf(server).paths.open(SERVER, STRANGER, -1, link.now);
    assert.equal(server.availableDcids, 0);
    assert.throws(() => server.retireDestinationCid(0), quic('ERR_QUIC_OUT_OF_IDENTIFIERS'));
    assert.deepEqual(server.destinationId, client.sourceId);
    // The path without an id of its own ends.
    server.retireDestinationCid(1);
    assert.deepEqual(server.paths(SERVER), [CLIENT]);
  });

  test('C74 ids of no length can be neither added nor retired', () => {
    const link = ApiLink.established({ connect: { scid: new Uint8Array(0) } });
    const { client, server } = link;
    assert.equal(client.sourceId.length, 0);
    assert.equal(client.sourceCidsLeft, 0);
    assert.equal(server.availableDcids, 0);
    assert.throws(() => client.newSourceCid(id(1), token(1)), quic('ERR_QUIC_INVALID_STATE'));
    assert.throws(() => server.retireDestinationCid(0), quic('ERR_QUIC_INVALID_STATE'));
  });

  test('C75 packets on a new path go to an id that no other path has used', () => {
    const link = ApiLink.established();
    const { client, server } = link;
    client.newSourceCid(id(1), token(1));
    link.flush();
    // The client's address changes under way: its next datagram comes from elsewhere.
    client.streamSend(0, new Uint8Array(10), true);
    const { datagram } = link.takeOne(client);
    server.recv(datagram, { from: STRANGER, to: SERVER }, link.now);
    const out = new Uint8Array(2048);
    const sent = [];
    for (let info = server.send(out, link.now); info !== null; info = server.send(out, link.now)) {
      sent.push({ port: info.to.port, address: info.to.address, id: out.slice(1, 9) });
    }
    const moved = sent.filter((each) => each.address === STRANGER.address);
    assert.ok(moved.length > 0);
    for (const each of moved) assert.deepEqual(each.id, id(1));
    for (const each of sent) if (each.address === CLIENT.address) assert.notDeepEqual(each.id, id(1));
  });

  test('C103 paths lists the peers that a local address reaches, isPathValidated knows those alone', () => {
    const link = ApiLink.established();
    const { client, server } = link;
    assert.deepEqual(client.paths(CLIENT), [SERVER]);
    assert.deepEqual(client.paths(STRANGER), []);
    assert.equal(client.isPathValidated(CLIENT, SERVER), true);
    assert.throws(() => client.isPathValidated(CLIENT, STRANGER), quic('ERR_QUIC_INVALID_STATE'));
    client.newSourceCid(id(1), token(1));
    client.streamSend(0, new Uint8Array(10), true);
    const datagrams = link.take(client);
    server.recv(datagrams[0], { from: STRANGER, to: SERVER }, link.now);
    for (const each of datagrams.slice(1)) server.recv(each, { from: STRANGER, to: SERVER }, link.now);
    assert.deepEqual(server.paths(SERVER), [CLIENT, STRANGER]);
    assert.equal(server.isPathValidated(SERVER, STRANGER), false);
  });

  test('C7 C13 a path that is not the active one can be pinged and sent on alone', () => {
    const link = ApiLink.established();
    const { client, server } = link;
    client.newSourceCid(id(1), token(1));
    link.flush();
    insideOf(server).paths.open(SERVER, STRANGER, -1, link.now);
    const path = insideOf(server).paths.find(SERVER, STRANGER);
    assert.ok(path !== null);
    path.addressValidated = true;
    server.pingOnPath(SERVER, STRANGER, link.now);
    server.ping(link.now);
    const out = new Uint8Array(2048);
    const [first, second] = [server.sendOnPath(out, SERVER, CLIENT, link.now), null];
    assert.deepEqual(first?.to, CLIENT);
    assert.equal(second, null);
    assert.equal(server.sendOnPath(out, SERVER, CLIENT, link.now), null);
    assert.deepEqual(server.sendOnPath(out, null, STRANGER, link.now)?.to, STRANGER);
    assert.equal(server.sendOnPath(out, null, STRANGER, link.now), null);
    assert.ok(server.sendQuantumOnPath(SERVER, STRANGER) >= 1200);
  });

  test('C6 the largest datagram is 1200 bytes until established, then what the path carries', () => {
    const fresh = new ApiLink({ client: { maxSendUdpPayloadSize: 1452 } });
    assert.equal(fresh.client.maxSendUdpPayloadSize, 1200);
    fresh.flush();
    fresh.advance(500);
    assert.equal(fresh.client.maxSendUdpPayloadSize, 1452);
    assert.equal(fresh.client.pmtu, 1452);
  });
});

function id(fill: number): Uint8Array {
  return new Uint8Array(8).fill(fill);
}

function token(fill: number): Uint8Array {
  return new Uint8Array(16).fill(fill);
}
