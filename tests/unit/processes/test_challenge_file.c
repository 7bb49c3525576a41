#include "processes/parent/challenge_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOMEBODY = 4711, NOBODY = 65534 };

#define TOKEN "Zm9v-_9"

/* A directory of its own, opened: paths below it are relative to it. */
static struct {
    char path[64], webroot[128];
    int fd;
} here;

static int set_up(void **state)
{
    snprintf(here.path, sizeof here.path, "/tmp/test-webroot-XXXXXX");
    assert_non_null(mkdtemp(here.path));
    assert_int_equal(chmod(here.path, 0755), 0);
    snprintf(here.webroot, sizeof here.webroot, "%s/www", here.path);
    assert_int_equal(mkdir(here.webroot, 0755), 0);
    assert_int_equal(dir_open(AT_FDCWD, here.webroot, &here.fd, NULL), 0);
    return 0;
}

static int tear_down(void **state)
{
    char name[64];
    int tmp;
    fd_close(&here.fd);
    snprintf(name, sizeof name, "%s", strrchr(here.path, '/') + 1);
    assert_int_equal(dir_open(AT_FDCWD, "/tmp", &tmp, NULL), 0);
    assert_int_equal(dir_remove(tmp, name, NULL), 0);
    fd_close(&tmp);
    return 0;
}

static void put(void)
{
    struct err err = ERR_INIT;
    if (challenge_file_put(here.webroot, TOKEN, "value", &err) < 0)
        fail_msg("%s", err.text);
}

static struct stat stat_of(const char *path)
{
    struct stat st;
    assert_int_equal(fstatat(here.fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st;
}

static void expect_error(int r, const struct err *err, int code, const char *text)
{
    if (r != code || err->code != code || strstr(err->text, text) == NULL ||
        strncmp(err->text, "webroot /", 9) != 0 || strstr(err->text, here.webroot) == NULL)
        fail_msg("%d: %s", r, err->text);
}

#define EXPECT_PUT(code, text)                                                                \
    do {                                                                                      \
        struct err err_ = ERR_INIT;                                                           \
        expect_error(challenge_file_put(here.webroot, TOKEN, "x", &err_), &err_, code, text); \
        err_ = (struct err)ERR_INIT;                                                          \
        expect_error(challenge_file_check(here.webroot, &err_), &err_, code, text);           \
    } while (0)

/* What servers need to read it, whatever this process is allowed otherwise. */
static void modes_are_for_the_server(void **state)
{
    mode_t before = umask(0077);
    assert_int_equal(challenge_file_check(here.webroot, NULL), 0);
    assert_int_equal(faccessat(here.fd, ".well-known", F_OK, 0), -1);
    put();
    umask(before);
    assert_int_equal(stat_of(".well-known").st_mode & 07777, 0755);
    assert_int_equal(stat_of(".well-known/acme-challenge").st_mode & 07777, 0755);
    assert_int_equal(stat_of(".well-known/acme-challenge/" TOKEN).st_mode, S_IFREG | 0644);
    assert_int_equal(challenge_file_check(here.webroot, NULL), 0);
    struct buf text = buf_new(100);
    assert_int_equal(file_read(here.fd, ".well-known/acme-challenge/" TOKEN, 100, &text, NULL), 0);
    assert_string_equal(buf_c(&text), "value");
    buf_free(&text);
}

static void it_belongs_to_whom_the_webroot_belongs(void **state)
{
    if (geteuid() == 0)
        assert_int_equal(fchown(here.fd, SOMEBODY, SOMEBODY + 1), 0);
    put();
    struct stat root = stat_of(".");
    static const char *const made[] = {
        ".well-known", ".well-known/acme-challenge", ".well-known/acme-challenge/" TOKEN};
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        assert_int_equal(stat_of(made[i]).st_uid, root.st_uid);
        assert_int_equal(stat_of(made[i]).st_gid, root.st_gid);
    }
}

static void what_is_there_keeps_owner_and_mode(void **state)
{
    assert_int_equal(mkdirat(here.fd, ".well-known", 0700), 0);
    assert_int_equal(fchmodat(here.fd, ".well-known", 0775, 0), 0);
    if (geteuid() == 0)
        assert_int_equal(fchown(here.fd, SOMEBODY, SOMEBODY), 0);
    put();
    assert_int_equal(stat_of(".well-known").st_mode & 07777, 0775);
    assert_int_equal(stat_of(".well-known").st_uid, geteuid());
    assert_int_equal(stat_of(".well-known/acme-challenge").st_uid, stat_of(".").st_uid);
}

static void a_file_of_before_is_replaced(void **state)
{
    put();
    assert_int_equal(challenge_file_put(here.webroot, TOKEN, "other", NULL), 0);
    assert_int_equal(stat_of(".well-known/acme-challenge/" TOKEN).st_size, 5);
    assert_int_equal(unlinkat(here.fd, ".well-known/acme-challenge/" TOKEN, 0), 0);
    assert_int_equal(symlinkat("../../victim", here.fd, ".well-known/acme-challenge/" TOKEN), 0);
    put();
    assert_true(S_ISREG(stat_of(".well-known/acme-challenge/" TOKEN).st_mode));
    assert_int_equal(faccessat(here.fd, "victim", F_OK, 0), -1);
}

static void removing_leaves_the_rest(void **state)
{
    assert_int_equal(challenge_file_remove(here.webroot, TOKEN, NULL), 0);
    assert_int_equal(faccessat(here.fd, ".well-known", F_OK, 0), -1);
    put();
    assert_int_equal(file_write_new(here.fd, "other", 0600, STR("x"), NULL), 0);
    assert_int_equal(challenge_file_remove(here.webroot, TOKEN, NULL), 0);
    assert_int_equal(challenge_file_remove(here.webroot, TOKEN, NULL), 0);
    assert_int_equal(faccessat(here.fd, ".well-known/acme-challenge/" TOKEN, F_OK, 0), -1);
    assert_int_equal(faccessat(here.fd, ".well-known/acme-challenge", F_OK, 0), 0);
    assert_int_equal(faccessat(here.fd, "other", F_OK, 0), 0);
    assert_int_equal(challenge_file_remove("/nonexistent/webroot", TOKEN, NULL), 0);
}

static void links_are_not_followed(void **state)
{
    assert_int_equal(mkdirat(here.fd, "elsewhere", 0755), 0);
    assert_int_equal(symlinkat("elsewhere", here.fd, ".well-known"), 0);
    EXPECT_PUT(ERR_REFUSED, ": .well-known is a symbolic link, which is not followed");
    assert_int_equal(challenge_file_remove(here.webroot, TOKEN, NULL), ERR_REFUSED);
    assert_int_equal(unlinkat(here.fd, ".well-known", 0), 0);
    assert_int_equal(mkdirat(here.fd, ".well-known", 0755), 0);
    assert_int_equal(symlinkat("../elsewhere", here.fd, ".well-known/acme-challenge"), 0);
    EXPECT_PUT(ERR_REFUSED, ": .well-known/acme-challenge is a symbolic link, which is not followed");
    assert_int_equal(faccessat(here.fd, "elsewhere/" TOKEN, F_OK, 0), -1);
    assert_int_equal(unlinkat(here.fd, ".well-known/acme-challenge", 0), 0);
    assert_int_equal(file_write_new(here.fd, "file", 0644, STR(""), NULL), 0);
    assert_int_equal(linkat(here.fd, "file", here.fd, ".well-known/acme-challenge", 0), 0);
    EXPECT_PUT(ERR_REFUSED, ": .well-known/acme-challenge is not a directory");
}

static void what_everybody_writes_is_not_trusted(void **state)
{
    put();
    assert_int_equal(fchmodat(here.fd, ".well-known/acme-challenge", 0757, 0), 0);
    EXPECT_PUT(ERR_REFUSED, ": every user of this machine can write to .well-known/acme-challenge and so");
    assert_int_equal(fchmodat(here.fd, ".well-known/acme-challenge", 0775, 0), 0);
    assert_int_equal(fchmodat(here.fd, ".well-known", 01777, 0), 0);
    EXPECT_PUT(ERR_REFUSED, ": every user of this machine can write to .well-known and so");
}

static void a_webroot_is_a_directory_that_is_there(void **state)
{
    struct err err = ERR_INIT;
    char path[160];
    snprintf(path, sizeof path, "%s/nowhere", here.webroot);
    expect_error(challenge_file_put(path, TOKEN, "x", &err), &err, ERR_NOT_FOUND,
        "/nowhere: No such file or directory; write the directory");
    assert_int_equal(faccessat(here.fd, "nowhere", F_OK, 0), -1);
    assert_int_equal(file_write_new(here.fd, "nowhere", 0644, STR(""), NULL), 0);
    expect_error(challenge_file_put(path, TOKEN, "x", &err), &err, ERR_INPUT, "/nowhere: it is no directory");
    expect_error(challenge_file_check(path, &err), &err, ERR_INPUT, "/nowhere: it is no directory");
}

/* As somebody who is not root: root is kept from nothing. */
static void a_webroot_that_cannot_be_written_says_by_whom(void **state)
{
    char user[64];
    assert_int_equal(fchmod(here.fd, 0555), 0);
    if (geteuid() == 0)
        assert_int_equal(seteuid(NOBODY), 0);
    snprintf(user, sizeof user, "evercert runs with the user id %u here", (unsigned)geteuid());
    EXPECT_PUT(ERR_PERMISSION, user);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(fchmod(here.fd, 0711), 0);
    if (getuid() == 0)
        assert_int_equal(seteuid(NOBODY), 0);
    else
        assert_int_equal(fchmod(here.fd, 0311), 0);
    EXPECT_PUT(ERR_PERMISSION, "must be allowed to read and write there");
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(fchmod(here.fd, 0755), 0);
}

static void tokens_are_file_names(void **state)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "../x", "a b", "a.b", "\n"};
    char longest[300];
    memset(longest, 'a', sizeof longest);
    longest[257] = '\0';
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(challenge_file_put(here.webroot, bad[i], "x", NULL), ERR_REFUSED);
        assert_int_equal(challenge_file_remove(here.webroot, bad[i], NULL), ERR_REFUSED);
    }
    assert_int_equal(challenge_file_put(here.webroot, longest, "x", NULL), ERR_REFUSED);
    assert_int_equal(faccessat(here.fd, ".well-known", F_OK, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(modes_are_for_the_server, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_belongs_to_whom_the_webroot_belongs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_there_keeps_owner_and_mode, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_before_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removing_leaves_the_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_are_not_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_everybody_writes_is_not_trusted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_webroot_is_a_directory_that_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_webroot_that_cannot_be_written_says_by_whom, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tokens_are_file_names, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
