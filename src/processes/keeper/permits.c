/* Permits, tickets and sealed keys: everything that leaves the keeper is authenticated when it comes back. */
#include "processes/keeper/keeper.h"

#include "base/time.h"
#include "crypto/seal.h"
#include "ipc/messages.h"

#include <stdio.h>

/* A command is carried out within minutes; later its ticket is worth nothing to whoever found it. */
enum { TICKET_AGE_MAX_S = 15 * 60 };

static const struct str permit_context = {"permit", 6};
static const struct str ticket_context = {"ticket", 6};

int permit_make(struct keeper *k, struct str wish, struct buf *out, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct wish w;
    int r = wish_decode(wish, a, &w, err);
    return r < 0 ? r : seal(&k->seal_key, permit_context, wish, out, err);
}

int permit_open(struct keeper *k, struct str permit, struct buf *out, struct err *err)
{
    int r = unseal(&k->seal_key, permit_context, permit, out, err);
    return r < 0 ? err_prefix(err, "this permit was not sealed by this evercert (was seal.key replaced?)")
                 : 0;
}

int permit_wish(struct keeper *k, struct str permit, struct arena *a, struct wish *out, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    int r = permit_open(k, permit, &text, err);
    return r < 0 ? r : wish_decode(buf_str(&text), a, out, err);
}

int ticket_make(struct keeper *k, const char *name, uint32_t reason, struct buf *out, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(1024);
    buf_printf(&text, "%lld %u %s", (long long)clock_wall(&system_clock).s, (unsigned)reason, name);
    if (buf_failed(&text))
        return err_set(err, ERR_LIMIT, "%s is no certificate's name", name);
    return seal(&k->seal_key, ticket_context, buf_str(&text), out, err);
}

int ticket_open(struct keeper *k, struct str ticket, const char *name, uint32_t *out_reason, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(1024);
    int r = unseal(&k->seal_key, ticket_context, ticket, &text, err);
    if (r < 0)
        return err_set(err, ERR_REFUSED, "revoking needs an operator's command");
    struct str time_text, reason_text, rest, name_text;
    uint64_t made, reason;
    str_cut(buf_str(&text), ' ', &time_text, &rest);
    str_cut(rest, ' ', &reason_text, &name_text);
    if (!str_to_u64(time_text, INT64_MAX, &made) || !str_to_u64(reason_text, 10, &reason) ||
        !str_eq_c(name_text, name))
        return err_set(err, ERR_REFUSED, "this ticket is for %.*s", STR_ARG(name_text));
    int64_t age = clock_wall(&system_clock).s - (int64_t)made;
    if (age < -TICKET_AGE_MAX_S || age > TICKET_AGE_MAX_S)
        return err_set(err, ERR_REFUSED, "the command to revoke %s is too old: give it again", name);
    *out_reason = (uint32_t)reason;
    return 0;
}

/* A sealed key opens for its certificate and generation only. */
static struct str key_context(struct arena *a, const struct wish *w, int64_t generation)
{
    return str_c(arena_printf(a, "key\n%s\n%lld", w->name, (long long)generation));
}

int sealed_key_make(
    struct keeper *k, const struct wish *w, int64_t generation, struct buf *out, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf der ATTR_CLEANUP(buf_free) = buf_new_sensitive(16 * 1024);
    struct key *key ATTR_CLEANUP(key_freep) = NULL;
    int r;
    if ((r = key_generate(w->key_type, &key, err)) < 0 || (r = key_to_der(key, &der, err)) < 0)
        return r;
    shelf_put(k, buf_str(&der), key);
    return seal(&k->seal_key, key_context(a, w, generation), buf_str(&der), out, err);
}

int sealed_key_open(struct keeper *k, const struct wish *w, int64_t generation, struct str sealed,
    struct key **out, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf der ATTR_CLEANUP(buf_free) = buf_new_sensitive(16 * 1024);
    int r = unseal(&k->seal_key, key_context(a, w, generation), sealed, &der, err);
    if (r < 0 || shelf_find(k, buf_str(&der), out))
        return r;
    if ((r = key_from_der(buf_str(&der), out, err)) == 0)
        shelf_put(k, buf_str(&der), *out);
    return r;
}
