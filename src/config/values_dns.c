/* The kinds of values that only the settings of DNS have. */
#include "config/values_priv.h"

#include "acme/identifier.h"
#include "config/dns.h"
#include "config/schema.h"
#include "config/wish.h"

#include <string.h>

/* Entries of `dns:` for one pattern. */

static int parse_entries(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    struct str had[WISH_DNS_ENTRIES_MAX], item, rest = text;
    size_t n = 0;
    for (bool more = true; more; n++) {
        more = str_cut(rest, ',', &item, &rest);
        int r = authority_name_check(item, err);
        if (r < 0)
            return r;
        if (n == WISH_DNS_ENTRIES_MAX)
            return err_set(
                err, ERR_INPUT, "more than %d entries for the same names", (int)WISH_DNS_ENTRIES_MAX);
        had[n] = item;
        for (size_t i = 0; i < n; i++)
            if (str_eq(had[i], item))
                return err_set(err, ERR_INPUT, "names %.*s twice", STR_ARG(item));
    }
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_entries = {
    .expected = "the name of an entry of dns",
    .parse = parse_entries,
    .print = value_print_text,
    .pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*(,[A-Za-z0-9][A-Za-z0-9._-]*)*$",
};

/* Pattern of names: zones may have labels that no certificate has. */

static bool has_underscore(struct str text)
{
    return memchr(text.p, '_', text.n) != NULL;
}

static int parse_pattern(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    struct str base = str_starts(text, STR("*.")) ? (struct str){text.p + 2, text.n - 2} : text;
    const char *name;
    if (str_eq_c(text, "*") ||
        (has_underscore(text) && base.n > 0 && base.n <= IDENTIFIER_MAX && value_all_words(base, "._-") &&
            base.p[0] != '.' && base.p[base.n - 1] != '.' && memmem(base.p, base.n, "..", 2) == NULL)) {
        *(const char **)field = arena_lower(a, text);
        return 0;
    }
    int r = name_to_ascii(text, a, &name, err);
    if (r < 0)
        return r;
    if (identifier_is_ip(str_c(name)))
        return value_unexpected(row->type, text, err);
    *(const char **)field = name;
    return 0;
}

const struct value_type type_pattern = {
    .expected = "\"*\" for all names, or a DNS name for those at it and below",
    .mends = true,
    .parse = parse_pattern,
    .print = value_print_text,
};

/* How is found out that a record has spread. */

static const char *choice_check(size_t i)
{
    return i < PROPAGATION_CHECK_END_ ? propagation_check_text((enum propagation_check)i) : NULL;
}

static int parse_check(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    const char *word;
    int r = value_parse_choice(row, text, a, &word, err);
    if (r == 0)
        (void)propagation_check_parse(word, field);
    return r;
}

static void print_check(const struct setting *row, const void *field, struct buf *out)
{
    buf_put_c(out, propagation_check_text(*(const enum propagation_check *)field));
}

const struct value_type type_propagation_check = {
    .expected = "a way to look such as authoritative",
    .parse = parse_check,
    .print = print_check,
    .bare = true,
    .choice = choice_check,
};

/* A provider's own setting: what it may be is the catalogue's to say. */

static int parse_setting(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    value_store_text(text, a, field);
    return 0;
}

const struct value_type type_provider_setting = {
    .expected = "a value or a list of values",
    .parse = parse_setting,
    .print = value_print_text,
    .lines = true,
    .longest = DNS_VALUE_MAX,
};
