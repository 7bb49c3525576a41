/* The keeper's channels: what it may be asked, and by whom. */
#include "processes/keeper/keeper.h"

#include "acme/limits.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/jws.h"
#include "crypto/key.h"
#include "crypto/warm_up.h"
#include "os/file.h"
#include "os/storage.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SUBJECT_SHOWN_MAX = 256,
    SWEEP_FIRST = 1000,     /* certificates that are swept before the start is over: 10 ms */
    SWEEP_TURN = 200,       /* and of all others, in one turn of the loop: 2 ms, */
    SWEEP_PAUSE_US = 20000, /* that often */
};

static void answer(struct channel *c, enum msg_type t, uint32_t id, const void *msg)
{
    struct err err = ERR_INIT;
    if (channel_send(c, t, id, msg, -1, &err) < 0)
        log_warning("%s", err.text);
}

/* --- from the parent --- */

static void on_account(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)id, (void)fd;
    accounts_configure(arg, msg);
}

static void on_permit_make(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_permit_make *m = msg;
    struct buf permit ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    struct err err = ERR_INIT;
    (void)fd;
    permit_make(arg, str_c(m->wish), &permit, &err);
    answer(c, MSG_permit_made, id, &(struct msg_permit_made){buf_str(&permit), msg_error_of(&err)});
}

static void on_permit_open(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_permit_open *m = msg;
    struct buf wish ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    struct err err = ERR_INIT;
    (void)fd;
    permit_open(arg, m->permit, &wish, &err);
    answer(c, MSG_permit_opened, id, &(struct msg_permit_opened){buf_c(&wish), msg_error_of(&err)});
}

static void on_ticket_make(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_ticket_make *m = msg;
    struct buf ticket ATTR_CLEANUP(buf_free) = buf_new(MSG_SMALL);
    struct err err = ERR_INIT;
    (void)fd;
    ticket_make(arg, (enum acme_request)m->request, m->name, m->reason, &ticket, &err);
    answer(c, MSG_ticket_made, id, &(struct msg_ticket_made){buf_str(&ticket), msg_error_of(&err)});
}

static void on_forget(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_files_forget *m = msg;
    struct err err = ERR_INIT;
    (void)fd;
    publish_forget(arg, m->name, &err);
    crash_point(keeper_forgotten);
    answer(c, MSG_done, id, &(struct msg_done){msg_error_of(&err)});
}

static void on_export_make(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct buf bytes ATTR_CLEANUP(buf_free) = buf_new_sensitive(MSG_LARGE);
    struct err err = ERR_INIT;
    bool same = false;
    (void)fd;
    if (export_make(arg, msg, &bytes, &same, &err) < 0)
        buf_clear(&bytes);
    answer(c, MSG_export_made, id, &(struct msg_export_made){buf_str(&bytes), same, msg_error_of(&err)});
}

static void on_account_look(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_account_look *m = msg;
    struct err err = ERR_INIT;
    (void)fd;
    accounts_look(arg, m->account, str_c(m->key), &err);
    answer(c, MSG_done, id, &(struct msg_done){msg_error_of(&err)});
}

static void on_account_import(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_account_import *m = msg;
    struct keeper_account *a = NULL;
    struct err err = ERR_INIT;
    (void)fd;
    if (accounts_configured(arg, m->account, &a, &err) == 0)
        accounts_import(arg, a, str_c(m->key), &err);
    answer(c, MSG_done, id, &(struct msg_done){msg_error_of(&err)});
}

static void on_key_import(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_key_import *m = msg;
    struct keeper *k = arg;
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf sealed ATTR_CLEANUP(buf_free) = buf_new(MSG_SMALL);
    struct wish w;
    struct err err = ERR_INIT;
    (void)fd;
    if (permit_wish(k, m->permit, m->variant, a, &w, &err) == 0)
        sealed_key_import(k, &w, m, a, &sealed, &err);
    answer(c, MSG_key_made, id, &(struct msg_key_made){buf_str(&sealed), msg_error_of(&err)});
}

static void on_stop(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct keeper *k = arg;
    (void)c, (void)id, (void)msg, (void)fd;
    process_stop(&k->process);
}

/* --- from the engine --- */

static void answer_account(struct channel *c, uint32_t id, const struct keeper_account *a, struct err *err)
{
    struct buf thumbprint ATTR_CLEANUP(buf_free) = buf_new(256);
    enum key_type type = KEY_TYPE_END_;
    if (err->code == 0 && jwk_thumbprint(a->key, &thumbprint, err) == 0)
        (void)key_type_of(a->key, &type);
    answer(c, MSG_account_opened, id,
        &(struct msg_account_opened){.thumbprint = buf_c(&thumbprint),
            .key_type = key_type_name(type),
            .is_new = a != NULL && a->key_is_new,
            .pending = a != NULL && a->pending != NULL,
            .error = msg_error_of(err)});
}

static void on_account_open(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_account_open *m = msg;
    struct keeper_account *a = NULL;
    struct err err = ERR_INIT;
    (void)fd;
    if (accounts_configured(arg, m->account, &a, &err) == 0 && accounts_make_key(arg, a, &err) == 0 &&
        m->refused)
        accounts_replace_key(arg, a, &err);
    answer_account(c, id, a, &err);
}

static void on_rollover_begin(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_rollover_begin *m = msg;
    struct keeper_account *a = NULL;
    struct err err = ERR_INIT;
    (void)fd;
    if (accounts_configured(arg, m->account, &a, &err) == 0)
        accounts_rollover_begin(arg, a, m->ticket, &err);
    answer(c, MSG_done, id, &(struct msg_done){msg_error_of(&err)});
}

static void on_rollover_end(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_rollover_end *m = msg;
    struct keeper_account *a = NULL;
    struct err err = ERR_INIT;
    (void)fd;
    if (accounts_configured(arg, m->account, &a, &err) == 0 &&
        accounts_rollover_end(arg, a, m->commit, &err) == 0 && a->key == NULL)
        err_set(&err, ERR_REFUSED, "there is no account key for %s", m->account);
    answer_account(c, id, a, &err);
}

static void on_sign(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct buf body ATTR_CLEANUP(buf_free) = buf_new(2 * MSG_WISH);
    struct err err = ERR_INIT;
    (void)fd;
    signing_sign(arg, msg, &body, &err);
    crash_point(keeper_request_signed);
    answer(c, MSG_signed, id, &(struct msg_signed){buf_str(&body), msg_error_of(&err)});
}

static void on_key_make(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_key_make *m = msg;
    struct keeper *k = arg;
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf sealed ATTR_CLEANUP(buf_free) = buf_new(MSG_SMALL);
    struct wish w;
    struct err err = ERR_INIT;
    (void)fd;
    if (permit_wish(k, m->permit, m->variant, a, &w, &err) == 0)
        sealed_key_make(k, &w, m, a, &sealed, &err);
    crash_point(keeper_certificate_key_made);
    answer(c, MSG_key_made, id, &(struct msg_key_made){buf_str(&sealed), msg_error_of(&err)});
}

static void on_chain_judge(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_chain_judge *m = msg;
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct wish w;
    struct chain chain = {.n = 0};
    struct err err = ERR_INIT;
    uint32_t rank = UINT32_MAX;
    (void)fd;
    if (permit_wish(arg, m->permit, 0, a, &w, &err) == 0 &&
        chain_parse(m->chain, ACME_CHAIN_CERTS_MAX, a, &chain, &err) == 0)
        rank = chain_rank(&chain, w.preferred_chains, w.preferred_chain_n);
    answer(c, MSG_chain_judged, id, &(struct msg_chain_judged){rank, chain.fingerprint, msg_error_of(&err)});
}

/* A name of a CA's certificate may have a thousand octets and there may be sixteen: more than a message
 * holds. */
static struct msg_list shortened(struct arena *a, const struct chain *chain)
{
    const char **list = arena_array(a, chain->n, sizeof *list);
    for (size_t i = 0; i < chain->n; i++) {
        struct buf text ATTR_CLEANUP(buf_free) = buf_new(2 * SUBJECT_SHOWN_MAX);
        text_clean(&text, str_c(chain->subjects[i]), SUBJECT_SHOWN_MAX);
        list[i] = arena_dup(a, buf_str(&text));
    }
    return (struct msg_list){list, chain->n};
}

static void answer_published(struct channel *c, uint32_t id, const struct chain *chain, const struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    answer(c, MSG_published, id,
        &(struct msg_published){.fingerprint = chain->fingerprint,
            .serial = chain->serial,
            .issuer = chain->issuer,
            .subjects = shortened(a, chain),
            .not_before = chain->not_before.s,
            .not_after = chain->not_after.s,
            .ari_id = chain->ari_id,
            .key_hash = chain->key_hash,
            .error = msg_error_of(err)});
}

void keeper_published(struct keeper *k, uint32_t id, const struct chain *chain, const struct err *err)
{
    if (k->engine != NULL)
        answer_published(k->engine, id, chain, err);
}

void keeper_publish(struct keeper *k, uint32_t id, const struct msg_publish *m)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct certificate_key key ATTR_CLEANUP(certificate_key_free) = {NULL};
    struct wish w;
    struct chain chain = {.issuer = "", .ari_id = ""};
    struct err err = ERR_INIT;
    int r = permit_wish(k, m->permit, m->variant, a, &w, &err);
    if (r == 0 && (r = sealed_key_open(k, &w, m->generation, m->sealed_key, &key, &err)) == 0)
        r = publish_chain(k, &w, m, &key, a, &chain, &err);
    if (r == 0 && !m->rehearsal)
        publish_said(w.name, m->generation, &chain);
    else if (r == 0)
        log_certificate(w.name, LOG_LEVEL_INFO, "%s: generation %lld would go live, valid to %s", w.name,
            (long long)m->generation, wall_format(chain.not_after, (char[TIME_TEXT_MAX]){0}));
    crash_point(keeper_generation_told);
    keeper_published(k, id, &chain, &err);
}

static void on_publish(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_publish *m = msg;
    (void)c, (void)fd;
    if (m->rehearsal)
        keeper_publish(arg, id, m);
    else
        together_gather(arg, id, m);
}

static void on_publish_together(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    (void)c, (void)fd;
    together_put(arg, id, msg);
}

static void on_live_switch(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_live_switch *m = msg;
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct wish w;
    struct live live = {.generation = 0};
    struct err err = ERR_INIT;
    (void)fd;
    if (permit_wish(arg, m->permit, m->variant, a, &w, &err) == 0 &&
        live_switch(arg, &w, m, a, &live, &err) == 0)
        log_certificate(w.name, LOG_LEVEL_INFO, "%s: generation %lld is live again, valid to %s", w.name,
            (long long)live.generation, wall_format(live.chain.not_after, (char[TIME_TEXT_MAX]){0}));
    crash_point(keeper_earlier_live);
    answer(c, MSG_live_switched, id,
        &(struct msg_live_switched){
            live.generation, live.chain.fingerprint, live.chain.not_after.s, msg_error_of(&err)});
}

static void on_permit_keep(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct err err = ERR_INIT;
    (void)c, (void)id, (void)fd;
    if (kept_again(arg, msg, &err) < 0)
        log_warning("%s", err.text);
}

static void on_live_next(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_live_next *m = msg;
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct found f;
    struct err err = ERR_INIT;
    (void)fd;
    if (found_next(arg, m->first, a, &f, &err) < 0)
        f = (struct found){.name = "", .wrong = err};
    answer(c, MSG_live_found, id,
        &(struct msg_live_found){.name = f.name,
            .wish = f.kept.wish,
            .permit = f.permit,
            .variant = f.kept.variant,
            .account = f.kept.account,
            .source = f.kept.source,
            .generation = f.generation,
            .highest = f.highest,
            .error = msg_error_of(&f.wrong),
            .base = f.base,
            .burnt = f.burnt,
            .key_type = f.chain.key_type,
            .domains = {f.chain.names, f.chain.name_n},
            .fingerprint = f.chain.fingerprint,
            .serial = f.chain.serial,
            .issuer = f.chain.issuer,
            .subjects = shortened(a, &f.chain),
            .not_before = f.chain.not_before.s,
            .not_after = f.chain.not_after.s,
            .ari_id = f.chain.ari_id,
            .key_hash = f.chain.key_hash,
            .chain = f.pem});
}

static void on_storage_look(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct keeper *k = arg;
    struct err err = ERR_INIT;
    (void)msg, (void)fd;
    if (storage_try(k->live, "live/", true, &err) == 0)
        storage_try(k->archive, "archive/", false, &err);
    answer(c, MSG_done, id, &(struct msg_done){msg_error_of(&err)});
}

static const struct channel_rule engine_rules[] = {
    {MSG_account_open, CHANNEL_STATE_ANY, on_account_open},
    {MSG_rollover_begin, CHANNEL_STATE_ANY, on_rollover_begin},
    {MSG_rollover_end, CHANNEL_STATE_ANY, on_rollover_end},
    {MSG_chain_judge, CHANNEL_STATE_ANY, on_chain_judge},
    {MSG_sign, CHANNEL_STATE_ANY, on_sign},
    {MSG_key_make, CHANNEL_STATE_ANY, on_key_make},
    {MSG_publish, CHANNEL_STATE_ANY, on_publish},
    {MSG_publish_together, CHANNEL_STATE_ANY, on_publish_together},
    {MSG_live_switch, CHANNEL_STATE_ANY, on_live_switch},
    {MSG_permit_keep, CHANNEL_STATE_ANY, on_permit_keep},
    {MSG_live_next, CHANNEL_STATE_ANY, on_live_next},
    {MSG_storage_look, CHANNEL_STATE_ANY, on_storage_look},
};

/* A broken engine loses its channel, never the keeper its life: the parent starts another engine. */
static void engine_gone(struct channel *c, const struct err *why, void *arg)
{
    struct keeper *k = arg;
    log_debug("%s", why->text);
    channel_free(c);
    together_forget(k);
    found_end(k);
    k->engine = NULL;
}

/* The solver asks what permits say, and nothing else. */
static const struct channel_rule solver_rules[] = {{MSG_permit_open, CHANNEL_STATE_ANY, on_permit_open}};

static void solver_gone(struct channel *c, const struct err *why, void *arg)
{
    struct keeper *k = arg;
    log_debug("%s", why->text);
    channel_free(c);
    k->solver = NULL;
}

static void on_peer(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct keeper *k = arg;
    const struct msg_peer *m = msg;
    (void)c, (void)id;
    if (strcmp(m->process, "solver") == 0) {
        channel_free(k->solver);
        k->solver = channel_new(
            k->process.base, fd, "keeper-solver", solver_rules, ARRAY_LEN(solver_rules), solver_gone, k);
        return;
    }
    channel_free(k->engine);
    together_forget(k);
    found_end(k);
    k->engine = channel_new(
        k->process.base, fd, "keeper-engine", engine_rules, ARRAY_LEN(engine_rules), engine_gone, k);
}

static const struct channel_rule parent_rules[] = {
    {MSG_keeper_account, CHANNEL_STATE_ANY, on_account},
    {MSG_permit_make, CHANNEL_STATE_ANY, on_permit_make},
    {MSG_permit_open, CHANNEL_STATE_ANY, on_permit_open},
    {MSG_ticket_make, CHANNEL_STATE_ANY, on_ticket_make},
    {MSG_files_forget, CHANNEL_STATE_ANY, on_forget},
    {MSG_export_make, CHANNEL_STATE_ANY, on_export_make},
    {MSG_account_look, CHANNEL_STATE_ANY, on_account_look},
    {MSG_account_import, CHANNEL_STATE_ANY, on_account_import},
    {MSG_key_import, CHANNEL_STATE_ANY, on_key_import},
    {MSG_peer, CHANNEL_STATE_ANY, on_peer},
    {MSG_stop, CHANNEL_STATE_ANY, on_stop},
    PROCESS_PING_RULE,
};

/* --- start --- */

/* What a crash left half written in live/. Whose certificates are many, is not kept waiting for it: a
 * generation is written within one turn of the loop, so between two of them whatever has a temporary name is
 * left over. */
struct sweep {
    DIR *all; /* NULL: done */
    struct event *again;
};

static int sweep_some(struct sweep *s, size_t most, struct err *err)
{
    const struct dirent *entry = NULL;
    int r = 0;
    for (size_t i = 0; r == 0 && i < most && (entry = readdir(s->all)) != NULL; i++) {
        int fd ATTR_CLEANUP(fd_close) = -1;
        if (entry->d_name[0] != '.' && dir_open(dirfd(s->all), entry->d_name, &fd, NULL) == 0)
            r = dir_sweep(fd, err);
    }
    if (r == 0 && entry != NULL)
        return 0;
    closedir(s->all);
    s->all = NULL;
    return r;
}

static void on_sweep(evutil_socket_t none, short what, void *arg)
{
    struct sweep *s = arg;
    struct err err = ERR_INIT;
    (void)none, (void)what;
    if (sweep_some(s, SWEEP_TURN, &err) < 0)
        log_error("live/: %s", err.text);
    if (s->all != NULL)
        evtimer_add(s->again, &(struct timeval){.tv_usec = SWEEP_PAUSE_US});
}

static int sweep_begin(struct keeper *k, struct sweep *s, struct err *err)
{
    int all = -1;
    int r;
    if ((r = dir_sweep(k->live, err)) < 0 || (r = dir_sweep(k->archive, err)) < 0 ||
        (r = dir_make(k->live, KEEPER_GENERATIONS, 0755, &all, err)) < 0)
        return r;
    if ((s->all = fdopendir(all)) == NULL) {
        r = err_errno(err, errno, "live/" KEEPER_GENERATIONS);
        close(all);
        return r;
    }
    return sweep_some(s, SWEEP_FIRST, err);
}

static int start(struct keeper *k, struct sweep *s, struct err *err)
{
    int r;
    if (k->process.probe == NULL) {
        if ((r = secrets_prepare(k, err)) < 0 || (r = process_become(&k->process, err)) < 0 ||
            (r = secrets_open(k, err)) < 0 || (r = sweep_begin(k, s, err)) < 0)
            return r;
    } else if ((r = dir_open(PROCESS_STATE_FD, ".", &k->live, err)) < 0 ||
               (r = dir_open(PROCESS_STATE_FD, ".", &k->archive, err)) < 0) {
        return r;
    }
    if ((r = crypto_warm_up(err)) < 0)
        return r;
    struct sandbox_path paths[] = {
        {.fd = k->live, .access = SANDBOX_WRITE},
        {.fd = k->archive, .access = SANDBOX_WRITE},
    };
    struct sandbox sandbox = {
        .kind = SANDBOX_ALLOW_LIST,
        .groups = SANDBOX_BASE | SANDBOX_IO | SANDBOX_EVENTS | SANDBOX_MESSAGES | SANDBOX_FILES_READ |
                  SANDBOX_FILES_WRITE,
        .paths = paths,
        .paths_n = ARRAY_LEN(paths),
    };
    return process_confine(&k->process, &sandbox, err);
}

int main(int argc, char **argv)
{
    struct keeper k = {.live = -1, .archive = -1, .account_file = -1, .burnt_file = -1};
    struct err err = ERR_INIT;
    struct sweep sweep = {.all = NULL};
    process_init(&k.process, "keeper", argc, argv);
    if (start(&k, &sweep, &err) < 0)
        return process_unable(&k.process, &err);
    k.parent = channel_new(k.process.base, PROCESS_PARENT_FD, "keeper-parent", parent_rules,
        ARRAY_LEN(parent_rules), process_parent_gone, &k);
    if (channel_send(k.parent, MSG_ready, 0, &(struct msg_ready){true}, -1, &err) < 0) {
        log_error("%s", err.text);
        return 1;
    }
    if ((sweep.again = evtimer_new(k.process.base, on_sweep, &sweep)) == NULL)
        abort();
    if (sweep.all != NULL)
        evtimer_add(sweep.again, &(struct timeval){.tv_usec = SWEEP_PAUSE_US});
    process_run(&k.process, NULL, NULL);
    event_free(sweep.again);
    if (sweep.all != NULL)
        closedir(sweep.all);
    together_forget(&k);
    found_end(&k);
    shelf_clear(&k);
    accounts_free(&k);
    burnt_clear(&k);
    secret_free(&k.seal_key);
    return 0;
}
