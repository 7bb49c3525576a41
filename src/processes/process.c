#include "processes/process.h"

#include "base/log.h"
#include "base/str.h"
#include "os/file.h"
#include "os/signal.h"
#include "os/user.h"
#include "processes/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool value_of(const char *arg, const char *word, const char **out)
{
    size_t n = strlen(word);
    if (strncmp(arg, word, n) != 0)
        return false;
    *out = arg + n;
    return true;
}

/* "same", "powerless" or "UID:GID" */
static bool parse_identity(struct process *p, struct str s)
{
    struct str uid_text, gid_text;
    uint64_t uid, gid;
    if (str_eq_c(s, "same")) {
        p->identity = IDENTITY_SAME;
        return true;
    }
    if (str_eq_c(s, "powerless")) {
        p->identity = IDENTITY_POWERLESS;
        return true;
    }
    if (!str_cut(s, ':', &uid_text, &gid_text) || !str_to_u64(uid_text, UINT32_MAX - 1, &uid) ||
        !str_to_u64(gid_text, UINT32_MAX - 1, &gid))
        return false;
    p->identity = IDENTITY_USER;
    p->uid = (uid_t)uid;
    p->gid = (gid_t)gid;
    return true;
}

void process_arguments(struct process *p, const char *name, int argc, char **argv)
{
    *p = (struct process){.name = name};
    enum log_level level = LOG_LEVEL_INFO;
    enum log_format format = LOG_FORMAT_TEXT;
    for (int i = 1; i < argc; i++) {
        const char *value;
        if (value_of(argv[i], "--log-level=", &value) && log_level_parse(str_c(value), &level))
            continue;
        if (value_of(argv[i], "--log-format=", &value) && log_format_parse(str_c(value), &format))
            continue;
        if (value_of(argv[i], "--identity=", &value) && parse_identity(p, str_c(value)))
            continue;
        if (value_of(argv[i], "--probe=", &value)) {
            p->probe = value;
            continue;
        }
        if (strcmp(argv[i], "--sandbox=log") == 0) {
            p->sandbox_log = true;
            continue;
        }
        if (strcmp(argv[i], "--new-state") == 0) {
            p->new_state = true;
            continue;
        }
        if (strcmp(argv[i], "--tls-alpn") == 0) {
            p->tls_alpn = true;
            continue;
        }
        fprintf(stderr, "evercert: error: %s is started by evercert itself and does not take %s\n", name,
            argv[i]);
        exit(2);
    }
    log_init(name, level);
    log_write_as(format, PROCESS_LOG_FD);
}

void process_init(struct process *p, const char *name, int argc, char **argv)
{
    process_arguments(p, name, argc, argv);
    if (p->probe == NULL && fcntl(PROCESS_PARENT_FD, F_GETFD) < 0) {
        fprintf(stderr, "evercert: error: %s is started by evercert itself; run: evercert run\n", name);
        exit(2);
    }
    signal_ignore(SIGPIPE); /* a peer that went is told by the call that met it */
    p->base = event_base_new();
    if (p->base == NULL)
        abort();
}

uid_t process_uid(const struct process *p)
{
    switch (p->identity) {
    case IDENTITY_USER:
        return p->uid;
    case IDENTITY_POWERLESS: /* opens only what is root's own */
        return 0;
    case IDENTITY_SAME:
        break;
    }
    return (uid_t)-1;
}

int process_own(const struct process *p, int fd, struct err *err)
{
    gid_t gid = p->identity == IDENTITY_USER ? p->gid : (gid_t)-1;
    if (fchown(fd, process_uid(p), gid) != 0)
        return err_errno(err, errno, "cannot give a file to user %u", (unsigned)process_uid(p));
    return 0;
}

int process_become(const struct process *p, struct err *err)
{
    switch (p->identity) {
    case IDENTITY_USER:
        return user_become(p->uid, p->gid, err);
    case IDENTITY_POWERLESS:
        return caps_drop_all(err);
    case IDENTITY_SAME:
        break;
    }
    return 0;
}

size_t process_network_paths(struct sandbox_path out[PROCESS_NETWORK_PATHS_MAX])
{
    static const struct sandbox_path paths[] = {
        {.path = "/etc/resolv.conf", .access = SANDBOX_READ, .optional = true},
        {.path = "/etc/hosts", .access = SANDBOX_READ, .optional = true},
        {.path = "/etc/host.conf", .access = SANDBOX_READ, .optional = true},
        {.path = "/etc/nsswitch.conf", .access = SANDBOX_READ, .optional = true},
        {.path = "/etc/gai.conf", .access = SANDBOX_READ, .optional = true},
        {.path = "/etc/services", .access = SANDBOX_READ, .optional = true},
        {.path = "/etc/localtime", .access = SANDBOX_READ, .optional = true},
        {.path = "/run/systemd/resolve", .access = SANDBOX_READ, .optional = true},
        {.path = "/etc/ssl/certs", .access = SANDBOX_READ, .optional = true},
        {.path = "/etc/ssl/openssl.cnf", .access = SANDBOX_READ, .optional = true},
        {.path = "/etc/pki/tls/certs", .access = SANDBOX_READ, .optional = true},
        {.path = "/usr/share/ca-certificates", .access = SANDBOX_READ, .optional = true},
        {.path = "/usr/local/share/ca-certificates", .access = SANDBOX_READ, .optional = true},
        {.path = "/usr/lib", .access = SANDBOX_READ, .optional = true},
        {.path = "/lib", .access = SANDBOX_READ, .optional = true},
        {.path = "/dev/null", .access = SANDBOX_WRITE, .optional = true},
        {.path = "/dev/urandom", .access = SANDBOX_READ, .optional = true}, /* c-ares; see dns/channel.c */
    };
    _Static_assert(ARRAY_LEN(paths) <= PROCESS_NETWORK_PATHS_MAX, "there is room for all");
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        out[i] = paths[i];
    return ARRAY_LEN(paths);
}

int process_confine(struct process *p, struct sandbox *sandbox, struct err *err)
{
    struct sandbox_report report;
    char text[SANDBOX_REPORT_TEXT_MAX];
    sandbox->process = p->name;
    sandbox->log_only = p->sandbox_log;
    int r = sandbox_enter(sandbox, &report, err);
    if (r < 0)
        return err_prefix(err, "the sandbox of %s cannot be entered", p->name);
    log_info("uid %u, %s", (unsigned)geteuid(), sandbox_report_text(&report, text));
    if (p->probe != NULL)
        _exit(probe_run(p->probe));
    return 0;
}

/* Reads what the parent sends, to nobody, until it has closed its end. Going away earlier, with the parent's
 * messages unread or on their way, would break its channel before it came to ours. */
static void await_close(int fd)
{
    char nobody[4096];
    struct pollfd at = {.fd = fd, .events = POLLIN};
    for (;;) {
        ssize_t n = read(fd, nobody, sizeof nobody);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
            return;
        if (n < 0)
            (void)poll(&at, 1, -1);
    }
}

int process_unable(struct process *p, const struct err *why)
{
    struct msg_unable m = {msg_error_of(why)};
    struct err err = ERR_INIT;
    int fd ATTR_CLEANUP(fd_close) = p->probe == NULL ? fcntl(PROCESS_PARENT_FD, F_DUPFD_CLOEXEC, 0) : -1;
    if (fd < 0) { /* a probe has nobody behind the channel */
        log_error("%s", why->text);
        return 1;
    }
    struct channel *c = channel_new(p->base, PROCESS_PARENT_FD, "parent", NULL, 0, NULL, NULL);
    int r = channel_send(c, MSG_unable, 0, &m, -1, &err);
    channel_free(c); /* writes it out; the queue was empty, so it fits */
    if (r < 0)
        log_error("%s", why->text);
    else
        await_close(fd);
    return 1;
}

void process_run(struct process *p, void (*turn)(void *arg), void *arg)
{
    while (!event_base_got_exit(p->base) && event_base_loop(p->base, EVLOOP_ONCE) == 0)
        if (turn != NULL)
            turn(arg);
}

void process_stop(struct process *p)
{
    event_base_loopexit(p->base, NULL);
}

void process_on_ping(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)msg, (void)fd, (void)arg;
    (void)channel_send(c, MSG_done, id, &(struct msg_done){.error = msg_error_of(NULL)}, -1, NULL);
}

void process_parent_gone(struct channel *c, const struct err *why, void *arg)
{
    (void)c, (void)why, (void)arg;
    _exit(0);
}
