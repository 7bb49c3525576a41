/* An engine that is followed, for tests: docker_run SOCKET [CA CERT KEY] [insecure] connects to it (as the
 * parent would) and prints a line of JSON for each put, gone, died and state. Lines of standard input:
 *   rescan | signal ID NAME | restart ID | exec ID TIMEOUT USER WORD... | service-signal ID NAME
 *   | service-restart ID | memory
 * An action is answered by {"done": ..., "output": ..., "error": ..., "code": ...} ("-" is no user). Ends
 * with the input. */
#include "docker/follow.h"
#include "os/socket.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct event_base *base;
static struct docker *docker;
static const char *path;

static void print(json_t *j)
{
    json_dumpf(j, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(j);
}

static json_t *pairs(const struct pair *p, size_t n)
{
    json_t *j = json_object();
    for (size_t i = 0; i < n; i++)
        json_object_set_new(j, p[i].name, json_string(p[i].value));
    return j;
}

static json_t *networks(const struct container *c)
{
    json_t *all = json_array();
    for (size_t i = 0; i < c->network_n; i++) {
        const struct container_network *n = &c->networks[i];
        json_t *aliases = json_array();
        for (size_t k = 0; k < n->alias_n; k++)
            json_array_append_new(aliases, json_string(n->aliases[k]));
        json_array_append_new(all, json_pack("{ss ss ss ss so}", "name", n->name, "ip", n->ip, "ip6", n->ip6,
                                       "gateway", n->gateway, "aliases", aliases));
    }
    return all;
}

static json_t *ports_and_mounts(const struct container *c)
{
    json_t *ports = json_array(), *mounts = json_array();
    for (size_t i = 0; i < c->port_n; i++)
        json_array_append_new(ports, json_pack("[issi]", (int)c->ports[i].port, c->ports[i].protocol,
                                         c->ports[i].host_address, (int)c->ports[i].host_port));
    for (size_t i = 0; i < c->mount_n; i++)
        json_array_append_new(
            mounts, json_pack("[ssssb]", c->mounts[i].type, c->mounts[i].source, c->mounts[i].destination,
                        c->mounts[i].name, c->mounts[i].writable));
    return json_pack("{so so}", "ports", ports, "mounts", mounts);
}

static void want_socket(struct docker *d, void *arg)
{
    struct err err = ERR_INIT;
    int fd = -1;
    if (socket_connect_unix(path, &fd, &err) < 0)
        fd = -1;
    docker_connected(d, fd, &err);
}

static void put(struct docker *d, struct arena *a, const struct container *c, void *arg)
{
    json_t *j = json_pack("{ss ss ss ss ss ss ss ss ss ss ss sb sI sI sI sI}", "put", c->id, "name", c->name,
        "engine", c->engine, "image", c->image, "hostname", c->hostname, "project", c->project,
        "service_name", c->service_name, "state", c->state, "health", c->health, "network_mode",
        c->network_mode, "title", container_title(c, a), "service", c->service, "created",
        (json_int_t)c->created_s, "started", (json_int_t)c->started_s, "restarts", (json_int_t)c->restarts,
        "left_out", (json_int_t)c->left_out);
    json_object_set_new(j, "labels", pairs(c->labels, c->label_n));
    json_object_set_new(j, "env", pairs(c->env, c->env_n));
    json_object_set_new(j, "networks", networks(c));
    json_object_update_new(j, ports_and_mounts(c));
    print(j);
    arena_free(a);
}

static void gone(struct docker *d, const char *id, void *arg)
{
    print(json_pack("{ss}", "gone", id));
}

static void died(struct docker *d, const char *id, void *arg)
{
    print(json_pack("{ss}", "died", id));
}

static void state(struct docker *d, const struct docker_state *s, void *arg)
{
    print(json_pack("{sb sb ss sI sI ss}", "connected", s->connected, "synced", s->synced, "version",
        s->version, "containers", (json_int_t)s->containers, "services", (json_int_t)s->services, "error",
        s->error));
}

static void acted(const char *output, const struct err *err, void *arg)
{
    print(json_pack("{sb ss ss ss}", "done", err == NULL, "output", output, "error",
        err != NULL ? err->text : "", "code", err_name(err != NULL ? err->code : 0)));
}

static void act(char **words, size_t n)
{
    static const struct {
        const char *word;
        enum docker_verb verb;
        bool service;
    } verbs[] = {{"signal", DOCKER_SIGNAL, false}, {"restart", DOCKER_RESTART, false},
        {"exec", DOCKER_EXEC, false}, {"service-signal", DOCKER_SIGNAL, true},
        {"service-restart", DOCKER_RESTART, true}};
    struct docker_action action = {.user = "", .signal = ""};
    struct err err = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (n >= 2 && strcmp(words[0], verbs[i].word) == 0)
            action = (struct docker_action){
                .verb = verbs[i].verb, .id = words[1], .service = verbs[i].service, .user = "", .signal = ""};
    if (action.id == NULL)
        return;
    if (action.verb == DOCKER_SIGNAL && n >= 3)
        action.signal = words[2];
    if (action.verb == DOCKER_EXEC && n >= 5) {
        action.timeout_s = strtoll(words[2], NULL, 10);
        action.user = strcmp(words[3], "-") == 0 ? "" : words[3];
        action.argv = (const char *const *)words + 4;
        action.argc = n - 4;
    }
    if (docker_act(docker, &action, acted, NULL, NULL, &err) < 0)
        acted("", &err, NULL);
}

static void print_memory(void)
{
    long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f != NULL && fscanf(f, "%*d %lld", &pages) == 1)
        print(json_pack("{sI}", "memory", (json_int_t)(pages * 4096)));
    if (f != NULL)
        fclose(f);
}

static void do_line(char *line)
{
    char *words[64];
    size_t n = 0;
    for (char *word; n < 64 && (word = strsep(&line, " ")) != NULL;)
        words[n++] = word;
    if (strcmp(words[0], "rescan") == 0)
        docker_rescan(docker);
    else if (strcmp(words[0], "memory") == 0)
        print_memory();
    else
        act(words, n);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    static char line[4096];
    static size_t n;
    char c;
    ssize_t got = read(fd, &c, 1);
    if (got <= 0) {
        event_base_loopbreak(base);
    } else if (c != '\n' && n < sizeof line - 1) {
        line[n++] = c;
    } else {
        line[n] = '\0';
        n = 0;
        do_line(line);
    }
}

/* The content of a file; NULL for a name that is "-". */
static struct str content(const char *name)
{
    static char texts[3][65536];
    static size_t at;
    FILE *f = strcmp(name, "-") == 0 ? NULL : fopen(name, "r");
    if (f == NULL)
        return (struct str){"", 0};
    char *text = texts[at++ % 3];
    size_t n = fread(text, 1, sizeof texts[0], f);
    fclose(f);
    return (struct str){text, n};
}

int main(int argc, char **argv)
{
    static const struct docker_observer observer = {want_socket, put, gone, died, state};
    struct err err = ERR_INIT;
    if (argc < 2)
        return 2;
    struct docker_spec spec = {.name = "test",
        .socket = argv[1],
        .insecure = strcmp(argv[argc - 1], "insecure") == 0,
        .services = true};
    if (argc >= 5) {
        spec.ca = content(argv[2]);
        spec.cert = content(argv[3]);
        spec.key = content(argv[4]);
    }
    path = strncmp(argv[1], "unix://", 7) == 0 ? argv[1] + 7 : argv[1];
    base = event_base_new();
    if (docker_new(base, &spec, &observer, NULL, &docker, &err) < 0) {
        print(json_pack("{ss ss}", "failed", err.text, "code", err_name(err.code)));
        event_base_free(base);
        return 1;
    }
    struct event *input = event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, NULL);
    event_add(input, NULL);
    event_base_dispatch(base);
    event_free(input);
    docker_free(docker);
    event_base_free(base);
    return 0;
}
