#include "site/nginx_server.h"

#include "site/list.h"

#include <string.h>

#define CHALLENGE "/.well-known/acme-challenge"

struct collect {
    const struct nginx_config *config;
    struct arena *a;
    struct nginx_servers *out;
    size_t cap;
    struct nginx_server *server; /* whose block is gone through */
    size_t listen_cap, name_cap, include_cap;
    size_t visits;
};

static bool is_named(const struct nginx_directive *d, const char *name, bool block)
{
    return d->block == block && strcmp(d->words[0], name) == 0;
}

/* "80", "*:80", "127.0.0.1", "[::]:80", "unix:/path". */
static void read_address(struct str text, struct arena *a, struct nginx_listen *out)
{
    uint64_t port = NGINX_HTTP_PORT;
    struct str host = text, digits = {"", 0};
    if (str_starts(text, STR("unix:"))) {
        *out = (struct nginx_listen){0};
        return;
    }
    if (str_to_u64(text, 65535, &port)) {
        host = STR("");
    } else if (text.n > 0 && text.p[0] == '[') {
        const char *end = memchr(text.p, ']', text.n);
        size_t n = end != NULL ? (size_t)(end - text.p) + 1 : text.n;
        host = (struct str){text.p, n};
        digits = n < text.n ? (struct str){text.p + n + 1, text.n - n - 1} : digits;
    } else {
        str_cut(text, ':', &host, &digits);
    }
    if (digits.n > 0 && !str_to_u64(digits, 65535, &port))
        port = NGINX_HTTP_PORT;
    *out = (struct nginx_listen){.address = arena_dup(a, host), .port = (unsigned)port};
}

static void add_listen(struct collect *c, const struct nginx_directive *d)
{
    struct nginx_server *s = c->server;
    s->listens = list_room(c->a, s->listens, s->listen_n, &c->listen_cap, sizeof *s->listens);
    struct nginx_listen *l = &s->listens[s->listen_n++];
    read_address(str_c(d->words[1]), c->a, l);
    for (size_t i = 2; i < d->word_n; i++) {
        l->ssl |= strcmp(d->words[i], "ssl") == 0;
        l->default_server |=
            strcmp(d->words[i], "default_server") == 0 || strcmp(d->words[i], "default") == 0;
        l->ipv6only_off |= strcmp(d->words[i], "ipv6only=off") == 0;
        l->proxy_protocol |= strcmp(d->words[i], "proxy_protocol") == 0;
    }
}

static void add_names(struct collect *c, const struct nginx_directive *d)
{
    struct nginx_server *s = c->server;
    for (size_t i = 1; i < d->word_n; i++) {
        s->names = list_room(c->a, s->names, s->name_n, &c->name_cap, sizeof *s->names);
        s->names[s->name_n++] = d->words[i];
    }
}

/* Everybody, whatever was asked for: a return that stands in no location and in no if. */
static bool sends_to_https(const struct nginx_directive *d)
{
    if (!is_named(d, "return", false))
        return false;
    for (size_t i = 1; i < d->word_n; i++)
        if (str_starts(str_c(d->words[i]), STR("https://")))
            return true;
    return false;
}

static bool is_challenge(const struct nginx_directive *d)
{
    return is_named(d, "location", true) && d->word_n > 1 &&
           str_starts(str_c(d->words[d->word_n - 1]), STR(CHALLENGE));
}

static int in_server(const struct nginx_directive *d, void *arg, struct err *err)
{
    struct collect *c = arg;
    (void)err;
    if (is_named(d, "listen", false) && d->word_n > 1)
        add_listen(c, d);
    else if (is_named(d, "server_name", false))
        add_names(c, d);
    else if (is_named(d, "ssl_certificate", false) && d->word_n > 1 && c->server->certificate[0] == '\0')
        c->server->certificate = d->words[1];
    else if (is_challenge(d))
        c->server->challenge = d;
    else if (sends_to_https(d))
        c->server->to_https = d;
    return 0;
}

/* Those of the block itself: what another file includes is none of ours. */
static void add_includes(struct collect *c, const struct nginx_directive *block)
{
    struct nginx_server *s = c->server;
    for (const struct nginx_directive *d = block->inside; d != NULL; d = d->next) {
        if (!is_named(d, "include", false) || d->word_n != 2)
            continue;
        s->includes = list_room(c->a, s->includes, s->include_n, &c->include_cap, sizeof *s->includes);
        s->includes[s->include_n++] = d;
    }
}

static int in_http(const struct nginx_directive *d, void *arg, struct err *err)
{
    struct collect *c = arg;
    if (!is_named(d, "server", true))
        return 0;
    c->out->list = list_room(c->a, c->out->list, c->out->n, &c->cap, sizeof *c->out->list);
    c->server = &c->out->list[c->out->n++];
    *c->server = (struct nginx_server){.block = d, .certificate = ""};
    c->listen_cap = c->name_cap = c->include_cap = 0;
    add_includes(c, d);
    int r = nginx_each(c->config, d->inside, in_server, c, &c->visits, err);
    if (r == 0 && c->server->listen_n == 0) {
        c->server->listens = list_room(c->a, NULL, 0, &c->listen_cap, sizeof *c->server->listens);
        c->server->listens[c->server->listen_n++] =
            (struct nginx_listen){.address = "", .port = NGINX_HTTP_PORT};
    }
    return r;
}

static int in_main(const struct nginx_directive *d, void *arg, struct err *err)
{
    struct collect *c = arg;
    return is_named(d, "http", true) ? nginx_each(c->config, d->inside, in_http, c, &c->visits, err) : 0;
}

int nginx_servers(const struct nginx_config *c, struct arena *a, struct nginx_servers *out, struct err *err)
{
    struct collect all = {.config = c, .a = a, .out = out};
    *out = (struct nginx_servers){NULL, 0};
    return nginx_each(c, c->files[0].content, in_main, &all, &all.visits, err);
}

/* Longer wins within a kind; names have at most 253 octets, so kinds do not mix. */
enum { FIT_AFTER = 1, FIT_BEFORE = 1000, FIT_EXACT = 2000, FIT_LENGTH_MAX = 900 };

static size_t fit_of(struct str name, struct str host)
{
    size_t n = name.n < FIT_LENGTH_MAX ? name.n : FIT_LENGTH_MAX;
    if (name.n == 0 || name.p[0] == '~')
        return 0;
    if (str_eq_nocase(name, host))
        return FIT_EXACT;
    if (name.p[0] == '.' && str_eq_nocase((struct str){name.p + 1, name.n - 1}, host))
        return FIT_EXACT;
    bool before = name.p[0] == '.' || str_starts(name, STR("*."));
    struct str suffix = name.p[0] == '*' ? (struct str){name.p + 1, name.n - 1} : name;
    if (before)
        return host.n > suffix.n && str_eq_nocase((struct str){host.p + host.n - suffix.n, suffix.n}, suffix)
                   ? FIT_BEFORE + n
                   : 0;
    struct str prefix = {name.p, name.n - 1};
    if (str_ends(name, STR(".*")) && host.n > prefix.n &&
        str_eq_nocase((struct str){host.p, prefix.n}, prefix))
        return FIT_AFTER + n;
    return 0;
}

size_t nginx_fit(const struct nginx_server *s, const char *host)
{
    size_t best = 0;
    for (size_t i = 0; i < s->name_n; i++) {
        size_t fit = fit_of(str_c(s->names[i]), str_c(host));
        best = fit > best ? fit : best;
    }
    return best;
}

bool nginx_has_regex(const struct nginx_server *s)
{
    for (size_t i = 0; i < s->name_n; i++)
        if (s->names[i][0] == '~')
            return true;
    return false;
}

bool nginx_listens_on(const struct nginx_server *s, unsigned port)
{
    for (size_t i = 0; i < s->listen_n; i++)
        if (s->listens[i].port == port && s->listens[i].address != NULL)
            return true;
    return false;
}

bool nginx_has_tls(const struct nginx_server *s, unsigned port)
{
    for (size_t i = 0; i < s->listen_n; i++)
        if (s->listens[i].ssl || (s->listens[i].port == port && s->listens[i].address != NULL))
            return true;
    return false;
}
