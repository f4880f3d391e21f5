// An endpoint's router, made from the endpoint's options: ids, secrets and address validation, checked once.

import { invalidArgValue } from '../errors.ts';
import { parseConnectionIds } from '../routing/connection-ids.ts';
import { ResetTokens } from '../routing/reset-tokens.ts';
import { Router } from '../routing/router.ts';
import { SealedTokens } from '../routing/sealed-tokens.ts';
import type { TokenProvider } from '../routing/tokens.ts';
import type { DrivenConnection } from './driven-connection.ts';
import type { EndpointOptions } from './endpoint-options.ts';
import type { Environment } from './environment.ts';

export interface EndpointRouting {
  readonly router: Router<DrivenConnection>;
  readonly tokens: TokenProvider;
}

/** Throws Node's argument errors. */
export function endpointRouting(
  options: EndpointOptions,
  { provider, random }: Environment,
  versions: readonly number[],
): EndpointRouting {
  const { addressValidation = 'never', shard } = options;
  if (addressValidation !== 'never' && addressValidation !== 'always') {
    throw invalidArgValue('addressValidation', addressValidation, "must be 'never' or 'always'");
  }
  const secret = (): Uint8Array => {
    const bytes = new Uint8Array(32);
    random.fill(bytes);
    return bytes;
  };
  const ids = parseConnectionIds(options, random);
  const tokens = new SealedTokens(provider, random, options.tokenKey ?? secret());
  const router = new Router<DrivenConnection>({
    provider,
    random,
    versions,
    ids,
    shard: shard ?? null,
    resetTokens: new ResetTokens(provider, options.resetSecret ?? secret()),
    tokens,
    addressValidation,
  });
  return { router, tokens };
}
