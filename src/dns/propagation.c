#include "dns/propagation.h"

#include "base/text.h"
#include "base/time.h"
#include "dns/client_priv.h"
#include "dns/propagation_judge.h"
#include "dns/servers.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LOOK_TIME_MS = 5 * 1000, /* for a server to answer, with a second try by UDP in between */
    LISTED_MAX = 16,         /* servers in the text of an error */
    SAID_MAX = 512,          /* octets of what a server said */
    FAMILY_LOOKS = 2,  /* at each address of IPv6 (or IPv4) until it is said that none is ever reached */
    ADDRESS_TRIES = 3, /* for addresses of a server's name that nobody can tell */
};

/* One address of one server. */
struct target {
    struct propagation_watch *owner;
    const char *name, *address;
    const char *at; /* NULL: its name has no address */
    enum propagation_state state;
    char text[SAID_MAX];
    bool unreachable; /* there is no way to that family from here */
    bool v6, answered;
    unsigned looks; /* that have ended */
    struct exchange *exchange;
    struct event *timer; /* of the next look */
    int pause_ms;
};

struct propagation_watch {
    struct dns_question q;
    struct arena *arena;
    struct propagation_spec spec;
    propagation_fn *fn;
    void *arg;
    int64_t began_ms;
    struct event *deadline;
    struct event *timer;         /* of the next try of what is not a look at a server */
    struct dns_question *asking; /* for the servers, or the resolvers */
    struct target *targets;      /* PROPAGATION_SERVERS_MAX and one for the resolvers */
    size_t n, tries;
    bool looked, recursing; /* the servers are known; all have it */
    int pause_ms;
    struct err last;                    /* why the servers are not known */
    struct propagation_server *servers; /* for the caller */
};

static void say(struct target *t, const char *text)
{
    struct buf whole = buf_new(sizeof t->text - 1);
    text_clean(&whole, str_c(text), sizeof t->text - 8);
    memcpy(t->text, buf_c(&whole), whole.n + 1);
    buf_free(&whole);
}

/* --- the end --- */

static void stop_targets(struct propagation_watch *w)
{
    for (size_t i = 0; i < w->n; i++) {
        exchange_cancel(w->targets[i].exchange);
        w->targets[i].exchange = NULL;
        if (w->targets[i].timer != NULL)
            event_free(w->targets[i].timer);
        w->targets[i].timer = NULL;
    }
}

static void let_go(struct propagation_watch *w)
{
    stop_targets(w);
    dns_cancel(w->asking);
    w->asking = NULL;
    event_free(w->deadline);
    event_free(w->timer);
    question_end(&w->q);
}

static void watch_free(struct propagation_watch *w)
{
    arena_free(w->arena);
    free(w);
}

static void watch_drop(struct dns_question *q)
{
    struct propagation_watch *w = (struct propagation_watch *)q;
    let_go(w);
    watch_free(w);
}

void propagation_cancel(struct propagation_watch *w)
{
    if (w != NULL)
        watch_drop(&w->q);
}

static void finish(struct propagation_watch *w, const struct err *err)
{
    struct propagation_result r = {
        .servers = w->servers, .n = w->n, .elapsed_ms = clock_mono(&system_clock).ms - w->began_ms};
    let_go(w);
    for (size_t i = 0; i < w->n; i++)
        w->servers[i] = (struct propagation_server){
            w->targets[i].name, w->targets[i].address, w->targets[i].state, w->targets[i].text};
    w->fn(&r, err, w->arg);
    watch_free(w);
}

/* Many machines have an address of IPv6 and no way out with it: no server says anything by it. */
static bool is_family_dead(const struct propagation_watch *w, bool v6)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct target *t = &w->targets[i];
        if (t->at != NULL && t->v6 == v6 && !t->unreachable && (t->answered || t->looks < FAMILY_LOOKS))
            return false;
    }
    return true;
}

static bool is_seen_by_other_family(const struct target *t)
{
    const struct propagation_watch *w = t->owner;
    for (size_t i = 0; i < w->n; i++)
        if (w->targets[i].v6 != t->v6 && w->targets[i].state == PROPAGATION_SEEN &&
            strcmp(w->targets[i].name, t->name) == 0)
            return true;
    return false;
}

/* A server whose name has no address, or that no way leads to from here, is left out where another tells. */
static bool is_excused(const struct target *t)
{
    return t->at == NULL || t->unreachable || (is_family_dead(t->owner, t->v6) && is_seen_by_other_family(t));
}

static size_t count_seen(const struct propagation_watch *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += w->targets[i].state == PROPAGATION_SEEN;
    return n;
}

static void put_lacking(struct propagation_watch *w, struct buf *out)
{
    size_t listed = 0, left_out = 0;
    for (size_t i = w->recursing ? w->n - 1 : 0; i < w->n; i++) {
        const struct target *t = &w->targets[i];
        if (t->state == PROPAGATION_SEEN || (is_excused(t) && count_seen(w) > 0))
            continue;
        if (listed == LISTED_MAX) {
            left_out++;
            continue;
        }
        buf_printf(out, "%s%s", listed++ > 0 ? "; " : "", t->name);
        if (t->address[0] != '\0' && strstr(t->name, t->address) == NULL)
            buf_printf(out, " (%s)", t->address);
        buf_printf(out, ": %s", t->text);
    }
    if (left_out > 0)
        buf_printf(out, "; and %zu more", left_out);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct propagation_watch *w = arg;
    char limit[DURATION_TEXT_MAX];
    struct err err;
    struct buf all = buf_new(ERR_TEXT_MAX);
    duration_format((w->spec.timeout_ms + 999) / 1000, limit);
    put_lacking(w, &all);
    if (!w->looked && !w->recursing)
        err_set(&err, ERR_TIMEOUT, "the servers of the zone %s are not found after %s: %s", w->spec.zone,
            limit, w->last.code != 0 ? w->last.text : "no answer yet");
    else if (w->recursing)
        err_set(&err, ERR_TIMEOUT,
            "the resolvers do not see the TXT record at %s after %s%s: %s; that it was not there may be kept "
            "in "
            "their caches for a while",
            w->spec.name, limit, w->spec.authoritative ? ", though all servers of its zone have it" : "",
            buf_c(&all));
    else
        err_set(&err, ERR_TIMEOUT,
            "the TXT record at %s is not at all servers of the zone %s after %s (%zu of %zu addresses have "
            "it): "
            "%s",
            w->spec.name, w->spec.zone, limit, count_seen(w), w->n, buf_c(&all));
    buf_free(&all);
    finish(w, &err);
}

/* --- time --- */

static struct timeval span(int64_t ms)
{
    return (struct timeval){ms / 1000, ms % 1000 * 1000};
}

static void again_later(struct propagation_watch *w)
{
    w->pause_ms = propagation_pause(w->pause_ms);
    struct timeval wait = span(w->pause_ms);
    event_add(w->timer, &wait);
}

/* --- the resolvers --- */

static void on_resolved(const struct dns_answer *a, void *arg)
{
    struct propagation_watch *w = arg;
    struct target *t = &w->targets[w->n - 1];
    bool seen = false;
    w->asking = NULL;
    size_t others = propagation_others(a->records, a->n, w->spec.value, &seen);
    t->state = seen ? PROPAGATION_SEEN : a->state == DNS_FAILED ? PROPAGATION_SILENT : PROPAGATION_MISSING;
    if (seen)
        say(t, "have it");
    else if (a->state == DNS_FAILED || a->state == DNS_BOGUS)
        say(t, a->err.text);
    else if (others > 0)
        snprintf(t->text, sizeof t->text, "have %zu other value%s", others, others == 1 ? "" : "s");
    else
        say(t, a->state == DNS_NO_NAME ? "know no such name (NXDOMAIN)" : "know no TXT record there");
    if (seen)
        finish(w, NULL);
    else if (a->state == DNS_BOGUS)
        finish(w, &a->err);
    else
        again_later(w);
}

static void ask_resolvers(struct propagation_watch *w)
{
    w->asking = dns_ask(w->q.owner, w->spec.name, DNS_TXT, on_resolved, w);
}

/* They are asked only when the servers have it, so that they do not keep for long that it is missing. */
static void recurse(struct propagation_watch *w)
{
    struct buf all = buf_new(LOOKUP_SERVERS_MAX * (RESOLVER_TEXT_MAX + 2));
    const struct dns_client *c = w->q.owner;
    stop_targets(w);
    for (size_t i = 0; i < c->server_n; i++)
        buf_printf(&all, "%s%s", i > 0 ? ", " : "", c->servers[i]);
    w->recursing = true;
    w->pause_ms = 0;
    w->targets[w->n++] = (struct target){.owner = w,
        .name = "the resolvers",
        .address = arena_dup_c(w->arena, buf_c(&all)),
        .at = "",
        .state = PROPAGATION_SILENT};
    say(&w->targets[w->n - 1], "no answer yet");
    buf_free(&all);
    ask_resolvers(w);
}

static void advance(struct propagation_watch *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->targets[i].state != PROPAGATION_SEEN && !is_excused(&w->targets[i]))
            return;
    if (count_seen(w) == 0)
        return;
    if (w->spec.recursive)
        recurse(w);
    else
        finish(w, NULL);
}

/* --- looks at servers --- */

/* Whether packets could go there at all; none is sent. */
static bool has_route(const char *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(53)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(53)};
    bool v6 = inet_pton(AF_INET6, address, &in6.sin6_addr) == 1;
    if (!v6 && inet_pton(AF_INET, address, &in.sin_addr) != 1)
        return false;
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    int r = v6 ? connect(fd, (struct sockaddr *)&in6, sizeof in6)
               : connect(fd, (struct sockaddr *)&in, sizeof in);
    close(fd);
    return r == 0;
}

static void look_later(struct target *t)
{
    t->pause_ms = propagation_pause(t->pause_ms);
    struct timeval wait = span(t->pause_ms);
    event_add(t->timer, &wait);
}

static void on_look(const struct exchange_result *r, void *arg)
{
    struct target *t = arg;
    struct propagation_watch *w = t->owner;
    t->exchange = NULL;
    t->looks++;
    t->answered |= r->state == EXCHANGE_ANSWERED || r->state == EXCHANGE_BROKEN;
    if (r->message != NULL) {
        struct arena *scratch = arena_new();
        const char *text;
        t->state = propagation_judge(r->message, w->spec.name, w->spec.value, scratch, &text);
        say(t, text);
        arena_free(scratch);
    } else {
        t->state = PROPAGATION_SILENT;
        say(t, r->text);
    }
    if (t->state != PROPAGATION_SEEN)
        look_later(t);
    advance(w);
}

static void look(struct target *t)
{
    struct propagation_watch *w = t->owner;
    t->unreachable = !has_route(t->address);
    if (t->unreachable) {
        say(t, strchr(t->address, ':') != NULL ? "no way to IPv6 from here" : "no way to IPv4 from here");
        look_later(t);
        return;
    }
    t->exchange =
        exchange_start(w->q.owner->exchanger, t->at, w->spec.name, DNS_TXT, 0, LOOK_TIME_MS, on_look, t);
}

static void on_look_time(evutil_socket_t fd, short what, void *arg)
{
    struct target *t = arg;
    look(t);
    advance(t->owner);
}

/* --- the servers of the zone --- */

static void find_servers(struct propagation_watch *w);

static void take_servers(struct propagation_watch *w, const struct zone_server *servers, size_t n)
{
    w->looked = true;
    for (size_t i = 0; i < n; i++) {
        struct target *t = &w->targets[w->n++];
        *t = (struct target){.owner = w,
            .name = arena_dup_c(w->arena, servers[i].name),
            .address = arena_dup_c(w->arena, servers[i].address),
            .state = PROPAGATION_SILENT};
        say(t, servers[i].at != NULL ? "no answer yet" : servers[i].text);
        if (servers[i].at == NULL)
            continue;
        t->at = arena_dup_c(w->arena, servers[i].at);
        t->v6 = t->at[0] == '[';
        t->timer = evtimer_new(w->q.owner->base, on_look_time, t);
        if (t->timer == NULL)
            abort(); /* small and internal */
        look(t);
    }
}

static void on_servers(const struct zone_server *servers, size_t n, const struct err *err, void *arg)
{
    struct propagation_watch *w = arg;
    bool unsure = false;
    w->asking = NULL;
    if (err != NULL && !err_is_temporary(err->code)) {
        finish(w, err);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (servers[i].at == NULL && servers[i].temporary) {
            unsure = true;
            err_set(&w->last, ERR_NETWORK, "%s: %s", servers[i].name, servers[i].text);
        }
    if (err != NULL)
        w->last = *err;
    if (err != NULL || (unsure && ++w->tries < ADDRESS_TRIES))
        again_later(w);
    else
        take_servers(w, servers, n);
}

static void find_servers(struct propagation_watch *w)
{
    w->asking = zone_servers_find(w->q.owner, w->spec.zone, w->spec.nameservers, w->spec.nameserver_n,
        PROPAGATION_SERVERS_MAX, on_servers, w);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct propagation_watch *w = arg;
    struct timeval limit = span(w->spec.timeout_ms);
    if (!event_pending(w->deadline, EV_TIMEOUT, NULL))
        event_add(w->deadline, &limit);
    if (w->recursing)
        ask_resolvers(w);
    else if (w->spec.authoritative)
        find_servers(w);
    else if (w->spec.recursive)
        recurse(w);
    else
        finish(w, NULL);
}

struct propagation_watch *propagation_start(
    struct dns_client *c, const struct propagation_spec *spec, propagation_fn *fn, void *arg)
{
    struct timeval delay = span(spec->delay_ms);
    struct propagation_watch *w = calloc(1, sizeof *w);
    if (w == NULL || (w->deadline = evtimer_new(c->base, on_deadline, w)) == NULL ||
        (w->timer = evtimer_new(c->base, on_timer, w)) == NULL)
        abort(); /* small and internal */
    w->arena = arena_new();
    w->spec = *spec;
    w->spec.name = arena_dup_c(w->arena, spec->name);
    w->spec.zone = arena_dup_c(w->arena, spec->zone);
    w->spec.value = arena_dup_c(w->arena, spec->value);
    const char **given = arena_array(w->arena, spec->nameserver_n, sizeof *given);
    for (size_t i = 0; i < spec->nameserver_n; i++)
        given[i] = arena_dup_c(w->arena, spec->nameservers[i]);
    w->spec.nameservers = given;
    w->fn = fn;
    w->arg = arg;
    w->began_ms = clock_mono(&system_clock).ms;
    w->targets = arena_array(w->arena, PROPAGATION_SERVERS_MAX + 1, sizeof *w->targets);
    w->servers = arena_array(w->arena, PROPAGATION_SERVERS_MAX + 1, sizeof *w->servers);
    question_begin(c, &w->q, watch_drop);
    event_add(w->timer, &delay);
    return w;
}
