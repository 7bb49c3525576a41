#include "acme/directory.h"

#include "acme/identifier.h"
#include "acme/json.h"
#include "acme/limits.h"
#include "acme/url.h"
#include "base/buf.h"
#include "base/text.h"

#include <string.h>

static const struct {
    const char *member;
    size_t offset;
    bool required;
} urls[] = {
    {"newNonce", offsetof(struct directory, new_nonce), true},
    {"newAccount", offsetof(struct directory, new_account), true},
    {"newOrder", offsetof(struct directory, new_order), true},
    {"revokeCert", offsetof(struct directory, revoke_cert), false},
    {"keyChange", offsetof(struct directory, key_change), false},
};

static int read_url(
    const json_t *root, size_t i, struct str own, struct arena *a, struct directory *out, struct err *err)
{
    struct str url = {"", 0};
    int r = urls[i].required ? js_str(root, urls[i].member, &url, err)
                             : js_str_optional(root, urls[i].member, &url, err);
    if (r == 0 && url.n > 0 && (r = acme_url_check_from(url, own, err)) < 0)
        err_prefix(err, "\"%s\"", urls[i].member);
    if (r == 0 && url.n == 0 && urls[i].required)
        r = err_set(err, ERR_INPUT, "\"%s\" is empty", urls[i].member);
    if (r == 0)
        *(struct str *)(void *)((char *)out + urls[i].offset) = arena_str(a, url);
    return r;
}

/* For display only, so any scheme will do, but no control characters. */
static struct str shown(struct str text, struct arena *a)
{
    struct buf clean = buf_new(2 * TEXT_FOREIGN_MAX);
    text_clean(&clean, text, TEXT_FOREIGN_MAX);
    struct str kept = arena_str(a, buf_str(&clean));
    buf_free(&clean);
    return kept;
}

/* --- what later documents added: taken where it is sound --- */

static struct str url_or_none(const json_t *root, const char *member, struct str own, struct arena *a)
{
    struct str url = js_text(root, member);
    return url.n > 0 && acme_url_check_from(url, own, NULL) == 0 ? arena_str(a, url) : (struct str){"", 0};
}

static bool is_profile_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] >= 0x7f)
            return false;
    return name.n > 0 && name.n <= ACME_PROFILE_NAME_MAX;
}

static void read_profiles(const json_t *meta, struct arena *a, struct directory *out)
{
    json_t *list = json_object_get(meta, "profiles"), *value;
    struct directory_profile *kept = arena_array(a, ACME_PROFILES_MAX, sizeof *kept);
    const char *key;
    json_object_foreach(list, key, value)
    {
        if (!is_profile_name(str_c(key)) || out->profile_n == ACME_PROFILES_MAX)
            continue;
        struct str text = {json_string_value(value), json_string_length(value)};
        kept[out->profile_n++] = (struct directory_profile){
            arena_str(a, str_c(key)), json_is_string(value) ? shown(text, a) : (struct str){"", 0}};
    }
    out->profiles = kept;
}

/* Both end up in lines of a zone file, which the operator takes over: what could end the text of a record, or
 * begin a parameter in it, is in neither. */
static bool is_host_name(struct str text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\0' || strchr(letters, text.p[i]) == NULL)
            return false;
    return text.n > 0 && text.n <= IDENTIFIER_MAX;
}

static struct str uri_or_none(struct str text, struct arena *a)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~' || strchr("\";\\", text.p[i]) != NULL)
            return STR("");
    return shown(text, a);
}

/* A list of host names, as caaIdentities: what is none is left out. */
static size_t read_names(const json_t *meta, const char *member, struct arena *a, const struct str **out)
{
    const json_t *list = json_object_get(meta, member), *value;
    struct str *kept = arena_array(a, ACME_CA_NAMES_MAX, sizeof *kept);
    size_t i, n = 0;
    json_array_foreach(list, i, value)
    {
        struct str name = {json_string_value(value), json_string_length(value)};
        if (n < ACME_CA_NAMES_MAX && json_is_string(value) && is_host_name(name))
            kept[n++] = shown(name, a);
    }
    *out = kept;
    return n;
}

bool directory_has_profile(const struct directory *d, struct str name)
{
    for (size_t i = 0; i < d->profile_n; i++)
        if (str_eq(d->profiles[i].name, name))
            return true;
    return false;
}

static int read_meta(const json_t *root, struct arena *a, struct directory *out, struct err *err)
{
    const json_t *meta = NULL;
    struct str terms = {"", 0}, website = {"", 0};
    int r;
    if ((r = js_object_optional(root, "meta", &meta, err)) < 0 || meta == NULL)
        return r;
    if ((r = js_str_optional(meta, "termsOfService", &terms, err)) < 0 ||
        (r = js_str_optional(meta, "website", &website, err)) < 0 ||
        (r = js_bool_optional(meta, "externalAccountRequired", &out->external_account_required, err)) < 0)
        return r;
    out->terms_of_service = shown(terms, a);
    out->website = shown(website, a);
    read_profiles(meta, a, out);
    out->caa_identity_n = read_names(meta, "caaIdentities", a, &out->caa_identities);
    out->issuer_domain_name_n = read_names(meta, "issuerDomainNames", a, &out->issuer_domain_names);
    out->account_hash_prefix = uri_or_none(js_text(meta, "accountHashPrefix"), a);
    return 0;
}

int directory_parse(struct str json, struct str url, struct arena *a, struct directory *out, struct err *err)
{
    json_t *root ATTR_CLEANUP(js_freep) = NULL;
    struct directory d = {.terms_of_service = {"", 0}, .website = {"", 0}, .account_hash_prefix = {"", 0}};
    int r = js_load(json, &root, err);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(urls); i++)
        r = read_url(root, i, url, a, &d, err);
    if (r == 0)
        r = read_meta(root, a, &d, err);
    d.new_authz = url_or_none(root, "newAuthz", url, a);
    d.renewal_info = url_or_none(root, "renewalInfo", url, a);
    if (r < 0) {
        err_prefix(err, "the directory of the CA");
        return r;
    }
    *out = d;
    return 0;
}
