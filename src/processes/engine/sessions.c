/* Who asked for what: the operator's commands that are not over yet. */
#include "processes/engine/engine.h"

#include "base/log.h"
#include "processes/command.h"

#include <stdlib.h>
#include <string.h>

struct session *session_new(struct engine *e, uint32_t id)
{
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL)
        abort();
    *s = (struct session){.next = e->sessions, .id = id};
    e->sessions = s;
    return s;
}

struct session *session_find(struct engine *e, uint32_t id)
{
    for (struct session *s = e->sessions; s != NULL; s = s->next)
        if (s->id == id)
            return s;
    return NULL;
}

void session_end(struct engine *e, uint32_t id)
{
    for (struct session **at = &e->sessions; *at != NULL; at = &(*at)->next)
        if ((*at)->id == id) {
            struct session *s = *at;
            *at = s->next;
            listing_free(s->listing);
            free(s->name);
            free(s);
            return;
        }
}

struct job_watch *session_watch(struct session *s, struct job_watch *next)
{
    struct job_watch *w = calloc(1, sizeof *w);
    if (w == NULL)
        abort();
    *w = (struct job_watch){next, s->id};
    s->waiting++;
    return w;
}

static void tell(struct engine *e, enum msg_type t, const void *msg)
{
    struct err err = ERR_INIT;
    if (channel_send(e->parent, t, 0, msg, -1, &err) < 0)
        log_error("%s", err.text);
}

void session_row(struct engine *e, uint32_t id, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    struct err err = ERR_INIT;
    /* An answer that is cut short must not look whole. */
    if (text == NULL)
        err_set(&err, ERR_MEMORY, "a row could not be written as JSON");
    else
        (void)channel_send(e->parent, MSG_row, 0, &(struct msg_row){id, text}, -1, &err);
    if (err.code != 0)
        session_fail(e, id, &err);
    free(text);
    json_decref(object);
}

void session_progress(struct engine *e, uint32_t id, const char *name, const char *step)
{
    struct msg_progress m = {id, name, step, false, msg_error_of(NULL)};
    tell(e, MSG_progress, &m);
}

void session_part_done(
    struct engine *e, uint32_t id, const char *name, const char *step, const struct err *err)
{
    struct session *s = session_find(e, id);
    if (s == NULL)
        return;
    struct msg_progress m = {id, name, step, true, msg_error_of(err)};
    tell(e, MSG_progress, &m);
    s->failed = s->failed || err != NULL;
    s->waiting--;
}

void session_fail(struct engine *e, uint32_t id, const struct err *err)
{
    struct session *s = session_find(e, id);
    if (s == NULL)
        return;
    s->failed = true;
    s->err = *err;
}

static uint32_t status_of(const struct session *s)
{
    if (!s->failed)
        return EXIT_DONE;
    return s->err.code == ERR_USAGE || s->err.code == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILED;
}

/* For who issued a certificate: among others, where its files are. */
static void tell_certificate(struct engine *e, const struct session *s)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate c;
    if (store_certificate_get(e->store, str_c(s->name), a, &c, NULL) == 0)
        session_row(e, s->id, report_certificate(e, &c, false));
}

static void finish(struct engine *e, const struct session *s)
{
    if (s->issues && s->name != NULL && !s->failed)
        tell_certificate(e, s);
    struct msg_finished m = {s->id, status_of(s), msg_error_of(&s->err)};
    tell(e, MSG_finished, &m);
    session_end(e, s->id);
}

void sessions_settle(struct engine *e)
{
    for (struct session *s = e->sessions, *next; s != NULL; s = next) {
        next = s->next;
        /* Without a daemon, nobody is there for hooks and for what was shown when the command is over. */
        bool over = s->waiting == 0;
        bool rest = over && !e->schedule &&
                    ((!s->asks && alerts_flush(e)) || e->told_n > 0 || e->arounds != NULL || e->removals > 0);
        if (over && !rest)
            finish(e, s);
    }
}

void sessions_stuck(struct engine *e, const struct err *why)
{
    for (struct session *s = e->sessions, *next; s != NULL; s = next) {
        next = s->next;
        if (!s->asks && !s->failed) /* who has heard of one failure needs no second for the same reason */
            session_fail(e, s->id, why);
        if (!s->asks || s->waiting == 0)
            finish(e, s);
    }
}
