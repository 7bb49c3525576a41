/* `dns list`: which DNS providers there are, what they are to be told, and what is configured. */
#include "base/attr.h"
#include "base/buf.h"
#include "cli/command_table.h"
#include "cli/table.h"
#include "config/nearest.h"
#include "config/provider.h"
#include "processes/catalogue.h"
#include "processes/command.h"

#include <jansson.h>
#include <unistd.h>

enum { EXAMPLE_MAX = 64 * 1024 };

/* Configurations that cannot be read have no entries to show; `config check` says why. */
static bool load(const struct invocation *i, struct settings *out)
{
    const struct globals *g = i->globals;
    struct config_problems problems = {.n = 0};
    struct err err = ERR_INIT;
    if (settings_load(g->config, !g->config_given, i->arena, out, &problems, &err) == 0)
        return true;
    say_note("the entries of %s are not shown: %s", g->config, err.text);
    return false;
}

/* --- JSON --- */

static json_t *texts_json(const char *const *texts, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

static json_t *setting_json(const struct provider_setting *s)
{
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(s->name));
    json_object_set_new(o, "type", json_string(provider_type_text(s->type)));
    json_object_set_new(o, "required", json_boolean(s->required));
    json_object_set_new(o, "help", json_string(s->help));
    if (s->fallback_n > 0)
        json_object_set_new(o, "default",
            provider_type_is_list(s->type) ? texts_json(s->fallback, s->fallback_n)
                                           : json_string(s->fallback[0]));
    if (s->choice_n > 0)
        json_object_set_new(o, "choices", texts_json(s->choices, s->choice_n));
    if (s->min != 0)
        json_object_set_new(o, "min", json_integer(s->min));
    if (s->max != 0)
        json_object_set_new(o, "max", json_integer(s->max));
    return o;
}

static json_t *provider_json(const struct provider *p)
{
    json_t *o = json_object(), *settings = json_array();
    struct buf example ATTR_CLEANUP(buf_free) = buf_new(EXAMPLE_MAX);
    for (size_t i = 0; i < p->setting_n; i++)
        json_array_append_new(settings, setting_json(&p->settings[i]));
    provider_example(p, p->name, 0, &example);
    json_object_set_new(o, "name", json_string(p->name));
    json_object_set_new(o, "title", json_string(p->title));
    json_object_set_new(o, "documentation", json_string(p->documentation));
    json_object_set_new(o, "kind", json_string(p->kind));
    json_object_set_new(o, "file", json_string(p->file));
    json_object_set_new(o, "settings", settings);
    json_object_set_new(o, "registers", json_boolean(p->registers));
    json_object_set_new(o, "example", json_string(buf_c(&example)));
    return o;
}

static void print_json(json_t *o)
{
    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    fputc('\n', stdout);
    json_decref(o);
}

static void list_json(const struct providers *all, const struct settings *settings)
{
    json_t *o = json_object(), *providers = json_array(), *entries = json_array();
    for (size_t i = 0; i < all->n; i++)
        json_array_append_new(providers, provider_json(&all->list[i]));
    for (size_t i = 0; i < settings->dns_n; i++)
        json_array_append_new(entries, json_pack("{ss ss ss}", "name", settings->dns[i].name, "provider",
                                           settings->dns[i].provider, "where", settings->dns[i].where));
    json_object_set_new(o, "providers", providers);
    json_object_set_new(o, "entries", entries);
    json_object_set_new(o, "problems", texts_json(all->problems, all->problem_n));
    print_json(o);
}

/* --- for people --- */

static void list_providers(const struct providers *all, const struct terminal *terminal)
{
    static const struct table_column columns[] = {
        {.title = "PROVIDER"}, {.title = "NAME", .least = 20, .order = 1}};
    struct table *t = table_new(columns, ARRAY_LEN(columns), terminal, stdout);
    for (size_t i = 0; i < all->n; i++) {
        const struct table_cell cells[] = {{str_c(all->list[i].name), 0}, {str_c(all->list[i].title), 0}};
        table_row(t, cells);
    }
    table_end(t);
}

static void list_entries(const struct settings *settings, const struct terminal *terminal)
{
    static const struct table_column columns[] = {
        {.title = "ENTRY"}, {.title = "PROVIDER"}, {.title = "WRITTEN AT"}};
    struct table *t = table_new(columns, ARRAY_LEN(columns), terminal, stdout);
    for (size_t i = 0; i < settings->dns_n; i++) {
        const struct dns_entry *e = &settings->dns[i];
        const struct table_cell cells[] = {
            {str_c(e->name), 0}, {str_c(e->provider), 0}, {str_c(e->where), 0}};
        table_row(t, cells);
    }
    table_end(t);
}

/* What stands there where nothing is written. */
static const char *default_text(const struct provider_setting *s, struct arena *a)
{
    const char *all = s->required ? "required" : "-";
    for (size_t i = 0; i < s->fallback_n; i++)
        all = i == 0 ? s->fallback[0] : arena_printf(a, "%s, %s", all, s->fallback[i]);
    return all;
}

/* The help, with what a value may be. */
static const char *help_text(const struct provider_setting *s, struct arena *a)
{
    const char *choices = "";
    for (size_t i = 0; i < s->choice_n; i++)
        choices = arena_printf(a, "%s%s%s", choices, i > 0 ? ", " : "", s->choices[i]);
    if (s->choice_n > 0)
        return arena_printf(a, "%s (%s)", s->help, choices);
    return s->max != 0 ? arena_printf(a, "%s (%lld to %lld)", s->help, (long long)s->min, (long long)s->max)
                       : s->help;
}

static void show_provider(const struct provider *p, const struct terminal *terminal, struct arena *a)
{
    static const struct table_column columns[] = {
        {.title = "SETTING"}, {.title = "TYPE"}, {.title = "DEFAULT"}, {.title = "MEANING"}};
    struct buf example ATTR_CLEANUP(buf_free) = buf_new(EXAMPLE_MAX);
    printf("%s\n", p->title);
    if (p->documentation[0] != '\0')
        printf("%s\n", p->documentation);
    if (p->setting_n > 0) {
        putchar('\n');
        struct table *t = table_new(columns, ARRAY_LEN(columns), terminal, stdout);
        for (size_t i = 0; i < p->setting_n; i++) {
            const struct provider_setting *s = &p->settings[i];
            const struct table_cell cells[] = {{str_c(s->name), 0}, {str_c(provider_type_text(s->type)), 0},
                {str_c(default_text(s, a)), s->required ? COLOUR_WARN : COLOUR_NONE},
                {str_c(help_text(s, a)), 0}};
            table_row(t, cells);
        }
        table_end(t);
    }
    provider_example(p, p->name, 0, &example);
    if (p->registers)
        puts("\n`evercert dns register ENTRY` makes an account, when the entry is there.");
    printf("\nAn entry to paste (a secret KEY stands in the file that KEY-file names, or is written as "
           "KEY):\n\n%s",
        buf_c(&example));
}

static int no_provider(const struct invocation *i, const struct providers *all, const char *name)
{
    char meant[NEAREST_TEXT_MAX];
    struct nearest near = nearest_new(str_c(name));
    for (size_t k = 0; k < all->n; k++)
        nearest_try(&near, all->list[k].name);
    return usage_error(i->command, "there is no provider %s%s", name, nearest_text(&near, meant));
}

static int list(const struct invocation *i)
{
    const char *name = i->options->argument_n > 0 ? i->options->arguments[0] : NULL;
    struct settings settings = {0};
    struct providers all;
    struct terminal terminal;
    struct err err = ERR_INIT;
    if (catalogue_read(i->globals->sandbox_log, i->arena, &all, &err) < 0) {
        say_error("%s", err.text);
        return EXIT_FAILED;
    }
    terminal_detect(STDOUT_FILENO, i->globals->no_color, &terminal);
    const struct provider *p = name != NULL ? providers_find(&all, name) : NULL;
    if (name != NULL && p == NULL)
        return no_provider(i, &all, name);
    if (p != NULL) {
        if (i->globals->json)
            print_json(provider_json(p));
        else
            show_provider(p, &terminal, i->arena);
        return EXIT_DONE;
    }
    if (!load(i, &settings))
        settings.dns_n = 0;
    if (i->globals->json) {
        list_json(&all, &settings);
        return EXIT_DONE;
    }
    list_providers(&all, &terminal);
    if (settings.dns_n > 0) {
        putchar('\n');
        list_entries(&settings, &terminal);
    }
    for (size_t k = 0; k < all.problem_n; k++)
        say_note("%s", all.problems[k]);
    return EXIT_DONE;
}

const struct command command_dns_list = {
    .words = "dns list",
    .arguments = "[PROVIDER]",
    .summary = "DNS providers, their settings, and the entries that are configured",
    .text = "With a PROVIDER: what it is to be told, and an entry of dns: to paste.\n",
    .argument_most = 1,
    .run = list,
};
