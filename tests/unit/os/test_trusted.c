#include "os/trusted.h"

#include "temp.h"

enum { STRANGER = 54321, STRANGERS = 54322 };

/* mkdtemp makes it for us alone, and everything above it is the system's. */
static int walk(const struct temp *t, const char *path, struct trusted_rule rule, struct err *err)
{
    char whole[PATH_MAX];
    int fd = -1;
    assert_true(snprintf(whole, sizeof whole, "%s/%s", t->path, path) < (int)sizeof whole);
    int r = dir_open_trusted(whole, &rule, &fd, err);
    assert_true((r == 0) == (fd >= 0));
    if (r == 0) { /* the very directory, and of use as one */
        struct stat a, b;
        assert_int_equal(fstat(fd, &a), 0);
        assert_int_equal(stat(whole, &b), 0);
        assert_true(a.st_ino == b.st_ino && S_ISDIR(a.st_mode));
        assert_int_equal(dir_sync(fd, NULL), 0);
        fd_close(&fd);
    }
    return r;
}

static const struct trusted_rule plain = {.secret = false, .group = 0}, secret = {.secret = true, .group = 0};

static void make(const struct temp *t, const char *name, mode_t mode)
{
    assert_int_equal(mkdirat(t->fd, name, 0700), 0);
    assert_int_equal(fchmodat(t->fd, name, mode, 0), 0);
}

static void refuses(
    const struct temp *t, const char *path, struct trusted_rule rule, int code, const char *words)
{
    struct err err = ERR_INIT;
    int r = walk(t, path, rule, &err);
    if (r != code || strstr(err.text, words) == NULL)
        fail_msg("%s: %d \"%s\" instead of %d \"%s\"", path, r, err.text, code, words);
}

static void test_plain_ways(void **state)
{
    struct temp *t = *state;
    int fd = -1;
    make(t, "a", 0755);
    make(t, "a/b", 0750);
    assert_int_equal(walk(t, "a/b", secret, NULL), 0);
    assert_int_equal(walk(t, "./a//b/", secret, NULL), 0);
    assert_int_equal(walk(t, "a/b/../b/..", secret, NULL), 0);
    assert_int_equal(dir_open_trusted("/", &secret, &fd, NULL), 0);
    fd_close(&fd);
    assert_int_equal(dir_open_trusted("/../..", &secret, &fd, NULL), 0);
    fd_close(&fd);
}

static void test_what_is_no_way(void **state)
{
    struct temp *t = *state;
    char path[2 * PATH_MAX];
    int fd = -1;
    make(t, "a", 0755);
    close(openat(t->fd, "a/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    refuses(t, "a/none", plain, ERR_NOT_FOUND, "/a/none");
    refuses(t, "a/none/b", plain, ERR_NOT_FOUND, "/a/none");
    refuses(t, "a/file", plain, ERR_REFUSED, "/a/file is no directory");
    refuses(t, "a/file/b", plain, ERR_REFUSED, "/a/file is no directory");
    assert_int_equal(dir_open_trusted("a", &plain, &fd, NULL), ERR_USAGE);
    assert_int_equal(dir_open_trusted("", &plain, &fd, NULL), ERR_USAGE);
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_int_equal(dir_open_trusted(path, &plain, &fd, NULL), ERR_LIMIT);
    path[NAME_MAX + 2] = '\0';
    assert_int_equal(dir_open_trusted(path, &plain, &fd, NULL), ERR_LIMIT);
}

static void test_our_links_are_followed(void **state)
{
    struct temp *t = *state;
    char target[2 * PATH_MAX], name[32];
    make(t, "real", 0755);
    make(t, "real/below", 0755);
    assert_int_equal(symlinkat("real/below", t->fd, "relative"), 0);
    snprintf(target, sizeof target, "%s/real/", t->path);
    assert_int_equal(symlinkat(target, t->fd, "absolute"), 0);
    assert_int_equal(symlinkat("../../real", t->fd, "real/below/up"), 0);
    assert_int_equal(walk(t, "relative", secret, NULL), 0);
    assert_int_equal(walk(t, "absolute/below/up/below", secret, NULL), 0);
    assert_int_equal(symlinkat("gone", t->fd, "dangling"), 0);
    refuses(t, "dangling", plain, ERR_NOT_FOUND, "/gone");
    assert_int_equal(symlinkat("circle", t->fd, "circle"), 0);
    refuses(t, "circle/x", plain, ERR_LIMIT, "symbolic links");
    assert_int_equal(symlinkat("real", t->fd, "l0"), 0);
    for (int i = 1; i <= TRUSTED_LINKS_MAX; i++) {
        snprintf(target, sizeof target, "l%d", i - 1);
        snprintf(name, sizeof name, "l%d", i);
        assert_int_equal(symlinkat(target, t->fd, name), 0);
    }
    snprintf(name, sizeof name, "l%d", TRUSTED_LINKS_MAX - 1);
    assert_int_equal(walk(t, name, plain, NULL), 0);
    snprintf(name, sizeof name, "l%d", TRUSTED_LINKS_MAX);
    refuses(t, name, plain, ERR_LIMIT, "symbolic links");
    memset(target, 'x', PATH_MAX - 2);
    target[PATH_MAX - 2] = '\0';
    assert_int_equal(symlinkat(target, t->fd, "long"), 0);
    refuses(t, "long/and/more", plain, ERR_LIMIT, "too long");
}

static void test_links_that_others_could_have_put_there(void **state)
{
    struct temp *t = *state;
    make(t, "real", 0755);
    make(t, "open", 0777);
    make(t, "sticky", 01777);
    assert_int_equal(symlinkat("../real", t->fd, "open/link"), 0);
    assert_int_equal(symlinkat("../real", t->fd, "sticky/link"), 0);
    refuses(t, "open/link", plain, ERR_REFUSED, "/open/link is a symbolic link in a directory that others");
    assert_int_equal(walk(t, "sticky/link", plain, NULL), 0); /* there nobody moves what is ours */
    if (geteuid() != 0)
        return;
    make(t, "groups", 0775);
    assert_int_equal(fchownat(t->fd, "groups", 0, STRANGERS, 0), 0);
    assert_int_equal(symlinkat("../real", t->fd, "groups/link"), 0);
    refuses(t, "groups/link", (struct trusted_rule){false, STRANGERS}, ERR_REFUSED, "others may change");
    assert_int_equal(symlinkat("real", t->fd, "theirs"), 0);
    assert_int_equal(fchownat(t->fd, "theirs", STRANGER, STRANGERS, AT_SYMLINK_NOFOLLOW), 0);
    refuses(t, "theirs", plain, ERR_REFUSED, "/theirs is a symbolic link of user 54321");
    make(t, "home", 0755);
    assert_int_equal(symlinkat("../real", t->fd, "home/link"), 0);
    assert_int_equal(fchownat(t->fd, "home", STRANGER, STRANGERS, 0), 0);
    refuses(t, "home/link", plain, ERR_REFUSED, "/home/link is a symbolic link in a directory that others");
    make(t, "home/real", 0755);
    assert_int_equal(fchownat(t->fd, "home/real", STRANGER, STRANGERS, 0), 0);
    assert_int_equal(walk(t, "home/real", secret, NULL), 0); /* a directory can only be where it is */
}

static void test_directories_that_others_may_change(void **state)
{
    struct temp *t = *state;
    make(t, "open", 0777);
    make(t, "open/below", 0755);
    refuses(t, "open/below", secret, ERR_REFUSED, "/open may be changed by everybody (mode 0777)");
    refuses(t, "open", secret, ERR_REFUSED, "chmod o-w ");
    assert_int_equal(walk(t, "open/below", plain, NULL), 0);
    make(t, "sticky", 01777);
    make(t, "sticky/below", 0755);
    assert_int_equal(walk(t, "sticky/below", secret, NULL), 0);
    refuses(t, "sticky", secret, ERR_REFUSED, "/sticky may be changed by everybody (mode 1777)");
    assert_int_equal(walk(t, "sticky", plain, NULL), 0);
    if (geteuid() != 0)
        return;
    make(t, "groups", 0775);
    make(t, "groups/below", 0755);
    assert_int_equal(walk(t, "groups/below", secret, NULL), 0); /* root's own group */
    assert_int_equal(fchownat(t->fd, "groups", 0, STRANGERS, 0), 0);
    refuses(t, "groups/below", secret, ERR_REFUSED, "/groups may be changed by group 54322");
    refuses(t, "groups", secret, ERR_REFUSED, "chmod g-w ");
    assert_int_equal(walk(t, "groups", (struct trusted_rule){true, STRANGERS}, NULL), 0);
    assert_int_equal(walk(t, "groups", plain, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(test_plain_ways),
        TEMP_TEST(test_what_is_no_way),
        TEMP_TEST(test_our_links_are_followed),
        TEMP_TEST(test_links_that_others_could_have_put_there),
        TEMP_TEST(test_directories_that_others_may_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
