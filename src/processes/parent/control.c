/*
 * Control connections: one command each. What needs the operator's own word is done here (a wish of his
 * becomes a permit, a revocation gets its ticket, files are forgotten); the engine does the rest and its
 * answers go back.
 */
#include "processes/parent/parent.h"

#include "acme/payload.h"
#include "os/socket.h"
#include "processes/command.h"
#include "processes/control_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct session {
    struct session *next;
    struct parent *p;
    uint32_t id;
    struct channel *channel;
    struct arena *arena; /* of the command below */
    uint32_t verb;
    struct msg_list names, options;
    const char *wish;
    bool commanded; /* the command came */
    bool asked;     /* it is with the engine */
    bool over;
    bool repeated; /* the keeper went with the question, and another was asked */
};

static struct session *find(struct parent *p, uint32_t id)
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
    arena_free(s->arena);
    free(s);
    if (!p->options.daemon && p->sessions == NULL)
        parent_stop(p, 0);
}

static void end(struct session *s, uint32_t status, const struct err *err)
{
    struct err failure = ERR_INIT;
    struct msg_finished m = {0, status, msg_error_of(err)};
    s->over = true;
    if (channel_send(s->channel, MSG_finished, 0, &m, -1, &failure) < 0)
        log_debug("%s", failure.text);
}

static void fail(struct session *s, const struct err *err)
{
    end(s, err->code == ERR_USAGE || err->code == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILED, err);
}

/* --- commands --- */

static const char *option(const struct session *s, const char *word)
{
    return command_option(s->options.p, s->options.n, word);
}

static void ask_engine(struct session *s, struct str permit, struct str ticket)
{
    struct channel *engine = member_channel(s->p, MEMBER_ENGINE);
    struct msg_engine_command m = {
        s->id, s->verb, s->names, s->options, s->wish != NULL ? s->wish : "", permit, ticket};
    struct err err = ERR_INIT;
    if (engine == NULL)
        err_set(&err, ERR_IPC, "the engine is not running");
    else if (channel_send(engine, MSG_engine_command, 0, &m, -1, &err) == 0) {
        s->asked = true;
        return;
    }
    fail(s, &err);
}

static void plain_command(struct session *s)
{
    ask_engine(s, STR(""), STR(""));
}

/* Sessions are found again by number: the client may be gone by the time the keeper answers. */
struct pending {
    struct parent *p;
    uint32_t session;
};

static struct pending *pending_new(const struct session *s)
{
    struct pending *q = calloc(1, sizeof *q);
    if (q == NULL)
        abort();
    *q = (struct pending){s->p, s->id};
    return q;
}

static struct session *pending_end(struct pending *q)
{
    struct session *s = find(q->p, q->session);
    free(q);
    return s;
}

static void request_keeper(
    struct session *s, enum msg_type t, const void *msg, enum msg_type answer, channel_reply_fn *reply)
{
    struct channel *keeper = member_channel(s->p, MEMBER_KEEPER);
    struct pending *q = pending_new(s);
    struct err err = ERR_INIT;
    int r = keeper == NULL ? err_set(&err, ERR_IPC, "the keeper is not running")
                           : channel_request(keeper, t, msg, answer, reply, q, &err);
    if (r < 0) {
        free(q);
        fail(s, &err);
    }
}

/* The authority the command speaks of, announced with what it says about the account. */
static int find_authority(struct session *s, const char *name, const struct authority **out, struct err *err)
{
    *out = authority_named(s->p, name, s->arena);
    if (*out == NULL)
        return err_set(err, ERR_USAGE,
            "there is no authority %s: name a preset (letsencrypt, letsencrypt-staging), an entry of "
            "authorities, or an https directory URL",
            name);
    return 0;
}

/* Keeper and engine hear of it, with what the command says about the account. External account binding
 * concerns the `first` authority only: credentials are of one CA. */
static int announce(struct session *s, const struct authority *a, bool first, struct err *err)
{
    const struct settings *settings = &s->p->settings;
    const char *given = option(s, "email"), *email = a->email[0] != '\0' ? a->email : settings->email;
    struct authority bound = *a;
    int r = given == NULL ? 0 : settings_email(given, s->arena, &email, err);
    if (r == 0 && first)
        r = settings_eab(option(s, "eab-kid"), option(s, "eab-hmac-file"), s->arena, &bound, err);
    if (r < 0)
        return r;
    bool agreed = settings->agree_tos || a->agree_tos || option(s, "agree-tos") != NULL;
    return authority_announce(s->p, &bound, email, agreed, err);
}

/* The keeper went before it answered: the next one is asked when it is there, once. */
static bool asked_again(struct session *s, const void *answer)
{
    if (answer != NULL || s->repeated || s->p->stopping)
        return false;
    s->repeated = true;
    return true;
}

/* The session whose question the keeper answered; NULL where it is gone, asks again, or was told of the
 * failure. */
static struct session *answered(void *arg, const void *msg, const struct msg_error *e, const struct err *why)
{
    struct session *s = pending_end(arg);
    struct err err = ERR_INIT;
    if (s == NULL || asked_again(s, msg))
        return NULL;
    if (msg_outcome(e, why, &err) == 0)
        return s;
    fail(s, &err);
    return NULL;
}

static void on_issue_permit(const void *msg, const struct err *why, void *arg)
{
    const struct msg_permit_made *m = msg;
    struct session *s = answered(arg, m, m != NULL ? &m->error : NULL, why);
    if (s != NULL && m != NULL)
        ask_engine(s, m->permit, STR(""));
}

/* Options that are part of the wish; the others are about the account or the run. */
static bool is_wish_option(struct str word)
{
    static const char *const others[] = {
        "email", "agree-tos", "eab-kid", "eab-hmac-file", "http-port", "tls-port", "staging"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_eq_c(word, others[i]))
            return false;
    return true;
}

static int issue_wish(struct session *s, struct wish *out, struct err *err)
{
    struct wish_option *options = arena_array(s->arena, s->options.n + 1, sizeof *options);
    size_t n = 0;
    for (size_t i = 0; i < s->options.n; i++) {
        struct str word, value;
        str_cut(str_c(s->options.p[i]), '=', &word, &value);
        if (is_wish_option(word))
            options[n++] = (struct wish_option){arena_dup(s->arena, word), arena_dup(s->arena, value)};
    }
    return settings_wish(&s->p->settings, options, n, s->arena, out, err);
}

/* --staging and --dry-run: the authority's staging directory instead of its real one. */
static int use_staging(struct session *s, const char **name, const struct authority **out, struct err *err)
{
    const struct authority *a = *out;
    if (a->staging[0] == '\0')
        return err_set(err, ERR_USAGE,
            "authority %s has no staging directory: set authorities.%s.staging to one, or name a staging "
            "authority",
            *name, *name);
    *name = a->staging;
    return find_authority(s, a->staging, out, err);
}

/* Finds and announces the wish's authorities. */
static int announce_authorities(struct session *s, struct wish *w, struct err *err)
{
    const char **names = arena_array(s->arena, w->authority_n, sizeof *names);
    bool staging = s->p->options.dry_run || option(s, "staging") != NULL;
    for (size_t i = 0; i < w->authority_n; i++) {
        const struct authority *a;
        names[i] = w->authorities[i];
        int r = find_authority(s, names[i], &a, err);
        if (r == 0 && staging)
            r = use_staging(s, &names[i], &a, err);
        if (r < 0 || (r = announce(s, a, i == 0, err)) < 0)
            return r;
    }
    w->authorities = names;
    return 0;
}

static void issue_command(struct session *s)
{
    struct err err = ERR_INIT;
    struct wish w;
    int r = issue_wish(s, &w, &err);
    if (r == 0 && s->p->options.dry_run)
        w.deploy_n = 0;
    for (uint32_t i = 0; r == 0 && i < w.key_type_n; i++) {
        const char *name = wish_variant_name(&w, i, s->arena);
        if (settings_has_certificate(&s->p->settings, name))
            r = err_set(&err, ERR_USAGE,
                "%s is in the configuration already: change it there, or give this one another --name; "
                "evercert renew %s gets it now",
                name, name);
    }
    if (r == 0)
        r = announce_authorities(s, &w, &err);
    if (r < 0) {
        fail(s, &err);
        return;
    }
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    wish_encode(&w, &text);
    s->wish = arena_dup(s->arena, buf_str(&text));
    request_keeper(s, MSG_permit_make, &(struct msg_permit_make){s->wish}, MSG_permit_made, on_issue_permit);
}

static void on_ticket(const void *msg, const struct err *why, void *arg)
{
    const struct msg_ticket_made *m = msg;
    struct session *s = answered(arg, m, m != NULL ? &m->error : NULL, why);
    if (s != NULL && m != NULL)
        ask_engine(s, STR(""), m->ticket);
}

static bool one_name(struct session *s)
{
    struct err err = ERR_INIT;
    if (s->names.n == 1)
        return true;
    err_set(&err, ERR_USAGE, "%s takes the name of one certificate", command_verb_text(s->verb));
    fail(s, &err);
    return false;
}

static void revoke_command(struct session *s)
{
    struct err err = ERR_INIT;
    const char *text = option(s, "reason");
    uint32_t reason = 0;
    if (!one_name(s))
        return;
    if (text != NULL && !command_reason_parse(str_c(text), &reason)) {
        err_set(&err, ERR_USAGE,
            "%s is no reason: unspecified, keyCompromise, affiliationChanged, superseded or "
            "cessationOfOperation",
            text);
        fail(s, &err);
        return;
    }
    request_keeper(s, MSG_ticket_make, &(struct msg_ticket_make){ACME_REQUEST_REVOKE, s->names.p[0], reason},
        MSG_ticket_made, on_ticket);
}

static void on_forgotten(const void *msg, const struct err *why, void *arg)
{
    const struct msg_done *m = msg;
    struct session *s = answered(arg, m, m != NULL ? &m->error : NULL, why);
    if (s != NULL)
        plain_command(s);
}

static bool is_configured(const struct session *s)
{
    return settings_has_certificate(&s->p->settings, s->names.p[0]);
}

static void forget_command(struct session *s)
{
    struct err err = ERR_INIT;
    if (!one_name(s))
        return;
    if (is_configured(s)) {
        err_set(&err, ERR_USAGE, "%s is in the configuration: remove it from %s and reload first",
            s->names.p[0], s->p->options.config);
        fail(s, &err);
        return;
    }
    request_keeper(s, MSG_files_forget, &(struct msg_files_forget){s->names.p[0]}, MSG_done, on_forgotten);
}

/* The authority that a command about an account is for, announced. NULL where there is none, and the command
 * has failed. */
static const struct authority *account_authority(struct session *s)
{
    const char *name = option(s, "authority");
    const struct authority *a = NULL;
    struct err err = ERR_INIT;
    if (name == NULL)
        name = s->p->settings.defaults.authorities[0];
    if (find_authority(s, name, &a, &err) == 0 && announce(s, a, true, &err) == 0)
        return a;
    fail(s, &err);
    return NULL;
}

/* Account commands: the engine gets the account's id, whatever name the operator used. */
static void set_account(struct session *s, const struct authority *a)
{
    const char **names = arena_array(s->arena, 1, sizeof *names);
    names[0] = a->id;
    s->names = (struct msg_list){names, 1};
}

static void account_command(struct session *s)
{
    if (s->verb != VERB_ACCOUNT_SHOW || option(s, "authority") != NULL) { /* else all are shown */
        const struct authority *a = account_authority(s);
        if (a == NULL)
            return;
        set_account(s, a);
    }
    plain_command(s);
}

/* What cannot be undone, or changes a key, needs the keeper's ticket. */
static void ticketed_account_command(struct session *s)
{
    uint32_t request =
        s->verb == VERB_ACCOUNT_ROLLOVER ? ACME_REQUEST_KEY_CHANGE : ACME_REQUEST_DEACTIVATE_ACCOUNT;
    const struct authority *a = account_authority(s);
    if (a == NULL)
        return;
    set_account(s, a);
    request_keeper(
        s, MSG_ticket_make, &(struct msg_ticket_make){request, a->id, 0}, MSG_ticket_made, on_ticket);
}

/* The account goes along as an option: the name is that of a certificate, or of a host. */
static void dns_record_command(struct session *s)
{
    const struct authority *a = one_name(s) ? account_authority(s) : NULL;
    if (a == NULL)
        return;
    const char **options = arena_array(s->arena, s->options.n + 1, sizeof *options);
    if (s->options.n > 0)
        memcpy(options, s->options.p, s->options.n * sizeof *options);
    options[s->options.n] = arena_printf(s->arena, "account=%s", a->id);
    s->options = (struct msg_list){options, s->options.n + 1};
    plain_command(s);
}

static void (*const verbs[])(struct session *s) = {
    [VERB_ISSUE] = issue_command,
    [VERB_RENEW] = plain_command,
    [VERB_LIST] = plain_command,
    [VERB_SHOW] = plain_command,
    [VERB_REVOKE] = revoke_command,
    [VERB_FORGET] = forget_command,
    [VERB_LOG] = plain_command,
    [VERB_ACCOUNT_SHOW] = account_command,
    [VERB_ACCOUNT_REGISTER] = account_command,
    [VERB_ACCOUNT_UPDATE] = account_command,
    [VERB_ACCOUNT_ROLLOVER] = ticketed_account_command,
    [VERB_ACCOUNT_DEACTIVATE] = ticketed_account_command,
    [VERB_DNS_RECORD] = dns_record_command,
};

static void go(struct session *s)
{
    if (!s->commanded || s->asked || s->over || !s->p->feed_done)
        return;
    log_debug("command %s", command_verb_text(s->verb));
    verbs[s->verb](s);
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
    const char *text = option(s, word);
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
    channel_set_state(c, 2); /* one command a connection */
    s->verb = m->verb;
    s->names = keep_list(s->arena, &m->names);
    s->options = keep_list(s->arena, &m->options);
    if (m->verb >= ARRAY_LEN(verbs) || verbs[m->verb] == NULL) {
        err_set(&err, ERR_USAGE, "this evercert has no command number %u: are both of one version?",
            (unsigned)m->verb);
        fail(s, &err);
        return;
    }
    if (apply_ports(s, &err) < 0) {
        fail(s, &err);
        return;
    }
    s->commanded = true;
    go(s);
}

static const struct channel_rule client_rules[] = {{MSG_command, 1, on_command}};

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

static void on_accept(evutil_socket_t listening, short what, void *arg)
{
    struct parent *p = arg;
    uid_t uid;
    struct err err = ERR_INIT;
    (void)what;
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
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
    if (p->control_event == NULL)
        abort();
    event_add(p->control_event, NULL);
    return 0;
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
            end(s, EXIT_FAILED, &err);
    if (p->control < 0)
        return;
    event_free(p->control_event);
    close(p->control);
    p->control = -1;
    control_socket_remove(p->options.state, p->state);
}

/* --- the engine's answers --- */

void control_engine_gone(struct parent *p)
{
    struct err err = ERR_INIT;
    err_set(&err, ERR_IPC, "the engine ended unexpectedly (its log says why); nothing is lost, %s",
        p->options.daemon ? "it is started again and goes on by itself" : "give the command again");
    for (struct session *s = p->sessions; s != NULL; s = s->next)
        if (s->asked && !s->over)
            end(s, EXIT_FAILED, &err);
}

static void relay(struct parent *p, uint32_t session, enum msg_type t, const void *msg)
{
    struct session *s = find(p, session);
    struct err err = ERR_INIT;
    if (s != NULL && !s->over && channel_send(s->channel, t, 0, msg, -1, &err) < 0)
        log_debug("%s", err.text);
}

void control_row(struct parent *p, const struct msg_row *m)
{
    relay(p, m->session, MSG_row, m);
}

void control_progress(struct parent *p, const struct msg_progress *m)
{
    relay(p, m->session, MSG_progress, m);
}

void control_finished(struct parent *p, const struct msg_finished *m)
{
    struct session *s = find(p, m->session);
    struct err err = ERR_INIT;
    if (s == NULL || s->over)
        return;
    /* What was revoked is of no use to anybody: unless it is to be kept it is forgotten next. */
    if (s->verb == VERB_REVOKE && m->status == EXIT_DONE && option(s, "keep") == NULL && !is_configured(s)) {
        s->verb = VERB_FORGET;
        forget_command(s);
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
    msg_error_get(&m->error, &err);
    end(s, status, &err);
}
