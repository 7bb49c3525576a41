#include "os/lock.h"

#include "base/str.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever holds the lock wrote its number first; 0 where there is none (yet). */
static pid_t read_holder(int fd)
{
    char text[24];
    uint64_t pid;
    ssize_t n = pread(fd, text, sizeof text, 0);
    if (n <= 0 || !str_to_u64(str_trim((struct str){text, (size_t)n}), INT_MAX, &pid))
        return 0;
    return (pid_t)pid;
}

static int refused(int fd, const char *name, pid_t *holder, struct err *err)
{
    pid_t pid = read_holder(fd);
    if (holder != NULL)
        *holder = pid;
    if (pid == 0)
        return err_set(err, ERR_LOCKED, "another evercert holds %s", name);
    return err_set(err, ERR_LOCKED, "another evercert (process %ld) holds %s", (long)pid, name);
}

static int write_holder(int fd, const char *name, struct err *err)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    int e = fchmod(fd, 0600) < 0 || ftruncate(fd, 0) < 0 ? errno
                                                         : fd_write_all(fd, (struct str){text, (size_t)n});
    return e != 0 ? err_errno(err, e, "cannot write %s", name) : 0;
}

int lock_take(int dir, const char *name, int *out_fd, pid_t *holder, struct err *err)
{
    ATTR_CLEANUP(fd_close)
    int fd = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    struct stat st;
    if (fd < 0 && errno == ELOOP)
        return err_set(err, ERR_REFUSED, "%s is a symbolic link, where only a real file will do", name);
    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", name);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(err, ERR_REFUSED, "%s is not a regular file", name);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &whole) < 0) {
        if (errno == EAGAIN || errno == EACCES)
            return refused(fd, name, holder, err);
        return err_errno(err, errno, "cannot lock %s", name);
    }
    int r = write_holder(fd, name, err);
    if (r < 0)
        return r;
    *out_fd = fd;
    fd = -1;
    return 0;
}
