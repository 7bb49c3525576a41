/* What the files of `check` share: check.c (which certificates, hooks and copies, one name after the other),
 * check_system.c (what concerns all), check_caa.c (who may issue), check_http.c (the path that a CA takes to
 * a token), check_alpn.c (a connection to port 443),
 * check_dns.c (records). */
#ifndef EVERCERT_PROCESSES_ENGINE_CHECK_PRIV_H
#define EVERCERT_PROCESSES_ENGINE_CHECK_PRIV_H

#include "dns/client.h"
#include "http/visit.h"
#include "processes/engine/placed.h"
#include "tls/probe.h"

#include <netinet/in.h>

enum {
    CHECK_ADDRESSES_MAX = 8,    /* of one name; CAs try two */
    CHECK_AUTHORITIES_MAX = 16, /* asked whether they answer; nobody uses more */
};

/* One certificate to check: in the order in which they are found. */
struct subject {
    struct subject *next;
    const char *name; /* "" for names of the command line that are no certificate */
    const char *wish;
    struct str permit;
    uint32_t variant;
};

struct check {
    struct engine *engine;
    struct arena *arena;
    uint32_t session;
    struct subject *subjects, **last;
    struct wish wish;                                           /* of the first subject */
    size_t at;                                                  /* its name that is checked */
    const struct authority *authorities[CHECK_AUTHORITIES_MAX]; /* that were asked */
    size_t authority_n;
    size_t found, bad; /* findings, and those of them that would fail */
    /* the name under way */
    enum acme_challenge kind; /* that would prove it */
    const char *token, *value;
    struct placed *placed; /* by others; NULL: at the responder, or nowhere */
    char addresses[CHECK_ADDRESSES_MAX][INET6_ADDRSTRLEN];
    size_t address_n, address_at;
    struct visit *visit;
    struct tls_probe *probe;
    unsigned retries; /* of what the responder was asked */
    struct mono began;
    struct dns_client *dns;
    struct dns_question *question; /* about CAA */
};

/* check.c */

/* The name under way, as the certificate has it. */
const char *check_identifier(const struct check *c);
/* A row. remedy: what the reader can do, or NULL; v: of http-01, the way there. */
void check_find(struct check *c, bool ok, const char *text, const char *remedy, const struct visit_result *v);
/* The same about who may issue the name. */
void check_find_caa(struct check *c, bool ok, const char *text, const char *remedy);
/* The same about what concerns all certificates; `what`: "clock", ... */
void check_find_system(struct check *c, const char *what, bool ok, const char *text, const char *remedy);
/* A problem as the parent tells it, "TEXT" or "TEXT\nREMEDY". */
const char *check_split(struct check *c, const char *problem, const char **remedy);
/* The name's challenge, when the CAA records were looked at. */
void check_kind(struct check *c);
/* Shows the token by others, as an order would; `shown` is called once. */
void check_place(struct check *c, placed_step_fn *step, placed_shown_fn *shown);
/* On to the next name; what was shown is taken down. */
void check_name_done(struct check *c);

/* On to the next certificate. */
void check_next_subject(struct check *c);

/* check_system.c */
/* Goes on with check_storage. */
void check_system(struct check *c);

/* check_storage.c */
/* Goes on with check_next_subject, maybe from within. */
void check_storage(struct check *c);

/* check_caa.c */
/* Goes on with check_kind, maybe from within. */
void check_caa(struct check *c);

/* check_http.c */
void check_http(struct check *c);

/* check_alpn.c */
void check_alpn(struct check *c);
/* Takes down what it showed. */
void check_alpn_remove(struct check *c);

/* check_dns.c */
void check_dns(struct check *c);

#endif
