#include "dns/exchange.h"

#include "dns/channel.h"

#include <event2/util.h>
#include <stdlib.h>
#include <string.h>

/* A server that is asked, or was lately. What has no EDNS has a line of its own: at others c-ares takes the
 * end of a message for the OPT record, and off. */
struct line {
    char *server;
    bool plain, answered; /* answered: once at least */
    struct channel *channel;
    size_t users;
    struct line *next; /* the one used last stands first */
};

struct exchanger {
    struct event_base *base;
    struct channel *channels;
    struct line *lines;
    struct exchange *all;
};

/* What c-ares holds until it calls. */
struct ticket {
    struct exchange *exchange; /* NULL: nobody waits any more */
    struct channel *channel;
};

struct exchange {
    struct exchanger *owner;
    struct exchange *next;
    struct line *line;
    struct ticket *ticket;
    struct event *timer; /* the deadline; or now, when something is known */
    struct arena *arena;
    const char *server, *name;
    enum dns_type type;
    unsigned flags;
    int time_ms;
    exchange_fn *fn;
    void *arg;
    int status; /* of c-ares; ARES_ETIMEOUT until it says otherwise */
    struct str octets;
};

struct exchanger *exchanger_new(struct event_base *base)
{
    struct exchanger *x = calloc(1, sizeof *x);
    if (x != NULL)
        x->base = base;
    return x;
}

/* --- lines --- */

static void line_free(struct line *l)
{
    channel_retire(l->channel);
    free(l->server);
    free(l);
}

static void trim(struct exchanger *x)
{
    size_t idle = 0;
    for (struct line **at = &x->lines; *at != NULL;) {
        struct line *l = *at;
        if (l->users > 0 || ++idle <= EXCHANGE_IDLE_MAX) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        line_free(l);
    }
}

/* The line to that server, moved to the front. NULL where it cannot be opened. */
static struct line *line_of(struct exchanger *x, const char *server, bool plain)
{
    struct line **at = &x->lines, *l;
    while (*at != NULL && ((*at)->plain != plain || strcmp((*at)->server, server) != 0))
        at = &(*at)->next;
    l = *at;
    if (l != NULL) {
        *at = l->next;
    } else {
        const struct channel_way way = {"b", server, plain ? CHANNEL_PLAIN_MAX : MESSAGE_UDP_MAX};
        struct channel *channel = channel_open(x->base, &way, &x->channels, NULL);
        if (channel == NULL)
            return NULL;
        l = calloc(1, sizeof *l);
        if (l == NULL || (l->server = strdup(server)) == NULL)
            abort(); /* small and internal */
        l->channel = channel;
        l->plain = plain;
    }
    l->next = x->lines;
    x->lines = l;
    return l;
}

/* --- one exchange --- */

static void detach(struct exchange *e)
{
    for (struct exchange **at = &e->owner->all; *at != NULL; at = &(*at)->next)
        if (*at == e) {
            *at = e->next;
            break;
        }
    if (e->ticket != NULL)
        e->ticket->exchange = NULL;
    if (e->line != NULL)
        e->line->users--;
}

static void exchange_free(struct exchange *e)
{
    if (e->timer != NULL)
        event_free(e->timer);
    arena_free(e->arena);
    free(e);
}

void exchange_cancel(struct exchange *e)
{
    if (e == NULL)
        return;
    struct exchanger *x = e->owner;
    detach(e);
    exchange_free(e);
    trim(x);
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *octets, int n)
{
    static const struct timeval now = {0, 0};
    struct ticket *t = arg;
    struct exchange *e = t->exchange;
    t->channel->pending--;
    free(t);
    if (e == NULL)
        return;
    e->ticket = NULL;
    e->status = status;
    if (status == ARES_SUCCESS) {
        e->line->answered = true;
        e->octets = arena_str(e->arena, (struct str){(const char *)octets, n > 0 ? (size_t)n : 0});
    }
    event_add(e->timer, &now);
}

static void send_question(struct exchange *e)
{
    unsigned char query[MESSAGE_QUERY_MAX];
    static const struct timeval now = {0, 0};
    uint16_t id;
    evutil_secure_rng_get_bytes(&id, sizeof id);
    int n = message_query(query, id, e->name, e->type, e->flags, NULL);
    if (n < 0 || e->line == NULL) {
        e->status = n < 0 ? ARES_EBADNAME : ARES_ECONNREFUSED;
        event_add(e->timer, &now);
        return;
    }
    struct ticket *t = calloc(1, sizeof *t);
    if (t == NULL)
        abort(); /* small and internal */
    *t = (struct ticket){e, e->line->channel};
    e->ticket = t;
    t->channel->pending++;
    struct channel *channel = t->channel; /* the ticket may be gone at once */
    ares_send(channel->ares, query, n, on_answer, t);
    channel_arm(channel);
}

static void take_line(struct exchange *e)
{
    struct line *before = e->line;
    e->line = line_of(e->owner, e->server, (e->flags & MESSAGE_PLAIN) != 0);
    if (e->line != NULL)
        e->line->users++;
    if (before != NULL)
        before->users--;
}

/* A server of before 1999 says FORMERR to EDNS, or NOTIMP; some echo the record in it. */
static bool again_plain(struct exchange *e, const struct message *m)
{
    if ((m->rcode != RCODE_FORMERR && m->rcode != RCODE_NOTIMP) || (e->flags & MESSAGE_PLAIN) != 0)
        return false;
    struct timeval limit = {e->time_ms / 1000, e->time_ms % 1000 * 1000};
    e->flags |= MESSAGE_PLAIN;
    e->status = ARES_ETIMEOUT;
    take_line(e);
    event_add(e->timer, &limit);
    send_question(e);
    return true;
}

/* Where nobody listens, the network says so once for all questions that are on their way by one socket, and
 * c-ares tells one of them: the others would wait for their time to end. */
static void tell_others(const struct exchange *e)
{
    static const struct timeval now = {0, 0};
    for (struct exchange *other = e->owner->all; other != NULL; other = other->next) {
        if (other == e || other->line != e->line || other->ticket == NULL)
            continue;
        other->ticket->exchange = NULL;
        other->ticket = NULL;
        other->status = ARES_ECONNREFUSED;
        event_add(other->timer, &now);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct exchange *e = arg;
    struct exchanger *x = e->owner;
    struct message m;
    struct err why;
    struct exchange_result r = {.state = EXCHANGE_ANSWERED, .server = e->server};
    if (e->status == ARES_SUCCESS && message_read(e->octets, e->arena, &m, &why) < 0) {
        r.state = EXCHANGE_BROKEN;
        r.text = arena_dup_c(e->arena, why.text);
    } else if (e->status == ARES_SUCCESS) {
        r.message = &m;
    } else if (e->status == ARES_ETIMEOUT) {
        r.state = EXCHANGE_SILENT;
        r.text = arena_printf(e->arena, "no answer in %d s", (e->time_ms + 999) / 1000);
    } else if (e->status == ARES_ECONNREFUSED) {
        r.state = EXCHANGE_REFUSED;
        r.text = "cannot be reached (connection refused, or no route)";
    } else {
        r.state = EXCHANGE_BROKEN;
        r.text = ares_strerror(e->status);
    }
    if (r.message != NULL && again_plain(e, &m))
        return;
    if (r.state == EXCHANGE_REFUSED && e->line != NULL && !e->line->answered)
        tell_others(e);
    detach(e);
    trim(x);
    e->fn(&r, e->arg); /* which may free all but this */
    exchange_free(e);
}

struct exchange *exchange_start(struct exchanger *x, const char *server, const char *name, enum dns_type type,
    unsigned flags, int time_ms, exchange_fn *fn, void *arg)
{
    struct timeval limit = {time_ms / 1000, time_ms % 1000 * 1000};
    struct exchange *e = calloc(1, sizeof *e);
    if (e == NULL || (e->timer = evtimer_new(x->base, on_timer, e)) == NULL)
        abort(); /* small and internal */
    e->owner = x;
    e->arena = arena_new();
    e->server = arena_dup_c(e->arena, server);
    e->name = arena_dup_c(e->arena, name);
    e->type = type;
    e->flags = flags;
    e->time_ms = time_ms;
    e->fn = fn;
    e->arg = arg;
    e->status = ARES_ETIMEOUT;
    e->next = x->all;
    x->all = e;
    take_line(e);
    event_add(e->timer, &limit);
    send_question(e);
    return e;
}

void exchanger_free(struct exchanger *x)
{
    if (x == NULL)
        return;
    for (struct exchange *e = x->all, *next; e != NULL; e = next) {
        next = e->next;
        if (e->ticket != NULL)
            e->ticket->exchange = NULL;
        exchange_free(e);
    }
    for (struct line *l = x->lines, *next; l != NULL; l = next) {
        next = l->next;
        free(l->server);
        free(l);
    }
    for (struct channel *c = x->channels, *next; c != NULL; c = next) {
        next = c->next;
        channel_close(c);
    }
    free(x);
}
