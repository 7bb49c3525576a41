/*
 * The engine has deployed certificates: containers that use them are told, each once however many it uses,
 * and an action that is for no container in particular is carried out once for all that name it. Who was told
 * is remembered until everybody has been, so that a repetition reaches only those that were not.
 */
#include "processes/parent/parent.h"

#include "acme/identifier.h"
#include "base/attr.h"
#include "base/text.h"
#include "processes/parent/action.h"
#include "processes/parent/output_text.h"
#include "processes/parent/watching.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TELL_WINDOW = 16,    /* engines restart containers one by one, more or less */
    KNOWN_WAIT_S = 60,   /* for the engines' first answers, as the watcher waits for them */
    COMMAND_WAIT_S = 10, /* the same where a command waits for it, and perhaps somebody for the command */
    TOLD_MAX = 300,
    LOOKS_MAX = 300,   /* servers in the answer, whose frame has room for 400 of the longest with a name */
    REASONS_MAX = 100, /* texts in the answer; certificates that failed beyond it have the first one's */
    TOLD_OUTPUT_MAX = 8 * 1024,
    MEMORY_MAX = 10 * 1000, /* beyond it some are told twice */
};

/* One thing to be done, for one container or for several. */
struct job {
    struct telling *telling;
    const struct action *action;
    const struct action_target *target; /* NULL: of no container in particular */
    bool own;                           /* it is done in the container that asks */
    const char *title;
    const struct consumer **consumers;
    size_t consumer_n, consumer_max;
};

/* A certificate, and which generation of it is live. */
struct named {
    const char *name, *generation;
    const char *why; /* the first of those who use it that could not be told; NULL: none */
};

/* A request of the engine. */
struct telling {
    struct telling *next;
    struct parent *p;
    unsigned life;
    uint32_t id;
    struct arena *arena;
    struct named *names; /* by name */
    size_t name_n;
    struct event *known; /* until it is known who uses what */
    struct job *jobs;
    size_t job_n, next_job, flying;
    const char **told, **looks, **looks_of;
    size_t told_n, look_n;
    struct err first;
    size_t failed_n;
    bool doubtful; /* it is not known who uses what, so that all failed */
    struct buf output;
};

struct consumers {
    /* Who has been told of which generation of which certificate: "NAME\nGENERATION\nENGINE\nID", sorted. */
    char **memory;
    size_t memory_n;
    struct telling *waiting; /* until it is known who uses what */
};

static struct consumers *consumers_of(struct parent *p)
{
    if (p->consumers == NULL && ((p->consumers = calloc(1, sizeof *p->consumers)) == NULL ||
                                    (p->consumers->memory = calloc(MEMORY_MAX, sizeof(char *))) == NULL))
        abort();
    return p->consumers;
}

/* --- who was told already --- */

/* Where that text is, or would be. */
static size_t place_of(const struct consumers *c, const char *text)
{
    size_t from = 0, to = c->memory_n;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (strcmp(c->memory[middle], text) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool remembers(const struct consumers *c, const char *text)
{
    size_t at = place_of(c, text);
    return at < c->memory_n && strcmp(c->memory[at], text) == 0;
}

static void remember(struct consumers *c, const char *text)
{
    size_t at = place_of(c, text);
    if (c->memory_n == MEMORY_MAX || (at < c->memory_n && strcmp(c->memory[at], text) == 0))
        return;
    memmove(c->memory + at + 1, c->memory + at, (c->memory_n - at) * sizeof *c->memory);
    if ((c->memory[at] = strdup(text)) == NULL)
        abort();
    c->memory_n++;
}

static void forget_name(struct consumers *c, const char *name)
{
    size_t n = strlen(name), kept = 0;
    for (size_t i = 0; i < c->memory_n; i++)
        if (strncmp(c->memory[i], name, n) == 0 && c->memory[i][n] == '\n')
            free(c->memory[i]);
        else
            c->memory[kept++] = c->memory[i];
    c->memory_n = kept;
}

static const char *memory_text(const struct telling *t, const struct named *n, const struct holder *h)
{
    return arena_printf(t->arena, "%s\n%s\n%s\n%s", n->name, n->generation, h->engine, h->id);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

/* The certificate of that name, where it is one of those that were deployed. */
static struct named *find_name(const struct telling *t, const char *name)
{
    const struct named key = {.name = name};
    return t->names == NULL ? NULL : bsearch(&key, t->names, t->name_n, sizeof key, by_name);
}

static bool uses_all(const struct consumer *c)
{
    return c->use_n == 1 && strcmp(c->uses[0], CONSUMER_USES_ALL) == 0;
}

/* Of a certificate with two types of key each has its own name and renewals (wish_variant_name), and who uses
 * the one uses the other. */
static const char *const variants[] = {"", "-rsa", "-ecdsa"};

/* How many certificates it may use of those that were deployed, and which is the one at `i`: NULL where it is
 * not one of them. */
static size_t candidate_n(const struct telling *t, const struct consumer *c)
{
    return uses_all(c) ? t->name_n : c->use_n * ARRAY_LEN(variants);
}

static struct named *candidate(const struct telling *t, const struct consumer *c, size_t i)
{
    char name[2 * IDENTIFIER_MAX];
    if (uses_all(c))
        return &t->names[i];
    int n = snprintf(
        name, sizeof name, "%s%s", c->uses[i / ARRAY_LEN(variants)], variants[i % ARRAY_LEN(variants)]);
    return n < 0 || (size_t)n >= sizeof name ? NULL : find_name(t, name);
}

/* Whether there is something that it has not been told of. *used: it uses one of them at all. */
static bool is_to_be_told(const struct telling *t, const struct consumer *c, bool *used)
{
    bool news = false;
    *used = false;
    for (size_t i = 0, n = candidate_n(t, c); i < n; i++) {
        const struct named *one = candidate(t, c, i);
        if (one == NULL)
            continue;
        *used = true;
        news = news || t->p->consumers->memory_n == 0 ||
               !remembers(t->p->consumers, memory_text(t, one, &c->holder));
    }
    return news;
}

static void remember_told(const struct telling *t, const struct consumer *c)
{
    for (size_t i = 0, n = candidate_n(t, c); i < n; i++) {
        const struct named *one = candidate(t, c, i);
        if (one != NULL)
            remember(t->p->consumers, memory_text(t, one, &c->holder));
    }
}

/* --- the end --- */

static int outcome(const struct telling *t, struct err *err)
{
    if (t->first.code == 0)
        return 0;
    if (t->failed_n > 1)
        return err_set(err, t->first.code, "%s; so did %zu more", t->first.text, t->failed_n - 1);
    if (err != NULL)
        *err = t->first;
    return t->first.code;
}

/* Which certificates failed: what is wrong with a container is no matter of those that it does not use. */
static void list_failed(const struct telling *t, struct msg_list *failed, struct msg_list *reasons)
{
    const char **names = arena_array(t->arena, t->name_n, sizeof *names);
    const char **texts = arena_array(t->arena, REASONS_MAX, sizeof *texts);
    *failed = (struct msg_list){names, 0};
    *reasons = (struct msg_list){texts, 0};
    for (size_t i = 0; i < t->name_n && !t->doubtful; i++) {
        if (t->names[i].why == NULL)
            continue;
        names[failed->n++] = t->names[i].name;
        if (reasons->n < REASONS_MAX)
            texts[reasons->n++] = t->names[i].why;
    }
}

static void finish(struct telling *t)
{
    struct channel *engine = member_channel(t->p, MEMBER_ENGINE);
    struct buf output ATTR_CLEANUP(buf_free) = buf_new(2 * TOLD_OUTPUT_MAX);
    struct err err = ERR_INIT, failure = ERR_INIT;
    struct msg_list failed, reasons;
    int r = outcome(t, &err);
    for (size_t i = 0; i < t->name_n && !t->doubtful; i++)
        if (t->names[i].why == NULL)
            forget_name(t->p->consumers, t->names[i].name);
    list_failed(t, &failed, &reasons);
    text_clean(&output, buf_str(&t->output), TOLD_OUTPUT_MAX);
    const struct msg_consumers_told m = {{t->told, t->told_n}, {t->looks, t->look_n},
        {t->looks_of, t->look_n}, failed, reasons, buf_c(&output), msg_error_of(r < 0 ? &err : NULL)};
    if (engine != NULL && t->life == t->p->engine_life &&
        channel_send(engine, MSG_consumers_told, t->id, &m, -1, &failure) < 0)
        log_error("%s", failure.text);
    if (t->known != NULL)
        event_free(t->known);
    buf_free(&t->output);
    arena_free(t->arena);
    free(t);
}

/* --- telling --- */

static void pump(struct telling *t);

static void add_output(struct telling *t, const char *title, const char *said)
{
    struct str tail = output_tail(str_c(said));
    if (tail.n > 0)
        buf_printf(&t->output, "%s: %.*s\n", title, STR_ARG(tail));
}

/* What it uses has failed; the first reason is told. */
static void blame(struct telling *t, const struct consumer *c, const struct err *why)
{
    const char *text = NULL;
    for (size_t i = 0, n = candidate_n(t, c); i < n; i++) {
        struct named *one = candidate(t, c, i);
        if (one != NULL && one->why == NULL)
            one->why = text = text != NULL ? text : arena_dup_c(t->arena, why->text);
    }
}

static void fail(struct job *j, const char *said, const struct err *why)
{
    struct telling *t = j->telling;
    struct buf tail ATTR_CLEANUP(buf_free) = buf_new(2 * OUTPUT_TAIL_MAX);
    struct err err = ERR_INIT;
    text_clean(&tail, output_tail(str_c(said)), OUTPUT_TAIL_MAX);
    err_set(&err, why->code, "%s failed: %s%s%s", j->title, why->text, tail.n > 0 ? ": " : "", buf_c(&tail));
    if (t->failed_n++ == 0)
        t->first = err;
    for (size_t i = 0; i < j->consumer_n; i++)
        blame(t, j->consumers[i], &err);
    log_warning("%s", err.text);
}

static void on_done(const char *said, const struct err *why, void *arg)
{
    struct job *j = arg;
    struct telling *t = j->telling;
    bool gone = why != NULL && why->code == ERR_NOT_FOUND && j->own;
    t->flying--;
    add_output(t, j->title, said);
    if (why != NULL && !gone)
        fail(j, said, why);
    for (size_t i = 0; i < j->consumer_n && (why == NULL || gone); i++) {
        remember_told(t, j->consumers[i]);
        if (!gone && t->told_n < TOLD_MAX)
            t->told[t->told_n++] = j->consumers[i]->holder.name;
    }
    if (why == NULL)
        log_info("%s", j->title);
    pump(t);
}

static void pump(struct telling *t)
{
    while (t->flying < TELL_WINDOW && t->next_job < t->job_n) {
        struct job *j = &t->jobs[t->next_job++];
        t->flying++;
        action_run(t->p, j->action, j->target, on_done, j);
    }
    if (t->flying == 0)
        finish(t);
}

/* --- who is to be told --- */

static const char *const *copy_texts(struct arena *a, const char *const *list, size_t n)
{
    const char **copy = arena_array(a, n, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = arena_dup_c(a, list[i]);
    return copy;
}

/* The next hand-over of the watcher takes the list away. */
static struct consumer *copy_consumer(struct arena *a, const struct consumer *from)
{
    struct consumer *c = arena_alloc(a, sizeof *c);
    *c = *from;
    c->holder = (struct holder){.engine = arena_dup_c(a, from->holder.engine),
        .id = arena_dup_c(a, from->holder.id),
        .name = arena_dup_c(a, from->holder.name),
        .service = from->holder.service};
    c->uses = copy_texts(a, from->uses, from->use_n);
    c->value = arena_dup_c(a, from->value);
    return c;
}

static struct action *action_of(struct telling *t, const struct consumer *c)
{
    const struct action wanted = {.name = c->change == CHANGE_ACTION ? c->value : "",
        .signal = c->change == CHANGE_SIGNAL ? c->value : "",
        .action = c->change == CHANGE_ACTION ? c->value : "",
        .restart = c->change == CHANGE_RESTART};
    return action_copy(&wanted, t->arena);
}

static struct job *job_of_action(struct telling *t, const char *name)
{
    for (size_t i = 0; i < t->job_n; i++)
        if (!t->jobs[i].own && strcmp(t->jobs[i].action->action, name) == 0)
            return &t->jobs[i];
    return NULL;
}

static void add_consumer(struct job *j, const struct consumer *c)
{
    if (j->consumer_n == j->consumer_max) {
        size_t more = j->consumer_max == 0 ? 1 : j->consumer_max * 4;
        const struct consumer **list = arena_array(j->telling->arena, more, sizeof *list);
        for (size_t i = 0; i < j->consumer_n; i++)
            list[i] = j->consumers[i];
        j->consumers = list;
        j->consumer_max = more;
    }
    j->consumers[j->consumer_n++] = c;
}

static void add_job(struct telling *t, const struct consumer *from)
{
    const struct action *entry =
        from->change == CHANGE_ACTION ? action_find(&t->p->settings, from->value) : NULL;
    struct action *followed = entry != NULL ? action_copy(entry, t->arena) : NULL;
    bool own = followed == NULL || !action_is_fixed(followed);
    struct consumer *c = copy_consumer(t->arena, from);
    struct job *j = own ? NULL : job_of_action(t, from->value);
    if (j != NULL) {
        add_consumer(j, c);
        j->target = NULL; /* it is not for one of them alone */
        return;
    }
    struct action_target *target = arena_alloc(t->arena, sizeof *target);
    *target = (struct action_target){c->holder.engine, c->holder.id, c->holder.name, c->holder.service};
    j = &t->jobs[t->job_n++];
    *j = (struct job){.telling = t, .action = action_of(t, c), .target = target, .own = own};
    add_consumer(j, c);
    const char *what = action_title(j->action, t->arena);
    j->title = own ? arena_printf(t->arena, "container %s: %s", c->holder.name, what) : what;
}

/* A label sends evercert to no servers of others: a place with a host's name counts for a certificate that is
 * called like it, or has it by a grant; that an address is the container's own is the watcher's word. */
static bool is_place_of(const struct telling *t, const char *name, const char *place)
{
    const char *colon = strrchr(place, ':');
    struct str host = {place, colon != NULL ? (size_t)(colon - place) : 0};
    if (host.n == 0)
        return false;
    if (place[0] == '[' || identifier_is_ip(host) || str_eq(host, STR("localhost")))
        return true;
    return str_eq_nocase(str_c(name), host) || grants_have(t->p, name, host);
}

static void add_look(struct telling *t, const char *where, const char *certificate)
{
    for (size_t k = 0; k < t->look_n; k++)
        if (strcmp(t->looks[k], where) == 0 && strcmp(t->looks_of[k], certificate) == 0)
            return;
    if (t->look_n == LOOKS_MAX)
        return;
    t->looks[t->look_n] = arena_dup_c(t->arena, where);
    t->looks_of[t->look_n++] = certificate;
}

/* Its servers serve what it uses, and perhaps nothing else; of two types of key perhaps the first alone. */
static void add_looks(struct telling *t, const struct consumer *c)
{
    for (size_t i = 0; i < c->verify_n && i < CONSUMER_USES_MAX; i++) {
        const char *place = c->verify[i];
        if (uses_all(c) && is_place_of(t, CONSUMER_USES_ALL, place)) {
            add_look(t, place, "");
            continue;
        }
        for (size_t k = 0, n = uses_all(c) ? t->name_n : c->use_n; k < n; k++) {
            const struct named *one = uses_all(c) ? &t->names[k] : find_name(t, c->uses[k]);
            if (one != NULL && is_place_of(t, one->name, place))
                add_look(t, place, one->name);
        }
    }
}

/* Where an engine was never listed, nobody knows who there is to be told. */
static void doubt(struct telling *t)
{
    const struct watching *w = t->p->watching;
    if (!watcher_is_wanted(t->p) || t->p->settings.docker.engine_n == 0 || (w != NULL && w->complete))
        return;
    t->failed_n++;
    t->doubtful = true;
    for (const struct watched *e = w != NULL ? w->engines : NULL; e != NULL; e = e->next)
        if (!e->synced) {
            const char *why = e->unfit[0] != '\0' ? e->unfit : e->error;
            err_set(&t->first, ERR_NETWORK,
                "engine %s has not answered yet, so it is not known which of its containers are to be "
                "told%s%s",
                e->name, why[0] != '\0' ? ": " : "", why);
            return;
        }
    err_set(&t->first, ERR_WAIT, "it is not known yet which containers are to be told");
}

static void begin(struct telling *t)
{
    struct consumer_list all = grants_consumers(t->p);
    bool used;
    if (t->known != NULL)
        evtimer_del(t->known);
    doubt(t);
    t->jobs = arena_array(t->arena, all.n, sizeof *t->jobs);
    t->told = arena_array(t->arena, TOLD_MAX, sizeof *t->told);
    t->looks = arena_array(t->arena, LOOKS_MAX, sizeof *t->looks);
    t->looks_of = arena_array(t->arena, LOOKS_MAX, sizeof *t->looks_of);
    for (size_t i = 0; i < all.n; i++) {
        bool news = is_to_be_told(t, &all.list[i], &used);
        if (used)
            add_looks(t, &all.list[i]);
        if (news && all.list[i].change != CHANGE_NONE)
            add_job(t, &all.list[i]);
    }
    pump(t);
}

/* --- when it is known --- */

static bool is_known(const struct parent *p)
{
    return p->settings.docker.engine_n == 0 || (p->watching != NULL && p->watching->complete);
}

static void stop_waiting(struct telling *t)
{
    struct telling **at = &t->p->consumers->waiting;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    t->next = NULL;
}

void consumers_known(struct parent *p)
{
    while (p->consumers != NULL && p->consumers->waiting != NULL && is_known(p)) {
        struct telling *t = p->consumers->waiting;
        stop_waiting(t);
        begin(t);
    }
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    struct telling *t = arg;
    (void)fd, (void)what;
    stop_waiting(t);
    begin(t);
}

/* A parent of one command (`renew` of cron) watches nothing until there is somebody to be told. */
static void wait_until_known(struct telling *t)
{
    struct err err = ERR_INIT;
    if (watcher_start(t->p, &err) < 0)
        log_error("%s", err.text);
    if ((t->known = evtimer_new(t->p->base, on_late, t)) == NULL)
        abort();
    event_add(t->known, &(struct timeval){t->p->options.daemon ? KNOWN_WAIT_S : COMMAND_WAIT_S, 0});
    t->next = t->p->consumers->waiting;
    t->p->consumers->waiting = t;
}

/* What is live: the same certificate renewed is something new to be told of. */
static const char *generation_of(struct telling *t, const char *name)
{
    char target[PATH_MAX];
    const char *path = arena_printf(t->arena, "live/%s", name);
    ssize_t n =
        wish_name_check(str_c(name), NULL) < 0 ? -1 : readlinkat(t->p->state, path, target, sizeof target);
    return n < 0 ? "" : arena_dup(t->arena, (struct str){target, (size_t)n});
}

void consumers_tell(struct parent *p, uint32_t id, const struct msg_consumers_tell *m)
{
    struct telling *t = calloc(1, sizeof *t);
    if (t == NULL)
        abort();
    *t = (struct telling){
        .p = p, .life = p->engine_life, .id = id, .arena = arena_new(), .output = buf_new(TOLD_OUTPUT_MAX)};
    (void)consumers_of(p);
    t->name_n = m->names.n;
    t->names = arena_array(t->arena, t->name_n, sizeof *t->names);
    for (size_t i = 0; i < t->name_n; i++)
        t->names[i] = (struct named){
            .name = arena_dup_c(t->arena, m->names.p[i]), .generation = generation_of(t, m->names.p[i])};
    qsort(t->names, t->name_n, sizeof *t->names, by_name);
    if (is_known(p))
        begin(t);
    else
        wait_until_known(t);
}
