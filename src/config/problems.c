#include "config/problems.h"

#include "base/buf.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MESSAGE_MAX = 4096,  /* a path of keys and the longest text of an error */
    KEY_SHOWN_MAX = 120, /* octets of one key in a path */
    QUOTED_MAX = 60,     /* octets of a value in a message */
    PATH_STEPS_MAX = 32, /* more than the depth of any document */
};

const char *mark_text(struct mark mark, struct arena *a)
{
    if (mark.line == 0)
        return arena_dup_c(a, mark.file);
    return arena_printf(a, "%s:%u:%u", mark.file, mark.line, mark.column);
}

const char *quote(struct str text, char out[QUOTE_MAX])
{
    struct buf b = buf_new(QUOTE_MAX - 1);
    buf_put_char(&b, '"');
    text_clean(&b, text, QUOTED_MAX);
    buf_put_char(&b, '"');
    snprintf(out, QUOTE_MAX, "%s", buf_c(&b));
    buf_free(&b);
    return out;
}

static void put_path(struct buf *b, const struct where *where)
{
    const struct where *steps[PATH_STEPS_MAX];
    size_t n = 0;
    for (; where != NULL && n < PATH_STEPS_MAX; where = where->up)
        steps[n++] = where;
    for (bool first = true; n > 0; first = false) {
        const struct where *step = steps[--n];
        if (step->key == NULL) {
            buf_printf(b, "[%zu]", step->index);
            continue;
        }
        if (!first)
            buf_put_char(b, '.');
        text_clean(b, str_c(step->key), KEY_SHOWN_MAX);
    }
}

const char *where_text(const struct where *where, struct arena *a)
{
    struct buf text = buf_new(MESSAGE_MAX);
    put_path(&text, where);
    const char *path = arena_dup(a, buf_str(&text));
    buf_free(&text);
    return path;
}

void problem_add(struct problems *p, struct mark mark, const struct where *where, const char *fmt, ...)
{
    if (p->n == CONFIG_PROBLEMS_MAX)
        return;
    struct buf text = buf_new(MESSAGE_MAX), message = buf_new(MESSAGE_MAX);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&message, fmt, ap);
    va_end(ap);
    put_path(&text, where);
    if (text.n > 0)
        buf_put_c(&text, ": ");
    text_clean(&text, buf_str(&message), ERR_TEXT_MAX);
    const char *line = mark.file == NULL ? arena_dup(p->a, buf_str(&text))
                                         : arena_printf(p->a, "%s: %s", mark_text(mark, p->a), buf_c(&text));
    p->list[p->n++] = (struct problem){.mark = mark, .text = line};
    buf_free(&text);
    buf_free(&message);
}

/* The text settles places that are equal, so that the order is the same every time. */
static int by_place(const void *a, const void *b)
{
    const struct problem *x = a, *y = b;
    if (x->mark.file_no != y->mark.file_no)
        return x->mark.file_no < y->mark.file_no ? -1 : 1;
    if (x->mark.line != y->mark.line)
        return x->mark.line < y->mark.line ? -1 : 1;
    if (x->mark.column != y->mark.column)
        return x->mark.column < y->mark.column ? -1 : 1;
    return strcmp(x->text, y->text);
}

void problems_sort(struct problems *p)
{
    qsort(p->list, p->n, sizeof p->list[0], by_place);
}
