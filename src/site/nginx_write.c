#include "site/nginx_write.h"

#include <string.h>

#define REMARK " # evercert: added by \"evercert install\", removed by \"evercert uninstall\""
/* Where the rest of the block's line follows. */
#define REMARK_BREAK REMARK " with this line break\n"

static void put_challenges(const struct site *s, struct buf *out)
{
    buf_printf(out,
        "# Before any rewrite or return of the server itself.\n"
        "if ($uri ~ \"^/\\.well-known/acme-challenge/\") {\n"
        "    break;\n"
        "}\n"
        "location ^~ /.well-known/acme-challenge/ {\n"
        "    root \"%s\";\n"
        "    default_type text/plain;\n"
        "    auth_basic off;\n"
        "    allow all;\n"
        "}\n",
        s->webroot);
}

static void put_listen(const struct nginx_listen *l, unsigned port, struct buf *out)
{
    buf_put_c(out, "listen ");
    if (l->address[0] != '\0')
        buf_printf(out, "%s:", l->address);
    buf_printf(out, "%u ssl%s%s;\n", port, l->proxy_protocol ? " proxy_protocol" : "",
        l->ipv6only_off ? " ipv6only=off" : "");
}

static void put_certificate(const char *live, struct buf *out)
{
    buf_printf(out,
        "ssl_certificate \"%s/fullchain.pem\";\n"
        "ssl_certificate_key \"%s/privkey.pem\";\n",
        live, live);
}

static void put_tls(const struct site *s, const struct nginx_server *server, struct buf *out)
{
    buf_put_char(out, '\n');
    for (size_t i = 0; i < server->listen_n; i++)
        if (server->listens[i].address != NULL && server->listens[i].port == s->http_port)
            put_listen(&server->listens[i], s->tls_port, out);
    put_certificate(s->live, out);
    if (s->live_other != NULL)
        put_certificate(s->live_other, out);
    if (!s->redirect)
        return;
    /* `if` compares one variable. */
    buf_put_c(out, "set $evercert_from $scheme://$host;\nif ($evercert_from ~* \"^http://");
    site_put_names(s, out);
    buf_put_c(out, "$\") {\n    return 301 https://$host");
    if (s->tls_port != 443)
        buf_printf(out, ":%u", s->tls_port);
    buf_put_c(out, "$request_uri;\n}\n");
}

void nginx_write_include(
    const struct site *site, const struct nginx_server *server, bool whole, struct buf *out)
{
    site_head(site, out);
    if (site->webroot[0] != '\0')
        put_challenges(site, out);
    if (whole)
        put_tls(site, server, out);
}

/* Where the line of `at` ends, if nothing but blanks and a comment follow on it; else SIZE_MAX. */
static size_t end_of_line(struct str text, size_t at)
{
    const char *end = memchr(text.p + at, '\n', text.n - at);
    struct str rest = {text.p + at, end != NULL ? (size_t)(end - text.p) - at : text.n - at};
    struct str said = str_trim(rest);
    if (end == NULL || (said.n > 0 && said.p[0] != '#'))
        return SIZE_MAX;
    size_t n = (size_t)(end - text.p);
    return n > at && text.p[n - 1] == '\r' ? n - 1 : n;
}

/* The blanks that the first directive of the block stands behind, or those of the block and four more. */
static struct str indent_of(const struct nginx_directive *block, struct arena *a)
{
    struct str text = block->file->text;
    const struct nginx_directive *of = block->inside != NULL ? block->inside : block;
    size_t from = of->begin;
    while (from > 0 && (text.p[from - 1] == ' ' || text.p[from - 1] == '\t'))
        from--;
    bool alone = from == 0 || text.p[from - 1] == '\n';
    struct str blanks = alone ? (struct str){text.p + from, of->begin - from} : STR("    ");
    return of == block && alone ? str_c(arena_printf(a, "%.*s    ", STR_ARG(blanks))) : blanks;
}

struct insertion nginx_include_line(const struct nginx_server *server, const char *path, struct arena *a)
{
    const struct nginx_directive *block = server->block;
    size_t end = end_of_line(block->file->text, block->body);
    struct str indent = indent_of(block, a);
    const char *text = arena_printf(
        a, "\n%.*sinclude \"%s\";%s", STR_ARG(indent), path, end != SIZE_MAX ? REMARK : REMARK_BREAK);
    return (struct insertion){end != SIZE_MAX ? end : block->body, str_c(text)};
}

struct insertion nginx_find_include(const struct nginx_server *server, const char **path, struct arena *a)
{
    struct str text = server->block->file->text;
    for (size_t i = 0; i < server->include_n; i++) {
        const struct nginx_directive *d = server->includes[i];
        struct str after = {text.p + d->end, text.n - d->end};
        if (!str_starts(after, STR(REMARK)))
            continue;
        bool breaks = str_starts(after, STR(REMARK_BREAK));
        size_t end = d->end + (breaks ? sizeof REMARK_BREAK : sizeof REMARK) - 1, from = d->begin;
        while (from > 0 && (text.p[from - 1] == ' ' || text.p[from - 1] == '\t'))
            from--;
        if (from > 0 && text.p[from - 1] == '\n')
            from--;
        *path = arena_dup_c(a, d->words[1]);
        return (struct insertion){from, {text.p + from, end - from}};
    }
    return (struct insertion){0, {"", 0}};
}
