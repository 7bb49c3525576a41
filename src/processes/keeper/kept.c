/*
 * The wish of what is live, beside its generations: whoever lost the store learns from it what each
 * certificate was to be. It is sealed whole and for its name, so a reader of live/ sees nothing, and who can
 * write there can neither make one up nor use another name's.
 */
#include "processes/keeper/keeper.h"

#include "crypto/seal.h"
#include "os/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEPT_FILE ".permit"

enum {
    KEPT_HEAD_MAX = 8 * 1024, /* an account's id and two numbers */
    KEPT_TEXT_MAX = WISH_TEXT_MAX + KEPT_HEAD_MAX,
    KEPT_FILE_MAX = KEPT_TEXT_MAX + SEAL_OVERHEAD,
};

static struct str context_of(struct arena *a, const char *name)
{
    return str_c(arena_printf(a, "permit beside its certificate\n%s", name));
}

/* Its text: account, source and variant, and then the wish, a line each. */
static int read_text(struct keeper *k, int dir, const char *name, struct buf *out, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf sealed ATTR_CLEANUP(buf_free) = buf_new(KEPT_FILE_MAX);
    int r = file_read(dir, KEPT_FILE, KEPT_FILE_MAX, &sealed, err);
    return r < 0 ? r : unseal(&k->seal_key, context_of(a, name), buf_str(&sealed), out, err);
}

static int write_file(int dir, struct str bytes, bool unsynced, struct err *err)
{
    if (!unsynced)
        return file_replace(dir, KEPT_FILE, 0600, bytes, err);
    if (unlinkat(dir, KEPT_FILE, 0) != 0 && errno != ENOENT)
        return err_errno(err, errno, KEPT_FILE);
    return file_write_new_unsynced(dir, KEPT_FILE, 0600, bytes, err);
}

int kept_put(struct keeper *k, int dir, const char *name, struct str permit, const struct kept *about,
    bool unsynced, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(KEPT_TEXT_MAX);
    struct buf is ATTR_CLEANUP(buf_free) = buf_new(KEPT_TEXT_MAX);
    struct buf sealed ATTR_CLEANUP(buf_free) = buf_new(KEPT_FILE_MAX);
    /* The account is the engine's word: lines of it would stand where the wish is read from. */
    if (about->account != NULL && strchr(about->account, '\n') != NULL)
        return err_set(err, ERR_INPUT, "the account of %s is no single line", name);
    buf_printf(&text, "%s\n%u %u\n", about->account != NULL ? about->account : "", (unsigned)about->source,
        (unsigned)about->variant);
    int r = permit_open(k, permit, &text, err);
    if (r < 0)
        return r;
    if (buf_failed(&text))
        return err_set(err, ERR_LIMIT, "the permit of %s is too large to be kept beside it", name);
    if (read_text(k, dir, name, &is, NULL) == 0 && str_eq(buf_str(&is), buf_str(&text)))
        return 0;
    if ((r = seal(&k->seal_key, context_of(a, name), buf_str(&text), &sealed, err)) < 0 ||
        (r = write_file(dir, buf_str(&sealed), unsynced, err)) < 0)
        err_prefix(err, "the permit of %s", name);
    return r;
}

int kept_read(struct keeper *k, int dir, const char *name, struct arena *a, struct kept *out, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(KEPT_TEXT_MAX);
    struct str account, numbers, source, variant, wish;
    uint64_t s, v;
    int r = read_text(k, dir, name, &text, err);
    if (r < 0)
        return r;
    if (!str_cut(buf_str(&text), '\n', &account, &wish) || !str_cut(wish, '\n', &numbers, &wish) ||
        !str_cut(numbers, ' ', &source, &variant) || !str_to_u64(source, UINT32_MAX, &s) ||
        !str_to_u64(variant, WISH_KEY_TYPES_MAX - 1, &v))
        return err_set(err, ERR_INPUT, "the permit of %s is not written as it should be", name);
    *out = (struct kept){arena_dup(a, wish), arena_dup(a, account), (uint32_t)s, (uint32_t)v};
    return 0;
}

int kept_again(struct keeper *k, const struct msg_permit_keep *m, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    int dir ATTR_CLEANUP(fd_close) = -1;
    struct err none = ERR_INIT;
    struct wish w;
    int r = permit_wish(k, m->permit, m->variant, a, &w, err);
    if (r < 0 || (r = wish_name_check(str_c(w.name), err)) < 0)
        return r;
    r = dir_open(k->live, arena_printf(a, KEEPER_GENERATIONS "/%s", w.name), &dir, &none);
    if (r == ERR_NOT_FOUND)
        return 0;
    if (r < 0)
        return err_set(err, r, "the permit of %s: %s", w.name, none.text);
    const struct kept about = {NULL, m->account, m->source, m->variant};
    return kept_put(k, dir, w.name, m->permit, &about, false, err);
}
