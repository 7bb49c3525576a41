/*
 * The store was lost, the certificates were not: the keeper tells what is live, one after the other, and each
 * becomes a row again before the configuration's wishes come, so that nothing is issued that is still good.
 *
 * A certificate whose permit lies beside it is what it was. Of one without (an old state, another seal.key)
 * only the files are known: its row is one that was released and has no permit, which is kept and not
 * renewed, until the configuration, a container or a command asks for these names and takes it up.
 *
 * What is lost: history, orders under way (the CA lets them expire; nothing of them was published), and which
 * hooks were still to run. The CA's limits are counted anew from what is live.
 */
#include "processes/engine/engine.h"

#include "base/log.h"
#include "os/random.h"

#include <stdlib.h>
#include <string.h>

enum {
    FLYING_MAX = 32,    /* asked for at once, so that the keeper need not wait for us */
    GATHERED_MAX = 256, /* rows of one commit, 20 kB each at most times: a sync for each would take longer */
    /* Renewal windows are asked for in the hours that follow, not for all at once. */
    RENEWAL_INFO_SPREAD_S = 6 * 3600,
    UNCLAIMED_SHOWN_MAX = 5, /* in one line; list has them all */
};

struct rebuild {
    uint32_t id; /* the parent's request */
    size_t flying, gathered, n, unclaimed, unusable;
    bool ended;
    struct err err;
};

/* --- one certificate --- */

static const char *joined(struct arena *a, const struct msg_list *list, char between)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(STORE_TEXT_MAX);
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0)
            buf_put_char(&text, between);
        buf_put_c(&text, list->p[i]);
    }
    return buf_failed(&text) ? "" : arena_dup(a, buf_str(&text));
}

/* As good a wish as the files can tell: names and kind of key. */
static const char *wish_of_files(const struct msg_live_found *m, struct arena *a, uint32_t *variant)
{
    bool rsa = strncmp(m->key_type, "rsa", 3) == 0, known = m->key_type[0] != '?';
    *variant = m->base[0] != '\0' && known;
    json_t *wish = json_pack("{s:s, s:[]}", "name", *variant != 0 ? m->base : m->name, "domains");
    for (size_t i = 0; i < m->domains.n; i++)
        json_array_append_new(json_object_get(wish, "domains"), json_string(m->domains.p[i]));
    if (*variant != 0)
        json_object_set_new(
            wish, "key-type", json_pack("[s, s]", rsa ? "ecdsa-p256" : "rsa-2048", m->key_type));
    else if (known)
        json_object_set_new(wish, "key-type", json_string(m->key_type));
    char *text = json_dumps(wish, JSON_COMPACT);
    const char *copy = arena_dup_c(a, text != NULL ? text : "");
    free(text);
    json_decref(wish);
    return copy;
}

/* Names of the wish that what is live lacks. */
static const char *lacking(const struct wish *w, const struct msg_list *has, struct arena *a)
{
    const char **list = arena_array(a, w->domain_n, sizeof *list);
    struct msg_list lacks = {list, 0};
    for (size_t i = 0; i < w->domain_n; i++) {
        bool found = false;
        for (size_t k = 0; k < has->n && !found; k++)
            found = strcmp(w->domains[i], has->p[k]) == 0;
        if (!found)
            list[lacks.n++] = w->domains[i];
    }
    return joined(a, &lacks, ' ');
}

static void take_files(struct certificate *c, const struct msg_live_found *m, struct arena *a)
{
    c->generation = m->generation;
    c->order_generation = m->highest; /* taken: the next is above it */
    c->fingerprint = m->fingerprint;
    c->serial = m->serial;
    c->issuer = m->issuer;
    c->subjects = joined(a, &m->subjects, '\n');
    c->chain = arena_dup(a, m->chain);
    c->issued_wish_domains = joined(a, &m->domains, ' ');
    c->not_before = (struct wall){m->not_before};
    c->not_after = (struct wall){m->not_after};
    c->key_hash = m->key_hash;
    c->ari_id = m->ari_id;
    c->revoked = c->compromised = m->burnt;
}

/* What happens next with one whose wish is known. */
static void plan(struct engine *e, struct certificate *c, const struct wish *w,
    const struct msg_live_found *m, struct arena *a)
{
    c->omitted = lacking(w, &m->domains, a);
    c->profile = w->profile;
    bool fits = c->generation > 0 && (c->omitted[0] == '\0' || w->issue_without);
    c->due_at = fits ? schedule_due(e, c, w) : engine_now(e);
    if (c->revoked)
        c->due_at = (struct wall){0};
    else if (c->generation > 0)
        rebuild_ask_windows(e, c);
    if (c->generation > 0 && !c->revoked && deploy_is_looked_at(w))
        c->look_due_at = engine_now(e);
}

void rebuild_ask_windows(struct engine *e, struct certificate *c)
{
    if (c->ari_id[0] != '\0')
        c->ari_due_at.s = engine_now(e).s + 1 + (int64_t)(random_u64() % RENEWAL_INFO_SPREAD_S);
}

bool rebuild_was_found(const struct certificate *c)
{
    return c->generation > 0 && c->permit.n == 0;
}

bool rebuild_fits(const struct certificate *c, const struct wish *was, const struct wish *is)
{
    if (was->key_type != is->key_type || was->domain_n != is->domain_n || c->revoked)
        return false;
    for (size_t i = 0; i < is->domain_n; i++)
        if (!wish_has_domain(was, is->domains[i]))
            return false;
    return true;
}

static void note_in_ledger(struct engine *e, const struct certificate *c, const struct msg_list *names)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct authority *issuer = authority_of_account(e, c->authority);
    struct str *list = arena_array(a, names->n, sizeof *list);
    for (size_t i = 0; i < names->n; i++)
        list[i] = str_c(names->p[i]);
    if (issuer != NULL && names->n > 0)
        ledger_note_past(issuer, list, names->n, c->not_before);
}

static void report(struct engine *e, const struct certificate *c, struct arena *a)
{
    char until[TIME_TEXT_MAX], next[TIME_TEXT_MAX];
    const char *text =
        c->permit.n == 0     ? arena_printf(a,
                                   "found in live/, valid to %s; nothing says what it is for, so it is kept and "
                                       "not renewed until the configuration or evercert issue --name %s asks for it",
                                   wall_format(c->not_after, until), c->name)
        : c->generation == 0 ? "the files in live/ cannot be used; a new one is got"
                             : arena_printf(a, "made anew from live/, valid to %s, renewal at %s",
                                   wall_format(c->not_after, until), wall_format(c->due_at, next));
    history_add(e, c->name, "rebuilt", text,
        json_pack("{s:s, s:s, s:I}", "fingerprint", c->fingerprint, "serial", c->serial, "generation",
            (json_int_t)c->generation));
}

static bool is_there(struct engine *e, const char *name, struct arena *a)
{
    struct certificate c;
    return store_certificate_get(e->store, str_c(name), a, &c, NULL) == 0;
}

static int adopt(struct engine *e, const struct msg_live_found *m, struct arena *a, struct err *err)
{
    struct rebuild *b = e->rebuild;
    struct certificate c;
    struct wish w;
    bool known = m->permit.n > 0, usable = m->error.code == 0;
    uint32_t variant = m->variant;
    int r;
    if (is_there(e, m->name, a)) /* an earlier try came this far */
        return 0;
    if (!usable)
        log_error("%s: %s", m->name, m->error.text);
    b->unusable += !usable;
    if (!known && !usable)
        return 0;
    const char *text = known ? m->wish : wish_of_files(m, a, &variant);
    if ((r = wish_decode(str_c(text), a, &w, err)) < 0 || (r = wish_select(&w, variant, a, err)) < 0)
        return r;
    certificate_fresh(&c, m->name, variant);
    c.wish = text;
    c.permit = m->permit;
    c.source = known && m->source <= SOURCE_LABEL ? (enum certificate_source)m->source : SOURCE_CONFIG;
    c.released = !known;
    c.authority = m->account;
    if (usable)
        take_files(&c, m, a);
    else
        c.order_generation = m->highest;
    if (known)
        plan(e, &c, &w, m, a);
    if ((r = certificate_save(e, &c, err)) < 0)
        return r;
    note_in_ledger(e, &c, &m->domains);
    report(e, &c, a);
    b->n++;
    b->gathered++;
    b->unclaimed += !known;
    return 0;
}

/* --- what the configuration did not ask for --- */

struct unclaimed {
    struct buf names;
    size_t n;
};

static int note_unclaimed(const struct certificate *c, void *arg)
{
    struct unclaimed *u = arg;
    if (!c->released || !rebuild_was_found(c))
        return 0;
    if (++u->n <= UNCLAIMED_SHOWN_MAX)
        buf_printf(&u->names, "%s%s", u->n > 1 ? ", " : "", c->name);
    return 0;
}

void rebuild_tell_unclaimed(struct engine *e)
{
    struct unclaimed u = {buf_new(UNCLAIMED_SHOWN_MAX * (WISH_NAME_MAX + 8)), 0};
    struct err err = ERR_INIT;
    if (!e->unclaimed)
        return;
    e->unclaimed = false;
    if (store_certificate_each(e->store, note_unclaimed, &u, &err) < 0)
        log_error("%s", err.text);
    else if (u.n > 0)
        log_error(
            "%s%s: found in live/, but nothing says what %s for: kept, and not renewed (evercert list has "
            "%zu that are \"released\"); evercert issue --name NAME -d ... takes one up again as it is",
            buf_c(&u.names), u.n > UNCLAIMED_SHOWN_MAX ? ", ..." : "", u.n > 1 ? "they are" : "it is", u.n);
    buf_free(&u.names);
}

/* --- all of them --- */

static void ask(struct engine *e, bool first);

static void on_found(const void *msg, const struct err *why, void *arg)
{
    struct engine *e = arg;
    struct rebuild *b = e->rebuild;
    const struct msg_live_found *m = msg;
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct err err = ERR_INIT;
    b->flying--;
    if (m == NULL) {
        b->ended = true;
        b->err = *why;
    } else if (m->name[0] == '\0') {
        b->ended = true;
        if (b->err.code == 0)
            (void)msg_error_get(&m->error, &b->err);
    } else {
        /* One that cannot be taken must not keep the others. */
        if (adopt(e, m, a, &err) < 0)
            log_error("%s: it stays in live/ as it is, and is not renewed: %s", m->name, err.text);
        if (e->stopping && !b->ended) { /* what is there is kept; the next start goes on behind it */
            b->ended = true;
            err_set(&b->err, ERR_IPC, "evercert is about to end");
        }
        if (!b->ended)
            ask(e, false);
    }
}

static void ask(struct engine *e, bool first)
{
    struct rebuild *b = e->rebuild;
    struct msg_live_next m = {first};
    struct err err = ERR_INIT;
    int r = e->keeper == NULL
                ? err_set(&err, ERR_IPC, "the keeper is not running")
                : channel_request(e->keeper, MSG_live_next, &m, MSG_live_found, on_found, e, &err);
    if (r == 0) {
        b->flying++;
        return;
    }
    b->ended = true;
    b->err = err;
}

void rebuild_begin(struct engine *e, uint32_t id)
{
    if (e->rebuild != NULL) { /* asked again before the end: the parent lost the keeper meanwhile */
        e->rebuild->id = id;
        return;
    }
    e->rebuild = calloc(1, sizeof *e->rebuild);
    if (e->rebuild == NULL)
        abort();
    e->rebuild->id = id;
    ask(e, true);
    while (!e->rebuild->ended && e->rebuild->flying < FLYING_MAX)
        ask(e, false);
}

bool rebuild_gathers(struct engine *e)
{
    struct rebuild *b = e->rebuild;
    if (b == NULL)
        return false;
    if (!b->ended && b->gathered < GATHERED_MAX)
        return true;
    b->gathered = 0;
    return false;
}

void rebuild_settle(struct engine *e)
{
    struct rebuild *b = e->rebuild;
    struct err err = ERR_INIT;
    if (b == NULL || !b->ended || b->flying > 0)
        return;
    e->unclaimed = e->unclaimed || b->unclaimed > 0;
    if (b->err.code == 0 && b->n > 0)
        log_warning("the state was made anew: %zu certificates from live/ (%zu of them known by their files "
                    "alone), %zu that cannot be used",
            b->n, b->unclaimed, b->unusable);
    if (channel_send(e->parent, MSG_done, b->id, &(struct msg_done){msg_error_of(&b->err)}, -1, &err) < 0)
        log_error("%s", err.text);
    e->rebuild = NULL;
    free(b);
}
