/*
 * From the configuration to the engine: each authority is announced to keeper and engine, each certificate's
 * wish is offered to the engine, and what that does not have already is sealed by the keeper and handed on
 * with its permit. Windows keep the queues short however many there are.
 */
#include "processes/parent/parent.h"

#include "os/file.h"
#include "os/notify.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FEED_WINDOW = 64,         /* permits that the keeper is asked for and has not made */
    OFFER_WINDOW = 2,         /* batches of certificates under way: one is compared while the next is read */
    OFFER_MAX = 500,          /* certificates in a batch, and the octets that end it: a comparison is a few */
    OFFER_OCTETS = 64 * 1024, /* milliseconds of the engine, in which it does nothing else */
    WAITED_FOR = 1000,        /* certificates that a command waits for after a reload: a moment */
    CA_FILE_MAX = 1024 * 1024, /* a system's whole bundle is a quarter of that */
};

/* What is no certificate would only be seen as a CA that is not trusted. That it is a good one is for those
 * to say who have a library for it. */
static int read_roots(const struct authority *a, struct buf *pem, struct err *err)
{
    static const char mark[] = "CERTIFICATE-----";
    if (a->ca_file[0] == '\0')
        return 0;
    int r = file_read(AT_FDCWD, a->ca_file, CA_FILE_MAX, pem, err);
    if (r == 0 && memmem(pem->p, pem->n, mark, strlen(mark)) == NULL)
        r = err_set(err, ERR_CONFIG, "%s holds no certificate in PEM form", a->ca_file);
    return r < 0 ? err_prefix(err, "ca-file of authority %s", a->name) : 0;
}

/* The account at an authority's staging directory: the same trust and contact, the same label, and never the
 * binding, which is the customer's at the real one. */
static struct authority staging_of(const struct authority *of, struct arena *a)
{
    struct authority staging = *of;
    staging.name = staging.directory = of->staging;
    staging.id = authority_id(of->staging, of->account, a);
    staging.eab_kid = staging.eab_hmac = staging.eab_hmac_file = "";
    return staging;
}

static bool has_staging(const struct authority *a)
{
    return a->staging[0] != '\0' && strcmp(a->staging, a->directory) != 0;
}

static int announce_one(
    struct parent *p, const struct authority *a, const char *email, bool agree_tos, struct err *err)
{
    struct channel *keeper = member_channel(p, MEMBER_KEEPER), *engine = member_channel(p, MEMBER_ENGINE);
    struct arena *scratch ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf pem ATTR_CLEANUP(buf_free) = buf_new(CA_FILE_MAX);
    if (keeper == NULL || engine == NULL)
        return err_set(err, ERR_IPC, "keeper or engine is not running");
    int r = read_roots(a, &pem, err);
    if (r < 0)
        return r;
    struct msg_keeper_account to_keeper = {.account = a->id,
        .email = email,
        .agree_tos = agree_tos,
        .key_type = key_type_name(a->account_key_type),
        .eab_kid = a->eab_kid,
        .eab_algorithm = a->eab_algorithm,
        .eab_hmac = a->eab_hmac};
    struct msg_engine_authority to_engine = {.name = a->name,
        .account = a->id,
        .ca_pem = buf_str(&pem),
        .email = email,
        .agree_tos = agree_tos,
        .has_eab = a->eab_kid[0] != '\0',
        .pre_authorize = a->pre_authorize,
        .orders_max = (uint32_t)a->orders_in_flight,
        .staging = has_staging(a) ? authority_id(a->staging, a->account, scratch) : ""};
    if ((r = channel_send(keeper, MSG_keeper_account, 0, &to_keeper, -1, err)) < 0)
        return r;
    return channel_send(engine, MSG_engine_authority, 0, &to_engine, -1, err);
}

int authority_announce(
    struct parent *p, const struct authority *a, const char *email, bool agree_tos, struct err *err)
{
    struct arena *scratch ATTR_CLEANUP(arena_freep) = arena_new();
    int r = announce_one(p, a, email, agree_tos, err);
    if (r < 0 || !has_staging(a))
        return r;
    struct authority staging = staging_of(a, scratch);
    return announce_one(p, &staging, email, agree_tos, err);
}

/* With what the configuration says about the account. */
static int authority_announce_configured(struct parent *p, const struct authority *a, struct err *err)
{
    const char *email = a->email[0] != '\0' ? a->email : p->settings.email;
    return authority_announce(p, a, email, a->agree_tos || p->settings.agree_tos, err);
}

const struct authority *authority_named(struct parent *p, const char *name, struct arena *a)
{
    for (size_t i = 0; i < p->settings.authority_n; i++) {
        const struct authority *of = &p->settings.authorities[i];
        if (of->staging[0] == '\0' || strcmp(of->staging, name) != 0)
            continue;
        struct authority *staging = arena_alloc(a, sizeof *staging);
        *staging = staging_of(of, a);
        return staging;
    }
    return settings_authority(&p->settings, str_c(name), a);
}

int authority_announce_named(struct parent *p, const char *name, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    const struct authority *authority = authority_named(p, name, a);
    if (authority == NULL)
        return err_set(err, ERR_CONFIG,
            "authority %s is not configured (any more): name it under authorities, or give the certificate "
            "another",
            name);
    return authority_announce_configured(p, authority, err);
}

/* A part of the configuration's certificates on its way: offered to the engine, then what that wants. */
struct batch {
    struct batch *next;
    struct arena *arena;
    const char **names, **wishes;
    uint32_t *variants;
    size_t n;
    char *wanted; /* an octet for each, '0' where the engine has it; NULL: not answered yet */
    size_t at, flying;
};

struct feed {
    struct declared_cursor cursor;
    bool all_read, broken; /* broken: not all could be */
    struct batch *batches; /* in their order */
    size_t batch_n, flying;
};

/* Who waits for an answer. A reload begins a new round, and answers to the old one no longer count. */
struct waiting {
    struct parent *p;
    unsigned round;
    struct batch *batch;
    size_t at;
};

static struct waiting *waiting_new(struct parent *p, struct batch *b, size_t at)
{
    struct waiting *w = malloc(sizeof *w);
    if (w == NULL)
        abort();
    *w = (struct waiting){p, p->feed_round, b, at};
    return w;
}

/* What it was; false where it counts no longer. */
static bool waiting_end(struct waiting *arg, struct waiting *out)
{
    *out = *arg;
    free(arg);
    return out->round == out->p->feed_round;
}

static void batch_free(struct batch *b)
{
    arena_free(b->arena); /* which it lies in */
}

void wishes_drop(struct parent *p)
{
    struct feed *f = p->feed;
    p->feed_round++;
    p->feed = NULL;
    if (f == NULL)
        return;
    for (struct batch *b = f->batches, *next; b != NULL; b = next) {
        next = b->next;
        batch_free(b);
    }
    declared_end(&f->cursor);
    free(f);
}

static void feed_pump(struct parent *p);

/* --- a permit for what the engine wants --- */

static void on_permit(const void *msg, const struct err *why, void *arg)
{
    struct waiting of;
    bool current = waiting_end(arg, &of);
    const struct msg_permit_made *m = msg;
    if (m == NULL || !current) /* the keeper went: everything is fed again when it is back */
        return;
    struct parent *p = of.p;
    struct batch *b = of.batch;
    struct err err = ERR_INIT;
    struct channel *engine = member_channel(p, MEMBER_ENGINE);
    int r = msg_outcome(&m->error, why, &err);
    const struct msg_wish_put put = {b->wishes[of.at], m->permit, ""};
    if (r == 0 && engine != NULL)
        r = channel_send(engine, MSG_wish_put, 0, &put, -1, &err);
    if (r < 0) {
        log_error("%s: %s", b->names[of.at], err.text);
        p->feed_refused++;
    }
    b->flying--;
    p->feed->flying--;
    feed_pump(p);
}

static void seal_one(struct parent *p, struct batch *b, size_t at)
{
    struct err err = ERR_INIT;
    struct waiting *w = waiting_new(p, b, at);
    const struct msg_permit_make m = {b->wishes[at]};
    if (channel_request(
            member_channel(p, MEMBER_KEEPER), MSG_permit_make, &m, MSG_permit_made, on_permit, w, &err) < 0) {
        log_error("%s: %s", b->names[at], err.text);
        free(w);
        return;
    }
    b->flying++;
    p->feed->flying++;
}

/* One wish for two key types is put once, for all its certificates. */
static bool is_put_already(const struct batch *b, size_t at)
{
    for (size_t i = at; b->variants[at] > 0 && i-- > 0;)
        if (b->wanted[i] != '0' && strcmp(b->wishes[i], b->wishes[at]) == 0)
            return true;
    return false;
}

/* Seals what is wanted of it, as far as the window allows. True when nothing of it is left. */
static bool batch_pump(struct parent *p, struct batch *b)
{
    for (; b->wanted != NULL && b->at < b->n && p->feed->flying < FEED_WINDOW; b->at++)
        if (b->wanted[b->at] != '0' && !is_put_already(b, b->at))
            seal_one(p, b, b->at);
    return b->wanted != NULL && b->at == b->n && b->flying == 0;
}

/* --- what the engine has --- */

static void on_judged(const void *msg, const struct err *why, void *arg)
{
    struct waiting of;
    bool current = waiting_end(arg, &of);
    const struct msg_wishes_judged *m = msg;
    struct batch *b = of.batch;
    struct err err = ERR_INIT;
    if (m == NULL || !current) /* the engine went: everything is fed again when it is back */
        return;
    if (msg_outcome(&m->error, why, &err) < 0)
        log_error(
            "the certificates of the configuration cannot be compared with those there are: %s", err.text);
    b->wanted = arena_alloc(b->arena, b->n);
    memset(b->wanted, '1', b->n);
    if (m->wanted.n == b->n)
        memcpy(b->wanted, m->wanted.p, b->n);
    feed_pump(of.p);
}

/* The next certificates, as many as are offered together; NULL where there are none, or they cannot be read.
 */
static struct batch *batch_read(struct feed *f)
{
    struct arena *a = arena_new();
    struct batch *b = arena_alloc(a, sizeof *b);
    struct declared_row row;
    struct err err = ERR_INIT;
    size_t octets = 0;
    int r = 1;
    b->arena = a;
    b->names = arena_array(a, OFFER_MAX, sizeof *b->names);
    b->wishes = arena_array(a, OFFER_MAX, sizeof *b->wishes);
    b->variants = arena_array(a, OFFER_MAX, sizeof *b->variants);
    while (octets < OFFER_OCTETS && b->n < OFFER_MAX && (r = declared_next(&f->cursor, &row, &err)) > 0) {
        b->names[b->n] = arena_dup_c(a, row.name);
        b->wishes[b->n] = arena_dup_c(a, row.wish);
        b->variants[b->n++] = row.variant;
        octets += strlen(row.name) + strlen(row.wish);
    }
    if (r < 0)
        log_error("%s; those that are left stay as they are until the next reload", err.text);
    f->all_read = r <= 0;
    f->broken = r < 0;
    if (b->n > 0)
        return b;
    batch_free(b);
    return NULL;
}

static void offer(struct parent *p)
{
    struct feed *f = p->feed;
    struct batch *b = batch_read(f), **end = &f->batches;
    struct err err = ERR_INIT;
    if (b == NULL)
        return;
    while (*end != NULL)
        end = &(*end)->next;
    *end = b;
    f->batch_n++;
    const struct msg_wishes_offer m = {{b->names, b->n}, {b->wishes, b->n}};
    struct waiting *w = waiting_new(p, b, 0);
    if (channel_request(member_channel(p, MEMBER_ENGINE), MSG_wishes_offer, &m, MSG_wishes_judged, on_judged,
            w, &err) < 0) {
        log_error("%s", err.text); /* the channel is at its end, and another engine is told everything */
        free(w);
    }
}

static void feed_finish(struct parent *p)
{
    struct err err = ERR_INIT;
    const struct msg_wishes_end end = {.schedule = p->options.daemon, .complete = !p->feed->broken};
    wishes_drop(p);
    if (channel_send(member_channel(p, MEMBER_ENGINE), MSG_wishes_end, 0, &end, -1, &err) < 0) {
        log_error("%s", err.text);
        return;
    }
    p->feed_done = true;
    malloc_trim(0);
    grants_feed(p);
    watcher_certificates_changed(p);
    control_go(p);
    if (p->options.daemon) {
        char text[64];
        size_t n = declared_count(p->declared);
        snprintf(text, sizeof text, "%zu certificate%s configured", n, n == 1 ? "" : "s");
        (void)notify_send(NOTIFY_READY, text, NULL);
        if (!p->ready_told)
            log_info("ready, %s", text);
    }
    p->ready_told = true;
}

static void feed_pump(struct parent *p)
{
    struct feed *f = p->feed;
    if (member_channel(p, MEMBER_KEEPER) == NULL || member_channel(p, MEMBER_ENGINE) == NULL || f == NULL)
        return;
    for (struct batch **at = &f->batches; *at != NULL;) {
        struct batch *b = *at;
        if (!batch_pump(p, b)) {
            at = &b->next;
            continue;
        }
        *at = b->next;
        f->batch_n--;
        batch_free(b);
    }
    while (f->batch_n < OFFER_WINDOW && !f->all_read)
        offer(p);
    if (f->batch_n == 0)
        feed_finish(p);
}

bool wishes_are_fed(const struct parent *p)
{
    bool many = p->declared != NULL && declared_count(p->declared) > WAITED_FOR;
    bool there = p->engine_ready && p->feed != NULL && member_channel(p, MEMBER_KEEPER) != NULL &&
                 member_channel(p, MEMBER_ENGINE) != NULL;
    return p->feed_done || (p->options.daemon && p->ready_told && many && there);
}

void wishes_feed(struct parent *p)
{
    struct channel *keeper = member_channel(p, MEMBER_KEEPER), *engine = member_channel(p, MEMBER_ENGINE);
    struct err err = ERR_INIT;
    if (keeper == NULL || engine == NULL || !p->engine_ready || !p->keeper_lived || p->stopping ||
        p->finishing)
        return;
    for (size_t i = 0; i < p->settings.authority_n; i++)
        if (authority_announce_configured(p, &p->settings.authorities[i], &err) < 0)
            log_error("%s", err.text);
    if (rebuild_is_due(p)) {
        rebuild_ask(p);
        return;
    }
    wishes_drop(p);
    p->feed_refused = 0;
    p->feed_done = false;
    struct msg_resolvers resolvers = {
        {p->settings.propagation.resolvers, p->settings.propagation.resolver_n}};
    if (alerts_feed(p, &err) < 0)
        log_error("%s", err.text);
    struct msg_keep_history keep = {p->settings.keep_history_s};
    if (channel_send(engine, MSG_resolvers, 0, &resolvers, -1, &err) < 0 ||
        channel_send(engine, MSG_keep_history, 0, &keep, -1, &err) < 0)
        log_error("%s", err.text);
    struct msg_wishes_begin begin = {watcher_is_wanted(p), (uint32_t)p->settings.orders_in_flight};
    if (channel_send(engine, MSG_wishes_begin, 0, &begin, -1, &err) < 0)
        log_error("%s", err.text);
    if ((p->feed = calloc(1, sizeof *p->feed)) == NULL)
        abort();
    p->feed->cursor = declared_first(p->declared);
    feed_pump(p);
}
