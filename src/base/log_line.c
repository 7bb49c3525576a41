#include "base/log_line.h"

#include "base/text.h"
#include "base/time.h"

#include <stdio.h>
#include <string.h>

enum { NUMBER_MAX = 24 };

static const struct {
    const char *text;
    int priority;
} levels[] = {
#define LOG_ROW(level, text, priority) [level] = {text, priority},
    LOG_LEVELS(LOG_ROW)
#undef LOG_ROW
};

/* What an entry may be about, in the order in which it is told. */
struct field {
    const char *json, *journal;
    const char *value; /* NULL or "": not known */
    bool number;
};

enum { FIELDS_MAX = 5 };

static void fields_of(const struct log_about *a, char number[NUMBER_MAX], struct field out[FIELDS_MAX])
{
    snprintf(number, NUMBER_MAX, "%llu", (unsigned long long)a->request);
    out[0] = (struct field){"certificate", "EVERCERT_CERTIFICATE", a->certificate, false};
    out[1] = (struct field){"order", "EVERCERT_ORDER", a->order, false};
    out[2] = (struct field){"authority", "EVERCERT_AUTHORITY", a->authority, false};
    out[3] = (struct field){"request", "EVERCERT_REQUEST", a->request > 0 ? number : NULL, true};
    out[4] = (struct field){"event", "EVERCERT_EVENT", a->event, false};
}

static bool is_known(const struct field *f)
{
    return f->value != NULL && f->value[0] != '\0';
}

/* --- for people --- */

static void put_line(struct buf *out, const struct log_entry *e)
{
    buf_printf(out, "evercert[%s]: %s: ", e->process, levels[e->level].text);
    text_clean(out, str_c(e->message), LOG_LINE_MAX);
    buf_put_char(out, '\n');
}

void log_put_text(struct buf *out, const struct log_entry *e)
{
    char when[TIME_TEXT_MAX];
    buf_printf(out, "%s ", wall_format((struct wall){e->time_ms / 1000}, when));
    put_line(out, e);
}

void log_put_prefixed(struct buf *out, const struct log_entry *e)
{
    buf_printf(out, "<%d>", levels[e->level].priority);
    put_line(out, e);
}

/* --- JSON --- */

/* Cleaned there are no control characters and no broken sequences left, so two characters need an escape. */
static void put_json_string(struct buf *out, const char *text, size_t max)
{
    struct buf clean = buf_new(LOG_ENTRY_MAX);
    text_clean(&clean, str_c(text), max);
    buf_put_char(out, '"');
    for (size_t i = 0; i < clean.n; i++) {
        if (clean.p[i] == '"' || clean.p[i] == '\\')
            buf_put_char(out, '\\');
        buf_put_char(out, clean.p[i]);
    }
    buf_put_char(out, '"');
    buf_free(&clean);
}

/* "2026-11-21T22:12:00.123Z" */
static void put_json_time(struct buf *out, int64_t ms)
{
    char when[TIME_TEXT_MAX];
    wall_format((struct wall){ms / 1000}, when);
    size_t n = strlen(when);
    if (n > 0 && when[n - 1] == 'Z')
        buf_printf(out, "\"%.*s.%03dZ\"", (int)n - 1, when, (int)(ms % 1000));
    else
        buf_printf(out, "\"%s\"", when);
}

void log_put_json(struct buf *out, const struct log_entry *e)
{
    char number[NUMBER_MAX];
    struct field fields[FIELDS_MAX];
    fields_of(&e->about, number, fields);
    buf_put_c(out, "{\"time\": ");
    put_json_time(out, e->time_ms);
    buf_printf(out,
        ", \"level\": \"%s\", \"process\": \"%s\", \"pid\": %lld, \"message\": ", levels[e->level].text,
        e->process, (long long)e->pid);
    put_json_string(out, e->message, LOG_LINE_MAX);
    for (size_t i = 0; i < FIELDS_MAX; i++) {
        if (!is_known(&fields[i]))
            continue;
        buf_printf(out, ", \"%s\": ", fields[i].json);
        if (fields[i].number)
            buf_put_c(out, fields[i].value);
        else
            put_json_string(out, fields[i].value, LOG_FIELD_MAX);
    }
    buf_put_c(out, "}\n");
}

/* --- the journal --- */

/* Each line cleaned by itself, blank ones at the end left out. */
static void put_lines(struct buf *out, const char *text, size_t max)
{
    struct str rest = str_trim(str_c(text)), line;
    if (rest.n > max)
        rest.n = max;
    for (bool more = true, first = true; more; first = false) {
        struct buf clean = buf_new(LOG_ENTRY_MAX);
        more = str_cut(rest, '\n', &line, &rest);
        text_clean(&clean, line, max);
        if (!first)
            buf_put_char(out, '\n');
        buf_put_str(out, buf_str(&clean));
        buf_free(&clean);
    }
}

/* NAME=value, or for a value of several lines NAME, its length as 64 bits little-endian, and the value. */
static void put_field(struct buf *out, const char *name, const char *text, size_t max)
{
    struct buf value = buf_new(LOG_ENTRY_MAX);
    put_lines(&value, text, max);
    buf_put_c(out, name);
    if (memchr(buf_c(&value), '\n', value.n) == NULL) {
        buf_put_char(out, '=');
    } else {
        buf_put_char(out, '\n');
        for (unsigned i = 0; i < 8; i++)
            buf_put_char(out, (char)((uint64_t)value.n >> (8 * i) & 0xff));
    }
    buf_put_str(out, buf_str(&value));
    buf_put_char(out, '\n');
    buf_free(&value);
}

void log_put_journal(struct buf *out, const struct log_entry *e)
{
    char number[NUMBER_MAX];
    struct field fields[FIELDS_MAX];
    fields_of(&e->about, number, fields);
    put_field(out, "MESSAGE", e->message, LOG_LINE_MAX);
    buf_printf(out, "PRIORITY=%d\nSYSLOG_IDENTIFIER=evercert\nEVERCERT_PROCESS=%s\n",
        levels[e->level].priority, e->process);
    for (size_t i = 0; i < FIELDS_MAX; i++)
        if (is_known(&fields[i]))
            put_field(out, fields[i].journal, fields[i].value, LOG_FIELD_MAX);
}
