/* Rows for people and scripts: the JSON of a certificate, a history entry, an account. */
#include "processes/engine/queue.h"

#include "base/log.h"

#include <string.h>

static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *time_or_null(struct wall t)
{
    char text[TIME_TEXT_MAX];
    return t.s != 0 ? json_string(wall_format(t, text)) : json_null();
}

static json_t *texts(const char *const *list, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_string(list[i]));
    return array;
}

/* Which rule the date of the renewal comes from. */
static const char *rule_of(const struct certificate *c, const struct wish *w)
{
    if (c->ari_at.s != 0 && (w->renew_before_s == 0 || c->due_at.s <= c->ari_at.s))
        return " (suggested by the CA)";
    return w->renew_before_s > 0 ? " (renew-before)" : " (a third of its life, half below ten days)";
}

const char *report_next(struct engine *e, const struct certificate *c, const struct wish *w, struct arena *a)
{
    char when[TIME_TEXT_MAX], in[DURATION_TEXT_MAX];
    int64_t now = engine_now(e).s;
    const char *at =
        arena_printf(a, "%s (in %s)", wall_format(c->due_at, when), duration_about(c->due_at.s - now, in));
    if (job_find(e, c->name) != NULL)
        return "it is being got just now";
    if (c->released)
        return "nothing: it is no longer in the configuration (evercert forget removes it)";
    if (certificate_is_parked(e, c))
        return "nothing: no container has asked for it for long (one that does gets it back at once)";
    if (c->revoked && c->due_at.s == 0)
        return "nothing: it is revoked (evercert renew --force gets a new one)";
    if (c->pause_link[0] != '\0')
        return arena_printf(a,
            "nothing: the CA has paused it until a person lifts that at %s; then evercert renew --force %s",
            c->pause_link, c->name);
    if (c->due_at.s == 0)
        return "nothing";
    if (c->wait_until.s > now)
        return arena_printf(a, "tried at %s: %s", at, c->wait_reason);
    if (c->omitted[0] != '\0')
        return arena_printf(a, "at %s the CA is asked again for what it rejected: %s", at, c->omitted);
    if (c->failures > 0)
        return arena_printf(a, "tried again at %s, after %lld failure%s in a row", at, (long long)c->failures,
            c->failures == 1 ? "" : "s");
    if (c->due_at.s <= now)
        return "due now";
    return arena_printf(a, "renewed at %s, %s before it expires%s", at,
        duration_about(c->not_after.s - c->due_at.s, in), rule_of(c, w));
}

static int add_history(const struct history_record *h, void *arg)
{
    json_array_append_new(arg, report_history(h));
    return 0;
}

static json_t *lines(struct str text)
{
    json_t *array = json_array();
    struct str line;
    while (text.n > 0) {
        (void)str_cut(text, '\n', &line, &text);
        json_array_append_new(array, json_stringn(line.p, line.n));
    }
    return array;
}

static void add_whole(struct engine *e, json_t *o, const struct certificate *c, const struct wish *w)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    json_t *history = json_array();
    char text[DURATION_TEXT_MAX];
    struct err err = ERR_INIT;
    if (store_history_each(e->store, str_c(c->name), 0, SHOW_HISTORY_MAX, add_history, history, &err) < 0)
        log_error("%s", err.text);
    json_object_set_new(o, "history", history);
    json_object_set_new(o, "chain", lines(str_c(c->subjects)));
    json_object_set_new(o, "webroot", text_or_null(w->webroot));
    json_object_set_new(o, "renew_before",
        w->renew_before_s > 0 ? json_string(duration_format(w->renew_before_s, text)) : json_null());
    json_object_set_new(o, "next", json_string(report_next(e, c, w, a)));
}

static const struct certificate *find_in_store(const struct report_view *v, struct str name)
{
    struct certificate *c = arena_alloc(v->arena, sizeof *c);
    return store_certificate_get(v->engine->store, name, v->arena, c, NULL) == 0 ? c : NULL;
}

json_t *report_certificate(struct engine *e, const struct certificate *c, bool whole)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf row ATTR_CLEANUP(buf_free) = buf_new(MSG_LARGE);
    struct report_view v = report_view(e, c, a, find_in_store, NULL);
    struct wish w = {.name = c->name, .webroot = ""};
    report_row(&v, &row);
    json_t *o = buf_failed(&row) ? NULL : json_loadb(row.p, row.n, 0, NULL);
    if (o == NULL || !whole)
        return o;
    (void)wish_decode(str_c(c->wish), a, &w, NULL); /* what is wrong with it was said */
    add_whole(e, o, v.c, &w);
    return o;
}

json_t *report_history(const struct history_record *h)
{
    json_t *detail = h->detail[0] != '\0' ? json_loads(h->detail, 0, NULL) : NULL;
    return json_pack("{s:I, s:o, s:o, s:s, s:s, s:o}", "id", (json_int_t)h->id, "at", time_or_null(h->at),
        "certificate", text_or_null(h->certificate), "event", h->event, "text", h->text, "detail",
        detail != NULL ? detail : json_null());
}

json_t *report_account(
    const struct authority *a, const struct authority_record *r, const struct account_object *o)
{
    json_t *row = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "authority", a->name, "directory",
        a->directory_url, "url", text_or_null(r->account_url), "email", text_or_null(r->account_email),
        "thumbprint", text_or_null(a->thumbprint), "key_type", text_or_null(a->key_type), "status",
        text_or_null(r->account_status));
    /* The CA's own word. */
    json_object_set_new(row, "contacts", o != NULL ? texts(o->contacts, o->contact_n) : json_null());
    json_object_set_new(row, "terms_agreed", o != NULL ? json_boolean(o->terms_agreed) : json_null());
    json_object_set_new(row, "orders", o != NULL ? text_or_null(o->orders) : json_null());
    /* Known where the keeper was asked in this run. */
    json_object_set_new(
        row, "pending_rollover", a->thumbprint[0] != '\0' ? json_boolean(a->key_change_open) : json_null());
    return row;
}
