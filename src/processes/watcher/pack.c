#include "processes/watcher/pack.h"

#include <stdlib.h>
#include <string.h>

/* The same is gone through twice: the first time there is no memory yet, and what it takes is counted. Lists
 * come first in it, texts behind them, so that nothing is lost to alignment. */
struct packer {
    char *lists, *texts; /* NULL while it is counted */
    size_t list_n, text_n;
};

static void *put_list(struct packer *p, const void *list, size_t n, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    size_t octets = (n * size + align - 1) / align * align;
    void *to = p->lists != NULL ? p->lists + p->list_n : NULL;
    p->list_n += octets;
    if (to != NULL && n > 0)
        memcpy(to, list, n * size);
    return to;
}

static void put_text(struct packer *p, const char **out, const char *text)
{
    size_t n = strlen(text) + 1;
    const char *to = "";
    if (n > 1) {
        if (p->texts != NULL)
            to = memcpy(p->texts + p->text_n, text, n);
        p->text_n += n;
    }
    if (out != NULL)
        *out = to;
}

/* Where is `to`: the copy in the place that it has got, or the original while it is counted. */
#define PUT(p, to, from, member) put_text((p), (to) != NULL ? &(to)->member : NULL, (from)->member)

static const struct pair *put_pairs(struct packer *p, const struct pair *from, size_t n)
{
    struct pair *to = put_list(p, from, n, sizeof *from);
    for (size_t i = 0; i < n; i++) {
        PUT(p, to != NULL ? &to[i] : NULL, &from[i], name);
        PUT(p, to != NULL ? &to[i] : NULL, &from[i], value);
    }
    return to;
}

static const char *const *put_texts(struct packer *p, const char *const *from, size_t n)
{
    const char **to = put_list(p, from, n, sizeof *from);
    for (size_t i = 0; i < n; i++)
        put_text(p, to != NULL ? &to[i] : NULL, from[i]);
    return to;
}

static const struct container_network *put_networks(
    struct packer *p, const struct container_network *from, size_t n)
{
    struct container_network *all = put_list(p, from, n, sizeof *from);
    for (size_t i = 0; i < n; i++) {
        struct container_network *to = all != NULL ? &all[i] : NULL;
        PUT(p, to, &from[i], name);
        PUT(p, to, &from[i], ip);
        PUT(p, to, &from[i], ip6);
        PUT(p, to, &from[i], gateway);
        const char *const *aliases = put_texts(p, from[i].aliases, from[i].alias_n);
        if (to != NULL)
            to->aliases = aliases;
    }
    return all;
}

static const struct container_port *put_ports(struct packer *p, const struct container_port *from, size_t n)
{
    struct container_port *all = put_list(p, from, n, sizeof *from);
    for (size_t i = 0; i < n; i++) {
        struct container_port *to = all != NULL ? &all[i] : NULL;
        PUT(p, to, &from[i], protocol);
        PUT(p, to, &from[i], host_address);
    }
    return all;
}

static const struct container_mount *put_mounts(
    struct packer *p, const struct container_mount *from, size_t n)
{
    struct container_mount *all = put_list(p, from, n, sizeof *from);
    for (size_t i = 0; i < n; i++) {
        struct container_mount *to = all != NULL ? &all[i] : NULL;
        PUT(p, to, &from[i], type);
        PUT(p, to, &from[i], source);
        PUT(p, to, &from[i], destination);
        PUT(p, to, &from[i], name);
    }
    return all;
}

static struct container *put_container(struct packer *p, const struct container *from)
{
    struct container *to = put_list(p, from, 1, sizeof *from);
    const struct pair *labels = put_pairs(p, from->labels, from->label_n);
    const struct pair *env = put_pairs(p, from->env, from->env_n);
    const struct container_network *networks = put_networks(p, from->networks, from->network_n);
    const struct container_port *ports = put_ports(p, from->ports, from->port_n);
    const struct container_mount *mounts = put_mounts(p, from->mounts, from->mount_n);
    PUT(p, to, from, engine);
    PUT(p, to, from, id);
    PUT(p, to, from, name);
    PUT(p, to, from, image);
    PUT(p, to, from, hostname);
    PUT(p, to, from, project);
    PUT(p, to, from, service_name);
    PUT(p, to, from, state);
    PUT(p, to, from, health);
    PUT(p, to, from, network_mode);
    if (to != NULL) {
        to->labels = labels;
        to->env = env;
        to->networks = networks;
        to->ports = ports;
        to->mounts = mounts;
    }
    return to;
}

struct container *container_pack(const struct container *c)
{
    struct packer count = {.lists = NULL};
    (void)put_container(&count, c);
    char *memory = malloc(count.list_n + count.text_n);
    if (memory == NULL)
        abort();
    struct packer p = {.lists = memory, .texts = memory + count.list_n};
    return put_container(&p, c);
}
