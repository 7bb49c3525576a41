#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transcript.h"

#include "base/attr.h"
#include "base/buf.h"

#include <string.h>

void transcript_of(struct transcript *t, const char *const *names, struct order_params p)
{
    struct str list[256];
    size_t n = 0;
    for (; names[n] != NULL; n++)
        list[n] = str_c(names[n]);
    *t = (struct transcript){.wall = {1800000000}, .mono = {5000}};
    p.names = list;
    p.name_n = n;
    p.thumbprint = STR(THUMBPRINT);
    p.directory_url = STR(CA "/directory");
    p.new_order = STR(CA "/order");
    t->order = order_new(&p);
}

void transcript_new(
    struct transcript *t, const char *const *names, const char *resume, bool has_key, bool early)
{
    transcript_of(t, names,
        (struct order_params){.resume_url = str_c(resume), .has_key = has_key, .finalize_early = early});
}

void transcript_free(struct transcript *t)
{
    order_free(t->order);
}

static const char *path_of(const char *url)
{
    return strncmp(url, CA, strlen(CA)) == 0 ? url + strlen(CA) : url;
}

static void expect(struct transcript *t, unsigned tag, const char *text)
{
    assert_true(tag != 0);
    assert_true(t->pending_n < ARRAY_LEN(t->pending));
    struct pending *p = &t->pending[t->pending_n++];
    p->tag = tag;
    snprintf(p->text, sizeof p->text, "%s", text);
}

static const char *kind_shown(const struct order_action *a)
{
    return a->challenge == CHALLENGE_HTTP_01 ? "" : acme_challenge_text(a->challenge);
}

/* "[KIND ][*.]NAME WHAT": the token's letters; of a challenge without one, whom a record may name. */
static void show_challenge(const struct order_action *a, const char *verb, struct buf *out)
{
    const char *kind = kind_shown(a);
    buf_printf(
        out, "%s %s%s%s%s", verb, kind, kind[0] != '\0' ? " " : "", a->wildcard ? "*." : "", a->domain);
    if (a->token[0] != '\0')
        buf_printf(out, " %.5s", a->token);
    for (size_t i = 0; i < a->issuer_n; i++)
        buf_printf(out, " %s", a->issuers[i]);
    if (a->hashed)
        buf_put_c(out, " hashed");
}

static void show_chain(struct str chain, struct buf *out)
{
    struct str label, rest, text;
    if (str_eq(chain, STR(CHAIN)))
        return;
    str_cut(chain, '\n', &label, &rest);
    str_cut(rest, '\n', &text, &rest);
    buf_printf(out, " %.*s", STR_ARG(text));
}

static void show(struct transcript *t, const struct order_action *a, struct buf *out)
{
    size_t from = out->n;
    char key_authorization[512];
    switch (a->type) {
    case ORDER_DO_REQUEST:
        buf_printf(out, "%s %s", acme_request_name(a->request), path_of(a->url));
        if (a->request == ACME_REQUEST_NEW_ORDER && *a->profile != '\0')
            buf_printf(out, " profile=%s", a->profile);
        if (a->request == ACME_REQUEST_NEW_ORDER && a->replaces)
            buf_put_c(out, " replaces");
        if (a->request == ACME_REQUEST_NEW_AUTHZ)
            buf_printf(out, " %s", a->domain);
        t->requests++;
        break;
    case ORDER_DO_PRESENT:
        snprintf(key_authorization, sizeof key_authorization, "%s." THUMBPRINT, a->token);
        assert_string_equal(a->key_authorization, a->token[0] != '\0' ? key_authorization : "");
        show_challenge(a, "present", out);
        t->visible++;
        break;
    case ORDER_DO_WITHDRAW:
        show_challenge(a, "withdraw", out);
        assert_true(t->visible-- > 0);
        return;
    case ORDER_DO_MAKE_KEY:
        buf_put_c(out, "key");
        assert_int_equal(t->keys++, 0);
        break;
    case ORDER_DO_PUBLISH:
        buf_put_c(out, "publish");
        show_chain(a->chain, out);
        break;
    case ORDER_DO_JUDGE:
        buf_put_c(out, "judge");
        show_chain(a->chain, out);
        break;
    case ORDER_DO_WAIT:
        assert_true(a->wait_ms >= 0);
        buf_printf(out, "wait %lld", (long long)a->wait_ms);
        t->wait_tag = a->tag;
        t->wait_until = t->mono.ms + a->wait_ms;
        return;
    case ORDER_DO_DONE:
        buf_put_c(out, "done");
        t->done = true;
        return;
    case ORDER_DO_FAILED:
        buf_put_c(out, "failed");
        t->err = *a->err;
        t->failed = true;
        return;
    }
    expect(t, a->tag, buf_c(out) + from);
}

void transcript_event(struct transcript *t, struct order_event e)
{
    e.wall = t->wall;
    e.mono = t->mono;
    order_step(t->order, &e, &t->actions);
}

/* The tag of a pending action, which is pending no longer. Tokens stand at the end of the text. */
static unsigned take_tag(struct transcript *t, const char *begin, const char *end)
{
    for (size_t i = 0; i < t->pending_n; i++) {
        struct str text = str_c(t->pending[i].text);
        if (str_starts(text, str_c(begin)) && str_ends(text, str_c(end))) {
            unsigned tag = t->pending[i].tag;
            t->pending[i] = t->pending[--t->pending_n];
            return tag;
        }
    }
    fail_msg("nothing like \"%s ... %s\" was asked for", begin, end);
    return 0;
}

static void answer(struct transcript *t, const struct line *l)
{
    struct acme_header headers[4];
    size_t n = 0;
    const char *type = l->content_type;
    if (type == NULL)
        type = str_starts(str_c(l->body), STR("-----BEGIN")) ? "application/pem-certificate-chain"
                                                             : "application/json";
    if (*type != '\0')
        headers[n++] = (struct acme_header){STR("content-type"), str_c(type)};
    const char *location = l->location != NULL ? l->location : l->status == 201 ? CA "/o/1" : "";
    if (*location != '\0')
        headers[n++] = (struct acme_header){STR("Location"), str_c(location)};
    if (l->retry_after != NULL)
        headers[n++] = (struct acme_header){STR("retry-after"), str_c(l->retry_after)};
    if (l->link != NULL)
        headers[n++] = (struct acme_header){STR("Link"), str_c(l->link)};
    struct acme_response r = {l->status, headers, n, str_c(l->body)};
    transcript_event(
        t, (struct order_event){
               .type = ORDER_EVENT_RESPONSE, .tag = take_tag(t, l->what, l->what), .response = &r});
}

static void lose(struct transcript *t, int code, const char *begin, const char *end)
{
    struct err err;
    err_set(&err, code, "it broke");
    transcript_event(
        t, (struct order_event){.type = ORDER_EVENT_FAILED, .tag = take_tag(t, begin, end), .err = &err});
}

static void plain(struct transcript *t, enum order_event_type type, const char *begin, const char *end)
{
    transcript_event(t, (struct order_event){.type = type, .tag = take_tag(t, begin, end)});
}

static void tick(struct transcript *t)
{
    unsigned tag = t->wait_tag;
    t->actions.n = 0;
    if (tag == 0 || t->mono.ms < t->wait_until)
        return;
    t->wait_tag = 0;
    transcript_event(t, (struct order_event){.type = ORDER_EVENT_TIMER, .tag = tag});
}

static void hit(struct transcript *t, const char *letters)
{
    char token[64];
    snprintf(token, sizeof token, "%s%s", letters, &TOKEN("1")[5]);
    transcript_event(t, (struct order_event){.type = ORDER_EVENT_HIT, .token = str_c(token)});
}

static void play_line(struct transcript *t, const struct line *l)
{
    t->mono.ms += l->ms;
    t->wall.s += l->ms / 1000;
    switch (l->kind) {
    case START:
        transcript_event(t, (struct order_event){.type = ORDER_EVENT_START});
        break;
    case ANSWER:
        answer(t, l);
        break;
    case LOST:
        lose(t, l->status != 0 ? l->status : ERR_NETWORK, l->what, l->what);
        break;
    case PRESENTED:
        plain(t, ORDER_EVENT_PRESENTED, "present", l->what);
        break;
    case UNPRESENTED:
        lose(t, l->status, "present", l->what);
        break;
    case HIT:
        hit(t, l->what);
        break;
    case KEY_MADE:
        plain(t, ORDER_EVENT_KEY_MADE, "key", "");
        break;
    case KEYLESS:
        lose(t, l->status, "key", "");
        break;
    case PUBLISHED:
        plain(t, ORDER_EVENT_PUBLISHED, "publish", "");
        break;
    case UNPUBLISHED:
        lose(t, l->status, "publish", "");
        break;
    case JUDGED:
        transcript_event(t, (struct order_event){.type = ORDER_EVENT_JUDGED,
                                .tag = take_tag(t, "judge", ""),
                                .rank = l->status < 0 ? ORDER_RANK_NONE : (unsigned)l->status,
                                .leaf = str_c(l->what)});
        break;
    case UNJUDGED:
        lose(t, l->status, "judge", "");
        break;
    case TICK:
        tick(t);
        break;
    }
}

void transcript_play(struct transcript *t, const struct line *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        play_line(t, &lines[i]);
        struct buf said = buf_new(1 << 16);
        for (size_t j = 0; j < t->actions.n; j++) {
            if (j > 0)
                buf_put_c(&said, "; ");
            show(t, &t->actions.list[j], &said);
        }
        if (!str_eq_c(buf_str(&said), lines[i].says != NULL ? lines[i].says : "")) {
            print_error("row %zu (%s): wanted \"%s\"\n    got \"%s\"\n    error \"%s\"\n", i,
                lines[i].what != NULL ? lines[i].what : "-", lines[i].says != NULL ? lines[i].says : "",
                buf_c(&said), t->err.text);
            buf_free(&said);
            fail();
        }
        buf_free(&said);
    }
}

void transcript_failed(const struct transcript *t, int code, bool dead, const char *text)
{
    assert_true(t->failed);
    if (strstr(t->err.text, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, t->err.text);
    assert_int_equal(t->err.code, code);
    assert_int_equal(order_is_dead(t->order), dead);
    assert_int_equal(order_phase(t->order), ORDER_PHASE_FAILED);
    assert_int_equal(t->visible, 0);
}
