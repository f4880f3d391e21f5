// Listeners as text, for configuration files and command lines. Reads text into targets; knows nothing of sockets.

import { invalidArgType, type QuicError, quicError } from '../errors.ts';
import { parseAddress } from '../util/address.ts';
import type { ListenerTarget } from './specification.ts';

/**
 * Reads a listener from text:
 *
 *   tcp://127.0.0.1:8080                       tcp://[::1]:0     port 0: any free one
 *   tls://0.0.0.0:853?cert=c.pem&key=k.pem     tls://*:853?…     `*`: all addresses
 *   quic://127.0.0.1:4433?cert=c.pem&key=k.pem&alpn=echo
 *   unix:/run/echo.sock?force&mode=600         unix:echo.sock
 *
 * Options of `tls` and `quic`: `cert`, `key` and `ca` (paths), `alpn` (names, with commas between), `requestCert`; of
 * `quic`: `retry`, which makes clients prove their address; of `unix`: `force`, `mode` (octal). Paths and values are
 * percent-decoded. Throws ERR_QUIC_LISTENER_SPECIFICATION, which says what is wrong and what is allowed.
 */
export function parseListener(text: string): ListenerTarget {
  if (typeof text !== 'string') throw invalidArgType('text', 'of type string', text);
  const match = /^(tcp|tls|quic|unix):(?:\/\/)?([^?]*)(?:\?(.*))?$/s.exec(text);
  if (match === null) {
    const forms =
      'tcp://address:port, tls://address:port?cert=…&key=…, quic://address:port?cert=…&key=…, unix:/path';
    throw fault(text, `it begins with no kind of listener; allowed are ${forms}`);
  }
  const [, kind, place, query] = match;
  const options = readOptions(text, kind as ListenerTarget['kind'], query ?? '');
  if (kind === 'unix') {
    const path = decoded(text, place);
    if (path === '' || path.includes('\0'))
      throw fault(text, 'it has no path; allowed is unix:/path/of/socket');
    return { kind, path, ...options };
  }
  if (!text.startsWith(`${kind}://`)) throw fault(text, `after ${kind} comes ://`);
  return { kind, ...readPlace(text, place), ...options } as ListenerTarget;
}

function readPlace(text: string, place: string): { address?: string; port: number } {
  const everywhere = /^\*:(\d{1,5})$/.exec(place);
  const port = Number(everywhere?.[1]);
  if (everywhere !== null && port <= 65_535) return { port };
  const found = parseAddress(place);
  if (found !== null) return { address: found.address, port: found.port };
  throw fault(
    text,
    `"${place}" is no IP address with a port; allowed are 127.0.0.1:80, [::1]:80, and *:80 for all addresses`,
  );
}

function readOptions(text: string, kind: ListenerTarget['kind'], query: string): Record<string, unknown> {
  const readers = OPTIONS[kind];
  const names = Object.keys(readers);
  const allowed = names.length === 0 ? 'none' : names.join(', ');
  const options: Record<string, unknown> = {};
  for (const part of query === '' ? [] : query.split('&')) {
    const [name, value] = part.split(/=(.*)/s, 2);
    const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (reader === undefined) {
      throw fault(text, `${kind} has no option "${name}"; allowed are ${allowed}`);
    }
    const read = reader(value === undefined ? '' : decoded(text, value));
    if (typeof read === 'string') throw fault(text, `the option "${name}" must be ${read}`);
    Object.assign(options, read);
  }
  return options;
}

function decoded(text: string, part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw fault(text, `"${part}" is no percent-encoded text`);
  }
}

function fault(text: string, reason: string): QuicError {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return quicError('ERR_QUIC_LISTENER_SPECIFICATION', {
    message: `The listener "${shown}": ${reason}`,
    reason,
  });
}

/** Gives what a value means, or as text what it must be. */
type OptionReader = (value: string) => Record<string, unknown> | string;

const file =
  (name: string): OptionReader =>
  (value) =>
    value === '' ? 'the path of a file' : { [name]: value };

const flag =
  (name: string, on: unknown = true): OptionReader =>
  (value) => {
    if (value === '' || value === 'true') return { [name]: on };
    return value === 'false' ? {} : 'true or false';
  };

const TLS_OPTIONS: Readonly<Record<string, OptionReader>> = {
  cert: file('cert'),
  key: file('key'),
  ca: file('ca'),
  alpn: (value) => (value === '' ? 'names with commas between' : { alpn: value.split(',') }),
  requestCert: flag('requestCert'),
};

const OPTIONS: Readonly<Record<ListenerTarget['kind'], Readonly<Record<string, OptionReader>>>> = {
  tcp: {},
  tls: TLS_OPTIONS,
  quic: { ...TLS_OPTIONS, retry: flag('addressValidation', 'always') },
  unix: {
    force: flag('force'),
    mode: (value) =>
      /^0?[0-7]{3}$/.test(value) ? { mode: Number.parseInt(value, 8) } : 'three octal digits',
  },
};
