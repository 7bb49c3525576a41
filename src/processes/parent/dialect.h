/*
 * What a hook is told: arguments behind its own, and variables of its environment, in the form that hooks
 * written for another client expect. Pure: the tables stand in dialect.c, the facts are the caller's. The
 * manual evercert-hooks(7) says the same for its readers.
 */
#ifndef EVERCERT_PROCESSES_PARENT_DIALECT_H
#define EVERCERT_PROCESSES_PARENT_DIALECT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/time.h"
#include "config/deploy.h"
#include "crypto/key_type.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    DIALECT_CALLS_MAX = 2,           /* mod_md's hooks are called for "renewed" and then for "installed" */
    DIALECT_ARGS_MAX = 8,            /* dehydrated's deploy_cert and its six */
    DIALECT_ENV_MAX = 40,            /* lego's two generations of variables are the most */
    DIALECT_NAMES_MAX = 64 * 1024,   /* octets of names in one variable; Linux takes 128 kB */
    DIALECT_CERTBOT_MAX = 16 * 1000, /* of RENEWED_DOMAINS and FAILED_DOMAINS, as certbot cuts them */
};

/* What is known when a hook is run. No text is NULL; "" where it is not known. */
struct dialect_facts {
    enum deploy_event event;
    const char *name; /* of the certificate */
    const char *const *domains;
    size_t domain_n;
    /* Where a hook is for many: all these certificates, of which `failed` are those whose attempt failed.
     * What would be said of one certificate is left out then. */
    const char *const *names;
    size_t name_n; /* 0: it is for the one alone */
    const char *const *failed;
    size_t failed_n;
    /* When attempts are over: the names in the certificates of those that went well, and of the others. */
    const char *const *good_domains, *const *failed_domains;
    size_t good_domain_n, failed_domain_n;
    const char *live; /* absolute; its folders are the certificates' */
    enum key_type key_type;
    bool has_key;                  /* there is a privkey.pem: the key is not the operator's own */
    const char *fingerprint;       /* of what is live */
    struct wall not_after;         /* 0: nothing is live */
    const char *error;             /* why the event is one that failed */
    const char *email, *directory; /* of the account */
    struct wall now;
};

struct dialect_call {
    const char *args[DIALECT_ARGS_MAX];
    size_t arg_n;
};

/* The calls to make, one after the other, all with that environment. */
struct dialect_calls {
    struct dialect_call call[DIALECT_CALLS_MAX];
    size_t call_n;
    struct pair env[DIALECT_ENV_MAX];
    size_t env_n;
};

/* Texts live in `a` or are the facts' own. ERR_CONFIG where that dialect has no word for the event, or has
 * one about a single certificate and this is a batch. */
int dialect_calls(enum deploy_dialect dialect, const struct dialect_facts *f, struct arena *a,
    struct dialect_calls *out, struct err *err);

/* dehydrated's word for a type of keys; "" where it has none. Static storage. */
const char *dialect_key_algo(enum key_type type);

/* The programs of a folder of certbot hooks, sorted by name: its executable files whose names do not end in
 * '~'. Of a folder "renewal-hooks" those in pre/, deploy/ or post/ below it, as the event says; that one may
 * be missing. Paths live in `a`; *n may be 0. */
int dialect_folder(const char *path, enum deploy_event event, struct arena *a, const char ***out, size_t *n,
    struct err *err);

#endif
