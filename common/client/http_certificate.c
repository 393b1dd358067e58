/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/http_certificate.h"

#ifdef HAVE_OPENSSL

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Another major version's structures must not be touched: libcurl's library and ours are then two
 * in one process. */
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
#define TEXT_OF(number) #number
#define LIBRARY(major) "OpenSSL/" TEXT_OF(major) "."
static const char usable[] = LIBRARY(OPENSSL_VERSION_MAJOR);
#else
static const char usable[] = "OpenSSL/1.1.";
#endif

const char *dr_http_certificate_missing(const char *tls_library)
{
    if (tls_library == NULL || strncmp(tls_library, usable, sizeof usable - 1) != 0)
        return "libcurl does not use the OpenSSL that this program is built with";
    return NULL;
}

/* ---- whom to trust ---- */

struct dr_http_trust {
    X509_STORE *store;
};

/* With the flags that libcurl sets: an authority in the list need not be a root. */
static X509_STORE *read_store(const char *file, const char *folder)
{
    X509_STORE *store = X509_STORE_new();
    if (store != NULL && X509_STORE_load_locations(store, file, folder) == 1 &&
        X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN) == 1)
        return store;
    X509_STORE_free(store);
    ERR_clear_error();
    return NULL;
}

struct dr_http_trust *dr_http_trust_new(const char *file, const char *folder)
{
    struct dr_http_trust *trust = malloc(sizeof *trust);
    X509_STORE *store =
        trust != NULL && (file != NULL || folder != NULL) ? read_store(file, folder) : NULL;
    if (store == NULL) {
        free(trust);
        return NULL;
    }
    trust->store = store;
    return trust;
}

void dr_http_trust_free(struct dr_http_trust *trust)
{
    if (trust != NULL)
        X509_STORE_free(trust->store);
    free(trust);
}

/* ---- what a certificate says ---- */

static struct dr_opt_real moment_of(const ASN1_TIME *time)
{
    struct tm tm;
    struct dr_opt_real moment = {0};
    if (time != NULL && ASN1_TIME_to_tm(time, &tm) == 1)
        moment = dr_real((double)timegm(&tm));
    return moment;
}

static const char *format_moment(struct dr_opt_real moment, char text[40])
{
    time_t seconds = (time_t)moment.value;
    struct tm tm;
    if (!moment.known || gmtime_r(&seconds, &tm) == NULL ||
        strftime(text, 40, "%Y-%m-%d %H:%M UTC", &tm) == 0)
        return "an unknown time";
    return text;
}

static void format_name(const X509_NAME *name, char *text, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    text[0] = '\0';
    /* the specific part first, everything outside ASCII escaped */
    if (bio != NULL && name != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        long length = BIO_get_mem_data(bio, &data);
        if (length > 0)
            snprintf(text, size, "%.*s", (int)length, data);
    }
    BIO_free(bio);
}

static void add_text(char *text, size_t size, const char *between, const char *more)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used > 0 ? between : "", more);
}

/* A name in it is one string of ASCII; one with a NUL byte in it would be cut to another name. */
static void add_string(char *names, size_t size, const ASN1_STRING *string)
{
    char name[256];
    int length = ASN1_STRING_length(string);
    const unsigned char *data = ASN1_STRING_get0_data(string);
    if (length <= 0 || (size_t)length >= sizeof name || memchr(data, '\0', (size_t)length) != NULL)
        return;
    memcpy(name, data, (size_t)length);
    name[length] = '\0';
    add_text(names, size, ", ", name);
}

static void add_address(char *names, size_t size, const ASN1_STRING *string)
{
    char address[INET6_ADDRSTRLEN];
    int length = ASN1_STRING_length(string);
    if ((length == 4 || length == 16) &&
        inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(string), address,
                  sizeof address) != NULL)
        add_text(names, size, ", ", address);
}

static void read_names(X509 *leaf, char *names, size_t size)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    int count = all != NULL ? sk_GENERAL_NAME_num(all) : 0;
    for (int i = 0; i < count; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
        if (name->type == GEN_DNS)
            add_string(names, size, name->d.dNSName);
        else if (name->type == GEN_IPADD)
            add_address(names, size, name->d.iPAddress);
    }
    GENERAL_NAMES_free(all);
    /* no variable for the name: its type has a const in some versions only */
    int at = X509_NAME_get_index_by_NID(X509_get_subject_name(leaf), NID_commonName, -1);
    if (names[0] == '\0' && at >= 0)
        add_string(names, size,
                   X509_NAME_ENTRY_get_data(X509_NAME_get_entry(X509_get_subject_name(leaf), at)));
}

/* As libcurl does: no partial wildcards. */
static bool is_for(X509 *leaf, const char *host)
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1)
        return X509_check_ip_asc(leaf, host, 0) == 1;
    return X509_check_host(leaf, host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

static void read_leaf(struct dr_http_certificate *certificate, X509 *leaf, const char *host)
{
    format_name(X509_get_subject_name(leaf), certificate->subject, sizeof certificate->subject);
    format_name(X509_get_issuer_name(leaf), certificate->issuer, sizeof certificate->issuer);
    read_names(leaf, certificate->names, sizeof certificate->names);
    certificate->not_before = moment_of(X509_get0_notBefore(leaf));
    certificate->not_after = moment_of(X509_get0_notAfter(leaf));
    certificate->named = dr_bool(is_for(leaf, host));
    certificate->known = true;
    certificate->missing = NULL;
}

/* Servers may send what is not needed, and has expired: what counts is the chain that was built,
 * where one was. */
static void read_chain(struct dr_http_certificate *certificate, X509_STORE_CTX *store)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);
    if (chain == NULL || sk_X509_num(chain) == 0)
        chain = X509_STORE_CTX_get0_untrusted(store);
    int count = chain != NULL ? sk_X509_num(chain) : 0;
    for (int i = 0; i < count; i++) {
        X509 *one = sk_X509_value(chain, i);
        struct dr_opt_real ends = moment_of(X509_get0_notAfter(one));
        if (!ends.known || (certificate->chain_not_after.known &&
                            certificate->chain_not_after.value <= ends.value))
            continue;
        certificate->chain_not_after = ends;
        format_name(X509_get_subject_name(one), certificate->chain_subject,
                    sizeof certificate->chain_subject);
    }
}

/* ---- what is wrong with it ---- */

static bool is_issuer_error(long error)
{
    return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
           error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
           error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
           error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
}

static void say_untrusted(struct dr_http_certificate *certificate, X509_STORE_CTX *store)
{
    char *text = certificate->problem;
    size_t size = sizeof certificate->problem;
    X509 *at = X509_STORE_CTX_get_current_cert(store);
    bool leaf = at == NULL || X509_STORE_CTX_get_error_depth(store) == 0;
    char subject[DR_HTTP_SUBJECT_SIZE], issuer[DR_HTTP_SUBJECT_SIZE], moment[40], whose[300] = "";
    format_name(at != NULL ? X509_get_subject_name(at) : NULL, subject, sizeof subject);
    format_name(at != NULL ? X509_get_issuer_name(at) : NULL, issuer, sizeof issuer);
    if (!leaf)
        snprintf(whose, sizeof whose, " of %s in its chain", subject);
    if (certificate->error == X509_V_ERR_CERT_HAS_EXPIRED && at != NULL)
        snprintf(text, size, "the certificate%s expired on %s", whose,
                 format_moment(moment_of(X509_get0_notAfter(at)), moment));
    else if (certificate->error == X509_V_ERR_CERT_NOT_YET_VALID && at != NULL)
        snprintf(text, size, "the certificate%s is not valid before %s", whose,
                 format_moment(moment_of(X509_get0_notBefore(at)), moment));
    else if (is_issuer_error(certificate->error) && at != NULL)
        snprintf(text, size, "the certificate%s is by an unknown issuer, %s (%s)", whose, issuer,
                 certificate->error_text);
    else
        snprintf(text, size, "the certificate%s is not trusted: %s", whose,
                 certificate->error_text);
}

static void say_other_name(struct dr_http_certificate *certificate, const char *host)
{
    char text[DR_HTTP_NAMES_SIZE + 300];
    bool first = certificate->problem[0] == '\0';
    snprintf(text, sizeof text, "%s is for %s, not for %.200s", first ? "the certificate" : "it",
             certificate->names[0] != '\0' ? certificate->names : "no host", host);
    add_text(certificate->problem, sizeof certificate->problem, "; ", text);
}

/* Instead of X509_verify_cert, which it calls. Returns 1 to go on with the handshake. */
static int look(X509_STORE_CTX *store, void *context)
{
    const struct dr_http_watch *watch = context;
    struct dr_http_certificate *certificate = watch->certificate;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    int result = watch->insecure ? 1 : X509_verify_cert(store);
    if (leaf == NULL)
        return result;
    *certificate = (struct dr_http_certificate){0};
    read_leaf(certificate, leaf, watch->host);
    read_chain(certificate, store);
    if (!watch->insecure) {
        certificate->trusted = dr_bool(result > 0);
        certificate->error = result > 0 ? 0 : X509_STORE_CTX_get_error(store);
    }
    if (certificate->error != 0) {
        snprintf(certificate->error_text, sizeof certificate->error_text, "%s",
                 X509_verify_cert_error_string(certificate->error));
        say_untrusted(certificate, store);
    }
    if (!certificate->named.value)
        say_other_name(certificate, watch->host);
    return result;
}

void dr_http_certificate_watch(void *ssl_context, struct dr_http_watch *watch)
{
    if (watch->trust != NULL)
        SSL_CTX_set1_cert_store(ssl_context, watch->trust->store);
    SSL_CTX_set_cert_verify_callback(ssl_context, look, watch);
}

#else

const char *dr_http_certificate_missing(const char *tls_library)
{
    (void)tls_library;
    return "this program is built without OpenSSL";
}

struct dr_http_trust *dr_http_trust_new(const char *file, const char *folder)
{
    (void)file;
    (void)folder;
    return NULL;
}

void dr_http_trust_free(struct dr_http_trust *trust)
{
    (void)trust;
}

void dr_http_certificate_watch(void *ssl_context, struct dr_http_watch *watch)
{
    (void)ssl_context;
    (void)watch;
}

#endif
