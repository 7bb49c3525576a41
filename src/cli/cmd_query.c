#include "cli/command_table.h"
#include "cli/request.h"
#include "cli/session.h"
#include "processes/list_filter.h"

#include <unistd.h>

enum { LIST_BUFFER = 64 * 1024 /* a hundred thousand rows are a hundred megabytes */ };

static int ask(const struct invocation *i, enum command_verb verb, struct sink *sink)
{
    const struct session_request q = {
        .verb = verb,
        .names = request_names(i),
        .options = request_options(i, NULL),
        .sink = sink,
    };
    return session_run(i->globals, &q, i->arena);
}

static const struct option_spec list_options[] = {
    {0, "due", OPTION_FLAG, false, NULL, "only what is to be renewed or deployed now"},
    {0, "failing", OPTION_FLAG, false, NULL,
        "only what goes wrong: it cannot be got, deployed or seen at its servers"},
    {0, "expires-within", OPTION_TEXT, false, "DURATION", "only what expires within 7d, say, or has expired"},
    {0, "match", OPTION_TEXT, true, "PATTERN", "only where its name or a domain fits, as in '*.example.com'"},
};

static int list(const struct invocation *i)
{
    struct sink json, *sink = &json;
    struct terminal terminal;
    struct err err = ERR_INIT;
    struct list_filter filter;
    struct msg_list options = request_options(i, NULL);
    if (list_filter_read(options.p, options.n, &filter, &err) < 0) {
        say_error("%s", err.text);
        return EXIT_USAGE;
    }
    (void)setvbuf(stdout, NULL, _IOFBF, LIST_BUFFER);
    terminal_detect(STDOUT_FILENO, i->globals->no_color, &terminal);
    if (i->globals->json)
        sink_json_array(&json, stdout);
    else
        sink = sink_list(i->arena, &terminal, &system_clock, stdout);
    int status = ask(i, VERB_LIST, sink);
    if (status == EXIT_DONE && sink->rows == 0 && !i->globals->json && !i->globals->quiet)
        say_note(options.n > 0 ? "no such certificates"
                               : "no certificates yet; get one with: evercert issue -d NAME");
    return status;
}

const struct command command_list = {
    .words = "list",
    .arguments = "[CERT]...",
    .summary = "every certificate: state, expiry, what happens next",
    .text = "In order of name; those named, or all, and of these only what every option asks for.\n",
    .options = {list_options, ARRAY_LEN(list_options)},
    .argument_most = SIZE_MAX,
    .run = list,
};

static int show(const struct invocation *i)
{
    struct sink json, *sink = &json;
    struct terminal terminal;
    terminal_detect(STDOUT_FILENO, i->globals->no_color, &terminal);
    if (i->globals->json)
        sink_json_object(&json, stdout);
    else
        sink = sink_show(i->arena, &terminal, &system_clock, stdout);
    return ask(i, VERB_SHOW, sink);
}

const struct command command_show = {
    .words = "show",
    .arguments = "CERT",
    .summary = "one certificate, whole: what it is, its last error, what happens next and why",
    .text = "",
    .argument_least = 1,
    .argument_most = 1,
    .run = show,
};

static const struct option_spec log_options[] = {
    {'f', "follow", OPTION_FLAG, false, NULL, "go on with what happens from now"},
};

static int show_log(const struct invocation *i)
{
    struct sink json, *sink = &json;
    if (i->globals->json)
        sink_json_lines(&json, stdout);
    else
        sink = sink_log(request_names(i).n > 0, i->arena, stdout);
    return ask(i, VERB_LOG, sink);
}

const struct command command_log = {
    .words = "log",
    .arguments = "[CERT]",
    .summary = "history: every attempt, error and deployment",
    .text = "Of one certificate, with every request to the authority and its answer.\n",
    .options = {log_options, ARRAY_LEN(log_options)},
    .argument_most = 1,
    .run = show_log,
};
