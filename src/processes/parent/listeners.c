/* Sockets for the challenges that are answered here: bound here, where the rights are, and handed to the
 * responder. A kind of challenge that cannot listen fails alone. */
#include "processes/parent/parent.h"

#include "os/socket.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct addresses {
    const char *const *p;
    size_t n;
} addresses_of(const struct parent *p, enum acme_challenge kind)
{
    if (kind == CHALLENGE_TLS_ALPN_01)
        return (struct addresses){p->settings.tls_alpn01_listen, p->settings.tls_alpn01_listen_n};
    return (struct addresses){p->settings.http01_listen, p->settings.http01_listen_n};
}

/* Whether the configuration has a certificate that the responder answers for in that way. */
static bool is_wanted(const struct parent *p, enum acme_challenge kind)
{
    return !acme_challenge_in_dns(kind) && declared_asks(p->declared, kind);
}

/* --- opening --- */

static bool is_open(const struct parent *p, enum acme_challenge kind, const char *address)
{
    for (const struct listener *l = p->listeners; l != NULL; l = l->next)
        if (l->challenge == kind && strcmp(l->address, address) == 0)
            return true;
    return false;
}

/* What to do about a port that somebody has, where the socket's own advice does not fit. */
static void advise(const struct parent *p, enum acme_challenge kind, const char *address, struct err *err)
{
    if (err->code != ERR_EXISTS)
        return;
    if (p->options.dry_run)
        err_prefix(err,
            "a dry run needs a port of its own: where a daemon of evercert listens already, give --webroot, "
            "--http-port or --tls-port");
    else if (kind == CHALLENGE_TLS_ALPN_01)
        err_set(err, ERR_EXISTS,
            "cannot listen on %s: the port is in use, most likely by a web server. Either use another "
            "challenge, or have that server pass connections with the ALPN protocol acme-tls/1 on to another "
            "address and set that one here (tls-alpn-01.listen); examples/nginx/tls-alpn-01.conf shows how",
            address);
}

static int open_one(struct parent *p, enum acme_challenge kind, const char *address, struct err *err)
{
    int fd;
    int r = socket_listen_tcp(address, &fd, err);
    if (r < 0)
        return r;
    struct listener *l = calloc(1, sizeof *l);
    if (l == NULL || (l->address = strdup(address)) == NULL)
        abort();
    l->challenge = kind;
    l->fd = fd;
    l->next = p->listeners;
    p->listeners = l;
    return 0;
}

static void close_first(struct listener **at)
{
    struct listener *l = *at;
    *at = l->next;
    close(l->fd);
    free(l->address);
    free(l);
}

/* All addresses of that kind that this machine has; new ones stand first in the list. */
static int open_all(struct parent *p, enum acme_challenge kind, struct err *err)
{
    struct addresses wanted = addresses_of(p, kind);
    size_t open_n = 0;
    struct err missing = ERR_INIT;
    for (size_t i = 0; i < wanted.n; i++) {
        int r = is_open(p, kind, wanted.p[i]) ? 0 : open_one(p, kind, wanted.p[i], &missing);
        /* A machine without IPv6 is served by the other address; every other failure is one. */
        if (r < 0 && r != ERR_NOT_FOUND) {
            advise(p, kind, wanted.p[i], &missing);
            *err = missing;
            return r;
        }
        if (r < 0)
            log_debug("%s", missing.text);
        else
            open_n++;
    }
    if (open_n > 0 || wanted.n == 0)
        return 0;
    *err = missing;
    return missing.code;
}

bool listeners_have(const struct parent *p, enum acme_challenge kind)
{
    const struct listener *l = p->listeners;
    while (l != NULL && l->challenge != kind)
        l = l->next;
    return l != NULL;
}

/* It was started without what OpenSSL takes, which is more than all the rest of it. */
static bool responder_lacks_tls(const struct parent *p)
{
    return listeners_have(p, CHALLENGE_TLS_ALPN_01) && !p->responder_has_tls;
}

static void send_until(struct parent *p, const struct listener *end)
{
    struct err err = ERR_INIT;
    struct channel *c = member_channel(p, MEMBER_RESPONDER);
    for (const struct listener *l = p->listeners; c != NULL && l != end; l = l->next)
        if (channel_send(c, MSG_listen, 0, &(struct msg_listen){l->address, l->challenge}, l->fd, &err) < 0)
            log_error("%s: %s", l->address, err.text);
}

void listeners_send(struct parent *p)
{
    send_until(p, NULL);
}

/* All of them or none: on a socket that stays open nobody would answer. */
static int open_kind(struct parent *p, enum acme_challenge kind, struct err *err)
{
    struct listener *before = p->listeners;
    int r = open_all(p, kind, err);
    while (r < 0 && p->listeners != before)
        close_first(&p->listeners);
    return r < 0 ? err_prefix(err, "%s", acme_challenge_text(kind)) : 0;
}

/* --- for whom --- */

int listeners_need(struct parent *p, enum acme_challenge kind, struct err *err)
{
    struct listener *before = p->listeners;
    int r = open_kind(p, kind, err);
    if (r < 0)
        return r;
    if (!is_wanted(p, kind))
        p->listeners_lent[kind] = true;
    if (!p->members[MEMBER_RESPONDER].wanted)
        return member_start(p, MEMBER_RESPONDER, err);
    if (responder_lacks_tls(p))
        member_replace(p, MEMBER_RESPONDER);
    else
        send_until(p, before);
    return 0;
}

int listeners_start(struct parent *p, struct err *err)
{
    int failed[CHALLENGE_END_] = {0};
    struct err why[CHALLENGE_END_];
    for (int k = 0; k < CHALLENGE_END_; k++) {
        why[k] = (struct err)ERR_INIT;
        if (is_wanted(p, (enum acme_challenge)k))
            failed[k] = open_kind(p, (enum acme_challenge)k, &why[k]);
    }
    enum acme_challenge first;
    const char *stranded = declared_stranded(p->declared, failed, &first);
    if (stranded != NULL) {
        *err = why[first];
        return err_prefix(err, "%s", stranded);
    }
    for (int k = 0; k < CHALLENGE_END_; k++)
        if (failed[k] < 0)
            log_warning("%s; the other challenges of the certificates that name it are used", why[k].text);
    return 0;
}

static bool is_named(const struct parent *p, const struct listener *l)
{
    struct addresses named = addresses_of(p, l->challenge);
    for (size_t i = 0; i < named.n; i++)
        if (strcmp(named.p[i], l->address) == 0)
            return true;
    return false;
}

/* What is open and no longer to be, goes; whether there was one of each kind is left in `had`. */
static void close_unwanted(struct parent *p, bool had[CHALLENGE_END_])
{
    for (struct listener **at = &p->listeners; *at != NULL;) {
        struct listener *l = *at;
        bool wanted = is_wanted(p, l->challenge) || p->listeners_lent[l->challenge];
        had[l->challenge] = had[l->challenge] || wanted;
        if (wanted && is_named(p, l))
            at = &l->next;
        else
            close_first(at);
    }
}

int listeners_reload(struct parent *p, struct err *err)
{
    bool had[CHALLENGE_END_] = {false}, any = p->listeners != NULL;
    struct err why = ERR_INIT;
    close_unwanted(p, had);
    for (int k = 0; k < CHALLENGE_END_; k++) {
        enum acme_challenge kind = (enum acme_challenge)k;
        if ((had[k] || is_wanted(p, kind)) && open_kind(p, kind, &why) < 0)
            log_error("%s", why.text);
    }
    if (!any && p->listeners == NULL)
        return 0;
    struct channel *c = member_channel(p, MEMBER_RESPONDER);
    if (c != NULL && responder_lacks_tls(p)) {
        member_replace(p, MEMBER_RESPONDER);
        return 0;
    }
    if (c == NULL)
        return p->members[MEMBER_RESPONDER].wanted ? 0 : member_start(p, MEMBER_RESPONDER, err);
    int r = channel_send(c, MSG_unlisten, 0, &(struct msg_unlisten){true}, -1, err);
    listeners_send(p);
    return r;
}
