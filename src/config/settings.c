#include "config/settings.h"

#include "base/attr.h"
#include "base/str.h"
#include "config/certificate.h"
#include "config/container_checks.h"
#include "config/document.h"
#include "config/owned.h"
#include "config/presets.h"
#include "config/problems.h"
#include "config/read.h"
#include "config/schema.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    KEEP_HISTORY_S = 400 * 86400,  /* who compares with a year ago finds it */
    CONFIG_FILES_MAX = 100 * 1000, /* in evercert.d: one for each customer of a large platform */
};

/* A file's document. */
struct loaded {
    struct mark file;
    const struct node *root;
};

struct load {
    struct reader reader;
    struct problems problems;
    struct loaded *files;
    size_t n;
};

static struct settings defaults(void)
{
    static const char *const sudo[] = {"sudo", "-n"};
    struct settings s = {
        .email = "",
        .sudo = sudo,
        .sudo_n = ARRAY_LEN(sudo),
        .log_format = "text",
        .stop_timeout_s = STOP_TIMEOUT_DEFAULT_S,
        .keep_history_s = KEEP_HISTORY_S,
        .user_engine = "evercert",
        .user_keeper = "evercert-keys",
        .user_responder = "evercert-web",
        .user_solver = "evercert-dns",
        .user_watcher = "evercert-docker",
        .orders_in_flight = ORDERS_IN_FLIGHT,
        .propagation = {.timeout_s = PROPAGATION_TIMEOUT_S},
    };
    certificate_init(&s.defaults, NULL);
    docker_init(&s.docker);
    return s;
}

static void load_init(
    struct load *l, struct arena *a, struct arena *certificates, struct settings *s, size_t files)
{
    struct arena *scratch = arena_new();
    *l = (struct load){
        .problems = {.a = a},
        .files = arena_array(scratch, files, sizeof(struct loaded)),
        .reader =
            {
                .a = a,
                .lasting = a,
                .apart = certificates,
                .scratch = scratch,
                .settings = s,
                .entries = names_new(scratch),
                .accounts = names_new(scratch),
                .certificates = names_new(scratch),
                .dns = names_new(scratch),
                .copies = names_new(scratch),
                .engines = names_new(scratch),
                .actions = names_new(scratch),
                .alerts = names_new(scratch),
                .webroots = names_new(scratch),
                .authorities = names_new(scratch),
            },
    };
    l->reader.problems = &l->problems;
    l->reader.directs_end = &l->reader.directs;
    l->reader.references_end = &l->reader.references;
    *s = defaults();
}

static void add_text(struct load *l, const char *file, struct str yaml)
{
    struct loaded *f = &l->files[l->n];
    *f = (struct loaded){.file = {.file = arena_dup_c(l->reader.a, file), .file_no = (unsigned)l->n}};
    l->n++;
    if (yaml.n > CONFIG_FILE_MAX)
        problem_add(&l->problems, f->file, NULL, "larger than %d MB", CONFIG_FILE_MAX / (1024 * 1024));
    else if (document_parse(f->file, yaml, l->reader.scratch, &l->problems, &f->root))
        return;
    l->problems.broken_file = true;
}

static void add_file(struct load *l, const char *path)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(CONFIG_FILE_MAX);
    struct err err = ERR_INIT;
    if (file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &text, &err) == 0) {
        add_text(l, path, buf_str(&text));
        return;
    }
    problem_add(&l->problems, (struct mark){.file_no = (unsigned)l->n}, NULL, "%s", err.text);
    l->problems.broken_file = true;
}

/* ":80" means all addresses, which takes one socket for IPv6 and one for IPv4. */
static void finish_listen(
    struct load *l, const char *const **listen, size_t *listen_n, const char *const everywhere[2])
{
    if (*listen_n == 0) {
        *listen = everywhere;
        *listen_n = 2;
        return;
    }
    struct arena *a = l->reader.a;
    const char **list = arena_array(a, *listen_n * 2, sizeof *list);
    struct names had = names_new(l->reader.scratch);
    size_t n = 0;
    for (size_t i = 0; i < *listen_n; i++) {
        const char *at = (*listen)[i];
        bool all = at != NULL && at[0] == ':';
        const char *made[] = {
            all ? arena_printf(a, "[::]%s", at) : at, all ? arena_printf(a, "0.0.0.0%s", at) : NULL};
        for (size_t j = 0; j < ARRAY_LEN(made); j++)
            if (made[j] != NULL && names_get(&had, str_c(made[j])) == NULL) {
                names_put(&had, str_c(made[j]), made[j]);
                list[n++] = made[j];
            }
    }
    *listen = list;
    *listen_n = n;
}

/* Own entries in the order of the files, then presets in the order of their table, then URLs in the order of
 * their first use: `config show` prints this order and reading it gives it again. */
static void finish_authorities(struct load *l)
{
    struct reader *r = &l->reader;
    struct settings *s = r->settings;
    size_t n = s->authority_n, direct_n = 0;
    for (const struct direct *d = r->directs; d != NULL; d = d->next)
        direct_n++;
    struct authority *list = arena_array(r->a, n + preset_n + direct_n, sizeof *list);
    if (n > 0)
        memcpy(list, s->authorities, n * sizeof *list);
    for (size_t i = 0; i < preset_n; i++) {
        struct str name = str_c(presets[i].authority.name);
        if (names_get(&r->authorities, name) != NULL && names_get(&r->entries, name) == NULL)
            list[n++] = presets[i].authority;
    }
    for (const struct direct *d = r->directs; d != NULL; d = d->next)
        list[n++] = authority_of_url(d->url);
    s->authorities = list;
    s->authority_n = n;
}

/* The value of a key at the top and the file it stands in; NULL where it was not written. */
static const struct node *default_node(const struct load *l, const char *key, struct mark *file)
{
    const struct setting *row = section_row(&schema_root, str_c(key));
    struct mark mark = l->reader.root.marks[row - schema_root.rows];
    for (size_t i = 0; i < l->n; i++)
        if (mark.line != 0 && l->files[i].file.file_no == mark.file_no) {
            *file = l->files[i].file;
            return read_member(l->files[i].root, key);
        }
    return NULL;
}

/* What certificates inherit; problems are shown where it was written. */
static void check_defaults(struct load *l)
{
    struct wish *w = &l->reader.settings->defaults;
    struct mark file = {0};
    struct err err = ERR_INIT;
    const struct node *node = default_node(l, "authority", &file);
    if (!l->problems.broken_file)
        authorities_use(&l->reader, file, node, NULL, w);
    const struct settings *s = l->reader.settings;
    const struct deploy sudo = {.argv = s->sudo, .argc = s->sudo_n};
    if (s->sudo_n > 0 && s->sudo[0] != NULL && deploy_run_check(&sudo, &err) < 0 &&
        (node = default_node(l, "sudo", &file)) != NULL) {
        struct where list = {NULL, "sudo", 0}, first = {&list, NULL, 0};
        problem_add(&l->problems, node_mark(file, node), &first, "%s", err.text);
    }
    struct arena *a = l->reader.scratch;
    if (s->dns_n == 0 && !l->problems.broken_file && wish_choose_dns(w, s, a, &err) < 0 &&
        (node = default_node(l, "challenge", &file)) != NULL) {
        struct where challenge = {NULL, "challenge", 0};
        problem_add(&l->problems, node_mark(file, node), &challenge, "%s", err.text);
    }
    const char *key;
    if (wish_check(w, &key, &err) == 0)
        return;
    struct where where = {NULL, key, 0};
    if ((node = default_node(l, key, &file)) != NULL)
        problem_add(&l->problems, node_mark(file, node), &where, "%s", err.text);
}

/* Reads what was loaded and hands over the result or the problems. Ends the load. */
static int load_finish(
    struct load *l, struct settings *out, struct config_problems *problems, struct err *err)
{
    for (int late = 0; late < 2; late++) {
        l->reader.late = late == 1;
        for (size_t i = 0; i < l->n; i++) {
            l->reader.file = l->files[i].file;
            read_document(&l->reader, l->files[i].root);
        }
        if (late == 0) {
            read_dns_finish(l->reader.settings);
            check_defaults(l);
        }
    }
    static const char *const http[] = {"[::]:80", "0.0.0.0:80"}, *const tls[] = {"[::]:443", "0.0.0.0:443"};
    finish_listen(l, &l->reader.settings->http01_listen, &l->reader.settings->http01_listen_n, http);
    finish_listen(l, &l->reader.settings->tls_alpn01_listen, &l->reader.settings->tls_alpn01_listen_n, tls);
    references_check(&l->reader);
    docker_finish(&l->reader.settings->docker, l->reader.a);
    finish_authorities(l);
    problems_sort(&l->problems);
    if (problems != NULL) {
        problems->n = l->problems.n;
        for (size_t i = 0; i < l->problems.n; i++)
            problems->list[i] = l->problems.list[i].text;
    }
    arena_free(l->reader.scratch);
    if (l->problems.n > 0)
        return err_set(err, ERR_CONFIG, "%s", l->problems.list[0].text);
    *out = *l->reader.settings;
    return 0;
}

int settings_parse(const char *file, struct str yaml, struct arena *a, struct settings *out,
    struct config_problems *problems, struct err *err)
{
    struct settings s;
    struct load l;
    load_init(&l, a, a, &s, 1);
    add_text(&l, file, yaml);
    return load_finish(&l, out, problems, err);
}

/* Names of further files. */
struct listing {
    struct arena *a;
    const char **names;
    size_t n, cap;
};

static int list_entry(int dir, const char *name, int type, void *arg, struct err *err)
{
    struct listing *list = arg;
    if (name[0] == '.' || !str_ends(str_c(name), STR(".yaml")))
        return 0;
    if (list->n == CONFIG_FILES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d files", (int)CONFIG_FILES_MAX);
    if (list->n == list->cap) {
        size_t cap = list->cap == 0 ? 16 : list->cap * 2;
        const char **names = arena_array(list->a, cap, sizeof *names);
        if (list->n > 0)
            memcpy(names, list->names, list->n * sizeof *names);
        list->names = names;
        list->cap = cap;
    }
    list->names[list->n++] = arena_dup_c(list->a, name);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* The names in evercert.d beside `path`, sorted; none where there is no such directory. */
static int list_further(const char *dir, struct listing *list, struct err *err)
{
    int fd ATTR_CLEANUP(fd_close) = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : err_errno(err, errno, "%s", dir);
    int r = dir_each(fd, list_entry, list, err);
    if (r < 0)
        return err_prefix(err, "%s", dir);
    if (list->n > 1)
        qsort(list->names, list->n, sizeof *list->names, by_name);
    return 0;
}

const char *settings_directory(const char *path, struct arena *a)
{
    const char *slash = strrchr(path, '/');
    struct str before = {path, slash == NULL ? 0 : (size_t)(slash + 1 - path)};
    return arena_printf(a, "%severcert.d", arena_dup(a, before));
}

/* The draft's name among the others, as if the directory had it. */
static int list_draft(const struct settings_draft *draft, struct listing *list, struct err *err)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->names[i], draft->name) == 0)
            return 0;
    int r = list_entry(-1, draft->name, 0, list, err);
    if (r == 0)
        qsort(list->names, list->n, sizeof *list->names, by_name);
    return r;
}

static int load(const char *path, bool optional, const struct settings_draft *draft, struct arena *a,
    struct arena *certificates, struct settings *out, struct config_problems *problems, struct err *err)
{
    const char *dir = settings_directory(path, a);
    bool there = faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0 || errno != ENOENT;
    if (!there && !optional)
        return err_set(err, ERR_NOT_FOUND, "%s: there is no such configuration", path);
    struct listing further = {.a = a};
    struct err listing_err = ERR_INIT;
    int listed = list_further(dir, &further, &listing_err);
    if (listed == 0 && draft != NULL)
        listed = list_draft(draft, &further, &listing_err);
    struct settings s;
    struct load l;
    load_init(&l, a, certificates, &s, further.n + 1);
    if (listed < 0) {
        problem_add(&l.problems, (struct mark){0}, NULL, "%s", listing_err.text);
        l.problems.broken_file = true;
    }
    if (there)
        add_file(&l, path);
    for (size_t i = 0; listed == 0 && i < further.n; i++) {
        const char *file = arena_printf(a, "%s/%s", dir, further.names[i]);
        if (draft != NULL && strcmp(further.names[i], draft->name) == 0)
            add_text(&l, file, draft->yaml);
        else
            add_file(&l, file);
    }
    return load_finish(&l, out, problems, err);
}

int settings_load_draft(const char *path, bool optional, const struct settings_draft *draft, struct arena *a,
    struct settings *out, struct config_problems *problems, struct err *err)
{
    return load(path, optional, draft, a, a, out, problems, err);
}

int settings_load_apart(const char *path, bool optional, struct arena *a, struct arena *certificates,
    struct settings *out, struct config_problems *problems, struct err *err)
{
    return load(path, optional, NULL, a, certificates, out, problems, err);
}

int settings_load(const char *path, bool optional, struct arena *a, struct settings *out,
    struct config_problems *problems, struct err *err)
{
    return load(path, optional, NULL, a, a, out, problems, err);
}

const struct authority *settings_authority(const struct settings *s, struct str name, struct arena *a)
{
    for (size_t i = 0; i < s->authority_n; i++)
        if (str_eq_c(name, s->authorities[i].name))
            return &s->authorities[i];
    const struct preset *preset = preset_find(name);
    if (preset != NULL)
        return preset->refused == NULL ? &preset->authority : NULL;
    static const struct setting row = {.type = &type_url};
    const char *url;
    if (value_parse(&row, name, a, &url, NULL) < 0)
        return NULL;
    struct authority *found = arena_alloc(a, sizeof *found);
    *found = authority_of_url(url);
    return found;
}

const struct authority *settings_authority_of_id(const struct settings *s, struct str id)
{
    for (size_t i = 0; i < s->authority_n; i++)
        if (str_eq_c(id, s->authorities[i].id))
            return &s->authorities[i];
    return NULL;
}

const struct dns_entry *dns_entry_find(const struct settings *s, struct str name)
{
    for (size_t i = 0; i < s->dns_n; i++)
        if (str_eq_c(name, s->dns[i].name))
            return &s->dns[i];
    return NULL;
}

bool settings_has_certificate(const struct settings *s, const char *name)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    if (s->kept != NULL)
        return s->kept->has(s->kept->arg, name);
    for (size_t i = 0; i < s->certificate_n; i++) {
        const struct wish *w = &s->certificates[i];
        size_t n = strlen(w->name);
        if (strncmp(name, w->name, n) != 0)
            continue;
        for (uint32_t k = 0; k < w->key_type_n; k++)
            if (strcmp(wish_variant_name(w, k, a), name) == 0)
                return true;
    }
    return false;
}
