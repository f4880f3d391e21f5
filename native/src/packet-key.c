/*
 * Packet protection with the layout of a QUIC packet (RFC 9001 §5.3, §5.4): the class PacketKey owns the keys of one
 * direction and key phase, and functions use them by its number, since to look behind an object costs as much as a short
 * packet (napi_unwrap). Checks every number and offset, so that nothing JavaScript passes can reach beyond its buffer.
 */
#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "napi.h"

#define LONG_HEADER 0x80
#define SAMPLE_OFFSET 4

struct key_table;

struct packet_key {
  struct aead* aead;
  uint8_t iv[NONCE_LENGTH];
  struct key_table* table;
  uint32_t slot;
};

/* The keys of an environment by number. Lives until the environment and all keys are gone. */
struct key_table {
  struct packet_key** keys;
  uint32_t capacity;
  uint32_t count;
  /* Where to look for a free place. */
  uint32_t next;
  bool is_orphan;
};

static void table_let_go(struct key_table* table) {
  if (table->count > 0 || !table->is_orphan) return;
  free(table->keys);
  free(table);
}

static void on_environment_end(napi_env env, void* data, void* hint) {
  (void)env;
  (void)hint;
  struct key_table* table = data;
  table->is_orphan = true;
  table_let_go(table);
}

static bool table_add(struct key_table* table, struct packet_key* key) {
  if (table->count == table->capacity) {
    const uint32_t capacity = table->capacity == 0 ? 64 : table->capacity * 2;
    struct packet_key** keys = realloc(table->keys, capacity * sizeof *keys);
    if (keys == NULL) return false;
    memset(keys + table->capacity, 0, (capacity - table->capacity) * sizeof *keys);
    table->keys = keys;
    table->next = table->capacity;
    table->capacity = capacity;
  }
  while (table->keys[table->next] != NULL) table->next = (table->next + 1) % table->capacity;
  table->keys[table->next] = key;
  table->count++;
  key->table = table;
  key->slot = table->next;
  return true;
}

static void packet_key_free(napi_env env, void* data, void* hint) {
  (void)env;
  (void)hint;
  struct packet_key* key = data;
  if (key->table != NULL) {
    key->table->keys[key->slot] = NULL;
    key->table->count--;
    table_let_go(key->table);
  }
  aead_free(key->aead);
  memset(key->iv, 0, sizeof key->iv);
  free(key);
}

/* RFC 9001 §5.3: the IV, to whose end the packet number is added. */
static void make_nonce(const struct packet_key* key, double packet_number, uint8_t* nonce) {
  memcpy(nonce, key->iv, NONCE_LENGTH);
  uint64_t number = (uint64_t)packet_number;
  for (int at = NONCE_LENGTH - 1; number > 0; at--, number >>= 8) nonce[at] ^= (uint8_t)number;
}

/* The key, the buffer, and the numbers after them. False with an exception thrown. */
static bool arguments(napi_env env, napi_callback_info info, size_t numbers, struct packet_key** key, uint8_t** data,
                      size_t* length, int32_t* offsets, double* packet_number) {
  napi_value argv[7];
  size_t argc = 7;
  uint32_t slot;
  struct key_table* table;
  if (napi_get_cb_info(env, info, &argc, argv, NULL, (void**)&table) != napi_ok ||
      napi_get_value_uint32(env, argv[0], &slot) != napi_ok) {
    throw_last_error(env);
    return false;
  }
  *key = slot < table->capacity ? table->keys[slot] : NULL;
  if (*key == NULL) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "No key has this number");
    return false;
  }
  if (!bytes_of(env, argv[1], data, length)) return false;
  for (size_t i = 0; i < numbers; i++) {
    if (napi_get_value_int32(env, argv[2 + i], &offsets[i]) != napi_ok) {
      throw_last_error(env);
      return false;
    }
  }
  if (packet_number == NULL || napi_get_value_double(env, argv[2 + numbers], packet_number) == napi_ok) return true;
  throw_last_error(env);
  return false;
}

static napi_value out_of_range(napi_env env) {
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "An offset of the packet is outside of its buffer");
  return NULL;
}

/* seal(slot, bytes, start, packetNumberOffset, payloadStart, payloadEnd, packetNumber): number */
static napi_value seal(napi_env env, napi_callback_info info) {
  struct packet_key* key;
  uint8_t* data;
  size_t length;
  int32_t at[4];
  double packet_number;
  if (!arguments(env, info, 4, &key, &data, &length, at, &packet_number)) return NULL;
  const int32_t start = at[0], number_offset = at[1], payload_start = at[2], payload_end = at[3];
  if (start < 0 || number_offset < start || payload_start <= number_offset || payload_start - number_offset > 4 ||
      payload_end < payload_start || (size_t)payload_end + TAG_LENGTH > length ||
      payload_end < number_offset + SAMPLE_OFFSET || !(packet_number >= 0))
    return out_of_range(env);

  uint8_t nonce[NONCE_LENGTH], mask[MASK_LENGTH];
  make_nonce(key, packet_number, nonce);
  uint8_t* payload = data + payload_start;
  if (!aead_seal(key->aead, nonce, data + start, (size_t)(payload_start - start), payload,
                 (size_t)(payload_end - payload_start)) ||
      !aead_mask(key->aead, data + number_offset + SAMPLE_OFFSET, mask)) {
    napi_throw_error(env, "ERR_QUIC_CRYPTO_FAIL", "The packet could not be sealed");
    return NULL;
  }
  data[start] ^= mask[0] & (data[start] & LONG_HEADER ? 0x0f : 0x1f);
  for (int32_t i = number_offset; i < payload_start; i++) data[i] ^= mask[1 + i - number_offset];

  napi_value end;
  CHECK(env, napi_create_int32(env, payload_end + TAG_LENGTH, &end));
  return end;
}

/* unmask(slot, bytes, start, packetNumberOffset): void. Leaves the bytes as they are where there is no sample. */
static napi_value unmask(napi_env env, napi_callback_info info) {
  struct packet_key* key;
  uint8_t* data;
  size_t length;
  int32_t at[2];
  if (!arguments(env, info, 2, &key, &data, &length, at, NULL)) return NULL;
  const int32_t start = at[0], number_offset = at[1];
  uint8_t mask[MASK_LENGTH];
  if (start < 0 || number_offset < start || (size_t)number_offset + SAMPLE_OFFSET + SAMPLE_LENGTH > length ||
      !aead_mask(key->aead, data + number_offset + SAMPLE_OFFSET, mask))
    return NULL;
  /* The length of the packet number is masked itself, so the first byte comes first (RFC 9001 §5.4.1). */
  data[start] ^= mask[0] & (data[start] & LONG_HEADER ? 0x0f : 0x1f);
  const int32_t number_length = (data[start] & 0x03) + 1;
  for (int32_t i = 0; i < number_length; i++) data[number_offset + i] ^= mask[1 + i];
  return NULL;
}

/* open(slot, bytes, start, payloadStart, end, packetNumber): boolean */
static napi_value open_packet(napi_env env, napi_callback_info info) {
  struct packet_key* key;
  uint8_t* data;
  size_t length;
  int32_t at[3];
  double packet_number;
  if (!arguments(env, info, 3, &key, &data, &length, at, &packet_number)) return NULL;
  const int32_t start = at[0], payload_start = at[1], end = at[2];
  bool good = start >= 0 && payload_start >= start && end >= payload_start + TAG_LENGTH && (size_t)end <= length &&
              packet_number >= 0;
  if (good) {
    uint8_t nonce[NONCE_LENGTH];
    make_nonce(key, packet_number, nonce);
    good = aead_open(key->aead, nonce, data + start, (size_t)(payload_start - start), data + payload_start,
                     (size_t)(end - TAG_LENGTH - payload_start));
  }
  napi_value result;
  CHECK(env, napi_get_boolean(env, good, &result));
  return result;
}

/* new PacketKey(kind, seals, key, iv, headerKey); its property `slot` is what the functions take. */
static napi_value construct(napi_env env, napi_callback_info info) {
  napi_value self, slot, argv[5];
  size_t argc = 5;
  struct key_table* table;
  int32_t kind;
  bool seals;
  uint8_t *key_bytes, *iv, *header_key;
  size_t key_length, iv_length, header_key_length;
  CHECK(env, napi_get_cb_info(env, info, &argc, argv, &self, (void**)&table));
  CHECK(env, napi_get_value_int32(env, argv[0], &kind));
  CHECK(env, napi_get_value_bool(env, argv[1], &seals));
  if (!bytes_of(env, argv[2], &key_bytes, &key_length) || !bytes_of(env, argv[3], &iv, &iv_length) ||
      !bytes_of(env, argv[4], &header_key, &header_key_length))
    return NULL;
  if (kind < 0 || kind >= AEAD_KINDS || key_length != aead_key_length(kind) || header_key_length != key_length ||
      iv_length != NONCE_LENGTH) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "Unknown AEAD, or keys of another length");
    return NULL;
  }
  struct packet_key* key = calloc(1, sizeof *key);
  if (key != NULL) key->aead = aead_new(kind, seals, key_bytes, header_key);
  if (key == NULL || key->aead == NULL || !table_add(table, key)) {
    if (key != NULL) packet_key_free(env, key, NULL);
    napi_throw_error(env, "ERR_QUIC_CRYPTO_FAIL", "The keys could not be set up");
    return NULL;
  }
  memcpy(key->iv, iv, NONCE_LENGTH);
  if (napi_wrap(env, self, key, packet_key_free, NULL, NULL) != napi_ok) {
    packet_key_free(env, key, NULL);
    return throw_last_error(env);
  }
  CHECK(env, napi_create_uint32(env, key->slot, &slot));
  CHECK(env, napi_set_named_property(env, self, "slot", slot));
  return self;
}

napi_value export_packet_keys(napi_env env, napi_value exports) {
  struct key_table* table = calloc(1, sizeof *table);
  if (table == NULL || napi_set_instance_data(env, table, on_environment_end, NULL) != napi_ok) {
    free(table);
    return throw_last_error(env);
  }
  const napi_property_descriptor functions[] = {
      {.utf8name = "seal", .method = seal, .data = table},
      {.utf8name = "unmask", .method = unmask, .data = table},
      {.utf8name = "open", .method = open_packet, .data = table},
  };
  napi_value constructor, aeads, works;
  CHECK(env, napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions));
  CHECK(env, napi_define_class(env, "PacketKey", NAPI_AUTO_LENGTH, construct, table, 0, NULL, &constructor));
  CHECK(env, napi_set_named_property(env, exports, "PacketKey", constructor));
  /* Which kinds work, in the order of enum aead_kind. */
  CHECK(env, napi_create_array_with_length(env, AEAD_KINDS, &aeads));
  for (uint32_t kind = 0; kind < AEAD_KINDS; kind++) {
    CHECK(env, napi_get_boolean(env, aead_works(kind), &works));
    CHECK(env, napi_set_element(env, aeads, kind, works));
  }
  CHECK(env, napi_set_named_property(env, exports, "aeads", aeads));
  return exports;
}
