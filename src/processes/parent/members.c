/* The processes: how they are started, who may talk to whom, and what happens when one dies. */
#include "processes/parent/parent.h"

#include "base/crash_point.h"
#include "base/time.h"
#include "os/child.h"
#include "os/file.h"
#include "os/socket.h"
#include "os/storage.h"
#include "os/user.h"
#include "processes/parent/watching.h"
#include "processes/process.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RESTART_FIRST_MS = 100,
    RESTART_CEILING_MS = 30 * 1000,
    LONG_LIFE_MS = 60 * 1000, /* who lived this long starts afresh in the count of deaths */
    ONESHOT_DEATHS_MAX = 3,   /* a command does not try for ever */
};

static const char *const names[] = {
#define MEMBER_NAME(id, text) [id] = text,
    MEMBERS(MEMBER_NAME)
#undef MEMBER_NAME
};

/* The topology, whole: these pairs talk to each other, nobody else does. */
static const struct {
    enum member_id a, b;
} pairs[] = {
    {MEMBER_ENGINE, MEMBER_KEEPER},
    {MEMBER_ENGINE, MEMBER_RESPONDER},
    {MEMBER_ENGINE, MEMBER_SOLVER},
    {MEMBER_SOLVER, MEMBER_KEEPER},
};

const char *member_name(enum member_id id)
{
    return names[id];
}

struct channel *member_channel(const struct parent *p, enum member_id id)
{
    return p->members[id].channel;
}

/* --- what they may say to the parent --- */

static void on_ready(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)id, (void)msg, (void)fd;
    m->parent->engine_ready = true;
    wishes_feed(m->parent);
}

static void drop_channel(struct member *m);

/* Its last word. The operator gets it at the end where this ends everything, else it is news for the log. */
static void on_unable(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    struct parent *p = m->parent;
    const struct msg_unable *u = msg;
    (void)id, (void)fd;
    struct err why = ERR_INIT;
    if (msg_error_get(&u->error, &why) == 0)
        err_set(&why, ERR_FAILED, "%s cannot start and gives no reason", names[m->id]);
    if (strstr(why.text, p->options.state) == NULL)
        err_prefix(&why, "%s", p->options.state);
    m->unable = true;
    m->damaged = m->id == MEMBER_ENGINE && why.code == ERR_DAMAGED;
    if (p->ready_told && !m->damaged)
        log_error("%s: %s", names[m->id], why.text);
    /* A damaged store is mended; what another process cannot do without is what people are told of. */
    *(m->damaged ? &p->damage : &p->why) = why;
    channel_end(c, &why); /* what it waits for; and whoever asked it something hears of it */
}

static void on_responder_need(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    struct parent *p = m->parent;
    const struct msg_responder_need *need = msg;
    struct err err = ERR_INIT;
    (void)c, (void)fd;
    bool known =
        need->challenge < CHALLENGE_END_ && !acme_challenge_in_dns((enum acme_challenge)need->challenge);
    int r = known ? listeners_need(p, (enum acme_challenge)need->challenge, &err)
                  : err_set(&err, ERR_INPUT, "no responder answers challenge number %u",
                        (unsigned)need->challenge);
    engine_done(p, p->engine_life, id, r < 0 ? &err : NULL);
}

static void on_solver_need(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)msg, (void)fd;
    solver_need(m->parent, id);
}

/* A question of the engine, while the keeper is asked. */
struct question {
    unsigned life;
    uint32_t id;
};

static void on_authority_permit(struct parent *p, const struct wish *wish, const struct err *why, void *arg)
{
    struct question *q = arg;
    struct err err = ERR_INIT;
    if (wish == NULL)
        err = *why;
    else
        for (size_t i = 0, r = 0; i < wish->authority_n && r == 0; i++)
            r = authority_announce_named(p, wish->authorities[i], &err) < 0;
    engine_done(p, q->life, q->id, &err);
    free(q);
}

static void on_authority_need(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    const struct msg_authority_need *need = msg;
    struct question *q = calloc(1, sizeof *q);
    (void)c, (void)fd;
    if (q == NULL)
        abort();
    *q = (struct question){m->parent->engine_life, id};
    permit_consult(m->parent, need->permit, on_authority_permit, q);
}

static void on_webroot_put(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)fd;
    webroot_put(m->parent, id, msg);
}

static void on_webroot_remove(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)fd;
    webroot_remove(m->parent, id, msg);
}

static void on_hook_run(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)fd;
    hook_run(m->parent, id, msg);
}

static void on_steps_check(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)fd;
    if (((const struct msg_steps_check *)msg)->permit.n == 0)
        state_check(m->parent, id);
    else
        steps_check(m->parent, id, msg);
}

static void on_alert_send(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)fd;
    alert_send(m->parent, id, msg);
}

static void on_copies_make(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)fd;
    copies_make(m->parent, id, msg);
}

static void on_certificates_changed(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)msg, (void)id, (void)fd;
    watcher_certificates_changed(m->parent);
}

static void on_consumers_tell(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)fd;
    consumers_tell(m->parent, id, msg);
}

static void on_row(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)id, (void)fd;
    control_row(m->parent, msg);
}

static void on_rows(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)id, (void)fd;
    if (!watcher_rows(m->parent, msg))
        control_rows(m->parent, msg);
}

static void on_progress(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)id, (void)fd;
    control_progress(m->parent, msg);
}

static void on_finished(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)id, (void)fd;
    if (!watcher_finished(m->parent, msg))
        control_finished(m->parent, msg);
}

static void on_state_look(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    struct parent *p = m->parent;
    struct err err = ERR_INIT;
    (void)c, (void)msg, (void)fd;
    int r = storage_try(p->state, p->options.state, false, &err);
    engine_done(p, p->engine_life, id, r < 0 ? &err : NULL);
}

static const struct channel_rule engine_rules[] = {
    {MSG_ready, CHANNEL_STATE_ANY, on_ready},
    {MSG_responder_need, CHANNEL_STATE_ANY, on_responder_need},
    {MSG_solver_need, CHANNEL_STATE_ANY, on_solver_need},
    {MSG_authority_need, CHANNEL_STATE_ANY, on_authority_need},
    {MSG_webroot_put, CHANNEL_STATE_ANY, on_webroot_put},
    {MSG_webroot_remove, CHANNEL_STATE_ANY, on_webroot_remove},
    {MSG_hook_run, CHANNEL_STATE_ANY, on_hook_run},
    {MSG_steps_check, CHANNEL_STATE_ANY, on_steps_check},
    {MSG_state_look, CHANNEL_STATE_ANY, on_state_look},
    {MSG_copies_make, CHANNEL_STATE_ANY, on_copies_make},
    {MSG_alert_send, CHANNEL_STATE_ANY, on_alert_send},
    {MSG_consumers_tell, CHANNEL_STATE_ANY, on_consumers_tell},
    {MSG_certificates_changed, CHANNEL_STATE_ANY, on_certificates_changed},
    {MSG_row, CHANNEL_STATE_ANY, on_row},
    {MSG_rows, CHANNEL_STATE_ANY, on_rows},
    {MSG_progress, CHANNEL_STATE_ANY, on_progress},
    {MSG_finished, CHANNEL_STATE_ANY, on_finished},
    {MSG_unable, CHANNEL_STATE_ANY, on_unable},
};

static void on_keeper_ready(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    struct err err = ERR_INIT;
    (void)c, (void)id, (void)msg, (void)fd;
    if (!m->parent->keeper_lived) {
        m->parent->keeper_lived = true;
        wishes_feed(m->parent);
    }
    if (m->parent->members[MEMBER_ENGINE].wanted || m->parent->stopping)
        return;
    if (member_start(m->parent, MEMBER_ENGINE, &err) < 0) {
        log_error("%s", err.text);
        m->parent->broken = true;
        parent_stop(m->parent, 1);
    }
}

static const struct channel_rule keeper_rules[] = {
    {MSG_ready, CHANNEL_STATE_ANY, on_keeper_ready},
    {MSG_unable, CHANNEL_STATE_ANY, on_unable},
};

/* The responder only answers what it was asked, once it lives. */
static const struct channel_rule responder_rules[] = {{MSG_unable, CHANNEL_STATE_ANY, on_unable}};

static void on_challenge_run(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct member *m = arg;
    (void)c, (void)fd;
    challenge_run(m->parent, id, msg);
}

static const struct channel_rule solver_rules[] = {
    {MSG_challenge_run, CHANNEL_STATE_ANY, on_challenge_run},
    {MSG_unable, CHANNEL_STATE_ANY, on_unable},
};

static const struct channel_rule watcher_rules[] = {
    {MSG_engine_want, CHANNEL_STATE_ANY, watcher_on_engine_want},
    {MSG_engine_state, CHANNEL_STATE_ANY, watcher_on_engine_state},
    {MSG_claims_begin, CHANNEL_STATE_ANY, watcher_on_claims_begin},
    {MSG_claim, CHANNEL_STATE_ANY, watcher_on_claim},
    {MSG_consumer, CHANNEL_STATE_ANY, watcher_on_consumer},
    {MSG_claim_problem, CHANNEL_STATE_ANY, watcher_on_claim_problem},
    {MSG_claims_end, CHANNEL_STATE_ANY, watcher_on_claims_end},
    {MSG_template_output, CHANNEL_STATE_ANY, watcher_on_template_output},
    {MSG_world_changed, CHANNEL_STATE_ANY, watcher_on_world_changed},
    {MSG_unable, CHANNEL_STATE_ANY, on_unable},
};

static const struct {
    const struct channel_rule *rules;
    size_t n;
} rules_of[] = {
    [MEMBER_KEEPER] = {keeper_rules, ARRAY_LEN(keeper_rules)},
    [MEMBER_ENGINE] = {engine_rules, ARRAY_LEN(engine_rules)},
    [MEMBER_RESPONDER] = {responder_rules, ARRAY_LEN(responder_rules)},
    [MEMBER_SOLVER] = {solver_rules, ARRAY_LEN(solver_rules)},
    [MEMBER_WATCHER] = {watcher_rules, ARRAY_LEN(watcher_rules)},
};

/* --- starting --- */

/* Without them nothing goes on; the others serve some certificates. */
static bool is_essential(enum member_id id)
{
    return id == MEMBER_KEEPER || id == MEMBER_ENGINE;
}

static void drop_channel(struct member *m)
{
    channel_free(m->channel);
    m->channel = NULL;
    if (is_essential(m->id))
        m->parent->feed_done = false; /* commands wait until the next one has been told everything */
    if (m->id == MEMBER_SOLVER)
        m->parent->solver_life++;
    if (m->id == MEMBER_WATCHER)
        watcher_gone(m->parent);
    if (m->id != MEMBER_ENGINE)
        return;
    m->parent->engine_ready = false;
    m->parent->engine_life++;
    control_engine_gone(m->parent);
}

/* A process that broke the protocol is ended; one that died is noticed by its status. Either way it starts
 * anew. */
static void on_channel_closed(struct channel *c, const struct err *why, void *arg)
{
    struct member *m = arg;
    if (!m->unable && (why->code != ERR_IPC || strstr(why->text, "the other end went") == NULL))
        log_error("%s: %s", names[m->id], why->text);
    if (m->channel == c)
        drop_channel(m);
    if (m->pid > 0 && !m->unable && !m->parent->stopping && !m->parent->finishing)
        kill(m->pid, SIGKILL);
}

static const char *user_setting(const struct parent *p, enum member_id id)
{
    switch (id) {
    case MEMBER_KEEPER:
        return p->settings.user_keeper;
    case MEMBER_ENGINE:
        return p->settings.user_engine;
    case MEMBER_RESPONDER:
        return p->settings.user_responder;
    case MEMBER_SOLVER:
        return p->settings.user_solver;
    case MEMBER_WATCHER:
        return p->settings.user_watcher;
    case MEMBER_END_:
        break;
    }
    return "";
}

/* "UID:GID" where the parent is root and the user exists. Without users of its own the process stays who the
 * parent is, but a root loses its powers. */
static void identity_argument(const struct parent *p, enum member_id id, char *out, size_t n)
{
    struct user u;
    if (geteuid() != 0)
        snprintf(out, n, "--identity=same");
    else if (user_by_name(user_setting(p, id), &u, NULL) < 0)
        snprintf(out, n, "--identity=powerless");
    else
        snprintf(out, n, "--identity=%u:%u", (unsigned)u.uid, (unsigned)u.gid);
}

uid_t member_uid(const struct parent *p, enum member_id id)
{
    struct user u;
    if (geteuid() != 0)
        return geteuid();
    return user_by_name(user_setting(p, id), &u, NULL) < 0 ? 0 : u.uid;
}

const char *member_libexec(void)
{
    const char *dir = secure_getenv("EVERCERT_LIBEXEC");
    return dir != NULL && dir[0] == '/' ? dir : EVERCERT_LIBEXEC;
}

static int spawn(struct parent *p, struct member *m, int channel_fd, struct err *err)
{
    char path[PATH_MAX], identity[64], level[32], format[32], argv0[32];
    snprintf(path, sizeof path, "%s/%s", member_libexec(), names[m->id]);
    snprintf(argv0, sizeof argv0, "evercert-%s", names[m->id]);
    snprintf(level, sizeof level, "--log-level=%s", log_level_name(p->options.level));
    snprintf(format, sizeof format, "--log-format=%s", log_format_name(log_written_as()));
    identity_argument(p, m->id, identity, sizeof identity);
    char sandbox[] = "--sandbox=log", new_state[] = "--new-state", tls_alpn[] = "--tls-alpn";
    char *argv[9] = {argv0, identity, level, format};
    size_t n = 4;
    if (p->options.sandbox_log)
        argv[n++] = sandbox;
    if (p->new_state)
        argv[n++] = new_state;
    if (m->id == MEMBER_RESPONDER && (p->responder_has_tls = listeners_have(p, CHALLENGE_TLS_ALPN_01)))
        argv[n++] = tls_alpn;
    struct child_fd fds[] = {{STDERR_FILENO, STDERR_FILENO}, {channel_fd, PROCESS_PARENT_FD},
        {p->state, PROCESS_STATE_FD}, {p->journal, PROCESS_LOG_FD}};
    struct child_spec spec = {.path = path,
        .argv = argv,
        .envp = environ,
        .fds = fds,
        .fds_n = p->journal >= 0 ? ARRAY_LEN(fds) : ARRAY_LEN(fds) - 1,
        .group = CHILD_GROUP_NEW};
    return child_spawn(&spec, &m->pid, err);
}

/* Gives both ends of every pair that this process belongs to, and whose other one is there, a new channel. */
static void join(struct parent *p, enum member_id id)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (pairs[i].a != id && pairs[i].b != id)
            continue;
        struct member *a = &p->members[pairs[i].a], *b = &p->members[pairs[i].b];
        if (a->channel == NULL || b->channel == NULL)
            continue;
        int ends[2];
        struct err err = ERR_INIT;
        if (socket_pair(ends, &err) < 0 ||
            channel_send(a->channel, MSG_peer, 0, &(struct msg_peer){names[b->id]}, ends[0], &err) < 0 ||
            channel_send(b->channel, MSG_peer, 0, &(struct msg_peer){names[a->id]}, ends[1], &err) < 0)
            log_error("joining %s and %s: %s", names[a->id], names[b->id], err.text);
        close(ends[0]);
        close(ends[1]);
    }
}

static int sweep_folder(int dir, const char *name, int type, void *arg, struct err *err)
{
    int fd ATTR_CLEANUP(fd_close) = -1;
    (void)type, (void)arg;
    return dir_open(dir, name, &fd, NULL) < 0 ? 0 : dir_sweep(fd, err);
}

/* What a crash left half written beside evercert.db and in our own folders: nobody is at it now. */
static void sweep_state(const struct parent *p)
{
    static const char *const ours[] = {"dns", "templates"};
    struct err err = ERR_INIT;
    int r = dir_sweep(p->state, &err);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(ours); i++) {
        int fd ATTR_CLEANUP(fd_close) = -1;
        if (dir_open(p->state, ours[i], &fd, NULL) == 0 && (r = dir_sweep(fd, &err)) == 0)
            r = dir_each(fd, sweep_folder, NULL, &err);
    }
    if (r < 0)
        log_warning("%s: what an earlier crash left could not be removed: %s", p->options.state, err.text);
}

int member_start(struct parent *p, enum member_id id, struct err *err)
{
    struct member *m = &p->members[id];
    int ends[2];
    int r = id == MEMBER_ENGINE ? rebuild_prepare(p, err) : 0;
    if (r == 0)
        r = socket_pair(ends, err);
    if (r != 0)
        return r;
    if (id == MEMBER_KEEPER)
        sweep_state(p);
    r = spawn(p, m, ends[1], err);
    close(ends[1]);
    if (r < 0) {
        close(ends[0]);
        m->pid = 0;
        return err_prefix(err, "%s cannot be started", names[id]);
    }
    m->wanted = true;
    m->silent = 0;
    m->answered = false;
    m->started_ms = clock_mono(&system_clock).ms;
    m->channel =
        channel_new(p->base, ends[0], names[id], rules_of[id].rules, rules_of[id].n, on_channel_closed, m);
    if (id == MEMBER_RESPONDER)
        listeners_send(p); /* before the engine can hand it a token */
    if (id == MEMBER_SOLVER)
        solver_feed(p);
    join(p, id);
    if (id == MEMBER_SOLVER)
        solver_started(p);
    if (id == MEMBER_WATCHER)
        watcher_feed(p, false);
    if (id == MEMBER_KEEPER)
        wishes_feed(p);
    return 0;
}

/* --- ending --- */

void member_replace(struct parent *p, enum member_id id)
{
    struct member *m = &p->members[id];
    if (m->pid <= 0) /* the next one is on its way */
        return;
    m->replaced = true;
    kill(m->pid, SIGKILL); /* it has nothing that is not said again to the next */
}

void member_dismiss(struct parent *p, enum member_id id)
{
    struct member *m = &p->members[id];
    m->wanted = false;
    event_del(m->restart);
    member_replace(p, id);
}

static void on_restart(evutil_socket_t fd, short what, void *arg)
{
    struct member *m = arg;
    struct err err = ERR_INIT;
    (void)fd, (void)what;
    if (m->parent->stopping || m->parent->finishing || m->pid > 0 || !m->wanted)
        return;
    if (m->channel != NULL) { /* its end has yet to be told to those who wait for its answers */
        event_add(m->restart, &(struct timeval){0, 10 * 1000});
        return;
    }
    m->parent->new_state = parent_state_is_new(m->parent);
    if (member_start(m->parent, m->id, &err) < 0) {
        log_error("%s", err.text);
        m->parent->broken = true;
        parent_stop(m->parent, 1);
    }
}

void members_init(struct parent *p)
{
    /* libcurl's libraries bring GnuTLS along, which nobody uses, but which prepares itself while it is
     * loaded. */
    setenv("GNUTLS_NO_IMPLICIT_INIT", "1", 0);
    for (int i = 0; i < MEMBER_END_; i++) {
        p->members[i] = (struct member){.parent = p, .id = (enum member_id)i};
        p->members[i].restart = evtimer_new(p->base, on_restart, &p->members[i]);
    }
}

/* The engine found its store damaged and is gone: the next one gets a new one. */
static bool take_damage(struct member *m)
{
    struct parent *p = m->parent;
    struct err why = ERR_INIT;
    if (!m->damaged)
        return false;
    m->damaged = false;
    if (rebuild_put_aside(p, p->damage.text, &why) == 0)
        return true;
    if (p->ready_told)
        log_error("%s", why.text);
    if (p->why.code == 0)
        p->why = why;
    return false;
}

static void schedule_restart(struct member *m, int wait_status)
{
    struct parent *p = m->parent;
    char text[CHILD_STATUS_TEXT_MAX];
    m->replaced = take_damage(m) || m->replaced;
    if (m->replaced) {
        m->replaced = m->unable = false;
        event_active(m->restart, EV_TIMEOUT, 0);
        return;
    }
    if (clock_mono(&system_clock).ms - m->started_ms > LONG_LIFE_MS)
        m->deaths = 0;
    m->deaths++;
    if (!m->unable)
        log_error("%s %s", names[m->id], child_status_text(wait_status, text));
    m->unable = false;
    /* What cannot start at all will not start the next time either. */
    bool never_lived = is_essential(m->id) && !p->ready_told;
    bool exited = never_lived && (!p->options.daemon || WIFEXITED(wait_status));
    bool often = m->deaths >= ONESHOT_DEATHS_MAX && (never_lived || !p->options.daemon);
    if (exited || often) {
        p->broken = true;
        parent_stop(p, 1);
        return;
    }
    int64_t wait_ms = RESTART_FIRST_MS;
    for (unsigned i = 1; i < m->deaths && wait_ms < RESTART_CEILING_MS; i++)
        wait_ms *= 2;
    if (wait_ms > RESTART_CEILING_MS)
        wait_ms = RESTART_CEILING_MS;
    struct timeval tv = {wait_ms / 1000, (suseconds_t)(wait_ms % 1000) * 1000};
    evtimer_add(m->restart, &tv);
}

bool members_reaped(struct parent *p, pid_t pid, int wait_status)
{
    for (int i = 0; i < MEMBER_END_; i++) {
        struct member *m = &p->members[i];
        if (m->pid != pid)
            continue;
        m->pid = 0;
        crash_points_over();
        /* The channel ends by itself when what the process said last has been read, and whoever waits for an
         * answer hears of it then. */
        if (!p->stopping && !p->finishing)
            schedule_restart(m, wait_status);
        return true;
    }
    return false;
}

void members_stop(struct parent *p)
{
    for (int i = 0; i < MEMBER_END_; i++) {
        struct member *m = &p->members[i];
        event_del(m->restart);
        if (m->channel != NULL)
            (void)channel_send(m->channel, MSG_stop, 0, &(struct msg_stop){false}, -1, NULL);
    }
}

bool members_all_gone(const struct parent *p)
{
    for (int i = 0; i < MEMBER_END_; i++)
        if (p->members[i].pid > 0)
            return false;
    return true;
}

void members_kill(struct parent *p)
{
    for (int i = 0; i < MEMBER_END_; i++)
        if (p->members[i].pid > 0)
            kill(p->members[i].pid, SIGKILL);
}
