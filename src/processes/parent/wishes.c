/*
 * From the configuration to the engine: each authority is announced to keeper and engine, each certificate's
 * wish is sealed by the keeper and handed on with its permit. A window keeps the queues short however many
 * there are.
 */
#include "processes/parent/parent.h"

#include "os/file.h"
#include "os/notify.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FEED_WINDOW = 64,
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

struct feed_item {
    struct parent *p;
    unsigned round; /* a reload begins a new one; answers to the old one no longer count */
    char *wish, *name;
};

static void feed_item_free(struct feed_item *f)
{
    free(f->wish);
    free(f->name);
    free(f);
}

static void feed_pump(struct parent *p);

static void on_permit(const void *msg, const struct err *why, void *arg)
{
    struct feed_item *f = arg;
    struct parent *p = f->p;
    const struct msg_permit_made *m = msg;
    struct err err = ERR_INIT;
    struct channel *engine = member_channel(p, MEMBER_ENGINE);
    int r = msg_outcome(m != NULL ? &m->error : NULL, why, &err);
    bool current = f->round == p->feed_round;
    if (m != NULL && r == 0 && engine != NULL && current)
        r = channel_send(engine, MSG_wish_put, 0, &(struct msg_wish_put){f->wish, m->permit, ""}, -1, &err);
    if (m != NULL && r < 0) {
        log_error("%s: %s", f->name, err.text);
        p->feed_refused += current;
    }
    feed_item_free(f);
    if (m == NULL || !current) /* the keeper went: everything is fed again when it is back */
        return;
    p->feed_flying--;
    feed_pump(p);
}

static int feed_one(struct parent *p, const struct wish *w, struct err *err)
{
    struct feed_item *f = calloc(1, sizeof *f);
    struct buf text = buf_new(MSG_WISH);
    wish_encode(w, &text);
    if (f == NULL || (f->name = strdup(w->name)) == NULL || (f->wish = strdup(buf_c(&text))) == NULL)
        abort();
    f->p = p;
    f->round = p->feed_round;
    struct msg_permit_make m = {f->wish};
    int r = channel_request(
        member_channel(p, MEMBER_KEEPER), MSG_permit_make, &m, MSG_permit_made, on_permit, f, err);
    buf_free(&text);
    if (r < 0)
        feed_item_free(f);
    return r;
}

static void feed_finish(struct parent *p)
{
    struct err err = ERR_INIT;
    if (channel_send(member_channel(p, MEMBER_ENGINE), MSG_wishes_end, 0,
            &(struct msg_wishes_end){p->options.daemon}, -1, &err) < 0) {
        log_error("%s", err.text);
        return;
    }
    p->feed_done = true;
    grants_feed(p);
    watcher_certificates_changed(p);
    control_go(p);
    if (p->options.daemon) {
        char text[64];
        snprintf(text, sizeof text, "%zu certificates configured", p->settings.certificate_n);
        (void)notify_send(NOTIFY_READY, text, NULL);
        if (!p->ready_told)
            log_info("ready, %s", text);
    }
    p->ready_told = true;
}

static void feed_pump(struct parent *p)
{
    struct err err = ERR_INIT;
    if (member_channel(p, MEMBER_KEEPER) == NULL || member_channel(p, MEMBER_ENGINE) == NULL || p->feed_done)
        return;
    while (p->feed_flying < FEED_WINDOW && p->feed_next < p->settings.certificate_n) {
        const struct wish *w = &p->settings.certificates[p->feed_next++];
        if (feed_one(p, w, &err) < 0)
            log_error("%s: %s", w->name, err.text);
        else
            p->feed_flying++;
    }
    if (p->feed_flying == 0 && p->feed_next == p->settings.certificate_n)
        feed_finish(p);
}

void wishes_feed(struct parent *p)
{
    struct channel *keeper = member_channel(p, MEMBER_KEEPER), *engine = member_channel(p, MEMBER_ENGINE);
    struct err err = ERR_INIT;
    if (keeper == NULL || engine == NULL || !p->engine_ready || !p->keeper_lived || p->stopping)
        return;
    for (size_t i = 0; i < p->settings.authority_n; i++)
        if (authority_announce_configured(p, &p->settings.authorities[i], &err) < 0)
            log_error("%s", err.text);
    p->feed_next = p->feed_flying = p->feed_refused = 0;
    p->feed_round++;
    p->feed_done = false;
    struct msg_resolvers resolvers = {
        {p->settings.propagation.resolvers, p->settings.propagation.resolver_n}};
    struct msg_keep_history keep = {p->settings.keep_history_s};
    if (channel_send(engine, MSG_resolvers, 0, &resolvers, -1, &err) < 0 ||
        channel_send(engine, MSG_keep_history, 0, &keep, -1, &err) < 0)
        log_error("%s", err.text);
    if (channel_send(
            engine, MSG_wishes_begin, 0, &(struct msg_wishes_begin){watcher_is_wanted(p)}, -1, &err) < 0)
        log_error("%s", err.text);
    feed_pump(p);
}
