#include "cli/sink.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

int sink_row(struct sink *s, const char *json, struct err *err)
{
    json_error_t why;
    json_t *row = json_loads(json, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(row)) {
        json_decref(row);
        return err_set(err, ERR_INPUT, "the answer holds a row that is no JSON object");
    }
    s->row(s, row);
    s->rows++;
    json_decref(row);
    return ferror(s->out) ? err_errno(err, errno, "cannot write to standard output") : 0;
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
    fflush(s->out);
}

static void object_row(struct sink *s, const json_t *row)
{
    dump(row, JSON_INDENT(2), s->out);
    fputc('\n', s->out);
}

void sink_json_array(struct sink *s, FILE *out)
{
    *s = (struct sink){.row = array_row, .end = array_end, .out = out};
}

void sink_json_lines(struct sink *s, FILE *out)
{
    *s = (struct sink){.row = lines_row, .out = out};
}

void sink_json_object(struct sink *s, FILE *out)
{
    *s = (struct sink){.row = object_row, .out = out};
}
