/* The directories' part of os/file.h. */
#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int dir_open(int at, const char *path, int *out, struct err *err)
{
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        *out = fd;
        return 0;
    }
    int e = errno;
    struct stat st;
    if ((e == ENOTDIR || e == ELOOP) && fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return err_set(err, ERR_REFUSED, "%s is %s", path,
            S_ISLNK(st.st_mode) ? "a symbolic link, where only a real directory will do" : "not a directory");
    return err_errno(err, e, "cannot open directory %s", path);
}

int dir_open_parent(int at, const char *path, int *out, const char **name, struct err *err)
{
    const char *slash = strrchr(path, '/');
    const char *last = slash != NULL ? slash + 1 : path;
    if (last[0] == '\0' || is_dots(last))
        return err_set(err, ERR_USAGE, "\"%s\" does not end in a file name", path);
    char *dir = slash == NULL   ? strdup(".")
                : slash == path ? strdup("/")
                                : strndup(path, (size_t)(slash - path));
    if (dir == NULL)
        return err_set(err, ERR_MEMORY, "out of memory");
    int fd = openat(at, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? err_errno(err, errno, "cannot open directory %s", dir) : 0;
    free(dir);
    if (r < 0)
        return r;
    *out = fd;
    *name = last;
    return 0;
}

static int finish_dir(int at, const char *name, mode_t mode, int *fd, struct err *err)
{
    int r = dir_open(at, name, fd, err);
    if (r < 0)
        return r;
    return fchmod(*fd, mode) < 0 ? err_errno(err, errno, "cannot set the mode of directory %s", name) : 0;
}

static int make(int at, const char *name, mode_t mode, bool sync, int *out, struct err *err)
{
    int r = file_check_name(name, err);
    if (r < 0)
        return r;
    bool made = mkdirat(at, name, mode & S_IRWXU) == 0;
    if (!made && errno != EEXIST)
        return err_errno(err, errno, "cannot make directory %s", name);
    ATTR_CLEANUP(fd_close) int fd = -1;
    r = made ? finish_dir(at, name, mode, &fd, err) : dir_open(at, name, &fd, err);
    if (r == 0 && made && sync)
        r = dir_sync(at, err);
    if (r < 0) {
        if (made)
            unlinkat(at, name, AT_REMOVEDIR);
        return r;
    }
    *out = fd;
    fd = -1;
    return 0;
}

int dir_make(int at, const char *name, mode_t mode, int *out, struct err *err)
{
    return make(at, name, mode, true, out, err);
}

int dir_make_unsynced(int at, const char *name, mode_t mode, int *out, struct err *err)
{
    return make(at, name, mode, false, out, err);
}

int dir_sync(int fd, struct err *err)
{
    ATTR_CLEANUP(fd_close) int here = -1;
    if (fd == AT_FDCWD) {
        if ((here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
            return err_errno(err, errno, "cannot open the working directory");
        fd = here;
    }
    /* Some file systems (FUSE, shared folders of virtual machines) cannot sync a directory and say so with
     * EINVAL; there is nothing better to be had from them. */
    if (fsync(fd) < 0 && errno != EINVAL)
        return err_errno(err, errno, "cannot sync the directory");
    return 0;
}

/* ---- walking ---- */

static int type_of(int dir, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN || fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return entry->d_type;
    return IFTODT(st.st_mode);
}

static int walk(DIR *stream, dir_fn *fn, void *arg, struct err *err)
{
    int dir = dirfd(stream), r = 0;
    while (r == 0) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL)
            return errno != 0 ? err_errno(err, errno, "cannot read the directory") : 0;
        if (!is_dots(entry->d_name))
            r = fn(dir, entry->d_name, type_of(dir, entry), arg, err);
    }
    return r;
}

int dir_each(int at, dir_fn *fn, void *arg, struct err *err)
{
    /* A descriptor of its own: the caller's has one position for all its users. */
    int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "cannot open the directory");
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        int r = err_errno(err, errno, "cannot read the directory");
        fd_close(&fd);
        return r;
    }
    int r = walk(stream, fn, arg, err);
    closedir(stream);
    return r;
}

/* ---- removing ---- */

struct removal {
    unsigned depth;
    size_t *left; /* entries it may still remove, shared by all depths */
    dev_t dev;    /* the file system it stays on; set at depth 1 */
};

static int remove_entry(int at, const char *name, const struct removal *above, struct err *err);

static int remove_each(int dir, const char *name, int type, void *arg, struct err *err)
{
    const struct removal *here = arg;
    return remove_entry(dir, name, here, err);
}

static int remove_tree(int at, const char *name, const struct removal *above, struct err *err)
{
    struct removal here = {.depth = above->depth + 1, .left = above->left, .dev = above->dev};
    if (here.depth > DIR_REMOVE_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "%s lies too deep to be removed", name);
    ATTR_CLEANUP(fd_close) int fd = -1;
    struct stat st;
    int r = dir_open(at, name, &fd, err);
    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "cannot examine %s", name);
    if (here.depth == 1)
        here.dev = st.st_dev;
    if (st.st_dev != here.dev)
        return err_set(err, ERR_REFUSED, "%s is another file system and is not removed", name);
    if ((r = dir_each(fd, remove_each, &here, err)) < 0)
        return r;
    return unlinkat(at, name, AT_REMOVEDIR) < 0 ? err_errno(err, errno, "cannot remove directory %s", name)
                                                : 0;
}

static int remove_entry(int at, const char *name, const struct removal *above, struct err *err)
{
    if (*above->left == 0)
        return err_set(err, ERR_LIMIT, "more than %d entries to remove", DIR_REMOVE_ENTRIES_MAX);
    --*above->left;
    if (unlinkat(at, name, 0) == 0)
        return 0;
    /* Linux says EISDIR, POSIX EPERM for a directory. */
    int e = errno;
    struct stat st;
    if ((e != EISDIR && e != EPERM) || fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISDIR(st.st_mode))
        return err_errno(err, e, "cannot remove %s", name);
    return remove_tree(at, name, above, err);
}

int dir_remove(int at, const char *name, struct err *err)
{
    size_t left = DIR_REMOVE_ENTRIES_MAX;
    struct removal top = {.left = &left};
    int r = file_check_name(name, err);
    return r < 0 ? r : remove_entry(at, name, &top, err);
}

static int sweep_one(int dir, const char *name, int type, void *arg, struct err *err)
{
    if (strncmp(name, FILE_TEMP_PREFIX, sizeof FILE_TEMP_PREFIX - 1) != 0)
        return 0;
    return dir_remove(dir, name, err);
}

int dir_sweep(int at, struct err *err)
{
    return dir_each(at, sweep_one, NULL, err);
}
