#include "docker/decode.h"

#include "base/attr.h"
#include "base/time.h"
#include "docker/decode_priv.h"
#include "docker/json.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { MOUNT_PATH_MAX = 4096 /* PATH_MAX of Linux */ };

bool docker_id_fits(struct str id, size_t max)
{
    for (size_t i = 0; i < id.n; i++) {
        char c = str_lower(id.p[i]);
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || (c != '_' && c != '.' && c != '-')))
            return false;
    }
    return id.n > 0 && id.n <= max;
}

int decode_id(struct str text, const char *what, struct err *err)
{
    if (!docker_id_fits(text, DOCKER_ID_MAX))
        return err_set(err, ERR_INPUT, "%s without an id that can be used", what);
    return 0;
}

/* --- texts --- */

const char *decode_line(struct arena *a, struct str s)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new((size_t)2 * CONTAINER_NAME_MAX);
    text_clean(&text, s, CONTAINER_NAME_MAX - 3);
    return arena_dup_c(a, buf_c(&text));
}

/* What JSON's parser let through is UTF-8, so a C1 control is 0xc2 and an octet below 0xa0. A CR is a line
 * break or part of one. */
static char *clean_lines(struct arena *a, struct str s)
{
    char *out = arena_dup(a, s), *to = out;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i], next = i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0;
        if (c == '\r' && next == '\n')
            continue;
        if (c == 0xc2 && next >= 0x80 && next < 0xa0)
            i++, *to++ = '?';
        else if (c == '\r')
            *to++ = '\n';
        else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            *to++ = '?';
        else
            *to++ = (char)c;
    }
    *to = '\0';
    return out;
}

/* "" for what is no address. */
static const char *address(struct arena *a, struct str s)
{
    struct in6_addr bin;
    char *text = arena_dup(a, s);
    bool good =
        strlen(text) == s.n && (inet_pton(AF_INET, text, &bin) == 1 || inet_pton(AF_INET6, text, &bin) == 1);
    return good ? text : "";
}

/* The word of `words` that it is; "" for any other. */
static const char *word_of(struct str s, const char *const *words)
{
    for (; *words != NULL; words++)
        if (str_eq_c(s, *words))
            return *words;
    return "";
}

/* --- labels and variables --- */

void decode_pairs_begin(struct decode_pairs *p, struct arena *a)
{
    *p = (struct decode_pairs){.a = a};
}

void decode_pair(struct decode_pairs *p, struct str name, struct str value)
{
    if (name.n == 0)
        return;
    if (name.n > CONTAINER_TEXT_MAX || value.n > CONTAINER_TEXT_MAX - name.n || p->n == CONTAINER_PAIRS_MAX) {
        p->left_out++;
        return;
    }
    p->rows[p->n] = (struct decode_row){{clean_lines(p->a, name), clean_lines(p->a, value)}, p->n};
    p->n++;
}

static int by_name_and_place(const void *a, const void *b)
{
    const struct decode_row *x = a, *y = b;
    int r = strcmp(x->pair.name, y->pair.name);
    return r != 0 ? r : (x->at > y->at) - (x->at < y->at);
}

const struct pair *decode_pairs_end(struct decode_pairs *p, size_t *n)
{
    struct pair *out = arena_array(p->a, p->n, sizeof *out);
    if (p->n > 0)
        qsort(p->rows, p->n, sizeof *p->rows, by_name_and_place);
    *n = 0;
    for (size_t i = 0; i < p->n; i++) /* of those with one name the last one counts */
        if (i + 1 == p->n || strcmp(p->rows[i].pair.name, p->rows[i + 1].pair.name) != 0)
            out[(*n)++] = p->rows[i].pair;
    return out;
}

void decode_labels(struct decode_pairs *p, const json_t *labels)
{
    json_t *object = (json_t *)(uintptr_t)labels; /* jansson's iterators know no const */
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i))
        decode_pair(p, (struct str){json_object_iter_key(i), json_object_iter_key_len(i)},
            dj_str(json_object_iter_value(i)));
}

void decode_env(struct container *c, const json_t *env, struct arena *a)
{
    struct decode_pairs p;
    struct str name, value;
    decode_pairs_begin(&p, a);
    for (size_t i = 0; i < json_array_size(env); i++)
        if (str_cut(dj_str(json_array_get(env, i)), '=', &name, &value)) /* without '=' it is unset */
            decode_pair(&p, name, value);
    c->env = decode_pairs_end(&p, &c->env_n);
    c->left_out += p.left_out;
}

/* Who wrote it, the labels that say the project and the service. Of two that are there the first one counts.
 */
static const struct {
    const char *project, *service;
} belongings[] = {
    {"com.docker.compose.project", "com.docker.compose.service"},
    {"io.podman.compose.project", "io.podman.compose.service"},
    {"com.docker.stack.namespace", "com.docker.swarm.service.name"},
};

void decode_belonging(struct container *c, struct arena *a)
{
    c->project = c->service_name = "";
    for (size_t i = 0; i < ARRAY_LEN(belongings); i++) {
        const char *project = container_label(c, belongings[i].project);
        const char *service = container_label(c, belongings[i].service);
        if (project == NULL && service == NULL)
            continue;
        c->project = decode_line(a, str_c(project));
        c->service_name = decode_line(a, str_c(service));
        return;
    }
}

/* --- networks, ports, mounts --- */

static int network_by_name(const void *a, const void *b)
{
    const struct container_network *x = a, *y = b;
    return strcmp(x->name, y->name);
}

void decode_networks_sort(struct container_network *networks, size_t n)
{
    if (n > 0)
        qsort(networks, n, sizeof *networks, network_by_name);
}

const char *const *decode_lines(const json_t *array, struct arena *a, size_t *n)
{
    size_t size = json_array_size(array);
    size = size < CONTAINER_ITEMS_MAX ? size : CONTAINER_ITEMS_MAX;
    const char **out = arena_array(a, size, sizeof *out);
    *n = 0;
    for (size_t i = 0; i < size; i++) {
        struct str s = dj_str(json_array_get(array, i));
        if (s.n > 0)
            out[(*n)++] = decode_line(a, s);
    }
    return out;
}

static void read_networks(struct container *c, const json_t *networks, struct arena *a)
{
    json_t *object = (json_t *)(uintptr_t)networks;
    size_t n = json_object_size(networks);
    struct container_network *out =
        arena_array(a, n < CONTAINER_ITEMS_MAX ? n : CONTAINER_ITEMS_MAX, sizeof *out);
    for (void *i = json_object_iter(object); i != NULL && c->network_n < CONTAINER_ITEMS_MAX;
         i = json_object_iter_next(object, i)) {
        const json_t *v = json_object_iter_value(i);
        struct container_network *to = &out[c->network_n++];
        to->name = decode_line(a, (struct str){json_object_iter_key(i), json_object_iter_key_len(i)});
        to->ip = address(a, dj_text(v, "IPAddress"));
        to->ip6 = address(a, dj_text(v, "GlobalIPv6Address"));
        to->gateway = address(a, dj_text(v, "Gateway"));
        to->aliases = decode_lines(dj_array(v, "Aliases"), a, &to->alias_n);
    }
    decode_networks_sort(out, c->network_n);
    c->networks = out;
}

/* "80/tcp"; false for what is no port. */
static bool port_parse(struct str s, struct container_port *out)
{
    static const char *const protocols[] = {"tcp", "udp", "sctp", NULL};
    struct str number, protocol;
    uint64_t port = 0;
    if (!str_cut(s, '/', &number, &protocol))
        protocol = STR("tcp");
    if (!str_to_u64(number, 65535, &port) || port == 0)
        return false;
    *out = (struct container_port){(unsigned)port, word_of(protocol, protocols), "", 0};
    return out->protocol[0] != '\0';
}

static void add_port(struct container *c, struct container_port *out, const struct container_port *port)
{
    if (c->port_n < CONTAINER_ITEMS_MAX)
        out[c->port_n++] = *port;
}

static bool port_is_there(
    const struct container *c, const struct container_port *out, unsigned port, const char *protocol)
{
    for (size_t i = 0; i < c->port_n; i++)
        if (out[i].port == port && strcmp(out[i].protocol, protocol) == 0)
            return true;
    return false;
}

/* `bound`: NetworkSettings.Ports, of a container that runs; `exposed`: Config.ExposedPorts, of any. */
static void read_ports(struct container *c, const json_t *bound, const json_t *exposed, struct arena *a)
{
    struct container_port out[CONTAINER_ITEMS_MAX], port;
    json_t *object = (json_t *)(uintptr_t)bound;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        const json_t *to = json_object_iter_value(i);
        if (!port_parse((struct str){json_object_iter_key(i), json_object_iter_key_len(i)}, &port))
            continue;
        for (size_t k = 0; k < json_array_size(to); k++) {
            struct container_port published = port;
            uint64_t host_port = 0;
            str_to_u64(dj_text(json_array_get(to, k), "HostPort"), 65535, &host_port);
            published.host_port = (unsigned)host_port;
            published.host_address = address(a, dj_text(json_array_get(to, k), "HostIp"));
            add_port(c, out, &published);
        }
        if (json_array_size(to) == 0)
            add_port(c, out, &port);
    }
    object = (json_t *)(uintptr_t)exposed;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i))
        if (port_parse((struct str){json_object_iter_key(i), json_object_iter_key_len(i)}, &port) &&
            !port_is_there(c, out, port.port, port.protocol))
            add_port(c, out, &port);
    struct container_port *kept = arena_array(a, c->port_n, sizeof *kept);
    if (c->port_n > 0)
        memcpy(kept, out, c->port_n * sizeof *kept);
    c->ports = kept;
}

static void read_mounts(struct container *c, const json_t *mounts, struct arena *a)
{
    size_t n = json_array_size(mounts);
    n = n < CONTAINER_ITEMS_MAX ? n : CONTAINER_ITEMS_MAX;
    struct container_mount *out = arena_array(a, n, sizeof *out);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(mounts, i);
        struct str source = dj_text(v, "Source"), destination = dj_text(v, "Destination");
        if (source.n > MOUNT_PATH_MAX || destination.n == 0 || destination.n > MOUNT_PATH_MAX)
            continue;
        out[c->mount_n++] = (struct container_mount){.type = decode_line(a, dj_text(v, "Type")),
            .source = clean_lines(a, source),
            .destination = clean_lines(a, destination),
            .name = decode_line(a, dj_text(v, "Name")),
            .writable = dj_true(v, "RW")};
    }
    c->mounts = out;
}

/* --- the whole --- */

int64_t decode_time(const json_t *object, const char *member)
{
    struct wall at = {0};
    int64_t number = dj_number(object, member, INT64_MAX / 2, 0);
    return wall_parse_rfc3339(dj_text(object, member), &at) == 0 ? at.s : number;
}

/* The words of the model, and those of podman beside them. */
static const struct {
    const char *theirs, *ours;
} states[] = {
    {"created", "created"},
    {"running", "running"},
    {"paused", "paused"},
    {"restarting", "restarting"},
    {"exited", "exited"},
    {"removing", "removing"},
    {"dead", "dead"},
    {"configured", "created"},
    {"initialized", "created"},
    {"stopping", "running"},
    {"stopped", "exited"},
};

static const char *state_of(struct str s)
{
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (str_eq_c(s, states[i].theirs))
            return states[i].ours;
    return "dead";
}

int decode_container(
    struct str json, const char *engine, struct arena *a, struct container *out, struct err *err)
{
    static const char *const healths[] = {"starting", "healthy", "unhealthy", NULL};
    json_t *j ATTR_CLEANUP(dj_freep) = NULL;
    struct decode_pairs labels;
    int r = dj_load(json, &j, err);
    if (r < 0 || (r = decode_id(dj_text(j, "Id"), "a container", err)) < 0)
        return r;
    const json_t *config = dj_object(j, "Config"), *state = dj_object(j, "State");
    const json_t *network = dj_object(j, "NetworkSettings");
    struct str name = dj_text(j, "Name");
    if (name.n > 0 && name.p[0] == '/')
        name = (struct str){name.p + 1, name.n - 1};
    struct container c = {.engine = arena_dup_c(a, engine), .id = arena_dup(a, dj_text(j, "Id"))};
    c.name = decode_line(a, name);
    c.image = decode_line(a, dj_text(config, "Image"));
    c.hostname = decode_line(a, dj_text(config, "Hostname"));
    c.network_mode = decode_line(a, dj_text(dj_object(j, "HostConfig"), "NetworkMode"));
    c.state = state_of(dj_text(state, "Status"));
    c.health = word_of(dj_text(dj_object(state, "Health"), "Status"), healths);
    c.created_s = decode_time(j, "Created");
    c.started_s = decode_time(state, "StartedAt");
    c.restarts = dj_number(j, "RestartCount", INT64_MAX, 0);
    decode_pairs_begin(&labels, a);
    decode_labels(&labels, dj_object(config, "Labels"));
    c.labels = decode_pairs_end(&labels, &c.label_n);
    c.left_out = labels.left_out;
    decode_env(&c, dj_array(config, "Env"), a);
    decode_belonging(&c, a);
    read_networks(&c, dj_object(network, "Networks"), a);
    read_ports(&c, dj_object(network, "Ports"), dj_object(config, "ExposedPorts"), a);
    read_mounts(&c, dj_array(j, "Mounts"), a);
    *out = c;
    return 0;
}
