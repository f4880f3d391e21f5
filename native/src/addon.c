/* The entry of the addon: what it exports, and the number of that interface, which src/runtime/native.ts compares. */
#include "napi.h"

#define INTERFACE_VERSION 2

napi_value throw_last_error(napi_env env) {
  const napi_extended_error_info* error = NULL;
  bool waits = false;
  if (napi_get_last_error_info(env, &error) != napi_ok) error = NULL;
  const char* message = error != NULL && error->error_message != NULL ? error->error_message : "Node-API failed";
  if (napi_is_exception_pending(env, &waits) != napi_ok || !waits)
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  return NULL;
}

bool bytes_of(napi_env env, napi_value value, uint8_t** data, size_t* length) {
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, value, &type, length, (void**)data, NULL, NULL) == napi_ok &&
      type == napi_uint8_array)
    return true;
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "The bytes must be a Uint8Array");
  return false;
}

NAPI_MODULE_INIT() {
  napi_value version;
  CHECK(env, napi_create_int32(env, INTERFACE_VERSION, &version));
  CHECK(env, napi_set_named_property(env, exports, "interfaceVersion", version));
  if (export_packet_keys(env, exports) == NULL || export_udp_sockets(env, exports) == NULL) return NULL;
  return exports;
}
