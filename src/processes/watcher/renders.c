/* Templates: rendered one a turn of the loop, when what they see has been quiet for a while, and handed to
 * the parent where the text is not the one that it took last. */
#include "processes/watcher/watcher.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum {
    FAILED_AGAIN_MS = 10 * 1000, /* a text that was not taken is handed in again no sooner */
    COST_FREE_MS = 200,          /* a template that takes longer ... */
    COST_FACTOR = 9,             /* ... waits for so many times as long: a tenth of the time is its */
    LINES_MAX = MSG_LARGE - TEMPLATE_OUTPUT_MAX - MSG_SMALL, /* octets of line numbers in one message */
};

/* --- one template --- */

static void on_quiet(void *arg);

void render_free(struct render *r)
{
    if (r == NULL)
        return;
    if (r->under_way)
        channel_forget(r->watcher->parent, r);
    quiet_end(&r->quiet);
    arena_free(r->arena);
    free(r);
}

static int digest_of(const struct msg_watch_template *m, unsigned char out[SHA256_LEN], struct err *err)
{
    struct buf all ATTR_CLEANUP(buf_free) = buf_new(2 * (size_t)MSG_LARGE);
    const struct str parts[] = {str_c(m->output), str_c(m->source), m->text, str_c(m->kind)};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_printf(&all, "%zu:", parts[i].n);
        buf_put_str(&all, parts[i]);
    }
    return digest_sha256(buf_str(&all), out, err);
}

void feed_template(struct watcher *w, const struct msg_watch_template *m)
{
    struct feed *f = w->draft;
    struct err err = ERR_INIT;
    if (f == NULL || f->render_n >= TEMPLATES_MAX) {
        log_error("%s: a template came out of turn, or there are too many", m->output);
        return;
    }
    struct render **last = &f->renders;
    while (*last != NULL)
        last = &(*last)->next;
    struct render *r = calloc(1, sizeof *r);
    if (r == NULL)
        abort();
    r->watcher = w;
    r->arena = arena_new();
    r->output = arena_dup_c(r->arena, m->output);
    r->source = arena_dup_c(r->arena, m->source);
    r->text = arena_str(r->arena, m->text);
    r->wait_min_ms = feed_wait(m->wait_min, f->wait_min_ms);
    r->wait_max_ms = feed_wait(m->wait_max, f->wait_max_ms);
    if (!template_kind_parse(m->kind, &r->kind))
        err_set(&r->broken, ERR_INPUT, "%s: \"%.40s\" is no kind of template", m->source, m->kind);
    if (digest_of(m, r->digest, &err) < 0)
        err_set(&r->broken, ERR_CRYPTO, "%s: %s", m->source, err.text);
    *last = r;
    f->render_n++;
}

/* --- when --- */

/* How long it is waited still for what was never told. */
static int64_t missing_ms(const struct watcher *w)
{
    int64_t rows_ms = w->rows == NULL ? w->fed_ms + FIRST_ANSWERS_MS - clock_mono(w->clock).ms : 0;
    int64_t engines_ms = engines_wait(w, true);
    return rows_ms > engines_ms ? rows_ms : engines_ms;
}

/* Whether what is known is worth being rendered. A file that is there is better than one made without the
 * containers of an engine that is about to answer, or without certificates that are about to be told. */
static bool ready(const struct watcher *w)
{
    return w->begun && engines_one_listed(w) && missing_ms(w) == 0;
}

void renders_schedule(struct watcher *w, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    if (ms > 0 && event_pending(w->render_next, EV_TIMEOUT, NULL))
        return;
    if (event_add(w->render_next, &tv) != 0)
        abort();
}

static void on_quiet(void *arg)
{
    struct render *r = arg;
    struct watcher *w = r->watcher;
    r->due = true;
    if (ready(w))
        renders_schedule(w, 0);
    else if (w->begun && missing_ms(w) > 0)
        quiet_after(&r->quiet, missing_ms(w));
}

void renders_touch(struct watcher *w)
{
    for (struct render *r = w->renders; r != NULL; r = r->next)
        quiet_touch(&r->quiet);
}

void renders_release(struct watcher *w)
{
    for (struct render *r = w->renders; r != NULL; r = r->next)
        if (r->due)
            quiet_now(&r->quiet);
}

/* --- handing in --- */

static void taken(struct render *r)
{
    r->has_taken = true;
    r->has_failed = false;
    memcpy(r->taken, r->sent, sizeof r->taken);
}

/* The parent tries it again by itself; what it failed for may also be gone with the next change here. */
static void failed(struct render *r)
{
    r->has_failed = true;
    r->has_taken = false;
    r->failed_ms = clock_mono(r->watcher->clock).ms;
    memcpy(r->failed, r->sent, sizeof r->failed);
}

static void on_answer(const void *msg, const struct err *err, void *arg)
{
    const struct msg_done *m = msg;
    struct render *r = arg;
    struct err why = ERR_INIT;
    r->under_way = false;
    if (msg_outcome(m != NULL ? &m->error : NULL, err, &why) == 0 || r->sent_error)
        taken(r);
    else
        failed(r);
    if (r->anew)
        r->has_taken = r->has_failed = false;
    r->anew = false;
    if (r->due)
        quiet_now(&r->quiet);
}

static int digest_output(struct str text, const struct err *err, unsigned char out[SHA256_LEN])
{
    struct buf all ATTR_CLEANUP(buf_free) = buf_new(TEMPLATE_OUTPUT_MAX + ERR_TEXT_MAX + 16);
    buf_put_c(&all, err->code < 0 ? "error:" : "text:");
    buf_put_str(&all, err->code < 0 ? str_c(err->text) : text);
    if (buf_failed(&all))
        return ERR_LIMIT;
    return digest_sha256(buf_str(&all), out, NULL);
}

/* Whether that text is to be handed in now: it is not the last one that was taken, and if it is the last one
 * that was not, some time has passed. */
static bool is_news(struct render *r, const unsigned char digest[SHA256_LEN])
{
    if (r->has_taken && memcmp(r->taken, digest, SHA256_LEN) == 0)
        return false;
    if (!r->has_failed || memcmp(r->failed, digest, SHA256_LEN) != 0)
        return true;
    int64_t left_ms = r->failed_ms + FAILED_AGAIN_MS - clock_mono(r->watcher->clock).ms;
    if (left_ms > 0)
        quiet_after(&r->quiet, left_ms);
    return left_ms <= 0;
}

static void hand_in(struct render *r, const struct buf *text, const struct buf *lines, const struct err *err)
{
    unsigned char digest[SHA256_LEN];
    if (digest_output(buf_str(text), err, digest) < 0) {
        log_warning("%s: its text cannot be compared", r->output);
        return;
    }
    if (!is_news(r, digest))
        return;
    struct str numbers = buf_str(lines);
    if (numbers.n > LINES_MAX)
        numbers.n = LINES_MAX;
    struct msg_template_output m = {
        .output = r->output, .text = buf_str(text), .lines = numbers, .error = msg_error_of(err)};
    struct err why = ERR_INIT;
    if (channel_request(r->watcher->parent, MSG_template_output, &m, MSG_done, on_answer, r, &why) < 0) {
        log_warning("%s: %s", r->output, why.text);
        quiet_after(&r->quiet, SEND_AGAIN_MS);
        return;
    }
    r->under_way = true;
    r->sent_error = err->code < 0;
    memcpy(r->sent, digest, sizeof digest);
}

static void render(struct render *r)
{
    struct watcher *w = r->watcher;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(TEMPLATE_OUTPUT_MAX);
    struct buf lines ATTR_CLEANUP(buf_free) = buf_new(4 * (size_t)TEMPLATE_OUTPUT_MAX + 4);
    struct template_model model = model_now(w);
    struct err err = r->broken;
    int64_t start_ms = clock_mono(w->clock).ms;
    r->due = false;
    if (err.code == 0 && template_render(r->source, r->text, r->kind, &model, &text, &lines, &err) < 0) {
        buf_clear(&text);
        buf_clear(&lines);
    }
    int64_t end_ms = clock_mono(w->clock).ms;
    if (end_ms - start_ms > COST_FREE_MS)
        r->not_before_ms = end_ms + COST_FACTOR * (end_ms - start_ms);
    hand_in(r, &text, &lines, &err);
}

/* One a turn, so that what comes in between is heard; it goes to the end of the list, so that each has its
 * turn. */
static void on_next(evutil_socket_t fd, short what, void *arg)
{
    struct watcher *w = arg;
    int64_t now_ms = clock_mono(w->clock).ms, wait_ms = -1;
    struct render *chosen = NULL;
    (void)fd, (void)what;
    if (channel_queued(w->parent) >= SEND_QUEUE_MAX) {
        renders_schedule(w, SEND_AGAIN_MS);
        return;
    }
    if (tries_one(w)) {
        renders_schedule(w, 0);
        return;
    }
    for (struct render *r = w->renders; r != NULL; r = r->next) {
        if (!r->due || r->under_way)
            continue;
        int64_t left_ms = r->not_before_ms - now_ms;
        if (left_ms <= 0 && (chosen == NULL || r->not_before_ms < chosen->not_before_ms))
            chosen = r;
        if (left_ms > 0 && (wait_ms < 0 || left_ms < wait_ms))
            wait_ms = left_ms;
    }
    if (chosen != NULL && ready(w)) {
        render(chosen);
        wait_ms = 0; /* another may be due */
    }
    if (wait_ms >= 0)
        renders_schedule(w, wait_ms);
}

/* --- all of them --- */

void renders_start(struct watcher *w)
{
    w->render_next = event_new(w->process.base, -1, 0, on_next, w);
    if (w->render_next == NULL)
        abort();
}

/* The one from before, where nothing of it changed but its wait. */
static struct render *take_same(struct render **list, const struct render *fresh)
{
    for (struct render **at = list; *at != NULL; at = &(*at)->next) {
        struct render *r = *at;
        if (memcmp(r->digest, fresh->digest, sizeof r->digest) != 0)
            continue;
        *at = r->next;
        return r;
    }
    return NULL;
}

static void begin(struct watcher *w, struct render *r, bool touched)
{
    if (r->quiet.timer == NULL)
        quiet_init(&r->quiet, w->process.base, w->clock, on_quiet, r);
    r->quiet.min_ms = r->wait_min_ms;
    r->quiet.max_ms = r->wait_max_ms;
    if (touched)
        quiet_now(&r->quiet);
}

void renders_feed(struct watcher *w, struct render *fresh, bool changed, bool anew)
{
    struct render *old = w->renders, **last = &w->renders;
    w->renders = NULL;
    while (fresh != NULL) {
        struct render *next = fresh->next, *r = take_same(&old, fresh);
        bool is_new = r == NULL;
        if (is_new) {
            r = fresh;
        } else {
            r->wait_min_ms = fresh->wait_min_ms;
            r->wait_max_ms = fresh->wait_max_ms;
            render_free(fresh);
        }
        r->next = NULL;
        if (anew) {
            r->has_taken = r->has_failed = false;
            r->anew = r->under_way;
        }
        begin(w, r, is_new || changed || anew || r->due || r->quiet.waiting);
        *last = r;
        last = &r->next;
        fresh = next;
    }
    while (old != NULL) {
        struct render *r = old;
        old = r->next;
        render_free(r);
    }
}

void renders_end(struct watcher *w)
{
    renders_feed(w, NULL, false, false);
    event_free(w->render_next);
    if (w->rows != NULL)
        arena_free(w->rows->arena);
    if (w->rows_draft != NULL)
        arena_free(w->rows_draft->arena);
}

/* --- what they see --- */

void model_begin(struct watcher *w)
{
    struct arena *a = arena_new();
    if (w->rows_draft != NULL)
        arena_free(w->rows_draft->arena);
    w->rows_draft = arena_alloc(a, sizeof *w->rows_draft);
    w->rows_draft->arena = a;
}

static void rows_add(struct rows *rows, const char *json)
{
    if (rows->n == rows->cap) {
        size_t cap = rows->cap == 0 ? 16 : 2 * rows->cap;
        const char **more = arena_array(rows->arena, cap, sizeof *more);
        for (size_t i = 0; i < rows->n; i++)
            more[i] = rows->list[i];
        rows->list = more;
        rows->cap = cap;
    }
    rows->list[rows->n++] = arena_dup_c(rows->arena, json);
}

void model_row(struct watcher *w, const struct msg_model_row *m)
{
    struct rows *rows = w->rows_draft;
    if (rows == NULL)
        return;
    size_t before = rows->octets;
    rows->octets += strlen(m->json);
    if (rows->octets <= MODEL_ROWS_MAX)
        rows_add(rows, m->json);
    else if (before <= MODEL_ROWS_MAX)
        log_warning("templates do not see all certificates: these are more than %d octets", MODEL_ROWS_MAX);
}

void model_end(struct watcher *w)
{
    if (w->rows_draft == NULL)
        return;
    bool first = w->rows == NULL;
    if (w->rows != NULL)
        arena_free(w->rows->arena);
    w->rows = w->rows_draft;
    w->rows_draft = NULL;
    if (first)
        renders_release(w);
    else
        renders_touch(w);
}

struct template_model model_now(struct watcher *w)
{
    struct template_model m = {.settings = w->feed != NULL ? w->feed->settings : "{}"};
    m.containers = world_sorted(w, &m.container_n);
    if (w->rows != NULL) {
        m.certificates = w->rows->list;
        m.certificate_n = w->rows->n;
    }
    return m;
}
