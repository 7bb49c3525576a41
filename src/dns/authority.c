#include "dns/authority.h"

#include "base/time.h"
#include "dns/servers.h"

#include <stdlib.h>
#include <string.h>

/* The servers of a zone, or the search for them. */
struct known_servers {
    struct known_servers *next; /* the one that was made last stands first */
    char *zone;
    char at[AUTHORITY_SERVERS_MAX][RESOLVER_TEXT_MAX];
    size_t n; /* 0: none can be reached */
    char *why;
    int64_t until_ms;
    struct dns_question *search;
    struct inquiry *waiting;
};

struct inquiry {
    struct dns_question q;
    struct arena *arena;
    const char *zone, *name;
    enum dns_type type;
    dns_told_fn *fn;
    void *arg;
    struct event *timer; /* the next server; or, with none, the end */
    struct known_servers *waits_for;
    struct inquiry *next_waiting;
    const char *servers[AUTHORITY_SERVERS_MAX];
    const char *said[AUTHORITY_SERVERS_MAX];
    struct exchange *exchanges[AUTHORITY_SERVERS_MAX];
    size_t n, begun, ended, depth;
    int64_t began_ms;
    const char *why; /* there are no servers */
};

/* --- servers that are known --- */

static void known_free(struct known_servers *k)
{
    free(k->zone);
    free(k->why);
    free(k);
}

void authority_forget(struct dns_client *c)
{
    while (c->known_servers != NULL) {
        struct known_servers *k = c->known_servers;
        c->known_servers = k->next;
        known_free(k);
    }
}

static struct known_servers *find_known(struct dns_client *c, const char *zone)
{
    struct known_servers *k = c->known_servers;
    while (k != NULL && strcmp(k->zone, zone) != 0)
        k = k->next;
    return k;
}

/* What is looked for stays. */
static void trim(struct dns_client *c)
{
    size_t n = 0;
    for (struct known_servers **at = &c->known_servers; *at != NULL;) {
        struct known_servers *k = *at;
        if (++n <= AUTHORITY_ZONES_MAX || k->search != NULL) {
            at = &k->next;
            continue;
        }
        *at = k->next;
        known_free(k);
    }
}

static void keep_for(struct known_servers *k, int64_t seconds)
{
    k->until_ms = clock_mono(&system_clock).ms + seconds * 1000;
}

static void give_up(struct known_servers *k, const char *why)
{
    k->n = 0;
    free(k->why);
    k->why = strdup(why);
    if (k->why == NULL)
        abort(); /* small and internal */
    keep_for(k, AUTHORITY_SILENT_AGE_S);
}

/* The one that has answered is the first to be asked the next time. */
static void prefer(struct dns_client *c, const char *zone, const char *server)
{
    struct known_servers *k = find_known(c, zone);
    char first[RESOLVER_TEXT_MAX];
    for (size_t i = 1; k != NULL && i < k->n; i++)
        if (strcmp(k->at[i], server) == 0) {
            memcpy(first, k->at[0], sizeof first);
            memcpy(k->at[0], k->at[i], sizeof first);
            memcpy(k->at[i], first, sizeof first);
            return;
        }
}

/* --- the end --- */

static void stop(struct inquiry *q)
{
    event_del(q->timer);
    for (size_t i = 0; i < q->n; i++) {
        exchange_cancel(q->exchanges[i]);
        q->exchanges[i] = NULL;
    }
    for (struct inquiry **at = q->waits_for != NULL ? &q->waits_for->waiting : NULL;
         at != NULL && *at != NULL; at = &(*at)->next_waiting)
        if (*at == q) {
            *at = q->next_waiting;
            break;
        }
    q->waits_for = NULL;
}

static void inquiry_free(struct inquiry *q)
{
    event_free(q->timer);
    arena_free(q->arena);
    free(q);
}

static void inquiry_drop(struct dns_question *question)
{
    struct inquiry *q = (struct inquiry *)question;
    stop(q);
    question_end(&q->q);
    inquiry_free(q);
}

static void deliver(struct inquiry *q, const struct dns_told *told)
{
    stop(q);
    question_end(&q->q);
    q->fn(told, q->arg);
    inquiry_free(q);
}

static void fail(struct inquiry *q)
{
    struct dns_told told = {.zone = q->zone, .answer = {.state = DNS_FAILED, .owner = q->name}};
    err_set(&told.answer.err, ERR_NETWORK, "no server of the zone %s tells the %s records of %s: %s", q->zone,
        dns_type_text(q->type), q->name, q->why);
    deliver(q, &told);
}

/* --- answers --- */

static void begin(struct inquiry *q, const char *zone, const char *const *names, size_t n);

/* A zone below this one that the name is in, whose servers are others: its name, else NULL. */
static const char *referral(const struct inquiry *q, const struct message *m)
{
    const char *to = NULL;
    if (m->rcode != RCODE_NOERROR)
        return NULL;
    for (size_t i = 0; i < m->n; i++) {
        const struct message_record *r = &m->records[i];
        if (r->section == MESSAGE_ANSWER || (r->section == MESSAGE_AUTHORITY && r->type == DNS_SOA))
            return NULL;
        if (r->section == MESSAGE_AUTHORITY && r->type == DNS_NS && strcmp(r->owner, q->zone) != 0 &&
            name_is_at_or_below(r->owner, q->zone) && name_is_at_or_below(q->name, r->owner))
            to = r->owner;
    }
    return to;
}

/* Their names come from the zone above: resolvers need not be asked for a delegation that is new. */
static void descend(struct inquiry *q, const struct message *m, const char *zone)
{
    const char *names[SERVERS_NAMES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < m->n && n < SERVERS_NAMES_MAX; i++)
        if (m->records[i].section == MESSAGE_AUTHORITY && m->records[i].type == DNS_NS &&
            strcmp(m->records[i].owner, zone) == 0)
            names[n++] = m->records[i].value.text.p;
    stop(q);
    q->depth++;
    begin(q, arena_dup_c(q->arena, zone), names, n);
}

/* The zone that an answer with authority comes from; NULL where it is not this one, nor below. */
static const char *zone_of(const struct inquiry *q, const struct message *m)
{
    const char *zone = message_zone(m, q->name);
    if (zone == NULL)
        return q->zone;
    return name_is_at_or_below(zone, q->zone) ? zone : NULL;
}

/* What is wrong with that answer, or NULL. */
static const char *complaint(const struct inquiry *q, const struct message *m)
{
    if (m->rcode != RCODE_NOERROR && m->rcode != RCODE_NXDOMAIN)
        return message_rcode_text(m->rcode);
    if (!m->authoritative || zone_of(q, m) == NULL)
        return "has no authority for it";
    return NULL;
}

/* Whether it could be read. */
static bool answer(struct inquiry *q, const struct message *m, struct err *err)
{
    struct dns_told told = {.zone = zone_of(q, m)};
    struct dns_answer *a = &told.answer;
    if (message_follow(m, q->arena, q->name, q->type, &a->owner, &a->records, &a->n, err) < 0)
        return false;
    a->state = a->n > 0 ? DNS_FOUND : m->rcode == RCODE_NXDOMAIN ? DNS_NO_NAME : DNS_NO_DATA;
    deliver(q, &told);
    return true;
}

static void conclude(struct inquiry *q)
{
    struct known_servers *k = find_known(q->q.owner, q->zone);
    struct buf all = buf_new(ERR_TEXT_MAX);
    for (size_t i = 0; i < q->n; i++)
        buf_printf(&all, "%s%s: %s", i > 0 ? "; " : "", q->servers[i], q->said[i]);
    q->why = arena_dup_c(q->arena, buf_c(&all));
    buf_free(&all);
    if (k != NULL && k->search == NULL)
        give_up(k, q->why);
    fail(q);
}

/* --- asking --- */

static void ask_next(struct inquiry *q);

/* What is wrong with what came, or NULL; *below: the zone that the server refers to, or NULL. */
static const char *judge(const struct inquiry *q, const struct exchange_result *r, const char **below)
{
    *below = NULL;
    if (r->message == NULL)
        return r->text != NULL ? r->text : "no answer";
    *below = referral(q, r->message);
    if (*below == NULL)
        return complaint(q, r->message);
    return q->depth == AUTHORITY_DEPTH_MAX ? "refers to others, who were referred to too often" : NULL;
}

static void on_exchange(const struct exchange_result *r, void *arg)
{
    struct inquiry *q = arg;
    struct err err;
    const char *below, *wrong = judge(q, r, &below);
    size_t i = 0;
    while (i + 1 < q->n && strcmp(q->servers[i], r->server) != 0)
        i++;
    q->exchanges[i] = NULL;
    if (wrong == NULL && r->message != NULL) {
        prefer(q->q.owner, q->zone, q->servers[i]);
        if (below != NULL) {
            descend(q, r->message, below);
            return;
        }
        if (answer(q, r->message, &err))
            return;
        wrong = err.text;
    }
    q->ended++;
    q->said[i] = arena_dup_c(q->arena, wrong);
    if (q->begun < q->n)
        ask_next(q);
    else if (q->ended == q->n)
        conclude(q);
}

static void ask_next(struct inquiry *q)
{
    static const struct timeval wait = {AUTHORITY_TRY_MS / 1000, AUTHORITY_TRY_MS % 1000 * 1000};
    size_t i = q->begun++;
    int64_t left = q->began_ms + AUTHORITY_TIME_MS - clock_mono(&system_clock).ms;
    q->exchanges[i] = exchange_start(q->q.owner->exchanger, q->servers[i], q->name, q->type, 0,
        left > AUTHORITY_TRY_MS ? (int)left : AUTHORITY_TRY_MS, on_exchange, q);
    if (q->begun < q->n)
        event_add(q->timer, &wait);
    else
        event_del(q->timer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct inquiry *q = arg;
    if (q->n == 0)
        fail(q);
    else
        ask_next(q);
}

static void take(struct inquiry *q, const struct known_servers *k)
{
    static const struct timeval now = {0, 0};
    q->n = k->n;
    q->why = k->n == 0 ? arena_dup_c(q->arena, k->why) : "";
    q->began_ms = clock_mono(&system_clock).ms;
    for (size_t i = 0; i < k->n; i++)
        q->servers[i] = arena_dup_c(q->arena, k->at[i]);
    if (q->n == 0)
        event_add(q->timer, &now);
    else
        ask_next(q);
}

/* --- the servers of the zone --- */

static void on_servers(const struct zone_server *servers, size_t n, const struct err *err, void *arg)
{
    struct known_servers *k = arg;
    const char *why = err != NULL ? err->text : "its servers have no address";
    k->search = NULL;
    k->n = 0;
    for (size_t i = 0; i < n && k->n < AUTHORITY_SERVERS_MAX; i++)
        if (servers[i].at != NULL)
            snprintf(k->at[k->n++], RESOLVER_TEXT_MAX, "%s", servers[i].at);
        else if (servers[i].text != NULL)
            why = servers[i].text;
    keep_for(k, DNS_ZONE_AGE_S);
    if (k->n == 0)
        give_up(k, why);
    while (k->waiting != NULL) {
        struct inquiry *q = k->waiting;
        k->waiting = q->next_waiting;
        q->waits_for = NULL;
        take(q, k);
    }
}

/* names: of the zone's servers, where the zone above has told them. */
static void search(
    struct dns_client *c, struct known_servers **known, const char *zone, const char *const *names, size_t n)
{
    struct known_servers *k = *known;
    if (k == NULL) {
        k = calloc(1, sizeof *k);
        if (k == NULL || (k->zone = strdup(zone)) == NULL)
            abort(); /* small and internal */
        k->next = c->known_servers;
        c->known_servers = *known = k;
    }
    k->search = zone_servers_find(c, zone, names, n, 2 * AUTHORITY_SERVERS_MAX, on_servers, k);
    trim(c);
}

/* Those that ask at the same time wait for one search. */
static void begin(struct inquiry *q, const char *zone, const char *const *names, size_t n)
{
    struct dns_client *c = q->q.owner;
    struct known_servers *k = find_known(c, zone);
    q->zone = zone;
    q->n = q->begun = q->ended = 0;
    if (k != NULL && k->search == NULL && clock_mono(&system_clock).ms < k->until_ms) {
        take(q, k);
        return;
    }
    if (k == NULL || k->search == NULL)
        search(c, &k, zone, names, n);
    q->waits_for = k;
    q->next_waiting = k->waiting;
    k->waiting = q;
}

struct dns_question *authority_ask(
    struct dns_client *c, const char *zone, const char *name, enum dns_type type, dns_told_fn *fn, void *arg)
{
    struct inquiry *q = calloc(1, sizeof *q);
    if (q == NULL || (q->timer = evtimer_new(c->base, on_timer, q)) == NULL)
        abort(); /* small and internal */
    q->arena = arena_new();
    q->name = arena_dup_c(q->arena, name);
    q->type = type;
    q->fn = fn;
    q->arg = arg;
    question_begin(c, &q->q, inquiry_drop);
    begin(q, arena_dup_c(q->arena, zone), NULL, 0);
    return &q->q;
}
