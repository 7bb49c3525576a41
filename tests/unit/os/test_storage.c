#include "os/storage.h"

#include "temp.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

/* What fails, with that errno; 0: nothing. */
static struct {
    int fsync, renameat, symlinkat;
    bool garbles, full, no_inodes;
} wrap;

int __real_fsync(int fd);
ssize_t __real_read(int fd, void *to, size_t n);
int __real_renameat(int from, const char *name, int to, const char *as);
int __real_symlinkat(const char *target, int at, const char *name);
int __wrap_fstatvfs(int fd, struct statvfs *out);
int __wrap_fstatvfs64(int fd, struct statvfs *out);
int __wrap_fsync(int fd);
ssize_t __wrap_read(int fd, void *to, size_t n);
int __wrap_renameat(int from, const char *name, int to, const char *as);
int __wrap_symlinkat(const char *target, int at, const char *name);

static int statvfs_of(struct statvfs *out)
{
    *out = (struct statvfs){.f_frsize = 4096,
        .f_bavail = wrap.full ? 3 : 1000000,
        .f_files = 1000,
        .f_favail = wrap.no_inodes ? 0 : 900};
    return 0;
}

int __wrap_fstatvfs(int fd, struct statvfs *out)
{
    (void)fd;
    return statvfs_of(out);
}

/* What glibc calls it where sizes have 64 bits. */
int __wrap_fstatvfs64(int fd, struct statvfs *out)
{
    (void)fd;
    return statvfs_of(out);
}

static int failing(int number)
{
    errno = number;
    return -1;
}

int __wrap_fsync(int fd)
{
    return wrap.fsync != 0 ? failing(wrap.fsync) : __real_fsync(fd);
}

ssize_t __wrap_read(int fd, void *to, size_t n)
{
    ssize_t got = __real_read(fd, to, n);
    if (wrap.garbles && got > 0)
        ((char *)to)[got - 1] ^= 1;
    return got;
}

int __wrap_renameat(int from, const char *name, int to, const char *as)
{
    return wrap.renameat != 0 ? failing(wrap.renameat) : __real_renameat(from, name, to, as);
}

int __wrap_symlinkat(const char *target, int at, const char *name)
{
    return wrap.symlinkat != 0 ? failing(wrap.symlinkat) : __real_symlinkat(target, at, name);
}

static void is_empty(const struct temp *t)
{
    DIR *d = opendir(t->path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        assert_true(e->d_name[0] == '.' && strlen(e->d_name) < 3);
    closedir(d);
}

static void fails(const struct temp *t, int code, const char *words)
{
    struct err err = ERR_INIT;
    int r = storage_try(t->fd, "/var/x", true, &err);
    if (r != code || strstr(err.text, words) == NULL || strstr(err.text, "/var/x") == NULL)
        fail_msg("%d \"%s\" instead of %d \"%s\"", r, err.text, code, words);
    memset(&wrap, 0, sizeof wrap);
    is_empty(t);
}

static void test_a_good_one_is_left_as_it_was(void **state)
{
    const struct temp *t = *state;
    struct err err = ERR_INIT;
    if (storage_try(t->fd, "/var/x", true, &err) != 0 || storage_try(t->fd, "/var/x", false, &err) != 0)
        fail_msg("%s", err.text);
    is_empty(t);
}

static void test_too_little_room(void **state)
{
    wrap.full = true;
    fails(*state, ERR_SPACE, "12 kB free in /var/x, 1048 kB are needed");
    wrap.no_inodes = true;
    fails(*state, ERR_SPACE, "no inode is free");
}

static void test_a_disk_that_is_ill(void **state)
{
    wrap.fsync = EIO;
    fails(*state, ERR_IO, "/var/x cannot be used");
    wrap.garbles = true;
    fails(*state, ERR_IO, "not what is read again");
    wrap.renameat = EROFS;
    fails(*state, ERR_PERMISSION, "renamed");
}

static void test_a_file_system_without_links(void **state)
{
    struct temp *t = *state;
    wrap.symlinkat = EPERM;
    assert_int_equal(storage_try(t->fd, "/var/x", false, NULL), 0);
    fails(t, ERR_PERMISSION, "another file system");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(test_a_good_one_is_left_as_it_was),
        TEMP_TEST(test_too_little_room),
        TEMP_TEST(test_a_disk_that_is_ill),
        TEMP_TEST(test_a_file_system_without_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
