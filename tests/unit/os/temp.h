/* A directory of its own for each test, and waiting for children. */
#ifndef EVERCERT_TESTS_OS_TEMP_H
#define EVERCERT_TESTS_OS_TEMP_H

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/attr.h"
#include "os/file.h"

struct temp {
    char path[PATH_MAX];
    int fd;
};

ATTR_UNUSED static int temp_setup(void **state)
{
    struct temp *t = calloc(1, sizeof *t);
    const char *base = getenv("TMPDIR");
    if (t == NULL)
        return -1;
    snprintf(t->path, sizeof t->path, "%s/evercert-test-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(t->path) == NULL || (t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return -1;
    *state = t;
    return 0;
}

ATTR_UNUSED static int temp_teardown(void **state)
{
    struct temp *t = *state;
    int up = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *name;
    int parent = -1, r = dir_open_parent(up, t->path, &parent, &name, NULL);
    if (r == 0)
        r = dir_remove(parent, name, NULL);
    close(parent);
    close(up);
    close(t->fd);
    free(t);
    return r;
}

#define TEMP_TEST(f) cmocka_unit_test_setup_teardown(f, temp_setup, temp_teardown)

/* Runs fn in a child process; its return value (0 to 100) becomes the exit status. Returns the wait status.
 */
ATTR_UNUSED static int in_child(int (*fn)(void *arg), void *arg)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(fn(arg));
    assert_true(pid > 0);
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

#define assert_exited(status, code)                   \
    do {                                              \
        int status_ = (status);                       \
        assert_true(WIFEXITED(status_));              \
        assert_int_equal(WEXITSTATUS(status_), code); \
    } while (0)

#define assert_killed(status, sig)                \
    do {                                          \
        int status_ = (status);                   \
        assert_true(WIFSIGNALED(status_));        \
        assert_int_equal(WTERMSIG(status_), sig); \
    } while (0)

#endif
