/* What concerns all certificates: files and directories of the state (the parent looks), whether each CA
 * answers, and by its Date how far our clock is off. */
#include "processes/engine/check_priv.h"

#include <string.h>

enum {
    /* CAs sign a certificate that begins an hour ago, and a nonce or an OCSP answer does not care for
     * minutes; but a clock that is off by more than this is not being set by anybody, and goes on to drift.
     */
    CLOCK_OFF_MAX_S = 180,
};

static void next_authority(struct check *c);

/* --- the clock --- */

static void judge_clock(struct check *c, const struct authority *a, struct wall date)
{
    char theirs[TIME_TEXT_MAX], ours[TIME_TEXT_MAX], by[DURATION_TEXT_MAX];
    struct wall now = engine_now(c->engine);
    int64_t off = now.s - date.s, size = off < 0 ? -off : off;
    if (size <= CLOCK_OFF_MAX_S) {
        check_find_system(
            c, "clock", true, arena_printf(c->arena, "the clock agrees with that of %s", a->name), NULL);
        return;
    }
    check_find_system(c, "clock", false,
        arena_printf(c->arena, "the clock of this machine is %s %s: it says %s, %s says %s",
            duration_about(size, by), off > 0 ? "fast" : "slow", wall_format(now, ours), a->name,
            wall_format(date, theirs)),
        "set it, and have it kept right: timedatectl set-ntp true (systemd-timesyncd or chrony); in a "
        "virtual machine "
        "the host's clock may be the wrong one");
}

static void on_date(const struct authority *a, struct wall date, const struct err *err, void *arg)
{
    struct check *c = arg;
    if (err != NULL)
        check_find_system(c, "authority", false, err->text,
            "see that this machine may connect to it (firewall, proxy, DNS), that the directory's URL is "
            "right, and "
            "ca-file: where it is a private CA; where the text is about a certificate's dates, set the "
            "clock");
    else if (date.s != 0)
        judge_clock(c, a, date);
    next_authority(c);
}

static bool was_asked(const struct check *c, const struct authority *a)
{
    for (size_t i = 0; i < c->authority_n; i++)
        if (c->authorities[i] == a)
            return true;
    return false;
}

/* The next CA of any subject that was not asked yet. */
static struct authority *find_next(struct check *c)
{
    struct wish wish;
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    for (struct subject *s = c->subjects; s != NULL && c->authority_n < CHECK_AUTHORITIES_MAX; s = s->next) {
        if (wish_decode(str_c(s->wish), a, &wish, NULL) < 0)
            continue;
        for (size_t i = 0; i < wish.authority_n; i++) {
            struct authority *found = authority_find(c->engine, wish.authorities[i]);
            if (found != NULL && !was_asked(c, found))
                return found;
        }
    }
    return NULL;
}

static void next_authority(struct check *c)
{
    struct authority *a = find_next(c);
    if (a == NULL) {
        check_storage(c);
        return;
    }
    c->authorities[c->authority_n++] = a;
    authority_ask_date(a, on_date, c);
}

/* --- permissions --- */

static void on_permissions(const void *msg, const struct err *why, void *arg)
{
    struct check *c = arg;
    const struct msg_steps_checked *m = msg;
    struct err err = ERR_INIT;
    if (msg_outcome(m != NULL ? &m->error : NULL, why, &err) < 0 || m == NULL)
        check_find_system(c, "permissions", false, err.text, "the log has more");
    for (size_t i = 0; m != NULL && i < m->problems.n; i++) {
        const char *remedy;
        const char *text = check_split(c, m->problems.p[i], &remedy);
        check_find_system(c, "permissions", false, text, remedy);
    }
    if (m != NULL && err.code == 0 && m->problems.n == 0)
        check_find_system(
            c, "permissions", true, "the state directory is ours, and its secrets are for nobody else", NULL);
    next_authority(c);
}

/* No CA is needed to see that a clock is before the day this program was made. */
static void check_year(struct check *c)
{
    struct err err = ERR_INIT;
    if (clock_check(c->engine, &err) < 0)
        check_find_system(c, "clock", false, err.text,
            "set the clock, and have something keep it right (systemd-timesyncd, chrony)");
}

void check_system(struct check *c)
{
    struct msg_steps_check m = {.variant = 0}; /* no permit: the state itself */
    struct err err = ERR_INIT;
    check_year(c);
    if (channel_request(c->engine->parent, MSG_steps_check, &m, MSG_steps_checked, on_permissions, c, &err) <
        0)
        on_permissions(NULL, &err, c);
}
