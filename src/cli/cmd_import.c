/*
 * Moving in from another client: the importer reads its state, a file for evercert.d is made of that and
 * looked at as a reload would, and what is there goes to the keeper and the engine.
 */
#include "base/crash_point.h"
#include "cli/command_table.h"
#include "cli/import/carry.h"
#include "cli/import/report.h"
#include "config/settings.h"
#include "os/file.h"
#include "processes/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 100 }; /* of one client; each import that found something made one */

static const char *const formats[] = {
    "certbot", "acme.sh", "lego", "dehydrated", "caddy", "traefik", "companion", "odoo"};

struct moving {
    const struct invocation *invocation;
    struct import_document document;
    struct settings settings; /* as they are */
    struct import_plan plan;
    const char *directory, *name, *path; /* of the file */
    struct buf yaml;
};

static bool is_format(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (strcmp(formats[i], text) == 0)
            return true;
    return false;
}

static int say(const struct err *err)
{
    say_error("%s", err->text);
    return err->code == ERR_USAGE || err->code == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILED;
}

static int say_problems(const char *of, const struct config_problems *problems, const struct err *err)
{
    for (size_t k = 0; k < problems->n; k++)
        say_error("%s", problems->list[k]);
    if (problems->n == 0)
        say_error("%s", err->text);
    say_note("nothing was carried over: %s", of);
    return EXIT_USAGE;
}

/* A file of its own, beside those of earlier imports. */
static int choose_file(struct moving *m, struct err *err)
{
    struct arena *a = m->invocation->arena;
    m->directory = settings_directory(m->invocation->globals->config, a);
    for (unsigned n = 1; n <= FILES_MAX; n++) {
        const char *number = n == 1 ? "" : arena_printf(a, "-%u", n);
        m->name = arena_printf(a, "imported-%s%s.yaml", m->document.format, number);
        m->path = arena_printf(a, "%s/%s", m->directory, m->name);
        if (access(m->path, F_OK) != 0 && errno == ENOENT)
            return 0;
    }
    return err_set(err, ERR_LIMIT, "%s: there are %d files of earlier imports", m->directory, (int)FILES_MAX);
}

/* What there is, on both sides. */
static int look(struct moving *m)
{
    const struct invocation *i = m->invocation;
    const struct options *o = i->options;
    struct config_problems problems = {.n = 0};
    struct err err = ERR_INIT;
    const char *ca_file = options_value(o, "authority-ca-file");
    const struct import_options options = {.publish_in_place = options_has(o, "publish-in-place"),
        .agree_tos = options_has(o, "agree-tos"),
        .ca_file = ca_file != NULL ? globals_absolute(ca_file, i->arena) : ""};
    const struct import_had *had = NULL;
    size_t had_n = 0;
    if (settings_load(
            i->globals->config, !i->globals->config_given, i->arena, &m->settings, &problems, &err) < 0)
        return say_problems("the configuration that is there has to be good first", &problems, &err);
    const char *directory = options_value(o, "directory");
    const struct import_source source = {.format = o->arguments[0],
        .path = globals_absolute(o->arguments[1], i->arena),
        .directory = directory != NULL ? directory : "",
        .sandbox_log = i->globals->sandbox_log};
    if (import_document_fetch(&source, i->arena, &m->document, &err) < 0)
        return say(&err);
    import_plan_begin(&m->plan, &m->document, &m->settings, &options, i->arena);
    int status = EXIT_DONE;
    if (import_state_is_there(i->globals, i->arena) &&
        ((status = import_names(i->globals, i->arena, &had, &had_n)) != EXIT_DONE ||
            (status = import_look(i->globals, &m->plan)) != EXIT_DONE))
        return status;
    import_plan_make(&m->plan, had, had_n);
    return EXIT_DONE;
}

/* The file, and what a reload would make of it. */
static int make(struct moving *m)
{
    const struct invocation *i = m->invocation;
    struct config_problems problems = {.n = 0};
    struct settings made;
    struct err err = ERR_INIT;
    if (choose_file(m, &err) < 0)
        return say(&err);
    import_plan_yaml(&m->plan, &m->yaml);
    if (buf_failed(&m->yaml)) {
        say_error("the file would be larger than %d MB", IMPORT_YAML_MAX / (1024 * 1024));
        return EXIT_FAILED;
    }
    const struct settings_draft draft = {m->name, buf_str(&m->yaml)},
                                *tried = m->plan.written > 0 ? &draft : NULL;
    if (settings_load_draft(
            i->globals->config, !i->globals->config_given, tried, i->arena, &made, &problems, &err) < 0) {
        fwrite(buf_c(&m->yaml), 1, m->yaml.n, stdout);
        return say_problems("with this file the configuration would not be good", &problems, &err);
    }
    return import_plan_wishes(&m->plan, &made, &err) < 0 ? say(&err) : EXIT_DONE;
}

static void report(const struct moving *m)
{
    const struct globals *g = m->invocation->globals;
    if (g->json)
        import_report_json(&m->plan, m->path, buf_str(&m->yaml), stdout);
    else if (!g->quiet)
        import_report(&m->plan, m->path, buf_str(&m->yaml), g->state, stdout);
}

static int make_directory(const char *path, struct err *err)
{
    return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : err_errno(err, errno, "%s", path);
}

static int write_file(const struct moving *m, struct err *err)
{
    struct arena *a = m->invocation->arena;
    int fd ATTR_CLEANUP(fd_close) = -1;
    char *above = arena_dup_c(a, m->directory);
    *strrchr(above, '/') = '\0';
    int r;
    if ((r = make_directory(above, err)) < 0 || (r = make_directory(m->directory, err)) < 0 ||
        (r = dir_open(AT_FDCWD, m->directory, &fd, err)) < 0 ||
        (r = dir_sweep(fd, err)) < 0) /* of an import that was cut short */
        return r;
    return file_replace(fd, m->name, 0640, buf_str(&m->yaml), err);
}

/* Nobody has heard of it, so nobody must find it: at its next start a daemon would ask for all of them anew.
 */
static void take_back(const struct moving *m)
{
    if (unlink(m->path) == 0)
        say_note("nothing was carried over, and %s is gone again", m->path);
    else
        say_note("nothing was carried over; remove %s before evercert finds it", m->path);
}

static int carry(struct moving *m)
{
    struct err err = ERR_INIT;
    size_t answered = 0;
    if (m->plan.written > 0 && write_file(m, &err) < 0)
        return say(&err);
    crash_point(import_settings_written);
    int status = import_carry(m->invocation->globals, &m->plan, &answered);
    crash_point(import_carried);
    if (status != EXIT_DONE && answered == 0 && m->plan.written > 0)
        take_back(m);
    else if (status != EXIT_DONE)
        say_note("what failed is asked for anew from its CA; change %s first where that is not wanted",
            m->plan.written > 0 ? m->path : "the configuration");
    else if (!m->invocation->globals->quiet && !m->invocation->globals->json)
        printf("evercert: %zu certificate%s carried over, no CA was asked anything\n", m->plan.carried,
            m->plan.carried == 1 ? "" : "s");
    return status;
}

static void wipe(const struct moving *m)
{
    union {
        const char *from;
        char *to;
    } key;
    for (size_t i = 0; i < m->document.account_n; i++) {
        key.from = m->document.accounts[i].key;
        explicit_bzero(key.to, strlen(key.from));
    }
    for (size_t i = 0; i < m->document.certificate_n; i++) {
        key.from = m->document.certificates[i].key;
        if (key.from[0] != '\0')
            explicit_bzero(key.to, strlen(key.from));
    }
}

static int import(const struct invocation *i)
{
    struct moving m = {.invocation = i, .yaml = buf_new(IMPORT_YAML_MAX)};
    if (!is_format(i->options->arguments[0]))
        return usage_error(i->command,
            "%s is no client that is known: certbot, acme.sh, lego, dehydrated, caddy, traefik, companion or "
            "odoo",
            i->options->arguments[0]);
    int status = look(&m);
    if (status == EXIT_DONE && m.plan.carried > 0)
        status = make(&m);
    if (status == EXIT_DONE) {
        report(&m);
        if (m.plan.carried > 0 && !options_has(i->options, "dry-run"))
            status = carry(&m);
    }
    wipe(&m);
    buf_free(&m.yaml);
    return status;
}

static const struct option_spec import_options[] = {
    {0, "publish-in-place", OPTION_FLAG, false, NULL,
        "keep the other client's files up to date, so that\nservers need no new paths"},
    {0, "directory", OPTION_TEXT, false, "URL",
        "ACME directory of the certificates whose CA the\nother client did not write down"},
    {0, "agree-tos", OPTION_FLAG, false, NULL,
        "agree to the terms of service of authorities that\nare new in the configuration"},
    {0, "authority-ca-file", OPTION_TEXT, false, "FILE",
        "roots to trust for authorities that are new in the\nconfiguration (PEM)"},
    {0, "dry-run", OPTION_FLAG, false, NULL, "say what would be done, and change nothing"},
};

const struct command command_import = {
    .words = "import",
    .arguments = "CLIENT PATH",
    .summary = "move in from another client: accounts, certificates, hooks",
    .text = "CLIENT is certbot, acme.sh, lego, dehydrated, caddy, traefik, companion or\n"
            "odoo, PATH where it keeps its state (/etc/letsencrypt, ~/.acme.sh, ...).\n"
            "No CA is asked anything, and nothing of the other client is changed.\n"
            "Settings become a file in evercert.d beside the configuration.\n"
            "\n"
            "  evercert import certbot /etc/letsencrypt --dry-run\n",
    .options = {import_options, ARRAY_LEN(import_options)},
    .argument_least = 2,
    .argument_most = 2,
    .run = import,
};
