// An endpoint's router, made from the endpoint's options: ids, secrets and address validation, checked once.

import { DerivedKeys, KeyRing, type KeySource, parseKeyRing } from '../crypto/key-ring.ts';
import type { RandomSource } from '../crypto/provider.ts';
import { invalidArgValue } from '../errors.ts';
import { checkTokenProvider } from '../routing/checked-tokens.ts';
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
  /** Those that were given. */
  readonly keys: KeyRing | null;
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
  const keys = options.keys === undefined ? null : parseKeyRing('keys', options.keys);
  const source = keys ?? new KeyRing(randomKey(random));
  /** Keys of their own, or those that follow from `keys`. */
  const keysFor = (name: 'resetSecret' | 'tokenKeys', purpose: string): KeySource => {
    const own = options[name];
    return own === undefined ? new DerivedKeys(provider, source, purpose) : parseKeyRing(name, own);
  };
  const ids = parseConnectionIds(options, random);
  const tokenKeys = keysFor('tokenKeys', 'address validation tokens');
  const tokens =
    options.tokens === undefined
      ? new SealedTokens(provider, random, tokenKeys)
      : checkTokenProvider(options.tokens);
  const router = new Router<DrivenConnection>({
    provider,
    random,
    versions,
    ids,
    shard: shard ?? null,
    resetTokens: new ResetTokens(provider, keysFor('resetSecret', 'stateless resets')),
    tokens,
    addressValidation,
  });
  return { router, tokens, keys };
}

function randomKey(random: RandomSource): Uint8Array {
  const key = new Uint8Array(32);
  random.fill(key);
  return key;
}
