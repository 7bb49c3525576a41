/* The life of one engine: it is asked for its version, listed and followed; after a loss all of that again.
 */
#include "docker/follow.h"

#include "base/attr.h"
#include "base/buf.h"
#include "base/text.h"
#include "base/time.h"
#include "docker/follow_priv.h"
#include "docker/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

int64_t docker_now_ms(void)
{
    return clock_mono(&system_clock).ms;
}

void docker_wake(struct docker *d)
{
    event_active(d->turn, EV_TIMEOUT, 0);
}

static void set_timer(struct event *timer, int64_t ms)
{
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    event_add(timer, &tv);
}

const char *docker_path(const struct docker *d, struct arena *a, const char *fmt, ...)
{
    struct buf path ATTR_CLEANUP(buf_free) = buf_new(64 * 1024);
    va_list ap;
    buf_printf(&path, "/v1.%u", d->version.minor);
    va_start(ap, fmt);
    buf_vprintf(&path, fmt, ap);
    va_end(ap);
    return arena_dup_c(a, buf_c(&path));
}

/* A container that ended a moment ago is gone for whoever wants something of it. In the words of Docker, and
 * of podman. */
static bool has_ended(unsigned status, const char *message)
{
    return status == 409 &&
           (strstr(message, "is not running") != NULL || strstr(message, "container state improper") != NULL);
}

int docker_refusal(const struct wire_answer *answer, const char *shown, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    const char *message = dj_message(answer->body, a);
    const char *blank = message[0] != '\0' ? ": " : "";
    unsigned status = answer->status;
    if (status == 401 || status == 403)
        return err_set(err, ERR_REFUSED,
            "%s is not allowed there (%u%s%s); where a proxy stands before the engine's socket, it must let "
            "that through",
            shown, status, blank, message);
    if (status == 404 || has_ended(status, message))
        return err_set(err, ERR_NOT_FOUND, "%s: %s", shown, message[0] != '\0' ? message : "not found");
    if (status >= 300 && status < 400)
        return err_set(err, ERR_REFUSED, "%s: leads elsewhere (%u), which is not followed", shown, status);
    return err_set(err, ERR_FAILED, "%s: status %u%s%s", shown, status, blank, message);
}

/* --- what is told --- */

static void tell_state(struct docker *d)
{
    struct docker_state now = {.connected = d->phase == DOCKER_THERE,
        .synced = d->synced,
        .version = d->version.text,
        .containers = d->known.told_containers,
        .services = d->known.told_services,
        .error = d->error};
    bool counted = now.containers != d->told.containers || now.services != d->told.services;
    /* While a list goes on its numbers are nobody's concern. */
    if (now.connected == d->told.connected && now.synced == d->told.synced && !(counted && now.synced) &&
        strcmp(now.error, d->told_error) == 0 && strcmp(now.version, d->told_version) == 0)
        return;
    d->told = now;
    snprintf(d->told_error, sizeof d->told_error, "%s", now.error);
    snprintf(d->told_version, sizeof d->told_version, "%s", now.version);
    d->observer.state(d, &now, d->arg);
}

static void look_whether_synced(struct docker *d)
{
    if (d->synced || d->phase != DOCKER_THERE || d->list != LIST_NONE || d->owed_n > 0 || !d->events_begun)
        return;
    d->synced = true;
    d->synced_ms = docker_now_ms();
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct docker *d = arg;
    (void)fd, (void)what;
    events_turn(d);
    if (d->phase == DOCKER_THERE) {
        if (d->rescan && d->list == LIST_NONE)
            list_begin(d);
        list_ask(d);
    }
    look_whether_synced(d);
    tell_state(d);
}

/* --- beginning --- */

static void on_version(const struct wire_answer *answer, const struct err *err, void *arg)
{
    struct docker *d = arg;
    struct err why = ERR_INIT;
    d->version_request = NULL;
    if (err != NULL)
        why = *err;
    else if (answer->status != 200)
        docker_refusal(answer, "GET /version", &why);
    else if (decode_version(answer->body, &d->version, &why) < 0)
        err_prefix(&why, "GET /version");
    if (why.code != 0) {
        docker_lose(d, &why);
        return;
    }
    d->phase = DOCKER_THERE;
    d->error[0] = '\0';
    d->answered = false;
    /* By the engine's own clock, a second earlier: what is told twice does no harm. */
    events_begin(d, (answer->date_s > 0 ? answer->date_s : clock_wall(&system_clock).s) - 1);
    list_begin(d);
    set_timer(d->ping, DOCKER_PING_S * 1000);
    docker_wake(d);
}

static void begin(struct docker *d)
{
    struct wire_ask ask = {.class = WIRE_FOLLOW,
        .path = "/version",
        .answer_max = DOCKER_EVENT_MAX,
        .limit_ms = DOCKER_ANSWER_S * 1000};
    event_del(d->retry);
    d->phase = DOCKER_VERSIONS;
    d->rescan = false;
    d->version_request = wire_ask(d->wire, &ask, on_version, d);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct docker *d = arg;
    (void)fd, (void)what;
    if (d->phase == DOCKER_AWAY)
        begin(d);
}

/* --- the end --- */

static void cancel_all(struct docker *d)
{
    wire_cancel(d->version_request);
    wire_cancel(d->ping_request);
    d->version_request = d->ping_request = NULL;
    events_cancel(d);
    list_cancel(d);
    event_del(d->ping);
}

void docker_lose(struct docker *d, const struct err *err)
{
    bool steady = d->synced && docker_now_ms() - d->synced_ms > DOCKER_RETRY_MAX_MS;
    if (d->phase == DOCKER_AWAY)
        return;
    cancel_all(d);
    wire_forget_connections(d->wire);
    d->phase = DOCKER_AWAY;
    d->synced = false;
    snprintf(d->error, sizeof d->error, "%.*s", (int)sizeof d->error - 1, err->text);
    text_clean_in_place(d->error); /* it may have been cut inside a character */
    if (steady || d->retry_ms == 0)
        d->retry_ms = DOCKER_RETRY_MIN_MS;
    set_timer(d->retry, d->retry_ms);
    d->retry_ms = d->retry_ms * 2 < DOCKER_RETRY_MAX_MS ? d->retry_ms * 2 : DOCKER_RETRY_MAX_MS;
    docker_wake(d);
}

static void on_pong(const struct wire_answer *answer, const struct err *err, void *arg)
{
    struct docker *d = arg;
    d->ping_request = NULL;
    (void)answer; /* any will do: a proxy may refuse it */
    if (err != NULL)
        docker_lose(d, err);
}

/* The look after a stream of events that says nothing. */
static void on_ping(evutil_socket_t fd, short what, void *arg)
{
    struct docker *d = arg;
    struct wire_ask ask = {.class = WIRE_FOLLOW,
        .path = "/_ping",
        .answer_max = WIRE_ERROR_MAX,
        .limit_ms = DOCKER_ANSWER_S * 1000};
    (void)fd, (void)what;
    if (!d->events_begun) {
        struct err err;
        err_set(&err, ERR_TIMEOUT, "GET /events: no answer in time");
        docker_lose(d, &err);
        return;
    }
    if (!d->events_seen && d->ping_request == NULL)
        d->ping_request = wire_ask(d->wire, &ask, on_pong, d);
    d->events_seen = false;
    set_timer(d->ping, DOCKER_PING_S * 1000);
}

/* --- the whole --- */

static void want_socket(void *arg)
{
    struct docker *d = arg;
    d->observer.want_socket(d, d->arg);
}

int docker_new(struct event_base *base, const struct docker_spec *spec,
    const struct docker_observer *observer, void *arg, struct docker **out, struct err *err)
{
    struct docker *d = must(calloc(1, sizeof *d));
    int r = wire_new(base, spec, want_socket, d, &d->wire, err);
    if (r < 0) {
        free(d);
        return r;
    }
    d->base = base;
    d->observer = *observer;
    d->arg = arg;
    d->name = must(strdup(spec->name));
    d->services_wanted = spec->services;
    d->list = LIST_NONE;
    d->queue_end = &d->queue;
    d->turn = must(event_new(base, -1, 0, on_turn, d));
    d->retry = must(evtimer_new(base, on_retry, d));
    d->ping = must(evtimer_new(base, on_ping, d));
    known_open(&d->known);
    d->gather = must(evtimer_new(base, events_gather, d));
    begin(d);
    *out = d;
    return 0;
}

void docker_free(struct docker *d)
{
    if (d == NULL)
        return;
    act_cancel_all(d);
    cancel_all(d);
    wire_free(d->wire);
    known_close(&d->known);
    arena_free(d->network_arena);
    event_free(d->turn);
    event_free(d->retry);
    event_free(d->ping);
    event_free(d->gather);
    free(d->name);
    free(d);
}

void docker_connected(struct docker *d, int fd, const struct err *why)
{
    wire_connected(d->wire, fd, why);
}

void docker_rescan(struct docker *d)
{
    if (d->phase == DOCKER_AWAY) {
        event_active(d->retry, EV_TIMEOUT, 0);
        return;
    }
    d->rescan = d->phase == DOCKER_THERE;
    docker_wake(d);
}
