#include "os/sandbox.h"

#include "os/sandbox_priv.h"
#include "os/socket.h"

#include "sandbox_tries.h"

#include <errno.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/syscall.h>

/* ---- kernels with an older Landlock, or none (linked with --wrap) ---- */

/* 0: the real answer; positive: at most that version; negative: that errno value. */
static int pretended_landlock;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
/* Like syscall() itself it takes six arguments from wherever the calling convention puts them, given or not.
 */
__attribute__((no_sanitize_address)) long __wrap_syscall(long number, ...)
{
    va_list ap;
    long a[6];
    va_start(ap, number);
    for (size_t i = 0; i < ARRAY_LEN(a); i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    bool asks_version = number == SYS_landlock_create_ruleset && a[0] == 0;
    if (asks_version && pretended_landlock < 0) {
        errno = -pretended_landlock;
        return -1;
    }
    long r = __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return asks_version && pretended_landlock > 0 && r > pretended_landlock ? pretended_landlock : r;
}

/* ---- one try in one child ---- */

/* Exit statuses besides errno values (all below 134). */
enum { ENTER_FAILED = 200, MISBEHAVED = 201 };

struct attempt {
    const struct temp *t;
    const struct sandbox *sandbox;
    try_fn *try;
};

static int attempt_in_child(void *arg)
{
    const struct attempt *a = arg;
    struct err err = ERR_INIT;
    if (sandbox_enter(a->sandbox, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return ENTER_FAILED;
    }
    int r = a->try(a->t);
    return r < 0 ? MISBEHAVED : r;
}

static int attempt(const struct temp *t, const struct sandbox *sandbox, try_fn *try)
{
    struct attempt a = {t, sandbox, try};
    return in_child(attempt_in_child, &a);
}

/* The kernel's Landlock version, asked independently of the code under test. */
static int landlock(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    return abi > 0 ? (int)abi : 0;
}

/* What Landlock refuses from version `abi` on works on older kernels. */
static int from(int abi, int errno_value)
{
    return landlock() >= abi ? errno_value : 0;
}

/* ---- tables of expectations ---- */

/* expected: 0 works, > 0 the errno value, < 0 killed by that signal */
struct expectation {
    const char *what;
    try_fn *try;
    int expected;
};

static void check(const struct temp *t, const struct sandbox *s, const struct expectation *e, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int status = attempt(t, s, e[i].try);
        int got = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
        if (got != e[i].expected)
            fail_msg("%s: expected %d, got %d", e[i].what, e[i].expected, got);
    }
}

#define EXPECT(try, expected) \
    {                         \
#try, try, expected   \
    }
#define CHECK(t, s, ...)                                   \
    do {                                                   \
        const struct expectation table_[] = {__VA_ARGS__}; \
        check(t, s, table_, ARRAY_LEN(table_));            \
    } while (0)

static int sandbox_setup(void **state)
{
    int r = temp_setup(state), in = -1, out = -1, sub = -1;
    struct temp *t = *state;
    if (r < 0 || dir_make(t->fd, "in", 0755, &in, NULL) < 0 || dir_make(t->fd, "out", 0755, &out, NULL) < 0 ||
        dir_make(in, "sub", 0755, &sub, NULL) < 0 || file_write_new(in, "f", 0644, STR("x"), NULL) < 0 ||
        file_write_new(out, "f", 0644, STR("x"), NULL) < 0 || symlinkat("../out/f", in, "link") < 0)
        return -1;
    fd_close(&in);
    fd_close(&out);
    fd_close(&sub);
    return 0;
}

#define SANDBOX_TEST(f) cmocka_unit_test_setup_teardown(f, sandbox_setup, temp_teardown)

static struct sandbox_path inside(const struct temp *t, unsigned access)
{
    static char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/in", t->path);
    return (struct sandbox_path){.path = path, .access = access};
}

static int report_in_child(void *arg)
{
    const struct sandbox *s = arg;
    struct sandbox_report r;
    char text[SANDBOX_REPORT_TEXT_MAX], expected[SANDBOX_REPORT_TEXT_MAX], forms[128];
    int abi = landlock();
    if (sandbox_enter(s, &r, NULL) < 0)
        return 1;
    if (r.calls < 30 || r.landlock_abi != (s->log_only ? 0 : abi) || r.landlock_off != s->log_only)
        return 2;
    if (s->log_only)
        snprintf(forms, sizeof forms, "Landlock off (it cannot only log)");
    else if (abi == 0)
        snprintf(forms, sizeof forms, "no Landlock (%s)", r.landlock_why);
    else
        snprintf(forms, sizeof forms, "Landlock %d (1 path)", abi);
    snprintf(expected, sizeof expected, "seccomp %s-list (%u calls, %s), %s, no core dumps, undumpable",
        s->kind == SANDBOX_ALLOW_LIST ? "allow" : "deny", r.calls,
        s->log_only                     ? "log only"
        : s->kind == SANDBOX_ALLOW_LIST ? "kill"
                                        : "EPERM",
        forms);
    return strcmp(sandbox_report_text(&r, text), expected) == 0 ? 0 : 3;
}

static void test_smallest_allow_list(void **state)
{
    struct temp *t = *state;
    struct sandbox s = {.process = "test", .kind = SANDBOX_ALLOW_LIST, .groups = SANDBOX_BASE};
    CHECK(t, &s, EXPECT(try_nothing, 0), EXPECT(try_base, 0), EXPECT(try_abort, -SIGABRT),
        EXPECT(try_open, -SIGSYS), EXPECT(try_socket, -SIGSYS), EXPECT(try_unix_socket, -SIGSYS),
        EXPECT(try_exec, -SIGSYS), EXPECT(try_fork, -SIGSYS), EXPECT(try_thread, -SIGSYS),
        EXPECT(try_ptrace, -SIGSYS), EXPECT(try_kill_parent, -SIGSYS), EXPECT(try_tgkill_parent, -SIGSYS),
        EXPECT(try_executable_memory, -SIGSYS), EXPECT(try_make_executable, -SIGSYS),
        EXPECT(try_events, -SIGSYS), EXPECT(try_fcntl, -SIGSYS), EXPECT(try_rlimit, -SIGSYS),
        EXPECT(try_priority, -SIGSYS), EXPECT(try_mount, -SIGSYS), EXPECT(try_unshare, -SIGSYS),
        EXPECT(try_enter_again, -SIGSYS));
}

static void test_io_and_further_calls(void **state)
{
    struct temp *t = *state;
    static const char *const calls[] = {"getpriority", "a_call_of_the_future", NULL};
    struct sandbox s = {.process = "test", .kind = SANDBOX_ALLOW_LIST, .groups = SANDBOX_IO, .calls = calls};
    CHECK(t, &s, EXPECT(try_fcntl, 0), EXPECT(try_priority, 0), EXPECT(try_own_signals, -SIGSYS),
        EXPECT(try_type_into_terminal, -SIGSYS), EXPECT(try_open, -SIGSYS), EXPECT(try_messages, -SIGSYS));
}

static void test_events_messages_accept(void **state)
{
    struct temp *t = *state;
    struct sandbox s = {.process = "test", .kind = SANDBOX_ALLOW_LIST, .groups = SANDBOX_IO | SANDBOX_EVENTS};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, tries.pair), 0);
    assert_int_equal(socket_listen_tcp("127.0.0.1:0", &tries.listener, NULL), 0);
    tries.port = socket_port(tries.listener);
    CHECK(t, &s, EXPECT(try_events, 0), EXPECT(try_messages, -SIGSYS), EXPECT(try_accept, -SIGSYS));
    s.groups = SANDBOX_IO | SANDBOX_MESSAGES;
    CHECK(t, &s, EXPECT(try_messages, 0), EXPECT(try_accept, -SIGSYS), EXPECT(try_connect, -SIGSYS));
    s.groups = SANDBOX_ACCEPT;
    assert_int_equal(try_connect(t), 0);
    CHECK(t, &s, EXPECT(try_accept, 0), EXPECT(try_connect, -SIGSYS));
    close(tries.pair[0]);
    close(tries.pair[1]);
    fd_close(&tries.listener);
}

static void test_files_for_reading(void **state)
{
    struct temp *t = *state;
    struct sandbox_path path = inside(t, SANDBOX_READ);
    struct sandbox s = {.process = "test",
        .kind = SANDBOX_ALLOW_LIST,
        .groups = SANDBOX_IO | SANDBOX_FILES_READ,
        .paths = &path,
        .paths_n = 1};
    CHECK(t, &s, EXPECT(try_open_inside, 0), EXPECT(try_open, from(1, EACCES)),
        EXPECT(try_open_beside, from(1, EACCES)), EXPECT(try_list_beside, from(1, EACCES)),
        EXPECT(try_open_by_link, from(1, EACCES)), EXPECT(try_open_for_writing, -SIGSYS),
        EXPECT(try_create_beside, -SIGSYS), EXPECT(try_rename_across, -SIGSYS));
    /* By descriptor, and only for listing. */
    int in = -1;
    assert_int_equal(dir_open(t->fd, "in", &in, NULL), 0);
    path = (struct sandbox_path){.fd = in, .access = SANDBOX_LIST};
    CHECK(t, &s, EXPECT(try_open_inside, from(1, EACCES)));
    path.access = SANDBOX_READ;
    CHECK(t, &s, EXPECT(try_open_inside, 0), EXPECT(try_open_beside, from(1, EACCES)));
    fd_close(&in);
    /* Without any path nothing opens. */
    s.paths_n = 0;
    CHECK(t, &s, EXPECT(try_open_inside, from(1, EACCES)));
}

static void test_files_for_writing(void **state)
{
    struct temp *t = *state;
    struct sandbox_path path = inside(t, SANDBOX_WRITE);
    struct sandbox s = {.process = "test",
        .kind = SANDBOX_ALLOW_LIST,
        .groups = SANDBOX_IO | SANDBOX_FILES_WRITE,
        .paths = &path,
        .paths_n = 1};
    CHECK(t, &s, EXPECT(try_open_inside, 0), EXPECT(try_open_for_writing, 0), EXPECT(try_file_work, 0),
        EXPECT(try_open_beside, from(1, EACCES)), EXPECT(try_create_beside, from(1, EACCES)),
        EXPECT(try_set_id, -SIGSYS), EXPECT(try_set_id_by_name, -SIGSYS),
        EXPECT(try_birth_with_set_id, -SIGSYS), EXPECT(try_mknod, -SIGSYS), EXPECT(try_socket, -SIGSYS),
        EXPECT(try_exec, -SIGSYS));
    /* Version 1 cannot let files move between directories. */
    CHECK(t, &s, EXPECT(try_rename_across, landlock() == 1 ? EXDEV : 0));
    (void)renameat(t->fd, "in/sub/g", t->fd, "in/f");
    /* Seccomp allows writing, Landlock does not. */
    path.access = SANDBOX_READ;
    CHECK(t, &s, EXPECT(try_open_for_writing, from(1, EACCES)), EXPECT(try_birth_with_set_id, -SIGSYS));
}

static void test_a_single_file(void **state)
{
    struct temp *t = *state;
    char file[PATH_MAX + 8], none[PATH_MAX + 8];
    snprintf(file, sizeof file, "%s/in/f", t->path);
    snprintf(none, sizeof none, "%s/in/none", t->path);
    struct sandbox_path paths[] = {
        {.path = file, .access = SANDBOX_WRITE}, {.path = none, .access = SANDBOX_READ, .optional = true}};
    struct sandbox s = {.process = "test",
        .kind = SANDBOX_ALLOW_LIST,
        .groups = SANDBOX_IO | SANDBOX_FILES_WRITE,
        .paths = paths,
        .paths_n = 2};
    CHECK(t, &s, EXPECT(try_open_inside, 0), EXPECT(try_open_for_writing, 0),
        EXPECT(try_open_beside, from(1, EACCES)));
    paths[1].optional = false;
    int status = attempt(t, &s, try_nothing);
    assert_exited(status, landlock() >= 1 ? ENTER_FAILED : 0);
}

static void test_threads(void **state)
{
    struct temp *t = *state;
    struct sandbox s = {
        .process = "test", .kind = SANDBOX_ALLOW_LIST, .groups = SANDBOX_IO | SANDBOX_THREADS};
    CHECK(t, &s, EXPECT(try_thread, 0), EXPECT(try_clone3, ENOSYS), EXPECT(try_fork, -SIGSYS),
        EXPECT(try_clone_namespace, -SIGSYS));
}

static void test_deny_list(void **state)
{
    struct temp *t = *state;
    struct sandbox_path path = inside(t, SANDBOX_WRITE);
    struct sandbox s = {.process = "test", .kind = SANDBOX_DENY_LIST, .paths = &path, .paths_n = 1};
    CHECK(t, &s, EXPECT(try_marks, 0), EXPECT(try_base, 0), EXPECT(try_thread, 0), EXPECT(try_fork, 0),
        EXPECT(try_events, 0), EXPECT(try_fcntl, 0), EXPECT(try_socket, 0), EXPECT(try_unix_socket, 0),
        EXPECT(try_route_socket, 0), EXPECT(try_file_work, 0), EXPECT(try_executable_memory, 0),
        EXPECT(try_abort, -SIGABRT), EXPECT(try_exec, EPERM), EXPECT(try_ptrace, EPERM),
        EXPECT(try_mount, EPERM), EXPECT(try_chroot, EPERM), EXPECT(try_unshare, EPERM),
        EXPECT(try_clone_namespace, EPERM), EXPECT(try_clone3, ENOSYS), EXPECT(try_io_uring, EPERM),
        EXPECT(try_keyctl, EPERM), EXPECT(try_mknod, EPERM), EXPECT(try_handle, EPERM),
        EXPECT(try_packet_socket, EPERM), EXPECT(try_packet_socket_dodging, EPERM),
        EXPECT(try_raw_socket, EPERM), EXPECT(try_alg_socket, EPERM), EXPECT(try_vsock_socket, EPERM),
        EXPECT(try_audit_socket, EPERM), EXPECT(try_type_into_terminal, EPERM), EXPECT(try_set_id, EPERM),
        EXPECT(try_set_id_by_name, EPERM), EXPECT(try_birth_with_set_id, EPERM));
    CHECK(t, &s, EXPECT(try_open_beside, from(1, EACCES)), EXPECT(try_create_beside, from(1, EACCES)),
        EXPECT(try_enter_again, 0));
    CHECK(t, &s, EXPECT(try_truncate_beside, from(3, EACCES)));
}

static void test_network_and_others(void **state)
{
    struct temp *t = *state;
    struct sandbox s = {.process = "test", .kind = SANDBOX_DENY_LIST};
    tries.abstract = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(
        tries.abstract.sun_path + 1, sizeof tries.abstract.sun_path - 1, "evercert-test-%ld", (long)getpid());
    tries.abstract_n =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(tries.abstract.sun_path + 1));
    int named = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(named, (struct sockaddr *)&tries.abstract, tries.abstract_n), 0);
    assert_int_equal(listen(named, 10), 0);
    assert_int_equal(socket_listen_tcp("127.0.0.1:0", &tries.listener, NULL), 0);
    tries.port = socket_port(tries.listener);
    CHECK(t, &s, EXPECT(try_connect, from(4, EACCES)), EXPECT(try_bind, from(4, EACCES)),
        EXPECT(try_abstract, from(6, EPERM)), EXPECT(try_kill_parent, from(6, EPERM)));
    s.permit = SANDBOX_TCP_CONNECT;
    CHECK(t, &s, EXPECT(try_connect, 0), EXPECT(try_bind, from(4, EACCES)),
        EXPECT(try_abstract, from(6, EPERM)));
    s.permit = SANDBOX_TCP_BIND | SANDBOX_ABSTRACT_UNIX;
    CHECK(t, &s, EXPECT(try_bind, 0), EXPECT(try_abstract, 0), EXPECT(try_connect, from(4, EACCES)),
        EXPECT(try_kill_parent, from(6, EPERM)));
    s.permit = SANDBOX_SIGNAL_OTHERS;
    CHECK(t, &s, EXPECT(try_kill_parent, 0), EXPECT(try_abstract, from(6, EPERM)));
    close(named);
    fd_close(&tries.listener);
}

/* Nobody's Unix socket can be reached: neither by one of its own nor by an end of a pair. */
static void test_no_unix_sockets(void **state)
{
    struct temp *t = *state;
    struct sandbox s = {
        .process = "test", .kind = SANDBOX_DENY_LIST, .no_unix = true, .permit = SANDBOX_ABSTRACT_UNIX};
    tries.abstract = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(
        tries.abstract.sun_path + 1, sizeof tries.abstract.sun_path - 1, "evercert-none-%ld", (long)getpid());
    tries.abstract_n =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(tries.abstract.sun_path + 1));
    int named = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(named, (struct sockaddr *)&tries.abstract, tries.abstract_n), 0);
    assert_int_equal(listen(named, 10), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, tries.pair), 0);
    CHECK(t, &s, EXPECT(try_unix_socket, EPERM), EXPECT(try_unix_socket_dodging, EPERM),
        EXPECT(try_abstract, MISBEHAVED), EXPECT(try_datagram_pair, EPERM), EXPECT(try_raw_pair, EPERM),
        EXPECT(try_stream_pair, 0), EXPECT(try_reconnect_pair, EISCONN), EXPECT(try_messages, 0),
        EXPECT(try_events, 0), EXPECT(try_socket, 0), EXPECT(try_route_socket, 0));
    s.no_unix = false;
    CHECK(t, &s, EXPECT(try_unix_socket, 0), EXPECT(try_unix_socket_dodging, 0), EXPECT(try_abstract, 0),
        EXPECT(try_datagram_pair, 0));
    close(tries.pair[0]);
    close(tries.pair[1]);
    close(named);
}

/* The kernel's version is asked for and kept to: what it does not know is not demanded of it. */
static void test_older_landlock(void **state)
{
    struct temp *t = *state;
    struct sandbox_path path = inside(t, SANDBOX_WRITE | SANDBOX_EXECUTE | SANDBOX_DEVICE);
    struct sandbox s = {.process = "test", .kind = SANDBOX_DENY_LIST, .paths = &path, .paths_n = 1};
    static const int versions[] = {-ENOSYS, -EOPNOTSUPP, -EPERM, 1, 2, 3, 4, 5, 6};
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        pretended_landlock = versions[i];
        test_network_and_others(state);
        CHECK(t, &s, EXPECT(try_file_work, 0), EXPECT(try_open_beside, from(1, EACCES)),
            EXPECT(try_truncate_beside, from(3, EACCES)), EXPECT(try_exec, EPERM));
        CHECK(t, &s, EXPECT(try_rename_across, landlock() == 1 ? EXDEV : 0));
        (void)renameat(t->fd, "in/sub/g", t->fd, "in/f");
        assert_exited(in_child(report_in_child, &s), 0);
    }
    pretended_landlock = 0;
}

static void test_all_files(void **state)
{
    struct temp *t = *state;
    struct sandbox_path path = inside(t, SANDBOX_READ);
    struct sandbox s = {
        .process = "test", .kind = SANDBOX_DENY_LIST, .all_files = true, .keep_dumpable = true};
    CHECK(t, &s, EXPECT(try_open, 0), EXPECT(try_open_beside, 0), EXPECT(try_create_beside, 0),
        EXPECT(try_bind, from(4, EACCES)), EXPECT(try_dumpable, 0));
    s.permit = SANDBOX_TCP_BIND | SANDBOX_TCP_CONNECT | SANDBOX_ABSTRACT_UNIX | SANDBOX_SIGNAL_OTHERS;
    CHECK(t, &s, EXPECT(try_open, 0), EXPECT(try_bind, 0), EXPECT(try_exec, EPERM));
    s.paths = &path;
    s.paths_n = 1;
    CHECK(t, &s, EXPECT(try_nothing, ENTER_FAILED));
}

static void test_log_only(void **state)
{
    struct temp *t = *state;
    struct sandbox s = {
        .process = "test", .kind = SANDBOX_ALLOW_LIST, .groups = SANDBOX_BASE, .log_only = true};
    CHECK(t, &s, EXPECT(try_marks, 0), EXPECT(try_open, 0), EXPECT(try_create_beside, 0),
        EXPECT(try_socket, 0), EXPECT(try_fork, 0), EXPECT(try_exec, 0), EXPECT(try_kill_parent, 0),
        EXPECT(try_bind, 0));
    s.kind = SANDBOX_DENY_LIST;
    CHECK(t, &s, EXPECT(try_marks, 0), EXPECT(try_open, 0), EXPECT(try_exec, 0), EXPECT(try_thread, 0),
        EXPECT(try_ptrace, 0), EXPECT(try_bind, 0));
}

/* ---- reports ---- */

static void test_report(void **state)
{
    struct temp *t = *state;
    struct sandbox_path path = inside(t, SANDBOX_READ);
    struct sandbox s = {
        .process = "test", .kind = SANDBOX_ALLOW_LIST, .groups = SANDBOX_IO, .paths = &path, .paths_n = 1};
    assert_exited(in_child(report_in_child, &s), 0);
    s.kind = SANDBOX_DENY_LIST;
    assert_exited(in_child(report_in_child, &s), 0);
    s.log_only = true;
    assert_exited(in_child(report_in_child, &s), 0);
    s.kind = SANDBOX_ALLOW_LIST;
    assert_exited(in_child(report_in_child, &s), 0);
}

static void test_report_words(void **state)
{
    char text[SANDBOX_REPORT_TEXT_MAX];
    struct sandbox_report r = {
        .kind = SANDBOX_ALLOW_LIST, .calls = 38, .landlock_abi = 7, .paths = 2, .undumpable = true};
    assert_string_equal(sandbox_report_text(&r, text),
        "seccomp allow-list (38 calls, kill), Landlock 7 (2 paths), no core dumps, undumpable");
    r = (struct sandbox_report){
        .kind = SANDBOX_DENY_LIST, .calls = 90, .landlock_why = "this kernel has none"};
    assert_string_equal(sandbox_report_text(&r, text),
        "seccomp deny-list (90 calls, EPERM), no Landlock (this kernel has none), no core dumps");
    r = (struct sandbox_report){.kind = SANDBOX_DENY_LIST, .calls = 90, .landlock_abi = 4, .all_files = true};
    assert_string_equal(sandbox_report_text(&r, text),
        "seccomp deny-list (90 calls, EPERM), Landlock 4 (all files), no core dumps");
}

/* ---- preconditions ---- */

static void *wait_for_lock(void *arg)
{
    pthread_mutex_lock(arg);
    pthread_mutex_unlock(arg);
    return NULL;
}

static int enter_with_a_thread(void *arg)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct sandbox s = {.process = "test", .kind = SANDBOX_DENY_LIST};
    struct err err = ERR_INIT;
    pthread_t thread;
    pthread_mutex_lock(&lock);
    if (pthread_create(&thread, NULL, wait_for_lock, &lock) != 0)
        return 1;
    int r = sandbox_enter(&s, NULL, &err);
    return r == ERR_REFUSED && strstr(err.text, "2 threads") != NULL ? 0 : 2;
}

static void test_threads_must_not_run_yet(void **state)
{
    assert_exited(in_child(enter_with_a_thread, NULL), 0);
}

/* A misspelt name would be passed over in silence, and the rule would be missing. */
static void check_names(struct sandbox_rules rules)
{
    assert_true(rules.n > 0);
    for (size_t i = 0; i < rules.n; i++) {
        const struct sandbox_rule *r = &rules.rules[i];
        int n = seccomp_syscall_resolve_name(r->call);
        if (n == __NR_SCMP_ERROR && r->number == 0)
            fail_msg("libseccomp does not know %s", r->call);
        if (n != __NR_SCMP_ERROR && r->number != 0)
            assert_int_equal(n, r->number);
        assert_true(r->conditions <= SANDBOX_CONDITIONS_MAX);
    }
}

static void test_names_are_known(void **state)
{
#define CHECK_GROUP(name, bit, text) check_names(sandbox_group_rules(name));
    SANDBOX_GROUPS(CHECK_GROUP)
#undef CHECK_GROUP
    check_names(sandbox_denied_rules());
    assert_int_equal(sandbox_group_rules(1u << 15).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(test_smallest_allow_list),
        SANDBOX_TEST(test_io_and_further_calls),
        SANDBOX_TEST(test_events_messages_accept),
        SANDBOX_TEST(test_files_for_reading),
        SANDBOX_TEST(test_files_for_writing),
        SANDBOX_TEST(test_a_single_file),
        SANDBOX_TEST(test_threads),
        SANDBOX_TEST(test_deny_list),
        SANDBOX_TEST(test_network_and_others),
        SANDBOX_TEST(test_no_unix_sockets),
        SANDBOX_TEST(test_older_landlock),
        SANDBOX_TEST(test_all_files),
        SANDBOX_TEST(test_log_only),
        SANDBOX_TEST(test_report),
        cmocka_unit_test(test_report_words),
        cmocka_unit_test(test_threads_must_not_run_yet),
        cmocka_unit_test(test_names_are_known),
    };
    return cmocka_run_group_tests_name("os/sandbox", tests, NULL, NULL);
}
