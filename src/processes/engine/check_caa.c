/* CAA records: may this authority issue the name, to our account and by this challenge (RFC 8659, RFC 8657)?
 */
#include "processes/engine/check_priv.h"

#include "acme/identifier.h"
#include "dns/caa.h"

static struct authority *authority_of(const struct check *c)
{
    return authority_find(c->engine, c->wish.authorities[0]);
}

static void on_caa(const struct caa_result *r, const struct err *err, void *arg)
{
    struct check *c = arg;
    const char *remedy =
        arena_printf(c->arena, "evercert dns record %s prints records that allow it", c->wish.name);
    c->question = NULL;
    if (err != NULL)
        check_find_caa(c, false, err->text,
            err->code == ERR_REFUSED ? remedy : "mend the DNS servers of the zone: a CA takes that for a no");
    else if (r->owner != NULL)
        check_find_caa(c, true,
            arena_printf(c->arena, "the CAA records of %s let %s issue it", r->owner, authority_of(c)->name),
            NULL);
    check_kind(c);
}

static void on_directory(struct engine *e, const struct err *err, void *arg)
{
    struct check *c = arg;
    struct authority *a = authority_of(c);
    const char *issuers[CAA_ISSUERS_MAX];
    struct caa_wish wish = {.issuers = issuers,
        .account = authority_record_load(a, c->arena).account_url,
        .method = c->kind != CHALLENGE_END_ ? acme_challenge_text(c->kind) : "",
        .wildcard = identifier_is_wildcard(str_c(check_identifier(c)))};
    (void)e;
    while (err == NULL && wish.issuer_n < CAA_ISSUERS_MAX &&
           (issuers[wish.issuer_n] = authority_caa_name(a, wish.issuer_n, c->arena)) != NULL)
        wish.issuer_n++;
    if (wish.issuer_n == 0) /* a CA that does not say by which name it goes there, or cannot be asked */
        check_kind(c);
    else
        c->question = caa_look(c->dns, check_identifier(c), &wish, on_caa, c);
}

void check_caa(struct check *c)
{
    struct authority *a = authority_of(c);
    if (a == NULL || identifier_is_ip(str_c(check_identifier(c))))
        check_kind(c);
    else
        authority_need_directory(a, on_directory, c);
}
