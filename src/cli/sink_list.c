#include "base/attr.h"
#include "cli/certificate_row.h"
#include "cli/sink.h"
#include "cli/table.h"

enum { COLUMN_NAME, COLUMN_STATE, COLUMN_EXPIRES, COLUMN_NEXT, COLUMN_AUTHORITY, COLUMN_NAMES, COLUMN_END };

static const struct table_column columns[] = {
    [COLUMN_NAME] = {"NAME", 16, 3, false},
    [COLUMN_STATE] = {"STATE", 0, 0, false},
    [COLUMN_EXPIRES] = {"EXPIRES", 0, 0, false},
    [COLUMN_NEXT] = {"NEXT", 12, 4, false},
    [COLUMN_AUTHORITY] = {"AUTHORITY", 11, 2, false},
    [COLUMN_NAMES] = {"NAMES", 16, 1, true},
};

/* A name is 253 octets; the names of a certificate are at most 10,000 in a message. */
enum { NAMES_MAX = 4 * 1024 * 1024, CELL_MAX = 4096 };

struct list_sink {
    struct sink sink;
    struct table *table;
    const struct clock *clock;
    struct buf cells[COLUMN_END];
};

static void list_row(struct sink *s, const json_t *row)
{
    struct list_sink *l = (struct list_sink *)s;
    struct certificate_row c;
    certificate_row_read(row, &c);
    struct wall now = clock_wall(l->clock);
    for (size_t i = 0; i < COLUMN_END; i++)
        buf_clear(&l->cells[i]);
    text_put_foreign(&l->cells[COLUMN_NAME], c.name);
    text_put_foreign(&l->cells[COLUMN_STATE], c.state);
    time_put_about(&l->cells[COLUMN_EXPIRES], c.not_after, now);
    certificate_row_put_next(&l->cells[COLUMN_NEXT], &c, now);
    text_put_foreign(&l->cells[COLUMN_AUTHORITY], c.authority);
    row_put_list(&l->cells[COLUMN_NAMES], c.domains, " ");
    struct table_cell cells[COLUMN_END];
    for (size_t i = 0; i < COLUMN_END; i++)
        cells[i] = (struct table_cell){buf_str(&l->cells[i]), COLOUR_NONE};
    cells[COLUMN_STATE].colour = certificate_state_colour(c.state);
    table_row(l->table, cells);
}

static void list_end(struct sink *s, bool complete)
{
    struct list_sink *l = (struct list_sink *)s;
    (void)complete;
    table_end(l->table);
    for (size_t i = 0; i < COLUMN_END; i++)
        buf_free(&l->cells[i]);
}

struct sink *sink_list(struct arena *a, const struct terminal *terminal, const struct clock *clock, FILE *out)
{
    struct list_sink *l = arena_alloc(a, sizeof *l);
    *l = (struct list_sink){
        .sink = {.row = list_row, .end = list_end, .out = out},
        .table = table_new(columns, ARRAY_LEN(columns), terminal, out),
        .clock = clock,
    };
    for (size_t i = 0; i < COLUMN_END; i++)
        l->cells[i] = buf_new(i == COLUMN_NAMES ? NAMES_MAX : CELL_MAX);
    return &l->sink;
}
