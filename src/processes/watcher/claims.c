/* What containers say: read once for each that changed, and told to the parent, all of it, when any of it is
 * not as it was. Only digests are kept in between; what is sent is read again. */
#include "processes/watcher/watcher.h"

#include "base/log.h"
#include "os/random.h"

#include <stdlib.h>
#include <string.h>

/* Called with each message that a container's words make. claim: it is one, not a consumer or a problem. */
typedef void says_fn(enum msg_type t, const void *msg, bool claim, void *arg);

static struct msg_list pairs_list(struct arena *a, const struct pair *pairs, size_t n)
{
    const char **list = arena_array(a, n, sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = arena_printf(a, "%s=%s", pairs[i].name, pairs[i].value);
    return (struct msg_list){list, n};
}

static struct msg_list options_list(struct arena *a, const struct wish_option *options, size_t n)
{
    const char **list = arena_array(a, n, sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = arena_printf(a, "%s=%s", options[i].option, options[i].value);
    return (struct msg_list){list, n};
}

static struct msg_claim claim_message(struct arena *a, const struct claim *c)
{
    const struct holder *h = &c->holder;
    return (struct msg_claim){.engine = h->engine,
        .id = h->id,
        .container = h->name,
        .service = h->service,
        .image = h->image,
        .project = h->project,
        .service_name = h->service_name,
        .created = h->created_s,
        .networks = {h->networks, h->network_n},
        .labels = pairs_list(a, h->labels, h->label_n),
        .reader = (uint32_t)c->reader,
        .key = c->key,
        .domains = {c->domains, c->domain_n},
        .options = options_list(a, c->options, c->option_n),
        .staging = c->staging};
}

static struct msg_consumer consumer_message(const struct consumer *c)
{
    const struct holder *h = &c->holder;
    return (struct msg_consumer){.engine = h->engine,
        .id = h->id,
        .container = h->name,
        .service = h->service,
        .project = h->project,
        .service_name = h->service_name,
        .key = c->key,
        .uses = {c->uses, c->use_n},
        .change = (uint32_t)c->change,
        .value = c->value,
        .verify = {c->verify, c->verify_n}};
}

/* Whether it is within its limits; what is not would close the channel's mouth for this one container. */
static bool fits(enum msg_type t, const void *msg)
{
    struct buf out ATTR_CLEANUP(buf_free) = buf_new(MSG_MAX);
    return msg_encode(t, msg, &out, NULL) == 0;
}

static void say(struct arena *a, const struct container *c, const char *key, enum msg_type t, const void *msg,
    bool claim, says_fn *fn, void *arg)
{
    if (fits(t, msg)) {
        fn(t, msg, claim, arg);
        return;
    }
    struct msg_claim_problem m = {.engine = c->engine,
        .id = c->id,
        .container = c->name,
        .key = arena_printf(a, "%.200s", key),
        .reason = "this is too long to be followed"};
    fn(MSG_claim_problem, &m, false, arg);
}

/* Everything that one container says, in its order. */
static void says_each(const struct watcher *w, const struct container *c, says_fn *fn, void *arg)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct container_says says = {.claims = NULL};
    container_read(c, w->feed->readers, w->feed->labels, w->feed->label_n, a, &says);
    for (size_t i = 0; i < says.claim_n; i++) {
        struct msg_claim m = claim_message(a, &says.claims[i]);
        say(a, c, m.key, MSG_claim, &m, true, fn, arg);
    }
    if (says.consumer != NULL) {
        struct msg_consumer m = consumer_message(says.consumer);
        say(a, c, m.key, MSG_consumer, &m, false, fn, arg);
    }
    for (size_t i = 0; i < says.problem_n; i++) {
        const struct claim_problem *p = &says.problems[i];
        struct msg_claim_problem m = {
            .engine = p->engine, .id = p->id, .container = p->name, .key = p->key, .reason = p->reason};
        say(a, c, m.key, MSG_claim_problem, &m, false, fn, arg);
    }
}

/* --- reading --- */

struct reading {
    struct buf claims, rest;
};

static void on_read(enum msg_type t, const void *msg, bool claim, void *arg)
{
    struct reading *r = arg;
    struct buf *out = claim ? &r->claims : &r->rest;
    buf_printf(out, "%d:", (int)t);
    (void)msg_encode(t, msg, out, NULL); /* it fits, or the buffer is full and stays as it was: `failed` */
}

/* Whether what it says of that kind is not what it was. */
static bool update(const struct buf *text, bool *has, unsigned char digest[SAYS_DIGEST])
{
    unsigned char now[SHA256_LEN] = {0};
    struct err err = ERR_INIT;
    bool had = *has;
    if (digest_sha256(buf_str(text), now, &err) < 0) {
        log_warning("%s", err.text);
        random_bytes(now, sizeof now); /* taken for changed */
    }
    bool same = memcmp(now, digest, SAYS_DIGEST) == 0;
    *has = text->n > 0;
    memcpy(digest, now, SAYS_DIGEST);
    return had != *has || !same;
}

/* 64 claims of MSG_WISH are 16 MB; a container has far less than that, for labels are bounded too. */
enum { SAYS_MAX = 32 * 1024 * 1024 };

static void read_one(struct watcher *w, struct kept *k)
{
    struct reading r = {buf_new(SAYS_MAX), buf_new(SAYS_MAX)};
    says_each(w, k->container, on_read, &r);
    bool claims = update(&r.claims, &k->has_claims, k->claims);
    bool rest = update(&r.rest, &k->has_rest, k->rest);
    if ((claims && k->settle.sent) || (rest && k->sent_rest))
        w->says_changed = true;
    k->read = true;
    buf_free(&r.claims);
    buf_free(&r.rest);
}

bool claims_were_sent(const struct kept *k)
{
    return k->settle.sent || k->sent_rest;
}

/* --- sending --- */

struct sending {
    struct watcher *w;
    bool claims, rest; /* which of a container's words are told */
    bool ok;
    size_t n;
};

static void on_send(enum msg_type t, const void *msg, bool claim, void *arg)
{
    struct sending *s = arg;
    if (!s->ok || !(claim ? s->claims : s->rest))
        return;
    s->ok = watcher_tell(s->w, t, 0, msg);
    s->n++;
}

/* Which of its words count now; *wait_ms as claimable() gives it. */
static void what_counts(const struct kept *k, int64_t now_ms, bool *claims, bool *rest, int64_t *wait_ms)
{
    *claims = claimable(&k->settle, k->container, now_ms, wait_ms) && k->has_claims;
    *rest = k->has_rest && container_is_up(k->container);
    if (!k->has_claims)
        *wait_ms = -1;
}

static bool send_all(struct watcher *w, int64_t now_ms)
{
    struct sending s = {.w = w, .ok = true};
    bool complete = engines_listed(w) && !w->overfull;
    s.ok = watcher_tell(w, MSG_claims_begin, 0, &(struct msg_claims_begin){false});
    for (size_t i = 0; i < w->set.n && s.ok; i++) {
        struct kept *k = w->set.list[i];
        int64_t wait_ms;
        what_counts(k, now_ms, &s.claims, &s.rest, &wait_ms);
        if (s.claims || s.rest)
            says_each(w, k->container, on_send, &s);
        k->settle.sent = s.claims;
        k->sent_rest = s.rest;
    }
    if (s.ok)
        s.ok = watcher_tell(w, MSG_claims_end, 0, &(struct msg_claims_end){complete});
    w->sent_complete = complete;
    log_debug(
        "%zu containers say %zu things%s", w->set.n, s.n, complete ? "" : "; not all engines were listed");
    return s.ok;
}

int64_t claims_pass(struct watcher *w, bool anew)
{
    int64_t now_ms = clock_mono(w->clock).ms, again_ms = -1;
    for (size_t i = 0; i < w->set.n; i++) {
        struct kept *k = w->set.list[i];
        bool claims, rest;
        int64_t wait_ms;
        if (!k->read)
            read_one(w, k);
        what_counts(k, now_ms, &claims, &rest, &wait_ms);
        if (claims != k->settle.sent || rest != k->sent_rest)
            w->says_changed = true;
        if (wait_ms >= 0 && (again_ms < 0 || wait_ms < again_ms))
            again_ms = wait_ms;
    }
    w->says_changed = w->says_changed || anew || w->sent_complete != (engines_listed(w) && !w->overfull);
    if (!w->says_changed)
        return again_ms;
    bool room = channel_queued(w->parent) < SEND_QUEUE_MAX;
    w->says_changed = !room || !send_all(w, now_ms);
    return w->says_changed ? SEND_AGAIN_MS : again_ms;
}
