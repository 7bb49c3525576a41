#include "processes/parent/challenge_file.h"

#include "base/attr.h"
#include "base/str.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOKEN_MAX = 256, STEPS = 2 };

static const char *const steps[STEPS] = {".well-known", "acme-challenge"};
/* The same from the webroot, for messages. */
static const char *const below[STEPS] = {".well-known", ".well-known/acme-challenge"};

struct webroot {
    const char *path;
    int root, dir; /* the webroot, and the deepest directory below it so far */
    uid_t uid;     /* of what is made, or FILE_UID_KEEP */
    gid_t gid;
};

/* Checked again where it becomes a file name, whoever checked it before. */
static bool token_is_safe(const char *token)
{
    size_t n = strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    return n > 0 && n <= TOKEN_MAX && token[n] == '\0';
}

/* Puts the webroot before what went wrong in the directory `at`, and what helps behind it. */
static int advise(const struct webroot *w, int at, const struct err *why, struct err *err)
{
    if (why->code != ERR_PERMISSION)
        return err_set(err, why->code, "webroot %s: %s", w->path, why->text);
    if (faccessat(at, ".", W_OK, AT_EACCESS) < 0 && errno == EROFS)
        return err_set(err, why->code,
            "webroot %s: %s; evercert cannot write to that file system: under systemd name the directory in "
            "ReadWritePaths=, in a container mount it writable",
            w->path, why->text);
    return err_set(err, why->code,
        "webroot %s: %s; evercert runs with the user id %u here, which must be allowed to write there",
        w->path, why->text, (unsigned)geteuid());
}

static int open_root(struct webroot *w, struct err *err)
{
    struct stat st;
    w->root = w->dir = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->root < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND,
            "webroot %s: No such file or directory; write the directory that the web server serves", w->path);
    if (w->root < 0 && errno == ENOTDIR)
        return err_set(err, ERR_INPUT,
            "webroot %s: it is no directory; write the directory that the web server serves", w->path);
    if (w->root < 0 && errno == EACCES)
        return err_set(err, ERR_PERMISSION,
            "webroot %s: Permission denied; evercert runs with the user id %u here, which must be allowed to "
            "read and write there",
            w->path, (unsigned)geteuid());
    if (w->root < 0 || fstat(w->root, &st) < 0)
        return err_errno(err, errno, "webroot %s", w->path);
    bool others = geteuid() == 0 && st.st_uid != 0;
    w->uid = others ? st.st_uid : FILE_UID_KEEP;
    w->gid = others ? st.st_gid : FILE_GID_KEEP;
    return 0;
}

static void close_all(struct webroot *w)
{
    if (w->dir != w->root)
        fd_close(&w->dir);
    fd_close(&w->root);
}

static int stop_walk(int dir, const char *name, int type, void *arg, struct err *err)
{
    return 1;
}

/* A new directory goes to the webroot's owner. He can move things about in there while we look, so that only
 * an empty directory is given away, which is worth nothing. Some file systems know no owners, or let nobody
 * give files away; all can read it anyway. */
static void give_away(const struct webroot *w, int fd)
{
    if (w->uid == FILE_UID_KEEP || dir_each(fd, stop_walk, NULL, NULL) != 0)
        return;
    int ignored = fchown(fd, w->uid, w->gid);
    (void)ignored;
}

/* Why what stands in the way of a step is not used. */
static int refuse_step(const struct webroot *w, int step, struct err *err)
{
    struct stat st;
    if (fstatat(w->dir, steps[step], &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(st.st_mode))
        return err_set(
            err, ERR_REFUSED, "webroot %s: %s is not a directory; remove it", w->path, below[step]);
    return err_set(err, ERR_REFUSED,
        "webroot %s: %s is a symbolic link, which is not followed below a webroot; make it a directory, or "
        "write as webroot the directory in which the files shall really be",
        w->path, below[step]);
}

/* Goes one directory down, which is made where `make` is said. ERR_NOT_FOUND where it is not there. */
static int descend(struct webroot *w, int step, bool make, struct err *err)
{
    struct err why = ERR_INIT;
    struct stat st;
    int next = -1;
    int r = dir_open(w->dir, steps[step], &next, &why);
    bool made = r == ERR_NOT_FOUND && make;
    if (made)
        r = dir_make(w->dir, steps[step], 0755, &next, &why);
    if (r == ERR_REFUSED)
        return refuse_step(w, step, err);
    if (r < 0)
        return advise(w, w->dir, &why, err);
    if (made)
        give_away(w, next);
    if (w->dir != w->root)
        fd_close(&w->dir);
    w->dir = next;
    if (fstat(next, &st) < 0)
        return err_errno(err, errno, "webroot %s: %s", w->path, below[step]);
    if ((st.st_mode & S_IWOTH) != 0)
        return err_set(err, ERR_REFUSED,
            "webroot %s: every user of this machine can write to %s and so answer for your names; take that "
            "away with chmod o-w",
            w->path, below[step]);
    return 0;
}

static int write_file(const struct webroot *w, const char *token, const char *value, struct err *err)
{
    enum { MODE = 0644 };
    struct str text = str_c(value);
    int r = file_write_new_owned(w->dir, token, MODE, w->uid, w->gid, text, err);
    if (r == ERR_EXISTS && unlinkat(w->dir, token, 0) == 0) /* ours, from before a crash */
        r = file_write_new_owned(w->dir, token, MODE, w->uid, w->gid, text, err);
    /* Where nothing can be given away; all can read it anyway. */
    if (r < 0 && r != ERR_EXISTS && w->uid != FILE_UID_KEEP)
        r = file_write_new(w->dir, token, MODE, text, err);
    return r;
}

int challenge_file_put(const char *webroot, const char *token, const char *value, struct err *err)
{
    struct webroot w = {.path = webroot};
    struct err why = ERR_INIT;
    if (!token_is_safe(token))
        return err_set(err, ERR_REFUSED, "the token is no safe file name");
    int r = open_root(&w, err);
    for (int i = 0; r == 0 && i < STEPS; i++)
        r = descend(&w, i, true, err);
    if (r == 0 && (r = write_file(&w, token, value, &why)) < 0)
        r = advise(&w, w.dir, &why, err);
    close_all(&w);
    return r;
}

int challenge_file_remove(const char *webroot, const char *token, struct err *err)
{
    struct webroot w = {.path = webroot};
    struct err why = ERR_INIT;
    if (!token_is_safe(token))
        return err_set(err, ERR_REFUSED, "the token is no safe file name");
    int r = open_root(&w, &why);
    for (int i = 0; r == 0 && i < STEPS; i++)
        r = descend(&w, i, false, &why);
    if (r == 0 && unlinkat(w.dir, token, 0) != 0 && errno != ENOENT)
        r = err_errno(&why, errno, "webroot %s: removing a challenge file", webroot);
    close_all(&w);
    /* A directory that is gone has taken the file with it. */
    if (r == 0 || r == ERR_NOT_FOUND)
        return 0;
    return err_set(err, r, "%s", why.text);
}

int challenge_file_check(const char *webroot, struct err *err)
{
    struct webroot w = {.path = webroot};
    struct err why = ERR_INIT;
    int r = open_root(&w, err), walked = r;
    for (int i = 0; walked == 0 && i < STEPS; i++)
        walked = descend(&w, i, false, &why);
    if (r == 0 && walked < 0 && walked != ERR_NOT_FOUND)
        r = err_set(err, walked, "%s", why.text);
    if (r == 0 && faccessat(w.dir, ".", W_OK | X_OK, AT_EACCESS) < 0) {
        (void)err_errno(&why, errno, "cannot write");
        r = advise(&w, w.dir, &why, err);
    }
    close_all(&w);
    return r;
}
