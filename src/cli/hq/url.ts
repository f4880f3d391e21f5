// URLs of files: `hq://host:port/path`.

import { isIPv6 } from 'node:net';
import { usageError } from '../errors.ts';

export interface HqUrl {
  /** As it was given, for messages. */
  readonly text: string;
  /** A name or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
  /** `host:port`: files of one authority come over one connection. */
  readonly authority: string;
  /** Path and query, as they are sent. */
  readonly path: string;
  /** The last name of the path, decoded; `index.html` for a folder. */
  readonly fileName: string;
}

export const DEFAULT_PORT = 4433;

/** Throws a CliError that names the URL and says what is allowed. */
export function parseHqUrl(text: string): HqUrl {
  const refuse = (why: string): never => {
    throw usageError(`The URL "${text.slice(0, 200)}" ${why}; allowed is hq://host:port/path`);
  };
  if (!/^hq:\/\//i.test(text)) return refuse('does not begin with hq://');
  if (!URL.canParse(text)) return refuse('is malformed');
  const url = new URL(text);
  const host = decoded(url.hostname.replace(/^\[|\]$/g, ''));
  if (host === null || host === '' || /[\s/%]/.test(host)) return refuse('has no host');
  if (url.username !== '' || url.password !== '')
    return refuse('has a user, which this protocol does not know');
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port);
  if (port === 0) return refuse('has port 0');
  const path = `${url.pathname === '' ? '/' : url.pathname}${url.search}`;
  if (path.length > MAX_PATH) return refuse(`has a path of more than ${MAX_PATH} characters`);
  const authority = `${isIPv6(host) ? `[${host}]` : host.toLowerCase()}:${port}`;
  return { text, host, port, authority, path, fileName: fileNameOf(url.pathname) };
}

/** A name that cannot lead out of the folder it is put in. */
function fileNameOf(pathname: string): string {
  const name = decoded(pathname.slice(pathname.lastIndexOf('/') + 1)) ?? '';
  const safe = name.replace(/[/\\:<>"|?*\p{Cc}]/gu, '_');
  return safe === '' || /^\.+$/.test(safe) ? 'index.html' : safe;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** What our own server still takes. */
const MAX_PATH = 4000;
