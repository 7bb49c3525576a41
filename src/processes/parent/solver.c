/* The solver's side of the parent: when there is one, what it is told of `dns:`, and the sockets of the
 * built-in answerer, which are bound here, where the rights are. */
#include "processes/parent/parent.h"

#include "os/socket.h"
#include "processes/provider_directories.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LISTEN_MAX = 64 }; /* addresses of one entry */

static bool is_builtin(const struct dns_entry *e)
{
    return strcmp(e->kind, "builtin") == 0;
}

bool solver_is_wanted(const struct parent *p)
{
    for (size_t i = 0; i < p->settings.dns_n; i++)
        if (is_builtin(&p->settings.dns[i]))
            return true;
    for (int kind = 0; kind < CHALLENGE_END_; kind++)
        if (acme_challenge_in_dns((enum acme_challenge)kind) &&
            declared_asks(p->declared, (enum acme_challenge)kind))
            return true;
    return false;
}

/* Which directory it is: what the solver may read was settled when it was started. */
static uint64_t seen(void)
{
    struct stat st;
    return stat(provider_directories().local, &st) == 0 ? (uint64_t)st.st_ino ^ ((uint64_t)st.st_dev << 32)
                                                        : 0;
}

/* --- the answerer's sockets --- */

static struct dns_socket *find(const struct parent *p, const char *address, bool udp)
{
    struct dns_socket *s = p->dns_sockets;
    while (s != NULL && (s->udp != udp || strcmp(s->address, address) != 0))
        s = s->next;
    return s;
}

/* What resolves for this machine often has the port, on an address of its own. */
static void advise(const char *entry, const char *address, struct err *err)
{
    if (err->code == ERR_EXISTS)
        err_set(err, ERR_EXISTS,
            "%s: cannot listen on %s: another DNS server of this machine has the port. Name an address in "
            "`listen` that it leaves free, or have it forward the zone to another port",
            entry, address);
    else
        err_prefix(err, "%s", entry);
}

static void open_one(struct parent *p, const char *entry, const char *address, bool udp)
{
    struct err err = ERR_INIT;
    int fd;
    if (find(p, address, udp) != NULL)
        return;
    if ((udp ? socket_bind_udp(address, &fd, &err) : socket_listen_tcp(address, &fd, &err)) < 0) {
        /* A machine without IPv6 is served by the other address. */
        bool missing = err.code == ERR_NOT_FOUND;
        advise(entry, address, &err);
        log_line(missing ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, "%s", err.text);
        return;
    }
    struct dns_socket *s = calloc(1, sizeof *s);
    if (s == NULL || (s->address = strdup(address)) == NULL)
        abort();
    s->udp = udp;
    s->fd = fd;
    s->next = p->dns_sockets;
    p->dns_sockets = s;
}

/* The addresses of all entries of the answerer: in `a`. */
static size_t addresses_of(const struct dns_entry *e, struct arena *a, const char *out[LISTEN_MAX])
{
    json_t *all = json_loads(e->settings, 0, NULL);
    const json_t *list = json_object_get(all, "listen");
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list) && n < LISTEN_MAX; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text != NULL)
            out[n++] = arena_dup_c(a, text);
    }
    json_decref(all);
    return n;
}

static bool is_named(const struct parent *p, const struct dns_socket *s)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    for (size_t i = 0; i < p->settings.dns_n; i++) {
        const struct dns_entry *e = &p->settings.dns[i];
        const char *addresses[LISTEN_MAX];
        size_t n = is_builtin(e) ? addresses_of(e, a, addresses) : 0;
        for (size_t k = 0; k < n; k++)
            if (strcmp(addresses[k], s->address) == 0)
                return true;
    }
    return false;
}

static void close_unnamed(struct parent *p)
{
    for (struct dns_socket **at = &p->dns_sockets; *at != NULL;) {
        struct dns_socket *s = *at;
        if (is_named(p, s)) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        close(s->fd);
        free(s->address);
        free(s);
    }
}

static void open_all(struct parent *p)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    close_unnamed(p);
    for (size_t i = 0; i < p->settings.dns_n; i++) {
        const struct dns_entry *e = &p->settings.dns[i];
        const char *addresses[LISTEN_MAX];
        size_t n = is_builtin(e) ? addresses_of(e, a, addresses) : 0;
        for (size_t k = 0; k < n; k++) {
            open_one(p, e->name, addresses[k], true);
            open_one(p, e->name, addresses[k], false);
        }
    }
}

/* --- what it is told --- */

static int send_entry(struct channel *c, const struct dns_entry *e, struct err *err)
{
    struct buf propagation ATTR_CLEANUP(buf_free) = buf_new(MSG_SMALL);
    if (e->has_propagation)
        propagation_encode(&e->propagation, &propagation);
    const struct msg_dns_entry m = {e->name, e->provider, e->kind, e->settings, buf_c(&propagation)};
    return channel_send(c, MSG_dns_entry, 0, &m, -1, err);
}

static int send_all(const struct parent *p, struct channel *c, struct err *err)
{
    struct buf propagation ATTR_CLEANUP(buf_free) = buf_new(MSG_SMALL);
    propagation_encode(&p->settings.propagation, &propagation);
    int r = channel_send(c, MSG_dns_begin, 0, &(struct msg_dns_begin){buf_c(&propagation)}, -1, err);
    for (size_t i = 0; r == 0 && i < p->settings.dns_n; i++)
        if ((r = send_entry(c, &p->settings.dns[i], err)) < 0)
            err_prefix(err, "%s", p->settings.dns[i].name);
    if (r == 0)
        r = channel_send(c, MSG_dns_end, 0, &(struct msg_dns_end){true}, -1, err);
    for (const struct dns_socket *s = p->dns_sockets; r == 0 && s != NULL; s = s->next)
        r = channel_send(c, MSG_dns_listen, 0, &(struct msg_dns_listen){s->address, s->udp}, s->fd, err);
    return r;
}

void solver_feed(struct parent *p)
{
    struct channel *c = member_channel(p, MEMBER_SOLVER);
    struct err err = ERR_INIT;
    open_all(p);
    p->providers_seen = seen();
    if (c != NULL && send_all(p, c, &err) < 0)
        log_error("%s", err.text);
}

int solver_start(struct parent *p, struct err *err)
{
    return p->members[MEMBER_SOLVER].wanted ? 0 : member_start(p, MEMBER_SOLVER, err);
}

void solver_need(struct parent *p, uint32_t id)
{
    struct err err = ERR_INIT;
    int r = solver_start(p, &err);
    if (r == 0 && member_channel(p, MEMBER_SOLVER) == NULL) { /* it died, and is started again in a moment */
        p->solver_asked = id;
        p->solver_asked_life = p->engine_life;
        return;
    }
    engine_done(p, p->engine_life, id, r < 0 ? &err : NULL);
}

void solver_started(struct parent *p)
{
    if (p->solver_asked != 0)
        engine_done(p, p->solver_asked_life, p->solver_asked, NULL);
    p->solver_asked = 0;
}

void solver_reload(struct parent *p)
{
    struct err err = ERR_INIT;
    if (!p->members[MEMBER_SOLVER].wanted) {
        if (solver_is_wanted(p) && solver_start(p, &err) < 0)
            log_error("%s", err.text);
    } else if (seen() != p->providers_seen) {
        member_replace(p, MEMBER_SOLVER);
    } else {
        solver_feed(p);
    }
}
