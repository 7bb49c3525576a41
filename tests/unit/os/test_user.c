#include "os/user.h"

#include "temp.h"

#include <grp.h>

static void test_by_name(void **state)
{
    struct user u;
    struct err err = ERR_INIT;
    gid_t gid = 77;
    assert_int_equal(user_by_name("root", &u, &err), 0);
    assert_int_equal(u.uid, 0);
    assert_int_equal(u.gid, 0);
    assert_string_equal(u.name, "root");
    assert_string_equal(u.home, "/root");
    assert_int_equal(group_by_name("root", &gid, &err), 0);
    assert_int_equal(gid, 0);
    assert_int_equal(user_by_name("no-such-user-here", &u, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "no-such-user-here"));
    assert_int_equal(group_by_name("no-such-group-here", &gid, &err), ERR_NOT_FOUND);
    assert_int_equal(user_by_name("", &u, &err), ERR_NOT_FOUND);
}

static void test_by_number(void **state)
{
    struct user u;
    struct err err = ERR_INIT;
    gid_t gid = 77;
    assert_int_equal(user_by_name("0", &u, &err), 0);
    assert_string_equal(u.name, "root");
    assert_int_equal(user_by_name("3123456789", &u, &err), 0);
    assert_int_equal(u.uid, 3123456789u);
    assert_int_equal(u.gid, 3123456789u);
    assert_string_equal(u.name, "3123456789");
    assert_string_equal(u.home, "/");
    assert_int_equal(group_by_name("3123456789", &gid, &err), 0);
    assert_int_equal(gid, 3123456789u);
    /* -1 as a number, and beyond. */
    assert_int_equal(user_by_name("4294967295", &u, &err), ERR_NOT_FOUND);
    assert_int_equal(user_by_name("-1", &u, &err), ERR_NOT_FOUND);
    assert_int_equal(group_by_name("4294967296", &gid, &err), ERR_NOT_FOUND);
}

static void test_current_and_name(void **state)
{
    struct user u;
    char name[USER_NAME_MAX];
    user_current(&u);
    assert_int_equal(u.uid, geteuid());
    assert_int_equal(u.gid, getegid());
    assert_string_equal(user_name(geteuid(), name), u.name);
    assert_string_equal(user_name(3123456789u, name), "3123456789");
}

static void test_groups(void **state)
{
    struct user u;
    gid_t groups[USER_GROUPS_MAX];
    size_t n = 0;
    assert_int_equal(user_by_name("root", &u, NULL), 0);
    assert_int_equal(user_groups(&u, groups, &n, NULL), 0);
    assert_true(n >= 1);
    assert_int_equal(groups[0], 0);
}

static int become_other(void *arg)
{
    struct err err = ERR_INIT;
    int r = user_become(12345, 12346, &err);
    if (geteuid() != 0 && r == ERR_PERMISSION)
        return 100;
    if (r != 0)
        return 1;
    if (getuid() != 12345 || geteuid() != 12345 || getgid() != 12346 || getegid() != 12346 ||
        getgroups(0, NULL) != 0)
        return 2;
    if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 || setgroups(0, NULL) == 0)
        return 3;
    /* Becoming the same again is fine, someone else is not. */
    if (user_become(12345, 12346, NULL) != 0 || user_become(0, 0, NULL) != ERR_PERMISSION ||
        user_become(12345, 0, NULL) != ERR_PERMISSION)
        return 4;
    return 101;
}

static void test_become(void **state)
{
    assert_exited(in_child(become_other, NULL), geteuid() == 0 ? 101 : 100);
}

static int become_same(void *arg)
{
    return user_become(geteuid(), getegid(), NULL) == 0 ? 0 : 1;
}

static void test_become_who_we_are(void **state)
{
    struct err err = ERR_INIT;
    assert_exited(in_child(become_same, NULL), 0);
    /* "Leave it" is not a user. */
    assert_true(user_become((uid_t)-1, 0, &err) < 0);
    assert_true(user_become(0, (gid_t)-1, &err) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_name),
        cmocka_unit_test(test_by_number),
        cmocka_unit_test(test_current_and_name),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_become),
        cmocka_unit_test(test_become_who_we_are),
    };
    return cmocka_run_group_tests_name("os/user", tests, NULL, NULL);
}
