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

bool wish_has_domain(const struct wish *w, const char *domain)
{
    for (size_t i = 0; i < w->domain_n; i++)
        if (w->domains[i] != NULL && strcmp(w->domains[i], domain) == 0)
            return true;
    return false;
}

static size_t octets_of(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

/* Wishes that are anything but large are not encoded for it: of what is counted here each octet may be
 * escaped, and what is not takes less than the other half. */
int wish_size_check(const struct wish *w, struct err *err)
{
    size_t n = octets_of(w->webroot) + octets_of(w->csr);
    for (size_t i = 0; i < w->domain_n; i++)
        n += octets_of(w->domains[i]);
    for (size_t i = 0; i < w->webroot_n; i++)
        n += octets_of(w->webroots[i].name) + octets_of(w->webroots[i].value);
    for (size_t i = 0; i < w->dns_n; i++)
        n += octets_of(w->dns[i].name) + octets_of(w->dns[i].value);
    for (size_t i = 0; i < w->publication_n; i++)
        n += octets_of(w->publications[i].path) + octets_of(w->publications[i].password_file);
    for (size_t i = 0; i < w->deploy_n; i++)
        n += deploy_octets(&w->deploys[i]);
    if (n < WISH_TEXT_MAX / 4)
        return 0;
    struct buf text = buf_new(WISH_TEXT_MAX);
    wish_encode(w, &text);
    bool fits = !buf_failed(&text);
    buf_free(&text);
    return fits
               ? 0
               : err_set(err, ERR_INPUT,
                     "all that is said of this certificate takes more than %d octets; write fewer or shorter "
                     "paths and commands",
                     (int)WISH_TEXT_MAX);
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

void wish_inherit_webroots(struct wish *w, const struct wish *defaults, struct names *index, struct arena *a)
{
    w->webroots = NULL;
    w->webroot_n = 0;
    if (defaults->webroot_n == 0)
        return;
    for (size_t i = 0; i < defaults->webroot_n && index->n == 0; i++)
        if (defaults->webroots[i].name != NULL)
            names_put(index, str_c(defaults->webroots[i].name), &defaults->webroots[i]);
    struct pair *own = arena_array(a, w->domain_n, sizeof *own);
    for (size_t i = 0; i < w->domain_n; i++) {
        const struct pair *pair = names_get(index, str_c(w->domains[i]));
        if (pair != NULL)
            own[w->webroot_n++] = *pair;
    }
    if (w->webroot_n > 0)
        w->webroots = own;
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

static void check_domains(struct reader *r, const struct node *map, const struct where *where, struct wish *w)
{
    const struct node *node = read_member(map, "domains");
    struct where list = {where, "domains", 0};
    struct err err = ERR_INIT;
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

/* The keys of the certificate's own map are its names; of the defaults' it has those that are. */
static void check_webroots(
    struct reader *r, const struct node *map, const struct where *where, struct wish *w)
{
    const struct node *node = read_member(map, "webroot-map");
    struct where list = {where, "webroot-map", 0};
    const struct wish *defaults = &r->settings->defaults;
    if (node != NULL && node_is_null(node))
        node = NULL; /* everything below it is commented out */
    if (node == NULL && read_member(map, "webroot") != NULL) {
        w->webroots = NULL;
        w->webroot_n = 0;
    } else if (node == NULL) {
        wish_inherit_webroots(w, defaults, &r->webroots, r->a);
    }
    /* One that could not be read at all has its problem already. */
    bool own = node != NULL && w->webroots != defaults->webroots;
    for (size_t i = 0; own && i < w->webroot_n; i++) {
        const char *name = w->webroots[i].name;
        struct where item = {&list, name, 0};
        if (name != NULL && !wish_has_domain(w, name))
            problem_add(r->problems, node_mark(r->file, node->list.items[2 * i]), &item,
                "%s is none of the certificate's names", name);
    }
}

/* Of every path one copy, among all certificates. */
static void claim_paths(struct reader *r, const struct node *node, const struct where *where,
    const struct wish *w, const struct publication *p)
{
    struct mark *mark = arena_alloc(r->scratch, sizeof *mark);
    *mark = node_mark(r->file, node);
    for (uint32_t v = 0; v < w->key_type_n; v++) {
        const char *name = wish_variant_name(w, v, r->scratch);
        if (name == NULL)
            continue;
        const char *path = publication_path(p, name, r->scratch);
        const struct mark *other = names_get(&r->copies, str_c(path));
        if (other == NULL)
            names_put(&r->copies, str_c(path), mark);
        else
            problem_add(r->problems, *mark, where, "the copy at %s goes to %s too",
                mark_text(*other, r->scratch), path);
    }
}

/* What is wrong with the certificate itself leaves it without a name. */
static void check_publications(
    struct reader *r, const struct node *map, const struct where *where, const struct wish *w)
{
    const struct node *list = read_member(map, "publish");
    struct where publish = {where, "publish", 0};
    for (size_t i = 0; i < w->publication_n && w->name[0] != '\0'; i++) {
        const struct publication *p = &w->publications[i];
        struct where item = {&publish, NULL, i};
        const char *key;
        struct err err = ERR_INIT;
        if (p->format[0] == '\0' || p->path[0] == '\0')
            continue;
        if (wish_publication_check(w, p, r->scratch, &key, &err) < 0) {
            struct where at = {&item, key, 0};
            read_problem(r, read_member(list->list.items[i], key), &at, err.text);
            continue;
        }
        struct where at = {&item, "path", 0};
        claim_paths(r, read_member(list->list.items[i], "path"), &at, w, p);
    }
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
    proofs_check(r, map, where, w);
    check_domains(r, map, where, w);
    check_name(r, map, where, w);
    check_authorities(r, map, where, w);
    check_rest(r, map, where, w);
    wish_choose_profile(w);
    if (w->deploy_n > 0 && deploys_check(w->deploys, w->deploy_n, &err) < 0) {
        struct where at = {where, "deploy", 0};
        read_problem(r, deploy, &at, err.text);
    }
    check_webroots(r, map, where, w);
    check_publications(r, map, where, w);
    if (r->problems->n == 0 && wish_size_check(w, &err) < 0)
        read_problem(r, map, where, err.text);
}
