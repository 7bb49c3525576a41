#include "http/tls_alpn.h"

#include "base/buf.h"
#include "crypto/alpn_certificate.h"
#include "http/alpn_names.h"
#include "http/hello.h"
#include "http/internal.h"
#include "http/request.h"
#include "http/server.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The protocol of RFC 8737 6.2, as a list of names on the wire (RFC 7301 3.1). */
#define PROTOCOL "acme-tls/1"
static const unsigned char protocol_list[] = "\x0a" PROTOCOL;

struct conn {
    struct server_conn conn;
    SSL *ssl;                          /* from the start of a ClientHello on */
    char token[REQUEST_TOKEN_MAX + 1]; /* of the challenge that is shown */
};

struct tls_alpn {
    struct server server;
    tls_alpn_hit_fn *hit;
    void *arg;
    SSL_CTX *tls;
    struct alpn_names names;
};

static int fail(struct err *err, const char *what)
{
    unsigned long e = ERR_peek_last_error();
    const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;
    ERR_clear_error();
    return err_set(err, ERR_CRYPTO, "%s: %s", what, reason != NULL ? reason : "OpenSSL does not say why");
}

/* --- the handshake --- */

static struct str extension_of(SSL *ssl, unsigned type)
{
    const unsigned char *p;
    size_t n;
    if (SSL_client_hello_get0_ext(ssl, type, &p, &n) != 1)
        return (struct str){NULL, 0};
    return (struct str){(const char *)p, n};
}

static int refuse(int *alert, int which)
{
    *alert = which;
    return SSL_CLIENT_HELLO_ERROR;
}

/* The first look at a whole ClientHello, before anything is computed for it. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
    struct tls_alpn *a = arg;
    struct conn *c = SSL_get_app_data(ssl);
    char name[HELLO_NAME_MAX + 1];
    if (!hello_offers_only(
            extension_of(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation), STR(PROTOCOL)))
        return refuse(alert, SSL_AD_NO_APPLICATION_PROTOCOL);
    if (!hello_server_name(extension_of(ssl, TLSEXT_TYPE_server_name), name))
        return refuse(alert, SSL_AD_UNRECOGNIZED_NAME);
    struct alpn_shown shown = alpn_names_find(&a->names, str_c(name));
    if (shown.certificate == NULL)
        return refuse(alert, SSL_AD_UNRECOGNIZED_NAME);
    if (SSL_use_certificate(ssl, alpn_certificate_x509(shown.certificate)) != 1 ||
        SSL_use_PrivateKey(ssl, alpn_certificate_key(shown.certificate)) != 1)
        return refuse(alert, SSL_AD_INTERNAL_ERROR);
    memcpy(c->token, shown.token.p, shown.token.n); /* of the rules of request_token_ok */
    c->token[shown.token.n] = '\0';
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* on_hello has made sure that it is offered. */
static int on_select(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
    unsigned in_n, void *arg)
{
    *out = protocol_list + 1;
    *out_n = sizeof PROTOCOL - 1;
    return SSL_TLSEXT_ERR_OK;
}

static void finish(struct conn *c)
{
    struct tls_alpn *a = c->conn.server->owner;
    char peer[INET6_ADDRSTRLEN];
    if (a->hit != NULL)
        a->hit(str_c(c->token), server_peer(&c->conn, peer), a->arg);
    SSL_shutdown(c->ssl); /* says so; nobody waits for the answer */
    server_close(&c->conn);
}

static void go_on(struct conn *c)
{
    ERR_clear_error();
    int r = SSL_accept(c->ssl);
    if (r == 1) {
        finish(c);
        return;
    }
    switch (SSL_get_error(c->ssl, r)) {
    case SSL_ERROR_WANT_READ:
        server_wait_for(&c->conn, EV_READ);
        break;
    case SSL_ERROR_WANT_WRITE:
        server_wait_for(&c->conn, EV_WRITE);
        break;
    default: /* an alert was sent where there was something to say */
        server_close(&c->conn);
        break;
    }
    ERR_clear_error();
}

/* --- the life of a connection --- */

/* The kernel wakes us when so many octets are there, or the peer's end. */
static bool wake_at(int fd, int octets)
{
    return setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &octets, sizeof octets) == 0;
}

/* Looks at what the peer begins with, and leaves it to OpenSSL where that is a ClientHello. */
static bool begin(struct conn *c)
{
    struct tls_alpn *a = c->conn.server->owner;
    unsigned char head[HELLO_HEAD];
    ssize_t n = recv(c->conn.fd, head, sizeof head, MSG_PEEK);
    if (n != HELLO_HEAD || !hello_may_follow(head) || !wake_at(c->conn.fd, 1))
        return false;
    c->ssl = SSL_new(a->tls);
    return c->ssl != NULL && SSL_set_app_data(c->ssl, c) == 1 && SSL_set_fd(c->ssl, c->conn.fd) == 1;
}

static void ready(struct server_conn *sc)
{
    struct conn *c = (struct conn *)sc;
    if (c->ssl != NULL || begin(c))
        go_on(c);
    else
        server_close(sc);
}

static void opened(struct server_conn *sc)
{
    if (!wake_at(sc->fd, HELLO_HEAD))
        server_close(sc);
}

static void closing(struct server_conn *sc)
{
    SSL_free(((struct conn *)sc)->ssl);
}

static const struct server_protocol tls_alpn_01 = {sizeof(struct conn), opened, ready, closing};

/* --- the whole --- */

/* The system's openssl.cnf may have had its say about ciphers and groups; what matters here is said last. */
static bool set_up(struct tls_alpn *a)
{
    const uint64_t on = SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;
    a->tls = SSL_CTX_new(TLS_server_method());
    if (a->tls == NULL)
        return false;
    SSL_CTX_clear_options(
        a->tls, SSL_OP_ENABLE_KTLS | SSL_OP_ALLOW_CLIENT_RENEGOTIATION); /* not in a sandbox */
    SSL_CTX_set_options(a->tls, on);
    SSL_CTX_set_session_cache_mode(a->tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(a->tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(a->tls, 1); /* a record in one read; what the peer says last is not left unread */
    SSL_CTX_set_client_hello_cb(a->tls, on_hello, a);
    SSL_CTX_set_alpn_select_cb(a->tls, on_select, NULL);
    return SSL_CTX_set_num_tickets(a->tls, 0) == 1 &&
           SSL_CTX_set_min_proto_version(a->tls, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(a->tls, 0) == 1;
}

/* What OpenSSL would otherwise read late. */
static int warm_up(struct err *err)
{
    struct alpn_certificate *c = NULL;
    int r = alpn_certificate_make(STR("warm-up.invalid"), STR("warm-up"), &c, err);
    alpn_certificate_free(c);
    return r;
}

int tls_alpn_new(
    struct event_base *base, tls_alpn_hit_fn *hit, void *arg, struct tls_alpn **out, struct err *err)
{
    struct tls_alpn *a = calloc(1, sizeof *a);
    if (a == NULL)
        return err_set(err, ERR_MEMORY, "out of memory for the tls-alpn-01 answerer");
    a->hit = hit;
    a->arg = arg;
    server_init(
        &a->server, base, &tls_alpn_01, a, TLS_ALPN_CONNECTIONS_MAX, TLS_ALPN_DEADLINE_S * (int64_t)1000);
    int r = set_up(a) ? warm_up(err) : fail(err, "cannot prepare for tls-alpn-01");
    if (r < 0)
        tls_alpn_free(a);
    else
        *out = a;
    return r;
}

void tls_alpn_free(struct tls_alpn *a)
{
    if (a == NULL)
        return;
    server_end(&a->server);
    alpn_names_clear(&a->names);
    SSL_CTX_free(a->tls);
    free(a);
}

int tls_alpn_listen(struct tls_alpn *a, int fd, struct err *err)
{
    return server_listen(&a->server, fd, err);
}

void tls_alpn_unlisten(struct tls_alpn *a)
{
    server_unlisten(&a->server);
}

int tls_alpn_put(struct tls_alpn *a, struct str identifier, struct str token, struct str key_authorization,
    struct err *err)
{
    return alpn_names_put(&a->names, identifier, token, key_authorization, err);
}

void tls_alpn_remove(struct tls_alpn *a, struct str identifier, struct str token)
{
    alpn_names_remove(&a->names, identifier, token);
}

void tls_alpn_clear(struct tls_alpn *a)
{
    alpn_names_clear(&a->names);
}

void tls_alpn_set_limits(struct tls_alpn *a, int64_t deadline_ms, size_t connections_max)
{
    a->server.span_ms = deadline_ms;
    a->server.conn_max = connections_max;
}

size_t tls_alpn_connections(const struct tls_alpn *a)
{
    return a->server.conn_n;
}
