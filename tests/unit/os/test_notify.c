#include "os/notify.h"

#include "temp.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

/* A manager's socket at `name` ("@..." is abstract); sets the environment. */
static int manager(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    memcpy(a.sun_path, name, strlen(name));
    if (name[0] == '@')
        a.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void receive(int fd, char *out, size_t n)
{
    ssize_t got = recv(fd, out, n - 1, 0);
    assert_true(got >= 0);
    out[got] = '\0';
}

static void speak(int fd)
{
    char got[2048];
    struct timespec before, after;
    long long usec = 0;
    assert_int_equal(notify_send(NOTIFY_READY, NULL, NULL), 0);
    receive(fd, got, sizeof got);
    assert_string_equal(got, "READY=1\n");
    assert_int_equal(notify_send(NOTIFY_STOPPING, "two\nlines", NULL), 0);
    receive(fd, got, sizeof got);
    assert_string_equal(got, "STOPPING=1\nSTATUS=two lines\n");
    assert_int_equal(notify_status("3 certificates", NULL), 0);
    receive(fd, got, sizeof got);
    assert_string_equal(got, "STATUS=3 certificates\n");
    assert_int_equal(notify_extend(40, NULL), 0);
    receive(fd, got, sizeof got);
    assert_string_equal(got, "EXTEND_TIMEOUT_USEC=40000000\n");
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(notify_send(NOTIFY_RELOADING, NULL, NULL), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    receive(fd, got, sizeof got);
    assert_int_equal(sscanf(got, "RELOADING=1\nMONOTONIC_USEC=%lld\n", &usec), 1);
    assert_true(usec >= (long long)before.tv_sec * 1000000 + before.tv_nsec / 1000);
    assert_true(usec <= (long long)after.tv_sec * 1000000 + after.tv_nsec / 1000);
}

static void test_file_socket(void **state)
{
    struct temp *t = *state;
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/n", t->path);
    int fd = manager(path);
    assert_true(notify_wanted());
    speak(fd);
    close(fd);
}

static void test_abstract_socket(void **state)
{
    char name[64];
    snprintf(name, sizeof name, "@evercert-test-%ld", (long)getpid());
    int fd = manager(name);
    speak(fd);
    close(fd);
}

static void test_long_status_is_cut(void **state)
{
    struct temp *t = *state;
    char path[PATH_MAX + 16], status[2000], got[2048];
    snprintf(path, sizeof path, "%s/n", t->path);
    int fd = manager(path);
    memset(status, 'x', sizeof status - 1);
    status[sizeof status - 1] = '\0';
    assert_int_equal(notify_status(status, NULL), 0);
    receive(fd, got, sizeof got);
    assert_int_equal(strlen(got), strlen("STATUS=\n") + NOTIFY_STATUS_MAX);
    close(fd);
}

static void test_without_a_manager(void **state)
{
    struct err err = ERR_INIT;
    unsetenv("NOTIFY_SOCKET");
    assert_false(notify_wanted());
    assert_int_equal(notify_send(NOTIFY_READY, "x", &err), 0);
    setenv("NOTIFY_SOCKET", "", 1);
    assert_false(notify_wanted());
    setenv("NOTIFY_SOCKET", "/no/such/socket", 1);
    assert_int_equal(notify_send(NOTIFY_READY, NULL, &err), ERR_NOT_FOUND);
    setenv("NOTIFY_SOCKET", "vsock:1:2", 1);
    assert_int_equal(notify_send(NOTIFY_READY, NULL, &err), ERR_USAGE);
    char longer[200];
    memset(longer, '/', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    setenv("NOTIFY_SOCKET", longer, 1);
    assert_int_equal(notify_send(NOTIFY_READY, NULL, &err), ERR_LIMIT);
    unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(test_file_socket),
        cmocka_unit_test(test_abstract_socket),
        TEMP_TEST(test_long_status_is_cut),
        cmocka_unit_test(test_without_a_manager),
    };
    return cmocka_run_group_tests_name("os/notify", tests, NULL, NULL);
}
