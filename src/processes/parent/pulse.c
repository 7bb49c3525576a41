/*
 * Do they live? Each process is asked in turn of its loop; one that stays silent for too long hangs, and is
 * ended and started again, which loses nothing. So the service manager's watchdog has to look after this loop
 * alone: it hears of it at half of its interval.
 */
#include "processes/parent/parent.h"

#include "base/str.h"
#include "base/time.h"
#include "os/notify.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    /* A process is one thread: a sync of a slow disk, a key of RSA 4096 or a template at its limits keep it
     * from answering for seconds, on a bad day for half a minute. */
    SILENCE_MAX_MS = 120 * 1000,
    ASKED_PER_SILENCE = 2, /* a question a minute is all that wakes a daemon that has nothing to do */
    /* A start may have to bring a large store up to date. */
    START_FACTOR = 10,
    PULSE_LEAST_MS = 50,
};

/* --- the others --- */

static void on_answer(const void *msg, const struct err *why, void *arg)
{
    struct member *m = arg;
    (void)why;
    if (msg == NULL)
        return;
    m->silent = 0;
    m->answered = true;
}

/* What counts is how often it was asked in vain, not how long ago: after a time in which nothing ran at all
 * (a machine that was suspended) all have the chance to answer. */
static void look_after(struct member *m, int64_t silence_ms)
{
    const unsigned most = m->answered ? ASKED_PER_SILENCE : ASKED_PER_SILENCE * START_FACTOR;
    char text[DURATION_TEXT_MAX];
    if (m->channel == NULL || m->pid <= 0 || m->unable)
        return;
    if (m->silent >= most) {
        int64_t s = silence_ms * (most / ASKED_PER_SILENCE) / 1000;
        log_error("%s has not answered for %s: it hangs, is ended and started again", member_name(m->id),
            duration_format(s > 0 ? s : 1, text));
        m->silent = 0;
        kill(m->pid, SIGKILL);
        return;
    }
    if (m->silent++ == 0) /* a question that was not answered stands */
        (void)channel_request(m->channel, MSG_ping, &(struct msg_ping){true}, MSG_done, on_answer, m, NULL);
}

/* The service manager's interval, where it has a watchdog on this very process; else 0. */
static int64_t watchdog_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t interval, whose;
    if (usec == NULL || !str_to_u64(str_c(usec), INT64_MAX, &interval))
        return 0;
    if (pid != NULL && (!str_to_u64(str_c(pid), INT32_MAX, &whose) || (pid_t)whose != getpid()))
        return 0;
    return (int64_t)interval / 1000;
}

/* A watchdog's interval is also how long the others may be silent, where it is the shorter one. */
static int64_t silence_ms(void)
{
    int64_t ms = watchdog_ms();
    return ms > 0 && ms < SILENCE_MAX_MS ? ms : SILENCE_MAX_MS;
}

static void on_pulse(evutil_socket_t fd, short what, void *arg)
{
    struct parent *p = arg;
    (void)fd, (void)what;
    if (p->stopping)
        return;
    for (int i = 0; i < MEMBER_END_; i++)
        look_after(&p->members[i], silence_ms());
}

/* --- the service manager --- */

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    (void)notify_send(NOTIFY_WATCHDOG, NULL, NULL);
}

static struct event *every(struct parent *p, int64_t ms, event_callback_fn fn)
{
    struct event *e = event_new(p->base, -1, EV_PERSIST, fn, p);
    if (e == NULL)
        abort();
    if (ms < PULSE_LEAST_MS)
        ms = PULSE_LEAST_MS;
    event_add(e, &(struct timeval){ms / 1000, (suseconds_t)(ms % 1000) * 1000});
    return e;
}

void pulse_begin(struct parent *p)
{
    p->pulse = every(p, silence_ms() / ASKED_PER_SILENCE, on_pulse);
    if (p->options.daemon && watchdog_ms() > 0)
        p->watchdog = every(p, watchdog_ms() / 2, on_watchdog);
}
