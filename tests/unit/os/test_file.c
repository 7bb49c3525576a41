#include "os/file.h"

#include "temp.h"

#include <errno.h>
#include <sys/mman.h>

/* ---- the system calls of file.c, watched and made to fail (linked with --wrap) ---- */

static struct {
    bool fsync_fails;
    int write_errno;   /* fail the next write with this */
    size_t write_most; /* write at most this much at once; 0: no limit */
    bool interrupted;  /* the next write is interrupted */
    unsigned births;   /* files seen when their mode is set */
    mode_t birth_mode; /* their mode until then */
    off_t birth_size;
} wrap;

int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode)
{
    struct stat st;
    if (fstat(fd, &st) == 0) {
        wrap.births++;
        wrap.birth_mode = st.st_mode & 07777;
        wrap.birth_size = st.st_size;
    }
    return __real_fchmod(fd, mode);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    if (!wrap.fsync_fails)
        return __real_fsync(fd);
    errno = EIO;
    return -1;
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    if (wrap.interrupted || wrap.write_errno != 0) {
        errno = wrap.interrupted ? EINTR : wrap.write_errno;
        wrap.interrupted = false;
        return -1;
    }
    return __real_write(fd, p, wrap.write_most != 0 && n > wrap.write_most ? wrap.write_most : n);
}

static int reset(void **state)
{
    memset(&wrap, 0, sizeof wrap);
    umask(022);
    return temp_setup(state);
}

#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, reset, temp_teardown)

/* ---- helpers ---- */

static mode_t mode_of(int at, const char *name)
{
    struct stat st;
    assert_int_equal(fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_mode & 07777;
}

static bool exists(int at, const char *name)
{
    struct stat st;
    return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int count_one(int dir, const char *name, int type, void *arg, struct err *err)
{
    (*(int *)arg)++;
    return 0;
}

static int entries(int at)
{
    int n = 0;
    assert_int_equal(dir_each(at, count_one, &n, NULL), 0);
    return n;
}

static void assert_content(int at, const char *name, const char *expected)
{
    ATTR_CLEANUP(buf_free) struct buf b = buf_new(1 << 16);
    struct err err = ERR_INIT;
    assert_int_equal(file_read(at, name, 1 << 16, &b, &err), 0);
    assert_string_equal(buf_c(&b), expected);
}

/* ---- writing ---- */

static void test_write_new_has_exact_mode(void **state)
{
    struct temp *t = *state;
    umask(0);
    assert_int_equal(file_write_new(t->fd, "key", 0600, STR("secret"), NULL), 0);
    assert_int_equal(mode_of(t->fd, "key"), 0600);
    assert_int_equal(wrap.births, 1);
    assert_int_equal(wrap.birth_mode & 077, 0);
    assert_int_equal(wrap.birth_size, 0);
    assert_int_equal(file_write_new(t->fd, "open", 0644, STR("x"), NULL), 0);
    assert_int_equal(wrap.birth_mode & 077, 0);
    assert_int_equal(mode_of(t->fd, "open"), 0644);
    umask(0777);
    assert_int_equal(file_write_new(t->fd, "shared", 0640, STR("x"), NULL), 0);
    assert_int_equal(mode_of(t->fd, "shared"), 0640);
    assert_content(t->fd, "key", "secret");
}

static void test_write_new_refuses_what_exists(void **state)
{
    struct temp *t = *state;
    struct err err = ERR_INIT;
    assert_int_equal(file_write_new(t->fd, "a", 0600, STR("1"), NULL), 0);
    assert_int_equal(file_write_new(t->fd, "a", 0600, STR("2"), &err), ERR_EXISTS);
    assert_non_null(strstr(err.text, "cannot create a"));
    assert_content(t->fd, "a", "1");
    /* Not through a symlink either, dangling or not. */
    assert_int_equal(symlinkat("a", t->fd, "link"), 0);
    assert_int_equal(symlinkat("nowhere", t->fd, "dangling"), 0);
    assert_int_equal(file_write_new(t->fd, "link", 0600, STR("2"), NULL), ERR_EXISTS);
    assert_int_equal(file_write_new(t->fd, "dangling", 0600, STR("2"), NULL), ERR_EXISTS);
    assert_false(exists(t->fd, "nowhere"));
    assert_content(t->fd, "a", "1");
}

static void test_write_goes_on_after_short_writes(void **state)
{
    struct temp *t = *state;
    wrap.write_most = 3;
    wrap.interrupted = true;
    assert_int_equal(file_write_new(t->fd, "a", 0600, STR("0123456789"), NULL), 0);
    assert_content(t->fd, "a", "0123456789");
}

static void test_failed_write_leaves_nothing(void **state)
{
    struct temp *t = *state;
    struct err err = ERR_INIT;
    wrap.write_errno = ENOSPC;
    assert_int_equal(file_write_new(t->fd, "a", 0600, STR("x"), &err), ERR_SPACE);
    assert_int_equal(err.code, ERR_SPACE);
    assert_int_equal(file_replace(t->fd, "b", 0600, STR("x"), NULL), ERR_SPACE);
    wrap.write_errno = 0;
    wrap.fsync_fails = true;
    assert_int_equal(file_write_new(t->fd, "a", 0600, STR("x"), NULL), ERR_IO);
    assert_int_equal(entries(t->fd), 0);
}

static void test_failed_replace_keeps_the_old(void **state)
{
    struct temp *t = *state;
    assert_int_equal(file_replace(t->fd, "a", 0600, STR("old"), NULL), 0);
    wrap.write_errno = ENOSPC;
    assert_int_equal(file_replace(t->fd, "a", 0600, STR("new"), NULL), ERR_SPACE);
    wrap.write_errno = 0;
    assert_content(t->fd, "a", "old");
    assert_int_equal(entries(t->fd), 1);
}

static void test_replace(void **state)
{
    struct temp *t = *state;
    struct err err = ERR_INIT;
    assert_int_equal(file_replace(t->fd, "a", 0644, STR("one"), NULL), 0);
    assert_int_equal(file_replace(t->fd, "a", 0600, STR("two"), NULL), 0);
    assert_content(t->fd, "a", "two");
    assert_int_equal(mode_of(t->fd, "a"), 0600);
    /* A link is replaced, what it pointed at is not touched. */
    assert_int_equal(symlinkat("a", t->fd, "link"), 0);
    assert_int_equal(file_replace(t->fd, "link", 0600, STR("three"), NULL), 0);
    assert_content(t->fd, "a", "two");
    assert_content(t->fd, "link", "three");
    /* A directory is not. */
    assert_int_equal(mkdirat(t->fd, "dir", 0700), 0);
    assert_true(file_replace(t->fd, "dir", 0600, STR("x"), &err) < 0);
    assert_int_equal(entries(t->fd), 3);
}

static void test_replace_with_owner(void **state)
{
    struct temp *t = *state;
    struct stat st;
    struct err err = ERR_INIT;
    if (geteuid() == 0) {
        assert_int_equal(file_replace_owned(t->fd, "a", 0640, 12345, 54321, STR("x"), NULL), 0);
        assert_int_equal(fstatat(t->fd, "a", &st, 0), 0);
        assert_int_equal(st.st_uid, 12345);
        assert_int_equal(st.st_gid, 54321);
        assert_int_equal(st.st_mode & 07777, 0640);
    } else {
        assert_int_equal(file_replace_owned(t->fd, "a", 0640, 12345, 54321, STR("x"), &err), ERR_PERMISSION);
        assert_int_equal(entries(t->fd), 0);
    }
    assert_int_equal(wrap.births, geteuid() == 0 ? 1 : 0);
    assert_int_equal(wrap.birth_mode & 077, 0);
}

/* A leftover of the same name goes; others' are nobody's business. */
static void test_replace_away(void **state)
{
    struct temp *t = *state;
    struct err err = ERR_INIT;
    struct stat st;
    char left[FILE_TEMP_NAME_MAX] = "";
    assert_int_equal(file_write_new(t->fd, FILE_TEMP_PREFIX "other", 0600, STR("other"), NULL), 0);
    wrap.write_errno = ENOSPC;
    assert_int_equal(
        file_replace_away(t->fd, "a", 0640, FILE_UID_KEEP, FILE_GID_KEEP, STR("x"), &err), ERR_SPACE);
    assert_int_equal(entries(t->fd), 1);
    wrap.write_errno = 0;
    err.code = 0;
    snprintf(left, sizeof left, FILE_TEMP_PREFIX "af63dc4c8601ec8c"); /* FNV-1a of "a" */
    assert_int_equal(file_write_new(t->fd, left, 0600, STR("half"), NULL), 0);
    assert_int_equal(file_replace_away(t->fd, "a", 0640, FILE_UID_KEEP, FILE_GID_KEEP, STR("x"), &err), 0);
    assert_int_equal(err.code, 0);
    assert_int_equal(wrap.birth_mode & 077, 0);
    assert_int_equal(wrap.birth_size, 0);
    assert_int_equal(entries(t->fd), 2);
    assert_int_equal(fstatat(t->fd, "a", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(st.st_size, 1);
}

static void test_names_are_plain(void **state)
{
    struct temp *t = *state;
    static const char *const bad[] = {"", ".", "..", "a/b", "/etc/passwd", "../x"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int fd = -1;
        assert_int_equal(file_write_new(t->fd, bad[i], 0600, STR("x"), NULL), ERR_USAGE);
        assert_int_equal(file_replace(t->fd, bad[i], 0600, STR("x"), NULL), ERR_USAGE);
        assert_int_equal(link_switch(t->fd, bad[i], "x", NULL), ERR_USAGE);
        assert_int_equal(dir_remove(t->fd, bad[i], NULL), ERR_USAGE);
        assert_int_equal(dir_make(t->fd, bad[i], 0700, &fd, NULL), ERR_USAGE);
    }
    assert_int_equal(entries(t->fd), 0);
}

/* ---- reading ---- */

static void test_read_limits(void **state)
{
    struct temp *t = *state;
    struct err err = ERR_INIT;
    ATTR_CLEANUP(buf_free) struct buf b = buf_new(10), small = buf_new(4);
    assert_int_equal(file_write_new(t->fd, "a", 0600, STR("01234567"), NULL), 0);
    assert_int_equal(file_read(t->fd, "a", 7, &b, &err), ERR_LIMIT);
    assert_int_equal(file_read(t->fd, "a", 8, &b, &err), 0);
    assert_true(str_eq_c(buf_str(&b), "01234567"));
    assert_int_equal(file_read(t->fd, "a", 8, &small, &err), ERR_LIMIT);
    assert_int_equal(file_read(t->fd, "none", 8, &b, &err), ERR_NOT_FOUND);
    assert_int_equal(file_read(t->fd, ".", 8, &b, &err), ERR_INPUT);
    assert_int_equal(mkfifoat(t->fd, "fifo", 0600), 0);
    assert_int_equal(file_read(t->fd, "fifo", 8, &b, &err), ERR_INPUT);
    assert_int_equal(file_write_new(t->fd, "empty", 0600, STR(""), NULL), 0);
    buf_clear(&b);
    assert_int_equal(file_read(t->fd, "empty", 0, &b, &err), 0);
    assert_int_equal(b.n, 0);
}

static void test_read_of_unknown_size(void **state)
{
    ATTR_CLEANUP(buf_free) struct buf b = buf_new(1 << 20);
    assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &b, NULL), 0);
    assert_true(str_starts(buf_str(&b), STR("Name:")));
    assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 10, &b, NULL), ERR_LIMIT);
}

static void test_read_large(void **state)
{
    struct temp *t = *state;
    static char bytes[300000];
    ATTR_CLEANUP(buf_free) struct buf b = buf_new_sensitive(sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    assert_int_equal(file_write_new(t->fd, "a", 0600, (struct str){bytes, sizeof bytes}, NULL), 0);
    assert_int_equal(file_read_secret(t->fd, "a", sizeof bytes, &b, NULL), 0);
    assert_int_equal(b.n, sizeof bytes);
    assert_memory_equal(b.p, bytes, sizeof bytes);
}

static void test_secret_must_be_private(void **state)
{
    struct temp *t = *state;
    static const mode_t bad[] = {0640, 0604, 0620, 0602, 0644, 0666};
    struct err err = ERR_INIT;
    ATTR_CLEANUP(buf_free) struct buf b = buf_new(100);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(file_replace(t->fd, "s", bad[i], STR("x"), NULL), 0);
        assert_int_equal(file_read_secret(t->fd, "s", 10, &b, &err), ERR_PERMISSION);
        assert_non_null(strstr(err.text, "chmod 600 s"));
    }
    assert_int_equal(b.n, 0);
    assert_int_equal(file_replace(t->fd, "s", 0600, STR("x"), NULL), 0);
    assert_int_equal(file_read_secret(t->fd, "s", 10, &b, NULL), 0);
    assert_int_equal(file_replace(t->fd, "s", 0400, STR("x"), NULL), 0);
    assert_int_equal(file_read_secret(t->fd, "s", 10, &b, NULL), 0);
    assert_string_equal(buf_c(&b), "xx");
    /* Root finds a secret of somebody else, everybody finds one of root's that is open. */
    if (geteuid() == 0) {
        assert_int_equal(file_replace_owned(t->fd, "o", 0600, 12345, FILE_GID_KEEP, STR("x"), NULL), 0);
        assert_int_equal(file_read_secret(t->fd, "o", 10, &b, &err), ERR_PERMISSION);
        assert_non_null(strstr(err.text, "chown"));
    } else {
        assert_int_equal(file_read_secret(AT_FDCWD, "/etc/passwd", 1 << 20, &b, &err), ERR_PERMISSION);
    }
}

static void test_credentials_may_show_group_bits(void **state)
{
    struct temp *t = *state;
    char path[PATH_MAX + 8];
    ATTR_CLEANUP(buf_free) struct buf b = buf_new(100);
    snprintf(path, sizeof path, "%s/cred", t->path);
    assert_int_equal(file_write_new(t->fd, "cred", 0440, STR("x"), NULL), 0);
    assert_int_equal(file_read_secret(AT_FDCWD, path, 10, &b, NULL), ERR_PERMISSION);
    setenv("CREDENTIALS_DIRECTORY", t->path, 1);
    assert_int_equal(file_read_secret(AT_FDCWD, path, 10, &b, NULL), 0);
    assert_int_equal(fchmodat(t->fd, "cred", 0444, 0), 0);
    assert_int_equal(file_read_secret(AT_FDCWD, path, 10, &b, NULL), ERR_PERMISSION);
    unsetenv("CREDENTIALS_DIRECTORY");
}

/* ---- switching ---- */

/* Shared with a reader in another process. */
struct race {
    int dir;
    volatile int stop, started;
};

static int read_link_until_stopped(void *arg)
{
    struct race *race = arg;
    char target[16];
    do {
        ssize_t n = readlinkat(race->dir, "live", target, sizeof target);
        if (n != 1 || (target[0] != 'a' && target[0] != 'b'))
            return 1;
        race->started = 1;
    } while (!race->stop);
    return 0;
}

static int read_file_until_stopped(void *arg)
{
    struct race *race = arg;
    char p[5000];
    do {
        int fd = openat(race->dir, "live", O_RDONLY);
        ssize_t n = read(fd, p, sizeof p);
        close(fd);
        if (n != 4096 || (p[0] != 'a' && p[0] != 'b') || memcmp(p, p + 1, 4095) != 0)
            return 1;
        race->started = 1;
    } while (!race->stop);
    return 0;
}

static void run_race(int dir, int (*reader)(void *), void (*change)(int dir, char c))
{
    struct race *race = mmap(NULL, sizeof *race, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(race != MAP_FAILED);
    *race = (struct race){.dir = dir};
    change(dir, 'a');
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(reader(race));
    int status = 0;
    while (!race->started && waitpid(pid, &status, WNOHANG) == 0)
        ;
    for (int i = 0; i < 200; i++)
        change(dir, i % 2 == 0 ? 'b' : 'a');
    race->stop = 1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_exited(status, 0);
    munmap(race, sizeof *race);
}

static void change_link(int dir, char c)
{
    char target[2] = {c, '\0'};
    assert_int_equal(link_switch(dir, "live", target, NULL), 0);
}

static void change_file(int dir, char c)
{
    char bytes[4096];
    memset(bytes, c, sizeof bytes);
    assert_int_equal(file_replace(dir, "live", 0600, (struct str){bytes, sizeof bytes}, NULL), 0);
}

static void test_link_switch_is_atomic(void **state)
{
    struct temp *t = *state;
    run_race(t->fd, read_link_until_stopped, change_link);
    assert_int_equal(entries(t->fd), 1);
}

static void test_file_replace_is_atomic(void **state)
{
    struct temp *t = *state;
    run_race(t->fd, read_file_until_stopped, change_file);
    assert_int_equal(entries(t->fd), 1);
}

static void test_link_switch_over_others(void **state)
{
    struct temp *t = *state;
    char target[16] = "";
    assert_int_equal(file_write_new(t->fd, "f", 0600, STR("x"), NULL), 0);
    assert_int_equal(link_switch(t->fd, "f", "t", NULL), 0);
    assert_int_equal(readlinkat(t->fd, "f", target, sizeof target), 1);
    assert_int_equal(mkdirat(t->fd, "d", 0700), 0);
    assert_true(link_switch(t->fd, "d", "t", NULL) < 0);
    assert_int_equal(entries(t->fd), 2);
}

static void test_temp_names_differ(void **state)
{
    char a[FILE_TEMP_NAME_MAX], b[FILE_TEMP_NAME_MAX];
    assert_string_not_equal(file_temp_name(a), file_temp_name(b));
    assert_int_equal(strncmp(a, FILE_TEMP_PREFIX, strlen(FILE_TEMP_PREFIX)), 0);
    assert_int_equal(strlen(a), strlen(FILE_TEMP_PREFIX) + 16);
}

static void test_fd_close(void **state)
{
    int fd = open("/dev/null", O_RDONLY), copy = fd;
    errno = 77;
    fd_close(&fd);
    assert_int_equal(fd, -1);
    fd_close(&fd);
    assert_int_equal(errno, 77);
    assert_int_equal(fcntl(copy, F_GETFD), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(test_write_new_has_exact_mode),
        FILE_TEST(test_write_new_refuses_what_exists),
        FILE_TEST(test_write_goes_on_after_short_writes),
        FILE_TEST(test_failed_write_leaves_nothing),
        FILE_TEST(test_failed_replace_keeps_the_old),
        FILE_TEST(test_replace),
        FILE_TEST(test_replace_with_owner),
        FILE_TEST(test_replace_away),
        FILE_TEST(test_names_are_plain),
        FILE_TEST(test_read_limits),
        FILE_TEST(test_read_of_unknown_size),
        FILE_TEST(test_read_large),
        FILE_TEST(test_secret_must_be_private),
        FILE_TEST(test_credentials_may_show_group_bits),
        FILE_TEST(test_link_switch_is_atomic),
        FILE_TEST(test_file_replace_is_atomic),
        FILE_TEST(test_link_switch_over_others),
        cmocka_unit_test(test_temp_names_differ),
        cmocka_unit_test(test_fd_close),
    };
    return cmocka_run_group_tests_name("os/file", tests, NULL, NULL);
}
