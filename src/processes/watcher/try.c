/* Templates that are rendered once, for somebody who writes one. */
#include "processes/watcher/watcher.h"

#include <stdlib.h>

struct
try {
    struct try *next;
    struct arena *arena;
    uint32_t id;
    const char *source;
    struct str text;
    enum template_kind kind;
};

static void answer(struct watcher *w, uint32_t id, struct str text, const struct err *err)
{
    struct msg_template_tried m = {.text = text, .error = msg_error_of(err)};
    (void)watcher_tell(w, MSG_template_tried, id, &m);
}

static void refuse(struct watcher *w, uint32_t id, const struct err *err)
{
    answer(w, id, STR(""), err);
}

static void carry_out(struct watcher *w, const struct try *t)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(TEMPLATE_OUTPUT_MAX);
    struct buf lines ATTR_CLEANUP(buf_free) = buf_new(4 * (size_t)TEMPLATE_OUTPUT_MAX + 4);
    struct template_model model = model_now(w);
    struct err err = ERR_INIT;
    if (template_render(t->source, t->text, t->kind, &model, &text, &lines, &err) < 0)
        buf_clear(&text);
    answer(w, t->id, buf_str(&text), &err);
}

void try_begin(struct watcher *w, uint32_t id, const struct msg_template_try *m)
{
    struct err err = ERR_INIT;
    enum template_kind kind = TEMPLATE_NONE;
    struct try **last = &w->tries;
    size_t n = 0;
    for (; *last != NULL; last = &(*last)->next)
        n++;
    if (n >= TRIES_MAX)
        err_set(&err, ERR_LIMIT, "%d templates wait to be rendered already", TRIES_MAX);
    else if (!template_kind_parse(m->kind, &kind))
        err_set(&err, ERR_INPUT, "\"%.40s\" is no kind of template", m->kind);
    if (err.code < 0) {
        refuse(w, id, &err);
        return;
    }
    struct arena *a = arena_new();
    struct try *t = arena_alloc(a, sizeof *t);
    *t = (struct try){.arena = a,
        .id = id,
        .source = arena_dup_c(a, m->source),
        .text = arena_str(a, m->text),
        .kind = kind};
    *last = t;
    renders_schedule(w, 0);
}

/* It sees what is known then: who writes a template wants to see something, and now. */
bool tries_one(struct watcher *w)
{
    struct try *t = w->tries;
    if (!w->begun || t == NULL)
        return false;
    w->tries = t->next;
    carry_out(w, t);
    arena_free(t->arena);
    return true;
}

void tries_end(struct watcher *w)
{
    while (w->tries != NULL) {
        struct try *t = w->tries;
        w->tries = t->next;
        arena_free(t->arena);
    }
}
