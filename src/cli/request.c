#include "cli/request.h"

#include <string.h>

/* Options whose value is a path of the user's, relative to where the user stands. */
static const char *const paths[] = {"webroot", "csr-file", "eab-hmac-file", "password-file"};

static bool is_in(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n && list[i] != NULL; i++)
        if (strcmp(list[i], word) == 0)
            return true;
    return false;
}

/* A format, a colon, and such a path. */
static const char *publication(const char *value, struct arena *a)
{
    const char *colon = strchr(value, ':');
    return colon == NULL || colon[1] == '\0'
               ? value
               : arena_printf(a, "%.*s:%s", (int)(colon - value), value, globals_absolute(colon + 1, a));
}

static bool is_global(const struct option_spec *s)
{
    return s >= global_options.specs && s < global_options.specs + global_options.n;
}

struct msg_list request_options(const struct invocation *i, const char *const *leave_out)
{
    const struct options *o = i->options;
    const char **texts = arena_array(i->arena, o->given_n, sizeof *texts);
    size_t n = 0;
    for (size_t k = 0; k < o->given_n; k++) {
        const struct option_spec *s = o->given[k].spec;
        const char *value = s->kind == OPTION_FLAG ? "true" : o->given[k].value;
        if (is_global(s) || (leave_out != NULL && is_in(s->word, leave_out, SIZE_MAX)))
            continue;
        if (is_in(s->word, paths, ARRAY_LEN(paths)))
            value = globals_absolute(value, i->arena);
        else if (strcmp(s->word, "publish") == 0)
            value = publication(value, i->arena);
        texts[n++] = arena_printf(i->arena, "%s=%s", s->word, value);
    }
    return (struct msg_list){texts, n};
}

struct msg_list request_names(const struct invocation *i)
{
    return (struct msg_list){i->options->arguments, i->options->argument_n};
}
