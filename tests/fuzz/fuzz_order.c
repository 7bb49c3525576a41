/*
 * A whole order against a CA that says anything. The input is a list of answers, separated by lines with a
 * single "%"; the first line of each is "STATUS" or "STATUS RETRY-AFTER", or "-" for an answer that is lost,
 * and the rest the body. The promises of order.h that hold against every CA are checked on the way.
 */
#include "acme/limits.h"
#include "acme/order.h"
#include "acme/url.h"
#include "base/attr.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct str directory_url = {"https://ca.test/directory", 25};
static const struct str names[] = {{"a.test", 6}, {"b.test", 6}, {"*.c.test", 8}, {"192.0.2.1", 9}};
static const enum acme_challenge challenges[] = {CHALLENGE_TLS_ALPN_01, CHALLENGE_HTTP_01};
static const struct str profiles[] = {{"short", 5}, {"tls", 3}};

enum { QUEUE_MAX = 256, STEPS_MAX = 2000, VISIBLE_MAX = 128 };

struct world {
    struct order *order;
    struct order_actions actions;
    struct str answers;
    struct order_action queue[QUEUE_MAX]; /* what waits for its answer */
    size_t queue_n;
    const char *visible[VISIBLE_MAX];
    size_t visible_n, keys;
    unsigned wait_tag;
    int64_t now_ms;
    bool over, giving_up;
    bool clumsy; /* cannot show tls-alpn-01, nor judge long chains */
};

static void must(bool what)
{
    if (!what)
        abort();
}

static void check_token(const char *token)
{
    size_t n = strlen(token);
    must(n >= ACME_TOKEN_MIN && n <= ACME_TOKEN_MAX);
    must(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == n);
}

static void check_domain(const char *domain)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_c(names[i], domain))
            return;
    abort();
}

static void withdraw(struct world *w, const char *token)
{
    for (size_t i = 0; i < w->visible_n; i++)
        if (w->visible[i] == token) {
            w->visible[i] = w->visible[--w->visible_n];
            return;
        }
    abort();
}

static void take_action(struct world *w, const struct order_action *a)
{
    must(!w->over);
    /* Once it gives up there is no way back. */
    must(!w->giving_up || a->type == ORDER_DO_FAILED ||
         (a->type == ORDER_DO_REQUEST && a->request == ACME_REQUEST_GIVE_UP));
    switch (a->type) {
    case ORDER_DO_REQUEST:
        must(acme_url_check_from(str_c(a->url), directory_url, NULL) == 0);
        must(a->request == ACME_REQUEST_NEW_ORDER || a->request == ACME_REQUEST_READ ||
             a->request == ACME_REQUEST_CHALLENGE || a->request == ACME_REQUEST_FINALIZE ||
             a->request == ACME_REQUEST_NEW_AUTHZ || a->request == ACME_REQUEST_GIVE_UP);
        w->giving_up = a->request == ACME_REQUEST_GIVE_UP;
        if (a->request == ACME_REQUEST_NEW_AUTHZ)
            check_domain(a->domain);
        must(a->request != ACME_REQUEST_FINALIZE || w->keys == 1);
        break;
    case ORDER_DO_PRESENT:
        check_token(a->token);
        check_domain(a->domain);
        must(a->domain[0] != '*');
        must(a->challenge < CHALLENGE_END_);
        must(w->visible_n < VISIBLE_MAX);
        w->visible[w->visible_n++] = a->token;
        break;
    case ORDER_DO_WITHDRAW:
        withdraw(w, a->token);
        return;
    case ORDER_DO_MAKE_KEY:
        must(w->keys++ == 0);
        break;
    case ORDER_DO_JUDGE:
    case ORDER_DO_PUBLISH:
        must(a->chain.n <= ACME_CHAIN_MAX);
        break;
    case ORDER_DO_WAIT:
        must(a->wait_ms >= 0 && a->wait_ms <= (int64_t)ACME_ISSUANCE_DEADLINE_S * 1000);
        w->wait_tag = a->tag;
        w->now_ms += a->wait_ms; /* used only when nothing else happens */
        return;
    case ORDER_DO_DONE:
    case ORDER_DO_FAILED:
        must(w->visible_n == 0);
        must(a->type == ORDER_DO_DONE || a->err->code < 0);
        w->over = true;
        return;
    }
    must(w->queue_n < QUEUE_MAX);
    w->queue[w->queue_n++] = *a;
}

static void step(struct world *w, struct order_event e)
{
    e.wall = (struct wall){1800000000 + w->now_ms / 1000};
    e.mono = (struct mono){w->now_ms};
    order_step(w->order, &e, &w->actions);
    must(w->actions.n <= ORDER_ACTIONS_MAX);
    for (size_t i = 0; i < w->actions.n; i++)
        take_action(w, &w->actions.list[i]);
}

static void respond(struct world *w, unsigned tag)
{
    const struct str separator = STR("\n%\n");
    struct str answer = w->answers, head, body, status, after;
    for (size_t i = 0; i + separator.n <= answer.n; i++)
        if (memcmp(answer.p + i, separator.p, separator.n) == 0) {
            answer.n = i;
            break;
        }
    size_t used = answer.n + separator.n < w->answers.n ? answer.n + separator.n : w->answers.n;
    w->answers = (struct str){w->answers.p + used, w->answers.n - used};
    str_cut(answer, '\n', &head, &body);
    bool delayed = str_cut(head, ' ', &status, &after);
    uint64_t code;
    if (!str_to_u64(status, 599, &code) || code < 100) {
        struct err err;
        err_set(&err, status.n == 1 ? ERR_NETWORK : ERR_LIMIT, "lost");
        step(w, (struct order_event){.type = ORDER_EVENT_FAILED, .tag = tag, .err = &err});
        return;
    }
    const struct acme_header headers[] = {{STR("Location"), STR("https://ca.test/o/1")},
        {STR("Content-Type"), STR("application/pem-certificate-chain")},
        {STR("Link"), STR("<https://ca.test/c/1>;rel=alternate, <https://ca.test/c/2>;rel=alternate")},
        {STR("Retry-After"), after}};
    const struct acme_response r = {(int)code, headers, delayed ? 4 : 3, body};
    step(w, (struct order_event){.type = ORDER_EVENT_RESPONSE, .tag = tag, .response = &r});
}

/* The rank and the leaf of a chain are in its length, which is all that is needed to have many of both. */
static void judge(struct world *w, const struct order_action *a)
{
    struct err err;
    size_t n = a->chain.n;
    err_set(&err, ERR_VERIFY, "no chain");
    if (w->clumsy && n % 16 == 15)
        step(w, (struct order_event){.type = ORDER_EVENT_FAILED, .tag = a->tag, .err = &err});
    else
        step(w, (struct order_event){.type = ORDER_EVENT_JUDGED,
                    .tag = a->tag,
                    .rank = n % 4 == 3 ? ORDER_RANK_NONE : (unsigned)(n % 4),
                    .leaf = n % 8 > 4 ? STR("other") : STR("leaf")});
}

/* What is told at the end is told properly. */
static void check_result(struct world *w, size_t name_n)
{
    size_t n, at = 0;
    const struct order_rejection *r = order_rejections(w->order, &n);
    must(n <= name_n);
    for (size_t i = 0; i < n; i++, at++) {
        while (at < name_n && !str_eq_c(names[at], r[i].name))
            at++;
        must(at < name_n); /* each once, in their order */
        must(r[i].type != NULL && r[i].detail != NULL && r[i].challenge <= CHALLENGE_END_);
    }
    const char *const *notes = order_notes(w->order, &n);
    for (size_t i = 0; i < n; i++)
        must(notes[i][0] != '\0');
    must(order_profile(w->order).p != NULL);
}

static void carry_out(struct world *w, const struct order_action *a)
{
    struct str token = str_c(a->token);
    switch (a->type) {
    case ORDER_DO_REQUEST:
        respond(w, a->tag);
        break;
    case ORDER_DO_PRESENT:
        if (w->clumsy && a->challenge == CHALLENGE_TLS_ALPN_01) {
            struct err err;
            err_set(&err, ERR_IO, "in use");
            step(w, (struct order_event){.type = ORDER_EVENT_FAILED, .tag = a->tag, .err = &err});
            break;
        }
        step(w, (struct order_event){.type = ORDER_EVENT_HIT, .token = token});
        step(w, (struct order_event){.type = ORDER_EVENT_PRESENTED, .tag = a->tag});
        break;
    case ORDER_DO_JUDGE:
        judge(w, a);
        break;
    case ORDER_DO_MAKE_KEY:
        step(w, (struct order_event){.type = ORDER_EVENT_KEY_MADE, .tag = a->tag});
        break;
    default:
        step(w, (struct order_event){.type = ORDER_EVENT_PUBLISHED, .tag = a->tag});
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w; /* large */
    const uint8_t flags = size > 0 ? data[0] : 0;
    const struct order_params p = {
        .names = names,
        .name_n = 1 + flags % ARRAY_LEN(names),
        .thumbprint = STR("thumb"),
        .directory_url = directory_url,
        .new_order = STR("https://ca.test/order"),
        .resume_url = flags & 4 ? STR("https://ca.test/o/1") : STR(""),
        .has_key = flags & 8,
        .finalize_early = flags & 16,
        .challenges = challenges,
        .challenge_n = flags & 32 ? ARRAY_LEN(challenges) : 0,
        .new_authz = flags & 64 ? STR("https://ca.test/authz") : STR(""),
        .profiles = profiles,
        .profile_n = flags & 32 ? ARRAY_LEN(profiles) : 0,
        .profile_required = (flags & 160) == 160,
        .replaces = flags & 32,
        .choose_chain = flags & 32,
    };
    w = (struct world){
        .order = order_new(&p), .keys = p.has_key, .now_ms = 1000, .clumsy = (flags & 128) != 0};
    w.answers = size > 0 ? (struct str){(const char *)data + 1, size - 1} : STR("");
    step(&w, (struct order_event){.type = ORDER_EVENT_START});
    for (size_t i = 0; i < STEPS_MAX && !w.over && w.answers.n > 0; i++) {
        if (w.queue_n > 0) {
            struct order_action a = w.queue[0];
            memmove(w.queue, w.queue + 1, --w.queue_n * sizeof *w.queue);
            carry_out(&w, &a);
        } else {
            must(w.wait_tag != 0); /* it never waits for nothing */
            unsigned tag = w.wait_tag;
            w.wait_tag = 0;
            step(&w, (struct order_event){.type = ORDER_EVENT_TIMER, .tag = tag});
        }
    }
    if (!w.over) {
        order_abandon(w.order, &w.actions);
        w.giving_up = false;
        for (size_t i = 0; i < w.actions.n; i++) {
            must(w.actions.list[i].type == ORDER_DO_WITHDRAW ||
                 w.actions.list[i].request == ACME_REQUEST_GIVE_UP);
            if (w.actions.list[i].type == ORDER_DO_WITHDRAW)
                withdraw(&w, w.actions.list[i].token);
        }
        must(w.visible_n == 0);
    }
    check_result(&w, p.name_n);
    order_free(w.order);
    return 0;
}
