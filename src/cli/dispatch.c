#include "cli/dispatch.h"

#include "cli/command_table.h"
#include "processes/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct command *const commands[] = {
    &command_issue,
    &command_install,
    &command_uninstall,
    &command_renew,
    &command_list,
    &command_show,
    &command_log,
    &command_revoke,
    &command_forget,
    &command_account_show,
    &command_account_register,
    &command_account_update,
    &command_account_rollover,
    &command_account_deactivate,
    &command_export,
    &command_containers,
    &command_template_render,
    &command_dns_list,
    &command_dns_register,
    &command_dns_test,
    &command_dns_record,
    &command_check,
    &command_alert_test,
    &command_import,
    &command_config_check,
    &command_config_show,
    &command_config_schema,
    &command_snippet,
    &command_run,
    NULL,
};

/* Twice the commands: a family's second words are candidates of their own. */
enum { CANDIDATES_MAX = 2 * ARRAY_LEN(commands) };

static const struct command *find_command(const char *words)
{
    for (const struct command *const *c = commands; *c != NULL; c++)
        if (strcmp((*c)->words, words) == 0)
            return *c;
    return NULL;
}

/* Whether `word` is the first of commands of two words. */
static bool is_family(const char *word)
{
    size_t n = strlen(word);
    for (const struct command *const *c = commands; *c != NULL; c++)
        if (n > 0 && strncmp((*c)->words, word, n) == 0 && (*c)->words[n] == ' ')
            return true;
    return false;
}

/* The second word of a command of that family; NULL for others. */
static const char *second_word(const struct command *c, const char *family)
{
    size_t n = strlen(family);
    return strncmp(c->words, family, n) == 0 && c->words[n] == ' ' ? c->words + n + 1 : NULL;
}

static int unknown_in_family(const char *family, const char *given, struct arena *a)
{
    const char *words[CANDIDATES_MAX], *list = "";
    size_t n = 0;
    for (const struct command *const *c = commands; *c != NULL; c++) {
        const char *word = second_word(*c, family);
        if (word == NULL)
            continue;
        list = arena_printf(a, "%s%s%s", list, n > 0 ? ", " : "", word);
        words[n++] = word;
    }
    const char *meant = given != NULL ? options_nearest(given, words, n) : NULL;
    if (given == NULL)
        return usage_error(NULL, "%s needs one of: %s", family, list);
    if (meant == NULL)
        return usage_error(NULL, "unknown command %s %s: %s has %s", family, given, family, list);
    return usage_error(NULL, "unknown command %s %s (did you mean %s %s?)", family, given, family, meant);
}

/* The nearest command by its whole words, its family, or its second word ("schema" means "config schema"). */
static const char *nearest_command(const char *given, struct arena *a)
{
    const char *words[CANDIDATES_MAX], *seconds[CANDIDATES_MAX];
    size_t n = 0, seconds_n = 0;
    for (const struct command *const *c = commands; *c != NULL; c++) {
        const char *blank = strchr((*c)->words, ' ');
        words[n++] = blank == NULL ? (*c)->words
                                   : arena_dup(a, (struct str){(*c)->words, (size_t)(blank - (*c)->words)});
        if (blank != NULL)
            seconds[seconds_n++] = blank + 1;
    }
    words[n++] = "help";
    const char *meant = options_nearest(given, words, n);
    if (meant != NULL)
        return meant;
    meant = options_nearest(given, seconds, seconds_n);
    for (const struct command *const *c = commands; meant != NULL && *c != NULL; c++)
        if (strlen((*c)->words) > strlen(meant) && str_ends(str_c((*c)->words), str_c(meant)))
            return (*c)->words;
    return NULL;
}

static int unknown_command(const char *given, struct arena *a)
{
    const char *meant = nearest_command(given, a);
    if (meant != NULL)
        return usage_error(NULL, "unknown command %s (did you mean %s?)", given, meant);
    const char *list = "";
    for (const struct command *const *c = commands; *c != NULL; c++)
        list = arena_printf(a, "%s%s%s", list, c == commands ? "" : ", ", (*c)->words);
    return usage_error(NULL, "unknown command %s: the commands are %s", given, list);
}

/* `evercert help [COMMAND]`. */
static int help(const struct options *o, struct arena *a)
{
    if (o->argument_n == 0) {
        help_overview(stdout);
        return EXIT_DONE;
    }
    const char *first = o->arguments[0];
    if (is_family(first) && o->argument_n == 1) {
        help_family(first, stdout);
        return EXIT_DONE;
    }
    const char *words = is_family(first) ? arena_printf(a, "%s %s", first, o->arguments[1]) : first;
    const struct command *c = find_command(words);
    if (c == NULL)
        return is_family(first) ? unknown_in_family(first, o->arguments[1], a) : unknown_command(first, a);
    help_command(c, stdout);
    return EXIT_DONE;
}

static int version(void)
{
    puts("evercert " EVERCERT_VERSION);
    return EXIT_DONE;
}

static int check_arguments(const struct command *c, const struct options *o)
{
    if (o->argument_n < c->argument_least)
        return usage_error(c, "%s is missing", c->arguments);
    if (o->argument_n > c->argument_most && c->argument_most == 0)
        return usage_error(c, "takes no arguments, but \"%s\" was given", o->arguments[0]);
    if (o->argument_n > c->argument_most)
        return usage_error(
            c, "one %s at a time; \"%s\" is too many", c->arguments, o->arguments[c->argument_most]);
    for (size_t k = 0; k < o->argument_n; k++)
        if (o->arguments[k][0] == '\0')
            return usage_error(c, "an empty name was given");
    return EXIT_DONE;
}

static int run_command(const struct command *c, const struct options *o, struct arena *a)
{
    struct err err = ERR_INIT;
    struct globals g;
    int status = check_arguments(c, o);
    if (status != EXIT_DONE)
        return status;
    if (globals_fill(o, a, &g, &err) < 0) {
        say_error("%s", err.text);
        return EXIT_USAGE;
    }
    const struct invocation i = {c, &g, o, a};
    return c->run(&i);
}

/* What could not be written was not done. */
static int close_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    say_error("cannot write to standard output: %s", strerror(errno));
    return status == EXIT_DONE ? EXIT_FAILED : status;
}

struct line {
    int argc, pos;
    char *const *argv;
    struct options options;
    struct arena *arena;
};

/* Reads options up to the next argument and takes it; *out is NULL where none follows. */
static int next_word(struct line *l, const char **out, struct err *err)
{
    int r = options_parse(l->argc, l->argv, &l->pos, &global_options, 1, true, l->arena, &l->options, err);
    *out = r == 0 && l->pos < l->argc ? l->argv[l->pos++] : NULL;
    return r;
}

/* The rest of the line by the options of the command (NULL: none but the global ones). */
static int rest(struct line *l, const struct command *c, struct err *err)
{
    struct option_table tables[3] = {global_options};
    if (c != NULL)
        tables[1] = c->options;
    if (c != NULL && c->more_options != NULL)
        tables[2] = *c->more_options;
    return options_parse(
        l->argc, l->argv, &l->pos, tables, ARRAY_LEN(tables), false, l->arena, &l->options, err);
}

static int no_command(const struct options *o)
{
    if (options_has(o, "help"))
        help_overview(stdout);
    else if (options_has(o, "version"))
        return version();
    else
        return usage_error(NULL, "no command is given");
    return EXIT_DONE;
}

static int with_family(struct line *l, const char *family, const struct command **out, int *status)
{
    struct err err = ERR_INIT;
    const char *word;
    *out = NULL;
    if (next_word(l, &word, &err) < 0)
        *status = usage_error(NULL, "%s: %s", family, err.text);
    else if (word == NULL && options_has(&l->options, "help"))
        help_family(family, stdout);
    else if (word == NULL || (*out = find_command(arena_printf(l->arena, "%s %s", family, word))) == NULL)
        *status = unknown_in_family(family, word, l->arena);
    return *out != NULL;
}

static int dispatch_line(struct line *l)
{
    struct err err = ERR_INIT;
    const char *word;
    int status = EXIT_DONE;
    if (next_word(l, &word, &err) < 0)
        return usage_error(NULL, "%s (options of a command stand behind it)", err.text);
    if (word == NULL)
        return no_command(&l->options);
    bool is_help = strcmp(word, "help") == 0;
    const struct command *c = is_help ? NULL : find_command(word);
    if (!is_help && c == NULL && !is_family(word))
        return unknown_command(word, l->arena);
    if (!is_help && c == NULL && !with_family(l, word, &c, &status))
        return status;
    if (rest(l, c, &err) < 0)
        return usage_error(c, "%s", err.text);
    if (is_help)
        return help(&l->options, l->arena);
    if (options_has(&l->options, "help")) {
        help_command(c, stdout);
        return EXIT_DONE;
    }
    return options_has(&l->options, "version") ? version() : run_command(c, &l->options, l->arena);
}

int dispatch(int argc, char *const *argv)
{
    struct line l = {.argc = argc, .pos = 1, .argv = argv, .arena = arena_new()};
    int status = close_output(dispatch_line(&l));
    arena_free(l.arena);
    return status;
}
