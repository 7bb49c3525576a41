/* Sites of nginx: an include file for each server block, and one line in the block that includes it. */
#include "base/text.h"
#include "cli/install/install.h"
#include "os/file.h"
#include "site/edit.h"
#include "site/nginx_write.h"

#include <fcntl.h>
#include <string.h>

struct nginx_view {
    struct nginx_config config;
    struct nginx_servers servers;
};

static int read_all(struct install *in, struct err *err)
{
    static const char *const words[] = {"-T", "-q", NULL};
    struct nginx_view *v = arena_alloc(in->a, sizeof *v);
    struct buf dump = buf_new(NGINX_DUMP_MAX);
    int r = program_run(install_argv(in, words), &dump, err);
    struct str text = r == 0 ? arena_str(in->a, buf_str(&dump)) : STR("");
    buf_free(&dump);
    if (r < 0)
        return err_prefix(err, "nginx cannot say how it is configured");
    if ((r = nginx_read(text, in->a, &v->config, err)) < 0 ||
        (r = nginx_servers(&v->config, in->a, &v->servers, err)) < 0)
        return r;
    in->config_read = v;
    return 0;
}

static const char *place(const struct install *in, const struct nginx_directive *d)
{
    return arena_printf(in->a, "%s:%zu", d->file->path, nginx_line(d->file, d->begin));
}

/* ---- which server ---- */

static int none_found(const struct install *in, const char *name, struct err *err)
{
    const struct nginx_view *v = in->config_read;
    bool regex = false;
    for (size_t i = 0; i < v->servers.n; i++)
        regex |= nginx_has_regex(&v->servers.list[i]);
    return err_set(err, ERR_NOT_FOUND,
        "%s: no server block of nginx that listens on port %u has this name: write it into the server_name "
        "of the "
        "block that shall answer for it (%s)%s",
        name, in->site.http_port, v->config.files[0].path,
        regex ? "; names that are regular expressions are not looked at" : "");
}

/* The block for http; several that fit equally well are the operator's to sort out. */
static int find(const struct install *in, const char *name, const struct nginx_server **out, struct err *err)
{
    const struct nginx_view *v = in->config_read;
    const struct nginx_server *best = NULL, *second = NULL;
    size_t most = 0;
    for (size_t i = 0; i < v->servers.n; i++) {
        const struct nginx_server *s = &v->servers.list[i];
        size_t fit = nginx_listens_on(s, in->site.http_port) ? nginx_fit(s, name) : 0;
        if (fit == 0 || fit < most)
            continue;
        second = fit == most ? best : NULL;
        best = s;
        most = fit;
    }
    if (best == NULL)
        return none_found(in, name, err);
    if (second != NULL)
        return err_set(err, ERR_REFUSED,
            "%s: two server blocks of nginx on port %u have this name, at %s and %s: leave it in one of them",
            name, in->site.http_port, place(in, second->block), place(in, best->block));
    *out = best;
    return 0;
}

static int refuse_tls(
    const struct install *in, const char *name, const struct nginx_server *s, struct err *err)
{
    return err_set(err, ERR_REFUSED,
        "%s: nginx serves this name over TLS already, by the block at %s%s%s, which is left alone: `evercert "
        "issue "
        "-d %s --webroot DIR --deploy 'nginx -s reload'` and write ssl_certificate %s/fullchain.pem and "
        "ssl_certificate_key %s/privkey.pem there, or take that block away",
        name, place(in, s->block), s->certificate[0] != '\0' ? " with the certificate " : "", s->certificate,
        name, in->site.live, in->site.live);
}

/* Somebody else speaks TLS for the name at least as exactly. */
static int check_tls(
    const struct install *in, const char *name, const struct nginx_server *http, bool ours, struct err *err)
{
    const struct nginx_view *v = in->config_read;
    for (size_t i = 0; i < v->servers.n; i++) {
        const struct nginx_server *s = &v->servers.list[i];
        bool tls = s == http ? nginx_has_tls(s, in->site.tls_port) : nginx_listens_on(s, in->site.tls_port);
        bool answers = tls && nginx_fit(s, name) >= nginx_fit(http, name);
        if (answers && !(s == http && ours))
            return refuse_tls(in, name, s, err);
    }
    return 0;
}

static int check_block(
    const struct install *in, const char *name, const struct nginx_server *s, bool ours, struct err *err)
{
    int r = check_tls(in, name, s, ours, err);
    if (r < 0)
        return r;
    if (s->to_https != NULL)
        return err_set(err, ERR_REFUSED,
            "%s: %s sends everybody to https, where no server block of nginx answers for this name: take "
            "that line "
            "away, and evercert install adds a redirect of its own",
            name, place(in, s->to_https));
    const struct nginx_directive *c = s->challenge;
    if (c != NULL && !ours && in->site.webroot[0] != '\0')
        return err_set(err, ERR_REFUSED,
            "%s: %s has a location for ACME challenges already: take it away, and evercert install adds one "
            "of its "
            "own",
            name, place(in, c));
    return 0;
}

/* ---- what changes ---- */

/* The file as it is on disk, which must be what nginx printed. */
static int same_on_disk(
    const struct install *in, const struct nginx_file *f, const char *path, struct err *err)
{
    struct str now;
    int r = change_read(path, in->a, &now, err);
    if (r < 0)
        return r;
    if (now.p == NULL || !str_eq(now, f->text))
        return err_set(
            err, ERR_FAILED, "%s is not what nginx printed of it: was it changed just now? Try again", path);
    return 0;
}

static int add_line(struct install *in, const struct nginx_server *s, const char *path, struct err *err)
{
    struct insertion line = nginx_include_line(s, path, in->a);
    struct change one = {
        .kind = CHANGE_LINE, .text = line.text, .at = line.at, .above = {s->block->file->text.p, line.at}};
    int r = install_real_path(in, s->block->file->path, &one.path, err);
    if (r == 0)
        r = same_on_disk(in, s->block->file, one.path, err);
    return r < 0 ? r : changes_add(&in->changes, &one, err);
}

static struct str include_text(const struct install *in, const struct nginx_server *s, bool whole)
{
    struct buf text = buf_new(CHANGE_FILE_MAX);
    nginx_write_include(&in->site, s, whole, &text);
    struct str out = arena_str(in->a, buf_str(&text));
    buf_free(&text);
    return out;
}

static void add_ends(struct install *in, const struct nginx_server *s, const char *name)
{
    for (size_t i = 0; i < s->listen_n; i++)
        if (s->listens[i].address != NULL && s->listens[i].port == in->site.http_port &&
            !s->listens[i].proxy_protocol)
            install_add_end(in, s->listens[i].address, name);
}

static int plan_block(struct install *in, const char *name, const struct nginx_server *s, struct err *err)
{
    const struct nginx_view *v = in->config_read;
    const char *path = NULL;
    struct insertion line = nginx_find_include(s, &path, in->a);
    int r = install_folder(in, v->config.files[0].path, err);
    if (r == 0 && line.text.n == 0)
        r = install_file(in, in->folder, name, ".conf", &path, err);
    if (r == 0)
        r = install_may_write(in, path, err);
    if (r == 0)
        r = check_block(in, name, s, line.text.n > 0, err);
    if (r == 0)
        r = changes_add_file(&in->changes, path, include_text(in, s, false), include_text(in, s, true), err);
    if (r == 0 && line.text.n == 0)
        r = add_line(in, s, path, err);
    if (r == 0)
        add_ends(in, s, name[0] == '*' ? arena_printf(in->a, "evercert%s", name + 1) : name);
    return r;
}

/* Blocks of one file from its end to its beginning, so that no line moves another one's place. */
static void sort_blocks(const struct nginx_server **blocks, const char **names, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && blocks[k]->block->begin > blocks[k - 1]->block->begin; k--) {
            const struct nginx_server *b = blocks[k];
            const char *name = names[k];
            blocks[k] = blocks[k - 1];
            names[k] = names[k - 1];
            blocks[k - 1] = b;
            names[k - 1] = name;
        }
}

/* The blocks of all names, each once, with the first name that led to it. */
static int find_all(
    struct install *in, const struct nginx_server **blocks, const char **names, size_t *n, struct err *err)
{
    for (size_t i = 0; i < in->name_n; i++) {
        const struct nginx_server *s = NULL;
        size_t k = 0;
        int r = find(in, in->names[i], &s, err);
        if (r < 0)
            return r;
        while (k < *n && blocks[k]->block != s->block)
            k++;
        if (k < *n)
            continue;
        blocks[*n] = s;
        names[(*n)++] = in->names[i];
    }
    sort_blocks(blocks, names, *n);
    return 0;
}

static int plan(struct install *in, struct err *err)
{
    const struct nginx_server **blocks = arena_array(in->a, in->name_n, sizeof *blocks);
    const char **names = arena_array(in->a, in->name_n, sizeof *names);
    size_t n = 0;
    int r = find_all(in, blocks, names, &n, err);
    for (size_t i = 0; i < n && r == 0; i++)
        r = plan_block(in, names[i], blocks[i], err);
    return r;
}

/* ---- taking it away ---- */

/* The file without the line; two blocks of one file share a change. */
static int remove_line(
    struct install *in, const struct nginx_server *s, struct insertion line, struct err *err)
{
    struct change one = {.kind = CHANGE_FILE, .late = true}, *had = NULL;
    int r = install_real_path(in, s->block->file->path, &one.path, err);
    if (r < 0 || (r = same_on_disk(in, s->block->file, one.path, err)) < 0)
        return r;
    for (size_t i = 0; i < in->changes.n; i++)
        if (strcmp(in->changes.list[i].path, one.path) == 0)
            had = &in->changes.list[i];
    one.before = had != NULL ? had->before : s->block->file->text;
    struct str from = had != NULL ? had->text : one.before;
    struct buf text = buf_new(CHANGE_FILE_MAX);
    buf_put(&text, from.p, line.at);
    buf_put(&text, from.p + line.at + line.text.n, from.n - line.at - line.text.n);
    one.text = arena_str(in->a, buf_str(&text));
    buf_free(&text);
    if (had == NULL)
        return changes_add(&in->changes, &one, err);
    had->text = one.text;
    return 0;
}

static int plan_removal(struct install *in, struct err *err)
{
    const struct nginx_view *v = in->config_read;
    const struct nginx_server **blocks = arena_array(in->a, in->name_n, sizeof *blocks);
    const char **names = arena_array(in->a, in->name_n, sizeof *names);
    size_t n = 0;
    int r = find_all(in, blocks, names, &n, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        const char *path;
        struct site_note note;
        bool there = false;
        struct insertion line = nginx_find_include(blocks[i], &path, in->a);
        if (line.text.n == 0)
            continue;
        if ((r = remove_line(in, blocks[i], line, err)) == 0)
            r = install_read_note(in, path, &note, &there, err);
        if (r == 0 && there)
            r = changes_add_file(&in->changes, path, (struct str){NULL, 0}, (struct str){NULL, 0}, err);
        if (there)
            in->old_certificate = note.certificate;
    }
    return r < 0 ? r : install_folder(in, v->config.files[0].path, err);
}

const struct server_kind install_nginx = {
    .word = "nginx",
    .programs = (const char *const[]){"nginx", NULL},
    .units = (const char *const[]){"nginx.service", NULL},
    .config_option = "-c",
    .check = (const char *const[]){"-t", "-q", NULL},
    .reload = (const char *const[]){"-s", "reload", NULL},
    .read = read_all,
    .plan = plan,
    .plan_removal = plan_removal,
};
