#include "base/issue_value.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct str without_blanks(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0]))
        s = (struct str){s.p + 1, s.n - 1};
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits and hyphens, no hyphen at either end: a tag, and each label of an issuer's name. */
static bool is_word(struct str s)
{
    if (s.n == 0 || !is_alnum(s.p[0]) || !is_alnum(s.p[s.n - 1]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

static bool is_domain(struct str s)
{
    struct str label;
    for (bool more = true; more;) {
        more = str_cut(s, '.', &label, &s);
        if (!is_word(label))
            return false;
    }
    return true;
}

/* *(%x21-3A / %x3C-7E); no semicolon gets here */
static bool is_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x21 || s.p[i] > 0x7e)
            return false;
    return true;
}

bool issue_value_begin(struct str text, struct issue_value *out)
{
    struct str head;
    str_cut(text, ';', &head, &out->rest);
    out->issuer = without_blanks(head);
    return out->issuer.n == 0 || is_domain(out->issuer);
}

int issue_value_next(struct issue_value *v, struct str *tag, struct str *value)
{
    struct str one;
    if (without_blanks(v->rest).n == 0)
        return 0;
    str_cut(v->rest, ';', &one, &v->rest);
    if (!str_cut(one, '=', tag, value))
        return -1;
    *tag = without_blanks(*tag);
    *value = without_blanks(*value);
    return is_word(*tag) && is_value(*value) ? 1 : -1;
}
