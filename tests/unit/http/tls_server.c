#include "tls_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUEST_MAX = 1 << 20 };

static void pem_out(BIO *bio, char *out, size_t size)
{
    int n = BIO_read(bio, out, (int)size - 1);
    assert_true(n > 0 && BIO_pending(bio) == 0);
    out[n] = '\0';
    BIO_free(bio);
}

void tls_identity_make(struct tls_identity *id, const char *san, long from_s, long to_s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    unsigned char serial[8];
    assert_int_equal(RAND_bytes(serial, sizeof serial), 1);
    serial[0] = 1;
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x));
    BN_free(number);
    X509_set_version(x, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(x), from_s);
    X509_gmtime_adj(X509_getm_notAfter(x), to_s);
    X509_set_pubkey(x, key);
    X509_NAME *name = X509_get_subject_name(x);
    /* Each its own name, or one's root would seem to be the issuer of another's certificate. */
    char cn[32];
    snprintf(cn, sizeof cn, "test %02x%02x%02x%02x", serial[1], serial[2], serial[3], serial[4]);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
    assert_non_null(ext);
    X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);

    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);
    pem_out(bio, id->cert, sizeof id->cert);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    pem_out(bio, id->key, sizeof id->key);
    X509_free(x);
    EVP_PKEY_free(key);
}

/* --- the paths; from here on in the server's processes --- */

struct exchange {
    SSL *ssl;
    char *request; /* head and body, NUL-terminated */
    size_t request_n;
    unsigned before; /* requests on this connection */
    bool close;
};

static bool put(struct exchange *x, const char *p, size_t n)
{
    return n == 0 || SSL_write(x->ssl, p, (int)n) > 0;
}

static bool put_c(struct exchange *x, const char *c)
{
    return put(x, c, strlen(c));
}

static void respond(struct exchange *x, const char *fields, const char *body, size_t n)
{
    char head[512];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n", n, fields);
    put_c(x, head);
    put(x, body, n);
}

static void serve_hello(struct exchange *x)
{
    respond(x, "Replay-Nonce:  n-1 \r\nX-Twice: a\r\nx-twice: b\r\nX-Empty:\r\n", "hello", 5);
}

/* HEAD: the length of a body that does not come. */
static void serve_nonce(struct exchange *x)
{
    put_c(x, "HTTP/1.1 200 OK\r\nReplay-Nonce: n-2\r\nContent-Length: 1000000\r\n\r\n");
}

static void serve_echo(struct exchange *x)
{
    respond(x, "", x->request, x->request_n);
}

/* Which process of the server answers: one for each connection. */
static void serve_pid(struct exchange *x)
{
    char text[32];
    snprintf(text, sizeof text, "%d", (int)getpid());
    respond(x, "", text, strlen(text));
}

static void serve_big_head(struct exchange *x)
{
    put_c(x, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 100; i++)
        put_c(x,
            "X-Long: "
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    put_c(x, "Content-Length: 0\r\n\r\n");
}

static void serve_interim_flood(struct exchange *x)
{
    while (put_c(x, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"))
        ;
}

static void serve_early_hints(struct exchange *x)
{
    put_c(x, "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n");
    serve_hello(x);
}

static void serve_promise(struct exchange *x)
{
    put_c(x, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\nfirst bytes");
}

static void serve_endless(struct exchange *x)
{
    put_c(x, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (put_c(x, "10\r\n0123456789abcdef\r\n"))
        ;
}

static void serve_trailer(struct exchange *x)
{
    put_c(x, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Head: 1\r\n\r\n"
             "3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n");
}

static void serve_cut(struct exchange *x)
{
    put_c(x, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
    x->close = true;
}

static void serve_cut_head(struct exchange *x)
{
    put_c(x, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Cu");
    x->close = true;
}

static void serve_nothing(struct exchange *x)
{
    x->close = true;
}

/* As a server that acts on a request and dies, where it is not the first on its connection. */
static void serve_nothing_more(struct exchange *x)
{
    if (x->before == 0)
        respond(x, "", "again", 5);
    else
        x->close = true;
}

static void serve_garbage(struct exchange *x)
{
    put_c(x, "220 mail.example ESMTP\r\n");
    x->close = true;
}

static void serve_redirect(struct exchange *x)
{
    put_c(x, "HTTP/1.1 302 Found\r\nLocation: /hello\r\nX-First: 1\r\nContent-Length: 4\r\n\r\nmove");
}

static void serve_loop(struct exchange *x)
{
    put_c(x, "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n");
}

static void serve_downgrade(struct exchange *x)
{
    put_c(x, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
}

static void serve_file(struct exchange *x)
{
    put_c(x, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
}

static void serve_problem(struct exchange *x)
{
    put_c(
        x, "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n{}");
}

/* Never answers; ends when the client goes. */
static void serve_silence(struct exchange *x)
{
    char c;
    SSL_read(x->ssl, &c, 1);
    x->close = true;
}

static const struct {
    const char *path;
    void (*serve)(struct exchange *x);
} routes[] = {
    {"/hello", serve_hello},
    {"/nonce", serve_nonce},
    {"/echo", serve_echo},
    {"/pid", serve_pid},
    {"/big-head", serve_big_head},
    {"/interim-flood", serve_interim_flood},
    {"/early-hints", serve_early_hints},
    {"/promise", serve_promise},
    {"/endless", serve_endless},
    {"/trailer", serve_trailer},
    {"/cut", serve_cut},
    {"/cut-head", serve_cut_head},
    {"/nothing", serve_nothing},
    {"/nothing-more", serve_nothing_more},
    {"/garbage", serve_garbage},
    {"/redirect", serve_redirect},
    {"/loop", serve_loop},
    {"/downgrade", serve_downgrade},
    {"/file", serve_file},
    {"/problem", serve_problem},
    {"/silence", serve_silence},
};

static void route(struct exchange *x)
{
    const char *path = strchr(x->request, ' ');
    size_t n = path != NULL ? strcspn(++path, " ?\r") : 0;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (strlen(routes[i].path) == n && memcmp(routes[i].path, path, n) == 0) {
            routes[i].serve(x);
            return;
        }
    put_c(x, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

/* Reads one request whole. */
static bool receive(struct exchange *x)
{
    x->request_n = 0;
    for (;;) {
        int n = SSL_read(x->ssl, x->request + x->request_n, (int)(REQUEST_MAX - x->request_n));
        if (n <= 0)
            return false;
        x->request_n += (size_t)n;
        x->request[x->request_n] = '\0';
        const char *end = strstr(x->request, "\r\n\r\n"), *length = strstr(x->request, "Content-Length: ");
        size_t body = length != NULL ? (size_t)strtoul(length + 16, NULL, 10) : 0;
        if (end != NULL && x->request_n >= (size_t)(end + 4 - x->request) + body)
            return true;
    }
}

static void serve_connection(SSL_CTX *ctx, int fd)
{
    struct exchange x = {.ssl = SSL_new(ctx), .request = malloc(REQUEST_MAX + 1)};
    SSL_set_fd(x.ssl, fd);
    if (SSL_accept(x.ssl) == 1) {
        for (; !x.close && receive(&x); x.before++)
            route(&x);
        SSL_shutdown(x.ssl);
    }
    _exit(0);
}

static void serve_for_ever(int listening, const struct tls_identity *id, int max_version)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    BIO *cert = BIO_new_mem_buf(id->cert, -1), *key = BIO_new_mem_buf(id->key, -1);
    SSL_CTX_use_certificate(ctx, PEM_read_bio_X509(cert, NULL, NULL, NULL));
    SSL_CTX_use_PrivateKey(ctx, PEM_read_bio_PrivateKey(key, NULL, NULL, NULL));
    if (max_version != 0) {
        SSL_CTX_set_security_level(ctx, 0);
        SSL_CTX_set_min_proto_version(ctx, 0);
        SSL_CTX_set_max_proto_version(ctx, max_version);
    }
    for (;;) {
        int fd = accept(listening, NULL, NULL);
        if (fd >= 0 && fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve_connection(ctx, fd);
        }
        close(fd);
    }
}

void tls_server_start(struct tls_server *s, const struct tls_identity *id, int max_version)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    s->port = ntohs(a.sin_port);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0)
        serve_for_ever(fd, id, max_version);
    close(fd);
}

void tls_server_stop(struct tls_server *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}
