/* Records in the DNS: of dns-01 one is written, waited for and removed, as an order would; of dns-persist-01
 * the one that stands there is looked at. */
#include "processes/engine/check_priv.h"

#include <string.h>

static void on_step(const char *step, void *arg)
{
    (void)step, (void)arg;
}

static void on_shown(const struct err *err, void *arg)
{
    struct check *c = arg;
    double seconds = (double)(clock_mono(&system_clock).ms - c->began.ms) / 1000;
    if (err != NULL)
        check_find(c, false, err->text,
            "mend what it says; evercert dns test shows each step, and evercert dns list what a provider "
            "needs",
            NULL);
    else
        check_find(c, true,
            arena_printf(c->arena, "a record was written, and seen where CAs look, after %.1f s", seconds),
            NULL, NULL);
    check_name_done(c);
}

static void on_standing(struct wall until, const struct err *err, void *arg)
{
    struct check *c = arg;
    char when[TIME_TEXT_MAX];
    if (err != NULL)
        check_find(c, false, err->text,
            arena_printf(c->arena, "evercert dns record %s prints the record to set", c->wish.name), NULL);
    else
        check_find(c, true,
            until.s > 0 ? arena_printf(c->arena, "its record is there, until %s", wall_format(until, when))
                        : "its record is there",
            NULL, NULL);
    check_name_done(c);
}

void check_dns(struct check *c)
{
    struct authority *a = authority_find(c->engine, c->wish.authorities[0]);
    struct err err = ERR_INIT;
    if (c->kind == CHALLENGE_DNS_01) {
        check_place(c, on_step, on_shown);
    } else if (a != NULL) {
        standing_look(c->engine, a, c->subjects->permit, check_identifier(c), on_standing, c);
    } else {
        err_set(&err, ERR_CONFIG, "its authority %s is not configured", c->wish.authorities[0]);
        on_standing((struct wall){0}, &err, c);
    }
}
