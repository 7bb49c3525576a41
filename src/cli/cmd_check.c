#include "cli/command_table.h"
#include "cli/request.h"
#include "cli/session.h"

#include <unistd.h>

static const struct option_spec check_options[] = {
    {'d', "domain", OPTION_TEXT, true, "NAME", "a name to check, without a certificate; several are allowed"},
    {0, "webroot", OPTION_TEXT, false, "DIR", "where the challenge file would go"},
    {0, "http-port", OPTION_PORT, false, "PORT", "port that evercert would answer http-01 at"},
};

static int check(const struct invocation *i)
{
    struct sink json, *sink = &json;
    struct terminal terminal;
    if (i->options->argument_n > 0 && options_value(i->options, "domain") != NULL)
        return usage_error(i->command, "give the name of a certificate, or -d NAME, not both");
    terminal_detect(STDOUT_FILENO, i->globals->no_color, &terminal);
    if (i->globals->json)
        sink_json_array(&json, stdout);
    else
        sink = sink_check(i->arena, &terminal, stdout);
    const struct session_request q = {
        .verb = VERB_CHECK,
        .names = request_names(i),
        .options = request_options(i, NULL),
        .sink = sink,
    };
    return session_run(i->globals, &q, i->arena);
}

const struct command command_check = {
    .words = "check",
    .arguments = "[CERT | -d NAME...]",
    .summary = "why would it fail? the path of the CA's request, hooks, copies, directories",
    .text = "First what concerns all: owners and modes in the state directory, authorities that do not\n"
            "answer, a clock that is wrong.\n"
            "For each name a token is put where a challenge would be, fetched as a CA does (every\n"
            "address of the name, port 80, redirects followed), and taken away again; the hop that\n"
            "breaks is named, and what mends it. Hooks that could not be run, copies that could not\n"
            "be written and directories that could not be used are told as well, and storage that could\n"
            "not keep a new certificate. Without CERT, all\n"
            "certificates are checked. The request comes from this machine: a firewall in front of\n"
            "it is not seen.\n",
    .options = {check_options, ARRAY_LEN(check_options)},
    .argument_least = 0,
    .argument_most = 1,
    .run = check,
};
