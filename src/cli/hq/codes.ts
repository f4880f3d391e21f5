// Application error codes of `hq-interop` as this program uses them. The protocol (HTTP/0.9 over QUIC) defines none; ours
// are HTTP's status codes (RFC 9110 §15), so that they need no book. Documented in docs/api/hq-interop.md.

import { QuicError } from '../../index.ts';

export const HqCode = {
  NO_ERROR: 0,
  BAD_REQUEST: 400,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  REQUEST_TIMEOUT: 408,
  REQUEST_TOO_LONG: 414,
  SERVER_ERROR: 500,
  OVERLOADED: 503,
} as const;

export type HqCodeValue = (typeof HqCode)[keyof typeof HqCode];

/** What a code means, said to whoever asked for the file. */
export const HQ_MEANINGS: Readonly<Record<HqCodeValue, string>> = {
  0: 'the server closed without an error',
  400: 'the server does not understand the request',
  403: 'the server refuses this path',
  404: 'the server has no such file',
  408: 'the request took too long',
  414: 'the request is too long',
  500: 'the server could not read the file',
  503: 'the server has too much to do',
};

/** Ends the stream of one request with its code. */
export class HqError extends Error {
  override readonly name = 'HqError';
  readonly code: HqCodeValue;

  constructor(code: HqCodeValue) {
    super(HQ_MEANINGS[code]);
    this.code = code;
  }
}

/** What ends a stream with a code: on QUIC the client is told it, elsewhere it is an end without an answer. */
export function hqReset(code: HqCodeValue): QuicError {
  const message = HQ_MEANINGS[code];
  return new QuicError('ERR_QUIC_APPLICATION_ERROR', { type: 'application', errorCode: code, message });
}

/** What a code of a stranger's server means; empty if it is none of the table. */
export function hqMeaning(code: bigint): string {
  return (HQ_MEANINGS as Readonly<Record<string, string | undefined>>)[code.toString()] ?? '';
}
