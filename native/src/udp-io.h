/* Reading and writing of datagrams on a descriptor, in bursts. Knows the kernel's control messages and no JavaScript. */
#ifndef QUAYSIDE_UDP_IO_H
#define QUAYSIDE_UDP_IO_H

#include "address.h"

/* Most messages in one call of the system, and the bytes of each: what GRO may join. */
#define BURST 16
#define SLOT_SIZE 65536

/* Numbers that describe one received message, in this order. */
enum { META_LENGTH, META_SEGMENT, META_ECN, META_FROM, META_TO, META_SIZE };
/* Added to META_FROM and META_TO when the entry of the table changed. META_TO is -1 where the socket does not know. */
#define META_IS_NEW 0x10000

enum udp_feature {
  FEATURE_GSO = 1,
  FEATURE_GRO = 2,
  FEATURE_ECN = 4,
  FEATURE_PACKET_INFO = 8,
  FEATURE_DONT_FRAGMENT = 16,
};

/* Sets every option that a socket of QUIC wants, and tells which of them the kernel took. */
int udp_enable_features(int descriptor, int family);

/*
 * Steers datagrams among `count` (at most 32) sockets that share the port: 0 or -errno. `order` has the number of each
 * one's socket in the order of binding; NULL if it is its own. See udp-io.c for the rule.
 */
int udp_steer(int descriptor, int count, const uint8_t* order);

/*
 * Receives up to BURST messages into the slots of `slab`, with META_SIZE numbers each in `meta`. The count, 0 when none
 * waits, or -errno.
 */
int udp_receive(int descriptor, uint16_t port, uint8_t* slab, int32_t* meta, uint8_t* table, size_t entries,
                uint32_t call);

/*
 * Sends bytes[0, length) in datagrams of `segment` bytes, the last one shorter: with GSO in one message, else each in one
 * of its own. `to` is NULL for a connected socket, `from` NULL to let the system choose. Bytes taken, or -errno if none.
 */
int udp_send(int descriptor, int family, const uint8_t* bytes, size_t length, size_t segment, bool gso,
             const union socket_address* to, socklen_t to_length, int ecn, const union socket_address* from);

#endif
