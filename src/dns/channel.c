#include "dns/channel.h"

#include "base/str.h"
#include "dns/lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A socket of c-ares that the loop looks after. */
struct watched {
    ares_socket_t fd;
    struct event *event;
    struct watched *next;
};

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct channel *c = arg;
    ares_process_fd(
        c->ares, (what & EV_READ) != 0 ? fd : ARES_SOCKET_BAD, (what & EV_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
    if (c->retired && c->pending == 0)
        channel_close(c);
    else
        channel_arm(c);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    on_socket(ARES_SOCKET_BAD, 0, arg);
}

void channel_arm(struct channel *c)
{
    struct timeval room, *wait = ares_timeout(c->ares, NULL, &room);
    if (wait == NULL)
        event_del(c->timer);
    else
        event_add(c->timer, wait);
}

static void forget(struct watched **at)
{
    struct watched *w = *at;
    *at = w->next;
    event_free(w->event);
    free(w);
}

/* c-ares says what it waits for at a socket; nothing means that it is about to close it. Without memory for
 * an event the question runs into its time limit. */
static void on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct channel *c = arg;
    short what = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
    struct watched **at = &c->sockets;
    while (*at != NULL && (*at)->fd != fd)
        at = &(*at)->next;
    if (*at != NULL && what == 0) {
        forget(at);
        return;
    }
    if (what == 0)
        return;
    struct watched *w = *at;
    if (w == NULL) {
        w = calloc(1, sizeof *w);
        if (w == NULL)
            return;
        w->fd = fd;
        *at = w;
    } else {
        event_free(w->event);
    }
    w->event = event_new(c->base, fd, (short)(what | EV_PERSIST), on_socket, c);
    if (w->event == NULL) {
        *at = w->next;
        free(w);
        return;
    }
    event_add(w->event, NULL);
}

/* c-ares before 1.19.1 makes the key of its question numbers of what it reads there, and where it cannot, of
 * rand(), which anybody can follow. */
static int check_random(struct err *err)
{
    enum { OWN_RANDOM = 0x011301 };
    int version = 0;
    ares_version(&version);
    if (version >= OWN_RANDOM)
        return 0;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "cannot prepare for DNS: /dev/urandom");
    close(fd);
    return 0;
}

int channel_add_server(struct buf *out, const char *text, struct err *err)
{
    struct str s = str_c(text), address = s, port = STR("53");
    unsigned char room[sizeof(struct in6_addr)];
    char host[INET6_ADDRSTRLEN] = "";
    uint64_t number = 0;
    bool v6 = true;
    if (str_starts(s, STR("["))) {
        struct str rest;
        if (!str_cut((struct str){s.p + 1, s.n - 1}, ']', &address, &rest))
            address = s;
        if (rest.n > 0)
            port = (struct str){rest.p + 1, rest.p[0] == ':' ? rest.n - 1 : 0};
    } else if (inet_pton(AF_INET6, text, room) != 1) {
        v6 = false;
        struct str tail;
        if (str_cut(s, ':', &address, &tail))
            port = tail;
    }
    if (address.n < sizeof host) {
        memcpy(host, address.p, address.n);
        host[address.n] = '\0';
    }
    if (inet_pton(v6 ? AF_INET6 : AF_INET, host, room) != 1 || !str_to_u64(port, UINT16_MAX, &number) ||
        number == 0)
        return err_set(err, ERR_INPUT,
            "\"%s\" is no DNS server; write its address, as 192.0.2.1 or [2001:db8::1]:5353", text);
    buf_printf(out, v6 ? "%s[%s]:%u" : "%s%s:%u", out->n > 0 ? "," : "", host, (unsigned)number);
    return 0;
}

/* c-ares of today keeps answers by itself; here each question is asked. */
static int options_of(const struct channel_way *way, struct ares_options *o)
{
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
    if (way->udp_max > 0) {
        o->flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
        mask |= ARES_OPT_FLAGS;
    }
    if (way->udp_max > CHANNEL_PLAIN_MAX) {
        o->flags |= ARES_FLAG_EDNS;
        o->ednspsz = way->udp_max;
        mask |= ARES_OPT_EDNSPSZ;
    }
#ifdef ARES_OPT_QUERY_CACHE
    o->qcache_max_ttl = 0;
    mask |= ARES_OPT_QUERY_CACHE;
#endif
    return mask;
}

struct channel *channel_open(
    struct event_base *base, const struct channel_way *way, struct channel **list, struct err *err)
{
    char which[8];
    if (check_random(err) < 0)
        return NULL;
    struct channel *c = calloc(1, sizeof *c);
    if (c == NULL || (c->timer = evtimer_new(base, on_time, c)) == NULL) {
        free(c);
        err_set(err, ERR_MEMORY, "out of memory for DNS");
        return NULL;
    }
    c->base = base;
    snprintf(which, sizeof which, "%s", way->lookups);
    struct ares_options options = {.timeout = LOOKUP_TRY_MS,
        .tries = LOOKUP_TRIES,
        .lookups = which,
        .sock_state_cb = on_state,
        .sock_state_cb_data = c};
    int mask = options_of(way, &options);
    int r = ares_init_options(&c->ares, &options, mask);
    if (r != ARES_SUCCESS) {
        event_free(c->timer);
        free(c);
        err_set(err, ERR_FAILED, "cannot prepare for DNS: %s", ares_strerror(r));
        return NULL;
    }
    c->next = *list;
    c->list = list;
    *list = c;
    if (way->servers != NULL && (r = ares_set_servers_ports_csv(c->ares, way->servers)) != ARES_SUCCESS) {
        err_set(err, ERR_FAILED, "cannot use the DNS servers %s: %s", way->servers, ares_strerror(r));
        channel_close(c);
        return NULL;
    }
    return c;
}

void channel_close(struct channel *c)
{
    if (c == NULL)
        return;
    ares_destroy(c->ares);
    while (c->sockets != NULL)
        forget(&c->sockets);
    event_free(c->timer);
    for (struct channel **at = c->list; *at != NULL; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    free(c);
}

void channel_retire(struct channel *c)
{
    c->retired = true;
    if (c->pending == 0)
        channel_close(c);
}
