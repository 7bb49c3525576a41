#include "os/storage.h"

#include "base/attr.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    TRIED_BYTES = 4096, /* a block */
    KILO = 1000,
};

static int check_room(int dir, const char *path, struct err *err)
{
    struct statvfs room;
    if (fstatvfs(dir, &room) != 0)
        return err_errno(err, errno, "%s", path);
    unsigned long long free_bytes = (unsigned long long)room.f_bavail * room.f_frsize;
    if (free_bytes < STORAGE_FREE_MIN)
        return err_set(err, ERR_SPACE,
            "the disk is full: %llu kB free in %s, %d kB are needed; free some space, it goes on by itself",
            free_bytes / KILO, path, STORAGE_FREE_MIN / KILO);
    if (room.f_files > 0 && room.f_favail == 0)
        return err_set(err, ERR_SPACE,
            "the disk is full: no inode is free in %s; remove some files, it goes on by itself", path);
    return 0;
}

static int read_back(int dir, const char *name, const char *want, struct err *err)
{
    struct buf got ATTR_CLEANUP(buf_free) = buf_new(TRIED_BYTES);
    int r = file_read(dir, name, TRIED_BYTES, &got, err);
    if (r == 0 && (got.n != TRIED_BYTES || memcmp(got.p, want, TRIED_BYTES) != 0))
        r = err_set(
            err, ERR_IO, "what was written is not what is read again; see whether the disk is healthy");
    return r;
}

/* By calls of its own: nothing here is state, and a test of crashes is to stop where some is written. */
static int write_new(int dir, const char *name, struct str bytes, struct err *err)
{
    int fd ATTR_CLEANUP(fd_close) =
        openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, errno, "a file cannot be made");
    int e = fd_write_all(fd, bytes);
    if (e != 0 || fsync(fd) != 0)
        return err_errno(err, e != 0 ? e : errno, "a file cannot be written");
    return 0;
}

static int try_file(int dir, const char *name, const char *other, struct err *err)
{
    char bytes[TRIED_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + i / 256);
    int r = write_new(dir, name, (struct str){bytes, sizeof bytes}, err);
    if (r < 0 || (r = read_back(dir, name, bytes, err)) < 0)
        return r;
    if (renameat(dir, name, dir, other) != 0)
        return err_errno(err, errno, "a file cannot be renamed");
    if ((r = dir_sync(dir, err)) < 0)
        return r;
    return unlinkat(dir, other, 0) == 0 ? 0 : err_errno(err, errno, "a file cannot be removed");
}

/* What makes a generation live (os/file.h: link_switch); nothing of it has to last. */
static int try_link(int dir, const char *name, const char *other, struct err *err)
{
    char target[8] = "";
    if (symlinkat("a", dir, name) != 0 || symlinkat("b", dir, other) != 0 ||
        renameat(dir, other, dir, name) != 0)
        return err_errno(err, errno,
            "a symbolic link cannot be switched; choose a state directory on another file system");
    if (readlinkat(dir, name, target, sizeof target) != 1 || target[0] != 'b')
        return err_set(err, ERR_REFUSED,
            "a symbolic link that was switched leads where it did before; choose a state directory on "
            "another "
            "file system");
    return unlinkat(dir, name, 0) == 0 ? 0 : err_errno(err, errno, "a link cannot be removed");
}

int storage_try(int dir, const char *path, bool links, struct err *err)
{
    char name[FILE_TEMP_NAME_MAX], other[FILE_TEMP_NAME_MAX];
    int r = check_room(dir, path, err);
    if (r < 0)
        return r;
    file_temp_name(name);
    file_temp_name(other);
    r = try_file(dir, name, other, err);
    if (r == 0 && links)
        r = try_link(dir, name, other, err);
    if (r == 0)
        return 0;
    (void)unlinkat(dir, name, 0);
    (void)unlinkat(dir, other, 0);
    return err_prefix(err, "%s cannot be used", path);
}
