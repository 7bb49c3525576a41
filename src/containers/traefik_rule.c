/*
 * Rules of Traefik: an expression of Go in which calls stand for matchers. A recursive descent over its
 * tokens; depth and work are bounded, and nothing of it is evaluated.
 *
 *     any   = all { "||" all }            call = name "(" [ text { "," text } [ "," ] ] ")"
 *     all   = one { "&&" one }            text = `...` or "..."
 *     one   = "!" one | "(" any ")" | call
 */
#include "config/problems.h"
#include "containers/internal.h"

#include <string.h>

enum { RULE_DEPTH_MAX = 32 /* parentheses and negations in each other; people write two */ };

enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_TEXT, TOKEN_SIGN };

struct token {
    enum token_kind kind;
    char sign;       /* '&' and '|' stand for two of them */
    struct str text; /* a name; or what is between the quotes, with their escapes taken off */
    size_t at;       /* octets before it */
};

struct found {
    struct str name;
    struct found *next;
};

struct parser {
    struct str rule;
    size_t at;
    struct token now;
    struct arena *a;
    struct found *first, **last;
    size_t n;
    unsigned depth, negations;
    struct err *err;
};

/* Characters, as an editor counts them. */
static size_t column(const struct parser *p, size_t at)
{
    size_t n = 1;
    for (size_t i = 0; i < at; i++)
        n += ((unsigned char)p->rule.p[i] & 0xc0) != 0x80;
    return n;
}

static int fail(const struct parser *p, size_t at, const char *why)
{
    char shown[QUOTE_MAX];
    struct str rest = {p->rule.p + at, p->rule.n - at};
    if (rest.n == 0)
        return err_set(
            p->err, ERR_INPUT, "no rule of Traefik: %s at its end (column %zu)", why, column(p, at));
    return err_set(p->err, ERR_INPUT, "no rule of Traefik: %s at column %zu, at %s", why, column(p, at),
        quote(rest, shown));
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Text in double quotes; of Go's escapes those that a name or a path may need. */
static int read_quoted(struct parser *p)
{
    size_t end = p->at + 1, n = 0;
    while (end < p->rule.n && p->rule.p[end] != '"' && p->rule.p[end] != '\n')
        end += p->rule.p[end] == '\\' ? 2 : 1;
    if (end >= p->rule.n || p->rule.p[end] != '"')
        return fail(p, p->at, "a quote without its end");
    char *text = arena_alloc(p->a, end - p->at);
    for (size_t i = p->at + 1; i < end; i++) {
        if (p->rule.p[i] == '\\' && p->rule.p[++i] != '"' && p->rule.p[i] != '\\')
            return fail(p, i - 1, "a backslash that is none of \\\" and \\\\ (write `...`)");
        text[n++] = p->rule.p[i];
    }
    p->now = (struct token){.kind = TOKEN_TEXT, .text = {text, n}, .at = p->at};
    p->at = end + 1;
    return 0;
}

static int read_raw(struct parser *p)
{
    const char *from = p->rule.p + p->at + 1;
    const char *end = memchr(from, '`', p->rule.n - p->at - 1);
    if (end == NULL)
        return fail(p, p->at, "a backtick without its end");
    p->now = (struct token){.kind = TOKEN_TEXT, .text = {from, (size_t)(end - from)}, .at = p->at};
    p->at = (size_t)(end + 1 - p->rule.p);
    return 0;
}

static int read_sign(struct parser *p)
{
    char c = p->rule.p[p->at];
    bool twice = c == '&' || c == '|';
    if (c == '\'')
        return fail(p, p->at, "single quotes (write `...`)");
    if (strchr("&|!(),", c) == NULL || c == '\0' ||
        (twice && (p->at + 1 == p->rule.n || p->rule.p[p->at + 1] != c)))
        return fail(p, p->at, "a character that has no meaning");
    p->now = (struct token){.kind = TOKEN_SIGN, .sign = c, .at = p->at};
    p->at += twice ? 2 : 1;
    return 0;
}

/* The next token into p->now. */
static int advance(struct parser *p)
{
    while (p->at < p->rule.n && strchr(" \t\r\n", p->rule.p[p->at]) != NULL && p->rule.p[p->at] != '\0')
        p->at++;
    size_t from = p->at;
    if (from == p->rule.n) {
        p->now = (struct token){.kind = TOKEN_END, .at = from};
        return 0;
    }
    if (p->rule.p[from] == '`')
        return read_raw(p);
    if (p->rule.p[from] == '"')
        return read_quoted(p);
    if (!is_name_char(p->rule.p[from]))
        return read_sign(p);
    while (p->at < p->rule.n && is_name_char(p->rule.p[p->at]))
        p->at++;
    p->now = (struct token){.kind = TOKEN_NAME, .text = {p->rule.p + from, p->at - from}, .at = from};
    return 0;
}

static bool is_sign(const struct parser *p, char sign)
{
    return p->now.kind == TOKEN_SIGN && p->now.sign == sign;
}

static void add(struct parser *p, struct str name)
{
    struct found *f = arena_alloc(p->a, sizeof *f);
    f->name = name;
    *p->last = f;
    p->last = &f->next;
    p->n++;
}

/* Traefik has more matchers with each version, so others are let pass; but one letter off is a mistake. */
static const char *meant(struct parser *p, struct str name)
{
    static const char *const ours[] = {"Host", "HostSNI"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_distance(str_c(arena_lower(p->a, name)), str_c(arena_lower(p->a, str_c(ours[i]))), 1) == 1)
            return arena_printf(p->a, "a matcher that is none (did you mean %s?)", ours[i]);
    return NULL;
}

static int call(struct parser *p)
{
    struct token name = p->now;
    bool host = str_eq_nocase(name.text, STR("Host")), sni = str_eq_nocase(name.text, STR("HostSNI"));
    const char *mistake = meant(p, name.text);
    if (mistake != NULL)
        return fail(p, name.at, mistake);
    int r = advance(p);
    if (r < 0)
        return r;
    if (!is_sign(p, '('))
        return fail(p, p->now.at, "expected '(' behind the name of a matcher");
    if ((r = advance(p)) < 0)
        return r;
    while (!is_sign(p, ')')) {
        if (p->now.kind != TOKEN_TEXT)
            return fail(p, p->now.at, "expected a text in backticks, or ')',");
        if ((host || sni) && p->negations == 0 && !(sni && str_eq(p->now.text, STR("*"))))
            add(p, p->now.text);
        if ((r = advance(p)) < 0)
            return r;
        if (!is_sign(p, ',') && !is_sign(p, ')'))
            return fail(p, p->now.at, "expected ',' or ')'");
        if (is_sign(p, ',') && (r = advance(p)) < 0)
            return r;
    }
    return advance(p);
}

static int any(struct parser *p);

static int one(struct parser *p)
{
    bool negation = is_sign(p, '!');
    int r = 0;
    if (p->now.kind == TOKEN_NAME)
        return call(p);
    if (!negation && !is_sign(p, '('))
        return fail(p, p->now.at, "expected a matcher such as Host(`a.example`)");
    if (p->depth == RULE_DEPTH_MAX)
        return fail(p, p->now.at, "more parentheses in each other than evercert reads");
    p->depth++;
    p->negations += negation;
    if ((r = advance(p)) == 0)
        r = negation ? one(p) : any(p);
    if (r == 0 && !negation)
        r = is_sign(p, ')') ? advance(p) : fail(p, p->now.at, "expected ')', '&&' or '||'");
    p->negations -= negation;
    p->depth--;
    return r;
}

static int all(struct parser *p)
{
    int r = one(p);
    while (r == 0 && is_sign(p, '&'))
        if ((r = advance(p)) == 0)
            r = one(p);
    return r;
}

static int any(struct parser *p)
{
    int r = all(p);
    while (r == 0 && is_sign(p, '|'))
        if ((r = advance(p)) == 0)
            r = all(p);
    return r;
}

int traefik_rule_names(struct str rule, struct arena *a, struct rule_names *out, struct err *err)
{
    struct parser p = {.rule = rule, .a = a, .err = err};
    p.last = &p.first;
    int r = advance(&p);
    if (r == 0)
        r = any(&p);
    if (r == 0 && p.now.kind != TOKEN_END)
        r = fail(&p, p.now.at, "expected '&&' or '||'");
    if (r < 0)
        return r;
    struct str *names = arena_array(a, p.n, sizeof *names);
    size_t n = 0;
    for (const struct found *f = p.first; f != NULL; f = f->next)
        names[n++] = f->name;
    *out = (struct rule_names){names, n};
    return 0;
}
