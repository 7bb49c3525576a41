/* The parent's side of programs that answer challenges: what it refuses, what it runs, who waits for whom,
 * and what it keeps for scripts of acme.sh. The keeper's answer is played: a permit here is the wish's text.
 */
#include "../os/temp.h"

#include "os/file.h"
#include "os/signal.h"
#include "os/socket.h"
#include "processes/parent/parent.h"
#include "processes/parent/run.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static struct channel *to_solver;
static const char *libexec;

struct channel *member_channel(const struct parent *p, enum member_id id)
{
    return id == MEMBER_SOLVER ? to_solver : NULL;
}

const char *member_libexec(void)
{
    return libexec;
}

void permit_consult(struct parent *p, struct str permit, permit_fn *then, void *arg)
{
    struct arena *a = arena_new();
    struct wish wish;
    struct err err = ERR_INIT;
    int r = wish_decode(permit, a, &wish, &err);
    then(p, r == 0 ? &wish : NULL, &err, arg);
    arena_free(a);
}

/* --- a solver that asks --- */

enum { ANSWERS_MAX = 16, ENTRIES = 6 };

struct fixture {
    struct temp *temp;
    struct arena *arena;
    struct parent p;
    struct channel *solver;
    struct event *child;
    struct dns_entry entries[ENTRIES];
    struct answer {
        bool here;
        int code;
        char error[ERR_TEXT_MAX], output[4096];
    } answers[ANSWERS_MAX];
    size_t asked, came;
};

static void on_challenge_run(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    challenge_run(arg, id, msg);
}

static const struct channel_rule rules[] = {{MSG_challenge_run, CHANNEL_STATE_ANY, on_challenge_run}};

static void on_closed(struct channel *c, const struct err *why, void *arg)
{
    fail_msg("%s", why->text);
}

static void on_child(evutil_socket_t sig, short what, void *arg)
{
    struct fixture *f = arg;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        assert_true(runs_reaped(&f->p, pid, status));
}

static void put(struct fixture *f, const char *name, mode_t mode, const char *text)
{
    (void)unlinkat(f->p.state, name, 0);
    assert_int_equal(file_write_new(f->p.state, name, mode, str_c(text), NULL), 0);
}

static const char *path(struct fixture *f, const char *name)
{
    return arena_printf(f->arena, "%s/%s", f->temp->path, name);
}

static void entry(struct fixture *f, size_t i, const char *name, const char *provider, const char *settings)
{
    f->entries[i] =
        (struct dns_entry){.name = name, .where = "t:1:1", .provider = provider, .settings = settings};
}

/* What it was called with, one line a call. */
#define RECORDER "#!/bin/sh\necho \"$*\" >>\"$RECORD\"\n"

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int ends[2];
    *state = f;
    if (f == NULL || temp_setup((void **)&f->temp) != 0 || chmod(f->temp->path, 0755) != 0)
        return -1;
    f->p = (struct parent){.base = event_base_new(), .control = -1};
    f->p.options.state = libexec = f->temp->path;
    f->arena = arena_new();
    f->p.settings.dns = f->entries;
    f->p.settings.dns_n = ENTRIES;
    if (f->p.base == NULL || socket_pair(ends, NULL) < 0 ||
        dir_open(AT_FDCWD, f->temp->path, &f->p.state, NULL) < 0)
        return -1;
    for (size_t i = 0; i < ENTRIES; i++)
        entry(f, i, "-", "cloudflare", "{}");
    to_solver = channel_new(f->p.base, ends[0], "solver", rules, ARRAY_LEN(rules), on_closed, &f->p);
    f->solver = channel_new(f->p.base, ends[1], "parent", NULL, 0, on_closed, f);
    f->child = evsignal_new(f->p.base, SIGCHLD, on_child, f);
    evsignal_add(f->child, NULL);
    put(f, "hook", 0755, RECORDER "echo said >&2\nprintf 'one\\ntwo\\n'\n");
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    channel_free(f->solver);
    channel_free(to_solver);
    event_free(f->child);
    event_base_free(f->p.base);
    fd_close(&f->p.state);
    arena_free(f->arena);
    int r = temp_teardown((void **)&f->temp);
    free(f);
    return r;
}

static struct fixture *current;

static void on_ran(const void *msg, const struct err *why, void *arg)
{
    const struct msg_challenge_ran *m = msg;
    struct answer *a = arg;
    struct err err = ERR_INIT;
    assert_non_null(m);
    a->here = true;
    a->code = msg_error_get(&m->error, &err);
    snprintf(a->error, sizeof a->error, "%s", err.text);
    snprintf(a->output, sizeof a->output, "%s", m->output);
    current->came++;
    event_base_loopbreak(current->p.base);
}

#define VALUE "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"
#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define WISH(entry)                                                        \
    "{\"name\":\"a.example\",\"domains\":[\"a.example\",\"*.b.example\"]," \
    "\"challenge\":[\"dns-01\"],\"dns\":{\"*\":\"" entry "\"}}"

static struct msg_challenge_run asking(const char *wish, const char *entry_name)
{
    return (struct msg_challenge_run){.permit = str_c(wish),
        .entry = entry_name,
        .challenge = CHALLENGE_DNS_01,
        .identifier = "a.example",
        .record = "_acme-challenge.a.example",
        .zone = "a.example",
        .value = VALUE,
        .token = TOKEN,
        .key_authorization = TOKEN ".thumb",
        .remaining = 0,
        .output = ""};
}

static struct answer *ask(struct fixture *f, const struct msg_challenge_run *m)
{
    struct answer *a = &f->answers[f->asked++];
    current = f;
    assert_int_equal(channel_request(f->solver, MSG_challenge_run, m, MSG_challenge_ran, on_ran, a, NULL), 0);
    return a;
}

static void wait_for(struct fixture *f, size_t answers)
{
    struct timeval limit = {30, 0};
    struct event *late = evtimer_new(f->p.base, (event_callback_fn)(void (*)(void))abort, NULL);
    evtimer_add(late, &limit);
    while (f->came < answers)
        event_base_dispatch(f->p.base);
    event_free(late);
}

static struct answer *run(struct fixture *f, const struct msg_challenge_run *m)
{
    struct answer *a = ask(f, m);
    wait_for(f, f->asked);
    return a;
}

static void is_in(struct fixture *f, const char *file, const char *text)
{
    struct buf b = buf_new(64 * 1024);
    assert_int_equal(file_read(f->p.state, file, 64 * 1024, &b, NULL), 0);
    assert_string_equal(buf_c(&b), text);
    buf_free(&b);
}

/* --- */

static void test_runs(void **state)
{
    struct fixture *f = *state;
    entry(f, 0, "mine", "dehydrated",
        arena_printf(f->arena, "{\"hook\":[\"%s\",\"own word\"],\"env\":[\"RECORD=%s\"]}", path(f, "hook"),
            path(f, "record")));
    struct msg_challenge_run m = asking(WISH("mine"), "mine");
    struct answer *a = run(f, &m);
    assert_string_equal(a->error, "");
    assert_string_equal(a->output, "one\ntwo"); /* standard output alone, as certbot gives it on */
    is_in(f, "record", "own word deploy_challenge a.example " TOKEN " " VALUE "\n");
    m.cleanup = true;
    m.identifier = "*.b.example";
    m.record = "x_1.delegated.example.net";
    m.zone = "example.net";
    assert_int_equal(run(f, &m)->code, 0);
    is_in(f, "record",
        "own word deploy_challenge a.example " TOKEN " " VALUE "\nown word clean_challenge b.example " TOKEN
        " " VALUE "\n");
}

/* A program that is there for new records only. */
static void test_nothing_to_run(void **state)
{
    struct fixture *f = *state;
    entry(f, 0, "mine", "certbot", arena_printf(f->arena, "{\"auth-hook\":[\"%s\"]}", path(f, "missing")));
    struct msg_challenge_run m = asking(WISH("mine"), "mine");
    m.cleanup = true;
    assert_int_equal(run(f, &m)->code, 0);
    m.cleanup = false;
    assert_int_equal(run(f, &m)->code, ERR_NOT_FOUND);
}

static void test_refuses(void **state)
{
    struct fixture *f = *state;
    entry(f, 0, "mine", "dehydrated",
        arena_printf(
            f->arena, "{\"hook\":[\"%s\"],\"env\":[\"RECORD=%s\"]}", path(f, "hook"), path(f, "record")));
    entry(f, 1, "other", "dehydrated", f->entries[0].settings);
    entry(f, 2, "lua", "cloudflare", "{}");
    const struct msg_challenge_run good = asking(WISH("mine"), "mine");
    static const char long_label[] =
        "_acme-challenge.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.a.example";
    struct {
        struct msg_challenge_run m;
        const char *why;
    } rows[32];
    size_t n = 0;
#define ROW(text, field, value)    \
    do {                           \
        rows[n].m = good;          \
        rows[n].m.field = (value); \
        rows[n++].why = (text);    \
    } while (0)
    ROW("is not the one", entry, "other");
    ROW("there is no dns entry", entry, "none");
    ROW("not in the permit", identifier, "c.example");
    ROW("not in the permit", identifier, "x.b.example");
    ROW("not in the permit", identifier, "a.example; id");
    ROW("not in the permit", identifier, "");
    ROW("not in the permit", identifier, "127.0.0.1");
    ROW("no place for a challenge", record, "");
    ROW("no place for a challenge", record, "_acme-challenge.a.example.");
    ROW("no place for a challenge", record, "_acme-challenge.A.example");
    ROW("no place for a challenge", record, "_acme-challenge.$(id).a.example");
    ROW("no place for a challenge", record, "-n.a.example");
    ROW("no place for a challenge", record, "_acme-challenge..a.example");
    ROW("no place for a challenge", record, long_label);
    ROW("no place for a challenge", record, "_acme-challenge.c.example");
    ROW("no place for a challenge", zone, "");
    ROW("no place for a challenge", zone, "xample");
    ROW("no place for a challenge", zone, "b.example");
    ROW("no digest", value, "");
    ROW("no digest", value, VALUE "x");
    ROW("no digest", value, "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmC=");
    ROW("do not fit", token, "$(id)");
    ROW("do not fit", token, "other");
    ROW("do not fit", key_authorization, TOKEN);
    ROW("do not fit", key_authorization, TOKEN ".`id`");
    ROW("none of the DNS", challenge, CHALLENGE_HTTP_01);
    ROW("none of the DNS", challenge, 77);
#undef ROW
    for (size_t i = 0; i < n; i++) {
        struct answer *a = run(f, &rows[i].m);
        assert_int_equal(a->code, ERR_REFUSED);
        if (strstr(a->error, rows[i].why) == NULL)
            fail_msg("%zu: %s", i, a->error);
        f->asked = f->came = 0;
    }
    struct msg_challenge_run m = asking(WISH("lua"), "lua");
    assert_non_null(strstr(run(f, &m)->error, "is no program"));
    m = asking("{}", "mine");
    assert_true(run(f, &m)->code != 0);
    assert_int_equal(faccessat(f->p.state, "record", F_OK, 0), -1); /* nothing ran */
}

static void test_failures(void **state)
{
    struct fixture *f = *state;
    static const char two[] = "#!/bin/sh\n[ \"$1\" != begin ] || echo \"not mine\" >&2\necho x; exit 3\n";
    put(f, "bad", 0755, two);
    put(f, "slow", 0755, "#!/bin/sh\necho waiting >&2\nexec sleep 600\n");
    put(f, "open", 0777, RECORDER);
    const char *const providers[] = {"uacme", "dehydrated"};
    for (size_t i = 0; i < 2; i++)
        entry(
            f, i, providers[i], providers[i], arena_printf(f->arena, "{\"hook\":[\"%s\"]}", path(f, "bad")));
    entry(
        f, 2, "slow", "uacme", arena_printf(f->arena, "{\"hook\":[\"%s\"],\"timeout\":1}", path(f, "slow")));
    entry(f, 3, "open", "uacme", arena_printf(f->arena, "{\"hook\":[\"%s\"]}", path(f, "open")));
    entry(f, 4, "unset", "uacme", "{}");
    assert_int_equal(chmod(path(f, "open"), 0777), 0);
    struct msg_challenge_run m = asking(WISH("uacme"), "uacme");
    struct answer *a = run(f, &m);
    assert_int_equal(a->code, ERR_REFUSED);
    assert_int_equal(strncmp(a->error, "declined", 8), 0);
    assert_non_null(strstr(a->error, "exited with status 3: not mine"));
    m.cleanup = true; /* such hooks are not called at the end, and are for the next record */
    assert_int_equal(run(f, &m)->code, 0);
    assert_int_equal(run(f, &m)->code, ERR_FAILED);
    m = asking(WISH("dehydrated"), "dehydrated");
    a = run(f, &m);
    assert_int_equal(a->code, ERR_FAILED);
    assert_non_null(strstr(a->error, "exited with status 3: x"));
    assert_string_equal(a->output, "");
    m = asking(WISH("slow"), "slow");
    a = run(f, &m);
    assert_int_equal(a->code, ERR_TIMEOUT);
    assert_non_null(strstr(a->error, "did not end within 1"));
    m = asking(WISH("open"), "open");
    assert_int_equal(run(f, &m)->code, ERR_REFUSED);
    m = asking(WISH("unset"), "unset");
    assert_int_equal(run(f, &m)->code, ERR_CONFIG);
}

/* Programs of one entry wait for each other, those of another do not. */
static void test_one_after_the_other(void **state)
{
    struct fixture *f = *state;
    static const char script[] =
        "#!/bin/sh\nmkdir \"$LOCK\" || exit 9\n"
        "n=0; while [ -n \"$OTHER\" ] && [ ! -e \"$OTHER\" ] && [ $n -lt 500 ]; do\n"
        "sleep 0.02; n=$((n + 1)); done\n: >\"$DONE\"; rmdir \"$LOCK\"; [ $n -lt 500 ]\n";
    put(f, "lock", 0755, script);
    static const char settings[] = "{\"hook\":[\"%s\"],\"env\":[\"LOCK=%s\",\"DONE=%s\",\"OTHER=%s\"]}";
    entry(f, 0, "one", "uacme",
        arena_printf(f->arena, settings, path(f, "lock"), path(f, "l1"), path(f, "d1"), path(f, "d2")));
    entry(f, 1, "two", "uacme",
        arena_printf(f->arena, settings, path(f, "lock"), path(f, "l2"), path(f, "d2"), ""));
    struct msg_challenge_run one = asking(WISH("one"), "one"), two = asking(WISH("two"), "two");
    ask(f, &one);
    ask(f, &one);
    ask(f, &two);
    wait_for(f, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(f->answers[i].error, "");
}

static bool has_begun(const struct fixture *f)
{
    return faccessat(f->p.state, "record", F_OK, 0) == 0;
}

static bool nothing_left(const struct fixture *f)
{
    return f->p.challenges == NULL;
}

static void until(struct fixture *f, bool (*done)(const struct fixture *f))
{
    for (int turns = 0; !done(f); turns++) {
        assert_true(turns < 3000);
        event_base_loopexit(f->p.base, &(struct timeval){0, 10 * 1000});
        event_base_dispatch(f->p.base);
    }
}

/* A solver that is gone is not answered, and what waited for it does not run. */
static void test_of_a_solver_that_is_gone(void **state)
{
    struct fixture *f = *state;
    put(f, "wait", 0755,
        RECORDER "n=0; while [ ! -e \"$RECORD.go\" ] && [ $n -lt 500 ]; do sleep 0.02; n=$((n + 1)); done\n");
    entry(f, 0, "one", "uacme",
        arena_printf(
            f->arena, "{\"hook\":[\"%s\"],\"env\":[\"RECORD=%s\"]}", path(f, "wait"), path(f, "record")));
    entry(f, 1, "two", "uacme", f->entries[0].settings);
    struct msg_challenge_run one = asking(WISH("one"), "one"), two = asking(WISH("two"), "two");
    ask(f, &one);
    ask(f, &one);
    until(f, has_begun);
    f->p.solver_life++;
    put(f, "record.go", 0644, "");
    struct answer *a = ask(f, &two);
    wait_for(f, 1);
    until(f, nothing_left);
    assert_true(a->here);
    assert_false(f->answers[0].here || f->answers[1].here);
    is_in(f, "record",
        "begin dns-01 a.example " TOKEN " " VALUE "\nbegin dns-01 a.example " TOKEN " " VALUE "\n");
}

/* --- scripts of acme.sh: here a host that tells what it gets --- */

#define HOST                                                                                         \
    "echo \"$1 ${2##*/} $3 $4\" >>\"$RECORD\"\n"                                                     \
    "echo \"$X_Key/$X_Other/${EVERCERT_ACCOUNT_SAVED_X_Key-}/${EVERCERT_DOMAIN_Zone-}/${LEGACY-}\" " \
    ">>\"$RECORD\"\n"                                                                                \
    "echo 'a SAVED_X_Key=a2V5' >&3\necho 'a LEGACY=b2xk' >&3\necho 'd Zone=NDcxMQ' >&3\n"            \
    "printf '%s' \"$BAD\" >&3\nexit ${STATUS:-0}\n"

static void test_script(void **state)
{
    struct fixture *f = *state;
    put(f, "acme-sh-host", 0644, HOST);
    put(f, "dns_x.sh", 0644, "dns_x_info='X\nOptions:\n X_Key key\n X_Other o\n'\n");
    put(f, "secrets", 0600, "X_Key='from file'\nRECORD=wrong\n");
    const char *record = path(f, "record"), *script = path(f, "dns_x.sh");
    entry(f, 0, "mine", "acme.sh",
        arena_printf(f->arena, "{\"script\":\"%s\",\"env-file\":\"%s\",\"env\":[\"RECORD=%s\"]}", script,
            path(f, "secrets"), record));
    setenv("X_Other", "from environment", 1);
    setenv("X_Unknown", "no", 1);
    struct msg_challenge_run m = asking(WISH("mine"), "mine");
    assert_string_equal(run(f, &m)->error, "");
    m.cleanup = true;
    assert_string_equal(run(f, &m)->error, "");
    is_in(f, "record",
        "add dns_x.sh _acme-challenge.a.example " VALUE "\nfrom file/from environment///\n"
        "rm dns_x.sh _acme-challenge.a.example " VALUE "\nfrom file/from environment/key/4711/old\n");
    struct stat st;
    is_in(f, "dns/mine.conf", "SAVED_X_Key=a2V5\nLEGACY=b2xk\n");
    is_in(f, "dns/mine.d/a.example.conf", "Zone=NDcxMQ\n");
    assert_int_equal(fstatat(f->p.state, "dns/mine.conf", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_bad_scripts(void **state)
{
    struct fixture *f = *state;
    put(f, "acme-sh-host", 0644, HOST "echo wrong key >&2\n");
    put(f, "dns_x.sh", 0644, "");
    put(f, "dns-x.sh", 0644, "");
    put(f, "readable", 0600, "X_Key=hidden\n");
    assert_int_equal(chmod(path(f, "readable"), 0644), 0);
    static const char settings[] = "{\"script\":\"%s\",\"env\":[\"RECORD=%s\",\"%s\"],\"env-file\":\"%s\"}";
    const char *record = path(f, "record"), *script = path(f, "dns_x.sh");
    struct {
        const char *settings, *why;
    } rows[] = {
        {arena_printf(f->arena, settings, script, record, "STATUS=1", ""), "exited with status 1"},
        {arena_printf(f->arena, settings, script, record, "BAD=x y=z", ""), "wants kept"},
        {arena_printf(f->arena, settings, path(f, "dns-x.sh"), record, "A=b", ""), "no path of a script"},
        {arena_printf(f->arena, settings, path(f, "dns_y.sh"), record, "A=b", ""), "dns_y.sh"},
        {arena_printf(f->arena, settings, "dns_x.sh", record, "A=b", ""), "no path of a script"},
        {arena_printf(f->arena, settings, script, record, "LD_PRELOAD=x", ""), "word 2 of env"},
        {arena_printf(f->arena, settings, script, record, "A=b", path(f, "readable")), "chmod"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        entry(f, 0, "mine", "acme.sh", rows[i].settings);
        struct msg_challenge_run m = asking(WISH("mine"), "mine");
        struct answer *a = run(f, &m);
        if (a->code == 0 || strstr(a->error, rows[i].why) == NULL || strstr(a->error, "hidden") != NULL)
            fail_msg("%zu: %s", i, a->error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_to_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_after_the_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_of_a_solver_that_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_script, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_scripts, setup, teardown),
    };
    return cmocka_run_group_tests_name("processes parent challenge", tests, NULL, NULL);
}
