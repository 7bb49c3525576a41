/* How control of a certificate's names is proven: whether a challenge can, and which entries of `dns:`
 * answer. */
#include "acme/challenge.h"
#include "acme/identifier.h"
#include "base/attr.h"
#include "base/buf.h"
#include "config/certificate.h"
#include "config/nearest.h"
#include "config/problems.h"
#include "config/read.h"
#include "config/schema.h"

#include <string.h>

enum { ENTRIES_SHOWN_MAX = 400 }; /* octets of names of entries in a message */

/* A standing record needs no credentials. */
static bool needs_entry(const char *challenge)
{
    enum acme_challenge kind = challenge != NULL ? acme_challenge_parse(str_c(challenge)) : CHALLENGE_END_;
    return acme_challenge_in_dns(kind) && kind != CHALLENGE_DNS_PERSIST_01;
}

bool wish_needs_dns(const struct wish *w)
{
    for (size_t i = 0; i < w->challenge_n; i++)
        if (needs_entry(w->challenges[i]))
            return true;
    return false;
}

const char *certificate_misplaced(const struct setting *row, const void *element)
{
    return strcmp(row->key, "dns") != 0 || wish_needs_dns(element)
               ? NULL
               : "is for the challenges dns-01 and dns-account-01; set challenge: dns-01 as well";
}

/* A challenge that is wrong has its problem already, and might have been the right one. */
int domain_check(const struct wish *w, const char *domain, struct err *err)
{
    struct str name = str_c(domain);
    struct buf all ATTR_CLEANUP(buf_free) = buf_new(ERR_TEXT_MAX);
    for (size_t i = 0; i < w->challenge_n; i++) {
        if (w->challenges[i] == NULL ||
            acme_challenge_proves(acme_challenge_parse(str_c(w->challenges[i])), name))
            return 0;
        buf_printf(&all, "%s%s", i == 0 ? "" : ", ", w->challenges[i]);
    }
    if (identifier_is_ip(name))
        return err_set(err, ERR_INPUT,
            "the address %s cannot be proven by %s, which is for DNS names; set challenge: http-01 or "
            "tls-alpn-01",
            domain, buf_c(&all));
    return err_set(err, ERR_INPUT,
        "the wildcard %s cannot be proven by %s, only by the DNS; set challenge: dns-01, and dns: to the "
        "entry "
        "of dns that has the credentials",
        domain, buf_c(&all));
}

/* "a, b, c" */
static const char *entry_names(const struct settings *s, struct arena *a)
{
    struct buf all ATTR_CLEANUP(buf_free) = buf_new(2 * ENTRIES_SHOWN_MAX);
    size_t i = 0;
    for (; i < s->dns_n && all.n < ENTRIES_SHOWN_MAX; i++)
        buf_printf(&all, "%s%s", i == 0 ? "" : ", ", s->dns[i].name);
    buf_put_c(&all, i < s->dns_n ? ", ..." : "");
    return arena_dup(a, buf_str(&all));
}

int wish_choose_dns(struct wish *w, const struct settings *s, struct arena *a, struct err *err)
{
    if (w->dns_n > 0 || !wish_needs_dns(w))
        return 0;
    if (s->dns_n == 0)
        return err_set(err, ERR_CONFIG,
            "the challenge is one in the DNS, but nothing says how records get there; write an entry for "
            "your "
            "provider (`evercert dns list`) such as dns: {my-dns: {provider: cloudflare, api-token-file: "
            "/etc/evercert/cloudflare.token}}");
    if (s->dns_n > 1)
        return err_set(err, ERR_CONFIG,
            "is missing; there are several entries of dns, so say which is used: one of %s",
            entry_names(s, a));
    struct pair *all = arena_alloc(a, sizeof *all);
    *all = (struct pair){"*", s->dns[0].name};
    w->dns = all;
    w->dns_n = 1;
    return 0;
}

int wish_entries_check(const struct settings *s, const struct pair *choice, struct arena *a, struct err *err)
{
    char meant[NEAREST_TEXT_MAX];
    size_t n;
    const char *const *entries = dns_entries_split(choice->value, a, &n);
    for (size_t i = 0; i < n; i++) {
        if (dns_entry_find(s, str_c(entries[i])) != NULL)
            continue;
        struct nearest near = nearest_new(str_c(entries[i]));
        for (size_t k = 0; k < s->dns_n; k++)
            nearest_try(&near, s->dns[k].name);
        if (s->dns_n == 0)
            return err_set(err, ERR_CONFIG,
                "there is no entry %s of dns, nor any other; write dns: {%s: {provider: ...}} with what "
                "`evercert dns list PROVIDER` shows",
                entries[i], entries[i]);
        return err_set(err, ERR_CONFIG, "there is no entry %s of dns%s; there are %s", entries[i],
            nearest_text(&near, meant), entry_names(s, a));
    }
    return 0;
}

int wish_dns_check(const struct wish *w, struct err *err)
{
    if (w->dns_n == 0 && wish_needs_dns(w))
        return err_set(err, ERR_INPUT, "no entry answers its challenge");
    for (size_t i = 0; i < w->dns_n; i++)
        for (size_t j = 0; j < i; j++)
            if (str_eq(dns_pattern_base(w->dns[i].name), dns_pattern_base(w->dns[j].name)))
                return err_set(
                    err, ERR_INPUT, "%s and %s are for the same names", w->dns[j].name, w->dns[i].name);
    return 0;
}

/* While the indexes are those of the file. */
static void check_names(struct reader *r, const struct node *map, const struct where *where, struct wish *w)
{
    const struct node *node = read_member(map, "domains");
    struct where list = {where, "domains", 0};
    struct err err = ERR_INIT;
    for (size_t i = 0; i < w->domain_n; i++) {
        bool alone = node->kind != NODE_LIST;
        struct where item = {&list, NULL, i};
        if (w->domains[i] != NULL && domain_check(w, w->domains[i], &err) < 0)
            read_problem(r, alone ? node : node->list.items[i], alone ? &list : &item, err.text);
    }
}

/* Without a search through all of them: there may be as many as certificates. */
static bool all_known(struct reader *r, const char *entries)
{
    struct str item, rest = str_c(entries);
    for (bool more = true; more;) {
        more = str_cut(rest, ',', &item, &rest);
        if (names_get(&r->dns, item) == NULL)
            return false;
    }
    return true;
}

static void check_entries(
    struct reader *r, const struct node *node, const struct where *where, const struct wish *w)
{
    for (size_t i = 0; i < w->dns_n; i++) {
        bool map = node->kind == NODE_MAP;
        struct where item = {where, w->dns[i].name, 0};
        struct err err = ERR_INIT;
        if (w->dns[i].name != NULL && w->dns[i].value != NULL && !all_known(r, w->dns[i].value) &&
            wish_entries_check(r->settings, &w->dns[i], r->a, &err) < 0)
            read_problem(r, map ? node->list.items[2 * i + 1] : node, map ? &item : where, err.text);
    }
}

static bool all_challenges_known(const struct wish *w)
{
    for (size_t i = 0; i < w->challenge_n; i++)
        if (w->challenges[i] == NULL)
            return false;
    return true;
}

/* That there is no entry at all is said once, where the challenge stands. */
static bool said_with_defaults(const struct settings *s, const struct wish *w)
{
    return s->dns_n == 0 && w->challenges == s->defaults.challenges;
}

void proofs_check(struct reader *r, const struct node *map, const struct where *where, struct wish *w)
{
    const struct node *node = read_member(map, "dns");
    struct where at = {where, "dns", 0};
    struct err err = ERR_INIT;
    check_names(r, map, where, w);
    /* everything below it is commented out */
    if (node != NULL && (node_is_null(node) || (node->kind == NODE_MAP && node->list.n == 0)))
        node = NULL;
    if (node != NULL && all_challenges_known(w))
        read_misplaced(r, map, &schema_certificate, where, w);
    if (r->problems->broken_file)
        return;
    if (node != NULL)
        check_entries(r, node, &at, w);
    else if (!said_with_defaults(r->settings, w) && wish_choose_dns(w, r->settings, r->a, &err) < 0)
        read_problem(r, map, &at, err.text);
}
