/* See udp-io.h. */
#ifdef __linux__
#define _GNU_SOURCE
#include "udp-io.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/uio.h>

/* Younger than the C libraries that this is built with. */
#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif

/* Room for a segment size, a traffic class and the larger of the two forms of packet information. */
#define CONTROL_SIZE 128

static bool set(int descriptor, int level, int name, int value) {
  return setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

int udp_enable_features(int descriptor, int family) {
  int features = 0;
  int segment = 0;
  socklen_t length = sizeof segment;
  /* Setting it to 0 leaves it off, and succeeds only where the kernel knows it. */
  if (getsockopt(descriptor, SOL_UDP, UDP_SEGMENT, &segment, &length) == 0) features |= FEATURE_GSO;
  if (set(descriptor, SOL_UDP, UDP_GRO, 1)) features |= FEATURE_GRO;
  if (family == AF_INET) {
    if (set(descriptor, IPPROTO_IP, IP_RECVTOS, 1)) features |= FEATURE_ECN;
    if (set(descriptor, IPPROTO_IP, IP_PKTINFO, 1)) features |= FEATURE_PACKET_INFO;
    /* Forbids fragments, and does not believe ICMP about sizes: probes find out (RFC 8899 §4.6). */
    if (set(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)) features |= FEATURE_DONT_FRAGMENT;
  } else {
    if (set(descriptor, IPPROTO_IPV6, IPV6_RECVTCLASS, 1)) features |= FEATURE_ECN;
    if (set(descriptor, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)) features |= FEATURE_PACKET_INFO;
    if (set(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE) &&
        set(descriptor, IPPROTO_IPV6, IPV6_DONTFRAG, 1))
      features |= FEATURE_DONT_FRAGMENT;
  }
  return features;
}

/* Instructions that end with the number of the owner. */
#define PROGRAM_START 7

int udp_steer(int descriptor, int count, const uint8_t* order) {
  /*
   * The low 5 bits of a connection id's first byte say to whom it belongs. The id begins after the flags, or in a long
   * header after flags, version and length (RFC 9000 §17). What is too short to have one goes to the first socket. Byte 0
   * is the first of the UDP payload.
   */
  struct sock_filter program[PROGRAM_START + 2 * 32 + 1] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x80, 0, 2),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
      BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 1),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x1f),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, (uint32_t)count),
  };
  unsigned short length = PROGRAM_START;
  for (int i = 0; order != NULL && i < count; i++) {
    program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)i, 0, 1);
    program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, order[i]);
  }
  program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
  const struct sock_fprog filter = {.len = length, .filter = program};
  return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof filter) == 0 ? 0 : -errno;
}

/* What the control messages of one datagram say. */
static void read_control(struct msghdr* message, uint16_t port, int32_t* meta, union socket_address* to) {
  for (struct cmsghdr* each = CMSG_FIRSTHDR(message); each != NULL; each = CMSG_NXTHDR(message, each)) {
    const uint8_t* data = CMSG_DATA(each);
    if (each->cmsg_level == SOL_UDP && each->cmsg_type == UDP_GRO) {
      int segment;
      memcpy(&segment, data, sizeof segment);
      meta[META_SEGMENT] = segment;
    } else if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_TOS) {
      meta[META_ECN] = data[0] & 3;
    } else if (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_TCLASS) {
      int traffic_class;
      memcpy(&traffic_class, data, sizeof traffic_class);
      meta[META_ECN] = traffic_class & 3;
    } else if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, data, sizeof info);
      to->v4.sin_family = AF_INET;
      to->v4.sin_port = port;
      to->v4.sin_addr = info.ipi_addr;
    } else if (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo info;
      memcpy(&info, data, sizeof info);
      to->v6.sin6_family = AF_INET6;
      to->v6.sin6_port = port;
      to->v6.sin6_addr = info.ipi6_addr;
      if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) to->v6.sin6_scope_id = info.ipi6_ifindex;
    }
  }
}

int udp_receive(int descriptor, uint16_t port, uint8_t* slab, int32_t* meta, uint8_t* table, size_t entries,
                uint32_t call) {
  struct mmsghdr messages[BURST];
  struct iovec slots[BURST];
  union socket_address from[BURST];
  _Alignas(struct cmsghdr) uint8_t control[BURST][CONTROL_SIZE];
  memset(from, 0, sizeof from);
  for (int i = 0; i < BURST; i++) {
    slots[i] = (struct iovec){.iov_base = slab + (size_t)i * SLOT_SIZE, .iov_len = SLOT_SIZE};
    messages[i].msg_hdr = (struct msghdr){
        .msg_name = &from[i],
        .msg_namelen = sizeof from[i],
        .msg_iov = &slots[i],
        .msg_iovlen = 1,
        .msg_control = control[i],
        .msg_controllen = CONTROL_SIZE,
    };
  }
  int count;
  do count = recvmmsg(descriptor, messages, BURST, MSG_DONTWAIT, NULL);
  while (count < 0 && errno == EINTR);
  if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
  for (int i = 0; i < count; i++, meta += META_SIZE) {
    uint8_t bytes[ADDRESS_SIZE];
    union socket_address to;
    bool is_new;
    memset(&to, 0, sizeof to);
    meta[META_LENGTH] = (int32_t)messages[i].msg_len;
    meta[META_SEGMENT] = 0;
    meta[META_ECN] = 0;
    meta[META_TO] = -1;
    read_control(&messages[i].msg_hdr, port, meta, &to);
    address_encode(&from[i], bytes);
    meta[META_FROM] = address_index(table, entries, bytes, call, &is_new);
    if (is_new) meta[META_FROM] |= META_IS_NEW;
    if (to.any.sa_family == 0) continue;
    address_encode(&to, bytes);
    meta[META_TO] = address_index(table, entries, bytes, call, &is_new);
    if (is_new) meta[META_TO] |= META_IS_NEW;
  }
  return count;
}

static void add_control(struct msghdr* message, int level, int type, const void* data, size_t length) {
  struct cmsghdr* header = (struct cmsghdr*)((uint8_t*)message->msg_control + message->msg_controllen);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(length);
  memcpy(CMSG_DATA(header), data, length);
  message->msg_controllen += CMSG_SPACE(length);
}

static void write_control(struct msghdr* message, uint16_t segment, int ecn, int family,
                          const union socket_address* from) {
  if (segment > 0) add_control(message, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
  if (ecn > 0) {
    if (family == AF_INET) add_control(message, IPPROTO_IP, IP_TOS, &ecn, sizeof ecn);
    else add_control(message, IPPROTO_IPV6, IPV6_TCLASS, &ecn, sizeof ecn);
  }
  if (from == NULL) return;
  if (family == AF_INET) {
    struct in_pktinfo info;
    memset(&info, 0, sizeof info);
    info.ipi_spec_dst = from->v4.sin_addr;
    add_control(message, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
  } else {
    struct in6_pktinfo info;
    memset(&info, 0, sizeof info);
    info.ipi6_addr = from->v6.sin6_addr;
    info.ipi6_ifindex = from->v6.sin6_scope_id;
    add_control(message, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
  }
}

int udp_send(int descriptor, int family, const uint8_t* bytes, size_t length, size_t segment, bool gso,
             const union socket_address* to, socklen_t to_length, int ecn, const union socket_address* from) {
  _Alignas(struct cmsghdr) uint8_t control[CONTROL_SIZE] = {0};
  const bool one = gso || segment == 0 || length <= segment;
  struct msghdr message = {
      .msg_name = (void*)to,
      .msg_namelen = to_length,
      .msg_control = control,
      .msg_controllen = 0,
  };
  write_control(&message, one && length > segment ? (uint16_t)segment : 0, ecn, family, from);
  if (message.msg_controllen == 0) message.msg_control = NULL;
  if (one) {
    struct iovec whole = {.iov_base = (void*)bytes, .iov_len = length};
    message.msg_iov = &whole;
    message.msg_iovlen = 1;
    ssize_t sent;
    do sent = sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : (int)sent;
  }
  size_t done = 0;
  while (done < length) {
    struct mmsghdr messages[BURST];
    struct iovec pieces[BURST];
    int count = 0;
    for (size_t at = done; count < BURST && at < length; count++, at += segment) {
      pieces[count].iov_base = (void*)(bytes + at);
      pieces[count].iov_len = length - at < segment ? length - at : segment;
      messages[count].msg_hdr = message;
      messages[count].msg_hdr.msg_iov = &pieces[count];
      messages[count].msg_hdr.msg_iovlen = 1;
    }
    int sent;
    do sent = sendmmsg(descriptor, messages, (unsigned)count, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) return done > 0 ? (int)done : -errno;
    for (int i = 0; i < sent; i++) done += pieces[i].iov_len;
    if (sent < count) return (int)done;
  }
  return (int)done;
}
#endif
