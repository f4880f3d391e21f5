/*
 * The AEADs over the OpenSSL of the process. What makes node:crypto slow for packets is a cipher looked up and set up anew
 * for each; here a context is made once for a key, and a packet costs a new nonce only.
 */
#include "aead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "symbols.h"

#define CTRL_GET_TAG 0x10
#define CTRL_SET_TAG 0x11

struct evp_aead {
  struct aead base;
  enum aead_kind kind;
  EVP_CIPHER_CTX* packet;
  EVP_CIPHER_CTX* header;
};

static const struct {
  const char* packet;
  const char* header;
} NAMES[AEAD_KINDS] = {
    [AES_128_GCM] = {"AES-128-GCM", "AES-128-ECB"},
    [AES_256_GCM] = {"AES-256-GCM", "AES-256-ECB"},
    [CHACHA20_POLY1305] = {"ChaCha20-Poly1305", "ChaCha20"},
};

/* Looked up once: in OpenSSL 3 that costs more than a packet. NULL where the process does not have them. */
static EVP_CIPHER* packet_ciphers[AEAD_KINDS];
static EVP_CIPHER* header_ciphers[AEAD_KINDS];
static const struct openssl_symbols* evp;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch_ciphers(void) {
  evp = openssl_symbols();
  if (evp == NULL) return;
  for (int kind = 0; kind < AEAD_KINDS; kind++) {
    packet_ciphers[kind] = evp->EVP_CIPHER_fetch(NULL, NAMES[kind].packet, NULL);
    header_ciphers[kind] = evp->EVP_CIPHER_fetch(NULL, NAMES[kind].header, NULL);
  }
  /* A process in FIPS mode has no ChaCha20: that is no error of whoever looks at OpenSSL's queue next. */
  evp->ERR_clear_error();
}

bool evp_works(enum aead_kind kind) {
  pthread_once(&once, fetch_ciphers);
  return packet_ciphers[kind] != NULL && header_ciphers[kind] != NULL;
}

static void evp_free(struct aead* base) {
  struct evp_aead* aead = (struct evp_aead*)base;
  /* Both wipe the keys. */
  evp->EVP_CIPHER_CTX_free(aead->packet);
  evp->EVP_CIPHER_CTX_free(aead->header);
  free(aead);
}

/* The nonce, the associated data and the text through the cipher. */
static bool run(EVP_CIPHER_CTX* packet, const uint8_t* nonce, const uint8_t* ad, size_t ad_length, uint8_t* text,
                size_t length) {
  int done;
  return evp->EVP_CipherInit_ex(packet, NULL, NULL, NULL, nonce, -1) == 1 &&
         evp->EVP_CipherUpdate(packet, NULL, &done, ad, (int)ad_length) == 1 &&
         evp->EVP_CipherUpdate(packet, text, &done, text, (int)length) == 1;
}

static bool evp_seal(struct aead* base, const uint8_t* nonce, const uint8_t* ad, size_t ad_length, uint8_t* text,
                     size_t length) {
  const struct evp_aead* aead = (struct evp_aead*)base;
  int done;
  if (run(aead->packet, nonce, ad, ad_length, text, length) &&
      evp->EVP_CipherFinal_ex(aead->packet, text + length, &done) == 1 &&
      evp->EVP_CIPHER_CTX_ctrl(aead->packet, CTRL_GET_TAG, TAG_LENGTH, text + length) == 1)
    return true;
  evp->ERR_clear_error();
  return false;
}

static bool evp_open(struct aead* base, const uint8_t* nonce, const uint8_t* ad, size_t ad_length, uint8_t* text,
                     size_t length) {
  const struct evp_aead* aead = (struct evp_aead*)base;
  int done;
  uint8_t rest[TAG_LENGTH];
  uint8_t tag[TAG_LENGTH];
  memcpy(tag, text + length, TAG_LENGTH);
  if (run(aead->packet, nonce, ad, ad_length, text, length)) {
    if (evp->EVP_CIPHER_CTX_ctrl(aead->packet, CTRL_SET_TAG, TAG_LENGTH, tag) == 1 &&
        evp->EVP_CipherFinal_ex(aead->packet, rest, &done) == 1)
      return true;
    /* Every one of these ciphers adds a key stream: the same again takes it away. */
    run(aead->packet, nonce, ad, ad_length, text, length);
  }
  evp->ERR_clear_error();
  return false;
}

static bool evp_mask(struct aead* base, const uint8_t* sample, uint8_t* mask) {
  const struct evp_aead* aead = (struct evp_aead*)base;
  static const uint8_t zeros[MASK_LENGTH];
  uint8_t block[SAMPLE_LENGTH];
  int done;
  /* RFC 9001 §5.4.4: of the sample, 4 bytes are the block counter and 12 the nonce, which is how OpenSSL takes its IV. */
  bool good = aead->kind == CHACHA20_POLY1305
                  ? evp->EVP_CipherInit_ex(aead->header, NULL, NULL, NULL, sample, -1) == 1 &&
                        evp->EVP_CipherUpdate(aead->header, block, &done, zeros, MASK_LENGTH) == 1
                  : evp->EVP_CipherUpdate(aead->header, block, &done, sample, SAMPLE_LENGTH) == 1;
  if (good) memcpy(mask, block, MASK_LENGTH);
  else evp->ERR_clear_error();
  return good;
}

static const struct aead_calls CALLS = {evp_seal, evp_open, evp_mask, evp_free};

struct aead* evp_new(enum aead_kind kind, bool seals, const uint8_t* key, const uint8_t* header_key) {
  if (!evp_works(kind)) return NULL;
  struct evp_aead* aead = calloc(1, sizeof *aead);
  if (aead == NULL) return NULL;
  aead->base.calls = &CALLS;
  aead->kind = kind;
  aead->packet = evp->EVP_CIPHER_CTX_new();
  aead->header = evp->EVP_CIPHER_CTX_new();
  if (aead->packet == NULL || aead->header == NULL ||
      evp->EVP_CipherInit_ex(aead->packet, packet_ciphers[kind], NULL, key, NULL, seals) != 1 ||
      evp->EVP_CipherInit_ex(aead->header, header_ciphers[kind], NULL, header_key, NULL, 1) != 1 ||
      evp->EVP_CIPHER_CTX_set_padding(aead->header, 0) != 1) {
    evp->ERR_clear_error();
    evp_free(&aead->base);
    return NULL;
  }
  return &aead->base;
}
