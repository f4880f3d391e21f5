// What a router is made with. Every field has a meaning in one place only, `router.ts`.

import type { CryptoProvider, RandomSource } from '../crypto/provider.ts';
import type { SocketAddress } from '../util/address.ts';
import type { RateLimit } from '../util/token-bucket.ts';
import type { ConnectionIdGenerator } from './id-generator.ts';
import type { AnswerKind } from './limits.ts';
import type { ResetTokens } from './reset-tokens.ts';
import type { TokenProvider } from './tokens.ts';

export interface RouterOptions {
  provider: CryptoProvider;
  random: RandomSource;
  ids: ConnectionIdGenerator;
  resetTokens: ResetTokens;
  tokens: TokenProvider;
  /** Versions of incoming connections, preferred first. Default: `SUPPORTED_VERSIONS`. */
  versions?: readonly number[];
  /** See `Router.addressValidation`. Default 'never'. */
  addressValidation?: AddressValidation;
  /** See `Router.admission`. Default 'drop': nobody listens yet. */
  admission?: Admission;
  /** Whether unknown short header packets are answered with resets. Default true. */
  statelessReset?: boolean;
  /** Default `MAX_PENDING_INCOMING`. */
  maxPendingIncoming?: number;
  /** Default `ANSWER_LIMITS`. */
  answerLimits?: Partial<Record<AnswerKind, RateLimit>>;
  /** Our shard; packets for ids of other shards are 'foreign' and never answered. Default null: no shards. */
  shard?: number | null;
}

/** 'always': no incoming connection without a token; who has none is sent a Retry (RFC 9000 §8.1.2). */
export type AddressValidation = 'never' | 'always';

/** What becomes of first Initials: an incoming connection, a refusal with CONNECTION_REFUSED, or nothing. */
export type Admission = 'accept' | 'refuse' | 'drop';

/** Says what becomes of a client's first Initial; `isValidated` if its token proved its address. */
export type Gate = (from: SocketAddress, isValidated: boolean) => Verdict;

/** 'retry' counts as 'accept' for a client whose address is validated. */
export type Verdict = 'accept' | 'retry' | 'refuse' | 'drop';

/** Entries in each table of a router. */
export interface RouterSizes {
  ids: number;
  originals: number;
  resetTokens: number;
  pending: number;
  /** Clients whose 0-RTT packets wait for their Initial. */
  overtaking: number;
  decided: number;
  closing: number;
}
