#include "os/trusted.h"

#include "base/attr.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct walk {
    const struct trusted_rule *rule;
    int fd;         /* the directory that was reached */
    struct stat st; /* of it */
    unsigned links;
    char here[PATH_MAX]; /* its path, for people; "" is the root */
    char rest[PATH_MAX]; /* what is still to be walked */
};

static const char *shown(const struct walk *w)
{
    return w->here[0] != '\0' ? w->here : "/";
}

static bool is_ours(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

/* --- directories --- */

/* Whether nobody may write it but root, its owner and that group. */
static bool is_closed(const struct stat *st, gid_t group)
{
    return (st->st_mode & S_IWOTH) == 0 &&
           ((st->st_mode & S_IWGRP) == 0 || st->st_gid == 0 || st->st_gid == group);
}

/* Whether nobody else can put something into the place of what others have in it. */
static bool is_firm(const struct stat *st, gid_t group)
{
    return (st->st_mode & S_ISVTX) != 0 || is_closed(st, group);
}

static int refuse_directory(const struct walk *w, struct err *err)
{
    bool others = (w->st.st_mode & S_IWOTH) != 0;
    if (others)
        return err_set(err, ERR_REFUSED,
            "directory %s may be changed by everybody (mode %04o), so a private key is not safe there: chmod "
            "o-w %s",
            shown(w), (unsigned)(w->st.st_mode & 07777), shown(w));
    return err_set(err, ERR_REFUSED,
        "directory %s may be changed by group %u (mode %04o), so a private key is not safe there: chmod g-w "
        "%s, or give the copy that group",
        shown(w), (unsigned)w->st.st_gid, (unsigned)(w->st.st_mode & 07777), shown(w));
}

static int judge(const struct walk *w, bool last, struct err *err)
{
    gid_t group = w->rule->group;
    if (!w->rule->secret || (last ? is_closed(&w->st, group) : is_firm(&w->st, group)))
        return 0;
    return refuse_directory(w, err);
}

/* Takes over `fd`, a directory. */
static int enter(struct walk *w, int fd, struct err *err)
{
    fd_close(&w->fd);
    w->fd = fd;
    return fstat(fd, &w->st) < 0 ? err_errno(err, errno, "cannot examine directory %s", shown(w)) : 0;
}

static int enter_root(struct walk *w, struct err *err)
{
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "cannot open directory /");
    w->here[0] = '\0';
    return enter(w, fd, err);
}

static int add_shown(struct walk *w, const char *name, struct err *err)
{
    size_t n = strlen(w->here), name_n = strlen(name);
    if (strcmp(name, "..") == 0) {
        char *slash = strrchr(w->here, '/');
        if (slash != NULL)
            *slash = '\0';
        return 0;
    }
    if (n + 1 + name_n >= sizeof w->here)
        return err_set(err, ERR_LIMIT, "the path to %s is too long", name);
    w->here[n] = '/';
    memcpy(w->here + n + 1, name, name_n + 1);
    return 0;
}

/* --- links --- */

static int judge_link(const struct walk *w, const char *name, const struct stat *link, struct err *err)
{
    if (!is_ours(link->st_uid))
        return err_set(err, ERR_REFUSED,
            "%s/%s is a symbolic link of user %u, and only links of root are followed: name the place it "
            "leads "
            "to",
            w->here, name, (unsigned)link->st_uid);
    if (!is_ours(w->st.st_uid) || !is_firm(&w->st, 0))
        return err_set(err, ERR_REFUSED,
            "%s/%s is a symbolic link in a directory that others may change, and such a link is not "
            "followed: "
            "name the place it leads to",
            w->here, name);
    return 0;
}

/* The link is read through the descriptor that was judged. */
static int follow(struct walk *w, int fd, const char *name, struct err *err)
{
    char target[PATH_MAX];
    size_t rest_n = strlen(w->rest) + 1;
    ssize_t n = readlinkat(fd, "", target, sizeof target);
    if (n < 0)
        return err_errno(err, errno, "cannot read the link %s/%s", w->here, name);
    if (++w->links > TRUSTED_LINKS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d symbolic links, the last one %s/%s", TRUSTED_LINKS_MAX,
            w->here, name);
    if ((size_t)n + 1 + rest_n > sizeof w->rest)
        return err_set(err, ERR_LIMIT, "the link %s/%s leads to a path that is too long", w->here, name);
    memmove(w->rest + n + 1, w->rest, rest_n);
    memcpy(w->rest, target, (size_t)n);
    w->rest[n] = '/';
    return n > 0 && target[0] == '/' ? enter_root(w, err) : 0;
}

/* What is no directory is a link, or in the way. */
static int pass_other(struct walk *w, const char *name, struct err *err)
{
    struct stat st;
    int fd ATTR_CLEANUP(fd_close) = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, errno, "cannot open directory %s/%s", w->here, name);
    if (!S_ISLNK(st.st_mode))
        return err_set(err, ERR_REFUSED, "%s/%s is no directory", w->here, name);
    int r = judge_link(w, name, &st, err);
    return r < 0 ? r : follow(w, fd, name, err);
}

/* --- the walk --- */

/* Takes the next component off the rest; false where none is left. */
static bool next(struct walk *w, char name[NAME_MAX + 1], struct err *err, int *r)
{
    const char *p = w->rest + strspn(w->rest, "/");
    size_t n = strcspn(p, "/");
    *r = 0;
    if (n == 0)
        return false;
    if (n > NAME_MAX) {
        *r = err_set(err, ERR_LIMIT, "a name of %zu octets in the path is too long", n);
        return false;
    }
    memcpy(name, p, n);
    name[n] = '\0';
    memmove(w->rest, p + n, strlen(p + n) + 1);
    return true;
}

static int step(struct walk *w, const char *name, struct err *err)
{
    int r = judge(w, false, err);
    if (r < 0)
        return r;
    int fd = openat(w->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return pass_other(w, name, err);
    if (fd < 0)
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "there is no directory %s/%s", w->here, name)
                               : err_errno(err, errno, "cannot open directory %s/%s", w->here, name);
    if ((r = add_shown(w, name, err)) < 0) {
        fd_close(&fd);
        return r;
    }
    return enter(w, fd, err);
}

static int walk_all(struct walk *w, int *out, struct err *err)
{
    char name[NAME_MAX + 1];
    int r = enter_root(w, err);
    while (r == 0 && next(w, name, err, &r))
        if (strcmp(name, ".") != 0)
            r = step(w, name, err);
    if (r < 0 || (r = judge(w, true, err)) < 0)
        return r;
    int fd = openat(w->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "cannot open directory %s", shown(w));
    *out = fd;
    return 0;
}

int dir_open_trusted(const char *path, const struct trusted_rule *rule, int *out, struct err *err)
{
    struct walk w = {.rule = rule, .fd = -1};
    if (path[0] != '/')
        return err_set(err, ERR_USAGE, "\"%s\" is no absolute path", path);
    if (strlen(path) >= sizeof w.rest)
        return err_set(err, ERR_LIMIT, "a path of %zu octets is too long", strlen(path));
    snprintf(w.rest, sizeof w.rest, "%s", path);
    int r = walk_all(&w, out, err);
    fd_close(&w.fd);
    return r;
}
