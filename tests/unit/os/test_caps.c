#include "os/user.h"

#include "temp.h"

#include <sys/prctl.h>

/* The sets as the kernel prints them. */
static bool set_is_empty(const char *status, const char *name)
{
    const char *line = strstr(status, name);
    return line != NULL && strncmp(line + strlen(name), "\t0000000000000000\n", 18) == 0;
}

static int drop(void *arg)
{
    bool root = geteuid() == 0, may_drop_bounding = prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == 1 && root;
    ATTR_CLEANUP(buf_free) struct buf b = buf_new(1 << 16);
    struct err err = ERR_INIT;
    if (caps_drop_all(&err) != 0)
        return 1;
    if (file_read(AT_FDCWD, "/proc/self/status", 1 << 16, &b, NULL) != 0)
        return 2;
    static const char *const sets[] = {"CapInh:", "CapPrm:", "CapEff:", "CapAmb:"};
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        if (!set_is_empty(buf_c(&b), sets[i]))
            return 3;
    }
    if (may_drop_bounding && !set_is_empty(buf_c(&b), "CapBnd:"))
        return 4;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 5;
    /* Still root by name, but without root's powers. */
    if (root && (setgid(12345) == 0 || setuid(12345) == 0))
        return 6;
    /* Again is no failure. */
    return caps_drop_all(NULL) == 0 ? 0 : 7;
}

static void test_drop_all(void **state)
{
    assert_exited(in_child(drop, NULL), 0);
}

/* Files of other users can be read still, and nothing else is left of root. */
static int keep_reading(void *arg)
{
    ATTR_CLEANUP(buf_free) struct buf b = buf_new(1 << 16);
    if (caps_keep_reading(NULL) != 0)
        return 1;
    if (file_read(AT_FDCWD, "/proc/self/status", 1 << 16, &b, NULL) != 0)
        return 2;
    if (geteuid() != 0)
        return set_is_empty(buf_c(&b), "CapPrm:") ? 0 : 3;
    const char *read_search = "CapEff:\t0000000000000004\n", *override = "CapEff:\t0000000000000002\n";
    if (strstr(buf_c(&b), read_search) == NULL && strstr(buf_c(&b), override) == NULL)
        return 4;
    if (setgid(12345) == 0 || setuid(12345) == 0)
        return 5;
    return set_is_empty(buf_c(&b), "CapAmb:") && set_is_empty(buf_c(&b), "CapInh:") ? 0 : 6;
}

static void test_keep_reading(void **state)
{
    assert_exited(in_child(keep_reading, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_drop_all), cmocka_unit_test(test_keep_reading)};
    return cmocka_run_group_tests_name("os/caps", tests, NULL, NULL);
}
