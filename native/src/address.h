/*
 * Socket addresses as JavaScript and the addon exchange them, 24 bytes: the family (4 or 6), a zero, the port (big endian),
 * the scope id of a link-local address (little endian), and 16 bytes of address, of which IPv4 uses 4.
 */
#ifndef QUAYSIDE_ADDRESS_H
#define QUAYSIDE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDRESS_SIZE 24

union socket_address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

/* The system's form of an address, and its length; 0 if the family is neither. */
socklen_t address_decode(const uint8_t* bytes, union socket_address* address);
void address_encode(const union socket_address* address, uint8_t* bytes);

/*
 * A table of addresses that are exchanged by index, so that a known peer costs JavaScript nothing: entries of 28 bytes,
 * an address and the number of the call that used it last. Lives in memory of JavaScript, whose length is a multiple of an
 * entry; the number of entries is a power of two. An entry that this call used already is not given to another address.
 */
#define ADDRESS_ENTRY 28

/* The index of the address. Sets `*is_new` when JavaScript has to read it anew. -1 if all entries are taken. */
int32_t address_index(uint8_t* table, size_t entries, const uint8_t* bytes, uint32_t call, bool* is_new);

#endif
