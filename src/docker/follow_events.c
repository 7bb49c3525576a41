/* The stream of events: what changed is gathered for a moment, and asked about once. */
#include "base/attr.h"
#include "docker/follow_priv.h"

#include <inttypes.h>

void events_dirty(struct docker *d, struct known *k)
{
    struct timeval tv = {.tv_usec = DOCKER_GATHER_MS * 1000};
    if (k->dirty)
        return;
    k->dirty = true;
    k->next_dirty = d->dirty;
    d->dirty = k;
    if (!evtimer_pending(d->gather, NULL))
        event_add(d->gather, &tv);
}

void events_gather(evutil_socket_t fd, short what, void *arg)
{
    struct docker *d = arg;
    struct known *k = d->dirty;
    (void)fd, (void)what;
    d->dirty = NULL;
    for (struct known *next; k != NULL; k = next) {
        next = k->next_dirty;
        k->dirty = false;
        if (k->state == KNOWN_ASKED) /* the answer that comes may be older than the change */
            events_dirty(d, k);
        else
            list_queue(d, k);
    }
    docker_wake(d);
}

/* From within libcurl. */
static int on_event(struct str object, void *arg, struct err *err)
{
    struct docker *d = arg;
    struct docker_event event;
    int r = decode_event(object, &event, err);
    if (r < 0 || !event.matters || (event.service && !d->services_wanted))
        return r;
    struct known *k = known_find(&d->known, event.id);
    if (k == NULL && d->known.n >= CONTAINERS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d containers and services", (int)CONTAINERS_MAX);
    if (k == NULL) {
        k = known_get(&d->known, event.id, event.service);
        k->listing = d->listing; /* a list that goes on may have been made before it was there */
    }
    /* What came before a loss may come again after it. */
    if (event.died && !k->ended && (event.nano == 0 || event.nano > d->replayed_nano)) {
        k->deaths++;
        d->deaths = true;
        docker_wake(d);
    }
    k->ended = event.ended || (k->ended && !event.died);
    if (event.nano > d->last_nano)
        d->last_nano = event.nano;
    events_dirty(d, k);
    return 0;
}

static int on_octets(struct str octets, void *arg, struct err *err)
{
    struct docker *d = arg;
    d->events_seen = true;
    return split_feed(&d->events_split, octets, on_event, d, err);
}

static void on_begun(void *arg)
{
    struct docker *d = arg;
    d->events_begun = d->events_seen = true;
    docker_wake(d);
}

static void on_end(const struct wire_answer *answer, const struct err *err, void *arg)
{
    struct docker *d = arg;
    struct err why = ERR_INIT;
    d->events_request = NULL;
    split_free(&d->events_split);
    if (err != NULL)
        why = *err;
    else if (answer->status != 200)
        docker_refusal(answer, "GET /events", &why);
    else
        err_set(&why, ERR_NETWORK, "GET /events: the engine ended the stream of events");
    docker_lose(d, &why);
}

void events_begin(struct docker *d, int64_t since_s)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    const char *types =
        d->services_wanted && !d->version.podman ? "%22container%22%2C%22service%22" : "%22container%22";
    const struct wire_ask ask = {.class = WIRE_FOLLOW,
        .path = docker_path(
            d, a, "/events?since=%" PRId64 "&filters=%%7B%%22type%%22%%3A%%5B%s%%5D%%7D", since_s, types),
        .answer_max = WIRE_ERROR_MAX,
        .data = on_octets,
        .begun = on_begun};
    d->events_begun = d->events_seen = false;
    d->replayed_nano = d->last_nano;
    split_init(&d->events_split, SPLIT_OBJECTS, DOCKER_EVENT_MAX, UINT64_MAX);
    d->events_request = wire_ask(d->wire, &ask, on_end, d);
}

void events_cancel(struct docker *d)
{
    if (d->events_request != NULL)
        split_free(&d->events_split);
    wire_cancel(d->events_request);
    d->events_request = NULL;
    d->events_begun = false;
    event_del(d->gather);
}

void events_turn(struct docker *d)
{
    if (!d->deaths)
        return;
    d->deaths = false;
    for (struct known *k = known_next(&d->known, NULL); k != NULL; k = known_next(&d->known, k))
        for (; k->told && k->deaths > 0; k->deaths--)
            d->observer.died(d, k->id, d->arg);
}
