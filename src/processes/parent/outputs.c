/*
 * A template's text becomes a file: where it differs from what is there it is written beside it, checked, put
 * in place, and who is to know is told. A check that names no file looks at the place itself; then the new
 * one goes there first, noted, with the old one kept until the check has passed. What fails is tried again.
 */
#include "processes/parent/outputs_priv.h"

#include "base/attr.h"
#include "base/crash_point.h"
#include "base/text.h"
#include "processes/parent/action.h"
#include "processes/parent/output_text.h"

#include <stdlib.h>
#include <string.h>

enum {
    CHECK_TIMEOUT_S = 60,
    RETRY_FIRST_MS = 1000,
    RETRY_CEILING_MS = 3600 * 1000,
};

static void attempt(struct output *o);

static void answer(struct output *o, struct output_request *q, const struct err *err)
{
    struct channel *c = member_channel(o->p, MEMBER_WATCHER);
    const struct msg_done m = {msg_error_of(err)};
    struct err failure = ERR_INIT;
    if (c != NULL && q->id != 0 && q->life == o->p->watcher_life &&
        channel_send(c, MSG_done, q->id, &m, -1, &failure) < 0)
        log_error("%s", failure.text);
    q->id = 0;
}

/* --- the end of one text --- */

static void close_file(struct output *o)
{
    if (o->file_open)
        output_file_close(&o->file);
    o->file_open = false;
}

static void begin(struct output *o);

static bool place_is_taken(const struct parent *p)
{
    for (const struct output *x = p->outputs->list; x != NULL; x = x->next)
        if (x->in_place)
            return true;
    return false;
}

/* Two that need to be in place for their checks would be blamed for each other's mistakes. */
static void leave_place(struct output *o)
{
    bool was_in_place = o->in_place;
    o->in_place = false;
    for (struct output *x = o->p->outputs->list; was_in_place && x != NULL; x = x->next)
        if (x->state == OUTPUT_QUEUED && !place_is_taken(o->p))
            attempt(x);
}

/* It is at rest: what was handed in meanwhile comes next. */
static void rest(struct output *o)
{
    close_file(o);
    o->state = OUTPUT_IDLE;
    leave_place(o);
    if (o->has_next) {
        o->has_next = false;
        struct buf text = o->text, lines = o->lines;
        o->text = o->next_text;
        o->lines = o->next_lines;
        o->request = o->next_request;
        buf_free(&text);
        buf_free(&lines);
        o->next_text = text;
        o->next_lines = lines;
        begin(o);
    }
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct output *o = arg;
    (void)fd, (void)what;
    if (o->state == OUTPUT_IDLE && !o->p->stopping && output_setting(o->p, o->path) != NULL)
        begin(o);
}

static void try_later(struct output *o)
{
    if (o->retry == NULL && (o->retry = evtimer_new(o->p->base, on_retry, o)) == NULL)
        abort();
    o->retry_ms = o->retry_ms == 0                     ? RETRY_FIRST_MS
                  : o->retry_ms < RETRY_CEILING_MS / 2 ? o->retry_ms * 2
                                                       : RETRY_CEILING_MS;
    event_add(o->retry, &(struct timeval){o->retry_ms / 1000, (suseconds_t)(o->retry_ms % 1000) * 1000});
}

void output_fail(struct output *o, const struct err *err)
{
    struct err own = *err;
    err_prefix(&own, "%s", o->path);
    output_complain(o, &o->error, own.text);
    answer(o, &o->request, &own);
    if (!o->p->stopping)
        try_later(o);
    rest(o);
}

void output_done(struct output *o)
{
    if (o->error[0] != '\0') {
        log_info("templates: %s is as it should be", o->path);
        o->since = clock_wall(&system_clock);
    }
    output_complain(o, &o->error, "");
    o->retry_ms = 0;
    answer(o, &o->request, NULL);
    buf_free(&o->text);
    buf_free(&o->lines);
    rest(o);
}

/* --- in place --- */

static bool is_untold(const struct output *o)
{
    const struct journal_entry *e = journal_find(&o->p->outputs->journal, o->path);
    return e != NULL && e->state == JOURNAL_UNTOLD;
}

static int note(struct output *o, enum journal_state state, bool had, struct err *err)
{
    return journal_note(&o->p->outputs->journal, o->path, state, had, err);
}

/* Everybody is to be told. The note comes before the file, so that a crash between the two tells once too
 * often. */
static int note_untold(struct output *o, struct err *err)
{
    for (size_t i = 0; i < TEMPLATE_NOTIFY_MAX; i++)
        o->due[i] = i < o->setting.notify_n;
    return o->setting.notify_n > 0 ? note(o, JOURNAL_UNTOLD, false, err) : note(o, JOURNAL_NONE, false, err);
}

static void placed(struct output *o)
{
    log_info("templates: %s is changed", o->path);
    o->since = clock_wall(&system_clock);
    if (o->setting.notify_n == 0)
        output_done(o);
    else
        output_tell(o);
}

static void put_back(struct output *o)
{
    struct err err = ERR_INIT;
    if (!o->in_place) {
        output_file_discard(&o->file);
        return;
    }
    /* Where even that fails the note stays, and the next start tries it again. */
    if (output_file_back(&o->file, o->file.exists, &err) < 0 || note(o, JOURNAL_NONE, false, &err) < 0)
        log_error("templates: %s: %s", o->path, err.text);
}

static void pass(struct output *o)
{
    struct err err = ERR_INIT;
    int r = note_untold(o, &err);
    if (r == 0 && !o->in_place)
        r = output_file_place(&o->file, &err);
    if (r < 0) {
        put_back(o);
        output_fail(o, &err);
        return;
    }
    if (o->in_place)
        output_file_settle(&o->file);
    crash_point(parent_output_passed);
    leave_place(o); /* before `placed`, from which the next text may begin */
    placed(o);
}

/* --- the check --- */

/* What it printed, and which line of the template that is about. */
static void explain(const struct output *o, const char *said, struct err *err)
{
    const char *names[] = {o->file.fresh_path, o->path};
    struct buf tail ATTR_CLEANUP(buf_free) = buf_new(2 * OUTPUT_TAIL_MAX);
    struct err own = *err;
    size_t line = 0;
    text_clean(&tail, output_tail(str_c(said)), OUTPUT_TAIL_MAX);
    bool known = output_blamed(str_c(said), names, ARRAY_LEN(names), &line);
    uint32_t source = known ? output_template_line(buf_str(&o->lines), line) : 0;
    if (source != 0)
        err_set(err, own.code, "%s:%u: the check failed at line %zu of what came of it: %s%s%s", o->source,
            (unsigned)source, line, own.text, tail.n > 0 ? ": " : "", buf_c(&tail));
    else
        err_set(err, own.code, "the check failed: %s%s%s", own.text, tail.n > 0 ? ": " : "", buf_c(&tail));
}

static void on_checked(const char *said, const struct err *why, void *arg)
{
    struct output *o = arg;
    if (why == NULL) {
        pass(o);
        return;
    }
    struct err err = *why;
    explain(o, said, &err);
    put_back(o);
    output_fail(o, &err);
}

static void check(struct output *o)
{
    const struct template_setting *t = &o->setting;
    const char *const *words = output_words(t->check, t->check_n, o->file.fresh_path, o->arena);
    struct action action = {.name = "", .timeout_s = CHECK_TIMEOUT_S};
    if (t->check_in[0] != '\0') {
        action.container = t->check_in;
        action.exec = words;
        action.exec_n = t->check_n;
    } else {
        action.run = words;
        action.run_n = t->check_n;
    }
    o->state = OUTPUT_CHECKING;
    action_run(o->p, &action, NULL, on_checked, o);
}

/* --- one text --- */

/* The new one goes to its place before it is checked. */
static int place_first(struct output *o, struct err *err)
{
    int r = note(o, JOURNAL_UNCHECKED, o->file.exists, err);
    if (r == 0 && o->file.exists)
        r = output_file_keep(&o->file, err);
    if (r == 0)
        r = output_file_place(&o->file, err);
    crash_point(parent_output_unchecked);
    if (r < 0)
        put_back(o);
    return r;
}

static int write_it(struct output *o, struct err *err)
{
    int r = output_file_write(&o->file, buf_str(&o->text), err);
    crash_point(parent_output_written);
    return r == 0 && o->in_place ? place_first(o, err) : r;
}

static void attempt(struct output *o)
{
    const struct template_setting *t = &o->setting;
    struct err err = ERR_INIT;
    close_file(o);
    o->in_place = false;
    if (output_file_open(t, o->p->state, o->arena, &o->file, &err) < 0) {
        output_fail(o, &err);
        return;
    }
    o->file_open = true;
    if (output_file_is(&o->file, buf_str(&o->text))) {
        if (is_untold(o))
            output_tell(o);
        else
            output_done(o);
        return;
    }
    bool in_place = t->check_n > 0 && !output_is_named(t->check, t->check_n);
    if (in_place && place_is_taken(o->p)) {
        o->state = OUTPUT_QUEUED;
        return;
    }
    o->in_place = in_place;
    if (write_it(o, &err) < 0)
        output_fail(o, &err);
    else if (t->check_n > 0)
        check(o);
    else
        pass(o);
}

static void copy_setting(struct output *o, const struct template_setting *t)
{
    struct arena *a = arena_new();
    struct action *notify = arena_array(a, t->notify_n, sizeof *notify);
    const char **words = arena_array(a, t->check_n, sizeof *words);
    for (size_t i = 0; i < t->notify_n; i++)
        notify[i] = *action_copy(&t->notify[i], a);
    for (size_t i = 0; i < t->check_n; i++)
        words[i] = arena_dup_c(a, t->check[i]);
    struct template_setting fresh = *t;
    fresh.source = arena_dup_c(a, t->source);
    fresh.output = arena_dup_c(a, t->output);
    fresh.kind = "";
    fresh.check = words;
    fresh.check_in = arena_dup_c(a, t->check_in != NULL ? t->check_in : "");
    fresh.notify = notify;
    fresh.owner = arena_dup_c(a, t->owner != NULL ? t->owner : "");
    fresh.group = arena_dup_c(a, t->group != NULL ? t->group : "");
    /* Who is still to be told stays so where it is the same list. */
    bool same = o->arena != NULL && o->setting.notify_n == fresh.notify_n;
    for (size_t i = 0; same && i < fresh.notify_n; i++)
        same = action_same(&o->setting.notify[i], &fresh.notify[i]);
    for (size_t i = 0; !same && i < TEMPLATE_NOTIFY_MAX; i++)
        o->due[i] = i < fresh.notify_n;
    arena_free(o->arena);
    o->arena = a;
    o->setting = fresh;
}

static void begin(struct output *o)
{
    const struct template_setting *t = output_setting(o->p, o->path);
    struct err err = ERR_INIT;
    if (o->retry != NULL)
        evtimer_del(o->retry);
    if (t == NULL || o->p->stopping) {
        err_set(
            &err, ERR_CANCELLED, "%s", t == NULL ? "no template makes it any more" : "evercert was stopped");
        answer(o, &o->request, &err);
        return;
    }
    copy_setting(o, t);
    attempt(o);
}

static void keep(struct buf *to, struct str from)
{
    buf_clear(to);
    buf_put_str(to, from);
}

void output_take(struct parent *p, uint32_t id, const struct msg_template_output *m)
{
    const struct template_setting *t = output_setting(p, m->output);
    struct output_request request = {id, p->watcher_life};
    struct err err = ERR_INIT;
    struct output *o = t != NULL ? output_find(p, t) : NULL;
    if (o == NULL) { /* of a configuration before */
        struct output nobody = {.p = p};
        err_set(&err, ERR_REFUSED, "no template of the configuration makes %s", m->output);
        answer(&nobody, &request, &err);
        return;
    }
    o->known = true;
    (void)msg_error_get(&m->error, &err);
    output_complain(o, &o->unrendered, err.text);
    if (m->error.code != 0) {
        answer(o, &request, NULL); /* nothing to be done; what is there stays */
        return;
    }
    bool idle = o->state == OUTPUT_IDLE;
    if (!str_eq(buf_str(idle ? &o->text : &o->next_text), m->text))
        o->retry_ms = 0; /* another text is not to wait for as long as the one before */
    keep(idle ? &o->text : &o->next_text, m->text);
    keep(idle ? &o->lines : &o->next_lines, m->lines);
    if (idle) {
        o->request = request;
        begin(o);
        return;
    }
    err_set(&err, ERR_CANCELLED, "a newer text of %s came", o->path);
    if (o->has_next)
        answer(o, &o->next_request, &err);
    o->has_next = true;
    o->next_request = request;
}
