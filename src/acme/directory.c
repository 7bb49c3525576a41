#include "acme/directory.h"

#include "acme/json.h"
#include "acme/url.h"
#include "base/buf.h"
#include "base/text.h"

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
    return 0;
}

int directory_parse(struct str json, struct str url, struct arena *a, struct directory *out, struct err *err)
{
    json_t *root ATTR_CLEANUP(js_freep) = NULL;
    struct directory d = {.terms_of_service = {"", 0}, .website = {"", 0}};
    int r = js_load(json, &root, err);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(urls); i++)
        r = read_url(root, i, url, a, &d, err);
    if (r == 0)
        r = read_meta(root, a, &d, err);
    if (r < 0) {
        err_prefix(err, "the directory of the CA");
        return r;
    }
    *out = d;
    return 0;
}
