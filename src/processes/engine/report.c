/* Rows for people and scripts: the JSON of a certificate, a history entry, an account. */
#include "processes/engine/engine.h"

#include "base/log.h"

#include <string.h>

enum certificate_state {
#define STATE_ENUM(id, text) id,
    CERTIFICATE_STATES(STATE_ENUM)
#undef STATE_ENUM
};

static const char *const state_texts[] = {
#define STATE_TEXT(id, text) [id] = text,
    CERTIFICATE_STATES(STATE_TEXT)
#undef STATE_TEXT
};

static const char *const source_texts[] = {
#define SOURCE_TEXT(id, text) [id] = text,
    CERTIFICATE_SOURCES(SOURCE_TEXT)
#undef SOURCE_TEXT
};

static enum certificate_state state_of(struct engine *e, const struct certificate *c)
{
    int64_t now = engine_now(e).s;
    if (c->revoked)
        return CERTIFICATE_REVOKED;
    if (certificate_is_parked(e, c))
        return CERTIFICATE_PARKED;
    if (c->generation > 0 && c->not_after.s <= now)
        return CERTIFICATE_EXPIRED;
    if (c->released)
        return CERTIFICATE_RELEASED;
    if (c->pause_link[0] != '\0')
        return CERTIFICATE_PAUSED;
    if (c->wait_until.s > now)
        return CERTIFICATE_WAITING;
    if (c->failures > 0)
        return CERTIFICATE_FAILING;
    if (c->generation == 0)
        return CERTIFICATE_PENDING;
    return job_find(e, c->name) != NULL || (c->due_at.s > 0 && c->due_at.s <= now) ? CERTIFICATE_RENEWING
                                                                                   : CERTIFICATE_VALID;
}

static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *time_or_null(struct wall t)
{
    char text[TIME_TEXT_MAX];
    return t.s != 0 ? json_string(wall_format(t, text)) : json_null();
}

static json_t *deploy_of(const struct certificate *c, const struct wish *w)
{
    /* Containers that use it may be told of one that has no steps of its own. */
    const char *state = c->deploy_failures > 0                     ? "failing"
                        : c->deploy_due_at.s > 0                   ? "pending"
                        : deploy_has_steps(w) && c->generation > 0 ? "done"
                                                                   : "none";
    return json_pack("{s:s, s:o, s:o}", "state", state, "error", text_or_null(c->deploy_error), "next",
        time_or_null(c->deploy_due_at));
}

/* What servers were seen to serve; null where nobody looks. */
static json_t *served_of(const struct certificate *c, const struct wish *w)
{
    bool looks = false;
    for (size_t i = 0; i < w->deploy_n; i++)
        looks = looks || w->deploys[i].argc == 0;
    if (!looks || c->generation == 0)
        return json_null();
    const char *state = c->served_at.s == 0 ? "unknown" : c->served_error[0] != '\0' ? "no" : "yes";
    return json_pack("{s:s, s:o, s:o, s:o}", "state", state, "error", text_or_null(c->served_error),
        "checked_at", time_or_null(c->served_at), "next_check", time_or_null(c->look_due_at));
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

/* What happens next and why, in words. */
static const char *next_of(
    struct engine *e, const struct certificate *c, const struct wish *w, struct arena *a)
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
    json_object_set_new(o, "next", json_string(next_of(e, c, w, a)));
}

static json_t *words(struct str text)
{
    json_t *array = json_array();
    struct str word;
    while (text.n > 0) {
        (void)str_cut(text, ' ', &word, &text);
        json_array_append_new(array, json_stringn(word.p, word.n));
    }
    return array;
}

static json_t *ari_of(const struct certificate *c)
{
    if (c->ari_start.s == 0)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "start", time_or_null(c->ari_start), "end",
        time_or_null(c->ari_end), "at", time_or_null(c->ari_at), "checked_at",
        time_or_null(c->ari_checked_at), "explanation_url", text_or_null(c->ari_explanation));
}

/* Both certificates of a wish with two key types; nothing for the usual one. */
static json_t *variants_of(struct engine *e, const struct wish *w, struct arena *a)
{
    json_t *array = json_array();
    for (uint32_t v = 0; w->key_type_n > 1 && v < w->key_type_n; v++) {
        const char *name = wish_variant_name(w, v, a);
        struct certificate c;
        if (store_certificate_get(e->store, str_c(name), a, &c, NULL) < 0)
            continue;
        json_array_append_new(
            array, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "name", name, "key_type", w->key_types[v],
                       "state", state_texts[state_of(e, &c)], "fingerprint", text_or_null(c.fingerprint),
                       "not_after", time_or_null(c.not_after), "next_renewal", time_or_null(c.due_at),
                       "last_error", text_or_null(c.last_error)));
    }
    return array;
}

/* What only some certificates have. */
static void add_extensions(struct engine *e, json_t *o, const struct certificate *c, const struct wish *w)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    json_object_set_new(o, "authorities", texts(w->authorities, w->authority_n));
    json_object_set_new(o, "challenges", texts(w->challenges, w->challenge_n));
    json_object_set_new(o, "profile", text_or_null(c->profile));
    json_object_set_new(o, "omitted", words(str_c(c->omitted)));
    json_object_set_new(o, "wait_until", time_or_null(c->wait_until));
    json_object_set_new(o, "wait_reason", text_or_null(c->wait_reason));
    json_object_set_new(o, "link", text_or_null(c->pause_link));
    json_object_set_new(o, "ari", ari_of(c));
    json_object_set_new(o, "variants", c->variant == 0 ? variants_of(e, w, a) : json_array());
}

json_t *report_certificate(struct engine *e, const struct certificate *c, bool whole)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct wish w = {.name = c->name, .webroot = ""};
    struct err err = ERR_INIT;
    if (wish_decode(str_c(c->wish), a, &w, &err) < 0)
        log_certificate(c->name, LOG_LEVEL_ERROR, "%s: %s", c->name, err.text);
    else if (c->variant > 0)
        (void)wish_select(&w, (uint32_t)c->variant, a, NULL);
    const char *named = w.authority_n > 0 ? w.authorities[0] : "";
    const struct authority *authority = authority_find(e, named);
    json_t *o = json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o}", "name",
        c->name, "domains", texts(w.domains, w.domain_n), "source", source_texts[c->source], "state",
        state_texts[state_of(e, c)], "authority", named, "directory",
        authority != NULL ? authority->directory_url : c->authority, "challenge",
        w.challenge_n > 0 ? w.challenges[0] : "", "key_type", key_type_name(w.key_type), "generation",
        (json_int_t)c->generation, "live",
        c->generation > 0 ? json_sprintf("%s/live/%s", e->state_path, c->name) : json_null(), "fingerprint",
        text_or_null(c->fingerprint), "serial", text_or_null(c->serial), "issuer", text_or_null(c->issuer));
    json_object_set_new(o, "holder", text_or_null(c->holder));
    json_object_set_new(o, "park_at", time_or_null(c->park_at));
    json_object_set_new(o, "not_before", time_or_null(c->not_before));
    json_object_set_new(o, "not_after", time_or_null(c->not_after));
    json_object_set_new(o, "next_renewal", time_or_null(c->due_at));
    json_object_set_new(o, "failures", json_integer((json_int_t)c->failures));
    json_object_set_new(o, "last_error", text_or_null(c->last_error));
    json_object_set_new(o, "last_problem", text_or_null(c->last_problem));
    json_object_set_new(o, "last_error_at", time_or_null(c->last_error_at));
    json_object_set_new(o, "order_url", text_or_null(c->order_url));
    json_object_set_new(o, "deploy", deploy_of(c, &w));
    json_object_set_new(o, "served", served_of(c, &w));
    json_object_set_new(o, "rolled_back_to",
        c->live_generation != 0 ? json_integer((json_int_t)c->live_generation) : json_null());
    add_extensions(e, o, c, &w);
    if (whole)
        add_whole(e, o, c, &w);
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

void history_add(struct engine *e, const char *name, const char *event, const char *text, json_t *detail)
{
    char *json = detail != NULL ? json_dumps(detail, JSON_COMPACT) : NULL;
    struct history_record h = {.at = engine_now(e),
        .certificate = name,
        .event = event,
        .text = text,
        .detail = json != NULL ? json : ""};
    struct err err = ERR_INIT;
    if (store_history_put(e->store, &h, &err) < 0)
        log_error("%s", err.text);
    for (struct session *s = e->sessions; s != NULL; s = s->next)
        if (s->follow && (s->name == NULL || s->name[0] == '\0' || strcmp(s->name, name) == 0))
            session_row(e, s->id, report_history(&h));
    free(json);
    json_decref(detail);
}
