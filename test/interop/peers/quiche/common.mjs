// What the quiche server and client share: options, output lines, configuration, one connection's
// pumping between quiche (through the native binding of @matrixai/quic) and a UDP socket.
// Options and output lines are the same for all peers and are described in ../README.md.

import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';

const FLAGS = new Set(['retry', 'key-update', 'resume', 'zero-rtt', 'wait-close', 'migrate']);
const MAX_DATAGRAM = 1350;

/** The native quiche, or an exit with the reason: the package is an optional guest of this repository. */
export async function loadQuiche() {
  try {
    const { default: quiche } = await import('@matrixai/quic/native/quiche.js');
    return quiche;
  } catch (error) {
    fail(`@matrixai/quic cannot be loaded: ${error.message}`);
  }
}

/** `--name value` pairs and `--flag`s; flags have the value ''. */
export function parseOptions(args) {
  const options = {};
  for (let index = 0; index < args.length; index++) {
    if (!args[index].startsWith('--')) fail(`not an option: ${args[index]}`);
    const name = args[index].slice(2);
    if (FLAGS.has(name)) options[name] = '';
    else if (index + 1 < args.length) options[name] = args[++index];
    else fail(`--${name} needs a value`);
  }
  return options;
}

export function number(options, name, otherwise) {
  if (!(name in options)) return otherwise;
  const value = Number(options[name]);
  if (!Number.isInteger(value)) fail(`--${name} ${options[name]}: not a number`);
  return value;
}

export function list(options, name, otherwise) {
  return (options[name] ?? otherwise).split(',').filter((item) => item !== '');
}

/** `CODE` or `CODE,REASON`. */
export function parseClosing(text) {
  const [code, ...reason] = text.split(',');
  return { code: Number(code), reason: reason.join(',') };
}

export function emit(event, values = {}) {
  const plain = (_key, value) => (typeof value === 'bigint' ? Number(value) : value);
  writeSync(1, `${JSON.stringify({ event, ...values }, plain)}\n`);
}

export function fail(message) {
  emit('error', { message });
  process.exit(1);
}

/** Limits that both roles announce; datagrams are offered only when asked for. */
export function makeConfig(quiche, options, alpn) {
  const config = new quiche.Config();
  const streams = number(options, 'max-streams', 100);
  config.setApplicationProtos(alpn);
  config.setMaxIdleTimeout(number(options, 'idle-timeout', 10_000));
  config.setMaxRecvUdpPayloadSize(65_527);
  config.setMaxSendUdpPayloadSize(MAX_DATAGRAM);
  config.setInitialMaxData(10_000_000);
  config.setInitialMaxStreamDataBidiLocal(1_000_000);
  config.setInitialMaxStreamDataBidiRemote(1_000_000);
  config.setInitialMaxStreamDataUni(1_000_000);
  config.setInitialMaxStreamsBidi(streams);
  config.setInitialMaxStreamsUni(streams);
  config.setActiveConnectionIdLimit(4);
  config.enablePacing(false);
  if ('datagrams' in options) config.enableDgram(true, 1000, 1000);
  if (process.env.SSLKEYLOGFILE) config.logKeys();
  return config;
}

export function keyLog(connection) {
  if (process.env.SSLKEYLOGFILE) connection.setKeylog(process.env.SSLKEYLOGFILE);
}

/**
 * Gives the peer spare connection ids, without which it cannot migrate, and new ones for those it retired; calls back
 * with each.
 */
export function issueConnectionIds(connection, issued, retired) {
  for (let id = connection.retiredScidNext(); id; id = connection.retiredScidNext()) retired(id);
  while (connection.sourceCidsLeft() > 0) {
    const id = randomBytes(16);
    connection.newSourceCid(id, BigInt(`0x${randomBytes(16).toString('hex')}`), false);
    issued(id);
  }
}

/** Sends everything that quiche has ready; `socketFor` finds the socket of a local address. */
export function flush(connection, socketFor) {
  const buffer = Buffer.allocUnsafe(MAX_DATAGRAM);
  for (;;) {
    let sent;
    try {
      sent = connection.send(buffer);
    } catch (error) {
      // quiche has closed the connection and says so with its next packet or by isClosed().
      if (error.message !== 'Done') connection.close(false, 1, Buffer.from(error.message));
      return;
    }
    if (sent === null) return;
    const [length, { from, to }] = sent;
    socketFor(from).send(Uint8Array.prototype.slice.call(buffer, 0, length), to.port, to.host, ignore);
  }
}

/** Keeps one timer at what quiche wants. */
export class Alarm {
  #timer = null;

  set(connection, fire) {
    clearTimeout(this.#timer);
    const delay = connection.timeout();
    if (delay !== null) this.#timer = setTimeout(fire, Math.max(delay, 1));
  }

  clear() {
    clearTimeout(this.#timer);
  }
}

/** Everything readable of one stream now, at most `limit` bytes: { bytes, fin } or null for nothing. */
export function readStream(connection, id, limit) {
  const parts = [];
  let total = 0;
  let fin = false;
  while (!fin && total < limit) {
    const buffer = Buffer.allocUnsafe(65_536);
    const got = connection.streamRecv(id, buffer);
    if (got === null) break;
    parts.push(buffer.subarray(0, got[0]));
    total += got[0];
    fin = got[1];
  }
  return total === 0 && !fin ? null : { bytes: Buffer.concat(parts, total), fin };
}

/** How a connection ended, from what quiche tells. */
export function closedValues(connection) {
  const remote = connection.peerError();
  const local = connection.localError();
  const error = remote ?? local;
  if (error === null || error === undefined) {
    return { kind: connection.isTimedOut() ? 'timeout' : 'other', code: 0, reason: '', remote: false };
  }
  return {
    kind: error.isApp ? 'application' : 'transport',
    code: error.errorCode,
    reason: Buffer.from(error.reason).toString(),
    remote: error === remote,
  };
}

/** The number inside quiche's `StreamReset(7)` or `StreamStopped(7)`; null for other messages. */
export function streamErrorCode(error) {
  const match = /Stream(?:Reset|Stopped)\((\d+)\)/.exec(error.message);
  return match === null ? null : Number(match[1]);
}

export function ignore() {}
