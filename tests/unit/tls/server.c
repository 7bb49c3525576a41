#include "server.h"

#include "base/attr.h"
#include "tls/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- certificates --- */

static X509 *make(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    static long serial = 1;
    X509 *x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 30L * 86400);
    X509_set_pubkey(x, key);
    X509_NAME *subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, issuer != NULL ? X509_get_subject_name(issuer) : subject);
    assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
    return x;
}

void identity_make(struct identity *id)
{
    EVP_PKEY *root_key = EVP_EC_gen("P-256"), *issuer_key = EVP_EC_gen("P-256");
    id->key = EVP_EC_gen("P-256");
    id->rsa_key = EVP_RSA_gen(2048);
    id->root = make("test root", root_key, NULL, root_key);
    id->issuer = make("test issuer", issuer_key, id->root, root_key);
    id->leaf = make("www.example.org", id->key, id->issuer, issuer_key);
    id->rsa_leaf = make("www.example.org", id->rsa_key, id->issuer, issuer_key);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, id->leaf);
    PEM_write_bio_X509(bio, id->issuer);
    PEM_write_bio_X509(bio, id->root);
    int n = BIO_read(bio, id->pem, sizeof id->pem - 1);
    assert_true(n > 0 && BIO_pending(bio) == 0);
    id->pem[n] = '\0';
    BIO_free(bio);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(issuer_key);
}

void identity_free(struct identity *id)
{
    X509_free(id->leaf);
    X509_free(id->issuer);
    X509_free(id->root);
    X509_free(id->rsa_leaf);
    EVP_PKEY_free(id->key);
    EVP_PKEY_free(id->rsa_key);
}

const char *fingerprint(X509 *x)
{
    static char text[65];
    unsigned char digest[32];
    unsigned n = sizeof digest;
    assert_int_equal(X509_digest(x, EVP_sha256(), digest, &n), 1);
    for (unsigned i = 0; i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

/* --- behaviours; in the server's processes --- */

static SSL_CTX *context(const struct identity *id)
{
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(c, id->leaf);
    SSL_CTX_use_PrivateKey(c, id->key);
    return c;
}

/* Until the client has gone. */
static void serve(int fd, SSL_CTX *c)
{
    char room[1024];
    SSL *ssl = SSL_new(c);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1)
        while (SSL_read(ssl, room, sizeof room) > 0)
            ;
}

void serve_chain(int fd, const struct identity *id)
{
    SSL_CTX *c = context(id);
    SSL_CTX_add1_chain_cert(c, id->issuer);
    serve(fd, c);
}

void serve_leaf_only(int fd, const struct identity *id)
{
    serve(fd, context(id));
}

void serve_both_kinds(int fd, const struct identity *id)
{
    SSL_CTX *c = context(id);
    SSL_CTX_use_certificate(c, id->rsa_leaf);
    SSL_CTX_use_PrivateKey(c, id->rsa_key);
    serve(fd, c);
}

static int on_name(SSL *ssl, int *alert, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return name != NULL && strcmp(name, "www.example.org") == 0 ? SSL_TLSEXT_ERR_OK
                                                                : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void serve_by_name(int fd, const struct identity *id)
{
    SSL_CTX *c = context(id);
    SSL_CTX_set_tlsext_servername_callback(c, on_name);
    serve(fd, c);
}

static void only_version(SSL_CTX *c, int version)
{
    SSL_CTX_set_security_level(c, 0);
    SSL_CTX_set_min_proto_version(c, version);
    SSL_CTX_set_max_proto_version(c, version);
}

void serve_tls1(int fd, const struct identity *id)
{
    SSL_CTX *c = context(id);
    only_version(c, TLS1_VERSION);
    serve(fd, c);
}

void serve_tls12_asks(int fd, const struct identity *id)
{
    SSL_CTX *c = context(id);
    only_version(c, TLS1_2_VERSION);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    serve(fd, c);
}

void serve_tls13_asks(int fd, const struct identity *id)
{
    SSL_CTX *c = context(id);
    only_version(c, TLS1_3_VERSION);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    serve(fd, c);
}

void serve_many(int fd, const struct identity *id)
{
    SSL_CTX *c = context(id);
    for (int i = 0; i < TLS_CHAIN_MAX; i++)
        SSL_CTX_add1_chain_cert(c, id->issuer);
    serve(fd, c);
}

/* Says a text, and waits for a line where there is one to wait for. */
static void say(int fd, const char *text, bool wait)
{
    char c = '\0';
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        _exit(0);
    while (wait && c != '\n' && recv(fd, &c, 1, 0) == 1)
        ;
}

void serve_smtp(int fd, const struct identity *id)
{
    say(fd, "220 mail.example ESMTP\r\n", true);
    say(fd, "250-mail.example\r\n250 STARTTLS\r\n", true);
    say(fd, "220 go\r\n", false);
    serve_chain(fd, id);
}

void serve_injection(int fd, const struct identity *id)
{
    say(fd, "220 mail.example ESMTP\r\n", true);
    say(fd, "250-mail.example\r\n250 STARTTLS\r\n", true);
    say(fd, "220 go\r\n250 and on\r\n", false);
    serve_chain(fd, id);
}

void serve_nothing(int fd, const struct identity *id)
{
    char room[1024];
    while (recv(fd, room, sizeof room, 0) > 0)
        ;
}

void serve_close(int fd, const struct identity *id)
{
}

void serve_reset(int fd, const struct identity *id)
{
    struct linger now = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void serve_half(int fd, const struct identity *id)
{
    char room[4096];
    if (recv(fd, room, sizeof room, 0) > 0)
        send(fd, "\x16\x03\x03\x01\x00\x02", 6, MSG_NOSIGNAL);
}

void serve_greeting(int fd, const struct identity *id)
{
    char room[4096];
    say(fd, "220 mail.example ESMTP \033[2Jready\r\n", false);
    while (recv(fd, room, sizeof room, 0) > 0)
        ;
}

void serve_http(int fd, const struct identity *id)
{
    char room[4096];
    if (recv(fd, room, sizeof room, 0) > 0)
        say(fd, "HTTP/1.1 400 Bad Request\r\n\r\n<html>", false);
}

void serve_lines(int fd, const struct identity *id)
{
    for (;;)
        say(fd, "220-and what I also wanted to say\r\n", false);
}

/* Certificates whose length is announced as 16 MB. */
void serve_records(int fd, const struct identity *id)
{
    char record[5 + 16384] = {0x16, 0x03, 0x03, 0x40, 0x00};
    char room[4096];
    if (recv(fd, room, sizeof room, 0) <= 0)
        return;
    memcpy(record + 5, "\x0b\xff\xff\xff", 4);
    while (send(fd, record, sizeof record, MSG_NOSIGNAL) > 0)
        memset(record + 5, 0, 4);
}

void serve_no_goodbye(int fd, const struct identity *id)
{
    SSL *ssl = SSL_new(context(id));
    SSL_set_fd(ssl, fd);
    SSL_accept(ssl);
    for (;;)
        pause();
}

/* --- processes --- */

static _Noreturn void serve_for_ever(int listening, behaviour *how, const struct identity *id)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int fd = accept(listening, NULL, NULL);
        if (fd >= 0 && fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            how(fd, id);
            _exit(0);
        }
        close(fd);
    }
}

void server_start(struct server *s, behaviour *how, const struct identity *id)
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
        serve_for_ever(fd, how, id);
    close(fd);
}

void server_stop(struct server *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}
