#include "dns/servers.h"

#include "dns/channel.h"
#include "dns/client_priv.h"

#include <stdlib.h>
#include <string.h>

/* A name whose addresses are looked up. */
struct host {
    struct search *owner;
    const char *name, *port;
    struct lookup_query *query;
};

struct search {
    struct dns_question q;
    struct arena *arena;
    struct event *timer; /* all is known */
    const char *zone;
    zone_servers_fn *fn;
    void *arg;
    struct dns_question *asking;
    struct host hosts[SERVERS_NAMES_MAX];
    size_t host_n, open;
    struct zone_server *servers;
    size_t n, max;
    struct err err;
};

static void search_free(struct search *s)
{
    dns_cancel(s->asking);
    for (size_t i = 0; i < s->host_n; i++)
        lookup_cancel(s->hosts[i].query);
    event_free(s->timer);
    arena_free(s->arena);
    free(s);
}

static void search_drop(struct dns_question *q)
{
    question_end(q);
    search_free((struct search *)q);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct search *s = arg;
    question_end(&s->q);
    s->fn(s->servers, s->n, s->err.code != 0 ? &s->err : NULL, s->arg);
    search_free(s);
}

static void end(struct search *s)
{
    static const struct timeval now = {0, 0};
    if (s->n == 0 && s->err.code == 0)
        err_set(&s->err, ERR_NOT_FOUND, "the zone %s has no name servers", s->zone);
    event_add(s->timer, &now);
}

static void add(struct search *s, const struct zone_server *one)
{
    for (size_t i = 0; i < s->n; i++)
        if (one->at != NULL && s->servers[i].at != NULL && strcmp(s->servers[i].at, one->at) == 0)
            return;
    if (s->n < s->max)
        s->servers[s->n++] = *one;
}

static void on_addresses(const struct lookup_result *r, void *arg)
{
    struct host *h = arg;
    struct search *s = h->owner;
    struct err why;
    h->query = NULL;
    for (size_t i = 0; i < r->n; i++) {
        const struct lookup_address *a = &r->addresses[i];
        char at[RESOLVER_TEXT_MAX];
        snprintf(at, sizeof at, a->addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", a->text, h->port);
        add(s,
            &(struct zone_server){
                .name = h->name, .address = arena_dup_c(s->arena, a->text), .at = arena_dup_c(s->arena, at)});
    }
    if (r->n == 0) {
        lookup_error(r, &why);
        add(s, &(struct zone_server){.name = h->name,
                   .address = "",
                   .text = arena_dup_c(s->arena, why.text),
                   .temporary = r->v4.state == LOOKUP_FAILED || r->v6.state == LOOKUP_FAILED});
    }
    if (--s->open == 0)
        end(s);
}

static void add_host(struct search *s, const char *name, const char *port)
{
    if (s->host_n == SERVERS_NAMES_MAX)
        return;
    struct host *h = &s->hosts[s->host_n++];
    *h = (struct host){.owner = s, .name = arena_dup_c(s->arena, name), .port = arena_dup_c(s->arena, port)};
    s->open++;
}

/* The dot at the end keeps names of one label out of the search list. */
static void look_up_hosts(struct search *s)
{
    for (size_t i = 0; i < s->host_n; i++)
        s->hosts[i].query = lookup_addresses(
            s->q.owner->lookup, arena_printf(s->arena, "%s.", s->hosts[i].name), on_addresses, &s->hosts[i]);
    if (s->open == 0)
        end(s);
}

static void on_names(const struct dns_answer *a, void *arg)
{
    struct search *s = arg;
    s->asking = NULL;
    if (a->state == DNS_FAILED || a->state == DNS_BOGUS)
        s->err = a->err;
    else if (a->state != DNS_FOUND)
        err_set(&s->err, ERR_NOT_FOUND,
            "the resolvers know no name servers of the zone %s; name them (propagation.nameservers)",
            s->zone);
    for (size_t i = 0; i < a->n; i++)
        add_host(s, a->records[i].text.p, "53");
    look_up_hosts(s);
}

/* "192.0.2.1", "[2001:db8::1]:5353", or a host name and a port. */
static void add_given(struct search *s, const char *text)
{
    struct buf at = buf_new(RESOLVER_TEXT_MAX);
    struct str host, port;
    if (channel_add_server(&at, text, NULL) == 0) {
        bool v6 = buf_c(&at)[0] == '[';
        struct str whole = buf_str(&at), address;
        if (v6)
            str_cut((struct str){whole.p + 1, whole.n - 1}, ']', &address, &port);
        else
            str_cut(whole, ':', &address, &port);
        add(s, &(struct zone_server){.name = arena_dup_c(s->arena, text),
                   .address = arena_dup(s->arena, address),
                   .at = arena_dup_c(s->arena, buf_c(&at))});
    } else {
        bool has_port = str_cut(str_c(text), ':', &host, &port);
        add_host(s, arena_dup(s->arena, host), has_port ? arena_dup(s->arena, port) : "53");
    }
    buf_free(&at);
}

struct dns_question *zone_servers_find(struct dns_client *c, const char *zone, const char *const *given,
    size_t given_n, size_t max, zone_servers_fn *fn, void *arg)
{
    struct search *s = calloc(1, sizeof *s);
    if (s == NULL || (s->timer = evtimer_new(c->base, on_timer, s)) == NULL)
        abort(); /* small and internal */
    s->arena = arena_new();
    s->zone = arena_dup_c(s->arena, zone);
    s->fn = fn;
    s->arg = arg;
    s->max = max;
    s->servers = arena_array(s->arena, max, sizeof *s->servers);
    question_begin(c, &s->q, search_drop);
    for (size_t i = 0; i < given_n; i++)
        add_given(s, given[i]);
    if (given_n > 0)
        look_up_hosts(s);
    else
        s->asking = dns_ask(c, zone, DNS_NS, on_names, s);
    return &s->q;
}
