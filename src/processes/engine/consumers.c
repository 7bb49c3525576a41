/* The containers that use certificates are told of new ones: the last step of a deployment, taken for all
 * that are deployed about now, so that a container with ten certificates is told once. Who they are, and how
 * they want to be told, is the parent's to know. */
#include "processes/engine/deployment.h"

#include <stdlib.h>
#include <string.h>

enum {
    CONSUMERS_WAIT_MAX_S =
        30,               /* for others that are under way; a server with an old certificate still works */
    CONSUMERS_LOOK_S = 60 /* until a consumer must serve it */
};

struct telling {
    size_t n;
    struct deployment *members[];
};

/* Whether that look is for the certificate. */
static bool is_look_of(const struct msg_consumers_told *m, size_t i, const char *name)
{
    const char *of = i < m->verify_of.n ? m->verify_of.p[i] : "";
    return of[0] == '\0' || strcmp(of, name) == 0;
}

/* What is to be looked at becomes steps of the deployment, behind its own. */
static void add_looks(struct deployment *d, const struct msg_consumers_told *m)
{
    struct deploy *all = arena_array(d->arena, d->wish.deploy_n + m->verify.n, sizeof *all);
    memcpy(all, d->wish.deploys, d->wish.deploy_n * sizeof *all);
    for (size_t i = 0; i < m->verify.n; i++) {
        if (!is_look_of(m, i, d->record.name))
            continue;
        all[d->wish.deploy_n++] = (struct deploy){.verify = arena_dup_c(d->arena, m->verify.p[i]),
            .timeout_s = CONSUMERS_LOOK_S,
            .starttls = verify_starttls(m->verify.p[i]),
            .server_name = "",
            .user = "",
            .dialect = ""};
    }
    d->wish.deploys = all;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What became of it for that certificate: a container that could not be told is no failure of those that it
 * does not use. */
static int outcome_of(
    const struct msg_consumers_told *m, const struct err *why, const char *name, struct err *err)
{
    struct err all = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &all);
    if (r < 0 && m != NULL && m->failed.n > 0) {
        const char *const *at = bsearch(&name, m->failed.p, m->failed.n, sizeof *m->failed.p, by_text);
        if (at == NULL)
            return 0;
        size_t i = (size_t)(at - m->failed.p);
        return err_set(err, r, "%s", i < m->reasons.n ? m->reasons.p[i] : all.text);
    }
    if (r < 0)
        *err = all;
    return r;
}

static void on_told(const void *msg, const struct err *why, void *arg)
{
    struct telling *t = arg;
    const struct msg_consumers_told *m = msg;
    for (size_t i = 0; i < t->n; i++) {
        struct deployment *d = t->members[i];
        struct err err = ERR_INIT;
        int r = outcome_of(m, why, d->record.name, &err);
        d->telling = false;
        d->told = r == 0;
        d->told_n = m != NULL ? m->told.n : 0;
        if (r == 0 && m != NULL)
            add_looks(d, m);
        deployment_told(d, m != NULL && i == 0 ? m->output : "", r < 0 ? &err : NULL);
    }
    free(t);
}

static void on_waited(evutil_socket_t fd, short what, void *arg)
{
    struct engine *e = arg;
    (void)fd, (void)what;
    e->consumers_ripe = e->due_stale = true;
}

void consumers_park(struct deployment *d)
{
    struct engine *e = d->engine;
    d->parked = d->telling = true;
    e->parked_n++;
    e->due_stale = true;
    if (e->consumers_timer == NULL)
        e->consumers_timer = evtimer_new(e->process.base, on_waited, e);
    if (e->consumers_timer == NULL)
        abort();
    if (!evtimer_pending(e->consumers_timer, NULL))
        event_add(e->consumers_timer, &(struct timeval){CONSUMERS_WAIT_MAX_S, 0});
}

void consumers_run(struct engine *e)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct telling *t = malloc(sizeof *t + e->parked_n * sizeof *t->members);
    const char **names = arena_array(a, e->parked_n, sizeof *names);
    struct err err = ERR_INIT;
    if (t == NULL)
        abort();
    t->n = 0;
    for (struct deployment *d = e->deployments; d != NULL && t->n < MSG_LIST_MAX; d = d->next)
        if (d->parked && d->telling) {
            d->parked = false;
            names[t->n] = d->record.name;
            t->members[t->n++] = d;
        }
    e->parked_n -= t->n;
    e->consumers_ripe = false;
    if (e->consumers_timer != NULL)
        evtimer_del(e->consumers_timer);
    const struct msg_consumers_tell m = {{names, t->n}};
    if (t->n == 0)
        free(t);
    else if (channel_request(e->parent, MSG_consumers_tell, &m, MSG_consumers_told, on_told, t, &err) < 0)
        on_told(NULL, &err, t);
}
