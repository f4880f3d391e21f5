/*
 * The class UdpSocket: a descriptor in the event loop of the thread that opened it. Owns the lives of descriptor, poll
 * handle and JavaScript object; udp-io.c does the work on the descriptor. Whatever goes wrong comes back as -errno: what to
 * do about it is decided in src/udp/native-socket.ts.
 */
#include "napi.h"

#ifdef __linux__
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols.h"
#include "udp-io.h"

#define UV_POLL_HANDLE 8 /* UV_POLL of enum uv_handle_type, which libuv 1 keeps */
#define UV_IS_READABLE 1
#define UV_IS_WRITABLE 2

struct udp_socket {
  napi_env env;
  int descriptor; /* -1 when closed or not yet open */
  int family;
  uint16_t port; /* in network order */
  bool is_connected;
  int watched;
  uv_handle_t* poll; /* NULL when there is none, or it is closed for good */
  napi_ref self;     /* keeps the object while the socket is open */
  napi_ref on_events;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  bool is_orphan; /* the JavaScript object is gone */
};

static void let_go(struct udp_socket* socket) {
  if (socket->poll == NULL && socket->is_orphan) free(socket);
}

static void on_poll_closed(uv_handle_t* handle) {
  struct udp_socket* socket = uv_symbols()->uv_handle_get_data(handle);
  free(handle);
  socket->poll = NULL;
  if (socket->cleanup != NULL) napi_remove_async_cleanup_hook(socket->cleanup);
  socket->cleanup = NULL;
  let_go(socket);
}

/* Frees the descriptor at once, and the handle in the next turn of the loop. */
static void close_socket(struct udp_socket* socket) {
  if (socket->descriptor < 0) return;
  const struct uv_symbols* uv = uv_symbols();
  if (socket->poll != NULL) {
    uv->uv_poll_stop(socket->poll);
    uv->uv_close(socket->poll, on_poll_closed);
  }
  close(socket->descriptor);
  socket->descriptor = -1;
  if (socket->context != NULL) napi_async_destroy(socket->env, socket->context);
  if (socket->on_events != NULL) napi_delete_reference(socket->env, socket->on_events);
  if (socket->self != NULL) napi_delete_reference(socket->env, socket->self);
  socket->context = NULL;
  socket->on_events = NULL;
  socket->self = NULL;
}

/* The environment ends, as a worker thread does: it waits until on_poll_closed says that the handle is gone. */
static void on_environment_end(napi_async_cleanup_hook_handle handle, void* data) {
  struct udp_socket* socket = data;
  if (socket->poll == NULL) {
    napi_remove_async_cleanup_hook(handle);
    socket->cleanup = NULL;
  }
  close_socket(socket);
}

static void on_finalize(napi_env env, void* data, void* hint) {
  (void)env;
  (void)hint;
  struct udp_socket* socket = data;
  socket->is_orphan = true;
  close_socket(socket);
  let_go(socket);
}

static void on_poll(uv_handle_t* handle, int status, int events);

static int watch(struct udp_socket* socket, int events) {
  const int result = uv_symbols()->uv_poll_start(socket->poll, events, on_poll);
  if (result == 0) socket->watched = events;
  return result;
}

/* Tells JavaScript: onEvents(events, error), where error is 0 or -errno. */
static void on_poll(uv_handle_t* handle, int status, int events) {
  struct udp_socket* socket = uv_symbols()->uv_handle_get_data(handle);
  if (socket->descriptor < 0) return;
  int error = 0;
  if (status < 0) {
    /* libuv stops to poll where an error waits, such as an answer by ICMP; taking the error away lets it go on. */
    socklen_t length = sizeof error;
    if (getsockopt(socket->descriptor, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
    const int restarted = watch(socket, socket->watched);
    if (restarted < 0) error = -restarted;
  } else if (events & UV_IS_WRITABLE) {
    const int restarted = watch(socket, UV_IS_READABLE);
    if (restarted < 0) error = -restarted;
  }
  napi_env env = socket->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value self, callback, arguments[2];
  if (napi_get_reference_value(env, socket->self, &self) == napi_ok &&
      napi_get_reference_value(env, socket->on_events, &callback) == napi_ok &&
      napi_create_int32(env, events, &arguments[0]) == napi_ok &&
      napi_create_int32(env, -error, &arguments[1]) == napi_ok &&
      napi_make_callback(env, socket->context, self, callback, 2, arguments, NULL) == napi_pending_exception) {
    napi_value exception;
    if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
  }
  napi_close_handle_scope(env, scope);
}

/* `this` of a method, open or not. NULL with an exception thrown. */
static struct udp_socket* socket_of(napi_env env, napi_callback_info info, size_t* count, napi_value* arguments) {
  napi_value self;
  struct udp_socket* socket;
  if (napi_get_cb_info(env, info, count, arguments, &self, NULL) == napi_ok &&
      napi_unwrap(env, self, (void**)&socket) == napi_ok)
    return socket;
  throw_last_error(env);
  return NULL;
}

static napi_value number(napi_env env, int value) {
  napi_value result;
  CHECK(env, napi_create_int32(env, value, &result));
  return result;
}

static napi_value out_of_range(napi_env env, const char* message) {
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", message);
  return NULL;
}

/* An address argument, which may be null. False with an exception thrown. */
static bool address_of(napi_env env, napi_value value, union socket_address* address, socklen_t* length) {
  napi_valuetype type;
  uint8_t* bytes;
  size_t size;
  *length = 0;
  if (napi_typeof(env, value, &type) != napi_ok) {
    throw_last_error(env);
    return false;
  }
  if (type == napi_null || type == napi_undefined) return true;
  if (!bytes_of(env, value, &bytes, &size)) return false;
  if (size >= ADDRESS_SIZE) *length = address_decode(bytes, address);
  if (*length > 0) return true;
  out_of_range(env, "An address has 24 bytes and the family 4 or 6");
  return false;
}

static int open_descriptor(const union socket_address* local, socklen_t local_length,
                           const union socket_address* remote, socklen_t remote_length, bool reuse_port) {
  const int one = 1;
  const int descriptor = socket(local->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -errno;
  if ((local->any.sa_family == AF_INET6 &&
       setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) ||
      (reuse_port && setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) ||
      bind(descriptor, &local->any, local_length) != 0 ||
      (remote_length > 0 && connect(descriptor, &remote->any, remote_length) != 0)) {
    const int error = errno;
    close(descriptor);
    return -error;
  }
  return descriptor;
}

/* Puts an open descriptor into the event loop. 0 or -errno. */
static int poll_descriptor(struct udp_socket* socket, int descriptor) {
  const struct uv_symbols* uv = uv_symbols();
  struct uv_loop_s* loop;
  if (napi_get_uv_event_loop(socket->env, &loop) != napi_ok) return -ENOSYS;
  uv_handle_t* poll = calloc(1, uv->uv_handle_size(UV_POLL_HANDLE));
  if (poll == NULL) return -ENOMEM;
  const int result = uv->uv_poll_init(loop, poll, descriptor);
  if (result < 0) {
    free(poll);
    return result;
  }
  uv->uv_handle_set_data(poll, socket);
  socket->poll = poll;
  socket->descriptor = descriptor;
  return watch(socket, UV_IS_READABLE);
}

/* open(local, remote | null, reusePort, onEvents): the features that work, or -errno. Once for an object. */
static napi_value open_socket(napi_env env, napi_callback_info info) {
  napi_value argv[4], self, name;
  size_t argc = 4;
  union socket_address local, remote;
  socklen_t local_length, remote_length;
  bool reuse_port;
  struct udp_socket* socket = socket_of(env, info, &argc, argv);
  if (socket == NULL || !address_of(env, argv[0], &local, &local_length) ||
      !address_of(env, argv[1], &remote, &remote_length))
    return NULL;
  CHECK(env, napi_get_value_bool(env, argv[2], &reuse_port));
  if (local_length == 0 || socket->poll != NULL || socket->descriptor >= 0)
    return out_of_range(env, "A socket is opened once, on an address");
  CHECK(env, napi_get_cb_info(env, info, NULL, NULL, &self, NULL));
  CHECK(env, napi_create_string_utf8(env, "QuaysideUdpSocket", NAPI_AUTO_LENGTH, &name));

  const int descriptor = open_descriptor(&local, local_length, &remote, remote_length, reuse_port);
  if (descriptor < 0) return number(env, descriptor);
  int result = poll_descriptor(socket, descriptor);
  if (socket->poll == NULL) {
    close(descriptor);
    return number(env, result);
  }
  if (result < 0 || napi_add_async_cleanup_hook(env, on_environment_end, socket, &socket->cleanup) != napi_ok ||
      napi_create_reference(env, self, 1, &socket->self) != napi_ok ||
      napi_create_reference(env, argv[3], 1, &socket->on_events) != napi_ok ||
      napi_async_init(env, self, name, &socket->context) != napi_ok) {
    close_socket(socket);
    return result < 0 ? number(env, result) : throw_last_error(env);
  }
  socket->family = local.any.sa_family;
  socket->is_connected = remote_length > 0;
  local_length = sizeof local;
  if (getsockname(descriptor, &local.any, &local_length) == 0)
    socket->port = socket->family == AF_INET ? local.v4.sin_port : local.v6.sin6_port;
  return number(env, udp_enable_features(descriptor, socket->family));
}

/* name(into): writes the address that the socket is bound to. 0 or -errno. */
static napi_value name_of(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  size_t argc = 1, length;
  uint8_t* into;
  struct udp_socket* socket = socket_of(env, info, &argc, argv);
  if (socket == NULL || !bytes_of(env, argv[0], &into, &length)) return NULL;
  if (length < ADDRESS_SIZE) return out_of_range(env, "An address has 24 bytes");
  union socket_address address;
  socklen_t size = sizeof address;
  if (getsockname(socket->descriptor, &address.any, &size) != 0) return number(env, -errno);
  address_encode(&address, into);
  return number(env, 0);
}

/* receive(slab, meta, table, call): the count of messages in slab and meta, 0 if none waits, or -errno. */
static napi_value receive(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  size_t argc = 4, slab_length, table_length, meta_length;
  uint8_t *slab, *table;
  int32_t* meta;
  uint32_t call;
  napi_typedarray_type type;
  struct udp_socket* socket = socket_of(env, info, &argc, argv);
  if (socket == NULL || !bytes_of(env, argv[0], &slab, &slab_length) ||
      !bytes_of(env, argv[2], &table, &table_length))
    return NULL;
  CHECK(env, napi_get_typedarray_info(env, argv[1], &type, &meta_length, (void**)&meta, NULL, NULL));
  CHECK(env, napi_get_value_uint32(env, argv[3], &call));
  const size_t entries = table_length / ADDRESS_ENTRY;
  if (type != napi_int32_array || meta_length < BURST * META_SIZE || slab_length < (size_t)BURST * SLOT_SIZE ||
      entries < 4 * BURST || (entries & (entries - 1)) != 0 || entries >= META_IS_NEW)
    return out_of_range(env, "The memory for a burst is too small");
  if (socket->descriptor < 0) return number(env, -EBADF);
  return number(env, udp_receive(socket->descriptor, socket->port, slab, meta, table, entries, call));
}

/* send(bytes, start, length, segment, gso, to | null, ecn, from | null): bytes taken, or -errno if none. */
static napi_value send_datagrams(napi_env env, napi_callback_info info) {
  napi_value argv[8];
  size_t argc = 8, size;
  uint8_t* bytes;
  int32_t start, length, segment, ecn;
  bool gso;
  union socket_address to, from;
  socklen_t to_length, from_length;
  struct udp_socket* socket = socket_of(env, info, &argc, argv);
  if (socket == NULL || !bytes_of(env, argv[0], &bytes, &size)) return NULL;
  CHECK(env, napi_get_value_int32(env, argv[1], &start));
  CHECK(env, napi_get_value_int32(env, argv[2], &length));
  CHECK(env, napi_get_value_int32(env, argv[3], &segment));
  CHECK(env, napi_get_value_bool(env, argv[4], &gso));
  CHECK(env, napi_get_value_int32(env, argv[6], &ecn));
  if (!address_of(env, argv[5], &to, &to_length) || !address_of(env, argv[7], &from, &from_length)) return NULL;
  if (start < 0 || length < 0 || (size_t)start > size || (size_t)length > size - (size_t)start || segment < 0 ||
      segment > UINT16_MAX)
    return out_of_range(env, "What is to be sent is outside of its buffer");
  if (socket->descriptor < 0) return number(env, -EBADF);
  if ((to_length > 0 && to.any.sa_family != socket->family) ||
      (from_length > 0 && from.any.sa_family != socket->family))
    return number(env, -EAFNOSUPPORT);
  return number(env, udp_send(socket->descriptor, socket->family, bytes + start, (size_t)length, (size_t)segment, gso,
                              to_length > 0 ? &to : NULL, to_length, ecn & 3, from_length > 0 ? &from : NULL));
}

/* waitWritable(): the next event says that there is room again. 0 or -errno. */
static napi_value wait_writable(napi_env env, napi_callback_info info) {
  struct udp_socket* socket = socket_of(env, info, &(size_t){0}, NULL);
  if (socket == NULL) return NULL;
  if (socket->descriptor < 0) return number(env, -EBADF);
  return number(env, watch(socket, UV_IS_READABLE | UV_IS_WRITABLE));
}

/* buffer(receives, size): asks for a kernel buffer, unless the size is 0. Bytes that there are, or -errno. */
static napi_value buffer(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  size_t argc = 2;
  bool receives;
  int32_t size;
  struct udp_socket* socket = socket_of(env, info, &argc, argv);
  if (socket == NULL) return NULL;
  CHECK(env, napi_get_value_bool(env, argv[0], &receives));
  CHECK(env, napi_get_value_int32(env, argv[1], &size));
  const int name = receives ? SO_RCVBUF : SO_SNDBUF;
  if (size > 0 && setsockopt(socket->descriptor, SOL_SOCKET, name, &size, sizeof size) != 0)
    return number(env, -errno);
  socklen_t length = sizeof size;
  if (getsockopt(socket->descriptor, SOL_SOCKET, name, &size, &length) != 0) return number(env, -errno);
  /* The kernel counts its own bookkeeping in, and tells twice the size. */
  return number(env, size / 2);
}

/* steer(count, order): see udp_steer; order is a Uint8Array, or nothing. 0 or -errno. */
static napi_value steer(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  size_t argc = 2;
  int32_t count;
  struct udp_socket* socket = socket_of(env, info, &argc, argv);
  if (socket == NULL) return NULL;
  CHECK(env, napi_get_value_int32(env, argv[0], &count));
  if (count < 1 || count > 32) return out_of_range(env, "Datagrams are steered among 1 to 32 sockets");
  napi_typedarray_type type;
  size_t length = 0;
  uint8_t* order = NULL;
  bool is_array = false;
  if (argc > 1) CHECK(env, napi_is_typedarray(env, argv[1], &is_array));
  if (is_array) {
    CHECK(env, napi_get_typedarray_info(env, argv[1], &type, &length, (void**)&order, NULL, NULL));
    if (type != napi_uint8_array || length != (size_t)count)
      return out_of_range(env, "The order of sockets is a Uint8Array with a number for each");
  }
  return number(env, udp_steer(socket->descriptor, count, order));
}

/* mtu(): of the route of a connected socket, in bytes of IP packet, or -errno. */
static napi_value mtu(napi_env env, napi_callback_info info) {
  struct udp_socket* socket = socket_of(env, info, &(size_t){0}, NULL);
  if (socket == NULL) return NULL;
  int size;
  socklen_t length = sizeof size;
  const bool is_v4 = socket->family == AF_INET;
  const int result = getsockopt(socket->descriptor, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_MTU : IPV6_MTU,
                                &size, &length);
  return number(env, result == 0 ? size : -errno);
}

static napi_value reference(napi_env env, napi_callback_info info) {
  struct udp_socket* socket = socket_of(env, info, &(size_t){0}, NULL);
  if (socket != NULL && socket->descriptor >= 0) uv_symbols()->uv_ref(socket->poll);
  return NULL;
}

static napi_value unreference(napi_env env, napi_callback_info info) {
  struct udp_socket* socket = socket_of(env, info, &(size_t){0}, NULL);
  if (socket != NULL && socket->descriptor >= 0) uv_symbols()->uv_unref(socket->poll);
  return NULL;
}

static napi_value close_method(napi_env env, napi_callback_info info) {
  struct udp_socket* socket = socket_of(env, info, &(size_t){0}, NULL);
  if (socket != NULL) close_socket(socket);
  return NULL;
}

static napi_value construct(napi_env env, napi_callback_info info) {
  napi_value self;
  CHECK(env, napi_get_cb_info(env, info, NULL, NULL, &self, NULL));
  struct udp_socket* socket = calloc(1, sizeof *socket);
  if (socket == NULL) {
    napi_throw_error(env, "ERR_OUT_OF_MEMORY", "No memory for a socket");
    return NULL;
  }
  socket->env = env;
  socket->descriptor = -1;
  if (napi_wrap(env, self, socket, on_finalize, NULL, NULL) != napi_ok) {
    free(socket);
    return throw_last_error(env);
  }
  return self;
}

napi_value export_udp_sockets(napi_env env, napi_value exports) {
  /* Bun and Deno take the addon but have no libuv that it could use. */
  if (uv_symbols() == NULL) return exports;
  const napi_property_descriptor methods[] = {
      {.utf8name = "open", .method = open_socket},
      {.utf8name = "name", .method = name_of},
      {.utf8name = "receive", .method = receive},
      {.utf8name = "send", .method = send_datagrams},
      {.utf8name = "waitWritable", .method = wait_writable},
      {.utf8name = "buffer", .method = buffer},
      {.utf8name = "steer", .method = steer},
      {.utf8name = "mtu", .method = mtu},
      {.utf8name = "ref", .method = reference},
      {.utf8name = "unref", .method = unreference},
      {.utf8name = "close", .method = close_method},
  };
  napi_value constructor;
  CHECK(env, napi_define_class(env, "UdpSocket", NAPI_AUTO_LENGTH, construct, NULL,
                               sizeof methods / sizeof *methods, methods, &constructor));
  CHECK(env, napi_set_named_property(env, exports, "UdpSocket", constructor));
  return exports;
}
#else
napi_value export_udp_sockets(napi_env env, napi_value exports) {
  (void)env;
  return exports;
}
#endif
