/*
 * The program itself against a fake parent: exit statuses, what goes to which stream, what the parent is
 * told. argv[1] is the program, argv[2] the fake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { OUTPUT_MAX = 64 * 1024 * 1024, DEADLINE_MS = 30000, ARGS_MAX = 64 };

static const char *program, *fake;
static char dir[64];           /* of this test; holds the state, the links and the record */
static struct buf out, errors; /* of the last run */

static const char *in_dir(const char *name)
{
    static char paths[4][128];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/evercert-test-XXXXXX");
    if (mkdtemp(dir) == NULL || symlink(fake, in_dir("parent")) != 0 || mkdir(in_dir("state"), 0700) != 0)
        return -1;
    setenv("EVERCERT_LIBEXEC", dir, 1);
    setenv("FAKE_RECORD", in_dir("record"), 1);
    unsetenv("FAKE_PARENT");
    unsetenv("FAKE_ROWS");
    out = buf_new(OUTPUT_MAX);
    errors = buf_new(OUTPUT_MAX);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {
        "parent", "record", "bad.yaml", "good.yaml", "state/control.sock", "state", "home", ""};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        (void)!remove(in_dir(names[i]));
    buf_free(&out);
    buf_free(&errors);
    return 0;
}

/* Reads what there is; false at the end. A terminal whose other side is gone fails with EIO. */
static bool drain(int fd, struct buf *to)
{
    char bytes[4096];
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n > 0)
        buf_put(to, bytes, (size_t)n);
    return n > 0;
}

/* Collects both streams until they end. With `trigger`, sends `sig` to the process once standard output or
 * error holds that text. */
static void collect(int out_fd, int err_fd, pid_t pid, const char *trigger, int sig)
{
    struct pollfd fds[2] = {{out_fd, POLLIN, 0}, {err_fd, POLLIN, 0}};
    struct buf *const to[2] = {&out, &errors};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        assert_true(poll(fds, 2, DEADLINE_MS) > 0);
        for (size_t i = 0; i < 2; i++)
            if (fds[i].fd >= 0 && fds[i].revents != 0 && !drain(fds[i].fd, to[i]))
                fds[i].fd = -1;
        if (trigger != NULL &&
            (strstr(buf_c(&out), trigger) != NULL || strstr(buf_c(&errors), trigger) != NULL)) {
            kill(pid, sig);
            trigger = NULL;
        }
    }
}

struct options {
    bool terminal; /* standard output is a terminal of 60 x 20 */
    const char *trigger;
    int signal;
};

static int open_terminal(int *child_end)
{
    const struct winsize size = {.ws_row = 20, .ws_col = 60};
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    *child_end = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(*child_end >= 0);
    struct termios t;
    assert_int_equal(tcgetattr(*child_end, &t), 0);
    cfmakeraw(&t); /* newlines stay what they are */
    assert_int_equal(tcsetattr(*child_end, TCSANOW, &t), 0);
    assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
    return master;
}

/* Runs the program with --state DIR/state (unless its arguments name one); returns its exit status. */
static int run_with(const struct options *o, const char *const *args)
{
    const char *argv[ARGS_MAX] = {"evercert"};
    size_t n = 1;
    int outs[2], errs[2], status;
    bool own_state = false;
    for (size_t i = 0; args[i] != NULL; i++)
        own_state = own_state || strcmp(args[i], "--state") == 0;
    if (!own_state) {
        argv[n++] = "--state";
        argv[n++] = in_dir("state");
    }
    for (size_t i = 0; args[i] != NULL; i++)
        argv[n++] = args[i];
    buf_clear(&out);
    buf_clear(&errors);
    if (o->terminal)
        outs[0] = open_terminal(&outs[1]);
    else
        assert_int_equal(pipe2(outs, O_CLOEXEC), 0);
    assert_int_equal(pipe2(errs, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(outs[1], STDOUT_FILENO);
        dup2(errs[1], STDERR_FILENO);
        execv(program, (char *const *)(uintptr_t)argv);
        _exit(99);
    }
    close(outs[1]);
    close(errs[1]);
    collect(outs[0], errs[0], pid, o->trigger, o->signal);
    close(outs[0]);
    close(errs[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define RUN(...)     run_with(&(struct options){0}, (const char *const[]){__VA_ARGS__, NULL})
#define RUN_TTY(...) run_with(&(struct options){.terminal = true}, (const char *const[]){__VA_ARGS__, NULL})
#define RUN_STOP(...)                                                                       \
    run_with(&(struct options){.terminal = true, .trigger = "challenge", .signal = SIGINT}, \
        (const char *const[]){__VA_ARGS__, NULL})

static void assert_in(const struct buf *b, const char *text)
{
    if (strstr(buf_c(b), text) == NULL)
        fail_msg("\"%s\" is not in:\n%s", text, buf_c(b));
}

static void assert_not_in(const struct buf *b, const char *text)
{
    if (strstr(buf_c(b), text) != NULL)
        fail_msg("\"%s\" is in:\n%s", text, buf_c(b));
}

/* What the fake was told. */
static const char *record(void)
{
    static char text[65536];
    FILE *f = fopen(in_dir("record"), "re");
    size_t n = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = '\0';
    if (f != NULL)
        fclose(f);
    return text;
}

static void assert_recorded(const char *text)
{
    if (strstr(record(), text) == NULL)
        fail_msg("\"%s\" was not recorded:\n%s", text, record());
}

static void put_file(const char *name, const char *text)
{
    FILE *f = fopen(in_dir(name), "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* --- words --- */

static void test_help_and_version(void **state)
{
    static const char *const words[][2] = {{"run", NULL}, {"issue", NULL}, {"renew", NULL}, {"list", NULL},
        {"show", NULL}, {"revoke", NULL}, {"forget", NULL}, {"log", NULL}, {"account", "show"},
        {"account", "register"}, {"account", "update"}, {"config", "check"}, {"config", "show"},
        {"config", "schema"}, {"containers", NULL}, {"template", "render"}};
    (void)state;
    assert_int_equal(RUN("--version"), 0);
    assert_string_equal(buf_c(&out), "evercert " EVERCERT_VERSION "\n");
    assert_int_equal(RUN("--help"), 0);
    assert_in(&out, "usage: evercert");
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        char usage[64];
        const char *second = words[i][1];
        snprintf(usage, sizeof usage, "usage: evercert %s%s%s", words[i][0], second ? " " : "",
            second ? second : "");
        assert_int_equal(second ? RUN(words[i][0], second, "--help") : RUN(words[i][0], "--help"), 0);
        assert_in(&out, usage);
        assert_int_equal(second ? RUN("help", words[i][0], second) : RUN("help", words[i][0]), 0);
        assert_in(&out, usage);
        assert_string_equal(buf_c(&errors), "");
    }
    assert_int_equal(RUN("help"), 0);
    assert_int_equal(RUN("account", "--help"), 0);
    assert_in(&out, "account register");
    assert_string_equal(record(), "");
}

/* Words, and what the error must hold. */
static const struct {
    const char *words[6];
    const char *error;
} mistakes[] = {
    {{NULL}, "no command is given"},
    {{"isseu"}, "unknown command isseu (did you mean issue?)"},
    {{"schema"}, "unknown command schema (did you mean config schema?)"},
    {{"frobnicate"}, "unknown command frobnicate: the commands are issue, install, "},
    {{"account"}, "account needs one of: show, register, update"},
    {{"account", "frobnicate"}, "unknown command account frobnicate: account has show, register, update, "},
    {{"account", "deactivate"}, "if that is what you want, add --yes"},
    {{"account", "update", "--eab-kid", "x"}, "unknown option --eab-kid"},
    {{"dns"}, "dns needs one of: list, register, test, record"},
    {{"dns", "register"}, "ENTRY is missing"},
    {{"dns", "record"}, "NAME is missing"},
    {{"containers", "x"}, "takes no arguments"},
    {{"template"}, "template needs one of: render"},
    {{"template", "render"}, "FILE is missing"},
    {{"template", "render", "x", "--kind", "xml"}, "must be one of none, nginx, shell, html, json"},
    {{"issue", "-d", "a", "--tls-port", "0"}, "a port is a number"},
    {{"issue", "-d", "a", "--key-type", "ecdsa-p256,dsa"}, "must be one of ecdsa-p256, "},
    {{"issue", "-d", "a", "--on-rejected-name", "x"}, "must be one of fail, issue-without"},
    {{"config", "chekc"}, "did you mean config check?"},
    {{"--frob", "list"}, "unknown option --frob"},
    {{"list", "--jsn"}, "unknown option --jsn (did you mean --json?)"},
    {{"run", "x"}, "takes no arguments, but \"x\" was given"},
    {{"show"}, "CERT is missing"},
    {{"show", ""}, "an empty name"},
    {{"revoke", "a", "b"}, "\"b\" is too many"},
    {{"revoke", "a", "--reason", "bored"}, "must be one of unspecified, keyCompromise, "},
    {{"renew", "--force"}, "--force needs the names"},
    {{"issue"}, "no name is given: say which one with -d NAME"},
    {{"issue", "a.example"}, "a name is given with -d: -d a.example"},
    {{"issue", "-d", "a.example,b.example"}, "one name for each -d"},
    {{"issue", "--domains", "a.example"}, "unknown option --domains (did you mean --domain?)"},
    {{"issue", "-d", "a", "--http-port", "0"}, "a port is a number"},
    {{"issue", "-d", "a", "--key-type", "dsa"}, "must be one of ecdsa-p256, "},
    {{"list", "--config", "/nonexistent.yaml"}, "configuration /nonexistent.yaml: No such file"},
    {{"help", "frobnicate"}, "unknown command frobnicate"},
};

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        const char *words[7] = {NULL};
        memcpy(words, mistakes[i].words, sizeof mistakes[i].words);
        assert_int_equal(run_with(&(struct options){0}, words), 2);
        assert_in(&errors, "evercert: error: ");
        assert_in(&errors, mistakes[i].error);
        assert_string_equal(buf_c(&out), "");
    }
    assert_string_equal(record(), "");
}

/* --- what the parent is told --- */

static void test_parent_arguments(void **state)
{
    char want[1024], config[128];
    (void)state;
    assert_int_equal(RUN("list"), 0);
    snprintf(want, sizeof want,
        "arg parent\narg --config\narg /etc/evercert/evercert.yaml\narg --config-optional\narg --state\n"
        "arg %s\narg --log-level=error\nverb list id 0\nclosed\n",
        in_dir("state"));
    assert_string_equal(record(), want);
    remove(in_dir("record"));
    put_file("good.yaml", "{}\n");
    snprintf(config, sizeof config, "%s", in_dir("good.yaml"));
    assert_int_equal(RUN("-vv", "list", "-c", config, "--sandbox=log"), 0);
    snprintf(want, sizeof want,
        "arg parent\narg --config\narg %s\narg --state\narg %s\narg --sandbox=log\narg --log-level=debug\n",
        config, in_dir("state"));
    assert_recorded(want);
    assert_int_equal(RUN("-q", "list"), 0);
    assert_recorded("--log-level=error\n");
    assert_int_equal(RUN("list", "-v"), 0);
    assert_recorded("--log-level=info\n");
}

static void test_issue_options(void **state)
{
    char here[512], want[2048];
    (void)state;
    assert_int_equal(
        RUN("issue", "-d", "a.example", "--domain=b.example", "--name", "n", "--authority", "le", "--email",
            "me@example.com", "--webroot", "html", "--http-port", "8080", "--deploy", "reload nginx",
            "--deploy", "x", "--staging", "--agree-tos", "--key-mode", "0640", "--verify", "a.example:443",
            "--publish", "key:tls/{name}.key", "--publish", "cert:/srv/c", "--publish", "der"),
        0);
    assert_non_null(getcwd(here, sizeof here));
    snprintf(want, sizeof want,
        "verb issue id 0\noption domain=a.example\noption domain=b.example\noption name=n\noption "
        "authority=le\n"
        "option email=me@example.com\noption webroot=%s/html\noption http-port=8080\noption deploy=reload "
        "nginx\n"
        "option deploy=x\noption staging=true\noption agree-tos=true\noption key-mode=0640\noption "
        "verify=a.example:443\noption publish=key:%s/tls/{name}.key\noption publish=cert:/srv/c\noption "
        "publish=der\nclosed\n",
        here, here);
    assert_recorded(want);
}

static void test_options_of_the_whole_protocol(void **state)
{
    char here[512], want[2048];
    (void)state;
    assert_int_equal(
        RUN("issue", "-d", "2001:db8::1", "--authority", "a,b", "--authority", "c", "--challenge",
            "tls-alpn-01", "--challenge", "http-01", "--key-type", "RSA-2048,ecdsa-p256", "--eab-kid", "k",
            "--eab-hmac-file", "eab.key", "--csr-file", "/x.csr", "--tls-port", "8443"),
        0);
    assert_non_null(getcwd(here, sizeof here));
    snprintf(want, sizeof want,
        "verb issue id 0\noption domain=2001:db8::1\noption authority=a,b\noption authority=c\noption "
        "challenge=tls-alpn-01\noption challenge=http-01\noption key-type=rsa-2048,ecdsa-p256\noption "
        "eab-kid=k\noption eab-hmac-file=%s/eab.key\noption csr-file=/x.csr\noption tls-port=8443\nclosed\n",
        here);
    assert_recorded(want);
    assert_int_equal(RUN("issue", "-d", "a.example", "--profile", "p", "--preferred-profile", "q,r",
                         "--preferred-chain", "X, Y", "--reuse-key", "--must-staple", "--not-before", "1h",
                         "--not-after", "7d", "--on-rejected-name", "issue-without"),
        0);
    assert_recorded(
        "verb issue id 0\noption domain=a.example\noption profile=p\noption preferred-profile=q,r\n"
        "option preferred-chain=X, Y\noption reuse-key=true\noption must-staple=true\noption "
        "not-before=1h\noption not-after=7d\noption on-rejected-name=issue-without\nclosed\n");
}

static void test_commands_of_the_whole_protocol(void **state)
{
    (void)state;
    assert_int_equal(RUN("account", "rollover", "--authority", "a"), 0);
    assert_recorded("verb account rollover id 0\noption authority=a\nclosed\n");
    assert_int_equal(RUN("account", "deactivate", "--yes"), 0);
    assert_recorded("verb account deactivate id 0\nclosed\n");
    assert_int_equal(RUN("account", "register", "--eab-kid", "k", "--eab-hmac-file", "/f"), 0);
    assert_recorded("verb account register id 0\noption eab-kid=k\noption eab-hmac-file=/f\nclosed\n");
    assert_int_equal(RUN("revoke", "a", "--with-key"), 0);
    assert_recorded("option with-key=true\nclosed\n");
    assert_int_equal(RUN("dns", "record", "a.example"), 0);
    assert_recorded("verb dns record id 0\nname a.example\nclosed\n");
}

static void test_dry_run(void **state)
{
    (void)state;
    assert_int_equal(RUN("issue", "--dry-run", "-d", "a.example"), 0);
    assert_recorded("arg --dry-run\nverb issue id 0\noption domain=a.example\nclosed\n");
}

static void test_other_verbs(void **state)
{
    (void)state;
    assert_int_equal(RUN("renew"), 0);
    assert_recorded("verb renew id 0\nclosed\n");
    assert_int_equal(RUN("renew", "a.example", "--force", "b.example"), 0);
    assert_recorded("verb renew id 0\nname a.example\nname b.example\noption force=true\nclosed\n");
    assert_int_equal(RUN("revoke", "--reason", "keycompromise", "a.example", "--keep"), 0);
    assert_recorded(
        "verb revoke id 0\nname a.example\noption reason=keyCompromise\noption keep=true\nclosed\n");
    assert_int_equal(RUN("forget", "a.example"), 0);
    assert_recorded("verb forget id 0\nname a.example\nclosed\n");
    assert_int_equal(RUN("log", "a.example", "--follow"), 0);
    assert_recorded("verb log id 0\nname a.example\noption follow=true\nclosed\n");
    assert_int_equal(RUN("account", "register", "--email", "me@example.com", "--agree-tos"), 0);
    assert_recorded(
        "verb account register id 0\noption email=me@example.com\noption agree-tos=true\nclosed\n");
    assert_int_equal(RUN("account", "update", "--authority", "le"), 0);
    assert_recorded("verb account update id 0\noption authority=le\nclosed\n");
}

static void test_run(void **state)
{
    (void)state;
    assert_int_equal(RUN("run", "--sandbox", "log"), 42); /* the fake's own: it is the same process */
    assert_recorded("arg --sandbox=log\narg --log-level=info\narg --daemon\n");
    setenv("EVERCERT_LIBEXEC", "/nonexistent", 1);
    assert_int_equal(RUN("run"), 1);
    assert_in(&errors, "evercert: error: cannot start /nonexistent/parent: there is no such program");
    assert_int_equal(RUN("list"), 1);
    assert_in(&errors, "evercert: error: cannot start /nonexistent/parent: there is no such program");
}

/* --- answers --- */

static void test_results(void **state)
{
    (void)state;
    assert_int_equal(RUN("issue", "-d", "a.example"), 0);
    assert_memory_equal(buf_c(&out), "a.example  issued  ", 19);
    assert_string_equal(buf_c(&errors), "");
    assert_int_equal(RUN("-q", "issue", "-d", "a.example"), 0);
    assert_string_equal(buf_c(&out), "");
    assert_int_equal(RUN("renew", "a.example", "fail.example"), 1);
    assert_memory_equal(buf_c(&out), "a.example  renewed  ", 20);
    assert_string_equal(buf_c(&errors),
        "evercert: error: fail.example: the CA refused it: rateLimited: slow ?[31mdown; next try in 1h\n");
    assert_int_equal(RUN("renew"), 0);
    assert_string_equal(buf_c(&out), "");
}

static void test_results_json(void **state)
{
    (void)state;
    assert_int_equal(RUN("renew", "--json", "fail.example"), 1);
    json_t *o = json_loads(buf_c(&out), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(o, "name")), "fail.example");
    assert_true(json_is_false(json_object_get(o, "ok")));
    assert_string_equal(json_string_value(json_object_get(o, "problem")), "rateLimited");
    assert_string_equal(json_string_value(json_object_get(o, "retry_at")), "2100-01-01T00:00:00Z");
    json_decref(o);
}

static void test_list(void **state)
{
    (void)state;
    assert_int_equal(RUN("list"), 0);
    assert_in(&out, "NAME            STATE    SERVED  EXPIRES");
    assert_in(&out, "b00001.example www.b00001.example\n");
    assert_not_in(&out, "\033");
    setenv("FAKE_ROWS", "0", 1);
    assert_int_equal(RUN("list"), 0);
    assert_string_equal(buf_c(&out), "");
    assert_in(&errors, "evercert: no certificates yet");
    assert_int_equal(RUN("list", "-q"), 0);
    assert_string_equal(buf_c(&errors), "");
    assert_int_equal(RUN("list", "--json"), 0);
    assert_string_equal(buf_c(&out), "[]\n");
}

static void test_list_json(void **state)
{
    (void)state;
    setenv("FAKE_ROWS", "3000", 1);
    assert_int_equal(RUN("--json", "list"), 0);
    json_t *array = json_loads(buf_c(&out), JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_array_size(array), 3000);
    const json_t *last = json_array_get(array, 2999);
    assert_string_equal(json_string_value(json_object_get(last, "name")), "c02999.example");
    assert_true(json_is_null(json_object_get(last, "last_error")));
    json_decref(array);
}

static void test_show(void **state)
{
    (void)state;
    assert_int_equal(RUN("show", "a.example"), 0);
    assert_in(&out, "  Next          renewed when a third is left\n");
    assert_in(&out, "  Files         /state/live/a.example/{privkey,cert,chain,fullchain,combined}.pem\n");
    assert_int_equal(RUN("show", "a.example", "--json"), 0);
    json_t *o = json_loads(buf_c(&out), 0, NULL);
    assert_int_equal(json_array_size(json_object_get(o, "chain")), 2);
    json_decref(o);
    assert_int_equal(RUN("show", "b.example"), 1);
    assert_string_equal(buf_c(&errors), "evercert: error: there is no certificate of that name\n");
    assert_int_equal(RUN("show", "b.example", "--json"), 1);
    assert_string_equal(buf_c(&out), "");
}

static void test_log_and_account(void **state)
{
    (void)state;
    assert_int_equal(RUN("log"), 0);
    assert_in(&out, "2026-01-01T00:00:00Z  a.example                 failed         the CA said ?31mno\n");
    assert_int_equal(RUN("log", "--json"), 0);
    assert_in(&out, "\"the CA said \\u009B31mno\",\"detail\":{\"x\":1}}\n{\"id\":8,");
    assert_int_equal(RUN("account", "show"), 0);
    assert_in(&out, "letsencrypt\n  Status      valid\n  Contact     me@example.com\n");
    assert_int_equal(RUN("account", "--json", "show"), 0);
    json_t *array = json_loads(buf_c(&out), 0, NULL);
    assert_int_equal(json_array_size(array), 1);
    json_decref(array);
}

/* --- failures --- */

/* How the parent behaves, the exit status, all of standard error. */
static const struct {
    const char *mode;
    int status;
    const char *errors;
} failures[] = {
    {"locked", 3, "evercert: error: said by the parent\n"},
    {"config", 2, "evercert: error: said by the parent\n"},
    {"refuse", 2, "evercert: error: the configuration names no such authority\n"},
    {"silent", 1, "evercert: error: the command failed; evercert log may say why\n"},
    {"die", 1, ""}, /* it says why itself */
    {"kill", 1,
        "evercert: error: the parent process ended before the command was done (killed by SIGKILL); -v shows "
        "more\n"},
    {"bad-row", 1, "evercert: error: the answer holds a row that is no JSON object\n"},
};

static void test_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        setenv("FAKE_PARENT", failures[i].mode, 1);
        assert_int_equal(RUN("list", "--json"), failures[i].status);
        assert_string_equal(buf_c(&errors), failures[i].errors);
        assert_string_equal(buf_c(&out), "");
    }
    setenv("FAKE_PARENT", "garbage", 1);
    assert_int_equal(RUN("list"), 1);
    assert_in(&errors,
        "evercert: error: the parent process ended before the command was done (exited with status 0)");
    setenv("FAKE_PARENT", "cut-list", 1);
    assert_int_equal(RUN("list", "--json"), 1);
    json_t *array = json_loads(buf_c(&out), 0, NULL); /* what came is still JSON */
    assert_int_equal(json_array_size(array), 1);
    json_decref(array);
    assert_string_equal(buf_c(&errors), "evercert: error: the store failed\n");
}

static void test_full_output(void **state)
{
    char command[256];
    (void)state;
    snprintf(command, sizeof command, "exec %s --state %s list --json >/dev/full", program, in_dir("state"));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)!freopen("/dev/null", "we", stderr);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(99);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

/* --- terminals and interruptions --- */

static void test_terminal(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    assert_int_equal(RUN_TTY("list"), 0);
    assert_in(&out, "\033[32mvalid\033[0m");
    for (const char *line = buf_c(&out); *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 60 + strlen("\033[32m\033[0m"));
    assert_int_equal(RUN_TTY("list", "--no-color"), 0);
    assert_not_in(&out, "\033");
    setenv("NO_COLOR", "1", 1);
    assert_int_equal(RUN_TTY("list"), 0);
    assert_not_in(&out, "\033");
    unsetenv("NO_COLOR");
    assert_int_equal(RUN_TTY("issue", "-d", "a.example"), 0);
    assert_in(&out, "a.example  issued  ");
    assert_in(&out, "files: /state/live/a.example/{");
    assert_int_equal(RUN_TTY("issue", "-d", "a.example", "--json"), 0);
    assert_not_in(&out, "\033");
}

static void test_interrupted(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    setenv("FAKE_PARENT", "hang", 1);
    assert_int_equal(RUN_STOP("issue", "-d", "a.example"), 130);
    assert_in(&out, "a.example  challenge  0s\n");
    assert_in(&out, "\033[1A\r\033[J");
    assert_string_equal(buf_c(&errors), "");
    assert_recorded("closed\n");          /* it was waited for */
    setenv("FAKE_PARENT", "farewell", 1); /* it was interrupted too and says so at the same time */
    assert_int_equal(RUN("issue", "-d", "a.example"), 130);
}

/* --- a daemon --- */

/* Listens on the control socket and becomes a fake with the first client. */
static pid_t start_daemon(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", in_dir("state/control.sock"));
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s >= 0);
    assert_int_equal(bind(s, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s, 5), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(DEADLINE_MS / 1000); /* a test that fails must not leave it waiting; exec keeps this */
        int c = accept(s, NULL, NULL);
        close(s);
        if (c != 3 && dup2(c, 3) != 3)
            _exit(99);
        for (int fd = 4; fd < 64; fd++) /* cmocka's pipes and the listener */
            close(fd);
        execl(fake, "daemon", (char *)NULL);
        _exit(99);
    }
    close(s);
    return pid;
}

static void end_daemon(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    remove(in_dir("state/control.sock"));
}

static void test_daemon(void **state)
{
    (void)state;
    pid_t daemon = start_daemon();
    assert_int_equal(RUN("renew", "a.example"), 0);
    assert_in(&out, "a.example  renewed  ");
    end_daemon(daemon);
    assert_string_equal(record(), "arg daemon\nverb renew id 0\nname a.example\nclosed\n");
}

static void test_daemon_goes(void **state)
{
    (void)state;
    setenv("FAKE_PARENT", "die", 1);
    pid_t daemon = start_daemon();
    assert_int_equal(RUN("renew", "a.example"), 1);
    assert_in(&errors, "evercert: error: the daemon went before the command was done");
    end_daemon(daemon);
}

static void test_daemon_interrupted(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    setenv("FAKE_PARENT", "hang", 1);
    pid_t daemon = start_daemon();
    assert_int_equal(RUN_STOP("renew", "a.example"), 130);
    assert_string_equal(
        buf_c(&errors), "evercert: the daemon goes on with it; evercert list shows how far it is\n");
    end_daemon(daemon);
}

/* A socket that nobody listens on is no daemon; a dry run never asks one. */
static void test_no_daemon(void **state)
{
    (void)state;
    pid_t daemon = start_daemon();
    assert_int_equal(RUN("issue", "--dry-run", "-d", "a.example"), 0);
    assert_recorded("arg --dry-run\n");
    kill(daemon, SIGKILL);
    int status;
    assert_int_equal(waitpid(daemon, &status, 0), daemon);
    assert_int_equal(RUN("list"), 0);
    assert_recorded("arg parent\n");
}

/* --- configuration and state --- */

static void test_config(void **state)
{
    char config[128];
    (void)state;
    put_file("good.yaml", "certificates:\n  - domains: [a.example]\n  - domains: [b.example]\n");
    snprintf(config, sizeof config, "%s", in_dir("good.yaml"));
    assert_int_equal(RUN("config", "check", "-c", config), 0);
    char want[256];
    snprintf(want, sizeof want, "evercert: configuration %s is good: 2 certificates\n", config);
    assert_string_equal(buf_c(&out), want);
    assert_int_equal(RUN("config", "check", "-q", "-c", config), 0);
    assert_string_equal(buf_c(&out), "");
    assert_int_equal(RUN("config", "show", "-c", config), 0);
    assert_in(&out, "b.example");
    assert_int_equal(RUN("config", "schema"), 0);
    json_t *schema = json_loads(buf_c(&out), 0, NULL);
    assert_true(json_is_object(schema));
    json_decref(schema);
    put_file("bad.yaml", "emial: x\nagree-tos: maybe\n");
    snprintf(config, sizeof config, "%s", in_dir("bad.yaml"));
    assert_int_equal(RUN("config", "check", "-c", config), 2);
    assert_in(&errors, "bad.yaml:1:");
    assert_in(&errors, "emial");
    assert_in(&errors, "bad.yaml:2:");
    assert_int_equal(RUN("config", "show", "-c", config), 2);
    assert_in(&errors, "bad.yaml:2:");
    assert_int_equal(RUN("config", "check", "--json", "-c", config), 2);
    json_t *o = json_loads(buf_c(&out), 0, NULL);
    assert_true(json_is_false(json_object_get(o, "good")));
    assert_int_equal(json_array_size(json_object_get(o, "problems")), 2);
    json_decref(o);
    assert_string_equal(record(), "");
}

/* Relative paths mean the user's directory, not the parent's; "/x/" is "/x". */
static void test_paths(void **state)
{
    char here[512], want[1024];
    (void)state;
    assert_int_equal(RUN("list", "--state", "some/where/"), 0);
    assert_non_null(getcwd(here, sizeof here));
    snprintf(want, sizeof want, "arg --state\narg %s/some/where\n", here);
    assert_recorded(want);
}

/* Without engines there is a sentence of what to set, and for programs an array. */
static void test_containers(void **state)
{
    (void)state;
    assert_int_equal(RUN("containers"), 0);
    assert_recorded("verb containers id 0\n");
    assert_string_equal(buf_c(&out), "");
    assert_in(
        &errors, "no container engine is configured; in /etc/evercert/evercert.yaml, docker: {socket: ");
    assert_int_equal(RUN("containers", "--json"), 0);
    assert_string_equal(buf_c(&out), "[]\n");
    assert_string_equal(buf_c(&errors), "");
}

/* A pipe gets the octets as they are, a terminal nothing that it would obey, JSON its own form. */
static void test_template_render(void **state)
{
    (void)state;
    assert_int_equal(RUN("template", "render", "/x.tmpl", "--kind", "HTML"), 0);
    assert_recorded("verb template render id 0\nname /x.tmpl\noption kind=html\n");
    assert_string_equal(buf_c(&out), "a\033[31m\tb\n");
    assert_string_equal(buf_c(&errors), "");
    assert_int_equal(RUN_TTY("template", "render", "x.tmpl"), 0);
    assert_in(&out, "a?[31m\tb\n");
    assert_int_equal(RUN("template", "render", "x.tmpl", "--json"), 0);
    assert_string_equal(buf_c(&out), "{\"text\":\"a\\u001B[31m\\tb\\n\"}\n");
    assert_int_equal(RUN("template", "render", "x.tmpl", "--watch"), 0);
    assert_recorded("option watch=true\n");
    assert_string_equal(buf_c(&out), "a\033[31m\tb\n\xff");
    assert_string_equal(
        buf_c(&errors), "--- 9 octets\nevercert: error: x.tmpl:3: no such thing\n--- 1 octets\n");
    assert_int_equal(RUN("template", "render", "x.tmpl", "--watch", "--json"), 0);
    assert_string_equal(buf_c(&out), "{\"text\":\"a\\u001B[31m\\tb\\n\"}\n"
                                     "{\"error\":\"x.tmpl:3: no such thing\"}\n{\"octets\":\"_w\"}\n");
}

int main(int argc, char **argv)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_help_and_version),
        CASE(test_mistakes),
        CASE(test_parent_arguments),
        CASE(test_issue_options),
        CASE(test_options_of_the_whole_protocol),
        CASE(test_commands_of_the_whole_protocol),
        CASE(test_dry_run),
        CASE(test_other_verbs),
        CASE(test_run),
        CASE(test_results),
        CASE(test_results_json),
        CASE(test_list),
        CASE(test_list_json),
        CASE(test_show),
        CASE(test_log_and_account),
        CASE(test_failures),
        CASE(test_full_output),
        CASE(test_terminal),
        CASE(test_interrupted),
        CASE(test_daemon),
        CASE(test_daemon_goes),
        CASE(test_daemon_interrupted),
        CASE(test_no_daemon),
        CASE(test_config),
        CASE(test_paths),
        CASE(test_containers),
        CASE(test_template_render),
    };
#undef CASE
    if (argc != 3)
        return 2;
    program = realpath(argv[1], NULL);
    fake = realpath(argv[2], NULL);
    if (program == NULL || fake == NULL)
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
