/*
 * Packet protection of RFC 9001 §5 on plain memory: the AEAD in place, and the header mask. Knows no packet layout and no
 * JavaScript. All of it runs in time that depends on lengths only, never on keys or contents.
 */
#ifndef QUAYSIDE_AEAD_H
#define QUAYSIDE_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAG_LENGTH 16
#define NONCE_LENGTH 12
#define SAMPLE_LENGTH 16
#define MASK_LENGTH 5

enum aead_kind { AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305, AEAD_KINDS };

/* What an implementation gives: keys of one direction begin with this. */
struct aead {
  const struct aead_calls* calls;
};

struct aead_calls {
  bool (*seal)(struct aead*, const uint8_t* nonce, const uint8_t* ad, size_t ad_length, uint8_t* text, size_t length);
  bool (*open)(struct aead*, const uint8_t* nonce, const uint8_t* ad, size_t ad_length, uint8_t* text, size_t length);
  bool (*mask)(struct aead*, const uint8_t* sample, uint8_t* mask);
  void (*free)(struct aead*);
};

/* The implementations: OpenSSL's, where the process has it, and AES-GCM in vector instructions, where the processor does. */
bool evp_works(enum aead_kind kind);
struct aead* evp_new(enum aead_kind kind, bool seals, const uint8_t* key, const uint8_t* header_key);
bool vaes_works(enum aead_kind kind);
struct aead* vaes_new(enum aead_kind kind, const uint8_t* key, const uint8_t* header_key);

/* Bytes of a key. */
size_t aead_key_length(enum aead_kind kind);

/* Whether this process can do it. */
bool aead_works(enum aead_kind kind);

/* Keys for one direction, NULL if that fails. `header_key` has the length of a key. */
struct aead* aead_new(enum aead_kind kind, bool seals, const uint8_t* key, const uint8_t* header_key);
void aead_free(struct aead* aead);

/* Encrypts text[0, length) in place and writes the tag right after it. */
bool aead_seal(struct aead* aead, const uint8_t* nonce, const uint8_t* ad, size_t ad_length, uint8_t* text,
               size_t length);

/*
 * Decrypts text[0, length) in place, whose tag follows it. False if it is not authentic; the text is then what it was
 * before.
 */
bool aead_open(struct aead* aead, const uint8_t* nonce, const uint8_t* ad, size_t ad_length, uint8_t* text,
               size_t length);

/* RFC 9001 §5.4.1. */
bool aead_mask(struct aead* aead, const uint8_t* sample, uint8_t* mask);

#endif
