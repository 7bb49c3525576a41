#include "temp.h"

#include <dirent.h>

static void make_file(int at, const char *path)
{
    int fd = openat(at, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static bool exists(int at, const char *name)
{
    struct stat st;
    return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_open_refuses_links_and_files(void **state)
{
    struct temp *t = *state;
    struct err err = ERR_INIT;
    int fd = -1;
    assert_int_equal(mkdirat(t->fd, "real", 0700), 0);
    assert_int_equal(mkdirat(t->fd, "real/below", 0700), 0);
    assert_int_equal(symlinkat("real", t->fd, "link"), 0);
    make_file(t->fd, "file");
    assert_int_equal(dir_open(t->fd, "link", &fd, &err), ERR_REFUSED);
    assert_non_null(strstr(err.text, "symbolic link"));
    assert_int_equal(dir_open(t->fd, "file", &fd, &err), ERR_REFUSED);
    assert_int_equal(dir_open(t->fd, "none", &fd, &err), ERR_NOT_FOUND);
    assert_int_equal(fd, -1);
    assert_int_equal(dir_open(t->fd, "link/below", &fd, &err), 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    fd_close(&fd);
}

static void test_open_parent(void **state)
{
    struct temp *t = *state;
    struct err err = ERR_INIT;
    const char *name = NULL;
    int fd = -1;
    assert_int_equal(mkdirat(t->fd, "real", 0700), 0);
    make_file(t->fd, "real/f");
    assert_int_equal(symlinkat("real", t->fd, "link"), 0);
    assert_int_equal(dir_open_parent(t->fd, "link/f", &fd, &name, NULL), 0);
    assert_string_equal(name, "f");
    assert_true(exists(fd, "f"));
    fd_close(&fd);
    assert_int_equal(dir_open_parent(t->fd, "g", &fd, &name, NULL), 0);
    assert_true(exists(fd, "real"));
    fd_close(&fd);
    assert_int_equal(dir_open_parent(AT_FDCWD, "/etc", &fd, &name, NULL), 0);
    assert_string_equal(name, "etc");
    assert_true(exists(fd, "etc"));
    fd_close(&fd);
    assert_int_equal(dir_open_parent(t->fd, "real/", &fd, &name, &err), ERR_USAGE);
    assert_int_equal(dir_open_parent(t->fd, "real/..", &fd, &name, &err), ERR_USAGE);
    assert_int_equal(dir_open_parent(t->fd, "", &fd, &name, &err), ERR_USAGE);
    assert_int_equal(dir_open_parent(t->fd, "none/f", &fd, &name, &err), ERR_NOT_FOUND);
}

static void test_make(void **state)
{
    struct temp *t = *state;
    struct stat st;
    struct err err = ERR_INIT;
    int fd = -1;
    mode_t before = umask(0);
    assert_int_equal(dir_make(t->fd, "a", 0711, &fd, NULL), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0711);
    fd_close(&fd);
    umask(0077);
    assert_int_equal(dir_make(t->fd, "b", 0755, &fd, NULL), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    fd_close(&fd);
    /* A umask against oneself: root does not mind. */
    umask(0777);
    assert_int_equal(dir_make(t->fd, "c", 0755, &fd, &err), geteuid() == 0 ? 0 : ERR_PERMISSION);
    assert_true(exists(t->fd, "c") == (geteuid() == 0));
    fd_close(&fd);
    umask(before);
    /* What is there keeps its mode. */
    assert_int_equal(dir_make(t->fd, "a", 0700, &fd, NULL), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0711);
    fd_close(&fd);
    make_file(t->fd, "f");
    assert_int_equal(symlinkat("a", t->fd, "link"), 0);
    assert_int_equal(dir_make(t->fd, "f", 0700, &fd, &err), ERR_REFUSED);
    assert_int_equal(dir_make(t->fd, "link", 0700, &fd, &err), ERR_REFUSED);
    assert_int_equal(fd, -1);
}

struct seen {
    int files, dirs, links, other;
    int stop_with;
};

static int look(int dir, const char *name, int type, void *arg, struct err *err)
{
    struct seen *seen = arg;
    *(type == DT_REG     ? &seen->files
        : type == DT_DIR ? &seen->dirs
        : type == DT_LNK ? &seen->links
                         : &seen->other) += 1;
    return seen->stop_with < 0 ? err_set(err, seen->stop_with, "%s", name) : seen->stop_with;
}

static void test_each(void **state)
{
    struct temp *t = *state;
    struct seen seen = {0};
    struct err err = ERR_INIT;
    assert_int_equal(dir_each(t->fd, look, &seen, NULL), 0);
    make_file(t->fd, "f");
    make_file(t->fd, ".hidden");
    assert_int_equal(mkdirat(t->fd, "d", 0700), 0);
    assert_int_equal(symlinkat("x", t->fd, "l"), 0);
    /* Twice: the walk has a position of its own. */
    for (int i = 0; i < 2; i++) {
        seen = (struct seen){0};
        assert_int_equal(dir_each(t->fd, look, &seen, NULL), 0);
        assert_int_equal(seen.files, 2);
        assert_int_equal(seen.dirs, 1);
        assert_int_equal(seen.links, 1);
        assert_int_equal(seen.other, 0);
    }
    seen = (struct seen){.stop_with = 7};
    assert_int_equal(dir_each(t->fd, look, &seen, NULL), 7);
    assert_int_equal(seen.files + seen.dirs + seen.links, 1);
    seen = (struct seen){.stop_with = ERR_CANCELLED};
    assert_int_equal(dir_each(t->fd, look, &seen, &err), ERR_CANCELLED);
    assert_int_equal(err.code, ERR_CANCELLED);
}

static void test_remove(void **state)
{
    struct temp *t = *state;
    assert_int_equal(mkdirat(t->fd, "keep", 0700), 0);
    make_file(t->fd, "keep/precious");
    assert_int_equal(mkdirat(t->fd, "tree", 0700), 0);
    assert_int_equal(mkdirat(t->fd, "tree/sub", 0700), 0);
    make_file(t->fd, "file");
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof name, "tree/sub/f%d", i);
        assert_int_equal(linkat(t->fd, "file", t->fd, name, 0), 0);
    }
    /* Links to what must stay. */
    assert_int_equal(symlinkat("../keep", t->fd, "tree/link"), 0);
    assert_int_equal(symlinkat("keep", t->fd, "link"), 0);
    assert_int_equal(dir_remove(t->fd, "tree", NULL), 0);
    assert_false(exists(t->fd, "tree"));
    assert_int_equal(dir_remove(t->fd, "link", NULL), 0);
    assert_false(exists(t->fd, "link"));
    assert_int_equal(dir_remove(t->fd, "file", NULL), 0);
    assert_true(exists(t->fd, "keep/precious"));
    assert_int_equal(dir_remove(t->fd, "tree", NULL), ERR_NOT_FOUND);
}

static void test_remove_is_bounded(void **state)
{
    struct temp *t = *state;
    struct err err = ERR_INIT;
    int at[DIR_REMOVE_DEPTH_MAX + 2];
    at[0] = t->fd;
    for (int i = 0; i <= DIR_REMOVE_DEPTH_MAX; i++)
        assert_int_equal(dir_make(at[i], "d", 0700, &at[i + 1], NULL), 0);
    assert_int_equal(dir_remove(t->fd, "d", &err), ERR_LIMIT);
    assert_true(exists(at[DIR_REMOVE_DEPTH_MAX], "d"));
    /* One less is within the limit. */
    assert_int_equal(dir_remove(at[1], "d", &err), 0);
    for (int i = 1; i <= DIR_REMOVE_DEPTH_MAX + 1; i++)
        fd_close(&at[i]);
}

static void test_sweep(void **state)
{
    struct temp *t = *state;
    char name[FILE_TEMP_NAME_MAX];
    make_file(t->fd, "a");
    make_file(t->fd, ".tmpx");
    make_file(t->fd, file_temp_name(name));
    assert_int_equal(symlinkat("a", t->fd, file_temp_name(name)), 0);
    assert_int_equal(mkdirat(t->fd, ".tmp-dir", 0700), 0);
    make_file(t->fd, ".tmp-dir/f");
    assert_int_equal(dir_sweep(t->fd, NULL), 0);
    struct seen seen = {0};
    assert_int_equal(dir_each(t->fd, look, &seen, NULL), 0);
    assert_int_equal(seen.files, 2);
    assert_int_equal(seen.dirs + seen.links + seen.other, 0);
    assert_true(exists(t->fd, "a"));
    assert_true(exists(t->fd, ".tmpx"));
}

static void test_sync(void **state)
{
    struct temp *t = *state;
    struct err err = ERR_INIT;
    assert_int_equal(dir_sync(t->fd, NULL), 0);
    assert_int_equal(dir_sync(AT_FDCWD, NULL), 0);
    assert_int_equal(dir_sync(-1, &err), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(test_open_refuses_links_and_files),
        TEMP_TEST(test_open_parent),
        TEMP_TEST(test_make),
        TEMP_TEST(test_each),
        TEMP_TEST(test_remove),
        TEMP_TEST(test_remove_is_bounded),
        TEMP_TEST(test_sweep),
        TEMP_TEST(test_sync),
    };
    return cmocka_run_group_tests_name("os/dir", tests, NULL, NULL);
}
