/* What the answerer holds: zones, names and their values. */
#include "dns/answerer_priv.h"

#include "base/time.h"

#include <stdlib.h>
#include <string.h>

static size_t bucket_of(const struct answerer *a, const unsigned char *octets, size_t n)
{
    /* FNV-1a, begun with the seed. */
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ a->seed;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)str_lower((char)octets[i])) * UINT64_C(0x100000001b3);
    return (size_t)((h ^ h >> 32) % ANSWERER_BUCKETS);
}

/* Where the node of that name is, or would be. */
static struct node **find(struct answerer *a, const unsigned char *octets, size_t n)
{
    struct node **at = &a->buckets[bucket_of(a, octets, n)];
    struct str name = {(const char *)octets, n};
    while (*at != NULL && !str_eq_nocase(name, (struct str){(const char *)(*at)->octets, (*at)->n}))
        at = &(*at)->next;
    return at;
}

const struct node *answerer_node(const struct answerer *a, const struct wire_name *name)
{
    const struct node *node = a->buckets[bucket_of(a, name->octets, name->n)];
    struct str wanted = {(const char *)name->octets, name->n};
    while (node != NULL && !str_eq_nocase(wanted, (struct str){(const char *)node->octets, node->n}))
        node = node->next;
    return node;
}

const struct zone *answerer_zone_of(const struct answerer *a, const struct wire_name *name)
{
    const struct zone *best = NULL;
    for (size_t i = 0; i < a->zone_n; i++)
        if (wire_name_in(name, &a->zones[i].name) && (best == NULL || a->zones[i].name.n > best->name.n))
            best = &a->zones[i];
    return best;
}

struct answerer *answerer_new(struct event_base *base)
{
    struct answerer *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->base = base;
    evutil_secure_rng_get_bytes(&a->seed, sizeof a->seed);
    /* Resolvers and secondaries of before may remember a serial: it has to rise over restarts. */
    a->serial = (uint32_t)clock_wall(&system_clock).s;
    if ((a->rate = rate_new()) == NULL) {
        free(a);
        return NULL;
    }
    return a;
}

static void free_node(struct node *node)
{
    while (node->values != NULL) {
        struct value *next = node->values->next;
        free(node->values);
        node->values = next;
    }
    free(node);
}

void answerer_free(struct answerer *a)
{
    if (a == NULL)
        return;
    answerer_unlisten(a);
    answerer_clear_zones(a);
    for (size_t i = 0; i < ANSWERER_BUCKETS; i++)
        while (a->buckets[i] != NULL) {
            struct node *next = a->buckets[i]->next;
            free_node(a->buckets[i]);
            a->buckets[i] = next;
        }
    rate_free(a->rate);
    free(a);
}

int answerer_listen(struct answerer *a, int fd, bool udp, struct err *err)
{
    return udp ? udp_listen(a, fd, err) : tcp_listen(a, fd, err);
}

void answerer_unlisten(struct answerer *a)
{
    udp_unlisten(a);
    tcp_unlisten(a);
}

static int read_zone(const struct answerer_zone *z, struct zone *out, struct err *err)
{
    int r;
    char contact[WIRE_NAME_MAX + sizeof "hostmaster."];
    *out = (struct zone){.nameserver_n = 0};
    if ((r = wire_name_of(z->zone, &out->name, err)) < 0)
        return r;
    if (z->nameserver_n == 0)
        return err_set(
            err, ERR_INPUT, "the zone %s has no name server: name those of its NS records", z->zone);
    if (z->nameserver_n > ANSWERER_NAMESERVERS_MAX)
        return err_set(
            err, ERR_LIMIT, "the zone %s has more than %d name servers", z->zone, ANSWERER_NAMESERVERS_MAX);
    for (; out->nameserver_n < z->nameserver_n; out->nameserver_n++) {
        const char *text = z->nameservers[out->nameserver_n];
        struct wire_name *name = &out->nameservers[out->nameserver_n];
        if ((r = wire_name_of(text, name, err)) < 0)
            return r;
        /* Its address would have to be answered from here, and there are no addresses here. */
        if (wire_name_in(name, &out->name))
            return err_set(err, ERR_INPUT,
                "the name server %s lies in the zone %s itself: give it a name outside, in a zone that holds "
                "its "
                "address",
                text, z->zone);
    }
    bool given = z->contact != NULL && z->contact[0] != '\0';
    snprintf(contact, sizeof contact, "%s%s", given ? "" : "hostmaster.", given ? z->contact : z->zone);
    return wire_name_of(contact, &out->contact, err);
}

int answerer_zone(struct answerer *a, const struct answerer_zone *z, struct err *err)
{
    struct zone zone;
    int r = read_zone(z, &zone, err);
    if (r < 0)
        return r;
    a->serial++;
    for (size_t i = 0; i < a->zone_n; i++)
        if (wire_name_eq(&a->zones[i].name, &zone.name)) {
            a->zones[i] = zone;
            return 0;
        }
    if (a->zone_n >= ANSWERER_ZONES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d zones are to be answered for", ANSWERER_ZONES_MAX);
    struct zone *more = realloc(a->zones, (a->zone_n + 1) * sizeof *more);
    if (more == NULL)
        return err_set(err, ERR_MEMORY, "out of memory for the zone %s", z->zone);
    a->zones = more;
    a->zones[a->zone_n++] = zone;
    return 0;
}

void answerer_clear_zones(struct answerer *a)
{
    free(a->zones);
    a->zones = NULL;
    a->zone_n = 0;
}

/* Takes one value off the name and all above it, and frees those that nothing is left of. */
static void drop(struct answerer *a, const struct wire_name *name, size_t to)
{
    for (size_t at = 0; at < to; at += 1U + name->octets[at]) {
        struct node **where = find(a, name->octets + at, name->n - at), *node = *where;
        if (--node->below == 0) {
            *where = node->next;
            free_node(node);
        }
    }
}

/* The nodes of the name and of all above it, with one value more; NULL without memory. */
static struct node *raise_up(struct answerer *a, const struct wire_name *name)
{
    struct node *first = NULL;
    for (size_t at = 0; at < name->n; at += 1U + name->octets[at]) {
        struct node **where = find(a, name->octets + at, name->n - at);
        if (*where == NULL) {
            size_t n = name->n - at;
            struct node *node = calloc(1, sizeof *node + n);
            if (node == NULL) {
                drop(a, name, at);
                return NULL;
            }
            node->n = n;
            for (size_t i = 0; i < n; i++)
                node->octets[i] = (unsigned char)str_lower((char)name->octets[at + i]);
            *where = node;
        }
        (*where)->below++;
        if (at == 0)
            first = *where;
    }
    return first;
}

static struct value **find_value(struct node *node, struct str value)
{
    struct value **at = &node->values;
    while (*at != NULL && !str_eq(value, (struct str){(*at)->octets, (*at)->n}))
        at = &(*at)->next;
    return at;
}

/* Octets of its record: a pointer to the name, type, class, TTL, length, and the strings. */
static size_t record_size(size_t value_n)
{
    enum { BEFORE = 2 + 2 + 2 + 4 + 2 };
    return BEFORE + value_n + 1 + value_n / WIRE_STRING_MAX;
}

static int check_value(const struct answerer *a, const char *name, size_t n, size_t there, struct err *err)
{
    if (n > ANSWERER_VALUE_MAX)
        return err_set(err, ERR_LIMIT, "the value for %s has more than %d octets", name, ANSWERER_VALUE_MAX);
    if (a->value_n >= ANSWERER_VALUES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d values are to be answered", ANSWERER_VALUES_MAX);
    if (there + record_size(n) > ANSWERER_NAME_SIZE)
        return err_set(err, ERR_LIMIT, "more values at %s than fit into an answer", name);
    return 0;
}

int answerer_put(struct answerer *a, const char *name, const char *value, struct err *err)
{
    struct wire_name octets;
    struct str s = str_c(value);
    int r = wire_name_of(name, &octets, err);
    if (r < 0)
        return r;
    if (answerer_zone_of(a, &octets) == NULL)
        return err_set(err, ERR_NOT_FOUND, "%s lies in none of the zones that are answered for", name);
    struct node *node = *find(a, octets.octets, octets.n);
    struct value *there = node == NULL ? NULL : *find_value(node, s);
    if (there != NULL) {
        there->count++;
        return 0;
    }
    if ((r = check_value(a, name, s.n, node == NULL ? 0 : node->size, err)) < 0)
        return r;
    there = calloc(1, sizeof *there + s.n);
    if (there == NULL || (node = raise_up(a, &octets)) == NULL) {
        free(there);
        return err_set(err, ERR_MEMORY, "out of memory for a value at %s", name);
    }
    there->count = 1;
    there->n = s.n;
    memcpy(there->octets, s.p, s.n);
    there->next = node->values;
    node->values = there;
    node->size += record_size(s.n);
    a->value_n++;
    a->serial++;
    return 0;
}

void answerer_remove(struct answerer *a, const char *name, const char *value)
{
    struct wire_name octets;
    struct str s = str_c(value);
    if (wire_name_of(name, &octets, NULL) < 0)
        return;
    struct node *node = *find(a, octets.octets, octets.n);
    struct value **at = node == NULL ? NULL : find_value(node, s);
    if (at == NULL || *at == NULL || --(*at)->count > 0)
        return;
    struct value *there = *at;
    *at = there->next;
    free(there);
    node->size -= record_size(s.n);
    drop(a, &octets, octets.n);
    a->value_n--;
    a->serial++;
}
