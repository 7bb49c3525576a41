#include "template_world.h"

#include <stdlib.h>
#include <string.h>

static const char *text(const json_t *o, const char *name, const char *otherwise, struct arena *a)
{
    const char *value = json_string_value(json_object_get(o, name));
    return arena_dup_c(a, value != NULL ? value : otherwise);
}

static int64_t number(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

static const struct pair *pairs(const json_t *o, size_t *n, struct arena *a)
{
    struct pair *list = arena_array(a, json_object_size(o), sizeof *list);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)o, key, value)
    {
        list[(*n)++] = (struct pair){arena_dup_c(a, key), arena_dup_c(a, json_string_value(value))};
    }
    if (*n > 0)
        qsort(list, *n, sizeof *list, by_name);
    return list;
}

static void read_networks(const json_t *list, struct container *c, struct arena *a)
{
    struct container_network *networks = arena_array(a, json_array_size(list), sizeof *networks);
    const json_t *o;
    size_t i, j;
    json_array_foreach(list, i, o)
    {
        const json_t *alias, *all = json_object_get(o, "aliases");
        const char **aliases = arena_array(a, json_array_size(all), sizeof *aliases);
        json_array_foreach(all, j, alias)
        {
            aliases[j] = arena_dup_c(a, json_string_value(alias));
        }
        networks[i] = (struct container_network){text(o, "name", "", a), text(o, "ip", "", a),
            text(o, "ip6", "", a), text(o, "gateway", "", a), aliases, json_array_size(all)};
    }
    c->networks = networks;
    c->network_n = json_array_size(list);
}

static void read_ports(const json_t *list, struct container *c, struct arena *a)
{
    struct container_port *ports = arena_array(a, json_array_size(list), sizeof *ports);
    const json_t *o;
    size_t i;
    json_array_foreach(list, i, o)
    {
        ports[i] = (struct container_port){(unsigned)number(o, "port"), text(o, "protocol", "tcp", a),
            text(o, "host_address", "", a), (unsigned)number(o, "host_port")};
    }
    c->ports = ports;
    c->port_n = json_array_size(list);
}

static void read_mounts(const json_t *list, struct container *c, struct arena *a)
{
    struct container_mount *mounts = arena_array(a, json_array_size(list), sizeof *mounts);
    const json_t *o;
    size_t i;
    json_array_foreach(list, i, o)
    {
        mounts[i] = (struct container_mount){text(o, "type", "bind", a), text(o, "source", "", a),
            text(o, "destination", "", a), text(o, "name", "", a),
            json_is_true(json_object_get(o, "writable"))};
    }
    c->mounts = mounts;
    c->mount_n = json_array_size(list);
}

static const struct container *container(const json_t *o, struct arena *a)
{
    struct container *c = arena_alloc(a, sizeof *c);
    c->engine = text(o, "engine", "docker", a);
    c->service = json_is_true(json_object_get(o, "is_service"));
    c->id = text(o, "id", "", a);
    c->name = text(o, "name", "", a);
    c->image = text(o, "image", "", a);
    c->hostname = text(o, "hostname", "", a);
    c->project = text(o, "project", "", a);
    c->service_name = text(o, "service", "", a);
    c->state = text(o, "state", "running", a);
    c->health = text(o, "health", "", a);
    c->network_mode = text(o, "network_mode", "bridge", a);
    c->created_s = number(o, "created");
    c->started_s = number(o, "started");
    c->restarts = number(o, "restarts");
    c->labels = pairs(json_object_get(o, "labels"), &c->label_n, a);
    c->env = pairs(json_object_get(o, "env"), &c->env_n, a);
    read_networks(json_object_get(o, "networks"), c, a);
    read_ports(json_object_get(o, "ports"), c, a);
    read_mounts(json_object_get(o, "mounts"), c, a);
    return c;
}

static const char *written(const json_t *value, struct arena *a)
{
    char *json = json_dumps(value, JSON_COMPACT);
    const char *copy = arena_dup_c(a, json != NULL ? json : "{}");
    free(json);
    return copy;
}

struct template_model template_world(const json_t *root, struct arena *a)
{
    const json_t *o, *containers = json_object_get(root, "containers");
    const json_t *certificates = json_object_get(root, "certificates");
    const struct container **list = arena_array(a, json_array_size(containers), sizeof *list);
    const char **rows = arena_array(a, json_array_size(certificates), sizeof *rows);
    size_t i;
    json_array_foreach(containers, i, o)
    {
        list[i] = container(o, a);
    }
    json_array_foreach(certificates, i, o)
    {
        rows[i] = written(o, a);
    }
    return (struct template_model){list, json_array_size(containers), rows, json_array_size(certificates),
        written(json_object_get(root, "settings"), a)};
}
