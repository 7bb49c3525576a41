/* What happened: entries are appended and shown to whoever follows, and old ones are deleted. */
#include "processes/engine/engine.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum {
    DELETE_SOON_S = 2, /* the first look after a start, when there is other work; and the next part of many */
    DELETE_LATER_S = 3600, /* the next look where nothing old was left */
};

static void on_delete(evutil_socket_t fd, short what, void *arg)
{
    struct engine *e = arg;
    struct err err = ERR_INIT;
    size_t n = 0;
    (void)fd, (void)what;
    const struct wall before = {engine_now(e).s - e->history_keep_s};
    if (e->schedule && store_history_delete(e->store, before, &n, &err) < 0)
        log_error("old entries of the history: %s", err.text);
    if (n > 0)
        log_debug("history: %zu old entries deleted", n);
    const int64_t next_s = n == STORE_HISTORY_DELETE_MAX ? DELETE_SOON_S : DELETE_LATER_S;
    event_add(e->history_timer, &(struct timeval){next_s, 0});
}

void history_keep(struct engine *e, int64_t seconds)
{
    e->history_keep_s = seconds;
    if (e->history_timer == NULL && (e->history_timer = evtimer_new(e->process.base, on_delete, e)) == NULL)
        abort();
    event_add(e->history_timer, &(struct timeval){DELETE_SOON_S, 0});
}

void history_add(struct engine *e, const char *name, const char *event, const char *text, json_t *detail)
{
    char *json = detail != NULL ? json_dumps(detail, JSON_COMPACT) : NULL;
    struct history_record h = {.at = engine_now(e),
        .certificate = name,
        .event = event,
        .text = text,
        .detail = json != NULL ? json : ""};
    struct err err = ERR_INIT;
    if (store_history_put(e->store, &h, &err) < 0)
        log_error("%s", err.text);
    for (struct session *s = e->sessions; s != NULL; s = s->next)
        if (s->follow && (s->name == NULL || s->name[0] == '\0' || strcmp(s->name, name) == 0))
            session_row(e, s->id, report_history(&h));
    free(json);
    json_decref(detail);
}
