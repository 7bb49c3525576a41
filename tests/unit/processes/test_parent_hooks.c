/* The parent's side of hooks: what it refuses, who waits for whom, and what it says of steps that could not
 * be carried out. The keeper's answer is played: a permit here is the wish's text. */
#include "../os/temp.h"

#include "os/signal.h"
#include "os/socket.h"
#include "processes/parent/parent.h"
#include "processes/parent/run.h"

#include <signal.h>
#include <sys/wait.h>

static struct channel *to_engine;

struct channel *member_channel(const struct parent *p, enum member_id id)
{
    (void)p;
    return id == MEMBER_ENGINE ? to_engine : NULL;
}

const struct authority *authority_named(struct parent *p, const char *name, struct arena *a)
{
    (void)p, (void)name, (void)a;
    return NULL;
}

const char *member_libexec(void)
{
    return "/";
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

/* --- an engine that asks --- */

enum { ANSWERS_MAX = 8 };

struct fixture {
    struct temp *temp;
    struct arena *arena;
    struct parent p;
    struct channel *engine;
    struct event *child;
    struct answer {
        bool here;
        int code;
        char error[ERR_TEXT_MAX], output[4096], problems[16 * 1024];
    } answers[ANSWERS_MAX];
    size_t asked, came;
};

static void on_hook_run(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    hook_run(arg, id, msg);
}

static void on_steps_check(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    steps_check(arg, id, msg);
}

static const struct channel_rule rules[] = {
    {MSG_hook_run, CHANNEL_STATE_ANY, on_hook_run}, {MSG_steps_check, CHANNEL_STATE_ANY, on_steps_check}};

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

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int ends[2];
    *state = f;
    if (f == NULL || temp_setup((void **)&f->temp) != 0 || chmod(f->temp->path, 0755) != 0)
        return -1;
    f->p = (struct parent){.base = event_base_new(), .control = -1};
    f->p.options.state = f->temp->path;
    f->arena = arena_new();
    f->p.settings.email = "";
    if (f->p.base == NULL || socket_pair(ends, NULL) < 0)
        return -1;
    to_engine = channel_new(f->p.base, ends[0], "engine", rules, ARRAY_LEN(rules), on_closed, &f->p);
    f->engine = channel_new(f->p.base, ends[1], "parent", NULL, 0, on_closed, f);
    f->child = evsignal_new(f->p.base, SIGCHLD, on_child, f);
    evsignal_add(f->child, NULL);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    channel_free(f->engine);
    channel_free(to_engine);
    event_free(f->child);
    event_base_free(f->p.base);
    arena_free(f->arena);
    int r = temp_teardown((void **)&f->temp);
    free(f);
    return r;
}

static void keep(struct fixture *f, struct answer *a, const struct msg_error *e)
{
    struct err err = ERR_INIT;
    a->here = true;
    a->code = msg_error_get(e, &err);
    snprintf(a->error, sizeof a->error, "%s", err.text);
    f->came++;
    event_base_loopbreak(f->p.base);
}

static struct fixture *current;

static void on_ran(const void *msg, const struct err *err, void *arg)
{
    const struct msg_hook_ran *m = msg;
    struct answer *a = arg;
    assert_non_null(m);
    snprintf(a->output, sizeof a->output, "%s", m->output);
    keep(current, a, &m->error);
}

static void on_checked(const void *msg, const struct err *err, void *arg)
{
    const struct msg_steps_checked *m = msg;
    struct answer *a = arg;
    size_t n = 0;
    assert_non_null(m);
    for (size_t i = 0; i < m->problems.n && n < sizeof a->problems; i++)
        n += (size_t)snprintf(a->problems + n, sizeof a->problems - n, "%s\n", m->problems.p[i]);
    keep(current, a, &m->error);
}

static struct answer *ask(struct fixture *f, const char *wish, uint32_t step, const char *event,
    const char *const *names, size_t name_n)
{
    struct answer *a = &f->answers[f->asked++];
    struct msg_hook_run m = {
        .permit = str_c(wish), .step = step, .event = event, .names = {names, name_n}, .fingerprint = "aa"};
    current = f;
    assert_int_equal(channel_request(f->engine, MSG_hook_run, &m, MSG_hook_ran, on_ran, a, NULL), 0);
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

static struct answer *run(struct fixture *f, const char *wish, uint32_t step, const char *event)
{
    struct answer *a = ask(f, wish, step, event, NULL, 0);
    wait_for(f, f->asked);
    return a;
}

#define WISH(name, steps) "{\"name\":\"" name "\",\"domains\":[\"" name "\"],\"deploy\":[" steps "]}"
#define SH(script)        "\"run\":[\"/bin/sh\",\"-c\",\"" script "\"]"

static void test_runs_what_the_permit_says(void **state)
{
    struct fixture *f = *state;
    static const char wish[] = WISH("a.example",
        "{" SH("echo $EVERCERT_EVENT $EVERCERT_NAME $X; exit 0") ",\"env\":{\"X\":\"own\"}},{" SH(
            "echo no") "}");
    struct answer *a = run(f, wish, 0, "issued");
    assert_int_equal(a->code, 0);
    assert_string_equal(a->output, "issued a.example own ");
    a = run(f, wish, 1, "renewed");
    assert_string_equal(a->output, "no ");
    assert_null(f->p.hooks);
    assert_null(f->p.runs);
}

static void test_refuses_the_rest(void **state)
{
    struct fixture *f = *state;
    static const char wish[] = WISH("a.example",
        "{" SH("echo ran") "},{\"verify\":\"a.example:443\"},{" SH("echo ran") ",\"batch\":\"true\"}");
    static const char *const bad_name[] = {"../x"}, *const name[] = {"a.example"};
    static const struct {
        uint32_t step;
        const char *event;
        const char *const *names;
    } rows[] = {{1, "issued", NULL}, {3, "issued", NULL}, {UINT32_MAX, "issued", NULL}, {0, "failing", NULL},
        {0, "starting", NULL}, {0, "", NULL}, {0, "revoked", NULL}, {0, "issued", name},
        {2, "issued", bad_name}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f->asked = f->came = 0;
        struct answer *a = ask(f, wish, rows[i].step, rows[i].event, rows[i].names, rows[i].names != NULL);
        wait_for(f, 1);
        assert_int_equal(a->code, rows[i].names == bad_name ? ERR_INPUT : ERR_REFUSED);
        assert_string_equal(a->output, "");
    }
    f->asked = f->came = 0;
    struct answer *a = ask(f, wish, 2, "issued", name, 1);
    wait_for(f, 1);
    assert_string_equal(a->output, "ran ");
    f->asked = f->came = 0;
    assert_true(run(f, "{}", 0, "issued")->code < 0);
}

/* A folder that only one can make: who finds it there runs beside another. */
#define ALONE(folder) "mkdir " folder "/alone || exit 9; sleep 0.2; rmdir " folder "/alone"

static void test_one_after_the_other(void **state)
{
    struct fixture *f = *state;
    static const char *const both[] = {"b.example", "a.example"};
    const char *one =
        arena_printf(f->arena, WISH("a.example", "{" SH(ALONE("%s")) "}"), f->temp->path, f->temp->path);
    const char *many = arena_printf(f->arena, WISH("b.example", "{" SH(ALONE("%s")) ",\"batch\":\"true\"}"),
        f->temp->path, f->temp->path);
    ask(f, one, 0, "issued", NULL, 0);
    ask(f, many, 0, "issued", both, 2);
    ask(f, one, 0, "renewed", NULL, 0);
    wait_for(f, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(f->answers[i].error, "");
}

static void test_others_beside_it(void **state)
{
    struct fixture *f = *state;
    const char *waits = arena_printf(
        f->arena, WISH("a.example", "{" SH("while ! test -e %s/x; do sleep 0.05; done") "}"), f->temp->path);
    const char *comes = arena_printf(f->arena, WISH("b.example", "{" SH("touch %s/x") "}"), f->temp->path);
    ask(f, waits, 0, "issued", NULL, 0);
    ask(f, comes, 0, "issued", NULL, 0);
    wait_for(f, 2);
    assert_int_equal(f->answers[0].code, 0);
}

/* What an engine asked for that died is not begun, and what runs is not run beside itself for the next. */
static void test_of_an_engine_that_is_gone(void **state)
{
    struct fixture *f = *state;
    const char *first =
        arena_printf(f->arena, WISH("a.example", "{" SH("touch %s/began; sleep 0.3; touch %s/ended") "}"),
            f->temp->path, f->temp->path);
    const char *second = arena_printf(
        f->arena, WISH("a.example", "{" SH("test -e %s/ended && echo after") "}"), f->temp->path);
    ask(f, first, 0, "issued", NULL, 0);
    ask(f, first, 0, "issued", NULL, 0); /* waits, and never begins */
    while (faccessat(f->temp->fd, "began", F_OK, 0) != 0)
        event_base_loop(f->p.base, EVLOOP_ONCE);
    f->p.engine_life++;
    struct answer *a = ask(f, second, 0, "issued", NULL, 0);
    wait_for(f, 1);
    assert_string_equal(a->output, "after ");
    assert_false(f->answers[0].here || f->answers[1].here);
    assert_null(f->p.hooks);
}

/* --- steps_check --- */

static const char *check(struct fixture *f, const char *wish)
{
    struct answer *a = &f->answers[f->asked++];
    struct msg_steps_check m = {.permit = str_c(wish)};
    current = f;
    assert_int_equal(
        channel_request(f->engine, MSG_steps_check, &m, MSG_steps_checked, on_checked, a, NULL), 0);
    wait_for(f, f->asked);
    assert_int_equal(a->code, 0);
    return a->problems;
}

static void put(struct fixture *f, const char *name, mode_t mode, const char *text)
{
    int fd = openat(f->temp->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && fchmod(fd, mode) == 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void has(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        return;
    print_error("%s\n", text);
    fail_msg("\"%s\" is not there", part);
}

static void test_what_could_not_be_carried_out(void **state)
{
    struct fixture *f = *state;
    const char *t = f->temp->path;
    put(f, "open", 0777, "#!/bin/sh\n");
    put(f, "text", 0644, "no program");
    put(f, "sudo", 0755, "#!/bin/sh\necho \"$*\" >> \"${0%/*}/asked\"\nexit 1\n");
    assert_int_equal(mkdirat(f->temp->fd, "folder", 0755), 0);
    assert_int_equal(mkdirat(f->temp->fd, "www", 0755), 0);
    assert_int_equal(symlinkat("folder", f->temp->fd, "www/.well-known"), 0);
    const char *wish = arena_printf(f->arena,
        "{\"domains\":[\"a.example\"],\"webroot\":\"%s/www\",\"webroot-map\":{\"a.example\":\"%s/nowhere\"},"
        "\"publish\":[{\"format\":\"chain\",\"path\":\"%s/gone/{name}.pem\"},"
        "{\"format\":\"chain\",\"path\":\"%s/folder/{name}.pem\"}],"
        "\"deploy\":[{\"run\":[\"/bin/true\"]},{\"run\":[\"/nowhere/x\"]},{\"run\":[\"%s/text\"]},"
        "{\"run\":[\"%s/open\",\"now\"]},{\"run\":[\"/bin/true\"],\"user\":\"nobody-of-that-name\"},"
        "{\"run\":[\"%s/folder\"],\"dialect\":\"certbot\"},{\"run\":[\"%s/folder\"]},"
        "{\"run\":[\"/bin/true\"],\"dialect\":\"mod_md\",\"on\":[\"finished\"]},"
        "{\"run\":[\"/bin/true\"],\"dialect\":\"dehydrated\",\"batch\":\"true\"},"
        "{\"run\":[\"%s/sudo\",\"-n\",\"-E\",\"-u\",\"www-data\",\"/bin/true\",\"-x\"]},"
        "{\"verify\":\"a.example:443\"}]}",
        t, t, t, t, t, t, t, t, t);
    const char *said = check(f, wish);
    assert_null(strstr(said, "step 1 "));
    has(said, "a.example: deploy step 2 (/nowhere/x): there is no program /nowhere/x\n");
    has(said, "/text): ");
    has(said, "is not executable (chmod +x)\n");
    has(said, "/open now): ");
    has(said, "chmod go-w");
    has(said, "step 5 (/bin/true): ");
    has(said, "nobody-of-that-name");
    has(said, "step 6 (");
    has(said, "the folder has no executable file (chmod +x)\n");
    has(said, "is a folder; `dialect: certbot` runs");
    has(said, "step 8 (/bin/true): hooks of this dialect have no word for finished");
    has(said, "step 9 (/bin/true): deploy_cert is about one certificate");
    has(said, "step 10 (");
    has(said, "`evercert snippet sudoers` prints it\n");
    has(said, "/www: .well-known is a symbolic link");
    has(said, "/nowhere: No such file or directory");
    has(said, "/gone/a.example.pem: ");
    assert_null(strstr(said, "/folder/a.example.pem"));
    struct buf asked = buf_new(1000);
    assert_int_equal(file_read(f->temp->fd, "asked", 1000, &asked, NULL), 0);
    assert_string_equal(buf_c(&asked), "-n -l -u www-data /bin/true -x\n");
    buf_free(&asked);
}

/* Of programs that answer challenges. */
static void test_programs_of_dns(void **state)
{
    struct fixture *f = *state;
    static const char wish[] =
        "{\"name\":\"a.example\",\"domains\":[\"a.example\"],\"challenge\":[\"dns-01\"],"
        "\"dns\":{\"*\":\"gone,lua\",\"b.example\":\"open,good\",\"c.example\":\"script,secrets\"}}";
    put(f, "good", 0755, "");
    put(f, "open", 0777, "");
    put(f, "dns_x.sh", 0664, "");
    put(f, "readable", 0644, "A=b\n");
    const char *dir = f->temp->path;
    const struct dns_entry entries[] = {
        {.name = "gone", .provider = "certbot", .settings = "{\"auth-hook\":[\"/nowhere/hook\"]}"},
        {.name = "lua", .provider = "cloudflare", .settings = "{}"},
        {.name = "open",
            .provider = "uacme",
            .settings = arena_printf(f->arena, "{\"hook\":[\"%s/open\"]}", dir)},
        {.name = "good",
            .provider = "certbot",
            .settings = arena_printf(
                f->arena, "{\"auth-hook\":[\"%s/good\"],\"cleanup-hook\":[\"%s/good\"]}", dir, dir)},
        {.name = "script",
            .provider = "acme.sh",
            .settings = arena_printf(f->arena, "{\"script\":\"%s/dns_y.sh\"}", dir)},
        {.name = "secrets",
            .provider = "acme.sh",
            .settings = arena_printf(
                f->arena, "{\"script\":\"%s/dns_x.sh\",\"env-file\":\"%s/readable\"}", dir, dir)},
    };
    f->p.settings.dns = entries;
    f->p.settings.dns_n = ARRAY_LEN(entries);
    const char *said = check(f, wish);
    has(said, "a.example: dns entry gone: ");
    has(said, "/nowhere/hook");
    has(said, "a.example: dns entry open: ");
    has(said, "chmod go-w");
    has(said, "a.example: dns entry script: ");
    has(said, "a.example: dns entry secrets: ");
    has(said, "chmod 600");
    assert_null(strstr(said, "entry lua"));
    assert_null(strstr(said, "entry good"));
}

static void test_nothing_to_say(void **state)
{
    struct fixture *f = *state;
    const char *wish = arena_printf(f->arena,
        "{\"domains\":[\"a.example\"],\"webroot\":\"%s\",\"deploy\":[{\"run\":[\"true\"]},{\"run\":[\"sh\","
        "\"-c\",\"x\"],"
        "\"dialect\":\"acme.sh\",\"batch\":\"true\"}]}",
        f->temp->path);
    assert_string_equal(check(f, wish), "");
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_runs_what_the_permit_says),
        TEST(test_refuses_the_rest),
        TEST(test_one_after_the_other),
        TEST(test_others_beside_it),
        TEST(test_of_an_engine_that_is_gone),
        TEST(test_what_could_not_be_carried_out),
        TEST(test_programs_of_dns),
        TEST(test_nothing_to_say),
    };
    return cmocka_run_group_tests_name("processes parent hooks", tests, NULL, NULL);
}
