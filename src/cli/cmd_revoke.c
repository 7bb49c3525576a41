#include "cli/command_table.h"
#include "cli/request.h"
#include "cli/session.h"

static const struct option_spec revoke_options[] = {
    {0, "reason", OPTION_CHOICE, false,
        "unspecified|keyCompromise|affiliationChanged|superseded|cessationOfOperation",
        "why (default unspecified)"},
    {0, "with-key", OPTION_FLAG, false, NULL,
        "sign with the certificate's own key instead of the\naccount's (which was lost); counts as a "
        "compromise of\nthe key"},
    {0, "keep", OPTION_FLAG, false, NULL, "leave it and its files where they are, marked revoked"},
};

static int act(const struct invocation *i, enum command_verb verb)
{
    const struct globals *g = i->globals;
    const struct session_request q = {
        .verb = verb,
        .names = request_names(i),
        .options = request_options(i, NULL),
        .acts = true,
        .sink = sink_results(false, i->arena, stdout),
    };
    return session_run(g, &q, i->arena);
}

static int run_revoke(const struct invocation *i)
{
    return act(i, VERB_REVOKE);
}

static int forget(const struct invocation *i)
{
    return act(i, VERB_FORGET);
}

const struct command command_revoke = {
    .words = "revoke",
    .arguments = "CERT",
    .summary = "tell the authority that a certificate must not be trusted any more",
    .text = "Cannot be undone. A certificate made by command is forgotten then (its files go to\n"
            "the archive) unless --keep says otherwise; renew --force gets a new one for what is\n"
            "kept. A compromised key is never used again.\n",
    .options = {revoke_options, ARRAY_LEN(revoke_options)},
    .argument_least = 1,
    .argument_most = 1,
    .run = run_revoke,
};

const struct command command_forget = {
    .words = "forget",
    .arguments = "CERT",
    .summary = "stop managing a certificate; its files go to the archive",
    .text = "Nothing is lost: the files are in STATE/archive. The authority hears nothing of it.\n",
    .argument_least = 1,
    .argument_most = 1,
    .run = forget,
};
