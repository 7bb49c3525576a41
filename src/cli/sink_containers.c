/* What containers ask for and what became of it: a table for each kind of row, and below them what went wrong
 * in full, for a table's cell would cut it. */
#include "base/attr.h"
#include "cli/certificate_row.h"
#include "cli/sink.h"
#include "cli/table.h"

#include <string.h>

enum {
    CELL_MAX = 256 * 1024,           /* the names of a certificate, or the networks of a container */
    TROUBLES_MAX = 16 * 1024 * 1024, /* 20,000 refusals of 800 octets; the rest is counted */
};

enum { COLUMNS_MAX = 5 };

struct containers_sink;

/* A kind of row ("kind" in it): its table, how its cells are filled, and what of it is trouble. */
struct section {
    const char *kind;
    const struct table_column *columns; /* NULL: it has no table */
    size_t n;
    void (*cells)(const json_t *row, struct buf *cells, enum colour *colours);
    void (*trouble)(struct containers_sink *c, const json_t *row);
};

struct containers_sink {
    struct sink sink;
    const struct terminal *terminal;
    const struct section *section; /* of the rows that come now */
    struct table *table;
    size_t tables; /* printed so far */
    struct buf cells[COLUMNS_MAX];
    struct buf troubles;
    size_t troubles_left_out;
};

/* --- troubles --- */

static void put_trouble(struct containers_sink *c, enum colour colour, const char *word, const char *who,
    const char *what, const char *reason)
{
    struct buf line ATTR_CLEANUP(buf_free) = buf_new(CELL_MAX);
    colour_put(&line, colour, str_c(word), c->terminal->colour);
    buf_printf(&line, "%*s", (int)(sizeof "refused " - strlen(word)), "");
    text_put_foreign(&line, who);
    if (what[0] != '\0') {
        buf_put_c(&line, ": ");
        text_put_foreign(&line, what);
    }
    buf_put_c(&line, ": ");
    text_put_foreign(&line, reason);
    buf_put_char(&line, '\n');
    if (buf_failed(&line) || c->troubles.n + line.n > TROUBLES_MAX)
        c->troubles_left_out++;
    else
        buf_put_str(&c->troubles, buf_str(&line));
}

/* --- engines --- */

static const struct table_column engine_columns[] = {
    {"ENGINE", 0, 0, false},
    {"STATE", 0, 0, false},
    {"CONTAINERS", 0, 0, false},
    {"VERSION", 8, 1, false},
};

static void engine_cells(const json_t *row, struct buf *cells, enum colour *colours)
{
    bool connected = json_is_true(json_object_get(row, "connected"));
    bool synced = json_is_true(json_object_get(row, "synced"));
    const char *error = row_text(row, "error");
    text_put_foreign(&cells[0], row_text(row, "engine"));
    buf_put_c(&cells[1], connected ? synced ? "connected" : "listing" : error[0] ? "FAILS" : "connecting");
    colours[1] = connected ? COLOUR_GOOD : error[0] ? COLOUR_BAD : COLOUR_WARN;
    buf_printf(&cells[2], "%lld", (long long)row_number(row, "containers"));
    if (row_number(row, "services") > 0)
        buf_printf(&cells[2], " + %lld services", (long long)row_number(row, "services"));
    text_put_foreign(&cells[3], row_text(row, "version"));
}

static void engine_trouble(struct containers_sink *c, const json_t *row)
{
    if (row_text(row, "error")[0] != '\0')
        put_trouble(c, COLOUR_BAD, "failed", row_text(row, "engine"), "", row_text(row, "error"));
}

/* --- claims --- */

static const struct table_column claim_columns[] = {
    {"CONTAINER", 12, 3, false},
    {"STATE", 0, 0, false},
    {"CERTIFICATE", 12, 4, false},
    {"ASKED BY", 12, 2, false},
    {"NAMES", 16, 1, true},
};

static bool is_granted(const json_t *row)
{
    return strcmp(row_text(row, "state"), "granted") == 0;
}

static void claim_cells(const json_t *row, struct buf *cells, enum colour *colours)
{
    const char *certificate = row_text(row, "certificate");
    text_put_foreign(&cells[0], row_text(row, "container"));
    text_put_foreign(&cells[1], row_text(row, "state"));
    colours[1] = is_granted(row) ? COLOUR_GOOD : COLOUR_BAD;
    text_put_foreign(&cells[2], certificate[0] != '\0' ? certificate : "-");
    text_put_foreign(&cells[3], row_text(row, "key"));
    row_put_list(&cells[4], json_object_get(row, "domains"), " ");
}

static void claim_trouble(struct containers_sink *c, const json_t *row)
{
    struct buf names ATTR_CLEANUP(buf_free) = buf_new(CELL_MAX);
    if (is_granted(row))
        return;
    row_put_list(&names, json_object_get(row, "domains"), " ");
    put_trouble(c, COLOUR_BAD, "refused", row_text(row, "container"), buf_c(&names), row_text(row, "reason"));
}

/* --- consumers --- */

static const struct table_column consumer_columns[] = {
    {"CONSUMER", 12, 2, false},
    {"ON CHANGE", 0, 0, false},
    {"USES", 16, 1, true},
};

static void consumer_cells(const json_t *row, struct buf *cells, enum colour *colours)
{
    const char *change = row_text(row, "on_change");
    (void)colours;
    text_put_foreign(&cells[0], row_text(row, "container"));
    text_put_foreign(&cells[1], change[0] != '\0' ? change : "-");
    row_put_list(&cells[2], json_object_get(row, "uses"), " ");
}

/* --- problems --- */

static void problem_trouble(struct containers_sink *c, const json_t *row)
{
    put_trouble(
        c, COLOUR_WARN, "problem", row_text(row, "container"), row_text(row, "key"), row_text(row, "reason"));
}

/* --- templates --- */

static const struct table_column template_columns[] = {
    {"TEMPLATE", 16, 1, false},
    {"STATE", 0, 0, false},
};

static void template_cells(const json_t *row, struct buf *cells, enum colour *colours)
{
    text_put_foreign(&cells[0], row_text(row, "output"));
    text_put_foreign(&cells[1], row_text(row, "state"));
    colours[1] = row_text(row, "error")[0] != '\0' ? COLOUR_BAD : COLOUR_GOOD;
}

static void template_trouble(struct containers_sink *c, const json_t *row)
{
    if (row_text(row, "error")[0] != '\0')
        put_trouble(c, COLOUR_BAD, "failed", row_text(row, "output"), "", row_text(row, "error"));
}

static const struct section sections[] = {
    {"engine", engine_columns, ARRAY_LEN(engine_columns), engine_cells, engine_trouble},
    {"claim", claim_columns, ARRAY_LEN(claim_columns), claim_cells, claim_trouble},
    {"consumer", consumer_columns, ARRAY_LEN(consumer_columns), consumer_cells, NULL},
    {"problem", NULL, 0, NULL, problem_trouble},
    {"template", template_columns, ARRAY_LEN(template_columns), template_cells, template_trouble},
};

/* --- the sink --- */

static void section_begin(struct containers_sink *c, const struct section *s)
{
    if (s == c->section)
        return;
    table_end(c->table);
    c->table = NULL;
    c->section = s;
    if (s->columns == NULL)
        return;
    if (c->tables++ > 0)
        fputc('\n', c->sink.out);
    c->table = table_new(s->columns, s->n, c->terminal, c->sink.out);
}

static void put_row(struct containers_sink *c, const json_t *row)
{
    enum colour colours[COLUMNS_MAX] = {COLOUR_NONE};
    struct table_cell cells[COLUMNS_MAX];
    for (size_t i = 0; i < c->section->n; i++)
        buf_clear(&c->cells[i]);
    c->section->cells(row, c->cells, colours);
    for (size_t i = 0; i < c->section->n; i++)
        cells[i] = (struct table_cell){buf_str(&c->cells[i]), colours[i]};
    table_row(c->table, cells);
}

/* A kind that is none of ours comes from a parent of another version; what it says is for --json. */
static void containers_row(struct sink *s, const json_t *row)
{
    struct containers_sink *c = (struct containers_sink *)s;
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        if (strcmp(row_text(row, "kind"), sections[i].kind) != 0)
            continue;
        section_begin(c, &sections[i]);
        if (c->table != NULL)
            put_row(c, row);
        if (sections[i].trouble != NULL)
            sections[i].trouble(c, row);
    }
}

static void containers_end(struct sink *s, bool complete)
{
    struct containers_sink *c = (struct containers_sink *)s;
    (void)complete;
    table_end(c->table);
    if (c->troubles.n > 0 && c->tables > 0)
        fputc('\n', s->out);
    fwrite(buf_c(&c->troubles), 1, c->troubles.n, s->out);
    if (c->troubles_left_out > 0)
        fprintf(s->out, "... and %zu more, see --json\n", c->troubles_left_out);
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        buf_free(&c->cells[i]);
    buf_free(&c->troubles);
}

struct sink *sink_containers(struct arena *a, const struct terminal *terminal, FILE *out)
{
    struct containers_sink *c = arena_alloc(a, sizeof *c);
    *c = (struct containers_sink){
        .sink = {.row = containers_row, .end = containers_end, .out = out}, .terminal = terminal};
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        c->cells[i] = buf_new(CELL_MAX);
    c->troubles = buf_new(TROUBLES_MAX);
    return &c->sink;
}
