#include "cli/command_table.h"
#include "cli/request.h"
#include "cli/session.h"

#define AUTHORITY_OPTION                                                                          \
    {                                                                                             \
        0, "authority", OPTION_TEXT, false, "A", "which authority (default: the configuration's)" \
    }

static const struct option_spec show_options[] = {AUTHORITY_OPTION};

static const struct option_spec register_options[] = {
    AUTHORITY_OPTION,
    {0, "email", OPTION_TEXT, false, "ADDRESS", "contact the authority may write to"},
    {0, "agree-tos", OPTION_FLAG, false, NULL, "agree to the authority's terms of service"},
};

static int account(const struct invocation *i, enum command_verb verb)
{
    struct sink json, *sink = &json;
    if (i->globals->json)
        sink_json_array(&json, stdout);
    else
        sink = sink_account(i->arena, stdout);
    const struct session_request q = {
        .verb = verb,
        .options = request_options(i, NULL),
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
    .summary = "tell the authority a new contact, agree to new terms",
    .text = "",
    .options = {register_options, ARRAY_LEN(register_options)},
    .run = account_update,
};
