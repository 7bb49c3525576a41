/* A directory of small files moved to another place, which may be another file system. */
#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int copy_file(int dir, const char *name, int type, void *arg, struct err *err)
{
    const int *to = arg;
    struct stat st;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new_sensitive(DIR_MOVE_FILE_MAX);
    if (type != DT_REG || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return err_set(err, ERR_REFUSED, "%s is no file, and cannot be copied", name);
    int r = file_read(dir, name, DIR_MOVE_FILE_MAX, &text, err);
    return r < 0 ? r : file_write_new(*to, name, st.st_mode & 0777, buf_str(&text), err);
}

static int copy_all(int from, const char *name, int to, const char *temp, struct err *err)
{
    int source ATTR_CLEANUP(fd_close) = -1, copy ATTR_CLEANUP(fd_close) = -1;
    struct stat st;
    int r = dir_open(from, name, &source, err);
    if (r < 0)
        return r;
    if (fstat(source, &st) != 0)
        return err_errno(err, errno, "%s", name);
    if ((r = dir_make_unsynced(to, temp, st.st_mode & 0777, &copy, err)) < 0 ||
        (r = dir_each(source, copy_file, &copy, err)) < 0)
        return r;
    return dir_sync(copy, err);
}

static int move_by_copy(int from, const char *name, int to, struct err *err)
{
    char temp[FILE_TEMP_NAME_MAX];
    int r = copy_all(from, name, to, file_temp_name(temp), err);
    if (r == 0 && renameat(to, temp, to, name) != 0)
        r = err_errno(err, errno, "cannot give the copy of %s its name", name);
    if (r < 0) {
        (void)dir_remove(to, temp, NULL);
        return r;
    }
    return (r = dir_sync(to, err)) < 0 ? r : dir_remove(from, name, err);
}

int dir_move(int from, const char *name, int to, struct err *err)
{
    int r = file_check_name(name, err);
    if (r < 0)
        return r;
    if (renameat(from, name, to, name) == 0)
        return 0;
    return errno == EXDEV ? move_by_copy(from, name, to, err) : err_errno(err, errno, "cannot move %s", name);
}
