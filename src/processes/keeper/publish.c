/*
 * live/: a generation is written whole beside the others, made durable, and becomes live by the switch of one
 * symlink (live/NAME -> .generations/NAME/N), so key, leaf and chain never mix. The generation before stays
 * where it is for readers that are in the middle of it; older ones move to archive/NAME/, of which the newest
 * few are kept.
 */
#include "processes/keeper/keeper.h"

#include "acme/limits.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARCHIVE_KEPT = 5 };

static int open_generations(struct keeper *k, const char *name, bool unsynced, int *out, struct err *err)
{
    int all ATTR_CLEANUP(fd_close) = -1;
    int r = dir_make(k->live, KEEPER_GENERATIONS, 0755, &all, err);
    if (r < 0)
        return r;
    return unsynced ? dir_make_unsynced(all, name, 0755, out, err) : dir_make(all, name, 0755, out, err);
}

/* --- writing one generation --- */

struct files {
    int dir;
    mode_t key_mode; /* key-group is given by the parent, who may (parent/files.c) */
    bool unsynced;   /* made durable with others */
};

static int write_one(const struct files *f, const char *name, mode_t mode, struct str bytes, struct err *err)
{
    return f->unsynced ? file_write_new_unsynced(f->dir, name, mode, bytes, err)
                       : file_write_new(f->dir, name, mode, bytes, err);
}

static int write_secret(const struct files *f, const char *name, struct str bytes, struct err *err)
{
    return write_one(f, name, f->key_mode, bytes, err);
}

static int write_public(const struct files *f, const char *name, struct str bytes, struct err *err)
{
    return write_one(f, name, 0644, bytes, err);
}

/* Without a key, which is the operator's own then, there is nothing secret to write. */
static int write_files(
    const struct files *f, const struct key *key, const struct chain *chain, struct err *err)
{
    struct buf secret ATTR_CLEANUP(buf_free) = buf_new_sensitive(ACME_CHAIN_MAX + 64 * 1024);
    struct buf full ATTR_CLEANUP(buf_free) = buf_new(ACME_CHAIN_MAX + 64 * 1024);
    int r = key != NULL ? key_to_pem(key, &secret, err) : 0;
    if (r < 0 || (key != NULL && (r = write_secret(f, "privkey.pem", buf_str(&secret), err)) < 0))
        return r;
    crash_point(keeper_generation_has_key);
    buf_put_str(&full, chain->leaf_pem);
    buf_put_str(&full, chain->issuers_pem);
    buf_put_str(&secret, buf_str(&full));
    if (buf_failed(&full) || buf_failed(&secret))
        return err_set(err, ERR_LIMIT, "the chain is too large");
    if ((r = write_public(f, "cert.pem", chain->leaf_pem, err)) < 0 ||
        (r = write_public(f, "chain.pem", chain->issuers_pem, err)) < 0 ||
        (r = write_public(f, "fullchain.pem", buf_str(&full), err)) < 0 ||
        (key != NULL && (r = write_secret(f, "combined.pem", buf_str(&secret), err)) < 0))
        return r;
    return f->unsynced ? 0 : dir_sync(f->dir, err);
}

static int write_generation(int dir, const struct wish *w, const char *number, const struct key *key,
    const struct chain *chain, bool unsynced, struct err *err)
{
    char temp[FILE_TEMP_NAME_MAX];
    int fd ATTR_CLEANUP(fd_close) = -1;
    int r = dir_make_unsynced(dir, file_temp_name(temp), 0755, &fd, err);
    if (r < 0)
        return r;
    struct files f = {fd, (mode_t)w->key_mode, unsynced};
    crash_point(keeper_generation_begun);
    r = write_files(&f, key, chain, err);
    crash_point(keeper_generation_written);
    if (r == 0 && renameat(dir, temp, dir, number) != 0)
        r = err_errno(err, errno, "generation %s of %s", number, w->name);
    if (r < 0) {
        (void)dir_remove(dir, temp, NULL); /* dir_sweep at the next start takes what is left */
        return r;
    }
    crash_point(keeper_generation_named);
    return unsynced ? 0 : dir_sync(dir, err);
}

/* Whether that generation is on disk already, with this very leaf: a crash came between publishing and
 * recording. */
static bool holds_leaf(int dir, const char *number, const struct chain *chain)
{
    char path[64];
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(ACME_CHAIN_MAX);
    snprintf(path, sizeof path, "%s/cert.pem", number);
    return file_read(dir, path, ACME_CHAIN_MAX, &text, NULL) == 0 && str_eq(buf_str(&text), chain->leaf_pem);
}

/* That there is nothing to remove is no failure, and must not look like one in `err`. */
static int remove_if_there(int dir, const char *name, struct err *err)
{
    struct err why = ERR_INIT;
    int r = dir_remove(dir, name, &why);
    if (r == 0 || r == ERR_NOT_FOUND)
        return 0;
    if (err != NULL)
        *err = why;
    return r;
}

/* --- the second key type of a wish --- */

/* Whether the folder `name` of .generations is that of another key type of `base`. */
static bool is_variant_of(int all, const char *name, struct str base)
{
    char path[2 * WISH_NAME_MAX];
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(WISH_NAME_MAX);
    int n = snprintf(path, sizeof path, "%s/" KEEPER_VARIANT_OF, name);
    if (n < 0 || (size_t)n >= sizeof path) /* longer than any name of ours */
        return false;
    return file_read(all, path, WISH_NAME_MAX, &text, NULL) == 0 && str_eq(buf_str(&text), base);
}

/* Its name is that of the first one, '-' and the kind of its key (config/wish.h). */
static int mark_variant(struct keeper *k, int dir, const char *name, uint32_t variant, struct err *err)
{
    const char *end = strrchr(name, '-');
    if (variant == 0 || end == NULL) { /* a certificate of its own, whatever it was before */
        if (unlinkat(dir, KEEPER_VARIANT_OF, 0) != 0)
            return errno == ENOENT ? 0 : err_errno(err, errno, "%s of %s", KEEPER_VARIANT_OF, name);
        return dir_sync(dir, err);
    }
    struct str base = {name, (size_t)(end - name)};
    int all ATTR_CLEANUP(fd_close) = -1;
    int r = dir_make(k->live, KEEPER_GENERATIONS, 0755, &all, err);
    if (r < 0 || is_variant_of(all, name, base))
        return r;
    if ((r = remove_if_there(dir, KEEPER_VARIANT_OF, err)) < 0 ||
        (r = file_write_new(dir, KEEPER_VARIANT_OF, 0644, base, err)) < 0)
        return r;
    return dir_sync(dir, err);
}

/* --- making room --- */

struct oldest {
    int64_t number; /* the smallest that was seen, or -1 */
    size_t n;
};

static int note_oldest(int dir, const char *name, int type, void *arg, struct err *err)
{
    struct oldest *o = arg;
    uint64_t v;
    (void)dir, (void)type, (void)err;
    if (!str_to_u64(str_c(name), INT64_MAX, &v))
        return 0;
    o->n++;
    if (o->number < 0 || (int64_t)v < o->number)
        o->number = (int64_t)v;
    return 0;
}

static int prune_archive(int dir, struct err *err)
{
    for (;;) {
        struct oldest o = {-1, 0};
        char number[32];
        int r = dir_each(dir, note_oldest, &o, err);
        if (r < 0 || o.n <= ARCHIVE_KEPT)
            return r;
        snprintf(number, sizeof number, "%" PRId64, o.number);
        if ((r = dir_remove(dir, number, err)) < 0)
            return r;
    }
}

static int move_to_archive(int dir, int archive, const char *name, int64_t generation, struct err *err)
{
    char number[32];
    snprintf(number, sizeof number, "%" PRId64, generation);
    /* A certificate that was forgotten and began again has small numbers again: the newer one stays. */
    int r = remove_if_there(archive, number, err);
    if (r == 0 && (r = dir_move(dir, number, archive, err)) < 0)
        err_prefix(err, "moving generation %s of %s to the archive", number, name);
    crash_point(keeper_generation_archived);
    return r;
}

/* Most of the time there is one to move, or none (a certificate that is new): then nothing is touched. */
static int to_archive(struct keeper *k, const char *name, int dir, int64_t below, struct err *err)
{
    int archive ATTR_CLEANUP(fd_close) = -1;
    for (;;) {
        struct oldest o = {-1, 0};
        int r = dir_each(dir, note_oldest, &o, err);
        if (r < 0)
            return r;
        if (o.number < 0 || o.number >= below)
            return archive < 0 ? 0 : prune_archive(archive, err);
        if ((archive < 0 && ((r = dir_make(k->archive, name, 0700, &archive, err)) < 0 ||
                                (r = dir_sweep(archive, err)) < 0)) ||
            (r = move_to_archive(dir, archive, name, o.number, err)) < 0)
            return r;
    }
}

/* --- what others call --- */

static int judge(const struct wish *w, const struct msg_publish *m, const struct certificate_key *key,
    struct arena *a, struct chain *out, struct err *err)
{
    struct chain_rule rule = {.key = key->key,
        .key_hash = key->hash,
        .max_certs = ACME_CHAIN_CERTS_MAX,
        .now = clock_wall(&system_clock)};
    struct str *names = NULL;
    int r = permit_names(w, &m->omitted, a, &names, &rule.name_n, err);
    rule.names = names;
    return r < 0 ? r : chain_verify(m->chain, &rule, a, out, err);
}

/* Before the switch: what is live always has the wish that it was issued for, or a later one, beside it. */
static int keep_permit(struct keeper *k, const struct wish *w, const struct msg_publish *m, int dir,
    bool unsynced, struct err *err)
{
    const struct kept about = {NULL, m->account, m->source, m->variant};
    return kept_put(k, dir, w->name, m->permit, &about, unsynced, err);
}

/* Whether that generation is live, with this leaf: then it was whole before the link led to it. */
static bool is_live(struct keeper *k, const char *name, const char *target, int dir, const char *number,
    const struct chain *chain)
{
    char is[512];
    ssize_t n = readlinkat(k->live, name, is, sizeof is);
    return n > 0 && str_eq_c((struct str){is, (size_t)n}, target) && holds_leaf(dir, number, chain);
}

/* What can go wrong here is the disk: the error says where. */
static int bring_into_force(struct keeper *k, const struct wish *w, const struct msg_publish *m, int dir,
    const struct certificate_key *key, const struct chain *chain, struct err *err)
{
    char number[32], target[512];
    int r = 0;
    snprintf(number, sizeof number, "%" PRId64, m->generation);
    snprintf(target, sizeof target, KEEPER_GENERATIONS "/%s/%s", w->name, number);
    /* What stands there and is not live may be what a power loss left of a try together with others. */
    if (!is_live(k, w->name, target, dir, number, chain) && (r = remove_if_there(dir, number, err)) == 0)
        r = write_generation(dir, w, number, key->key, chain, false, err);
    if (r == 0 && (r = mark_variant(k, dir, w->name, m->variant, err)) == 0 &&
        (r = keep_permit(k, w, m, dir, false, err)) == 0)
        r = link_switch(k->live, w->name, target, err);
    return r < 0 ? err_prefix(err, "in live/" KEEPER_GENERATIONS "/%s of the state directory", w->name) : 0;
}

/* The new certificate is live; that old ones could not be tidied away is no reason to say it is not. */
static void tidy(struct keeper *k, const char *name, int dir, int64_t generation)
{
    struct err untidy = ERR_INIT;
    if (to_archive(k, name, dir, generation - 1, &untidy) < 0)
        log_certificate(name, LOG_LEVEL_WARNING, "%s: %s", name, untidy.text);
}

int publish_chain(struct keeper *k, const struct wish *w, const struct msg_publish *m,
    const struct certificate_key *key, struct arena *a, struct chain *out, struct err *err)
{
    struct chain chain;
    int dir ATTR_CLEANUP(fd_close) = -1;
    int r = judge(w, m, key, a, &chain, err);
    if (r < 0 || (r = wish_name_check(str_c(w->name), err)) < 0)
        return r;
    if (m->rehearsal) {
        *out = chain;
        return 0;
    }
    if ((r = open_generations(k, w->name, false, &dir, err)) < 0)
        return err_prefix(err, "in live/" KEEPER_GENERATIONS " of the state directory");
    if ((r = bring_into_force(k, w, m, dir, key, &chain, err)) < 0)
        return r;
    crash_point(keeper_generation_live);
    *out = chain;
    tidy(k, w->name, dir, m->generation);
    return 0;
}

/* --- several at once --- */

static int write_aside(struct keeper *k, const struct wish *w, const struct msg_publish *m,
    const struct certificate_key *key, const struct chain *chain, const char *target, struct err *err)
{
    int dir ATTR_CLEANUP(fd_close) = -1;
    char number[32];
    int r = open_generations(k, w->name, true, &dir, err);
    if (r < 0)
        return r;
    snprintf(number, sizeof number, "%" PRId64, m->generation);
    if (is_live(k, w->name, target, dir, number, chain))
        return 0;
    /* What stands there may be what a power loss left of an earlier try. */
    if ((r = remove_if_there(dir, number, err)) < 0 ||
        (r = write_generation(dir, w, number, key->key, chain, true, err)) < 0 ||
        (r = mark_variant(k, dir, w->name, m->variant, err)) < 0)
        return r;
    return keep_permit(k, w, m, dir, true, err);
}

int publish_write(struct keeper *k, const struct wish *w, const struct msg_publish *m,
    const struct certificate_key *key, struct arena *a, struct chain *out, const char **target,
    struct err *err)
{
    int r = judge(w, m, key, a, out, err);
    if (r < 0 || (r = wish_name_check(str_c(w->name), err)) < 0)
        return r;
    *target = arena_printf(a, KEEPER_GENERATIONS "/%s/%" PRId64, w->name, m->generation);
    r = write_aside(k, w, m, key, out, *target, err);
    return r < 0 && err != NULL
               ? err_prefix(err, "in live/" KEEPER_GENERATIONS "/%s of the state directory", w->name)
               : r;
}

void publish_tidy(struct keeper *k, const char *name, int64_t generation)
{
    int dir ATTR_CLEANUP(fd_close) = -1;
    struct err err = ERR_INIT;
    if (open_generations(k, name, true, &dir, &err) < 0)
        log_certificate(name, LOG_LEVEL_WARNING, "%s: %s", name, err.text);
    else
        tidy(k, name, dir, generation);
}

void publish_said(const char *name, int64_t generation, const struct chain *chain)
{
    log_certificate(name, LOG_LEVEL_INFO, "%s: generation %lld is live, valid to %s", name,
        (long long)generation, wall_format(chain->not_after, (char[TIME_TEXT_MAX]){0}));
}

int publish_live(struct keeper *k, const char *name, struct arena *a, struct chain *out, struct err *err)
{
    int r = wish_name_check(str_c(name), err);
    if (r < 0)
        return r;
    struct buf pem ATTR_CLEANUP(buf_free) = buf_new(ACME_CHAIN_MAX);
    const char *path = arena_printf(a, "%s/cert.pem", name);
    if ((r = file_read(k->live, path, ACME_CHAIN_MAX, &pem, err)) < 0)
        return r;
    return chain_parse(buf_str(&pem), ACME_CHAIN_CERTS_MAX, a, out, err);
}

static int forget_one(struct keeper *k, int all, const char *name, struct err *err)
{
    int dir ATTR_CLEANUP(fd_close) = -1;
    int r;
    if (unlinkat(k->live, name, 0) != 0 && errno != ENOENT)
        return err_errno(err, errno, "live/%s", name);
    crash_point(keeper_forget_unlinked);
    if (faccessat(all, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    if ((r = dir_make(all, name, 0755, &dir, err)) < 0 || (r = to_archive(k, name, dir, INT64_MAX, err)) < 0)
        return r;
    crash_point(keeper_forget_archived);
    return dir_remove(all, name, err);
}

int publish_forget(struct keeper *k, const char *name, struct err *err)
{
    static const char *const kinds[] = {"rsa", "ecdsa"};
    char other[2 * WISH_NAME_MAX];
    int all ATTR_CLEANUP(fd_close) = -1;
    int r = wish_name_check(str_c(name), err);
    if (r < 0 || (r = dir_make(k->live, KEEPER_GENERATIONS, 0755, &all, err)) < 0)
        return r;
    /* The others first: what is cut off in the middle can be told again by the name that is left. */
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        snprintf(other, sizeof other, "%s-%s", name, kinds[i]);
        if (is_variant_of(all, other, str_c(name)) && (r = forget_one(k, all, other, err)) < 0)
            return r;
    }
    return forget_one(k, all, name, err);
}
