/* See symbols.h. */
#define _GNU_SOURCE
#include "symbols.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

/* One function of a table: its name, and where its address goes. */
struct symbol {
  const char* name;
  size_t offset;
};

#define OPENSSL(name) {#name, offsetof(struct openssl_symbols, name)}
static const struct symbol OPENSSL_SYMBOLS[] = {
    OPENSSL(EVP_CIPHER_fetch),    OPENSSL(EVP_CIPHER_CTX_new),         OPENSSL(EVP_CIPHER_CTX_free),
    OPENSSL(EVP_CIPHER_CTX_ctrl), OPENSSL(EVP_CIPHER_CTX_set_padding), OPENSSL(EVP_CipherInit_ex),
    OPENSSL(EVP_CipherUpdate),    OPENSSL(EVP_CipherFinal_ex),         OPENSSL(ERR_clear_error),
};

#define UV(name) {#name, offsetof(struct uv_symbols, name)}
static const struct symbol UV_SYMBOLS[] = {
    UV(uv_handle_size), UV(uv_handle_get_data), UV(uv_handle_set_data), UV(uv_poll_init), UV(uv_poll_start),
    UV(uv_poll_stop),   UV(uv_close),           UV(uv_ref),             UV(uv_unref),
};

static struct openssl_symbols openssl;
static struct uv_symbols uv;
static bool has_openssl;
static bool has_uv;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool find_all(void* table, const struct symbol* symbols, size_t count) {
  for (size_t i = 0; i < count; i++) {
    void* address = dlsym(RTLD_DEFAULT, symbols[i].name);
    if (address == NULL) return false;
    /* A copy, because ISO C has no conversion from a pointer to data into one to a function. */
    memcpy((char*)table + symbols[i].offset, &address, sizeof address);
  }
  return true;
}

static void find_symbols(void) {
  has_openssl = find_all(&openssl, OPENSSL_SYMBOLS, sizeof OPENSSL_SYMBOLS / sizeof *OPENSSL_SYMBOLS);
  has_uv = find_all(&uv, UV_SYMBOLS, sizeof UV_SYMBOLS / sizeof *UV_SYMBOLS);
}

const struct openssl_symbols* openssl_symbols(void) {
  pthread_once(&once, find_symbols);
  return has_openssl ? &openssl : NULL;
}

const struct uv_symbols* uv_symbols(void) {
  pthread_once(&once, find_symbols);
  return has_uv ? &uv : NULL;
}
