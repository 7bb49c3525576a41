#include "config/certificate.h"

#include "acme/identifier.h"
#include "base/attr.h"
#include "base/str.h"
#include "config/presets.h"
#include "config/problems.h"
#include "config/read.h"

#include <stdint.h>
#include <string.h>

enum { KEY_MODE = 0600 };

/* Deploy steps. */

void deploy_init(void *element, const struct settings *defaults)
{
    *(struct deploy *)element = (struct deploy){.user = "",
        .timeout_s = DEPLOY_TIMEOUT_S,
        .dialect = "evercert",
        .verify = "",
        .starttls = "",
        .server_name = ""};
}

int deploy_run_check(const struct deploy *d, struct err *err)
{
    if (d->argc == 0 || d->argv[0] == NULL || d->argv[0][0] == '\0')
        return err_set(err, ERR_INPUT, "the first word, the command, is empty");
    if (d->argv[0][0] != '/' && strchr(d->argv[0], '/') != NULL)
        return err_set(
            err, ERR_INPUT, "write the command \"%s\" as an absolute path or as a bare name", d->argv[0]);
    return 0;
}

void deploy_check(struct reader *r, const struct node *key, const struct node *map, const struct where *where,
    void *element)
{
    const struct deploy *d = element;
    const struct node *run = read_member(map, "run");
    struct err err = ERR_INIT;
    /* A word that was wrong has its problem already. */
    if (d->argc == 0 || d->argv[0] == NULL || deploy_run_check(d, &err) == 0)
        return;
    struct where list = {where, "run", 0}, first = {&list, NULL, 0};
    read_problem(r, run->list.items[0], &first, err.text);
}

int deploys_check(const struct deploy *deploys, size_t n, struct err *err)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < deploys[i].argc; j++)
            total += deploys[i].argv[j] != NULL ? strlen(deploys[i].argv[j]) + 1 : 0;
    if (total > WISH_DEPLOY_TEXT_MAX)
        return err_set(err, ERR_INPUT, "commands of %zu octets; more than %d belong into a script", total,
            (int)WISH_DEPLOY_TEXT_MAX);
    return 0;
}

/* Certificates. */

void certificate_init(void *element, const struct settings *defaults)
{
    static const char *const authorities[] = {PRESET_DEFAULT}, *const challenges[] = {"http-01"},
                             *const key_types[] = {"ecdsa-p256"};
    struct wish *w = element;
    if (defaults != NULL) {
        *w = defaults->defaults;
        return;
    }
    *w = (struct wish){
        .name = "",
        .authorities = authorities,
        .authority_n = ARRAY_LEN(authorities),
        .challenges = challenges,
        .challenge_n = ARRAY_LEN(challenges),
        .webroot = "",
        .key_types = key_types,
        .key_type_n = ARRAY_LEN(key_types),
        .key_type = KEY_ECDSA_P256,
        .profile = "",
        .key_group = "",
        .key_mode = KEY_MODE,
        .csr = "",
    };
}

int key_types_check(struct wish *w, struct err *err)
{
    enum key_type types[WISH_KEY_TYPES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < w->key_type_n && n < ARRAY_LEN(types); i++)
        if (w->key_types[i] != NULL && key_type_parse(str_c(w->key_types[i]), &types[n]))
            n++;
    if (n == 2 && key_type_is_rsa(types[0]) == key_type_is_rsa(types[1]))
        return err_set(err, ERR_INPUT,
            "%s and %s are of one kind; two certificates side by side are one ECDSA and one RSA",
            key_type_name(types[0]), key_type_name(types[1]));
    if (n > 0)
        w->key_type = types[0];
    return 0;
}

int wish_check(struct wish *w, const char **key, struct err *err)
{
    *key = "key-type";
    int r = key_types_check(w, err);
    if (r < 0)
        return r;
    if (w->csr[0] != '\0' && w->key_type_n > 1)
        return err_set(err, ERR_INPUT, "a certificate of a request (csr) has the one key of that request");
    if (w->key_type_n > 1 && strlen(w->name) + strlen("-ecdsa") > WISH_NAME_MAX)
        return err_set(err, ERR_INPUT,
            "the name is longer than %zu octets, so that the second certificate cannot be named after it",
            WISH_NAME_MAX - strlen("-ecdsa"));
    *key = "must-staple";
    if (w->csr[0] != '\0' && w->must_staple)
        return err_set(err, ERR_INPUT, "a request (csr) says itself whether it asks for must-staple");
    *key = "not-after";
    if (w->not_after_s != 0 && w->not_after_s <= w->not_before_s)
        return err_set(err, ERR_INPUT, "the end of validity is not behind its start (not-before)");
    return 0;
}

void wish_choose_profile(struct wish *w)
{
    static const char *const profiles[] = {"shortlived"};
    bool has_address = false;
    for (size_t i = 0; i < w->domain_n; i++)
        has_address = has_address || (w->domains[i] != NULL && identifier_is_ip(str_c(w->domains[i])));
    if (!has_address || w->profile[0] != '\0' || w->preferred_profile_n > 0)
        return;
    w->preferred_profiles = profiles;
    w->preferred_profile_n = ARRAY_LEN(profiles);
}

int domain_check(const char *domain, struct err *err)
{
    if (!identifier_is_wildcard(str_c(domain)))
        return 0;
    return err_set(err, ERR_INPUT,
        "the wildcard %s needs the challenge dns-01, which is not in this version; http-01 and tls-alpn-01 "
        "prove single names only",
        domain);
}

/* Cheap to compare before the text is. */
static uint32_t hash_of(const char *c)
{
    uint32_t h = 2166136261u;
    for (; *c != '\0'; c++)
        h = (h ^ (unsigned char)*c) * 16777619u;
    return h;
}

int domains_tidy(const char **domains, size_t *domain_n, struct err *err)
{
    uint32_t hashes[WISH_DOMAINS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < *domain_n; i++) {
        if (domains[i] == NULL)
            continue;
        uint32_t hash = hash_of(domains[i]);
        size_t j = 0;
        while (j < n && (hashes[j] != hash || strcmp(domains[j], domains[i]) != 0))
            j++;
        if (j < n)
            continue;
        if (n == WISH_DOMAINS_MAX) {
            *domain_n = n + 1;
            return err_set(err, ERR_INPUT,
                "more than %d names in one certificate; write several certificates", (int)WISH_DOMAINS_MAX);
        }
        hashes[n] = hash;
        domains[n++] = domains[i];
    }
    *domain_n = n;
    return 0;
}

int wish_name_default(struct wish *w, struct arena *a, struct err *err)
{
    struct err why = ERR_INIT;
    char *name = arena_dup(a, identifier_base(str_c(w->domains[0])));
    for (char *c = name; *c != '\0'; c++)
        if (*c == ':') /* of an IPv6 address */
            *c = '-';
    if (name[0] == '-') /* "::1" */
        name = arena_printf(a, "0%s", name);
    int r = wish_name_check(str_c(name), &why);
    if (r < 0)
        return err_set(err, r, "is needed, as the first domain cannot serve as one: %s", why.text);
    w->name = name;
    return 0;
}

/* Wildcards are looked for while the indexes are those of the file. */
static void check_domains(struct reader *r, const struct node *map, const struct where *where, struct wish *w)
{
    const struct node *node = read_member(map, "domains");
    struct where list = {where, "domains", 0};
    struct err err = ERR_INIT;
    for (size_t i = 0; i < w->domain_n; i++) {
        bool alone = node->kind != NODE_LIST;
        struct where item = {&list, NULL, i};
        if (w->domains[i] != NULL && domain_check(w->domains[i], &err) < 0)
            read_problem(r, alone ? node : node->list.items[i], alone ? &list : &item, err.text);
    }
    const char **domains = arena_array(r->scratch, w->domain_n, sizeof *domains);
    if (w->domain_n > 0)
        memcpy(domains, w->domains, w->domain_n * sizeof *domains);
    size_t n = w->domain_n;
    if (domains_tidy(domains, &n, &err) < 0)
        read_problem(r, node, &list, err.text);
    /* Only a list that lost something is copied. */
    if (n < w->domain_n) {
        const char **left = arena_array(r->a, n, sizeof *left);
        if (n > 0)
            memcpy(left, domains, n * sizeof *left);
        w->domains = left;
        w->domain_n = n;
    }
}

static void check_name(struct reader *r, const struct node *map, const struct where *where, struct wish *w)
{
    const struct node *node = read_member(map, "name");
    bool said = node != NULL;
    struct where key = {where, said ? "name" : "domains", 0};
    struct err err = ERR_INIT;
    if (!said && w->domain_n > 0 && wish_name_default(w, r->a, &err) < 0) {
        struct where name = {where, "name", 0};
        read_problem(r, map, &name, err.text);
    }
    if (w->name[0] == '\0')
        return;
    struct mark *mark = arena_alloc(r->scratch, sizeof *mark);
    *mark = node_mark(r->file, said ? node : read_member(map, "domains"));
    const char *name;
    for (uint32_t i = 0; i == 0 || i < w->key_type_n; i++) {
        name = i == 0 ? w->name : wish_variant_name(w, i, r->a);
        const struct mark *other = name == NULL ? NULL : names_get(&r->certificates, str_c(name));
        if (name != NULL && other == NULL)
            names_put(&r->certificates, str_c(name), mark);
        else if (name != NULL)
            problem_add(r->problems, *mark, &key, "the name %s%s is that of the certificate at %s too%s",
                name,
                i > 0  ? ", of the second key type,"
                : said ? ""
                       : ", taken from the first domain,",
                mark_text(*other, r->scratch), said && i == 0 ? "" : "; give one of them another name");
    }
}

/* What concerns more than one key. The problem stands at the key, or at the certificate that inherits it;
 * what is wrong with the defaults themselves is said once, where they stand. */
static void check_rest(struct reader *r, const struct node *map, const struct where *where, struct wish *w)
{
    static const char *const keys[] = {
        "key-type", "must-staple", "not-after", "not-before", "csr", "csr-file"};
    const char *key;
    struct err err = ERR_INIT;
    bool own = false;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        own |= read_member(map, keys[i]) != NULL;
    if (read_member(map, "csr") != NULL && read_member(map, "csr-file") != NULL) {
        struct where at = {where, "csr-file", 0};
        read_problem(r, read_member(map, "csr-file"), &at, "is set beside csr; write one of them");
    }
    if (wish_check(w, &key, &err) == 0)
        return;
    struct wish inherited = r->settings->defaults;
    const char *ignored;
    if (!own && wish_check(&inherited, &ignored, NULL) < 0)
        return;
    const struct node *node = read_member(map, key);
    struct where at = {where, key, 0};
    read_problem(r, node != NULL ? node : map, &at, err.text);
}

/* Inherited ones are checked once, where they stand. */
static void check_authorities(
    struct reader *r, const struct node *map, const struct where *where, const struct wish *w)
{
    if (w->authorities == r->settings->defaults.authorities || r->problems->broken_file)
        return;
    authorities_use(r, r->file, read_member(map, "authority"), where, w);
}

void certificate_check(struct reader *r, const struct node *key, const struct node *map,
    const struct where *where, void *element)
{
    struct wish *w = element;
    struct err err = ERR_INIT;
    const struct node *deploy = read_member(map, "deploy");
    check_domains(r, map, where, w);
    check_name(r, map, where, w);
    check_authorities(r, map, where, w);
    check_rest(r, map, where, w);
    wish_choose_profile(w);
    if (w->deploy_n > 0 && deploys_check(w->deploys, w->deploy_n, &err) < 0) {
        struct where at = {where, "deploy", 0};
        read_problem(r, deploy, &at, err.text);
    }
}
