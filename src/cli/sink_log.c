#include "cli/certificate_row.h"
#include "cli/sink.h"

enum { LOG_ROW_MAX = 16 * 1024 * 1024 };

/* One request to the CA and its answer, below the entry it belongs to. */
static void put_exchange(struct buf *out, const json_t *e)
{
    int64_t status = row_number(e, "status"), retry = row_number(e, "retry_after");
    char span[DURATION_TEXT_MAX];
    if (!json_is_object(e))
        return;
    buf_put_c(out, "    ");
    text_put_foreign(out, row_text(e, "at"));
    buf_put_c(out, "  ");
    text_put_foreign(out, row_text(e, "request"));
    if (status > 0)
        buf_printf(out, "  %lld", (long long)status);
    buf_put_c(out, "  ");
    text_put_foreign(out, row_text(e, "url"));
    if (retry > 0)
        buf_printf(out, "  again after %s", duration_format(retry, span));
    buf_put_char(out, '\n');
    const char *problem = row_text(e, "problem"), *detail = row_text(e, "detail");
    if (problem[0] == '\0' && detail[0] == '\0')
        return;
    buf_put_c(out, "      ");
    text_put_foreign(out, problem);
    buf_put_c(out, problem[0] != '\0' && detail[0] != '\0' ? ": " : "");
    text_put_foreign(out, detail);
    buf_put_char(out, '\n');
}

static void put_row(struct sink *s, const json_t *row, bool whole)
{
    struct buf out = buf_new(LOG_ROW_MAX), name = buf_new(LOG_ROW_MAX), event = buf_new(LOG_ROW_MAX);
    text_put_foreign(&name, row_text(row, "certificate"));
    text_put_foreign(&event, row_text(row, "event"));
    text_put_foreign(&out, row_text(row, "at"));
    buf_printf(&out, "  %-24s  %-13s  ", name.n > 0 ? buf_c(&name) : "-", buf_c(&event));
    text_put_foreign(&out, row_text(row, "text"));
    buf_put_char(&out, '\n');
    const json_t *exchange = json_object_get(json_object_get(row, "detail"), "exchange");
    for (size_t i = 0; whole && i < json_array_size(exchange); i++)
        put_exchange(&out, json_array_get(exchange, i));
    fwrite(buf_c(&out), 1, out.n, s->out);
    buf_free(&out);
    buf_free(&name);
    buf_free(&event);
}

static void log_row(struct sink *s, const json_t *row)
{
    put_row(s, row, false);
}

static void whole_log_row(struct sink *s, const json_t *row)
{
    put_row(s, row, true);
}

struct sink *sink_log(bool whole, struct arena *a, FILE *out)
{
    struct sink *s = arena_alloc(a, sizeof *s);
    *s = (struct sink){.row = whole ? whole_log_row : log_row, .follows = true, .out = out};
    return s;
}

static void files_row(struct sink *s, const json_t *row)
{
    struct buf out = buf_new(LOG_ROW_MAX);
    text_put_foreign(&out, row_text(row, "live"));
    if (out.n > 0)
        fprintf(s->out, "files: %s/{privkey,cert,chain,fullchain,combined}.pem\n", buf_c(&out));
    buf_free(&out);
}

static void no_row(struct sink *s, const json_t *row)
{
    (void)s, (void)row;
}

struct sink *sink_results(bool people, struct arena *a, FILE *out)
{
    struct sink *s = arena_alloc(a, sizeof *s);
    *s = (struct sink){.row = people ? files_row : no_row, .out = out};
    return s;
}
