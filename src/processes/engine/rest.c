/* Accounts at CAs that do not answer: what counts as that (the rules are policy/outage.h), who hears of it.
 */
#include "processes/engine/engine.h"

#include "base/log.h"
#include "os/random.h"

#include <stdlib.h>
#include <string.h>

enum { REST_SPREAD_PART = 5 /* who waited for the end of a rest comes within a fifth of it */ };

bool authority_rests(const struct authority *a)
{
    return outage_rests(&a->outage, engine_now(a->engine));
}

struct wall authority_after_rest(const struct authority *a)
{
    int64_t left = a->outage.until.s - engine_now(a->engine).s;
    int64_t most = left / REST_SPREAD_PART + 1;
    /* Behind its end by a second at least: who has not been tried yet goes first then. */
    return (struct wall){a->outage.until.s + 1 + (int64_t)(random_u64() % (uint64_t)most)};
}

const char *authority_rest_text(const struct authority *a, struct arena *arena)
{
    char since[TIME_TEXT_MAX], until[TIME_TEXT_MAX];
    return arena_printf(arena, "%s does not answer since %s; it is asked again at %s", a->name,
        wall_format(a->outage.since, since), wall_format(a->outage.until, until));
}

/* What one certificate makes of a CA says little of the CA: its own backoff is enough. An answer that never
 * came is the CA's, whoever asked. */
static bool is_same_again(const struct authority *a, const char *name, const struct err *err)
{
    return err->problem[0] != '\0' && a->failed_last != NULL && strcmp(a->failed_last, name) == 0;
}

void authority_failed(struct authority *a, const char *name, const struct err *err)
{
    struct arena *arena ATTR_CLEANUP(arena_freep) = arena_new();
    bool rested = authority_rests(a);
    if (is_same_again(a, name, err))
        return;
    free(a->failed_last);
    a->failed_last = strdup(name);
    outage_failed(&a->outage, engine_now(a->engine), (struct wall){err->retry_at_s}, random_u64());
    if (rested || !authority_rests(a))
        return;
    a->engine->due_stale = true;
    if (!a->is_down)
        log_warning("authority %s: %s", authority_rest_text(a, arena), err->text);
    a->is_down = true;
}

void authority_answered(struct authority *a)
{
    outage_answered(&a->outage, engine_now(a->engine));
    free(a->failed_last);
    a->failed_last = NULL;
    a->engine->due_stale = true; /* more may be begun there now */
    if (a->is_down)
        log_info("authority %s answers again", a->name);
    a->is_down = false;
}
