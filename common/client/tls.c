/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct dr_tls {
    SSL_CTX *context;
    SSL *ssl;
};

static bool fail(struct dr_error *error, enum dr_error_class class, const char *what)
{
    unsigned long code = ERR_get_error();
    const char *reason = ERR_reason_error_string(code);
    if (code != 0 && reason != NULL)
        return dr_error_set(error, class, "%s: %s", what, reason);
    return dr_error_set(error, class, "%s: %s", what, errno != 0 ? strerror(errno) : "no reason");
}

static bool load_files(struct dr_tls *tls, const struct dr_tls_options *options,
                       struct dr_error *error)
{
    if (options->insecure)
        SSL_CTX_set_verify(tls->context, SSL_VERIFY_NONE, NULL);
    else
        SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    if (options->ca != NULL) {
        if (SSL_CTX_load_verify_locations(tls->context, options->ca, NULL) != 1)
            return fail(error, DR_ERR_TLS, options->ca);
    } else if (!options->insecure && SSL_CTX_set_default_verify_paths(tls->context) != 1) {
        return fail(error, DR_ERR_TLS, "the system's CA certificates");
    }
    if (options->chain != NULL &&
        SSL_CTX_use_certificate_chain_file(tls->context, options->chain) != 1)
        return fail(error, DR_ERR_TLS, options->chain);
    if (options->key != NULL &&
        SSL_CTX_use_PrivateKey_file(tls->context, options->key, SSL_FILETYPE_PEM) != 1)
        return fail(error, DR_ERR_TLS, options->key);
    return true;
}

static bool is_address(const char *host)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* Addresses are no names: they go into another field of the certificate, and into no SNI. */
static bool name_host(struct dr_tls *tls, const struct dr_tls_options *options)
{
    if (options->host == NULL)
        return true;
    if (is_address(options->host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), options->host) == 1;
    return SSL_set_tlsext_host_name(tls->ssl, options->host) == 1 &&
           SSL_set1_host(tls->ssl, options->host) == 1;
}

static bool prepare(struct dr_tls *tls, int fd, const struct dr_tls_options *options,
                    struct dr_error *error)
{
    tls->context = SSL_CTX_new(TLS_client_method());
    if (tls->context == NULL)
        return fail(error, DR_ERR_INTERNAL, "TLS");
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    if (!load_files(tls, options, error))
        return false;
    tls->ssl = SSL_new(tls->context);
    if (tls->ssl == NULL || SSL_set_fd(tls->ssl, fd) != 1 || !name_host(tls, options))
        return fail(error, DR_ERR_INTERNAL, "TLS");
    SSL_set_mode(tls->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return true;
}

struct dr_tls *dr_tls_new(int fd, const struct dr_tls_options *options, struct dr_error *error)
{
    struct dr_tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL) {
        dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
        return NULL;
    }
    ERR_clear_error();
    errno = 0;
    if (!prepare(tls, fd, options, error)) {
        dr_tls_free(tls);
        return NULL;
    }
    return tls;
}

void dr_tls_free(struct dr_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->context);
    free(tls);
}

static enum dr_tls_step step_of(struct dr_tls *tls, int result, const char *what,
                                struct dr_error *error)
{
    if (result > 0)
        return DR_TLS_DONE;
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return DR_TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return DR_TLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return DR_TLS_CLOSED;
    case SSL_ERROR_SYSCALL:
        if (ERR_peek_error() == 0)
            return DR_TLS_CLOSED;
        break;
    default:
        break;
    }
    long verified = SSL_get_verify_result(tls->ssl);
    if (verified != X509_V_OK)
        dr_error_set(error, DR_ERR_TLS, "%s: certificate: %s", what,
                     X509_verify_cert_error_string(verified));
    else
        fail(error, DR_ERR_TLS, what);
    return DR_TLS_FAILED;
}

static void forget_errors(void)
{
    ERR_clear_error();
    errno = 0;
}

enum dr_tls_step dr_tls_handshake(struct dr_tls *tls, struct dr_error *error)
{
    forget_errors();
    return step_of(tls, SSL_connect(tls->ssl), "TLS handshake", error);
}

enum dr_tls_step dr_tls_read(struct dr_tls *tls, void *bytes, size_t size, size_t *done,
                             struct dr_error *error)
{
    forget_errors();
    return step_of(tls, SSL_read_ex(tls->ssl, bytes, size, done), "TLS", error);
}

enum dr_tls_step dr_tls_write(struct dr_tls *tls, const void *bytes, size_t size, size_t *done,
                              struct dr_error *error)
{
    forget_errors();
    return step_of(tls, SSL_write_ex(tls->ssl, bytes, size, done), "TLS", error);
}
