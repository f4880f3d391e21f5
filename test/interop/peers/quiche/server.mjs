// The quiche server of the interop tests: answers `hq-interop` and `echo`, echoes datagrams, and
// closes on command from stdin. See ../README.md for options and output lines.

import { randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as common from './common.mjs';

const NOT_FOUND = 1;
const UNSENT_LIMIT = 1 << 18;

const quiche = await common.loadQuiche();
const options = common.parseOptions(process.argv.slice(2));
if ('key-update' in options) common.fail('quiche has no way to start a key update');
const config = common.makeConfig(quiche, options, common.list(options, 'alpn', 'hq-interop,echo'));
config.loadCertChainFromPemFile(options.cert);
config.loadPrivKeyFromPemFile(options.key);
config.verifyPeer(false);
config.enableEarlyData();

const routes = new Map();
const live = new Set();
const dirty = new Set();
let count = 0;
let scheduled = false;

const host = options.host ?? '127.0.0.1';
const socket = dgram.createSocket({
  type: host.includes(':') ? 'udp6' : 'udp4',
  recvBufferSize: 1 << 21,
  sendBufferSize: 1 << 21,
});
socket.on('message', (datagram, from) => receive(datagram, { host: from.address, port: from.port }));
await new Promise((bound) => socket.bind(common.number(options, 'port', 0), host, bound));
const local = { host, port: socket.address().port };
common.emit('listening', { port: local.port });
createInterface({ input: process.stdin }).on('line', obey).on('close', stop);

function receive(datagram, from) {
  let header;
  try {
    header = quiche.Header.fromSlice(datagram, quiche.MAX_CONN_ID_LEN - 4);
  } catch {
    return;
  }
  const session = routes.get(key(header.dcid)) ?? accept(header, from);
  if (session === null) return;
  try {
    session.connection.recv(datagram, { from, to: local });
  } catch {
    // quiche keeps the reason and closes the connection where it must.
  }
  wake(session);
}

/** An unknown Initial: Version Negotiation, Retry, or a new connection. */
function accept(header, from) {
  const out = Buffer.allocUnsafe(1500);
  const answer = (length) => socket.send(out.subarray(0, length), from.port, from.host);
  if (header.ty !== quiche.Type.Initial) return null;
  if (!quiche.versionIsSupported(header.version)) {
    answer(quiche.negotiateVersion(header.scid, header.dcid, out));
    return null;
  }
  let originalId = null;
  let id = randomBytes(16);
  if ('retry' in options) {
    if (header.token === undefined || header.token.length === 0) {
      answer(quiche.retry(header.scid, header.dcid, id, tokenFor(from, header.dcid), header.version, out));
      common.emit('retry', { sent: true });
      return null;
    }
    originalId = idInToken(from, header.token);
    if (originalId === null) return null;
    id = Buffer.from(header.dcid);
  }
  const connection = quiche.Connection.accept(id, originalId, local, from, config);
  common.keyLog(connection);
  const session = {
    connection,
    number: ++count,
    ids: [],
    streams: new Map(),
    alarm: new common.Alarm(),
    established: false,
    counted: 0,
    datagrams: 0,
    remote: from,
  };
  live.add(session);
  route(session, header.dcid);
  route(session, id);
  return session;
}

// Tokens of a test server: bound to the address, not secret.
function tokenFor(from, originalId) {
  return Buffer.concat([Buffer.from(`${from.host} ${from.port} `), originalId]);
}

function idInToken(from, token) {
  const start = Buffer.from(`${from.host} ${from.port} `);
  return start.equals(token.subarray(0, start.length)) ? Buffer.from(token.subarray(start.length)) : null;
}

function route(session, id) {
  session.ids.push(key(id));
  routes.set(key(id), session);
}

function key(id) {
  return Buffer.from(id).toString('hex');
}

/** Work on a connection once per loop turn, however many datagrams came. */
function wake(session) {
  dirty.add(session);
  if (scheduled) return;
  scheduled = true;
  setImmediate(() => {
    scheduled = false;
    const turn = [...dirty];
    dirty.clear();
    for (const one of turn) work(one);
  });
}

function work(session) {
  const { connection } = session;
  if (connection.isEstablished() || connection.isInEarlyData()) {
    if (connection.isEstablished() && !session.established) established(session);
    if (session.established) {
      const forget = (id) => routes.delete(key(id));
      common.issueConnectionIds(connection, (id) => route(session, id), forget);
    }
    for (const id of connection.readable()) {
      if (id % 4 === 0 && !session.streams.has(id)) open(session, id);
    }
    for (const [id, stream] of session.streams) serve(session, id, stream);
    echoDatagrams(session);
    for (let event = pathEvent(connection); event !== null; event = pathEvent(connection)) {
      if (event.type === 'PeerMigrated') session.remote = event.new;
      common.emit('path', { connection: session.number, ...event });
    }
  }
  common.flush(connection, () => socket);
  if (connection.isDraining() || connection.isClosed()) ended(session);
  if (connection.isClosed()) {
    session.alarm.clear();
    for (const id of session.ids) routes.delete(id);
    return;
  }
  session.alarm.set(connection, () => {
    connection.onTimeout();
    wake(session);
  });
}

function pathEvent(connection) {
  return connection.pathEventNext() ?? null;
}

function established(session) {
  const { connection, number, remote } = session;
  session.established = true;
  common.emit('established', {
    connection: number,
    alpn: alpn(connection),
    serverName: connection.serverName() ?? '',
    remote: `${remote.host}:${remote.port}`,
    resumed: connection.isResumed(),
  });
}

function ended(session) {
  if (!live.delete(session)) return;
  const { connection, number, counted, datagrams, remote } = session;
  common.emit('closed', {
    connection: number,
    ...common.closedValues(connection),
    streams: counted,
    datagrams,
    lastRemote: `${remote.host}:${remote.port}`,
  });
}

function alpn(connection) {
  return Buffer.from(connection.applicationProto()).toString();
}

function open(session, id) {
  session.counted++;
  session.streams.set(id, {
    early: session.connection.isInEarlyData(),
    request: alpn(session.connection) === 'echo' ? null : '',
    unsent: [],
    unsentBytes: 0,
    fin: false,
  });
}

/** Reads what came, then writes what can be written; forgets the stream when its end is written. */
function serve(session, id, stream) {
  const { connection } = session;
  try {
    while (!stream.fin && stream.unsentBytes < UNSENT_LIMIT) {
      const got = common.readStream(connection, id, UNSENT_LIMIT);
      if (got === null) break;
      if (stream.request === null) push(stream, got.bytes, got.fin);
      else request(session, id, stream, got);
    }
    write(connection, id, stream);
  } catch {
    session.streams.delete(id); // reset or stopped by the peer
    return;
  }
  if (stream.fin && stream.unsent.length === 0) session.streams.delete(id);
}

/** HTTP/0.9: one request line, then the file and the end of the stream. */
function request(session, id, stream, got) {
  stream.request += got.bytes.toString('latin1');
  if (!stream.request.includes('\n') && !got.fin) return;
  const path = stream.request.trim().replace(/^GET /, '');
  let file = null;
  try {
    if (!path.split('/').includes('..')) file = readFileSync(join(options.root ?? '.', path));
  } catch {
    // not found
  }
  common.emit('request', {
    connection: session.number,
    stream: id,
    path,
    zeroRtt: stream.early,
    found: file !== null,
  });
  if (file === null) {
    session.connection.streamShutdown(id, quiche.Shutdown.Write, NOT_FOUND);
    session.streams.delete(id);
    stream.fin = true;
  } else {
    push(stream, file, true);
  }
}

function push(stream, bytes, fin) {
  stream.unsent.push(bytes);
  stream.unsentBytes += bytes.length;
  stream.fin = fin;
}

function write(connection, id, stream) {
  while (stream.unsent.length > 0) {
    const [bytes] = stream.unsent;
    const last = stream.fin && stream.unsent.length === 1;
    const written = connection.streamSend(id, bytes, last) ?? 0;
    stream.unsentBytes -= written;
    if (written < bytes.length) {
      stream.unsent[0] = bytes.subarray(written);
      return;
    }
    stream.unsent.shift();
  }
}

function echoDatagrams(session) {
  if (!('datagrams' in options)) return;
  for (;;) {
    const datagram = session.connection.dgramRecvVec();
    if (datagram === null) return;
    session.datagrams++;
    try {
      session.connection.dgramSend(datagram);
    } catch {
      // Larger than what this side sends.
    }
  }
}

/** `close CODE,REASON` closes the live connections; `stop` or the end of stdin ends the server. */
function obey(line) {
  if (line.trim() === 'stop') stop();
  if (!line.startsWith('close ')) return;
  const { code, reason } = common.parseClosing(line.slice(6));
  for (const session of live) {
    session.connection.close(true, code, Buffer.from(reason));
    wake(session);
  }
}

function stop() {
  obey('close 0,server stops');
  setTimeout(() => process.exit(0), 100);
}
