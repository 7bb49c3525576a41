#include "acme/challenge.h"

#include "acme/identifier.h"
#include "base/attr.h"

static const struct {
    const char *text;
    bool wildcards, addresses, in_dns;
} kinds[] = {
#define ACME_CHALLENGE_ROW(id, text, wildcards, addresses, in_dns) \
    [id] = {text, wildcards, addresses, in_dns},
    ACME_CHALLENGES(ACME_CHALLENGE_ROW)
#undef ACME_CHALLENGE_ROW
};

const char *acme_challenge_text(enum acme_challenge c)
{
    return (size_t)c < ARRAY_LEN(kinds) ? kinds[c].text : "none";
}

enum acme_challenge acme_challenge_parse(struct str text)
{
    size_t i = 0;
    while (i < ARRAY_LEN(kinds) && !str_eq_c(text, kinds[i].text))
        i++;
    return (enum acme_challenge)i;
}

bool acme_challenge_proves(enum acme_challenge c, struct str name)
{
    if ((size_t)c >= ARRAY_LEN(kinds))
        return false;
    return (kinds[c].wildcards || !identifier_is_wildcard(name)) &&
           (kinds[c].addresses || !identifier_is_ip(name));
}

bool acme_challenge_in_dns(enum acme_challenge c)
{
    return (size_t)c < ARRAY_LEN(kinds) && kinds[c].in_dns;
}
