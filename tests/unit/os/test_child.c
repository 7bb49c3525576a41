#include "os/child.h"

#include "temp.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#define SHELL "/bin/sh"

static char *const no_env[] = {NULL};

/* Starts `sh -c script` with standard output and further descriptors mapped; returns its process number. */
static pid_t start_shell(const char *script, struct child_spec spec)
{
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(script), NULL};
    struct err err = ERR_INIT;
    pid_t pid = -1;
    spec.path = SHELL;
    spec.argv = argv;
    if (spec.envp == NULL)
        spec.envp = no_env;
    int r = child_spawn(&spec, &pid, &err);
    free(argv[2]);
    if (r < 0)
        print_error("%s\n", err.text);
    assert_int_equal(r, 0);
    return pid;
}

static int wait_for(pid_t pid)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void read_to_end(int fd, char *out, size_t n)
{
    size_t got = 0;
    ssize_t r;
    while (got < n - 1 && (r = read(fd, out + got, n - 1 - got)) > 0)
        got += (size_t)r;
    out[got] = '\0';
}

/* Runs the script with its output caught; it must succeed. */
static void run_shell(const char *script, struct child_spec spec, char *out, size_t n)
{
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    struct child_fd map[8];
    assert_true(spec.fds_n < ARRAY_LEN(map));
    for (size_t i = 0; i < spec.fds_n; i++)
        map[i] = spec.fds[i];
    map[spec.fds_n++] = (struct child_fd){p[1], 1};
    spec.fds = map;
    pid_t pid = start_shell(script, spec);
    close(p[1]);
    read_to_end(p[0], out, n);
    close(p[0]);
    assert_exited(wait_for(pid), 0);
}

static void test_errors_reach_the_caller(void **state)
{
    struct temp *t = *state;
    char path[PATH_MAX + 16];
    char *argv[] = {(char[]){"x"}, NULL};
    struct child_spec spec = {.path = path, .argv = argv};
    struct err err = ERR_INIT;
    pid_t pid = -7;
    snprintf(path, sizeof path, "%s/program", t->path);
    assert_int_equal(child_spawn(&spec, &pid, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(file_write_new(t->fd, "program", 0644, STR("#!/bin/sh\nexit 0\n"), NULL), 0);
    assert_int_equal(child_spawn(&spec, &pid, &err), ERR_PERMISSION);
    assert_int_equal(file_replace(t->fd, "program", 0755, STR("#!/no/such/interpreter\n"), NULL), 0);
    assert_int_equal(child_spawn(&spec, &pid, &err), ERR_NOT_FOUND);
    assert_int_equal(file_replace(t->fd, "program", 0755, STR("\177garbage"), NULL), 0);
    assert_int_equal(child_spawn(&spec, &pid, &err), ERR_IO);
    spec.path = SHELL;
    spec.cwd = "/no/such/directory";
    assert_int_equal(child_spawn(&spec, &pid, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "working directory"));
    assert_int_equal(pid, -7);
    /* Nobody is left to wait for. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void test_bad_maps(void **state)
{
    char *argv[] = {(char[]){"x"}, NULL};
    static const struct child_fd bad[][2] = {
        {{0, 5}, {1, 5}}, {{-1, 5}, {1, 6}}, {{0, -1}, {1, 6}}, {{0, 5}, {1, 256}}};
    struct err err = ERR_INIT;
    pid_t pid;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct child_spec spec = {.path = SHELL, .argv = argv, .fds = bad[i], .fds_n = 2};
        assert_int_equal(child_spawn(&spec, &pid, &err), ERR_USAGE);
    }
    struct child_spec spec = {.path = SHELL, .argv = argv, .fds = bad[0], .fds_n = CHILD_FDS_MAX + 1};
    assert_int_equal(child_spawn(&spec, &pid, &err), ERR_USAGE);
    /* A closed source is only found out by the child. */
    struct child_fd closed = {250, 5};
    spec = (struct child_spec){.path = SHELL, .argv = argv, .fds = &closed, .fds_n = 1};
    assert_int_equal(child_spawn(&spec, &pid, &err), ERR_IO);
    assert_non_null(strstr(err.text, "descriptors"));
}

/* Two descriptors that swap their numbers: neither may overwrite the other. */
static void test_descriptors_are_mapped(void **state)
{
    int a[2], b[2];
    char out[64];
    assert_int_equal(pipe2(a, O_CLOEXEC), 0);
    assert_int_equal(pipe2(b, O_CLOEXEC), 0);
    assert_int_equal(write(a[1], "A\n", 2), 2);
    assert_int_equal(write(b[1], "B\n", 2), 2);
    assert_int_equal(dup3(a[0], 7, O_CLOEXEC), 7);
    assert_int_equal(dup3(b[0], 8, O_CLOEXEC), 8);
    struct child_fd map[] = {{7, 8}, {8, 7}};
    run_shell(
        "read x <&7; read y <&8; echo $x$y", (struct child_spec){.fds = map, .fds_n = 2}, out, sizeof out);
    assert_string_equal(out, "BA\n");
    close(7);
    close(8);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static void test_nothing_else_is_inherited(void **state)
{
    char out[512];
    int leak = open("/dev/null", O_RDONLY); /* without CLOEXEC, as a careless library opens it */
    int high = fcntl(leak, F_DUPFD, 200);
    assert_true(high >= 200);
    struct child_fd map[] = {{leak, 5}};
    run_shell(
        "ls /proc/self/fd | tr '\\n' ' '", (struct child_spec){.fds = map, .fds_n = 1}, out, sizeof out);
    close(high);
    close(leak);
    /* 0, 1, 2, 5, and the one ls has of the directory itself. */
    assert_string_equal(out, "0 1 2 3 5 ");
    run_shell(
        "readlink /proc/self/fd/0 /proc/self/fd/2 | tr '\\n' ' '", (struct child_spec){0}, out, sizeof out);
    assert_string_equal(out, "/dev/null /dev/null ");
}

static void test_environment_and_directory(void **state)
{
    char out[256];
    char *const env[] = {(char[]){"A=1"}, NULL};
    setenv("EVERCERT_TEST_SECRET", "x", 1);
    run_shell("pwd; echo $A-$EVERCERT_TEST_SECRET", (struct child_spec){.envp = env, .cwd = "/proc"}, out,
        sizeof out);
    assert_string_equal(out, "/proc\n1-\n");
}

static void on_signal(int sig)
{
}

static void test_signals_and_limits_are_reset(void **state)
{
    char out[8192];
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &before);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, on_signal);
    /* cat has no handlers of its own, unlike grep and the shell. */
    run_shell("ulimit -c; exec cat /proc/self/status", (struct child_spec){0}, out, sizeof out);
    assert_int_equal(strncmp(out, "0\n", 2), 0);
    assert_non_null(strstr(out, "SigBlk:\t0000000000000000\n"));
    assert_non_null(strstr(out, "SigIgn:\t0000000000000000\n"));
    assert_non_null(strstr(out, "SigCgt:\t0000000000000000\n"));
    /* Ours are as they were. */
    sigset_t now;
    sigprocmask(SIG_SETMASK, &before, &now);
    assert_int_equal(sigismember(&now, SIGTERM), 1);
    assert_int_equal(sigismember(&now, SIGINT), 0);
    assert_ptr_equal(signal(SIGPIPE, SIG_DFL), SIG_IGN);
    signal(SIGUSR1, SIG_DFL);
}

static void test_groups(void **state)
{
    char out[64];
    pid_t pid = start_shell("read x", (struct child_spec){.group = CHILD_GROUP_KEEP});
    assert_exited(wait_for(pid), 1); /* standard input is empty */
    int in[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    struct child_fd map = {in[0], 0};
    static const enum child_group groups[] = {CHILD_GROUP_KEEP, CHILD_GROUP_NEW, CHILD_GROUP_SESSION};
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        pid = start_shell("read x", (struct child_spec){.group = groups[i], .fds = &map, .fds_n = 1});
        assert_int_equal(getpgid(pid), groups[i] == CHILD_GROUP_KEEP ? getpgrp() : pid);
        assert_int_equal(getsid(pid), groups[i] == CHILD_GROUP_SESSION ? pid : getsid(0));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_killed(wait_for(pid), SIGKILL);
    }
    close(in[0]);
    close(in[1]);
    run_shell("echo ok", (struct child_spec){.group = CHILD_GROUP_SESSION}, out, sizeof out);
    assert_string_equal(out, "ok\n");
}

/* The pipe's end, held by all of the group, shows that every member is gone. */
static void test_kill_group_reaches_grandchildren(void **state)
{
    int p[2];
    char c;
    struct err err = ERR_INIT;
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    struct child_fd map[] = {{p[1], 1}};
    pid_t pid = start_shell("(sleep 1000) & (trap '' TERM; echo x; sleep 1000) & wait",
        (struct child_spec){.group = CHILD_GROUP_NEW, .fds = map, .fds_n = 1});
    close(p[1]);
    assert_int_equal(read(p[0], &c, 1), 1);
    assert_int_equal(child_kill_group(pid, SIGKILL, &err), 0);
    assert_killed(wait_for(pid), SIGKILL);
    assert_int_equal(read(p[0], &c, 1), 1); /* the newline */
    assert_int_equal(read(p[0], &c, 1), 0);
    close(p[0]);
    assert_int_equal(child_kill_group(pid, SIGKILL, &err), 0);
    assert_int_equal(child_kill_group(0, SIGKILL, &err), ERR_USAGE);
    assert_int_equal(child_kill_group(1, SIGKILL, &err), ERR_USAGE);
    assert_int_equal(child_kill_group(-1, SIGKILL, &err), ERR_USAGE);
}

/* A parent that starts a child tied to it and ends at once; the pipe ends when the child does. */
static int short_lived_parent(void *arg)
{
    const int *p = arg;
    struct child_fd map[] = {{p[1], 1}};
    char *argv[] = {(char[]){"sleep"}, (char[]){"1000"}, NULL};
    char *const env[] = {NULL};
    struct child_spec spec = {.path = "/bin/sleep",
        .argv = argv,
        .envp = env,
        .fds = map,
        .fds_n = 1,
        .parent_death_signal = SIGKILL};
    pid_t pid;
    return child_spawn(&spec, &pid, NULL) == 0 ? 0 : 1;
}

static void test_child_dies_with_its_parent(void **state)
{
    int p[2];
    char c;
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    assert_exited(in_child(short_lived_parent, p), 0);
    close(p[1]);
    struct pollfd wait = {.fd = p[0], .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 30000), 1);
    assert_int_equal(read(p[0], &c, 1), 0);
    close(p[0]);
}

static void test_user_is_changed(void **state)
{
    char out[256];
    gid_t groups[] = {23456, 23457};
    char *const env[] = {(char[]){"PATH=/bin:/usr/bin"}, NULL};
    struct child_spec spec = {
        .envp = env, .set_user = true, .uid = 12345, .gid = 12346, .groups = groups, .groups_n = 2};
    if (geteuid() == 0) {
        run_shell("id -u; id -g; id -G", spec, out, sizeof out);
        assert_string_equal(out, "12345\n12346\n12346 23456 23457\n");
        spec.groups_n = 0;
        spec.parent_death_signal = SIGTERM;
        run_shell("id -G; grep CapEff /proc/self/status", spec, out, sizeof out);
        assert_string_equal(out, "12346\nCapEff:\t0000000000000000\n");
    } else {
        char *argv[] = {(char[]){"true"}, NULL};
        struct err err = ERR_INIT;
        pid_t pid;
        spec.path = "/bin/true";
        spec.argv = argv;
        assert_int_equal(child_spawn(&spec, &pid, &err), ERR_PERMISSION);
        assert_non_null(strstr(err.text, "user"));
    }
    /* To whom we are already is no change at all. */
    spec = (struct child_spec){.envp = env, .set_user = true, .uid = geteuid(), .gid = getegid()};
    run_shell("echo ok", spec, out, sizeof out);
    assert_string_equal(out, "ok\n");
}

static void test_find_program(void **state)
{
    struct temp *t = *state;
    char out[PATH_MAX] = "untouched", dirs[PATH_MAX + 64], absolute[PATH_MAX + 16];
    struct err err = ERR_INIT;
    snprintf(dirs, sizeof dirs, "relative::/no/such:%s", t->path);
    assert_int_equal(child_find_program("prog", dirs, out, &err), ERR_NOT_FOUND);
    assert_int_equal(file_write_new(t->fd, "prog", 0644, STR(""), NULL), 0);
    assert_int_equal(child_find_program("prog", dirs, out, &err), ERR_PERMISSION);
    assert_string_equal(out, "untouched");
    assert_int_equal(fchmodat(t->fd, "prog", 0755, 0), 0);
    assert_int_equal(child_find_program("prog", dirs, out, &err), 0);
    snprintf(absolute, sizeof absolute, "%s/prog", t->path);
    assert_string_equal(out, absolute);
    assert_int_equal(child_find_program(absolute, "", out, &err), 0);
    assert_string_equal(out, absolute);
    assert_int_equal(child_find_program(t->path, "", out, &err), ERR_NOT_FOUND);
    assert_int_equal(child_find_program("./prog", dirs, out, &err), ERR_USAGE);
    assert_int_equal(child_find_program("", dirs, out, &err), ERR_USAGE);
}

static int end_with_3(void *arg)
{
    return 3;
}

static int end_by_signal(void *arg)
{
    int sig = *(int *)arg;
    signal(sig, SIG_DFL);
    raise(sig);
    return 0;
}

static void test_status_text(void **state)
{
    char text[CHILD_STATUS_TEXT_MAX];
    int sig = SIGKILL;
    assert_string_equal(child_status_text(in_child(end_with_3, NULL), text), "exited with status 3");
    assert_string_equal(child_status_text(in_child(end_by_signal, &sig), text), "killed by SIGKILL");
    sig = SIGSYS;
    assert_string_equal(child_status_text(in_child(end_by_signal, &sig), text),
        "killed by SIGSYS (a system call its sandbox forbids)");
    sig = SIGRTMIN + 1;
    child_status_text(in_child(end_by_signal, &sig), text);
    assert_non_null(strstr(text, "killed by signal"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(test_errors_reach_the_caller),
        cmocka_unit_test(test_bad_maps),
        cmocka_unit_test(test_descriptors_are_mapped),
        cmocka_unit_test(test_nothing_else_is_inherited),
        cmocka_unit_test(test_environment_and_directory),
        cmocka_unit_test(test_signals_and_limits_are_reset),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_kill_group_reaches_grandchildren),
        cmocka_unit_test(test_child_dies_with_its_parent),
        cmocka_unit_test(test_user_is_changed),
        TEMP_TEST(test_find_program),
        cmocka_unit_test(test_status_text),
    };
    return cmocka_run_group_tests_name("os/child", tests, NULL, NULL);
}
