/*
 * What is to be done with what the importer found: which authority of the configuration each account belongs
 * to, which certificates can be carried over, and why the others cannot. Pure: it asks nobody and writes
 * nothing.
 */
#ifndef EVERCERT_CLI_IMPORT_PLAN_H
#define EVERCERT_CLI_IMPORT_PLAN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "cli/import/document.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>

/* The file that is made: a thousand certificates are half a megabyte. */
enum { IMPORT_YAML_MAX = 64 * 1024 * 1024 };

struct import_options {
    bool publish_in_place, agree_tos;
    const char *ca_file; /* of authorities that are new; "" : the system's */
};

/* Whether the keeper has the key of that account under that id. */
enum import_answer { IMPORT_KEY_NONE, IMPORT_KEY_SAME, IMPORT_KEY_OTHER };
struct import_question {
    const struct import_account *account;
    const char *id;
    enum import_answer answer;
};

/* An account's place in the configuration. */
struct import_authority {
    const char *name, *directory, *id, *label;
    const struct import_account *account; /* NULL: the other client's is not known */
    const char *email, *staging;          /* of an entry; "" : none */
    bool entry;                           /* it has to be written */
    bool agree;
    bool used;
};

struct import_item {
    const struct import_certificate *from;
    struct import_authority *authority;
    const char *left; /* why it is not carried over; NULL: it is */
    /* In the configuration already, where nothing is live for it: what an import that was cut short left to
     * do. It has no part in the file. NULL: it is new. */
    const struct wish *configured;
    bool whole;       /* with key and chain; else it is asked for anew */
    const char *dns;  /* the entry of `dns:` that answers dns-01; NULL: it is proven otherwise */
    const char *wish; /* of the settings that were made */
};

struct import_plan {
    struct arena *a;
    const struct import_document *document;
    const struct settings *settings; /* as they are without it */
    struct import_options options;
    struct import_question *questions;
    size_t question_n;
    struct import_authority *authorities;
    size_t authority_n;
    struct import_item *items; /* one for each certificate of the document */
    size_t carried;            /* of them */
    size_t written;            /* of those, in the file */
    const char *listen;        /* for http-01, "" : as it is */
};

/* Begins one: everything must outlive it. An account whose directory is not known gets that of the
 * configuration's authority or preset with the origin of its URL. Fills the questions, which the caller has
 * answered (untouched, they say that the keeper has none). */
void import_plan_begin(struct import_plan *p, struct import_document *d, const struct settings *s,
    const struct import_options *o, struct arena *a);
/* A certificate of the state. */
struct import_had {
    const char *name;
    bool live;
};
/* Decides. */
void import_plan_make(struct import_plan *p, const struct import_had *had, size_t had_n);
/* Appends the file for evercert.d. */
void import_plan_yaml(const struct import_plan *p, struct buf *out);
/* Takes the wishes of the settings that the file makes. A certificate that is not among them is an error of
 * ours: ERR_CONFIG. */
int import_plan_wishes(struct import_plan *p, const struct settings *made, struct err *err);

/* The entry of `dns:` that does what its DNS provider did (import/dns.c); NULL, and why, where none is known
 * to.
 */
const char *import_dns_entry(
    const struct settings *s, const struct import_certificate *c, struct arena *a, const char **why);

/* The entry of one certificate, as import_plan_yaml has it (import_yaml.c). `alone`: without its authority,
 * which is in no other file then. */
void import_yaml_certificate(
    const struct import_plan *p, const struct import_item *item, bool alone, struct buf *out);

#endif
