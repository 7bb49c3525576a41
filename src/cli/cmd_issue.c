#include "cli/account_options.h"
#include "cli/command_table.h"
#include "cli/request.h"
#include "cli/session.h"

#include <unistd.h>

static const struct option_spec issue_options[] = {
    {'d', "domain", OPTION_TEXT, true, "NAME", "a name the certificate is for; repeat it for more"},
    {0, "name", OPTION_TEXT, false, "CERT", "what to call the certificate (default: its first\nname)"},
    {0, "authority", OPTION_TEXT, true, "A[,A]...",
        "an authority of the configuration, a preset\n(letsencrypt, ...) or a directory URL; the next is\n"
        "tried where one fails"},
    {0, "email", OPTION_TEXT, false, "ADDRESS", "contact the authority may write to"},
    EAB_OPTIONS,
    {0, "challenge", OPTION_TEXT, true, "TYPE[,TYPE]",
        "how to prove control: http-01, tls-alpn-01, dns-01,\ndns-account-01, dns-persist-01, in order of\n"
        "preference"},
    {0, "dns", OPTION_TEXT, true, "ENTRY",
        "the entry of dns: with the DNS provider's credentials\n(wildcards; means --challenge dns-01); "
        "repeat "
        "it for\nservers that are updated side by side"},
    {0, "webroot", OPTION_TEXT, false, "DIR",
        "a running web server's document root: answer\nchallenges for all names with files in it"},
    {0, "http-port", OPTION_PORT, false, "N",
        "answer challenges on this port instead of 80\n(behind a proxy that passes them on)"},
    {0, "tls-port", OPTION_PORT, false, "N", "the same for tls-alpn-01, instead of 443"},
    {0, "key-type", OPTION_CHOICES, true, "ecdsa-p256|ecdsa-p384|rsa-2048|rsa-3072|rsa-4096",
        "kind of key (default ecdsa-p256); of an ECDSA and an\nRSA one, parted by a comma, a certificate of "
        "each"},
    {0, "reuse-key", OPTION_FLAG, false, NULL, "renewals keep the private key"},
    {0, "csr-file", OPTION_TEXT, false, "FILE",
        "a request (PEM) for a key of your own; the names\nare given with -d all the same"},
    {0, "profile", OPTION_TEXT, false, "NAME", "the authority's profile; without it nothing is\nissued"},
    {0, "preferred-profile", OPTION_TEXT, true, "NAME[,NAME]...",
        "profiles to ask for where the authority has them"},
    {0, "preferred-chain", OPTION_TEXT, true, "NAME",
        "the chain to take: common name of an issuer, or\nSHA-256 fingerprint of a certificate in it"},
    {0, "must-staple", OPTION_FLAG, false, NULL, "ask for OCSP must-staple in the certificate"},
    {0, "not-before", OPTION_TEXT, false, "TIME", "validity begins this long after the order"},
    {0, "not-after", OPTION_TEXT, false, "TIME", "validity ends this long after the order, as in 7d"},
    {0, "on-rejected-name", OPTION_CHOICE, false, "fail|issue-without",
        "whether names that the authority rejects are\nleft out (default fail)"},
    {0, "deploy", OPTION_TEXT, true, "CMD",
        "run this when a new certificate is there, as in\n--deploy 'systemctl reload nginx'"},
    {0, "verify", OPTION_TEXT, true, "HOST:PORT",
        "then connect and see that the new certificate is\nserved, as in --verify example.com:443"},
    {0, "publish", OPTION_TEXT, true, "FORMAT:PATH",
        "keep a copy there: fullchain, cert, chain, key,\ncombined or pkcs12, as in\n"
        "--publish combined:/etc/haproxy/{name}.pem"},
    {0, "renew-before", OPTION_TEXT, false, "TIME", "renew this long before expiry, as in 30d"},
    {0, "retry", OPTION_TEXT, false, "TIME", "wait this long after each failure, as in 1d"},
    {0, "key-group", OPTION_TEXT, false, "GROUP", "group of the key files (with --key-mode 0640)"},
    {0, "key-mode", OPTION_TEXT, false, "MODE", "permissions of the key files, as in 0640"},
    {0, "staging", OPTION_FLAG, false, NULL,
        "use the authority's test directory: certificates\nnobody trusts"},
    {0, "agree-tos", OPTION_FLAG, false, NULL, "agree to the authority's terms of service"},
    {0, "dry-run", OPTION_FLAG, false, NULL, "try everything in the test directory, keep nothing"},
};

const struct option_table issue_option_table = {issue_options, ARRAY_LEN(issue_options)};

/* Whether somebody is there to be told where the files are. A dry run leaves none. */
static bool for_people(const struct invocation *i)
{
    return isatty(STDOUT_FILENO) == 1 && !i->globals->quiet && !i->globals->json &&
           !options_has(i->options, "dry-run");
}

static int issue(const struct invocation *i)
{
    static const char *const ours[] = {"dry-run", NULL};
    const struct options *o = i->options;
    if (o->argument_n > 0)
        return usage_error(i->command, "a name is given with -d: -d %s", o->arguments[0]);
    if (!options_has(o, "domain"))
        return usage_error(i->command, "no name is given: say which one with -d NAME");
    for (size_t k = 0; k < o->given_n; k++)
        if (o->given[k].spec->letter == 'd' && str_c(o->given[k].value).n != strcspn(o->given[k].value, ", "))
            return usage_error(i->command,
                "-d %s: one name for each -d, as in -d example.com -d www.example.com", o->given[k].value);
    const struct session_request q = {
        .verb = VERB_ISSUE,
        .options = request_options(i, ours),
        .dry_run = options_has(o, "dry-run"),
        .acts = true,
        .sink = sink_results(for_people(i), i->arena, stdout),
    };
    return session_run(i->globals, &q, i->arena);
}

const struct command command_issue = {
    .words = "issue",
    .arguments = "-d NAME [-d NAME]...",
    .summary = "get a certificate now and keep it renewed",
    .text = "Options have the same words as the configuration and override it.\n"
            "\n"
            "  evercert issue -d example.com -d www.example.com --webroot /var/www/html \\\n"
            "      --deploy 'systemctl reload nginx'\n",
    .options = {issue_options, ARRAY_LEN(issue_options)},
    .argument_most = SIZE_MAX, /* answered by issue() with what was meant */
    .run = issue,
};

static const struct option_spec renew_options[] = {
    {0, "force", OPTION_FLAG, false, NULL, "renew the named certificates now, due or not"},
};

static int renew(const struct invocation *i)
{
    if (options_has(i->options, "force") && i->options->argument_n == 0)
        return usage_error(i->command, "--force needs the names of certificates: renewing all at once burns "
                                       "the authority's rate limits");
    const struct session_request q = {
        .verb = VERB_RENEW,
        .names = request_names(i),
        .options = request_options(i, NULL),
        .acts = true,
        .sink = sink_results(false, i->arena, stdout),
    };
    return session_run(i->globals, &q, i->arena);
}

const struct command command_renew = {
    .words = "renew",
    .arguments = "[CERT]...",
    .summary = "one pass over what is due (for cron)",
    .text = "Without names all certificates that are due; nothing due is success.\n",
    .options = {renew_options, ARRAY_LEN(renew_options)},
    .argument_most = SIZE_MAX,
    .run = renew,
};
