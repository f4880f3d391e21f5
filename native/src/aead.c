/* See aead.h: the choice between the implementations. */
#include "aead.h"

size_t aead_key_length(enum aead_kind kind) { return kind == AES_128_GCM ? 16 : 32; }

bool aead_works(enum aead_kind kind) { return vaes_works(kind) || evp_works(kind); }

struct aead* aead_new(enum aead_kind kind, bool seals, const uint8_t* key, const uint8_t* header_key) {
  return vaes_works(kind) ? vaes_new(kind, key, header_key) : evp_new(kind, seals, key, header_key);
}

void aead_free(struct aead* aead) {
  if (aead != NULL) aead->calls->free(aead);
}

bool aead_seal(struct aead* aead, const uint8_t* nonce, const uint8_t* ad, size_t ad_length, uint8_t* text,
               size_t length) {
  return aead->calls->seal(aead, nonce, ad, ad_length, text, length);
}

bool aead_open(struct aead* aead, const uint8_t* nonce, const uint8_t* ad, size_t ad_length, uint8_t* text,
               size_t length) {
  return aead->calls->open(aead, nonce, ad, ad_length, text, length);
}

bool aead_mask(struct aead* aead, const uint8_t* sample, uint8_t* mask) {
  return aead->calls->mask(aead, sample, mask);
}
