/* What the parent wants done in containers: found by id, or by the words of the configuration, and done in
 * all that fit. */
#include "processes/watcher/watcher.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* One container that an action is for. */
struct act_call {
    struct act *act;
    const struct engine *engine;
    const char *title;
    struct docker_call *call;
    bool over;
};

/* One action. */
struct act {
    struct act *next;
    struct watcher *watcher;
    struct arena *arena;
    uint32_t id;
    struct act_call *calls;
    size_t n, left, failed;
    struct buf output;
    struct err err; /* the first that went wrong */
    bool begun;     /* all calls were made */
};

/* --- answering --- */

static void refuse(struct watcher *w, uint32_t id, const struct err *err)
{
    struct msg_acted m = {.output = "", .error = msg_error_of(err)};
    (void)watcher_tell(w, MSG_acted, id, &m);
}

static void act_free(struct act *a)
{
    struct watcher *w = a->watcher;
    struct act **at = &w->acts;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    w->act_n -= a->n;
    buf_free(&a->output);
    arena_free(a->arena);
    free(a);
}

static void answer(struct act *a)
{
    if (a->failed > 0 && a->n > 1)
        err_prefix(&a->err, "%zu of %zu", a->failed, a->n);
    struct msg_acted m = {.output = buf_c(&a->output), .error = msg_error_of(a->failed > 0 ? &a->err : NULL)};
    (void)watcher_tell(a->watcher, MSG_acted, a->id, &m);
    act_free(a);
}

static void call_over(struct act_call *c, const char *output, const struct err *err)
{
    struct act *a = c->act;
    c->over = true;
    c->call = NULL;
    a->left--;
    if (output[0] != '\0' && a->n > 1)
        buf_printf(&a->output, "%s: ", c->title);
    buf_put_c(&a->output, output);
    if (err != NULL && a->failed++ == 0) {
        a->err = *err;
        err_prefix(&a->err, "%s", c->title);
    }
    if (a->left == 0 && a->begun)
        answer(a);
}

static void on_done(const char *output, const struct err *err, void *arg)
{
    call_over(arg, output, err);
}

/* --- whom it is for --- */

struct search {
    const struct engine *engine; /* NULL: any */
    const char *id, *container;
    bool service, exec;
    struct kept *found[ACT_TARGETS_MAX];
    size_t n, total;
    const struct container *down; /* one that fits and does not run */
};

static bool is_of(const struct container *c, const char *words)
{
    struct str project, service;
    if (!str_cut(str_c(words), '/', &project, &service))
        return false;
    return str_eq_c(project, c->project) && str_eq_c(service, c->service_name);
}

/* The ways to name a container, the narrowest first; the first that fits somebody counts. */
static bool by_name(const struct container *c, const char *words)
{
    return strcmp(c->name, words) == 0;
}

static bool by_project(const struct container *c, const char *words)
{
    return is_of(c, words);
}

static bool by_service(const struct container *c, const char *words)
{
    return c->service_name[0] != '\0' && strcmp(c->service_name, words) == 0;
}

typedef bool fits_fn(const struct container *c, const char *words);
static fits_fn *const ways[] = {by_name, by_project, by_service};

static void add(struct search *s, struct kept *k)
{
    if (!container_is_up(k->container)) {
        s->down = k->container;
        return;
    }
    if (s->n < ACT_TARGETS_MAX)
        s->found[s->n++] = k;
    s->total++;
}

static void look(const struct watcher *w, struct search *s, fits_fn *fits, bool services)
{
    for (size_t i = 0; i < w->set.n; i++) {
        struct kept *k = w->set.list[i];
        if ((s->engine == NULL || k->engine == s->engine) && k->container->service == services &&
            fits(k->container, s->container))
            add(s, k);
    }
}

/* A service of a swarm stands for its containers: the engine does it as the service's own settings say. A
 * command needs containers. */
static int find_by_name(const struct watcher *w, struct search *s, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(ways) && s->n == 0; i++) {
        if (!s->exec)
            look(w, s, ways[i], true);
        if (s->n == 0 && !s->service)
            look(w, s, ways[i], false);
    }
    const char *where = s->engine != NULL ? s->engine->name : "any engine";
    if (s->total > s->n)
        return err_set(err, ERR_LIMIT, "%s: that are %zu containers, more than the %d that one action is for",
            s->container, s->total, ACT_TARGETS_MAX);
    if (s->n > 0)
        return 0;
    if (s->down != NULL)
        return err_set(
            err, ERR_NOT_FOUND, "container %s does not run: it is %s", s->down->name, s->down->state);
    return err_set(err, ERR_NOT_FOUND,
        "no container \"%s\" on %s: looked for that name, for it as PROJECT/SERVICE and for it as a service "
        "of "
        "compose",
        s->container, where);
}

static int find_by_id(const struct watcher *w, struct search *s, struct err *err)
{
    for (const struct engine *e = w->engines; e != NULL; e = e->next) {
        struct kept *k = s->engine == NULL || s->engine == e ? set_find(&w->set, e, s->id) : NULL;
        if (k != NULL && s->n < ACT_TARGETS_MAX)
            s->found[s->n++] = k;
    }
    return s->n > 0 ? 0 : err_set(err, ERR_NOT_FOUND, "no container has the id %.64s any more", s->id);
}

static int find(const struct watcher *w, const struct msg_act *m, struct search *s, struct err *err)
{
    if (m->engine[0] != '\0' && (s->engine = engine_find(w, m->engine)) == NULL)
        return err_set(err, ERR_NOT_FOUND, "no engine %s is watched", m->engine);
    if (m->id[0] != '\0')
        return find_by_id(w, s, err);
    if (m->container[0] == '\0')
        return err_set(err, ERR_INPUT, "no container is named");
    return find_by_name(w, s, err);
}

/* --- doing it --- */

static void call(struct act_call *c, const struct kept *k, const struct msg_act *m)
{
    struct engine *e = engine_find(c->act->watcher, k->container->engine);
    struct err err = ERR_INIT;
    struct docker_action action = {.verb = (enum docker_verb)m->verb,
        .id = k->container->id,
        .service = k->container->service,
        .signal = m->signal,
        .argv = m->argv.p,
        .argc = m->argv.n,
        .user = m->user,
        .timeout_s = m->timeout > 0 && m->timeout <= DEPLOY_TIMEOUT_MAX_S ? m->timeout : ACTION_TIMEOUT_S};
    c->engine = e;
    c->title = arena_dup_c(c->act->arena, k->container->name);
    int r = e != NULL && e->docker != NULL ? docker_act(e->docker, &action, on_done, c, &c->call, &err)
                                           : err_set(&err, ERR_NOT_FOUND, "its engine is watched no more");
    if (r < 0)
        call_over(c, "", &err);
}

static void carry_out(struct watcher *w, uint32_t id, const struct msg_act *m)
{
    struct search s = {
        .id = m->id, .container = m->container, .service = m->service, .exec = m->verb == DOCKER_EXEC};
    struct err err = ERR_INIT;
    int r = m->verb <= DOCKER_EXEC ? find(w, m, &s, &err)
                                   : err_set(&err, ERR_INPUT, "there is no action %u", (unsigned)m->verb);
    if (r == 0 && w->act_n + s.n > ACTS_MAX)
        r = err_set(&err, ERR_LIMIT, "%zu actions are under way already", w->act_n);
    if (r < 0) {
        refuse(w, id, &err);
        return;
    }
    struct act *a = calloc(1, sizeof *a);
    if (a == NULL)
        abort();
    *a = (struct act){.next = w->acts, .watcher = w, .arena = arena_new(), .id = id, .n = s.n, .left = s.n};
    a->output = buf_new(DOCKER_OUTPUT_MAX);
    a->calls = arena_array(a->arena, s.n, sizeof *a->calls);
    w->acts = a;
    w->act_n += s.n;
    for (size_t i = 0; i < s.n; i++) {
        a->calls[i].act = a;
        call(&a->calls[i], s.found[i], m);
    }
    a->begun = true;
    if (a->left == 0)
        answer(a);
}

/* --- before it is known what there is --- */

/* An action that came before the engines had answered. */
struct act_waiting {
    struct act_waiting *next;
    struct arena *arena;
    uint32_t id;
    struct msg_act msg;
};

static void wait_for_engines(struct watcher *w, uint32_t id, const struct msg_act *m)
{
    struct act_waiting **last = &w->acts_waiting;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    struct arena *a = arena_new();
    struct act_waiting *x = arena_alloc(a, sizeof *x);
    struct err err = ERR_INIT;
    size_t n = 0;
    for (; *last != NULL; last = &(*last)->next)
        n++;
    int r = n < ACTS_MAX ? msg_encode(MSG_act, m, &text, &err)
                         : err_set(&err, ERR_LIMIT, "%zu actions wait already", n);
    if (r == 0)
        r = msg_decode(MSG_act, buf_str(&text), a, &x->msg, &err);
    if (r < 0) {
        refuse(w, id, &err);
        arena_free(a);
        return;
    }
    x->arena = a;
    x->id = id;
    *last = x;
}

void act_begin(struct watcher *w, uint32_t id, const struct msg_act *m)
{
    if (w->begun)
        carry_out(w, id, m);
    else
        wait_for_engines(w, id, m);
}

void acts_go_on(struct watcher *w)
{
    while (w->acts_waiting != NULL) {
        struct act_waiting *x = w->acts_waiting;
        w->acts_waiting = x->next;
        carry_out(w, x->id, &x->msg);
        arena_free(x->arena);
    }
}

/* --- the end --- */

void acts_engine_gone(struct watcher *w, const struct engine *e)
{
    struct err gone = ERR_INIT;
    err_set(&gone, ERR_CANCELLED, "its engine %s is watched no more", e->name);
    for (struct act *a = w->acts, *next; a != NULL; a = next) {
        next = a->next;
        a->begun = false; /* it is not freed under our feet */
        for (size_t i = 0; i < a->n; i++)
            if (!a->calls[i].over && a->calls[i].engine == e) {
                docker_cancel(a->calls[i].call);
                call_over(&a->calls[i], "", &gone);
            }
        a->begun = true;
        if (a->left == 0)
            answer(a);
    }
}

void acts_end(struct watcher *w)
{
    struct err end = ERR_INIT;
    err_set(&end, ERR_CANCELLED, "evercert ends");
    while (w->acts_waiting != NULL) {
        struct act_waiting *x = w->acts_waiting;
        w->acts_waiting = x->next;
        refuse(w, x->id, &end);
        arena_free(x->arena);
    }
    while (w->acts != NULL) {
        struct act *a = w->acts;
        for (size_t i = 0; i < a->n; i++)
            if (!a->calls[i].over)
                docker_cancel(a->calls[i].call);
        refuse(w, a->id, &end);
        act_free(a);
    }
}
