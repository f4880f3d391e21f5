// The router's voice towards strangers: every stateless answer, written into one buffer, within its rate limit, counted.

import type { CryptoProvider, RandomSource } from '../crypto/provider.ts';
import type { SocketAddress } from '../util/address.ts';
import { copyBytes } from '../util/bytes.ts';
import { type RateLimit, TokenBucket } from '../util/token-bucket.ts';
import type { PacketHeader } from '../wire/header.ts';
import type { VersionInfo } from '../wire/versions.ts';
import type { RouterCounters } from './counters.ts';
import { openInitial } from './initial-check.ts';
import { ANSWER_LIMITS, type AnswerKind } from './limits.ts';
import { type ResetTokens, writeStatelessReset } from './reset-tokens.ts';
import type { RoutedIds } from './routed-ids.ts';
import { writeRefusal, writeRetry, writeVersionNegotiation } from './stateless-answers.ts';
import type { TokenProvider } from './tokens.ts';

export interface AnswerParts {
  provider: CryptoProvider;
  random: RandomSource;
  resetTokens: ResetTokens;
  tokens: TokenProvider;
}

/** Methods that write return the size, 0 if there is nothing to say. */
export class Answers {
  readonly #parts: AnswerParts;
  readonly #ids: RoutedIds;
  readonly #counters: RouterCounters;
  readonly #buckets: Record<AnswerKind, TokenBucket>;
  readonly #out: Uint8Array = new Uint8Array(ANSWER_BUFFER);

  constructor(
    parts: AnswerParts,
    ids: RoutedIds,
    counters: RouterCounters,
    limits: Partial<Record<AnswerKind, RateLimit>>,
  ) {
    this.#parts = parts;
    this.#ids = ids;
    this.#counters = counters;
    const bucket = (kind: AnswerKind) => new TokenBucket(limits[kind] ?? ANSWER_LIMITS[kind]);
    this.#buckets = {
      'version-negotiation': bucket('version-negotiation'),
      retry: bucket('retry'),
      'stateless-reset': bucket('stateless-reset'),
      refusal: bucket('refusal'),
    };
  }

  /** Asked before any work is done for an answer. */
  isAllowed(kind: AnswerKind, now: number): boolean {
    if (this.#buckets[kind].take(now)) return true;
    this.#counters.limited[kind]++;
    return false;
  }

  /** What was written last; good until the next answer. */
  view(size: number): Uint8Array {
    return this.#out.subarray(0, size);
  }

  versionNegotiation(
    seen: { version: number; destinationId: Uint8Array; sourceId: Uint8Array },
    versions: readonly number[],
  ): number {
    return writeVersionNegotiation(this.#out, seen, versions, this.#parts.random);
  }

  /** For a short header packet of this size to `id`. */
  statelessReset(id: Uint8Array, triggerLength: number): number {
    const token = this.#parts.resetTokens.tokenToSend(id);
    return writeStatelessReset(this.#out, triggerLength, token, this.#parts.random);
  }

  /** `header` was read from offset 0 of `initial`. 0 if the Initial is not authentic. */
  refusal(version: VersionInfo, initial: Uint8Array, header: PacketHeader, errorCode: number): number {
    const { dcidStart, dcidLength, scidStart, scidLength } = header;
    const keys = openInitial(this.#parts.provider, version, initial, header);
    if (keys === null) return 0;
    const clientId = copyBytes(initial, scidStart, scidStart + scidLength);
    const usedId = copyBytes(initial, dcidStart, dcidStart + dcidLength);
    return writeRefusal(this.#out, version, keys.server, clientId, usedId, errorCode);
  }

  retry(
    version: VersionInfo,
    clientSourceId: Uint8Array,
    originalDestinationId: Uint8Array,
    address: SocketAddress,
    wallTime: number,
  ): number {
    const { provider, random, tokens } = this.#parts;
    const retrySourceId = this.#ids.nextId(originalDestinationId);
    const token = tokens.makeRetry({ originalDestinationId, retrySourceId, address, wallTime });
    const retry = { clientSourceId, originalDestinationId, retrySourceId, token };
    return writeRetry(this.#out, provider, version, retry, random);
  }

  /** An answer that was given before. */
  again(answer: Uint8Array): number {
    this.#out.set(answer);
    return answer.length;
  }
}

/** Holds every answer; the tokens of an application's provider may be large. */
const ANSWER_BUFFER = 1500;
