#include "cli/options.h"

#include <string.h>

/* More options than this in one table list would be a mistake of ours. */
enum { WORDS_MAX = 64 };

struct reader {
    int argc;
    char *const *argv;
    int at; /* the next word */
    const struct option_table *tables;
    size_t table_n;
    struct arena *arena;
    struct options *out;
};

static const struct option_spec *find(const struct reader *r, struct str word, char letter)
{
    for (size_t t = 0; t < r->table_n; t++)
        for (size_t i = 0; i < r->tables[t].n; i++) {
            const struct option_spec *s = &r->tables[t].specs[i];
            if (letter != 0 ? s->letter == letter : str_eq_c(word, s->word))
                return s;
        }
    return NULL;
}

const char *options_nearest(const char *text, const char *const *candidates, size_t n)
{
    struct str given = str_c(text);
    unsigned most = given.n / 3 < 1 ? 1 : given.n / 3 > 3 ? 3 : (unsigned)(given.n / 3), best = most + 1;
    const char *nearest = NULL, *begun = NULL;
    size_t begun_n = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned d = str_distance(given, str_c(candidates[i]), most);
        if (d < best) {
            best = d;
            nearest = candidates[i];
        }
        if (given.n >= 2 && str_starts(str_c(candidates[i]), given)) {
            begun = candidates[i];
            begun_n++;
        }
    }
    return begun_n == 1 ? begun : nearest;
}

static int unknown_word(const struct reader *r, struct str word, struct err *err)
{
    const char *words[WORDS_MAX];
    size_t n = 0;
    for (size_t t = 0; t < r->table_n; t++)
        for (size_t i = 0; i < r->tables[t].n && n < WORDS_MAX; i++)
            words[n++] = r->tables[t].specs[i].word;
    const char *meant = options_nearest(arena_dup(r->arena, word), words, n);
    if (meant != NULL)
        return err_set(err, ERR_USAGE, "unknown option --%.*s (did you mean --%s?)", STR_ARG(word), meant);
    return err_set(err, ERR_USAGE, "unknown option --%.*s", STR_ARG(word));
}

static int missing_value(const struct option_spec *s, struct err *err)
{
    return err_set(err, ERR_USAGE, "--%s needs a value: --%s %s", s->word, s->word, s->value);
}

/* The spelling of the table for one of "a|b|c"; NULL for another text. */
static const char *choice_of(const char *choices, struct str value, struct arena *a)
{
    struct str head, tail = str_c(choices);
    bool more = true;
    while (more) {
        more = str_cut(tail, '|', &head, &tail);
        if (str_eq_nocase(head, value))
            return arena_dup(a, head);
    }
    return NULL;
}

/* "a|b|c" for people: "a, b, c". */
static const char *choices_text(const char *choices, struct arena *a)
{
    const char *text = "";
    struct str head, tail = str_c(choices);
    for (bool more = true, first = true; more; first = false) {
        more = str_cut(tail, '|', &head, &tail);
        text = arena_printf(a, "%s%s%.*s", text, first ? "" : ", ", STR_ARG(head));
    }
    return text;
}

/* Each word as the table spells it. */
static int check_choices(
    const struct reader *r, const struct option_spec *s, const char **value, struct err *err)
{
    const char *all = "";
    struct str word, rest = str_c(*value);
    for (bool more = true, first = true; more; first = false) {
        word = rest;
        more = s->kind == OPTION_CHOICES && str_cut(rest, ',', &word, &rest);
        const char *choice = choice_of(s->value, word, r->arena);
        if (choice == NULL)
            return err_set(err, ERR_USAGE, "--%s %s: must be one of %s", s->word, *value,
                choices_text(s->value, r->arena));
        all = arena_printf(r->arena, "%s%s%s", all, first ? "" : ",", choice);
    }
    *value = all;
    return 0;
}

static int check_value(
    const struct reader *r, const struct option_spec *s, const char **value, struct err *err)
{
    uint64_t port;
    if (**value == '\0')
        return missing_value(s, err);
    if (s->kind == OPTION_PORT && (!str_to_u64(str_c(*value), 65535, &port) || port == 0))
        return err_set(err, ERR_USAGE, "--%s %s: a port is a number from 1 to 65535", s->word, *value);
    return s->kind == OPTION_CHOICE || s->kind == OPTION_CHOICES ? check_choices(r, s, value, err) : 0;
}

/* Room for one more element of an array in the arena. */
static void *grow(struct arena *a, void *old, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return old;
    size_t bigger = *cap == 0 ? 16 : *cap * 2;
    void *p = arena_array(a, bigger, size);
    if (n > 0)
        memcpy(p, old, n * size);
    *cap = bigger;
    return p;
}

static int add(const struct reader *r, const struct option_spec *s, const char *value, struct err *err)
{
    struct options *o = r->out;
    const char *before = options_value(o, s->word);
    if (s->kind != OPTION_FLAG) {
        int bad = check_value(r, s, &value, err);
        if (bad < 0)
            return bad;
        if (!s->many && before != NULL && strcmp(before, value) != 0)
            return err_set(err, ERR_USAGE, "--%s was given twice, as %s and as %s: give it once", s->word,
                before, value);
    }
    o->given = grow(r->arena, o->given, o->given_n, &o->given_cap, sizeof *o->given);
    o->given[o->given_n++] = (struct option_given){s, value};
    return 0;
}

static void add_argument(const struct reader *r, const char *text)
{
    struct options *o = r->out;
    o->arguments = grow(r->arena, o->arguments, o->argument_n, &o->argument_cap, sizeof *o->arguments);
    o->arguments[o->argument_n++] = text;
}

/* The value that stands in the next word. One that looks like an option is a forgotten value more often than
 * a value. */
static int next_value(struct reader *r, const struct option_spec *s, const char **out, struct err *err)
{
    if (r->at >= r->argc)
        return missing_value(s, err);
    const char *next = r->argv[r->at];
    if (next[0] == '-' && next[1] != '\0')
        return err_set(err, ERR_USAGE, "--%s needs a value: --%s %s (a value that begins with '-': --%s=%s)",
            s->word, s->word, s->value, s->word, next);
    r->at++;
    *out = next;
    return 0;
}

static int read_long(struct reader *r, struct str text, struct err *err)
{
    struct str word, rest;
    bool with_value = str_cut(text, '=', &word, &rest);
    const struct option_spec *s = find(r, word, 0);
    if (s == NULL)
        return unknown_word(r, word, err);
    if (s->kind == OPTION_FLAG)
        return with_value ? err_set(err, ERR_USAGE, "--%s takes no value", s->word) : add(r, s, "", err);
    const char *value = rest.p;
    int bad = with_value ? 0 : next_value(r, s, &value, err);
    return bad < 0 ? bad : add(r, s, value, err);
}

static int read_letters(struct reader *r, const char *letters, struct err *err)
{
    for (; *letters != '\0'; letters++) {
        const struct option_spec *s = find(r, (struct str){"", 0}, *letters);
        if (s == NULL)
            return err_set(err, ERR_USAGE, "unknown option -%c", *letters);
        int bad;
        if (s->kind != OPTION_FLAG) {
            const char *value = letters[1] == '=' ? letters + 2 : letters + 1;
            bad = letters[1] != '\0' ? 0 : next_value(r, s, &value, err);
            return bad < 0 ? bad : add(r, s, value, err);
        }
        if ((bad = add(r, s, "", err)) < 0)
            return bad;
    }
    return 0;
}

int options_parse(int argc, char *const *argv, int *pos, const struct option_table *tables, size_t table_n,
    bool stop_at_argument, struct arena *a, struct options *out, struct err *err)
{
    struct reader r = {argc, argv, *pos, tables, table_n, a, out};
    bool only_arguments = false;
    int bad = 0;
    while (bad == 0 && r.at < argc) {
        const char *text = argv[r.at];
        if (only_arguments || text[0] != '-' || text[1] == '\0') {
            if (stop_at_argument)
                break;
            add_argument(&r, text);
            r.at++;
            continue;
        }
        r.at++;
        if (strcmp(text, "--") == 0)
            only_arguments = true;
        else if (text[1] == '-')
            bad = read_long(&r, str_c(text + 2), err);
        else
            bad = read_letters(&r, text + 1, err);
    }
    *pos = r.at;
    return bad;
}

const char *options_value(const struct options *o, const char *word)
{
    for (size_t i = 0; i < o->given_n; i++)
        if (strcmp(o->given[i].spec->word, word) == 0)
            return o->given[i].value;
    return NULL;
}

bool options_has(const struct options *o, const char *word)
{
    return options_value(o, word) != NULL;
}

size_t options_count(const struct options *o, const char *word)
{
    size_t n = 0;
    for (size_t i = 0; i < o->given_n; i++)
        n += strcmp(o->given[i].spec->word, word) == 0;
    return n;
}
