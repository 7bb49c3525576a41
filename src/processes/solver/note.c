#include "processes/solver/note.h"

#include "dns/lookup.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the seal --- */

/* Each text with its length before it, so that no two lists of texts are the same octets. */
static void put_text(struct buf *out, struct str s)
{
    buf_printf(out, "%zu:", s.n);
    buf_put_str(out, s);
}

int note_key_make(
    struct note_key *out, const char *entry, const char *provider, struct str settings, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new_sensitive(settings.n + 1024);
    buf_put_c(&text, "evercert note;");
    put_text(&text, str_c(entry));
    put_text(&text, str_c(provider));
    put_text(&text, settings);
    if (buf_failed(&text))
        return err_set(err, ERR_LIMIT, "its name is too long");
    return digest_sha256(buf_str(&text), out->bytes, err);
}

static int seal_of(const struct note_key *key, const struct note_part *p, const char *value,
    char out[SHA256_HEX_LEN], struct err *err)
{
    const struct str secret = {(const char *)key->bytes, sizeof key->bytes};
    const char *const texts[] = {p->entry, p->record, p->zone, p->handle, value};
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(2 * NOTE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        put_text(&text, str_c(texts[i]));
    if (buf_failed(&text))
        return err_set(err, ERR_LIMIT, "a note is too long");
    return digest_hmac_sha256_hex(secret, buf_str(&text), out, err);
}

bool note_is_ours(const struct note_key *key, const struct note_part *p, const char *value)
{
    char seal[SHA256_HEX_LEN];
    unsigned char differs = 0;
    if (strlen(p->seal) != SHA256_HEX_LEN - 1 || seal_of(key, p, value, seal, NULL) < 0)
        return false;
    for (size_t i = 0; i < SHA256_HEX_LEN - 1; i++) /* in the same time wherever they differ */
        differs |= (unsigned char)(seal[i] ^ p->seal[i]);
    return differs == 0;
}

/* --- to and from text --- */

static json_t *part_json(const struct note_part *p)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "entry", p->entry, "record", p->record, "zone", p->zone,
        "handle", p->handle, "seal", p->seal);
}

static char *to_text(const struct note *n)
{
    json_t *parts = json_array();
    for (size_t i = 0; i < n->n; i++)
        json_array_append_new(parts, part_json(&n->parts[i]));
    json_t *all = json_pack("{s:o}", "parts", parts);
    if (all != NULL && n->again)
        json_object_set_new(all, "again", json_true());
    char *text = all == NULL ? NULL : json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return text;
}

/* False when no handle is left. */
static bool drop_longest(struct note *n)
{
    if (n->n == 0)
        return false;
    struct note_part *longest = &n->parts[0];
    for (size_t i = 1; i < n->n; i++)
        if (strlen(n->parts[i].handle) > strlen(longest->handle))
            longest = &n->parts[i];
    bool any = longest->handle[0] != '\0';
    longest->handle = "";
    return any;
}

static int seal_all(struct note *n, const struct note_key *const *keys, const char *value, struct err *err)
{
    int r = 0;
    for (size_t i = 0; i < n->n && r == 0; i++)
        r = seal_of(keys[i], &n->parts[i], value, n->parts[i].seal, err);
    return r;
}

int note_encode(
    struct note *n, const struct note_key *const *keys, const char *value, struct buf *out, struct err *err)
{
    for (size_t i = 0; i < n->n; i++) {
        json_t *handle = json_string(n->parts[i].handle); /* NULL for what is no UTF-8 */
        if (handle == NULL || strlen(n->parts[i].handle) > NOTE_HANDLE_MAX)
            n->parts[i].handle = "";
        json_decref(handle);
    }
    for (bool more = true; more; more = drop_longest(n)) {
        int r = seal_all(n, keys, value, err);
        char *text = r == 0 ? to_text(n) : NULL;
        bool fits = text != NULL && strlen(text) <= NOTE_MAX;
        if (fits)
            buf_put_c(out, text);
        free(text);
        if (r < 0 || fits)
            return r < 0 ? r : buf_failed(out) ? err_set(err, ERR_LIMIT, "a note is too long") : 0;
    }
    return err_set(err, ERR_LIMIT, "a note is too long");
}

/* A member that is a text of at most `max` octets. */
static int get(
    const json_t *object, const char *member, size_t max, struct arena *a, const char **out, struct err *err)
{
    const char *text = json_string_value(json_object_get(object, member));
    if (text == NULL || strlen(text) > max)
        return err_set(err, ERR_INPUT, "the note of a record has no good %s", member);
    *out = arena_dup_c(a, text);
    return 0;
}

static int get_part(const json_t *json, struct arena *a, struct note_part *p, struct err *err)
{
    const char *seal;
    int r;
    if ((r = get(json, "entry", NOTE_MAX, a, &p->entry, err)) < 0 ||
        (r = get(json, "record", LOOKUP_NAME_MAX, a, &p->record, err)) < 0 ||
        (r = get(json, "zone", LOOKUP_NAME_MAX, a, &p->zone, err)) < 0 ||
        (r = get(json, "handle", NOTE_HANDLE_MAX, a, &p->handle, err)) < 0 ||
        (r = get(json, "seal", sizeof p->seal - 1, a, &seal, err)) < 0)
        return r;
    snprintf(p->seal, sizeof p->seal, "%s", seal);
    return 0;
}

int note_decode(struct str json, struct arena *a, struct note *out, struct err *err)
{
    struct note n = {.n = 0};
    int r = 0;
    if (json.n > NOTE_MAX)
        return err_set(err, ERR_LIMIT, "the note of a record is too long");
    if (json.n > 0) {
        json_t *all = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
        const json_t *parts = json_object_get(all, "parts");
        if (!json_is_array(parts) || json_array_size(parts) > WISH_DNS_ENTRIES_MAX)
            r = err_set(err, ERR_INPUT, "the note of a record is none");
        for (size_t i = 0; r == 0 && i < json_array_size(parts); i++)
            r = get_part(json_array_get(parts, i), a, &n.parts[n.n++], err);
        json_decref(all);
    }
    if (r == 0)
        *out = n;
    return r;
}
