/* See address.h. */
#ifdef __linux__
#include "address.h"

#include <string.h>

socklen_t address_decode(const uint8_t* bytes, union socket_address* address) {
  memset(address, 0, sizeof *address);
  if (bytes[0] == 4) {
    address->v4.sin_family = AF_INET;
    memcpy(&address->v4.sin_port, bytes + 2, 2);
    memcpy(&address->v4.sin_addr, bytes + 8, 4);
    return sizeof address->v4;
  }
  if (bytes[0] != 6) return 0;
  address->v6.sin6_family = AF_INET6;
  memcpy(&address->v6.sin6_port, bytes + 2, 2);
  memcpy(&address->v6.sin6_addr, bytes + 8, 16);
  address->v6.sin6_scope_id =
      (uint32_t)bytes[4] | (uint32_t)bytes[5] << 8 | (uint32_t)bytes[6] << 16 | (uint32_t)bytes[7] << 24;
  return sizeof address->v6;
}

void address_encode(const union socket_address* address, uint8_t* bytes) {
  memset(bytes, 0, ADDRESS_SIZE);
  if (address->any.sa_family == AF_INET) {
    bytes[0] = 4;
    memcpy(bytes + 2, &address->v4.sin_port, 2);
    memcpy(bytes + 8, &address->v4.sin_addr, 4);
    return;
  }
  const uint32_t scope = address->v6.sin6_scope_id;
  bytes[0] = 6;
  memcpy(bytes + 2, &address->v6.sin6_port, 2);
  for (int i = 0; i < 4; i++) bytes[4 + i] = (uint8_t)(scope >> (8 * i));
  memcpy(bytes + 8, &address->v6.sin6_addr, 16);
}

/* Spreads, no more: whoever makes addresses collide has their text made anew for each burst, which is harmless. */
static uint32_t hash(const uint8_t* bytes) {
  uint32_t value = 0;
  for (int i = 0; i < ADDRESS_SIZE; i += 4) {
    uint32_t word;
    memcpy(&word, bytes + i, 4);
    value = (value ^ word) * 0x9e3779b1u;
    value ^= value >> 15;
  }
  return value;
}

int32_t address_index(uint8_t* table, size_t entries, const uint8_t* bytes, uint32_t call, bool* is_new) {
  const size_t first = hash(bytes) & (entries - 1);
  int32_t chosen = -1;
  *is_new = false;
  /* A peer is one of the next few places or nowhere; a place to put it may be further on. */
  for (size_t i = 0; i < entries && (i < 4 || chosen < 0); i++) {
    const size_t at = (first + i) & (entries - 1);
    uint8_t* entry = table + at * ADDRESS_ENTRY;
    uint32_t used;
    memcpy(&used, entry + ADDRESS_SIZE, 4);
    if (memcmp(entry, bytes, ADDRESS_SIZE) == 0) {
      memcpy(entry + ADDRESS_SIZE, &call, 4);
      return (int32_t)at;
    }
    if (used != call && chosen < 0) chosen = (int32_t)at;
  }
  if (chosen < 0) return -1;
  memcpy(table + (size_t)chosen * ADDRESS_ENTRY, bytes, ADDRESS_SIZE);
  memcpy(table + (size_t)chosen * ADDRESS_ENTRY + ADDRESS_SIZE, &call, 4);
  *is_new = true;
  return chosen;
}
#endif
