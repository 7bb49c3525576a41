#include "dns/lookup.h"

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/text.h"
#include "dns/channel.h"
#include "dns/internal.h"
#include "dns/resolv_conf.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct lookup {
    struct event_base *base;
    struct channel *channels; /* all that are open */
    struct channel *hosts;    /* reads the file of hosts and has no sockets */
    struct channel *current;  /* is asked; others of DNS are retired */
    struct resolv_stamp stamp;
    struct buf servers; /* "" : the system's */
    struct lookup_query *queries;
    int time_ms;
};

/* The question about one family; c-ares holds it until it calls. */
struct half {
    struct lookup_query *query; /* NULL: nobody waits any more */
    struct channel *channel;
    bool v6;
};

struct lookup_query {
    struct lookup *owner;
    struct lookup_query *next;
    struct arena *arena;
    lookup_fn *fn;
    void *arg;
    struct event *timer; /* the deadline; or now, when all is known */
    struct half *halves[2];
    struct lookup_address *addresses; /* LOOKUP_ADDRESSES_MAX */
    const char **aliases;             /* LOOKUP_ALIASES_MAX */
    size_t n4;                        /* of the addresses, those of IPv4: they stand first */
    struct lookup_result r;
};

/* --- results --- */

static const char *family_words(bool v6)
{
    return v6 ? "IPv6 address (AAAA record)" : "IPv4 address (A record)";
}

static void set_family(struct lookup_query *q, bool v6, enum lookup_state state, int ares)
{
    struct lookup_family *f = v6 ? &q->r.v6 : &q->r.v4;
    f->state = state;
    switch (state) {
    case LOOKUP_FOUND:
        f->err.code = ERR_OK;
        break;
    case LOOKUP_NONE:
        err_set(&f->err, ERR_NOT_FOUND, "%s has no %s", q->r.host, family_words(v6));
        break;
    case LOOKUP_NO_NAME:
        err_set(&f->err, ERR_NOT_FOUND,
            "there is no name %s in DNS (NXDOMAIN); check its spelling, and whether it is published yet",
            q->r.host);
        break;
    case LOOKUP_FAILED:
        if (ares == ARES_ETIMEOUT)
            err_set(&f->err, ERR_TIMEOUT, "no DNS server answered in time for the %s of %s", family_words(v6),
                q->r.host);
        else if (ares == ARES_ECONNREFUSED)
            err_set(&f->err, ERR_NETWORK,
                "no DNS server could tell the %s of %s: none is reached, or all fail (SERVFAIL)",
                family_words(v6), q->r.host);
        else
            err_set(&f->err, ERR_NETWORK, "DNS could not tell the %s of %s: %s", family_words(v6), q->r.host,
                ares_strerror(ares));
        break;
    }
}

static void add_address(struct lookup_query *q, const struct sockaddr *sa)
{
    struct lookup_address one = {0};
    if (sa->sa_family == AF_INET) {
        one.len = sizeof(struct sockaddr_in);
        memcpy(&one.addr, sa, one.len);
        struct sockaddr_in *in = (struct sockaddr_in *)&one.addr;
        in->sin_port = 0;
        inet_ntop(AF_INET, &in->sin_addr, one.text, sizeof one.text);
    } else if (sa->sa_family == AF_INET6) {
        one.len = sizeof(struct sockaddr_in6);
        memcpy(&one.addr, sa, one.len);
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&one.addr;
        in6->sin6_port = 0;
        inet_ntop(AF_INET6, &in6->sin6_addr, one.text, sizeof one.text);
    } else {
        return;
    }
    for (size_t i = 0; i < q->r.n; i++)
        if (strcmp(q->addresses[i].text, one.text) == 0)
            return;
    /* A flood in one family leaves room for the other. */
    size_t at = sa->sa_family == AF_INET ? q->n4 : q->r.n;
    size_t of_family = sa->sa_family == AF_INET ? q->n4 : q->r.n - q->n4;
    if (of_family >= LOOKUP_ADDRESSES_MAX / 2)
        return;
    memmove(&q->addresses[at + 1], &q->addresses[at], (q->r.n - at) * sizeof one);
    q->addresses[at] = one;
    q->r.n++;
    q->n4 += sa->sa_family == AF_INET;
}

static void add_addresses(struct lookup_query *q, const struct ares_addrinfo *ai)
{
    for (const struct ares_addrinfo_node *node = ai->nodes; node != NULL; node = node->ai_next)
        add_address(q, node->ai_addr);
}

/* Both families have the same chain. */
static void add_aliases(struct lookup_query *q, const struct ares_addrinfo *ai)
{
    if (q->r.alias_n > 0)
        return;
    for (const struct ares_addrinfo_cname *c = ai->cnames; c != NULL && q->r.alias_n < LOOKUP_ALIASES_MAX;
         c = c->next)
        if (c->name != NULL) {
            char *name = arena_dup_c(q->arena, c->name);
            text_clean_in_place(name);
            q->aliases[q->r.alias_n++] = name;
        }
}

static void deliver_soon(struct lookup_query *q)
{
    static const struct timeval now = {0, 0};
    event_add(q->timer, &now);
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *ai)
{
    struct half *half = arg;
    struct lookup_query *q = half->query;
    bool v6 = half->v6;
    half->channel->pending--;
    free(half);
    if (q != NULL) {
        size_t before = q->r.n;
        q->halves[v6] = NULL;
        if (status == ARES_SUCCESS && ai != NULL) {
            add_addresses(q, ai);
            add_aliases(q, ai);
        }
        if (status == ARES_SUCCESS)
            set_family(q, v6, q->r.n > before ? LOOKUP_FOUND : LOOKUP_NONE, status);
        else if (status == ARES_ENODATA)
            set_family(q, v6, LOOKUP_NONE, status);
        else
            set_family(q, v6, status == ARES_ENOTFOUND ? LOOKUP_NO_NAME : LOOKUP_FAILED, status);
        if (q->halves[!v6] == NULL)
            deliver_soon(q);
    }
    ares_freeaddrinfo(ai);
}

/* --- the life of a query --- */

/* What c-ares still holds of it finds nobody. */
static void let_go(struct lookup_query *q)
{
    for (int i = 0; i < 2; i++)
        if (q->halves[i] != NULL)
            q->halves[i]->query = NULL;
}

static void detach(struct lookup_query *q)
{
    let_go(q);
    for (struct lookup_query **at = &q->owner->queries; *at != NULL; at = &(*at)->next)
        if (*at == q) {
            *at = q->next;
            break;
        }
}

static void query_free(struct lookup_query *q)
{
    if (q->timer != NULL)
        event_free(q->timer);
    arena_free(q->arena);
    free(q);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct lookup_query *q = arg;
    for (int v6 = 0; v6 < 2; v6++)
        if (q->halves[v6] != NULL)
            set_family(q, v6 == 1, LOOKUP_FAILED, ARES_ETIMEOUT);
    detach(q);
    q->fn(&q->r, q->arg);
    query_free(q);
}

void lookup_cancel(struct lookup_query *q)
{
    if (q == NULL)
        return;
    detach(q);
    query_free(q);
}

/* --- asking --- */

static bool is_literal(struct lookup_query *q)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    bool v4 = inet_pton(AF_INET, q->r.host, &in.sin_addr) == 1;
    if (!v4 && inet_pton(AF_INET6, q->r.host, &in6.sin6_addr) != 1)
        return false;
    add_address(q, v4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6);
    set_family(q, !v4, LOOKUP_FOUND, 0);
    q->r.v4.state = v4 ? LOOKUP_FOUND : LOOKUP_NONE;
    q->r.v6.state = v4 ? LOOKUP_NONE : LOOKUP_FOUND;
    err_set(v4 ? &q->r.v6.err : &q->r.v4.err, ERR_NOT_FOUND, "%s is an %s address", q->r.host,
        v4 ? "IPv4" : "IPv6");
    return true;
}

/* Letters, digits, '-' and '_' in labels of 63 octets; DNS has more, host names have not. */
static bool is_name(const char *host)
{
    size_t label = 0, n = strlen(host);
    if (n == 0 || n > LOOKUP_NAME_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = host[i];
        if (c == '.' && label == 0)
            return false;
        if (c == '.') {
            label = 0;
            continue;
        }
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '_';
        if (!good || ++label > 63)
            return false;
    }
    return true;
}

struct found {
    bool done;
    struct lookup_query *q;
};

static void on_hosts(void *arg, int status, int timeouts, struct ares_addrinfo *ai)
{
    struct found *f = arg;
    f->done = true;
    if (status == ARES_SUCCESS && ai != NULL)
        add_addresses(f->q, ai);
    ares_freeaddrinfo(ai);
}

static struct ares_addrinfo_hints hints_of(int family)
{
    /* All addresses are used; sorting them would make c-ares connect to each (RFC 6724). */
    return (struct ares_addrinfo_hints){
        .ai_flags = ARES_AI_NOSORT, .ai_family = family, .ai_socktype = SOCK_STREAM};
}

/* The file is read, and the answer there, before this returns. */
static bool is_in_hosts(struct lookup_query *q, const char *name)
{
    struct found f = {.q = q};
    struct ares_addrinfo_hints hints = hints_of(AF_UNSPEC);
    ares_channel ares = q->owner->hosts->ares;
    ares_getaddrinfo(ares, name, NULL, &hints, on_hosts, &f);
    if (!f.done)
        ares_cancel(ares);
    if (q->r.n == 0)
        return false;
    set_family(q, false, q->n4 > 0 ? LOOKUP_FOUND : LOOKUP_NONE, 0);
    set_family(q, true, q->r.n > q->n4 ? LOOKUP_FOUND : LOOKUP_NONE, 0);
    return true;
}

/* The channel to ask, newly opened where resolv.conf is another one than before; the old one goes on where
 * that fails. */
static struct channel *channel_now(struct lookup *l, struct err *err)
{
    bool own = l->servers.n > 0;
    struct resolv_stamp stamp = own ? l->stamp : resolv_stamp_now();
    if (l->current != NULL && resolv_stamp_same(&stamp, &l->stamp))
        return l->current;
    struct channel *c = channel_open(
        l->base, &(struct channel_way){"b", own ? buf_c(&l->servers) : NULL, 0}, &l->channels, err);
    if (c == NULL)
        return l->current;
    if (l->current != NULL)
        channel_retire(l->current);
    l->current = c;
    l->stamp = stamp;
    return c;
}

static void ask(struct lookup_query *q, struct channel *c, const char *name)
{
    for (int v6 = 0; v6 < 2; v6++) {
        struct half *half = calloc(1, sizeof *half);
        if (half == NULL) {
            set_family(q, v6 == 1, LOOKUP_FAILED, ARES_ENOMEM);
            continue;
        }
        *half = (struct half){q, c, v6 == 1};
        q->halves[v6] = half;
        c->pending++;
    }
    if (q->halves[0] == NULL && q->halves[1] == NULL)
        deliver_soon(q);
    for (int v6 = 0; v6 < 2; v6++)
        if (q->halves[v6] != NULL) {
            struct ares_addrinfo_hints hints = hints_of(v6 ? AF_INET6 : AF_INET);
            ares_getaddrinfo(c->ares, name, NULL, &hints, on_answer, q->halves[v6]);
        }
    channel_arm(c);
}

static void both(struct lookup_query *q, enum lookup_state state, const struct err *why)
{
    q->r.v4.state = q->r.v6.state = state;
    q->r.v4.err = q->r.v6.err = *why;
    deliver_soon(q);
}

static void begin(struct lookup_query *q)
{
    struct err why = ERR_INIT;
    if (is_literal(q)) {
        deliver_soon(q);
        return;
    }
    if (!is_name(q->r.host)) {
        err_set(&why, ERR_NOT_FOUND, "\"%s\" is no host name", q->r.host);
        both(q, LOOKUP_NO_NAME, &why);
        return;
    }
    struct str bare = str_c(q->r.host);
    bool rooted = str_ends(bare, STR("."));
    bare.n -= rooted;
    const char *name = arena_dup(q->arena, bare);
    if (!rooted && is_in_hosts(q, name)) {
        deliver_soon(q);
        return;
    }
    struct channel *c = channel_now(q->owner, &why);
    if (c == NULL)
        both(q, LOOKUP_FAILED, &why);
    else /* the dot at the end keeps it out of the search list */
        ask(q, c, strchr(name, '.') != NULL || rooted ? arena_printf(q->arena, "%s.", name) : name);
}

struct lookup_query *lookup_addresses(struct lookup *l, const char *host, lookup_fn *fn, void *arg)
{
    struct timeval limit = {l->time_ms / 1000, l->time_ms % 1000 * 1000};
    struct lookup_query *q = calloc(1, sizeof *q);
    if (q == NULL || (q->timer = evtimer_new(l->base, on_timer, q)) == NULL)
        abort(); /* small and internal */
    q->owner = l;
    q->arena = arena_new();
    q->fn = fn;
    q->arg = arg;
    q->addresses = arena_array(q->arena, LOOKUP_ADDRESSES_MAX, sizeof *q->addresses);
    q->aliases = arena_array(q->arena, LOOKUP_ALIASES_MAX, sizeof *q->aliases);
    q->r.addresses = q->addresses;
    q->r.aliases = q->aliases;
    struct str bare = str_c(host);
    if (str_starts(bare, STR("[")) && str_ends(bare, STR("]")) && bare.n > 2)
        bare = (struct str){bare.p + 1, bare.n - 2};
    char *clean = arena_dup(q->arena, bare);
    text_clean_in_place(clean);
    q->r.host = clean;
    q->next = l->queries;
    l->queries = q;
    event_add(q->timer, &limit);
    begin(q);
    return q;
}

/* --- the whole --- */

void lookup_set_time(struct lookup *l, int ms)
{
    l->time_ms = ms;
}

struct lookup *lookup_new(struct event_base *base, const char *const *servers, size_t n, struct err *err)
{
    struct lookup *l = calloc(1, sizeof *l);
    if (l == NULL) {
        err_set(err, ERR_MEMORY, "out of memory for DNS");
        return NULL;
    }
    l->base = base;
    l->time_ms = LOOKUP_TIME_MS;
    l->servers = buf_new(LOOKUP_SERVERS_MAX * (INET6_ADDRSTRLEN + 10));
    int r = 0;
    if (n > LOOKUP_SERVERS_MAX)
        r = err_set(err, ERR_INPUT, "%zu DNS servers; at most %d are taken", n, LOOKUP_SERVERS_MAX);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = channel_add_server(&l->servers, servers[i], err);
    int ares = r == 0 ? ares_library_init(ARES_LIB_INIT_ALL) : ARES_SUCCESS;
    if (r < 0 || ares != ARES_SUCCESS) {
        if (r == 0)
            err_set(err, ERR_FAILED, "cannot prepare for DNS: %s", ares_strerror(ares));
        buf_free(&l->servers);
        free(l);
        return NULL;
    }
    l->hosts = channel_open(base, &(struct channel_way){"f", NULL, 0}, &l->channels, err);
    if (l->hosts == NULL || channel_now(l, err) == NULL) {
        lookup_free(l);
        return NULL;
    }
    return l;
}

void lookup_free(struct lookup *l)
{
    if (l == NULL)
        return;
    for (struct lookup_query *q = l->queries, *next; q != NULL; q = next) {
        next = q->next;
        let_go(q);
        query_free(q);
    }
    for (struct channel *c = l->channels, *next; c != NULL; c = next) {
        next = c->next;
        channel_close(c);
    }
    ares_library_cleanup();
    buf_free(&l->servers);
    free(l);
}

int lookup_error(const struct lookup_result *r, struct err *err)
{
    const struct lookup_family *worse = &r->v4;
    if (r->v4.state == LOOKUP_NONE && r->v6.state == LOOKUP_NONE)
        return err_set(err, ERR_NOT_FOUND, "%s has no address (neither A nor AAAA record)", r->host);
    if (r->v6.state > r->v4.state)
        worse = &r->v6;
    return err_set(err, worse->err.code, "%s", worse->err.text);
}
