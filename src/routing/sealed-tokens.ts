// The default tokens: sealed with AES-256-GCM, so that the server keeps nothing about them (RFC 9000 §8.1.4).
//
// Layout: type (visible, so that a bad Retry token is known as one), key id, 12-byte nonce, sealed content. The sealed
// content of a Retry token is the time and the original destination id; of any other, the time. What a token is bound to
// (type, address, ids) is authenticated and not in it.

import type { KeySource } from '../crypto/key-ring.ts';
import type { CryptoProvider, RandomSource } from '../crypto/provider.ts';
import type { SocketAddress } from '../util/address.ts';
import { bytesKey, concat, copyBytes } from '../util/bytes.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { MAX_REMEMBERED_TOKENS } from './limits.ts';
import type {
  NewTokenRequest,
  OpenedToken,
  RetryTokenRequest,
  TokenContext,
  TokenProvider,
} from './tokens.ts';

/** Milliseconds that a Retry token is good for: a client returns it at once. */
export const RETRY_TOKEN_LIFETIME = 10_000;

/** Milliseconds that the token of a NEW_TOKEN frame is good for. */
export const NEW_TOKEN_LIFETIME: number = 24 * 60 * 60 * 1000;

/** Milliseconds by which a token may seem to be from the future, as wall clocks are set back a little now and then. */
export const TOKEN_CLOCK_TOLERANCE = 1000;

/**
 * Retry tokens are bound to IP address, port, both ids and 10 seconds; the others to the IP address, the QUIC version, 24
 * hours and, as far as one process can know, a single use.
 */
export class SealedTokens implements TokenProvider {
  readonly #provider: CryptoProvider;
  readonly #random: RandomSource;
  readonly #source: KeySource;
  #seen: readonly Uint8Array[] = [];
  #known: readonly TokenKey[] = [];
  /** Nonces of used NEW_TOKEN tokens, oldest first. */
  readonly #used: Set<string> = new Set();

  /** @param keys the same in all processes that shall take each other's tokens */
  constructor(provider: CryptoProvider, random: RandomSource, keys: KeySource) {
    this.#provider = provider;
    this.#random = random;
    this.#source = keys;
  }

  makeRetry(request: RetryTokenRequest): Uint8Array {
    const { originalDestinationId, retrySourceId, address, wallTime } = request;
    const content = concat([timeBytes(wallTime), originalDestinationId]);
    return this.#seal(TokenType.RETRY, retryBinding(address, retrySourceId), content);
  }

  makeNew(request: NewTokenRequest): Uint8Array {
    return this.#seal(
      TokenType.NEW,
      newBinding(request.address, request.version),
      timeBytes(request.wallTime),
    );
  }

  open(token: Uint8Array, seen: TokenContext): OpenedToken {
    if (token.length === 0) return NONE;
    if (token[0] === TokenType.RETRY) return this.#openRetry(token, seen);
    return token[0] === TokenType.NEW ? this.#openNew(token, seen) : NONE;
  }

  #openRetry(token: Uint8Array, seen: TokenContext): OpenedToken {
    const content = this.#unseal(token, retryBinding(seen.address, seen.destinationId));
    if (content === null || !isFresh(content, seen.wallTime, RETRY_TOKEN_LIFETIME)) return INVALID_RETRY;
    return {
      kind: 'retry',
      originalDestinationId: copyBytes(content, TIME_LENGTH),
      retrySourceId: copyBytes(seen.destinationId),
    };
  }

  #openNew(token: Uint8Array, seen: TokenContext): OpenedToken {
    const content = this.#unseal(token, newBinding(seen.address, seen.version));
    if (content === null || !isFresh(content, seen.wallTime, NEW_TOKEN_LIFETIME)) return NONE;
    // RFC 9000 §8.1.4: a token should not be accepted twice.
    const nonce = bytesKey(token, 2, HEAD_LENGTH);
    if (this.#used.has(nonce)) return NONE;
    if (this.#used.size >= MAX_REMEMBERED_TOKENS) {
      for (const oldest of this.#used) {
        this.#used.delete(oldest);
        break;
      }
    }
    this.#used.add(nonce);
    return NEW;
  }

  get #keys(): readonly TokenKey[] {
    const { keys } = this.#source;
    if (keys !== this.#seen) {
      // Derived, so that processes which share keys agree whatever their order.
      this.#known = keys.map((key) => ({ id: this.#provider.hmac('sha256', key, KEY_ID_LABEL)[0], key }));
      this.#seen = keys;
    }
    return this.#known;
  }

  #seal(type: number, binding: Uint8Array, content: Uint8Array): Uint8Array {
    const { id, key } = this.#keys[0];
    const head = new Uint8Array(HEAD_LENGTH);
    const nonce = head.subarray(2);
    this.#random.fill(nonce);
    head[0] = type;
    head[1] = id;
    const associated = concat([head.subarray(0, 2), binding]);
    return concat([head, this.#provider.aesGcmSeal(key, nonce, associated, content)]);
  }

  #unseal(token: Uint8Array, binding: Uint8Array): Uint8Array | null {
    if (token.length < MIN_TOKEN_LENGTH || token.length > MAX_TOKEN_LENGTH) return null;
    const associated = concat([token.subarray(0, 2), binding]);
    for (const { id, key } of this.#keys) {
      if (id !== token[1]) continue;
      const sealed = token.subarray(HEAD_LENGTH);
      const content = this.#provider.aesGcmOpen(key, token.subarray(2, HEAD_LENGTH), associated, sealed);
      if (content !== null) return content;
    }
    return null;
  }
}

interface TokenKey {
  readonly id: number;
  readonly key: Uint8Array;
}

/** The first byte. Uncommon values, so that a token of another server is rarely taken for a bad one of ours. */
const TokenType = { RETRY: 0xb7, NEW: 0x5c } as const;

function retryBinding(address: SocketAddress, retrySourceId: Uint8Array): Uint8Array {
  const { port } = address;
  return concat([addressBytes(address), Uint8Array.of(port >> 8, port), retrySourceId]);
}

/** RFC 9369 §5: whoever speaks another version does not have the token from us. */
function newBinding(address: SocketAddress, version: number): Uint8Array {
  return concat([addressBytes(address), new Uint8Array(Uint32Array.of(version).buffer)]);
}

function addressBytes(address: SocketAddress): Uint8Array {
  const text = ENCODER.encode(address.address);
  return concat([Uint8Array.of(text.length), text]);
}

/** Whole milliseconds in 8 bytes. */
function timeBytes(wallTime: number): Uint8Array {
  const writer = new Writer(new Uint8Array(TIME_LENGTH));
  writer.u32(Math.floor(wallTime / 2 ** 32));
  writer.u32(Math.floor(wallTime) % 2 ** 32);
  return writer.bytes;
}

/** `content` is authentic, hence of our making. */
function isFresh(content: Uint8Array, wallTime: number, lifetime: number): boolean {
  const reader = new Reader(content);
  const age = wallTime - (reader.u32() * 2 ** 32 + reader.u32());
  return age >= -TOKEN_CLOCK_TOLERANCE && age <= lifetime;
}

const NONE: OpenedToken = { kind: 'none' };
const NEW: OpenedToken = { kind: 'new' };
const INVALID_RETRY: OpenedToken = { kind: 'invalid-retry' };
const TIME_LENGTH = 8;
const HEAD_LENGTH = 14;
const MIN_TOKEN_LENGTH: number = HEAD_LENGTH + TIME_LENGTH + 16;
const MAX_TOKEN_LENGTH: number = MIN_TOKEN_LENGTH + 20;
const ENCODER = new TextEncoder();
const KEY_ID_LABEL: Uint8Array = ENCODER.encode('quayside token key id');
