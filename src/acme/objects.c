#include "acme/objects.h"

#include "acme/identifier.h"
#include "acme/json.h"
#include "acme/limits.h"
#include "acme/url.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/text.h"

enum {
    /* Longest challenge type that is kept; the longest registered one has 17 characters. */
    CHALLENGE_TYPE_MAX = 64,
    /* Of a profile's name: all that one of ours may have, so that no longer one is taken for it. */
    PROFILE_SHOWN = ACME_PROFILE_NAME_MAX,
};

static const char *const status_texts[] = {
#define ACME_STATUS_ROW(id, text) [id] = text,
    ACME_STATUSES(ACME_STATUS_ROW)
#undef ACME_STATUS_ROW
};

const char *acme_status_text(enum acme_status s)
{
    return status_texts[s];
}

static enum acme_status status_of(struct str text)
{
    enum acme_status s = STATUS_PENDING;
    while (s < STATUS_UNKNOWN && !str_eq_c(text, status_texts[s]))
        s++;
    return s;
}

static const char *cleaned(struct str text, size_t max, struct arena *a)
{
    struct buf clean = buf_new(max + sizeof "...");
    text_clean(&clean, text, max);
    const char *kept = arena_dup(a, buf_str(&clean));
    buf_free(&clean);
    return kept;
}

static int read_status(const json_t *j, enum acme_status *out, struct err *err)
{
    struct str text;
    int r = js_str(j, "status", &text, err);
    if (r == 0)
        *out = status_of(text);
    return r;
}

/* Whatever stands there: it says that something went wrong, even where it does not say it properly. */
static const struct problem *read_error(const json_t *j, struct arena *a)
{
    const json_t *error = json_object_get(j, "error");
    if (error == NULL || json_is_null(error))
        return NULL;
    struct problem *p = arena_alloc(a, sizeof *p);
    problem_read_member(error, a, p);
    return p;
}

/* {"type":"dns","value":NAME}, the name in lower case (a CA may give it back in any), or {"type":"ip",...},
 * in the canonical form. */
static int read_identifier(const json_t *j, struct arena *a, struct str *out, struct err *err)
{
    struct str type, value;
    int r;
    if ((r = js_str(j, "type", &type, err)) < 0 || (r = js_str(j, "value", &value, err)) < 0)
        return r;
    char address[IDENTIFIER_IP_TEXT_MAX];
    bool is_address = identifier_ip_canonical(value, address);
    if (str_eq(type, STR("ip")) && is_address) {
        *out = arena_str(a, str_c(address));
        return 0;
    }
    if (str_eq(type, STR("ip")))
        return err_set(err, ERR_INPUT, "an identifier of type ip holds no IP address");
    if (!str_eq(type, STR("dns")))
        return err_set(err, ERR_INPUT, "an identifier is of another type than dns and ip");
    if (is_address)
        return err_set(err, ERR_INPUT, "an identifier of type dns holds an IP address");
    *out = (struct str){arena_lower(a, value), value.n};
    return 0;
}

static int read_identifiers(const json_t *j, struct arena *a, struct order_object *out, struct err *err)
{
    const json_t *list;
    int r = js_array(j, "identifiers", ACME_IDENTIFIERS_MAX, &list, err);
    if (r < 0)
        return r;
    size_t n = json_array_size(list);
    struct str *names = arena_array(a, n, sizeof *names);
    for (size_t i = 0; i < n; i++)
        if ((r = read_identifier(json_array_get(list, i), a, &names[i], err)) < 0)
            return r;
    out->identifiers = names;
    out->identifier_n = n;
    return 0;
}

static int read_authorizations(
    const json_t *j, struct str directory, struct arena *a, struct order_object *out, struct err *err)
{
    const json_t *list;
    int r = js_array(j, "authorizations", ACME_IDENTIFIERS_MAX, &list, err);
    if (r < 0)
        return r;
    size_t n = json_array_size(list);
    const char **urls = arena_array(a, n, sizeof *urls);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_string(v))
            return err_set(err, ERR_INPUT, "an element of \"authorizations\" is not a string");
        struct str url = {json_string_value(v), json_string_length(v)};
        if ((r = acme_url_check_from(url, directory, err)) < 0) {
            err_prefix(err, "\"authorizations\"");
            return r;
        }
        urls[i] = arena_dup(a, url);
    }
    out->authorizations = urls;
    out->authorization_n = n;
    return 0;
}

static int read_url_optional(const json_t *j, const char *member, struct str directory, struct arena *a,
    const char **out, struct err *err)
{
    struct str url = {"", 0};
    int r = js_str_optional(j, member, &url, err);
    if (r < 0 || url.n == 0)
        return r;
    if ((r = acme_url_check_from(url, directory, err)) < 0) {
        err_prefix(err, "\"%s\"", member);
        return r;
    }
    *out = arena_dup(a, url);
    return 0;
}

int order_object_parse(
    struct str json, struct str directory, struct arena *a, struct order_object *out, struct err *err)
{
    json_t *root ATTR_CLEANUP(js_freep) = NULL;
    struct order_object o = {0};
    int r;
    if ((r = js_load(json, &root, err)) < 0 || (r = read_status(root, &o.status, err)) < 0 ||
        (r = read_identifiers(root, a, &o, err)) < 0 ||
        (r = read_authorizations(root, directory, a, &o, err)) < 0 ||
        (r = read_url_optional(root, "finalize", directory, a, &o.finalize, err)) < 0 ||
        (r = read_url_optional(root, "certificate", directory, a, &o.certificate, err)) < 0)
        return r;
    struct str profile = js_text(root, "profile");
    if (profile.n > 0)
        o.profile = cleaned(profile, PROFILE_SHOWN, a);
    o.replaces = js_text(root, "replaces").n > 0;
    o.error = read_error(root, a);
    *out = o;
    return 0;
}

static const char *text_or_null(const json_t *j, const char *member, struct arena *a)
{
    return json_is_string(json_object_get(j, member)) ? arena_dup(a, js_text(j, member)) : NULL;
}

/* draft-ietf-acme-dns-persist: each revision that changed the challenge, by the member that tells it, and
 * whether its records name the account by a hash. The newest first, should a CA speak two. */
static const struct {
    const char *member;
    bool hashed;
} persist_forms[] = {
    {"issuerDomainNames", true},    /* -02 */
    {"issuer-domain-names", false}, /* -00, -01 */
};

static const char *issuer_name(struct str text, struct arena *a)
{
    struct str name = {arena_lower(a, text), text.n};
    bool good = identifier_check(name, NULL) == 0 && !identifier_is_wildcard(name) && !identifier_is_ip(name);
    return good ? name.p : NULL;
}

/* One to ten host names, as the draft has it; a list that is otherwise counts as absent. */
static bool read_issuers(const json_t *list, struct arena *a, struct challenge_object *out)
{
    size_t n = json_array_size(list);
    if (n == 0 || n > ACME_ISSUERS_MAX)
        return false;
    const char **names = arena_array(a, n, sizeof *names);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(list, i);
        struct str name = {json_string_value(v), json_string_length(v)};
        if (!json_is_string(v) || (names[i] = issuer_name(name, a)) == NULL)
            return false;
    }
    out->issuers = names;
    out->issuer_n = n;
    return true;
}

static void read_persist(const json_t *j, struct arena *a, struct challenge_object *out)
{
    for (size_t i = 0; i < ARRAY_LEN(persist_forms) && out->issuer_n == 0; i++)
        if (read_issuers(json_object_get(j, persist_forms[i].member), a, out))
            out->hashed = persist_forms[i].hashed;
}

static int read_challenge(const json_t *j, struct arena *a, struct challenge_object *out, struct err *err)
{
    struct str type;
    int r = js_str(j, "type", &type, err);
    if (r < 0)
        return r;
    out->type = cleaned(type, CHALLENGE_TYPE_MAX, a);
    out->status = status_of(js_text(j, "status"));
    out->url = text_or_null(j, "url", a);
    out->token = text_or_null(j, "token", a);
    read_persist(j, a, out);
    out->error = read_error(j, a);
    return 0;
}

static int read_challenges(
    const json_t *j, struct arena *a, struct authorization_object *out, struct err *err)
{
    const json_t *list;
    int r = js_array(j, "challenges", ACME_CHALLENGES_MAX, &list, err);
    if (r < 0)
        return r;
    size_t n = json_array_size(list);
    struct challenge_object *challenges = arena_array(a, n, sizeof *challenges);
    for (size_t i = 0; i < n; i++)
        if ((r = read_challenge(json_array_get(list, i), a, &challenges[i], err)) < 0) {
            err_prefix(err, "a challenge");
            return r;
        }
    out->challenges = challenges;
    out->challenge_n = n;
    return 0;
}

int authorization_object_parse(
    struct str json, struct arena *a, struct authorization_object *out, struct err *err)
{
    json_t *root ATTR_CLEANUP(js_freep) = NULL;
    struct authorization_object o = {0};
    int r;
    if ((r = js_load(json, &root, err)) < 0 || (r = read_status(root, &o.status, err)) < 0 ||
        (r = read_identifier(json_object_get(root, "identifier"), a, &o.identifier, err)) < 0 ||
        (r = js_bool_optional(root, "wildcard", &o.wildcard, err)) < 0 ||
        (r = read_challenges(root, a, &o, err)) < 0)
        return r;
    *out = o;
    return 0;
}

int challenge_object_parse(struct str json, struct arena *a, struct challenge_object *out, struct err *err)
{
    json_t *root ATTR_CLEANUP(js_freep) = NULL;
    struct challenge_object o = {0};
    int r;
    if ((r = js_load(json, &root, err)) < 0 || (r = read_challenge(root, a, &o, err)) < 0)
        return r;
    *out = o;
    return 0;
}
