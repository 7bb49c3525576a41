#include "cli/progress.h"

#include "base/text.h"

#include <jansson.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_BYTES_MAX = 64 * 1024,
    NAME_COLUMNS_MAX = 40, /* so that one long name does not push all steps out of sight */
    BAR_COLUMNS_MAX = 40,
    SECOND_MS = 1000,
};

/* A certificate in work. In a tree by name, and in a list by age for drawing. */
struct work {
    char *name, *step;
    struct mono begun;
    struct work *before, *after;
};

struct progress {
    enum progress_form form;
    const struct terminal *terminal;
    const struct clock *clock;
    FILE *out, *errors;
    void *by_name; /* tsearch tree of struct work */
    struct work *first, *last;
    size_t active, done, failed;
    size_t name_columns;
    unsigned drawn; /* lines on the screen that the next redraw replaces */
    bool bar, dirty;
    struct mono begun, drawn_at;
};

static char *copy(const char *text)
{
    struct buf b = buf_new(LINE_BYTES_MAX);
    text_clean(&b, str_c(text), LINE_BYTES_MAX / 4);
    char *p = strdup(buf_c(&b));
    if (p == NULL)
        abort();
    buf_free(&b);
    return p;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct work *)a)->name, ((const struct work *)b)->name);
}

struct progress *progress_new(enum progress_form form, const struct terminal *terminal,
    const struct clock *clock, FILE *out, FILE *errors)
{
    struct progress *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    *p = (struct progress){.form = form,
        .terminal = terminal,
        .clock = clock,
        .out = out,
        .errors = errors,
        .begun = clock_mono(clock)};
    return p;
}

bool progress_moves(const struct progress *p)
{
    return p->form == PROGRESS_DRAWN;
}

size_t progress_done(const struct progress *p)
{
    return p->done;
}

size_t progress_failed(const struct progress *p)
{
    return p->failed;
}

static struct work *work_find(const struct progress *p, const char *name)
{
    char *clean = copy(name);
    const struct work key = {.name = clean};
    struct work *const *at = tfind(&key, &p->by_name, by_name);
    free(clean);
    return at != NULL ? *at : NULL;
}

static struct work *work_add(struct progress *p, const char *name)
{
    struct work *w = calloc(1, sizeof *w);
    if (w == NULL)
        abort();
    w->name = copy(name);
    w->begun = clock_mono(p->clock);
    w->before = p->last;
    *(p->last != NULL ? &p->last->after : &p->first) = w;
    p->last = w;
    if (tsearch(w, &p->by_name, by_name) == NULL)
        abort();
    p->active++;
    size_t columns = text_columns(str_c(w->name));
    if (columns > p->name_columns)
        p->name_columns = columns < NAME_COLUMNS_MAX ? columns : NAME_COLUMNS_MAX;
    return w;
}

static void work_remove(struct progress *p, struct work *w)
{
    tdelete(w, &p->by_name, by_name);
    *(w->before != NULL ? &w->before->after : &p->first) = w->after;
    *(w->after != NULL ? &w->after->before : &p->last) = w->before;
    p->active--;
    free(w->name);
    free(w->step);
    free(w);
}

/* --- drawing --- */

void progress_hide(struct progress *p)
{
    if (p->drawn == 0)
        return;
    fprintf(p->out, "\033[%uA\r\033[J", p->drawn);
    fflush(p->out);
    p->drawn = 0;
    p->dirty = true;
}

/* A name that would need a second line would spoil the count of lines. */
static void put_cut_line(struct buf *out, const struct buf *line, unsigned columns)
{
    text_cut(out, buf_str(line), columns > 1 ? columns - 1 : 1);
    buf_put_char(out, '\n');
}

static void draw_work(const struct progress *p, const struct work *w, struct buf *out)
{
    struct buf line = buf_new(LINE_BYTES_MAX);
    char span[DURATION_TEXT_MAX];
    text_cut(&line, str_c(w->name), NAME_COLUMNS_MAX);
    for (size_t n = text_columns(buf_str(&line)); n < p->name_columns; n++)
        buf_put_char(&line, ' ');
    int64_t seconds = (clock_mono(p->clock).ms - w->begun.ms) / SECOND_MS;
    buf_printf(&line, "  %s  %s", w->step, duration_about(seconds, span));
    put_cut_line(out, &line, p->terminal->columns);
    buf_free(&line);
}

/* "[#######-------------]  412/1000  3 failed  1m 5s" */
static void draw_bar(const struct progress *p, struct buf *out)
{
    struct buf line = buf_new(LINE_BYTES_MAX);
    char span[DURATION_TEXT_MAX];
    size_t all = p->done + p->active;
    size_t filled = all > 0 ? p->done * BAR_COLUMNS_MAX / all : 0;
    if (p->terminal->columns >= 2 * BAR_COLUMNS_MAX) {
        buf_put_char(&line, '[');
        for (size_t i = 0; i < BAR_COLUMNS_MAX; i++)
            buf_put_char(&line, i < filled ? '#' : '-');
        buf_put_c(&line, "]  ");
    }
    buf_printf(&line, "%zu/%zu", p->done, all);
    if (p->failed > 0)
        buf_printf(&line, "  %zu failed", p->failed);
    int64_t seconds = (clock_mono(p->clock).ms - p->begun.ms) / SECOND_MS;
    buf_printf(&line, "  %s", duration_about(seconds, span));
    put_cut_line(out, &line, p->terminal->columns);
    buf_free(&line);
}

static void draw(struct progress *p)
{
    struct buf lines = buf_new(1024 * 1024);
    progress_hide(p);
    if (p->bar) {
        draw_bar(p, &lines);
        p->drawn = 1;
    } else {
        for (const struct work *w = p->first; w != NULL; w = w->after, p->drawn++)
            draw_work(p, w, &lines);
    }
    fwrite(buf_c(&lines), 1, lines.n, p->out);
    fflush(p->out);
    buf_free(&lines);
    p->dirty = false;
    p->drawn_at = clock_mono(p->clock);
}

void progress_tick(struct progress *p)
{
    bool ages = p->active > 0 && clock_mono(p->clock).ms - p->drawn_at.ms >= SECOND_MS;
    if (progress_moves(p) && (p->dirty || ages))
        draw(p);
}

/* --- what happened --- */

void progress_step(struct progress *p, const char *name, const char *step)
{
    struct work *w = work_find(p, name);
    if (w == NULL)
        w = work_add(p, name);
    free(w->step);
    w->step = copy(step);
    p->dirty = true;
    /* Once a bar, always a bar: a display that changes its form back and forth is hard to read. */
    p->bar = p->bar || p->active + p->done > p->terminal->rows / 2;
}

static void report_json(
    const struct progress *p, const struct work *w, const char *step, int64_t ms, const struct err *error)
{
    char when[TIME_TEXT_MAX];
    bool later = error != NULL && error->retry_at_s != 0;
    json_t *o = json_pack("{s:s, s:b, s:s, s:f}", "name", w->name, "ok", error == NULL, "step", step,
        "seconds", (double)ms / SECOND_MS);
    json_object_set_new(o, "error", error != NULL ? json_string(error->text) : json_null());
    json_object_set_new(
        o, "problem", error != NULL && error->problem[0] != '\0' ? json_string(error->problem) : json_null());
    json_object_set_new(o, "retry_at",
        later ? json_string(wall_format((struct wall){error->retry_at_s}, when)) : json_null());
    json_dumpf(o, p->out, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
    fputc('\n', p->out);
    fflush(p->out);
    json_decref(o);
}

/* "evercert: error: example.com: TEXT", once with the name also where the text begins with it already. */
static void report_failure(const struct progress *p, const struct work *w, const struct err *error)
{
    struct buf line = buf_new(LINE_BYTES_MAX);
    struct str text = str_c(error->text);
    size_t n = strlen(w->name);
    bool named = str_starts(text, str_c(w->name)) && text.n > n && text.p[n] == ':';
    buf_put_c(&line, "evercert: error: ");
    if (w->name[0] != '\0' && !named)
        buf_printf(&line, "%s: ", w->name);
    text_clean(&line, text, ERR_TEXT_MAX);
    buf_put_char(&line, '\n');
    fflush(p->out);
    fwrite(buf_c(&line), 1, line.n, p->errors);
    fflush(p->errors);
    buf_free(&line);
}

static void report_success(const struct progress *p, const struct work *w, const char *step, int64_t ms)
{
    struct buf line = buf_new(LINE_BYTES_MAX);
    bool pad = p->form == PROGRESS_DRAWN;
    buf_printf(&line, "%-*s  %s  ", pad ? (int)p->name_columns : 0, w->name, step);
    elapsed_put(&line, ms);
    buf_put_char(&line, '\n');
    fwrite(buf_c(&line), 1, line.n, p->out);
    fflush(p->out);
    buf_free(&line);
}

void progress_final(struct progress *p, const char *name, const char *step, const struct err *error)
{
    struct work *w = work_find(p, name);
    if (w == NULL)
        w = work_add(p, name);
    int64_t ms = clock_mono(p->clock).ms - w->begun.ms;
    char *said = copy(step);
    p->done++;
    p->failed += error != NULL;
    p->dirty = true;
    if (p->form == PROGRESS_JSON)
        report_json(p, w, said, ms, error);
    if (error != NULL) {
        progress_hide(p);
        report_failure(p, w, error);
    } else if (p->form == PROGRESS_PLAIN || (p->form == PROGRESS_DRAWN && !p->bar)) {
        progress_hide(p);
        report_success(p, w, said, ms);
    }
    free(said);
    work_remove(p, w);
}

void progress_end(struct progress *p)
{
    if (p == NULL)
        return;
    if (p->form == PROGRESS_DRAWN && p->bar)
        draw(p);
    else
        progress_hide(p);
    while (p->first != NULL)
        work_remove(p, p->first);
    free(p);
}
