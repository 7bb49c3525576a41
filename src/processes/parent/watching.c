/* What is known of the engines, as the watcher says it. */
#include "processes/parent/watching.h"

#include "base/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct watching *watching_of(struct parent *p)
{
    if (p->watching == NULL && (p->watching = calloc(1, sizeof *p->watching)) == NULL)
        abort();
    return p->watching;
}

static char *copy(const char *text)
{
    char *s = strdup(text);
    if (s == NULL)
        abort();
    text_clean_in_place(s);
    return s;
}

static void replace(char **at, const char *text)
{
    char *s = copy(text);
    free(*at);
    *at = s;
}

static void watched_free(struct watched *e)
{
    free(e->name);
    free(e->version);
    free(e->error);
    free(e->unfit);
    free(e);
}

static struct watched *watched_new(const char *name)
{
    struct watched *e = calloc(1, sizeof *e);
    if (e == NULL)
        abort();
    e->name = copy(name);
    e->version = copy("");
    e->error = copy("");
    e->unfit = copy("");
    e->since = clock_wall(&system_clock);
    return e;
}

struct watched *watching_find(const struct parent *p, const char *name)
{
    struct watched *e = p->watching != NULL ? p->watching->engines : NULL;
    while (e != NULL && strcmp(e->name, name) != 0)
        e = e->next;
    return e;
}

static struct watched *take(struct watched **list, const char *name)
{
    for (struct watched **at = list; *at != NULL; at = &(*at)->next)
        if (strcmp((*at)->name, name) == 0) {
            struct watched *e = *at;
            *at = e->next;
            e->next = NULL;
            return e;
        }
    return NULL;
}

void watching_engines(struct parent *p)
{
    struct watching *w = watching_of(p);
    struct watched *old = w->engines, **at = &w->engines;
    w->engines = NULL;
    for (size_t i = 0; i < p->settings.docker.engine_n; i++) {
        const char *name = p->settings.docker.engines[i].name;
        struct watched *e = take(&old, name);
        *at = e != NULL ? e : watched_new(name);
        w->complete = w->complete && e != NULL;
        at = &(*at)->next;
    }
    while (old != NULL) {
        struct watched *e = old;
        old = e->next;
        watched_free(e);
    }
}

void watching_unfit(struct parent *p, struct watched *e, const struct err *why)
{
    const char *text = why != NULL ? why->text : "";
    (void)p;
    if (why != NULL && strcmp(e->unfit, text) != 0)
        log_warning("engine %s: %s", e->name, text);
    replace(&e->unfit, text);
}

void watching_lost(struct parent *p)
{
    if (p->watching == NULL)
        return;
    p->watching->model_told = false;
    p->watching->list_next_ms = 0; /* the next watcher knows nothing */
    for (struct watched *e = p->watching->engines; e != NULL; e = e->next) {
        if (e->connected)
            e->since = clock_wall(&system_clock);
        e->connected = e->synced = false;
    }
}

/* Changes, and those alone. */
static void tell(const struct watched *e, const struct msg_engine_state *m)
{
    if (m->synced && !e->synced)
        log_info("engine %s: %s, %u containers%s", e->name, m->version, (unsigned)m->containers,
            m->services > 0 ? " and services of a swarm" : "");
    else if (m->error[0] != '\0' && strcmp(m->error, e->error) != 0 && e->unfit[0] == '\0')
        log_warning("engine %s: %s", e->name, m->error);
    else if (!m->connected && e->connected && m->error[0] == '\0')
        log_warning("engine %s: the connection is lost", e->name);
}

void watcher_engine_state(struct parent *p, const struct msg_engine_state *m)
{
    struct watched *e = watching_find(p, m->engine);
    if (e == NULL) /* of a configuration before */
        return;
    tell(e, m);
    if (m->connected != e->connected)
        e->since = clock_wall(&system_clock);
    if (m->connected)
        replace(&e->unfit, "");
    e->connected = m->connected;
    e->synced = m->synced;
    e->containers = m->containers;
    e->services = m->services;
    replace(&e->version, m->version);
    replace(&e->error, m->error);
    control_world_changed(p);
}

void watcher_claimed(struct parent *p, const struct msg_claims_end *m)
{
    watching_of(p)->complete = m->complete;
    grants_end(p, m);
    control_world_changed(p);
}

void watching_rows(struct parent *p, grants_row_fn *fn, void *arg)
{
    char since[TIME_TEXT_MAX];
    for (struct watched *e = p->watching != NULL ? p->watching->engines : NULL; e != NULL; e = e->next) {
        json_t *row = json_object();
        const char *error = e->unfit[0] != '\0' ? e->unfit : e->error;
        json_object_set_new(row, "kind", json_string("engine"));
        json_object_set_new(row, "engine", json_string(e->name));
        json_object_set_new(row, "connected", json_boolean(e->connected));
        json_object_set_new(row, "synced", json_boolean(e->synced));
        json_object_set_new(row, "version", json_string(e->version));
        json_object_set_new(row, "containers", json_integer(e->containers));
        json_object_set_new(row, "services", json_integer(e->services));
        json_object_set_new(row, "since", json_string(wall_format(e->since, since)));
        json_object_set_new(row, "error", json_string(e->connected ? "" : error));
        char *text = json_dumps(row, JSON_COMPACT);
        json_decref(row);
        if (text == NULL)
            abort();
        fn(text, arg);
        free(text);
    }
}
