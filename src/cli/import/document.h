/*
 * What LIBEXEC/importer found in another client's state: its one JSON document, read strictly. Member names
 * are those of the document; texts live in the arena, none is NULL.
 */
#ifndef EVERCERT_CLI_IMPORT_DOCUMENT_H
#define EVERCERT_CLI_IMPORT_DOCUMENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IMPORT_DOCUMENT_MAX = 64 * 1024 * 1024, /* 8,000 certificates with key and chain */
    IMPORT_CERTIFICATES_MAX = 100 * 1000,   /* as many as one evercert is made for */
    IMPORT_ACCOUNTS_MAX = 10 * 1000,        /* one for each customer of a platform */
    IMPORT_LIST_MAX = 10 * 1000,            /* names, hooks, files, warnings of one thing */
};

struct import_texts {
    const char *const *p;
    size_t n;
};

struct import_account {
    const char *id;
    const char *directory;   /* "" : the other client did not write it down */
    const char *url, *email; /* "" : not known */
    const char *key;         /* a secret */
    bool agreed;             /* to the terms of service, with the other client */
};

struct import_webroot {
    const char *name, *path;
};

/* A line for a shell. */
struct import_hook {
    const char *event; /* "starting", "issued", "finished" */
    const char *command;
    const char *source; /* the other client's word for it */
};

/* A file that servers read now. */
struct import_file {
    const char *format, *path, *owner, *group;
    const char *mode; /* octal; "" : not known */
};

struct import_certificate {
    const char *name;
    struct import_texts domains;
    const struct import_account *account; /* NULL: not known */
    const char *directory;
    const char *key, *chain; /* "" : not there; the key is a secret */
    int64_t not_after_s;
    const char *key_type, *challenge, *webroot;
    const struct import_webroot *webroots;
    size_t webroot_n;
    uint16_t http_port; /* 0: the usual one */
    const char *dns_provider, *profile, *preferred_profile, *preferred_chain;
    bool reuse_key, must_staple;
    bool webroot_unknown;   /* the configuration's default is as good as any */
    int64_t renew_before_s; /* 0: nothing said */
    const struct import_hook *hooks;
    size_t hook_n;
    struct import_texts hook_directories;
    const struct import_file *files;
    size_t file_n;
    struct import_texts warnings;
};

struct import_document {
    const char *format, *path;
    struct import_account *accounts;
    size_t account_n;
    const struct import_certificate *certificates;
    size_t certificate_n;
    struct import_texts timers, warnings;
};

/* ERR_INPUT with the place ("certificates[3].domains") for a member that is missing, of another type or out
 * of range, an account that is not in the list, NUL in a text; ERR_LIMIT for a list that is too long. Members
 * it does not know are passed over. */
int import_document_read(struct str json, struct arena *a, struct import_document *out, struct err *err);

/* What the importer is to read. */
struct import_source {
    const char *format, *path;
    const char *directory; /* of the CA, where the state does not tell; "" : not known */
    bool sandbox_log;      /* its sandbox reports instead of refusing */
};
/* Runs LIBEXEC/importer and reads its document. ERR_FAILED with its own words where it cannot; ERR_TIMEOUT,
 * ERR_LIMIT, ERR_INPUT. */
int import_document_fetch(
    const struct import_source *source, struct arena *a, struct import_document *out, struct err *err);

#endif
