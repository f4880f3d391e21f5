// What `serve` does with a connection, whatever brought it: files, or an echo for clients that ask for that protocol.

import type { ConnectionOutcome, GroupConnectionInfo } from '../../group.ts';
import { formatGroupAddress } from '../../group.ts';
import { ECHO_ALPN, serveEcho } from '../echo.ts';
import { oneLine } from '../errors.ts';
import { type HqRequest, serveHq } from '../hq/server.ts';
import type { StaticFolder } from '../hq/static-folder.ts';
import { formatBytes, paint, print } from '../output.ts';

/** Whoever asks for no protocol, as over TCP, gets files. */
export function serveContent(
  info: GroupConnectionInfo,
  files: StaticFolder,
  isQuiet: boolean,
): ConnectionOutcome {
  if (info.alpn === ECHO_ALPN) return { handler: { run: serveEcho } };
  return {
    handler: {
      async run(stream, { early, connection }) {
        // A QUIC client may have moved since.
        const from = formatGroupAddress(connection?.remoteAddress ?? info.remoteAddress) || info.kind;
        const log = (request: HqRequest) => logRequest(from, request, early);
        await serveHq(stream, files, isQuiet ? () => {} : log);
      },
    },
  };
}

function logRequest(from: string, { path, code, bytes }: HqRequest, early: boolean): void {
  const file = path === null ? '?' : oneLine(path).slice(0, 120);
  print(`${from} GET ${file} ${outcome(code, bytes)}${early ? ' in 0-RTT' : ''}`);
}

function outcome(code: HqRequest['code'], bytes: number): string {
  if (code === null) return paint('yellow', `left after ${formatBytes(bytes)}`);
  return code === 0 ? formatBytes(bytes) : paint('red', String(code));
}
