#include "base/text.h"
#include "cli/certificate_row.h"
#include "cli/sink.h"

enum { FINDING_MAX = 256 * 1024 }; /* eleven URLs at their limit and words */

struct check_sink {
    struct sink sink;
    const struct terminal *terminal;
};

static void check_row(struct sink *s, const json_t *row)
{
    const struct check_sink *c = (const struct check_sink *)s;
    struct buf out = buf_new(FINDING_MAX);
    bool ok = json_is_true(json_object_get(row, "ok"));
    const char *about = row_text(row, "identifier");
    if (about[0] == '\0')
        about = row_text(row, "certificate");
    colour_put(&out, ok ? COLOUR_GOOD : COLOUR_BAD, ok ? STR("ok    ") : STR("FAILS "), c->terminal->colour);
    if (about[0] != '\0') {
        text_put_foreign(&out, about);
        buf_put_c(&out, ": ");
    }
    text_put_foreign(&out, row_text(row, "text"));
    buf_put_char(&out, '\n');
    if (row_text(row, "why")[0] != '\0') {
        buf_put_c(&out, "      why:  ");
        text_put_foreign(&out, row_text(row, "why"));
        buf_put_char(&out, '\n');
    }
    if (row_text(row, "remedy")[0] != '\0') {
        buf_put_c(&out, ok ? "      " : "      mend: ");
        text_put_foreign(&out, row_text(row, "remedy"));
        buf_put_char(&out, '\n');
    }
    fwrite(buf_c(&out), 1, out.n, s->out);
    buf_free(&out);
}

struct sink *sink_check(struct arena *a, const struct terminal *terminal, FILE *out)
{
    struct check_sink *c = arena_alloc(a, sizeof *c);
    *c = (struct check_sink){.sink = {.row = check_row, .out = out}, .terminal = terminal};
    return &c->sink;
}
