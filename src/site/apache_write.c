#include "site/apache_write.h"

#include <string.h>

static void put_challenges(const struct site *s, struct buf *out)
{
    buf_printf(out,
        "Alias \"/.well-known/acme-challenge/\" \"%s/.well-known/acme-challenge/\"\n"
        "<Directory \"%s/.well-known/acme-challenge/\">\n"
        "    Options None\n"
        "    AllowOverride None\n"
        "    ForceType text/plain\n"
        "    Require all granted\n"
        "</Directory>\n"
        "<IfModule mod_proxy.c>\n"
        "    ProxyPass \"/.well-known/acme-challenge/\" \"!\"\n"
        "</IfModule>\n",
        s->webroot, s->webroot);
}

/* Without mod_rewrite there is no rule that could get in the way either. */
static void put_rules(const struct site *s, bool redirect, struct buf *out)
{
    buf_put_c(out, "<IfModule mod_rewrite.c>\n    RewriteEngine On\n");
    if (s->webroot[0] != '\0')
        buf_put_c(out, "    RewriteRule \"^/\\.well-known/acme-challenge/\" \"-\" [END]\n");
    if (redirect) {
        buf_put_c(out, "    RewriteCond \"%{HTTP_HOST}\" \"^");
        site_put_names(s, out);
        buf_put_c(out, "(?::[0-9]+)?$\" [NC]\n");
        buf_put_c(out, "    RewriteRule \"^\" \"https://%{SERVER_NAME}");
        if (s->tls_port != 443)
            buf_printf(out, ":%u", s->tls_port);
        buf_put_c(out, "%{REQUEST_URI}\" [R=301,L,NE]\n");
    }
    buf_put_c(out, "</IfModule>\n");
}

void apache_write_http(const struct site *site, bool whole, struct buf *out)
{
    bool redirect = whole && site->redirect;
    site_head(site, out);
    if (site->webroot[0] != '\0')
        put_challenges(site, out);
    if (redirect || site->webroot[0] != '\0')
        put_rules(site, redirect, out);
}

/* The same address with the port for TLS: "*:80", "*", "[::1]:80", "_default_:80". */
static void put_address(const char *address, unsigned port, struct buf *out)
{
    struct str s = str_c(address);
    size_t host = s.n;
    for (size_t i = s.n; i > 0 && s.p[i - 1] != ']'; i--)
        if (s.p[i - 1] == ':') {
            host = i - 1;
            break;
        }
    buf_printf(out, " %.*s:%u", (int)host, s.p, port);
}

static void put_certificate(const char *live, struct buf *out)
{
    buf_printf(out,
        "    SSLCertificateFile \"%s/fullchain.pem\"\n"
        "    SSLCertificateKeyFile \"%s/privkey.pem\"\n",
        live, live);
}

void apache_write_https(const struct site *site, const struct apache_section *section, struct str text,
    const char *http_file, bool listen, struct buf *out)
{
    site_head(site, out);
    buf_put_c(out, "# The lines of the host for http, as they were when this was made, and TLS.\n");
    if (listen)
        buf_printf(out,
            "<IfDefine !EVERCERT_LISTEN_%u>\n    Define EVERCERT_LISTEN_%u\n    Listen %u\n</IfDefine>\n",
            site->tls_port, site->tls_port, site->tls_port);
    buf_put_c(out, "<VirtualHost");
    for (size_t i = 0; i < section->address_n; i++)
        put_address(section->addresses[i], site->tls_port, out);
    buf_put_c(out, ">\n");
    size_t at = section->body;
    for (size_t i = 0; i < section->include_n; i++) {
        const struct apache_include *in = &section->includes[i];
        if (strcmp(in->path, http_file) != 0)
            continue;
        buf_put(out, text.p + at, in->begin - at);
        at = in->end;
    }
    buf_put(out, text.p + at, section->body_end - at);
    buf_put_c(out, "    SSLEngine on\n");
    put_certificate(site->live, out);
    if (site->live_other != NULL)
        put_certificate(site->live_other, out);
    buf_put_c(out, "</VirtualHost>\n");
}

/* The blanks at the beginning of a line. */
static struct str blanks_at(struct str text, size_t at)
{
    size_t n = 0;
    while (at + n < text.n && (text.p[at + n] == ' ' || text.p[at + n] == '\t'))
        n++;
    return (struct str){text.p + at, n};
}

struct insertion apache_include_line(
    const struct apache_section *section, struct str text, const char *path, bool behind, struct arena *a)
{
    size_t at = behind ? section->end : section->body;
    struct str indent = behind ? STR("") : blanks_at(text, section->body);
    if (!behind && section->body == section->body_end)
        indent = STR("    ");
    bool unended = at > 0 && text.p[at - 1] != '\n';
    const char *line = arena_printf(a, "%s%.*sInclude \"%s\"\n", unended ? "\n" : "", STR_ARG(indent), path);
    return (struct insertion){at, str_c(line)};
}
