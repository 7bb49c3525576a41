#include "tls/handshake.h"

#include "base/attr.h"
#include "base/text.h"
#include "tls/certificate_priv.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <string.h>

/* Security level 0 takes the short keys and old digests that a look must see; what has no certificate is no
 * use. */
#define CIPHERS ":!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0"
static const struct {
    const char *ciphers;    /* of TLS 1.2 and before; those of 1.3 say nothing about keys */
    const char *signatures; /* NULL: all */
} wanted[] = {
    [TLS_PROBE_KEY_ANY] = {"ALL" CIPHERS, NULL},
    [TLS_PROBE_KEY_RSA] = {"aRSA" CIPHERS,
        "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pss_pss_sha256:rsa_pss_pss_sha384:"
        "rsa_pss_pss_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA224:RSA+SHA1"},
    [TLS_PROBE_KEY_ECDSA] = {"aECDSA" CIPHERS,
        "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ECDSA+SHA224:ECDSA+SHA1"},
};

/* How those begin that speak something else, and what would be said to them. */
static const struct {
    const char *head, *advice;
} others[] = {
    {"220", "; STARTTLS is for that: smtp, or ftp"},
    {"* OK", "; STARTTLS is for that: imap"},
    {"+OK", "; STARTTLS is for that: pop3"},
    {"HTTP/", "; it speaks plain HTTP there"},
    {"<", ""},
};

static int fail(struct err *err, int code, const char *what)
{
    unsigned long e = ERR_peek_last_error();
    const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;
    ERR_clear_error();
    return reason != NULL ? err_set(err, code, "%s: %s", what, reason) : err_set(err, code, "%s", what);
}

/* --- what the server shows --- */

/* Instead of a verification: the certificates are written down, whatever they are. */
static int on_certificates(X509_STORE_CTX *store, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct handshake *h = SSL_get_app_data(ssl);
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    int n = sent != NULL ? sk_X509_num(sent) : 0;
    if (n > TLS_CHAIN_MAX) {
        err_set(&h->err, ERR_LIMIT, "sends %d certificates; at most %d are looked at", n, TLS_CHAIN_MAX);
        return 0;
    }
    h->chain = arena_array(h->arena, (size_t)n, sizeof *h->chain);
    for (int i = 0; i < n; i++)
        if (tls_cert_describe(sk_X509_value(sent, i), &h->chain[i], &h->err) < 0)
            return 0;
    h->chain_n = (size_t)n;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static int on_request(SSL *ssl, X509 **x, EVP_PKEY **key)
{
    struct handshake *h = SSL_get_app_data(ssl);
    h->asked = true;
    return 0; /* we have none */
}

/* --- the whole --- */

/* The system's openssl.cnf may have had its say; what matters here is said last. */
SSL_CTX *handshake_context(enum tls_probe_key key, struct err *err)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    if (c == NULL)
        goto bad;
    SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_clear_options(c, SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(c, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_cert_verify_callback(c, on_certificates, NULL);
    SSL_CTX_set_client_cert_cb(c, on_request);
    if (SSL_CTX_set_min_proto_version(c, TLS1_VERSION) != 1 || SSL_CTX_set_max_proto_version(c, 0) != 1 ||
        SSL_CTX_set_cipher_list(c, wanted[key].ciphers) != 1)
        goto bad;
    if (wanted[key].signatures != NULL && SSL_CTX_set1_sigalgs_list(c, wanted[key].signatures) != 1)
        goto bad;
    return c;
bad:
    fail(err, ERR_CRYPTO, "cannot prepare for TLS");
    SSL_CTX_free(c);
    return NULL;
}

#define ACME_ALPN "acme-tls/1"

int handshake_ask_acme(SSL_CTX *context, struct err *err)
{
    static const unsigned char protocols[] = "\x0a" ACME_ALPN;
    if (SSL_CTX_set_alpn_protos(context, protocols, sizeof protocols - 1) != 0) /* 0 is success here alone */
        return fail(err, ERR_MEMORY, "out of memory for TLS");
    return 0;
}

static bool agreed(const struct handshake *h)
{
    const unsigned char *name;
    unsigned n;
    SSL_get0_alpn_selected(h->ssl, &name, &n);
    return n == strlen(ACME_ALPN) && memcmp(name, ACME_ALPN, n) == 0;
}

static bool is_address(const char *name)
{
    unsigned char room[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, name, room) == 1 || inet_pton(AF_INET6, name, room) == 1;
}

/* What OpenSSL wants to send. */
static void collect(struct handshake *h, struct buf *out)
{
    char room[4096];
    BIO *bio = SSL_get_wbio(h->ssl);
    for (int n; (n = BIO_read(bio, room, sizeof room)) > 0;)
        buf_put(out, room, (size_t)n);
}

int handshake_begin(struct handshake *h, SSL_CTX *context, const char *server_name, struct arena *a,
    struct buf *out, struct err *err)
{
    *h = (struct handshake){.arena = a, .ssl = SSL_new(context)};
    BIO *in = BIO_new(BIO_s_mem()), *wire = BIO_new(BIO_s_mem());
    if (h->ssl == NULL || in == NULL || wire == NULL) {
        BIO_free(in);
        BIO_free(wire);
        return fail(err, ERR_MEMORY, "out of memory for TLS");
    }
    BIO_set_mem_eof_return(in, -1); /* empty means later, not the end */
    SSL_set_bio(h->ssl, in, wire);
    SSL_set_app_data(h->ssl, h);
    SSL_set_connect_state(h->ssl);
    if (server_name[0] != '\0' && !is_address(server_name) &&
        SSL_set_tlsext_host_name(h->ssl, server_name) != 1)
        return fail(err, ERR_INPUT, "a server name that TLS has no room for");
    int r = handshake_feed(h, STR(""), out, err);
    return r < 0 ? r : 0;
}

/* A TLS record's head: its type, and version 3.x. */
static bool is_tls(const struct handshake *h)
{
    return h->head_n == 0 || (h->head[0] >= 20 && h->head[0] <= 24 && (h->head_n == 1 || h->head[1] == 3));
}

static int no_tls(const struct handshake *h, struct err *err)
{
    ATTR_CLEANUP(buf_free) struct buf text = buf_new(HANDSHAKE_HEAD + 8);
    struct str head = {h->head, h->head_n};
    const char *advice = "";
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_starts(head, str_c(others[i].head)))
            advice = others[i].advice;
    struct str line, rest;
    str_cut(head, '\n', &line, &rest);
    text_clean(&text, str_trim(line), HANDSHAKE_HEAD);
    return err_set(err, ERR_TLS, "does not speak TLS there but begins with \"%s\"%s", buf_c(&text), advice);
}

static int failed(struct handshake *h, struct err *err)
{
    if (h->err.code != 0)
        return err_set(err, h->err.code, "%s", h->err.text);
    if (!is_tls(h))
        return no_tls(h, err);
    /* An alert comes as reason 1000 and its number (RFC 8446 6). */
    unsigned long e = ERR_peek_last_error();
    if (ERR_GET_LIB(e) == ERR_LIB_SSL &&
        ERR_GET_REASON(e) == SSL_AD_REASON_OFFSET + SSL_AD_UNRECOGNIZED_NAME) {
        ERR_clear_error();
        const char *name = SSL_get_servername(h->ssl, TLSEXT_NAMETYPE_host_name);
        return err_set(
            err, ERR_TLS, "knows no server by the name %s (unrecognized_name)", name != NULL ? name : "\"\"");
    }
    return fail(err, ERR_TLS, "the TLS handshake failed");
}

int handshake_feed(struct handshake *h, struct str in, struct buf *out, struct err *err)
{
    size_t room = sizeof h->head - h->head_n, n = in.n < room ? in.n : room;
    if (n > 0)
        memcpy(h->head + h->head_n, in.p, n);
    h->head_n += n;
    if (!is_tls(h))
        return no_tls(h, err);
    ERR_clear_error();
    if (in.n > 0 && BIO_write(SSL_get_rbio(h->ssl), in.p, (int)in.n) != (int)in.n)
        return fail(err, ERR_MEMORY, "out of memory for TLS");
    int r = SSL_do_handshake(h->ssl), why = r == 1 ? SSL_ERROR_NONE : SSL_get_error(h->ssl, r);
    if (h->err.code != 0) { /* which OpenSSL, that is not to verify, passes over */
        r = failed(h, err);
    } else if (r == 1) {
        SSL_shutdown(h->ssl); /* says goodbye; nobody waits for the answer */
        if (h->acme && !agreed(h))
            r = err_set(err, ERR_TLS, "serves TLS, but knows nothing of " ACME_ALPN);
    } else if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        r = 0;
    } else {
        r = h->asked && h->chain_n > 0 ? 1 : failed(h, err);
    }
    collect(h, out);
    ERR_clear_error();
    return r;
}

int handshake_closed(struct handshake *h, struct err *err)
{
    if (h->asked && h->chain_n > 0)
        return 1;
    if (h->head_n == 0)
        return err_set(err, ERR_TLS, "closes the connection instead of answering in TLS");
    return err_set(err, ERR_TLS, "closes the connection in the middle of the TLS handshake");
}

void handshake_end(struct handshake *h)
{
    SSL_free(h->ssl);
    h->ssl = NULL;
}
