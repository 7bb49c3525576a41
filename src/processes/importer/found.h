/*
 * What was found in another client's state: the model that the readers fill and document.c writes. Texts live
 * in the arena; private keys in sensitive buffers of their own, which found_free() wipes.
 */
#ifndef EVERCERT_PROCESSES_IMPORTER_FOUND_H
#define EVERCERT_PROCESSES_IMPORTER_FOUND_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "config/names.h"
#include "processes/importer/tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* More than the largest installations known; what is beyond is told, not read. */
    FOUND_CERTIFICATES_MAX = 100000,
    FOUND_ACCOUNTS_MAX = 10000,
    /* Texts of one list (names, hooks, warnings of one certificate): a certificate has at most 100 names at
     * public CAs, and nobody reads more warnings than that. */
    FOUND_TEXTS_MAX = 1000,
    /* Warnings that belong to no certificate. */
    FOUND_WARNINGS_MAX = 10000,
};

/* event, what it is called in the document */
#define FOUND_EVENTS(X)           \
    X(FOUND_STARTING, "starting") \
    X(FOUND_ISSUED, "issued")     \
    X(FOUND_FINISHED, "finished")

/* challenge, its name (RFC 8555 8, RFC 8737) */
#define FOUND_CHALLENGES(X)             \
    X(FOUND_HTTP_01, "http-01")         \
    X(FOUND_TLS_ALPN_01, "tls-alpn-01") \
    X(FOUND_DNS_01, "dns-01")

/* what a file holds, what that is called in the document (as in publish:) */
#define FOUND_FORMATS(X)            \
    X(FOUND_KEY, "key")             \
    X(FOUND_CERT, "cert")           \
    X(FOUND_CHAIN, "chain")         \
    X(FOUND_FULLCHAIN, "fullchain") \
    X(FOUND_PKCS12, "pkcs12")       \
    X(FOUND_COMBINED, "combined")

#define FOUND_ENUM(id, text) id,
enum found_event { FOUND_EVENTS(FOUND_ENUM) };
enum found_challenge { FOUND_CHALLENGES(FOUND_ENUM) };
enum found_format { FOUND_FORMATS(FOUND_ENUM) };
#undef FOUND_ENUM

struct found_texts {
    const char **items;
    size_t n, cap;
};

struct found_hook {
    enum found_event event;
    const char *command; /* a line for a shell, as written */
    const char *source;  /* the client's own word for it */
    struct found_hook *next;
};

struct found_webroot {
    const char *name; /* an identifier, as in domains */
    const char *path;
    struct found_webroot *next;
};

struct found_file {
    enum found_format format;
    const char *path; /* absolute */
    mode_t mode;
    const char *owner, *group;
    struct found_file *next;
};

struct found_account {
    const char *id;        /* unique in the document */
    const char *directory; /* URL; "" where the client did not write it down, and `url` tells whose it is */
    const char *url;       /* of the account, "" where not known */
    const char *email;     /* "" for none */
    const char *eab_kid;   /* "" for none */
    struct buf key;        /* PKCS#8 as PEM */
    bool agreed;
    struct found_account *next;
};

struct found_certificate {
    const char *name;
    struct found_texts domains; /* A-labels */
    const struct found_account *account;
    const char *directory;
    struct buf key;   /* PKCS#8 as PEM; empty where there is none that fits */
    struct str chain; /* leaf first; empty where there is none */
    int64_t not_after_s;
    const char *issuer;   /* of the leaf, for readers; "" without a chain */
    const char *key_type; /* wanted for the next one; "" where it is none of ours */
    enum found_challenge challenge;
    const char *webroot;
    bool webroot_unknown; /* there is one, but not where this machine has it; "" then */
    struct found_webroot *webroot_map;
    unsigned http_port; /* 0: 80 */
    const char *dns_provider;
    bool reuse_key, must_staple;
    const char *profile, *preferred_profile, *preferred_chain;
    int64_t renew_before_s;
    struct found_hook *hooks; /* in their order */
    struct found_texts hook_directories;
    struct found_file *files;
    struct found_texts warnings;
    struct found_certificate *next;
};

struct found {
    struct arena *a;
    const struct tree *tree;
    const struct tree *also; /* the folder in /etc where the client keeps its settings; NULL for none */
    const char *format;
    const char *directory; /* URL of the CA whose directory the state does not tell; "" for none */
    struct found_account *accounts, **accounts_end;
    size_t account_n;
    struct found_certificate *certificates, **certificates_end;
    size_t certificate_n;
    struct names names; /* of certificates */
    struct found_texts timers, warnings;
};

/* An empty one for what is found in `tree`; all of it is given back with found_free and the arena. `also` as
 * above. */
void found_init(struct found *f, struct arena *a, const struct tree *tree, const struct tree *also);
/* Wipes and frees the keys. */
void found_free(struct found *f);

/* A new account at the end of the list, its texts "" until set, agreed to the terms; NULL, and a warning,
 * when there are too many. `key` is taken over and left empty. `url` is dropped where it is of another origin
 * than the directory: it belongs to a CA's earlier API then, and the account is found by its key. */
struct found_account *found_account_add(
    struct found *f, const char *directory, const char *url, const char *email, struct buf *key);
/* The account there with that key: what stands twice in the state is one account. NULL for none. */
struct found_account *found_account_by_key(
    const struct found *f, const char *directory, const struct buf *key);

/* A new certificate at the end of the list; NULL, and a warning, when there are too many. Its name becomes
 * one that a folder may have ("*." goes, other letters become '_') and that no other has ("-2"). */
struct found_certificate *found_certificate_add(struct found *f, const char *name);

/* A warning for people, of one certificate or (c == NULL) of all; beyond the limit they are dropped, the last
 * one says so. */
void found_warn(struct found *f, struct found_certificate *c, const char *fmt, ...) ATTR_PRINTF(3, 4);
/* "TEXT: not imported" in the words of an error. */
void found_warn_err(struct found *f, struct found_certificate *c, const char *what, const struct err *err);

/* Adds one text, copied; false at FOUND_TEXTS_MAX. */
bool found_text_add(struct found *f, struct found_texts *t, const char *text);
bool found_text_has(const struct found_texts *t, const char *text);

/* Adds a name in any writing as A-label, once; what is no name becomes a warning. */
void found_domain_add(struct found *f, struct found_certificate *c, struct str name);
/* Moves a name to the front, where it is there. */
void found_domain_first(struct found_certificate *c, const char *name);
/* A directory for the challenge files of one identifier, in any writing. */
void found_webroot_add(struct found *f, struct found_certificate *c, struct str name, const char *path);
/* Where every identifier has the same directory that one becomes `webroot` and the map empty; otherwise
 * `webroot` is the first of those, unless it is set, and the map keeps what differs from it. */
void found_webroot_settle(struct found_certificate *c);

/* The directory of the CA that a URL of it (an account's, a certificate's) belongs to, by its host, as far as
 * the CA is known; "" otherwise. Static storage. */
const char *found_directory_of(const char *url);
/* The accounts at one directory: the first, and how many there are. */
const struct found_account *found_account_at(const struct found *f, const char *directory, size_t *n);
const struct found_account *found_account_by_url(const struct found *f, const char *url);

/* Says that challenges are answered in DNS where a wildcard needs it and the client kept no word of it. */
void found_challenge_settle(struct found *f, struct found_certificate *c);

/* A command; an empty one is passed over, and one that is no text (UTF-8, no control characters but tab and
 * newline) becomes a warning. */
void found_hook_add(struct found *f, struct found_certificate *c, enum found_event event, struct str command,
    const char *source);

/* A file that servers read, relative to the tree or absolute, with the mode and owner that it has now (of
 * what it leads to). One that is not there is passed over, unless it lies outside of the tree: then it is
 * given with a mode and an owner that fit its format. */
void found_file_add(struct found *f, struct found_certificate *c, enum found_format format, const char *path);

/* How the client's own renewal ends: `text` is added where `path` exists on this machine, or is NULL. */
void found_timer_add(struct found *f, const char *path, const char *text);

const char *found_event_name(enum found_event e);
const char *found_challenge_name(enum found_challenge c);
const char *found_format_name(enum found_format m);

#endif
