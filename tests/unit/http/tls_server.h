/*
 * An HTTPS/1.1 server for the tests of the client, in a process of its own: it answers each path in its own,
 * mostly wrong, way (see the table in tls_server.c). Certificates are made on the spot.
 */
#ifndef EVERCERT_TEST_TLS_SERVER_H
#define EVERCERT_TEST_TLS_SERVER_H

#include <stddef.h>
#include <sys/types.h>

/* A self-signed certificate and its key, PEM. */
struct tls_identity {
    char cert[2048], key[1024];
};

/* `san` as in openssl's "DNS:localhost,IP:127.0.0.1"; valid from now + from_s to now + to_s. */
void tls_identity_make(struct tls_identity *id, const char *san, long from_s, long to_s);

struct tls_server {
    pid_t pid;
    int port;
};

/* max_version: a TLS1_x_VERSION of OpenSSL, 0 for the newest. Listens on 127.0.0.1. */
void tls_server_start(struct tls_server *s, const struct tls_identity *id, int max_version);
void tls_server_stop(struct tls_server *s);

#endif
