#include "processes/importer/document.h"

#include "base/text.h"
#include "processes/importer/json_file.h"

#include <jansson.h>
#include <stdio.h>

/* A string of whatever bytes another client left. */
static json_t *text_n(struct str s)
{
    if (text_is_utf8(s))
        return json_stringn(s.n > 0 ? s.p : "", s.n);
    ATTR_CLEANUP(buf_free) struct buf clean = buf_new_sensitive(s.n);
    for (size_t i = 0; i < s.n; i++)
        buf_put_char(&clean, (char)((unsigned char)s.p[i] < 0x80 ? s.p[i] : '?'));
    return json_stringn(buf_c(&clean), clean.n);
}

static json_t *text(const char *c)
{
    return text_n(str_c(c));
}

static json_t *texts(const struct found_texts *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->n; i++)
        json_array_append_new(list, text(t->items[i]));
    return list;
}

static json_t *account(const struct found_account *x)
{
    return json_pack("{s:o s:o s:o s:o s:o s:o s:b}", "id", text(x->id), "directory", text(x->directory),
        "url", text(x->url), "email", text(x->email), "key", text_n(buf_str(&x->key)), "eab_kid",
        text(x->eab_kid), "agreed", x->agreed);
}

static json_t *webroots(const struct found_webroot *first)
{
    json_t *map = json_object();
    for (const struct found_webroot *w = first; w != NULL; w = w->next)
        json_object_set_new(map, w->name, text(w->path));
    return map;
}

static json_t *hooks(const struct found_hook *first)
{
    json_t *list = json_array();
    for (const struct found_hook *h = first; h != NULL; h = h->next)
        json_array_append_new(list, json_pack("{s:o s:o s:o}", "event", text(found_event_name(h->event)),
                                        "command", text(h->command), "source", text(h->source)));
    return list;
}

static json_t *files(const struct found_file *first)
{
    json_t *list = json_array();
    for (const struct found_file *x = first; x != NULL; x = x->next) {
        char mode[8];
        snprintf(mode, sizeof mode, "%04o", (unsigned)x->mode & 07777);
        json_array_append_new(
            list, json_pack("{s:o s:o s:o s:o s:o}", "format", text(found_format_name(x->format)), "path",
                      text(x->path), "mode", text(mode), "owner", text(x->owner), "group", text(x->group)));
    }
    return list;
}

static json_t *certificate(const struct found_certificate *c)
{
    json_t *o = json_pack("{s:o s:o s:o s:o}", "name", text(c->name), "domains", texts(&c->domains),
        "account", c->account != NULL ? text(c->account->id) : json_null(), "directory", text(c->directory));
    json_t *state = json_pack("{s:o s:o s:I s:o}", "key", text_n(buf_str(&c->key)), "chain", text_n(c->chain),
        "not_after", (json_int_t)c->not_after_s, "key_type", text(c->key_type));
    json_t *proof =
        json_pack("{s:o s:o s:b s:o s:i s:o}", "challenge", text(found_challenge_name(c->challenge)),
            "webroot", text(c->webroot), "webroot_unknown", c->webroot_unknown, "webroot_map",
            webroots(c->webroot_map), "http_port", (int)c->http_port, "dns_provider", text(c->dns_provider));
    json_t *wanted = json_pack("{s:b s:b s:o s:o s:o s:I}", "reuse_key", c->reuse_key, "must_staple",
        c->must_staple, "profile", text(c->profile), "preferred_profile", text(c->preferred_profile),
        "preferred_chain", text(c->preferred_chain), "renew_before_s", (json_int_t)c->renew_before_s);
    json_t *use = json_pack("{s:o s:o s:o s:o}", "hooks", hooks(c->hooks), "hook_directories",
        texts(&c->hook_directories), "publish", files(c->files), "warnings", texts(&c->warnings));
    json_t *parts[] = {state, proof, wanted, use};
    bool whole = o != NULL;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        whole = whole && parts[i] != NULL && json_object_update(o, parts[i]) == 0;
        json_decref(parts[i]);
    }
    if (!whole) {
        json_decref(o);
        return NULL;
    }
    return o;
}

/* Appends one value and forgets it, so that the document is in memory once. */
static int put(struct buf *out, json_t *value, struct err *err)
{
    if (value == NULL)
        return err_set(err, ERR_MEMORY, "no memory for the document");
    size_t n = json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
    char *room = out->n + n < DOCUMENT_MAX ? buf_room(out, n) : NULL;
    if (room != NULL)
        buf_added(out, json_dumpb(value, room, n, JSON_COMPACT | JSON_ENCODE_ANY));
    json_decref(value);
    if (room == NULL || n == 0)
        return err_set(err, ERR_LIMIT,
            "there is more than %d MB of it; move it in parts (a copy of the folder with some of the "
            "certificates each)",
            DOCUMENT_MAX / 1024 / 1024);
    return 0;
}

static int put_member(struct buf *out, const char *name, json_t *value, struct err *err)
{
    buf_printf(out, "%s\"%s\":", out->n > 1 ? "," : "", name);
    return put(out, value, err);
}

int document_write(const struct found *f, struct buf *out, struct err *err)
{
    int r;
    buf_put_c(out, "{");
    if ((r = put_member(out, "format", text(f->format), err)) < 0 ||
        (r = put_member(out, "path", text(f->tree->path), err)) < 0)
        return r;
    buf_put_c(out, ",\"accounts\":[");
    for (const struct found_account *x = f->accounts; r == 0 && x != NULL; x = x->next) {
        buf_put_c(out, x != f->accounts ? "," : "");
        r = put(out, account(x), err);
    }
    buf_put_c(out, "],\"certificates\":[");
    for (const struct found_certificate *c = f->certificates; r == 0 && c != NULL; c = c->next) {
        buf_put_c(out, c != f->certificates ? "," : "");
        r = put(out, certificate(c), err);
    }
    buf_put_c(out, "]");
    if (r < 0 || (r = put_member(out, "timers", texts(&f->timers), err)) < 0 ||
        (r = put_member(out, "warnings", texts(&f->warnings), err)) < 0)
        return r;
    buf_put_c(out, "}\n");
    return buf_failed(out) ? err_set(err, ERR_LIMIT, "the document is too long") : 0;
}
