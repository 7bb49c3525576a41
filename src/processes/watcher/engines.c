/* The engines of the configuration. A reload keeps those that did not change, with their connection. */
#include "processes/watcher/watcher.h"

#include "base/log.h"
#include "os/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An engine of the feed; its key is wiped when the feed is over. */
struct feed_engine {
    struct feed_engine *next;
    struct docker_spec spec;
    const char *unfit; /* why the parent has not all that it needs; "" */
    struct buf key;
    unsigned char digest[SHA256_LEN];
};

/* --- the feed --- */

void feed_free(struct feed *f)
{
    if (f == NULL)
        return;
    for (struct feed_engine *e = f->engines; e != NULL; e = e->next)
        buf_free(&e->key);
    for (struct render *r = f->renders, *next; r != NULL; r = next) {
        next = r->next;
        render_free(r);
    }
    arena_free(f->arena);
    free(f);
}

int64_t feed_wait(int64_t ms, int64_t other)
{
    return ms <= 0 ? other : ms < WAIT_CEILING_MS ? ms : WAIT_CEILING_MS;
}

void feed_begin(struct watcher *w, const struct msg_watch_begin *m)
{
    struct feed *f = calloc(1, sizeof *f);
    if (f == NULL)
        abort();
    feed_free(w->draft);
    w->draft = f;
    f->arena = arena_new();
    f->readers = m->readers;
    f->wait_min_ms = feed_wait(m->wait_min, WAIT_MIN_MS);
    f->wait_max_ms = feed_wait(m->wait_max, WAIT_MAX_MS);
    f->settings = arena_dup_c(f->arena, m->settings);
    const char **labels = arena_array(f->arena, m->labels.n, sizeof *labels);
    for (size_t i = 0; i < m->labels.n; i++)
        labels[i] = arena_dup_c(f->arena, m->labels.p[i]);
    f->labels = labels;
    f->label_n = m->labels.n;
}

static int digest_of(const struct msg_watch_engine *m, unsigned char out[SHA256_LEN], struct err *err)
{
    struct buf all ATTR_CLEANUP(buf_free) = buf_new_sensitive(2 * (size_t)MSG_LARGE);
    const struct str parts[] = {str_c(m->name), str_c(m->socket), m->ca, m->cert, m->key, str_c(m->unfit)};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_printf(&all, "%zu:", parts[i].n);
        buf_put_str(&all, parts[i]);
    }
    buf_put_char(&all, m->insecure ? '1' : '0');
    return digest_sha256(buf_str(&all), out, err);
}

void feed_engine(struct watcher *w, const struct msg_watch_engine *m)
{
    struct feed *f = w->draft;
    struct err err = ERR_INIT;
    if (f == NULL || f->engine_n >= ENGINES_MAX) {
        log_error("%s: an engine of docker: came out of turn, or there are too many", m->name);
        return;
    }
    struct feed_engine **last = &f->engines;
    for (; *last != NULL; last = &(*last)->next)
        if (strcmp((*last)->spec.name, m->name) == 0) {
            log_error("%s: two engines of docker: have that name", m->name);
            return;
        }
    struct feed_engine *e = arena_alloc(f->arena, sizeof *e);
    e->key = buf_new_sensitive(MSG_LARGE);
    buf_put_str(&e->key, m->key);
    e->spec = (struct docker_spec){.name = arena_dup_c(f->arena, m->name),
        .socket = arena_dup_c(f->arena, m->socket),
        .ca = arena_str(f->arena, m->ca),
        .cert = arena_str(f->arena, m->cert),
        .key = buf_str(&e->key),
        .insecure = m->insecure,
        .services = true};
    e->unfit = arena_dup_c(f->arena, m->unfit);
    *last = e;
    f->engine_n++;
    if (digest_of(m, e->digest, &err) < 0) { /* it is taken for one that changed */
        random_bytes(e->digest, sizeof e->digest);
        log_warning("%s: %s", m->name, err.text);
    }
}

/* --- what an engine tells --- */

static void tell_state(struct engine *e, const struct docker_state *s)
{
    struct msg_engine_state m = {.engine = e->name,
        .connected = s->connected,
        .synced = s->synced,
        .version = s->version,
        .containers = s->containers > UINT32_MAX ? UINT32_MAX : (uint32_t)s->containers,
        .services = s->services > UINT32_MAX ? UINT32_MAX : (uint32_t)s->services,
        .error = s->error};
    (void)watcher_tell(e->watcher, MSG_engine_state, 0, &m);
}

/* Each change once: an engine that is tried again and again for the same reason is one line. The operator
 * hears of it from the parent (watching.c), which is told the state; this is for who looks closer. */
static void log_state(struct engine *e, const struct docker_state *s)
{
    const char *what = s->connected ? "" : e->connected ? "connection lost: " : "not connected: ";
    if (s->connected && !e->connected) {
        log_debug("%s: connected%s%s", e->name, s->version[0] != '\0' ? ", " : "", s->version);
        e->error[0] = '\0';
    }
    if (s->error[0] != '\0' && strcmp(e->error, s->error) != 0) {
        log_debug("%s: %s%s", e->name, what, s->error);
        snprintf(e->error, sizeof e->error, "%s", s->error);
    }
    if (s->synced && !e->synced)
        log_debug("%s: %zu containers, %zu services", e->name, s->containers, s->services);
}

static void on_state(struct docker *d, const struct docker_state *s, void *arg)
{
    struct engine *e = arg;
    (void)d;
    log_state(e, s);
    e->connected = s->connected;
    e->synced = s->synced;
    bool failed = !s->connected && s->error[0] != '\0';
    bool news = (s->synced && !e->listed) || (failed && !e->answered);
    e->listed = e->listed || s->synced;
    e->answered = e->answered || e->listed || failed;
    tell_state(e, s);
    if (news)
        world_engine_answered(e->watcher);
}

static void on_want_socket(struct docker *d, void *arg)
{
    struct engine *e = arg;
    (void)d;
    e->wants++;
    (void)watcher_tell(e->watcher, MSG_engine_want, 0, &(struct msg_engine_want){e->name});
}

static void on_put(struct docker *d, struct arena *a, const struct container *c, void *arg)
{
    struct engine *e = arg;
    (void)d;
    world_put(e->watcher, e, a, c);
}

static void on_gone(struct docker *d, const char *id, void *arg)
{
    struct engine *e = arg;
    (void)d;
    world_gone(e->watcher, e, id);
}

static void on_died(struct docker *d, const char *id, void *arg)
{
    struct engine *e = arg;
    (void)d;
    world_died(e->watcher, e, id);
}

static const struct docker_observer observer = {
    .want_socket = on_want_socket, .put = on_put, .gone = on_gone, .died = on_died, .state = on_state};

/* --- begin and end of one --- */

static int connect_to(struct engine *e, const struct feed_engine *f, struct err *err)
{
    if (f->unfit[0] != '\0')
        return err_set(err, ERR_CONFIG, "%s", f->unfit);
    return docker_new(e->watcher->process.base, &f->spec, &observer, e, &e->docker, err);
}

/* One that cannot be watched is there all the same: it counts as one that was never listed. */
static struct engine *engine_new(struct watcher *w, const struct feed_engine *f)
{
    struct engine *e = calloc(1, sizeof *e);
    struct err err = ERR_INIT;
    if (e == NULL)
        abort();
    e->watcher = w;
    e->since_ms = clock_mono(w->clock).ms;
    e->arena = arena_new();
    e->name = arena_dup_c(e->arena, f->spec.name);
    memcpy(e->digest, f->digest, sizeof e->digest);
    if (connect_to(e, f, &err) < 0) {
        e->docker = NULL;
        on_state(NULL, &(struct docker_state){.version = "", .error = err.text}, e);
    }
    return e;
}

/* What its calls wait for is over first, its containers are gone last. */
static void engine_free(struct engine *e)
{
    acts_engine_gone(e->watcher, e);
    docker_free(e->docker);
    world_engine_gone(e->watcher, e);
    arena_free(e->arena);
    free(e);
}

static struct engine *take_same(struct engine **list, const struct feed_engine *f)
{
    for (struct engine **at = list; *at != NULL; at = &(*at)->next) {
        struct engine *e = *at;
        if (memcmp(e->digest, f->digest, sizeof e->digest) != 0)
            continue;
        *at = e->next;
        e->next = NULL;
        return e;
    }
    return NULL;
}

static void engines_replace(struct watcher *w, const struct feed *f, bool rescan)
{
    struct engine *old = w->engines, **last = &w->engines;
    w->engines = NULL;
    for (const struct feed_engine *fresh = f->engines; fresh != NULL; fresh = fresh->next) {
        struct engine *e = take_same(&old, fresh);
        if (e != NULL && rescan && e->docker != NULL)
            docker_rescan(e->docker);
        *last = e != NULL ? e : engine_new(w, fresh);
        last = &(*last)->next;
    }
    while (old != NULL) {
        struct engine *e = old;
        old = e->next;
        log_debug("%s: is watched no more", e->name);
        engine_free(e);
    }
}

void feed_end(struct watcher *w, bool rescan)
{
    struct feed *f = w->draft, *old = w->feed;
    if (f == NULL)
        return;
    bool changed = old == NULL || strcmp(old->settings, f->settings) != 0;
    struct render *renders = f->renders;
    f->renders = NULL;
    w->draft = NULL;
    w->feed = f;
    if (old == NULL)
        w->fed_ms = clock_mono(w->clock).ms;
    w->overfull = w->overfull && !rescan; /* those that found no room are told again */
    engines_replace(w, f, rescan);
    for (struct feed_engine *e = f->engines; e != NULL; e = e->next)
        buf_free(&e->key);
    f->engines = NULL;
    renders_feed(w, renders, changed, rescan);
    world_feed(w);
    feed_free(old);
}

/* --- all of them --- */

struct engine *engine_find(const struct watcher *w, const char *name)
{
    struct engine *e = w->engines;
    while (e != NULL && strcmp(e->name, name) != 0)
        e = e->next;
    return e;
}

/* One that was asked for by an engine that a reload removed is closed. */
void engine_take_socket(struct watcher *w, const char *name, int fd, const struct err *why)
{
    struct engine *e = engine_find(w, name);
    if (e == NULL || e->docker == NULL || e->wants == 0) {
        if (fd >= 0)
            close(fd);
        return;
    }
    e->wants--;
    docker_connected(e->docker, fd, why);
}

int64_t engines_wait(const struct watcher *w, bool listed)
{
    int64_t now_ms = clock_mono(w->clock).ms, wait_ms = 0;
    for (const struct engine *e = w->engines; e != NULL; e = e->next) {
        int64_t left_ms = (listed ? e->listed : e->answered) ? 0 : e->since_ms + FIRST_ANSWERS_MS - now_ms;
        if (left_ms > wait_ms)
            wait_ms = left_ms;
    }
    return wait_ms;
}

bool engines_listed(const struct watcher *w)
{
    for (const struct engine *e = w->engines; e != NULL; e = e->next)
        if (!e->listed)
            return false;
    return true;
}

bool engines_one_listed(const struct watcher *w)
{
    for (const struct engine *e = w->engines; e != NULL; e = e->next)
        if (e->listed)
            return true;
    return w->engines == NULL;
}

void engines_end(struct watcher *w)
{
    while (w->engines != NULL) {
        struct engine *e = w->engines;
        w->engines = e->next;
        engine_free(e);
    }
    feed_free(w->draft);
    feed_free(w->feed);
}
