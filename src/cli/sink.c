#include "cli/sink.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

static int take_row(struct sink *s, struct str json, struct err *err)
{
    json_error_t why;
    json_t *row = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(row)) {
        json_decref(row);
        return err_set(err, ERR_INPUT, "the answer holds a row that is no JSON object");
    }
    s->row(s, row);
    json_decref(row);
    return 0;
}

/* What was taken can be read by whoever follows. */
static int rows_out(struct sink *s, struct err *err)
{
    if (s->follows)
        fflush(s->out);
    return ferror(s->out) ? err_errno(err, errno, "cannot write to standard output") : 0;
}

int sink_row(struct sink *s, const char *json, struct err *err)
{
    int r = take_row(s, str_c(json), err);
    s->rows += r == 0;
    return r < 0 ? r : rows_out(s, err);
}

/* Nothing in it needs to be escaped for a terminal. */
static bool is_printable_object(struct str row)
{
    bool printable = row.n >= 2 && row.p[0] == '{' && row.p[row.n - 1] == '}';
    for (size_t i = 0; i < row.n && printable; i++)
        printable = row.p[i] >= 0x20 && row.p[i] < 0x7f;
    return printable;
}

int sink_rows(struct sink *s, struct str rows, struct err *err)
{
    int r = 0;
    while (rows.n > 0 && r == 0) {
        struct str row;
        (void)str_cut(rows, '\n', &row, &rows);
        if (s->text != NULL && is_printable_object(row))
            s->text(s, row);
        else
            r = take_row(s, row, err);
        s->rows += r == 0;
    }
    return r < 0 ? r : rows_out(s, err);
}

void sink_end(struct sink *s, bool complete)
{
    if (s->end != NULL)
        s->end(s, complete);
    fflush(s->out);
}

/* Everything beyond ASCII is escaped: what a CA wrote cannot reach a terminal as a control character. */
static void dump(const json_t *row, size_t flags, FILE *out)
{
    json_dumpf(row, out, JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6) | flags);
}

static void array_row(struct sink *s, const json_t *row)
{
    fputs(s->rows == 0 ? "[\n" : ",\n", s->out);
    dump(row, JSON_COMPACT, s->out);
}

static void array_text(struct sink *s, struct str row)
{
    fputs(s->rows == 0 ? "[\n" : ",\n", s->out);
    fwrite(row.p, 1, row.n, s->out);
}

static void array_end(struct sink *s, bool complete)
{
    if (s->rows > 0)
        fputs("\n]\n", s->out);
    else if (complete)
        fputs("[]\n", s->out);
}

static void lines_row(struct sink *s, const json_t *row)
{
    dump(row, JSON_COMPACT, s->out);
    fputc('\n', s->out);
}

static void lines_text(struct sink *s, struct str row)
{
    fwrite(row.p, 1, row.n, s->out);
    fputc('\n', s->out);
}

static void object_row(struct sink *s, const json_t *row)
{
    dump(row, JSON_INDENT(2), s->out);
    fputc('\n', s->out);
}

void sink_json_array(struct sink *s, FILE *out)
{
    *s = (struct sink){.row = array_row, .text = array_text, .end = array_end, .out = out};
}

void sink_json_lines(struct sink *s, FILE *out)
{
    *s = (struct sink){.row = lines_row, .text = lines_text, .follows = true, .out = out};
}

void sink_json_object(struct sink *s, FILE *out)
{
    *s = (struct sink){.row = object_row, .out = out};
}
