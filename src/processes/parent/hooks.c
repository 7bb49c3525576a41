/*
 * Deploy hooks: an argument vector of the operator's, no shell, a clean environment, a process group of its
 * own, a time limit, its output kept. The first that fails ends the deployment; the engine tries it again
 * later.
 */
#include "processes/parent/parent.h"

#include "base/text.h"
#include "base/time.h"
#include "os/child.h"
#include "os/file.h"
#include "os/user.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HOOK_OUTPUT_MAX = 8 * 1024, /* kept for the history; the rest is read and dropped */
    HOOK_READS_MAX = 16, /* of 4 kB in one go, a pipe's whole capacity; one that floods must wait its turn */
    HOOK_GRACE_S = 5,    /* between SIGTERM and SIGKILL when the time is up */
    HOOK_ENV_MAX = 16,
};

static const char hook_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct hook {
    struct hook *next;
    struct parent *p;
    unsigned life; /* the engine that asked, and its request */
    uint32_t id;
    struct arena *arena;
    const char *event, *fingerprint, *error;
    struct wall not_after;
    struct wish wish; /* in the arena; of the variant that was deployed */
    uint32_t variant;
    size_t at; /* which of its commands runs */
    pid_t pid;
    int pipe;
    struct event *readable, *timeout;
    bool timed_out;
    bool held; /* hooks of the same certificate run for an engine that is gone */
    struct buf output;
};

static void run_next(struct hook *h);

static struct hook *of_name(struct parent *p, const char *name, bool held)
{
    for (struct hook *h = p->hooks; h != NULL; h = h->next)
        if ((held ? h->held : h->pid > 0) && strcmp(h->wish.name, name) == 0)
            return h;
    return NULL;
}

static void finish(struct hook *h, const struct err *err)
{
    struct parent *p = h->p;
    struct hook *next = h->wish.name != NULL ? of_name(p, h->wish.name, true) : NULL;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(2 * HOOK_OUTPUT_MAX);
    text_clean(&text, buf_str(&h->output), HOOK_OUTPUT_MAX);
    struct msg_deployed m = {buf_c(&text), msg_error_of(err)};
    struct err failure = ERR_INIT;
    struct channel *engine = member_channel(p, MEMBER_ENGINE);
    if (engine != NULL && h->life == p->engine_life &&
        channel_send(engine, MSG_deployed, h->id, &m, -1, &failure) < 0)
        log_error("%s", failure.text);
    for (struct hook **at = &p->hooks; *at != NULL; at = &(*at)->next)
        if (*at == h) {
            *at = h->next;
            break;
        }
    if (h->readable != NULL)
        event_free(h->readable);
    if (h->timeout != NULL)
        event_free(h->timeout);
    fd_close(&h->pipe);
    buf_free(&h->output);
    arena_free(h->arena);
    free(h);
    if (next != NULL) {
        next->held = false;
        run_next(next);
    }
}

static void drain(struct hook *h)
{
    char chunk[4096];
    ssize_t n = -1;
    for (int i = 0; i < HOOK_READS_MAX && (n = read(h->pipe, chunk, sizeof chunk)) > 0; i++) {
        size_t keep = h->output.max - h->output.n;
        buf_put(&h->output, chunk, (size_t)n < keep ? (size_t)n : keep);
    }
    if (n == 0)
        event_del(h->readable);
}

static void on_output(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    drain(arg);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct hook *h = arg;
    (void)fd, (void)what;
    (void)child_kill_group(h->pid, h->timed_out ? SIGKILL : SIGTERM, NULL);
    h->timed_out = true;
    event_add(h->timeout, &(struct timeval){HOOK_GRACE_S, 0});
}

/* --- what a hook is told --- */

struct environment {
    struct arena *arena;
    char *list[HOOK_ENV_MAX + 1];
    size_t n;
};

static void tell(struct environment *e, const char *name, const char *value)
{
    if (e->n < HOOK_ENV_MAX)
        e->list[e->n++] = arena_printf(e->arena, "%s=%s", name, value);
}

static const char *joined_domains(struct arena *a, const struct wish *w)
{
    struct buf b = buf_new(MSG_WISH);
    for (size_t i = 0; i < w->domain_n; i++)
        buf_printf(&b, "%s%s", i > 0 ? " " : "", w->domains[i]);
    const char *joined = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return joined;
}

static void tell_all(struct environment *e, const struct hook *h, const struct user *u)
{
    char when[TIME_TEXT_MAX];
    const char *domains = joined_domains(e->arena, &h->wish);
    const char *dir = arena_printf(e->arena, "%s/live/%s", h->p->options.state, h->wish.name);
    tell(e, "PATH", hook_path);
    tell(e, "HOME", u->home);
    tell(e, "USER", u->name);
    tell(e, "LANG", "C.UTF-8");
    tell(e, "EVERCERT_EVENT", h->event);
    tell(e, "EVERCERT_NAME", h->wish.name);
    tell(e, "EVERCERT_DOMAINS", domains);
    tell(e, "EVERCERT_DIR", dir);
    tell(e, "EVERCERT_FINGERPRINT", h->fingerprint);
    tell(e, "EVERCERT_NOT_AFTER", wall_format(h->not_after, when));
    if (h->error[0] != '\0')
        tell(e, "EVERCERT_ERROR", h->error);
    tell(e, "RENEWED_LINEAGE", dir); /* certbot's names, for hooks people have */
    tell(e, "RENEWED_DOMAINS", domains);
}

/* --- running them, one after the other --- */

static int choose_user(const struct deploy *d, struct user *out, struct err *err)
{
    user_current(out);
    if (d->user[0] == '\0')
        return 0;
    struct user wanted;
    int r = user_by_name(d->user, &wanted, err);
    if (r < 0)
        return r;
    if (geteuid() != 0 && wanted.uid != out->uid)
        return err_set(
            err, ERR_PERMISSION, "running a hook as %s needs root; evercert runs as %s", d->user, out->name);
    *out = wanted;
    return 0;
}

static int spawn(struct hook *h, const struct deploy *d, struct err *err)
{
    char path[PATH_MAX];
    struct user u;
    gid_t groups[USER_GROUPS_MAX];
    size_t groups_n = 0;
    int ends[2];
    int r;
    if ((r = choose_user(d, &u, err)) < 0 || (r = child_find_program(d->argv[0], hook_path, path, err)) < 0)
        return r;
    bool switch_user = geteuid() == 0 && d->user[0] != '\0';
    if (switch_user && (r = user_groups(&u, groups, &groups_n, err)) < 0)
        return r;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_errno(err, errno, "pipe");
    char **argv = arena_array(h->arena, d->argc + 1, sizeof *argv);
    for (size_t i = 0; i < d->argc; i++)
        argv[i] = arena_dup_c(h->arena, d->argv[i]);
    struct environment e = {.arena = h->arena};
    tell_all(&e, h, &u);
    fcntl(ends[1], F_SETFL, 0); /* the hook's own end blocks, as programs expect */
    struct child_fd fds[] = {{ends[1], STDOUT_FILENO}, {ends[1], STDERR_FILENO}};
    struct child_spec spec = {.path = path,
        .argv = argv,
        .envp = e.list,
        .fds = fds,
        .fds_n = ARRAY_LEN(fds),
        .cwd = "/",
        .group = CHILD_GROUP_NEW,
        .set_user = switch_user,
        .uid = u.uid,
        .gid = u.gid,
        .groups = groups,
        .groups_n = groups_n};
    r = child_spawn(&spec, &h->pid, err);
    close(ends[1]);
    if (r < 0) {
        close(ends[0]);
        return r;
    }
    h->pipe = ends[0];
    return 0;
}

static void cancelled(struct err *err)
{
    err_set(err, ERR_CANCELLED, "evercert was stopped; the hooks run again at its next start");
}

static void run_next(struct hook *h)
{
    struct err err = ERR_INIT;
    if (h->at == h->wish.deploy_n) {
        finish(h, NULL);
        return;
    }
    if (h->p->stopping || h->life != h->p->engine_life) {
        cancelled(&err);
        finish(h, &err);
        return;
    }
    if (of_name(h->p, h->wish.name, false) != NULL) {
        h->held = true;
        return;
    }
    const struct deploy *d = &h->wish.deploys[h->at];
    if (spawn(h, d, &err) < 0) {
        err_prefix(&err, "deploy hook %s", d->argv[0]);
        finish(h, &err);
        return;
    }
    h->timed_out = false;
    h->readable = event_new(h->p->base, h->pipe, EV_READ | EV_PERSIST, on_output, h);
    h->timeout = evtimer_new(h->p->base, on_timeout, h);
    if (h->readable == NULL || h->timeout == NULL)
        abort();
    event_add(h->readable, NULL);
    event_add(h->timeout, &(struct timeval){d->timeout_s, 0});
}

bool hooks_reaped(struct parent *p, pid_t pid, int wait_status)
{
    struct hook *h = p->hooks;
    while (h != NULL && h->pid != pid)
        h = h->next;
    if (h == NULL)
        return false;
    const struct deploy *d = &h->wish.deploys[h->at];
    char status[CHILD_STATUS_TEXT_MAX], limit[DURATION_TEXT_MAX];
    drain(h);
    event_free(h->readable);
    event_free(h->timeout);
    h->readable = h->timeout = NULL;
    fd_close(&h->pipe);
    h->pid = 0;
    if (h->timed_out) /* what of its group outlived the polite request */
        (void)child_kill_group(pid, SIGKILL, NULL);
    if (wait_status == 0 && !h->timed_out) {
        h->at++;
        run_next(h);
        return true;
    }
    struct err err = ERR_INIT;
    struct buf output ATTR_CLEANUP(buf_free) = buf_new(2 * HOOK_OUTPUT_MAX);
    text_clean(&output, str_trim(buf_str(&h->output)), TEXT_FOREIGN_MAX);
    if (p->stopping)
        cancelled(&err);
    else if (h->timed_out)
        err_set(&err, ERR_TIMEOUT, "deploy hook %s did not end within %s and was killed", d->argv[0],
            duration_format(d->timeout_s, limit));
    else
        err_set(&err, ERR_FAILED, "deploy hook %s %s%s%s", d->argv[0], child_status_text(wait_status, status),
            output.n > 0 ? ": " : "", buf_c(&output));
    finish(h, &err);
    return true;
}

static void on_permit(struct parent *p, const struct wish *wish, const struct err *why, void *arg)
{
    struct hook *h = arg;
    struct err err = ERR_INIT;
    if (wish == NULL) {
        finish(h, why);
        return;
    }
    /* The wish given lives for this call; ours must last as long as the hooks run. */
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    wish_encode(wish, &text);
    int r = wish_decode(buf_str(&text), h->arena, &h->wish, &err);
    if (r == 0)
        r = wish_select(&h->wish, h->variant, h->arena, &err);
    if (r == 0)
        r = files_give_group(p, &h->wish, &err);
    if (r < 0)
        finish(h, &err);
    else
        run_next(h);
}

void hooks_run(struct parent *p, uint32_t id, const struct msg_deploy *m)
{
    struct hook *h = calloc(1, sizeof *h);
    if (h == NULL)
        abort();
    *h = (struct hook){
        .next = p->hooks, .p = p, .life = p->engine_life, .id = id, .arena = arena_new(), .pipe = -1};
    p->hooks = h;
    h->event = arena_dup_c(h->arena, m->event);
    h->fingerprint = arena_dup_c(h->arena, m->fingerprint);
    h->error = arena_dup_c(h->arena, m->error);
    h->variant = m->variant;
    h->not_after = (struct wall){m->not_after};
    h->output = buf_new(HOOK_OUTPUT_MAX);
    permit_consult(p, m->permit, on_permit, h);
}

void hooks_kill(struct parent *p, int sig)
{
    for (struct hook *h = p->hooks; h != NULL; h = h->next)
        if (h->pid > 0)
            (void)child_kill_group(h->pid, sig, NULL);
}

bool hooks_running(const struct parent *p)
{
    for (const struct hook *h = p->hooks; h != NULL; h = h->next)
        if (h->pid > 0)
            return true;
    return false;
}
