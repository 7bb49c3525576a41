/* `alert test`: what is sent when certificates fail, tried. */
#include "base/attr.h"
#include "base/buf.h"
#include "cli/command_table.h"
#include "cli/connect.h"
#include "config/settings.h"
#include "os/capture.h"
#include "processes/alert_document.h"
#include "processes/command.h"

#include <stdio.h>
#include <unistd.h>

static int send(const struct invocation *i, const struct alert *x, struct err *err)
{
    struct buf document ATTR_CLEANUP(buf_free) = buf_new_sensitive(ALERT_DOCUMENT_MAX),
                        said ATTR_CLEANUP(buf_free) = buf_new(ALERT_OUTPUT_MAX);
    char *argv[] = {arena_dup_c(i->arena, "evercert-messenger"),
        i->globals->sandbox_log ? arena_dup_c(i->arena, "--sandbox=log") : NULL, NULL};
    const struct child_spec spec = {
        .path = connect_program("messenger", i->arena), .argv = argv, .envp = environ};
    int r = alert_document(x, "{\"test\": true, \"certificates\": [], \"more\": 0}", &document, err);
    return r < 0 ? r : capture_output(&spec, buf_str(&document), ALERT_TIMEOUT_S, &said, err);
}

static int alert_test(const struct invocation *i)
{
    const char *name = i->options->arguments[0];
    struct settings settings = {0};
    struct config_problems problems = {.n = 0};
    struct err err = ERR_INIT;
    if (settings_load(i->globals->config, !i->globals->config_given, i->arena, &settings, &problems, &err) <
        0) {
        say_error("%s", problems.n > 0 ? problems.list[0] : err.text);
        return EXIT_USAGE;
    }
    const struct alert *x = alert_find(&settings, name);
    if (x == NULL) {
        say_error("there is no entry %s of alerts in %s", name, i->globals->config);
        return EXIT_USAGE;
    }
    if (send(i, x, &err) < 0) {
        say_error("alert %s: %s", name, err.text);
        return EXIT_FAILED;
    }
    if (!i->globals->quiet)
        printf("%s: the server took the message\n", name);
    return EXIT_DONE;
}

const struct command command_alert_test = {.words = "alert test",
    .arguments = "NAME",
    .summary = "Send a test to an entry of alerts",
    .text = "Sends a message by the entry NAME of alerts in the configuration, by mail or to its webhook, "
            "and says\n"
            "whether the server took it.\n",
    .argument_least = 1,
    .argument_most = 1,
    .run = alert_test};
