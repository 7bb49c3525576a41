/* Sites of Apache: a line in the host for http that includes a file, and a host for https that has its lines.
 */
#include "base/text.h"
#include "cli/install/install.h"
#include "os/file.h"
#include "site/apache_read.h"
#include "site/apache_write.h"
#include "site/pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct apache_view {
    struct apache_dump dump;
};

/* A host with its section of the file. */
struct host {
    const struct apache_host *head;
    const char *path; /* behind links */
    struct str text;
    struct apache_section section;
};

static bool is_running(const struct apache_dump *d)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(64);
    uint64_t pid = 0;
    bool known = d->pid_file[0] != '\0' && file_read(AT_FDCWD, d->pid_file, 64, &text, NULL) == 0 &&
                 str_to_u64(str_trim(buf_str(&text)), INT32_MAX, &pid) && pid > 1;
    return known && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static int read_all(struct install *in, struct err *err)
{
    static const char *const words[] = {
        "-t", "-D", "DUMP_VHOSTS", "-D", "DUMP_RUN_CFG", "-D", "DUMP_MODULES", "-D", "DUMP_INCLUDES", NULL};
    struct apache_view *v = arena_alloc(in->a, sizeof *v);
    struct buf dump ATTR_CLEANUP(buf_free) = buf_new(APACHE_DUMP_MAX);
    int r = program_run(install_argv(in, words), &dump, err);
    if (r < 0)
        return err_prefix(err, "Apache cannot say how it is configured");
    if ((r = apache_dump_read(buf_str(&dump), in->a, &v->dump, err)) < 0)
        return r;
    if (v->dump.file_n == 0)
        return err_set(err, ERR_INPUT, "Apache does not say which files it reads: 2.4.30 or later is needed");
    in->config_read = v;
    /* "graceful" would start one that does not run. */
    if (!is_running(&v->dump))
        in->stopped = arena_printf(in->a, "Apache is not running (no process of %s)",
            v->dump.pid_file[0] != '\0' ? v->dump.pid_file : "a PidFile");
    return 0;
}

static int need_modules(const struct install *in, struct err *err)
{
    const struct apache_view *v = in->config_read;
    static const struct {
        const char *module, *word;
    } needed[] = {{"ssl_module", "ssl"}, {"alias_module", "alias"}, {"rewrite_module", "rewrite"}};
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (!apache_has_module(&v->dump, needed[i].module) && (i < 2 || in->site.redirect))
            return err_set(err, ERR_FAILED,
                "Apache has no %s loaded: `a2enmod %s`, restart Apache, and try again%s", needed[i].module,
                needed[i].word, i == 2 ? " (or give --no-redirect, and http goes on beside https)" : "");
    return 0;
}

/* ---- which host ---- */

/* 2: by its very name; 1: by a pattern. */
static unsigned fit(const char *const *names, size_t n, const char *name)
{
    unsigned best = 0;
    for (size_t i = 0; i < n; i++) {
        struct str one = str_c(names[i]);
        unsigned f = str_eq_nocase(one, str_c(name)) ? 2 : pattern_matches_host(one, str_c(name)) ? 1 : 0;
        best = f > best ? f : best;
    }
    return best;
}

static int open_host(struct install *in, const struct apache_host *head, struct host *out, struct err *err)
{
    *out = (struct host){.head = head};
    int r = install_real_path(in, head->file, &out->path, err);
    if (r == 0)
        r = change_read(out->path, in->a, &out->text, err);
    if (r == 0)
        r = apache_section_read(out->text, head->line, in->a, &out->section, err);
    return r < 0 ? err_prefix(err, "%s", head->file) : 0;
}

static const char *place(const struct install *in, const struct apache_host *h)
{
    return arena_printf(in->a, "%s:%zu", h->file, h->line);
}

static bool same_host(const struct apache_host *a, const struct apache_host *b)
{
    return a->line == b->line && strcmp(a->file, b->file) == 0;
}

/* How well a host of that port has the name; what Apache does not print of aliases is read in its file. */
static unsigned fit_of(struct install *in, const struct apache_host *h, const char *name)
{
    struct host whole;
    unsigned f = fit(h->names, h->name_n, name);
    if (f == 2 || h->file[0] == '\0' || open_host(in, h, &whole, NULL) < 0)
        return f;
    unsigned own = fit(whole.section.names, whole.section.name_n, name);
    return own > f ? own : f;
}

/* The best of a port. *second is another one that is as good. */
static const struct apache_host *best_of(
    struct install *in, const char *name, unsigned port, unsigned *how, const struct apache_host **second)
{
    const struct apache_view *v = in->config_read;
    const struct apache_host *best = NULL;
    *how = 0;
    *second = NULL;
    for (size_t i = 0; i < v->dump.host_n; i++) {
        const struct apache_host *h = &v->dump.hosts[i];
        unsigned f = h->port == port || h->port == 0 ? fit_of(in, h, name) : 0;
        if (f == 0 || f < *how || (best != NULL && f == *how && same_host(best, h)))
            continue;
        *second = f == *how ? h : NULL;
        if (f > *how)
            best = h;
        *how = f;
    }
    return best;
}

static int find(struct install *in, const char *name, struct host *out, struct err *err)
{
    const struct apache_host *second;
    unsigned how;
    const struct apache_host *best = best_of(in, name, in->site.http_port, &how, &second);
    if (best == NULL)
        return err_set(err, ERR_NOT_FOUND,
            "%s: no virtual host of Apache on port %u has this name: write it into the ServerName or a "
            "ServerAlias of "
            "the one that shall answer for it",
            name, in->site.http_port);
    if (second != NULL)
        return err_set(err, ERR_REFUSED,
            "%s: two virtual hosts of Apache on port %u have this name, at %s and %s: leave it in one of "
            "them",
            name, in->site.http_port, place(in, best), place(in, second));
    if (best->file[0] == '\0')
        return err_set(err, ERR_REFUSED,
            "%s: its virtual host comes out of a macro, which no line can be added to: put the lines of "
            "`evercert "
            "snippet apache` there by hand",
            name);
    return open_host(in, best, out, err);
}

/* ---- names of our files ---- */

struct files {
    const char *http, *https, *link; /* link: NULL where another line includes https */
};

/* Debian's way: sites-available holds it, sites-enabled has a link to it. */
static bool has_sites(struct install *in, const struct host *h, const char **available, const char **enabled)
{
    const char *slash = strrchr(h->head->file, '/');
    struct str dir = {h->head->file, (size_t)(slash - h->head->file)};
    struct stat st;
    if (!str_ends(dir, STR("/sites-enabled")))
        return false;
    *enabled = arena_dup(in->a, dir);
    *available =
        arena_printf(in->a, "%.*s/sites-available", (int)(dir.n - sizeof "/sites-enabled" + 1), dir.p);
    return stat(*available, &st) == 0 && S_ISDIR(st.st_mode);
}

static int name_files(
    struct install *in, const struct host *h, const char *name, struct files *out, struct err *err)
{
    const char *available, *enabled;
    *out = (struct files){NULL};
    int r = install_file(in, in->folder, name, ".http.conf", &out->http, err);
    if (r < 0)
        return r;
    if (!has_sites(in, h, &available, &enabled))
        return install_file(in, in->folder, name, ".https.conf", &out->https, err);
    r = install_file(in, available, name, "-evercert.conf", &out->https, err);
    return r < 0 ? r : install_file(in, enabled, name, "-evercert.conf", &out->link, err);
}

/* The file of ours that the host for http includes, NULL where there is none. */
static const struct apache_include *our_include(const struct install *in, const struct host *h)
{
    struct str folder = str_c(in->folder);
    for (size_t i = 0; i < h->section.include_n; i++) {
        const struct apache_include *one = &h->section.includes[i];
        if (str_starts(str_c(one->path), folder) && one->path[folder.n] == '/' &&
            str_ends(str_c(one->path), STR(".http.conf")))
            return one;
    }
    return NULL;
}

/* The name that the files of an installation that is there have. */
static const char *name_of(const struct install *in, const struct apache_include *one)
{
    const char *base = strrchr(one->path, '/') + 1;
    return arena_dup(in->a, (struct str){base, strlen(base) - strlen(".http.conf")});
}

/* ---- what changes ---- */

static int check_host(
    struct install *in, const char *name, const struct host *h, const struct files *f, struct err *err)
{
    unsigned how;
    const struct apache_host *second, *tls = best_of(in, name, in->site.tls_port, &how, &second);
    const char *path;
    if (tls != NULL && same_host(tls, h->head))
        tls = NULL; /* one for all ports */
    if (h->section.ssl) {
        tls = h->head;
        how = 2;
    }
    if (tls != NULL && tls->file[0] != '\0' && install_real_path(in, tls->file, &path, NULL) == 0 &&
        strcmp(path, f->https) == 0)
        tls = NULL; /* ours */
    if (tls != NULL && how >= fit_of(in, h->head, name))
        return err_set(err, ERR_REFUSED,
            "%s: Apache serves this name over TLS already, by the virtual host at %s, which is left alone: "
            "`evercert "
            "issue -d %s --webroot DIR --deploy 'apache2ctl graceful'` and write SSLCertificateFile "
            "%s/fullchain.pem and SSLCertificateKeyFile %s/privkey.pem there, or take that host away",
            name, place(in, tls), name, in->site.live, in->site.live);
    if (h->section.to_https > 0)
        return err_set(err, ERR_REFUSED,
            "%s: %s:%zu sends everybody to https, where no virtual host of Apache answers for this name: "
            "take that "
            "line away, and evercert install adds a redirect of its own",
            name, h->head->file, h->section.to_https);
    return 0;
}

static int add_line(struct install *in, const struct host *h, const char *path, bool behind, struct err *err)
{
    struct insertion line = apache_include_line(&h->section, h->text, path, behind, in->a);
    const struct change one = {.kind = CHANGE_LINE,
        .path = h->path,
        .text = line.text,
        .at = line.at,
        .above = {h->text.p, line.at}};
    return changes_add(&in->changes, &one, err);
}

/* A file that is not ours says so; ours each say it for themselves. */
static bool somebody_listens(struct install *in)
{
    const struct apache_view *v = in->config_read;
    for (size_t i = 0; i < v->dump.file_n; i++) {
        struct buf text ATTR_CLEANUP(buf_free) = buf_new(CHANGE_FILE_MAX);
        struct site_note note;
        if (file_read(AT_FDCWD, v->dump.files[i], CHANGE_FILE_MAX, &text, NULL) == 0 &&
            !site_read_head(buf_str(&text), in->a, &note) &&
            apache_listens(buf_str(&text), in->site.tls_port))
            return true;
    }
    return false;
}

static int add_files(struct install *in, const struct host *h, const struct files *f, struct err *err)
{
    enum { FIRST, HTTP, HTTPS, TEXTS };
    struct buf text[TEXTS] = {buf_new(CHANGE_FILE_MAX), buf_new(CHANGE_FILE_MAX), buf_new(CHANGE_FILE_MAX)};
    struct str made[TEXTS], empty = {NULL, 0};
    apache_write_http(&in->site, false, &text[FIRST]);
    apache_write_http(&in->site, true, &text[HTTP]);
    apache_write_https(&in->site, &h->section, h->text, f->http, !somebody_listens(in), &text[HTTPS]);
    bool failed = false;
    for (size_t i = 0; i < ARRAY_LEN(text); i++) {
        failed |= buf_failed(&text[i]);
        made[i] = arena_str(in->a, buf_str(&text[i]));
        buf_free(&text[i]);
    }
    if (failed)
        return err_set(
            err, ERR_LIMIT, "the virtual host at %s is larger than is read here", place(in, h->head));
    /* One that a line includes must be there as soon as the line is; its comments will do. */
    if (f->link == NULL)
        empty = arena_str(in->a, (struct str){made[FIRST].p, site_head_length(made[FIRST])});
    int r = changes_add_file(&in->changes, f->https, empty, made[HTTPS], err);
    return r < 0 ? r : changes_add_file(&in->changes, f->http, made[FIRST], made[HTTP], err);
}

static int add_link(struct install *in, const struct files *f, struct err *err)
{
    struct stat st;
    struct change one = {.kind = CHANGE_LINK, .path = f->link, .late = true};
    if (lstat(f->link, &st) == 0)
        return S_ISLNK(st.st_mode) ? 0 : err_set(err, ERR_REFUSED, "%s is there and no link", f->link);
    one.text = str_c(arena_printf(in->a, "../sites-available%s", strrchr(f->https, '/')));
    return changes_add(&in->changes, &one, err);
}

static int plan_host(struct install *in, const char *name, const struct host *h, struct err *err)
{
    const struct apache_include *had = our_include(in, h);
    struct files f;
    size_t begin, end;
    int r = name_files(in, h, had != NULL ? name_of(in, had) : name, &f, err);
    if (r < 0 || (r = install_may_write(in, f.http, err)) < 0 ||
        (r = install_may_write(in, f.https, err)) < 0 || (r = check_host(in, name, h, &f, err)) < 0)
        return r;
    /* The lower place first, so that it does not move the other. */
    if (f.link != NULL)
        r = add_link(in, &f, err);
    if (r == 0)
        r = add_files(in, h, &f, err);
    if (r == 0 && f.link == NULL && !apache_find_include(h->text, f.https, &begin, &end))
        r = add_line(in, h, f.https, true, err);
    if (r == 0 && had == NULL)
        r = add_line(in, h, f.http, false, err);
    for (size_t i = 0; i < h->section.address_n && r == 0; i++)
        install_add_end(
            in, h->section.addresses[i], name[0] == '*' ? arena_printf(in->a, "evercert%s", name + 1) : name);
    return r;
}

typedef int host_fn(struct install *in, const char *name, const struct host *h, struct err *err);

/* Each host of the names once, those of one file from its end to its beginning. */
static int each_host(struct install *in, host_fn *fn, struct err *err)
{
    struct host *hosts = arena_array(in->a, in->name_n, sizeof *hosts);
    const char **names = arena_array(in->a, in->name_n, sizeof *names);
    size_t n = 0;
    int r = 0;
    for (size_t i = 0; i < in->name_n && r == 0; i++) {
        size_t k = 0;
        struct host h;
        if ((r = find(in, in->names[i], &h, err)) < 0)
            return r;
        while (k < n && !same_host(hosts[k].head, h.head))
            k++;
        if (k < n)
            continue;
        for (k = n++; k > 0 && hosts[k - 1].head->line < h.head->line; k--) {
            hosts[k] = hosts[k - 1];
            names[k] = names[k - 1];
        }
        hosts[k] = h;
        names[k] = in->names[i];
    }
    for (size_t i = 0; i < n && r == 0; i++)
        r = fn(in, names[i], &hosts[i], err);
    return r;
}

static int plan(struct install *in, struct err *err)
{
    const struct apache_view *v = in->config_read;
    int r = need_modules(in, err);
    if (r == 0)
        r = install_folder(in, v->dump.files[0], err);
    return r < 0 ? r : each_host(in, plan_host, err);
}

/* ---- taking it away ---- */

/* The file as it is to be, on top of what another host of it changed. */
static struct change *file_change(struct install *in, const struct host *h, struct err *err)
{
    for (size_t i = 0; i < in->changes.n; i++)
        if (strcmp(in->changes.list[i].path, h->path) == 0)
            return &in->changes.list[i];
    const struct change one = {
        .kind = CHANGE_FILE, .path = h->path, .late = true, .before = h->text, .text = h->text};
    return changes_add(&in->changes, &one, err) < 0 ? NULL : &in->changes.list[in->changes.n - 1];
}

static void cut_line(struct install *in, struct change *c, const char *path)
{
    size_t begin, end;
    struct buf text = buf_new(CHANGE_FILE_MAX);
    if (apache_find_include(c->text, path, &begin, &end)) {
        buf_put(&text, c->text.p, begin);
        buf_put(&text, c->text.p + end, c->text.n - end);
        c->text = arena_str(in->a, buf_str(&text));
    }
    buf_free(&text);
}

static int remove_ours(struct install *in, const char *path, struct err *err)
{
    struct site_note note;
    bool there;
    int r = install_read_note(in, path, &note, &there, err);
    if (r < 0 || !there)
        return r;
    in->old_certificate = note.certificate;
    return changes_add_file(&in->changes, path, (struct str){NULL, 0}, (struct str){NULL, 0}, err);
}

static int remove_link(struct install *in, const char *path, struct err *err)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof target);
    if (n < 0)
        return 0;
    const struct change one = {.kind = CHANGE_LINK,
        .path = path,
        .late = true,
        .before = arena_str(in->a, (struct str){target, (size_t)n})};
    return changes_add(&in->changes, &one, err);
}

static int remove_host(struct install *in, const char *name, const struct host *h, struct err *err)
{
    const struct apache_include *had = our_include(in, h);
    struct files f;
    (void)name;
    if (had == NULL)
        return 0;
    int r = name_files(in, h, name_of(in, had), &f, err);
    struct change *c = r == 0 ? file_change(in, h, err) : NULL;
    if (c == NULL)
        return r < 0 ? r : ERR_LIMIT;
    cut_line(in, c, f.http);
    cut_line(in, c, f.https);
    if (f.link != NULL)
        r = remove_link(in, f.link, err);
    if (r == 0)
        r = remove_ours(in, f.https, err);
    return r < 0 ? r : remove_ours(in, f.http, err);
}

static int plan_removal(struct install *in, struct err *err)
{
    const struct apache_view *v = in->config_read;
    int r = install_folder(in, v->dump.files[0], err);
    return r < 0 ? r : each_host(in, remove_host, err);
}

const struct server_kind install_apache = {
    .word = "apache",
    .programs = (const char *const[]){"apache2ctl", "apachectl", "httpd", NULL},
    .units = (const char *const[]){"apache2.service", "httpd.service", NULL},
    .config_option = "-f",
    .check = (const char *const[]){"-t", NULL},
    .reload = (const char *const[]){"-k", "graceful", NULL},
    .read = read_all,
    .plan = plan,
    .plan_removal = plan_removal,
};
