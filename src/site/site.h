/* A site that gets a certificate: what is the same for every server, and the head of each file that is made.
 */
#ifndef EVERCERT_SITE_SITE_H
#define EVERCERT_SITE_SITE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct site {
    const char *server;       /* "nginx", "apache" */
    const char *certificate;  /* its name */
    const char *const *names; /* what it is for */
    size_t name_n;
    const char *live;       /* absolute directory of its files */
    const char *live_other; /* of the certificate of a second key type; NULL: none */
    const char *webroot;    /* where answers to challenges lie; "" : no http-01 */
    unsigned http_port, tls_port;
    bool redirect; /* http to https, for the names of the certificate and no other */
};

/* Text that is put into a file at an offset. */
struct insertion {
    size_t at;
    struct str text;
};

/* Comments that say what the file is and how it goes away, and for machines which certificate it is for. */
void site_head(const struct site *s, struct buf *out);

/* What site_head() wrote. */
struct site_note {
    const char *certificate;
    const char **names;
    size_t name_n;
};

/* Reads it back; false for a file that site_head() did not begin. In `a`. */
bool site_read_head(struct str text, struct arena *a, struct site_note *out);

/* A regular expression (PCRE) of the names, for the host of a request without its port: "(?:a\.example|...)".
 */
void site_put_names(const struct site *s, struct buf *out);

/* How much of the text site_head() wrote; 0 where it did not. */
size_t site_head_length(struct str text);

#endif
