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

/* Authorities. */

void authority_init(void *element, const struct settings *defaults)
{
    *(struct authority *)element = authority_of_url("");
}

void authority_check(struct reader *r, const struct node *key, const struct node *map,
    const struct where *where, void *element)
{
    struct authority *authority = element;
    struct err err = ERR_INIT;
    if (key->kind != NODE_TEXT) {
        read_problem(r, key, where, "expected the name of an authority");
        return;
    }
    if (authority_name_check(key->text, &err) < 0) {
        read_problem(r, key, where, err.text);
        return;
    }
    const struct mark *other = names_get(&r->entries, key->text);
    struct mark *mark = arena_alloc(r->scratch, sizeof *mark);
    *mark = node_mark(r->file, key);
    authority->name = arena_dup(r->a, key->text);
    authority->id = authority->directory;
    if (other != NULL)
        problem_add(
            r->problems, *mark, where, "this authority is also written at %s", mark_text(*other, r->scratch));
    else
        names_put(&r->entries, str_c(authority->name), mark);
}

int authority_use(struct reader *r, const char *name, struct err *err)
{
    struct str key = str_c(name);
    if (names_get(&r->authorities, key) != NULL)
        return 0;
    const struct preset *preset = preset_find(key);
    bool direct = str_starts(key, STR("https://"));
    bool own = names_get(&r->entries, key) != NULL;
    if (!own && !direct && (preset == NULL || preset->refused != NULL))
        return preset_refuse(key, r->settings->authorities, r->settings->authority_n, ERR_CONFIG, err);
    names_put(&r->authorities, key, name);
    if (direct) {
        struct direct *d = arena_alloc(r->scratch, sizeof *d);
        d->url = name;
        *r->directs_end = d;
        r->directs_end = &d->next;
    }
    return 0;
}

void authorities_use(struct reader *r, struct mark file, const struct node *node, const struct where *where,
    const struct wish *w)
{
    struct where list = {where, "authority", 0};
    for (size_t i = 0; i < w->authority_n; i++) {
        struct where item = {&list, NULL, i};
        struct err err = ERR_INIT;
        if (w->authorities[i] == NULL || authority_use(r, w->authorities[i], &err) == 0)
            continue;
        bool listed = node != NULL && node->kind == NODE_LIST;
        struct mark mark =
            node == NULL ? (struct mark){0} : node_mark(file, listed ? node->list.items[i] : node);
        problem_add(r->problems, mark, listed ? &item : &list, "%s", err.text);
    }
}

/* Deploy steps. */

void deploy_init(void *element, const struct settings *defaults)
{
    *(struct deploy *)element = (struct deploy){.user = "", .timeout_s = DEPLOY_TIMEOUT_S};
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
    struct str name = identifier_base(str_c(w->domains[0]));
    int r = wish_name_check(name, &why);
    if (r < 0)
        return err_set(err, r, "is needed, as the first domain cannot serve as one: %s", why.text);
    w->name = arena_dup(a, name);
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
    const struct mark *other = names_get(&r->certificates, str_c(w->name));
    if (other == NULL)
        names_put(&r->certificates, str_c(w->name), mark);
    else
        problem_add(r->problems, *mark, &key, "the name %s%s is that of the certificate at %s too%s", w->name,
            said ? "" : ", taken from the first domain,", mark_text(*other, r->scratch),
            said ? "" : "; give one of them another name");
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
    if (w->key_types != r->settings->defaults.key_types && key_types_check(w, &err) < 0) {
        struct where at = {where, "key-type", 0};
        read_problem(r, read_member(map, "key-type"), &at, err.text);
    }
    if (w->deploy_n > 0 && deploys_check(w->deploys, w->deploy_n, &err) < 0) {
        struct where at = {where, "deploy", 0};
        read_problem(r, deploy, &at, err.text);
    }
}
