#include "cli/command_table.h"
#include "cli/connect.h"
#include "processes/command.h"

static int run(const struct invocation *i)
{
    struct err err = ERR_INIT;
    connect_become_daemon(i->globals, i->arena, &err);
    say_error("%s", err.text);
    return EXIT_FAILED;
}

const struct command command_run = {
    .words = "run",
    .arguments = "",
    .summary = "the daemon: get and renew what the configuration names, for ever",
    .text = "Stays in the foreground and logs to standard error; a service manager (systemd,\n"
            "Type=notify) or a container starts it. SIGHUP reads the configuration again,\n"
            "SIGTERM ends it in good order.\n",
    .run = run,
};
