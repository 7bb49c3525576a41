/*
 * What containers ask for: the watcher hands over all claims after each change, policy judges them
 * (containers/judge.h), the keeper makes permits of what is granted, and the engine gets these. What did not
 * change since the last time is only named, so one container more costs one permit however many there are.
 */
#include "processes/parent/parent.h"

#include "acme/identifier.h"
#include "containers/judge.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEED_WINDOW = 64,
    REFUSALS_LOGGED_MAX = 20,    /* new ones after one change; `evercert containers` has them all */
    SAID_MAX = 64 * 1024 * 1024, /* octets of a hand-over: three thousand for each of CONTAINERS_MAX; there
                                  * are two at a time, and what is judged of one */
};

/* One hand-over, whole. */
struct said {
    struct arena *arena;
    struct claim *claims;
    struct consumer *consumers;
    struct claim_problem *problems;
    size_t claim_n, consumer_n, problem_n, claim_max, consumer_max, problem_max;
    size_t octets; /* about what it takes */
    bool complete, overfull;
};

/* A wish that the engine has. */
struct given {
    char *name, *text, *holder;
    bool refused; /* the keeper would not permit it */
};

struct grants {
    struct said now, next; /* in force, and being handed over */
    bool known;            /* there was a hand-over since the watcher started first */
    struct arena *arena;   /* of the judgement */
    struct judgement judgement;
    struct given *given; /* by name; those of the judgement, as far as they were fed */
    size_t given_n;
    /* the feed */
    unsigned round, life; /* of the engine that it is for */
    size_t at, flying;
    bool feeding, again; /* again: something changed while it went on */
    struct given *fresh;
    size_t fresh_n;
    char **refusals; /* sorted texts, of the judgement before */
    size_t refusal_n;
};

static struct grants *grants_of(struct parent *p)
{
    if (p->grants == NULL && (p->grants = calloc(1, sizeof *p->grants)) == NULL)
        abort();
    return p->grants;
}

/* --- what the watcher hands over --- */

static void *grow(void *list, size_t n, size_t *max, size_t size)
{
    if (n < *max)
        return list;
    size_t more = *max == 0 ? 64 : *max * 2;
    void *bigger = reallocarray(list, more, size);
    if (bigger == NULL)
        abort();
    *max = more;
    return bigger;
}

static void said_clear(struct said *s)
{
    free(s->claims);
    free(s->consumers);
    free(s->problems);
    arena_free(s->arena);
    *s = (struct said){.arena = NULL};
}

static size_t size_of(const struct msg_list *list)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        n += sizeof(struct pair) + strlen(list->p[i]) + 2;
    return n;
}

/* Whether that much more may be said. What is left out makes the hand-over incomplete, so nobody's
 * certificate is given up for it. */
static bool has_room(struct said *s, size_t octets)
{
    if (s->arena == NULL)
        return false;
    if (octets > SAID_MAX - s->octets) {
        s->overfull = true;
        return false;
    }
    s->octets += octets;
    return true;
}

static const char *const *copy_list(struct arena *a, const struct msg_list *list)
{
    const char **copy = arena_array(a, list->n, sizeof *copy);
    for (size_t i = 0; i < list->n; i++)
        copy[i] = arena_dup_c(a, list->p[i]);
    return copy;
}

/* "key=value"; a text without '=' is a key with an empty value. */
static struct pair split(struct arena *a, const char *text)
{
    const char *equals = strchrnul(text, '=');
    return (struct pair){arena_dup(a, (struct str){text, (size_t)(equals - text)}),
        arena_dup_c(a, *equals == '=' ? equals + 1 : "")};
}

void grants_begin(struct parent *p)
{
    struct grants *g = grants_of(p);
    said_clear(&g->next);
    g->next.arena = arena_new();
}

static const struct pair *copy_labels(struct arena *a, const struct msg_list *list)
{
    struct pair *labels = arena_array(a, list->n, sizeof *labels);
    for (size_t i = 0; i < list->n; i++)
        labels[i] = split(a, list->p[i]);
    return labels;
}

static const struct wish_option *copy_options(struct arena *a, const struct msg_list *list)
{
    struct wish_option *options = arena_array(a, list->n, sizeof *options);
    for (size_t i = 0; i < list->n; i++) {
        struct pair option = split(a, list->p[i]);
        options[i] = (struct wish_option){option.name, option.value};
    }
    return options;
}

void grants_claim(struct parent *p, const struct msg_claim *m)
{
    struct said *s = &grants_of(p)->next;
    struct arena *a = s->arena;
    size_t octets = sizeof *s->claims + strlen(m->engine) + strlen(m->id) + strlen(m->container) +
                    strlen(m->image) + strlen(m->project) + strlen(m->service_name) + strlen(m->key) +
                    size_of(&m->networks) + size_of(&m->labels) + size_of(&m->domains) + size_of(&m->options);
    if (m->reader >= READER_END_ || m->domains.n == 0 || !has_room(s, octets))
        return;
    s->claims = grow(s->claims, s->claim_n, &s->claim_max, sizeof *s->claims);
    s->claims[s->claim_n++] = (struct claim){.holder = {.engine = arena_dup_c(a, m->engine),
                                                 .id = arena_dup_c(a, m->id),
                                                 .name = arena_dup_c(a, m->container),
                                                 .service = m->service,
                                                 .image = arena_dup_c(a, m->image),
                                                 .project = arena_dup_c(a, m->project),
                                                 .service_name = arena_dup_c(a, m->service_name),
                                                 .created_s = m->created,
                                                 .networks = copy_list(a, &m->networks),
                                                 .network_n = m->networks.n,
                                                 .labels = copy_labels(a, &m->labels),
                                                 .label_n = m->labels.n},
        .reader = (enum claim_reader)m->reader,
        .key = arena_dup_c(a, m->key),
        .domains = copy_list(a, &m->domains),
        .domain_n = m->domains.n,
        .options = copy_options(a, &m->options),
        .option_n = m->options.n,
        .staging = m->staging};
}

void grants_consumer(struct parent *p, const struct msg_consumer *m)
{
    struct said *s = &grants_of(p)->next;
    struct arena *a = s->arena;
    size_t octets = sizeof *s->consumers + strlen(m->engine) + strlen(m->id) + strlen(m->container) +
                    strlen(m->project) + strlen(m->service_name) + strlen(m->key) + strlen(m->value) +
                    size_of(&m->uses) + size_of(&m->verify);
    if (m->change > CHANGE_ACTION || !has_room(s, octets))
        return;
    s->consumers = grow(s->consumers, s->consumer_n, &s->consumer_max, sizeof *s->consumers);
    s->consumers[s->consumer_n++] = (struct consumer){.holder = {.engine = arena_dup_c(a, m->engine),
                                                          .id = arena_dup_c(a, m->id),
                                                          .name = arena_dup_c(a, m->container),
                                                          .service = m->service,
                                                          .image = "",
                                                          .project = arena_dup_c(a, m->project),
                                                          .service_name = arena_dup_c(a, m->service_name)},
        .key = arena_dup_c(a, m->key),
        .uses = copy_list(a, &m->uses),
        .use_n = m->uses.n,
        .change = (enum change_kind)m->change,
        .value = arena_dup_c(a, m->value),
        .verify = copy_list(a, &m->verify),
        .verify_n = m->verify.n};
}

void grants_problem(struct parent *p, const struct msg_claim_problem *m)
{
    struct said *s = &grants_of(p)->next;
    struct arena *a = s->arena;
    size_t octets = sizeof *s->problems + strlen(m->engine) + strlen(m->id) + strlen(m->container) +
                    strlen(m->key) + strlen(m->reason);
    if (!has_room(s, octets))
        return;
    s->problems = grow(s->problems, s->problem_n, &s->problem_max, sizeof *s->problems);
    s->problems[s->problem_n++] = (struct claim_problem){.engine = arena_dup_c(a, m->engine),
        .id = arena_dup_c(a, m->id),
        .name = arena_dup_c(a, m->container),
        .key = arena_dup_c(a, m->key),
        .reason = arena_dup_c(a, m->reason)};
}

struct consumer_list grants_consumers(const struct parent *p)
{
    if (p->grants == NULL)
        return (struct consumer_list){NULL, 0};
    return (struct consumer_list){p->grants->now.consumers, p->grants->now.consumer_n};
}

/* --- what is refused is said once --- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *refusal(const char *engine, const char *container, const char *key, const char *reason)
{
    char *text = NULL;
    if (asprintf(&text, "%s on %s: %s%s%s", container, engine, key, key[0] != '\0' ? ": " : "", reason) < 0)
        abort();
    return text;
}

static void log_new(const struct grants *g, char *const *list, size_t n)
{
    size_t told = 0, more = 0;
    for (size_t i = 0; i < n; i++) {
        if (g->refusal_n > 0 && bsearch(&list[i], g->refusals, g->refusal_n, sizeof *list, by_text) != NULL)
            continue;
        if (told++ < REFUSALS_LOGGED_MAX)
            log_warning("container %s", list[i]);
        else
            more++;
    }
    if (more > 0)
        log_warning("%zu further requests of containers are refused: see evercert containers", more);
}

/* Why a consumer will not be told; NULL where it will. */
static const char *untold(const struct parent *p, const struct consumer *c)
{
    bool missing = c->change == CHANGE_ACTION && action_find(&p->settings, c->value) == NULL;
    return missing ? "evercert.on-change names an action that is not in actions: of the configuration" : NULL;
}

static void tell_refusals(const struct parent *p, struct grants *g)
{
    char **list = calloc(g->now.claim_n + g->now.problem_n + g->now.consumer_n + 1, sizeof *list);
    size_t n = 0;
    if (list == NULL)
        abort();
    for (size_t i = 0; i < g->now.claim_n; i++) {
        const struct verdict *v = &g->judgement.verdicts[i];
        const struct claim *c = v->claim;
        if (v->wish == SIZE_MAX)
            list[n++] = refusal(c->holder.engine, c->holder.name, c->key, v->reason);
    }
    for (size_t i = 0; i < g->now.problem_n; i++) {
        const struct claim_problem *q = &g->now.problems[i];
        list[n++] = refusal(q->engine, q->name, q->key, q->reason);
    }
    for (size_t i = 0; i < g->now.consumer_n; i++) {
        const struct consumer *c = &g->now.consumers[i];
        if (untold(p, c) != NULL)
            list[n++] = refusal(c->holder.engine, c->holder.name, c->key, untold(p, c));
    }
    qsort(list, n, sizeof *list, by_text);
    log_new(g, list, n);
    for (size_t i = 0; i < g->refusal_n; i++)
        free(g->refusals[i]);
    free(g->refusals);
    g->refusals = list;
    g->refusal_n = n;
}

static void judge(struct parent *p)
{
    struct grants *g = p->grants;
    struct arena *arena = arena_new();
    claims_judge(&p->settings, g->now.claims, g->now.claim_n, arena, &g->judgement);
    arena_free(g->arena);
    g->arena = arena;
    tell_refusals(p, g);
}

/* --- the feed --- */

static void given_free(struct given *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].name);
        free(list[i].text);
        free(list[i].holder);
    }
    free(list);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct given *)a)->name, ((const struct given *)b)->name);
}

/* Whether the engine has just this. */
static bool is_given(const struct grants *g, const struct given *w)
{
    const struct given *is = g->given_n == 0 ? NULL : bsearch(w, g->given, g->given_n, sizeof *w, by_name);
    return is != NULL && !is->refused && strcmp(is->text, w->text) == 0 && strcmp(is->holder, w->holder) == 0;
}

struct feed_item {
    struct parent *p;
    unsigned round;
    size_t at;
};

static void pump(struct parent *p);

/* Another engine was told nothing of this, and after a reload another policy holds: grants_feed comes for
 * both, behind the wishes. */
static bool is_current(const struct parent *p)
{
    return p->feed_done && p->grants->life == p->engine_life;
}

static void on_permit(const void *msg, const struct err *why, void *arg)
{
    struct feed_item item = *(struct feed_item *)arg;
    struct grants *g = item.p->grants;
    const struct msg_permit_made *m = msg;
    struct channel *engine = member_channel(item.p, MEMBER_ENGINE);
    struct err err = ERR_INIT;
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    free(arg);
    if (m == NULL || item.round != g->round || !is_current(item.p)) /* the keeper went, or all is fed anew */
        return;
    struct given *w = &g->fresh[item.at];
    if (r == 0 && engine != NULL)
        r = channel_send(
            engine, MSG_wish_put, 0, &(struct msg_wish_put){w->text, m->permit, w->holder}, -1, &err);
    if (r < 0) {
        log_error("%s: %s: %s", w->holder, w->name, err.text);
        w->refused = true;
    }
    g->flying--;
    pump(item.p);
}

static int feed_one(struct parent *p, size_t at, struct err *err)
{
    struct grants *g = p->grants;
    struct given *w = &g->fresh[at];
    if (is_given(g, w))
        return channel_send(
            member_channel(p, MEMBER_ENGINE), MSG_grant_keep, 0, &(struct msg_grant_keep){w->name}, -1, err);
    struct feed_item *item = malloc(sizeof *item);
    if (item == NULL)
        abort();
    *item = (struct feed_item){p, g->round, at};
    int r = channel_request(member_channel(p, MEMBER_KEEPER), MSG_permit_make,
        &(struct msg_permit_make){w->text}, MSG_permit_made, on_permit, item, err);
    if (r < 0)
        free(item);
    else
        g->flying++;
    return r;
}

static void start(struct parent *p);

static void finish(struct parent *p)
{
    struct grants *g = p->grants;
    struct err err = ERR_INIT;
    /* Without engines to watch, all that containers ever asked for is nobody's. */
    bool complete = p->settings.docker.engine_n == 0 || (g->known && g->now.complete);
    struct msg_grants_end m = {complete, p->settings.docker.grace_s};
    if (channel_send(member_channel(p, MEMBER_ENGINE), MSG_grants_end, 0, &m, -1, &err) < 0)
        log_error("%s", err.text);
    given_free(g->given, g->given_n);
    g->given = g->fresh;
    g->given_n = g->fresh_n;
    g->fresh = NULL;
    g->fresh_n = 0;
    g->feeding = false;
    if (g->again)
        start(p);
}

static void pump(struct parent *p)
{
    struct grants *g = p->grants;
    struct err err = ERR_INIT;
    if (!g->feeding || !is_current(p) || member_channel(p, MEMBER_KEEPER) == NULL ||
        member_channel(p, MEMBER_ENGINE) == NULL)
        return;
    while (g->flying < FEED_WINDOW && g->at < g->fresh_n) {
        if (feed_one(p, g->at, &err) < 0) {
            log_error("%s: %s", g->fresh[g->at].name, err.text);
            g->fresh[g->at].refused = true;
        }
        g->at++;
    }
    if (g->flying == 0 && g->at == g->fresh_n)
        finish(p);
}

static void start(struct parent *p)
{
    struct grants *g = p->grants;
    struct channel *engine = member_channel(p, MEMBER_ENGINE);
    struct err err = ERR_INIT;
    if (g->feeding || !p->feed_done || engine == NULL) {
        g->again = true; /* feed_done comes, and so does grants_feed */
        return;
    }
    g->again = false;
    g->feeding = true;
    g->round++;
    g->life = p->engine_life;
    g->at = g->flying = 0;
    g->fresh_n = g->judgement.wish_n;
    g->fresh = calloc(g->fresh_n + 1, sizeof *g->fresh);
    if (g->fresh == NULL)
        abort();
    for (size_t i = 0; i < g->fresh_n; i++) {
        struct buf text ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
        const struct wish *w = &g->judgement.wishes[i];
        wish_encode(w, &text);
        g->fresh[i] =
            (struct given){strdup(w->name), strdup(buf_c(&text)), strdup(g->judgement.holders[i]), false};
        if (g->fresh[i].name == NULL || g->fresh[i].text == NULL || g->fresh[i].holder == NULL)
            abort();
    }
    if (channel_send(engine, MSG_grants_begin, 0, &(struct msg_grants_begin){true}, -1, &err) < 0)
        log_error("%s", err.text);
    pump(p);
}

static void feed_drop(struct grants *g)
{
    given_free(g->fresh, g->fresh_n);
    given_free(g->given, g->given_n);
    g->fresh = g->given = NULL;
    g->fresh_n = g->given_n = 0;
    g->feeding = false;
    g->round++;
}

void grants_end(struct parent *p, const struct msg_claims_end *m)
{
    struct grants *g = grants_of(p);
    if (g->next.arena == NULL)
        return;
    said_clear(&g->now);
    g->now = g->next;
    g->next = (struct said){.arena = NULL};
    g->now.complete = m->complete && !g->now.overfull;
    if (g->now.overfull)
        log_warning("containers ask for more than %d MB of words; what is beyond that is left out",
            SAID_MAX / (1024 * 1024));
    g->known = true;
    judge(p);
    if (p->options.daemon) /* a parent of one command only looks */
        start(p);
    consumers_known(p);
}

void grants_feed(struct parent *p)
{
    struct grants *g = grants_of(p);
    if (!p->options.daemon)
        return;
    feed_drop(g);
    judge(p);
    /* Until the watcher has said something, nobody knows what containers want. */
    if (g->known || p->settings.docker.engine_n == 0)
        start(p);
}

bool grants_have(const struct parent *p, const char *name, struct str host)
{
    const struct judgement *all = p->grants != NULL ? &p->grants->judgement : NULL;
    const struct wish *w = NULL;
    for (size_t from = 0, to = all != NULL ? all->wish_n : 0; from < to && w == NULL;) {
        size_t middle = (from + to) / 2;
        int order = strcmp(all->wishes[middle].name, name);
        if (order == 0)
            w = &all->wishes[middle];
        else if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    struct str label, above;
    bool below = str_cut(host, '.', &label, &above);
    for (size_t i = 0; w != NULL && i < w->domain_n; i++) {
        struct str domain = str_c(w->domains[i]);
        if (str_eq_nocase(domain, host) ||
            (below && identifier_is_wildcard(domain) && str_eq_nocase(identifier_base(domain), above)))
            return true;
    }
    return false;
}

/* --- for people --- */

static void give_row(json_t *row, grants_row_fn *fn, void *arg)
{
    char *text = row != NULL ? json_dumps(row, JSON_COMPACT) : NULL;
    if (text != NULL)
        fn(text, arg);
    free(text);
    json_decref(row);
}

static json_t *texts(const char *const *list, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_string(list[i]));
    return array;
}

static json_t *problem_row(const struct holder *h, const char *key, const char *reason)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kind", "problem", "engine", h->engine, "id", h->id,
        "container", h->name, "key", key, "reason", reason);
}

static json_t *claim_row(const struct grants *g, size_t i)
{
    const struct verdict *v = &g->judgement.verdicts[i];
    const struct claim *c = v->claim;
    bool granted = v->wish != SIZE_MAX;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o}", "kind", "claim", "engine",
        c->holder.engine, "id", c->holder.id, "container", c->holder.name, "project", c->holder.project,
        "reader", claim_reader_text(c->reader), "key", c->key, "domains", texts(c->domains, c->domain_n),
        "state", granted ? "granted" : "refused", "certificate",
        granted ? json_string(g->judgement.wishes[v->wish].name) : json_null(), "reason",
        granted ? json_null() : json_string(v->reason));
}

static json_t *consumer_row(const struct consumer *c)
{
    static const char *const changes[] = {[CHANGE_NONE] = "",
        [CHANGE_SIGNAL] = "signal:",
        [CHANGE_RESTART] = "restart",
        [CHANGE_ACTION] = "action:"};
    char change[300];
    snprintf(change, sizeof change, "%s%s", changes[c->change], c->value);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:o}", "kind", "consumer", "engine",
        c->holder.engine, "id", c->holder.id, "container", c->holder.name, "project", c->holder.project,
        "uses", texts(c->uses, c->use_n), "on_change", change, "verify", texts(c->verify, c->verify_n));
}

void grants_rows(struct parent *p, grants_row_fn *fn, void *arg)
{
    struct grants *g = grants_of(p);
    for (size_t i = 0; g->arena != NULL && i < g->now.claim_n; i++)
        give_row(claim_row(g, i), fn, arg);
    for (size_t i = 0; i < g->now.problem_n; i++) {
        const struct claim_problem *q = &g->now.problems[i];
        const struct holder h = {.engine = q->engine, .id = q->id, .name = q->name};
        give_row(problem_row(&h, q->key, q->reason), fn, arg);
    }
    for (size_t i = 0; i < g->now.consumer_n; i++) {
        const struct consumer *c = &g->now.consumers[i];
        if (untold(p, c) != NULL)
            give_row(problem_row(&c->holder, c->key, untold(p, c)), fn, arg);
    }
    for (size_t i = 0; i < g->now.consumer_n; i++)
        give_row(consumer_row(&g->now.consumers[i]), fn, arg);
}
