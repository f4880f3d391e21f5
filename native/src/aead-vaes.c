/*
 * AES-GCM (NIST SP 800-38D) in the vector instructions of x86-64: VAES for the key stream and VPCLMULQDQ for GHASH, two
 * blocks in a register. Neither looks anything up in memory by secret values, so both take the same time for all keys.
 *
 * GHASH is computed as POLYVAL (RFC 8452 appendix A): with the bytes of blocks reversed and H multiplied by x, products need
 * no bit reflection, and one reduction serves the products of many blocks.
 */
#include "aead.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#define TARGET __attribute__((target("avx2,aes,pclmul,vaes,vpclmulqdq")))
#define INLINE static inline __attribute__((always_inline)) TARGET

#define BLOCK 16
/* Blocks that are encrypted, and hashed, together. */
#define GROUP 16
#define MAX_ROUND_KEYS 15

struct vaes_aead {
  struct aead base;
  int rounds;
  /* Of GHASH, descending: the powers GROUP to 1 of H, and zero. Two neighbours are the factors of two blocks. */
  __m128i powers[GROUP + 2];
  __m128i packet[MAX_ROUND_KEYS];
  __m128i header[MAX_ROUND_KEYS];
};

bool vaes_works(enum aead_kind kind) {
  if (kind == CHACHA20_POLY1305) return false;
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") &&
         __builtin_cpu_supports("vaes") && __builtin_cpu_supports("vpclmulqdq");
}

/* ---- AES (FIPS 197) ---- */

INLINE __m128i next_key(__m128i key, __m128i assist) {
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
  return _mm_xor_si128(key, assist);
}

/* The round constant is part of the instruction, hence no loop. */
#define ASSIST(key, constant, word) _mm_shuffle_epi32(_mm_aeskeygenassist_si128(key, constant), word)
#define ROUND_128(i, constant) out[i] = next_key(out[(i) - 1], ASSIST(out[(i) - 1], constant, 0xff))
#define ROUND_256(i, constant)                                            \
  out[i] = next_key(out[(i) - 2], ASSIST(out[(i) - 1], constant, 0xff));  \
  if ((i) < 14) out[(i) + 1] = next_key(out[(i) - 1], ASSIST(out[i], 0, 0xaa))

TARGET static void expand_key(int rounds, const uint8_t* key, __m128i* out) {
  out[0] = _mm_loadu_si128((const __m128i*)key);
  if (rounds == 10) {
    ROUND_128(1, 0x01);
    ROUND_128(2, 0x02);
    ROUND_128(3, 0x04);
    ROUND_128(4, 0x08);
    ROUND_128(5, 0x10);
    ROUND_128(6, 0x20);
    ROUND_128(7, 0x40);
    ROUND_128(8, 0x80);
    ROUND_128(9, 0x1b);
    ROUND_128(10, 0x36);
    return;
  }
  out[1] = _mm_loadu_si128((const __m128i*)(key + BLOCK));
  ROUND_256(2, 0x01);
  ROUND_256(4, 0x02);
  ROUND_256(6, 0x04);
  ROUND_256(8, 0x08);
  ROUND_256(10, 0x10);
  ROUND_256(12, 0x20);
  ROUND_256(14, 0x40);
}

INLINE __m128i encrypt_block(const __m128i* keys, int rounds, __m128i block) {
  block = _mm_xor_si128(block, keys[0]);
  for (int round = 1; round < rounds; round++) block = _mm_aesenc_si128(block, keys[round]);
  return _mm_aesenclast_si128(block, keys[rounds]);
}

/* `count` pairs of blocks at once, so that the latency of one is hidden behind the others. */
INLINE void encrypt_pairs(const __m128i* keys, int rounds, __m256i* pairs, int count) {
  __m256i key = _mm256_broadcastsi128_si256(keys[0]);
  for (int i = 0; i < count; i++) pairs[i] = _mm256_xor_si256(pairs[i], key);
  for (int round = 1; round < rounds; round++) {
    key = _mm256_broadcastsi128_si256(keys[round]);
    for (int i = 0; i < count; i++) pairs[i] = _mm256_aesenc_epi128(pairs[i], key);
  }
  key = _mm256_broadcastsi128_si256(keys[rounds]);
  for (int i = 0; i < count; i++) pairs[i] = _mm256_aesenclast_epi128(pairs[i], key);
}

/* ---- GHASH ---- */

INLINE __m128i reverse_bytes(__m128i block) {
  return _mm_shuffle_epi8(block, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

INLINE __m256i reverse_pair(__m256i pair) {
  const __m128i order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm256_shuffle_epi8(pair, _mm256_broadcastsi128_si256(order));
}

/* A product of 256 bits, in three parts that overlap by 64 bits. */
struct product {
  __m256i low, middle, high;
};

INLINE void add_product(struct product* sum, __m256i a, __m256i b) {
  sum->low = _mm256_xor_si256(sum->low, _mm256_clmulepi64_epi128(a, b, 0x00));
  sum->high = _mm256_xor_si256(sum->high, _mm256_clmulepi64_epi128(a, b, 0x11));
  const __m256i cross = _mm256_xor_si256(_mm256_clmulepi64_epi128(a, b, 0x01), _mm256_clmulepi64_epi128(a, b, 0x10));
  sum->middle = _mm256_xor_si256(sum->middle, cross);
}

INLINE __m128i fold(__m256i pair) {
  return _mm_xor_si128(_mm256_castsi256_si128(pair), _mm256_extracti128_si256(pair, 1));
}

/* Divides by x^128 modulo x^128 + x^127 + x^126 + x^121 + 1: twice 64 bits from below. */
INLINE __m128i reduce(const struct product* sum) {
  const __m128i polynomial = _mm_set_epi64x((long long)0xc200000000000000u, 1);
  const __m128i middle = fold(sum->middle);
  __m128i low = _mm_xor_si128(fold(sum->low), _mm_slli_si128(middle, 8));
  const __m128i high = _mm_xor_si128(fold(sum->high), _mm_srli_si128(middle, 8));
  for (int i = 0; i < 2; i++)
    low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4e), _mm_clmulepi64_si128(low, polynomial, 0x10));
  return _mm_xor_si128(low, high);
}

INLINE __m128i multiply(__m128i a, __m128i b) {
  struct product product = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
  add_product(&product, _mm256_inserti128_si256(_mm256_setzero_si256(), a, 0),
              _mm256_inserti128_si256(_mm256_setzero_si256(), b, 0));
  return reduce(&product);
}

/* Of the hash state and `count` blocks, at most GROUP, in pairs whose bytes are reversed; an odd end has zero in its pair. */
INLINE __m128i hash_pairs(const struct vaes_aead* aead, __m128i state, __m256i* pairs, int count) {
  struct product sum = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
  pairs[0] = _mm256_xor_si256(pairs[0], _mm256_inserti128_si256(_mm256_setzero_si256(), state, 0));
  const __m128i* powers = &aead->powers[GROUP - count];
  for (int i = 0; 2 * i < count; i++)
    add_product(&sum, pairs[i], _mm256_loadu_si256((const __m256i*)&powers[2 * i]));
  return reduce(&sum);
}

/* Associated data: bytes that end in the middle of a block count as if zeros followed (SP 800-38D, 7.1). */
INLINE __m128i hash_bytes(const struct vaes_aead* aead, __m128i state, const uint8_t* bytes, size_t length) {
  while (length > 0) {
    /* A short header has one or two blocks. */
    const size_t part = length < 2 * BLOCK ? length : 2 * BLOCK;
    uint8_t padded[2 * BLOCK] __attribute__((aligned(32))) = {0};
    memcpy(padded, bytes, part);
    __m256i pair = reverse_pair(_mm256_load_si256((const __m256i*)padded));
    state = hash_pairs(aead, state, &pair, part > BLOCK ? 2 : 1);
    bytes += part;
    length -= part;
  }
  return state;
}

/* ---- GCM ---- */

/* The counter is the last word of a block, big endian. */
INLINE __m256i counter_pair(__m256i counters) {
  const __m128i order = _mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  return _mm256_shuffle_epi8(counters, _mm256_broadcastsi128_si256(order));
}

/* Adds the key stream to the text, and hashes what is the ciphertext. Gives the hash state. */
INLINE __m128i crypt(const struct vaes_aead* aead, int rounds, bool seals, __m128i state, __m128i first_counter,
                     uint8_t* text, size_t length) {
  const __m256i two = _mm256_set_epi32(2, 0, 0, 0, 2, 0, 0, 0);
  /* Block 1 is the tag's: the text begins with block 2. */
  __m256i counters =
      _mm256_add_epi32(_mm256_broadcastsi128_si256(first_counter), _mm256_set_epi32(2, 0, 0, 0, 1, 0, 0, 0));
  while (length >= GROUP * BLOCK) {
    __m256i stream[GROUP / 2], pairs[GROUP / 2];
    for (int i = 0; i < GROUP / 2; i++) {
      stream[i] = counter_pair(counters);
      counters = _mm256_add_epi32(counters, two);
    }
    encrypt_pairs(aead->packet, rounds, stream, GROUP / 2);
    for (int i = 0; i < GROUP / 2; i++) {
      __m256i* at = (__m256i*)(text + 2 * BLOCK * i);
      const __m256i before = _mm256_loadu_si256(at);
      const __m256i after = _mm256_xor_si256(before, stream[i]);
      _mm256_storeu_si256(at, after);
      pairs[i] = reverse_pair(seals ? after : before);
    }
    state = hash_pairs(aead, state, pairs, GROUP);
    text += GROUP * BLOCK;
    length -= GROUP * BLOCK;
  }
  if (length == 0) return state;
  /* The rest in a copy, with zeros where the ciphertext ended. */
  uint8_t rest[GROUP * BLOCK] __attribute__((aligned(32)));
  const int count = (int)((length + BLOCK - 1) / BLOCK);
  __m256i stream[GROUP / 2], pairs[GROUP / 2];
  memset(rest, 0, sizeof rest);
  memcpy(rest, text, length);
  for (int i = 0; i < GROUP / 2; i++) {
    stream[i] = counter_pair(counters);
    counters = _mm256_add_epi32(counters, two);
  }
  if (count > GROUP / 2) encrypt_pairs(aead->packet, rounds, stream, GROUP / 2);
  else encrypt_pairs(aead->packet, rounds, stream, GROUP / 4);
  if (!seals)
    for (int i = 0; 2 * i < count; i++) pairs[i] = reverse_pair(_mm256_load_si256((__m256i*)(rest + 2 * BLOCK * i)));
  for (int i = 0; 2 * i < count; i++) {
    __m256i* at = (__m256i*)(rest + 2 * BLOCK * i);
    _mm256_store_si256(at, _mm256_xor_si256(_mm256_load_si256(at), stream[i]));
  }
  memcpy(text, rest, length);
  if (seals) {
    memset(rest + length, 0, sizeof rest - length);
    for (int i = 0; 2 * i < count; i++) pairs[i] = reverse_pair(_mm256_load_si256((__m256i*)(rest + 2 * BLOCK * i)));
  }
  return hash_pairs(aead, state, pairs, count);
}

/* Counter blocks count from here: the nonce and 1, as a number of little endian in the last word. */
INLINE __m128i counter_one(const uint8_t* nonce) {
  uint8_t block[BLOCK];
  memcpy(block, nonce, NONCE_LENGTH);
  memcpy(block + NONCE_LENGTH, (const uint8_t[]){1, 0, 0, 0}, 4);
  return _mm_loadu_si128((const __m128i*)block);
}

/* Encrypts or decrypts, and gives the tag. */
INLINE __m128i run(const struct vaes_aead* aead, int rounds, bool seals, const uint8_t* nonce, const uint8_t* ad,
                   size_t ad_length, uint8_t* text, size_t length) {
  const __m128i one = counter_one(nonce);
  const __m128i first = _mm256_castsi256_si128(counter_pair(_mm256_broadcastsi128_si256(one)));
  const __m128i mask = encrypt_block(aead->packet, rounds, first);
  __m128i state = hash_bytes(aead, _mm_setzero_si128(), ad, ad_length);
  state = crypt(aead, rounds, seals, state, one, text, length);
  /* The lengths in bits: of the associated data, then of the text. Already in reversed order. */
  const __m128i lengths = _mm_set_epi64x((long long)ad_length * 8, (long long)length * 8);
  state = multiply(_mm_xor_si128(state, lengths), aead->powers[GROUP - 1]);
  return _mm_xor_si128(reverse_bytes(state), mask);
}

TARGET static bool vaes_seal(struct aead* base, const uint8_t* nonce, const uint8_t* ad, size_t ad_length, uint8_t* text,
                             size_t length) {
  const struct vaes_aead* aead = (const struct vaes_aead*)base;
  const __m128i tag = aead->rounds == 10 ? run(aead, 10, true, nonce, ad, ad_length, text, length)
                                         : run(aead, 14, true, nonce, ad, ad_length, text, length);
  _mm_storeu_si128((__m128i*)(text + length), tag);
  return true;
}

TARGET static bool vaes_open(struct aead* base, const uint8_t* nonce, const uint8_t* ad, size_t ad_length, uint8_t* text,
                             size_t length) {
  const struct vaes_aead* aead = (const struct vaes_aead*)base;
  const __m128i tag = aead->rounds == 10 ? run(aead, 10, false, nonce, ad, ad_length, text, length)
                                         : run(aead, 14, false, nonce, ad, ad_length, text, length);
  const __m128i difference = _mm_xor_si128(tag, _mm_loadu_si128((const __m128i*)(text + length)));
  if (_mm_testz_si128(difference, difference)) return true;
  /* The same key stream again takes it away. */
  (void)run(aead, aead->rounds, true, nonce, ad, ad_length, text, length);
  return false;
}

TARGET static bool vaes_mask(struct aead* base, const uint8_t* sample, uint8_t* mask) {
  const struct vaes_aead* aead = (const struct vaes_aead*)base;
  uint8_t block[BLOCK];
  const __m128i in = _mm_loadu_si128((const __m128i*)sample);
  _mm_storeu_si128((__m128i*)block, encrypt_block(aead->header, aead->rounds, in));
  memcpy(mask, block, MASK_LENGTH);
  return true;
}

static void vaes_free(struct aead* base) {
  struct vaes_aead* aead = (struct vaes_aead*)base;
  memset(aead, 0, sizeof *aead);
  /* Tells the compiler that somebody looks, so that the keys are really wiped. */
  __asm__ __volatile__("" : : "r"(aead) : "memory");
  free(aead);
}

static const struct aead_calls CALLS = {vaes_seal, vaes_open, vaes_mask, vaes_free};

/* H times x, in the field of POLYVAL. */
TARGET static __m128i times_x(__m128i h) {
  const __m128i carries = _mm_srli_epi64(h, 63);
  const __m128i doubled = _mm_or_si128(_mm_slli_epi64(h, 1), _mm_slli_si128(carries, 8));
  const __m128i overflow = _mm_shuffle_epi32(_mm_srai_epi32(h, 31), 0xff);
  const __m128i polynomial = _mm_set_epi64x((long long)0xc200000000000000u, 1);
  return _mm_xor_si128(doubled, _mm_and_si128(overflow, polynomial));
}

TARGET struct aead* vaes_new(enum aead_kind kind, const uint8_t* key, const uint8_t* header_key) {
  struct vaes_aead* aead;
  if (posix_memalign((void**)&aead, 32, sizeof *aead) != 0) return NULL;
  memset(aead, 0, sizeof *aead);
  aead->base.calls = &CALLS;
  aead->rounds = kind == AES_128_GCM ? 10 : 14;
  expand_key(aead->rounds, key, aead->packet);
  expand_key(aead->rounds, header_key, aead->header);
  const __m128i h = times_x(reverse_bytes(encrypt_block(aead->packet, aead->rounds, _mm_setzero_si128())));
  __m128i power = h;
  for (int i = GROUP - 1; i >= 0; i--) {
    aead->powers[i] = power;
    power = multiply(power, h);
  }
  return &aead->base;
}
#else
bool vaes_works(enum aead_kind kind) {
  (void)kind;
  return false;
}

struct aead* vaes_new(enum aead_kind kind, const uint8_t* key, const uint8_t* header_key) {
  (void)kind;
  (void)key;
  (void)header_key;
  return NULL;
}
#endif
