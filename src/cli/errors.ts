// What can go wrong on the command line: one line that names the option, the value and what is allowed, and an exit code.
// Stacks are for `--verbose` and NODE_DEBUG=quayside only.

import { QuicError } from '../index.ts';

/** How the program ends. */
export const ExitCode = { OK: 0, FAILED: 1, USAGE: 2, INTERRUPTED: 130 } as const;

/** An end of the program with a message that says all there is to say. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = ExitCode.FAILED, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
  }
}

/** Wrong use of an option or argument. */
export function usageError(message: string, cause?: unknown): CliError {
  return new CliError(message, ExitCode.USAGE, cause);
}

export function exitCodeOf(error: unknown): number {
  return error instanceof CliError ? error.exitCode : ExitCode.FAILED;
}

/** The error as one line of text, with control characters of strangers made visible. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(String(error));
  const hint = error instanceof QuicError ? (HINTS[error.code] ?? hintOfAlert(error)) : '';
  // The library speaks of its options as in code; here they have dashes.
  const message = error.message.replace(/option "(cert|key|ca)"/gi, '--$1');
  return oneLine(`${message}${hint}`);
}

/** Makes text safe for a terminal: no line breaks, no escape sequences. */
export function oneLine(text: string): string {
  return text
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .trim();
}

/** The system's code (`EADDRINUSE`) of an error or of what caused it. */
export function systemCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) return code;
  }
  return undefined;
}

function hintOfAlert(error: QuicError): string {
  if (error.type === 'transport' && error.errorCode === NO_APPLICATION_PROTOCOL) {
    return '; the server does not speak the protocol that was asked for (ALPN)';
  }
  return '';
}

/** CRYPTO_ERROR with the alert no_application_protocol (RFC 9001 §8.1). */
const NO_APPLICATION_PROTOCOL = 0x178n;

const TRUST = '; trust its issuer with --ca <file>, or this very certificate with --pin <hash>';

const HINTS: Readonly<Record<string, string | undefined>> = {
  ERR_QUIC_CERTIFICATE_UNKNOWN_ISSUER: TRUST,
  ERR_QUIC_CERTIFICATE_SELF_SIGNED: TRUST,
  ERR_QUIC_HANDSHAKE_TIMEOUT: '; no answer came: is the server running, and is UDP let through?',
};
