#include "temp.h"

#include "base/buf.h"
#include "base/str.h"

#include <errno.h>

/* ---- renameat between two directories fails as between two file systems ---- */

static struct {
    bool apart;
    bool fails; /* within a directory, too */
} wrap;

int __real_renameat(int from, const char *name, int to, const char *as);
int __wrap_renameat(int from, const char *name, int to, const char *as);
int __wrap_renameat(int from, const char *name, int to, const char *as)
{
    if (wrap.apart && from != to) {
        errno = EXDEV;
        return -1;
    }
    if (wrap.fails) {
        errno = ENOSPC;
        return -1;
    }
    return __real_renameat(from, name, to, as);
}

static int setup(void **state)
{
    memset(&wrap, 0, sizeof wrap);
    return temp_setup(state);
}

#define MOVE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, temp_teardown)

struct places {
    int from, to;
};

/* from/7 with a key and a certificate, and to. */
static struct places places_make(const struct temp *t)
{
    struct places p;
    int one = -1;
    assert_int_equal(dir_make(t->fd, "from", 0700, &p.from, NULL), 0);
    assert_int_equal(dir_make(t->fd, "to", 0700, &p.to, NULL), 0);
    assert_int_equal(dir_make(p.from, "7", 0755, &one, NULL), 0);
    assert_int_equal(file_write_new(one, "privkey.pem", 0600, STR("key"), NULL), 0);
    assert_int_equal(file_write_new(one, "cert.pem", 0644, STR("certificate"), NULL), 0);
    close(one);
    return p;
}

static void places_close(struct places p)
{
    close(p.from);
    close(p.to);
}

static void assert_holds(int at, const char *path, const char *text, mode_t mode)
{
    struct stat st;
    struct buf read ATTR_CLEANUP(buf_free) = buf_new(1024);
    assert_int_equal(file_read(at, path, 1024, &read, NULL), 0);
    assert_true(str_eq_c(buf_str(&read), text));
    assert_int_equal(fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static int count(int dir, const char *name, int type, void *arg, struct err *err)
{
    (void)dir, (void)name, (void)type, (void)err;
    ++*(int *)arg;
    return 0;
}

static int entries(int at)
{
    int n = 0;
    assert_int_equal(dir_each(at, count, &n, NULL), 0);
    return n;
}

static void moved(void **state)
{
    struct places p = places_make(*state);
    assert_int_equal(dir_move(p.from, "7", p.to, NULL), 0);
    assert_holds(p.to, "7/privkey.pem", "key", 0600);
    assert_holds(p.to, "7/cert.pem", "certificate", 0644);
    assert_int_equal(entries(p.from), 0);
    assert_int_equal(entries(p.to), 1);
    places_close(p);
}

static void test_within_a_file_system(void **state)
{
    moved(state);
}

static void test_to_another_file_system(void **state)
{
    wrap.apart = true;
    moved(state);
}

static void test_a_copy_that_fails_leaves_all_as_it_was(void **state)
{
    struct places p = places_make(*state);
    struct err err = ERR_INIT;
    wrap.apart = wrap.fails = true;
    assert_int_equal(dir_move(p.from, "7", p.to, &err), ERR_SPACE);
    assert_holds(p.from, "7/privkey.pem", "key", 0600);
    assert_int_equal(entries(p.to), 0);
    places_close(p);
}

static void test_only_files_are_copied(void **state)
{
    struct places p = places_make(*state);
    struct err err = ERR_INIT;
    wrap.apart = true;
    assert_int_equal(symlinkat("/etc/passwd", p.from, "7/link"), 0);
    assert_int_equal(dir_move(p.from, "7", p.to, &err), ERR_REFUSED);
    assert_int_equal(entries(p.to), 0);
    assert_int_equal(entries(p.from), 1);
    places_close(p);
}

static void test_what_is_not_there(void **state)
{
    struct places p = places_make(*state);
    struct err err = ERR_INIT;
    assert_int_equal(dir_move(p.from, "8", p.to, &err), ERR_NOT_FOUND);
    assert_int_equal(dir_move(p.from, "../from/7", p.to, &err), ERR_USAGE);
    wrap.apart = true;
    assert_int_equal(dir_move(p.from, "8", p.to, &err), ERR_NOT_FOUND);
    assert_int_equal(entries(p.to), 0);
    places_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MOVE_TEST(test_within_a_file_system),
        MOVE_TEST(test_to_another_file_system),
        MOVE_TEST(test_a_copy_that_fails_leaves_all_as_it_was),
        MOVE_TEST(test_only_files_are_copied),
        MOVE_TEST(test_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
