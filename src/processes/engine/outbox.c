/* The end of a turn: what was written is committed as one, then what depends on it leaves. */
#include "processes/engine/engine.h"

#include "base/log.h"

#include <stdlib.h>

struct outbox_item {
    struct outbox_item *next;
    struct job *job;
    struct order_action action;
};

void outbox_put(struct job *j, const struct order_action *a)
{
    struct engine *e = j->engine;
    struct outbox_item *item = calloc(1, sizeof *item);
    if (item == NULL)
        abort();
    *item = (struct outbox_item){.job = j, .action = *a};
    /* The chain is only lent for the step; everything else lives as long as the order. */
    if (a->chain.n > 0)
        item->action.chain = arena_str(j->arena, a->chain);
    *e->outbox_last = item;
    e->outbox_last = &item->next;
}

void outbox_forget(struct engine *e, const struct job *j)
{
    for (struct outbox_item *item = e->outbox; item != NULL; item = item->next)
        if (item->job == j)
            item->job = NULL;
}

static void on_commit_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg; /* the turn that this ends tries again */
}

/* Nothing leaves before what it depends on is on disk. What could not be committed is kept by the store, so a
 * full disk is waited out; but nobody is kept waiting with it who gave a command. */
static bool commit(struct engine *e)
{
    struct err err = ERR_INIT;
    if (store_commit(e->store, &err) == 0) {
        if (e->commit_failed)
            log_info("the store can be written again");
        e->commit_failed = false;
        return true;
    }
    err_prefix(&err, "%s", e->state_path);
    if (!e->commit_failed && e->schedule)
        log_error("%s; nothing is sent until it can be written", err.text);
    sessions_stuck(e, &err);
    e->commit_failed = true;
    if (e->commit_timer == NULL)
        e->commit_timer = evtimer_new(e->process.base, on_commit_retry, e);
    event_add(e->commit_timer, &(struct timeval){COMMIT_RETRY_S, 0});
    return false;
}

/* What a damaged store says cannot be acted upon, and what is written to it is lost. The parent puts it aside
 * when this process has gone, which it does when it is told; the next one has a new store. */
static bool give_up(struct engine *e)
{
    struct err why = ERR_INIT, err = ERR_INIT;
    if (e->unable || !store_is_damaged(e->store))
        return e->unable;
    err_set(&why, ERR_DAMAGED, "%s/evercert.db is damaged", e->state_path);
    struct msg_unable m = {msg_error_of(&why)};
    e->unable = true;
    if (channel_send(e->parent, MSG_unable, 0, &m, -1, &err) < 0) {
        log_error("%s", why.text);
        process_stop(&e->process);
    }
    return true;
}

void engine_turn(void *engine)
{
    struct engine *e = engine;
    if (give_up(e) || rebuild_gathers(e) || !commit(e))
        return;
    /* Carrying out an action may queue the next one (a failure told at once); those wait for the next commit,
     * and an event is there that ends this turn soon, because each of them starts a timer or a message. */
    struct outbox_item *items = e->outbox;
    e->outbox = NULL;
    e->outbox_last = &e->outbox;
    while (items != NULL) {
        struct outbox_item *item = items;
        items = item->next;
        if (item->job != NULL && !item->job->over)
            job_act(item->job, &item->action);
        free(item);
    }
    jobs_reap(e);
    if (e->due_stale)
        clock_run_due(e);
    sessions_settle(e);
    rebuild_settle(e);
    certificates_tell(e);
    stop_turn(e);
    if (e->outbox != NULL || e->due_stale)
        event_base_once(e->process.base, -1, EV_TIMEOUT, on_commit_retry, NULL, &(struct timeval){0});
}
