/* Landlock by system call: glibc has no wrappers, and the headers of Debian 12 describe version 2 only. */
#include "os/file.h"
#include "os/sandbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CREATE_RULESET_VERSION = 1, RULE_PATH_BENEATH = 1 };

/* Of the kernel's interface; the same on every architecture. */
enum landlock_fs {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_CHAR = 1 << 6,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_MAKE_SOCK = 1 << 9,
    FS_MAKE_FIFO = 1 << 10,
    FS_MAKE_BLOCK = 1 << 11,
    FS_MAKE_SYM = 1 << 12,
    FS_REFER = 1 << 13,    /* version 2 */
    FS_TRUNCATE = 1 << 14, /* version 3 */
    FS_IOCTL_DEV = 1 << 15 /* version 5 */
};
enum { NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1 };     /* version 4 */
enum { SCOPE_ABSTRACT_UNIX = 1 << 0, SCOPE_SIGNAL = 1 << 1 }; /* version 6 */

/* Rights that make sense for a single file; the kernel refuses a rule for a file with others. */
static const uint64_t file_rights = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV;

struct ruleset_attr {
    uint64_t fs, net, scoped;
};

/* The kernel's struct is packed. */
struct path_attr {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

/* version it came with, rights it knows, size of its ruleset_attr */
static const struct {
    int abi;
    uint64_t fs, net, scoped;
    size_t size;
} versions[] = {
    {1, (FS_MAKE_SYM << 1) - 1, 0, 0, 8},
    {2, (FS_REFER << 1) - 1, 0, 0, 8},
    {3, (FS_TRUNCATE << 1) - 1, 0, 0, 8},
    {4, (FS_TRUNCATE << 1) - 1, NET_BIND_TCP | NET_CONNECT_TCP, 0, 16},
    {5, (FS_IOCTL_DEV << 1) - 1, NET_BIND_TCP | NET_CONNECT_TCP, 0, 16},
    {6, (FS_IOCTL_DEV << 1) - 1, NET_BIND_TCP | NET_CONNECT_TCP, SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL, 24},
};

static const struct {
    enum sandbox_access access;
    uint64_t fs;
} classes[] = {
    {SANDBOX_LIST, FS_READ_DIR},
    {SANDBOX_READ, FS_READ_DIR | FS_READ_FILE},
    {SANDBOX_WRITE, FS_READ_DIR | FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE | FS_REMOVE_DIR |
                        FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK | FS_MAKE_SYM | FS_REFER},
    {SANDBOX_EXECUTE, FS_EXECUTE | FS_READ_FILE},
    {SANDBOX_DEVICE, FS_IOCTL_DEV},
};

static const struct {
    enum sandbox_permit permit;
    uint64_t net, scoped;
} permits[] = {
    {SANDBOX_TCP_BIND, NET_BIND_TCP, 0},
    {SANDBOX_TCP_CONNECT, NET_CONNECT_TCP, 0},
    {SANDBOX_ABSTRACT_UNIX, 0, SCOPE_ABSTRACT_UNIX},
    {SANDBOX_SIGNAL_OTHERS, 0, SCOPE_SIGNAL},
};

static int create_ruleset(const struct ruleset_attr *attr, size_t size, unsigned flags)
{
    return (int)syscall(SYS_landlock_create_ruleset, attr, size, flags);
}

static const char *why_not(int errno_value)
{
    switch (errno_value) {
    case ENOSYS:
        return "this kernel has none";
    case EOPNOTSUPP:
        return "switched off on this kernel (lsm=)";
    case EPERM:
    case EACCES:
        return "refused, probably by the container's seccomp profile";
    default:
        return "not available";
    }
}

/* What is to be controlled, as far as the kernel's version knows it; *size for its struct. */
static struct ruleset_attr wanted(const struct sandbox *s, int abi, size_t *size)
{
    size_t v = 0;
    while (v + 1 < ARRAY_LEN(versions) && versions[v + 1].abi <= abi)
        v++;
    struct ruleset_attr a = {s->all_files ? 0 : versions[v].fs, versions[v].net, versions[v].scoped};
    for (size_t i = 0; i < ARRAY_LEN(permits); i++) {
        if ((s->permit & permits[i].permit) != 0) {
            a.net &= ~permits[i].net;
            a.scoped &= ~permits[i].scoped;
        }
    }
    *size = versions[v].size;
    return a;
}

static int open_path(const struct sandbox_path *p, const char *process, int *out, struct err *err)
{
    *out = p->path != NULL ? open(p->path, O_PATH | O_CLOEXEC) : fcntl(p->fd, F_DUPFD_CLOEXEC, 0);
    if (*out >= 0 || (p->optional && p->path != NULL && (errno == ENOENT || errno == ENOTDIR)))
        return 0;
    if (p->path != NULL)
        return err_errno(err, errno, "%s cannot confine itself to %s", process, p->path);
    return err_errno(err, errno, "%s cannot confine itself to descriptor %d", process, p->fd);
}

static int add_path(int ruleset, uint64_t handled, const struct sandbox *s, const struct sandbox_path *p,
    unsigned *count, struct err *err)
{
    ATTR_CLEANUP(fd_close) int fd = -1;
    struct stat st;
    int r = open_path(p, s->process, &fd, err);
    if (r < 0 || fd < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "%s cannot confine itself", s->process);
    struct path_attr a = {.parent_fd = fd};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        a.allowed |= (p->access & classes[i].access) != 0 ? classes[i].fs : 0;
    a.allowed &= S_ISDIR(st.st_mode) ? handled : handled & file_rights;
    if (a.allowed == 0)
        return 0;
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &a, 0) < 0)
        return err_errno(err, errno, "%s cannot confine itself to %s", s->process,
            p->path != NULL ? p->path : "a descriptor");
    ++*count;
    return 0;
}

int sandbox_landlock(const struct sandbox *s, struct sandbox_report *report, struct err *err)
{
    report->landlock_off = s->log_only;
    report->all_files = s->all_files;
    if (s->log_only)
        return 0;
    int abi = create_ruleset(NULL, 0, CREATE_RULESET_VERSION);
    if (abi <= 0) {
        report->landlock_why = why_not(abi < 0 ? errno : 0);
        return 0;
    }
    size_t size;
    struct ruleset_attr attr = wanted(s, abi, &size);
    if ((attr.fs | attr.net | attr.scoped) == 0) {
        report->landlock_why = "nothing here it could forbid";
        return 0;
    }
    ATTR_CLEANUP(fd_close) int ruleset = create_ruleset(&attr, size, 0);
    if (ruleset < 0)
        return err_errno(err, errno, "%s cannot confine itself: Landlock", s->process);
    for (size_t i = 0; i < s->paths_n; i++) {
        int r = add_path(ruleset, attr.fs, s, &s->paths[i], &report->paths, err);
        if (r < 0)
            return r;
    }
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        return err_errno(err, errno, "%s cannot confine itself: Landlock", s->process);
    report->landlock_abi = abi;
    return 0;
}
