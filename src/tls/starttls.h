/*
 * STARTTLS and its kin: what is said in plain text before a TLS handshake, as machines without I/O. Octets
 * in, octets out, until the server agrees (upgrade now) or refuses, with its own words in the error.
 *
 * What a stranger between us and the server could put into the plain text is not believed: octets that come
 * behind the server's agreement, where only TLS may follow, are an error.
 */
#ifndef EVERCERT_TLS_STARTTLS_H
#define EVERCERT_TLS_STARTTLS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* word in the configuration, port where it is usual, where it is described */
#define STARTTLS_KINDS(X)                                                             \
    X(STARTTLS_NONE, "", 443)              /* TLS from the first octet */             \
    X(STARTTLS_SMTP, "smtp", 25)           /* RFC 3207; 587 as well */                \
    X(STARTTLS_IMAP, "imap", 143)          /* RFC 9051 6.2.1 */                       \
    X(STARTTLS_POP3, "pop3", 110)          /* RFC 2595 4 */                           \
    X(STARTTLS_LDAP, "ldap", 389)          /* RFC 4511 4.14 */                        \
    X(STARTTLS_FTP, "ftp", 21)             /* RFC 4217 4 */                           \
    X(STARTTLS_XMPP, "xmpp", 5222)         /* RFC 6120 5; at port 5269 as a server */ \
    X(STARTTLS_POSTGRES, "postgres", 5432) /* SSLRequest of its protocol 3.0 */

enum starttls {
#define STARTTLS_ENUM(id, word, port) id,
    STARTTLS_KINDS(STARTTLS_ENUM)
#undef STARTTLS_ENUM
        STARTTLS_END_
};

enum {
    STARTTLS_XMPP_SERVER_PORT = 5269, /* servers among themselves; they speak another name space there */
    /* Octets a server may say before TLS. Features of an XMPP server have 2 kB, a greeting in many lines
       less. */
    STARTTLS_IN_MAX = 16 * 1024,
    STARTTLS_NAME_MAX = 253, /* of a host name */
};

/* False for a text that is none; "" is STARTTLS_NONE. */
bool starttls_parse(const char *text, enum starttls *out);
/* Static storage. */
const char *starttls_text(enum starttls kind);
uint16_t starttls_port(enum starttls kind);
/* What is spoken before TLS at a port where that is usual; STARTTLS_NONE at any other. */
enum starttls starttls_of_port(uint16_t port);
/* All words but the empty one, for error texts: "smtp, imap, ...". Static storage. */
const char *starttls_words(void);

struct starttls_spec {
    enum starttls kind;
    uint16_t port;    /* decides whether XMPP is spoken as a client or as a server */
    const char *host; /* whom we want to talk to; XMPP asks for it */
    const char *self; /* our own address, which EHLO names: "192.0.2.1", "2001:db8::1" */
};

/* One conversation. Its fields are its own affair. */
struct starttls_talk {
    enum starttls kind;
    unsigned step;    /* of the kind's own states */
    bool server_port; /* XMPP among servers */
    bool offered;     /* the server said that it can */
    bool failed;      /* ended; whatever is fed gives the same error */
    size_t in_n;      /* octets so far */
    struct buf in;    /* not yet taken */
    struct buf words; /* of the server, for the error */
    char host[STARTTLS_NAME_MAX + 1];
    char self[64];
};

/* What a call comes to, where it is no error. */
enum starttls_next {
    STARTTLS_MORE = 0,    /* send what is in `out`, then feed what the server says */
    STARTTLS_UPGRADE = 1, /* begin the handshake now (`out` is empty) */
};

/* Appends to `out` (room for 2 kB) what is said first, which for most is nothing: they wait for a greeting.
 * Of STARTTLS_NONE it is STARTTLS_UPGRADE at once. starttls_end gives the memory back, also after an error.
 * ERR_INPUT for a host that cannot be named in the protocol. */
int starttls_begin(
    struct starttls_talk *t, const struct starttls_spec *spec, struct buf *out, struct err *err);
/* Takes what came, in any pieces. One of enum starttls_next; ERR_TLS where the server refuses or has no
 * STARTTLS, ERR_INPUT for what is not the protocol and for octets behind the agreement, ERR_LIMIT for more
 * than STARTTLS_IN_MAX octets. The error does not name the server. */
int starttls_feed(struct starttls_talk *t, struct str in, struct buf *out, struct err *err);
/* What the server has to say next: "its greeting", "its answer to STARTTLS"; for errors of time and of a
 * closed connection. Static storage. */
const char *starttls_awaits(const struct starttls_talk *t);
void starttls_end(struct starttls_talk *t);

#endif
