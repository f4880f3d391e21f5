/*
 * What the addon takes from the process that loaded it, looked up by name at load: OpenSSL's EVP functions and libuv's
 * polling. Nothing is linked, so one binary serves every Node.js, and a process without these symbols (Electron, Bun,
 * Deno) still loads it: it then finds a table that says so. The types are opaque; only calls that OpenSSL 3 and libuv 1
 * have kept since their first release are declared.
 */
#ifndef QUAYSIDE_SYMBOLS_H
#define QUAYSIDE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_cipher_st EVP_CIPHER;
typedef struct engine_st ENGINE;

struct openssl_symbols {
  EVP_CIPHER* (*EVP_CIPHER_fetch)(void* library, const char* name, const char* properties);
  EVP_CIPHER_CTX* (*EVP_CIPHER_CTX_new)(void);
  void (*EVP_CIPHER_CTX_free)(EVP_CIPHER_CTX* context);
  int (*EVP_CIPHER_CTX_ctrl)(EVP_CIPHER_CTX* context, int type, int argument, void* pointer);
  int (*EVP_CIPHER_CTX_set_padding)(EVP_CIPHER_CTX* context, int padding);
  int (*EVP_CipherInit_ex)(EVP_CIPHER_CTX* context, const EVP_CIPHER* cipher, ENGINE* engine,
                           const unsigned char* key, const unsigned char* iv, int encrypts);
  int (*EVP_CipherUpdate)(EVP_CIPHER_CTX* context, unsigned char* out, int* out_length,
                          const unsigned char* in, int in_length);
  int (*EVP_CipherFinal_ex)(EVP_CIPHER_CTX* context, unsigned char* out, int* out_length);
  void (*ERR_clear_error)(void);
};

typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;

struct uv_symbols {
  size_t (*uv_handle_size)(int type);
  void* (*uv_handle_get_data)(const uv_handle_t* handle);
  void (*uv_handle_set_data)(uv_handle_t* handle, void* data);
  int (*uv_poll_init)(uv_loop_t* loop, uv_handle_t* handle, int descriptor);
  int (*uv_poll_start)(uv_handle_t* handle, int events, void (*callback)(uv_handle_t*, int status, int events));
  int (*uv_poll_stop)(uv_handle_t* handle);
  void (*uv_close)(uv_handle_t* handle, void (*callback)(uv_handle_t*));
  void (*uv_ref)(uv_handle_t* handle);
  void (*uv_unref)(uv_handle_t* handle);
};

/* NULL if the process lacks one of the functions. The tables are filled once and never change. */
const struct openssl_symbols* openssl_symbols(void);
const struct uv_symbols* uv_symbols(void);

#endif
