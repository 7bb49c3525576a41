#include "os/lock.h"

#include "temp.h"

#include <errno.h>

static int try_lock(void *arg)
{
    const struct temp *t = arg;
    struct err err = ERR_INIT;
    pid_t holder = -1;
    int fd = -1;
    int r = lock_take(t->fd, "lock", &fd, &holder, &err);
    if (r == 0)
        return 0;
    if (r != ERR_LOCKED || fd != -1 || holder != getppid())
        return 1;
    char number[32];
    snprintf(number, sizeof number, "process %ld", (long)getppid());
    return strstr(err.text, number) != NULL ? 3 : 2;
}

static void test_between_processes(void **state)
{
    struct temp *t = *state;
    struct stat st;
    int fd = -1;
    assert_int_equal(lock_take(t->fd, "lock", &fd, NULL, NULL), 0);
    assert_int_equal(fstatat(t->fd, "lock", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    /* Opening and closing the file elsewhere in the process does not lose the lock. */
    int other = openat(t->fd, "lock", O_RDONLY);
    close(other);
    assert_exited(in_child(try_lock, t), 3);
    assert_exited(in_child(try_lock, t), 3);
    fd_close(&fd);
    assert_exited(in_child(try_lock, t), 0);
}

static void test_within_a_process(void **state)
{
    struct temp *t = *state;
    int a = -1, b = -1;
    pid_t holder = -1;
    assert_int_equal(lock_take(t->fd, "lock", &a, NULL, NULL), 0);
    assert_int_equal(lock_take(t->fd, "lock", &b, &holder, NULL), ERR_LOCKED);
    assert_int_equal(holder, getpid());
    fd_close(&a);
    assert_int_equal(lock_take(t->fd, "lock", &b, NULL, NULL), 0);
    fd_close(&b);
}

static int die_with_lock(void *arg)
{
    const struct temp *t = arg;
    int fd;
    return lock_take(t->fd, "lock", &fd, NULL, NULL) == 0 ? 0 : 1;
}

static void test_dead_holder_and_garbage(void **state)
{
    struct temp *t = *state;
    struct err err = ERR_INIT;
    pid_t holder = -1;
    int fd = -1, other = -1;
    char text[32] = "";
    assert_exited(in_child(die_with_lock, t), 0);
    assert_int_equal(lock_take(t->fd, "lock", &fd, NULL, NULL), 0);
    assert_true(pread(fd, text, sizeof text - 1, 0) > 0);
    assert_int_equal(strtol(text, NULL, 10), getpid());
    /* A holder that has not written its number yet, or whose number is garbage, is still a holder. */
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(lock_take(t->fd, "lock", &other, &holder, &err), ERR_LOCKED);
    assert_int_equal(holder, 0);
    assert_int_equal(pwrite(fd, "rubbish", 7, 0), 7);
    assert_int_equal(lock_take(t->fd, "lock", &other, &holder, &err), ERR_LOCKED);
    assert_int_equal(holder, 0);
    fd_close(&fd);
}

static void test_refuses_what_is_no_file(void **state)
{
    struct temp *t = *state;
    struct err err = ERR_INIT;
    int fd = -1;
    assert_int_equal(symlinkat("elsewhere", t->fd, "link"), 0);
    assert_int_equal(lock_take(t->fd, "link", &fd, NULL, &err), ERR_REFUSED);
    assert_int_equal(mkfifoat(t->fd, "fifo", 0600), 0);
    assert_int_equal(lock_take(t->fd, "fifo", &fd, NULL, &err), ERR_REFUSED);
    assert_int_equal(faccessat(t->fd, "elsewhere", F_OK, 0), -1);
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(test_between_processes),
        TEMP_TEST(test_within_a_process),
        TEMP_TEST(test_dead_holder_and_garbage),
        TEMP_TEST(test_refuses_what_is_no_file),
    };
    return cmocka_run_group_tests_name("os/lock", tests, NULL, NULL);
}
