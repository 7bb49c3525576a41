/* Standing records of dns-persist-01: nothing is written, only looked at. */
#include "processes/solver/solver.h"

#include "acme/persist.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* A standing record stands: where servers lack it, waiting for them for long is of no use. */
enum { LOOK_TIME_MS = 30 * 1000 };

struct look {
    struct look *next;
    struct solver *solver;
    unsigned life;
    uint32_t id;
    struct arena *arena;
    const char *identifier, *name;
    struct persist_demand demand;
    struct book *book;
    struct permit_wait permit_wait;
    struct dns_question *question;
    struct propagation_watch *watch;
    const char *record;
    int64_t until;
    bool over;
};

static void finish(struct look *l, const struct err *why)
{
    struct err err = ERR_INIT;
    if (why != NULL) {
        err = *why;
        err_prefix(&err, "%s", l->identifier);
        log_debug("%s", err.text);
    }
    solver_answer(l->solver, l->life, MSG_persist_looked, l->id,
        &(struct msg_persist_looked){why == NULL ? l->until : 0, why == NULL ? l->record : "",
            msg_error_of(why == NULL ? NULL : &err)});
    l->over = true;
    permit_leave(l->solver, &l->permit_wait);
}

static void on_spread(const struct propagation_result *result, const struct err *why, void *arg)
{
    struct look *l = arg;
    (void)result;
    l->watch = NULL;
    finish(l, why);
}

static void on_place(const struct dns_place *place, const struct err *why, void *arg)
{
    struct look *l = arg;
    const struct propagation *how = &l->book->propagation;
    l->question = NULL;
    if (place == NULL) {
        finish(l, why);
        return;
    }
    const struct propagation_spec spec = {.name = place->name,
        .zone = place->zone,
        .value = l->record,
        .authoritative = true,
        .recursive = how->check == PROPAGATION_RECURSIVE,
        .timeout_ms = how->timeout_s * 1000 < LOOK_TIME_MS ? how->timeout_s * 1000 : LOOK_TIME_MS,
        .nameservers = how->nameservers,
        .nameserver_n = how->nameserver_n};
    l->watch = propagation_start(l->book->view->dns, &spec, on_spread, l);
}

static void on_records(const struct dns_answer *answer, void *arg)
{
    struct look *l = arg;
    struct err err = ERR_INIT;
    size_t which = 0;
    l->question = NULL;
    if (answer->state == DNS_FAILED || answer->state == DNS_BOGUS) {
        err = answer->err;
        err_prefix(&err, "asking for %s", l->name);
        finish(l, &err);
        return;
    }
    size_t n = answer->state == DNS_FOUND ? answer->n : 0;
    struct str *texts = arena_array(l->arena, n, sizeof *texts);
    for (size_t i = 0; i < n; i++)
        texts[i] = answer->records[i].text;
    if (persist_choose(&l->demand, l->name, texts, n, clock_wall(&system_clock), &which, &l->until, &err) <
        0) {
        finish(l, &err);
        return;
    }
    l->record = arena_dup(l->arena, texts[which]);
    if (l->book->propagation.check == PROPAGATION_NONE)
        finish(l, NULL);
    else
        l->question = dns_locate(l->book->view->dns, l->name, on_place, l);
}

static void on_permit(const struct wish *wish, const struct err *why, void *arg)
{
    struct look *l = arg;
    struct err err = ERR_INIT;
    if (wish == NULL) {
        finish(l, why);
        return;
    }
    if (l->book == NULL || l->book->view == NULL) {
        err_set(&err, ERR_IPC, "the DNS cannot be asked");
        finish(l, &err);
        return;
    }
    if (names_allowed(wish, l->identifier, &err) < 0) {
        finish(l, &err);
        return;
    }
    l->name = arena_printf(l->arena, "_validation-persist.%s", l->identifier);
    l->question = dns_ask_there(l->book->view->dns, l->name, DNS_TXT, on_records, l);
}

static const char *const *copy(struct arena *a, const struct msg_list *list)
{
    const char **out = arena_array(a, list->n, sizeof *out);
    for (size_t i = 0; i < list->n; i++)
        out[i] = arena_dup_c(a, list->p[i]);
    return out;
}

void persist_look(struct solver *s, uint32_t id, const struct msg_persist_look *m)
{
    struct look *l = calloc(1, sizeof *l);
    if (l == NULL)
        abort();
    *l = (struct look){.next = s->looks,
        .solver = s,
        .life = s->engine_life,
        .id = id,
        .arena = arena_new(),
        .record = "",
        .permit_wait = {.then = on_permit, .arg = l}};
    s->looks = l;
    l->identifier = arena_dup_c(l->arena, m->identifier);
    l->demand = (struct persist_demand){
        .issuers = copy(l->arena, &m->issuers),
        .account_uris = copy(l->arena, &m->account_uris),
        .n = m->issuers.n < m->account_uris.n ? m->issuers.n : m->account_uris.n,
        .wildcard = m->wildcard,
    };
    if (s->book != NULL)
        l->book = book_ref(s->book);
    permit_want(s, m->permit, &l->permit_wait);
}

void looks_engine_gone(struct solver *s)
{
    for (struct look *l = s->looks; l != NULL; l = l->next)
        l->over = true;
}

static void look_free(struct look *l)
{
    dns_cancel(l->question);
    if (l->watch != NULL)
        propagation_cancel(l->watch);
    permit_leave(l->solver, &l->permit_wait);
    book_unref(l->book);
    arena_free(l->arena);
    free(l);
}

void looks_sweep(struct solver *s, bool all)
{
    for (struct look **at = &s->looks; *at != NULL;) {
        struct look *l = *at;
        if (l->over || all) {
            *at = l->next;
            look_free(l);
        } else {
            at = &l->next;
        }
    }
}
