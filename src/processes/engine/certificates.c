/* Rows of certificates: written in one place, so that whoever shows them to others hears of changes. */
#include "processes/engine/queue.h"

#include "base/log.h"

void certificate_fresh(struct certificate *c, const char *name, uint32_t variant)
{
    *c = (struct certificate){.name = name,
        .variant = variant,
        .issued_wish_domains = "",
        .omitted = "",
        .profile = "",
        .key_hash = "",
        .authority = "",
        .fingerprint = "",
        .serial = "",
        .issuer = "",
        .subjects = "",
        .chain = "",
        .holder = "",
        .last_error = "",
        .last_problem = "",
        .queue = "",
        .attempts = "",
        .wait_reason = "",
        .pause_link = "",
        .ari_id = "",
        .ari_explanation = "",
        .order_url = "",
        .order_authority = "",
        .deploy_error = "",
        .deploy_event = "",
        .previous = "",
        .served_error = ""};
}

int certificate_save(struct engine *e, const struct certificate *c, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate row = *c;
    e->certificates_stale = true;
    queue_of(e, c, a, &row);
    return store_certificate_put(e->store, &row, err);
}

int certificate_drop(struct engine *e, const char *name, struct err *err)
{
    e->certificates_stale = true;
    return store_certificate_delete(e->store, str_c(name), err);
}

bool certificate_is_parked(const struct engine *e, const struct certificate *c)
{
    return c->park_at.s > 0 && c->park_at.s <= engine_now(e).s;
}

void certificates_tell(struct engine *e)
{
    struct err err = ERR_INIT;
    if (!e->certificates_stale || !e->containers)
        return;
    e->certificates_stale = false;
    if (channel_send(
            e->parent, MSG_certificates_changed, 0, &(struct msg_certificates_changed){true}, -1, &err) < 0)
        log_error("%s", err.text);
}
