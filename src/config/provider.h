/*
 * The catalogue of DNS providers: what `LIBEXEC/solver --describe` prints as JSON out of the Lua files
 * (lua/describe.h), and the settings of an entry of `dns:` judged by it.
 *
 * {"providers": [{"name": "cloudflare", "title": "Cloudflare", "documentation": "https://...",
 *   "kind": "lua" | "program" | "builtin", "file": "/usr/share/evercert/providers/cloudflare.lua",
 *   "settings": [{"name": "api-token", "type": "secret", "required": true, "help": "...",
 *                 "default": "...", "choices": ["a", "b"], "min": 1, "max": 9}],
 *   "registers": true}],
 *  "problems": ["/etc/evercert/providers/x.lua:3: ..."]}
 */
#ifndef EVERCERT_CONFIG_PROVIDER_H
#define EVERCERT_CONFIG_PROVIDER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "config/dns.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    PROVIDERS_TEXT_MAX = 4 * 1024 * 1024, /* 1,000 providers of 4 kB */
    PROVIDERS_MAX = 1000,
    PROVIDER_CHOICES_MAX = 64,
    DNS_SETTINGS_MAX = 128 * 1024, /* octets of the JSON of one entry's settings; MSG_WISH has room for it */
    DNS_FILE_MAX = 64 * 1024,      /* octets of a file whose content is handed on; a private CA's roots */
};

/* id, word, in JSON `settings`: all are texts but number (a number), flag (true or false), list (texts).
 * duration is a number of seconds. A secret may be given as NAME-file too, whose content it is, without the
 * line's end. */
#define PROVIDER_TYPES(X)                                                      \
    X(PROVIDER_TEXT, "text")                                                   \
    X(PROVIDER_SECRET, "secret")                                               \
    X(PROVIDER_FILE, "file")   /* absolute path; see providers_apply */        \
    X(PROVIDER_URL, "url")     /* https, or http where the operator says so */ \
    X(PROVIDER_HOST, "host")   /* name or address, with a port or without */   \
    X(PROVIDER_NAME, "domain") /* a DNS name */                                \
    X(PROVIDER_NUMBER, "number")                                               \
    X(PROVIDER_FLAG, "flag")                                                   \
    X(PROVIDER_DURATION, "duration")                                           \
    X(PROVIDER_CHOICE, "choice")                                               \
    X(PROVIDER_LIST, "list")       /* of texts */                              \
    X(PROVIDER_LISTEN, "listen")   /* list of addresses with ports */          \
    X(PROVIDER_COMMAND, "command") /* a program and its arguments, as a list of words */

enum provider_type {
#define PROVIDER_TYPE_ENUM(id, text) id,
    PROVIDER_TYPES(PROVIDER_TYPE_ENUM)
#undef PROVIDER_TYPE_ENUM
        PROVIDER_TYPE_END_
};

struct provider_setting {
    const char *name, *help;
    enum provider_type type;
    bool required;
    const char *const *fallback; /* the default: one text, of lists several; none: there is none */
    size_t fallback_n;
    const char *const *choices;
    size_t choice_n;
    int64_t min, max; /* of numbers and durations; max 0: none */
};

struct provider {
    const char *name, *title, *documentation, *kind, *file;
    const struct provider_setting *settings;
    size_t setting_n;
    bool registers; /* it makes accounts itself (`dns register`) */
};

struct providers {
    const struct provider *list; /* by name */
    size_t n;
    const char *const *problems; /* files that are no providers, and why */
    size_t problem_n;
};

/* What --describe printed; texts in `a`. ERR_INPUT. */
int providers_parse(struct str json, struct arena *a, struct providers *out, struct err *err);
/* NULL: there is none of that name. */
const struct provider *providers_find(const struct providers *p, const char *name);

/* "text"; static storage. */
const char *provider_type_text(enum provider_type t);
bool provider_type_parse(const char *text, enum provider_type *out);
/* Whether a provider's settings are texts in a list. */
bool provider_type_is_list(enum provider_type t);
/* The setting of that name; NULL where it has none. */
const struct provider_setting *provider_setting_find(const struct provider *p, struct str name);
/* An entry of `dns:` of that name to paste, with what is required: YAML of several lines, each after `indent`
 * blanks, or of one line without its end. Of several lines: with other secrets as comments, for where one
 * set of credentials or another does, none of them is required. */
void provider_example(const struct provider *p, const char *entry, unsigned indent, struct buf *out);
void provider_example_line(const struct provider *p, const char *entry, struct buf *out);

/* One setting's texts as a new value of its type. ERR_INPUT says what is expected; a secret is in no text. */
struct json_t;
int provider_value(const struct provider_setting *s, const char *const *values, size_t n, struct arena *a,
    struct json_t **out, struct err *err);

/* Judges the entries of `s` by the catalogue and fills in their `settings`: unknown providers and keys (with
 * the nearest one), missing and wrong values, files of secrets that others can read. All problems are found
 * in one go; with any, ERR_CONFIG. Changes nothing where there is a problem. Of a provider that is no
 * program, a file NAME-file becomes NAME-pem: its content, as a solver sees no files. */
int providers_apply(const struct providers *p, struct arena *a, struct settings *s,
    struct config_problems *problems, struct err *err);

#endif
