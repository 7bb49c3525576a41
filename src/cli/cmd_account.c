#include "cli/account_options.h"
#include "cli/command_table.h"
#include "cli/request.h"
#include "cli/session.h"

#define AUTHORITY_OPTION                                                                                \
    {                                                                                                   \
        0, "authority", OPTION_TEXT, false, "A", "which authority (default: the configuration's first)" \
    }

static const struct option_spec show_options[] = {
    {0, "authority", OPTION_TEXT, false, "A", "only that one, as the authority describes it"},
};

static const struct option_spec rollover_options[] = {AUTHORITY_OPTION};

static const struct option_spec register_options[] = {
    AUTHORITY_OPTION,
    {0, "email", OPTION_TEXT, false, "ADDRESS", "contact the authority may write to"},
    {0, "agree-tos", OPTION_FLAG, false, NULL, "agree to the authority's terms of service"},
    EAB_OPTIONS,
};

/* Of an update: all but the binding, which is made once, when the account is. */
enum { UPDATE_OPTION_N = 3 };

static const struct option_spec deactivate_options[] = {
    AUTHORITY_OPTION,
    {0, "yes", OPTION_FLAG, false, NULL, "do it: it cannot be undone"},
};

static int account(const struct invocation *i, enum command_verb verb)
{
    static const char *const ours[] = {"yes", NULL};
    struct sink json, *sink = &json;
    if (i->globals->json)
        sink_json_array(&json, stdout);
    else
        sink = sink_account(i->arena, stdout);
    const struct session_request q = {
        .verb = verb,
        .options = request_options(i, ours),
        .acts = verb != VERB_ACCOUNT_SHOW,
        .sink = sink,
    };
    int status = session_run(i->globals, &q, i->arena);
    if (status == EXIT_DONE && sink->rows == 0 && verb == VERB_ACCOUNT_SHOW && !i->globals->json &&
        !i->globals->quiet)
        say_note("no account yet; make one with: evercert account register --email ADDRESS --agree-tos");
    return status;
}

static int account_show(const struct invocation *i)
{
    return account(i, VERB_ACCOUNT_SHOW);
}

static int account_register(const struct invocation *i)
{
    return account(i, VERB_ACCOUNT_REGISTER);
}

static int account_update(const struct invocation *i)
{
    return account(i, VERB_ACCOUNT_UPDATE);
}

static int account_rollover(const struct invocation *i)
{
    return account(i, VERB_ACCOUNT_ROLLOVER);
}

static int account_deactivate(const struct invocation *i)
{
    if (!options_has(i->options, "yes"))
        return usage_error(i->command,
            "the account cannot be opened again, and its certificates can no longer "
            "be renewed or revoked with it; if that is what you want, add --yes");
    return account(i, VERB_ACCOUNT_DEACTIVATE);
}

const struct command command_account_show = {
    .words = "account show",
    .arguments = "",
    .summary = "the accounts at authorities",
    .text = "",
    .options = {show_options, ARRAY_LEN(show_options)},
    .run = account_show,
};

const struct command command_account_register = {
    .words = "account register",
    .arguments = "",
    .summary = "make an account (issue makes one by itself)",
    .text = "",
    .options = {register_options, ARRAY_LEN(register_options)},
    .run = account_register,
};

const struct command command_account_update = {
    .words = "account update",
    .arguments = "",
    .summary = "tell the authority a new contact address",
    .text = "",
    .options = {register_options, UPDATE_OPTION_N},
    .run = account_update,
};

const struct command command_account_rollover = {
    .words = "account rollover",
    .arguments = "",
    .summary = "give the account a new key",
    .text = "The authority takes the new key before the old one is put away; after an interruption\n"
            "the same command finds out which of the two is in force and goes on.\n",
    .options = {rollover_options, ARRAY_LEN(rollover_options)},
    .run = account_rollover,
};

const struct command command_account_deactivate = {
    .words = "account deactivate",
    .arguments = "",
    .summary = "close the account at the authority for ever",
    .text = "Its certificates stay valid, but can be neither renewed nor revoked with it any more.\n",
    .options = {deactivate_options, ARRAY_LEN(deactivate_options)},
    .run = account_deactivate,
};
