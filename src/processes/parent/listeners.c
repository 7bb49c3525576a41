/* Sockets for http-01: bound here, where the rights are, and handed to the responder. */
#include "processes/parent/parent.h"

#include "os/socket.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool listeners_wanted(const struct parent *p)
{
    for (size_t i = 0; i < p->settings.certificate_n; i++)
        if (p->settings.certificates[i].webroot[0] == '\0')
            return true;
    return false;
}

static bool is_open(const struct parent *p, const char *address)
{
    for (const struct listener *l = p->listeners; l != NULL; l = l->next)
        if (strcmp(l->address, address) == 0)
            return true;
    return false;
}

static int open_one(struct parent *p, const char *address, struct err *err)
{
    int fd;
    int r = socket_listen_tcp(address, &fd, err);
    if (r < 0)
        return r;
    struct listener *l = calloc(1, sizeof *l);
    if (l == NULL || (l->address = strdup(address)) == NULL)
        abort();
    l->fd = fd;
    l->next = p->listeners;
    p->listeners = l;
    return 0;
}

int listeners_open(struct parent *p, struct err *err)
{
    size_t open_n = 0;
    struct err missing = ERR_INIT;
    for (size_t i = 0; i < p->settings.http01_listen_n; i++) {
        const char *address = p->settings.http01_listen[i];
        int r = is_open(p, address) ? 0 : open_one(p, address, &missing);
        /* A machine without IPv6 is served by the other address; every other failure is one. */
        if (r < 0 && r != ERR_NOT_FOUND) {
            *err = missing;
            if (r == ERR_EXISTS && p->options.dry_run)
                err_prefix(err,
                    "a dry run needs a port of its own: where a daemon of evercert listens already, give "
                    "--webroot or --http-port");
            return r;
        }
        if (r < 0)
            log_debug("%s", missing.text);
        else
            open_n++;
    }
    if (open_n > 0 || p->settings.http01_listen_n == 0)
        return 0;
    *err = missing;
    return missing.code;
}

void listeners_send(struct parent *p)
{
    struct err err = ERR_INIT;
    struct channel *c = member_channel(p, MEMBER_RESPONDER);
    for (const struct listener *l = p->listeners; l != NULL; l = l->next)
        if (channel_send(c, MSG_listen, 0, &(struct msg_listen){.address = l->address}, l->fd, &err) < 0)
            log_error("%s: %s", l->address, err.text);
}

static bool is_named(const struct parent *p, const char *address)
{
    for (size_t i = 0; i < p->settings.http01_listen_n; i++)
        if (strcmp(p->settings.http01_listen[i], address) == 0)
            return true;
    return false;
}

int listeners_reload(struct parent *p, struct err *err)
{
    struct listener *before = p->listeners;
    for (struct listener **at = &p->listeners; *at != NULL;) {
        struct listener *l = *at;
        if (is_named(p, l->address)) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        close(l->fd);
        free(l->address);
        free(l);
    }
    if (before == NULL && !listeners_wanted(p))
        return 0;
    int r = listeners_open(p, err);
    struct channel *c = member_channel(p, MEMBER_RESPONDER);
    if (c == NULL)
        return r < 0 || p->members[MEMBER_RESPONDER].wanted ? r : member_start(p, MEMBER_RESPONDER, err);
    int sent = channel_send(c, MSG_unlisten, 0, &(struct msg_unlisten){true}, -1, err);
    listeners_send(p);
    return r < 0 ? r : sent;
}
