// OpenSSL 3 (Debian: libssl-dev), and what Swift cannot import of it: macros.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/// Nothing older than TLS 1.2. Connections live long and are many: no session is kept for the next one, a silent one gives
/// its buffers back, and nobody may have the handshake done again and again.
static inline void gearman_tls_configure(SSL_CTX *context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

/// Names the server in the handshake, so that it knows which certificate is wanted.
static inline int gearman_tls_set_server_name(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }

/// The `errno` that an error of OpenSSL stands for, a file that is missing for instance; 0 if it is one of its own.
static inline int gearman_tls_system_error(unsigned long code) { return ERR_SYSTEM_ERROR(code) ? ERR_GET_REASON(code) : 0; }

/// How many bytes wait in a memory BIO.
static inline long gearman_tls_pending(BIO *bio) { return (long)BIO_pending(bio); }
