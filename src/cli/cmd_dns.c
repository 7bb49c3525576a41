#include "cli/command_table.h"
#include "cli/request.h"
#include "cli/session.h"

static const struct option_spec record_options[] = {
    {0, "authority", OPTION_TEXT, false, "A", "for which authority (default: the configuration's first)"},
};

static int record(const struct invocation *i)
{
    struct sink json, *sink = &json;
    if (i->globals->json)
        sink_json_object(&json, stdout);
    else
        sink = sink_dns(i->arena, stdout);
    const struct session_request q = {
        .verb = VERB_DNS_RECORD,
        .names = request_names(i),
        .options = request_options(i, NULL),
        .sink = sink,
    };
    return session_run(i->globals, &q, i->arena);
}

const struct command command_dns_record = {
    .words = "dns record",
    .arguments = "NAME",
    .summary = "records to set so that only your account gets certificates for a name",
    .text = "Lines of a zone file: CAA records that name the authority and your account (RFC 8657),\n"
            "and those of dns-persist-01, for authorities that offer it. NAME may be a certificate's,\n"
            "for all of its names. Nothing is changed anywhere.\n",
    .options = {record_options, ARRAY_LEN(record_options)},
    .argument_least = 1,
    .argument_most = 1,
    .run = record,
};

static int test(const struct invocation *i)
{
    struct sink lines, *sink = &lines;
    if (i->globals->json)
        sink_json_lines(&lines, stdout);
    else if (i->globals->quiet)
        sink = sink_results(false, i->arena, stdout);
    else
        sink = sink_dns_test(i->arena, stdout);
    const struct session_request q = {
        .verb = VERB_DNS_TEST, .names = request_names(i), .acts = true, .sink = sink};
    return session_run(i->globals, &q, i->arena);
}

const struct command command_dns_test = {
    .words = "dns test",
    .arguments = "ENTRY NAME",
    .summary = "put a record into the DNS, see it spread, take it out again",
    .text = "ENTRY is one of dns: in the configuration. The record is that of a challenge for NAME,\n"
            "with a value of no meaning; no authority is asked.\n",
    .argument_least = 2,
    .argument_most = 2,
    .run = test,
};
