/*
 * The machine's clock, as far as it can be wrong: set by hand or by the network, asleep with its machine, or
 * not set at all. A timer of the kernel tells at once when it was set; each turn that looks what is due
 * compares it with the clocks that nobody sets. What is said of it is said once.
 */
#include "policy/clock.h"

#include "base/log.h"
#include "os/random.h"
#include "processes/engine/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    DAY = 86400,
    CLOCK_CHECK_S = 60, /* a clock that is wrong is looked at again; the kernel's timer is sooner */
    /* Looks at servers and questions to the CA have dates a day away at most, and an hour of chance. */
    ROUTINE_MAX_S = DAY + 3600
};

struct clock_state {
    struct clock_reading last;
    bool known;    /* `last` is */
    bool wrong;    /* before this program was made */
    bool compared; /* with what the store says of the run before */
    int fd;        /* -1: the kernel tells nothing */
    struct event *set, *again;
};

static struct clock_reading read_clocks(const struct engine *e)
{
    return (struct clock_reading){engine_now(e), system_boot_s(), clock_mono(&system_clock)};
}

/* --- being told --- */

/* A timer that never ends but by being cancelled: that is how the kernel says that the clock was set, and
 * that the machine is awake again (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET). */
static void arm(const struct clock_state *s)
{
    const struct itimerspec never = {.it_value = {.tv_sec = (time_t)1 << 40}};
    (void)timerfd_settime(s->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static void on_set(evutil_socket_t fd, short what, void *arg)
{
    struct engine *e = arg;
    uint64_t times;
    (void)what;
    ssize_t n = read(fd, &times, sizeof times);
    if (n < 0 && errno == EAGAIN)
        return;
    arm(e->clock);
    e->due_stale = true; /* the turn that this ends looks */
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct engine *e = arg;
    (void)fd, (void)what;
    e->due_stale = true;
}

void clock_begin(struct engine *e)
{
    struct clock_state *s = calloc(1, sizeof *s);
    if (s == NULL)
        abort();
    e->clock = s;
    s->again = evtimer_new(e->process.base, on_again, e);
    s->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (s->fd < 0) {
        log_warning(
            "nobody tells when the clock is set (%s): it is noticed within the hour", strerror(errno));
        return;
    }
    s->set = event_new(e->process.base, s->fd, EV_READ | EV_PERSIST, on_set, e);
    event_add(s->set, NULL);
    arm(s);
}

/* --- dates that are nonsense --- */

static struct wall mended_due(struct engine *e, const struct certificate *c, struct arena *a)
{
    struct wish w;
    struct clock_due d = {.generation = c->generation,
        .failures = c->failures,
        .due_at = c->due_at,
        .wait_until = c->wait_until,
        .renewed_at = c->renewed_at,
        .not_after = c->not_after,
        .lifetime_s = c->generation > 0 ? c->not_after.s - c->not_before.s : 0,
        .now = engine_now(e),
        .random = random_u64()};
    struct certificate now = *c;
    if (now.renewed_at.s > d.now.s)
        now.renewed_at = d.now;
    if (wish_decode(str_c(c->wish), a, &w, NULL) < 0 || wish_select(&w, (uint32_t)c->variant, a, NULL) < 0)
        return c->due_at;
    d.retry_s = w.retry_s;
    d.renewal = c->compromised ? d.now : schedule_due(e, &now, &w);
    return clock_due_at(&d);
}

/* `at`, or, where it is further away than it could be, some time within `spread_s`: not all at once. */
static struct wall near(const struct engine *e, struct wall at, int64_t most_s, int64_t spread_s)
{
    int64_t now = engine_now(e).s;
    return at.s > now + most_s ? (struct wall){now + (int64_t)(random_u64() % (uint64_t)spread_s)} : at;
}

static int mend(const struct certificate *known, void *arg)
{
    struct engine *e = arg;
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate c = *known;
    struct wall now = engine_now(e);
    struct err err = ERR_INIT;
    c.due_at = mended_due(e, known, a);
    if (c.due_at.s != known->due_at.s)
        c.wait_until = (struct wall){0};
    if (c.renewed_at.s > now.s)
        c.renewed_at = now;
    c.deploy_due_at = near(e, c.deploy_due_at, 2 * 3600, 60); /* its longest wait is an hour, and chance */
    c.look_due_at = near(e, c.look_due_at, ROUTINE_MAX_S, 3600);
    c.ari_due_at = near(e, c.ari_due_at, ROUTINE_MAX_S + DAY / 5, 3600);
    if (c.expiring_told_at.s > now.s)
        c.expiring_told_at = now;
    bool same = c.expiring_told_at.s == known->expiring_told_at.s && c.due_at.s == known->due_at.s &&
                c.renewed_at.s == known->renewed_at.s && c.deploy_due_at.s == known->deploy_due_at.s &&
                c.look_due_at.s == known->look_due_at.s && c.ari_due_at.s == known->ari_due_at.s;
    if (!same && certificate_save(e, &c, &err) < 0)
        log_error("%s: %s", c.name, err.text);
    return 0;
}

static void mend_all(struct engine *e)
{
    struct err err = ERR_INIT;
    if (store_certificate_each(e->store, mend, e, &err) < 0)
        log_error("%s", err.text);
}

/* --- looking --- */

static void say(struct engine *e, const char *event, const char *text)
{
    log_warning("%s", text);
    history_add(e, "", event, text, NULL);
}

static void say_jump(struct engine *e, const struct clock_jump *jump, struct wall now)
{
    char text[200], span[DURATION_TEXT_MAX], when[TIME_TEXT_MAX];
    if (jump->slept_s > 0)
        log_info("the machine slept for %s", duration_about(jump->slept_s, span));
    if (jump->set_s == 0)
        return;
    snprintf(text, sizeof text, "the clock was set %s by %s: it is %s now",
        jump->set_s > 0 ? "forward" : "back",
        duration_about(jump->set_s > 0 ? jump->set_s : -jump->set_s, span), wall_format(now, when));
    say(e, "clock", text);
}

static int newest(const struct history_record *h, void *arg)
{
    *(struct wall *)arg = h->at;
    return 0;
}

/* What was noted last must not lie ahead: else the clock was set back while nobody was here. */
static void compare_with_store(struct engine *e, struct wall now)
{
    struct wall last = {0};
    char text[200], then[TIME_TEXT_MAX], when[TIME_TEXT_MAX];
    (void)store_history_each(e->store, STR(""), 0, 1, newest, &last, NULL);
    if (last.s - now.s < CLOCK_JUMP_MIN_S)
        return;
    snprintf(text, sizeof text,
        "the clock was set back since evercert ran last: it was %s then, and is %s now",
        wall_format(last, then), wall_format(now, when));
    say(e, "clock", text);
    mend_all(e);
}

static bool is_to_do_what_is_due(const struct engine *e)
{
    bool pass = e->schedule;
    for (const struct session *s = e->sessions; s != NULL && !pass; s = s->next)
        pass = s->pass;
    return pass;
}

static bool is_wrong(struct engine *e, struct clock_state *s, struct wall now)
{
    struct err err = ERR_INIT;
    bool was = s->wrong;
    char text[TIME_TEXT_MAX];
    s->wrong = clock_check(e, &err) < 0;
    if (s->wrong) {
        event_add(s->again, &(struct timeval){CLOCK_CHECK_S, 0});
        if (!was)
            log_error("%s", err.text);
    } else if (was) {
        log_info("the clock is right again: %s", wall_format(now, text));
    }
    return s->wrong;
}

/* False where it is wrong. */
static bool look(struct engine *e)
{
    struct clock_state *s = e->clock;
    struct clock_reading is = read_clocks(e);
    struct clock_jump jump = {0, 0};
    bool was_wrong = s->wrong;
    if (s->known)
        jump = clock_compare(&s->last, &is);
    s->last = is;
    s->known = true;
    if (is_wrong(e, s, is.wall))
        return false;
    /* From a clock that was wrong nothing was learnt. */
    if (!was_wrong)
        say_jump(e, &jump, is.wall);
    if (jump.set_s < 0)
        mend_all(e);
    if (!s->compared && is_to_do_what_is_due(e)) {
        s->compared = true;
        compare_with_store(e, is.wall);
    }
    return true;
}

void clock_run_due(struct engine *e)
{
    struct err err = ERR_INIT;
    if (look(e)) {
        schedule_run(e);
        return;
    }
    e->due_stale = false;
    (void)clock_check(e, &err);
    for (struct session *s = e->sessions; s != NULL; s = s->next)
        if (s->pass) {
            s->pass = false;
            s->waiting--;
            session_fail(e, s->id, &err);
        }
}

int clock_check(const struct engine *e, struct err *err)
{
    struct wall now = engine_now(e);
    char text[TIME_TEXT_MAX];
    if (clock_is_plausible(now))
        return 0;
    return err_set(err, ERR_WAIT,
        "this machine's clock says %s, which is before this evercert was made: nothing is issued or renewed "
        "until it "
        "is set",
        wall_format(now, text));
}
