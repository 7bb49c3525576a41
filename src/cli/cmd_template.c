#include "base/b64.h"
#include "base/text.h"
#include "cli/certificate_row.h"
#include "cli/command_table.h"
#include "cli/request.h"
#include "cli/session.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { RENDERING_MAX = 4 * 1024 * 1024 }; /* no message holds more */

static const struct option_spec render_options[] = {
    {0, "kind", OPTION_CHOICE, false, "none|nginx|shell|html|json",
        "how <%= %> escapes (default: by the name of FILE,\nwithout .tmpl)"},
    {0, "watch", OPTION_FLAG, false, NULL, "again with each change, until it is interrupted"},
};

struct sink_rendering {
    struct sink sink;
    bool json, watch, tty;
};

/* A terminal obeys what it is sent, and a container may have chosen it; a file gets every octet. */
static void print_clean(struct str text, FILE *out)
{
    struct buf line ATTR_CLEANUP(buf_free) = buf_new(RENDERING_MAX);
    while (text.n > 0) {
        size_t n = 0;
        while (n < text.n && text.p[n] != '\n' && text.p[n] != '\t')
            n++;
        buf_clear(&line);
        text_clean(&line, (struct str){text.p, n}, n);
        fwrite(buf_c(&line), 1, line.n, out);
        if (n < text.n)
            fputc(text.p[n++], out);
        text.p += n;
        text.n -= n;
    }
}

static void print_text(struct sink_rendering *s, struct str text)
{
    if (s->watch)
        fprintf(stderr, "--- %zu octets\n", text.n);
    if (s->tty)
        print_clean(text, s->sink.out);
    else
        fwrite(text.p, 1, text.n, s->sink.out);
    fflush(s->sink.out);
}

/* "text", and where that is no UTF-8, which JSON cannot hold, the octets as they came. */
static void print_json(struct sink_rendering *s, const json_t *row, struct str text)
{
    struct sink json;
    json_t *o =
        text_is_utf8(text) ? json_pack("{s:o}", "text", json_stringn(text.p, text.n)) : json_deep_copy(row);
    sink_json_lines(&json, s->sink.out);
    json.row(&json, o);
    json_decref(o);
}

static void rendering_row(struct sink *sink, const json_t *row)
{
    struct sink_rendering *s = (struct sink_rendering *)sink;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(RENDERING_MAX);
    const char *octets = json_string_value(json_object_get(row, "octets")), *error = row_text(row, "error");
    struct sink json;
    if (octets != NULL && b64url_decode(&text, str_c(octets)) == 0) {
        struct str whole = {buf_c(&text), text.n};
        if (s->json)
            print_json(s, row, whole);
        else
            print_text(s, whole);
    } else if (s->json) {
        sink_json_lines(&json, sink->out);
        json.row(&json, row);
    } else {
        say_error("%s", error[0] != '\0' ? error : "the answer holds no text");
    }
}

static int render(const struct invocation *i)
{
    const char *file = globals_absolute(i->options->arguments[0], i->arena);
    struct sink_rendering s = {
        .sink = {.row = rendering_row, .follows = true, .out = stdout},
        .json = i->globals->json,
        .watch = options_has(i->options, "watch") && !i->globals->quiet,
        .tty = isatty(STDOUT_FILENO) != 0,
    };
    const struct session_request q = {
        .verb = VERB_TEMPLATE_RENDER,
        .names = {&file, 1},
        .options = request_options(i, NULL),
        .sink = &s.sink,
    };
    return session_run(i->globals, &q, i->arena);
}

const struct command command_template_render = {
    .words = "template render",
    .arguments = "FILE",
    .summary = "what a template makes of the containers that run and the certificates",
    .text = "For trying: it is printed, and nothing is written, checked or told. FILE need not be\n"
            "in the configuration. Mistakes come as FILE:LINE.\n",
    .options = {render_options, ARRAY_LEN(render_options)},
    .argument_least = 1,
    .argument_most = 1,
    .run = render,
};
