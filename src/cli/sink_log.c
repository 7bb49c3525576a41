#include "cli/certificate_row.h"
#include "cli/sink.h"

enum { LOG_ROW_MAX = 16 * 1024 * 1024 };

static void log_row(struct sink *s, const json_t *row)
{
    struct buf out = buf_new(LOG_ROW_MAX), name = buf_new(LOG_ROW_MAX), event = buf_new(LOG_ROW_MAX);
    text_put_foreign(&name, row_text(row, "certificate"));
    text_put_foreign(&event, row_text(row, "event"));
    text_put_foreign(&out, row_text(row, "at"));
    buf_printf(&out, "  %-24s  %-13s  ", name.n > 0 ? buf_c(&name) : "-", buf_c(&event));
    text_put_foreign(&out, row_text(row, "text"));
    buf_put_char(&out, '\n');
    fwrite(buf_c(&out), 1, out.n, s->out);
    fflush(s->out); /* who follows waits for it */
    buf_free(&out);
    buf_free(&name);
    buf_free(&event);
}

struct sink *sink_log(struct arena *a, FILE *out)
{
    struct sink *s = arena_alloc(a, sizeof *s);
    *s = (struct sink){.row = log_row, .out = out};
    return s;
}

/* label, key of the row */
static const struct {
    const char *label, *key;
} account_lines[] = {
    {"Status", "status"},
    {"Contact", "email"},
    {"Account", "url"},
    {"Directory", "directory"},
    {"Thumbprint", "thumbprint"},
};

static void account_row(struct sink *s, const json_t *row)
{
    struct buf out = buf_new(LOG_ROW_MAX);
    text_put_foreign(&out, row_text(row, "authority"));
    buf_put_char(&out, '\n');
    for (size_t i = 0; i < sizeof account_lines / sizeof account_lines[0]; i++) {
        const char *value = row_text(row, account_lines[i].key);
        if (value[0] == '\0')
            continue;
        buf_printf(&out, "  %-12s", account_lines[i].label);
        text_put_foreign(&out, value);
        buf_put_char(&out, '\n');
    }
    fwrite(buf_c(&out), 1, out.n, s->out);
    buf_free(&out);
}

struct sink *sink_account(struct arena *a, FILE *out)
{
    struct sink *s = arena_alloc(a, sizeof *s);
    *s = (struct sink){.row = account_row, .out = out};
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
