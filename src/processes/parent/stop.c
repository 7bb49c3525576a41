/*
 * The end. A daemon that is asked to end goes through three steps: it begins nothing new and waits for the
 * engine, which comes to a point from which it goes on at the next start, and for hooks that run (finishing);
 * at the end of `stop-timeout`, or earlier where all of that is over, everything else is asked to end
 * (stopping); what then is still there after STOP_GRACE_S is killed.
 */
#include "processes/parent/parent.h"

#include "base/time.h"
#include "os/notify.h"
#include "processes/command.h"
#include "processes/parent/run.h"

#include <signal.h>
#include <stdio.h>

enum { STOP_GRACE_S = 10 }; /* for the others to end by themselves, and for hooks that were asked to */

static void on_grace_over(evutil_socket_t fd, short what, void *arg)
{
    struct parent *p = arg;
    (void)fd, (void)what;
    log_warning("processes did not end within %d s and are killed", (int)STOP_GRACE_S);
    runs_kill(p, SIGKILL);
    members_kill(p);
}

void parent_end_when_alone(struct parent *p)
{
    if (p->finishing && !p->stopping && p->members[MEMBER_ENGINE].pid <= 0 && !runs_any(p))
        parent_stop(p, p->exit_status);
    if (p->stopping && members_all_gone(p) && !runs_any(p))
        event_base_loopexit(p->base, NULL);
}

static void set_timer(struct parent *p, event_callback_fn fn, int64_t seconds)
{
    if (p->stop_timer != NULL)
        event_free(p->stop_timer);
    p->stop_timer = evtimer_new(p->base, fn, p);
    if (p->stop_timer != NULL)
        event_add(p->stop_timer, &(struct timeval){seconds, 0});
}

static void tell_manager(const struct parent *p, int64_t seconds)
{
    if (!p->options.daemon)
        return;
    if (!p->stopping || !p->finishing) /* said once */
        (void)notify_send(NOTIFY_STOPPING, NULL, NULL);
    (void)notify_extend(seconds, NULL);
}

void parent_stop(struct parent *p, int exit_status)
{
    if (p->stopping)
        return;
    p->stopping = true;
    p->exit_status = exit_status;
    tell_manager(p, 2 * STOP_GRACE_S);
    runs_kill(p, SIGTERM);
    members_stop(p);
    control_close(p);
    set_timer(p, on_grace_over, STOP_GRACE_S);
    parent_end_when_alone(p);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct parent *p = arg;
    char limit[DURATION_TEXT_MAX], when[DURATION_TEXT_MAX + 64];
    (void)fd, (void)what;
    snprintf(when, sizeof when, "%s after evercert was asked to stop",
        duration_format(p->settings.stop_timeout_s, limit));
    hooks_cut(p, when);
    parent_stop(p, p->exit_status);
}

/* Waits for what is under way. Without an engine there is nothing that could. */
static void finish(struct parent *p)
{
    struct channel *engine = member_channel(p, MEMBER_ENGINE);
    p->finishing = true;
    tell_manager(p, p->settings.stop_timeout_s + 2 * STOP_GRACE_S);
    control_close(p);
    hooks_hold(p);
    if (engine == NULL || channel_send(engine, MSG_stop, 0, &(struct msg_stop){true}, -1, NULL) < 0) {
        parent_stop(p, 0);
        return;
    }
    set_timer(p, on_limit, p->settings.stop_timeout_s);
}

void parent_end(struct parent *p)
{
    if (p->options.daemon && !p->finishing && !p->stopping) {
        finish(p);
        return;
    }
    bool again = p->finishing || p->stopping;
    if (again && !p->stopping)
        hooks_cut(p, "as evercert is asked to stop again");
    parent_stop(p, p->options.daemon ? p->exit_status : EXIT_FAILED);
    if (!again)
        return;
    runs_kill(p, SIGKILL);
    members_kill(p);
}
