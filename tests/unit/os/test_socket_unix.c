#include "os/socket.h"

#include "temp.h"

#include <errno.h>
#include <sys/socket.h>

#define LONG_NAME \
    "a-directory-with-a-name-so-long-that-two-of-them-are-more-than-an-address-of-a-unix-socket-can-hold"

static void path_of(const struct temp *t, const char *name, char *out, size_t n)
{
    snprintf(out, n, "%s/%s", t->path, name);
}

static void test_listen_connect_peer(void **state)
{
    struct temp *t = *state;
    char path[PATH_MAX + 64];
    int listener = -1, client = -1;
    uid_t uid = 7;
    pid_t pid = 7;
    struct stat st;
    mode_t before = umask(0);
    assert_int_equal(socket_listen_unix(t->fd, "s", 0660, &listener, NULL), 0);
    umask(0777);
    assert_int_equal(fstatat(t->fd, "s", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0660);
    /* A stale one is replaced, with the mode of the new. */
    fd_close(&listener);
    assert_int_equal(socket_listen_unix(t->fd, "s", 0600, &listener, NULL), 0);
    umask(before);
    assert_int_equal(fstatat(t->fd, "s", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    path_of(t, "s", path, sizeof path);
    assert_int_equal(socket_connect_unix(path, &client, NULL), 0);
    int server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
    assert_int_equal(socket_peer(server, &uid, NULL, &pid, NULL), 0);
    assert_int_equal(uid, geteuid());
    assert_int_equal(pid, getpid());
    assert_int_equal(fcntl(client, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(fcntl(client, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(server);
    fd_close(&client);
    fd_close(&listener);
}

static void test_long_paths(void **state)
{
    struct temp *t = *state;
    char path[PATH_MAX + 512];
    int a = -1, b = -1, listener = -1, client = -1;
    char c = 0;
    assert_int_equal(dir_make(t->fd, LONG_NAME, 0700, &a, NULL), 0);
    assert_int_equal(dir_make(a, LONG_NAME, 0700, &b, NULL), 0);
    assert_int_equal(socket_listen_unix(b, LONG_NAME, 0600, &listener, NULL), 0);
    path_of(t, LONG_NAME "/" LONG_NAME "/" LONG_NAME, path, sizeof path);
    assert_true(strlen(path) > 250);
    assert_int_equal(socket_connect_unix(path, &client, NULL), 0);
    int server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
    assert_int_equal(write(client, "x", 1), 1);
    assert_int_equal(read(server, &c, 1), 1);
    close(server);
    fd_close(&client);
    fd_close(&listener);
    struct err err = ERR_INIT;
    assert_int_equal(socket_connect_unix(path, &client, &err), ERR_NOT_FOUND);
    fd_close(&a);
    fd_close(&b);
}

static void test_errors(void **state)
{
    struct temp *t = *state;
    char path[PATH_MAX + 64];
    int fd = -1;
    struct err err = ERR_INIT;
    path_of(t, "s", path, sizeof path);
    assert_int_equal(socket_connect_unix(path, &fd, &err), ERR_NOT_FOUND);
    assert_int_equal(socket_connect_unix("", &fd, &err), ERR_USAGE);
    /* A leftover nobody listens on. */
    assert_int_equal(socket_listen_unix(t->fd, "s", 0600, &fd, NULL), 0);
    fd_close(&fd);
    assert_int_equal(socket_connect_unix(path, &fd, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "nobody listens"));
    /* Only a socket is replaced. */
    assert_int_equal(file_write_new(t->fd, "f", 0600, STR("precious"), NULL), 0);
    assert_int_equal(socket_listen_unix(t->fd, "f", 0600, &fd, &err), ERR_EXISTS);
    assert_int_equal(symlinkat("s", t->fd, "link"), 0);
    assert_int_equal(socket_listen_unix(t->fd, "link", 0600, &fd, &err), ERR_EXISTS);
    assert_int_equal(socket_listen_unix(t->fd, "a/b", 0600, &fd, &err), ERR_USAGE);
    assert_int_equal(fd, -1);
}

/* Clients that connect all the time while the listener is replaced never meet a missing or deaf socket. */
static void test_replacement_is_atomic(void **state)
{
    struct temp *t = *state;
    char path[PATH_MAX + 64];
    int listener = -1, gate[2];
    char c;
    path_of(t, "s", path, sizeof path);
    assert_int_equal(socket_listen_unix(t->fd, "s", 0600, &listener, NULL), 0);
    assert_int_equal(pipe2(gate, O_CLOEXEC | O_NONBLOCK), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(gate[1]);
        int r = 0, client = -1;
        /* Until the other end is closed. */
        while (r == 0 && read(gate[0], &c, 1) < 0) {
            r = socket_connect_unix(path, &client, NULL);
            fd_close(&client);
        }
        _exit(r == 0 || r == ERR_TIMEOUT ? 0 : 1);
    }
    int old[50];
    for (size_t i = 0; i < ARRAY_LEN(old); i++) {
        old[i] = listener;
        assert_int_equal(socket_listen_unix(t->fd, "s", 0600, &listener, NULL), 0);
    }
    close(gate[1]);
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_exited(status, 0);
    for (size_t i = 0; i < ARRAY_LEN(old); i++)
        close(old[i]);
    fd_close(&listener);
    close(gate[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(test_listen_connect_peer),
        TEMP_TEST(test_long_paths),
        TEMP_TEST(test_errors),
        TEMP_TEST(test_replacement_is_atomic),
    };
    return cmocka_run_group_tests_name("os/socket_unix", tests, NULL, NULL);
}
