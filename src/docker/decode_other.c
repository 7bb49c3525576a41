/* All that an engine answers but containers: lists, services, networks, events, its version. */
#include "base/attr.h"
#include "docker/decode.h"
#include "docker/decode_priv.h"
#include "docker/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    API_NEWEST = 51, /* 1.51: what is read here has the same meaning up to there */
    API_OLDEST = 24, /* 1.24 (Docker 1.12): podman's, and the first with services */
    API_MINOR_MAX = 10000,
};

/* --- lists --- */

/* A container's "Id", a service's "ID". */
static struct str id_of(const json_t *j)
{
    struct str id = dj_text(j, "Id");
    return id.n > 0 ? id : dj_text(j, "ID");
}

int decode_listed(struct str json, char id[DOCKER_ID_MAX + 1], struct err *err)
{
    json_t *j ATTR_CLEANUP(dj_freep) = NULL;
    int r = dj_load(json, &j, err);
    if (r < 0 || (r = decode_id(id_of(j), "an entry of a list", err)) < 0)
        return r;
    snprintf(id, DOCKER_ID_MAX + 1, "%.*s", STR_ARG(id_of(j)));
    return 0;
}

int decode_network(struct str json, struct arena *a, const char **name, struct err *err)
{
    json_t *j ATTR_CLEANUP(dj_freep) = NULL;
    int r = dj_load(json, &j, err);
    if (r == 0 && dj_text(j, "Name").n == 0)
        r = err_set(err, ERR_INPUT, "a network without a name");
    if (r == 0)
        *name = decode_line(a, dj_text(j, "Name"));
    return r;
}

/* --- services --- */

static int by_id(const void *key, const void *element)
{
    const struct pair *pair = element;
    return strcmp(key, pair->name);
}

static const char *service_networks(struct container *c, const json_t *attached, const struct pair *networks,
    size_t network_n, struct arena *a)
{
    size_t n = json_array_size(attached);
    n = n < CONTAINER_ITEMS_MAX ? n : CONTAINER_ITEMS_MAX;
    struct container_network *out = arena_array(a, n, sizeof *out);
    const char *unknown = NULL;
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(attached, i);
        struct str id = dj_text(v, "Target");
        if (!docker_id_fits(id, DOCKER_ID_MAX))
            continue;
        const char *key = arena_dup(a, id);
        const struct pair *found =
            network_n == 0 ? NULL : bsearch(key, networks, network_n, sizeof *networks, by_id);
        struct container_network *to = &out[c->network_n++];
        *to = (struct container_network){
            .name = found != NULL ? arena_dup_c(a, found->value) : key, .ip = "", .ip6 = "", .gateway = ""};
        to->aliases = decode_lines(dj_array(v, "Aliases"), a, &to->alias_n);
        if (found == NULL && unknown == NULL)
            unknown = key;
    }
    decode_networks_sort(out, c->network_n);
    c->networks = out;
    return unknown;
}

/* "web" of "shop_web", which a stack "shop" makes of its service "web". */
static const char *service_name(const char *name, const char *stack)
{
    size_t n = strlen(stack);
    bool within = n > 0 && strncmp(name, stack, n) == 0 && name[n] == '_' && name[n + 1] != '\0';
    return within ? name + n + 1 : name;
}

int decode_service(struct str json, const char *engine, const struct pair *networks, size_t network_n,
    struct arena *a, struct container *out, const char **unknown, struct err *err)
{
    json_t *j ATTR_CLEANUP(dj_freep) = NULL;
    struct decode_pairs labels;
    int r = dj_load(json, &j, err);
    if (r < 0 || (r = decode_id(dj_text(j, "ID"), "a service", err)) < 0)
        return r;
    const json_t *spec = dj_object(j, "Spec"), *task = dj_object(spec, "TaskTemplate");
    const json_t *inner = dj_object(task, "ContainerSpec"), *attached = dj_array(task, "Networks");
    struct container c = {.engine = arena_dup_c(a, engine),
        .service = true,
        .id = arena_dup(a, dj_text(j, "ID")),
        .state = "running",
        .health = "",
        .network_mode = ""};
    c.name = decode_line(a, dj_text(spec, "Name"));
    c.image = decode_line(a, dj_text(inner, "Image"));
    c.hostname = decode_line(a, dj_text(inner, "Hostname"));
    c.created_s = decode_time(j, "CreatedAt");
    c.started_s = decode_time(j, "UpdatedAt");
    decode_pairs_begin(&labels, a);
    decode_labels(&labels, dj_object(inner, "Labels"));
    decode_labels(&labels, dj_object(spec, "Labels")); /* the service's own count more */
    c.labels = decode_pairs_end(&labels, &c.label_n);
    c.left_out = labels.left_out;
    decode_env(&c, dj_array(inner, "Env"), a);
    decode_belonging(&c, a);
    c.service_name = service_name(c.name, c.project);
    *unknown = service_networks(
        &c, attached != NULL ? attached : dj_array(spec, "Networks"), networks, network_n, a);
    *out = c;
    return 0;
}

/* --- events --- */

/* Events of a container that change nothing of what we know: "exec_start: sh" is one by its first word.
 * Health checks are execs, so these come by the second. */
static const char *const idle_actions[] = {"exec", "top", "attach", "detach", "resize", "export", "copy",
    "commit", "archive-path", "extract-to-dir", "logs"};

static bool is_idle(struct str action)
{
    for (size_t i = 0; i < ARRAY_LEN(idle_actions); i++) {
        struct str idle = str_c(idle_actions[i]);
        if (str_starts(action, idle) &&
            (action.n == idle.n || action.p[idle.n] == '_' || action.p[idle.n] == ':'))
            return true;
    }
    return false;
}

/* Signals that a program lives on with. With any other somebody wants the container to end: `docker stop`,
 * `docker restart`. */
static bool is_kind(struct str signal)
{
    static const char *const kind[] = {"1", "10", "12", "18", "28"}; /* HUP USR1 USR2 CONT WINCH */
    for (size_t i = 0; i < ARRAY_LEN(kind); i++)
        if (str_eq_c(signal, kind[i]))
            return true;
    return false;
}

int decode_event(struct str json, struct docker_event *out, struct err *err)
{
    json_t *j ATTR_CLEANUP(dj_freep) = NULL;
    *out = (struct docker_event){.matters = false};
    int r = dj_load(json, &j, err);
    if (r < 0)
        return r;
    struct str type = dj_text(j, "Type"), action = dj_text(j, "Action");
    struct str id = dj_text(dj_object(j, "Actor"), "ID");
    bool known = str_eq_c(type, "container") || str_eq_c(type, "service");
    out->nano = dj_number(j, "timeNano", INT64_MAX, 0);
    if (!known || is_idle(action) || !docker_id_fits(id, DOCKER_ID_MAX))
        return 0;
    snprintf(out->id, sizeof out->id, "%.*s", STR_ARG(id));
    out->matters = true;
    out->service = str_eq_c(type, "service");
    out->ended = str_eq_c(action, "kill") &&
                 !is_kind(dj_text(dj_object(dj_object(j, "Actor"), "Attributes"), "signal"));
    out->died = !out->service && (str_eq_c(action, "die") || str_eq_c(action, "died")); /* podman's word */
    return 0;
}

/* --- the version --- */

/* "1.41" into 41; false for what is no version 1.X. */
static bool minor_of(struct str version, unsigned *out)
{
    struct str major, minor;
    uint64_t n = 0;
    if (!str_cut(version, '.', &major, &minor) || !str_eq_c(major, "1") ||
        !str_to_u64(minor, API_MINOR_MAX, &n))
        return false;
    *out = (unsigned)n;
    return true;
}

static bool is_podman(const json_t *j)
{
    const json_t *components = dj_array(j, "Components");
    for (size_t i = 0; i < json_array_size(components); i++)
        if (str_starts(dj_text(json_array_get(components, i), "Name"), STR("Podman")))
            return true;
    return false;
}

int decode_version(struct str json, struct docker_version *out, struct err *err)
{
    json_t *j ATTR_CLEANUP(dj_freep) = NULL;
    unsigned theirs = 0, least = 0;
    int r = dj_load(json, &j, err);
    if (r < 0)
        return r;
    if (!minor_of(dj_text(j, "ApiVersion"), &theirs))
        return err_set(err, ERR_INPUT, "does not say its version (ApiVersion): is it a container engine?");
    if (!minor_of(dj_text(j, "MinAPIVersion"), &least))
        least = 0; /* engines before 1.25 do not say it */
    if (theirs < API_OLDEST)
        return err_set(err, ERR_REFUSED,
            "speaks version 1.%u of the API of Docker; 1.%d (Docker 1.12) is the oldest that is supported",
            theirs, (int)API_OLDEST);
    if (least > API_NEWEST)
        return err_set(err, ERR_REFUSED,
            "speaks version 1.%u of the API of Docker and newer ones alone; this evercert knows up to 1.%d",
            least, (int)API_NEWEST);
    struct docker_version v = {.minor = theirs < API_NEWEST ? theirs : API_NEWEST, .podman = is_podman(j)};
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(DOCKER_VERSION_TEXT_MAX);
    text_clean(&text, dj_text(j, "Version"), 48);
    snprintf(v.text, sizeof v.text, "%s %s, API 1.%u", v.podman ? "podman" : "Docker", buf_c(&text), v.minor);
    *out = v;
    return 0;
}
