/*
 * A parent for tests of the command line: it speaks the frames on descriptor 3 and answers with canned rows.
 * FAKE_PARENT in the environment says how it misbehaves, FAKE_RECORD names a file for what it was told.
 */
#include "base/arena.h"
#include "base/attr.h"
#include "ipc/channel.h"
#include "processes/command.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake {
    struct event_base *base;
    struct channel *channel;
    const char *mode;
    FILE *record;
};

#define CERTIFICATE_ROW                                                                                  \
    "{\"name\":\"%s\",\"domains\":[\"%s\",\"www.%s\"],\"source\":\"command\",\"state\":\"%s\","          \
    "\"authority\":\"letsencrypt\",\"directory\":\"https://ca.example/dir\",\"challenge\":\"http-01\","  \
    "\"key_type\":\"ecdsa-p256\",\"generation\":3,\"live\":\"/state/live/%s\",\"fingerprint\":\"ab12\"," \
    "\"serial\":\"0a\",\"issuer\":\"CN=Test\",\"not_before\":\"2026-01-01T00:00:00Z\","                  \
    "\"not_after\":\"2999-01-01T00:00:00Z\",\"next_renewal\":\"2998-01-01T00:00:00Z\",\"failures\":0,"   \
    "\"last_error\":null,\"last_problem\":null,\"last_error_at\":null,\"order_url\":null,"               \
    "\"deploy\":{\"state\":\"done\",\"error\":null,\"next\":null}%s}"
#define SHOW_MORE                                                                                            \
    ",\"chain\":[\"CN=one\",\"CN=two\"],\"renew_before\":\"30d\",\"next\":\"renewed when a third is left\"," \
    "\"history\":[{\"id\":1,\"at\":\"2026-01-01T00:00:00Z\",\"certificate\":\"a.example\","                  \
    "\"event\":\"issued\",\"text\":\"generation 3\",\"detail\":null}]"

static void send_row(struct fake *f, const char *json)
{
    const struct msg_row m = {.json = json};
    channel_send(f->channel, MSG_row, 0, &m, -1, NULL);
}

static void send_certificate(struct fake *f, const char *name, const char *state, const char *more)
{
    char row[8192];
    snprintf(row, sizeof row, CERTIFICATE_ROW, name, name, name, state, name, more);
    send_row(f, row);
}

static void send_progress(
    struct fake *f, const char *name, const char *step, bool final, const struct msg_error *error)
{
    struct msg_progress m = {.name = name, .step = step, .final = final};
    if (error != NULL)
        m.error = *error;
    channel_send(f->channel, MSG_progress, 0, &m, -1, NULL);
}

static void finish(struct fake *f, uint32_t status, const char *error)
{
    struct msg_finished m = {.status = status};
    if (error != NULL)
        m.error = (struct msg_error){ERR_FAILED, error, "", 0};
    channel_send(f->channel, MSG_finished, 0, &m, -1, NULL);
}

static void work_on(struct fake *f, const char *name, const char *result, uint32_t *status)
{
    const struct msg_error refused = {ERR_ACME,
        "the CA refused it: rateLimited: slow \033[31mdown; next try in 1h", "rateLimited", 4102444800};
    send_progress(f, name, "order", false, NULL);
    send_progress(f, name, "challenge", false, NULL);
    if (strstr(name, "fail") != NULL) {
        send_progress(f, name, "challenge", true, &refused);
        *status = 1;
        return;
    }
    send_progress(f, name, result, true, NULL);
}

static void answer_list(struct fake *f)
{
    static const char *const states[] = {"valid", "failing", "pending"};
    const char *rows = getenv("FAKE_ROWS");
    long n = rows != NULL ? strtol(rows, NULL, 10) : 3;
    for (long i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "%c%05ld.example", (char)('a' + i % 3), i);
        send_certificate(f, name, states[i % 3], "");
    }
    finish(f, 0, NULL);
}

static void answer_work(struct fake *f, const struct msg_command *m)
{
    uint32_t status = 0;
    const char *first = command_option(m->options.p, m->options.n, "domain");
    if (m->verb == VERB_ISSUE && first != NULL) {
        work_on(f, first, "issued", &status);
        if (status == 0)
            send_certificate(f, first, "valid", "");
    }
    for (size_t i = 0; i < m->names.n; i++)
        work_on(f, m->names.p[i], m->verb == VERB_RENEW ? "renewed" : "done", &status);
    finish(f, status, NULL);
}

/* "a\033[31m\tb\n"; with --watch an error and an octet that is no UTF-8 as well. */
static void answer_rendering(struct fake *f, const struct msg_command *m)
{
    send_row(f, "{\"octets\":\"YRtbMzFtCWIK\"}");
    if (command_option(m->options.p, m->options.n, "watch") != NULL) {
        send_row(f, "{\"error\":\"x.tmpl:3: no such thing\"}");
        send_row(f, "{\"octets\":\"_w\"}");
    }
    finish(f, 0, NULL);
}

static void answer(struct fake *f, const struct msg_command *m)
{
    switch (m->verb) {
    case VERB_LIST:
        answer_list(f);
        break;
    case VERB_SHOW:
        if (strcmp(m->names.p[0], "a.example") == 0)
            send_certificate(f, "a.example", "valid", SHOW_MORE);
        if (strcmp(m->names.p[0], "a.example") == 0)
            finish(f, 0, NULL);
        else
            finish(f, 1, "there is no certificate of that name");
        break;
    case VERB_LOG:
        send_row(f,
            "{\"id\":7,\"at\":\"2026-01-01T00:00:00Z\",\"certificate\":\"a.example\",\"event\":\"failed\","
            "\"text\":\"the CA said \\u009b31mno\",\"detail\":{\"x\":1}}");
        send_row(f, "{\"id\":8,\"at\":\"2026-01-02T00:00:00Z\",\"certificate\":\"\",\"event\":\"start\","
                    "\"text\":\"up\",\"detail\":null}");
        finish(f, 0, NULL);
        break;
    case VERB_ACCOUNT_SHOW:
    case VERB_ACCOUNT_REGISTER:
    case VERB_ACCOUNT_UPDATE:
        send_row(f, "{\"authority\":\"letsencrypt\",\"directory\":\"https://ca.example/dir\",\"url\":"
                    "\"https://ca.example/acct/1\",\"email\":\"me@example.com\",\"thumbprint\":\"tp\","
                    "\"status\":\"valid\"}");
        finish(f, 0, NULL);
        break;
    case VERB_CONTAINERS:
        finish(f, 0, NULL); /* nothing is configured */
        break;
    case VERB_TEMPLATE_RENDER:
        answer_rendering(f, m);
        break;
    default:
        answer_work(f, m);
    }
}

static void record(struct fake *f, const char *fmt, ...) ATTR_PRINTF(2, 3);

static void record(struct fake *f, const char *fmt, ...)
{
    va_list ap;
    if (f->record == NULL)
        return;
    va_start(ap, fmt);
    vfprintf(f->record, fmt, ap);
    va_end(ap);
    fflush(f->record);
}

/* True when the mode has an answer of its own. */
static bool misbehave(struct fake *f)
{
    const char *mode = f->mode;
    if (strcmp(mode, "die") == 0)
        _exit(1);
    if (strcmp(mode, "kill") == 0)
        raise(SIGKILL);
    if (strcmp(mode, "refuse") == 0)
        finish(f, 2, "the configuration names no such authority");
    else if (strcmp(mode, "silent") == 0)
        finish(f, 1, NULL);
    else if (strcmp(mode, "garbage") == 0)
        (void)!write(COMMAND_FD, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10);
    else if (strcmp(mode, "bad-row") == 0)
        send_row(f, "[not an object");
    else if (strcmp(mode, "cut-list") == 0)
        send_certificate(f, "a.example", "valid", ""), finish(f, 1, "the store failed");
    else if (strcmp(mode, "farewell") == 0)
        kill(getppid(), SIGINT), finish(f, 1, "evercert was stopped");
    else if (strcmp(mode, "hang") == 0)
        send_progress(f, "a.example", "challenge", false, NULL);
    else
        return false;
    return true;
}

static void on_command(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct fake *f = arg;
    const struct msg_command *m = msg;
    (void)c, (void)fd;
    record(f, "verb %s id %u\n", command_verb_text(m->verb), (unsigned)id);
    for (size_t i = 0; i < m->names.n; i++)
        record(f, "name %s\n", m->names.p[i]);
    for (size_t i = 0; i < m->options.n; i++)
        record(f, "option %s\n", m->options.p[i]);
    if (!misbehave(f))
        answer(f, m);
}

static const struct channel_rule rules[] = {{MSG_command, CHANNEL_STATE_ANY, on_command}};

static void on_closed(struct channel *c, const struct err *why, void *arg)
{
    struct fake *f = arg;
    (void)c, (void)why;
    record(f, "closed\n");
    event_base_loopbreak(f->base);
}

int main(int argc, char **argv)
{
    const char *mode = getenv("FAKE_PARENT"), *path = getenv("FAKE_RECORD");
    struct fake f = {.base = event_base_new(), .mode = mode != NULL ? mode : ""};
    f.record = path != NULL ? fopen(path, "ae") : NULL;
    for (int i = 0; i < argc; i++)
        record(&f, "arg %s\n", argv[i]);
    if (strcmp(f.mode, "locked") == 0 || strcmp(f.mode, "config") == 0) {
        fprintf(stderr, "evercert: error: said by the parent\n");
        _exit(f.mode[0] == 'l' ? EXIT_LOCKED : EXIT_USAGE);
    }
    if (argc > 1 && strcmp(argv[argc - 1], "--daemon") == 0)
        _exit(42);
    if (strcmp(f.mode, "hang") == 0)
        signal(SIGINT, SIG_IGN); /* only the closed channel may end it */
    fcntl(COMMAND_FD, F_SETFL, O_NONBLOCK);
    f.channel = channel_new(f.base, COMMAND_FD, "client", rules, ARRAY_LEN(rules), on_closed, &f);
    event_base_dispatch(f.base);
    channel_free(f.channel);
    event_base_free(f.base);
    if (f.record != NULL)
        fclose(f.record);
    return 0;
}
