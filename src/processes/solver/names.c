#include "processes/solver/names.h"

#include "acme/challenge.h"
#include "base/b64.h"
#include "crypto/digest.h"
#include "dns/lookup.h"

#include <stdio.h>
#include <string.h>

enum { LABEL_LEN = 17 };

int names_allowed(const struct wish *w, const char *identifier, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    const char *wildcard = arena_printf(a, "*.%s", identifier);
    /* An address has no name in the DNS to prove it by. */
    if (acme_challenge_proves(CHALLENGE_DNS_01, str_c(identifier)) && identifier[0] != '*' &&
        (wish_has_domain(w, identifier) || wish_has_domain(w, wildcard)))
        return 0;
    return err_set(err, ERR_REFUSED, "it is no DNS name of certificate %s", w->name);
}

/* draft-ietf-acme-dns-account-label: base32 in lower case of ten octets. */
static bool is_label(const char *label)
{
    if (strlen(label) != LABEL_LEN || label[0] != '_')
        return false;
    for (const char *c = label + 1; *c != '\0'; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '2' && *c <= '7')))
            return false;
    return true;
}

int names_record(const struct wish *w, uint32_t challenge, const char *identifier, const char *label,
    struct arena *a, const char **out, struct err *err)
{
    int r = names_allowed(w, identifier, err);
    if (r < 0)
        return r;
    if (challenge != CHALLENGE_DNS_01 && challenge != CHALLENGE_DNS_ACCOUNT_01)
        return err_set(err, ERR_INPUT, "challenge number %u is not answered in the DNS", (unsigned)challenge);
    bool labelled = challenge == CHALLENGE_DNS_ACCOUNT_01;
    if (labelled ? !is_label(label) : label[0] != '\0')
        return err_set(err, ERR_INPUT, "the label of the account is out of shape");
    const char *name = arena_printf(a, "%s%s_acme-challenge.%s", label, labelled ? "." : "", identifier);
    if (strlen(name) > LOOKUP_NAME_MAX)
        return err_set(err, ERR_INPUT,
            "its name is too long for a challenge in the DNS: %s would have more than %d octets", name,
            (int)LOOKUP_NAME_MAX);
    *out = name;
    return 0;
}

static bool is_record_label(struct str label)
{
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return label.n > 0 && label.p[0] != '-';
}

static bool is_record_name(struct str name)
{
    struct str label;
    bool more = name.n > 0 && name.n <= LOOKUP_NAME_MAX, good = more;
    while (more && good) {
        more = str_cut(name, '.', &label, &name);
        good = is_record_label(label);
    }
    return good;
}

int names_place(const char *record, const char *zone, struct err *err)
{
    struct str r = str_c(record), z = str_c(zone);
    bool inside = z.n == 0 || str_eq(r, z) ||
                  (is_record_name(z) && str_ends(r, z) && r.n > z.n && r.p[r.n - z.n - 1] == '.');
    if (is_record_name(r) && inside)
        return 0;
    return err_set(err, ERR_REFUSED, "\"%s\" in the zone \"%s\" is no place for a challenge", record, zone);
}

static bool is_base64url(const char *text, bool dots)
{
    for (const char *c = text; *c != '\0'; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '-' ||
                *c == '_' || (dots && *c == '.')))
            return false;
    return text[0] != '\0';
}

int names_value(const char *token, const char *key_authorization, char out[NAMES_VALUE_SIZE], struct err *err)
{
    unsigned char digest[SHA256_LEN];
    size_t n = strlen(token);
    if (!is_base64url(token, false) || !is_base64url(key_authorization, true) ||
        strlen(key_authorization) > NAMES_ANSWER_MAX || strncmp(key_authorization, token, n) != 0 ||
        key_authorization[n] != '.')
        return err_set(err, ERR_INPUT, "this is no key authorization");
    int r = digest_sha256(str_c(key_authorization), digest, err);
    if (r < 0)
        return r;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(NAMES_VALUE_SIZE);
    b64url_encode(&text, (struct str){(const char *)digest, sizeof digest});
    snprintf(out, NAMES_VALUE_SIZE, "%s", buf_c(&text));
    return 0;
}
