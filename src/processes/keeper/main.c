/* The keeper's channels: what it may be asked, and by whom. */
#include "processes/keeper/keeper.h"

#include "base/log.h"
#include "crypto/jws.h"
#include "crypto/key.h"
#include "crypto/warm_up.h"
#include "os/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void answer(struct channel *c, enum msg_type t, uint32_t id, const void *msg)
{
    struct err err = ERR_INIT;
    if (channel_send(c, t, id, msg, -1, &err) < 0)
        log_warning("%s", err.text);
}

/* --- from the parent --- */

static void on_account(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_keeper_account *m = msg;
    (void)c, (void)id, (void)fd;
    secrets_configure(arg, m->account, m->email, m->agree_tos);
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
    ticket_make(arg, m->name, m->reason, &ticket, &err);
    answer(c, MSG_ticket_made, id, &(struct msg_ticket_made){buf_str(&ticket), msg_error_of(&err)});
}

static void on_forget(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_files_forget *m = msg;
    struct err err = ERR_INIT;
    (void)fd;
    publish_forget(arg, m->name, &err);
    answer(c, MSG_done, id, &(struct msg_done){msg_error_of(&err)});
}

static void on_stop(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct keeper *k = arg;
    (void)c, (void)id, (void)msg, (void)fd;
    process_stop(&k->process);
}

/* --- from the engine --- */

static void on_account_open(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_account_open *m = msg;
    struct keeper *k = arg;
    struct buf thumbprint ATTR_CLEANUP(buf_free) = buf_new(256);
    struct err err = ERR_INIT;
    (void)fd;
    struct keeper_account *a = secrets_account(k, m->account);
    if (a == NULL || !a->configured)
        err_set(&err, ERR_REFUSED, "no account is configured at %s", m->account);
    else if (secrets_account_key(k, a, &err) == 0)
        jwk_thumbprint(a->key, &thumbprint, &err);
    answer(c, MSG_account_opened, id,
        &(struct msg_account_opened){.thumbprint = buf_c(&thumbprint),
            .is_new = a != NULL && a->key_is_new,
            .error = msg_error_of(&err)});
}

static void on_sign(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct buf body ATTR_CLEANUP(buf_free) = buf_new(2 * MSG_WISH);
    struct err err = ERR_INIT;
    (void)fd;
    signing_sign(arg, msg, &body, &err);
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
    if (permit_wish(k, m->permit, a, &w, &err) == 0)
        sealed_key_make(k, &w, m->generation, &sealed, &err);
    answer(c, MSG_key_made, id, &(struct msg_key_made){buf_str(&sealed), msg_error_of(&err)});
}

static void on_publish(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    const struct msg_publish *m = msg;
    struct keeper *k = arg;
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct key *key ATTR_CLEANUP(key_freep) = NULL;
    struct wish w;
    struct chain chain = {.issuer = "", .ari_id = ""};
    struct err err = ERR_INIT;
    (void)fd;
    if (permit_wish(k, m->permit, a, &w, &err) == 0 &&
        sealed_key_open(k, &w, m->generation, m->sealed_key, &key, &err) == 0 &&
        publish_chain(k, &w, m->generation, key, m->chain, a, &chain, &err) == 0)
        log_info("%s: generation %lld is live, valid to %s", w.name, (long long)m->generation,
            wall_format(chain.not_after, (char[TIME_TEXT_MAX]){0}));
    answer(c, MSG_published, id,
        &(struct msg_published){.fingerprint = chain.fingerprint,
            .serial = chain.serial,
            .issuer = chain.issuer,
            .subjects = {chain.subjects, chain.n},
            .not_before = chain.not_before.s,
            .not_after = chain.not_after.s,
            .ari_id = chain.ari_id,
            .error = msg_error_of(&err)});
}

static const struct channel_rule engine_rules[] = {
    {MSG_account_open, CHANNEL_STATE_ANY, on_account_open},
    {MSG_sign, CHANNEL_STATE_ANY, on_sign},
    {MSG_key_make, CHANNEL_STATE_ANY, on_key_make},
    {MSG_publish, CHANNEL_STATE_ANY, on_publish},
};

/* A broken engine loses its channel, never the keeper its life: the parent starts another engine. */
static void engine_gone(struct channel *c, const struct err *why, void *arg)
{
    struct keeper *k = arg;
    log_debug("%s", why->text);
    channel_free(c);
    k->engine = NULL;
}

static void on_peer(struct channel *c, uint32_t id, const void *msg, int fd, void *arg)
{
    struct keeper *k = arg;
    (void)c, (void)id, (void)msg;
    channel_free(k->engine);
    k->engine = channel_new(
        k->process.base, fd, "keeper-engine", engine_rules, ARRAY_LEN(engine_rules), engine_gone, k);
}

static const struct channel_rule parent_rules[] = {
    {MSG_keeper_account, CHANNEL_STATE_ANY, on_account},
    {MSG_permit_make, CHANNEL_STATE_ANY, on_permit_make},
    {MSG_permit_open, CHANNEL_STATE_ANY, on_permit_open},
    {MSG_ticket_make, CHANNEL_STATE_ANY, on_ticket_make},
    {MSG_files_forget, CHANNEL_STATE_ANY, on_forget},
    {MSG_peer, CHANNEL_STATE_ANY, on_peer},
    {MSG_stop, CHANNEL_STATE_ANY, on_stop},
};

/* --- start --- */

static int sweep_one(int dir, const char *name, int type, void *arg, struct err *err)
{
    int fd ATTR_CLEANUP(fd_close) = -1;
    (void)type, (void)arg;
    int r = dir_open(dir, name, &fd, err);
    return r < 0 ? 0 : dir_sweep(fd, err);
}

/* What a crash left half written in live/. */
static int sweep(struct keeper *k, struct err *err)
{
    int all ATTR_CLEANUP(fd_close) = -1;
    int r;
    if ((r = dir_sweep(k->live, err)) < 0 || (r = dir_make(k->live, ".generations", 0755, &all, err)) < 0)
        return r;
    return dir_each(all, sweep_one, NULL, err);
}

static int start(struct keeper *k, struct err *err)
{
    int r;
    if (k->process.probe == NULL) {
        if ((r = secrets_prepare(k, err)) < 0 || (r = process_become(&k->process, err)) < 0 ||
            (r = secrets_open(k, err)) < 0 || (r = sweep(k, err)) < 0)
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
    struct keeper k = {.live = -1, .archive = -1, .account_file = -1};
    struct err err = ERR_INIT;
    process_init(&k.process, "keeper", argc, argv);
    if (start(&k, &err) < 0)
        return process_unable(&k.process, &err);
    k.parent = channel_new(k.process.base, PROCESS_PARENT_FD, "keeper-parent", parent_rules,
        ARRAY_LEN(parent_rules), process_parent_gone, &k);
    if (channel_send(k.parent, MSG_ready, 0, &(struct msg_ready){true}, -1, &err) < 0) {
        log_error("%s", err.text);
        return 1;
    }
    process_run(&k.process, NULL, NULL);
    shelf_clear(&k);
    secret_free(&k.seal_key);
    return 0;
}
