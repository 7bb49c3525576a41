/*
 * The configuration: YAML text, one schema table, typed settings. A loaded configuration never changes; a
 * reload makes a new one.
 */
#ifndef EVERCERT_CONFIG_SETTINGS_H
#define EVERCERT_CONFIG_SETTINGS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/containers.h"
#include "config/dns.h"
#include "config/wish.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    CONFIG_FILE_MAX = 64 * 1024 * 1024, /* 100,000 certificates are about 15 MB */
    CONFIG_DEPTH_MAX = 16,              /* the schema itself is six deep */
    CONFIG_PROBLEMS_MAX = 100,          /* after that nobody reads on */
};

/* A CA, and one account there. No text is NULL. */
struct authority {
    const char *name;      /* preset or own entry; "https://..." given directly names itself */
    const char *directory; /* https URL */
    const char *ca_file;   /* "" : the system's trust store */
    const char *staging;   /* https URL of its staging directory, "" : none */
    const char *account;   /* label that tells accounts at one directory apart, "" : the only one */
    const char *id;    /* of the account, everywhere: the directory, with "#LABEL" behind it where there is
                        * a label (the URL of a directory never holds '#') */
    const char *email; /* "" : none of its own, the settings' one counts */
    bool agree_tos;    /* its own word; the settings' one counts too */
    /* External account binding (RFC 8555 7.3.4). The key is text: base64url, with padding or without, or
     * plain base64; the keeper decodes it. It is a secret. */
    const char *eab_kid, *eab_hmac; /* "" : none */
    const char *eab_hmac_file;      /* where it was read from, "" : nowhere */
    const char *eab_algorithm;      /* "HS256", "HS384", "HS512" */
    enum key_type account_key_type; /* of a key that is made for the account; may be KEY_ED25519 */
    bool pre_authorize;             /* names are authorized before they are ordered (RFC 8555 7.4.1) */
};

struct settings {
    const char *email; /* "" */
    bool agree_tos;
    /* What certificates inherit, those of commands too: without name, domains, deploys and csr. Where nothing
     * is said: authority "letsencrypt", challenge "http-01", key type "ecdsa-p256". */
    struct wish defaults;
    const struct authority *authorities; /* presets that are used and own entries */
    size_t authority_n;
    const char *const *http01_listen; /* "[::]:80", "0.0.0.0:80" where nothing is said */
    size_t http01_listen_n;
    const char *const *tls_alpn01_listen; /* "[::]:443", "0.0.0.0:443" where nothing is said */
    size_t tls_alpn01_listen_n;
    const char *const *sudo; /* put before a hook of another user where evercert is not root; "sudo", "-n" */
    size_t sudo_n;
    struct propagation propagation; /* its resolvers are asked for looks and checks too */
    const struct dns_entry *dns;
    size_t dns_n;
    const struct wish *certificates;
    size_t certificate_n;
    const struct settings_kept *kept; /* who has them instead (config/owned.h); NULL: the list above */
    struct docker_settings docker;
    const struct action *actions;
    size_t action_n;
    const struct template_setting *templates;
    size_t template_n;
    /* "evercert", "evercert-keys", "evercert-web", "evercert-dns", "evercert-docker" */
    const char *user_engine, *user_keeper, *user_responder, *user_solver, *user_watcher;
};

/* One thing that is wrong, ready to print: "FILE:LINE:COLUMN: certificates[0].key-typ: unknown key (did you
 * mean key-type?)". */
struct config_problems {
    const char *list[CONFIG_PROBLEMS_MAX];
    size_t n; /* may be CONFIG_PROBLEMS_MAX although there were more */
};

/* Reads `path` and, when it stands in a directory with evercert.d/, that directory's *.yaml in the order of
 * their names. Everything lives in `a`. All problems of all files are found in one go; with any, ERR_CONFIG
 * is returned, err's text is the first and *out is untouched. A missing file is ERR_NOT_FOUND unless
 * `optional`, which then gives the defaults. */
int settings_load(const char *path, bool optional, struct arena *a, struct settings *out,
    struct config_problems *problems, struct err *err);
/* As settings_load, with what only `certificates` points to in an arena of its own, so that it can go when
 * the rest stays. */
int settings_load_apart(const char *path, bool optional, struct arena *a, struct arena *certificates,
    struct settings *out, struct config_problems *problems, struct err *err);
/* A file of evercert.d that is not there yet, or is to be replaced. */
struct settings_draft {
    const char *name; /* "imported-certbot.yaml" */
    struct str yaml;
};
/* As settings_load would find it if `draft` stood in evercert.d beside `path`. */
int settings_load_draft(const char *path, bool optional, const struct settings_draft *draft, struct arena *a,
    struct settings *out, struct config_problems *problems, struct err *err);
/* The directory of further files that belongs to `path`; in `a`. */
const char *settings_directory(const char *path, struct arena *a);
/* The same from text, for tests, fuzzing and the command line; `file` is for the messages. */
int settings_parse(const char *file, struct str yaml, struct arena *a, struct settings *out,
    struct config_problems *problems, struct err *err);

/* Effective settings as YAML that loads again to the same settings; secrets would be redacted. */
void settings_show(const struct settings *s, struct buf *out);
/* The schema as JSON Schema (2020-12), from the table. */
void settings_schema(struct buf *out);

/* An authority by name: own entries, then presets, then an https URL as itself. NULL where there is none. A
 * result that is not in `s` yet lives in `a`. */
const struct authority *settings_authority(const struct settings *s, struct str name, struct arena *a);
/* The authority in `s` with that id; NULL where there is none. */
const struct authority *settings_authority_of_id(const struct settings *s, struct str id);
/* Whether a certificate of the configuration, or the second one of two key types, has that name. */
bool settings_has_certificate(const struct settings *s, const char *name);
/* A URL as an authority that names itself, with nothing else said; `url` is not copied. */
struct authority authority_of_url(const char *url);
/* The id of the account with that label ("" : none) at that directory; in `a`, or `directory` itself. */
const char *authority_id(const char *directory, const char *label, struct arena *a);

/* The --eab-kid and --eab-hmac-file of a command (NULL: not given) into `authority`, by the rules of the
 * configuration: the file must be its owner's alone. ERR_USAGE names the option; nothing of the key is in a
 * text. */
int settings_eab(
    const char *kid, const char *hmac_file, struct arena *a, struct authority *authority, struct err *err);

/*
 * A wish of the command line: `option` is the same word as in the configuration, without the dashes: "domain"
 * and "deploy" (both may be repeated), "name", "authority", "challenge", "webroot", "key-type", "key-group",
 * "key-mode", "renew-before", "retry"; applied to a wish that starts with the settings' defaults. ERR_USAGE
 * names the option and what is allowed.
 *
 * "deploy" is a command line in one string, split without a shell: blanks part words; '...' takes everything
 * as it is; "..." takes everything but \" \\ \$ \`; a backslash takes the next character as it is. What a
 * shell would act on (| & ; < > ( ) $ ` * ? [ unquoted, ~ or # at the start of a word, $ and ` in double
 * quotes) is refused, so an accepted line means just what it means in sh.
 */
struct wish_option {
    const char *option, *value;
};
int settings_wish(const struct settings *s, const struct wish_option *options, size_t n, struct arena *a,
    struct wish *out, struct err *err);

/* The --email of a command, by the rules of the configuration's `email`. ERR_USAGE. */
int settings_email(const char *text, struct arena *a, const char **out, struct err *err);

#endif
