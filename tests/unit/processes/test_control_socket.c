#include "../os/temp.h"

#include "os/socket.h"
#include "processes/control_socket.h"

static void test_path(void **state)
{
    char out[200];
    assert_int_equal(control_socket_path("/var/lib/evercert", out, sizeof out, NULL), 0);
    assert_string_equal(out, "/run/evercert/control.sock");
    assert_int_equal(control_socket_path("/srv/certs", out, sizeof out, NULL), 0);
    assert_string_equal(out, "/srv/certs/control.sock");
    assert_int_equal(control_socket_path("/var/lib/evercert2", out, sizeof out, NULL), 0);
    assert_string_equal(out, "/var/lib/evercert2/control.sock");
}

static void test_path_limit(void **state)
{
    struct err err = ERR_INIT;
    char out[sizeof "/srv/control.sock"];
    assert_int_equal(control_socket_path("/srv", out, sizeof out, &err), 0);
    assert_string_equal(out, "/srv/control.sock");
    assert_int_equal(control_socket_path("/srv1", out, sizeof out, &err), ERR_LIMIT);
    assert_non_null(strstr(err.text, "too long"));
}

static int dial(const struct temp *t)
{
    char path[PATH_MAX];
    int fd = -1;
    if (control_socket_path(t->path, path, sizeof path, NULL) < 0 || socket_connect_unix(path, &fd, NULL) < 0)
        return -1;
    return fd;
}

static void test_listen(void **state)
{
    struct temp *t = *state;
    struct stat st;
    int listening = -1;
    assert_int_equal(dial(t), -1);
    assert_int_equal(control_socket_listen(t->path, t->fd, &listening, NULL), 0);
    assert_true(listening >= 0);
    /* Only its owner may command the daemon. */
    assert_int_equal(fstatat(t->fd, CONTROL_NAME, &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0600);
    int client = dial(t);
    assert_true(client >= 0);
    close(client);
    control_socket_remove(t->path, t->fd);
    assert_int_equal(fstatat(t->fd, CONTROL_NAME, &st, AT_SYMLINK_NOFOLLOW), -1);
    assert_int_equal(dial(t), -1);
    control_socket_remove(t->path, t->fd); /* nothing to do is no fault */
    close(listening);
}

/* A daemon that was killed leaves its socket behind. */
static void test_leftover(void **state)
{
    struct temp *t = *state;
    int first = -1, second = -1;
    assert_int_equal(control_socket_listen(t->path, t->fd, &first, NULL), 0);
    close(first);
    assert_int_equal(dial(t), -1);
    assert_int_equal(control_socket_listen(t->path, t->fd, &second, NULL), 0);
    int client = dial(t);
    assert_true(client >= 0);
    close(client);
    close(second);
}

static void test_in_the_way(void **state)
{
    struct temp *t = *state;
    struct err err = ERR_INIT;
    int listening = -1;
    int file = openat(t->fd, CONTROL_NAME, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(control_socket_listen(t->path, t->fd, &listening, &err), ERR_EXISTS);
    assert_int_equal(listening, -1);
    assert_non_null(strstr(err.text, CONTROL_NAME));
}

static void test_closed_directory(void **state)
{
    struct err err = ERR_INIT;
    int listening = -1;
    assert_int_equal(control_socket_listen("/srv/certs", -1, &listening, &err), ERR_IO);
    assert_non_null(strstr(err.text, "/srv/certs"));
    control_socket_remove("/srv/certs", -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_path_limit),
        TEMP_TEST(test_listen),
        TEMP_TEST(test_leftover),
        TEMP_TEST(test_in_the_way),
        cmocka_unit_test(test_closed_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
