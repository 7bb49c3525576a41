#include "base/time.h"
#include "dns/authority.h"
#include "dns/client.h"
#include "dns/client_priv.h"

#include <stdlib.h>
#include <string.h>

/* Of each name along the CNAMEs: the zone of what stands above it, by the resolvers; then what the servers of
 * that zone say of the name. The name itself need not be there yet, and a resolver that is asked for it keeps
 * that it is not (RFC 2308) for whoever asks it next, a CA among them. Where no server of the zone is in
 * reach, the resolvers are asked all the same. */
struct locating {
    struct dns_question q;
    struct arena *arena;
    dns_place_fn *fn;
    void *arg;
    struct dns_question *asking;
    const char *names[1 + DNS_CHAIN_MAX]; /* the one that was given, and the chain */
    size_t n;
    bool absent; /* NXDOMAIN for the last of them, or for what stands above it */
    bool by_resolvers;
    const char *above; /* where the way to the zone begins */
    const char *at;    /* whose SOA record is asked for */
    const char *zone;  /* found, but a TLD: the domain itself is asked for */
};

/* --- zones that are known --- */

void zones_forget(struct dns_client *c)
{
    for (size_t i = 0; i < DNS_ZONES_MAX; i++) {
        free(c->zones[i].name);
        free(c->zones[i].zone);
        c->zones[i] = (struct known_zone){0};
    }
}

static struct known_zone *find_zone(struct dns_client *c, const char *name)
{
    for (size_t i = 0; i < DNS_ZONES_MAX; i++)
        if (c->zones[i].name != NULL && strcmp(c->zones[i].name, name) == 0)
            return &c->zones[i];
    return NULL;
}

static void keep_zone(struct dns_client *c, const char *name, const char *zone)
{
    struct known_zone *k = find_zone(c, name);
    if (k == NULL)
        k = &c->zones[c->zone_next++ % DNS_ZONES_MAX];
    char *own_name = strdup(name), *own_zone = strdup(zone);
    if (own_name == NULL || own_zone == NULL)
        abort(); /* small and internal */
    free(k->name);
    free(k->zone);
    *k = (struct known_zone){
        own_name, own_zone, clock_mono(&system_clock).ms + (int64_t)DNS_ZONE_AGE_S * 1000};
}

/* What lies between a name and its zone belongs to it as well: a cut there would cut the name off. */
static void keep_zones(struct dns_client *c, const char *name, const char *zone)
{
    for (;; name = name_parent(name)) {
        keep_zone(c, name, zone);
        if (strcmp(name, zone) == 0 || name[0] == '\0')
            return;
    }
}

/* --- the end --- */

static void let_go(struct locating *l)
{
    dns_cancel(l->asking);
    l->asking = NULL;
    question_end(&l->q);
}

static void locating_free(struct locating *l)
{
    arena_free(l->arena);
    free(l);
}

static void locating_drop(struct dns_question *q)
{
    struct locating *l = (struct locating *)q;
    let_go(l);
    locating_free(l);
}

static const char *last(const struct locating *l)
{
    return l->names[l->n - 1];
}

static void succeed(struct locating *l, const char *zone)
{
    struct dns_place place = {.name = last(l), .zone = zone, .chain = l->names + 1, .chain_n = l->n - 1};
    keep_zones(l->q.owner, last(l), zone);
    let_go(l);
    l->fn(&place, NULL, l->arg);
    locating_free(l);
}

static void fail(struct locating *l, const struct err *err)
{
    let_go(l);
    l->fn(NULL, err, l->arg);
    locating_free(l);
}

/* "a.example, which a CNAME of b.example leads to" */
static const char *last_words(struct locating *l)
{
    return l->n == 1 ? last(l)
                     : arena_printf(l->arena, "%s (where the CNAMEs of %s lead to)", last(l), l->names[0]);
}

/* The last two labels. */
static const char *domain_of(const char *name)
{
    while (strchr(name_parent(name), '.') != NULL)
        name = name_parent(name);
    return name;
}

static void fail_absent(struct locating *l)
{
    struct err err;
    err_set(&err, ERR_NOT_FOUND,
        "no zone is found for %s: the domain %s does not exist in the DNS as seen from here; register or "
        "delegate it, or name resolvers that know it (propagation.resolvers)",
        last_words(l), domain_of(last(l)));
    fail(l, &err);
}

static void fail_chain(struct locating *l, const char *next, const char *what)
{
    struct err err;
    struct buf all = buf_new(ERR_TEXT_MAX);
    for (size_t i = 0; i < l->n; i++)
        buf_printf(&all, "%s -> ", l->names[i]);
    buf_put_c(&all, next);
    err_set(&err, ERR_LIMIT, "the CNAMEs of %s %s: %s", l->names[0], what, buf_c(&all));
    buf_free(&all);
    fail(l, &err);
}

/* --- up to the zone --- */

static void climb(struct locating *l, const char *at);
static void ask_resolvers(struct locating *l);
static void on_authority(const struct dns_told *told, void *arg);

static void settle(struct locating *l)
{
    if (l->by_resolvers) {
        succeed(l, l->zone);
        return;
    }
    keep_zones(l->q.owner, l->above, l->zone);
    l->asking = authority_ask(l->q.owner, l->zone, last(l), DNS_CNAME, on_authority, l);
}

static void on_domain(const struct dns_told *told, void *arg)
{
    struct locating *l = arg;
    l->asking = NULL;
    if (told->answer.state == DNS_FAILED || told->answer.state == DNS_BOGUS)
        fail(l, &told->answer.err);
    else if (told->answer.state == DNS_NO_NAME)
        fail_absent(l);
    else
        settle(l);
}

/* Above a domain that is not there stands its TLD, which nobody here means. In a private network such a zone
 * is real, and so are the names in it. */
static void found_zone(struct locating *l, const char *zone)
{
    const char *name = last(l), *domain = domain_of(name);
    bool top = strchr(zone, '.') == NULL, is_name = strcmp(name, zone) == 0;
    l->zone = arena_dup_c(l->arena, zone);
    if (zone[0] == '\0' && !l->by_resolvers)
        ask_resolvers(l); /* a zone that they alone know may have nothing above it that anybody knows */
    else if (zone[0] == '\0')
        fail_absent(l);
    else if (top && !is_name && l->absent && domain[0] != '_')
        l->asking = ask_told(l->q.owner, domain, DNS_SOA, on_domain, l);
    else
        settle(l);
}

static void on_soa(const struct dns_told *told, void *arg)
{
    struct locating *l = arg;
    const struct dns_answer *a = &told->answer;
    l->asking = NULL;
    if (!l->by_resolvers)
        l->absent |= a->state == DNS_NO_NAME;
    if (a->state == DNS_FAILED && !l->by_resolvers && last(l)[0] != '_')
        ask_resolvers(l);
    else if (a->state == DNS_FAILED || a->state == DNS_BOGUS)
        fail(l, &a->err);
    else if (a->state == DNS_FOUND && strcmp(a->owner, l->at) == 0)
        found_zone(l, l->at);
    else if (told->zone != NULL)
        found_zone(l, told->zone);
    else
        climb(l, name_parent(l->at));
}

static void climb(struct locating *l, const char *at)
{
    struct known_zone *known = find_zone(l->q.owner, at);
    l->at = at;
    if (at[0] == '\0')
        found_zone(l, at);
    else if (known != NULL && clock_mono(&system_clock).ms < known->until_ms)
        found_zone(l, known->zone);
    else
        l->asking = ask_told(l->q.owner, at, DNS_SOA, on_soa, l);
}

/* --- along the CNAMEs --- */

/* Labels that begin with an underscore are made for one purpose, and come and go with it. */
static void look(struct locating *l)
{
    const char *above = name_parent(last(l));
    while (above[0] == '_')
        above = name_parent(above);
    l->absent = l->by_resolvers = false;
    l->above = above;
    if (above[0] == '\0')
        ask_resolvers(l);
    else
        climb(l, above);
}

static void follow(struct locating *l, const struct dns_answer *a)
{
    const char *next = arena_dup(l->arena, a->records[0].text);
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->names[i], next) == 0) {
            fail_chain(l, next, "go in a circle; take one of them out");
            return;
        }
    if (l->n > DNS_CHAIN_MAX) {
        fail_chain(l, next, "are too many; resolvers do not follow so far");
        return;
    }
    l->names[l->n++] = next;
    look(l);
}

static void on_authority(const struct dns_told *told, void *arg)
{
    struct locating *l = arg;
    const struct dns_answer *a = &told->answer;
    const char *name = last(l);
    l->asking = NULL;
    bool top = told->zone != NULL && strchr(told->zone, '.') == NULL;
    if (a->state == DNS_FAILED)
        ask_resolvers(l);
    else if (a->state == DNS_FOUND)
        follow(l, a);
    else if (top && a->state == DNS_NO_NAME && name[0] != '_' && strcmp(domain_of(name), name) == 0)
        fail_absent(l);
    else
        succeed(l, arena_dup_c(l->arena, told->zone));
}

static void on_alias(const struct dns_told *told, void *arg)
{
    struct locating *l = arg;
    const struct dns_answer *a = &told->answer;
    l->asking = NULL;
    l->absent = a->state == DNS_NO_NAME;
    if (a->state == DNS_FAILED || a->state == DNS_BOGUS)
        fail(l, &a->err);
    else if (a->state == DNS_FOUND)
        follow(l, a);
    else if (told->zone != NULL)
        found_zone(l, told->zone);
    else
        climb(l, last(l));
}

static void ask_resolvers(struct locating *l)
{
    l->by_resolvers = true;
    l->asking = ask_told(l->q.owner, last(l), DNS_CNAME, on_alias, l);
}

struct dns_question *dns_locate(struct dns_client *c, const char *name, dns_place_fn *fn, void *arg)
{
    struct locating *l = calloc(1, sizeof *l);
    if (l == NULL)
        abort(); /* small and internal */
    l->arena = arena_new();
    l->names[l->n++] = arena_dup_c(l->arena, name);
    l->fn = fn;
    l->arg = arg;
    question_begin(c, &l->q, locating_drop);
    look(l);
    return &l->q;
}
