/* Control connections: one command each, from its arrival to the last of the engine's answers. */
#include "base/log.h"
#include "os/socket.h"
#include "processes/control_socket.h"
#include "processes/parent/control_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_PAUSE_MS = 200 /* without descriptors: nobody who typed a command notices more */ };

struct session *control_session(struct parent *p, uint32_t id)
{
    for (struct session *s = p->sessions; s != NULL; s = s->next)
        if (s->id == id)
            return s;
    return NULL;
}

static void session_free(struct session *s)
{
    struct parent *p = s->p;
    struct channel *engine = member_channel(p, MEMBER_ENGINE);
    if (s->asked && !s->over && engine != NULL)
        (void)channel_send(engine, MSG_session_gone, 0, &(struct msg_session_gone){s->id}, -1, NULL);
    for (struct session **at = &p->sessions; *at != NULL; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    channel_free(s->channel);
    import_free(s);
    watch_free(s);
    arena_free(s->arena);
    free(s);
    if (!p->options.daemon && p->sessions == NULL)
        parent_stop(p, 0);
}

void control_end(struct session *s, uint32_t status, const struct err *err)
{
    struct err failure = ERR_INIT;
    struct msg_finished m = {0, status, msg_error_of(err)};
    s->over = true;
    if (channel_send(s->channel, MSG_finished, 0, &m, -1, &failure) < 0)
        log_debug("%s", failure.text);
}

void control_fail(struct session *s, const struct err *err)
{
    control_end(s, err->code == ERR_USAGE || err->code == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILED, err);
}

const char *control_option(const struct session *s, const char *word)
{
    return command_option(s->options.p, s->options.n, word);
}

/* Who looks at what there is sees that it is not what the configuration says now. */
static void give_notice(struct session *s)
{
    const struct parent *p = s->p;
    char since[TIME_TEXT_MAX];
    struct err err = ERR_INIT;
    if (p->not_in_force.code == 0 || (s->verb != VERB_LIST && s->verb != VERB_SHOW))
        return;
    const struct msg_notice m = {arena_printf(s->arena,
        "the configuration in force is not that of %s: %s (since %s); mend it and reload", p->options.config,
        p->not_in_force.text, wall_format(p->not_in_force_since, since))};
    if (channel_send(s->channel, MSG_notice, 0, &m, -1, &err) < 0)
        log_debug("%s", err.text);
}

static void go(struct session *s)
{
    if (!s->commanded || s->waiting || s->asked || s->over || !wishes_are_fed(s->p))
        return;
    log_debug("command %s", command_verb_text(s->verb));
    give_notice(s);
    control_command(s);
}

void control_go(struct parent *p)
{
    for (struct session *s = p->sessions, *next; s != NULL; s = next) {
        next = s->next;
        go(s);
    }
}

/* --- connections --- */

static struct msg_list keep_list(struct arena *a, const struct msg_list *l)
{
    const char **p = arena_array(a, l->n, sizeof *p);
    for (size_t i = 0; i < l->n; i++)
        p[i] = arena_dup_c(a, l->p[i]);
    return (struct msg_list){p, l->n};
}

/* A one-shot's --http-port or --tls-port replaces the configured addresses for its own run. */
static int apply_port(struct session *s, const char *word, const char *challenge, const char *const **listen,
    size_t *listen_n, struct err *err)
{
    const char *text = control_option(s, word);
    uint64_t port;
    if (text == NULL)
        return 0;
    if (!str_to_u64(str_c(text), 65535, &port) || port == 0)
        return err_set(err, ERR_USAGE, "--%s takes a port from 1 to 65535, not %s", word, text);
    if (s->p->options.daemon)
        return err_set(err, ERR_USAGE,
            "a daemon is running and answers on its own addresses (%s.listen): leave --%s away", challenge,
            word);
    const char **addresses = arena_array(s->p->arena, 2, sizeof *addresses);
    addresses[0] = arena_printf(s->p->arena, "0.0.0.0:%u", (unsigned)port);
    addresses[1] = arena_printf(s->p->arena, "[::]:%u", (unsigned)port);
    *listen = addresses;
    *listen_n = 2;
    return 0;
}

static int apply_ports(struct session *s, struct err *err)
{
    struct settings *to = &s->p->settings;
    int r = apply_port(s, "http-port", "http-01", &to->http01_listen, &to->http01_listen_n, err);
    return r < 0 ? r
                 : apply_port(
                       s, "tls-port", "tls-alpn-01", &to->tls_alpn01_listen, &to->tls_alpn01_listen_n, err);
}

static void on_command(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_command *m = msg;
    struct session *s = arg;
    struct err err = ERR_INIT;
    (void)id, (void)fd;
    channel_set_state(c, CONTROL_COMMANDED); /* one command a connection */
    s->verb = m->verb;
    s->names = keep_list(s->arena, &m->names);
    s->options = keep_list(s->arena, &m->options);
    if (!control_knows(m->verb)) {
        err_set(&err, ERR_USAGE, "this evercert has no command number %u: are both of one version?",
            (unsigned)m->verb);
        control_fail(s, &err);
        return;
    }
    if (apply_ports(s, &err) < 0) {
        control_fail(s, &err);
        return;
    }
    s->commanded = true;
    go(s);
}

static void on_rows_taken(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct session *s = arg;
    (void)c, (void)id, (void)msg, (void)fd;
    if (s->asked && !s->over)
        rows_taken(s->p, s->id);
}

static const struct channel_rule client_rules[] = {
    {MSG_command, CONTROL_NEW, on_command},
    {MSG_rows_taken, CONTROL_COMMANDED, on_rows_taken},
    {MSG_import_account, CONTROL_IMPORTS, import_on_account},
    {MSG_import_certificate, CONTROL_IMPORTS, import_on_certificate},
    {MSG_import_end, CONTROL_IMPORTS, import_on_end},
};

static void client_gone(struct channel *c, const struct err *why, void *arg)
{
    (void)c;
    log_debug("control: %s", why->text);
    session_free(arg);
}

void control_adopt(struct parent *p, int fd)
{
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL)
        abort();
    *s = (struct session){.next = p->sessions, .p = p, .id = ++p->last_session, .arena = arena_new()};
    s->channel = channel_new(p->base, fd, "control", client_rules, ARRAY_LEN(client_rules), client_gone, s);
    p->sessions = s;
}

/* Without descriptors the connection stays where it is, and would wake us for ever. */
static void pause_accepting(struct parent *p, int error)
{
    if (!p->control_paused)
        log_error(
            "control: commands have to wait, for none can be accepted: %s; it is tried again all the time",
            strerror(error));
    p->control_paused = true;
    event_del(p->control_event);
    event_add(p->control_again, &(struct timeval){0, ACCEPT_PAUSE_MS * 1000});
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct parent *p = arg;
    (void)fd, (void)what;
    event_add(p->control_event, NULL);
}

static bool is_exhausted(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void on_accept(evutil_socket_t listening, short what, void *arg)
{
    struct parent *p = arg;
    uid_t uid;
    struct err err = ERR_INIT;
    (void)what;
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (is_exhausted(errno))
            pause_accepting(p, errno);
        return;
    }
    if (p->control_paused)
        log_info("control: commands are accepted again");
    p->control_paused = false;
    /* Commands come from root or from the user the daemon runs as. */
    if (socket_peer(fd, &uid, NULL, NULL, &err) < 0 || (uid != 0 && uid != geteuid())) {
        log_warning("control: refused user %u", (unsigned)uid);
        close(fd);
        return;
    }
    control_adopt(p, fd);
}

int control_listen(struct parent *p, struct err *err)
{
    int fd;
    int r = control_socket_listen(p->options.state, p->state, &fd, err);
    if (r < 0)
        return err_prefix(err, "control.sock");
    p->control = fd;
    p->control_event = event_new(p->base, fd, EV_READ | EV_PERSIST, on_accept, p);
    p->control_again = evtimer_new(p->base, on_again, p);
    if (p->control_event == NULL || p->control_again == NULL)
        abort();
    event_add(p->control_event, NULL);
    return 0;
}

size_t control_count(const struct parent *p)
{
    size_t n = 0;
    for (const struct session *s = p->sessions; s != NULL; s = s->next)
        n++;
    return n;
}

void control_drop(struct parent *p)
{
    session_free(p->sessions);
}

void control_close(struct parent *p)
{
    struct err err = ERR_INIT;
    if (p->why.code != 0)
        err = p->why;
    else if (p->broken)
        err_set(&err, ERR_FAILED, "a process of evercert failed; its message above says why");
    else
        err_set(&err, ERR_CANCELLED, "evercert was stopped; what was under way goes on at its next start");
    for (struct session *s = p->sessions; s != NULL; s = s->next)
        if (!s->over)
            control_end(s, EXIT_FAILED, &err);
    if (p->control < 0)
        return;
    event_free(p->control_event);
    event_free(p->control_again);
    close(p->control);
    p->control = -1;
    control_socket_remove(p->options.state, p->state);
}

/* --- the engine's answers --- */

void control_engine_gone(struct parent *p)
{
    struct err err = ERR_INIT;
    if (p->members[MEMBER_ENGINE].damaged)
        err_set(&err, ERR_DAMAGED,
            "the database was damaged and is made anew (the log has more); give the command again");
    else
        err_set(&err, ERR_IPC, "the engine ended unexpectedly (its log says why); nothing is lost, %s",
            p->options.daemon ? "it is started again and goes on by itself" : "give the command again");
    for (struct session *s = p->sessions; s != NULL; s = s->next)
        if (s->asked && !s->over)
            control_end(s, EXIT_FAILED, &err);
}

void rows_taken(struct parent *p, uint32_t session)
{
    struct channel *engine = member_channel(p, MEMBER_ENGINE);
    struct err err = ERR_INIT;
    if (engine != NULL &&
        channel_send(engine, MSG_rows_taken, 0, &(struct msg_rows_taken){session}, -1, &err) < 0)
        log_debug("%s", err.text);
}

static void relay(struct parent *p, uint32_t session, enum msg_type t, const void *msg)
{
    struct session *s = control_session(p, session);
    struct err err = ERR_INIT;
    if (s != NULL && !s->over && channel_send(s->channel, t, 0, msg, -1, &err) < 0)
        log_debug("%s", err.text);
}

void control_row(struct parent *p, const struct msg_row *m)
{
    relay(p, m->session, MSG_row, m);
}

void control_rows(struct parent *p, const struct msg_rows *m)
{
    relay(p, m->session, MSG_rows, m);
}

void control_progress(struct parent *p, const struct msg_progress *m)
{
    relay(p, m->session, MSG_progress, m);
}

void control_finished(struct parent *p, const struct msg_finished *m)
{
    struct session *s = control_session(p, m->session);
    struct err err = ERR_INIT;
    if (s == NULL || s->over)
        return;
    /* What was revoked is of no use to anybody: unless it is to be kept it is forgotten next. */
    if (s->verb == VERB_REVOKE && m->status == EXIT_DONE && control_option(s, "keep") == NULL &&
        !control_is_configured(s)) {
        s->verb = VERB_FORGET;
        control_forget(s);
        return;
    }
    uint32_t status = m->status;
    /* A pass over everything has not done everything where the keeper would not permit something. */
    if (s->verb == VERB_RENEW && s->names.n == 0 && status == EXIT_DONE && p->feed_refused > 0 &&
        !p->options.daemon) {
        status = EXIT_FAILED;
        err_set(&err, ERR_REFUSED, "%zu of the configured certificates cannot be had as they are written",
            p->feed_refused);
    }
    if (s->verb == VERB_IMPORT)
        import_finish(s, &status);
    msg_error_get(&m->error, &err);
    control_end(s, status, &err);
}
