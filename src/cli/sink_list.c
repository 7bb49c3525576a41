#include "base/attr.h"
#include "cli/certificate_row.h"
#include "cli/sink.h"
#include "cli/table.h"

#include <string.h>

enum {
    COLUMN_NAME,
    COLUMN_STATE,
    COLUMN_SERVED,
    COLUMN_EXPIRES,
    COLUMN_NEXT,
    COLUMN_AUTHORITY,
    COLUMN_NAMES,
    COLUMN_END
};

static const struct table_column columns[] = {
    [COLUMN_NAME] = {"NAME", 16, 3, false},
    [COLUMN_STATE] = {"STATE", 0, 0, false},
    [COLUMN_SERVED] = {"SERVED", 0, 0, false},
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

static bool holds(const json_t *array, const json_t *text)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (json_equal(json_array_get(array, i), text))
            return true;
    return false;
}

/* What the CA would not certify comes first, so that it is seen where the rest is cut off. */
static void put_names(struct buf *out, const json_t *domains, const json_t *omitted)
{
    if (json_array_size(omitted) > 0) {
        buf_put_c(out, "without ");
        row_put_list(out, omitted, " ");
        buf_put_char(out, ':');
    }
    for (size_t i = 0; i < json_array_size(domains); i++) {
        const char *name = json_string_value(json_array_get(domains, i));
        if (holds(omitted, json_array_get(domains, i)))
            continue;
        if (out->n > 0)
            buf_put_char(out, ' ');
        text_put_foreign(out, name != NULL ? name : "?");
    }
}

/* Where the certificates of two key types are in different states both are said: "valid/failing". The colour
 * is that of the worse one. */
static enum colour put_state(struct buf *out, const char *state, const json_t *variants)
{
    enum colour colour = certificate_state_colour(state);
    text_put_foreign(out, state);
    for (size_t i = 1; i < json_array_size(variants); i++) {
        const char *other = row_text(json_array_get(variants, i), "state");
        enum colour its = certificate_state_colour(other);
        if (strcmp(other, state) == 0)
            continue;
        buf_put_char(out, '/');
        text_put_foreign(out, other);
        if (its == COLOUR_BAD || (its == COLOUR_WARN && colour != COLOUR_BAD))
            colour = its;
    }
    return colour;
}

static void list_row(struct sink *s, const json_t *row)
{
    struct list_sink *l = (struct list_sink *)s;
    struct certificate_row c;
    certificate_row_read(row, &c);
    struct wall now = clock_wall(l->clock);
    for (size_t i = 0; i < COLUMN_END; i++)
        buf_clear(&l->cells[i]);
    text_put_foreign(&l->cells[COLUMN_NAME], c.name);
    enum colour colour = put_state(&l->cells[COLUMN_STATE], c.state, json_object_get(row, "variants"));
    enum colour served = certificate_row_put_served(&l->cells[COLUMN_SERVED], &c);
    time_put_about(&l->cells[COLUMN_EXPIRES], c.not_after, now);
    certificate_row_put_next(&l->cells[COLUMN_NEXT], &c, now);
    text_put_foreign(&l->cells[COLUMN_AUTHORITY], c.authority);
    const json_t *omitted = json_object_get(row, "omitted");
    put_names(&l->cells[COLUMN_NAMES], c.domains, omitted);
    struct table_cell cells[COLUMN_END];
    for (size_t i = 0; i < COLUMN_END; i++)
        cells[i] = (struct table_cell){buf_str(&l->cells[i]), COLOUR_NONE};
    cells[COLUMN_STATE].colour = colour;
    cells[COLUMN_SERVED].colour = served;
    if (json_array_size(omitted) > 0)
        cells[COLUMN_NAMES].colour = COLOUR_WARN;
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
