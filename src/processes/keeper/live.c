/* What is live, and going back to what was: a generation is read with its key, and another one is made live.
 */
#include "processes/keeper/keeper.h"

#include "acme/limits.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- reading one --- */

void generation_free(struct generation *g)
{
    key_freep(&g->key);
}

/* A certificate whose key is the operator's own has no key here. */
static int read_key(int dir, struct generation *g, struct err *err)
{
    char hash[SHA256_HEX_LEN];
    struct err why = ERR_INIT;
    struct buf pem ATTR_CLEANUP(buf_free) = buf_new_sensitive(KEY_PEM_MAX);
    int r = file_read(dir, "privkey.pem", KEY_PEM_MAX, &pem, &why);
    if (r == ERR_NOT_FOUND)
        return 0;
    if (r < 0 || (r = key_from_pem(buf_str(&pem), &g->key, &why)) < 0 ||
        (r = key_spki_sha256(g->key, hash, &why)) < 0) {
        if (err != NULL)
            *err = why;
        return r < 0 && err != NULL ? err_prefix(err, "privkey.pem") : r;
    }
    if (strcmp(hash, g->chain.key_hash) != 0)
        return err_set(err, ERR_VERIFY, "privkey.pem does not belong to the certificate beside it");
    return 0;
}

int generation_read(int dir, struct arena *a, struct generation *out, struct err *err)
{
    struct generation g = {.key = NULL};
    struct buf pem ATTR_CLEANUP(buf_free) = buf_new(ACME_CHAIN_MAX + 64 * 1024);
    int r = file_read(dir, "fullchain.pem", ACME_CHAIN_MAX + 64 * 1024, &pem, err);
    if (r < 0)
        return r;
    if ((r = chain_parse(buf_str(&pem), ACME_CHAIN_CERTS_MAX, a, &g.chain, err)) < 0)
        return err == NULL ? r : err_prefix(err, "fullchain.pem");
    g.fullchain = arena_str(a, buf_str(&pem));
    if ((r = read_key(dir, &g, err)) < 0) {
        generation_free(&g);
        return r;
    }
    *out = g;
    return 0;
}

int live_read(struct keeper *k, const char *name, struct arena *a, struct generation *out, struct err *err)
{
    int r = wish_name_check(str_c(name), err);
    if (r < 0)
        return r;
    int dir ATTR_CLEANUP(fd_close) = openat(k->live, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "there is no certificate %s", name)
                               : err_errno(err, errno, "live/%s", name);
    r = generation_read(dir, a, out, err);
    return r < 0 && err != NULL ? err_prefix(err, "live/%s", name) : r;
}

/* --- switching to another --- */

/* What is looked for, and the best that was found. */
struct search {
    struct keeper *k;
    const struct wish *w;
    int64_t below, only; /* numbers that come into question; -1: no such condition */
    int64_t found;       /* -1: none yet */
    bool archived;       /* where it was found */
    bool in_archive;     /* where is looked */
    bool expired;        /* there was one, but its time is over */
    struct generation generation;
    struct arena *arena;
};

/* Whether it could be served: of the kind the wish is of now, not over, and its key not known to others. */
static int judge(struct search *s, const struct generation *g, struct err *err)
{
    if (g->chain.not_after.s <= clock_wall(&system_clock).s) {
        s->expired = true;
        return err_set(err, ERR_VERIFY, "it has expired");
    }
    if ((g->key == NULL) != (s->w->csr[0] != '\0'))
        return err_set(
            err, ERR_VERIFY, "its key is %s", g->key == NULL ? "missing" : "not the operator's own");
    if (burnt_has(s->k, g->chain.key_hash))
        return err_set(err, ERR_REFUSED, "its key was revoked as compromised");
    return 0;
}

static int consider(int dir, const char *name, int type, void *arg, struct err *err)
{
    struct search *s = arg;
    struct generation g = {.key = NULL};
    struct err why = ERR_INIT;
    uint64_t number;
    (void)type, (void)err;
    if (!str_to_u64(str_c(name), INT64_MAX, &number) || (int64_t)number <= s->found ||
        (s->below >= 0 && (int64_t)number >= s->below) || (s->only >= 0 && (int64_t)number != s->only))
        return 0;
    int fd ATTR_CLEANUP(fd_close) = -1;
    if (dir_open(dir, name, &fd, &why) < 0 || generation_read(fd, s->arena, &g, &why) < 0 ||
        judge(s, &g, &why) < 0) {
        log_certificate(s->w->name, LOG_LEVEL_INFO, "%s: generation %s is not made live again: %s",
            s->w->name, name, why.text);
        generation_free(&g);
        return 0;
    }
    generation_free(&s->generation);
    s->generation = g;
    s->found = (int64_t)number;
    s->archived = s->in_archive;
    return 0;
}

/* In the folder of that name in `at`; that there is none is no failure. */
static int look(struct search *s, int at, bool in_archive, struct err *err)
{
    int dir ATTR_CLEANUP(fd_close) = -1;
    struct err why = ERR_INIT;
    s->in_archive = in_archive;
    int r = dir_open(at, s->w->name, &dir, &why);
    if (r == 0)
        return dir_each(dir, consider, s, err);
    if (r != ERR_NOT_FOUND && err != NULL)
        *err = why;
    return r == ERR_NOT_FOUND ? 0 : r;
}

static int none(const struct search *s, struct err *err)
{
    const char *why = s->expired ? "what there is has expired" : "there is none that could be served";
    if (s->only >= 0)
        return err_set(err, ERR_NOT_FOUND, "%s: generation %" PRId64 " cannot be made live again: %s",
            s->w->name, s->only, s->expired ? "it has expired" : "it is not there, or not whole");
    return err_set(err, ERR_NOT_FOUND, "%s: there is no generation before %" PRId64 " to go back to: %s",
        s->w->name, s->below, why);
}

/* Back from the archive, beside the others. */
static int fetch(struct keeper *k, const char *name, const char *number, int all, struct err *err)
{
    int from ATTR_CLEANUP(fd_close) = -1, to ATTR_CLEANUP(fd_close) = -1;
    int r;
    if ((r = dir_open(k->archive, name, &from, err)) < 0 || (r = dir_make(all, name, 0755, &to, err)) < 0)
        return r;
    if ((r = dir_move(from, number, to, err)) < 0) {
        err_prefix(err, "generation %s of %s", number, name);
        return r;
    }
    return dir_sync(to, err);
}

static bool leads_to(int live, const char *name, const char *target)
{
    char is[512];
    ssize_t n = readlinkat(live, name, is, sizeof is);
    return n > 0 && str_eq_c((struct str){is, (size_t)n}, target);
}

static int make_live(struct search *s, int all, struct err *err)
{
    char number[32], target[512];
    const char *name = s->w->name;
    snprintf(number, sizeof number, "%" PRId64, s->found);
    snprintf(target, sizeof target, KEEPER_GENERATIONS "/%s/%s", name, number);
    int r = s->archived ? fetch(s->k, name, number, all, err) : 0;
    crash_point(keeper_earlier_found);
    return r < 0 || leads_to(s->k->live, name, target) ? r : link_switch(s->k->live, name, target, err);
}

int live_switch(struct keeper *k, const struct wish *w, const struct msg_live_switch *m, struct arena *a,
    struct live *out, struct err *err)
{
    int all ATTR_CLEANUP(fd_close) = -1;
    struct search s = {.k = k,
        .w = w,
        .below = m->before ? m->generation : -1,
        .only = m->before ? -1 : m->generation,
        .found = -1,
        .arena = a};
    int r = wish_name_check(str_c(w->name), err);
    if (r < 0 || (r = dir_make(k->live, KEEPER_GENERATIONS, 0755, &all, err)) < 0)
        return r;
    if ((r = look(&s, all, false, err)) == 0 && (r = look(&s, k->archive, true, err)) == 0)
        r = s.found < 0 ? none(&s, err) : make_live(&s, all, err);
    if (r == 0)
        *out = (struct live){s.found, s.generation.chain};
    generation_free(&s.generation);
    return r;
}
