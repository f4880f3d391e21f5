// The quiche client of the interop tests: downloads over `hq-interop`, echoes over `echo`, and makes
// the events asked for on the way. See ../README.md for options and output lines.

import { createHash, randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as common from './common.mjs';

const MOVE_EVERY = 256 * 1024;

const quiche = await common.loadQuiche();
const options = common.parseOptions(process.argv.slice(2));
const remote = { host: options.host ?? '127.0.0.1', port: common.number(options, 'port', 0) };
const localHost = remote.host.includes(':') ? '::1' : '127.0.0.1';
const limit = common.number(options, 'timeout', 60);
setTimeout(() => common.fail(`not done after ${limit} s`), limit * 1000).unref();

const config = common.makeConfig(quiche, options, common.list(options, 'alpn', 'hq-interop'));
config.loadVerifyLocationsFromFile(options.ca);
config.verifyPeer(true);
if ('zero-rtt' in options) config.enableEarlyData();

if ('key-update' in options) common.fail('quiche has no way to start a key update');

let ok = true;
let ticket = null;
if ('resume' in options || 'zero-rtt' in options) {
  ticket = await connect(1, allJobs().slice(0, 1), null, true);
  await connect(2, allJobs(), ticket, false);
} else {
  await connect(1, allJobs(), null, false);
}
process.exit(ok ? 0 : 1);

function allJobs() {
  const jobs = [];
  for (let times = common.number(options, 'streams', 1); times > 0; times--) {
    for (const path of common.list(options, 'requests', '')) {
      jobs.push({ name: path, payload: Buffer.from(`GET ${path}\r\n`), echo: false });
    }
    if ('echo' in options) {
      const payload = Buffer.alloc(common.number(options, 'echo', 0), 'an echo has to come back ');
      jobs.push({ name: 'echo', payload, echo: true });
    }
  }
  return jobs;
}

/** One connection from handshake to close; gives the session ticket, if there is one. */
async function connect(number, jobs, session, awaitTicket) {
  const state = {
    number,
    jobs,
    started: 0,
    streams: new Map(),
    sockets: new Map(),
    received: 0,
    moves: 0,
    nat: null,
    established: false,
    datagrams: { sent: 0, received: 0, waiting: null, reported: false },
    closing: false,
    over: false,
    scheduled: false,
    alarm: new common.Alarm(),
    awaitTicket,
    ticket: null,
    finish: null,
  };
  state.local = await openSocket(state);
  state.connection = quiche.Connection.connect(
    options.name ?? 'localhost',
    randomBytes(16),
    state.local,
    remote,
    config,
  );
  if (session !== null) state.connection.setSession(session);
  common.keyLog(state.connection);
  const finished = new Promise((resolve) => {
    state.finish = resolve;
  });
  send(state); // the first flight: only after it is there early data
  work(state);
  await finished;
  for (const socket of state.sockets.values()) socket.close();
  state.nat?.close();
  return state.ticket;
}

async function openSocket(state) {
  const socket = dgram.createSocket({
    type: localHost === '::1' ? 'udp6' : 'udp4',
    recvBufferSize: 1 << 21,
    sendBufferSize: 1 << 21,
  });
  socket.bind(0, localHost);
  await once(socket, 'listening');
  const local = { host: localHost, port: socket.address().port };
  state.sockets.set(local.port, socket);
  socket.on('message', (datagram, from) => {
    if (isRetry(datagram)) common.emit('retry', { sent: false });
    try {
      // Behind a NAT the client does not learn that its outer port changed.
      const to = state.nat === null ? local : state.local;
      state.connection.recv(datagram, { from: { host: from.address, port: from.port }, to });
    } catch {
      // quiche keeps the reason and closes the connection where it must.
    }
    wake(state);
  });
  return local;
}

function isRetry(datagram) {
  return (datagram[0] & 0xf0) === 0xf0 && datagram.readUInt32BE(1) === 1;
}

function wake(state) {
  if (state.scheduled) return;
  state.scheduled = true;
  setImmediate(() => {
    state.scheduled = false;
    work(state);
  });
}

function work(state) {
  const { connection } = state;
  if (connection.isEstablished() && !state.established) established(state);
  if (connection.isEstablished() || connection.isInEarlyData()) {
    startStreams(state);
    for (const id of connection.readable()) read(state, id);
    for (const [id, stream] of state.streams) write(state, id, stream);
    if (state.established) {
      common.issueConnectionIds(connection, common.ignore, common.ignore);
      exchangeDatagrams(state);
      pathEvents(state);
      closeWhenDone(state);
    }
  }
  send(state);
  if (connection.isDraining() || connection.isClosed()) return ended(state);
  state.alarm.set(connection, () => {
    connection.onTimeout();
    wake(state);
  });
}

function send(state) {
  common.flush(state.connection, (from) => state.nat ?? state.sockets.get(from.port));
}

function established(state) {
  const { connection } = state;
  state.established = true;
  common.emit('established', {
    connection: state.number,
    alpn: Buffer.from(connection.applicationProto()).toString(),
    resumed: connection.isResumed(),
    zeroRtt: state.started > 0 && connection.isResumed(),
  });
}

function startStreams(state) {
  const { connection, jobs } = state;
  while (state.started < jobs.length && connection.peerStreamsLeftBidi() > 0) {
    const job = jobs[state.started];
    const id = 4 * state.started++;
    const stream = {
      job,
      unsent: job.payload,
      early: !state.established,
      written: false,
      hash: createHash('sha256'),
      length: 0,
      kept: [],
    };
    state.streams.set(id, stream);
    write(state, id, stream); // takes the stream's place in the peer's limit at once
  }
}

function write(state, id, stream) {
  if (stream.written) return;
  try {
    const written = state.connection.streamSend(id, stream.unsent, true) ?? 0;
    stream.written = written === stream.unsent.length;
    stream.unsent = stream.unsent.subarray(written);
  } catch (error) {
    if (common.streamErrorCode(error) === null) throw error;
    stream.written = true; // a server may answer without reading to the end
  }
}

function read(state, id) {
  const stream = state.streams.get(id);
  if (stream === undefined) return;
  let got;
  try {
    got = common.readStream(state.connection, id, 1 << 20);
  } catch (error) {
    return failed(state, id, stream, { code: common.streamErrorCode(error) ?? 0, message: error.message });
  }
  if (got === null) return;
  stream.hash.update(got.bytes);
  stream.length += got.bytes.length;
  state.received += got.bytes.length;
  if ('out' in options) stream.kept.push(got.bytes);
  moveOnTheWay(state);
  if (got.fin) downloaded(state, id, stream);
  else if (got.bytes.length > 0) wake(state);
}

function downloaded(state, id, stream) {
  const { job } = stream;
  const sha256 = stream.hash.digest('hex');
  if (job.echo && sha256 !== createHash('sha256').update(job.payload).digest('hex')) {
    return failed(state, id, stream, { message: 'the echo differs from what was sent' });
  }
  if ('out' in options && !job.echo)
    writeFileSync(join(options.out, basename(job.name)), Buffer.concat(stream.kept));
  state.streams.delete(id);
  common.emit('download', {
    connection: state.number,
    stream: id,
    path: job.name,
    length: stream.length,
    sha256,
    zeroRtt: stream.early,
  });
}

function failed(state, id, stream, values) {
  ok = false;
  state.streams.delete(id);
  common.emit('failed', { connection: state.number, path: stream.job.name, ...values });
}

/** `--rebind N`: another port that quiche is not told of. `--migrate`: another path, probed first. */
function moveOnTheWay(state) {
  if (state.received < (state.moves + 1) * MOVE_EVERY) return;
  if (state.moves < common.number(options, 'rebind', 0)) {
    state.moves++;
    openSocket(state).then((outer) => {
      state.nat?.close();
      state.nat = state.sockets.get(outer.port);
      state.sockets.delete(outer.port);
      common.emit('rebind', { connection: state.number, port: outer.port });
      // A client that only receives has to show its new port, or the server goes on to send to the old one.
      state.connection.sendAckEliciting();
      wake(state);
    });
  } else if ('migrate' in options && state.moves === 0) {
    state.moves++;
    openSocket(state).then((next) => {
      state.connection.probePath(next, remote);
      common.emit('probe', { connection: state.number, port: next.port });
      wake(state);
    });
  }
}

function pathEvents(state) {
  for (let event = state.connection.pathEventNext(); event; event = state.connection.pathEventNext()) {
    common.emit('path', { connection: state.number, ...event });
    if (event.type === 'Validated' && 'migrate' in options) {
      state.connection.migrate(event.local, event.peer);
      common.emit('migrated', { connection: state.number, port: event.local.port });
    }
  }
}

/** Datagrams go one at a time, each when the echo of the one before came or half a second passed. */
function exchangeDatagrams(state) {
  const { connection, datagrams } = state;
  const wanted = common.number(options, 'datagrams', 0);
  if (wanted === 0 || state.streams.size > 0) return;
  if (connection.dgramMaxWritableLen() === null) common.fail('the server does not take datagrams');
  for (let echo = connection.dgramRecvVec(); echo !== null; echo = connection.dgramRecvVec()) {
    if (datagrams.waiting === null || !datagrams.waiting.bytes.equals(echo)) continue;
    datagrams.received++;
    clearTimeout(datagrams.waiting.timer);
    datagrams.waiting = null;
  }
  if (datagrams.waiting === null && datagrams.sent < wanted) {
    const bytes = Buffer.alloc(common.number(options, 'datagram-size', 1000), datagrams.sent);
    bytes.writeUInt32BE(datagrams.sent++);
    connection.dgramSend(bytes);
    const timer = setTimeout(() => {
      datagrams.waiting = null;
      wake(state);
    }, 500);
    datagrams.waiting = { bytes, timer };
  }
  if (datagrams.sent === wanted && datagrams.waiting === null && !datagrams.reported) {
    datagrams.reported = true;
    if (datagrams.received === 0) ok = false;
    common.emit('datagrams', { connection: state.number, sent: wanted, received: datagrams.received });
  }
}

function closeWhenDone(state) {
  const { connection, jobs, streams, datagrams } = state;
  if (state.started < jobs.length || streams.size > 0 || state.closing) return;
  if (common.number(options, 'datagrams', 0) > 0 && !datagrams.reported) return;
  state.ticket = connection.session() ?? null;
  if (state.awaitTicket && state.ticket === null) return;
  if ('wait-close' in options) return;
  state.closing = true;
  const { code, reason } = common.parseClosing(options.close ?? '0,done');
  connection.close(true, code, Buffer.from(reason));
}

function ended(state) {
  const { connection, jobs, streams } = state;
  state.alarm.clear();
  if (state.over) return;
  state.over = true;
  if (!state.established || state.started < jobs.length || streams.size > 0) ok = false;
  common.emit('closed', { connection: state.number, ...common.closedValues(connection) });
  setTimeout(state.finish, 20); // dgram sends what flush() gave it
}
