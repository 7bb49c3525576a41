#include "cli/snippet/snippet.h"

#include "cli/snippet/expand.h"
#include "cli/snippet/sudoers.h"
#include "cli/snippet/time.h"
#include "crypto/key_type.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_SHOWN_MAX = 5 }; /* in a comment; further ones are counted */

/* HAProxy refuses lines of 2048 octets or of more than 64 words. */
enum { HAPROXY_LINE_MAX = 1900, HAPROXY_FILES_MAX = 28 };

#define EXAMPLE_WEBROOT  "/var/www/html"
#define EXAMPLE_HTTP     "127.0.0.1:8402"
#define EXAMPLE_TLS_ALPN "127.0.0.1:8443"

int snippet_check_path(const char *path, struct err *err)
{
    for (const char *c = path; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f || strchr("\"'`\\${}%", *c) != NULL)
            return err_set(err, ERR_INPUT,
                "%s: configurations of servers take '%c' for more than itself; use a path without it", path,
                *c);
    return 0;
}

const char *snippet_quoted(const char *text, struct arena *a)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@:";
    return text[0] != '\0' && text[strspn(text, plain)] == '\0' ? text : arena_printf(a, "\"%s\"", text);
}

/* --- where evercert listens --- */

struct address {
    const char *host, *port; /* as a proxy reaches it */
};

/* "[::]:80", "0.0.0.0:8402", "127.0.0.1:8402" as something to connect to. */
static struct address reached(const char *listen, struct arena *a)
{
    const char *colon = strrchr(listen, ':');
    struct str host = {listen, (size_t)(colon - listen)};
    if (host.n == 0 || str_eq_c(host, "0.0.0.0"))
        host = STR("127.0.0.1");
    else if (str_eq_c(host, "[::]"))
        host = STR("[::1]");
    return (struct address){arena_dup(a, host), colon + 1};
}

/* The address that a server on `port` can pass on to: none that the server itself would have to listen at,
 * and rather an IPv4 one. NULL where there is none. */
static const char *best_listen(const char *const *listen, size_t n, const char *port)
{
    const char *best = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *colon = strrchr(listen[i], ':');
        if (colon == NULL)
            continue;
        struct str host = {listen[i], (size_t)(colon - listen[i])};
        bool here = host.n == 0 || str_eq_c(host, "0.0.0.0") || str_eq_c(host, "[::]") ||
                    str_eq_c(host, "[::1]") || str_starts(host, STR("127."));
        bool taken = here && strcmp(colon + 1, port) == 0;
        if (!taken && (best == NULL || (best[0] == '[' && host.p[0] != '[')))
            best = listen[i];
    }
    return best;
}

/* --- sites: names whose challenge is answered in the same way --- */

/* One name, and the directory its challenge files go to ("": the responder). */
struct spot {
    const char *webroot, *domain;
};

static int compare_spots(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;
    int r = strcmp(x->webroot, y->webroot);
    return r != 0 ? r : strcmp(x->domain, y->domain);
}

static bool has_challenge(const struct wish *w, const char *type)
{
    for (size_t i = 0; i < w->challenge_n; i++)
        if (strcmp(w->challenges[i], type) == 0)
            return true;
    return false;
}

struct snippet_ways snippet_ways_of(const struct snippet_source *s)
{
    struct snippet_ways ways = {0};
    for (size_t i = 0; i < s->wish_n; i++) {
        const struct wish *w = s->wishes[i];
        if (!has_challenge(w, "http-01")) {
            ways.tls_alpn_01 |= has_challenge(w, "tls-alpn-01");
            continue;
        }
        for (size_t k = 0; k < w->domain_n; k++) {
            bool files = wish_webroot(w, w->domains[k])[0] != '\0';
            ways.webroot |= files;
            ways.responder |= !files;
        }
    }
    return ways;
}

/* What is being made. */
struct making {
    const struct snippet_source *source;
    const struct snippet_form *form;
    struct arena *arena;
    struct snippet_scope *root;
    struct buf *out;
};

static void comment(struct making *m, const char *text)
{
    buf_put_c(m->out, text);
}

/* The spots of the form, sorted, each name once; *n of them. */
static struct spot *spots_of(struct making *m, size_t *n)
{
    const struct snippet_source *s = m->source;
    const struct snippet_ways ways = snippet_ways_of(s);
    enum snippet_place place = m->form->place;
    bool all = (place == SNIPPET_WEBROOT && !ways.webroot) || (place == SNIPPET_PROXY && !ways.responder);
    bool none = !ways.webroot && !ways.responder;
    size_t room = 0, used = 0;
    for (size_t i = 0; i < s->wish_n; i++)
        room += s->wishes[i]->domain_n;
    struct spot *spots = arena_array(m->arena, room + 1, sizeof *spots);
    for (size_t i = 0; i < s->wish_n; i++) {
        const struct wish *w = s->wishes[i];
        for (size_t k = 0; k < w->domain_n && (none || has_challenge(w, "http-01")); k++) {
            const char *webroot = wish_webroot(w, w->domains[k]);
            if (all)
                webroot = place == SNIPPET_WEBROOT ? EXAMPLE_WEBROOT : "";
            else if (place != SNIPPET_ANY && (webroot[0] != '\0') != (place == SNIPPET_WEBROOT))
                continue;
            spots[used++] = (struct spot){webroot, w->domains[k]};
        }
    }
    qsort(spots, used, sizeof *spots, compare_spots);
    *n = 0;
    for (size_t i = 0; i < used; i++)
        if (i == 0 || compare_spots(&spots[i - 1], &spots[i]) != 0)
            spots[(*n)++] = spots[i];
    if (none)
        comment(m,
            "# The configuration proves these names without http-01: nothing of this is asked for then.\n");
    else if (all && place == SNIPPET_WEBROOT)
        comment(m, "# " EXAMPLE_WEBROOT
                   " stands for your document root: the configuration names none. evercert.yaml:\n"
                   "#     webroot: " EXAMPLE_WEBROOT "\n");
    else if (all)
        comment(m, "# The configuration has a webroot for these names: take it out there, so that evercert "
                   "answers.\n");
    else if (place == SNIPPET_PROXY && ways.webroot)
        comment(m, "# For the names without a webroot; the others have their challenge files in theirs.\n");
    return spots;
}

static const char *url_host(const char *domain, struct arena *a)
{
    return strchr(domain, ':') != NULL ? arena_printf(a, "[%s]", domain) : domain;
}

/* Sets what a list of names is called by in comments and addresses. `spots` hold `n` > 0 names. */
static void set_names(struct making *m, struct snippet_scope *scope, const struct spot *spots, size_t n)
{
    struct buf names ATTR_CLEANUP(buf_free) = buf_new(SNIPPET_TEXT_MAX);
    struct buf http ATTR_CLEANUP(buf_free) = buf_new(SNIPPET_TEXT_MAX);
    struct buf https ATTR_CLEANUP(buf_free) = buf_new(SNIPPET_TEXT_MAX);
    struct buf all ATTR_CLEANUP(buf_free) = buf_new(SNIPPET_TEXT_MAX);
    struct buf regex ATTR_CLEANUP(buf_free) = buf_new(SNIPPET_TEXT_MAX);
    for (size_t i = 0; i < n; i++) {
        const char *domain = spots[i].domain, *host = url_host(domain, m->arena);
        if (i < NAMES_SHOWN_MAX)
            buf_printf(&names, "%s%s", i > 0 ? " " : "", domain);
        buf_printf(&http, "%shttp://%s", i > 0 ? ", " : "", host);
        buf_printf(&https, "%s%s", i > 0 ? ", " : "", host);
        buf_printf(&all, "%s%s", i > 0 ? " " : "", domain);
        buf_put_c(&regex, i > 0 ? "|" : "");
        for (const char *c = host; *c != '\0'; c++)
            buf_put_c(&regex, *c == '*'   ? "[^.]+"
                              : *c == '.' ? "\\."
                              : *c == '[' ? "\\["
                              : *c == ']' ? "\\]"
                                          : (const char[]){*c, '\0'});
    }
    if (n > NAMES_SHOWN_MAX)
        buf_printf(&names, " and %zu more", n - NAMES_SHOWN_MAX);
    snippet_set(scope, "names", arena_dup(m->arena, buf_str(&names)));
    snippet_set(scope, "http_addresses", arena_dup(m->arena, buf_str(&http)));
    snippet_set(scope, "https_addresses", arena_dup(m->arena, buf_str(&https)));
    snippet_set(scope, "domains_raw", arena_dup(m->arena, buf_str(&all)));
    snippet_set(scope, "host_regex", arena_printf(m->arena, "^(%s)(:[0-9]+)?$", buf_c(&regex)));
}

static int add_sites(struct making *m, struct err *err)
{
    size_t n, sites = 0;
    struct spot *spots = spots_of(m, &n);
    for (size_t from = 0, to; from < n; from = to, sites++) {
        const char *webroot = spots[from].webroot;
        for (to = from; to < n && strcmp(spots[to].webroot, webroot) == 0;)
            to++;
        struct snippet_scope *site = snippet_add(m->root, "sites");
        int r = snippet_check_path(webroot, err);
        if (r < 0)
            return r;
        set_names(m, site, spots + from, to - from);
        snippet_set(site, "webroot", webroot[0] != '\0' ? snippet_quoted(webroot, m->arena) : "");
        snippet_set(site, "webroot_raw", webroot);
        snippet_set(site, "challenge_dir",
            snippet_quoted(arena_printf(m->arena, "%s/.well-known/acme-challenge/",
                               strcmp(webroot, "/") == 0 ? "" : webroot),
                m->arena));
    }
    snippet_set(m->root, "several", sites > 1 ? "yes" : "");
    return 0;
}

/* --- certificates --- */

static void set_file(
    struct making *m, struct snippet_scope *scope, const char *dir, const char *name, const char *raw_name)
{
    const char *path = arena_printf(m->arena, "%s/%s.pem", dir, name);
    snippet_set(scope, name, snippet_quoted(path, m->arena));
    snippet_set(scope, raw_name, path);
}

static void set_files(struct making *m, struct snippet_scope *scope, const struct wish *w, const char *name)
{
    const char *dir = arena_printf(m->arena, "%s/live/%s", m->source->state, name);
    set_file(m, scope, dir, "fullchain", "fullchain_raw");
    set_file(m, scope, dir, "privkey", "privkey_raw");
    set_file(m, scope, dir, "combined", "combined_raw");
    if (w->csr[0] == '\0')
        return;
    const char *own = arena_printf(m->arena, "/etc/ssl/private/%s.key", name);
    snippet_set(scope, "privkey", own);
    snippet_set(scope, "privkey_raw", own);
}

static int add_certificates(struct making *m, struct err *err)
{
    size_t files = 0;
    struct buf crt ATTR_CLEANUP(buf_free) = buf_new(SNIPPET_TEXT_MAX);
    for (size_t i = 0; i < m->source->wish_n; i++) {
        const struct wish *w = m->source->wishes[i];
        struct snippet_scope *c = snippet_add(m->root, "certificates");
        struct spot *spots = arena_array(m->arena, w->domain_n, sizeof *spots);
        snippet_set(c, "name", w->name);
        snippet_set(c, "further", i > 0 ? "yes" : "");
        for (size_t k = 0; k < w->domain_n; k++) {
            spots[k].domain = w->domains[k];
            snippet_set(snippet_add(c, "domains"), "domain", w->domains[k]);
        }
        set_names(m, c, spots, w->domain_n);
        set_files(m, c, w, w->name);
        for (uint32_t variant = 0; variant < w->key_type_n; variant++) {
            const char *name = wish_variant_name(w, variant, m->arena);
            set_files(m, snippet_add(c, "pairs"), w, name);
            files++;
            buf_printf(&crt, " crt %s",
                snippet_quoted(
                    arena_printf(m->arena, "%s/live/%s/combined.pem", m->source->state, name), m->arena));
        }
        if (w->csr[0] != '\0')
            comment(m, arena_printf(m->arena,
                           "# /etc/ssl/private/%s.key stands for the key of your own request, which evercert "
                           "has not;\n"
                           "# there is no combined.pem with it either.\n",
                           w->name));
    }
    if (strcmp(m->form->server, "haproxy") == 0 && strcmp(m->form->name, "certificate") == 0 &&
        (crt.n > HAPROXY_LINE_MAX || files > HAPROXY_FILES_MAX))
        return err_set(err, ERR_LIMIT, "%zu files are too many for one line; --form crt-list", files);
    snippet_set(m->root, "each_crt", arena_dup(m->arena, buf_str(&crt)));
    return 0;
}

static void set_first(struct making *m)
{
    const struct wish *w = m->source->wishes[0];
    snippet_set(m->root, "first", w->name);
    const char *key = w->csr[0] != '\0'
                          ? arena_printf(m->arena, "/etc/ssl/private/%s.key", w->name)
                          : arena_printf(m->arena, "%s/live/%s/privkey.pem", m->source->state, w->name);
    snippet_set(m->root, "first_fullchain_raw",
        arena_printf(m->arena, "%s/live/%s/fullchain.pem", m->source->state, w->name));
    snippet_set(m->root, "first_privkey_raw", key);
}

/* --- what every fragment may name --- */

static void set_addresses(struct making *m)
{
    const struct settings *set = m->source->settings;
    bool challenge = m->form->place == SNIPPET_PROXY || m->form->place == SNIPPET_ANY;
    const char *http = best_listen(set->http01_listen, set->http01_listen_n, "80");
    const char *tls = best_listen(set->tls_alpn01_listen, set->tls_alpn01_listen_n, "443");
    if (http == NULL && challenge && snippet_ways_of(m->source).responder)
        comment(m, "# The server has port 80, so evercert has to listen elsewhere. evercert.yaml:\n"
                   "#     http-01: {listen: \"" EXAMPLE_HTTP "\"}\n");
    if (tls == NULL && strcmp(m->form->name, "tls-alpn-01") == 0)
        comment(m, "# The server has port 443, so evercert has to listen elsewhere, see 3.\n");
    struct address web = reached(http != NULL ? http : EXAMPLE_HTTP, m->arena);
    struct address alpn = reached(tls != NULL ? tls : EXAMPLE_TLS_ALPN, m->arena);
    snippet_set(m->root, "responder", arena_printf(m->arena, "%s:%s", web.host, web.port));
    snippet_set(m->root, "responder_url", arena_printf(m->arena, "http://%s:%s", web.host, web.port));
    struct str host = str_c(web.host);
    if (host.n > 2 && host.p[0] == '[')
        host = (struct str){host.p + 1, host.n - 2};
    snippet_set(m->root, "responder_host", arena_dup(m->arena, host));
    snippet_set(m->root, "responder_port", web.port);
    snippet_set(m->root, "tls_alpn", arena_printf(m->arena, "%s:%s", alpn.host, alpn.port));
}

static void set_system(struct making *m)
{
    struct snippet_minute when = snippet_minute_of_host(m->source->state);
    snippet_set(m->root, "bindir", EVERCERT_BINDIR);
    snippet_set(m->root, "options", m->source->options);
    snippet_set(m->root, "user", m->source->user);
    snippet_set(m->root, "config_raw", m->source->config);
    snippet_set(m->root, "live_raw", arena_printf(m->arena, "%s/live", m->source->state));
    snippet_set(m->root, "minute", arena_printf(m->arena, "%u", when.minute));
    snippet_set(m->root, "hour", arena_printf(m->arena, "%u", when.hour));
    snippet_set(m->root, "hour_later", arena_printf(m->arena, "%u", when.hour + 12));
}

int snippet_write(
    const struct snippet_source *s, const struct snippet_form *form, struct buf *out, struct err *err)
{
    struct making m = {s, form, s->arena, snippet_scope_new(s->arena), out};
    int r;
    if ((r = snippet_check_path(s->state, err)) < 0 || (r = snippet_check_path(s->config, err)) < 0)
        return r;
    if (s->invented && form->place != SNIPPET_SYSTEM && form->place != SNIPPET_SUDOERS)
        comment(
            &m, arena_printf(m.arena, "# %s stands for your names: the configuration has no certificate.\n",
                    s->wishes[0]->name));
    set_system(&m);
    set_addresses(&m);
    if (form->place == SNIPPET_SUDOERS)
        r = snippet_sudoers(s, m.root, err);
    else if (form->place == SNIPPET_NONE)
        set_first(&m), r = add_certificates(&m, err);
    else if (form->place != SNIPPET_SYSTEM)
        r = add_sites(&m, err);
    return r < 0 ? r : snippet_expand(form->text, m.root, out, err);
}
