// DNS over QUIC (RFC 9250), TLS (RFC 7858) and TCP (RFC 7766) in front of one zone, in one process.

import { once } from 'node:events';
import { ListenGroup } from 'quayside/group';
import { start } from '../start.js';
import { framed, Incomplete, messagesOf } from './messages.js';
import { answer, hasTcpKeepalive } from './zone.js';

/** RFC 9250 §4.3. */
const DOQ_PROTOCOL_ERROR = 0x2;
const DOQ_REQUEST_CANCELLED = 0x3;

/** Time that a TCP or TLS connection may be idle, ms (RFC 7766 §6.2.3). QUIC has its own. */
const IDLE_TIME = 10_000;

const group = new ListenGroup({
  connected: ({ kind }) =>
    kind === 'quic'
      ? { mode: 'connection', handler: { runConnection: runQueries } }
      : { handler: { run: runConnection } },
});

await start(group, {
  fallback: ['tcp://127.0.0.1:0', 'tls://127.0.0.1:0', 'quic://127.0.0.1:0'],
  alpn: { tls: 'dot', quic: 'doq' },
});

/** TCP and TLS: any number of queries, answered in their order as they come (RFC 7766 §6.2.1.1). */
async function runConnection(stream, { info }) {
  stream.setTimeout(IDLE_TIME, () => stream.destroy());
  try {
    for await (const message of messagesOf(stream)) {
      const response = answer(message, { pads: info.kind === 'tls' });
      // Nothing that could be answered: the client speaks something else.
      if (response === null) return void stream.destroy();
      if (!stream.write(framed(response))) await once(stream, 'drain');
    }
  } catch (error) {
    if (!(error instanceof Incomplete)) throw error;
  }
}

/** QUIC: queries on streams that go both ways; one that goes one way is a fault (RFC 9250 §4.3.3). */
async function runQueries(connection) {
  for await (const stream of connection.incomingStreams()) {
    if (stream.direction === 'uni') await fail(connection, 'unidirectional stream');
    // A client that gives up its query is not answered (RFC 9250 §4.3.1).
    else runQuery(stream, connection).catch(() => stream.reset(DOQ_REQUEST_CANCELLED));
  }
}

/** One query on each stream, with the id 0, its end marked by the end of the stream (RFC 9250 §4.2). */
async function runQuery(stream, connection) {
  const queries = [];
  try {
    for await (const message of messagesOf(stream)) {
      queries.push(message);
      if (queries.length > 1) break;
    }
  } catch (error) {
    if (!(error instanceof Incomplete)) throw error;
    queries.length = 0;
  }
  const [query] = queries;
  const isFine =
    queries.length === 1 && query.length >= 2 && query.readUInt16BE() === 0 && !hasTcpKeepalive(query);
  const response = isFine ? answer(query, { pads: true }) : null;
  if (response === null) return await fail(connection, 'malformed query');
  await stream.end(framed(response));
}

/** Fatal for the whole connection (RFC 9250 §4.3.3). */
function fail(connection, reason) {
  return connection.close({ code: DOQ_PROTOCOL_ERROR, reason });
}
