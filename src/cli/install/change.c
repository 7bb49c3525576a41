#include "cli/install/change.h"

#include "base/crash_point.h"
#include "os/file.h"
#include "site/edit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMP_DIGITS = 16 }; /* of os/file.h's names for what is being written */

int changes_add(struct changes *c, const struct change *one, struct err *err)
{
    if (c->n == CHANGES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d files would be changed at once", CHANGES_MAX);
    c->list[c->n++] = *one;
    return 0;
}

/* The folder, and the last component of the path. */
static int open_folder(const char *path, int *dir, const char **name, struct err *err)
{
    return dir_open_parent(AT_FDCWD, path, dir, name, err);
}

int change_read(const char *path, struct arena *a, struct str *out, struct err *err)
{
    struct stat st;
    *out = (struct str){NULL, 0};
    if (lstat(path, &st) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : err_errno(err, errno, "%s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_REFUSED, "%s is no regular file", path);
    struct buf text = buf_new(CHANGE_FILE_MAX);
    int r = file_read(AT_FDCWD, path, CHANGE_FILE_MAX, &text, err);
    if (r == 0)
        *out = arena_str(a, buf_str(&text));
    buf_free(&text);
    return r;
}

static bool same(struct str a, struct str b)
{
    return (a.p == NULL) == (b.p == NULL) && (a.p == NULL || str_eq(a, b));
}

int changes_add_file(struct changes *c, const char *path, struct str first, struct str text, struct err *err)
{
    struct change one = {.kind = CHANGE_FILE, .path = arena_dup_c(c->a, path), .text = text};
    int r = change_read(path, c->a, &one.before, err);
    if (r < 0 || same(one.before, text))
        return r;
    /* What is in use already stays so until the certificate is there. */
    one.first = one.before.p != NULL ? one.before : first;
    one.late = one.before.p != NULL || first.p == NULL;
    return changes_add(c, &one, err);
}

int changes_allowed(const struct changes *c, struct err *err)
{
    for (size_t i = 0; i < c->n; i++) {
        const char *path = c->list[i].path, *name;
        int dir ATTR_CLEANUP(fd_close) = -1;
        int r = open_folder(path, &dir, &name, err);
        if (r == ERR_NOT_FOUND && c->list[i].kind != CHANGE_LINE)
            continue; /* in a folder that is made first */
        if (r < 0)
            return r;
        if (faccessat(dir, ".", W_OK, AT_EACCESS) != 0)
            return err_errno(err, errno, "%s cannot be changed by this user (run the command as root)", path);
    }
    return 0;
}

/* ---- making ---- */

/* Replaces a file, with its owner and mode where it is there. */
static int write_file(const char *path, struct str text, struct err *err)
{
    int dir ATTR_CLEANUP(fd_close) = -1;
    const char *name;
    struct stat st;
    int r = open_folder(path, &dir, &name, err);
    if (r < 0)
        return r;
    if (text.p == NULL)
        return unlinkat(dir, name, 0) == 0 || errno == ENOENT
                   ? dir_sync(dir, err)
                   : err_errno(err, errno, "cannot remove %s", path);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        r = errno == ENOENT ? file_replace(dir, name, 0644, text, err) : err_errno(err, errno, "%s", path);
    } else if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
        r = err_set(err, ERR_REFUSED, "%s is no regular file with one name", path);
    } else {
        r = file_replace_owned(dir, name, st.st_mode & 07777, st.st_uid, st.st_gid, text, err);
    }
    return r < 0 ? err_prefix(err, "%s", path) : 0;
}

static int insert_line(const struct change *one, struct arena *a, struct err *err)
{
    struct str now;
    int r = change_read(one->path, a, &now, err);
    if (r < 0)
        return r;
    if (now.p == NULL || now.n < one->above.n || memcmp(now.p, one->above.p, one->above.n) != 0)
        return err_set(err, ERR_FAILED, "%s was changed by somebody else just now: try again", one->path);
    struct buf text = buf_new(2 * (size_t)CHANGE_FILE_MAX);
    edit_insert(now, (struct insertion){one->at, one->text}, &text);
    r = buf_failed(&text) ? err_set(err, ERR_MEMORY, "out of memory")
                          : write_file(one->path, buf_str(&text), err);
    buf_free(&text);
    return r;
}

static int make_link(const char *path, struct str target, struct arena *a, struct err *err)
{
    int dir ATTR_CLEANUP(fd_close) = -1;
    const char *name;
    int r = open_folder(path, &dir, &name, err);
    if (r < 0 || target.p == NULL)
        return r < 0 ? r : write_file(path, target, err);
    return link_switch(dir, name, arena_dup(a, target), err);
}

static int make_folder(const char *path, struct err *err)
{
    int dir ATTR_CLEANUP(fd_close) = -1, made ATTR_CLEANUP(fd_close) = -1;
    const char *name;
    int r = open_folder(path, &dir, &name, err);
    return r < 0 ? r : dir_make(dir, name, 0755, &made, err);
}

static int make_one(const struct change *one, bool late, struct arena *a, struct err *err)
{
    switch (one->kind) {
    case CHANGE_FOLDER:
        return late ? 0 : make_folder(one->path, err);
    case CHANGE_FILE:
        return late || !one->late ? write_file(one->path, late ? one->text : one->first, err) : 0;
    case CHANGE_LINE:
        return late == one->late ? insert_line(one, a, err) : 0;
    case CHANGE_LINK:
        return late == one->late ? make_link(one->path, one->text, a, err) : 0;
    }
    return 0;
}

int changes_make(const struct changes *c, bool late, struct err *err)
{
    int r = 0;
    for (size_t i = 0; i < c->n && r == 0; i++)
        if ((r = make_one(&c->list[i], late, c->a, err)) == 0)
            crash_point(install_change_made);
    return r;
}

/* ---- undoing ---- */

/* Only the line goes, whatever else became of the file meanwhile. */
static int remove_line(const struct change *one, struct arena *a, struct err *err)
{
    struct str now;
    int r = change_read(one->path, a, &now, err);
    if (r < 0 || now.p == NULL)
        return r;
    struct buf text = buf_new(CHANGE_FILE_MAX);
    if (edit_remove(now, (struct insertion){one->at, one->text}, &text))
        r = write_file(one->path, text.p != NULL ? buf_str(&text) : STR(""), err);
    buf_free(&text);
    return r;
}

static int undo_one(const struct change *one, struct arena *a, struct err *err)
{
    struct str now;
    int r;
    switch (one->kind) {
    case CHANGE_FOLDER: /* where something of somebody else's is in it, it stays */
        return rmdir(one->path) == 0 || errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST
                   ? 0
                   : err_errno(err, errno, "cannot remove %s", one->path);
    case CHANGE_FILE:
        r = change_read(one->path, a, &now, err);
        return r < 0 || same(now, one->before) ? r : write_file(one->path, one->before, err);
    case CHANGE_LINE:
        return remove_line(one, a, err);
    case CHANGE_LINK:
        return make_link(one->path, one->before, a, err);
    }
    return 0;
}

int changes_undo(const struct changes *c, struct err *err)
{
    struct err first = ERR_INIT;
    for (size_t i = c->n; i > 0; i--) {
        struct err one = ERR_INIT;
        if (undo_one(&c->list[i - 1], c->a, &one) < 0 && first.code == 0)
            first = one;
    }
    if (first.code != 0 && err != NULL)
        *err = first;
    return first.code;
}

static int sweep_one(int dir, const char *name, int type, void *arg, struct err *err)
{
    static const char digits[] = "0123456789abcdef";
    size_t prefix = sizeof FILE_TEMP_PREFIX - 1;
    (void)arg, (void)err;
    bool ours = strncmp(name, FILE_TEMP_PREFIX, prefix) == 0 && strlen(name + prefix) == TEMP_DIGITS &&
                strspn(name + prefix, digits) == TEMP_DIGITS;
    if (ours && (type == DT_REG || type == DT_LNK))
        unlinkat(dir, name, 0);
    return 0;
}

void changes_sweep(const struct changes *c)
{
    for (size_t i = 0; i < c->n; i++) {
        int dir ATTR_CLEANUP(fd_close) = -1;
        const char *name;
        if (open_folder(c->list[i].path, &dir, &name, NULL) == 0)
            (void)dir_each(dir, sweep_one, NULL, NULL);
    }
}

/* ---- showing ---- */

static void show_line(const struct change *one, struct arena *a, struct buf *out)
{
    struct str now;
    if (change_read(one->path, a, &now, NULL) < 0 || now.p == NULL)
        return;
    struct buf text = buf_new(2 * (size_t)CHANGE_FILE_MAX);
    edit_insert(now, (struct insertion){one->at, one->text}, &text);
    edit_diff(one->path, now, buf_str(&text), out);
    buf_free(&text);
}

void changes_show(const struct changes *c, struct buf *out)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct change *one = &c->list[i];
        if (one->kind == CHANGE_FILE)
            edit_diff(one->path, one->before, one->text, out);
        else if (one->kind == CHANGE_LINE)
            show_line(one, c->a, out);
        else if (one->kind == CHANGE_LINK && one->text.p != NULL)
            buf_printf(out, "link %s -> %.*s\n", one->path, STR_ARG(one->text));
        else if (one->kind == CHANGE_LINK)
            buf_printf(out, "link %s is removed\n", one->path);
    }
}
