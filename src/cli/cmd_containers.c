#include "cli/command_table.h"
#include "cli/session.h"

#include <unistd.h>

static int containers(const struct invocation *i)
{
    struct sink json, *sink = &json;
    struct terminal terminal;
    terminal_detect(STDOUT_FILENO, i->globals->no_color, &terminal);
    if (i->globals->json)
        sink_json_array(&json, stdout);
    else
        sink = sink_containers(i->arena, &terminal, stdout);
    const struct session_request q = {.verb = VERB_CONTAINERS, .sink = sink};
    int status = session_run(i->globals, &q, i->arena);
    if (status == EXIT_DONE && sink->rows == 0 && !i->globals->json && !i->globals->quiet)
        say_note("no container engine is configured; in %s, docker: {socket: unix:///var/run/docker.sock, "
                 "policy: [{allow: [\"*.example.org\"]}]} has Docker's containers ask for those names",
            i->globals->config);
    return status;
}

const struct command command_containers = {
    .words = "containers",
    .arguments = "",
    .summary = "what containers ask for by their labels, and what became of it",
    .text = "Engines, requests for certificates (granted, or refused and why), containers that are\n"
            "told of certificates, labels that cannot be followed, and templates. Without a daemon\n"
            "the engines are asked once, and nothing is issued or written. The exit status is 1\n"
            "where an engine cannot be reached.\n",
    .run = containers,
};
