#include "base/buf.h"
#include "cli/command_table.h"
#include "config/settings.h"
#include "processes/catalogue.h"
#include "processes/command.h"

#include <jansson.h>
#include <stdio.h>

enum { SHOW_MAX = 4 * CONFIG_FILE_MAX }; /* effective settings spell out every default */

static int load(
    const struct invocation *i, struct settings *out, struct config_problems *problems, struct err *err)
{
    const struct globals *g = i->globals;
    int r = settings_load(g->config, !g->config_given, i->arena, out, problems, err);
    return r == 0 ? catalogue_apply(g->sandbox_log, i->arena, out, problems, err) : r;
}

/* Every problem; the error itself where the file could not even be read. */
static int say_problems(const struct config_problems *problems, const struct err *err)
{
    for (size_t k = 0; k < problems->n; k++)
        say_error("%s", problems->list[k]);
    if (problems->n == 0)
        say_error("%s", err->text);
    if (problems->n == CONFIG_PROBLEMS_MAX)
        say_note("there may be more problems than these %d", CONFIG_PROBLEMS_MAX);
    return EXIT_USAGE;
}

static void check_json(const struct invocation *i, const struct settings *settings, bool good,
    const struct config_problems *problems, const struct err *err)
{
    json_t *list = json_array();
    for (size_t k = 0; k < problems->n; k++)
        json_array_append_new(list, json_string(problems->list[k]));
    if (!good && problems->n == 0)
        json_array_append_new(list, json_string(err->text));
    json_t *o = json_object();
    json_object_set_new(o, "file", json_string(i->globals->config));
    json_object_set_new(o, "good", json_boolean(good));
    json_object_set_new(
        o, "certificates", good ? json_integer((json_int_t)settings->certificate_n) : json_null());
    json_object_set_new(o, "problems", list);
    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    fputc('\n', stdout);
    json_decref(o);
}

static int check(const struct invocation *i)
{
    struct settings settings = {0};
    struct config_problems problems = {.n = 0};
    struct err err = ERR_INIT;
    bool good = load(i, &settings, &problems, &err) == 0;
    if (i->globals->json)
        check_json(i, &settings, good, &problems, &err);
    else if (!good)
        say_problems(&problems, &err);
    else if (!i->globals->quiet)
        printf("evercert: configuration %s is good: %zu certificate%s\n", i->globals->config,
            settings.certificate_n, settings.certificate_n == 1 ? "" : "s");
    return good ? EXIT_DONE : EXIT_USAGE;
}

static int show(const struct invocation *i)
{
    struct settings settings = {0};
    struct config_problems problems = {.n = 0};
    struct err err = ERR_INIT;
    if (load(i, &settings, &problems, &err) < 0)
        return say_problems(&problems, &err);
    struct buf out ATTR_CLEANUP(buf_free) = buf_new(SHOW_MAX);
    settings_show(&settings, &out);
    if (buf_failed(&out)) {
        say_error("the effective settings are too large to show");
        return EXIT_FAILED;
    }
    fwrite(buf_c(&out), 1, out.n, stdout);
    return EXIT_DONE;
}

static int schema(const struct invocation *i)
{
    struct buf out ATTR_CLEANUP(buf_free) = buf_new(SHOW_MAX);
    (void)i;
    settings_schema(&out);
    fwrite(buf_c(&out), 1, out.n, stdout);
    if (out.n > 0 && out.p[out.n - 1] != '\n')
        fputc('\n', stdout);
    return EXIT_DONE;
}

const struct command command_config_check = {
    .words = "config check",
    .arguments = "",
    .summary = "find every mistake of the configuration",
    .text = "",
    .run = check,
};

const struct command command_config_show = {
    .words = "config show",
    .arguments = "",
    .summary = "the effective settings, defaults included",
    .text = "",
    .run = show,
};

const struct command command_config_schema = {
    .words = "config schema",
    .arguments = "",
    .summary = "the schema of the configuration (JSON Schema)",
    .text = "",
    .run = schema,
};
