/*
 * What is live, one after the other, for a store that lost it. It is judged as what somebody else left there:
 * a certificate with its key, or why it is none.
 */
#include "processes/keeper/keeper.h"

#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void found_end(struct keeper *k)
{
    if (k->listing != NULL)
        closedir(k->listing);
    k->listing = NULL;
}

static int begin(struct keeper *k, struct err *err)
{
    found_end(k);
    int fd = openat(k->live, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "live");
    k->listing = fdopendir(fd);
    if (k->listing != NULL)
        return 0;
    int number = errno;
    close(fd);
    return err_errno(err, number, "live");
}

/* The generation that live/NAME leads to. False where that is no link of ours. */
static bool link_of(struct keeper *k, const char *name, int64_t *out)
{
    char target[PATH_MAX], ours[2 * WISH_NAME_MAX];
    uint64_t number;
    ssize_t n = readlinkat(k->live, name, target, sizeof target);
    int prefix = snprintf(ours, sizeof ours, KEEPER_GENERATIONS "/%s/", name);
    if (n <= prefix || prefix < 0 || strncmp(target, ours, (size_t)prefix) != 0)
        return false;
    struct str rest = {target + prefix, (size_t)(n - prefix)};
    if (!str_to_u64(rest, INT64_MAX, &number) || number == 0)
        return false;
    *out = (int64_t)number;
    return true;
}

static int note_highest(int dir, const char *name, int type, void *arg, struct err *err)
{
    int64_t *highest = arg;
    uint64_t number;
    (void)dir, (void)type, (void)err;
    if (str_to_u64(str_c(name), INT64_MAX, &number) && (int64_t)number > *highest)
        *highest = (int64_t)number;
    return 0;
}

/* What is kept beside it, and a permit made of that again. What cannot be read says nothing. */
static void read_kept(struct keeper *k, int dir, struct arena *a, struct found *f)
{
    struct buf permit ATTR_CLEANUP(buf_free) = buf_new(MSG_WISH);
    struct wish w;
    struct kept kept;
    if (kept_read(k, dir, f->name, a, &kept, NULL) < 0 || wish_decode(str_c(kept.wish), a, &w, NULL) < 0 ||
        wish_select(&w, kept.variant, a, NULL) < 0 || strcmp(w.name, f->name) != 0 ||
        permit_make(k, str_c(kept.wish), &permit, NULL) < 0)
        return;
    f->kept = kept;
    f->permit = arena_str(a, buf_str(&permit));
}

static void read_base(int dir, struct arena *a, struct found *f)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(WISH_NAME_MAX);
    if (file_read(dir, KEEPER_VARIANT_OF, WISH_NAME_MAX, &text, NULL) == 0)
        f->base = arena_dup(a, buf_str(&text));
}

static void read_one(struct keeper *k, struct arena *a, struct found *f)
{
    int dir ATTR_CLEANUP(fd_close) = -1, archive ATTR_CLEANUP(fd_close) = -1;
    struct generation g = {.key = NULL};
    f->highest = f->generation;
    if (dir_open(k->live, arena_printf(a, KEEPER_GENERATIONS "/%s", f->name), &dir, &f->wrong) < 0)
        return;
    (void)dir_each(dir, note_highest, &f->highest, NULL);
    if (dir_open(k->archive, f->name, &archive, NULL) == 0)
        (void)dir_each(archive, note_highest, &f->highest, NULL);
    read_kept(k, dir, a, f);
    read_base(dir, a, f);
    if (live_read(k, f->name, a, &g, &f->wrong) < 0)
        return;
    f->chain = g.chain;
    f->pem = g.fullchain;
    f->burnt = burnt_has(k, g.chain.key_hash);
    generation_free(&g);
}

int found_next(struct keeper *k, bool first, struct arena *a, struct found *out, struct err *err)
{
    int r = first ? begin(k, err) : 0;
    *out = (struct found){.name = "", .base = "", .kept = {"", "", 0, 0}};
    if (r < 0)
        return r;
    while (k->listing != NULL) {
        errno = 0;
        const struct dirent *e = readdir(k->listing);
        if (e == NULL) {
            r = errno == 0 ? 0 : err_errno(err, errno, "live");
            found_end(k);
            return r;
        }
        if (wish_name_check(str_c(e->d_name), NULL) < 0 || !link_of(k, e->d_name, &out->generation))
            continue;
        out->name = arena_dup_c(a, e->d_name);
        read_one(k, a, out);
        return 0;
    }
    return 0;
}
