// An application's tokens, kept within what a packet can carry and what a router understands. What it throws and what it
// gives that is no token is as if there were none: nobody is locked out, and no connection ends for it.

import { invalidArgType } from '../errors.ts';
import type {
  NewTokenRequest,
  OpenedToken,
  RetryTokenRequest,
  TokenContext,
  TokenProvider,
} from './tokens.ts';

/** Bytes of a token of an application's provider: a Retry and a NEW_TOKEN frame have to fit in one small packet. */
export const MAX_PROVIDED_TOKEN = 1024;

/** Throws TypeError ERR_INVALID_ARG_TYPE. */
export function checkTokenProvider(tokens: TokenProvider): TokenProvider {
  for (const name of ['makeRetry', 'makeNew', 'open'] as const) {
    if (typeof tokens?.[name] !== 'function')
      throw invalidArgType('tokens', 'an object with functions makeRetry, makeNew and open', tokens);
  }
  return new CheckedTokens(tokens);
}

class CheckedTokens implements TokenProvider {
  readonly #tokens: TokenProvider;

  constructor(tokens: TokenProvider) {
    this.#tokens = tokens;
  }

  makeRetry(request: RetryTokenRequest): Uint8Array {
    return checked(this.#tokens.makeRetry(request));
  }

  makeNew(request: NewTokenRequest): Uint8Array {
    return checked(this.#tokens.makeNew(request));
  }

  open(token: Uint8Array, seen: TokenContext): OpenedToken {
    const opened = this.#tokens.open(token, seen);
    switch (opened?.kind) {
      case 'retry':
        return isId(opened.originalDestinationId) && isId(opened.retrySourceId) ? opened : { kind: 'none' };
      case 'new':
      case 'invalid-retry':
        return opened;
      default:
        return { kind: 'none' };
    }
  }
}

function checked(token: Uint8Array): Uint8Array {
  const isToken = token instanceof Uint8Array && token.length > 0 && token.length <= MAX_PROVIDED_TOKEN;
  if (!isToken) throw invalidArgType('token', `a Uint8Array of 1 to ${MAX_PROVIDED_TOKEN} bytes`, token);
  return token;
}

function isId(id: unknown): boolean {
  return id instanceof Uint8Array && id.length <= 20;
}
