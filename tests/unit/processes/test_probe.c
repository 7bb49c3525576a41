#include "../os/temp.h"

#include "processes/probe.h"

static int run(void *arg)
{
    if (dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO) < 0)
        return 78;
    return probe_run(arg);
}

/* Outside a sandbox what it tries works; the integration tests see it fail inside. A child, because exec does
 * not come back. */
static void test_outside(void **state)
{
    char exec[] = "exec", ptrace[] = "ptrace";
    assert_exited(in_child(run, exec), PROBE_SUCCEEDED);
    assert_exited(in_child(run, ptrace), PROBE_SUCCEEDED);
}

/* Nobody listens on port 9 of loopback: another reason than a refusal, and told apart from one. */
static void test_other_reason(void **state)
{
    char connect[] = "connect";
    int status = in_child(run, connect);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == PROBE_OTHER || WEXITSTATUS(status) == PROBE_SUCCEEDED);
}

static void test_unknown(void **state)
{
    assert_int_equal(probe_run(""), PROBE_UNKNOWN);
    assert_int_equal(probe_run("Open"), PROBE_UNKNOWN);
    assert_int_equal(probe_run("open "), PROBE_UNKNOWN);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outside),
        cmocka_unit_test(test_other_reason),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
