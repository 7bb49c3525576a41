#include "processes/importer/tree.h"

#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Users or groups by number. Read from the files themselves: the sandbox leaves no way to ask later, and
 * asking a directory service for all of its users takes for ever. */
enum { IDS_MAX = 65536 };

struct tree_ids {
    struct tree_id {
        unsigned id;
        const char *name;
    } * items;
    size_t n, cap;
};

static void ids_add(struct arena *a, struct tree_ids *ids, unsigned id, const char *name)
{
    if (ids->n >= IDS_MAX)
        return;
    if (ids->n == ids->cap) {
        size_t cap = ids->cap == 0 ? 64 : ids->cap * 2;
        struct tree_id *items = arena_array(a, cap, sizeof *items);
        if (ids->n > 0)
            memcpy(items, ids->items, ids->n * sizeof *items);
        ids->items = items;
        ids->cap = cap;
    }
    ids->items[ids->n++] = (struct tree_id){id, arena_dup_c(a, name)};
}

static void read_ids(struct tree *t)
{
    struct passwd *user;
    struct group *group;
    t->users = arena_alloc(t->a, sizeof *t->users);
    t->groups = arena_alloc(t->a, sizeof *t->groups);
    FILE *f = fopen("/etc/passwd", "re");
    while (f != NULL && (user = fgetpwent(f)) != NULL)
        ids_add(t->a, t->users, user->pw_uid, user->pw_name);
    if (f != NULL)
        fclose(f);
    f = fopen("/etc/group", "re");
    while (f != NULL && (group = fgetgrent(f)) != NULL)
        ids_add(t->a, t->groups, group->gr_gid, group->gr_name);
    if (f != NULL)
        fclose(f);
}

static const char *id_name(const struct tree *t, const struct tree_ids *ids, unsigned id)
{
    for (size_t i = 0; i < ids->n; i++)
        if (ids->items[i].id == id)
            return ids->items[i].name;
    return arena_printf(t->a, "%u", id);
}

static const char *absolute_of(struct arena *a, const char *path)
{
    char cwd[PATH_MAX];
    if (path[0] != '/' && getcwd(cwd, sizeof cwd) != NULL)
        path = arena_printf(a, "%s/%s", cwd, path);
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return arena_dup(a, (struct str){path, n});
}

int tree_open(const char *path, struct arena *a, struct tree *out, struct err *err)
{
    struct tree t = {.a = a, .fd = -1};
    char real[PATH_MAX];
    struct stat st;
    /* A pipe or a device must not hold us up. */
    ATTR_CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, errno, "cannot open %s", path);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return err_set(err, ERR_INPUT, "%s is neither a folder nor a file", path);
    t.path = absolute_of(a, path);
    t.real = realpath(path, real) != NULL ? arena_dup_c(a, real) : t.path;
    t.is_file = S_ISREG(st.st_mode);
    t.fd = fd;
    fd = -1;
    read_ids(&t);
    *out = t;
    return 0;
}

void tree_close(struct tree *t)
{
    fd_close(&t->fd);
}

/* --- paths --- */

const char *tree_join(const struct tree *t, const char *a, const char *b)
{
    return a[0] == '\0' ? b : b[0] == '\0' ? a : arena_printf(t->a, "%s/%s", a, b);
}

const char *tree_absolute(const struct tree *t, const char *path)
{
    if (path[0] == '\0')
        return t->path;
    return arena_printf(t->a, "%s/%s", strcmp(t->path, "/") == 0 ? "" : t->path, path);
}

static const char *below(const char *root, const char *path)
{
    size_t n = strlen(root);
    if (strcmp(root, "/") == 0)
        n = 0;
    if (strncmp(path, root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
        return NULL;
    path += n;
    while (*path == '/')
        path++;
    return path;
}

const char *tree_below(const struct tree *t, const char *absolute)
{
    const char *rest = below(t->path, absolute);
    return rest != NULL ? rest : below(t->real, absolute);
}

/* A path on its way to one without links: `done` has none, `rest` is still to be looked at. */
struct walk {
    const struct tree *tree;
    const char *path; /* as asked for, for texts */
    char done[PATH_MAX];
    char rest[PATH_MAX];
    unsigned links;
};

static int outside(const struct walk *w, struct err *err)
{
    return err_set(err, ERR_REFUSED, "%s leads out of %s; it was not followed",
        tree_absolute(w->tree, w->path), w->tree->path);
}

static int too_long(const struct walk *w, struct err *err)
{
    return err_set(err, ERR_LIMIT, "%s has too long a path", tree_absolute(w->tree, w->path));
}

/* One component up; false above the tree. */
static bool step_up(struct walk *w)
{
    char *slash = strrchr(w->done, '/');
    if (w->done[0] == '\0')
        return false;
    *(slash != NULL ? slash : w->done) = '\0';
    return true;
}

/* Puts what a link says in front of the rest. */
static int follow(struct walk *w, const char *target, struct err *err)
{
    char rest[PATH_MAX];
    if (++w->links > TREE_LINKS_MAX)
        return err_set(err, ERR_INPUT, "%s leads through too many links", tree_absolute(w->tree, w->path));
    if (target[0] == '/') {
        target = tree_below(w->tree, target);
        if (target == NULL)
            return outside(w, err);
        w->done[0] = '\0';
    } else {
        step_up(w);
    }
    int n = snprintf(rest, sizeof rest, "%s/%s", target, w->rest);
    if (n < 0 || (size_t)n >= sizeof rest)
        return too_long(w, err);
    memcpy(w->rest, rest, (size_t)n + 1);
    return 0;
}

/* Takes the next component. */
static int step(struct walk *w, struct err *err)
{
    char target[PATH_MAX];
    char *p = w->rest + strspn(w->rest, "/");
    size_t n = strcspn(p, "/"), at = strlen(w->done);
    char name[NAME_MAX + 1];
    if (n > NAME_MAX || at + n + 2 > sizeof w->done)
        return too_long(w, err);
    memcpy(name, p, n);
    name[n] = '\0';
    memmove(w->rest, p + n, strlen(p + n) + 1);
    if (n == 0 || strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0)
        return step_up(w) ? 0 : outside(w, err);
    if (at > 0)
        w->done[at++] = '/';
    memcpy(w->done + at, name, n + 1);
    ssize_t got = readlinkat(w->tree->fd, w->done, target, sizeof target - 1);
    if (got >= 0) {
        target[got] = '\0';
        return follow(w, target, err);
    }
    if (errno != EINVAL) /* which says that it is no link */
        return err_errno(err, errno, "%s cannot be read", tree_absolute(w->tree, w->path));
    return 0;
}

static int resolve(const struct tree *t, const char *path, struct walk *w, struct err *err)
{
    *w = (struct walk){.tree = t, .path = path};
    size_t n = strlen(path);
    if (n >= sizeof w->rest)
        return too_long(w, err);
    memcpy(w->rest, path, n + 1);
    int r = 0;
    while (r == 0 && w->rest[strspn(w->rest, "/")] != '\0')
        r = step(w, err);
    return r;
}

/* The walk above judged by names; somebody who owns the state could have put a link in since. */
static int open_below(const struct tree *t, const char *path, int flags, struct err *err)
{
    struct walk w;
    if (t->is_file)
        return path[0] != '\0' ? err_set(err, ERR_NOT_FOUND, "%s is a file", t->path)
                               : fcntl(t->fd, F_DUPFD_CLOEXEC, 0);
    int r = resolve(t, path, &w, err);
    if (r < 0)
        return r;
    struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    const char *name = w.done[0] != '\0' ? w.done : ".";
    int fd = (int)syscall(SYS_openat2, t->fd, name, &how, sizeof how);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) /* an older kernel, a container's filter */
        fd = openat(t->fd, name, (int)how.flags);
    return fd < 0 ? err_errno(err, errno, "%s cannot be opened", tree_absolute(t, path)) : fd;
}

/* --- reading --- */

int tree_read(const struct tree *t, const char *path, size_t max, struct buf *out, struct err *err)
{
    enum { CHUNK = 16384 };
    struct stat st;
    ATTR_CLEANUP(fd_close) int fd = open_below(t, path, O_RDONLY, err);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(err, ERR_INPUT, "%s is no regular file", tree_absolute(t, path));
    char chunk[CHUNK];
    size_t total = 0;
    ssize_t n;
    while ((n = pread(fd, chunk, sizeof chunk, (off_t)total)) > 0 || (n < 0 && errno == EINTR)) {
        total += n > 0 ? (size_t)n : 0;
        if (total > max)
            break;
        buf_put(out, chunk, n > 0 ? (size_t)n : 0);
    }
    int e = errno;
    explicit_bzero(chunk, sizeof chunk); /* a key may have passed */
    if (n < 0)
        return err_errno(err, e, "%s cannot be read", tree_absolute(t, path));
    if (buf_failed(out) || total > max)
        return err_set(err, ERR_LIMIT, "%s has more than %zu bytes", tree_absolute(t, path), max);
    return 0;
}

int tree_text(const struct tree *t, const char *path, size_t max, struct str *out, struct err *err)
{
    ATTR_CLEANUP(buf_free) struct buf b = buf_new(max);
    int r = tree_read(t, path, max, &b, err);
    if (r == 0)
        *out = arena_str(t->a, buf_str(&b));
    return r;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void dir_closep(DIR **d)
{
    if (*d != NULL)
        closedir(*d);
}

int tree_list(const struct tree *t, const char *path, struct tree_names *out, struct err *err)
{
    struct tree_names names = {0};
    size_t cap = 0;
    int fd = open_below(t, path, O_RDONLY | O_DIRECTORY, err);
    if (fd < 0)
        return fd;
    ATTR_CLEANUP(dir_closep) DIR *d = fdopendir(fd);
    if (d == NULL) {
        int e = errno;
        close(fd);
        return err_errno(err, e, "%s cannot be listed", tree_absolute(t, path));
    }
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (names.n >= TREE_ENTRIES_MAX)
            return err_set(
                err, ERR_LIMIT, "%s has more than %d entries", tree_absolute(t, path), TREE_ENTRIES_MAX);
        if (names.n == cap) {
            cap = cap == 0 ? 64 : cap * 2;
            const char **items = arena_array(t->a, cap, sizeof *items);
            if (names.n > 0)
                memcpy(items, names.items, names.n * sizeof *items);
            names.items = items;
        }
        names.items[names.n++] = arena_dup_c(t->a, e->d_name);
    }
    if (names.n > 1)
        qsort(names.items, names.n, sizeof *names.items, by_bytes);
    *out = names;
    return 0;
}

static void describe(const struct tree *t, const struct stat *st, struct tree_stat *out)
{
    *out = (struct tree_stat){
        .mode = st->st_mode & 07777,
        .is_folder = S_ISDIR(st->st_mode),
        .owner = id_name(t, t->users, st->st_uid),
        .group = id_name(t, t->groups, st->st_gid),
        .size = st->st_size,
    };
}

int tree_stat(const struct tree *t, const char *path, struct tree_stat *out, struct err *err)
{
    struct walk w;
    struct stat st;
    int r = t->is_file ? 0 : resolve(t, path, &w, err);
    if (r < 0)
        return r;
    if (t->is_file || w.done[0] == '\0' ? fstat(t->fd, &st) < 0
                                        : fstatat(t->fd, w.done, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_errno(err, errno, "%s cannot be looked at", tree_absolute(t, path));
    describe(t, &st, out);
    return 0;
}

int tree_stat_outside(const struct tree *t, const char *path, struct tree_stat *out, struct err *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return err_errno(err, errno, "%s cannot be looked at", path);
    describe(t, &st, out);
    return 0;
}

bool tree_is_folder(const struct tree *t, const char *path)
{
    struct tree_stat st = {0};
    return tree_stat(t, path, &st, NULL) == 0 && st.is_folder;
}

bool tree_is_file(const struct tree *t, const char *path)
{
    struct tree_stat st = {0};
    return tree_stat(t, path, &st, NULL) == 0 && !st.is_folder;
}
