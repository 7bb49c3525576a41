/* Variables of acme-companion. Its hooks, and the credentials of its DNS API, are left alone. */
#include "config/problems.h"
#include "containers/internal.h"

#include <string.h>

/* Both spellings; the first counts where both are there. An empty variable is as good as none, as there. */
static const char *find(const struct reading *r, const char *name, const char *legacy, const char **key)
{
    const char *const keys[] = {name, legacy};
    for (size_t i = 0; i < ARRAY_LEN(keys) && keys[i] != NULL; i++) {
        const char *value = container_env(r->c, keys[i]);
        if (value != NULL && str_trim(str_c(value)).n > 0) {
            *key = keys[i];
            return value;
        }
    }
    return NULL;
}

/* Theirs on the left; NULL on the right: known there, and not to be had here. */
struct translation {
    const char *theirs, *ours;
};

static const struct translation key_sizes[] = {
    {"2048", "rsa-2048"},
    {"3072", "rsa-3072"},
    {"4096", "rsa-4096"},
    {"ec-256", "ecdsa-p256"},
    {"ec-384", "ecdsa-p384"},
};

static const struct translation challenges[] = {
    {"HTTP-01", "http-01"},
    {"DNS-01", "dns-01"},
};

/* An option by a table; what is not in it breaks the claim. */
static void translate(struct reading *r, struct draft *d, const char *key, const char *value,
    const char *option, const struct translation *table, size_t n)
{
    char shown[QUOTE_MAX];
    struct str text = str_trim(str_c(value));
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(text, str_c(table[i].theirs))) {
            draft_option(r, d, key, option, table[i].ours);
            return;
        }
    if (d->broken)
        return;
    d->broken = true;
    if (table == key_sizes)
        say(r, key, "expected 2048, 3072, 4096, ec-256 or ec-384 (no public CA signs others), found %s",
            quote(text, shown));
    else
        say(r, key, "expected HTTP-01 or DNS-01, found %s; others are set with the label evercert.challenge",
            quote(text, shown));
}

/* As there, whatever is not "true" is false. */
static bool is_true(const struct reading *r, const char *name, const char *legacy, const char **key)
{
    bool yes = false;
    const char *value = find(r, name, legacy, key);
    return value != NULL && truth_parse(str_trim(str_c(value)), &yes) && yes;
}

static void read_options(struct reading *r, struct draft *d)
{
    const char *key, *value;
    if ((value = find(r, "ACME_KEYSIZE", "LETSENCRYPT_KEYSIZE", &key)) != NULL)
        translate(r, d, key, value, "key-type", key_sizes, ARRAY_LEN(key_sizes));
    if ((value = find(r, "ACME_CHALLENGE", NULL, &key)) != NULL)
        translate(r, d, key, value, "challenge", challenges, ARRAY_LEN(challenges));
    if ((value = find(r, "ACME_CERT_PROFILE", NULL, &key)) != NULL)
        draft_option(r, d, key, "profile", value);
    /* As there, a test asks the staging directory whatever the URI is. */
    if (is_true(r, "ACME_TEST", "LETSENCRYPT_TEST", &key))
        draft_staging(r, d, key, "true");
    else if ((value = find(r, "ACME_CA_URI", NULL, &key)) != NULL)
        draft_option(r, d, key, "authority", value);
}

static bool has_dns_option(const struct reading *r)
{
    for (size_t i = 0; i < r->common.option_n; i++)
        if (strcmp(r->common.options[i].option, "dns") == 0)
            return true;
    return false;
}

/* What is never obeyed; the certificate is asked for all the same. */
static void read_refused(struct reading *r)
{
    static const char *const hooks[] = {"ACME_PRE_HOOK", "ACME_POST_HOOK"};
    const char *key;
    for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
        if (find(r, hooks[i], NULL, &key) != NULL)
            say(r, key,
                "is not run, for no text of a container is ever a command; write the command into "
                "docker.deploy of the configuration, or name an action of it with the label "
                "evercert.on-change");
    if (find(r, "ACMESH_DNS_API_CONFIG", NULL, &key) != NULL && !has_dns_option(r))
        say(r, key,
            "is not read, for credentials have no place in a container's variables; write them into an entry "
            "of dns in the configuration and name it with the label evercert.dns");
}

static void finish(struct reading *r, struct draft *d)
{
    const char *name = draft_finish(r, d);
    if (name == NULL)
        return;
    for (size_t i = 0; i < r->restart_n; i++)
        if (strcmp(r->restarts[i], name) == 0)
            return;
    r->restarts[r->restart_n++] = name; /* each is of a claim, so they fit */
}

/* A certificate for each name. What is wrong with the options is wrong with all of them, and said once. */
static void read_single(struct reading *r, const struct draft *options, struct str hosts)
{
    struct str host;
    for (size_t n = 0; n < CLAIM_WORDS_MAX && !r->full && next_word(&hosts, false, &host); n++) {
        struct draft d = *options;
        draft_name(r, &d, host);
        finish(r, &d);
    }
}

void read_companion(struct reading *r)
{
    const char *key, *hosts = find(r, "ACME_HOST", "LETSENCRYPT_HOST", &key);
    if (hosts == NULL)
        return;
    struct draft d = {.reader = READER_COMPANION, .key = key};
    if (is_true(r, "ACME_RESTART_CONTAINER", "LETSENCRYPT_RESTART_CONTAINER", &key))
        r->restart = key;
    read_options(r, &d);
    read_refused(r);
    if (is_true(r, "ACME_SINGLE_DOMAIN_CERTS", "LETSENCRYPT_SINGLE_DOMAIN_CERTS", &key)) {
        read_single(r, &d, str_c(hosts));
    } else {
        draft_names(r, &d, str_c(hosts), false);
        finish(r, &d);
    }
}
