#include "../os/temp.h"

#include "processes/process.h"

#include <signal.h>
#include <sys/socket.h>

static void test_log_levels(void **state)
{
    static const struct {
        const char *text;
        enum log_level level;
    } rows[] = {{"error", LOG_LEVEL_ERROR}, {"warning", LOG_LEVEL_WARNING}, {"info", LOG_LEVEL_INFO},
        {"debug", LOG_LEVEL_DEBUG}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum log_level level = (enum log_level)99;
        assert_true(log_level_parse(str_c(rows[i].text), &level));
        assert_int_equal(level, rows[i].level);
    }
    static const char *const bad[] = {"", "Error", "warn", "inf", "infos", "debug ", "3", "<3>"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        enum log_level level = LOG_LEVEL_WARNING;
        assert_false(log_level_parse(str_c(bad[i]), &level));
        assert_int_equal(level, LOG_LEVEL_WARNING);
    }
}

/* ---- process_init ---- */

struct start {
    struct process p;
    char words[4][64];
    char *argv[5];
    int argc;
};

/* With --probe, so that descriptor 3 may be anything. */
static void arguments(struct start *s, const char *a, const char *b)
{
    const char *const words[] = {"keeper", "--probe=open", a, b};
    *s = (struct start){.argc = 0};
    for (size_t i = 0; i < ARRAY_LEN(words) && words[i] != NULL; i++) {
        snprintf(s->words[i], sizeof s->words[i], "%s", words[i]);
        s->argv[s->argc++] = s->words[i];
    }
}

static void starts(struct start *s, const char *a, const char *b)
{
    arguments(s, a, b);
    process_init(&s->p, "keeper", s->argc, s->argv);
    assert_non_null(s->p.base);
    event_base_free(s->p.base);
    s->p.base = NULL;
}

static void test_defaults(void **state)
{
    struct start s;
    starts(&s, NULL, NULL);
    assert_string_equal(s.p.name, "keeper");
    assert_string_equal(s.p.probe, "open");
    assert_int_equal(s.p.identity, IDENTITY_SAME);
    assert_false(s.p.sandbox_log);
    assert_false(s.p.new_state);
    assert_int_equal(log_threshold(), LOG_LEVEL_INFO);
    /* A peer that goes must not take the process with it. */
    struct sigaction pipe_action;
    assert_int_equal(sigaction(SIGPIPE, NULL, &pipe_action), 0);
    assert_true(pipe_action.sa_handler == SIG_IGN);
}

static void test_arguments(void **state)
{
    struct start s;
    starts(&s, "--sandbox=log", "--new-state");
    assert_true(s.p.sandbox_log);
    assert_true(s.p.new_state);
    starts(&s, "--log-level=debug", NULL);
    assert_int_equal(log_threshold(), LOG_LEVEL_DEBUG);
    starts(&s, "--log-level=error", "--identity=same");
    assert_int_equal(log_threshold(), LOG_LEVEL_ERROR);
    assert_int_equal(s.p.identity, IDENTITY_SAME);
    assert_true(process_uid(&s.p) == (uid_t)-1);
    starts(&s, "--identity=powerless", NULL);
    assert_int_equal(s.p.identity, IDENTITY_POWERLESS);
    assert_int_equal(process_uid(&s.p), 0);
    starts(&s, "--identity=1000:1001", NULL);
    assert_int_equal(s.p.identity, IDENTITY_USER);
    assert_int_equal(s.p.uid, 1000);
    assert_int_equal(s.p.gid, 1001);
    assert_int_equal(process_uid(&s.p), 1000);
    starts(&s, "--identity=4294967294:4294967294", NULL);
    assert_true(s.p.uid == 4294967294U && s.p.gid == 4294967294U);
}

static bool quiet(void)
{
    int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return dup2(null_fd, STDERR_FILENO) >= 0 && close(null_fd) == 0;
}

static int init_in_child(void *arg)
{
    struct start *s = arg;
    if (!quiet())
        return 78;
    process_init(&s->p, "keeper", s->argc, s->argv);
    return 77; /* it should not have come back */
}

/* Arguments that the parent never gives: a person tried, or the two are not of one version. */
static void test_refused(void **state)
{
    static const char *const bad[] = {"--identity=", "--identity=0", "--identity=0:", "--identity=:0",
        "--identity=-1:0", "--identity=0:-1", "--identity=4294967295:0", "--identity=0:4294967295",
        "--identity=1:2:3", "--identity=root:root", "--identity=Same", "--identity=same ", "--identity=0x0:0",
        "--identity", "--log-level=", "--log-level=loud", "--sandbox=off", "--sandbox=", "--new-state=1",
        "--help", "", "run"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct start s;
        arguments(&s, bad[i], NULL);
        assert_exited(in_child(init_in_child, &s), 2);
    }
}

static int init_alone(void *arg)
{
    struct start *s = arg;
    if (!quiet())
        return 78;
    close(PROCESS_PARENT_FD);
    process_init(&s->p, "keeper", s->argc, s->argv);
    return 77;
}

/* Nobody is behind descriptor 3: it was started by hand. */
static void test_no_parent(void **state)
{
    struct start s;
    arguments(&s, NULL, NULL);
    s.argc = 1;
    assert_exited(in_child(init_alone, &s), 2);
}

/* ---- identity ---- */

static void test_own(void **state)
{
    struct temp *t = *state;
    struct stat st;
    struct err err = ERR_INIT;
    struct process p = {.identity = IDENTITY_SAME};
    assert_int_equal(process_own(&p, t->fd, &err), 0);
    p = (struct process){.identity = IDENTITY_USER, .uid = geteuid(), .gid = getegid()};
    assert_int_equal(process_own(&p, t->fd, &err), 0);
    assert_int_equal(fstat(t->fd, &st), 0);
    assert_int_equal(st.st_uid, geteuid());
    assert_int_equal(st.st_gid, getegid());
    assert_int_equal(err.code, 0);
    assert_int_equal(process_own(&p, -1, &err), ERR_IO);
    assert_non_null(strstr(err.text, "cannot give a file to user"));
}

static int become(void *arg)
{
    uid_t uid = geteuid();
    return process_become(arg, NULL) == 0 && geteuid() == uid ? 0 : 1;
}

static void test_become(void **state)
{
    struct process same = {.identity = IDENTITY_SAME};
    struct process ourselves = {.identity = IDENTITY_USER, .uid = geteuid(), .gid = getegid()};
    struct process powerless = {.identity = IDENTITY_POWERLESS};
    assert_exited(in_child(become, &same), 0);
    assert_exited(in_child(become, &ourselves), 0);
    assert_exited(in_child(become, &powerless), 0);
}

/* ---- the loop ---- */

static void count(void *arg)
{
    unsigned *turns = arg;
    ++*turns;
}

static void stop_at_three(evutil_socket_t fd, short what, void *arg)
{
    static unsigned ticks;
    if (++ticks == 3)
        process_stop(arg);
}

static void test_run(void **state)
{
    struct process p = {.base = event_base_new()};
    struct timeval soon = {0, 1000};
    unsigned turns = 0;
    struct event *tick = event_new(p.base, -1, EV_PERSIST, stop_at_three, &p);
    event_add(tick, &soon);
    process_run(&p, count, &turns);
    assert_true(turns >= 3);
    event_free(tick);
    event_base_free(p.base);
    /* Where there is nothing left to wait for, it ends too. */
    p.base = event_base_new();
    process_run(&p, NULL, NULL);
    event_base_free(p.base);
}

static int parent_gone(void *arg)
{
    process_parent_gone(NULL, arg, NULL);
    return 77;
}

static void test_parent_gone(void **state)
{
    struct err why = ERR_INIT;
    assert_exited(in_child(parent_gone, &why), 0);
}

/* ---- what cannot start ---- */

struct unable {
    int fd; /* our end of the channel */
};

static int tell(void *arg)
{
    struct unable *u = arg;
    struct err why = ERR_INIT;
    if (!quiet() || (u->fd != PROCESS_PARENT_FD && dup2(u->fd, PROCESS_PARENT_FD) < 0))
        return 78;
    if (u->fd != PROCESS_PARENT_FD)
        close(u->fd);
    struct process p = {.name = "keeper", .base = event_base_new()};
    err_set(&why, ERR_NOT_FOUND, "seal.key is missing");
    int status = process_unable(&p, &why);
    event_base_free(p.base);
    return status;
}

/* The parent reads why, and closes; only then the child goes. */
static void test_unable(void **state)
{
    int pair[2];
    char frame[512];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct unable u = {pair[1]};
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pair[0]);
        _exit(tell(&u));
    }
    close(pair[1]);
    assert_int_equal(fcntl(pair[0], F_SETFL, 0), 0);
    ssize_t n = read(pair[0], frame, sizeof frame);
    assert_true(n > 10);
    assert_int_equal(frame[4], MSG_unable);
    assert_non_null(memmem(frame, (size_t)n, "seal.key is missing", 19));
    close(pair[0]);
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_exited(status, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_levels),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_parent),
        TEMP_TEST(test_own),
        cmocka_unit_test(test_become),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_parent_gone),
        cmocka_unit_test(test_unable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
