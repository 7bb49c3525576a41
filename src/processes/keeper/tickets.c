/* An operator's command as it travels through the engine. */
#include "processes/keeper/keeper.h"

#include "base/time.h"
#include "crypto/seal.h"

/* A command is carried out within minutes; later its ticket is worth nothing to whoever found it. */
enum { TICKET_AGE_MAX_S = 15 * 60, REASON_MAX = 10 /* RFC 5280 5.3.1 */ };

static const struct str ticket_context = {"ticket", 6};

/* What a ticket is for. */
static const char *purpose(enum acme_request r)
{
    switch (r) {
    case ACME_REQUEST_REVOKE:
    case ACME_REQUEST_REVOKE_BY_KEY:
        return "revoke";
    case ACME_REQUEST_KEY_CHANGE:
        return "change-key";
    case ACME_REQUEST_DEACTIVATE_ACCOUNT:
        return "deactivate";
    default:
        return NULL;
    }
}

int ticket_make(struct keeper *k, enum acme_request request, const char *name, uint32_t reason,
    struct buf *out, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MSG_SMALL / 2);
    if (purpose(request) == NULL)
        return err_set(err, ERR_REFUSED, "no command asks for %s", acme_request_name(request));
    buf_printf(&text, "%lld %s %u %s", (long long)clock_wall(&system_clock).s, purpose(request),
        (unsigned)reason, name);
    if (buf_failed(&text))
        return err_set(err, ERR_LIMIT, "%s is too long a name", name);
    return seal(&k->seal_key, ticket_context, buf_str(&text), out, err);
}

int ticket_open(struct keeper *k, struct str ticket, enum acme_request request, const char *name,
    uint32_t *out_reason, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(MSG_SMALL);
    if (unseal(&k->seal_key, ticket_context, ticket, &text, NULL) < 0)
        return err_set(err, ERR_REFUSED, "this needs an operator's command");
    struct str made_text, purpose_text, reason_text, name_text, rest;
    uint64_t made, reason;
    str_cut(buf_str(&text), ' ', &made_text, &rest);
    str_cut(rest, ' ', &purpose_text, &rest);
    str_cut(rest, ' ', &reason_text, &name_text);
    if (!str_to_u64(made_text, INT64_MAX, &made) || !str_to_u64(reason_text, REASON_MAX, &reason) ||
        purpose(request) == NULL || !str_eq_c(purpose_text, purpose(request)) || !str_eq_c(name_text, name))
        return err_set(
            err, ERR_REFUSED, "this command is to %.*s %.*s", STR_ARG(purpose_text), STR_ARG(name_text));
    int64_t age = clock_wall(&system_clock).s - (int64_t)made;
    if (age < -TICKET_AGE_MAX_S || age > TICKET_AGE_MAX_S)
        return err_set(
            err, ERR_REFUSED, "the command to %s %s is too old: give it again", purpose(request), name);
    if (out_reason != NULL)
        *out_reason = (uint32_t)reason;
    return 0;
}
