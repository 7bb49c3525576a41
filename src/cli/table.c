#include "cli/table.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { GAP = 2, LINE_MAX_BYTES = 4 * 1024 * 1024 /* a certificate of 10,000 names in full */ };

struct table {
    const struct table_column *columns;
    size_t n;
    const struct terminal *terminal;
    FILE *out;
    struct arena *arena; /* of the sample */
    struct table_cell *sample;
    size_t sample_n;
    size_t widths[TABLE_COLUMNS_MAX];
    bool flowing; /* widths stand, rows go out at once */
};

struct table *table_new(
    const struct table_column *columns, size_t n, const struct terminal *terminal, FILE *out)
{
    struct table *t = calloc(1, sizeof *t);
    if (t == NULL || n > TABLE_COLUMNS_MAX)
        abort();
    *t = (struct table){.columns = columns, .n = n, .terminal = terminal, .out = out, .arena = arena_new()};
    t->sample = arena_array(t->arena, TABLE_SAMPLE * n, sizeof *t->sample);
    for (size_t i = 0; i < n; i++)
        t->widths[i] = strlen(columns[i].title);
    return t;
}

static size_t total(const size_t widths[], size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++)
        if (widths[i] > 0)
            sum += widths[i] + (sum > 0 ? GAP : 0);
    return sum;
}

void table_fit(const struct table_column *columns, size_t n, size_t widths[], size_t width)
{
    if (width == 0)
        return;
    for (unsigned order = 1; order <= n; order++)
        for (size_t i = 0; i < n; i++) {
            size_t all = total(widths, n), least = columns[i].least;
            if (columns[i].order != order || all <= width || widths[i] <= least)
                continue;
            size_t over = all - width, room = widths[i] - least;
            widths[i] -= over < room ? over : room;
        }
    for (size_t i = n; i > 1 && total(widths, n) > width; i--)
        widths[i - 1] = 0;
}

void table_line(const struct table_column *columns, size_t n, const size_t widths[],
    const struct table_cell *cells, bool cut, bool colour, struct buf *out)
{
    struct buf cell = buf_new(LINE_MAX_BYTES);
    size_t blanks = 0;
    for (size_t i = 0; i < n; i++) {
        if (widths[i] == 0)
            continue;
        buf_clear(&cell);
        if (!cut)
            buf_put_str(&cell, cells[i].text);
        else if (columns[i].is_list)
            text_cut_list(&cell, cells[i].text, widths[i]);
        else
            text_cut(&cell, cells[i].text, widths[i]);
        size_t used = text_columns(buf_str(&cell));
        if (used > 0) {
            for (; blanks > 0; blanks--) /* held back so that no line ends with blanks */
                buf_put_char(out, ' ');
            colour_put(out, cells[i].colour, buf_str(&cell), colour);
        }
        blanks += (used < widths[i] ? widths[i] - used : 0) + GAP;
    }
    buf_put_char(out, '\n');
    buf_free(&cell);
}

static void print(struct table *t, const struct table_cell *cells)
{
    struct buf line = buf_new(LINE_MAX_BYTES);
    table_line(t->columns, t->n, t->widths, cells, t->terminal->is_tty, t->terminal->colour, &line);
    fwrite(buf_c(&line), 1, line.n, t->out);
    buf_free(&line);
}

static void release_sample(struct table *t)
{
    struct table_cell titles[TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < t->n; i++)
        titles[i] = (struct table_cell){str_c(t->columns[i].title), COLOUR_NONE};
    table_fit(t->columns, t->n, t->widths, t->terminal->is_tty ? t->terminal->columns : 0);
    print(t, titles);
    for (size_t i = 0; i < t->sample_n; i++)
        print(t, t->sample + i * t->n);
    t->flowing = true;
    arena_free(t->arena);
    t->arena = NULL;
}

void table_row(struct table *t, const struct table_cell *cells)
{
    if (t->flowing) {
        print(t, cells);
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        size_t columns = text_columns(cells[i].text);
        if (columns > t->widths[i])
            t->widths[i] = columns;
        t->sample[t->sample_n * t->n + i] =
            (struct table_cell){arena_str(t->arena, cells[i].text), cells[i].colour};
    }
    if (++t->sample_n == TABLE_SAMPLE)
        release_sample(t);
}

void table_end(struct table *t)
{
    if (t == NULL)
        return;
    if (!t->flowing && t->sample_n > 0)
        release_sample(t);
    arena_free(t->arena);
    free(t);
}
