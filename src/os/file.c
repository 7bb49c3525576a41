#include "os/file.h"

#include "base/crash_point.h"
#include "os/random.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is read at once where the size of a file is not known (files of /proc say 0). */
enum { READ_CHUNK = 4096 };

void fd_close(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    close(*fd);
    *fd = -1;
    errno = saved;
}

int file_check_name(const char *name, struct err *err)
{
    if (name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return err_set(err, ERR_USAGE, "\"%s\" is not a file name", name);
    return 0;
}

const char *file_temp_name(char out[FILE_TEMP_NAME_MAX])
{
    snprintf(out, FILE_TEMP_NAME_MAX, FILE_TEMP_PREFIX "%016" PRIx64, random_u64());
    return out;
}

/* ---- reading ---- */

/* Not blocking, so that a FIFO put in a file's place cannot hold us. */
static int open_regular(int at, const char *path, int *out, struct stat *st, struct err *err)
{
    int fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", path);
    if (fstat(fd, st) < 0) {
        int r = err_errno(err, errno, "cannot examine %s", path);
        fd_close(&fd);
        return r;
    }
    if (!S_ISREG(st->st_mode)) {
        fd_close(&fd);
        return err_set(err, ERR_INPUT, "%s is not a regular file", path);
    }
    *out = fd;
    return 0;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Straight into the buffer: a copy of a secret on the stack would have to be wiped as well. */
static int read_all(int fd, const char *path, size_t max, size_t expected, struct buf *out, struct err *err)
{
    for (size_t got = 0;;) {
        char extra;
        size_t want =
            least(got < expected ? expected - got : READ_CHUNK, least(max - got, out->max - out->n));
        char *to = want > 0 ? buf_room(out, want) : &extra;
        if (to == NULL)
            return err_set(err, ERR_MEMORY, "cannot read %s: out of memory", path);
        ssize_t n = read(fd, to, want > 0 ? want : 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot read %s", path);
        if (n == 0)
            return 0;
        if (want == 0)
            return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, least(max, out->max));
        buf_added(out, (size_t)n);
        got += (size_t)n;
    }
}

static int read_open(
    int fd, const char *path, const struct stat *st, size_t max, struct buf *out, struct err *err)
{
    uint64_t size = st->st_size > 0 ? (uint64_t)st->st_size : 0;
    if (size > max)
        return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, max);
    return read_all(fd, path, max, (size_t)size, out, err);
}

int file_read(int at, const char *path, size_t max, struct buf *out, struct err *err)
{
    ATTR_CLEANUP(fd_close) int fd = -1;
    struct stat st;
    int r = open_regular(at, path, &fd, &st, err);
    return r < 0 ? r : read_open(fd, path, &st, max, out, err);
}

/* systemd gives a service's user access to a credential through an access list, whose mask shows up as the
 * group's bits; the directory itself is closed to everyone else. */
static bool is_credential(const char *path)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    size_t n = dir != NULL ? strlen(dir) : 0;
    return n > 0 && strncmp(path, dir, n) == 0 && path[n] == '/' && strstr(path + n, "/..") == NULL;
}

int file_read_secret(int at, const char *path, size_t max, struct buf *out, struct err *err)
{
    ATTR_CLEANUP(fd_close) int fd = -1;
    struct stat st;
    int r = open_regular(at, path, &fd, &st, err);
    if (r < 0)
        return r;
    mode_t forbidden = S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH;
    if (is_credential(path))
        forbidden &= ~(mode_t)S_IRGRP;
    if ((st.st_mode & forbidden) != 0)
        return err_set(err, ERR_PERMISSION,
            "%s holds a secret, but others than its owner may read or write it (mode %04o): chmod 600 %s",
            path, (unsigned)(st.st_mode & 07777), path);
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return err_set(err, ERR_PERMISSION, "%s holds a secret, but belongs to user %u: chown %u %s", path,
            (unsigned)st.st_uid, (unsigned)geteuid(), path);
    return read_open(fd, path, &st, max, out, err);
}

/* ---- writing ---- */

/* How a file is to come into being. */
struct birth {
    mode_t mode;
    uid_t uid;
    gid_t gid;
    struct str bytes;
    bool unsynced; /* somebody else makes it durable */
};

int fd_write_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            return EIO;
        s = (struct str){s.p + n, s.n - (size_t)n};
    }
    return 0;
}

/* Owner before mode before bytes: at no time may someone open it whom the final owner and mode keep out. */
static int fill(int fd, const struct birth *b)
{
    if ((b->uid != FILE_UID_KEEP || b->gid != FILE_GID_KEEP) && fchown(fd, b->uid, b->gid) < 0)
        return errno;
    if (fchmod(fd, b->mode) < 0)
        return errno;
    int e = fd_write_all(fd, b->bytes);
    if (e != 0)
        return e;
    return !b->unsynced && fsync(fd) < 0 ? errno : 0;
}

/* Makes `name`; errors speak of `shown`, the name it is going to have. */
static int create(int at, const char *name, const char *shown, const struct birth *b, struct err *err)
{
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, b->mode & S_IRWXU);
    if (fd < 0)
        return err_errno(err, errno, "cannot create %s", shown);
    crash_point(file_begun);
    int e = fill(fd, b);
    /* Network file systems report a failed write as late as here. */
    if (close(fd) < 0 && errno != EINTR && e == 0)
        e = errno;
    if (e == 0)
        return 0;
    unlinkat(at, name, 0);
    return err_errno(err, e, "cannot write %s", shown);
}

int file_write_new_owned(
    int at, const char *name, mode_t mode, uid_t uid, gid_t gid, struct str bytes, struct err *err)
{
    struct birth b = {mode, uid, gid, bytes, false};
    int r = file_check_name(name, err);
    return r < 0 ? r : create(at, name, name, &b, err);
}

int file_write_new(int at, const char *name, mode_t mode, struct str bytes, struct err *err)
{
    return file_write_new_owned(at, name, mode, FILE_UID_KEEP, FILE_GID_KEEP, bytes, err);
}

int file_write_new_unsynced(int at, const char *name, mode_t mode, struct str bytes, struct err *err)
{
    struct birth b = {mode, FILE_UID_KEEP, FILE_GID_KEEP, bytes, true};
    int r = file_check_name(name, err);
    return r < 0 ? r : create(at, name, name, &b, err);
}

int file_system_sync(int fd, struct err *err)
{
    return syncfs(fd) < 0 ? err_errno(err, errno, "cannot sync the file system") : 0;
}

/* Gives what was made as `temp` its name. */
static int rename_to(int at, const char *temp, const char *name, struct err *err)
{
    if (renameat(at, temp, at, name) < 0) {
        int e = errno;
        unlinkat(at, temp, 0);
        return err_errno(err, e, "cannot replace %s", name);
    }
    return 0;
}

static int settle(int at, const char *temp, const char *name, struct err *err)
{
    int r = rename_to(at, temp, name, err);
    if (r < 0)
        return r;
    if ((r = dir_sync(at, err)) < 0)
        err_prefix(err, "%s is written, but may not survive a power loss", name);
    return r;
}

int file_replace_owned(
    int at, const char *name, mode_t mode, uid_t uid, gid_t gid, struct str bytes, struct err *err)
{
    struct birth b = {mode, uid, gid, bytes, false};
    char temp[FILE_TEMP_NAME_MAX];
    int r = file_check_name(name, err);
    if (r < 0 || (r = create(at, file_temp_name(temp), name, &b, err)) < 0)
        return r;
    crash_point(file_written);
    return settle(at, temp, name, err);
}

int file_replace(int at, const char *name, mode_t mode, struct str bytes, struct err *err)
{
    return file_replace_owned(at, name, mode, FILE_UID_KEEP, FILE_GID_KEEP, bytes, err);
}

/* The same for the same name (FNV-1a): two names that share one at worst take turns. */
static const char *temp_name_of(const char *name, char out[FILE_TEMP_NAME_MAX])
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (const char *p = name; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    snprintf(out, FILE_TEMP_NAME_MAX, FILE_TEMP_PREFIX "%016" PRIx64, h);
    return out;
}

int file_replace_away(
    int at, const char *name, mode_t mode, uid_t uid, gid_t gid, struct str bytes, struct err *err)
{
    struct birth b = {mode, uid, gid, bytes, false};
    struct err why = ERR_INIT;
    char temp[FILE_TEMP_NAME_MAX];
    int r = file_check_name(name, err);
    if (r < 0)
        return r;
    if ((r = create(at, temp_name_of(name, temp), name, &b, &why)) == ERR_EXISTS &&
        unlinkat(at, temp, 0) == 0)
        r = create(at, temp, name, &b, &why);
    if (r < 0 && err != NULL)
        *err = why;
    crash_point(file_copied);
    return r < 0 ? r : settle(at, temp, name, err);
}

static int link_make(
    int at, const char *name, const char *target, char temp[FILE_TEMP_NAME_MAX], struct err *err)
{
    int r = file_check_name(name, err);
    if (r < 0)
        return r;
    if (symlinkat(target, at, file_temp_name(temp)) < 0)
        return err_errno(err, errno, "cannot make the link %s to %s", name, target);
    return 0;
}

int link_switch(int at, const char *name, const char *target, struct err *err)
{
    char temp[FILE_TEMP_NAME_MAX];
    int r = link_make(at, name, target, temp, err);
    crash_point(file_link_made);
    return r < 0 ? r : settle(at, temp, name, err);
}

int link_switch_unsynced(int at, const char *name, const char *target, struct err *err)
{
    char temp[FILE_TEMP_NAME_MAX];
    int r = link_make(at, name, target, temp, err);
    return r < 0 ? r : rename_to(at, temp, name, err);
}
