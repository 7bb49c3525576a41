/* The JSON object of a certificate, written as text: its members are one table, in the order in which they
 * are shown. A list has a hundred thousand of them. */
#include "processes/engine/engine.h"

#include "base/json.h"
#include "base/log.h"
#include "config/wish_brief.h"
#include "processes/engine/queue.h"

#include <string.h>

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

/* All of its queue is held back, which stands in no row: a CA that does not answer, or its limit of orders.
 */
static bool queue_holds(
    struct engine *e, const struct certificate *c, struct arena *a, struct queue_state *queue)
{
    /* What has failed and comes again behind the end of a rest waits for that, too. */
    bool waits = c->due_at.s > 0 && (c->due_at.s <= engine_now(e).s || c->failures > 0);
    if (!waits || job_find(e, c->name) != NULL)
        return false;
    queue_look(e, str_c(c->queue), a, queue);
    return !queue->open;
}

static bool is_held(struct engine *e, const struct certificate *c)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct queue_state queue;
    return queue_holds(e, c, a, &queue);
}

/* The row as it is to be read now, with what stands in no row. */
static const struct certificate *as_it_waits(struct engine *e, const struct certificate *c, struct arena *a)
{
    struct queue_state queue;
    if (c->wait_until.s > engine_now(e).s || !queue_holds(e, c, a, &queue))
        return c;
    struct certificate *shown = arena_alloc(a, sizeof *shown);
    *shown = *c;
    shown->wait_until = queue.until;
    shown->wait_reason = queue.reason;
    if (shown->due_at.s < queue.until.s)
        shown->due_at = queue.until;
    return shown;
}

enum certificate_state certificate_state(struct engine *e, const struct certificate *c)
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
    if (is_held(e, c))
        return CERTIFICATE_WAITING;
    if (c->generation == 0)
        return CERTIFICATE_PENDING;
    return job_find(e, c->name) != NULL || (c->due_at.s > 0 && c->due_at.s <= now) ? CERTIFICATE_RENEWING
                                                                                   : CERTIFICATE_VALID;
}

const char *certificate_served(const struct certificate *c, const struct wish_brief *w)
{
    if (!w->looks || c->generation == 0)
        return NULL;
    return c->served_at.s == 0 ? "unknown" : c->served_error[0] != '\0' ? "no" : "yes";
}

/* --- members that are more than a field --- */

static void put_c(struct buf *out, const char *text)
{
    json_put_text(out, str_c(text));
}

/* An array as it stands in the wish. */
static void put_array(struct buf *out, struct str array)
{
    buf_put_str(out, array.n > 0 ? array : STR("[]"));
}

static const struct authority *authority_of(const struct report_view *v, struct str *named)
{
    char name[STORE_URL_MAX + 1];
    *named = wish_brief_first(v->wish.authorities);
    if (named->n >= sizeof name)
        return NULL;
    memcpy(name, named->p, named->n);
    name[named->n] = '\0';
    return authority_find(v->engine, name);
}

static void put_domains(struct buf *out, const struct report_view *v)
{
    put_array(out, v->wish.domains);
}

static void put_source(struct buf *out, const struct report_view *v)
{
    put_c(out, source_texts[v->c->source]);
}

static void put_state(struct buf *out, const struct report_view *v)
{
    put_c(out, state_texts[certificate_state(v->engine, v->row)]);
}

static void put_authority(struct buf *out, const struct report_view *v)
{
    json_put_text(out, wish_brief_first(v->wish.authorities));
}

static void put_directory(struct buf *out, const struct report_view *v)
{
    struct str named;
    const struct authority *a = authority_of(v, &named);
    put_c(out, a != NULL ? a->directory_url : v->c->authority);
}

static void put_challenge(struct buf *out, const struct report_view *v)
{
    json_put_text(out, wish_brief_first(v->wish.challenges));
}

static void put_key_type(struct buf *out, const struct report_view *v)
{
    size_t which =
        v->c->variant > 0 && (size_t)v->c->variant < v->wish.key_type_n ? (size_t)v->c->variant : 0;
    json_put_text(
        out, v->wish.key_type_n > 0 ? v->wish.key_types[which] : str_c(key_type_name(KEY_ECDSA_P256)));
}

static void put_live(struct buf *out, const struct report_view *v)
{
    if (v->c->generation <= 0) {
        buf_put_c(out, "null");
        return;
    }
    struct buf path ATTR_CLEANUP(buf_free) = buf_new(STORE_TEXT_MAX);
    buf_put_c(&path, v->engine->state_path);
    buf_put_c(&path, "/live/");
    buf_put_c(&path, v->c->name);
    json_put_text(out, buf_str(&path));
}

static void put_deploy(struct buf *out, const struct report_view *v)
{
    const struct certificate *c = v->c;
    /* Containers that use it may be told of one that has no steps of its own. */
    const char *state = c->deploy_failures > 0               ? "failing"
                        : c->deploy_due_at.s > 0             ? "pending"
                        : v->wish.steps && c->generation > 0 ? "done"
                                                             : "none";
    buf_put_c(out, "{\"state\":");
    put_c(out, state);
    buf_put_c(out, ",\"error\":");
    json_put_text_or_null(out, c->deploy_error);
    buf_put_c(out, ",\"next\":");
    json_put_time_or_null(out, c->deploy_due_at);
    buf_put_char(out, '}');
}

/* What servers were seen to serve; null where nobody looks. */
static void put_served(struct buf *out, const struct report_view *v)
{
    const char *state = certificate_served(v->c, &v->wish);
    if (state == NULL) {
        buf_put_c(out, "null");
        return;
    }
    buf_put_c(out, "{\"state\":");
    put_c(out, state);
    buf_put_c(out, ",\"error\":");
    json_put_text_or_null(out, v->c->served_error);
    buf_put_c(out, ",\"checked_at\":");
    json_put_time_or_null(out, v->c->served_at);
    buf_put_c(out, ",\"next_check\":");
    json_put_time_or_null(out, v->c->look_due_at);
    buf_put_char(out, '}');
}

static void put_rolled_back(struct buf *out, const struct report_view *v)
{
    if (v->c->live_generation != 0)
        json_put_integer(out, v->c->live_generation);
    else
        buf_put_c(out, "null");
}

static void put_authorities(struct buf *out, const struct report_view *v)
{
    put_array(out, v->wish.authorities);
}

static void put_challenges(struct buf *out, const struct report_view *v)
{
    put_array(out, v->wish.challenges);
}

static void put_omitted(struct buf *out, const struct report_view *v)
{
    json_put_words(out, str_c(v->c->omitted), ' ');
}

static void put_ari(struct buf *out, const struct report_view *v)
{
    const struct certificate *c = v->c;
    if (c->ari_start.s == 0) {
        buf_put_c(out, "null");
        return;
    }
    buf_put_c(out, "{\"start\":");
    json_put_time_or_null(out, c->ari_start);
    buf_put_c(out, ",\"end\":");
    json_put_time_or_null(out, c->ari_end);
    buf_put_c(out, ",\"at\":");
    json_put_time_or_null(out, c->ari_at);
    buf_put_c(out, ",\"checked_at\":");
    json_put_time_or_null(out, c->ari_checked_at);
    buf_put_c(out, ",\"explanation_url\":");
    json_put_text_or_null(out, c->ari_explanation);
    buf_put_char(out, '}');
}

static void put_variant(
    struct buf *out, const struct report_view *v, const struct certificate *c, size_t which)
{
    buf_put_c(out, "{\"name\":");
    put_c(out, c->name);
    buf_put_c(out, ",\"key_type\":");
    json_put_text(out, v->wish.key_types[which]);
    buf_put_c(out, ",\"state\":");
    put_c(out, state_texts[certificate_state(v->engine, c)]);
    buf_put_c(out, ",\"fingerprint\":");
    json_put_text_or_null(out, c->fingerprint);
    buf_put_c(out, ",\"not_after\":");
    json_put_time_or_null(out, c->not_after);
    buf_put_c(out, ",\"next_renewal\":");
    json_put_time_or_null(out, c->due_at);
    buf_put_c(out, ",\"last_error\":");
    json_put_text_or_null(out, c->last_error);
    buf_put_char(out, '}');
}

const struct certificate *report_variant(const struct report_view *v, uint32_t which)
{
    if (v->c->variant != 0 || v->wish.key_type_n < 2 || which >= v->wish.key_type_n)
        return NULL;
    struct str name = wish_brief_variant(&v->wish, which, v->arena);
    return str_eq_c(name, v->c->name) ? v->row : v->find(v, name);
}

/* Both certificates of a wish with two key types; nothing for the usual one. */
static void put_variants(struct buf *out, const struct report_view *v)
{
    bool first = true;
    buf_put_char(out, '[');
    for (uint32_t i = 0; i < v->wish.key_type_n; i++) {
        const struct certificate *c = report_variant(v, i);
        if (c == NULL)
            continue;
        if (!first)
            buf_put_char(out, ',');
        first = false;
        put_variant(out, v, c, i);
    }
    buf_put_char(out, ']');
}

/* --- the table --- */

enum member_kind { MEMBER_TEXT, MEMBER_TEXT_OR_NULL, MEMBER_TIME, MEMBER_INTEGER, MEMBER_PUT };

#define KEY(text)                                    \
    {                                                \
        "\"" text "\":", sizeof("\"" text "\":") - 1 \
    }
#define TEXT(key, field)                                                 \
    {                                                                    \
        KEY(key), MEMBER_TEXT, offsetof(struct certificate, field), NULL \
    }
#define MAYBE(key, field)                                                        \
    {                                                                            \
        KEY(key), MEMBER_TEXT_OR_NULL, offsetof(struct certificate, field), NULL \
    }
#define TIME(key, field)                                                 \
    {                                                                    \
        KEY(key), MEMBER_TIME, offsetof(struct certificate, field), NULL \
    }
#define INTEGER(key, field)                                                 \
    {                                                                       \
        KEY(key), MEMBER_INTEGER, offsetof(struct certificate, field), NULL \
    }
#define PUT(key, function)                \
    {                                     \
        KEY(key), MEMBER_PUT, 0, function \
    }

static const struct {
    struct str key; /* in quotes, with its colon */
    enum member_kind kind;
    size_t offset;
    void (*put)(struct buf *out, const struct report_view *v);
} members[] = {
    TEXT("name", name),
    PUT("domains", put_domains),
    PUT("source", put_source),
    PUT("state", put_state),
    PUT("authority", put_authority),
    PUT("directory", put_directory),
    PUT("challenge", put_challenge),
    PUT("key_type", put_key_type),
    INTEGER("generation", generation),
    PUT("live", put_live),
    MAYBE("fingerprint", fingerprint),
    MAYBE("serial", serial),
    MAYBE("issuer", issuer),
    MAYBE("holder", holder),
    TIME("park_at", park_at),
    TIME("not_before", not_before),
    TIME("not_after", not_after),
    TIME("next_renewal", due_at),
    INTEGER("failures", failures),
    MAYBE("last_error", last_error),
    MAYBE("last_problem", last_problem),
    TIME("last_error_at", last_error_at),
    MAYBE("order_url", order_url),
    PUT("deploy", put_deploy),
    PUT("served", put_served),
    PUT("rolled_back_to", put_rolled_back),
    PUT("authorities", put_authorities),
    PUT("challenges", put_challenges),
    MAYBE("profile", profile),
    PUT("omitted", put_omitted),
    TIME("wait_until", wait_until),
    MAYBE("wait_reason", wait_reason),
    MAYBE("link", pause_link),
    PUT("ari", put_ari),
    PUT("variants", put_variants),
};

void report_row(const struct report_view *v, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const char *field = (const char *)v->c + members[i].offset, *text;
        struct wall time;
        int64_t number;
        buf_put_char(out, i == 0 ? '{' : ',');
        buf_put_str(out, members[i].key);
        switch (members[i].kind) {
        case MEMBER_TEXT:
            memcpy(&text, field, sizeof text);
            put_c(out, text);
            break;
        case MEMBER_TEXT_OR_NULL:
            memcpy(&text, field, sizeof text);
            json_put_text_or_null(out, text);
            break;
        case MEMBER_TIME:
            memcpy(&time, field, sizeof time);
            json_put_time_or_null(out, time);
            break;
        case MEMBER_INTEGER:
            memcpy(&number, field, sizeof number);
            json_put_integer(out, number);
            break;
        case MEMBER_PUT:
            members[i].put(out, v);
            break;
        }
    }
    buf_put_char(out, '}');
}

struct report_view report_view(
    struct engine *e, const struct certificate *c, struct arena *a, report_find_fn *find, void *arg)
{
    struct report_view v = {
        .engine = e, .row = c, .c = as_it_waits(e, c, a), .arena = a, .find = find, .arg = arg};
    struct err err = ERR_INIT;
    if (wish_brief_read(str_c(c->wish), a, &v.wish, &err) < 0) {
        log_error("%s: %s", c->name, err.text);
        v.wish = (struct wish_brief){.name = str_c(c->name)};
    }
    return v;
}

void report_history_row(const struct history_record *h, struct buf *out)
{
    buf_put_c(out, "{\"id\":");
    json_put_integer(out, h->id);
    buf_put_c(out, ",\"at\":");
    json_put_time_or_null(out, h->at);
    buf_put_c(out, ",\"certificate\":");
    json_put_text_or_null(out, h->certificate);
    buf_put_c(out, ",\"event\":");
    put_c(out, h->event);
    buf_put_c(out, ",\"text\":");
    put_c(out, h->text);
    buf_put_c(out, ",\"detail\":");
    buf_put_c(out, h->detail[0] != '\0' ? h->detail : "null"); /* JSON, as history_add wrote it */
    buf_put_char(out, '}');
}
