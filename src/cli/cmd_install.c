#include "cli/command_table.h"
#include "cli/install/run.h"
#include "config/certificate.h"
#include "os/child.h"
#include "processes/command.h"
#include "site/pattern.h"

#include <string.h>

#define SERVER_OPTIONS                                                               \
    {0, "server-command", OPTION_TEXT, false, "PATH",                                \
        "the server's program (nginx, apache2ctl) where it is not\nfound"},          \
    {                                                                                \
        0, "server-config", OPTION_TEXT, false, "FILE",                              \
            "the server's main configuration file, where it is\nnot its own default" \
    }

static const struct option_spec install_options[] = {
    {0, "no-redirect", OPTION_FLAG, false, NULL, "http goes on as it is, beside https"},
    SERVER_OPTIONS,
    {0, "http-port", OPTION_PORT, false, "N",
        "the site's port for http in the server's\nconfiguration, instead of 80"},
    {0, "tls-port", OPTION_PORT, false, "N", "the port for https, instead of 443"},
    {0, "dry-run", OPTION_FLAG, false, NULL, "show what would change, and change nothing"},
};

static const struct option_spec uninstall_options[] = {
    {'d', "domain", OPTION_TEXT, true, "NAME", "a name of the site; repeat it for more"},
    {0, "forget", OPTION_FLAG, false, NULL, "stop managing the certificate as well"},
    SERVER_OPTIONS,
    {0, "http-port", OPTION_PORT, false, "N", "the site's port for http, instead of 80"},
    {0, "tls-port", OPTION_PORT, false, "N", "the port for https, instead of 443"},
    {0, "dry-run", OPTION_FLAG, false, NULL, "show what would change, and change nothing"},
};

static const struct server_kind *const kinds[] = {&install_nginx, &install_apache};

static unsigned port_of(const struct options *o, const char *word, unsigned otherwise)
{
    uint64_t n = otherwise;
    const char *given = options_value(o, word);
    if (given != NULL)
        (void)str_to_u64(str_c(given), 65535, &n); /* checked by its kind */
    return (unsigned)n;
}

static int find_program(struct install *in, struct err *err)
{
    const char *given = options_value(in->i->options, "server-command");
    const char *config = options_value(in->i->options, "server-config");
    char path[PATH_MAX];
    in->config = config != NULL ? globals_absolute(config, in->a) : NULL;
    if (given != NULL && strchr(given, '/') != NULL)
        given = globals_absolute(given, in->a);
    int r = given != NULL ? child_find_program(given, PROGRAM_PATH, path, err) : ERR_NOT_FOUND;
    for (size_t i = 0; given == NULL && r == ERR_NOT_FOUND && in->kind->programs[i] != NULL; i++)
        r = child_find_program(in->kind->programs[i], PROGRAM_PATH, path, err);
    if (r == ERR_NOT_FOUND && given == NULL)
        return err_set(err, r,
            "%s is not installed: none of its programs is in " PROGRAM_PATH
            " (--server-command names another)",
            in->kind->word);
    if (r == 0)
        in->program = arena_dup_c(in->a, path);
    return r;
}

/* Each once, as A-labels, in the order they were given. */
static int read_names(struct install *in, struct err *err)
{
    const struct options *o = in->i->options;
    in->names = arena_array(in->a, options_count(o, "domain"), sizeof *in->names);
    for (size_t i = 0; i < o->given_n; i++) {
        const char *name;
        size_t k = 0;
        if (strcmp(o->given[i].spec->word, "domain") != 0)
            continue;
        if (name_to_ascii(str_c(o->given[i].value), in->a, &name, err) < 0)
            return err_prefix(err, "-d %s", o->given[i].value);
        while (k < in->name_n && strcmp(in->names[k], name) != 0)
            k++;
        if (k == in->name_n)
            in->names[in->name_n++] = name;
    }
    return 0;
}

/* Whether the certificate may be got by http-01, which the site has to answer then. */
static bool has_http01(const struct options *o)
{
    bool said = false;
    struct str one, rest;
    for (size_t i = 0; i < o->given_n; i++) {
        if (strcmp(o->given[i].spec->word, "challenge") != 0)
            continue;
        said = true;
        rest = str_c(o->given[i].value);
        for (bool more = true; more;) {
            more = str_cut(rest, ',', &one, &rest);
            if (str_eq(str_trim(one), STR("http-01")))
                return true;
        }
    }
    return !said;
}

/* The second of two key types has a certificate of its own, beside that of the first (config/wish.h). */
static const char *live_of_other(const struct install *in)
{
    const struct options *o = in->i->options;
    enum key_type type = KEY_ECDSA_P256;
    struct str one, rest;
    size_t n = 0;
    for (size_t i = 0; i < o->given_n; i++) {
        if (strcmp(o->given[i].spec->word, "key-type") != 0)
            continue;
        rest = str_c(o->given[i].value);
        for (bool more = true; more; n++) {
            more = str_cut(rest, ',', &one, &rest);
            if (!key_type_parse(one, &type))
                return NULL; /* refused when it is asked for */
        }
    }
    return n == 2 ? arena_printf(in->a, "%s-%s", in->site.live, key_type_is_rsa(type) ? "rsa" : "ecdsa")
                  : NULL;
}

static int describe_site(struct install *in, struct err *err)
{
    const struct options *o = in->i->options;
    const char *webroot = options_value(o, "webroot"), *name = options_value(o, "name");
    struct wish w = {.name = "", .domains = in->names, .domain_n = in->name_n};
    int r = name != NULL ? wish_name_check(str_c(name), err) : wish_name_default(&w, in->a, err);
    if (r < 0)
        return err_prefix(err, "--name");
    const char *state = in->i->globals->state;
    in->site = (struct site){
        .server = in->kind->word,
        .certificate = name != NULL ? name : w.name,
        .names = in->names,
        .name_n = in->name_n,
        .webroot = !has_http01(o)    ? ""
                   : webroot != NULL ? globals_absolute(webroot, in->a)
                                     : arena_printf(in->a, "%s/challenges", state),
        .http_port = port_of(o, "http-port", 80),
        .tls_port = port_of(o, "tls-port", 443),
        .redirect = !options_has(o, "no-redirect"),
    };
    in->site.live = arena_printf(in->a, "%s/live/%s", state, in->site.certificate);
    in->site.live_other = live_of_other(in);
    if (!path_is_plain(in->site.live) || (in->site.webroot[0] != '\0' && !path_is_plain(in->site.webroot)))
        return err_set(err, ERR_USAGE,
            "%s: a path with such characters cannot be written into a configuration",
            path_is_plain(in->site.live) ? in->site.webroot : in->site.live);
    return 0;
}

static const struct server_kind *kind_of(const struct options *o)
{
    for (size_t k = 0; o->argument_n == 1 && k < ARRAY_LEN(kinds); k++)
        if (strcmp(o->arguments[0], kinds[k]->word) == 0)
            return kinds[k];
    return NULL;
}

static int check_words(const struct invocation *i, const struct server_kind *kind)
{
    const struct options *o = i->options;
    if (kind == NULL)
        return usage_error(
            i->command, "say which server, nginx or apache, and a name of the site, as in nginx -d NAME");
    if (!options_has(o, "domain"))
        return usage_error(i->command, "no name is given: say which one with -d NAME");
    if (options_has(o, "csr-file"))
        return usage_error(i->command, "--csr-file: a server needs the key too, which only you have");
    return EXIT_DONE;
}

static int prepare(const struct invocation *i, struct install *in)
{
    struct err err = ERR_INIT;
    const struct server_kind *kind = kind_of(i->options);
    int status = check_words(i, kind);
    if (status != EXIT_DONE || kind == NULL)
        return status;
    *in = (struct install){.i = i, .kind = kind, .a = i->arena};
    in->changes.a = i->arena;
    if (read_names(in, &err) < 0 || describe_site(in, &err) < 0)
        return usage_error(i->command, "%s", err.text);
    if (in->site.http_port == in->site.tls_port)
        return usage_error(i->command, "http and https cannot both be on port %u", in->site.tls_port);
    if (find_program(in, &err) < 0) {
        say_error("%s", err.text);
        return err.code == ERR_USAGE ? EXIT_USAGE : EXIT_FAILED;
    }
    return EXIT_DONE;
}

static int install(const struct invocation *i)
{
    struct install *in = arena_alloc(i->arena, sizeof *in);
    int status = prepare(i, in);
    return status == EXIT_DONE ? install_run(in) : status;
}

static int uninstall(const struct invocation *i)
{
    struct install *in = arena_alloc(i->arena, sizeof *in);
    int status = prepare(i, in);
    return status == EXIT_DONE ? uninstall_run(in) : status;
}

const struct command command_install = {
    .words = "install",
    .arguments = "nginx|apache -d NAME [-d NAME]...",
    .summary = "get a certificate and give it to a site of nginx or Apache",
    .text = "Finds the site that answers for NAME over http, gets a certificate for it, and has it\n"
            "served over https. One line is added to the site, and files beside it; when anything\n"
            "fails all is put back. Takes the options of issue as well (evercert help issue).\n"
            "\n"
            "  evercert install nginx -d example.com -d www.example.com --agree-tos\n",
    .options = {install_options, ARRAY_LEN(install_options)},
    .more_options = &issue_option_table,
    .argument_most = SIZE_MAX,
    .run = install,
};

const struct command command_uninstall = {
    .words = "uninstall",
    .arguments = "nginx|apache -d NAME [-d NAME]...",
    .summary = "take away what install added to a site",
    .text = "The certificate stays managed, unless --forget is given.\n",
    .options = {uninstall_options, ARRAY_LEN(uninstall_options)},
    .argument_most = SIZE_MAX,
    .run = uninstall,
};
