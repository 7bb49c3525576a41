/* The chain: downloaded, where the user has preferences judged and compared with its alternates (7.4.2), and
 * published. */
#include "acme/limits.h"
#include "acme/order_priv.h"
#include "acme/problem.h"
#include "acme/url.h"
#include "base/buf.h"
#include "base/text.h"

/* --- publication --- */

static void publish_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    order_withdraw(o);
    o->phase = ORDER_PHASE_DONE;
    order_act(o, (struct order_action){.type = ORDER_DO_DONE});
}

/* A chain that is wrong stays wrong, so its order is of no more use; a full disk will pass. */
static void publish_failed(struct order *o, struct authorization *a, const struct err *err)
{
    order_fail(o, err, err->code == ERR_VERIFY || err->code == ERR_INPUT || err->code == ERR_LIMIT);
}

static const struct order_task publish_task = {ORDER_EVENT_PUBLISHED, publish_done, publish_failed};

static void publish(struct order *o)
{
    o->phase = ORDER_PHASE_PUBLISH;
    order_ask(o, &o->awaited, &publish_task,
        (struct order_action){.type = ORDER_DO_PUBLISH, .chain = buf_str(&o->chain)});
}

bool order_publish_best(struct order *o)
{
    if (o->chain.n == 0 || o->phase == ORDER_PHASE_PUBLISH)
        return false;
    publish(o);
    return true;
}

void order_await_publication(struct order *o)
{
    (void)o; /* nothing to decide: only PUBLISHED or FAILED leads on */
}

/* --- judging --- */

static void settle(struct order *o)
{
    if (o->rank == ORDER_RANK_NONE)
        order_note(o, "the CA offers none of the preferred chains, so its default chain is used");
    publish(o);
}

static void judged(struct order *o, struct authorization *a, const struct order_event *e)
{
    if (o->leaf == NULL) {
        o->leaf = arena_dup(o->arena, e->leaf);
        o->rank = e->rank;
        return;
    }
    /* Another leaf is another certificate, whatever the CA calls it. */
    if (!str_eq_c(e->leaf, o->leaf) || e->rank >= o->rank)
        return;
    struct buf best = o->candidate;
    o->candidate = o->chain;
    o->chain = best;
    o->rank = e->rank;
}

/* Whatever is wrong with an alternate, there is a chain already. Of the first chain the publication will say
 * what is wrong, as it does where nobody judges. */
static void not_judged(struct order *o, struct authorization *a, const struct err *err)
{
    if (err_is_temporary(err->code))
        order_fail(o, err, false);
    else if (o->leaf == NULL)
        publish(o);
}

static const struct order_task judge_task = {ORDER_EVENT_JUDGED, judged, not_judged};

static void judge(struct order *o, const struct buf *chain)
{
    order_ask(
        o, &o->awaited, &judge_task, (struct order_action){.type = ORDER_DO_JUDGE, .chain = buf_str(chain)});
}

/* --- download --- */

/* RFC 8555 7.4.2, 9.1. Parameters are of no interest. ERR_LIMIT, ERR_INPUT where it is no chain to look at.
 */
static int take_chain(const struct acme_response *r, struct buf *out, struct err *err)
{
    struct str type = {"", 0}, essence, parameters;
    acme_header_get(r, "Content-Type", &type);
    str_cut(type, ';', &essence, &parameters);
    if (!str_eq_nocase(str_trim(essence), STR("application/pem-certificate-chain"))) {
        struct buf shown = buf_new(128);
        text_clean(&shown, type, 100);
        err_set(err, ERR_INPUT, "the CA sent \"%s\" where application/pem-certificate-chain was expected",
            buf_c(&shown));
        buf_free(&shown);
        return ERR_INPUT;
    }
    if (r->body.n > ACME_CHAIN_MAX)
        return err_set(err, ERR_LIMIT, "the CA sent a chain of more than %d octets", ACME_CHAIN_MAX);
    buf_free(out);
    *out = buf_new(ACME_CHAIN_MAX);
    buf_put_str(out, r->body);
    return buf_failed(out) ? err_set(err, ERR_MEMORY, "no memory for the chain") : 0;
}

static bool is_known_chain(const struct order *o, struct str url)
{
    for (size_t i = 0; i < o->alternate_n; i++)
        if (str_eq_c(url, o->alternates[i]))
            return true;
    return str_eq_c(url, o->certificate);
}

/* Links that are read to find that many; each costs a pass over the fields. */
enum { LINKS_MAX = 4 * ACME_ALTERNATES_MAX };

/* Of other hosts than the CA's own, of what is known already, and of more than a few: none. */
static void take_alternates(struct order *o, const struct acme_response *r)
{
    struct str url;
    o->alternates = arena_array(o->arena, ACME_ALTERNATES_MAX, sizeof *o->alternates);
    for (size_t i = 0; i < LINKS_MAX && acme_response_link(r, "alternate", i, &url); i++)
        if (o->alternate_n < ACME_ALTERNATES_MAX && !is_known_chain(o, url) &&
            acme_url_check_from(url, o->directory_url, NULL) == 0)
            o->alternates[o->alternate_n++] = arena_dup(o->arena, url);
}

static void download_refused(struct order *o, const struct acme_response *r)
{
    struct problem p;
    problem_read(r, o->scratch, &p);
    if (order_is_temporary(&p))
        order_refused_for_now(o, &o->pace, &p, r);
    else if (++o->lost > ORDER_LOST_MAX)
        order_fail_problem(o, &p, r, true);
    else /* a certificate may take a moment to get to every server of a CA */
        order_pace_wait(o, &o->pace, (int64_t)ORDER_LOST_WAIT_MS << (o->lost - 1));
}

static void download_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    struct err err;
    if (!acme_response_ok(e->response)) {
        download_refused(o, e->response);
    } else if (take_chain(e->response, &o->chain, &err) < 0) {
        order_fail(o, &err, false);
    } else if (o->choose_chain) {
        take_alternates(o, e->response);
        judge(o, &o->chain);
    } else {
        publish(o);
    }
}

static void download_failed(struct order *o, struct authorization *a, const struct err *err)
{
    order_lost(o, &o->pace, &o->lost, err);
}

static const struct order_task download_task = {ORDER_EVENT_RESPONSE, download_done, download_failed};

/* Tried once each: what cannot be had is not offered. */
static void alternate_done(struct order *o, struct authorization *a, const struct order_event *e)
{
    if (acme_response_ok(e->response) && take_chain(e->response, &o->candidate, NULL) == 0)
        judge(o, &o->candidate);
}

static void alternate_failed(struct order *o, struct authorization *a, const struct err *err)
{
    (void)o; /* the next one */
}

static const struct order_task alternate_task = {ORDER_EVENT_RESPONSE, alternate_done, alternate_failed};

void order_download(struct order *o)
{
    if (o->awaited.tag != 0)
        return;
    if (o->leaf == NULL) {
        if (order_is_due(o, &o->pace))
            order_request(o, &o->awaited, &download_task, ACME_REQUEST_READ, o->certificate);
    } else if (o->rank > 0 && o->alternate_at < o->alternate_n) {
        order_request(o, &o->awaited, &alternate_task, ACME_REQUEST_READ, o->alternates[o->alternate_at++]);
    } else {
        settle(o);
    }
}
