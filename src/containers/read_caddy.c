/* Labels of caddy-docker-proxy: the addresses of sites, and nothing else of them. */
#include "acme/identifier.h"
#include "containers/internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

/* "caddy", "caddy_0". */
static bool is_site(const char *key)
{
    struct str k = str_c(key), numbered = STR("caddy_");
    return str_eq(k, STR("caddy")) ||
           (str_starts(k, numbered) && all_digits((struct str){k.p + numbered.n, k.n - numbered.n}));
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word of a site's line; quotes are taken off, and what stands in braces is one with what is around
 * it, so that no word of a template is taken for a name. False at the end. */
static bool next_address(struct str *rest, struct str *word)
{
    size_t i = 0, depth = 0;
    while (i < rest->n && (is_blank(rest->p[i]) || rest->p[i] == ','))
        i++;
    size_t first = i;
    for (; i < rest->n && (depth > 0 || (!is_blank(rest->p[i]) && rest->p[i] != ',')); i++) {
        depth += rest->p[i] == '{';
        depth -= rest->p[i] == '}' && depth > 0;
    }
    *word = (struct str){rest->p + first, i - first};
    *rest = (struct str){rest->p + i, rest->n - i};
    if (word->n >= 2 && (word->p[0] == '"' || word->p[0] == '`') && word->p[word->n - 1] == word->p[0])
        *word = (struct str){word->p + 1, word->n - 2};
    return i > first;
}

/* Addresses that no CA can reach. */
static bool is_private(struct str host)
{
    unsigned char in[sizeof(struct in6_addr)];
    char text[IDENTIFIER_IP_TEXT_MAX];
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = (struct str){host.p + 1, host.n - 2};
    if (host.n >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", STR_ARG(host));
    if (inet_pton(AF_INET, text, in) == 1)
        return in[0] == 0 || in[0] == 10 || in[0] == 127 || (in[0] == 172 && (in[1] & 0xf0) == 16) ||
               (in[0] == 192 && in[1] == 168) || (in[0] == 169 && in[1] == 254);
    if (inet_pton(AF_INET6, text, in) != 1)
        return false;
    struct in6_addr a;
    memcpy(&a, in, sizeof a);
    return IN6_IS_ADDR_LOOPBACK(&a) || IN6_IS_ADDR_UNSPECIFIED(&a) || IN6_IS_ADDR_LINKLOCAL(&a) ||
           (in[0] & 0xfe) == 0xfc;
}

/* Names that caddy serves with a certificate of its own CA. */
static bool is_internal(struct str host)
{
    static const struct str suffixes[] = {{".localhost", sizeof ".localhost" - 1},
        {".local", sizeof ".local" - 1}, {".internal", sizeof ".internal" - 1},
        {".home.arpa", sizeof ".home.arpa" - 1}};
    if (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (host.n >= suffixes[i].n &&
            str_eq_nocase((struct str){host.p + host.n - suffixes[i].n, suffixes[i].n}, suffixes[i]))
            return true;
    return str_eq_nocase(host, STR("localhost")) || is_private(host);
}

/* Takes scheme, path and port off; false where what is left asks for no certificate. */
static bool host_of(struct str address, struct str *host)
{
    struct str scheme = {"", 0};
    const char *at = memmem(address.p, address.n, "://", 3);
    if (memchr(address.p, '{', address.n) != NULL || memchr(address.p, '}', address.n) != NULL)
        return false;
    if (at != NULL) {
        scheme = (struct str){address.p, (size_t)(at - address.p)};
        address = (struct str){at + 3, address.n - scheme.n - 3};
    }
    (void)str_cut(address, '/', host, &address);
    const char *colon = memrchr(host->p, ':', host->n);
    const char *bracket = memrchr(host->p, ']', host->n);
    bool one = colon != NULL && memchr(host->p, ':', host->n) == colon;
    if (one || (colon != NULL && bracket != NULL && colon > bracket)) {
        struct str port = {colon + 1, host->n - (size_t)(colon + 1 - host->p)};
        if (str_eq(port, STR("80")))
            return false;
        /* What is no port is left where it stands, to be told of. */
        if (port.n == 0 || all_digits(port))
            host->n = (size_t)(colon - host->p);
    }
    return !str_eq_nocase(scheme, STR("http")) && host->n > 0 && !str_eq(*host, STR("*")) &&
           !is_internal(*host);
}

/* "tls", "0_tls", "tls_1": a number in front says the order, one behind keeps directives apart. */
static bool is_tls(struct str directive)
{
    struct str front, back;
    if (str_cut(directive, '_', &front, &back) && all_digits(front))
        directive = back;
    if (str_cut(directive, '_', &front, &back) && all_digits(back))
        directive = front;
    return str_eq(directive, STR("tls"));
}

/* Whether tls says that no CA is to be asked: caddy's own one is, or files are named. */
static bool says_internal(const char *value)
{
    struct str word, rest = str_c(value);
    bool internal = false;
    size_t n = 0;
    for (; next_address(&rest, &word); n++)
        internal |= n == 0 && str_eq(word, STR("internal"));
    return internal || n > 1;
}

static bool is_served_internally(const struct reading *r, const char *key)
{
    struct str site = str_c(key);
    for (size_t i = 0; i < r->c->label_n; i++) {
        const struct pair *l = &r->c->labels[i];
        struct str k = str_c(l->name);
        if (k.n > site.n + 1 && str_starts(k, site) && k.p[site.n] == '.' &&
            is_tls((struct str){k.p + site.n + 1, k.n - site.n - 1}) && says_internal(l->value))
            return true;
    }
    return false;
}

static void read_site(struct reading *r, const char *key, struct str value)
{
    struct draft d = {.reader = READER_CADDY, .key = shown_key(r, key), .fills = true};
    struct str word, host;
    while (!d.broken && next_address(&value, &word))
        if (host_of(word, &host))
            draft_name(r, &d, host);
    if (d.broken || d.domain_n > 0)
        (void)draft_finish(r, &d);
}

void read_caddy(struct reading *r)
{
    for (size_t i = 0; i < r->c->label_n && !r->full; i++) {
        const struct pair *l = &r->c->labels[i];
        struct str value = str_trim(str_c(l->value));
        /* "" are global options, "(name)" is a snippet, "&(name)" a route that others call. */
        bool site = value.n > 0 && value.p[0] != '(' && value.p[0] != '&';
        if (is_site(l->name) && site && !is_served_internally(r, l->name))
            read_site(r, l->name, value);
    }
}
