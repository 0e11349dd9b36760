// OpenSSL 3 (Debian: libssl-dev), and what Swift cannot import of it: macros.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/// Nothing older than TLS 1.2.
static inline void gearman_tls_require_modern(SSL_CTX *context) { SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION); }

/// Names the server in the handshake, so that it knows which certificate is wanted.
static inline int gearman_tls_set_server_name(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }

/// How many bytes wait in a memory BIO.
static inline long gearman_tls_pending(BIO *bio) { return (long)BIO_pending(bio); }
