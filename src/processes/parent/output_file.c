#include "processes/parent/output_file.h"

#include "base/attr.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a file that was there before us, where it has to be copied because links cannot be made. */
enum { OLD_MAX = 64 * 1024 * 1024 };

static int in_the_way(const struct stat *st, struct err *err)
{
    if (S_ISREG(st->st_mode))
        return 0;
    if (S_ISLNK(st->st_mode))
        return err_set(err, ERR_REFUSED,
            "there is a symbolic link at that place: name the file it leads to as `output`, or remove it");
    return err_set(err, ERR_REFUSED, "there is %s at that place: remove it, or choose another output",
        S_ISDIR(st->st_mode) ? "a directory" : "something that is no file");
}

static int look(struct output_file *f, struct err *err)
{
    struct stat st;
    if (fstatat(f->at.dir, f->at.name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        f->exists = true;
        return in_the_way(&st, err);
    }
    return errno == ENOENT ? 0 : err_errno(err, errno, "cannot examine it");
}

static bool is_same(const struct stat *x, const struct stat *y)
{
    return x->st_dev == y->st_dev && x->st_ino == y->st_ino;
}

/* What lies in the state directory is ours alone, by whatever way a path leads there. */
static int stay_out(int dir, int state, struct err *err)
{
    struct stat own, st, above = {0};
    int at ATTR_CLEANUP(fd_close) = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (at < 0 || fstat(at, &st) < 0 || fstat(state, &own) < 0)
        return err_errno(err, errno, "cannot examine the directory");
    while (!is_same(&st, &own)) {
        int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (up < 0)
            return err_errno(err, errno, "cannot examine the directories above");
        fd_close(&at);
        at = up;
        if (fstat(at, &above) < 0)
            return err_errno(err, errno, "cannot examine the directories above");
        if (is_same(&above, &st))
            return 0; /* the root */
        st = above;
    }
    return err_set(err, ERR_REFUSED,
        "that is in evercert's state directory, which it writes itself: choose another output");
}

int output_file_open(
    const struct template_setting *t, int state, struct arena *a, struct output_file *out, struct err *err)
{
    struct output_file f = {.path = arena_dup_c(a, t->output)};
    f.form = (struct publication){.format = "fullchain", /* as one, it is for everybody to read */
        .path = f.path,
        .owner = arena_dup_c(a, t->owner),
        .group = arena_dup_c(a, t->group),
        .mode = t->mode,
        .password_file = ""};
    struct copy at;
    int r = copy_place(&f.form, f.path, a, &at, err);
    if (r < 0)
        return r;
    f.at = at;
    f.fresh = arena_printf(a, ".%s.evercert-new", f.at.name);
    f.old = arena_printf(a, ".%s.evercert-old", f.at.name);
    f.fresh_path = arena_printf(a, "%.*s%s", (int)(f.at.name - f.path), f.path, f.fresh);
    if ((r = stay_out(f.at.dir, state, err)) < 0 || (r = look(&f, err)) < 0) {
        copy_close(&f.at);
        return r;
    }
    *out = f;
    out->at.publication = &out->form;
    return 0;
}

void output_file_close(struct output_file *f)
{
    copy_close(&f->at);
}

static bool holds(int fd, struct str text)
{
    char chunk[16 * 1024];
    while (text.n > 0) {
        ssize_t n = read(fd, chunk, text.n < sizeof chunk ? text.n : sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || memcmp(chunk, text.p, (size_t)n) != 0)
            return false;
        text = (struct str){text.p + n, text.n - (size_t)n};
    }
    return true;
}

bool output_file_is(const struct output_file *f, struct str text)
{
    struct stat st;
    int fd ATTR_CLEANUP(fd_close) =
        openat(f->at.dir, f->at.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == f->at.uid &&
           st.st_gid == f->at.gid && (st.st_mode & 07777) == f->at.mode && (size_t)st.st_size == text.n &&
           holds(fd, text);
}

int output_file_write(const struct output_file *f, struct str text, struct err *err)
{
    struct err why = ERR_INIT;
    output_file_discard(f);
    int r = file_write_new_owned(f->at.dir, f->fresh, f->at.mode, f->at.uid, f->at.gid, text, &why);
    if (r < 0)
        (void)copy_explain(&f->at, &why);
    if (r < 0 && err != NULL)
        *err = why;
    return r;
}

static void remove_name(const struct output_file *f, const char *name)
{
    (void)unlinkat(f->at.dir, name, 0);
}

void output_file_discard(const struct output_file *f)
{
    remove_name(f, f->fresh);
}

/* Where the file system has no links, or does not let us make one to a file of somebody else. */
static int copy_old(const struct output_file *f, struct err *err)
{
    struct stat st;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(OLD_MAX);
    if (fstatat(f->at.dir, f->at.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_errno(err, errno, "cannot examine %s", f->at.name);
    int r = in_the_way(&st, err);
    if (r == 0)
        r = file_read(f->at.dir, f->at.name, OLD_MAX, &text, err);
    return r < 0 ? r
                 : file_write_new_owned(
                       f->at.dir, f->old, st.st_mode & 07777, st.st_uid, st.st_gid, buf_str(&text), err);
}

int output_file_keep(const struct output_file *f, struct err *err)
{
    remove_name(f, f->old);
    if (linkat(f->at.dir, f->at.name, f->at.dir, f->old, 0) < 0) {
        int r = copy_old(f, err);
        if (r < 0)
            return err_prefix(err, "the old one cannot be kept");
    }
    return dir_sync(f->at.dir, err);
}

static int rename_to_place(const struct output_file *f, const char *from, struct err *err)
{
    if (renameat(f->at.dir, from, f->at.dir, f->at.name) < 0)
        return err_errno(err, errno, "cannot replace it");
    return dir_sync(f->at.dir, err);
}

int output_file_place(const struct output_file *f, struct err *err)
{
    int r = rename_to_place(f, f->fresh, err);
    if (r < 0)
        output_file_discard(f);
    return r;
}

void output_file_settle(const struct output_file *f)
{
    remove_name(f, f->old);
}

int output_file_back(const struct output_file *f, bool had, struct err *err)
{
    output_file_discard(f);
    if (!had) {
        if (unlinkat(f->at.dir, f->at.name, 0) < 0 && errno != ENOENT)
            return err_errno(err, errno, "cannot remove it");
        return dir_sync(f->at.dir, err);
    }
    if (faccessat(f->at.dir, f->old, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return 0; /* it was not yet replaced */
    int r = rename_to_place(f, f->old, err);
    remove_name(f, f->old); /* of two links to one file none goes by renaming */
    return r;
}
