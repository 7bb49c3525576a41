#include "dns/client.h"

#include "base/text.h"
#include "base/time.h"
#include "dns/authority.h"
#include "dns/channel.h"
#include "dns/client_priv.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum {
    UNCHECKED_TIME_MS =
        5 * 1000, /* of the second question, of a server that has answered the first at once */
    EDE_NO_AUTHORITY = 22,
    EDE_NETWORK = 23,
};

/* A question for records of one type. The servers are asked one after the other: the next one when the one
 * before fails, or says nothing for LOOKUP_TRY_MS, and is waited for beside it. */
struct ask {
    struct dns_question q;
    struct arena *arena;
    const char *name;
    enum dns_type type;
    dns_answer_fn *fn; /* or */
    dns_told_fn *told_fn;
    void *arg;
    struct event *timer; /* the next server; or, with none asked yet, the end */
    const char *servers[LOOKUP_SERVERS_MAX];
    const char *said[LOOKUP_SERVERS_MAX];
    struct exchange *exchanges[LOOKUP_SERVERS_MAX];
    size_t n, begun, ended;
    int64_t began_ms;
    bool all_silent;
    const char *failing; /* the first that said SERVFAIL */
    int error;           /* ... and the extended error with it, or -1 */
    const char *error_text;
    struct exchange *unchecked;
    struct err bad; /* the question cannot be asked */
};

/* --- the client --- */

/* c-ares has read resolv.conf: its servers as texts. */
static int read_system(struct dns_client *c, struct err *err)
{
    struct channel *list = NULL;
    struct ares_addr_port_node *nodes = NULL;
    char address[INET6_ADDRSTRLEN];
    const struct channel_way way = {"b", NULL, 0};
    struct channel *channel = channel_open(c->base, &way, &list, err);
    if (channel == NULL)
        return err != NULL ? err->code : ERR_FAILED;
    c->server_n = 0;
    if (ares_get_servers_ports(channel->ares, &nodes) == ARES_SUCCESS)
        for (struct ares_addr_port_node *n = nodes; n != NULL && c->server_n < LOOKUP_SERVERS_MAX;
             n = n->next) {
            unsigned port = n->udp_port != 0 ? (unsigned)n->udp_port : 53;
            if (inet_ntop(n->family, &n->addr, address, sizeof address) != NULL)
                snprintf(c->servers[c->server_n++], RESOLVER_TEXT_MAX,
                    n->family == AF_INET6 ? "[%s]:%u" : "%s:%u", address, port);
        }
    if (nodes != NULL)
        ares_free_data(nodes);
    channel_close(channel);
    return c->server_n > 0
               ? 0
               : err_set(err, ERR_FAILED,
                     "no DNS server is known; name some in /etc/resolv.conf or propagation.resolvers");
}

static int read_own(struct dns_client *c, const char *const *servers, size_t n, struct err *err)
{
    int r = n > LOOKUP_SERVERS_MAX
                ? err_set(err, ERR_INPUT, "%zu DNS servers; at most %d are taken", n, LOOKUP_SERVERS_MAX)
                : 0;
    c->own = true;
    for (size_t i = 0; r == 0 && i < n; i++) {
        struct buf one = buf_new(RESOLVER_TEXT_MAX);
        r = channel_add_server(&one, servers[i], err);
        snprintf(c->servers[c->server_n++], RESOLVER_TEXT_MAX, "%s", buf_c(&one));
        buf_free(&one);
    }
    return r;
}

struct dns_client *dns_client_new(
    struct event_base *base, const char *const *servers, size_t n, struct err *err)
{
    struct dns_client *c = calloc(1, sizeof *c);
    if (c == NULL || (c->exchanger = exchanger_new(base)) == NULL) {
        free(c);
        err_set(err, ERR_MEMORY, "out of memory for DNS");
        return NULL;
    }
    c->base = base;
    c->lookup = lookup_new(base, servers, n, err);
    if (c->lookup == NULL || (n > 0 ? read_own(c, servers, n, err) : read_system(c, err)) < 0) {
        dns_client_free(c);
        return NULL;
    }
    c->stamp = resolv_stamp_now();
    return c;
}

void dns_client_free(struct dns_client *c)
{
    if (c == NULL)
        return;
    while (c->questions != NULL) /* who asks stands before what is asked, and takes it along */
        c->questions->drop(c->questions);
    exchanger_free(c->exchanger);
    lookup_free(c->lookup);
    zones_forget(c);
    authority_forget(c);
    free(c);
}

void question_begin(struct dns_client *c, struct dns_question *q, void (*drop)(struct dns_question *))
{
    struct dns_question **at = &c->questions;
    q->owner = c;
    q->drop = drop;
    while (*at != NULL)
        at = &(*at)->next;
    *at = q;
}

void question_end(struct dns_question *q)
{
    for (struct dns_question **at = &q->owner->questions; *at != NULL; at = &(*at)->next)
        if (*at == q) {
            *at = q->next;
            break;
        }
}

void dns_cancel(struct dns_question *q)
{
    if (q != NULL)
        q->drop(q);
}

/* --- the end of a question --- */

static void let_go(struct ask *a)
{
    for (size_t i = 0; i < a->n; i++) {
        exchange_cancel(a->exchanges[i]);
        a->exchanges[i] = NULL;
    }
    exchange_cancel(a->unchecked);
    a->unchecked = NULL;
    question_end(&a->q);
}

static void ask_free(struct ask *a)
{
    event_free(a->timer);
    arena_free(a->arena);
    free(a);
}

static void ask_drop(struct dns_question *q)
{
    struct ask *a = (struct ask *)q;
    let_go(a);
    ask_free(a);
}

static void deliver(struct ask *a, const struct dns_told *told)
{
    let_go(a);
    if (a->fn != NULL)
        a->fn(&told->answer, a->arg);
    else
        a->told_fn(told, a->arg);
    ask_free(a);
}

static const char *servers_text(struct ask *a)
{
    struct buf all = buf_new(LOOKUP_SERVERS_MAX * (RESOLVER_TEXT_MAX + 2));
    for (size_t i = 0; i < a->begun; i++)
        buf_printf(&all, "%s%s", i > 0 ? ", " : "", a->servers[i]);
    const char *text = arena_dup_c(a->arena, buf_c(&all));
    buf_free(&all);
    return text;
}

static void fail(struct ask *a)
{
    struct dns_told told = {.answer = {.state = DNS_FAILED, .owner = a->name, .err = a->bad}};
    if (a->bad.code == 0) {
        struct buf all = buf_new(ERR_TEXT_MAX);
        for (size_t i = 0; i < a->begun; i++)
            buf_printf(&all, "%s%s: %s", i > 0 ? "; " : "", a->servers[i],
                a->said[i] != NULL ? a->said[i] : "no answer yet");
        err_set(&told.answer.err, a->all_silent ? ERR_TIMEOUT : ERR_NETWORK,
            "DNS could not tell the %s records of %s: %s", dns_type_text(a->type), a->name, buf_c(&all));
        buf_free(&all);
    }
    deliver(a, &told);
}

/* The answer of a server that was told not to check: who has signed, or has no signature. */
static const char *bogus_zone(const struct ask *a, const struct message *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->records[i].type == DNS_TYPE_END_ && m->records[i].section != MESSAGE_ADDITIONAL &&
            name_is_at_or_below(m->records[i].owner, m->records[i].value.text.p))
            return m->records[i].value.text.p;
    return message_zone(m, a->name);
}

static void bogus(struct ask *a, const struct message *m)
{
    struct dns_told told = {.answer = {.state = DNS_BOGUS, .owner = a->name}};
    const char *zone = bogus_zone(a, m), *known = message_error_text(a->error);
    struct buf why = buf_new(4 * MESSAGE_ERROR_MAX + 100);
    if (known != NULL)
        buf_printf(&why, " (%s%s%s)", known, a->error_text[0] != '\0' ? ": " : "", a->error_text);
    err_set(&told.answer.err, ERR_REFUSED,
        "the zone %s%s fails DNSSEC validation%s: CAs refuse it (%s says SERVFAIL, and answers only when "
        "told "
        "not to check); repair its signatures or the DS records in the zone above",
        zone != NULL ? zone : "of ", zone != NULL ? "" : a->name, buf_c(&why), servers_text(a));
    buf_free(&why);
    deliver(a, &told);
}

static void answer(struct ask *a, const struct message *m)
{
    struct dns_told told = {.zone = message_zone(m, a->name)};
    struct dns_answer *r = &told.answer;
    if (message_follow(m, a->arena, a->name, a->type, &r->owner, &r->records, &r->n, &a->bad) < 0) {
        fail(a);
        return;
    }
    r->state = r->n > 0 ? DNS_FOUND : m->rcode == RCODE_NXDOMAIN ? DNS_NO_NAME : DNS_NO_DATA;
    deliver(a, &told);
}

/* --- asking --- */

static void ask_next(struct ask *a);

static void on_unchecked(const struct exchange_result *r, void *arg)
{
    struct ask *a = arg;
    const struct message *m = r->message;
    a->unchecked = NULL;
    bool other_reason = a->error == EDE_NO_AUTHORITY || a->error == EDE_NETWORK;
    if (m != NULL && !other_reason && (m->rcode == RCODE_NOERROR || m->rcode == RCODE_NXDOMAIN))
        bogus(a, m);
    else
        fail(a);
}

/* Nobody has an answer. One that fails may do so since DNSSEC does not verify. */
static void conclude(struct ask *a)
{
    if (a->failing == NULL)
        fail(a);
    else
        a->unchecked = exchange_start(a->q.owner->exchanger, a->failing, a->name, a->type,
            MESSAGE_RECURSE | MESSAGE_UNCHECKED, UNCHECKED_TIME_MS, on_unchecked, a);
}

/* A server that only names others is no resolver. */
static bool is_referral(const struct message *m)
{
    bool others = false;
    for (size_t i = 0; i < m->n; i++) {
        if (m->records[i].section == MESSAGE_ANSWER || m->records[i].type == DNS_SOA)
            return false;
        others |= m->records[i].section == MESSAGE_AUTHORITY && m->records[i].type == DNS_NS;
    }
    return others && m->rcode == RCODE_NOERROR && !m->authoritative;
}

/* What is wrong with that answer, or NULL. */
static const char *complaint(struct ask *a, const struct message *m)
{
    if (is_referral(m))
        return "names other servers and does not ask them: it is no resolver";
    if (m->rcode == RCODE_NOERROR || m->rcode == RCODE_NXDOMAIN)
        return NULL;
    const char *known = message_error_text(m->error);
    if (known == NULL)
        return message_rcode_text(m->rcode);
    return arena_printf(a->arena, "%s (%s%s%s)", message_rcode_text(m->rcode), known,
        m->error_text[0] != '\0' ? ": " : "", m->error_text);
}

static void on_exchange(const struct exchange_result *r, void *arg)
{
    struct ask *a = arg;
    const struct message *m = r->message;
    const char *wrong = m != NULL ? complaint(a, m) : r->text;
    size_t i = 0;
    while (i + 1 < a->n && strcmp(a->servers[i], r->server) != 0)
        i++;
    a->exchanges[i] = NULL;
    if (m != NULL && wrong == NULL) {
        answer(a, m);
        return;
    }
    a->ended++;
    a->said[i] = arena_dup_c(a->arena, wrong);
    a->all_silent &= r->state == EXCHANGE_SILENT;
    if (m != NULL && m->rcode == RCODE_SERVFAIL && a->failing == NULL) {
        a->failing = a->servers[i];
        a->error = m->error;
        a->error_text = arena_dup_c(a->arena, m->error_text);
    }
    if (a->begun < a->n)
        ask_next(a);
    else if (a->ended == a->n)
        conclude(a);
}

static void ask_next(struct ask *a)
{
    static const struct timeval wait = {LOOKUP_TRY_MS / 1000, LOOKUP_TRY_MS % 1000 * 1000};
    size_t i = a->begun++;
    int64_t left = a->began_ms + LOOKUP_TIME_MS - clock_mono(&system_clock).ms;
    a->exchanges[i] = exchange_start(a->q.owner->exchanger, a->servers[i], a->name, a->type, MESSAGE_RECURSE,
        left > LOOKUP_TRY_MS ? (int)left : LOOKUP_TRY_MS, on_exchange, a);
    if (a->begun < a->n)
        event_add(a->timer, &wait);
    else
        event_del(a->timer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct ask *a = arg;
    if (a->bad.code != 0)
        fail(a);
    else
        ask_next(a);
}

static void begin(struct ask *a)
{
    static const struct timeval now = {0, 0};
    unsigned char query[MESSAGE_QUERY_MAX];
    struct dns_client *c = a->q.owner;
    struct resolv_stamp stamp = resolv_stamp_now();
    if (!c->own && !resolv_stamp_same(&stamp, &c->stamp)) {
        c->stamp = stamp;
        read_system(c, &a->bad);
    }
    for (size_t i = 0; i < c->server_n; i++) {
        bool twice = false;
        for (size_t k = 0; k < a->n; k++)
            twice |= strcmp(a->servers[k], c->servers[i]) == 0;
        if (!twice)
            a->servers[a->n++] = arena_dup_c(a->arena, c->servers[i]);
    }
    if (a->n == 0 && a->bad.code == 0)
        err_set(&a->bad, ERR_NETWORK, "no DNS server is known that could tell of %s", a->name);
    if (a->bad.code == 0)
        message_query(query, 0, a->name, a->type, 0, &a->bad);
    if (a->bad.code != 0)
        event_add(a->timer, &now);
    else
        ask_next(a);
}

static struct dns_question *ask(struct dns_client *c, const char *name, enum dns_type type, dns_answer_fn *fn,
    dns_told_fn *told_fn, void *arg)
{
    struct ask *a = calloc(1, sizeof *a);
    if (a == NULL || (a->timer = evtimer_new(c->base, on_timer, a)) == NULL)
        abort(); /* small and internal */
    a->arena = arena_new();
    char *clean = arena_dup_c(a->arena, name);
    text_clean_in_place(clean);
    a->name = clean;
    a->type = type;
    a->fn = fn;
    a->told_fn = told_fn;
    a->arg = arg;
    a->all_silent = true;
    a->began_ms = clock_mono(&system_clock).ms;
    a->error = -1;
    a->error_text = "";
    question_begin(c, &a->q, ask_drop);
    begin(a);
    return &a->q;
}

struct dns_question *dns_ask(
    struct dns_client *c, const char *name, enum dns_type type, dns_answer_fn *fn, void *arg)
{
    return ask(c, name, type, fn, NULL, arg);
}

struct dns_question *ask_told(
    struct dns_client *c, const char *name, enum dns_type type, dns_told_fn *fn, void *arg)
{
    return ask(c, name, type, NULL, fn, arg);
}
