#include "dns/propagation_judge.h"

#include <string.h>

size_t propagation_others(const struct dns_record *records, size_t n, const char *value, bool *seen)
{
    size_t others = 0;
    for (size_t i = 0; i < n; i++)
        if (str_eq_c(records[i].text, value))
            *seen = true;
        else
            others++;
    return others;
}

int propagation_pause(int before_ms)
{
    int next = before_ms == 0 ? PROPAGATION_FIRST_MS : before_ms + before_ms / PROPAGATION_GROWTH;
    return next < PROPAGATION_CEILING_MS ? next : PROPAGATION_CEILING_MS;
}

static enum propagation_state judge_error(const struct message *m, struct arena *arena, const char **text)
{
    const char *known = message_error_text(m->error);
    const char *meaning = m->rcode == RCODE_REFUSED || m->rcode == RCODE_NOTAUTH
                              ? ": it does not serve the zone"
                          : m->rcode == RCODE_SERVFAIL ? ": it has no usable copy of the zone"
                                                       : "";
    *text = arena_printf(arena, "%s%s%s%s%s", message_rcode_text(m->rcode), meaning,
        known != NULL ? " (" : "", known != NULL ? known : "", known != NULL ? ")" : "");
    return PROPAGATION_LAME;
}

/* The zone that a server says others have, or NULL. */
static const char *referral(const struct message *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->records[i].section == MESSAGE_AUTHORITY && m->records[i].type == DNS_NS)
            return m->records[i].owner;
    return NULL;
}

enum propagation_state propagation_judge(
    const struct message *m, const char *name, const char *value, struct arena *arena, const char **text)
{
    const char *owner, *below = referral(m);
    const struct dns_record *records;
    struct err why;
    size_t n;
    bool seen = false;
    *text = "has it";
    if (m->rcode != RCODE_NOERROR && m->rcode != RCODE_NXDOMAIN)
        return judge_error(m, arena, text);
    if (!m->authoritative) {
        *text = below != NULL && below[0] != '\0'
                    ? arena_printf(arena, "lame: it refers to the servers of %s", below)
                    : "lame: it answers without authority for the zone";
        return PROPAGATION_LAME;
    }
    if (message_follow(m, arena, name, DNS_TXT, &owner, &records, &n, &why) < 0) {
        *text = arena_dup_c(arena, why.text);
        return PROPAGATION_MISSING;
    }
    size_t others = propagation_others(records, n, value, &seen);
    if (seen)
        return PROPAGATION_SEEN;
    if (others > 0)
        *text = others == 1 ? "has 1 other value" : arena_printf(arena, "has %zu other values", others);
    else if (strcmp(owner, name) != 0)
        *text = arena_printf(arena, "has a CNAME to %s there", owner);
    else
        *text = m->rcode == RCODE_NXDOMAIN ? "has no such name (NXDOMAIN)" : "has no TXT record there";
    return PROPAGATION_MISSING;
}
