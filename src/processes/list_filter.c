#include "processes/list_filter.h"

#include "base/attr.h"
#include "base/glob.h"
#include "base/time.h"

static int read_due(struct str value, struct list_filter *out, struct err *err)
{
    (void)value, (void)err;
    out->due = true;
    return 0;
}

static int read_failing(struct str value, struct list_filter *out, struct err *err)
{
    (void)value, (void)err;
    out->failing = true;
    return 0;
}

static int read_expires(struct str value, struct list_filter *out, struct err *err)
{
    out->expires = true;
    if (duration_parse(value, &out->expires_within_s) == 0)
        return 0;
    return err_set(
        err, ERR_USAGE, "--expires-within takes a duration such as 7d or 12h, not %.*s", STR_ARG(value));
}

static int read_match(struct str value, struct list_filter *out, struct err *err)
{
    const char *why = glob_check(value);
    if (why != NULL)
        return err_set(err, ERR_USAGE, "--match takes a pattern such as '*.example.com', not %.*s: %s",
            STR_ARG(value), why);
    if (out->pattern_n == LIST_PATTERNS_MAX)
        return err_set(err, ERR_USAGE, "--match can be given %d times at most", (int)LIST_PATTERNS_MAX);
    out->patterns[out->pattern_n++] = value;
    return 0;
}

int list_filter_read(const char *const *options, size_t n, struct list_filter *out, struct err *err)
{
    static const struct {
        const char *word;
        int (*read)(struct str value, struct list_filter *out, struct err *err);
    } words[] = {{"due", read_due}, {"failing", read_failing}, {"expires-within", read_expires},
        {"match", read_match}};
    int r = 0;
    *out = (struct list_filter){.due = false};
    for (size_t i = 0; i < n && r == 0; i++) {
        struct str word, value;
        (void)str_cut(str_c(options[i]), '=', &word, &value);
        for (size_t k = 0; k < ARRAY_LEN(words) && r == 0; k++)
            if (str_eq_c(word, words[k].word))
                r = words[k].read(value, out, err);
    }
    return r;
}

bool list_filter_is_of_names(const struct list_filter *f)
{
    return !f->due && !f->failing && !f->expires;
}

bool list_filter_fits(const struct list_filter *f, struct str name)
{
    bool fits = f->pattern_n == 0;
    for (size_t i = 0; i < f->pattern_n && !fits; i++)
        fits = glob_match(f->patterns[i], name);
    return fits;
}
