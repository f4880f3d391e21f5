/* What every file of the addon needs of Node-API: the header, and the one way in which a failed call ends. */
#ifndef QUAYSIDE_NAPI_H
#define QUAYSIDE_NAPI_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Throws what Node-API says about its last failure, if no exception waits already. Gives NULL, so that it can be returned. */
napi_value throw_last_error(napi_env env);

/* For functions that return a napi_value to JavaScript: leaves with an exception when the call fails. */
#define CHECK(env, call)                                   \
  do {                                                     \
    if ((call) != napi_ok) return throw_last_error(env);   \
  } while (0)

/* The bytes of a Uint8Array or Buffer. False, with a TypeError thrown, if the value is none. */
bool bytes_of(napi_env env, napi_value value, uint8_t** data, size_t* length);

/* Each adds its part to the exports. NULL, with an exception, if that fails. */
napi_value export_packet_keys(napi_env env, napi_value exports);
napi_value export_udp_sockets(napi_env env, napi_value exports);

#endif
