#include "site/apache_section.h"

#include "site/list.h"

#include <string.h>

/* A directive with its lines: those that end in a backslash go on with the next. */
struct directive {
    size_t begin, end; /* of its lines, the last line break included */
    size_t line;       /* the first, from 1 */
    struct str words[APACHE_WORDS_MAX];
    size_t word_n;
};

struct lines {
    struct str text;
    size_t at, line;
    struct directive d;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A backslash before the line break. */
static bool goes_on(struct str text, size_t newline)
{
    size_t n = newline > 0 && text.p[newline - 1] == '\r' ? newline - 1 : newline;
    return n > 0 && text.p[n - 1] == '\\';
}

/* Words are views; one that goes over a line's end, or has an escaped quote, keeps it, which no path or name
 * has. */
static void split(struct lines *l)
{
    struct directive *d = &l->d;
    d->word_n = 0;
    for (size_t i = d->begin; i < d->end && d->word_n < APACHE_WORDS_MAX;) {
        char c = l->text.p[i];
        if (is_blank(c) || (c == '\\' && i + 1 < d->end && is_blank(l->text.p[i + 1]))) {
            i++;
            continue;
        }
        bool quoted = c == '"' || c == '\'';
        size_t from = i += quoted;
        while (i < d->end && (quoted ? l->text.p[i] != c : !is_blank(l->text.p[i])))
            i += 1 + (quoted && l->text.p[i] == '\\' && i + 1 < d->end);
        size_t to = i < d->end ? i : d->end;
        d->words[d->word_n++] = (struct str){l->text.p + from, to - from};
        i += quoted;
    }
}

/* The next directive; empty lines and comments have no words. False at the end. */
static bool next_directive(struct lines *l)
{
    struct directive *d = &l->d;
    if (l->at >= l->text.n)
        return false;
    d->begin = l->at;
    d->line = l->line + 1;
    for (bool more = true; more;) {
        const char *newline = memchr(l->text.p + l->at, '\n', l->text.n - l->at);
        l->line++;
        more = newline != NULL && goes_on(l->text, (size_t)(newline - l->text.p));
        l->at = newline != NULL ? (size_t)(newline - l->text.p) + 1 : l->text.n;
        more = more && l->at < l->text.n;
    }
    d->end = l->at;
    split(l);
    if (d->word_n > 0 && d->words[0].n > 0 && d->words[0].p[0] == '#')
        d->word_n = 0;
    return true;
}

static bool is_directive(const struct directive *d, const char *name)
{
    return d->word_n > 0 && str_eq_nocase(d->words[0], str_c(name));
}

/* "example.com", "https://example.com:80". */
static void add_name(struct apache_section *s, struct str name, struct arena *a)
{
    struct str head, tail;
    const char *scheme = memmem(name.p, name.n, "://", 3);
    if (scheme != NULL)
        name = (struct str){scheme + 3, name.n - (size_t)(scheme + 3 - name.p)};
    if (str_cut(name, ':', &head, &tail))
        name = head;
    s->names = list_room(a, s->names, s->name_n, &s->name_cap, sizeof *s->names);
    s->names[s->name_n++] = arena_dup(a, name);
}

/* `Redirect permanent / https://...` and its kin. Of RewriteRules nothing is said: they have conditions. */
static bool sends_to_https(const struct directive *d)
{
    bool redirect = is_directive(d, "Redirect") || is_directive(d, "RedirectPermanent") ||
                    is_directive(d, "RedirectTemp");
    return redirect && d->word_n >= 3 && str_starts(d->words[d->word_n - 1], STR("https://")) &&
           str_eq(d->words[d->word_n - 2], STR("/"));
}

static void add_include(struct apache_section *s, const struct directive *d, struct arena *a)
{
    s->includes = list_room(a, s->includes, s->include_n, &s->include_cap, sizeof *s->includes);
    s->includes[s->include_n++] = (struct apache_include){arena_dup(a, d->words[1]), d->begin, d->end};
}

static void in_section(struct apache_section *s, const struct directive *d, struct arena *a)
{
    if (is_directive(d, "ServerName") && d->word_n > 1)
        add_name(s, d->words[1], a);
    else if (is_directive(d, "ServerAlias"))
        for (size_t i = 1; i < d->word_n; i++)
            add_name(s, d->words[i], a);
    else if (is_directive(d, "SSLEngine") && d->word_n > 1)
        s->ssl = str_eq_nocase(d->words[1], STR("on"));
    else if (is_directive(d, "SSLCertificateFile") && d->word_n > 1)
        s->certificate = arena_dup(a, d->words[1]);
    else if (is_directive(d, "Include") && d->word_n == 2)
        add_include(s, d, a);
    else if (sends_to_https(d))
        s->to_https = d->line;
}

/* <VirtualHost *:80 [::]:80>. */
static void read_addresses(struct apache_section *s, const struct directive *d, struct arena *a)
{
    s->addresses = arena_array(a, d->word_n, sizeof *s->addresses);
    for (size_t i = 1; i < d->word_n; i++) {
        struct str word = d->words[i];
        if (str_ends(word, STR(">")))
            word.n--;
        if (word.n > 0)
            s->addresses[s->address_n++] = arena_dup(a, word);
    }
}

int apache_section_read(
    struct str text, size_t line, struct arena *a, struct apache_section *out, struct err *err)
{
    struct lines *l = arena_alloc(a, sizeof *l);
    *out = (struct apache_section){.certificate = ""};
    l->text = text;
    while (next_directive(l))
        if (l->line >= line)
            break;
    if (l->line < line || l->d.line > line || !is_directive(&l->d, "<VirtualHost"))
        return err_set(err, ERR_INPUT, "no <VirtualHost> begins on line %zu", line);
    out->body = l->d.end;
    read_addresses(out, &l->d, a);
    while (next_directive(l)) {
        if (is_directive(&l->d, "</VirtualHost>")) {
            out->body_end = l->d.begin;
            out->end = l->d.end;
            return 0;
        }
        in_section(out, &l->d, a);
    }
    return err_set(err, ERR_INPUT, "the <VirtualHost> of line %zu has no end", line);
}

bool apache_find_include(struct str text, const char *path, size_t *begin, size_t *end)
{
    struct lines l = {.text = text};
    while (next_directive(&l))
        if (is_directive(&l.d, "Include") && l.d.word_n == 2 && str_eq_c(l.d.words[1], path)) {
            *begin = l.d.begin;
            *end = l.d.end;
            return true;
        }
    return false;
}

bool apache_listens(struct str text, unsigned port)
{
    struct lines l = {.text = text};
    while (next_directive(&l)) {
        uint64_t number;
        if (!is_directive(&l.d, "Listen") || l.d.word_n < 2)
            continue;
        struct str digits = l.d.words[1];
        for (size_t i = digits.n; i > 0; i--)
            if (digits.p[i - 1] == ':') {
                digits = (struct str){digits.p + i, digits.n - i};
                break;
            }
        if (str_to_u64(digits, 65535, &number) && number == port)
            return true;
    }
    return false;
}
