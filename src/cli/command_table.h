/* A command of the command line: its words, what help says, its options, what it does. */
#ifndef EVERCERT_CLI_COMMAND_TABLE_H
#define EVERCERT_CLI_COMMAND_TABLE_H

#include "base/arena.h"
#include "cli/globals.h"
#include "cli/options.h"

#include <stddef.h>
#include <stdio.h>

struct command;

struct invocation {
    const struct command *command;
    const struct globals *globals;
    const struct options *options;
    struct arena *arena; /* lives as long as the program */
};

/* Returns the exit status (processes/command.h). */
typedef int command_fn(const struct invocation *i);

struct command {
    const char *words;     /* "issue", "account show" */
    const char *arguments; /* for the usage line: "CERT", "[CERT]...", "" */
    const char *summary;   /* one line of the list of commands */
    const char *text;      /* the rest of its help, lines of at most 78 columns, "" */
    struct option_table options;
    const struct option_table
        *more_options; /* of another command, taken as well; `options` comes first; NULL */
    size_t argument_least, argument_most;
    command_fn *run;
};

extern const struct command command_run, command_issue, command_renew, command_list, command_show,
    command_revoke, command_forget, command_log, command_account_show, command_account_register,
    command_account_update, command_account_rollover, command_account_deactivate, command_dns_list,
    command_dns_register, command_dns_test, command_dns_record, command_config_check, command_config_show,
    command_config_schema, command_snippet, command_check, command_import, command_export;
extern const struct command command_install, command_uninstall, command_alert_test, command_containers,
    command_template_render;

/* The options of issue. */
extern const struct option_table issue_option_table;

/* All of them, in the order of help; ends with NULL. */
extern const struct command *const commands[];

/* `evercert --help`. */
void help_overview(FILE *out);
/* `evercert COMMAND --help`. */
void help_command(const struct command *c, FILE *out);
/* `evercert help account`: the commands of a family. */
void help_family(const char *family, FILE *out);

/* Says a usage error of this command and where to read more; returns EXIT_USAGE. */
int usage_error(const struct command *c, const char *fmt, ...) ATTR_PRINTF(2, 3);

#endif
