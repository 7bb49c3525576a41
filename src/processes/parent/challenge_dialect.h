/*
 * What a program that answers a DNS challenge is told: arguments behind its own, and variables of its
 * environment, in the form that such programs expect which were written for another client. Pure: the tables
 * stand in challenge_dialect.c, the facts are the caller's. The manual evercert-hooks(7) says the same for
 * its readers. Only dns-01 and its kin are meant: what other clients tell the same programs for http-01 is
 * not.
 */
#ifndef EVERCERT_PROCESSES_PARENT_CHALLENGE_DIALECT_H
#define EVERCERT_PROCESSES_PARENT_CHALLENGE_DIALECT_H

#include "base/arena.h"
#include "config/deploy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHALLENGE_ARGS_MAX = 6, /* lego's raw mode and uacme have five */
    CHALLENGE_ENV_MAX = 12, /* certbot's seven and our three */
};

/* id, name of the provider (providers/NAME.lua), settings that hold the program for a new record and for one
 * that goes ("" : the same program does both) */
#define CHALLENGE_DIALECTS(X)                                  \
    X(PROGRAM_ACME_SH, "acme.sh", "script", "")                \
    X(PROGRAM_CERTBOT, "certbot", "auth-hook", "cleanup-hook") \
    X(PROGRAM_LEGO, "exec", "command", "")                     \
    X(PROGRAM_DEHYDRATED, "dehydrated", "hook", "")            \
    X(PROGRAM_UACME, "uacme", "hook", "")                      \
    X(PROGRAM_MOD_MD, "mod_md", "command", "")                 \
    X(PROGRAM_ODOO, "odoo", "command", "cleanup") /* which never takes a record away by itself */

enum challenge_dialect {
#define CHALLENGE_DIALECT_ENUM(id, name, add, remove) id,
    CHALLENGE_DIALECTS(CHALLENGE_DIALECT_ENUM)
#undef CHALLENGE_DIALECT_ENUM
        PROGRAM_DIALECT_END_
};

/* No text is NULL. */
struct challenge_facts {
    bool cleanup;
    const char *challenge;  /* "dns-01" */
    const char *identifier; /* without "*." */
    const char *record;     /* where the TXT record goes, without a dot at its end */
    const char *zone, *value, *token, *key_authorization;
    uint32_t remaining;         /* challenges of this order after this one */
    const char *certificate;    /* its name */
    const char *const *domains; /* and those in it */
    size_t domain_n;
    const char *live;     /* the folder of all certificates */
    const char *key_algo; /* dehydrated's word for the type of its key; "" where that has none */
    const char *output;   /* of cleanup: what the first run printed */
    const char *file;     /* the program, as it was written */
    bool raw;             /* of exec: lego's EXEC_MODE=RAW */
    bool bare_teardown;   /* of mod_md: its first version, whose teardown has no value */
};

struct challenge_call {
    const char *args[CHALLENGE_ARGS_MAX];
    size_t arg_n;
    struct pair env[CHALLENGE_ENV_MAX];
    size_t env_n;
};

/* False for a provider that is no program. */
bool challenge_dialect_parse(const char *provider, enum challenge_dialect *out);
/* The setting that holds the program: "" where a record that goes has none of its own. Static storage. */
const char *challenge_dialect_setting(enum challenge_dialect d, bool cleanup);

/* Texts live in `a` or are the facts' own. For acme.sh only the arguments that its host takes behind the
 * script: the name and the value; the rest is its caller's. */
void challenge_call(
    enum challenge_dialect d, const struct challenge_facts *f, struct arena *a, struct challenge_call *out);

#endif
