/* Lists, read entry by entry, and the question about each of what is in them. */
#include "base/attr.h"
#include "docker/follow_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what is asked about --- */

void list_queue(struct docker *d, struct known *k)
{
    if (k->state != KNOWN_IDLE)
        return;
    k->state = KNOWN_QUEUED;
    k->next = NULL;
    *d->queue_end = k;
    d->queue_end = &k->next;
}

static void pay(struct docker *d, struct known *k)
{
    d->owed_n -= k->owed ? 1 : 0;
    k->owed = false;
}

void list_gone(struct docker *d, struct known *k)
{
    if (k->told)
        d->observer.gone(d, k->id, d->arg);
    known_set_told(&d->known, k, false);
    pay(d, k);
    if (k->state == KNOWN_IDLE && !k->dirty)
        known_drop(&d->known, k);
}

/* An answer that cannot be used: asked again a few times, for the engine may be in the middle of something;
 * then that one is left alone, unless none could be used at all. */
static void cannot_read(struct docker *d, struct known *k, const struct err *err)
{
    if (++k->fails < ASK_FAILS_MAX && err->code != ERR_TIMEOUT) {
        events_dirty(d, k);
        return;
    }
    k->fails = 0;
    pay(d, k);
    if (!d->answered) {
        docker_lose(d, err);
        return;
    }
    snprintf(d->error, sizeof d->error, "a %s cannot be read: %.*s", k->service ? "service" : "container",
        ERROR_MAX - 64, err->text);
    text_clean_in_place(d->error);
}

/* Whether the connection is at fault, and not what came by it about one container. That an engine cannot
 * describe one in time, or fails in the middle of it and closes the connection, are sicknesses of that one;
 * that the engine is gone is seen by the end of its events. */
static bool is_loss(const struct err *err)
{
    static const int codes[] = {ERR_INPUT, ERR_LIMIT, ERR_TIMEOUT, ERR_NETWORK};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (err->code == codes[i])
            return false;
    return true;
}

/* --- names of networks --- */

static void keep_network(struct docker *d, const char *id, const char *name)
{
    size_t at = 0;
    if (d->network_n == NETWORKS_MAX) /* several are asked for at a time */
        return;
    while (at < d->network_n && strcmp(d->networks[at].name, id) < 0)
        at++;
    memmove(&d->networks[at + 1], &d->networks[at], (d->network_n - at) * sizeof *d->networks);
    d->networks[at] = (struct pair){arena_dup_c(d->network_arena, id), name};
    d->network_n++;
}

static void on_network(const struct wire_answer *answer, const struct err *err, void *arg)
{
    struct known *k = arg;
    struct docker *d = k->owner;
    char shown[DOCKER_ID_MAX + 32];
    snprintf(shown, sizeof shown, "%s", wire_shown(k->request));
    const char *id = strrchr(shown, '/') + 1, *name = id; /* one that is not to be had is known by its id */
    k->request = NULL;
    k->state = KNOWN_IDLE;
    d->asked_n--;
    if (err != NULL && is_loss(err)) {
        docker_lose(d, err);
        return;
    }
    if (err == NULL && answer->status == 200)
        (void)decode_network(answer->body, d->network_arena, &name, NULL);
    keep_network(d, id, name == id ? arena_dup_c(d->network_arena, id) : name);
    list_queue(d, k);
    docker_wake(d);
}

/* Asks for it before the service is told. */
static void ask_network(struct docker *d, struct known *k, const char *id)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    const struct wire_ask ask = {.class = WIRE_DETAIL,
        .path = docker_path(d, a, "/networks/%s", id),
        .answer_max = DOCKER_ANSWER_MAX,
        .limit_ms = DOCKER_ANSWER_S * 1000};
    if (d->networks == NULL) {
        d->network_arena = arena_new();
        d->networks = arena_array(d->network_arena, NETWORKS_MAX, sizeof *d->networks);
    }
    k->state = KNOWN_ASKED;
    d->asked_n++;
    k->request = wire_ask(d->wire, &ask, on_network, k);
}

/* --- what is told --- */

static void tell(struct docker *d, struct known *k, struct str body)
{
    struct container c;
    struct err err = ERR_INIT;
    struct arena *a = arena_new();
    const char *unknown = NULL;
    int r = k->service ? decode_service(body, d->name, d->networks, d->network_n, a, &c, &unknown, &err)
                       : decode_container(body, d->name, a, &c, &err);
    if (r == 0 && strcmp(c.id, k->id) != 0)
        r = err_set(&err, ERR_INPUT, "the answer describes another one");
    if (r == 0 && unknown != NULL && d->network_n < NETWORKS_MAX) {
        ask_network(d, k, unknown);
        arena_free(a);
        return;
    }
    if (r < 0) {
        arena_free(a);
        err_prefix(&err, "GET /%s/%s", k->service ? "services" : "containers", k->id);
        cannot_read(d, k, &err);
        return;
    }
    pay(d, k);
    k->fails = 0;
    d->answered = true;
    known_set_told(&d->known, k, true);
    d->deaths = d->deaths || k->deaths > 0;
    struct container *kept = arena_alloc(a, sizeof *kept);
    *kept = c;
    d->observer.put(d, a, kept, d->arg);
}

static void on_detail(const struct wire_answer *answer, const struct err *err, void *arg)
{
    struct known *k = arg;
    struct docker *d = k->owner;
    struct err why = ERR_INIT;
    char shown[DOCKER_ID_MAX + 32];
    snprintf(shown, sizeof shown, "%s", wire_shown(k->request));
    k->request = NULL;
    k->state = KNOWN_IDLE;
    d->asked_n--;
    docker_wake(d);
    if (err != NULL && is_loss(err)) {
        docker_lose(d, err);
    } else if (err != NULL) {
        cannot_read(d, k, err);
    } else if (answer->status == 200) {
        tell(d, k, answer->body);
    } else if (answer->status == 404) {
        d->answered = true;
        list_gone(d, k);
    } else if (docker_refusal(answer, shown, &why) == ERR_REFUSED) {
        docker_lose(d, &why);
    } else {
        cannot_read(d, k, &why);
    }
}

void list_ask(struct docker *d)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    while (d->queue != NULL && d->asked_n < DOCKER_INSPECTS) {
        struct known *k = d->queue;
        d->queue = k->next;
        if (d->queue == NULL)
            d->queue_end = &d->queue;
        const struct wire_ask ask = {.class = WIRE_DETAIL,
            .path = docker_path(d, a, k->service ? "/services/%s" : "/containers/%s/json", k->id),
            .answer_max = DOCKER_ANSWER_MAX,
            .limit_ms = DOCKER_ANSWER_S * 1000};
        k->state = KNOWN_ASKED;
        k->owner = d;
        d->asked_n++;
        k->request = wire_ask(d->wire, &ask, on_detail, k);
    }
}

/* --- the lists --- */

/* An entry of the list; from within libcurl. */
static int on_entry(struct str element, void *arg, struct err *err)
{
    struct docker *d = arg;
    char id[DOCKER_ID_MAX + 1];
    int r = decode_listed(element, id, err);
    if (r < 0)
        return r;
    if (++d->listed_n > CONTAINERS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d containers and services", (int)CONTAINERS_MAX);
    struct known *k = known_get(&d->known, id, d->list == LIST_SERVICES);
    k->listing = d->listing;
    if (k->owed)
        return 0;
    k->owed = true;
    d->owed_n++;
    list_queue(d, k);
    docker_wake(d);
    return 0;
}

static int on_octets(struct str octets, void *arg, struct err *err)
{
    struct docker *d = arg;
    return split_feed(&d->list_split, octets, on_entry, d, err);
}

/* Nothing is listed any more: what was in none of the lists is gone. What is still to be asked about is left
 * to the answer. */
static void sweep(struct docker *d)
{
    for (struct known *k = known_next(&d->known, NULL), *next; k != NULL; k = next) {
        next = known_next(&d->known, k);
        if (k->listing != d->listing && k->state == KNOWN_IDLE && !k->dirty &&
            !(k->service && d->services_kept))
            list_gone(d, k);
    }
}

/* Whether the answer means that there are no services here; else it says nothing of them. */
static bool has_no_services(const struct wire_answer *answer)
{
    unsigned s = answer->status;
    return (s >= 400 && s < 500) || (s == 503 && answer->body.n > 0 &&
                                        memmem(answer->body.p, answer->body.n, "swarm manager", 13) != NULL);
}

static void ask_list(struct docker *d);

static void on_list(const struct wire_answer *answer, const struct err *err, void *arg)
{
    struct docker *d = arg;
    struct err why = ERR_INIT;
    char shown[DOCKER_ID_MAX];
    snprintf(shown, sizeof shown, "%s", wire_shown(d->list_request));
    d->list_request = NULL;
    if (err != NULL)
        why = *err;
    else if (answer->status == 200 && split_end(&d->list_split, &why) < 0)
        err_prefix(&why, "%s", shown);
    else if (answer->status != 200 && d->list == LIST_CONTAINERS)
        docker_refusal(answer, shown, &why);
    else if (answer->status != 200 && d->list == LIST_SERVICES)
        d->services_kept = !has_no_services(answer);
    split_free(&d->list_split);
    if (why.code != 0) {
        docker_lose(d, &why);
        return;
    }
    bool more = d->services_wanted && !d->version.podman; /* podman has no swarm */
    d->list = d->list + 1 < LIST_NONE && more ? d->list + 1 : LIST_NONE;
    if (d->list != LIST_NONE)
        ask_list(d);
    else
        sweep(d);
    docker_wake(d);
}

static void ask_list(struct docker *d)
{
    static const char *const paths[] = {
        [LIST_CONTAINERS] = "/containers/json?all=1",
        [LIST_SERVICES] = "/services",
    };
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    const struct wire_ask ask = {.class = WIRE_FOLLOW,
        .path = docker_path(d, a, "%s", paths[d->list]),
        .answer_max = WIRE_ERROR_MAX,
        .limit_ms = DOCKER_ANSWER_S * 1000,
        .data = on_octets};
    split_init(&d->list_split, SPLIT_ARRAY, DOCKER_ANSWER_MAX, DOCKER_LIST_MAX);
    d->list_request = wire_ask(d->wire, &ask, on_list, d);
}

void list_begin(struct docker *d)
{
    d->rescan = d->services_kept = false;
    d->error[0] = '\0';
    d->listed_n = 0;
    d->listing++;
    for (struct known *k = known_next(&d->known, NULL); k != NULL; k = known_next(&d->known, k))
        pay(d, k);
    d->list = LIST_CONTAINERS;
    ask_list(d);
}

void list_cancel(struct docker *d)
{
    if (d->list_request != NULL)
        split_free(&d->list_split);
    wire_cancel(d->list_request);
    d->list_request = NULL;
    d->list = LIST_NONE;
    d->queue = d->dirty = NULL;
    d->queue_end = &d->queue;
    d->asked_n = d->owed_n = 0;
    for (struct known *k = known_next(&d->known, NULL), *next; k != NULL; k = next) {
        next = known_next(&d->known, k);
        wire_cancel(k->request);
        k->request = NULL;
        k->state = KNOWN_IDLE;
        k->dirty = k->owed = false;
        k->fails = 0;
        if (!k->told)
            known_drop(&d->known, k);
    }
}
