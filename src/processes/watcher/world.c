/* All containers of all engines, and the pass over them: what they say goes to the parent, templates and
 * whoever waits hear that something changed. */
#include "processes/watcher/watcher.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* Before it, too little is known: an engine that was not listed yet would look like one without containers.
 */
static bool ready(const struct watcher *w)
{
    return w->feed != NULL && (w->begun || engines_wait(w, false) == 0);
}

static void on_pass(void *arg)
{
    struct watcher *w = arg;
    if (!ready(w)) {
        if (w->feed != NULL)
            quiet_after(&w->pass, engines_wait(w, false));
        return;
    }
    bool first = !w->begun;
    w->begun = true;
    int64_t again_ms = claims_pass(w, first);
    if (w->world_changed || first)
        (void)watcher_tell(w, MSG_world_changed, 0, &(struct msg_world_changed){false});
    w->world_changed = false;
    if (again_ms >= 0)
        quiet_after(&w->pass, again_ms);
    if (first) {
        acts_go_on(w);
        renders_release(w);
        renders_schedule(w, 0); /* for those that are tried once */
    }
}

void world_start(struct watcher *w)
{
    quiet_init(&w->pass, w->process.base, w->clock, on_pass, w);
    w->pass.min_ms = WAIT_MIN_MS;
    w->pass.max_ms = WAIT_MAX_MS;
}

/* --- changes --- */

static void changed(struct watcher *w)
{
    w->world_changed = true;
    w->is_sorted = false;
    if (w->begun) /* else the pass comes when all have answered */
        quiet_touch(&w->pass);
    renders_touch(w);
}

void world_put(struct watcher *w, struct engine *e, struct arena *a, const struct container *c)
{
    bool old;
    struct kept *k = set_put(&w->set, e, c, CONTAINERS_MAX, &old);
    arena_free(a); /* it has room for more than there is in it */
    w->moved++;
    if (k == NULL) {
        if (!w->overfull)
            log_warning(
                "%s: there are more than %d containers; the others are not seen before the next reload",
                e->name, CONTAINERS_MAX);
        w->overfull = true;
        return;
    }
    k->read = false;
    settle_look(&k->settle, k->container, clock_mono(w->clock).ms, clock_wall(w->clock).s);
    changed(w);
}

static void drop(struct watcher *w, struct kept *k)
{
    if (claims_were_sent(k))
        w->says_changed = true;
    w->moved++;
    set_remove(&w->set, k);
}

void world_gone(struct watcher *w, struct engine *e, const char *id)
{
    struct kept *k = set_find(&w->set, e, id);
    if (k == NULL)
        return;
    drop(w, k);
    changed(w);
}

void world_died(struct watcher *w, struct engine *e, const char *id)
{
    struct kept *k = set_find(&w->set, e, id);
    if (k == NULL)
        return;
    settle_died(&k->settle, clock_mono(w->clock).ms);
    if (w->begun)
        quiet_touch(&w->pass);
}

void world_engine_gone(struct watcher *w, const struct engine *e)
{
    for (size_t i = w->set.n; i-- > 0;)
        if (w->set.list[i]->engine == e)
            drop(w, w->set.list[i]);
    changed(w);
}

void world_engine_answered(struct watcher *w)
{
    if (w->begun) /* it was late, or an engine that had failed is there: what is sent is complete now */
        quiet_touch(&w->pass);
    else if (ready(w))
        quiet_now(&w->pass);
    renders_release(w);
}

void world_feed(struct watcher *w)
{
    w->pass.min_ms = w->feed->wait_min_ms;
    w->pass.max_ms = w->feed->wait_max_ms;
    for (size_t i = 0; i < w->set.n; i++)
        w->set.list[i]->read = false;
    w->begun = false; /* what is said by other words of the configuration is sent anew */
    quiet_cancel(&w->pass);
    quiet_now(&w->pass);
}

const struct container *const *world_sorted(struct watcher *w, size_t *n)
{
    *n = w->set.n;
    if (w->is_sorted)
        return w->sorted;
    free(w->sorted);
    w->sorted = calloc(w->set.n + 1, sizeof(const struct container *));
    if (w->sorted == NULL)
        abort();
    for (size_t i = 0; i < w->set.n; i++)
        w->sorted[i] = w->set.list[i]->container;
    qsort(w->sorted, w->set.n, sizeof(const struct container *), container_order);
    w->is_sorted = true;
    return w->sorted;
}

void world_end(struct watcher *w)
{
    quiet_end(&w->pass);
    set_clear(&w->set);
    free(w->sorted);
}
